//! `--explain`: the field, its old and its new value, and where it is written.

use crate::sample::{self, built_items};
use crate::support::Project;

fn explain(project: &Project, id: &str) -> String {
    project.succeed(&["--explain", id]).stdout
}

#[test]
fn a_fresh_asset_has_no_reasons() {
    let project = built_items();
    insta::assert_snapshot!(explain(&project, "coin"), @r"
    coin: fresh
      actions: generate fresh, process fresh, validate fresh, integrate fresh
      file: assets/images/coin.png (16x16, 59.7 % covered, sharpness 121, 318 bytes)
    ");
}

#[test]
fn several_changes_are_all_named() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24, method: nearest");
    project.edit("specs/items.yaml", "source: art/coin.svg", "source: art/gem.svg");
    project.remove("assets/images/coin.png");
    insta::assert_snapshot!(explain(&project, "coin"), @r"
    coin: missing
      because output missing: assets/images/coin.png
      because generation.source changed: other content (specs/items.yaml:8)
      because resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
      because resize method changed: lanczos → nearest (specs/items.yaml:4, from defaults)
      actions: generate dirty, process dirty, validate pending, integrate dirty
      file: assets/images/coin.png (16x16, 59.7 % covered, sharpness 121, 318 bytes)
    ");
}

#[test]
fn without_a_cache_the_field_is_named_and_its_old_value_is_not() {
    let project = built_items();
    std::fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    insta::assert_snapshot!(explain(&project, "coin"), @r"
    coin: stale
      because resize dimensions changed: now 24x24 (specs/items.yaml:4, from defaults)
      actions: generate fresh, process dirty, validate pending, integrate pending
      file: assets/images/coin.png
    ");
}

#[test]
fn a_change_in_the_assetfiles_defaults_points_there() {
    let project = sample::items();
    project.write(
        "Assetfile.yaml",
        "version: \"1.0\"\ndefaults:\n  image:\n    generation: { size: 32x32 }\n",
    );
    project.edit("specs/items.yaml", ", size: 32x32", "");
    project.succeed(&[]);
    project.edit("Assetfile.yaml", "32x32", "48x48");
    insta::assert_snapshot!(explain(&project, "gem"), @r"
    gem: stale
      because generation.size changed: 32x32 → 48x48 (Assetfile.yaml:4, from the Assetfile's defaults)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/images/gem.png (16x16, 38.4 % covered, sharpness 154, 239 bytes)
    ");
}

#[test]
fn a_change_in_a_template_points_there() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/coin.svg", sample::COIN),
        (
            "specs/templates/coin.yaml",
            "template: coin\nparameters: [{ name: metal, type: enum, values: [gold, tin] }]\n\
             generation: { type: image, provider: svg, source: art/coin.svg, size: 32x32 }\n",
        ),
        ("specs/coins.yaml", "use: coin\nmatrix: { metal: [gold, tin] }\n"),
    ]);
    project.succeed(&[]);
    assert_eq!(project.files("assets").len(), 3, "{:?}", project.files("assets"));
    project.edit("specs/templates/coin.yaml", "32x32", "48x48");
    insta::assert_snapshot!(explain(&project, "coin-tin"), @r"
    coin-tin: stale
      because generation.size changed: 32x32 → 48x48 (specs/templates/coin.yaml:3, from the template)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/coin-tin.png (32x32, 59.8 % covered, sharpness 0, 324 bytes)
    ");
    project.write(
        "specs/coins.yaml",
        "use: coin\nmatrix: { metal: [gold, tin] }\ngeneration: { size: 32x32 }\n",
    );
    assert_eq!(project.actions(&[]), [""; 0]);
}

#[test]
fn a_changed_prompt_names_its_part() {
    let project = Project::with(&[
        (
            "Assetfile.yaml",
            "version: \"1.0\"\nuntil_bought: placeholder\nstyles: { base: style.md }\n",
        ),
        ("style.md", "Bold outlines.\n"),
        ("specs/hero.yaml", sample::PAID),
    ]);
    project.succeed(&[]);
    project.edit("specs/hero.yaml", "a brave fox", "a shy fox");
    insta::assert_snapshot!(explain(&project, "hero"), @r#"
    hero: blocked
      because OPENAI_API_KEY is not set: put the key of `openai` there
      because prompt.base changed: "a brave fox" → "a shy fox" (specs/hero.yaml:3)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/hero.png (64x64, 100.0 % covered, sharpness 140, 318 bytes)
    "#);
    project.edit("style.md", "Bold", "Thin");
    insta::assert_snapshot!(explain(&project, "hero"), @r#"
    hero: blocked
      because OPENAI_API_KEY is not set: put the key of `openai` there
      because prompt.base changed: "a brave fox" → "a shy fox" (specs/hero.yaml:3)
      because prompt.styles.base changed: "Bold outlines." → "Thin outlines." (specs/hero.yaml:3)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/hero.png (64x64, 100.0 % covered, sharpness 140, 318 bytes)
    "#);
}

#[test]
fn a_model_that_the_assetfile_changes_is_named() {
    let project = Project::with(&[
        (
            "Assetfile.yaml",
            "version: \"1.0\"\nuntil_bought: placeholder\ndefaults: { image: { generation: { provider: openai, model: gpt-image-1 } } }\n",
        ),
        ("specs/hero.yaml", "id: hero\ngeneration: { type: image }\nprompt: a brave fox\n"),
    ]);
    project.succeed(&[]);
    project.edit("Assetfile.yaml", "gpt-image-1", "gpt-image-2");
    insta::assert_snapshot!(explain(&project, "hero"), @r"
    hero: blocked
      because OPENAI_API_KEY is not set: put the key of `openai` there
      because generation.model changed: gpt-image-1 → gpt-image-2 (Assetfile.yaml:3, from the Assetfile's defaults)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/hero.png (256x256, 100.0 % covered, sharpness 327, 1149 bytes)
    ");
}

#[test]
fn unknown_ids_get_a_suggestion() {
    let project = built_items();
    let output = project.run(&["--explain", "coim"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: no asset and no spec file is named `coim`; did you mean `coin`?
    ");
}

#[test]
fn the_document_has_field_values_and_place() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    let output = project.succeed(&["--explain", "coin", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    insta::assert_snapshot!(format!("{:#}", document["assets"][0]["reasons"]), @r#"
    [
      {
        "code": "field-changed",
        "field": "post_processing[0].dimensions",
        "old": "16x16",
        "new": "24x24",
        "message": "resize dimensions changed: 16x16 → 24x24",
        "file": "specs/items.yaml",
        "line": 4,
        "column": 37,
        "origin": "from defaults"
      }
    ]
    "#);
}

#[test]
fn expand_shows_the_merged_spec_with_origins() {
    let project = built_items();
    insta::assert_snapshot!(project.succeed(&["expand", "coin"]).stdout, @r#"
    id: coin                                          # specs/items.yaml:8
    generation:
      type: image                                     # specs/items.yaml:2, from defaults
      provider: svg                                   # specs/items.yaml:2, from defaults
      size: 32x32                                     # specs/items.yaml:2, from defaults
      source: art/coin.svg                            # specs/items.yaml:8
    post_processing:
      - action: resize                                # specs/items.yaml:4, from defaults
        dimensions: 16x16                             # specs/items.yaml:4, from defaults
      - action: validate                              # specs/items.yaml:5, from defaults
        checks: [has_alpha]                           # specs/items.yaml:5, from defaults
    integration:
      manifest_path: "images/coin.png"                # specs/items.yaml:6, from defaults
      manifest_key: "genCoin"                         # specs/items.yaml:6, from defaults

    # files
    assets/images/coin.png

    # manifest
    genCoin in images
    "#);
}

#[test]
fn expand_shows_the_text_of_the_prompt() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nstyles: { base: style.md }\n"),
        ("style.md", "Bold outlines.\n"),
        ("specs/hero.yaml", sample::PAID),
    ]);
    insta::assert_snapshot!(project.succeed(&["expand"]).stdout, @r#"
    id: hero                                          # specs/hero.yaml:1
    generation:
      type: image                                     # specs/hero.yaml:2
      provider: openai                                # specs/hero.yaml:2
      model: gpt-image-2                              # specs/hero.yaml:2
    prompt:
      base: "a brave fox"                             # specs/hero.yaml:3
      parameters:
        size: 1024x1024                               # specs/hero.yaml:3
    post_processing:
      - action: resize                                # specs/hero.yaml:4
        dimensions: 64x64                             # specs/hero.yaml:4

    # prompt
    a brave fox

    Bold outlines.

    # sent to openai gpt-image-2: size 1024x1024, by default background auto, moderation auto, output_format png, quality auto

    # files
    assets/hero.png

    # manifest
    hero in images
    "#);
}

#[test]
fn graphs_are_drawn_in_four_languages() {
    let project = built_items();
    let graph = |language: &str| project.succeed(&["graph", "coin", "--as", language]).stdout;
    insta::assert_snapshot!(graph("dot"), @r#"
    digraph assetbuild {
      rankdir=LR;
      node [shape=box];
      subgraph "cluster_coin" { label="coin";
        a0 [label="generate"];
        a1 [label="process"];
        a2 [label="validate"];
        a3 [label="integrate"];
      }
      a0 -> a1;
      a1 -> a2;
      a2 -> a3;
    }
    "#);
    insta::assert_snapshot!(graph("mermaid"), @r#"
    flowchart LR
      subgraph s0["coin"]
        a0["generate"]
        a1["process"]
        a2["validate"]
        a3["integrate"]
      end
      a0 --> a1
      a1 --> a2
      a2 --> a3
    "#);
    insta::assert_snapshot!(graph("json"), @r#"
    {
      "schema": "assetbuild.graph/1",
      "actions": [
        {
          "action": 0,
          "asset": "coin",
          "kind": "generate",
          "variation": 0
        },
        {
          "action": 1,
          "asset": "coin",
          "kind": "process",
          "variation": 0
        },
        {
          "action": 2,
          "asset": "coin",
          "kind": "validate",
          "variation": 0
        },
        {
          "action": 3,
          "asset": "coin",
          "kind": "integrate",
          "variation": 0
        }
      ],
      "edges": [
        {
          "from": 0,
          "to": 1
        },
        {
          "from": 1,
          "to": 2
        },
        {
          "from": 2,
          "to": 3
        }
      ]
    }
    "#);
    assert!(graph("svg").starts_with("<svg "), "{}", graph("svg"));
}
