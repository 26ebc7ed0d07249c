//! Builds that buy, killed at any moment, at a provider that fails in every way.
//!
//! `ASSETBUILD_SOAK` sets how many builds are killed, `ASSETBUILD_SEED` where it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::bank::Bank;
use super::{json, project};
use crate::support::Project;
use crate::survive::random::Random;
use crate::survive::{rounds, seed, tell};

/// Kills between two settlements of accounts.
const EVERY: usize = 4;

const FAULTS: [&str; 9] = [
    "429=8",
    "500=4",
    "billed-500=4",
    "reset=4",
    "truncate=4",
    "garbage=3",
    "refuse=2",
    "slow=3",
    "blank=5",
];

#[test]
fn builds_that_are_killed_while_they_buy_lose_nothing_and_buy_nothing_twice() {
    let (rounds, seed) = (rounds(8), seed(11));
    let mut random = Random::new(seed);
    let mut arguments = vec!["--latency".to_owned(), "25".to_owned()];
    arguments.extend(["--seed".to_owned(), seed.to_string()]);
    arguments.extend(FAULTS.iter().flat_map(|fault| ["--fault".to_owned(), (*fault).to_owned()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let bank = Bank::open(&arguments);
    let project = project(&bank, "", "[]\n");
    let mut specs = Vec::new();
    let (mut killed, mut unknown) = (0, 0);
    for round in 0..rounds {
        for _ in 0..=random.below(2) {
            specs.push(spec(&mut random, specs.len()));
        }
        project.write("specs/a.yaml", specs.concat());
        let mut builds = vec![start(&project, &["--spend", "400"])];
        if random.once_in(4) {
            builds.push(start(&project, &["--spend", "400"]));
        }
        // A person chooses meanwhile, or wants another one.
        let asset = format!("asset-{}", random.below(specs.len()));
        let number = random.below(3).to_string();
        match random.below(6) {
            0 => builds.push(start(&project, &["pick", &asset, &number])),
            1 => builds.push(start(&project, &["reroll", &asset, "--spend", "400"])),
            _ => {}
        }
        // Any moment from the first one of the process to past its end.
        thread::sleep(Duration::from_millis(random.below(400) as u64));
        for mut build in builds {
            killed += usize::from(build.try_wait().expect("a child").is_none());
            // One that ended by itself is dead already.
            let _ = build.kill();
            build.wait().expect("it ends");
        }
        if round % EVERY == EVERY - 1 {
            unknown += settle(&project, &bank, &mut random);
            check_accounts(&project, &bank);
        }
    }
    unknown += settle(&project, &bank, &mut random);
    check_picks(&project);
    let billed = check_accounts(&project, &bank);
    tell(&format!(
        "seed {seed}: {killed} builds killed while they bought; {billed} results billed, \
         {unknown} outcomes were decided by a person"
    ));
}

/// One more asset, of any provider.
fn spec(random: &mut Random, number: usize) -> String {
    let image = "type: image, provider";
    let checked = "\n  post_processing: [{ action: validate, checks: [not_blank] }]";
    let mut steps = "";
    let small = "{ size: 64x64, quality: low }";
    let grouped = "\n  post_processing: [{ action: normalize, peak: -6 dB, group: all }, \
                   { action: validate, checks: [not_silent] }]";
    let (generation, parameters) = match random.below(8) {
        5 => (format!("{image}: openai, variations: 2, pick: human"), small),
        6 => {
            steps = checked;
            // So many in a row are not blank by chance.
            (format!("{image}: openai, variations: 2, on_reject: {{ redraw: 9 }}"), small)
        }
        7 => {
            steps = grouped;
            let sound = "provider: elevenlabs, duration_seconds: 0.5, variations: 2";
            (format!("{sound}, on_reject: {{ redraw: 9 }}"), "{}")
        }
        0 => (format!("{image}: openai, variations: 3"), "{ size: 64x64, quality: low }"),
        1 => (format!("{image}: replicate, model: black-forest-labs/flux-schnell"), "{}"),
        2 => (format!("{image}: stable-diffusion, model: core"), "{}"),
        3 => ("provider: elevenlabs, duration_seconds: 0.5".to_owned(), "{}"),
        _ => (format!("{image}: openai"), "{ size: 64x64, quality: low }"),
    };
    format!(
        "- id: asset-{number}\n  generation: {{ {generation} }}\n  \
         prompt: {{ base: Number {number}, parameters: {parameters} }}{steps}\n"
    )
}

/// Every result that a person can choose is there, and is what gets published.
fn check_picks(project: &Project) {
    let lock = project.read("assetbuild.lock");
    let plan = json(&project.run(&["--plan", "--format", "json"]));
    for asset in plan["assets"].as_array().expect("a list") {
        let id = asset["id"].as_str().expect("an id");
        if asset["state"] != "waiting" {
            assert_eq!(asset["state"], "fresh", "{asset}\n{lock}");
            continue;
        }
        for number in ["1", "0"] {
            project.succeed(&["pick", id, number]);
        }
        assert!(project.has(&format!("assets/{id}.png")), "{id}");
    }
    project.succeed(&["--check"]);
}

fn start(project: &Project, arguments: &[&str]) -> Child {
    let mut command = project.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs")
}

/// Builds and answers truthfully, until everything is there; gives how many answers were asked for.
fn settle(project: &Project, bank: &Bank, random: &mut Random) -> usize {
    let mut asked = 0;
    for _ in 0..40 {
        let build = project.run(&["--spend", "400"]);
        assert!([0, 1, 5, 6].contains(&build.code), "{}", project.shown(&build));
        // What was bought before a kill is judged after it, and a redraw is for whoever asks.
        for line in build.stderr.lines().filter(|line| line.contains(" buys one more")) {
            let words: Vec<&str> = line.split(' ').collect();
            let at = words.iter().position(|word| *word == "reroll").expect("the command");
            project.run(&["reroll", words[at + 1], "--spend", "400"]);
        }
        let list = json(&project.run(&["recover", "--format", "json"]));
        let unknown = list["entries"].as_array().expect("a list");
        if build.code == 0 {
            // Another result of something that is there changes nothing for the build.
            let is_other = |entry: &Value| entry["extra"] == true;
            assert!(unknown.iter().all(is_other), "{unknown:?}");
            if unknown.is_empty() {
                return asked;
            }
        }
        let billed: BTreeSet<String> = bank.billed().into_iter().map(|(key, _)| key).collect();
        for entry in unknown {
            asked += 1;
            let id = entry["purchase"].as_str().expect("an id");
            let answer = match billed.contains(id) {
                false => "--not-billed",
                true if random.once_in(2) => "--billed",
                true => "--retry",
            };
            project.succeed(&["recover", id, answer]);
        }
    }
    panic!("{}", project.shown(&project.run(&["--spend", "400"])));
}

/// Compares the provider's bill with the journal; gives the number of results billed.
fn check_accounts(project: &Project, bank: &Bank) -> usize {
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    let entries = ledger["entries"].as_array().expect("a list");
    let by_id: BTreeMap<&str, &Value> =
        entries.iter().map(|entry| (entry["purchase"].as_str().expect("an id"), entry)).collect();
    let billed = bank.billed();
    let mut seen = BTreeSet::new();
    for (key, micros) in &billed {
        let is_first = seen.insert(key.as_str());
        assert!(is_first, "{key} was billed twice: {:?}", by_id.get(key.as_str()));
        let entry = by_id.get(key.as_str()).unwrap_or_else(|| panic!("{key} is not on record"));
        let cost = entry["cost_micros"].as_i64();
        match entry["state"].as_str() {
            Some("settled" | "failed") if entry["basis"] == "unknown" => {
                // Nobody publishes its price: it counts with what was set aside.
                assert!(entry["estimated_micros"].as_i64() >= Some(*micros), "{entry}");
            }
            Some("settled") => assert_eq!(cost, Some(*micros), "{entry}"),
            // What is lost, or refused and billed, counts with what was set aside.
            Some("lost" | "failed") => assert!(cost.is_none_or(|cost| cost >= *micros), "{entry}"),
            _ => panic!("{micros} were billed for {entry}"),
        }
    }
    let raws = project.files(".assetcache/paid/raw");
    let mut kept = BTreeSet::new();
    for (id, entry) in &by_id {
        let is_kept = entry["state"] == "settled";
        assert!(!is_kept || seen.contains(id), "{entry} was never billed");
        if is_kept {
            // One result for each variation, and its bytes are there.
            let digest = entry["raw"].as_str().expect("a digest").trim_start_matches("b3:");
            let (hash, _) = digest.split_once('/').expect("a hash and a size");
            assert!(raws.iter().any(|file| file.contains(hash)), "{entry}");
            let part = |name: &str| entry[name].to_string();
            let slot = (part("sent"), part("variation"), part("extra"));
            assert!(kept.insert(slot), "{entry} was bought twice");
        }
    }
    billed.len()
}
