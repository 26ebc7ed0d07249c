//! Commits of which some blocks of the lock are known: they end as those that read all of it.

use super::*;

/// Projects with the same assets: the first reads its lock, the others know the blocks of what they commit,
/// with and without a copy of the lock.
struct Projects([Project; 3]);

impl Projects {
    fn new(assets: &[(&str, &str)]) -> Self {
        let projects = Self([Project::new(), Project::new(), Project::new()]);
        for project in &projects.0 {
            let file = |id: &str| format!("assets/{id}.png");
            let asset = |(id, bytes): &(&str, &str)| project.asset(id, &[(&file(id), bytes)]);
            project.build(assets.iter().map(asset).collect());
        }
        projects
    }

    /// Commits the same in all of them, and gives the problems.
    fn commit(
        &self,
        change: impl Fn(&Project) -> Vec<AssetCommit>,
        checkpoint: impl Fn(&Project) -> Box<dyn Checkpoint>,
    ) -> Vec<String> {
        let mut ends = Vec::new();
        for (place, project) in self.0.iter().enumerate() {
            let assets = change(project);
            let lock = project.read("assetbuild.lock").expect("a lock");
            project.write("copy", &lock);
            let ids = assets.iter().map(|asset| asset.block.id.as_str());
            let file = io::Cursor::new(lock.into_bytes());
            let excerpt = Excerpt::read(file, ids).expect("readable");
            let run = Run {
                assets: assets.clone(),
                excerpt: excerpt.as_ref().filter(|_| place > 0),
                lock_copy: (place == 1).then_some("copy"),
                ..Run::default()
            };
            let report = project.run_with(&run, &*checkpoint(project)).expect("committed");
            let lock = project.read("assetbuild.lock").expect("a lock");
            let written = report.lock.map(|written| written.digest().expect("it is read"));
            assert!(written.is_none_or(|digest| digest == Digest::of(lock.as_bytes())));
            let problems: Vec<String> =
                report.problems.iter().map(|problem| format!("{problem:?}")).collect();
            let manifest = project.read("assets/manifest.json");
            ends.push((lock, manifest, problems, report.is_disturbed));
        }
        assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
        let (_, _, problems, is_disturbed) = ends.swap_remove(0);
        let is_alone = self.0.iter().all(|project| !project.lock().text().contains("by hand"));
        assert_eq!(is_disturbed, !is_alone, "what others wrote is to be assessed");
        problems
    }

    fn commit_plainly(&self, change: impl Fn(&Project) -> Vec<AssetCommit>) -> Vec<String> {
        self.commit(change, |_| Box::new(Uninterrupted))
    }
}

const ASSETS: [(&str, &str); 5] = [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")];

#[test]
fn the_lock_is_what_it_would_be() {
    let projects = Projects::new(&ASSETS);
    let commit = |ids: &[&str], bytes: &str| {
        let change = |project: &Project| {
            let file = |id: &str| format!("assets/{id}.png");
            ids.iter().map(|id| project.asset(id, &[(&file(id), bytes)])).collect()
        };
        assert_eq!(projects.commit_plainly(change), [""; 0]);
    };
    commit(&["b"], "2");
    commit(&["b"], "a text whose size has two digits");
    commit(&["a", "c", "e"], "another text whose size has two digits");
    commit(&["a", "e"], "5");
    commit(&["c"], "another text whose size has two digits");
    let lock = projects.0[1].read("assetbuild.lock").expect("a lock");
    assert_eq!(LockFile::parse(lock).expect("a lock").len(), ASSETS.len());
}

#[test]
fn what_concerns_other_blocks_has_the_whole_lock_read() {
    let projects = Projects::new(&ASSETS);
    let moved = |project: &Project| vec![project.asset("b", &[("assets/other.png", "2")])];
    assert_eq!(projects.commit_plainly(moved), [""; 0]);
    let taken = |project: &Project| vec![project.asset("b", &[("assets/d.png", "2")])];
    assert_eq!(projects.commit_plainly(taken).len(), 1, "that is the file of another one");
    let new = |project: &Project| vec![project.asset("bb", &[("assets/bb.png", "2")])];
    assert_eq!(projects.commit_plainly(new), [""; 0]);
    let renamed = |project: &Project| {
        let asset = project.asset("f", &[("assets/c.png", "1")]);
        vec![AssetCommit { renamed_from: Some("c".to_owned()), ..asset }]
    };
    assert_eq!(projects.commit_plainly(renamed), [""; 0]);
    let other_entry = |project: &Project| {
        let mut asset = project.asset("a", &[("assets/a.png", "3")]);
        asset.entry.as_mut().expect("an entry").key = "d".to_owned();
        vec![asset]
    };
    projects.commit_plainly(other_entry);
}

#[test]
fn what_is_in_the_way_of_an_asset_keeps_its_block() {
    let projects = Projects::new(&ASSETS);
    for project in &projects.0 {
        project.write("assets/b.png", "by hand");
    }
    let change = |project: &Project| {
        let assets = [("a", "assets/a.png"), ("b", "assets/b.png"), ("c", "assets/c.png")];
        assets.map(|(id, file)| project.asset(id, &[(file, "22")])).to_vec()
    };
    assert_eq!(projects.commit_plainly(change).len(), 1);

    // What is in the way only when the new lock has been written has it written once more.
    let projects = Projects::new(&ASSETS);
    let sabotage = |project: &Project| -> Box<dyn Checkpoint> {
        let root = project.root().to_owned();
        Box::new(SabotageAt { root, file: "assets/b.png" })
    };
    assert_eq!(projects.commit(change, sabotage).len(), 1);
    for project in &projects.0 {
        let lock = project.lock();
        let output = |id: &str| lock.get(id).expect("a block").expect("readable").outputs[0].1;
        assert_eq!((output("a"), output("b")), (Digest::of(b"22"), Digest::of(b"1")));
    }
}

struct SabotageAt {
    root: std::path::PathBuf,
    file: &'static str,
}

impl Checkpoint for SabotageAt {
    fn proceed(&self, step: Step<'_>) -> bool {
        Sabotage { root: &self.root, file: self.file }.proceed(step)
    }
}

#[test]
fn a_commit_that_is_cut_off_anywhere_is_completed() {
    for stop_at in 0.. {
        let project = Project::new();
        project.build(vec![
            project.asset("a", &[("a.png", "1")]),
            project.asset("b", &[("b.png", "1")]),
        ]);
        let text = project.read("assetbuild.lock").expect("a lock");
        project.write("copy", &text);
        let excerpt = Excerpt::read(io::Cursor::new(text.into_bytes()), ["b"]).expect("readable");
        let run = Run {
            assets: vec![project.asset("b", &[("b.png", "two")])],
            excerpt: excerpt.as_ref(),
            lock_copy: Some("copy"),
            stop_at: Some(stop_at),
            ..Run::default()
        };
        let is_done = project.run(&run).is_ok();
        let is_begun = project.record().exists();
        project.roll_forward();
        let lock = project.lock();
        let block = lock.get("b").expect("a block").expect("readable");
        let file = project.read("b.png").expect("a file");
        assert_eq!(block.outputs[0].1, Digest::of(file.as_bytes()), "stopped at {stop_at}");
        assert!(lock.contains("a") && (file == "two") == (is_done || is_begun));
        if is_done {
            assert!(stop_at > 3);
            return;
        }
    }
}

/// Adds a line to the lock just before a file is published, as an editor would that knows of no other locks.
struct WriteMeanwhile(std::path::PathBuf);

impl Checkpoint for WriteMeanwhile {
    fn proceed(&self, step: Step<'_>) -> bool {
        if matches!(step, Step::Publish(_)) {
            let text = fs::read_to_string(&self.0).expect("a lock");
            fs::write(&self.0, text + "\n# by hand\n").expect("writable");
        }
        true
    }
}

#[test]
fn what_somebody_writes_into_the_lock_meanwhile_stays() {
    let projects = Projects::new(&ASSETS);
    let change = |project: &Project| vec![project.asset("b", &[("assets/b.png", "2")])];
    let write = |project: &Project| -> Box<dyn Checkpoint> {
        Box::new(WriteMeanwhile(project.root().join("assetbuild.lock")))
    };
    assert_eq!(projects.commit(change, write), [""; 0]);
    for project in &projects.0 {
        let lock = project.read("assetbuild.lock").expect("a lock");
        assert!(lock.ends_with("# by hand\n"), "{lock}");
        assert_eq!(project.block("b").expect("a block").outputs[0].1, Digest::of(b"2"));
    }
}

#[test]
fn a_copy_that_somebody_wrote_into_is_not_used() {
    for (altered, is_excerpt) in [("", true), ("version = 1\n", true), ("version = 1\n", false)] {
        let project = Project::new();
        let asset = |id: &str, text: &str| project.asset(id, &[(&format!("{id}.png"), text)]);
        project.build(vec![asset("a", "1"), asset("b", "1")]);
        let lock = project.read("assetbuild.lock").expect("a lock");
        let excerpt = Excerpt::read(io::Cursor::new(lock.into_bytes()), ["b"]).expect("readable");
        project.write("copy", altered);
        let run = Run {
            assets: vec![asset("b", "2")],
            excerpt: excerpt.as_ref().filter(|_| is_excerpt),
            lock_copy: Some("copy"),
            ..Run::default()
        };
        assert!(project.run(&run).expect("committed").problems.is_empty());
        let output = |id: &str| project.block(id).expect("a block").outputs[0].1;
        assert_eq!((output("a"), output("b")), (Digest::of(b"1"), Digest::of(b"2")));
    }
}
