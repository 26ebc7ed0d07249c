//! What is left of a purchase when a store is lost, and that no store holds a key.

use std::fs;

use super::bank::Bank;
use super::{COIN, KEY, THREE, assert_no_file_holds, json, project, spent};

#[test]
fn without_cache_and_lock_the_second_home_gives_everything_back() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    project.succeed(&["--spend", "1"]);
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    project.remove("assetbuild.lock");
    project.remove("assets/coin.png");
    project.remove("assets/manifest.json");
    let again = project.succeed(&["--spend", "1"]);
    assert_eq!(bank.bill().0, 1, "{}", project.shown(&again));
    assert!(project.has("assets/coin.png"));
    assert_eq!(spent(&project), bank.bill().1);
}

#[test]
fn without_a_second_home_the_lock_still_keeps_what_is_published_fresh() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN).variable("ASSETBUILD_STORE", "off");
    let built = project.succeed(&["--spend", "1"]);
    assert!(built.stderr.contains("lies only in .assetcache/paid"), "{}", built.stderr);
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    project.succeed(&["--spend", "1"]);
    // Something new from the same picture needs its bytes, and does not buy them again.
    project.edit(
        "specs/a.yaml",
        "- id: coin",
        "- post_processing: [{ action: resize, dimensions: 16x16 }]\n  id: coin",
    );
    let missing = project.run(&["--spend", "1"]);
    assert_eq!(missing.code, 4, "{}", project.shown(&missing));
    assert!(missing.stderr.contains("--allow-rebuy"), "{}", missing.stderr);
    assert_eq!(bank.bill().0, 1);
    project.succeed(&["--spend", "1", "--allow-rebuy"]);
    assert_eq!(bank.bill().0, 2);
    project.succeed(&["--check"]);
    assert!(project.succeed(&["--spend", "1", "--allow-rebuy"]).stderr.contains("nothing to do"));
}

#[test]
fn a_lost_database_forgets_no_purchase() {
    let bank = Bank::open(&["--fault", "reset@2"]);
    let project = project(&bank, "", THREE);
    assert_eq!(project.run(&["--spend", "5"]).code, 6);
    let before = json(&project.run(&["ledger", "--format", "json"]));
    project.remove(".assetcache/state.redb");
    assert_eq!(json(&project.run(&["ledger", "--format", "json"])), before);
    let again = project.run(&["--spend", "5"]);
    assert_eq!((again.code, bank.bill().0), (6, 3), "{}", project.shown(&again));
}

#[test]
fn no_key_is_written_anywhere_whatever_goes_wrong() {
    let faults = ["429@1", "500@2", "reset@3", "truncate@4", "garbage@5", "refuse@6", "blank@7"];
    let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let bank = Bank::open(&arguments);
    let specs: String = (0..9)
        .map(|number| {
            COIN.replace("id: coin", &format!("id: coin-{number}"))
                .replace("A coin", &format!("Coin {number}"))
        })
        .collect();
    let project = project(&bank, "", &specs);
    let mut shown = String::new();
    for arguments in [
        &["--spend", "9", "--trace", "trace.json", "--log-format", "json", "-v"][..],
        &["--spend", "9", "--format", "ndjson"],
        &["--plan", "--format", "json"],
        &["ledger", "--csv"],
        &["status", "--format", "json"],
        &["recover"],
        &["review"],
    ] {
        let output = project.run(arguments);
        shown += &(output.stdout + &output.stderr);
    }
    assert!(shown.contains("coin-8") && !shown.contains(KEY));
    assert_no_file_holds(&project.root(), KEY);
    assert_no_file_holds(&project.home(), KEY);
}
