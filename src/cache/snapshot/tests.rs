//! Tests of the snapshot: what is written comes back, and nothing else is believed.

use std::fs;

use super::*;
use crate::base::{ActionKey, MediaKind};
use crate::cache::dir::CacheDir;
use crate::cache::file_memo::{Content, Stat};

mod mending;

const SCHEMA: u32 = 7;

const LISTING: SpecTraits = SpecTraits { has_globs: true, has_warnings: false };

fn recorded(seed: u8) -> Recorded {
    let time = i64::from(seed) * 1_000_000_007;
    let stat = Stat {
        mtime_ns: time,
        ctime_ns: time + 1,
        size: u64::from(seed),
        inode: 1000 + u64::from(seed),
    };
    Recorded { stat, digest: Digest::of(&[seed]), racy: seed % 2 == 1 }
}

fn summary() -> Summary {
    Summary {
        schema: SCHEMA,
        stamp: Stamp(1_700_000_000_123_456_789),
        config: Digest::of(b"config"),
        settings: Digest::of(b"settings"),
        has_problems: false,
        has_orphans: true,
        lock: Some(recorded(1)),
        has_purchases: true,
    }
}

fn project() -> (tempfile::TempDir, CacheDir) {
    let dir = tempfile::tempdir().expect("a temp folder");
    let cache = CacheDir::of_project(dir.path());
    cache.ensure().expect("writable");
    (dir, cache)
}

fn asset<'a>(id: &'a str, sources: &'a [u32]) -> NewAsset<'a> {
    NewAsset {
        id,
        media: MediaKind::Image,
        tags: &[],
        phase: None,
        section: "images",
        key: "",
        state: 0,
        wanted: ActionKey([1; 32]),
        definition: ActionKey([2; 32]),
        sources,
        references: &[],
    }
}

/// Two spec files with three assets, recorded out of the order of paths.
fn sample() -> SnapshotWriter {
    let mut writer = SnapshotWriter::new(summary());
    let sounds = writer.input("specs/sounds.yaml", Role::Spec, Content::Text, recorded(10));
    let art = writer.input("art/coin.svg", Role::Source, Content::Text, recorded(99));
    let style = writer.input("style.md", Role::Style, Content::Text, recorded(12));
    let art_bytes = writer.input("art/coin.svg", Role::Source, Content::Bytes, recorded(13));
    let icons = writer.input("specs/icons.yaml", Role::Spec, Content::Text, recorded(14));
    let again = writer.input("art/coin.svg", Role::Source, Content::Text, recorded(11));
    writer.dir("", "*.yaml", &recorded(20).stat);
    writer.dir("specs", "specs/**/*.yaml", &recorded(21).stat);

    writer.spec(sounds, &[], SpecTraits::default());
    writer.asset(&NewAsset {
        media: MediaKind::Audio,
        section: "audio.sfx.ui",
        key: "sfxJump",
        tags: &["ui", "loud"],
        phase: Some(-2),
        state: 9,
        ..asset("jump", &[])
    });
    writer.output("assets/audio/jump.ogg", &recorded(30));
    writer.output("assets/audio/jump.mp3", &recorded(31));
    writer.spec(icons, &[style, art], LISTING);
    let long = "x".repeat(5000);
    writer.asset(&NewAsset { key: &long, ..asset("münze", &[art, art_bytes, again]) });
    writer.output("assets/images/münze.png", &recorded(32));
    writer.asset(&NewAsset { references: &["münze", "jump"], tags: &["ui"], ..asset("gem", &[]) });
    writer
}

fn saved(writer: SnapshotWriter, cache: &CacheDir) -> Snapshot {
    writer.save(cache, None).expect("writable");
    Snapshot::load(&cache.snapshot(), SCHEMA).expect("just saved")
}

#[test]
fn what_is_saved_comes_back() {
    let (_dir, cache) = project();
    let snapshot = saved(sample(), &cache);
    assert_eq!(*snapshot.summary(), summary());

    let inputs: Vec<_> = snapshot.inputs().collect();
    let paths: Vec<_> = inputs.iter().map(|input| (input.path, input.role)).collect();
    assert_eq!(
        paths,
        [
            ("art/coin.svg", Role::Source),
            ("art/coin.svg", Role::Source),
            ("specs/icons.yaml", Role::Spec),
            ("specs/sounds.yaml", Role::Spec),
            ("style.md", Role::Style),
        ]
    );
    assert_eq!((inputs[0].content, inputs[0].recorded), (Content::Bytes, recorded(13)));
    assert_eq!((inputs[1].content, inputs[1].recorded), (Content::Text, recorded(11)));
    assert_eq!(snapshot.inputs_at("art/coin.svg").count(), 2);
    let style = snapshot.inputs_at("style.md").next().expect("recorded");
    assert_eq!((style.number, style.recorded), (4, recorded(12)));
    for absent in ["", "a", "specs", "zzz"] {
        assert_eq!(snapshot.inputs_at(absent).count(), 0, "{absent}");
    }

    let dirs: Vec<_> = snapshot.dirs().collect();
    assert_eq!(dirs[0], Dir { path: "", glob: "*.yaml", stat: recorded(20).stat });
    assert_eq!(dirs[1].path, "specs");

    let specs: Vec<_> = snapshot.specs().collect();
    assert_eq!(specs[0].input().expect("recorded").path, "specs/sounds.yaml");
    assert_eq!((specs[0].traits(), specs[0].used().count()), (SpecTraits::default(), 0));
    assert_eq!(specs[1].input().expect("recorded").path, "specs/icons.yaml");
    assert_eq!((specs[1].traits(), specs[1].used().collect::<Vec<_>>()), (LISTING, vec![4, 1]));
    let ids = |spec: &SpecFile<'_>| spec.assets().map(|asset| asset.id().to_owned()).collect();
    let by_spec: Vec<Vec<String>> = specs.iter().map(ids).collect();
    assert_eq!(by_spec, [vec!["jump"], vec!["münze", "gem"]]);

    let assets: Vec<_> = snapshot.assets().collect();
    let jump = assets[0];
    assert_eq!((jump.media(), jump.state(), jump.phase()), (MediaKind::Audio, 9, Some(-2)));
    assert_eq!((jump.section(), jump.key()), ("audio.sfx.ui", "sfxJump"));
    assert_eq!(jump.tags().collect::<Vec<_>>(), ["ui", "loud"]);
    let outputs: Vec<_> = jump.outputs().collect();
    assert_eq!(outputs[0], Output { path: "assets/audio/jump.ogg", recorded: recorded(30) });
    assert_eq!(outputs[1], Output { path: "assets/audio/jump.mp3", recorded: recorded(31) });
    let coin = assets[1];
    assert_eq!((coin.key().len(), coin.phase(), coin.number()), (5000, None, 1));
    assert_eq!((coin.wanted(), coin.definition()), (ActionKey([1; 32]), ActionKey([2; 32])));
    assert_eq!(coin.sources().collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(coin.outputs().next().expect("one").path, "assets/images/münze.png");
    let gem = assets[2];
    assert_eq!(gem.references().collect::<Vec<_>>(), ["münze", "jump"]);
    assert_eq!((gem.outputs().len(), gem.tags().len()), (0, 1));
    assert_eq!(gem.spec().input().expect("recorded").path, "specs/icons.yaml");
    assert_eq!(snapshot.outputs().len(), 3);
    assert!(snapshot.asset(3).is_none() && snapshot.input(5).is_none());
}

#[test]
fn inputs_are_found_by_their_roles() {
    let (_dir, cache) = project();
    let snapshot = saved(sample(), &cache);
    for roles in [&[][..], &[Role::Spec], &[Role::Style, Role::Source], &Role::ALL] {
        let found: Vec<_> = snapshot.inputs_as(roles).collect();
        let expected: Vec<_> =
            snapshot.inputs().filter(|input| roles.contains(&input.role)).collect();
        assert_eq!(found, expected);
        assert_eq!(found.is_empty(), roles.is_empty());
    }
}

#[test]
fn the_layout_is_that_of_its_version() {
    let bytes: Vec<u8> = sample().pack().expect("small").parts().flatten().copied().collect();
    // Another digest means another layout: raise SNAPSHOT_FORMAT and docs/design/cache-format.md.
    assert_eq!(
        Digest::of(&bytes).to_string(),
        "b3:efd7379a1c000bf63a777c67dbf31858456dbf93e6356c170be9bcdaa71be846/6622"
    );
}

#[test]
fn an_empty_project_comes_back_empty() {
    let (_dir, cache) = project();
    let snapshot = saved(SnapshotWriter::new(summary()), &cache);
    assert_eq!((snapshot.input_count(), snapshot.assets().len(), snapshot.dirs().len()), (0, 0, 0));
    assert_eq!(snapshot.inputs_at("a").count(), 0);
}

#[test]
fn a_later_snapshot_replaces_the_earlier_one() {
    let (_dir, cache) = project();
    sample().save(&cache, None).expect("writable");
    let snapshot = saved(SnapshotWriter::new(summary()), &cache);
    assert_eq!(snapshot.assets().len(), 0);
}

/// A record of many assets, of which one has another state.
fn large(changed: usize) -> SnapshotWriter {
    let mut writer = sample();
    for number in 0..500 {
        let state = if number == changed { 3 } else { 1 };
        let id = format!("asset-{number}");
        writer.asset(&NewAsset { state, ..asset(&id, &[]) });
    }
    writer
}

#[test]
fn what_is_written_over_the_last_one_is_what_would_be_written_afresh() {
    let (_dir, cache) = project();
    for (before, after) in [(7, 450), (450, 450), (3, 7)] {
        let last = saved(large(before), &cache);
        large(after).save(&cache, Some(&last)).expect("writable");
        let over = fs::read(cache.snapshot()).expect("readable");
        fs::remove_file(cache.snapshot()).expect("removable");
        saved(large(after), &cache);
        assert_eq!(over, fs::read(cache.snapshot()).expect("readable"));
    }
    let last = saved(sample(), &cache);
    large(1).save(&cache, Some(&last)).expect("writable");
    let longer = Snapshot::load(&cache.snapshot(), SCHEMA).expect("the new one");
    assert_eq!(longer.assets().len(), saved(sample(), &cache).assets().len() + 500);
}

#[test]
fn a_mix_with_what_another_process_wrote_is_refused() {
    let (_dir, cache) = project();
    let last = saved(large(7), &cache);
    saved(large(450), &cache);
    large(8).save(&cache, Some(&last)).expect("writable");
    assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none());
}

#[test]
fn another_version_is_as_good_as_none() {
    let (_dir, cache) = project();
    assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none(), "there is none yet");
    sample().save(&cache, None).expect("writable");
    assert!(Snapshot::load(&cache.snapshot(), SCHEMA + 1).is_none());
    let mut bytes = fs::read(cache.snapshot()).expect("readable");
    bytes[8] += 1;
    fs::write(cache.snapshot(), bytes).expect("writable");
    assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none());
}

#[test]
fn a_snapshot_cut_anywhere_is_refused() {
    let (_dir, cache) = project();
    sample().save(&cache, None).expect("writable");
    let bytes = fs::read(cache.snapshot()).expect("readable");
    for length in (0..bytes.len()).filter(|length| *length < 1500 || length % 97 == 0) {
        fs::write(cache.snapshot(), &bytes[..length]).expect("writable");
        assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none(), "{length} bytes");
    }
    fs::write(cache.snapshot(), [&bytes[..], &[0]].concat()).expect("writable");
    assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none(), "one byte more");
}

#[test]
fn a_flipped_bit_is_refused_wherever_it_is() {
    let (_dir, cache) = project();
    sample().save(&cache, None).expect("writable");
    let bytes = fs::read(cache.snapshot()).expect("readable");
    for at in (0..bytes.len()).filter(|at| *at < 1500 || at % 31 == 0) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        fs::write(cache.snapshot(), &altered).expect("writable");
        assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none(), "byte {at}");
    }
    fs::create_dir(cache.path().join("folder")).expect("writable");
    assert!(Snapshot::load(&cache.path().join("folder"), SCHEMA).is_none());
}

#[test]
fn numbers_that_lead_nowhere_read_as_nothing() {
    let (_dir, cache) = project();
    let mut writer = SnapshotWriter::new(summary());
    writer.spec(77, &[88], SpecTraits::default());
    writer.asset(&asset("a", &[99]));
    let snapshot = saved(writer, &cache);
    let spec = snapshot.specs().next().expect("one");
    assert!(spec.input().is_none());
    assert_eq!(spec.used().filter_map(|number| snapshot.input(number)).count(), 0);
    let sources = snapshot.assets().flat_map(|asset| asset.sources());
    assert_eq!(sources.filter_map(|number| snapshot.input(number)).count(), 0);
}

#[test]
fn a_folder_that_cannot_be_written_is_a_typed_error() {
    let (dir, _) = project();
    let missing = CacheDir::of_project(&dir.path().join("nowhere"));
    assert!(matches!(sample().save(&missing, None), Err(SnapshotError::Write { .. })));
}

/// Everything that a snapshot says of its assets and their spec files, in their order.
fn told(snapshot: &Snapshot) -> Vec<String> {
    let path = |number: u32| snapshot.input(number).map(|input| (input.path, input.recorded));
    let of_asset = |asset: Asset<'_>| {
        let sources: Vec<_> = asset.sources().map(path).collect();
        let (tags, outputs): (Vec<_>, Vec<_>) = (asset.tags().collect(), asset.outputs().collect());
        let references: Vec<_> = asset.references().collect();
        let entry = (asset.section(), asset.key());
        let keys = (asset.wanted(), asset.definition());
        let rest = (asset.media(), asset.phase(), asset.state(), asset.spec().traits());
        let file = asset.spec().input().map(|input| (input.path, input.recorded));
        format!(
            "{} {tags:?} {outputs:?} {sources:?} {references:?} {entry:?} {keys:?} {rest:?} {file:?}",
            asset.id()
        )
    };
    snapshot.assets().map(of_asset).collect()
}

/// Copies spec files with their assets.
fn copy(writer: &mut SnapshotWriter, last: &Snapshot, is_copied: impl Fn(&str) -> bool) {
    for file in last.specs() {
        let input = file.input().expect("a spec file");
        if !is_copied(input.path) {
            continue;
        }
        let number = writer.copy_input(last, input.number, input.recorded).expect("an input");
        writer.spec(number, &[], file.traits());
        for asset in file.assets() {
            let sources: Vec<u32> = asset
                .sources()
                .map(|source| {
                    let recorded = last.input(source).expect("an input").recorded;
                    writer.copy_input(last, source, recorded).expect("an input")
                })
                .collect();
            writer.copy_asset(&asset, &sources, None, None);
        }
    }
}

#[test]
fn copied_records_say_what_they_said() {
    let (_dir, cache) = project();
    let first = saved(sample(), &cache);
    let mut writer = SnapshotWriter::upon(summary(), &first);
    copy(&mut writer, &first, |_| true);
    assert_eq!(told(&saved(writer, &cache)), told(&first));
}

#[test]
fn copied_records_stand_beside_new_ones() {
    let (_dir, cache) = project();
    let first = saved(sample(), &cache);
    let mut writer = SnapshotWriter::upon(summary(), &first);
    // What stood first goes, and something new comes after: all numbers move.
    copy(&mut writer, &first, |path| path == "specs/icons.yaml");
    let sounds = writer.input("specs/sounds.yaml", Role::Spec, Content::Text, recorded(50));
    writer.spec(sounds, &[], SpecTraits::default());
    writer.asset(&NewAsset { tags: &["quiet"], ..asset("jump", &[]) });
    writer.output("assets/audio/jump.wav", &recorded(51));
    let second = saved(writer, &cache);
    assert_eq!(told(&second)[..2], told(&first)[1..]);
    let new = second.assets().nth(2).expect("three assets");
    assert_eq!((new.id(), new.tags().collect::<Vec<_>>()), ("jump", vec!["quiet"]));
    let output = new.outputs().next().expect("one output");
    assert_eq!((output.path, output.recorded), ("assets/audio/jump.wav", recorded(51)));
}

#[test]
fn what_is_known_better_of_a_file_or_an_asset_is_recorded() {
    let (_dir, cache) = project();
    let first = saved(sample(), &cache);
    let mut writer = SnapshotWriter::upon(summary(), &first);
    let settled = |path: &str| (path == "assets/audio/jump.mp3").then(|| recorded(77));
    for asset in first.assets() {
        let state = (asset.id() == "jump").then_some(5);
        writer.copy_asset(&asset, &[], state, Some(&settled));
    }
    let second = saved(writer, &cache);
    let outputs: Vec<Recorded> = second.outputs().map(|output| output.recorded).collect();
    assert_eq!(outputs, [recorded(30), recorded(77), recorded(32)]);
    let facts = |asset: Asset<'_>| (asset.state(), asset.phase(), asset.media(), asset.wanted());
    let mut expected: Vec<_> = first.assets().map(facts).collect();
    expected[0].0 = 5;
    assert_eq!(second.assets().map(facts).collect::<Vec<_>>(), expected);
}

#[test]
fn a_snapshot_that_is_mostly_out_of_use_is_written_anew() {
    let (_dir, cache) = project();
    let mut last = saved(sample(), &cache);
    let long = "x".repeat(10_000);
    for round in 1.. {
        let mut writer = SnapshotWriter::upon(summary(), &last);
        copy(&mut writer, &last, |path| path == "specs/icons.yaml");
        let sounds = writer.input("specs/sounds.yaml", Role::Spec, Content::Text, recorded(50));
        writer.spec(sounds, &[], SpecTraits::default());
        writer.asset(&NewAsset { key: &long, ..asset("jump", &[]) });
        writer.save(&cache, Some(&last)).expect("writable");
        match Snapshot::load(&cache.snapshot(), SCHEMA) {
            Some(next) => last = next,
            None => {
                assert_eq!(round, 8, "64 KiB and the 5 KB that were in use, twice");
                return;
            }
        }
    }
}

#[test]
fn folders_that_are_recorded_again_take_no_more_room() {
    let (_dir, cache) = project();
    let first = saved(sample(), &cache);
    let dirs: Vec<_> = first.dirs().collect();
    let mut last = first.clone();
    for _ in 0..3 {
        let mut writer = SnapshotWriter::upon(summary(), &last);
        copy(&mut writer, &last, |_| true);
        dirs.iter().for_each(|dir| writer.dir(dir.path, dir.glob, &dir.stat));
        last = saved(writer, &cache);
        assert_eq!(last.dirs().collect::<Vec<_>>(), dirs);
    }
    assert_eq!(last.text().len(), first.text().len());
}
