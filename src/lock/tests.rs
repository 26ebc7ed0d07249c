//! The lock as its users see it: text in, blocks out, and text again.

use std::collections::BTreeMap;

use crate::base::{ActionKey, Digest, RelPath};
use crate::lock::{
    Ask, Block, BlockFit, Conflicted, FieldDigests, Kept, Lock, LockError, LockFile, OwnedEntry,
    Purchase, ResolveError, Resolved, Side, ValueDigest, parse, read, render, resolve,
};

fn key(seed: u64) -> ActionKey {
    ActionKey(Digest::of(&seed.to_le_bytes()).hash)
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a path inside")
}

fn purchase(id: &str, wanted: ActionKey) -> Purchase {
    Purchase {
        id: id.to_owned(),
        wanted,
        sent: key(77),
        index: 3,
        raw: Digest::of(id.as_bytes()),
        provider: "openai".to_owned(),
        model: "gpt-image-2".to_owned(),
        model_used: None,
        cost_micros: Some(52_500),
        unit: "USD".to_owned(),
        date: "2026-11-01".to_owned(),
        extra: false,
    }
}

/// A block of a free asset with one output.
fn free(id: &str) -> Block {
    let mut block = Block::new(id, 1, key(1), key(2));
    block.fields =
        FieldDigests::of([("source", "a"), ("size", "64x64"), ("publish.path", "coin.png")]);
    block.outputs = vec![(path("assets/images/coin.png"), Digest::of(b"png"))];
    block.entry = Some(OwnedEntry {
        section: vec!["images".to_owned()],
        key: "genCoin".to_owned(),
        value: ValueDigest::of(b"{}"),
    });
    block
}

/// A block with everything, and with texts that need care.
fn full(id: &str) -> Block {
    let mut block = free(id);
    block.raw = Some(Digest::of(b"raw"));
    block.pick = Some(Digest::of(b"raw"));
    block.purchases = vec![
        purchase("00112233aabbccdd", key(1)),
        Purchase {
            model_used: Some("gpt-image-2, \"mini\"".to_owned()),
            cost_micros: None,
            unit: "credits".to_owned(),
            extra: true,
            ..purchase("0011223344556677", key(9))
        },
    ];
    block.kept = vec![Kept { wanted: key(4), reason: "looks \\ \"right\"\nto me, é".to_owned() }];
    block.outputs.push((path("assets/2D Pixel Pack/coin é.webp"), Digest::of(b"webp")));
    block.adopted = true;
    block.provisional = true;
    block.entry = Some(OwnedEntry {
        section: vec!["audio".to_owned(), "sfx".to_owned(), "a.b, \"c\"".to_owned()],
        key: "k".to_owned(),
        value: ValueDigest::of(b"[]"),
    });
    block.tools = vec![("blender".to_owned(), "Blender 4.2, \"LTS\"".to_owned())];
    block
}

fn text_of(blocks: &[Block]) -> String {
    let mut text = "version = 1\n".to_owned();
    for block in blocks {
        text.push('\n');
        text.push_str(&render(block));
    }
    text
}

fn lock_of(blocks: &[Block]) -> LockFile {
    LockFile::parse(text_of(blocks)).expect("a lock that we wrote")
}

fn get(lock: &LockFile, id: &str) -> Block {
    lock.get(id).expect("the block is there").expect("and readable")
}

fn change(id: &str, block: Option<Block>) -> BTreeMap<String, Option<Block>> {
    BTreeMap::from([(id.to_owned(), block)])
}

#[test]
fn the_canonical_text_is_compact_and_mergeable() {
    let text = render(&free("sprite-coin"));
    assert!(text.len() < 470, "{} bytes", text.len());
    assert_eq!(text, include_str!("../../tests/cases/lock/free.toml"));
    assert_eq!(render(&full("a b")), include_str!("../../tests/cases/lock/full.toml"));
}

#[test]
fn a_block_survives_a_round_trip_on_both_ways_of_reading() {
    for block in
        [free("sprite-coin"), full("a b.\"c\""), full("ümlaut"), Block::new("x", 3, key(5), key(6))]
    {
        let text = render(&block);
        assert_eq!(Block::parse(&text), Ok(block.clone()));
        // A comment turns the fast reader away.
        let edited = format!("{text}# a note\n");
        assert_eq!(parse::canonical(&edited), None);
        assert_eq!(Block::parse(&edited), Ok(block));
    }
    let plain = free("sprite-coin");
    assert_eq!(parse::canonical(&render(&plain)), Some(plain));
}

#[test]
fn an_empty_text_is_a_lock_without_blocks() {
    for text in ["", "\n", "\u{feff}"] {
        let lock = LockFile::parse(text).expect("an empty lock");
        assert!(lock.is_empty());
        let text = lock.splice(&change("coin", Some(free("coin")))).to_string();
        assert_eq!(text, text_of(&[free("coin")]));
    }
    let lock = LockFile::parse("version = 1\n").expect("an empty lock");
    assert_eq!(
        lock.splice(&change("coin", Some(free("coin")))).to_string(),
        text_of(&[free("coin")])
    );
}

#[test]
fn a_newer_or_missing_version_is_an_error() {
    let error = |text: &str| LockFile::parse(text).expect_err("not readable");
    assert_eq!(error("version = 2\nshape = 1\n"), LockError::Newer { found: 2 });
    assert!(matches!(error("version = \"1\"\n"), LockError::Header { line: 1, .. }));
    assert!(matches!(error("# mine\nversion == 1\n"), LockError::Header { line: 2, .. }));
    assert!(matches!(error(&render(&free("coin"))), LockError::Header { .. }));
}

#[test]
fn an_id_that_stands_twice_is_named_with_both_lines() {
    let text = text_of(&[free("coin"), free("gem"), free("coin")]);
    let lines: Vec<usize> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| *line == "[asset.coin]")
        .map(|(index, _)| index + 1)
        .collect();
    let error = LockFile::parse(text).expect_err("twice the same id");
    assert_eq!(
        error,
        LockError::Duplicate { id: "coin".to_owned(), first: lines[0], second: lines[1] }
    );
}

#[test]
fn an_unreadable_block_names_its_line_and_spoils_no_other() {
    let good = render(&free("gem"));
    let cases = [
        (
            "[asset.coin]\nwanted = \"1:00\"\n",
            4,
            "`wanted` is not of the form that assetbuild writes",
        ),
        ("[asset.coin]\nwanted = 1\n\n[table]\n", 6, "`table` has no place here"),
        ("[asset.coin]\nwanted = \n", 4, ""),
        ("[asset.coin]\n", 3, "`wanted` is missing"),
        ("[asset.coin]\n [asset.coin.sub]\n", 3, "`wanted` is missing"),
        ("[asset.coin]\n [asset.hat]\n", 4, "`asset.hat` has no place here"),
    ];
    for (bad, line, message) in cases {
        let text = format!("version = 1\n\n{bad}\n{good}");
        let lock = LockFile::parse(text).expect("the index is fine");
        assert_eq!(get(&lock, "gem"), free("gem"));
        match lock.get("coin").expect("it is there") {
            Err(LockError::Block { line: found, message: text }) => {
                assert_eq!(found, line, "{bad}: {text}");
                assert!(text.contains(message), "{bad}: {text}");
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    assert!(matches!(
        LockFile::parse("version = 1\n\n[asset.a.b]\n"),
        Err(LockError::Block { line: 3, .. })
    ));
}

#[test]
fn bad_values_of_every_key_are_errors() {
    let text = render(&full("coin"));
    for name in [
        "wanted",
        "definition",
        "fields",
        "raw",
        "pick",
        "adopted",
        "provisional",
        "entry",
        "outputs",
        "kept",
        "purchases",
        "tools",
    ] {
        let mut lines = text.lines();
        let mut bad = String::new();
        while let Some(line) = lines.next() {
            if line.starts_with(&format!("{name} = ")) {
                bad.push_str(&format!("{name} = [[7]]\n"));
                while line.ends_with('[') && lines.next() != Some("]") {}
            } else {
                bad.push_str(line);
                bad.push('\n');
            }
        }
        match Block::parse(&bad) {
            Err(LockError::Block { message, .. }) => assert!(message.contains(name), "{message}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    // A path that leaves the project never becomes an output.
    let outside = text.replace("assets/images/coin.png", "../coin.png");
    assert!(Block::parse(&outside).is_err());
}

#[test]
fn a_change_leaves_every_other_byte_alone() {
    let text = format!(
        "# by hand\nversion = 1\n\n# first\n{}\n# about gem\n{}future = {{ x = 1 }}\n\n\n{}# end\n",
        render(&free("coin")),
        render(&free("gem")),
        render(&full("zebra"))
    );
    let lock = LockFile::parse(text.clone()).expect("a lock with comments");
    assert_eq!(lock.splice(&BTreeMap::new()).to_string(), text);

    let mut block = free("coin");
    block.schema = 2;
    let edited = lock.splice(&change("coin", Some(block.clone()))).to_string();
    assert_eq!(edited, text.replacen(&render(&free("coin")), &render(&block), 1));

    // What the program does not know of a block stays in it.
    let mut block = free("gem");
    block.adopted = true;
    let edited = lock.splice(&change("gem", Some(block.clone()))).to_string();
    assert_eq!(edited, text.replace(&render(&free("gem")), &render(&block)));
    assert_eq!(get(&LockFile::parse(edited).expect("readable"), "gem"), block);

    // A new block stands before the comment of its successor.
    let edited = lock.splice(&change("fig", Some(free("fig")))).to_string();
    let expected =
        text.replace("# about gem\n", &format!("{}\n# about gem\n", render(&free("fig"))));
    assert_eq!(edited, expected);
}

#[test]
fn unknown_keys_in_pieces_stay_too() {
    let ends = "art.by = [\n  \"us\",\n]\nart.year = 2026\n";
    let text = format!("{}{ends}", text_of(&[free("coin")]));
    let lock = LockFile::parse(text).expect("readable");
    let edited = lock.splice(&change("coin", Some(full("coin")))).to_string();
    let kept = "art = { by = [\"us\"], year = 2026 }\n";
    assert_eq!(edited, format!("{}{kept}", text_of(&[full("coin")])));
    assert_eq!(get(&LockFile::parse(edited).expect("readable"), "coin"), full("coin"));
}

#[test]
fn removing_the_last_block_leaves_no_blank_line_at_the_end() {
    let lock = lock_of(&[free("coin"), free("gem")]);
    assert_eq!(lock.splice(&change("gem", None)).to_string(), text_of(&[free("coin")]));
    assert_eq!(lock.splice(&change("coin", None)).to_string(), text_of(&[free("gem")]));
    let none = lock
        .splice(&BTreeMap::from([("coin".to_owned(), None), ("gem".to_owned(), None)]))
        .to_string();
    assert_eq!(none, "version = 1\n");
    assert_eq!(lock.splice(&change("unknown", None)).to_string(), lock.text());
}

#[test]
fn line_ends_of_a_checkout_are_kept() {
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let lock = LockFile::parse(crlf(&text_of(&[free("coin"), full("gem")]))).expect("readable");
    assert_eq!(get(&lock, "gem"), full("gem"));
    let edited = lock.splice(&BTreeMap::from([
        ("coin".to_owned(), Some(full("coin"))),
        ("fig".to_owned(), Some(free("fig"))),
        ("hat".to_owned(), Some(free("hat"))),
    ]));
    assert_eq!(
        edited.to_string(),
        crlf(&text_of(&[full("coin"), free("fig"), full("gem"), free("hat")]))
    );
    assert_eq!(lock.splice(&change("gem", None)).to_string(), crlf(&text_of(&[free("coin")])));
}

#[test]
fn a_lock_without_a_final_newline_can_grow() {
    let text = text_of(&[free("coin")]);
    let lock = LockFile::parse(text.trim_end()).expect("readable");
    assert_eq!(get(&lock, "coin"), free("coin"));
    assert_eq!(
        lock.splice(&change("gem", Some(free("gem")))).to_string(),
        text_of(&[free("coin"), free("gem")])
    );
}

/// A small generator, so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn any_splice_gives_the_intended_blocks_and_leaves_the_others() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let make = |random: &mut Random, id: &str| {
            let mut block = if random.below(2) == 0 { free(id) } else { full(id) };
            block.wanted = key(random.below(1_000));
            block
        };
        let ids: Vec<String> = (0..12).map(|n| format!("asset {}", n * 7 % 12)).collect();
        let mut expected: BTreeMap<String, Block> = BTreeMap::new();
        for id in &ids {
            if random.below(2) == 0 {
                expected.insert(id.clone(), make(&mut random, id));
            }
        }
        let before: Vec<Block> = expected.values().cloned().collect();
        let mut text = text_of(&before);
        if seed % 3 == 0 {
            text = text.replace("adopted = true\n", "adopted = true # really\nlater = [\n1]\n");
        }
        let lock = LockFile::parse(text).expect("readable");
        let mut changes = BTreeMap::new();
        for id in &ids {
            match random.below(4) {
                0 => {
                    changes.insert(id.clone(), Some(make(&mut random, id)));
                }
                1 => {
                    changes.insert(id.clone(), None);
                }
                _ => {}
            }
        }
        let edited = LockFile::parse(lock.splice(&changes).to_string()).expect("still readable");
        for (id, block) in &changes {
            match block {
                Some(block) => expected.insert(id.clone(), block.clone()),
                None => expected.remove(id),
            };
        }
        assert!(edited.ids().eq(expected.keys().map(String::as_str)), "seed {seed}");
        for (id, block) in &expected {
            assert_eq!(&get(&edited, id), block, "seed {seed}");
            if !changes.contains_key(id) {
                assert_eq!(edited.block_text(id), lock.block_text(id), "seed {seed}");
            }
        }
        assert_eq!(
            edited.splice(&changes).to_string(),
            edited.text(),
            "seed {seed}: twice is once"
        );
    }
}

#[test]
fn blocks_are_found_by_what_they_want_and_by_what_they_published() {
    let mut gem = full("gem");
    gem.wanted = key(50);
    gem.outputs = vec![(path("assets/gem.png"), Digest::of(b"g"))];
    let lock = lock_of(&[free("coin"), gem, free("hat")]);
    assert_eq!(lock.find_by_wanted(&key(50)), ["gem"]);
    assert_eq!(lock.find_by_wanted(&key(1)), ["coin", "gem", "hat"]);
    assert_eq!(lock.find_by_wanted(&key(9)), ["gem"]);
    assert!(lock.find_by_wanted(&key(1_000)).is_empty());
    assert_eq!(lock.owner_of(&path("assets/gem.png")), Some("gem"));
    assert_eq!(lock.owner_of(&path("assets/none.png")), None);
    assert_eq!(lock.owner_of_entry(&["images".to_owned()], "genCoin"), Some("coin"));
    assert_eq!(lock.owner_of_entry(&["images".to_owned()], "k"), None);
}

// Merges.

fn conflicted(ours: &str, theirs: &str) -> String {
    format!("<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> topic\n")
}

fn read_conflict(text: String) -> Conflicted {
    match read(text).expect("both sides are readable") {
        Lock::Conflicted(conflicted) => conflicted,
        Lock::Clean(_) => panic!("the markers were not seen"),
    }
}

fn fit(wanted: bool, files: bool) -> BlockFit {
    BlockFit { wanted, files }
}

fn bought(id: &str, wanted: u64, purchase_id: &str) -> Block {
    let mut block = free(id);
    block.wanted = key(wanted);
    block.purchases = vec![purchase(purchase_id, key(wanted))];
    block.raw = Some(block.purchases[0].raw);
    block
}

fn merge(
    ours: &Block,
    theirs: &Block,
    fits: impl Fn(&Block) -> BlockFit,
) -> Result<Resolved, ResolveError> {
    let text = format!("version = 1\n\n{}", conflicted(&render(ours), &render(theirs)));
    resolve(&read_conflict(text), |_, block| fits(block))
}

#[test]
fn a_lock_without_markers_is_clean() {
    assert!(matches!(read(text_of(&[free("coin")])), Ok(Lock::Clean(_))));
}

#[test]
fn blocks_inserted_by_both_sides_are_both_kept() {
    // Git cuts where lines differ: the shared last lines stand behind the conflict.
    let (coin, gem) = (render(&free("coin")), render(&free("gem")));
    let shared = coin.find('\n').expect("a header") + 1;
    let text = format!(
        "version = 1\n\n<<<<<<< HEAD\n[asset.coin]\n||||||| 1234567\n=======\n[asset.gem]\n>>>>>>> topic\n{}",
        &coin[shared..]
    );
    assert_eq!(&coin[shared..], &gem["[asset.gem]\n".len()..]);
    let resolved = resolve(&read_conflict(text), |_, _| fit(true, true)).expect("nothing to ask");
    assert_eq!(resolved.lock.text(), text_of(&[free("coin"), free("gem")]));
}

#[test]
fn the_side_that_the_spec_wants_is_taken_with_the_purchases_of_both() {
    let (ours, theirs) = (bought("coin", 1, "aa"), bought("coin", 2, "bb"));
    let resolved =
        merge(&ours, &theirs, |block| fit(block.wanted == key(2), false)).expect("clear");
    assert_eq!(resolved.chosen["coin"], Side::Theirs);
    let block = get(&resolved.lock, "coin");
    assert_eq!(block.wanted, key(2));
    let ids: Vec<&str> = block.purchases.iter().map(|purchase| purchase.id.as_str()).collect();
    assert_eq!(ids, ["bb", "aa"]);
    let resolved =
        merge(&ours, &theirs, |block| fit(block.wanted == key(1), false)).expect("clear");
    assert_eq!(resolved.chosen["coin"], Side::Ours);
}

#[test]
fn different_picks_are_decided_by_the_files_or_asked_about() {
    let (ours, theirs) = (bought("coin", 1, "aa"), bought("coin", 1, "bb"));
    let raw = theirs.raw;
    let resolved = merge(&ours, &theirs, |block| fit(true, block.raw == raw)).expect("clear");
    assert_eq!(resolved.chosen["coin"], Side::Theirs);
    for files in [true, false] {
        let error = merge(&ours, &theirs, |_| fit(true, files)).expect_err("a person decides");
        let ask = Ask { id: "coin".to_owned(), ours: ours.raw, theirs: theirs.raw };
        assert_eq!(error, ResolveError::Ask(vec![ask]));
        assert_eq!(error.to_string(), "both sides of the merge picked differently for `coin`");
    }
}

#[test]
fn equal_picks_need_no_question() {
    let ours = bought("coin", 1, "aa");
    let mut theirs = ours.clone();
    theirs.definition = key(99);
    let resolved = merge(&ours, &theirs, |_| fit(true, false)).expect("clear");
    assert_eq!(get(&resolved.lock, "coin"), ours);
    let resolved =
        merge(&ours, &theirs, |block| fit(true, block.definition == key(99))).expect("clear");
    assert_eq!(get(&resolved.lock, "coin").definition, key(99));
}

#[test]
fn when_neither_side_fits_all_purchases_stay() {
    let (ours, theirs) = (bought("coin", 1, "aa"), bought("coin", 2, "bb"));
    let resolved = merge(&ours, &theirs, |_| fit(false, false)).expect("stale, not asked");
    assert_eq!(get(&resolved.lock, "coin").purchases.len(), 2);
}

#[test]
fn a_block_that_one_side_removed_stays_for_prune() {
    let text = format!("version = 1\n\n{}", conflicted("", &render(&full("coin"))));
    let resolved = resolve(&read_conflict(text), |_, _| fit(false, false)).expect("nothing to ask");
    assert_eq!(get(&resolved.lock, "coin"), full("coin"));
    assert_eq!(resolved.chosen["coin"], Side::Theirs);
}

#[test]
fn markers_of_a_crlf_checkout_and_of_a_recursive_base_are_read() {
    let base = "<<<<<<<<< x\nold\n=========\nolder\n>>>>>>>>> y\n";
    let text = format!(
        "version = 1\n\n<<<<<<< HEAD\n{}||||||| base\n{base}=======\n{}>>>>>>> topic\n",
        render(&bought("coin", 1, "aa")),
        render(&bought("coin", 2, "bb"))
    )
    .replace('\n', "\r\n");
    let resolved = resolve(&read_conflict(text), |_, block| fit(block.wanted == key(1), false));
    let lock = resolved.expect("clear").lock;
    assert_eq!(get(&lock, "coin").wanted, key(1));
    assert!(!lock.text().replace("\r\n", "").contains('\n'));
}

#[test]
fn markers_without_partner_name_their_line() {
    for (text, line) in [
        ("version = 1\n>>>>>>> topic\n", 2),
        ("<<<<<<< HEAD\nversion = 1\n", 1),
        ("version = 1\n<<<<<<< HEAD\n<<<<<<< HEAD\n", 3),
        ("<<<<<<< HEAD\n>>>>>>> topic\n", 2),
    ] {
        assert_eq!(read(text).expect_err("broken"), LockError::Marker { line }, "{text}");
    }
}

#[test]
fn a_newer_side_and_an_unreadable_block_stop_the_merge() {
    let text = format!("{}[asset.a]\n", conflicted("version = 1\n", "version = 9\n"));
    assert_eq!(read(text).expect_err("newer"), LockError::Newer { found: 9 });
    let text = format!("version = 1\n\n{}", conflicted("[asset.a]\n", "[asset.a]\nx = 1\n"));
    let error = resolve(&read_conflict(text), |_, _| fit(true, true)).expect_err("unreadable");
    assert!(matches!(error, ResolveError::Lock(LockError::Block { .. })));
}
