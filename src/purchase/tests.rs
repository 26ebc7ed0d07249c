//! The journal as a whole: every transition, a crash at each write, two writers, recovery.

use std::fs;
use std::path::Path;

use super::caps::{Books, keys_of, overrun};
use super::recover::{apply_all, recovery, resolve, unclaimed};
use super::state::Answer;
use super::*;
use crate::base::{ActionKey, Digest};
use crate::catalog::PriceUnit;

const AT: &str = "2026-11-22T10:00:00Z";
const LATER: &str = "2026-11-22T10:00:07.5Z";

fn id(number: u64) -> PurchaseId {
    format!("{number:016x}").parse().expect("16 digits")
}

fn reserved(number: u64) -> Purchase {
    Purchase {
        id: id(number),
        state: State::Reserved,
        run: "run-1".to_owned(),
        buyer: Some("Ada".to_owned()),
        assets: vec!["sprite-coin".to_owned()],
        wanted: ActionKey([1; 32]),
        sent: ActionKey([2; 32]),
        index: 3,
        extra: false,
        provider: "dalle-3".to_owned(),
        model: "gpt-image-2".to_owned(),
        model_used: None,
        idempotency_key: None,
        request_id: None,
        job_id: None,
        seed: None,
        revised_prompt: None,
        refusal: None,
        raw: None,
        extension: None,
        unit: PriceUnit::Usd,
        estimated_micros: Some(55_000),
        cost_micros: None,
        basis: Basis::Estimated,
        reserved_at: AT.to_owned(),
        submitted_at: None,
        received_at: None,
        closed_at: None,
        other: toml::Table::new(),
    }
}

fn changes() -> [Change; 8] {
    let at = LATER.to_owned();
    [
        Change::Submit { at: at.clone(), idempotency_key: "key-1".to_owned() },
        Change::Identify { request_id: Some("req-1".to_owned()), job_id: Some("job-1".to_owned()) },
        Change::Receive {
            at: at.clone(),
            raw: Digest::of(b"coin"),
            extension: "png".to_owned(),
            answer: Answer {
                model_used: Some("gpt-image-2-2026-04-21".to_owned()),
                seed: Some(7),
                revised_prompt: Some("A \"coin\"\nof gold\t\u{1f}\u{7f}é".to_owned()),
                ..Answer::default()
            },
        },
        Change::Settle { at: at.clone(), cost_micros: Some(52_680), basis: Basis::Reported },
        Change::Fail { at: at.clone(), refusal: Some("safety".to_owned()), cost_micros: None },
        Change::Release { at: at.clone() },
        Change::LoseTrack { at: at.clone(), reason: "timeout".to_owned(), kept: None },
        Change::WriteOff { at },
    ]
}

/// The purchase in a state, reached by legal changes only.
fn in_state(number: u64, state: State) -> Purchase {
    let [submit, identify, receive, settle, fail, release, lose, write_off] = changes();
    let path: Vec<Change> = match state {
        State::Reserved => vec![],
        State::Submitted => vec![submit, identify],
        State::Received => vec![submit, identify, receive],
        State::Settled => vec![submit, identify, receive, settle],
        State::Failed => vec![submit, fail],
        State::Released => vec![release],
        State::Unknown => vec![submit, lose],
        State::Lost => vec![submit, lose, write_off],
    };
    path.iter().fold(reserved(number), |purchase, change| {
        purchase.changed(change).expect("a legal change")
    })
}

fn journal() -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = Journal::new(&dir.path().join("paid"));
    (dir, journal)
}

fn file(dir: &Path, number: u64) -> std::path::PathBuf {
    dir.join("paid/purchases").join(format!("{}.toml", id(number)))
}

// States.

#[test]
fn exactly_the_changes_of_the_diagram_are_legal() {
    let names =
        ["submit", "identify", "receive", "settle", "fail", "release", "lose track", "write off"];
    let mut legal = String::new();
    for state in State::ALL {
        for (name, change) in names.iter().zip(changes()) {
            match in_state(1, state).changed(&change) {
                Ok(next) => {
                    legal.push_str(&format!(
                        "{} --{name}--> {}\n",
                        state.as_str(),
                        next.state.as_str()
                    ));
                    assert!(!state.is_final());
                }
                Err(error) => assert_eq!(error.from, state),
            }
        }
    }
    insta::assert_snapshot!(legal, @r"
    reserved --submit--> submitted
    reserved --release--> released
    submitted --identify--> submitted
    submitted --receive--> received
    submitted --fail--> failed
    submitted --lose track--> unknown
    received --settle--> settled
    unknown --receive--> received
    unknown --fail--> failed
    unknown --write off--> lost
    ");
    let error = in_state(1, State::Settled).changed(&changes()[0]).expect_err("it is closed");
    assert_eq!(error.to_string(), "a purchase that is settled cannot be submitted");
}

#[test]
fn a_cost_that_nobody_knows_has_no_basis() {
    let settle = Change::Settle { at: LATER.to_owned(), cost_micros: None, basis: Basis::Reported };
    let settled = in_state(1, State::Received).changed(&settle).expect("legal");
    assert_eq!((settled.cost_micros, settled.basis), (None, Basis::Unknown));
}

#[test]
fn a_result_that_is_found_late_closes_nothing_yet() {
    let found = in_state(1, State::Unknown).changed(&changes()[2]).expect("legal");
    assert_eq!((found.state, found.closed_at, found.refusal), (State::Received, None, None));
}

// The file.

#[test]
fn the_file_is_readable_and_complete() {
    insta::assert_snapshot!(in_state(1, State::Settled).encode(), @r#"
    version = 1
    id = "0000000000000001"
    state = "settled"
    run = "run-1"
    buyer = "Ada"
    assets = ["sprite-coin"]
    wanted = "b3:0101010101010101010101010101010101010101010101010101010101010101"
    sent = "b3:0202020202020202020202020202020202020202020202020202020202020202"
    index = 3
    provider = "dalle-3"
    model = "gpt-image-2"
    model_used = "gpt-image-2-2026-04-21"
    idempotency_key = "key-1"
    request_id = "req-1"
    job_id = "job-1"
    seed = 7
    revised_prompt = "A \"coin\"\nof gold\t\u001f\u007fé"
    raw = "b3:1298192d5998f9b4adabb6f0060775d3642ab631b981bf6bdde08d48afec75da/4"
    extension = "png"
    unit = "USD"
    estimated_micros = 55000
    cost_micros = 52680
    basis = "reported"
    reserved_at = "2026-11-22T10:00:00Z"
    submitted_at = "2026-11-22T10:00:07.5Z"
    received_at = "2026-11-22T10:00:07.5Z"
    closed_at = "2026-11-22T10:00:07.5Z"
    "#);
}

#[test]
fn every_state_survives_the_file() {
    for state in State::ALL {
        let purchase = in_state(9, state);
        assert_eq!(Purchase::decode(&purchase.encode()), Ok(purchase), "{state:?}");
    }
    let extra =
        Purchase { extra: true, unit: PriceUnit::Credits, estimated_micros: None, ..reserved(1) };
    assert_eq!(Purchase::decode(&extra.encode()), Ok(extra));
}

#[test]
fn keys_of_a_newer_writer_survive_a_rewrite() {
    let (dir, journal) = journal();
    journal.reserve(&reserved(1)).expect("reserved");
    let mut text = fs::read_to_string(file(dir.path(), 1)).expect("a file");
    text.push_str("licence = \"commercial\"\nshares = [1, 2]\nbought = 2026-11-22\n[future]\ndeep = { a = 1 }\n");
    fs::write(file(dir.path(), 1), &text).expect("written by a newer tool");
    journal.change(&id(1), &changes()[0]).expect("submitted");
    let after: toml::Table =
        fs::read_to_string(file(dir.path(), 1)).expect("a file").parse().expect("TOML");
    let before: toml::Table = text.parse().expect("TOML");
    for key in ["licence", "shares", "bought", "future"] {
        assert_eq!(after[key], before[key]);
    }
    assert_eq!(after["state"].as_str(), Some("submitted"));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let text = in_state(1, State::Settled).encode();
    for key in [
        "version",
        "id",
        "state",
        "run",
        "assets",
        "wanted",
        "sent",
        "index",
        "provider",
        "model",
        "unit",
        "basis",
        "reserved_at",
    ] {
        let without: String = text
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} = ")))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(Purchase::decode(&without), Err(DecodeError::Missing(key)));
    }
    for (key, value) in [
        ("version", "0"),
        ("id", "\"../x\""),
        ("state", "\"paid\""),
        ("run", "1"),
        ("assets", "[1]"),
        ("sent", "\"b3:0\""),
        ("index", "-1"),
        ("seed", "\"7\""),
        ("raw", "\"coin\""),
        ("extension", "\"../png\""),
        ("unit", "\"EUR\""),
        ("estimated_micros", "-1"),
        ("cost_micros", "0.04"),
        ("basis", "\"guessed\""),
        ("reserved_at", "\"2026-11-22T10:00:00+01:00\""),
        ("submitted_at", "\"yesterday\""),
    ] {
        let changed: String = text
            .lines()
            .map(|line| {
                if line.starts_with(&format!("{key} = ")) {
                    format!("{key} = {value}\n")
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        assert_eq!(Purchase::decode(&changed), Err(DecodeError::Invalid(key)));
    }
    let boolean = text.replacen("index = 3", "index = 3\nextra = 1", 1);
    assert_eq!(Purchase::decode(&boolean), Err(DecodeError::Invalid("extra")));
}

#[test]
fn a_newer_version_is_refused_and_never_rewritten() {
    let (dir, journal) = journal();
    journal.reserve(&reserved(1)).expect("reserved");
    let newer = reserved(1).encode().replacen("version = 1", "version = 2", 1);
    fs::write(file(dir.path(), 1), &newer).expect("written by a newer tool");
    let error = journal.change(&id(1), &changes()[0]).expect_err("it is newer");
    assert!(matches!(error, JournalError::Content { source: DecodeError::NewerVersion(2), .. }));
    assert_eq!(fs::read_to_string(file(dir.path(), 1)).expect("a file"), newer);
}

#[test]
fn a_state_without_its_facts_is_incomplete() {
    let cases = [
        (State::Submitted, "submitted_at"),
        (State::Submitted, "idempotency_key"),
        (State::Received, "raw"),
        (State::Received, "received_at"),
        (State::Settled, "extension"),
        (State::Settled, "cost_micros"),
        (State::Failed, "closed_at"),
        (State::Unknown, "closed_at"),
        (State::Released, "closed_at"),
        (State::Lost, "submitted_at"),
    ];
    for (state, key) in cases {
        let text = in_state(1, state).encode();
        let without: String = text
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} = ")))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(Purchase::decode(&without), Err(DecodeError::Incomplete { state, key }));
    }
}

// The folder, and crashes.

#[test]
fn a_purchase_goes_its_way_through_the_folder() {
    let (dir, journal) = journal();
    assert!(journal.read_all().expect("no folder is no purchase").purchases.is_empty());
    journal.reserve(&reserved(1)).expect("reserved");
    let [submit, identify, receive, settle, ..] = changes();
    for change in [submit, identify, receive, settle] {
        let next = journal.change(&id(1), &change).expect("a legal change");
        assert_eq!(
            journal.read(&id(1)).expect("a file"),
            next,
            "it is on disk when the call returns"
        );
    }
    assert_eq!(journal.read(&id(1)).expect("a file"), in_state(1, State::Settled));
    let error = journal.change(&id(1), &changes()[5]).expect_err("it is closed");
    assert!(matches!(error, JournalError::Illegal { .. }));
    assert_eq!(
        fs::read_to_string(dir.path().join("paid/.gitignore")).expect("a file"),
        "/.lock\n.tmp-*\n"
    );
    let names: Vec<_> =
        fs::read_dir(dir.path().join("paid/purchases")).expect("a folder").collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn a_second_reservation_of_an_id_and_a_later_state_are_refused() {
    let (_dir, journal) = journal();
    journal.reserve(&reserved(1)).expect("reserved");
    assert!(matches!(journal.reserve(&reserved(1)), Err(JournalError::Write(_))));
    assert!(matches!(
        journal.reserve(&in_state(2, State::Submitted)),
        Err(JournalError::Content { source: DecodeError::Invalid("state"), .. })
    ));
    let undated = Purchase { reserved_at: "today".to_owned(), ..reserved(3) };
    assert!(matches!(
        journal.reserve(&undated),
        Err(JournalError::Content { source: DecodeError::Invalid("reserved_at"), .. })
    ));
    assert!(matches!(journal.read(&id(3)), Err(JournalError::Read { .. })));
}

#[test]
fn a_change_that_could_not_be_read_again_is_not_written() {
    let (_dir, journal) = journal();
    journal.reserve(&reserved(1)).expect("reserved");
    let undated = Change::Submit { at: "now".to_owned(), idempotency_key: "k".to_owned() };
    assert!(matches!(journal.change(&id(1), &undated), Err(JournalError::Content { .. })));
    assert_eq!(journal.read(&id(1)).expect("a file"), reserved(1));
}

#[test]
fn a_crash_while_writing_leaves_the_state_before() {
    let [submit, identify, receive, settle, ..] = changes();
    let steps = [submit, identify, receive, settle];
    for crash in 0..=steps.len() {
        let (dir, journal) = journal();
        let folder = dir.path().join("paid/purchases");
        fs::create_dir_all(&folder).expect("a folder");
        let mut purchase = reserved(1);
        if crash > 0 {
            journal.reserve(&purchase).expect("reserved");
        }
        for step in &steps[..crash.saturating_sub(1)] {
            purchase = journal.change(&id(1), step).expect("a legal change");
        }
        // The process dies in the next write: its temporary file is there, cut anywhere.
        let next = if crash == 0 {
            purchase.clone()
        } else {
            purchase.changed(&steps[crash - 1]).expect("legal")
        };
        let bytes = next.encode().into_bytes();
        for cut in [0, 1, bytes.len() / 2, bytes.len()] {
            fs::write(folder.join(format!(".tmp-{cut}")), &bytes[..cut]).expect("a temporary file");
            let listing = journal.read_all().expect("a folder");
            assert!(listing.problems.is_empty());
            let expected = if crash == 0 { vec![] } else { vec![purchase.clone()] };
            assert_eq!(listing.purchases, expected);
        }
        // And the next run goes on from there.
        if crash == 0 {
            journal.reserve(&purchase).expect("reserved");
        } else {
            assert_eq!(journal.change(&id(1), &steps[crash - 1]).expect("a legal change"), next);
        }
    }
}

#[test]
fn a_file_that_was_cut_off_is_a_problem_and_hides_no_other() {
    for state in State::ALL {
        let (dir, journal) = journal();
        journal.reserve(&reserved(2)).expect("reserved");
        let text = in_state(1, state).encode();
        let end = text.trim_end().len();
        for cut in (0..end).filter(|&cut| text.is_char_boundary(cut)) {
            assert!(Purchase::decode(&text[..cut]).is_err(), "{state:?} cut at {cut}");
        }
        for cut in [0, 20, end - 1] {
            fs::write(file(dir.path(), 1), &text[..cut]).expect("a cut file");
            let listing = journal.read_all().expect("a folder");
            assert_eq!(listing.purchases.len(), 1, "{state:?} cut at {cut}");
            assert_eq!(listing.problems.len(), 1);
            assert_eq!(listing.problems[0].path, file(dir.path(), 1));
        }
    }
}

#[test]
fn strangers_in_the_folder_are_told_apart() {
    let (dir, journal) = journal();
    for number in [3, 1, 2] {
        journal.reserve(&reserved(number)).expect("reserved");
    }
    let folder = dir.path().join("paid/purchases");
    fs::write(folder.join("README.md"), "hello").expect("a file of a person");
    fs::write(folder.join(".0000000000000001.toml.swp"), "x").expect("a file of an editor");
    fs::write(folder.join("copy.toml"), reserved(1).encode()).expect("a copy");
    fs::copy(file(dir.path(), 1), file(dir.path(), 7)).expect("a copy under another id");
    fs::write(file(dir.path(), 8), [0xff, 0xfe]).expect("no text");
    let listing = journal.read_all().expect("a folder");
    let ids: Vec<_> = listing.purchases.iter().map(|purchase| purchase.id.clone()).collect();
    assert_eq!(ids, [id(1), id(2), id(3)]);
    assert_eq!(listing.problems.len(), 3);
    assert!(matches!(listing.problems[0].error, JournalError::Renamed { .. }));
    assert!(matches!(listing.problems[1].error, JournalError::Read { .. }));
    assert!(matches!(listing.problems[2].error, JournalError::Content { .. }));
}

#[test]
fn of_two_writers_one_wins() {
    let (_dir, journal) = journal();
    journal.reserve(&reserved(1)).expect("reserved");
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|writer| {
                let journal = journal.clone();
                scope.spawn(move || {
                    let idempotency_key = format!("key-{writer}");
                    journal
                        .change(&id(1), &Change::Submit { at: LATER.to_owned(), idempotency_key })
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let won: Vec<_> = results.iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(journal.read(&id(1)).expect("a file"), *won[0]);
    let lost = results.iter().filter(|result| matches!(result, Err(JournalError::Illegal { .. })));
    assert_eq!(lost.count(), 7);
}

#[test]
fn writers_of_different_purchases_lose_nothing() {
    let (_dir, journal) = journal();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let journal = journal.clone();
            scope.spawn(move || {
                journal.reserve(&reserved(writer)).expect("reserved");
                let [submit, identify, receive, settle, ..] = changes();
                for change in [submit, identify, receive, settle] {
                    journal.change(&id(writer), &change).expect("a legal change");
                }
            });
        }
    });
    let listing = journal.read_all().expect("a folder");
    assert_eq!(listing.purchases.len(), 8);
    assert!(listing.purchases.iter().all(|purchase| purchase.state == State::Settled));
}

#[test]
fn a_lock_that_cannot_be_taken_is_an_error() {
    let (dir, journal) = journal();
    journal.reserve(&reserved(1)).expect("reserved");
    fs::create_dir(dir.path().join("paid/.lock")).expect("a folder in the way");
    assert!(matches!(journal.change(&id(1), &changes()[0]), Err(JournalError::Lock { .. })));
}

#[test]
fn a_folder_that_is_a_file_is_an_error() {
    let (dir, journal) = journal();
    fs::create_dir(dir.path().join("paid")).expect("a folder");
    fs::write(dir.path().join("paid/purchases"), "").expect("a file in the way");
    assert!(matches!(journal.read_all(), Err(JournalError::Read { .. })));
    assert!(matches!(journal.reserve(&reserved(1)), Err(JournalError::Write(_))));
}

#[test]
fn a_receipt_is_kept_in_the_second_home() {
    let (dir, journal) = journal();
    let settled = in_state(1, State::Settled);
    let home = dir.path().join("home");
    journal.copy_to(&home, &settled).expect("a copy");
    journal.copy_to(&home, &settled).expect("the same copy again");
    assert_eq!(Journal::new(&home).read(&id(1)).expect("a file"), settled);
}

// Recovery.

#[test]
fn each_state_recovers_in_its_own_way() {
    use Recovery::{Apply, AskPerson, Leave, LookUp};
    for state in State::ALL {
        let purchase = in_state(1, state);
        let alive = recovery(&purchase, true, true, LATER);
        assert_eq!(alive, if state == State::Unknown { AskPerson } else { Leave }, "{state:?}");
        match (state, recovery(&purchase, false, true, LATER)) {
            (State::Reserved, Apply(Change::Release { .. }))
            | (State::Submitted, LookUp)
            | (State::Received, Apply(Change::Settle { .. }))
            | (State::Unknown, AskPerson)
            | (State::Settled | State::Failed | State::Released | State::Lost, Leave) => {}
            (state, other) => panic!("{state:?}: {other:?}"),
        }
    }
    let mute = recovery(&in_state(1, State::Submitted), false, false, LATER);
    assert!(matches!(mute, Apply(Change::LoseTrack { .. })));
    let nameless = Purchase { job_id: None, request_id: None, ..in_state(1, State::Submitted) };
    assert!(matches!(recovery(&nameless, false, true, LATER), Apply(Change::LoseTrack { .. })));
}

#[test]
fn a_crash_between_received_and_settled_keeps_the_reported_cost() {
    let estimated = Purchase { cost_micros: None, ..in_state(1, State::Received) };
    let settled = |purchase: &Purchase| match recovery(purchase, false, false, LATER) {
        Recovery::Apply(change) => purchase.changed(&change).expect("legal"),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (settled(&estimated).cost_micros, settled(&estimated).basis),
        (Some(55_000), Basis::Estimated)
    );
    let Change::Receive { at, raw, extension, answer } = changes()[2].clone() else {
        panic!("the third is receive")
    };
    let answer = Answer { cost_micros: Some(52_680), ..answer };
    let receive = Change::Receive { at, raw, extension, answer };
    let reported = in_state(1, State::Submitted).changed(&receive).expect("legal");
    assert_eq!(
        (settled(&reported).cost_micros, settled(&reported).basis),
        (Some(52_680), Basis::Reported)
    );
    // What is set aside for something of unknown price is the user's own bound and no estimate.
    let unpriced = Purchase { basis: Basis::Unknown, ..estimated };
    assert_eq!((settled(&unpriced).cost_micros, settled(&unpriced).basis), (None, Basis::Unknown));
}

#[test]
fn recovery_touches_only_purchases_of_dead_runs() {
    let (_dir, journal) = journal();
    for number in 1..=3 {
        let run = if number == 3 { "alive" } else { "dead" };
        journal.reserve(&Purchase { run: run.to_owned(), ..reserved(number) }).expect("reserved");
    }
    journal.change(&id(2), &changes()[0]).expect("submitted");
    let before = journal.read_all().expect("a folder").purchases;
    let recover =
        || apply_all(&journal, &before, |run| run == "alive", |_| false, LATER).expect("recovered");
    let states: Vec<_> =
        recover().iter().map(|purchase| (purchase.id.clone(), purchase.state)).collect();
    assert_eq!(states, [(id(1), State::Released), (id(2), State::Unknown)]);
    assert_eq!(recover(), [], "a second process with the same view finds nothing left to do");
    assert_eq!(journal.read(&id(3)).expect("a file").state, State::Reserved);
}

#[test]
fn a_person_decides_about_unknown_outcomes_only() {
    for (resolution, state) in [
        (Resolution::Billed, State::Lost),
        (Resolution::Retry, State::Lost),
        (Resolution::NotBilled, State::Failed),
    ] {
        let (_dir, journal) = journal();
        journal.reserve(&reserved(1)).expect("reserved");
        let [submit, _, _, _, _, _, lose, _] = changes();
        let submitted = journal.change(&id(1), &submit).expect("submitted");
        let error = resolve(&journal, &submitted, resolution, LATER).expect_err("it is in flight");
        assert!(matches!(error, JournalError::Illegal { .. }));
        let unknown = journal.change(&id(1), &lose).expect("unknown");
        assert_eq!(resolve(&journal, &unknown, resolution, LATER).expect("decided").state, state);
        assert!(resolve(&journal, &unknown, resolution, LATER).is_err(), "once");
    }
}

#[test]
fn a_raw_that_no_purchase_names_is_found() {
    let raws = [
        (Digest::of(b"coin").hex(), "png".to_owned()),
        (Digest::of(b"orphan").hex(), "png".to_owned()),
    ];
    assert_eq!(unclaimed(&raws, &[in_state(1, State::Settled)]), [&raws[1]]);
}

// Money.

#[test]
fn sums_can_be_made_again_from_the_journal() {
    let purchases: Vec<Purchase> =
        State::ALL.into_iter().enumerate().map(|(n, state)| in_state(n as u64, state)).collect();
    let caps = Books::of(&purchases);
    let keys = keys_of("run-1", "dalle-3", PriceUnit::Usd, AT);
    for key in &keys {
        let sums = caps.sums(key);
        // Reserved and submitted are set aside; received, unknown and lost count as estimated.
        assert_eq!(sums, Sums { spent: 3 * 55_000 + 52_680, reserved: 2 * 55_000 }, "{key:?}");
    }
}

#[test]
fn a_failure_that_was_charged_counts() {
    let fail = Change::Fail { at: LATER.to_owned(), refusal: None, cost_micros: Some(5) };
    let failed = in_state(1, State::Submitted).changed(&fail).expect("legal");
    assert_eq!(Booked::of(&failed), Booked::Spent(5));
    assert_eq!(Booked::of(&in_state(1, State::Failed)), Booked::Nothing);
    let unpriced = Purchase { basis: Basis::Unknown, ..in_state(1, State::Failed) };
    assert_eq!(Booked::of(&unpriced), Booked::Spent(55_000), "billed, and nobody knows how much");
}

#[test]
fn a_cost_above_the_estimate_is_an_overrun() {
    assert_eq!(overrun(&in_state(1, State::Settled)), None);
    let dear = Purchase { cost_micros: Some(55_001), ..in_state(1, State::Settled) };
    assert_eq!(overrun(&dear), Some(1));
}
