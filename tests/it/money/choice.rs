//! Several results of one request: a person's pick, another one, and what replaces a rejected one.

use std::fs;

use super::bank::Bank;
use super::{COIN, json, project, spent};
use crate::support::Project;

fn four(pick: &str) -> String {
    COIN.replace("provider: openai", &format!("provider: openai, variations: 4, pick: {pick}"))
}

/// A spec whose results must not be blank.
fn checked(generation: &str) -> String {
    let spec = COIN.replace("provider: openai", &format!("provider: openai{generation}"));
    format!("{spec}  post_processing: [{{ action: validate, checks: [not_blank] }}]\n")
}

/// The raw that a result of the asset has, by its number.
fn raw(project: &Project, number: usize) -> Vec<u8> {
    let listed = project.succeed(&["review", "coin"]);
    let prefix = format!("  {number}  ");
    let line = listed.stdout.lines().find(|line| line.starts_with(&prefix)).expect("its line");
    let purchase = line.split_whitespace().nth(1).expect("an id");
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    let mut entries = ledger["entries"].as_array().expect("a list").iter();
    let entry = entries.find(|entry| entry["purchase"] == purchase).expect("it is on record");
    let digest = entry["raw"].as_str().expect("a digest").trim_start_matches("b3:");
    let hash = digest.split('/').next().expect("a hash");
    project.read_bytes(&format!(".assetcache/paid/raw/{hash}.png"))
}

#[test]
fn a_person_picks_and_until_then_nothing_is_published() {
    let bank = Bank::open(&[]);
    let specs = four("human")
        + "- id: pose\n  generation: { type: image, provider: openai, reference: { asset: coin } }\n  \
           prompt: { base: The coin again, parameters: { size: 64x64, quality: low } }\n";
    let project = project(&bank, "", &specs);
    let built = project.succeed(&["--spend", "5"]);
    assert!(built.stderr.contains("pick one: assetbuild pick coin N"), "{}", built.stderr);
    // What refers to it would be drawn after a picture that nobody chose.
    assert_eq!(bank.bill().0, 4, "{}", built.stderr);
    assert!(built.stderr.contains("which waits for a pick"), "{}", built.stderr);
    assert!(!project.has("assets/coin.png") && project.has(".assetcache/review/coin/sheet.png"));
    assert_eq!(project.run(&["--check"]).code, 3);
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("waiting"));

    project.succeed(&["pick", "coin", "2"]);
    assert_eq!(project.read_bytes("assets/coin.png"), raw(&project, 2));
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 5);
    assert_eq!(project.succeed(&["--check"]).code, 0);

    let other = project.succeed(&["pick", "coin", "0"]);
    assert!(other.stderr.contains("pose refers to it"), "{}", other.stderr);
    assert_eq!(project.read_bytes("assets/coin.png"), raw(&project, 0));
    let wrong = project.run(&["pick", "coin", "4"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("0 to 3"), "{}", wrong.stderr);
    assert_eq!(bank.bill().0, 5, "picking costs nothing");
}

#[test]
fn a_new_request_leaves_the_old_file_live_until_the_next_pick() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &four("human"));
    project.succeed(&["--spend", "5"]);
    project.succeed(&["pick", "coin", "1"]);
    let before = project.read_bytes("assets/coin.png");
    project.edit("specs/a.yaml", "A coin", "A silver coin");
    project.succeed(&["--spend", "5"]);
    assert_eq!((bank.bill().0, project.read_bytes("assets/coin.png")), (8, before));
    assert_eq!(project.run(&["--check"]).code, 3);
    project.succeed(&["pick", "coin", "3"]);
    assert_eq!(project.read_bytes("assets/coin.png"), raw(&project, 3));
    project.succeed(&["--check"]);
}

#[test]
fn another_result_is_bought_when_asked_for_and_the_old_one_stays_at_hand() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    project.succeed(&["--spend", "5"]);
    let first = project.read_bytes("assets/coin.png");
    let unasked = project.run(&["reroll", "coin"]);
    assert_eq!(unasked.code, 4, "{}", project.shown(&unasked));
    assert_eq!(bank.bill().0, 1);
    project.succeed(&["reroll", "coin", "--count", "2", "--spend", "5"]);
    assert_eq!((bank.bill().0, spent(&project)), (3, bank.bill().1));
    assert_eq!(project.read_bytes("assets/coin.png"), raw(&project, 2));
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    project.succeed(&["pick", "coin", "0"]);
    assert_eq!(project.read_bytes("assets/coin.png"), first);
    // A clone has the pick, and none of the bytes.
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    project.succeed(&["--check"]);
}

#[test]
fn what_is_made_for_nothing_cannot_be_bought_again() {
    let bank = Bank::open(&[]);
    let project =
        project(&bank, "", "- { id: coin, generation: { type: image, provider: placeholder } }\n");
    let output = project.run(&["reroll", "coin", "--spend", "1"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert!(output.stderr.contains("is not bought"), "{}", output.stderr);
}

#[test]
fn a_rejected_result_makes_room_for_one_that_is_paid_for() {
    let bank = Bank::open(&["--fault", "blank@1"]);
    let project = project(&bank, "", &checked(", variations: 3"));
    let built = project.succeed(&["--spend", "5"]);
    assert!(project.has("assets/coin.png"));
    assert_eq!(bank.bill().0, 3, "{}", built.stderr);
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
}

#[test]
fn a_rejected_result_is_bought_again_as_often_as_the_spec_says() {
    let bank = Bank::open(&["--fault", "blank@1", "--fault", "blank@2"]);
    let project = project(&bank, "", &checked(", on_reject: { redraw: 2 }"));
    let plan = json(&project.succeed(&["--plan", "--format", "json"]));
    assert_eq!(plan["totals"]["cost"]["high_micros"], 900_000, "the plan has all three in it");
    project.succeed(&["--spend", "5"]);
    assert_eq!((bank.bill().0, spent(&project)), (3, bank.bill().1));
    assert!(project.has("assets/coin.png"));
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
}

#[test]
fn what_is_rejected_is_kept_and_a_looser_check_costs_nothing() {
    let bank = Bank::open(&["--fault", "blank@1", "--fault", "blank@2"]);
    let project = project(&bank, "", &checked(", variations: 2"));
    let rejected = project.run(&["--spend", "5"]);
    assert_eq!(rejected.code, 1, "{}", project.shown(&rejected));
    let said = "another result was rejected as well; assetbuild reroll coin buys one more";
    assert!(rejected.stderr.contains(said), "{}", rejected.stderr);
    assert!(!project.has("assets/coin.png") && project.has(".assetcache/review/coin/1.png"));
    // Not even in another checkout, which has the lock and the second home.
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    assert_eq!(project.run(&["--spend", "5"]).code, 1);
    project.edit("specs/a.yaml", "not_blank", "no_alpha");
    project.succeed(&[]);
    assert!(project.has("assets/coin.png"));
    assert_eq!(bank.bill().0, 2);
}

#[test]
fn a_lock_that_must_not_change_lets_nothing_be_bought() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    project.succeed(&["--spend", "5"]);
    let output = project.run(&["reroll", "coin", "--spend", "5", "--locked"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    project.edit("specs/a.yaml", "provider: openai", "provider: openai, variations: 3");
    let output = project.run(&["--spend", "5", "--locked"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert!(output.stderr.contains("--locked forbids"), "{}", output.stderr);
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn fewer_variations_do_not_make_another_result_free() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &four("auto"));
    project.succeed(&["--spend", "5"]);
    project.edit("specs/a.yaml", "variations: 4", "variations: 1");
    let unasked = project.run(&["reroll", "coin", "--count", "2"]);
    assert_eq!((unasked.code, bank.bill().0), (4, 4), "{}", project.shown(&unasked));
    project.succeed(&["reroll", "coin", "--count", "2", "--spend", "5"]);
    assert_eq!(bank.bill().0, 6);
}

#[test]
fn what_was_never_published_cannot_be_kept() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &four("human"));
    project.succeed(&["--spend", "5"]);
    project.edit("specs/a.yaml", "A coin", "A silver coin");
    let output = project.run(&["keep", "coin", "--reason", "good"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert!(output.stderr.contains("never built"), "{}", output.stderr);
    assert_eq!(project.run(&["--no-spend"]).code, 4);
    assert_eq!(bank.bill().0, 4);
}

#[test]
fn what_refers_to_something_new_is_bought_after_it_and_once() {
    let bank = Bank::open(&[]);
    let specs = COIN.to_owned()
        + "- id: pose\n  generation: { type: image, provider: openai, reference: { asset: coin }, \
           variations: 2 }\n  prompt: { base: The coin again, parameters: { size: 64x64, quality: low } }\n";
    let project = project(&bank, "", &specs);
    let plan = project.succeed(&["--plan"]).stdout;
    assert!(plan.contains("pose  buy 2 × gpt-image-2  $0.60, after `coin`  → "), "{plan}");
    assert!(plan.contains("Buy 3: at most $0.90"), "{plan}");
    // What does not suffice for all of it buys nothing.
    assert_eq!(project.run(&["--spend", "0.60"]).code, 4);
    assert_eq!(bank.bill().0, 0);
    let built = project.succeed(&["--spend", "0.90", "--format", "json"]);
    assert_eq!(bank.bill().0, 3);
    assert!(project.has("assets/pose.png"));
    let summary = json(&built);
    assert_eq!(
        (&summary["assets"], &summary["built"], &summary["held"]),
        (&2.into(), &2.into(), &0.into())
    );
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    project.succeed(&["--check"]);
}

/// Each refers to the one before it.
fn row(count: usize) -> String {
    let one = |number: usize| {
        let reference = match number {
            0 => String::new(),
            number => format!(", reference: {{ asset: step-{} }}", number - 1),
        };
        format!(
            "- id: step-{number}\n  generation: {{ type: image, provider: openai{reference} }}\n  \
             prompt: {{ base: Step {number}, parameters: {{ size: 64x64, quality: low }} }}\n"
        )
    };
    (0..count).map(one).collect()
}

#[test]
fn a_row_of_references_is_bought_in_one_run_and_under_its_cap() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "budget: { per_run: 0.90 }\n", &row(4));
    assert_eq!(project.run(&["--spend", "5"]).code, 4, "four cost up to 1.20");
    let partly = project.run(&["--spend", "5", "--partial"]);
    assert_eq!(partly.code, 4, "{}", project.shown(&partly));
    assert_eq!(bank.bill().0, 3);
    assert!(project.has("assets/step-2.png"), "{}", project.shown(&partly));
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 4);
    project.succeed(&["--check"]);
}

#[test]
fn what_refers_to_something_that_fails_is_not_bought() {
    let bank = Bank::open(&["--fault", "refuse@1"]);
    let project = project(&bank, "", &row(3));
    let output = project.run(&["--spend", "5"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert_eq!(bank.bill().0, 0);
    let said = "step-1: pending: what it refers to was not bought";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 3);
}

#[test]
fn nothing_is_bought_after_the_first_failure_if_the_user_says_so() {
    let bank = Bank::open(&["--latency", "300"]);
    let bad = "- { id: bad, generation: { type: image, provider: placeholder }, \
               post_processing: [{ action: validate, checks: [file_size_under_1kb] }] }\n";
    let project = project(&bank, "", &(bad.to_owned() + &row(2)));
    let output = project.run(&["--spend", "5", "--fail-fast"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert_eq!(bank.bill().0, 1, "what was begun is finished");
    assert!(project.has("assets/step-0.png") && !project.has("assets/step-1.png"));
    assert!(output.stderr.contains("step-1: pending"), "{}", output.stderr);
}

#[test]
fn what_refers_to_something_that_is_not_selected_is_not_bought() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &row(2));
    let plan = project.succeed(&["--plan", "step-1"]).stdout;
    assert!(plan.contains("refers to `step-0`, which is not bought; build it too"), "{plan}");
    assert!(plan.contains("Nothing to buy"), "{plan}");
    let output = project.run(&["step-1", "--spend", "5"]);
    assert!(output.stderr.contains("build it too"), "{}", output.stderr);
    assert_eq!(bank.bill().0, 0);
}
