//! The manifest: what is not ours stays byte for byte, what is ours follows the specs.

use crate::sample::{self, built_items, items};
use crate::support::Project;

/// A manifest that a team wrote by hand, in a style of its own.
const TEAM: &str = r#"{
    // the game reads this at start
    "version": 3,   "cacheBust":  true,
    "assets": {
        "images": { "background": {"path":"images/bg.png","type":"image"} },
        "audio": {
            "sfx": {
                "ui": [
                    { "key": "click", "path": "audio/click.ogg" }
                ]
            },
            "music": { "theme": { "path": "audio/theme.ogg" } }
        }
    },
    "levels": [1,2,
      3]
}
"#;

#[test]
fn entries_of_others_keep_every_byte() {
    let project = items();
    project.write("assets/manifest.json", TEAM);
    project.succeed(&[]);
    let manifest = project.read("assets/manifest.json");
    insta::assert_snapshot!(manifest, @r#"
    {
        // the game reads this at start
        "version": 3,   "cacheBust":  true,
        "assets": {
            "images": { "background": {"path":"images/bg.png","type":"image"}, "genCoin": { "type": "image", "path": "images/coin.png" }, "genGem": { "type": "image", "path": "images/gem.png" } },
            "audio": {
                "sfx": {
                    "ui": [
                        { "key": "click", "path": "audio/click.ogg" }
                    ]
                },
                "music": { "theme": { "path": "audio/theme.ogg" } }
            }
        },
        "levels": [1,2,
          3]
    }
    "#);
    for line in TEAM.lines().filter(|line| !line.contains("background")) {
        assert!(manifest.contains(line), "{line}");
    }
    project.write("specs/items.yaml", "specs: []\n");
    project.succeed(&["prune"]);
    assert_eq!(project.read("assets/manifest.json"), TEAM);
}

#[test]
fn line_ends_of_the_manifest_stay() {
    let project = items();
    project.write("assets/manifest.json", TEAM.replace('\n', "\r\n"));
    project.succeed(&[]);
    let manifest = project.read("assets/manifest.json");
    assert_eq!(manifest.matches('\n').count(), manifest.matches("\r\n").count(), "{manifest}");
    assert_eq!(project.actions(&[]), [""; 0]);
}

#[test]
fn an_entry_that_a_person_changed_is_shown_and_kept() {
    let project = built_items();
    project.edit(
        "assets/manifest.json",
        "\"path\": \"images/coin.png\"",
        "\"path\": \"images/coin.png\",\n        \"frames\": 4",
    );
    let edited = project.read("assets/manifest.json");
    let output = project.run(&["--check"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 3
    ----- stdout -----
    coin  drifted: its manifest entry `genCoin` was edited by hand
    not fresh: 1 of 2 assets are
    ----- stderr -----
    ");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    hint: fields of your own belong into `integration.manifest_fields`; an entry that you delete is written again
    built coin (from cache)
    warning: coin: line 4: manifest entry `genCoin` was changed by hand and is kept
    built 1 of 2 assets: 1 generated (from cache), 1 processed (from cache) in [TIME]; 1 fresh
    ");
    assert_eq!(project.read("assets/manifest.json"), edited);
    project.edit(
        "specs/items.yaml",
        "manifest_key: \"gen{{id|pascal}}\" }",
        "manifest_key: \"gen{{id|pascal}}\", manifest_fields: { frames: 4 } }",
    );
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0, "the spec came to say the same");
}

#[test]
fn an_entry_that_somebody_else_wrote_is_not_taken() {
    let project = items();
    project.write(
        "assets/manifest.json",
        r#"{ "assets": { "images": { "genCoin": { "path": "old/coin.png" } } } }"#,
    );
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    built coin ([TIME])
    built gem ([TIME])
    warning: coin: line 1: manifest entry `genCoin` exists and belongs to no asset
    built 2 of 2 assets: 2 generated, 2 processed, 2 files published in [TIME]
    ");
    assert!(project.read("assets/manifest.json").contains("old/coin.png"));
    assert_eq!(project.run(&["--check"]).code, 3, "the game does not find the coin");
    assert_eq!(project.run(&[]).code, 1);
    project.write("assets/manifest.json", "{}");
    project.succeed(&[]);
    assert!(project.read("assets/manifest.json").contains("images/coin.png"));
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_manifest_that_is_no_json_is_an_error_with_its_line() {
    let project = built_items();
    project.write("assets/manifest.json", "{\n  \"assets\": {{}\n}\n");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to read assets/manifest.json: line 2: unexpected token in object
    ");
    assert_eq!(project.read("assets/manifest.json"), "{\n  \"assets\": {{}\n}\n");
}

#[test]
fn a_manifest_that_somebody_emptied_is_not_filled_with_our_entries_alone() {
    let project = built_items();
    let text = project.read("assets/manifest.json");
    project.write("assets/manifest.json", "");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to read assets/manifest.json: the manifest is empty, and the lock knows entries in it: write it again, or delete it to have them written anew
    ");
    assert_eq!(project.read("assets/manifest.json"), "");
    project.remove("assets/manifest.json");
    project.succeed(&[]);
    assert_eq!(project.read("assets/manifest.json"), text);
}

#[test]
fn a_manifest_without_our_shape_gets_it() {
    for text in ["", "{}", "{\n}\n"] {
        let project = items();
        project.write("assets/manifest.json", text);
        let output = project.run(&[]);
        assert_eq!(output.code, 0, "{text:?}\n{}", project.shown(&output));
        assert!(project.read("assets/manifest.json").contains("genGem"), "{text:?}");
        assert_eq!(project.run(&["--check"]).code, 0, "{text:?}");
    }
}

#[test]
fn literal_fields_and_other_keys_reach_the_entry() {
    let project = items();
    project.edit(
        "specs/items.yaml",
        "{ id: coin, generation: { source: art/coin.svg } }",
        "{ id: coin, generation: { source: art/coin.svg }, integration: { manifest_fields: { frameWidth: 64, tags: [a, b] }, description: \"It \\\"shines\\\"\" } }",
    );
    project.succeed(&[]);
    insta::assert_snapshot!(project.read("assets/manifest.json"), @r#"
    {
      "assets": {
        "images": {
          "genCoin": {
            "type": "image",
            "path": "images/coin.png",
            "description": "It \"shines\"",
            "frameWidth": 64,
            "tags": [
              "a",
              "b"
            ]
          },
          "genGem": {
            "type": "image",
            "path": "images/gem.png"
          }
        }
      }
    }
    "#);
}

#[test]
fn two_assets_with_one_key_or_one_path_are_an_error() {
    let project = items();
    project.edit("specs/items.yaml", "\"gen{{id|pascal}}\"", "same");
    project.edit("specs/items.yaml", "images/{{id}}.png", "images/same.png");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::duplicate_key

      × `coin` and `gem` have the manifest key `same` in images
       ╭─[specs/items.yaml:9:11]
     7 │ specs:
     8 │   - { id: coin, generation: { source: art/coin.svg } }
       ·           ──┬─
       ·             ╰── first here
     9 │   - { id: gem, generation: { source: art/gem.svg } }
       ·           ─┬─
       ·            ╰── again here
       ╰────
      help: give one of them another `manifest_key`

    spec::duplicate_path

      × `coin` and `gem` publish the same file: assets/images/same.png
       ╭─[specs/items.yaml:9:11]
     7 │ specs:
     8 │   - { id: coin, generation: { source: art/coin.svg } }
       ·           ──┬─
       ·             ╰── first here
     9 │   - { id: gem, generation: { source: art/gem.svg } }
       ·           ─┬─
       ·            ╰── again here
       ╰────
      help: give one of them another `manifest_path`

    2 errors
    ");
}

#[test]
fn a_file_that_nobody_of_us_wrote_is_never_overwritten() {
    let project = items();
    project.write("assets/images/coin.png", "hand made");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    built gem ([TIME])
    warning: coin: `assets/images/coin.png` exists and was not published by an asset
    built 1 of 2 assets: 2 generated, 2 processed, 1 file published in [TIME]; 1 failed
    ");
    assert_eq!(project.read("assets/images/coin.png"), "hand made");
    assert!(project.has("assets/images/gem.png"));
    assert_eq!(project.run(&["--overwrite-drifted"]).code, 1);
    assert_eq!(project.read("assets/images/coin.png"), "hand made");
}

#[test]
fn the_manifest_may_stand_elsewhere() {
    let project = Project::with(&[
        (
            "Assetfile.yaml",
            "version: \"1.0\"\nassets_dir: public/assets\nmanifest: src/data/assets.json\n",
        ),
        ("art/coin.svg", sample::COIN),
        ("art/gem.svg", sample::GEM),
        ("specs/items.yaml", sample::ITEMS),
    ]);
    project.succeed(&[]);
    assert!(project.has("public/assets/images/coin.png"));
    assert!(project.read("src/data/assets.json").contains("\"path\": \"images/coin.png\""));
}

#[test]
fn an_edited_entry_is_kept_when_its_spec_changes_later() {
    let project = built_items();
    project.edit(
        "assets/manifest.json",
        "\"path\": \"images/coin.png\"",
        "\"path\": \"images/coin.png\", \"frames\": 4",
    );
    let edited = project.read("assets/manifest.json");
    assert_eq!(project.run(&["gem"]).code, 0);
    assert_eq!(project.run(&["--check"]).code, 3, "after a build of something else");
    assert_eq!(project.run(&[]).code, 1);
    assert_eq!(project.run(&["--check"]).code, 3, "after a build");
    assert_eq!(project.run(&[]).code, 1, "again");
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert_eq!(project.read("assets/manifest.json"), edited);
}
