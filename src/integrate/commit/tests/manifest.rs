//! Commits whose manifest a person edits too, or that is known before.

use super::*;
use crate::integrate::manifest::EntryProblem;

const MANIFEST: &str = "assets/manifest.json";

#[test]
fn entries_of_a_person_are_kept_and_the_lock_says_so() {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "1")])]);
    let by_hand = project.read("assets/manifest.json").expect("there").replace(".png\"", ".gif\"");
    let by_hand = by_hand.replace("\"images\": {", "\"images\": {\n      \"gem\": 7,");
    project.write("assets/manifest.json", &by_hand);
    let before = project.block("coin").expect("there").entry;
    let mut coin = project.asset("coin", &[(COIN, "2")]);
    coin.entry.as_mut().expect("it has one").value = json!({"path": COIN, "frames": 2});
    let assets = vec![coin, project.asset("gem", &[(GEM, "g")])];
    let report = project.run(&Run { assets: assets.clone(), ..Run::default() }).expect("run");
    assert!(matches!(
        &report.problems[..],
        [
            AssetProblem { problem: Problem::Entry(EntryProblem::Conflict { .. }), .. },
            AssetProblem { problem: Problem::Entry(EntryProblem::Foreign { .. }), .. },
        ]
    ));
    assert!(report.dropped().is_empty());
    assert_eq!(project.read("assets/manifest.json"), Some(by_hand));
    assert_eq!(project.read(COIN).as_deref(), Some("2"));
    assert_eq!(project.block("coin").expect("there").entry, before);
    assert_eq!(project.block("gem").expect("there").entry, None);
}

#[test]
fn a_broken_manifest_stops_no_file() {
    let project = Project::new();
    project.write("assets/manifest.json", "{ \"assets\": ");
    let assets = vec![project.asset("coin", &[(COIN, "1")]), project.asset("gem", &[(GEM, "2")])];
    let report = project.run(&Run { assets: assets.clone(), ..Run::default() }).expect("run");
    assert_eq!(
        problems(&report),
        [("coin".to_owned(), "the manifest cannot be edited".to_owned())]
    );
    assert_eq!(project.block("gem").expect("committed").entry, None);
    fs::remove_file(project.root().join("assets/manifest.json")).expect("removed");
    fs::create_dir(project.root().join("assets/manifest.json")).expect("a folder");
    let report = project.run(&Run { assets, ..Run::default() }).expect("run");
    assert!(matches!(
        report.problems[0].problem,
        Problem::ManifestFile(PublishError::Directory { .. })
    ));
    assert_eq!(project.read(GEM).as_deref(), Some("2"));
}

#[test]
fn an_unchanged_manifest_is_not_read() {
    let project = Project::new();
    let assets = vec![project.asset("coin", &[(COIN, "1")])];
    project.build(assets);
    project.write("assets/manifest.json", "broken");
    let run = Run {
        assets: vec![project.asset("coin", &[(COIN, "2")])],
        manifest_unchanged: true,
        ..Run::default()
    };
    assert!(project.run(&run).expect("run").problems.is_empty());
    assert_eq!(project.read("assets/manifest.json").as_deref(), Some("broken"));
}

/// A project with a coin, and the coin as it shall be next.
fn with_a_coin() -> (Project, AssetCommit) {
    let project = Project::new();
    project.build(vec![project.asset("coin", &[(COIN, "1")])]);
    let mut coin = project.asset("coin", &[(COIN, "2")]);
    coin.entry.as_mut().expect("it has one").value = json!({"path": COIN, "frames": 2});
    (project, coin)
}

#[test]
fn of_a_known_manifest_only_the_entries_that_change_are_read() {
    let (project, coin) = with_a_coin();
    let before = project.read(MANIFEST).expect("there");
    // A parser would not take this.
    let before = before.replace("{\n  \"assets\"", "{\n  \"mine\": {?},\n  \"assets\"");
    project.write(MANIFEST, &before);
    let run = Run {
        assets: vec![coin],
        manifest_known: Some(Digest::of(before.as_bytes())),
        ..Run::default()
    };
    let report = project.run(&run).expect("run");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let after = project.read(MANIFEST).expect("there");
    assert_eq!(after.replace(",\n        \"frames\": 2", ""), before);
    assert_eq!(report.manifest.expect("written").after, Digest::of(after.as_bytes()));
}

#[test]
fn a_manifest_that_a_person_edits_meanwhile_is_not_the_known_one() {
    let by_hand: [fn(&str) -> String; 5] = [
        |text| text.replace("coin.png\"", "coin.gif\""),
        |text| text.replace("{\n  \"assets\"", "{\n  // mine\n  \"mine\": [1, 2, ],\n  \"assets\""),
        |text| text.replace("{\n  \"assets\"", "{\n  \"mine\": {?},\n  \"assets\""),
        |text| text.replacen('}', "", 1),
        |_| String::new(),
    ];
    for edit in by_hand {
        let run = |is_known: bool| {
            let (project, coin) = with_a_coin();
            let known = project.read(MANIFEST).expect("there");
            project.write(MANIFEST, &edit(&known));
            let manifest_known = is_known.then(|| Digest::of(known.as_bytes()));
            let run = Run { assets: vec![coin], manifest_known, ..Run::default() };
            let report = project.run(&run).expect("run");
            let told: Vec<String> =
                report.problems.iter().map(|found| format!("{:?}", found.problem)).collect();
            (told, report.entries, report.manifest, project.tree())
        };
        assert_eq!(run(true), run(false));
    }
}

#[test]
fn a_commit_that_was_cut_off_knows_no_manifest() {
    let (project, coin) = with_a_coin();
    let known = project.read(MANIFEST).expect("there");
    let manifest_known = Some(Digest::of(known.as_bytes()));
    let run = Run { assets: vec![coin], manifest_known, stop_at: Some(1), ..Run::default() };
    assert!(matches!(project.run(&run), Err(CommitError::Interrupted)));
    let broken = known.replace("{\n  \"assets\"", "{\n  \"mine\": {?},\n  \"assets\"");
    project.write(MANIFEST, &broken);
    let report = project.roll_forward().expect("there is work");
    assert!(matches!(report.problems[0].problem, Problem::Manifest(_)));
    assert_eq!(project.read(MANIFEST), Some(broken));
    assert_eq!(project.read(COIN).as_deref(), Some("2"));
}
