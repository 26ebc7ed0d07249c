//! A mended snapshot says what one that is written anew would say.

use super::*;

/// Spec files with their assets, by number.
#[derive(Clone)]
struct World {
    files: Vec<SpecOf>,
    dirs: Vec<u8>,
    style: u8,
}

#[derive(Clone)]
struct SpecOf {
    seed: u8,
    uses_style: bool,
    assets: Vec<AssetOf>,
}

#[derive(Clone)]
struct AssetOf {
    id: String,
    tags: Vec<String>,
    source: usize,
    output: (String, u8),
    seed: u8,
}

impl World {
    fn new(files: usize) -> Self {
        let asset = |file: usize, number: usize| AssetOf {
            id: format!("asset-{file:03}-{number}"),
            tags: vec!["all".to_owned(), format!("tag-{}", file % 7)],
            source: file % 5,
            output: (format!("assets/{file:03}-{number}.png"), 1),
            seed: 1,
        };
        let file = |file: usize| SpecOf {
            seed: 1,
            uses_style: file.is_multiple_of(2),
            assets: (0..1 + file % 3).map(|number| asset(file, number)).collect(),
        };
        Self { files: (0..files).map(file).collect(), dirs: vec![1, 2, 3], style: 1 }
    }

    /// A writer with what some of the files say.
    fn write(&self, is_written: impl Fn(usize) -> bool, has_dirs: bool) -> SnapshotWriter {
        let mut writer = SnapshotWriter::new(summary());
        let style = writer.input("style.md", Role::Style, Content::Text, recorded(self.style));
        for (number, seed) in self.dirs.iter().enumerate().filter(|_| has_dirs) {
            writer.dir(&format!("specs/{number}"), "specs/**/*.yaml", &recorded(*seed).stat);
        }
        for (number, file) in self.files.iter().enumerate().filter(|(at, _)| is_written(*at)) {
            let path = format!("specs/{number:03}.yaml");
            let spec = writer.input(&path, Role::Spec, Content::Text, recorded(file.seed));
            let used: &[u32] = if file.uses_style { &[style] } else { &[] };
            let traits = SpecTraits { has_warnings: file.seed.is_multiple_of(3), has_globs: false };
            writer.spec(spec, used, traits);
            for one in &file.assets {
                let source = format!("art/{}.svg", one.source);
                let source = writer.input(&source, Role::Source, Content::Text, recorded(9));
                let tags: Vec<&str> = one.tags.iter().map(String::as_str).collect();
                let (state, wanted) = (one.seed % 4, ActionKey([one.seed; 32]));
                let sources = [source];
                let asset = asset(&one.id, &sources);
                writer.asset(&NewAsset { tags: &tags, state, wanted, ..asset });
                writer.output(&one.output.0, &recorded(one.output.1));
            }
        }
        writer
    }

    fn saved(&self, cache: &CacheDir) -> Snapshot {
        saved(self.write(|_| true, true), cache)
    }

    fn news(&self, is_written: impl Fn(usize) -> bool) -> Snapshot {
        self.write(is_written, false).finish().expect("small").expect("in use")
    }
}

/// Everything that a snapshot says.
fn all_of(snapshot: &Snapshot) -> (Vec<String>, Vec<String>, Vec<String>) {
    let inputs = snapshot.inputs().map(|input| format!("{input:?}")).collect();
    (told(snapshot), inputs, snapshot.dirs().map(|dir| format!("{dir:?}")).collect())
}

/// A number below `end`, other ones for each round.
fn pick(round: u64, salt: u64, end: usize) -> usize {
    let digest = Digest::of(&[round.to_le_bytes(), salt.to_le_bytes()].concat());
    let number = u64::from_le_bytes(digest.hash[..8].try_into().expect("eight bytes"));
    usize::try_from(number % end as u64).expect("below a usize")
}

#[test]
fn a_mended_snapshot_says_what_a_new_one_would() {
    let (_dir, cache) = project();
    let mut world = World::new(300);
    let mut last = world.saved(&cache);
    for round in 0..60 {
        let changed: Vec<usize> =
            (0..1 + round % 3).map(|salt| pick(round, salt, world.files.len())).collect();
        for (salt, &number) in (10..).zip(&changed) {
            let file = &mut world.files[number];
            file.seed = pick(round, salt, 200) as u8;
            let place = pick(round, salt + 1, file.assets.len());
            let asset = &mut file.assets[place];
            asset.seed = file.seed;
            asset.output.1 = file.seed;
            match pick(round, salt + 2, 4) {
                0 => asset.id = format!("renamed-{round}-{salt}"),
                1 => asset.output.0 = format!("assets/moved-{round}-{salt}.png"),
                2 => asset.tags[1] = "other".to_owned(),
                _ => {}
            }
        }
        world.style = round as u8;
        let news = world.news(|number| changed.contains(&number));
        let mut mending = Mending::of(&last);
        mending.take(&news, true).expect("the same records");
        let kept = mending.save(&cache, summary(), true).expect("writable").expect("in use");
        let read = Snapshot::load(&cache.snapshot(), SCHEMA).expect("just mended");
        assert_eq!(all_of(&read), all_of(&kept), "round {round}");
        let (_other, elsewhere) = project();
        assert_eq!(all_of(&read), all_of(&world.saved(&elsewhere)), "round {round}");
        // Both what was kept and what is read can be mended again.
        last = if round % 2 == 0 { kept } else { read };
    }
}

#[test]
fn single_facts_are_mended() {
    let (_dir, cache) = project();
    let last = World::new(100).saved(&cache);
    let mut mending = Mending::of(&last);
    mending.set_input(77, &recorded(50));
    mending.set_output(101, &recorded(51));
    mending.set_state(33, 3);
    assert!(mending.save(&cache, summary(), false).expect("writable").is_none(), "not wanted");
    let read = Snapshot::load(&cache.snapshot(), SCHEMA).expect("just mended");
    assert_eq!(read.input(77).expect("an input").recorded, recorded(50));
    assert_eq!(read.outputs().nth(101).expect("an output").recorded, recorded(51));
    assert_eq!(read.asset(33).expect("an asset").state(), 3);
    let differing = |one: &[String], other: &[String]| {
        one.iter().zip(other).filter(|(one, other)| one != other).count()
    };
    let (before, after) = (all_of(&last), all_of(&read));
    assert_eq!((differing(&before.0, &after.0), differing(&before.1, &after.1)), (3, 1));
}

#[test]
fn folders_that_were_listed_again_are_mended() {
    let (_dir, cache) = project();
    let mut world = World::new(3);
    let last = world.saved(&cache);
    world.dirs = vec![4, 5, 6];
    let news = world.write(|_| false, true).finish().expect("small").expect("in use");
    let mut mending = Mending::of(&last);
    mending.take(&news, true).expect("the same folders");
    mending.save(&cache, summary(), false).expect("writable");
    let read = Snapshot::load(&cache.snapshot(), SCHEMA).expect("just mended");
    let stats: Vec<Stat> = read.dirs().map(|dir| dir.stat).collect();
    assert_eq!(stats, [4, 5, 6].map(|seed| recorded(seed).stat));
}

#[test]
fn what_has_no_place_among_the_records_is_not_mended() {
    let (_dir, cache) = project();
    let world = World::new(10);
    let last = world.saved(&cache);
    let fits = |change: &dyn Fn(&mut World)| {
        let mut world = world.clone();
        change(&mut world);
        let news = world.write(|number| number == 3, true).finish().expect("small");
        Mending::of(&last).take(&news.expect("in use"), true).is_some()
    };
    assert!(fits(&|_| {}));
    let one_more = world.files[3].assets[0].clone();
    assert!(!fits(&|world| world.files[3].assets.push(one_more.clone())), "one asset more");
    assert!(!fits(&|world| world.files[3].assets.clear()), "no asset any more");
    assert!(!fits(&|world| world.files[3].assets[0].tags.push("new".to_owned())));
    assert!(!fits(&|world| world.files[3].uses_style = true));
    assert!(!fits(&|world| world.files[3].assets[0].source = 77), "a source that is new");
    assert!(!fits(&|world| world.files[3].assets[0].source = 4), "a source that is not read");
    assert!(!fits(&|world| world.dirs.push(9)) && !fits(&|world| world.dirs.truncate(2)));
    let news = World::new(11).news(|number| number == 10);
    assert!(Mending::of(&last).take(&news, true).is_none(), "a new file");
    let mut other = SnapshotWriter::new(summary());
    other.input("specs/003.yaml", Role::Spec, Content::Text, recorded(1));
    let other = other.finish().expect("small").expect("in use");
    assert!(Mending::of(&last).take(&other, true).is_none(), "no style any more");
    assert!(Mending::of(&last).take(&other, false).is_some(), "nobody looked at the style");
}

#[test]
fn a_snapshot_of_another_process_is_not_mended() {
    let (_dir, cache) = project();
    let mut world = World::new(300);
    let last = world.saved(&cache);
    world.files[7].assets[0].seed = 3;
    world.saved(&cache);
    world.files[290].assets[0].seed = 3;
    let mut mending = Mending::of(&last);
    mending.take(&world.news(|number| number == 290), true).expect("the same records");
    mending.save(&cache, summary(), false).expect("writable");
    assert!(Snapshot::load(&cache.snapshot(), SCHEMA).is_none());
}

#[test]
fn a_snapshot_that_is_mostly_left_over_is_not_mended_for_ever() {
    let (_dir, cache) = project();
    let mut world = World::new(3);
    let mut last = world.saved(&cache);
    for round in 0.. {
        world.files[1].assets[0].tags[1] = format!("{round:09000}");
        let mut mending = Mending::of(&last);
        mending.take(&world.news(|number| number == 1), true).expect("the same records");
        let kept = mending.save(&cache, summary(), true).expect("writable");
        let read = Snapshot::load(&cache.snapshot(), SCHEMA);
        assert_eq!(kept.is_some(), read.is_some(), "round {round}");
        match read {
            Some(read) => last = read,
            None => {
                assert_eq!(round, 7, "64 KiB");
                return;
            }
        }
    }
}
