//! Jobs: asked about again, given up, and left at the provider when it cannot be reached.

use std::process::Stdio;

use super::bank::Bank;
use super::survive::{end, start};
use super::{COIN, KEY, json, project};
use crate::support::Project;

const WAVE: &str = "- id: wave\n  generation: { type: image, provider: replicate, model: acme/flux }\n  \
    prompt: A wave\n";

/// Whether the id of a job is on record.
fn has_job(project: &Project) -> bool {
    let files = project.files(".assetcache/paid/purchases");
    let mut records = files.iter().filter(|file| file.ends_with(".toml"));
    records.any(|file| project.read(file).contains("job_id"))
}

#[test]
fn a_job_is_asked_about_again_after_a_crash() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", WAVE);
    let mut build = project.command(&["--spend", "1"]);
    let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    bank.wait_for_bill();
    // The job's id is on record before the first question about it.
    while !has_job(&project) {
        assert!(build.try_wait().expect("a child").is_none(), "it ended");
    }
    build.kill().expect("it runs");
    build.wait().expect("it ends");
    project.succeed(&["--spend", "1"]);
    assert!(project.has("assets/wave.png"));
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn nobody_decides_about_a_job_that_a_build_is_asking_about() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", WAVE);
    let mut build = start(&project, &["--spend", "1"]);
    bank.wait_for_bill();
    while !has_job(&project) {
        assert!(build.try_wait().expect("a child").is_none(), "it ended");
    }
    build.kill().expect("it runs");
    build.wait().expect("it ends");
    let left = project.run(&["recover"]);
    assert_eq!(left.code, 6, "{}", project.shown(&left));
    let id = left.stdout.split_whitespace().next().expect("an id").to_owned();
    let mut next = start(&project, &["--spend", "1"]);
    // From when it has the job on, nobody else is asked about it.
    while project.run(&["recover"]).stdout.contains(&id) {
        assert!(next.try_wait().expect("a child").is_none(), "it ended");
    }
    let given_up = project.run(&["recover", &id, "--cancel"]);
    assert!(next.try_wait().expect("a child").is_none(), "it was too quick to be disturbed");
    assert_eq!(given_up.code, 2, "{}", project.shown(&given_up));
    assert_eq!(end(next).status.code(), Some(0));
    assert!(project.has("assets/wave.png"));
    assert_eq!(bank.bill().0, 1);
}

/// A build that waits no longer for its job, and the id of the purchase.
fn left_running(project: &Project) -> String {
    let output = project.run(&["--spend", "1"]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    let said =
        "is not finished (the prediction takes longer than the timeout); the next build asks";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    assert_eq!(ledger["entries"][0]["state"], "submitted");
    ledger["entries"][0]["purchase"].as_str().expect("an id").to_owned()
}

/// A project that waits a second for a prediction, which takes two.
fn impatient(bank: &Bank) -> Project {
    let project = project(bank, "", WAVE);
    let url = bank.url("/replicate/v1");
    let (from, to) = (format!("base_url: \"{url}\""), format!("base_url: \"{url}\", timeout: 1 s"));
    project.edit("Assetfile.yaml", &from, &to);
    project
}

#[test]
fn a_job_that_takes_longer_than_the_timeout_is_taken_by_the_next_build() {
    let bank = Bank::open(&[]);
    let project = impatient(&bank);
    left_running(&project);
    // It is paid for, so that nobody has to agree to it again.
    assert!(project.succeed(&["--plan"]).stdout.contains("Nothing to buy"));
    project.succeed(&["--no-spend"]);
    assert!(project.has("assets/wave.png"));
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn nobody_waits_for_the_money_of_a_job_that_nobody_asks_about() {
    let bank = Bank::open(&[]);
    let project = impatient(&bank);
    project.edit("Assetfile.yaml", ", timeout: 1 s", ", timeout: 1 s, prices: { acme/flux: 0.30 }");
    let assetfile = project.read("Assetfile.yaml");
    project.write("Assetfile.yaml", assetfile + "budget: { daily: 0.50 }\n");
    left_running(&project);
    project.write("specs/b.yaml", COIN);
    let output = end(start(&project, &["coin", "--spend", "1"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("for today are left"), "{said}");
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn a_job_whose_provider_cannot_be_reached_stays_there() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", WAVE);
    let mut build = project.command(&["--spend", "1"]);
    let build = build.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    bank.wait_for_bill();
    while !has_job(&project) {}
    drop(bank);
    let output = build.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("is not finished"), "{said}");
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    assert_eq!(ledger["entries"][0]["state"], "submitted");
}

#[test]
fn a_job_is_given_up_by_hand() {
    let bank = Bank::open(&[]);
    let project = impatient(&bank);
    let id = left_running(&project);
    let listed = project.run(&["recover"]);
    assert_eq!(listed.code, 6);
    assert!(listed.stdout.contains(&id), "{}", listed.stdout);
    let given_up = project.succeed(&["recover", &id, "--cancel"]).stderr;
    assert_eq!(given_up, format!("{id}: given up, what it cost is not known (wave)\n"));
    assert_eq!(project.run(&["recover"]).code, 0);
    project.edit("Assetfile.yaml", ", timeout: 1 s", "");
    project.succeed(&["--spend", "1"]);
    assert_eq!(bank.bill().0, 2, "it is asked for anew");
    let again = project.run(&["recover", &id, "--cancel"]);
    assert_eq!(again.code, 2, "{}", project.shown(&again));
}

#[test]
fn a_job_that_was_finished_meanwhile_is_not_given_up() {
    let bank = Bank::open(&[]);
    let project = impatient(&bank);
    let id = left_running(&project);
    let job = "/replicate/v1/predictions/p00000001";
    while !bank.get(job, KEY).contains("succeeded") {}
    let said = project.succeed(&["recover", &id, "--cancel"]).stderr;
    let finished = "it was finished already; the next build takes its result";
    assert_eq!(said, format!("{id}: {finished} (wave)\n"));
    project.succeed(&["--spend", "1"]);
    assert!(project.has("assets/wave.png"));
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn a_job_that_cannot_be_given_up_goes_on() {
    let bank = Bank::open(&[]);
    let project = impatient(&bank);
    let id = left_running(&project);
    drop(bank);
    let output = project.run(&["recover", &id, "--cancel"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    let said = format!("`{id}` is not given up: the provider cannot be reached");
    assert!(output.stderr.contains(&said), "{}", output.stderr);
    assert!(project.run(&["recover"]).stdout.contains(&id));
}
