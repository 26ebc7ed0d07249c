//! Tests of the database: damage, two processes, versions.

use std::fs;
use std::sync::Barrier;

use redb::{ConcurrencyMode, Database, SetDurabilityError};

use super::*;
use crate::base::{ActionKey, in_guarded_work};
use crate::cache::action_cache::{ActionCache as _, ActionResult, Batch};
use crate::cache::child::{Child, child_role, say_ready, say_ready_and_wait};

fn project() -> (tempfile::TempDir, CacheDir) {
    let dir = tempfile::tempdir().expect("a temp folder");
    let cache = CacheDir::of_project(dir.path());
    (dir, cache)
}

/// A closed database with `rows` results in it.
fn filled(rows: u8) -> (tempfile::TempDir, CacheDir) {
    let (dir, cache) = project();
    let (state, notice) = State::open(&cache).expect("opened");
    assert_eq!(notice, Some(StateNotice::Created));
    let results = (0..rows).map(|row| (ActionKey([row; 32]), wide_result(row))).collect();
    state.commit_batch(&Batch { results, ..Batch::default() }, 0).expect("stored");
    (dir, cache)
}

fn wide_result(row: u8) -> ActionResult {
    ActionResult {
        outputs: Vec::new(),
        metadata: char::from(b'a' + row % 26).to_string().repeat(500),
    }
}

fn key(kind: u8, number: u32) -> ActionKey {
    let mut key = [kind; 32];
    key[..4].copy_from_slice(&number.to_le_bytes());
    ActionKey(key)
}

fn put(state: &State, kind: u8, number: u32) {
    state.put_batch(&[(key(kind, number), wide_result(kind))]).expect("committed");
}

fn has(state: &State, kind: u8, number: u32) -> bool {
    state.get(&key(kind, number)).expect("readable") == Some(wide_result(kind))
}

fn rebuilt_reason(cache: &CacheDir) -> Option<RebuildReason> {
    let (state, notice) = State::open(cache).expect("it is rebuilt rather than refused");
    state.put_batch(&[(ActionKey([1; 32]), wide_result(1))]).expect("it can be used");
    match notice {
        Some(StateNotice::Rebuilt { reason }) => Some(reason),
        _ => None,
    }
}

fn count_old_files(cache: &CacheDir) -> usize {
    let entries = fs::read_dir(cache.path()).expect("readable");
    entries
        .filter(|entry| {
            entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".old"))
        })
        .count()
}

#[test]
fn a_healthy_database_opens_without_a_notice() {
    let (_dir, cache) = filled(3);
    let (state, notice) = State::open(&cache).expect("opened");
    assert_eq!(notice, None);
    assert_eq!(state.get(&ActionKey([2; 32])).expect("readable"), Some(wide_result(2)));
}

#[test]
fn an_empty_file_is_a_new_database() {
    let (_dir, cache) = project();
    cache.ensure().expect("writable");
    fs::write(cache.state(), "").expect("writable");
    let (_state, notice) = State::open(&cache).expect("opened");
    assert_eq!(notice, Some(StateNotice::Created));
}

#[test]
fn what_is_no_database_is_moved_aside() {
    let (_dir, cache) = project();
    cache.ensure().expect("writable");
    fs::write(cache.state(), "SQLite format 3\0 and so on").expect("writable");
    assert_eq!(rebuilt_reason(&cache), Some(RebuildReason::Foreign));
    assert_eq!(count_old_files(&cache), 1);
    assert_eq!(rebuilt_reason(&cache), None);
}

#[test]
fn a_folder_in_its_place_is_moved_aside() {
    let (_dir, cache) = project();
    fs::create_dir_all(cache.state().join("mine")).expect("writable");
    cache.ensure().expect("writable");
    assert_eq!(rebuilt_reason(&cache), Some(RebuildReason::Foreign));
    assert_eq!(count_old_files(&cache), 1);
}

#[test]
fn only_the_last_unusable_database_is_kept() {
    let (_dir, cache) = filled(1);
    for _ in 0..3 {
        fs::write(cache.state(), "rubbish").expect("writable");
        assert_eq!(rebuilt_reason(&cache), Some(RebuildReason::Foreign));
    }
    assert_eq!(count_old_files(&cache), 1);
}

#[test]
fn tables_of_another_version_are_rebuilt() {
    let (_dir, cache) = filled(1);
    let db = Database::builder()
        .set_concurrency_mode(ConcurrencyMode::MultiWriter)
        .open(cache.state())
        .expect("opened");
    let transaction = db.begin_write().expect("begun");
    transaction.open_table(META).expect("a table").insert("format", 99).expect("stored");
    transaction.commit().expect("committed");
    drop(db);
    assert_eq!(rebuilt_reason(&cache), Some(RebuildReason::Format { found: 99 }));
}

#[test]
fn a_table_of_another_type_is_damage() {
    let (_dir, cache) = filled(1);
    let (state, _) = State::open(&cache).expect("opened");
    let transaction = state.begin_write().expect("begun");
    transaction.delete_table(TRACES).expect("deleted");
    let other: TableDefinition<'_, u64, u64> = TableDefinition::new("traces");
    transaction.open_table(other).expect("made").insert(1, 1).expect("stored");
    state.commit(transaction).expect("committed");
    assert!(matches!(state.trace("coin"), Err(StateError::Damaged { .. })));
    drop(state);
    assert!(matches!(rebuilt_reason(&cache), Some(RebuildReason::Damaged(_))));
}

#[test]
fn a_rebuild_on_request_begins_empty() {
    let (_dir, cache) = filled(3);
    let (state, notice) = State::rebuild(&cache).expect("nobody else is there");
    assert_eq!(notice, Some(StateNotice::Rebuilt { reason: RebuildReason::Requested }));
    assert_eq!(state.get(&ActionKey([2; 32])).expect("readable"), None);
    drop(state);
    assert_eq!(rebuilt_reason(&cache), None);
}

#[test]
fn nothing_is_rebuilt_under_a_live_user() {
    let (_dir, cache) = filled(3);
    let (user, _) = State::open(&cache).expect("opened");
    let refused = State::rebuild(&cache).expect_err("another user is there");
    assert!(matches!(refused, StateError::RebuildBlocked { reason: RebuildReason::Requested, .. }));
    assert_eq!(user.get(&ActionKey([2; 32])).expect("readable"), Some(wide_result(2)));
    drop(user);
    assert_eq!(rebuilt_reason(&cache), Some(RebuildReason::Requested));
}

#[test]
fn of_two_that_meet_the_same_damage_one_rebuilds() {
    for _ in 0..5 {
        let (_dir, cache) = filled(3);
        fs::write(cache.state(), "rubbish").expect("writable");
        let start = Barrier::new(2);
        let open = || {
            start.wait();
            let (state, notice) = State::open(&cache).expect("opened");
            let is_new = matches!(notice, Some(StateNotice::Rebuilt { .. }));
            put(&state, 100 + u8::from(is_new), 0);
            is_new
        };
        let (first, second) = thread::scope(|scope| {
            let other = scope.spawn(open);
            (open(), other.join().expect("no panic"))
        });
        assert!(first ^ second, "exactly one rebuilds");
        let (state, _) = State::open(&cache).expect("opened");
        assert!(has(&state, 100, 0) && has(&state, 101, 0));
    }
}

#[test]
fn a_truncated_database_never_panics_and_ends_usable() {
    let (_dir, cache) = filled(200);
    let full = fs::read(cache.state()).expect("readable");
    assert!(full.len() > 8192);
    for length in [1, 8, 9, 100, 319, 320, 4095, 4096, 4097, 8192, full.len() / 2, full.len() - 1] {
        fs::write(cache.state(), &full[..length]).expect("writable");
        assert_ends_usable(&cache);
    }
}

#[test]
fn altered_bytes_never_panic_and_the_database_ends_usable() {
    let (_dir, cache) = filled(200);
    let full = fs::read(cache.state()).expect("readable");
    let mut random: u64 = 7;
    for round in 0..60 {
        let mut damaged = full.clone();
        for _ in 0..=(round % 20) * 3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % damaged.len();
            damaged[at] ^= 1 << (random >> 29 & 7);
        }
        fs::write(cache.state(), damaged).expect("writable");
        assert_ends_usable(&cache);
    }
    fs::write(cache.state(), [&full[..320], &vec![0xa5; full.len() - 320]].concat())
        .expect("writable");
    assert_ends_usable(&cache);
}

/// Whatever state the file is in: every error is typed, and once damage was met the next opening
/// gives a database that works.
fn assert_ends_usable(cache: &CacheDir) {
    for _ in 0..3 {
        let (state, _) = State::open(cache).expect("damage is rebuilt");
        let keys: Vec<_> = (0..200).map(|row| ActionKey([row; 32])).collect();
        let result = state.get_many(&keys).and_then(|_| {
            state.put_batch(&[(ActionKey([250; 32]), wide_result(1))])?;
            state.result_outputs()?;
            Ok(())
        });
        match result {
            Ok(()) => return,
            Err(error) => assert!(
                error.to_string().contains("read the database")
                    || error.to_string().contains("use the database"),
                "{error}"
            ),
        }
    }
    panic!("still damaged after it was rebuilt");
}

#[test]
fn a_lock_file_that_cannot_be_opened_is_a_typed_error() {
    let (_dir, cache) = project();
    cache.ensure().expect("writable");
    fs::create_dir(cache.path().join("state.lock")).expect("writable");
    assert!(matches!(State::open(&cache), Err(StateError::Lock(RunError::Io { .. }))));
    let (dir, cache) = project();
    fs::write(dir.path().join(".assetcache"), "").expect("writable");
    assert!(matches!(State::open(&cache), Err(StateError::Dir(_))));
}

#[cfg(unix)]
#[test]
fn a_database_that_may_not_be_written_is_a_typed_error() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        // Root may write everything: there is nothing to test.
        return;
    }
    let (_dir, cache) = filled(1);
    fs::set_permissions(cache.state(), fs::Permissions::from_mode(0o444)).expect("ours");
    assert!(matches!(State::open(&cache), Err(StateError::Io { .. })));
}

#[test]
fn a_program_that_does_not_share_is_named() {
    let (_dir, cache) = filled(1);
    let _exclusive = Database::open(cache.state()).expect("nobody has it open");
    assert!(matches!(State::open(&cache), Err(StateError::NotShared { .. })));
}

#[test]
fn a_panic_of_the_database_is_damage_and_no_business_of_a_panic_hook() {
    let (_dir, cache) = filled(1);
    let (state, _) = State::open(&cache).expect("opened");
    let failed = state.guard(|| -> Result<(), redb::Error> {
        assert!(in_guarded_work());
        std::panic::resume_unwind(Box::new("page out of range"))
    });
    assert!(
        matches!(failed, Err(StateError::Damaged { reason, .. }) if reason == "page out of range")
    );
    assert!(!in_guarded_work());
    drop(state);
    let damaged = RebuildReason::Damaged("page out of range".into());
    assert_eq!(rebuilt_reason(&cache), Some(damaged));
}

#[test]
fn a_database_of_the_first_version_is_read() {
    let (_dir, cache) = project();
    cache.ensure().expect("writable");
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/cache/state-1.redb");
    fs::copy(golden, cache.state()).expect("it is checked in");
    let (state, notice) = State::open(&cache).expect("opened");
    assert_eq!(notice, None);
    let expected =
        ActionResult { outputs: vec![crate::base::Digest::of(b"coin")], metadata: "{}".into() };
    assert_eq!(state.get(&ActionKey([1; 32])).expect("readable"), Some(expected));
    let trace = state.trace("coin").expect("readable").expect("recorded");
    assert_eq!(trace.fields, [("prompt".to_owned(), "a coin".to_owned())]);
    assert_eq!(trace.notes, [("prompt.base".to_owned(), "a coin".to_owned())]);
    assert_eq!(state.blob_access().expect("readable").get(&[7; 32]), Some(&1_700_000_000));
}

#[test]
fn commits_without_a_sync_are_refused_in_this_mode() {
    let (_dir, cache) = filled(1);
    let (state, _) = State::open(&cache).expect("opened");
    let mut transaction = state.begin_write().expect("begun").take();
    assert!(matches!(
        transaction.set_durability(redb::Durability::None),
        Err(SetDurabilityError::NonDurableCommitUnsupported)
    ));
}

#[test]
fn the_last_writer_says_that_all_went_well() {
    let (_dir, cache) = filled(1);
    let marker = unclean_marker(&cache);
    assert!(!marker.exists());
    let (first, _) = State::open(&cache).expect("opened");
    let (second, _) = State::open(&cache).expect("opened");
    assert!(!marker.exists(), "nobody writes");
    put(&first, 100, 0);
    put(&second, 101, 0);
    drop(first);
    assert!(marker.exists(), "one is still at work");
    drop(second);
    assert!(!marker.exists());
}

#[test]
fn after_a_writer_died_the_whole_file_is_read() {
    let (_dir, cache) = filled(200);
    let full = fs::read(cache.state()).expect("readable");
    let mut random: u64 = 11;
    for round in 0..40 {
        let mut damaged = full.clone();
        for _ in 0..=(round % 20) * 3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 33) as usize % damaged.len();
            damaged[at] ^= 1 << (random >> 29 & 7);
        }
        fs::write(cache.state(), damaged).expect("writable");
        fs::write(unclean_marker(&cache), "").expect("writable");
        let (state, _) = State::open(&cache).expect("damage is rebuilt");
        assert!(!unclean_marker(&cache).exists());
        state.put_batch(&[(ActionKey([250; 32]), wide_result(1))]).expect("it works at once");
        state.result_outputs().expect("all of it");
    }
}

/// The other process of the tests below.
#[test]
fn child_stores_fifty() {
    let Some(dir) = child_role("stores-fifty") else { return };
    let (state, _) = State::open(&CacheDir::of_project(&dir)).expect("opened");
    say_ready();
    for number in 0..50 {
        put(&state, 100, number);
    }
    say_ready_and_wait();
}

#[test]
fn two_processes_lose_no_update() {
    let (dir, cache) = filled(1);
    let (state, _) = State::open(&cache).expect("opened");
    let test = "cache::state::tests::child_stores_fifty";
    let child = Child::spawn(test, "stores-fifty", dir.path());
    for number in 0..50 {
        put(&state, 101, number);
    }
    child.finish();
    assert!((0..50).all(|number| has(&state, 100, number) && has(&state, 101, number)));
}

/// The process that the test below kills.
#[test]
fn child_stores_for_ever() {
    let Some(dir) = child_role("stores-for-ever") else { return };
    let (state, _) = State::open(&CacheDir::of_project(&dir)).expect("opened");
    say_ready();
    for number in 0_u32.. {
        let pair = [100, 101].map(|kind| (key(kind, number), wide_result(kind)));
        state.put_batch(&pair).expect("committed");
    }
}

#[test]
fn a_killed_writer_leaves_whole_transactions() {
    for round in 0..4 {
        let (dir, cache) = filled(1);
        let test = "cache::state::tests::child_stores_for_ever";
        let child = Child::spawn(test, "stores-for-ever", dir.path());
        let (state, _) = State::open(&cache).expect("opened beside the child");
        // No sleep: some commits of our own let the child get somewhere.
        for number in 0..=round {
            put(&state, 102, number);
        }
        child.kill();
        put(&state, 103, 0);
        drop(state);
        fs::write(unclean_marker(&cache), "").expect("as if both had died");
        let (state, notice) = State::open(&cache).expect("opened");
        assert_eq!(notice, None);
        assert!(has(&state, 103, 0), "the lock was free again");
        let stored = |kind| (0..).take_while(|&number| has(&state, kind, number)).count();
        assert_eq!(stored(100), stored(101));
    }
}
