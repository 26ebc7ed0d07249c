//! What accounts hold, who else may be asked, and who bought.

use super::bank::Bank;
use super::{COIN, json, project};
use crate::selection::git;

const SOUND: &str = "- id: pop-1\n  generation: { provider: elevenlabs, duration_seconds: 0.5 }\n  prompt: Pop\n\
    - id: pop-2\n  generation: { provider: elevenlabs, duration_seconds: 0.5 }\n  prompt: Pop again\n";

#[test]
fn credits_below_the_reserve_are_not_spent() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", SOUND);
    // The account has 100,000, and a sound takes up to 20.
    project.edit("Assetfile.yaml", "elevenlabs: {", "elevenlabs: { reserve_credits: 99970,");
    let built = project.run(&["--spend", "1", "-j", "1"]);
    assert_eq!(built.code, 4, "{}", project.shown(&built));
    assert!(built.stderr.contains("99970 of them reserved"), "{}", built.stderr);
    assert_eq!(bank.bill().0, 1);
    project.edit("Assetfile.yaml", "99970", "90000");
    project.succeed(&["--spend", "1"]);
    assert_eq!(bank.bill().0, 2);
}

/// A picture that somebody else may make.
fn followed(more: &str) -> String {
    let fallback = format!("provider: openai, fallback: stable-diffusion{more}");
    COIN.replace("provider: openai", &fallback)
}

#[test]
fn a_provider_that_is_down_is_followed_by_the_next() {
    let bank = Bank::open(&["--quota", "0.000001"]);
    let project = project(&bank, "", &followed(""));
    // The first account runs empty by its first picture; the other one is as empty.
    let empty = project.run(&["--spend", "1"]);
    assert_eq!(empty.code, 0, "{}", project.shown(&empty));
    project.edit("specs/a.yaml", "A coin", "A silver coin");
    let output = project.run(&["--spend", "1"]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    let followed = output.stderr.contains("stable-diffusion takes over from openai");
    assert!(followed, "{}", output.stderr);
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn a_refusal_is_followed_only_where_the_spec_says_so() {
    let bank = Bank::open(&["--fault", "refuse@1", "--fault", "refuse@2"]);
    let project = project(&bank, "", &followed(""));
    assert_eq!(project.run(&["--spend", "1"]).code, 1);
    assert_eq!(bank.bill().0, 0);
    project.write("specs/a.yaml", followed(", fallback_on: refusal"));
    let output = project.succeed(&["--spend", "1"]);
    assert!(output.stderr.contains("stable-diffusion takes over from openai"), "{}", output.stderr);
    assert_eq!(bank.bill().0, 1);
    let lock = project.read("assetbuild.lock");
    assert!(lock.contains("provider = \"stable-diffusion\""), "{lock}");
    assert!(project.succeed(&["--spend", "1"]).stderr.contains("nothing to do"));
    // The first provider would be asked for something else; the request is bought all the same.
    project.remove("assetbuild.lock");
    project.remove("assets/coin.png");
    project.remove("assets/manifest.json");
    project.succeed(&["--no-spend"]);
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn a_missing_key_is_followed_only_where_the_spec_says_so() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &followed("")).variable("OPENAI_API_KEY", "");
    assert_eq!(project.run(&["--spend", "1"]).code, 5);
    project.write("specs/a.yaml", followed(", fallback_on: [missing-key]"));
    project.succeed(&["--spend", "1"]);
    assert_eq!(bank.bill().0, 1);
    let wrong = followed(", fallback_on: [bad-weather]");
    project.write("specs/a.yaml", wrong);
    let output = project.run(&["--plan"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("missing-key"), "{}", output.stderr);
}

#[test]
fn somebody_who_takes_over_is_bought_from_only_within_what_was_agreed_to() {
    let bank = Bank::open(&["--quota", "0.000001"]);
    let followed = COIN.replace("provider: openai", "provider: openai, fallback: firefly");
    let project = project(&bank, "", &followed);
    project.edit("Assetfile.yaml", ", prices: { image3: 0.05 }", "");
    project.succeed(&["--spend", "1"]);
    assert_eq!(bank.bill().0, 1);
    // Nobody publishes its price, but the amount bounds it; the account is empty, too.
    project.edit("specs/a.yaml", "A coin", "A silver coin");
    assert_eq!(project.run(&["--spend", "1"]).code, 5);
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn the_ledger_says_who_bought() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    git(&project, &["init", "-q"]);
    git(&project, &["config", "user.name", "Ada Lovelace"]);
    project.succeed(&["--spend", "1"]);
    let by = project.succeed(&["ledger", "--by", "who"]);
    assert!(by.stdout.starts_with("Ada Lovelace  1 bought"), "{}", by.stdout);
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    assert_eq!(ledger["entries"][0]["buyer"], "Ada Lovelace");
}

#[test]
fn the_plan_shows_what_the_caps_have_left() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "budget: { daily: 2.00 }\n", COIN);
    let plan = project.succeed(&["--plan"]);
    assert!(plan.stdout.contains("day: $0.00 of $2.00 → $0.30."), "{}", plan.stdout);
    let plan = json(&project.succeed(&["--plan", "--format", "json"]));
    assert_eq!(plan["caps"][0]["remaining"], 2_000_000);
    project.succeed(&["--spend", "1"]);
    let plan = json(&project.succeed(&["--plan", "--format", "json"]));
    assert_eq!(plan["caps"][0]["spent"], bank.bill().1);
}

#[test]
fn status_names_models_that_end_and_files_without_a_second_copy() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN).variable("ASSETBUILD_STORE", "off");
    project.succeed(&["--spend", "1"]);
    let status = json(&project.succeed(&["status", "--format", "json"]));
    assert_eq!(status["single_copy_raws"], 1);
    assert!(status["retiring"].is_array());
    assert!(project.succeed(&["status"]).stdout.contains("have no second copy"));
}

#[test]
fn what_holds_for_many_assets_is_told_once() {
    let bank = Bank::open(&[]);
    let many: String =
        (0..8).map(|number| COIN.replace("coin", &format!("coin-{number}"))).collect();
    let project = project(&bank, "", &many).variable("OPENAI_API_KEY", "");
    let output = project.run(&["--spend", "5"]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    let why = "blocked: OPENAI_API_KEY is not set: put the key of `openai` there";
    let said = format!("warning: coin-0, coin-1, coin-2 and 5 more: {why}");
    assert!(output.stderr.contains(&said), "{}", output.stderr);
    assert_eq!(output.stderr.matches(why).count(), 1);
    // A program gets every one.
    let lines = project.run(&["--spend", "5", "--format", "ndjson"]).stdout;
    assert_eq!(lines.matches(why).count(), 8, "{lines}");
}

#[test]
fn a_firefly_without_jobs_answers_at_once() {
    let bank = Bank::open(&[]);
    let specs = "- id: fire\n  generation: { type: image, provider: firefly }\n  \
        prompt: { base: A fire, parameters: { size: 1024x1024 } }\n";
    let project = project(&bank, "", specs);
    project.edit("Assetfile.yaml", &bank.url("/firefly"), &bank.url("/firefly-sync"));
    project.succeed(&["--spend", "1"]);
    assert!(project.has("assets/fire.png"));
    assert_eq!(bank.bill().0, 1);
    assert!(project.succeed(&["--spend", "1"]).stderr.contains("nothing to do"));
}

#[test]
fn a_step_that_fails_leaves_what_was_paid_for() {
    let bank = Bank::open(&[]);
    let steps = "  post_processing: [{ action: crop, x: 900, y: 0, width: 64, height: 64 }]\n";
    let project = project(&bank, "", &(COIN.to_owned() + steps));
    let output = project.run(&["--spend", "1"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("`crop` failed"), "{}", output.stderr);
    assert_eq!(bank.bill().0, 1);
    project.edit("specs/a.yaml", "x: 900", "x: 0");
    project.succeed(&["--no-spend"]);
    assert!(project.has("assets/coin.png"));
    assert_eq!(bank.bill().0, 1);
}
