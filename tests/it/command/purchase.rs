//! Results that cannot be made again: kept like what was bought.

use std::fs;

use super::{counted, picture, project, runs, spec};
use crate::support::Project;

/// A project whose program makes another picture each time.
fn random_project() -> Project {
    let project = project("", "");
    project.write("specs/coin.yaml", random_spec(&project, ""));
    project
}

fn random_spec(project: &Project, more: &str) -> String {
    let script = "cp art/coin.png out.png\nhead -c 32 /dev/urandom >> out.png";
    spec(&counted(project, script), more)
}

const STEPS: &str = "post_processing: [{ action: resize, dimensions: 4x4 }]\n";

fn with_steps(project: &Project) {
    project.write("specs/coin.yaml", random_spec(project, "") + STEPS);
}

fn purchases(project: &Project) -> Vec<toml::Table> {
    let lock: toml::Table = project.read("assetbuild.lock").parse().expect("TOML");
    let block = lock["asset"]["coin"].as_table().expect("a block").clone();
    let all = block["purchases"].as_array().expect("purchases").clone();
    all.into_iter().map(|one| one.as_table().expect("a purchase").clone()).collect()
}

#[test]
fn a_result_is_recorded_with_all_that_a_clone_needs() {
    let project = random_project();
    project.write("specs/coin.yaml", random_spec(&project, "version: [echo, tool 1.2]"));
    project.succeed(&[]);
    let all = purchases(&project);
    assert_eq!(all.len(), 1);
    let text = |key: &str| all[0][key].as_str().expect(key).to_owned();
    assert_eq!(text("provider"), "command");
    assert_eq!((text("model").as_str(), text("model_used").as_str()), ("sh", "tool 1.2"));
    assert_eq!(all[0]["cost_micros"].as_integer(), Some(0));
    let raw = text("raw").split_once('/').expect("digest and size").0.to_owned();
    let receipt = format!(".assetcache/paid/purchases/{}.toml", text("id"));
    let receipt: toml::Table = project.read(&receipt).parse().expect("TOML");
    assert_eq!(receipt["state"].as_str(), Some("settled"));
    assert_eq!(receipt["raw"].as_str(), Some(format!("b3:{}", text("raw")).as_str()));
    let kept = project.read_bytes(&format!(".assetcache/paid/raw/{raw}.png"));
    assert_eq!(blake3::hash(&kept).to_hex().as_str(), raw);
    let manifest = project.read("assets/manifest.json");
    assert!(
        !manifest.contains("aiGenerated"),
        "a program of the project is no provider\n{manifest}"
    );
}

#[test]
fn a_result_is_made_once_whatever_else_changes() {
    let project = random_project();
    project.succeed(&[]);
    let first = purchases(&project);
    with_steps(&project);
    project.succeed(&[]);
    project.remove("assets/coin.png");
    project.succeed(&["--refresh"]);
    assert_eq!((runs(&project), purchases(&project)), (1, first.clone()));

    // Another request is another result; going back goes back to the first.
    project.write("art/coin.png", picture([1, 1, 1, 255]));
    project.succeed(&[]);
    assert_eq!((runs(&project), purchases(&project).len()), (2, 2));
    let second = project.read_bytes("assets/coin.png");
    project.write("art/coin.png", picture([250, 200, 0, 255]));
    project.succeed(&[]);
    assert_eq!(runs(&project), 2);
    assert_ne!(project.read_bytes("assets/coin.png"), second);
    project.succeed(&["--check"]);
}

#[test]
fn a_lost_cache_costs_nothing() {
    let project = random_project();
    project.succeed(&[]);
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    with_steps(&project);
    project.succeed(&[]);
    assert_eq!(runs(&project), 1, "the second home had it");
    project.succeed(&["--check"]);
}

#[test]
fn a_lost_lock_is_made_again_from_the_receipts() {
    let project = random_project();
    project.succeed(&[]);
    let lock = project.read("assetbuild.lock");
    project.remove("assetbuild.lock");
    project.remove("assets/coin.png");
    project.succeed(&[]);
    assert_eq!((runs(&project), project.read("assetbuild.lock")), (1, lock));
}

#[test]
fn a_result_that_is_nowhere_is_told_and_not_made_in_silence() {
    let project = random_project().variable("ASSETBUILD_STORE", "off");
    project.succeed(&[]);
    project.succeed(&["--check"]);
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    project.succeed(&["--check"]);
    with_steps(&project);
    let output = project.run(&[]);
    assert_eq!(output.code, 4, "{}", project.shown(&output));
    assert!(output.stderr.contains("coin: missing-raw: the bought file"), "{}", output.stderr);
    assert!(output.stderr.contains("set another `take`"), "{}", output.stderr);
    assert_eq!(runs(&project), 1);
    project.edit("specs/coin.yaml", "  output:", "  take: 2\n  output:");
    project.succeed(&[]);
    assert_eq!(runs(&project), 2);
}

#[test]
fn a_receipt_without_its_bytes_is_told_too() {
    let project = random_project().variable("ASSETBUILD_STORE", "off");
    project.succeed(&[]);
    fs::remove_dir_all(project.path(".assetcache/paid/raw")).expect("a folder");
    project.remove("assetbuild.lock");
    let output = project.run(&[]);
    assert_eq!(output.code, 4, "{}", project.shown(&output));
    assert!(output.stderr.contains("which is in none of the stores"), "{}", output.stderr);
    assert_eq!(runs(&project), 1);
}

#[test]
fn equal_requests_share_unless_they_ask_for_another() {
    let project = random_project();
    let other = |id: &str, more: &str| {
        random_spec(&project, more).replacen("id: coin", &format!("id: {id}"), 1)
    };
    project.write("specs/twin.yaml", other("twin", ""));
    project.write("specs/other.yaml", other("other", "take: 2"));
    project.succeed(&["-j", "4"]);
    assert_eq!(runs(&project), 2);
    let file = |id: &str| project.read_bytes(&format!("assets/{id}.png"));
    assert_eq!(file("coin"), file("twin"));
    project.succeed(&["--check"]);
}

#[test]
fn variations_are_told_their_number() {
    let project = project("", "");
    let script =
        counted(&project, "cp art/coin.png out.png; printf $ASSETBUILD_VARIATION >> out.png");
    project.write("specs/coin.yaml", spec(&script, "variations: 3"));
    project.succeed(&[]);
    let mut all = purchases(&project);
    all.sort_by_key(|purchase| purchase["index"].as_integer());
    let numbers: Vec<char> = all
        .iter()
        .map(|purchase| {
            let raw = purchase["raw"].as_str().expect("a digest");
            let hex = raw.split_once('/').expect("digest and size").0;
            let bytes = project.read_bytes(&format!(".assetcache/paid/raw/{hex}.png"));
            char::from(*bytes.last().expect("bytes"))
        })
        .collect();
    assert_eq!((runs(&project), numbers), (3, vec!['0', '1', '2']));
    let lock = project.read("assetbuild.lock");
    let first = all[0]["raw"].as_str().expect("a digest");
    assert!(lock.contains(&format!("\nraw = \"{first}\"")), "the first one is taken\n{lock}");
    project.succeed(&["--check"]);
}

#[test]
fn a_lock_that_must_not_change_lets_no_program_run() {
    let project = random_project();
    let output = project.run(&["--locked"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert_eq!(runs(&project), 0);
    project.succeed(&[]);
    project.succeed(&["--locked"]);
}

#[test]
fn a_plan_does_not_speak_of_money() {
    let project = random_project();
    let plan = project.succeed(&["--plan"]).stdout;
    assert!(plan.contains("+ coin") && plan.contains("Nothing to buy"), "{plan}");
    let plan = project.succeed(&["--plan", "--format", "json"]).stdout;
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["totals"]["paid"], 0);
}
