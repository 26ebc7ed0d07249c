//! Files that parameters name: their content counts, wherever they lie.

use super::bank::Bank;
use super::{json, project};
use crate::support::Project;

const WORKFLOW: &str = r#"{ "3": { "inputs": { "text": "{{prompt}}", "seed": "{{seed}}" } } }"#;

/// A picture that a ComfyUI of this machine makes.
fn drawn(bank: &Bank) -> Project {
    let specs = "- id: cave\n  generation: { type: image, provider: stable-diffusion }\n  \
        prompt: { base: A cave, parameters: { workflow: flows/cave.json } }\n";
    let project = project(bank, "", specs);
    let url = format!("base_url: \"{}\"", bank.url("/stability"));
    let local =
        format!("base_url: \"{}\", engine: comfyui, checkpoint: sdxl", bank.url("/comfyui"));
    project.edit("Assetfile.yaml", &url, &local);
    project.write("flows/cave.json", WORKFLOW);
    project
}

#[test]
fn a_changed_workflow_makes_the_picture_again() {
    let bank = Bank::open(&[]);
    let project = drawn(&bank);
    project.succeed(&[]);
    let first = project.read_bytes("assets/cave.png");
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));

    project.edit("flows/cave.json", "\"seed\"", "\"noise\"");
    let why = project.succeed(&["explain", "cave"]).stdout;
    assert!(why.contains("prompt.parameters.workflow changed"), "{why}");
    project.succeed(&[]);
    assert_ne!(project.read_bytes("assets/cave.png"), first);

    // A file that moves is the same.
    project.write("flows/moved.json", project.read("flows/cave.json"));
    project.remove("flows/cave.json");
    project.edit("specs/a.yaml", "flows/cave.json", "flows/moved.json");
    let moved = project.succeed(&[]).stderr;
    assert!(moved.contains("nothing to do"), "{moved}");
}

#[test]
fn a_workflow_that_is_missing_or_broken_is_told() {
    let bank = Bank::open(&[]);
    let project = drawn(&bank);
    project.write("flows/cave.json", "{ no json");
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("the workflow is no JSON"), "{}", output.stderr);
    project.remove("flows/cave.json");
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("flows/cave.json"), "{}", output.stderr);
    project.edit("specs/a.yaml", "flows/cave.json", "../cave.json");
    let output = project.run(&[]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert!(output.stderr.contains("`workflow: ../cave.json` does not fit"), "{}", output.stderr);
}

const PLAN: &str = r#"{
  "positive_global_styles": ["calm"], "negative_global_styles": [],
  "sections": [{ "section_name": "A", "positive_local_styles": [], "negative_local_styles": [],
    "duration_ms": 3000, "lines": [] }]
}"#;

/// A song by a plan.
fn song(bank: &Bank, parameters: &str) -> Project {
    let specs = format!(
        "- id: theme\n  generation: {{ type: audio, provider: elevenlabs, mode: music }}\n  \
         prompt: {{ base: A theme, parameters: {{ {parameters} }} }}\n"
    );
    let project = project(bank, "", &specs);
    project.write("music/theme.json", PLAN);
    project
}

#[test]
fn a_plan_takes_the_place_of_the_prompt() {
    let bank = Bank::open(&[]);
    let parameters = "composition_plan: music/theme.json, duration_seconds: 60, seed: 3";
    let project = song(&bank, parameters);
    let expanded = project.succeed(&["expand", "theme"]).stdout;
    assert!(expanded.contains("prompt not sent, duration_seconds not sent"), "{expanded}");
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 1);
    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    assert_eq!(ledger["entries"][0]["cost_micros"], 11_000, "three seconds, not sixty");

    // The prompt is not sent, so that other words cost nothing.
    project.edit("specs/a.yaml", "A theme", "The theme");
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 1);
    project.edit("music/theme.json", "calm", "wild");
    project.succeed(&["--spend", "5"]);
    assert_eq!(bank.bill().0, 2);
}

#[test]
fn a_plan_is_made_from_the_prompt_first() {
    let bank = Bank::open(&[]);
    let project = song(&bank, "composition_plan: auto, duration_seconds: 4, seed: 3");
    project.succeed(&["--spend", "5"]);
    assert!(project.has("assets/theme.ogg"));
    assert_eq!(bank.bill().0, 1, "the plan costs nothing");
}

#[test]
fn what_does_not_go_with_a_plan_is_an_error() {
    let bank = Bank::open(&[]);
    let cases = [
        ("seed: 3", "`seed: 3` does not go without `composition_plan`"),
        (
            "composition_plan: auto, force_instrumental: true",
            "`force_instrumental: true` does not go with `composition_plan: auto`",
        ),
    ];
    for (parameters, message) in cases {
        let output = song(&bank, parameters).run(&["--plan"]);
        assert_eq!(output.code, 2, "{parameters}: {}", output.stderr);
        assert!(output.stderr.contains(message), "{}", output.stderr);
    }
    let project = song(&bank, "composition_plan: music/theme.json");
    project.write("music/theme.json", "no plan");
    let output = project.run(&["--spend", "5"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("the composition plan is no JSON"), "{}", output.stderr);
    assert_eq!(bank.bill().0, 0);
}
