//! Commits on a real folder, whole and cut off at every step.

mod excerpt;
mod manifest;

use std::cell::{Cell, RefCell};

use serde_json::json;

use super::*;
use crate::base::ActionKey;
use crate::integrate::prune::orphans;
use crate::integrate::redo::{Uninterrupted, roll_forward};
use crate::lock::{Excerpt, Purchase, render};

/// A project folder, and a store that holds whatever was asked for.
struct Project {
    dir: tempfile::TempDir,
    store: RefCell<HashMap<Digest, Vec<u8>>>,
    lock: RelPath,
    manifest: RelPath,
    assets: RelPath,
}

/// Stops before the step with this number.
struct StopAt {
    left: Cell<usize>,
}

impl Checkpoint for StopAt {
    fn proceed(&self, _step: Step<'_>) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// Puts a folder where a file goes, just before it is published.
struct Sabotage<'a> {
    root: &'a Path,
    file: &'a str,
}

impl Checkpoint for Sabotage<'_> {
    fn proceed(&self, step: Step<'_>) -> bool {
        if matches!(step, Step::Publish(path) if path.as_str() == self.file) {
            let place = self.root.join(self.file);
            let _ = fs::remove_file(&place);
            fs::create_dir_all(place.join("in the way")).expect("a folder");
        }
        true
    }
}

/// What a test varies of a request.
#[derive(Default)]
struct Run<'a> {
    assets: Vec<AssetCommit>,
    prune: Vec<Prune>,
    orphans: &'a [&'a str],
    overwrite_drifted: bool,
    manifest_unchanged: bool,
    manifest_known: Option<Digest>,
    /// A file with the text of the lock.
    lock_copy: Option<&'a str>,
    /// What is known of the lock, if that is not all of it.
    excerpt: Option<&'a Excerpt>,
    stop_at: Option<usize>,
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a path inside")
}

impl Project {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            store: RefCell::default(),
            lock: path("assetbuild.lock"),
            manifest: path("assets/manifest.json"),
            assets: path("assets"),
        }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn record(&self) -> std::path::PathBuf {
        self.root().join(".assetcache/redo.json")
    }

    fn guard(&self) -> IntegrateGuard {
        IntegrateGuard::acquire(&self.root().join(".assetcache/integrate.lock"))
            .expect("it is free")
    }

    fn store(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.store.borrow_mut().insert(digest, bytes.to_vec());
        digest
    }

    fn asset(&self, id: &str, files: &[(&str, &str)]) -> AssetCommit {
        let mut block =
            Block::new(id, 1, ActionKey(Digest::of(id.as_bytes()).hash), ActionKey([7; 32]));
        for (file, bytes) in files {
            block.outputs.push((path(file), self.store(bytes.as_bytes())));
        }
        let entry = files.first().map(|(file, _)| EntryCommit {
            section: vec!["images".to_owned()],
            key: id.to_owned(),
            value: json!({"path": file}),
        });
        AssetCommit { block, entry, picked_before: None, renamed_from: None }
    }

    fn blob(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        let found = self.store.borrow().get(digest).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn run(&self, run: &Run<'_>) -> Result<CommitReport, CommitError> {
        self.run_with(run, &StopAt { left: Cell::new(run.stop_at.unwrap_or(usize::MAX)) })
    }

    fn run_with(
        &self,
        run: &Run<'_>,
        checkpoint: &dyn Checkpoint,
    ) -> Result<CommitReport, CommitError> {
        let orphans = run.orphans.iter().map(|id| (*id).to_owned()).collect();
        let file = self.lock.under(self.root());
        let copy = |name| LockCopy::written(self.root().join(name));
        let lock_copy = run.lock_copy.map(copy);
        let stat = || fs::metadata(&file).ok().map(|found| (found.len(), found.modified().ok()));
        let before = stat();
        let whole = lock_copy.is_some().then(|| self.lock());
        let whole = whole.as_ref().map(KnownLock::Whole);
        commit(
            &CommitRequest {
                root: self.root(),
                lock: &self.lock,
                manifest: &self.manifest,
                assets_dir: &self.assets,
                record: &self.record(),
                assets: &run.assets,
                unpublished: &[],
                prune: &run.prune,
                orphans: &orphans,
                blobs: &|digest| self.blob(digest),
                overwrite_drifted: run.overwrite_drifted,
                current: run.excerpt.map(KnownLock::Excerpt).or(whole),
                lock_copy: lock_copy.as_ref(),
                is_current: &|| stat() == before,
                manifest_unchanged: run.manifest_unchanged,
                manifest_known: run.manifest_known,
                checkpoint,
            },
            &self.guard(),
        )
    }

    /// Commits without problems.
    fn build(&self, assets: Vec<AssetCommit>) -> CommitReport {
        let report = self.run(&Run { assets, ..Run::default() }).expect("committed");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        report
    }

    fn roll_forward(&self) -> Option<CommitReport> {
        let blobs = |digest: &Digest| self.blob(digest);
        roll_forward(self.root(), &self.record(), &blobs, &Uninterrupted, &self.guard())
            .expect("rolled forward")
    }

    fn write(&self, file: &str, bytes: &str) {
        let place = self.root().join(file);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::write(place, bytes).expect("written");
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.root().join(file)).ok()
    }

    fn lock(&self) -> LockFile {
        read_lock(self.root(), &self.lock).expect("readable")
    }

    fn block(&self, id: &str) -> Option<Block> {
        self.lock().get(id).map(|block| block.expect("readable"))
    }

    /// All files but those of `.assetcache`, and the folders.
    fn tree(&self) -> BTreeMap<String, Option<String>> {
        fn walk(root: &Path, folder: &Path, tree: &mut BTreeMap<String, Option<String>>) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let place = entry.expect("readable").path();
                let name = place.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                if place.is_dir() {
                    tree.insert(name, None);
                    walk(root, &place, tree);
                } else {
                    tree.insert(name, Some(fs::read_to_string(&place).expect("text")));
                }
            }
        }
        let mut tree = BTreeMap::new();
        walk(self.root(), self.root(), &mut tree);
        tree.remove(".assetcache");
        tree.remove(".assetcache/integrate.lock");
        tree
    }
}

fn problems(report: &CommitReport) -> Vec<(String, String)> {
    let text = |found: &AssetProblem| (found.asset.clone(), found.problem.to_string());
    report.problems.iter().map(text).collect()
}

fn purchase(id: &str) -> Purchase {
    Purchase {
        id: id.to_owned(),
        wanted: ActionKey([1; 32]),
        sent: ActionKey([2; 32]),
        index: 0,
        raw: Digest::of(b"raw"),
        provider: "openai".to_owned(),
        model: "m".to_owned(),
        model_used: None,
        cost_micros: None,
        unit: "USD".to_owned(),
        date: "2026-11-01".to_owned(),
        extra: false,
    }
}

const COIN: &str = "assets/images/coin.png";
const GEM: &str = "assets/images/gem.png";

#[test]
fn a_build_reaches_files_manifest_and_lock_and_a_second_one_changes_nothing() {
    let project = Project::new();
    let assets = vec![project.asset("coin", &[(COIN, "one"), ("assets/coin.webp", "two")])];
    let report = project.build(assets.clone());
    assert_eq!(report.published.len(), 2);
    assert_eq!((report.entries, report.lock.is_some()), (1, true));
    assert_eq!(project.read(COIN).as_deref(), Some("one"));
    let manifest = project.read("assets/manifest.json").expect("written");
    assert_eq!(
        serde_json::from_str::<Value>(&manifest).expect("JSON"),
        json!({"assets": {"images": {"coin": {"path": COIN}}}})
    );
    let block = project.block("coin").expect("in the lock");
    assert_eq!(block.outputs, assets[0].block.outputs);
    assert_eq!(block.entry.expect("owned").value, value_digest(&json!({"path": COIN})));
    assert!(!project.record().exists());

    let before = project.tree();
    let report = project.build(assets);
    assert!(report.published.is_empty() && report.lock.is_none() && report.entries == 0);
    assert_eq!(project.tree(), before);
}

/// A project with some history, and a run that changes all kinds of things in it.
fn busy() -> (Project, Run<'static>) {
    let project = Project::new();
    project.write("assets/manifest.json", "{\n  // ours\n  \"version\": 1\n}\n");
    let mut orphan = project.asset("orphan", &[("assets/old/orphan.png", "orphan")]);
    orphan.block.purchases.push(purchase("aa"));
    project.build(vec![
        project.asset("coin", &[(COIN, "coin 1"), ("assets/gone/coin.webp", "webp")]),
        project.asset("gem", &[(GEM, "gem 1")]),
        project.asset("hat", &[("assets/hat.png", "hat")]),
        project.asset("untouched", &[("assets/untouched.png", "u")]),
        orphan,
    ]);
    let mut cap = project.asset("cap", &[("assets/cap.png", "hat 2")]);
    cap.renamed_from = Some("hat".to_owned());
    let run = Run {
        assets: vec![
            // coin and gem exchange their paths, hat is renamed and moved, fig is new.
            project.asset("coin", &[(GEM, "coin 2")]),
            project.asset("gem", &[(COIN, "gem 2")]),
            cap,
            project.asset("fig", &[("assets/figs/fig.png", "fig"), ("assets/figs/fig.webp", "fw")]),
        ],
        prune: vec![Prune { id: "orphan".to_owned(), forget: false }],
        ..Run::default()
    };
    (project, run)
}

#[test]
fn a_commit_that_is_cut_off_at_any_step_is_completed() {
    let (project, run) = busy();
    let before = project.tree();
    let report = project.run(&run).expect("committed");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let expected = project.tree();
    assert_eq!(expected.get("assets/gone"), None, "an empty folder is removed");
    assert_eq!(expected.get("assets/old"), None);
    assert_eq!(expected["assets/images/coin.png"].as_deref(), Some("gem 2"));
    assert_eq!(expected["assets/images/gem.png"].as_deref(), Some("coin 2"));
    let kept = project.block("orphan").expect("it holds a purchase");
    assert!(kept.outputs.is_empty() && kept.entry.is_none() && kept.purchases.len() == 1);
    assert_eq!(orphans(&project.lock(), &BTreeSet::new()).expect("readable").len(), 5);

    let mut stopped = 0;
    loop {
        let (project, mut run) = busy();
        run.stop_at = Some(stopped);
        match project.run(&run) {
            Ok(_) => break,
            Err(CommitError::Interrupted) => {}
            Err(error) => panic!("{error:?}"),
        }
        let rolled = project.roll_forward();
        if stopped == 0 {
            assert!(rolled.is_none(), "nothing was promised");
            assert_eq!(project.tree(), before);
            run.stop_at = None;
            project.run(&run).expect("committed");
        }
        assert_eq!(project.tree(), expected, "stopped at {stopped}");
        assert!(project.roll_forward().is_none(), "the record is gone");
        stopped += 1;
    }
    assert!(stopped > 15, "every step was tried: {stopped}");
}

#[test]
fn the_next_commit_completes_an_earlier_one_first() {
    let (project, mut run) = busy();
    run.stop_at = Some(7);
    assert!(matches!(project.run(&run), Err(CommitError::Interrupted)));
    let late = project.asset("late", &[("assets/late.png", "late")]);
    let report = project.run(&Run { assets: vec![late], ..Run::default() }).expect("committed");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert!(project.block("cap").is_some() && project.block("late").is_some());
    assert_eq!(project.read("assets/figs/fig.webp").as_deref(), Some("fw"));
}

#[test]
fn edits_between_a_crash_and_the_next_run_stay() {
    let (project, mut run) = busy();
    // Record, then six files are staged: the crash comes before the first is replaced.
    run.stop_at = Some(6);
    assert!(matches!(project.run(&run), Err(CommitError::Interrupted)));
    project.write(COIN, "by hand");
    let manifest = project.read("assets/manifest.json").expect("there");
    project.write("assets/manifest.json", &manifest.replace("// ours", "// mine"));
    let text = project.read("assetbuild.lock").expect("there");
    let other = render(&project.asset("zebra", &[]).block);
    project.write("assetbuild.lock", &format!("{text}\n{other}"));

    let report = project.roll_forward().expect("there is work");
    assert_eq!(
        problems(&report),
        [("gem".to_owned(), format!("`{COIN}` was edited in the meantime and is kept"))]
    );
    assert!(report.dropped().is_empty());
    assert_eq!(project.read(COIN).as_deref(), Some("by hand"));
    assert_eq!(project.read(GEM).as_deref(), Some("coin 2"));
    assert!(project.read("assets/manifest.json").expect("there").contains("// mine"));
    assert!(project.block("zebra").is_some() && project.block("cap").is_some());
}

#[test]
fn a_lost_blob_drops_its_asset_only() {
    let (project, mut run) = busy();
    run.stop_at = Some(1);
    assert!(matches!(project.run(&run), Err(CommitError::Interrupted)));
    project.store.borrow_mut().remove(&Digest::of(b"fw"));
    let wrong = b"not hat 2".to_vec();
    project.store.borrow_mut().insert(Digest::of(b"hat 2"), wrong);
    let report = project.roll_forward().expect("there is work");
    assert_eq!(report.dropped(), BTreeSet::from(["cap", "fig"]));
    assert_eq!(project.block("fig"), None);
    assert!(project.block("hat").is_some() && project.block("cap").is_none());
    assert_eq!(project.read("assets/hat.png").as_deref(), Some("hat"));
    assert_eq!(project.read("assets/figs/fig.png"), None);
    assert_eq!(project.read(GEM).as_deref(), Some("coin 2"));
    let manifest = project.read("assets/manifest.json").expect("there");
    assert!(manifest.contains("\"hat\"") && !manifest.contains("\"fig\""), "{manifest}");
    assert!(!project.tree().keys().any(|name| name.ends_with(".assetbuild")));
}

#[test]
fn files_that_are_not_ours_are_never_overwritten() {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "one")])]);
    project.write(COIN, "by hand");
    project.write(GEM, "drawn by a person");
    project.write("assets/same.png", "same");
    let run = Run {
        assets: vec![
            project.asset("coin", &[(COIN, "two")]),
            project.asset("gem", &[(GEM, "gem")]),
            project.asset("same", &[("assets/same.png", "same")]),
        ],
        ..Run::default()
    };
    let report = project.run(&run).expect("the rest goes on");
    assert_eq!(
        problems(&report),
        [
            ("coin".to_owned(), format!("`{COIN}` was edited by hand and is kept")),
            ("gem".to_owned(), format!("`{GEM}` exists and was not published by an asset")),
        ]
    );
    assert_eq!(report.dropped(), BTreeSet::from(["coin", "gem"]));
    assert_eq!(project.read(COIN).as_deref(), Some("by hand"));
    assert_eq!(project.block("coin").expect("as before").outputs[0].1, Digest::of(b"one"));
    assert_eq!(project.block("gem"), None);
    assert!(project.block("same").is_some(), "equal bytes are taken over");

    let run = Run { overwrite_drifted: true, ..run };
    let report = project.run(&run).expect("committed");
    assert_eq!(report.dropped(), BTreeSet::from(["gem"]), "only drift is overwritten");
    assert_eq!(project.read(COIN).as_deref(), Some("two"));
}

#[test]
fn a_path_is_taken_only_from_an_owner_that_leaves_it() {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "coin")])]);
    let thief = || vec![project.asset("thief", &[(COIN, "mine")])];
    let report = project.run(&Run { assets: thief(), ..Run::default() }).expect("run");
    assert_eq!(problems(&report), [("thief".to_owned(), format!("`{COIN}` belongs to `coin`"))]);

    // The owner moves in the same run, but its new place is taken by a person's file.
    project.write(GEM, "by a person");
    let mut assets = thief();
    assets.push(project.asset("coin", &[(GEM, "coin")]));
    let report = project.run(&Run { assets, ..Run::default() }).expect("run");
    assert_eq!(report.dropped(), BTreeSet::from(["coin", "thief"]));
    assert_eq!(project.read(COIN).as_deref(), Some("coin"));

    // Two assets of one run with one path.
    let mut assets = vec![project.asset("a", &[("assets/a.png", "a")])];
    assets.push(project.asset("b", &[("assets/a.png", "b")]));
    let report = project.run(&Run { assets, ..Run::default() }).expect("run");
    assert_eq!(report.dropped(), BTreeSet::from(["b"]));

    // An orphan gives its path up, and its block goes when nothing is left in it.
    let mut assets = thief();
    assets[0].entry = Some(EntryCommit {
        section: vec!["images".to_owned()],
        key: "coin".to_owned(),
        value: json!(1),
    });
    let report = project.run(&Run { assets, orphans: &["coin"], ..Run::default() }).expect("run");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(project.read(COIN).as_deref(), Some("mine"));
    assert_eq!(project.block("coin"), None);
}

#[test]
fn a_file_that_cannot_be_written_drops_its_asset_as_a_whole() {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "1")])]);
    fs::create_dir_all(project.root().join("assets/coin.webp")).expect("a folder");
    let mut coin = project.asset("coin", &[(COIN, "2"), ("assets/coin.webp", "w")]);
    coin.block.purchases.push(purchase("bb"));
    let gem = project.asset("gem", &[(GEM, "g")]);
    let report =
        project.run(&Run { assets: vec![coin.clone(), gem], ..Run::default() }).expect("run");
    assert_eq!(
        problems(&report),
        [("coin".to_owned(), "`assets/coin.webp` is a folder".to_owned())]
    );
    assert_eq!(project.read(COIN).as_deref(), Some("1"));
    assert!(project.block("gem").is_some());

    // The same trouble, met only while a cut off commit is completed: what was bought is noted.
    fs::remove_dir(project.root().join("assets/coin.webp")).expect("removed");
    let stopped = project.run(&Run { assets: vec![coin], stop_at: Some(1), ..Run::default() });
    assert!(matches!(stopped, Err(CommitError::Interrupted)));
    fs::create_dir_all(project.root().join("assets/coin.webp")).expect("a folder");
    let report = project.roll_forward().expect("there is work");
    assert_eq!(report.dropped(), BTreeSet::from(["coin"]));
    assert_eq!(project.read(COIN).as_deref(), Some("1"));
    let block = project.block("coin").expect("there");
    assert_eq!((block.outputs.len(), block.purchases.len()), (1, 1));
    assert!(!project.tree().keys().any(|name| name.ends_with(".assetbuild")));
}

#[test]
fn what_was_published_before_a_failure_is_taken_back_or_noted() {
    const WEBP: &str = "assets/coin.webp";
    let project = Project::new();
    let coin =
        |n: &str| project.asset("coin", &[(COIN, &format!("p{n}")), (WEBP, &format!("w{n}"))]);
    let gem = |n: &str| project.asset("gem", &[(GEM, n)]);
    let sabotage = Sabotage { root: project.root(), file: WEBP };

    // A new asset: its first file goes again.
    let run = Run { assets: vec![coin("1"), gem("1")], ..Run::default() };
    let report = project.run_with(&run, &sabotage).expect("the rest goes on");
    assert_eq!(report.dropped(), BTreeSet::from(["coin"]));
    assert_eq!(report.published.len(), 1);
    assert_eq!((project.read(COIN), project.block("coin")), (None, None));

    // A known one: the replaced file stays ours, with the digest that it has now.
    fs::remove_dir_all(project.root().join(WEBP)).expect("removed");
    project.build(vec![coin("1")]);
    let run = Run { assets: vec![coin("2"), gem("2")], ..Run::default() };
    let report = project.run_with(&run, &sabotage).expect("the rest goes on");
    assert_eq!(report.dropped(), BTreeSet::from(["coin"]));
    assert_eq!(project.read(COIN).as_deref(), Some("p2"));
    let block = project.block("coin").expect("it stays");
    let outputs: Vec<Digest> = block.outputs.iter().map(|(_, digest)| *digest).collect();
    assert_eq!(outputs, [Digest::of(b"p2"), Digest::of(b"w1")]);
    assert_eq!(project.read(GEM).as_deref(), Some("2"));

    fs::remove_dir_all(project.root().join(WEBP)).expect("removed");
    project.build(vec![coin("3")]);
    assert!(!project.tree().keys().any(|name| name.ends_with(".assetbuild")));
}

#[test]
fn who_waits_for_a_path_fails_with_its_owner() {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "coin")])]);
    let moved = "assets/moved.png";
    let run = Run {
        assets: vec![
            project.asset("heir", &[(COIN, "heir")]),
            project.asset("coin", &[(moved, "coin 2")]),
        ],
        ..Run::default()
    };
    let sabotage = Sabotage { root: project.root(), file: moved };
    let report = project.run_with(&run, &sabotage).expect("run");
    assert!(matches!(
        report.problems[1].problem,
        Problem::NotVacated { ref owner, .. } if owner == "coin"
    ));
    assert_eq!(report.dropped(), BTreeSet::from(["coin", "heir"]));
    assert_eq!(project.read(COIN).as_deref(), Some("coin"));
}

#[test]
fn a_file_that_cannot_be_removed_is_reported() {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "1")])]);
    fs::remove_file(project.root().join(COIN)).expect("removed");
    fs::create_dir(project.root().join(COIN)).expect("a folder");
    let assets = vec![project.asset("coin", &[("assets/coin.png", "1")])];
    let report = project.run(&Run { assets, ..Run::default() }).expect("run");
    assert!(matches!(report.problems[0].problem, Problem::NotRemoved(_)));
    assert!(report.dropped().is_empty());
    assert_eq!(project.block("coin").expect("moved").outputs[0].0, path("assets/coin.png"));
}

#[test]
fn prune_deletes_only_what_is_ours_and_unchanged() {
    let project = Project::new();
    let mut coin =
        project.asset("coin", &[("assets/a/coin.png", "1"), ("assets/a/coin.webp", "2")]);
    coin.block.purchases.push(purchase("aa"));
    project.build(vec![coin, project.asset("gem", &[("assets/b/gem.png", "g")])]);
    project.write("assets/a/coin.webp", "by hand");
    project.write("assets/b/mine.txt", "mine");
    let found = orphans(&project.lock(), &BTreeSet::from(["gem".to_owned()])).expect("readable");
    assert_eq!((found.len(), found[0].purchases, found[0].has_entry), (1, 1, true));

    let prune = |id: &str, forget| Prune { id: id.to_owned(), forget };
    let run = Run { prune: vec![prune("coin", false), prune("gem", false)], ..Run::default() };
    let report = project.run(&run).expect("pruned");
    assert_eq!(
        problems(&report),
        [(
            "coin".to_owned(),
            "`assets/a/coin.webp` is no longer needed, but was edited by hand and is kept"
                .to_owned()
        )]
    );
    let files: Vec<String> = project.tree().into_keys().collect();
    assert_eq!(
        files,
        [
            "assetbuild.lock",
            "assets",
            "assets/a",
            "assets/a/coin.webp",
            "assets/b",
            "assets/b/mine.txt",
            "assets/manifest.json",
        ]
    );
    assert_eq!(project.block("gem"), None);
    assert_eq!(project.block("coin").expect("it holds a purchase").purchases.len(), 1);
    assert!(orphans(&project.lock(), &BTreeSet::new()).expect("readable").is_empty());
    let run = Run { prune: vec![prune("coin", true)], ..Run::default() };
    project.run(&run).expect("forgotten");
    assert_eq!(project.read("assetbuild.lock").as_deref(), Some("version = 1\n"));
}

#[test]
fn purchases_that_another_terminal_added_stay_in_the_block() {
    let project = Project::new();
    let mut coin = project.asset("coin", &[(COIN, "1")]);
    coin.block.purchases.push(purchase("aa"));
    project.build(vec![coin]);
    let mut coin = project.asset("coin", &[(COIN, "2")]);
    coin.block.purchases.push(purchase("bb"));
    project.build(vec![coin]);
    let ids: Vec<String> =
        project.block("coin").expect("there").purchases.into_iter().map(|p| p.id).collect();
    assert_eq!(ids, ["bb", "aa"]);
}

#[test]
fn a_lock_that_cannot_be_used_stops_everything() {
    let project = Project::new();
    let assets = || vec![project.asset("coin", &[(COIN, "1")])];
    let run = || project.run(&Run { assets: assets(), ..Run::default() }).expect_err("stopped");
    project.write("assetbuild.lock", "version = 2\n");
    assert!(matches!(run(), CommitError::Lock(LockError::Newer { found: 2 })));
    project.write("assetbuild.lock", "<<<<<<< a\n=======\n>>>>>>> b\n");
    assert!(matches!(run(), CommitError::Conflicted));
    project.write("assetbuild.lock", "version = 1\n\n[asset.coin]\n");
    assert!(matches!(run(), CommitError::Lock(LockError::Block { line: 3, .. })));
    fs::remove_file(project.root().join("assetbuild.lock")).expect("removed");
    fs::create_dir(project.root().join("assetbuild.lock")).expect("a folder");
    assert!(matches!(run(), CommitError::LockFile(PublishError::Directory { .. })));
    assert_eq!(project.read(COIN), None, "nothing was published");
}

#[test]
fn an_unreadable_record_is_reported_and_kept() {
    let project = Project::new();
    project.write(".assetcache/redo.json", "{\"schema\": \"assetbuild.redo/9\"}");
    let error = project.run(&Run::default()).expect_err("stopped");
    assert!(matches!(error, CommitError::Record(RecordError::Unreadable { .. })));
    assert!(project.record().exists());
    fs::remove_file(project.record()).expect("removed");
    fs::create_dir(project.record()).expect("a folder");
    let error = project.run(&Run::default()).expect_err("stopped");
    assert!(matches!(error, CommitError::Record(RecordError::Io { .. })));
}

#[test]
fn many_files_are_published_in_one_go() {
    let project = Project::new();
    let name = |n: usize| format!("assets/many/{n}.png");
    let assets = |suffix: &str| -> Vec<AssetCommit> {
        (0..100)
            .map(|n| project.asset(&format!("m{n:03}"), &[(&name(n), &format!("{n}{suffix}"))]))
            .collect()
    };
    assert_eq!(project.build(assets("")).published.len(), 100);
    assert_eq!(project.build(assets("b")).published.len(), 100);
    assert_eq!(project.read(&name(99)).as_deref(), Some("99b"));
    assert_eq!(project.lock().len(), 100);
}

#[test]
fn a_chain_of_moves_runs_from_its_end() {
    let project = Project::new();
    let name = |n: usize| format!("assets/c{n}.png");
    let assets = |shift: usize| -> Vec<AssetCommit> {
        (0..5).map(|n| project.asset(&format!("c{n}"), &[(&name(n + shift), "x")])).collect()
    };
    project.build(assets(0));
    let report = project.build(assets(1));
    let order: Vec<&str> = report.published.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(order, ["c4"], "equal bytes need no write");
    assert_eq!(report.removed, [path("assets/c0.png")]);

    let project = Project::new();
    let asset =
        |n: usize, at: usize| project.asset(&format!("c{n}"), &[(&name(at), &n.to_string())]);
    project.build((0..5).map(|n| asset(n, n)).collect());
    let report = project.build((0..5).map(|n| asset(n, n + 1)).collect());
    let order: Vec<&str> = report.published.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(order, ["c4", "c3", "c2", "c1", "c0"]);
}

#[test]
fn the_guard_is_exclusive() {
    let project = Project::new();
    let place = project.root().join("x/integrate.lock");
    let guard = IntegrateGuard::acquire(&place).expect("it is free");
    assert!(IntegrateGuard::try_acquire(&place).expect("lockable").is_none());
    drop(guard);
    assert!(IntegrateGuard::try_acquire(&place).expect("lockable").is_some());
}

#[test]
fn a_copy_of_the_lock_becomes_the_new_lock() {
    let (plain, copied) = (Project::new(), Project::new());
    let commit_both = |assets: &[(&str, &str)], prune: &[&str]| {
        for project in [&plain, &copied] {
            let is_copied = std::ptr::eq(project, &copied);
            if is_copied {
                project.write("copy", &project.read("assetbuild.lock").unwrap_or_default());
            }
            let assets = assets.iter().map(|(id, bytes)| {
                let file = format!("assets/{id}.png");
                project.asset(id, &[(file.as_str(), bytes)])
            });
            let prune = prune.iter().map(|id| Prune { id: (*id).to_owned(), forget: false });
            let run = Run {
                assets: assets.collect(),
                prune: prune.collect(),
                lock_copy: is_copied.then_some("copy"),
                ..Run::default()
            };
            let report = project.run(&run).expect("committed");
            assert!(report.problems.is_empty(), "{:?}", report.problems);
            let lock = project.read("assetbuild.lock").expect("a lock");
            let written = report.lock.map(|written| written.digest().expect("the lock is read"));
            assert_eq!(written, Some(Digest::of(lock.as_bytes())));
        }
        assert_eq!(plain.read("assetbuild.lock"), copied.read("assetbuild.lock"));
        assert_eq!(copied.read("copy"), None, "it is used up");
    };
    commit_both(&[("a", "1"), ("b", "1"), ("c", "1")], &[]);
    // A block of the same size, a longer one, one more, one less.
    commit_both(&[("b", "2")], &[]);
    commit_both(&[("b", "a longer text, whose size has two digits")], &[]);
    commit_both(&[("aa", "new")], &[]);
    commit_both(&[("c", "2")], &["a"]);
}

#[test]
fn without_the_promised_copy_the_lock_is_written_whole() {
    let project = Project::new();
    let assets = vec![project.asset("coin", &[("assets/coin.png", "gold")])];
    let run = Run { assets, lock_copy: Some("not/there"), ..Run::default() };
    let report = project.run(&run).expect("committed");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert!(project.block("coin").is_some());
}
