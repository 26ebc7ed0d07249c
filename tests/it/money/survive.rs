//! What was paid for, through clocks that go back, full disks, kills and other commands.

use std::process::{Child, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::bank::Bank;
use super::{COIN, THREE, json, project, spent};
use crate::support::Project;

/// What a build is given to end in: far more than any needs.
const LONG: Duration = Duration::from_secs(120);

pub(super) fn start(project: &Project, arguments: &[&str]) -> Child {
    let mut command = project.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

/// Waits for a build that may hang.
pub(super) fn end(build: Child) -> Output {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(build.wait_with_output().expect("it ends")));
    receiver.recv_timeout(LONG).expect("it ends in time")
}

/// The id of the only purchase with unknown outcome.
fn unknown(project: &Project) -> String {
    let list = json(&project.run(&["recover", "--format", "json"]));
    list["entries"][0]["purchase"].as_str().expect("an id").to_owned()
}

/// Whether a request is on its way.
fn is_submitted(project: &Project) -> bool {
    let files = project.files(".assetcache/paid/purchases");
    let mut records = files.iter().filter(|file| file.ends_with(".toml"));
    // One that is just being replaced is looked at again.
    records.any(|file| {
        let text = std::fs::read_to_string(project.path(file)).unwrap_or_default();
        text.contains("state = \"submitted\"")
    })
}

/// Moves the only purchase to another time.
fn date(project: &Project, at: &str) {
    let files = project.files(".assetcache/paid/purchases");
    let file = files.into_iter().find(|file| file.ends_with(".toml")).expect("a purchase");
    let text = project.read(&file);
    let line = text.lines().find(|line| line.starts_with("reserved_at")).expect("a time");
    project.edit(&file, line, &format!("reserved_at = \"{at}\""));
}

#[test]
fn a_clock_that_goes_back_makes_no_room_under_a_cap() {
    let bank = Bank::open(&["--fault", "reset@1"]);
    let project = project(&bank, "budget: { daily: 0.70 }\n", THREE);
    assert_eq!(project.run(&["a", "--spend", "5"]).code, 6, "30 cents count as spent");
    // As if it had been bought before the clock was set back by years.
    date(&project, "2099-01-31T23:00:00Z");
    let refused = project.run(&["b", "c", "--spend", "5"]);
    assert_eq!(refused.code, 4, "{}", project.shown(&refused));
    assert!(refused.stderr.contains("is dated 2099-01-31, which is still to come"));
    assert_eq!(bank.bill().0, 1);
    let partly = project.run(&["b", "c", "--spend", "5", "--partial"]);
    assert_eq!(partly.code, 4, "{}", project.shown(&partly));
    assert_eq!(bank.bill().0, 2);
    let status = json(&project.run(&["status", "--format", "json"]));
    assert_eq!(status["caps"][0]["spent"], spent(&project));
}

#[test]
fn a_new_day_makes_room_under_a_cap() {
    let bank = Bank::open(&["--fault", "reset@1"]);
    let project = project(&bank, "budget: { daily: 0.70 }\n", THREE);
    assert_eq!(project.run(&["a", "--spend", "5"]).code, 6);
    date(&project, "2020-01-31T23:59:59Z");
    project.succeed(&["b", "c", "--spend", "5"]);
    assert_eq!(bank.bill().0, 3);
}

#[test]
fn what_is_set_aside_at_a_closed_provider_does_not_hold_up_the_next_one() {
    let bank = Bank::open(&[]);
    let spec = COIN.replace(
        "provider: openai",
        "provider: openai, variations: 3, fallback: stable-diffusion, fallback_on: missing-key",
    );
    // Three at 30 cents are set aside, and nothing else fits beside them.
    let project = project(&bank, "budget: { daily: 0.90 }\n", &spec);
    let project = project.variable("OPENAI_API_KEY", "wrong");
    let output = end(start(&project, &["--spend", "0.90"]));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(bank.bill().0, 3);
    assert!(project.read("assetbuild.lock").contains("provider = \"stable-diffusion\""));
}

/// Two results of `coin` are there, and a build of `slow` is waiting for its provider.
fn busy(bank: &Bank) -> (Project, Child) {
    let two = COIN.replace("provider: openai", "provider: openai, variations: 2");
    let project = project(bank, "", &two);
    project.succeed(&["--spend", "5"]);
    let slow = COIN.replace("coin", "slow").replace("A coin", "A snail");
    project.write("specs/b.yaml", slow);
    for _ in 0..2 {
        bank.wait_for_bill();
    }
    let build = start(&project, &["--spend", "5"]);
    // Its money is set aside before the request leaves.
    let count = || project.files(".assetcache/paid/purchases").len();
    let before = count();
    while count() == before {}
    (project, build)
}

#[test]
fn a_pick_stands_while_a_build_is_running() {
    let bank = Bank::open(&["--latency", "700"]);
    let (project, build) = busy(&bank);
    let first = project.read_bytes("assets/coin.png");
    project.succeed(&["pick", "coin", "1"]);
    let picked = project.read_bytes("assets/coin.png");
    assert_ne!(picked, first);
    assert_eq!(end(build).status.code(), Some(0));
    assert_eq!(project.read_bytes("assets/coin.png"), picked);
    assert!(project.has("assets/slow.png"));
    project.succeed(&["--check"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn an_adoption_stands_while_a_build_is_running() {
    let bank = Bank::open(&["--latency", "700"]);
    let (project, build) = busy(&bank);
    let mine = crate::sample::picture(64, [1, 2, 3, 255]);
    project.write("assets/coin.png", &mine);
    project.succeed(&["adopt", "coin"]);
    assert_eq!(end(build).status.code(), Some(0));
    assert_eq!(project.read_bytes("assets/coin.png"), mine);
    assert!(project.has("assets/slow.png"));
    project.succeed(&["--check"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing_that_was_paid_for() {
    use crate::survive::disk::{Mount, fill};
    use crate::survive::skip;

    let bank = Bank::open(&["--latency", "400"]);
    let project = project(&bank, "", "[]\n").variable("ASSETBUILD_STORE", "off");
    let files = ["Assetfile.yaml", "specs/a.yaml"].map(|path| (path, project.read(path)));
    let Some(_mount) = Mount::small(&project.root(), "24m") else {
        return skip("a small file system cannot be mounted here");
    };
    for (path, text) in files {
        project.write(path, text);
    }
    project.succeed(&[]);
    for (round, kilobytes) in [0, 4, 8, 12, 16, 24, 32, 64].into_iter().enumerate() {
        project.write("specs/a.yaml", COIN.replace("A coin", &format!("Coin {round}")));
        let build = start(&project, &["--spend", "9"]);
        // It fills up while the request is on its way.
        while !is_submitted(&project) {}
        fill(&project, kilobytes);
        let output = end(build);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!([0, 1, 2].contains(&output.status.code().expect("it ends")), "{said}");
        assert!(!said.contains("panicked"), "{said}");

        project.remove("filler");
        let again = project.run(&["--spend", "9"]);
        assert_eq!(again.code, 0, "{kilobytes} kB free: {said}\n{}", project.shown(&again));
        assert_eq!(bank.bill().0, round + 1, "{kilobytes} kB free: {said}");
        assert_eq!(spent(&project), bank.bill().1);
        project.succeed(&["--check"]);
    }
    // With no room for it, nothing is asked for.
    project.write("specs/a.yaml", COIN.replace("A coin", "The last coin"));
    fill(&project, 1000);
    let before = bank.bill();
    let output = project.run(&["--spend", "9"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    let said = "nothing is asked for without room to keep it";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    assert_eq!(bank.bill(), before);
}

#[test]
fn a_result_that_was_found_at_the_provider_is_taken() {
    let bank = Bank::open(&["--fault", "reset@1", "--fault", "reset@2"]);
    let project = project(&bank, "", COIN);
    assert_eq!(project.run(&["--spend", "5"]).code, 6);
    let id = unknown(&project);

    project.write("notes.txt", "no picture");
    for (path, why) in
        [("notes.txt", "neither a picture nor a sound"), ("none.png", "No such file")]
    {
        let refused = project.run(&["recover", &id, "--found", path]);
        assert_eq!(refused.code, 2, "{}", project.shown(&refused));
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    project.write("tone.wav", crate::sample::tone());
    let refused = project.run(&["recover", &id, "--found", "tone.wav"]);
    assert_eq!(refused.code, 2, "{}", project.shown(&refused));
    let why = "it is of type audio, and `coin` of type image";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    let result = crate::sample::picture(64, [9, 9, 9, 255]);
    project.write("download.png", &result);
    let taken = project.succeed(&["recover", &id, "--found", "download.png"]);
    assert_eq!(taken.stderr, format!("{id}: the next build takes its result (coin)\n"));
    project.succeed(&["--no-spend"]);
    assert_eq!(project.read_bytes("assets/coin.png"), result);
    assert_eq!(bank.bill().0, 1);
    // Somebody else's result is not taken twice.
    project.edit("specs/a.yaml", "A coin", "A gem");
    assert_eq!(project.run(&["--spend", "5"]).code, 6);
    let other = unknown(&project);
    let refused = project.run(&["recover", &other, "--found", "download.png"]);
    assert_eq!(refused.code, 2, "{}", project.shown(&refused));
    let why = format!("it is the result of purchase {id}");
    assert!(refused.stderr.contains(&why), "{}", refused.stderr);
}

#[test]
fn a_raw_file_that_no_purchase_names_is_shown() {
    let bank = Bank::open(&["--fault", "reset@1"]);
    let project = project(&bank, "", COIN);
    assert_eq!(project.run(&["--spend", "5"]).code, 6);
    // As if the process had ended between the file and its record.
    let name = format!(".assetcache/paid/raw/{}.png", "0".repeat(64));
    project.write(&name, crate::sample::picture(8, [1; 4]));
    let listed = project.run(&["recover"]).stdout;
    assert!(listed.contains(&format!("assetbuild recover ID --found {name}")), "{listed}");
}

#[test]
fn a_spec_that_is_changed_while_it_waits_for_another_is_not_bought_as_it_is_then() {
    let bank = Bank::open(&["--latency", "500"]);
    let specs = COIN.to_owned()
        + "- id: pose\n  generation: { type: image, provider: openai, reference: { asset: coin } }\n  \
           prompt: { base: The coin again, parameters: { size: 64x64, quality: low } }\n";
    let project = project(&bank, "", &specs);
    let build = start(&project, &["--spend", "9"]);
    while !is_submitted(&project) {}
    project.edit("specs/a.yaml", "reference: {", "variations: 7, reference: {");
    let output = end(build);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("its spec was changed while the build ran; build again"), "{said}");
    assert_eq!(bank.bill().0, 1);
    project.succeed(&["--spend", "9"]);
    assert_eq!(bank.bill().0, 8);
}
