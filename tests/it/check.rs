//! `--check`: every state, for people and programs, on a clone that has nothing but what git has.

use std::fs;

use serde_json::Value;

use crate::sample::{self, built_items};
use crate::support::Project;

/// State and reason codes of each asset that is not fresh, from the JSON document.
fn states(project: &Project, arguments: &[&str]) -> Vec<String> {
    let output = project.run(&[&["--check", "--format", "json"], arguments].concat());
    let document: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", project.shown(&output)));
    assert_eq!(document["schema"], "assetbuild.check/1");
    let is_fresh = document["state"] == "fresh";
    assert_eq!(is_fresh, output.code == 0, "{}", project.shown(&output));
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let assets = document["assets"].as_array().expect("a list");
    let line = |asset: &Value| {
        let reasons = asset["reasons"].as_array().expect("a list");
        let codes: Vec<String> = reasons.iter().map(|reason| text(&reason["code"])).collect();
        format!("{} {}: {}", text(&asset["id"]), text(&asset["state"]), codes.join(" "))
    };
    assets.iter().map(line).collect()
}

fn check(project: &Project, arguments: &[&str]) -> String {
    let output = project.run(&[&["--check"], arguments].concat());
    project.shown(&output)
}

#[test]
fn a_fresh_clone_without_a_cache_is_fresh_and_stays_untouched() {
    let project = built_items();
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    let before = project.files("");
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 0
    ----- stdout -----
    fresh: 2 assets
    ----- stderr -----
    ");
    assert_eq!(project.files(""), before);
}

#[cfg(unix)]
#[test]
fn a_read_only_project_can_be_checked() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = built_items();
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    let set = |mode| {
        for folder in ["", "assets", "assets/images", "specs", "art"] {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(project.path(folder), permissions).expect("our own folder");
        }
    };
    set(0o555);
    let output = project.run(&["--check"]);
    set(0o755);
    assert_eq!(output.code, 0, "{}", project.shown(&output));
}

#[test]
fn specs_with_errors_are_invalid() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: big");
    let output = project.run(&["--check"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert_eq!(output.stdout, "");
    let output = project.run(&["--check", "--format", "json"]);
    let document: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(document["schema"], "assetbuild.diagnostics/1");
}

#[test]
fn nothing_built_is_missing() {
    let project = sample::items();
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    coin  missing: never built
    gem  missing: never built
    not fresh: 0 of 2 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["coin missing: never-built", "gem missing: never-built"]);
}

#[test]
fn a_deleted_file_is_missing() {
    let project = built_items();
    project.remove("assets/images/coin.png");
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    coin  missing: output missing: assets/images/coin.png
    not fresh: 1 of 2 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["coin missing: output-missing"]);
}

#[test]
fn a_deleted_entry_is_missing() {
    let project = built_items();
    project.edit("assets/manifest.json", "\"genCoin\"", "\"someCoin\"");
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    coin  missing: manifest entry missing: genCoin
    not fresh: 1 of 2 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["coin missing: entry-missing"]);
}

#[test]
fn a_deleted_manifest_is_missing_and_built_again() {
    let project = built_items();
    let before = project.read("assets/manifest.json");
    project.remove("assets/manifest.json");
    assert_eq!(states(&project, &[]).len(), 2);
    project.succeed(&[]);
    assert_eq!(project.read("assets/manifest.json"), before);
}

#[test]
fn a_git_lfs_pointer_asks_for_a_pull() {
    let project = built_items();
    project.write(
        "assets/images/coin.png",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    );
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    coin  missing: assets/images/coin.png is a Git LFS pointer: run git lfs pull
    not fresh: 1 of 2 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["coin missing: lfs-pointer"]);
}

#[test]
fn an_edited_file_is_drifted() {
    let project = built_items();
    project.write("assets/images/coin.png", "my own");
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    coin  drifted: assets/images/coin.png was edited by hand
    not fresh: 1 of 2 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["coin drifted: output-edited"]);
}

#[test]
fn a_changed_spec_is_stale() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24, fit: cover");
    insta::assert_snapshot!(check(&project, &["coin"]), @r"
    exit code: 3
    ----- stdout -----
    coin  stale: resize dimensions changed: now 24x24 (specs/items.yaml:4, from defaults); resize fit added: cover (specs/items.yaml:4, from defaults)
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &["coin"]), ["coin stale: field-changed field-added"]);
}

#[test]
fn the_gravest_state_wins_and_all_reasons_are_given() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.write("assets/images/coin.png", "my own");
    project.remove("assets/images/gem.png");
    assert_eq!(
        states(&project, &[]),
        ["coin drifted: output-edited field-changed", "gem missing: output-missing field-changed"]
    );
}

#[test]
fn a_provider_that_is_not_there_blocks() {
    let project =
        Project::with(&[("Assetfile.yaml", sample::ASSETFILE), ("specs/hero.yaml", sample::PAID)]);
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    hero  blocked: OPENAI_API_KEY is not set: put the key of `openai` there
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["hero blocked: key-missing never-built"]);
}

#[test]
fn a_retired_model_blocks_and_names_its_stand_in() {
    let project =
        Project::with(&[("Assetfile.yaml", sample::ASSETFILE), ("specs/hero.yaml", sample::PAID)]);
    project.edit("specs/hero.yaml", "provider: openai, model: gpt-image-2", "provider: dalle-3");
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    hero  blocked: the model `dall-e-3` is retired since 2026-05-12; name a stand-in: retired_models: { dall-e-3: gpt-image-2 }
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["hero blocked: model-retired never-built"]);
    project
        .write("Assetfile.yaml", "version: \"1.0\"\nretired_models: { dall-e-3: gpt-image-2 }\n");
    assert_eq!(states(&project, &[]), ["hero blocked: key-missing never-built"]);
}

#[test]
fn a_bought_file_that_is_in_no_store_is_missing_raw() {
    let project = bought();
    assert_eq!(states(&project, &[]), [""; 0]);
    project.edit("specs/hero.yaml", "64x64", "32x32");
    insta::assert_snapshot!(check(&project, &[]), @"
    exit code: 3
    ----- stdout -----
    hero  missing-raw: the bought file b3:abababababababababababababababababababababababababababababababab/1234 is in none of the stores; bring it back from another checkout or a backup, or buy another one with --allow-rebuy; resize dimensions changed: now 32x32 (specs/hero.yaml:4)
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["hero missing-raw: raw-missing field-changed"]);
    let output = project.run(&[]);
    assert_eq!(output.code, 4, "{}", project.shown(&output));
}

#[test]
fn a_file_that_a_person_delivers_is_waited_for() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("specs/logo.yaml", "id: logo\ngeneration: { type: image, provider: manual }\n"),
    ]);
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    logo  waiting: waits for a person to put art/logo.png there
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    assert_eq!(states(&project, &[]), ["logo waiting: waiting-for-file"]);
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    warning: logo: waiting: waits for a person to put art/logo.png there
    built nothing: 1 held ([TIME])
    ");
    let drawn = built_items().read_bytes("assets/images/coin.png");
    project.write("art/logo.png", drawn);
    project.succeed(&[]);
    assert!(project.has("assets/logo.png"));
    assert_eq!(states(&project, &[]), [""; 0]);
}

#[test]
fn placeholders_are_good_enough_only_if_the_project_says_so_and_never_for_a_release() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nuntil_bought: placeholder\n"),
        ("specs/hero.yaml", sample::PAID),
    ]);
    project.succeed(&[]);
    assert!(project.has("assets/hero.png"));
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    hero  blocked: OPENAI_API_KEY is not set: put the key of `openai` there; a placeholder stands in
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    let assetfile = project.read("Assetfile.yaml");
    project.write("Assetfile.yaml", format!("{assetfile}check: {{ unbought: warn }}\n"));
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 0
    ----- stdout -----
    hero  blocked: OPENAI_API_KEY is not set: put the key of `openai` there; a placeholder stands in
    good enough: 0 of 1 assets are fresh, the others not bought
    ----- stderr -----
    ");
    insta::assert_snapshot!(check(&project, &["--release"]), @r"
    exit code: 3
    ----- stdout -----
    hero  blocked: OPENAI_API_KEY is not set: put the key of `openai` there; a placeholder stands in
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
    project.remove("assets/hero.png");
    assert_eq!(project.run(&["--check"]).code, 3);
}

#[test]
fn a_free_asset_that_was_never_built_is_not_excused_as_unbought() {
    let project = sample::items();
    project.write("Assetfile.yaml", "version: \"1.0\"\ncheck: { unbought: warn }\n");
    assert_eq!(project.run(&["--check"]).code, 3);
}

#[test]
fn a_spec_that_asks_for_a_placeholder_is_no_release() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        (
            "specs/box.yaml",
            "id: box\ngeneration: { type: image, provider: placeholder, size: 8x8 }\n",
        ),
    ]);
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
    insta::assert_snapshot!(check(&project, &["--release"]), @r"
    exit code: 3
    ----- stdout -----
    box  provisional: its provider is `placeholder`
    not fresh: 0 of 1 assets are
    ----- stderr -----
    ");
}

#[test]
fn orphans_are_not_fresh() {
    let project = built_items();
    project.edit("specs/items.yaml", "  - { id: gem, generation: { source: art/gem.svg } }\n", "");
    insta::assert_snapshot!(check(&project, &[]), @r"
    exit code: 3
    ----- stdout -----
    assets/images/gem.png  orphan of `gem`
    not fresh
    ----- stderr -----
    ");
    let output = project.run(&["--check", "--format", "json"]);
    let document: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(document["orphans"][0]["path"], "assets/images/gem.png");
    assert_eq!(document["orphans"][0]["asset"], "gem");
}

#[test]
fn the_document_counts_every_state() {
    let project = built_items();
    project.remove("assets/images/coin.png");
    let output = project.run(&["check", "--format", "json"]);
    insta::assert_snapshot!(output.stdout, @r#"
    {
      "schema": "assetbuild.check/1",
      "state": "not-fresh",
      "unfinished": null,
      "assets": [
        {
          "id": "coin",
          "state": "missing",
          "reasons": [
            {
              "code": "output-missing",
              "message": "output missing: assets/images/coin.png"
            }
          ]
        }
      ],
      "orphans": [],
      "counts": {
        "invalid": 0,
        "unknown": 0,
        "drifted": 0,
        "blocked": 0,
        "missing-raw": 0,
        "missing": 1,
        "stale": 0,
        "pending": 0,
        "waiting": 0,
        "provisional": 0,
        "fresh": 1
      }
    }
    "#);
}

#[test]
fn a_check_never_opens_the_database() {
    let project = built_items();
    project.write(".assetcache/state.redb", "no database");
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.read(".assetcache/state.redb"), "no database");
}

/// A project with a picture that was bought, as a clone has it: its raw is in no store.
fn bought() -> Project {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nuntil_bought: placeholder\n"),
        ("specs/hero.yaml", sample::PAID),
    ]);
    project.succeed(&[]);
    let lock = project.read("assetbuild.lock");
    let wanted = lock.split("wanted = \"").nth(1).and_then(|rest| rest.split('"').next());
    let wanted = wanted.and_then(|key| key.strip_prefix("1:")).expect("a block with a wanted key");
    let raw = format!("{}/1234", "ab".repeat(32));
    let purchase = format!(
        "purchases = [\n  {{ id = \"0011223344556677\", wanted = \"{wanted}\", sent = \"{wanted}\", \
         index = 0, raw = \"{raw}\", provider = \"openai\", model = \"gpt-image-2\", \
         cost_micros = 50000, unit = \"USD\", date = \"2026-08-01\" }},\n]\n"
    );
    let lock = lock.replace("provisional = true\n", &format!("raw = \"{raw}\"\n"));
    project.write("assetbuild.lock", format!("{lock}{purchase}"));
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    project
}
