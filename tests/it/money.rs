//! Paid providers, counted at the provider's side: what is bought, once, and never lost.

mod accounts;
pub(crate) mod bank;
mod catalogue;
mod choice;
mod described;
mod files;
mod groups;
mod jobs;
mod migrate;
mod soak;
mod stores;
mod survive;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Output, Project};
use bank::Bank;

const KEY: &str = "sk-simulated-7f3a9c";

const COIN: &str = "- id: coin\n  generation: { type: image, provider: openai }\n  \
    prompt: { base: A coin, parameters: { size: 64x64, quality: low } }\n";

/// Three pictures whose price is 30 cents each.
const THREE: &str = "defaults:\n  generation: { type: image, provider: openai }\n  \
    prompt: { parameters: { size: 64x64, quality: low } }\nspecs:\n  \
    - { id: a, prompt: One }\n  - { id: b, prompt: Two }\n  - { id: c, prompt: Three }\n";

pub(crate) fn project(bank: &Bank, settings: &str, specs: &str) -> Project {
    let providers = [
        ("openai", "/openai/v1"),
        ("stable-diffusion", "/stability"),
        ("elevenlabs", "/elevenlabs"),
        ("replicate", "/replicate/v1"),
        ("firefly", "/firefly"),
        ("huggingface", "/huggingface"),
    ];
    let mut assetfile = "version: \"1.0\"\nproviders:\n".to_owned();
    for (name, path) in providers {
        let price = match name {
            "openai" => ", prices: { gpt-image-2: 0.30 }",
            "elevenlabs" => ", usd_per_1000_credits: 0.22",
            "firefly" => ", prices: { image3: 0.05 }",
            _ => "",
        };
        assetfile += &format!("  {name}: {{ base_url: \"{}\"{price} }}\n", bank.url(path));
    }
    let project =
        Project::with(&[("Assetfile.yaml", &(assetfile + settings)), ("specs/a.yaml", specs)]);
    let keys = [
        "OPENAI_API_KEY",
        "STABILITY_API_KEY",
        "ELEVENLABS_API_KEY",
        "REPLICATE_API_TOKEN",
        "FIREFLY_CLIENT_ID",
        "FIREFLY_CLIENT_SECRET",
        "HF_TOKEN",
    ];
    keys.into_iter().fold(project, |project, name| project.variable(name, KEY))
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).expect("a JSON document")
}

/// What the ledger says was spent, in millionths of a dollar.
fn spent(project: &Project) -> i64 {
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    ledger["totals"]["cost_micros"]["USD"].as_i64().unwrap_or(0)
}

#[test]
fn a_picture_is_bought_once_and_kept() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    let built = project.succeed(&["--spend", "1"]);
    assert!(built.stderr.contains("bought coin: gpt-image-2, $0."), "{}", built.stderr);
    assert!(project.has("assets/coin.png"));
    assert!(project.succeed(&["--spend", "1"]).stderr.contains("nothing to do"));
    let (count, micros) = bank.bill();
    assert_eq!((count, spent(&project)), (1, micros));
    assert!(micros > 0);
}

#[test]
fn nothing_is_bought_without_a_word() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    for arguments in [&[][..], &["--no-spend"], &["--offline", "--spend", "5"]] {
        let output = project.run(arguments);
        assert_eq!(output.code, 4, "{}", project.shown(&output));
        assert!(output.stderr.contains("not bought"), "{}", output.stderr);
    }
    assert!(project.run(&[]).stderr.contains("--spend 0.30"));
    assert_eq!(bank.bill().0, 0);
}

#[test]
fn a_plan_above_a_cap_buys_nothing_and_with_partial_what_fits() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "budget: { daily: 0.70 }\n", THREE);
    let refused = project.run(&["--spend", "5"]);
    assert_eq!(refused.code, 4, "{}", project.shown(&refused));
    assert!(refused.stderr.contains("for today"), "{}", refused.stderr);
    assert_eq!(bank.bill().0, 0);
    let partial = project.run(&["--spend", "5", "--partial"]);
    assert_eq!(partial.code, 4, "{}", project.shown(&partial));
    assert_eq!(bank.bill().0, 2);
    assert!(project.has("assets/a.png") && project.has("assets/b.png"));
    assert!(!project.has("assets/c.png"));
    // What is allowed is a cap as well.
    let fresh = self::project(&bank, "", THREE);
    assert_eq!(fresh.run(&["--spend", "0.89"]).code, 4);
    assert_eq!(bank.bill().0, 2);
}

#[test]
fn an_answer_that_never_came_is_unknown_until_a_person_decides() {
    for fault in ["reset@1", "billed-500@1", "truncate@1", "garbage@1"] {
        let bank = Bank::open(&["--fault", fault]);
        let project = project(&bank, "", COIN);
        let lost = project.run(&["--spend", "1"]);
        assert_eq!(lost.code, 6, "{fault}: {}", project.shown(&lost));
        assert_eq!(bank.bill().0, 1, "{fault}");
        let again = project.run(&["--spend", "1"]);
        assert_eq!(again.code, 6, "{fault}: {}", project.shown(&again));
        assert!(again.stderr.contains("assetbuild recover"), "{}", again.stderr);
        assert_eq!(bank.bill().0, 1, "{fault}: nothing is bought again unasked");

        let list = project.run(&["recover", "--format", "json"]);
        assert_eq!(list.code, 6);
        let id = json(&list)["entries"][0]["purchase"].as_str().expect("an id").to_owned();
        project.succeed(&["recover", &id, "--retry"]);
        project.succeed(&["--spend", "1"]);
        let (count, micros) = bank.bill();
        assert_eq!(count, 2, "{fault}");
        assert!(spent(&project) >= micros, "{fault}: what is lost counts in full");
        assert_eq!(project.run(&["recover"]).code, 0);
    }
}

#[test]
fn a_person_may_say_that_nothing_was_billed() {
    let bank = Bank::open(&["--fault", "500@1"]);
    let project = project(&bank, "", COIN);
    assert_eq!(project.run(&["--spend", "1"]).code, 6);
    let list = json(&project.run(&["recover", "--format", "json"]));
    let id = list["entries"][0]["purchase"].as_str().expect("an id");
    project.succeed(&["recover", id, "--not-billed"]);
    assert_eq!(spent(&project), 0);
    project.succeed(&["--spend", "1"]);
    assert_eq!(spent(&project), bank.bill().1);
    let wrong = project.run(&["recover", id, "--billed"]);
    assert_eq!(wrong.code, 2, "{}", project.shown(&wrong));
}

#[test]
fn a_turn_is_waited_for_and_a_refusal_is_final() {
    let busy = Bank::open(&["--fault", "429@1"]);
    project(&busy, "", COIN).succeed(&["--spend", "1"]);
    assert_eq!(busy.bill().0, 1);

    let refusing = Bank::open(&["--fault", "refuse@1"]);
    let project = project(&refusing, "", COIN);
    let refused = project.run(&["--spend", "1"]);
    assert_eq!(refused.code, 1, "{}", project.shown(&refused));
    assert!(refused.stderr.contains("rejected by the safety system"), "{}", refused.stderr);
    assert_eq!((refusing.bill().0, spent(&project)), (0, 0));
}

#[test]
fn a_wrong_key_stops_the_provider_and_is_shown_nowhere() {
    const WRONG: &str = "sk-wrong-4d1c77e0b2";
    let bank = Bank::open(&[]);
    let project = project(&bank, "", THREE).variable("OPENAI_API_KEY", WRONG);
    let output = project.run(&["--spend", "5", "--trace", "trace.json", "--log-format", "json"]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(output.stderr.contains("[redacted]"), "{}", output.stderr);
    assert!(!format!("{}{}", output.stdout, output.stderr).contains(WRONG));
    for folder in [project.root(), project.home()] {
        assert_no_file_holds(&folder, WRONG);
    }
}

fn assert_no_file_holds(folder: &Path, secret: &str) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_no_file_holds(&path, secret);
        } else {
            let bytes = fs::read(&path).expect("a file");
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds the key", path.display());
        }
    }
}

#[test]
fn a_key_that_is_not_set_is_named() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "env_file: .env\n", COIN).variable("OPENAI_API_KEY", "");
    let output = project.run(&["--spend", "1"]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(output.stderr.contains("OPENAI_API_KEY is not set"), "{}", output.stderr);
    project.write(".env", format!("OPENAI_API_KEY={KEY}\n"));
    project.succeed(&["--spend", "1"]);
}

#[test]
fn a_lost_cache_folder_costs_nothing() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", COIN);
    project.succeed(&["--spend", "1"]);
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    // Outputs match, then they have to be made again from what was bought.
    project.succeed(&[]);
    project.remove("assets/coin.png");
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    project.succeed(&[]);
    assert!(project.has("assets/coin.png"));
    // Even without the lock: the receipts know the request.
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn more_variations_buy_only_the_missing_ones() {
    let bank = Bank::open(&[]);
    let specs = COIN.replace("provider: openai", "provider: openai, variations: 2");
    let project = project(&bank, "", &specs);
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 2);
    let before = project.read_bytes("assets/coin.png");
    project.edit("specs/a.yaml", "variations: 2", "variations: 4");
    let plan = project.succeed(&["--plan"]);
    assert!(plan.stdout.contains("buy 2 × gpt-image-2"), "{}", plan.stdout);
    let explained = project.succeed(&["explain", "coin"]);
    assert!(explained.stdout.contains("2 more variations to buy"), "{}", explained.stdout);
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 4);
    assert_eq!(project.read_bytes("assets/coin.png"), before);
    project.edit("specs/a.yaml", "variations: 4", "variations: 1");
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
}

#[test]
fn every_provider_delivers() {
    let bank = Bank::open(&[]);
    let specs = "- id: stab\n  generation: { type: image, provider: stable-diffusion }\n  prompt: A hill\n\
        - id: fire\n  generation: { type: image, provider: firefly }\n  prompt: { base: A fire, parameters: { size: 1024x1024 } }\n\
        - id: hugs\n  generation: { type: image, provider: huggingface, model: acme/sd }\n  prompt: A hug\n\
        - id: boom\n  generation: { provider: elevenlabs, duration_seconds: 0.5 }\n  prompt: A boom\n\
        - id: song\n  generation: { provider: musicgen, mode: music, duration_seconds: 2 }\n  prompt: A song\n\
        - id: talk\n  generation: { provider: elevenlabs, mode: speech }\n  prompt: { base: Hello, parameters: { voice: v1 } }\n";
    let replicate = format!("  musicgen: {{ base_url: \"{}\" }}\n", bank.url("/replicate/v1"));
    let project = project(&bank, &replicate, specs);
    let output = project.succeed(&["--spend", "9"]);
    assert_eq!(bank.bill().0, 6, "{}", project.shown(&output));
    let status = json(&project.succeed(&["status", "--format", "json"]));
    assert_eq!(status["health"], 100);
}

#[test]
fn ten_builds_at_once_never_pass_a_shared_cap() {
    let bank = Bank::open(&["--latency", "30"]);
    let specs: String = (0..10)
        .map(|number| {
            COIN.replace("id: coin", &format!("id: coin-{number}"))
                .replace("A coin", &format!("Coin {number}"))
        })
        .collect();
    let project = project(&bank, "budget: { daily: 1.00 }\n", &specs);
    let builds: Vec<_> = (0..10)
        .map(|number| {
            let id = format!("coin-{number}");
            let mut command = project.command(&[&id, "--spend", "1", "--partial"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs")
        })
        .collect();
    for mut build in builds {
        let code = build.wait().expect("it ends").code();
        assert!(matches!(code, Some(0 | 4)), "{code:?}");
    }
    let (count, micros) = bank.bill();
    assert!(count >= 3 && micros <= 1_000_000, "{count} for {micros}");
    assert_eq!(spent(&project), micros);
}
