//! What runs again after a change, and what does not.

use crate::sample::{self, built_items};

const NOTHING: [&str; 0] = [];

#[test]
fn an_unchanged_project_runs_nothing_and_writes_nothing() {
    let project = built_items();
    let stat = |path: &str| {
        let metadata = std::fs::metadata(project.path(path)).expect("a file");
        metadata.modified().expect("a time")
    };
    let paths = ["assetbuild.lock", "assets/manifest.json", "assets/images/coin.png"];
    let before = paths.map(stat);
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    nothing to do: 2 assets are fresh ([TIME])
    ");
    assert_eq!(project.actions(&[]), NOTHING);
    assert_eq!(paths.map(stat), before);
}

#[test]
fn a_changed_field_runs_the_chain_of_its_asset_alone() {
    let project = built_items();
    project.edit("specs/items.yaml", "source: art/coin.svg", "source: art/coin.svg, size: 64x64");
    insta::assert_snapshot!(project.succeed(&["--explain", "coin"]).stdout, @r"
    coin: stale
      because generation.size changed: 32x32 → 64x64 (specs/items.yaml:8)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/images/coin.png (16x16, 59.7 % covered, sharpness 121, 318 bytes)
    ");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: generation.size changed: 32x32 → 64x64 (specs/items.yaml:8)
      1 fresh.  1 to build: 1 generate.  Nothing to buy.
    ");
    assert_eq!(
        project.actions(&[]),
        ["generate coin: ran", "integrate coin: ran", "process coin: ran", "validate coin: ran"]
    );
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn a_changed_default_runs_what_it_holds_for_and_says_so() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    insta::assert_snapshot!(project.succeed(&["--explain", "coin"]).stdout, @r"
    coin: stale
      because resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
      actions: generate fresh, process dirty, validate pending, integrate pending
      file: assets/images/coin.png (16x16, 59.7 % covered, sharpness 121, 318 bytes)
    ");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
    ~ gem  free: resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
      0 fresh.  2 to build: 2 process.  Nothing to buy.
    ");
    let actions = project.actions(&[]);
    assert_eq!(actions.iter().filter(|action| action.starts_with("process")).count(), 2);
}

#[test]
fn an_edit_that_draws_the_same_pixels_stops_after_generate() {
    let project = built_items();
    project.edit("art/coin.svg", "<circle ", "<!-- the rim -->\n  <circle ");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: generation.source changed: other content (specs/items.yaml:8)
      1 fresh.  1 to build: 1 generate.  Nothing to buy.
    ");
    let before = project.read_bytes("assets/images/coin.png");
    assert_eq!(
        project.actions(&[]),
        ["generate coin: ran", "integrate coin: ran", "process coin: cached", "validate coin: ran"]
    );
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn a_drawing_of_two_assets_makes_both_stale() {
    let project = built_items();
    project.edit("specs/items.yaml", "source: art/gem.svg", "source: art/coin.svg");
    project.succeed(&[]);
    project.edit("art/coin.svg", "#ffcc00", "#ff0000");
    let actions = project.actions(&[]);
    for id in ["coin", "gem"] {
        // Whoever comes second takes what the first one drew.
        let drew = format!("generate {id}: ");
        assert!(actions.iter().any(|action| action.starts_with(&drew)), "{actions:?}");
    }
}

#[test]
fn a_deleted_output_comes_back_without_running_a_body() {
    let project = built_items();
    let before = project.read_bytes("assets/images/coin.png");
    project.remove("assets/images/coin.png");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    + coin  free: output missing: assets/images/coin.png
      1 fresh.  1 to build: 1 integrate.  Nothing to buy.
    ");
    let actions = project.actions(&[]);
    assert_eq!(bodies(&actions), NOTHING);
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
}

#[test]
fn a_deleted_output_without_a_cache_is_made_again() {
    let project = built_items();
    let before = project.read_bytes("assets/images/coin.png");
    project.remove("assets/images/coin.png");
    std::fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    project.succeed(&[]);
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
}

#[test]
fn a_lost_cache_leaves_everything_fresh() {
    let project = built_items();
    std::fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn going_back_takes_the_result_from_the_cache() {
    let project = built_items();
    let before = project.read_bytes("assets/images/coin.png");
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.succeed(&[]);
    project.edit("specs/items.yaml", "dimensions: 24x24", "dimensions: 16x16");
    let actions = project.actions(&["coin"]);
    assert_eq!(bodies(&actions), NOTHING);
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
}

#[test]
fn a_loosened_check_decodes_nothing() {
    let project = built_items();
    project.edit("specs/items.yaml", "checks: [has_alpha]", "checks: [has_alpha, not_blank]");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: check not_blank added (specs/items.yaml:5, from defaults)
    ~ gem  free: check not_blank added (specs/items.yaml:5, from defaults)
      0 fresh.  2 to build: 2 validate.  Nothing to buy.
    ");
    assert_eq!(
        project.actions(&["coin"]),
        [
            "generate coin: cached",
            "integrate coin: ran",
            "process coin: cached",
            "validate coin: ran"
        ]
    );
}

#[test]
fn a_description_changes_the_manifest_alone() {
    let project = built_items();
    project.edit(
        "specs/items.yaml",
        "{ id: coin, generation: { source: art/coin.svg } }",
        "{ id: coin, generation: { source: art/coin.svg }, integration: { description: Shiny } }",
    );
    let actions = project.actions(&[]);
    assert_eq!(bodies(&actions), NOTHING);
    assert!(project.read("assets/manifest.json").contains("\"description\": \"Shiny\""));
}

#[test]
fn metadata_that_nothing_uses_changes_nothing() {
    let project = built_items();
    project.edit(
        "specs/items.yaml",
        "{ id: coin,",
        "{ id: coin, metadata: { tags: [gold], priority: 1, phase: 2 },",
    );
    assert_eq!(project.actions(&[]), NOTHING);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_touched_file_changes_nothing() {
    let project = built_items();
    for path in ["art/coin.svg", "assets/images/coin.png", "specs/items.yaml", "assetbuild.lock"] {
        let bytes = project.read_bytes(path);
        project.write(path, bytes);
    }
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn a_new_asset_builds_alone() {
    let project = built_items();
    project.write(
        "specs/star.yaml",
        "id: star\ngeneration: { type: image, provider: svg, source: art/coin.svg, size: 8x8 }\n",
    );
    let actions = project.actions(&[]);
    assert!(actions.iter().all(|action| action.contains(" star: ")), "{actions:?}");
}

#[test]
fn a_new_id_takes_over_what_was_built() {
    let project = built_items();
    project.edit("specs/items.yaml", "id: coin", "id: token");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ token  free: renamed from `coin`
        integration.path changed: assets/images/coin.png → assets/images/token.png (specs/items.yaml:6, from defaults)
        integration.manifest_key changed: genCoin → genToken (specs/items.yaml:6, from defaults)
      1 fresh.  1 to build: 1 integrate.  Nothing to buy.
    ");
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    built token (from cache)
    built 1 of 2 assets: 1 generated (from cache), 1 processed (from cache), 1 file published in [TIME]; 1 fresh
    ");
    assert_eq!(
        project.files("assets"),
        ["assets/images/gem.png", "assets/images/token.png", "assets/manifest.json"]
    );
    let manifest = project.read("assets/manifest.json");
    assert!(manifest.contains("genToken") && !manifest.contains("genCoin"), "{manifest}");
    assert!(!project.read("assetbuild.lock").contains("coin]"));
    assert_eq!(project.actions(&[]), NOTHING);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_new_path_moves_the_file() {
    let project = built_items();
    project.edit("specs/items.yaml", "images/{{id}}.png", "sprites/{{id}}.png");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: integration.path changed: assets/images/coin.png → assets/sprites/coin.png (specs/items.yaml:6, from defaults)
    ~ gem  free: integration.path changed: assets/images/gem.png → assets/sprites/gem.png (specs/items.yaml:6, from defaults)
      0 fresh.  2 to build: 2 integrate.  Nothing to buy.
    ");
    let actions = project.actions(&[]);
    assert_eq!(bodies(&actions), NOTHING);
    assert_eq!(
        project.files("assets"),
        ["assets/manifest.json", "assets/sprites/coin.png", "assets/sprites/gem.png"]
    );
    assert!(project.read("assets/manifest.json").contains("sprites/coin.png"));
    assert_eq!(project.actions(&[]), NOTHING);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_new_manifest_key_renames_the_entry() {
    let project = built_items();
    project.edit("specs/items.yaml", "\"gen{{id|pascal}}\"", "\"made{{id|pascal}}\"");
    project.succeed(&[]);
    let manifest = project.read("assets/manifest.json");
    assert!(manifest.contains("madeCoin") && !manifest.contains("genCoin"), "{manifest}");
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn two_assets_can_swap_their_paths() {
    let project = built_items();
    let bytes = |path: &str| project.read_bytes(path);
    let (coin, gem) = (bytes("assets/images/coin.png"), bytes("assets/images/gem.png"));
    project.edit(
        "specs/items.yaml",
        "id: coin, generation: { source: art/coin.svg }",
        "id: coin, generation: { source: art/gem.svg }",
    );
    project.edit(
        "specs/items.yaml",
        "id: gem, generation: { source: art/gem.svg }",
        "id: gem, generation: { source: art/coin.svg }",
    );
    project.succeed(&[]);
    assert_eq!(bytes("assets/images/coin.png"), gem);
    assert_eq!(bytes("assets/images/gem.png"), coin);
    project.edit(
        "specs/items.yaml",
        "id: coin,",
        "id: coin, integration: { manifest_path: images/gem.png },",
    );
    project.edit(
        "specs/items.yaml",
        "id: gem,",
        "id: gem, integration: { manifest_path: images/coin.png },",
    );
    project.succeed(&[]);
    assert_eq!(bytes("assets/images/coin.png"), coin);
    assert_eq!(bytes("assets/images/gem.png"), gem);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn another_encoding_takes_the_place_of_the_old_one() {
    let project = built_items();
    project.edit("specs/items.yaml", "images/{{id}}.png", "images/{{id}}.webp");
    project.succeed(&[]);
    assert_eq!(
        project.files("assets/images"),
        ["assets/images/coin.webp", "assets/images/gem.webp"]
    );
    assert_eq!(&project.read_bytes("assets/images/coin.webp")[..4], b"RIFF");
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn refresh_runs_free_actions_again_and_changes_nothing() {
    let project = built_items();
    let lock = project.read("assetbuild.lock");
    assert_eq!(
        project.actions(&["coin", "--refresh"]),
        ["generate coin: ran", "integrate coin: ran", "process coin: ran", "validate coin: ran"]
    );
    assert_eq!(project.read("assetbuild.lock"), lock);
}

#[test]
fn text_in_a_drawing_needs_no_font_of_the_project() {
    let project = sample::items();
    project.edit("art/coin.svg", "</svg>", "<text x=\"2\" y=\"20\">5</text></svg>");
    project.succeed(&[]);
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn a_variable_of_a_drawing_is_an_input() {
    let project = sample::items();
    project.edit("art/coin.svg", "#ffcc00", "{{fill}}");
    project.edit(
        "specs/items.yaml",
        "source: art/coin.svg",
        "source: art/coin.svg, vars: { fill: \"#ffcc00\" }",
    );
    project.succeed(&[]);
    project.edit("specs/items.yaml", "#ffcc00", "#00ff00");
    insta::assert_snapshot!(project.succeed(&["--explain", "coin"]).stdout, @r"
    coin: stale
      because generation.vars.fill changed: #ffcc00 → #00ff00 (specs/items.yaml:8)
      actions: generate dirty, process pending, validate pending, integrate pending
      file: assets/images/coin.png (16x16, 59.7 % covered, sharpness 121, 318 bytes)
    ");
    assert_eq!(project.actions(&[])[0], "generate coin: ran");
}

/// The generate and process actions that ran.
fn bodies(actions: &[String]) -> Vec<&str> {
    let is_body =
        |action: &&String| action.starts_with("generate") || action.starts_with("process");
    let ran = actions.iter().filter(is_body).filter(|action| action.ends_with(": ran"));
    ran.map(String::as_str).collect()
}
