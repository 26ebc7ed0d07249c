//! What a paid project costs, before anything is bought.

use serde_json::Value;

use crate::support::Project;

const ASSETFILE: &str = r#"version: "1.0"
project: paper-boat
defaults:
  image: { generation: { provider: openai } }
retired_models: { dall-e-3: gpt-image-2 }
providers:
  elevenlabs: { usd_per_1000_credits: 0.30 }
  firefly: { prices: { image3: 0.04 } }
  stable-diffusion: { engine: automatic1111, checkpoint: dreamlike }
"#;

const SPECS: &str = r#"- id: boat
  generation: { type: image, variations: 4, on_reject: { redraw: 1 } }
  prompt: { base: "A paper boat", parameters: { size: 1024x1024, quality: high } }
- id: captain
  generation: { provider: dalle-3, fallback: firefly }
  prompt: { base: "A mouse with a captain's hat", parameters: { quality: standard, style: natural, size: 1024x1024 } }
- id: harbour
  generation: { provider: firefly }
  prompt: "A harbour at dusk"
- id: wave
  generation: { provider: stable-diffusion }
  prompt: { base: "A wave", negative: foam, parameters: { size: 512x512 } }
- id: splash
  generation: { provider: elevenlabs, duration_seconds: 0.3, fallback: bark }
  prompt: "A small splash"
- id: shanty
  generation: { provider: musicgen, mode: music, duration_seconds: 20 }
  prompt: "A slow sea shanty"
"#;

fn project(settings: &str) -> Project {
    let assetfile = format!("{ASSETFILE}{settings}");
    Project::with(&[("Assetfile.yaml", &assetfile), ("specs/boat.yaml", SPECS)])
}

#[test]
fn a_plan_says_what_each_asset_would_cost() {
    let project = project("");
    let plan = project.succeed(&["--plan"]);
    insta::assert_snapshot!(project.shown(&plan), @r"
    exit code: 0
    ----- stdout -----
    ! boat  blocked: OPENAI_API_KEY is not set: put the key of `openai` there
        would buy 4 × gpt-image-2  $0.20–0.28
    ! captain  blocked: OPENAI_API_KEY is not set: put the key of `dalle-3` there
        would buy 1 × gpt-image-2 in place of dall-e-3  $0.012–0.040
    ! harbour  blocked: FIREFLY_CLIENT_ID is not set: put the key of `firefly` there
        would buy 1 × image3  $0.04
    ! shanty  blocked: REPLICATE_API_TOKEN is not set: put the key of `musicgen` there
        would buy 1 × meta/musicgen  price unknown
    ! splash  blocked: ELEVENLABS_API_KEY is not set: put the key of `elevenlabs` there
        would buy 1 × eleven_text_to_sound_v2  $0.0030–0.0060
        fallback bark is unavailable: suno-ai/bark takes no `duration_seconds`
    + wave  buy 1 × dreamlike  $0.00  → assets/wave.png  wave
      0 fresh.  1 to build: 1 generate, 1 process, 1 validate, 1 integrate.  5 blocked.  Buy 1: at most $0.00.
    ----- stderr -----
    ");
}

#[test]
fn the_plan_document_has_prices_in_micros() {
    let project = project("");
    let plan = project.succeed(&["--plan", "--format", "json"]);
    let document: Value = serde_json::from_str(&plan.stdout).expect("a document");
    let mut lines = String::new();
    for asset in document["assets"].as_array().expect("a list") {
        let action = &asset["actions"][0];
        lines += &format!(
            "{} {} {} {}\n",
            asset["id"], action["state"], action["model"], action["cost"]
        );
    }
    insta::assert_snapshot!(lines, @r#"
    "boat" "blocked" "gpt-image-2" {"low_micros":50055,"high_micros":55351,"unit":"USD"}
    "captain" "blocked" "gpt-image-2" {"low_micros":12530,"high_micros":40000,"unit":"USD"}
    "harbour" "blocked" "image3" {"low_micros":40000,"high_micros":40000,"unit":"USD"}
    "shanty" "blocked" "meta/musicgen" {"low_micros":null,"high_micros":null,"unit":"USD"}
    "splash" "blocked" "eleven_text_to_sound_v2" {"low_micros":3000,"high_micros":6000,"unit":"USD"}
    "wave" "dirty" "dreamlike" {"low_micros":0,"high_micros":0,"unit":"USD"}
    "#);
    let nothing = serde_json::json!({ "low_micros": 0, "high_micros": 0, "unit": "USD" });
    assert_eq!(document["totals"]["cost"], nothing, "what is blocked is not bought");
}

#[test]
fn placeholders_keep_a_project_without_providers_running() {
    let project = project("until_bought: placeholder\n");
    let images = ["boat", "captain", "harbour"];
    project.succeed(&[&["build"], &images[..]].concat());
    for id in images {
        assert!(project.has(&format!("assets/{id}.png")), "{id}");
    }
    let plan = project.succeed(&[&["--plan"], &images[..]].concat());
    insta::assert_snapshot!(project.shown(&plan), @r"
    exit code: 0
    ----- stdout -----
    ! boat  blocked: OPENAI_API_KEY is not set: put the key of `openai` there
        a placeholder stands in
        would buy 4 × gpt-image-2  $0.20–0.28
    ! captain  blocked: OPENAI_API_KEY is not set: put the key of `dalle-3` there
        a placeholder stands in
        would buy 1 × gpt-image-2 in place of dall-e-3  $0.012–0.040
    ! harbour  blocked: FIREFLY_CLIENT_ID is not set: put the key of `firefly` there
        a placeholder stands in
        would buy 1 × image3  $0.04
      0 fresh.  3 blocked.  Nothing to buy.
    ----- stderr -----
    ");
    let check = project.run(&["--check", "boat"]);
    assert_eq!(check.code, 3, "{}", project.shown(&check));
}

#[test]
fn building_without_the_provider_says_so() {
    let project = project("");
    let built = project.run(&["build", "boat"]);
    assert_eq!(built.code, 5);
    insta::assert_snapshot!(project.shown(&built), @r"
    exit code: 5
    ----- stdout -----
    ----- stderr -----
    warning: boat: blocked: OPENAI_API_KEY is not set: put the key of `openai` there
    built nothing: 1 held ([TIME])
    ");
    assert!(!project.has("assets/boat.png"));
}

#[test]
fn another_model_in_the_assetfile_makes_assets_stale() {
    let project = project("until_bought: placeholder\n");
    project.succeed(&["build", "harbour"]);
    let model = "  firefly: { model: image4_standard, prices: { image3: 0.04 } }";
    project.edit("Assetfile.yaml", "  firefly: { prices: { image3: 0.04 } }", model);
    let explained = project.succeed(&["--explain", "harbour"]);
    assert!(explained.stdout.contains("(Assetfile.yaml:8)"), "{}", explained.stdout);
}

#[test]
fn what_a_model_does_not_take_is_reported_where_it_is_written() {
    let project = project("");
    project.edit("specs/boat.yaml", "quality: high", "quality: finest");
    let plan = project.run(&["--plan"]);
    assert_eq!(plan.code, 2);
    insta::assert_snapshot!(project.shown(&plan), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::bad_parameter
    
      × `quality: finest` does not fit gpt-image-2: it is not among the values taken
       ╭─[specs/boat.yaml:3:75]
     2 │   generation: { type: image, variations: 4, on_reject: { redraw: 1 } }
     3 │   prompt: { base: "A paper boat", parameters: { size: 1024x1024, quality: finest } }
       ·                                                                           ──────
     4 │ - id: captain
       ╰────
      help: allowed: auto, low, medium, high
    
    1 error
    "#);
}
