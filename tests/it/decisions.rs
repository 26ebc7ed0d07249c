//! What a person decides: edited files, adopt, keep, unpin, prune, and the care of the stores.

use std::fs;

use crate::sample::{self, built_items, items};
use crate::support::Project;

const NOTHING: [&str; 0] = [];

/// `coin` and `gem`, built, with a coin that somebody retouched.
fn retouched() -> (Project, Vec<u8>) {
    let project = built_items();
    let bytes = project.read_bytes("assets/images/gem.png");
    project.write("assets/images/coin.png", &bytes);
    (project, bytes)
}

#[test]
fn an_edited_file_is_kept_and_reported() {
    let (project, bytes) = retouched();
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ! coin  drifted: assets/images/coin.png was edited by hand
      1 fresh.  1 drifted.  Nothing to buy.
    ");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    warning: coin: drifted: assets/images/coin.png was edited by hand
    hint: `assetbuild adopt ID` makes an edited file the finished one, --overwrite-drifted replaces it
    built nothing: 1 held, 1 fresh ([TIME])
    ");
    assert_eq!(project.read_bytes("assets/images/coin.png"), bytes);
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    assert_eq!(project.run(&[]).code, 1);
    assert_eq!(project.read_bytes("assets/images/coin.png"), bytes);
    assert_ne!(project.read_bytes("assets/images/gem.png"), bytes, "the others go on");
}

#[test]
fn an_edited_file_is_replaced_only_on_demand() {
    let (project, bytes) = retouched();
    insta::assert_snapshot!(project.succeed(&["--plan", "--overwrite-drifted"]).stdout, @r"
    ~ coin  free: assets/images/coin.png was edited by hand
      1 fresh.  1 to build: 1 integrate.  Nothing to buy.
    ");
    project.succeed(&["--overwrite-drifted"]);
    assert_ne!(project.read_bytes("assets/images/coin.png"), bytes);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn an_edit_that_is_undone_is_no_edit() {
    let project = built_items();
    let original = project.read_bytes("assets/images/coin.png");
    project.write("assets/images/coin.png", "mine");
    assert_eq!(project.run(&["--check"]).code, 3);
    project.write("assets/images/coin.png", original);
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn an_adopted_file_is_final_until_unpinned() {
    let (project, bytes) = retouched();
    let output = project.succeed(&["adopt", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    adopted coin
    ");
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.actions(&[]), NOTHING);
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    insta::assert_snapshot!(project.succeed(&["--explain", "coin"]).stdout, @r"
    coin: fresh
      because resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
      actions: generate fresh, process fresh, validate fresh, integrate fresh
      file: assets/images/coin.png (16x16, 38.4 % covered, sharpness 154, 239 bytes)
    ");
    project.succeed(&[]);
    assert_eq!(project.read_bytes("assets/images/coin.png"), bytes);
    let output = project.succeed(&["unpin", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    unpinned coin
    ");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
      1 fresh.  1 to build: 1 process.  Nothing to buy.
    ");
    project.succeed(&[]);
    assert_ne!(project.read_bytes("assets/images/coin.png"), bytes);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn an_adopted_file_survives_its_deletion_and_the_loss_of_the_cache() {
    let (project, bytes) = retouched();
    project.succeed(&["adopt", "coin"]);
    project.remove("assets/images/coin.png");
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    project.succeed(&[]);
    assert_eq!(project.read_bytes("assets/images/coin.png"), bytes, "the second home has it");
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn an_adopted_file_stays_where_it_is_when_its_spec_names_another_path() {
    let (project, bytes) = retouched();
    project.succeed(&["adopt", "coin"]);
    project.edit("specs/items.yaml", "images/{{id}}.png", "sprites/{{id}}.png");
    project.succeed(&[]);
    insta::assert_snapshot!(project.files("assets").join("\n"), @r"
    assets/images/coin.png
    assets/manifest.json
    assets/sprites/gem.png
    ");
    assert_eq!(project.read_bytes("assets/images/coin.png"), bytes);
    let output = project.run(&["--check"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    fresh: 2 assets
    ----- stderr -----
    ");
}

#[test]
fn sibling_encodings_of_an_adopted_file_follow_it() {
    let project = items();
    project.edit(
        "specs/items.yaml",
        "    - { action: validate, checks: [has_alpha] }\n",
        "    - { action: convert, formats: [png, webp], quality: 90 }\n",
    );
    project.succeed(&[]);
    let (gem, webp) = (
        project.read_bytes("assets/images/gem.png"),
        project.read_bytes("assets/images/coin.webp"),
    );
    project.write("assets/images/coin.png", &gem);
    project.succeed(&["adopt", "coin"]);
    assert_ne!(project.read_bytes("assets/images/coin.webp"), webp);
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn only_what_was_built_can_be_adopted_kept_or_unpinned() {
    let project = items();
    for arguments in
        [&["adopt", "coin"][..], &["keep", "coin", "--reason", "fine"], &["unpin", "coin"]]
    {
        let output = project.run(arguments);
        assert_eq!(output.code, 2, "{}", project.shown(&output));
    }
    project.succeed(&[]);
    let output = project.run(&["unpin", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `coin` is neither kept nor adopted
    ");
    let output = project.run(&["keep", "coin", "--reason", "fine"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `coin` is not stale, so there is nothing to keep
    ");
    let output = project.run(&["keep", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the following required arguments were not provided:
      --reason <TEXT>

    Usage: assetbuild keep --reason <TEXT> <ASSETS>...

    For more information, try '--help'.
    ");
    let output = project.run(&["keep", "nothing", "--reason", "fine"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: no asset and no spec file is named `nothing`
    ");
}

#[test]
fn a_kept_result_is_good_for_the_new_request() {
    let project = built_items();
    let before = project.read_bytes("assets/images/coin.png");
    project.edit("specs/items.yaml", "size: 32x32", "size: 64x64");
    let output = project.succeed(&["keep", "*", "--reason", "same picture, finer"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    kept coin
    kept gem
    ");
    assert!(project.read("assetbuild.lock").contains("reason = \"same picture, finer\""));
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.actions(&[]), NOTHING);
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
    project.succeed(&["unpin", "coin"]);
    assert_eq!(project.actions(&[])[0], "generate coin: ran");
}

#[test]
fn a_drawing_can_be_kept_for_a_request_that_would_be_bought() {
    let project = built_items();
    project.write("specs/items.yaml", "id: coin\ngeneration: { type: image, provider: openai, model: gpt-image-2 }\nprompt: a coin\npost_processing: [{ action: resize, dimensions: 16x16 }, { action: validate, checks: [has_alpha] }]\nintegration: { manifest_path: images/coin.png, manifest_key: genCoin }\n");
    assert_eq!(project.run(&["coin"]).code, 5);
    project.succeed(&["keep", "coin", "--reason", "the drawing will do"]);
    project.succeed(&["prune"]);
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.actions(&[]), NOTHING);
    project.edit("specs/items.yaml", "16x16", "24x24");
    let output = project.run(&[]);
    assert_eq!(output.code, 5, "nothing is left to resize: {}", project.shown(&output));
    assert!(project.has("assets/images/coin.png"));
    project.succeed(&["unpin", "coin"]);
    assert_eq!(project.run(&["--check"]).code, 3);
}

#[test]
fn a_placeholder_gives_way_to_the_real_thing() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nuntil_bought: placeholder\n"),
        ("art/coin.svg", sample::COIN),
        ("specs/hero.yaml", sample::PAID),
    ]);
    project.succeed(&[]);
    assert!(project.read("assetbuild.lock").contains("provisional = true"));
    assert_eq!(
        project.run(&["keep", "hero", "--reason", "fine"]).code,
        2,
        "no placeholder is good enough"
    );
    project.write(
        "specs/hero.yaml",
        "id: hero\ngeneration: { type: image, provider: svg, source: art/coin.svg, size: 64x64 }\n",
    );
    project.succeed(&[]);
    assert!(!project.read("assetbuild.lock").contains("provisional"));
    assert_eq!(project.run(&["--check", "--release"]).code, 0);
}

#[test]
fn decisions_find_a_renamed_asset_that_was_not_built_yet() {
    let project = built_items();
    let bytes = project.read_bytes("assets/images/gem.png");
    project.write("assets/images/coin.png", &bytes);
    project.edit("specs/items.yaml", "id: coin,", "id: token,");
    project.succeed(&["adopt", "token"]);
    project.succeed(&["unpin", "token"]);
    project.succeed(&["adopt", "token"]);
    project.succeed(&[]);
    let manifest: serde_json::Value =
        serde_json::from_str(&project.read("assets/manifest.json")).expect("JSON");
    let path = manifest["assets"]["images"]["genToken"]["path"].as_str().expect("a path");
    assert_eq!(project.read_bytes(&format!("assets/{path}")), bytes);
}

#[test]
fn keeping_does_not_excuse_a_changed_step() {
    let project = built_items();
    project.edit("specs/items.yaml", "size: 32x32", "size: 64x64");
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.succeed(&["keep", "coin", "--reason", "fine"]);
    insta::assert_snapshot!(project.succeed(&["--plan", "coin"]).stdout, @r"
    ~ coin  free: resize dimensions changed: 16x16 → 24x24 (specs/items.yaml:4, from defaults)
      0 fresh.  1 to build: 1 process.  Nothing to buy.
    ");
    project.succeed(&["coin"]);
    assert_eq!(project.run(&["--check", "coin"]).code, 0);
}

#[test]
fn a_removed_spec_leaves_orphans_until_pruned() {
    let project = built_items();
    project.edit("specs/items.yaml", "  - { id: gem, generation: { source: art/gem.svg } }\n", "");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ? assets/images/gem.png  left over from `gem`: assetbuild prune
      1 fresh.  Nothing to buy.
    ");
    project.succeed(&[]);
    assert!(project.has("assets/images/gem.png"), "a build deletes nothing");
    let output = project.succeed(&["prune", "--dry-run"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    assets/images/gem.png  of gem
    ----- stderr -----
    ");
    assert!(project.has("assets/images/gem.png"));
    let output = project.succeed(&["prune"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    deleted assets/images/gem.png
    ");
    assert_eq!(project.files("assets"), ["assets/images/coin.png", "assets/manifest.json"]);
    assert!(!project.read("assets/manifest.json").contains("genGem"));
    assert!(!project.read("assetbuild.lock").contains("gem"));
    assert_eq!(project.run(&["--check"]).code, 0);
    let output = project.succeed(&["prune"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    nothing is left over from removed specs
    ");
}

#[test]
fn prune_leaves_an_edited_file_to_its_editor() {
    let project = built_items();
    project.write("assets/images/gem.png", "mine now");
    project.edit("specs/items.yaml", "  - { id: gem, generation: { source: art/gem.svg } }\n", "");
    let output = project.run(&["prune"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    gem: `assets/images/gem.png` is no longer needed, but was edited by hand and is kept
    ");
    assert_eq!(project.read("assets/images/gem.png"), "mine now");
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_spec_that_comes_back_finds_its_files() {
    let project = built_items();
    let specs = project.read("specs/items.yaml");
    project.edit("specs/items.yaml", "  - { id: gem, generation: { source: art/gem.svg } }\n", "");
    project.succeed(&[]);
    project.write("specs/items.yaml", specs);
    assert_eq!(project.actions(&[]), NOTHING);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn gc_deletes_what_the_lock_does_not_name() {
    let project = built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.succeed(&[]);
    let blobs = || project.files(".assetcache/derived").len();
    let before = blobs();
    let output = project.succeed(&["gc", "--dry-run"]);
    assert!(output.stderr.contains("would delete 2 files"), "{}", project.shown(&output));
    assert_eq!(blobs(), before);
    let output = project.succeed(&["gc", "--max-size", "1G"]);
    assert!(output.stderr.contains("deleted 0 files"), "{}", project.shown(&output));
    let output = project.succeed(&["gc"]);
    assert!(output.stderr.contains("deleted 2 files"), "{}", project.shown(&output));
    assert_eq!(blobs(), before - 2);
    assert_eq!(project.actions(&[]), NOTHING);
    project.remove("assets/images/coin.png");
    assert_eq!(project.run(&[]).code, 0);
    project.edit("specs/items.yaml", "dimensions: 24x24", "dimensions: 16x16");
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn verify_finds_what_is_broken_and_a_build_mends_it() {
    let project = built_items();
    let output = project.succeed(&["store", "verify"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    2 files of the cache and 0 bought files verified
    ");
    let is_blob = |path: &&String| !path.ends_with("CACHEDIR.TAG");
    for blob in project.files(".assetcache/derived").iter().filter(is_blob) {
        let path = project.path(blob);
        let mut permissions = fs::metadata(&path).expect("a blob").permissions();
        #[allow(clippy::permissions_set_readonly_false, reason = "a file of this test")]
        permissions.set_readonly(false);
        fs::set_permissions(&path, permissions).expect("our own file");
        fs::write(path, "broken").expect("our own file");
    }
    let output = project.run(&["store", "verify"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    project.succeed(&["store", "verify"]);
    project.remove("assets/images/coin.png");
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_broken_blob_is_never_published() {
    let project = built_items();
    let before = project.read_bytes("assets/images/coin.png");
    for blob in project.files(".assetcache/derived") {
        let path = project.path(&blob);
        let _ = fs::remove_file(&path);
        fs::write(path, "broken").expect("our own file");
    }
    project.remove("assets/images/coin.png");
    let output = project.run(&[]);
    assert_eq!(output.code, 0, "{}", project.shown(&output));
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
}

#[test]
fn the_database_can_be_made_again() {
    let project = built_items();
    let output = project.succeed(&["store", "rebuild"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    the database was made again
    ");
    assert_eq!(project.actions(&[]), NOTHING);
    project.write(".assetcache/state.redb", "no database");
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    warning: the cache's database was made again: it is not a database
    built coin ([TIME])
    built gem ([TIME])
    built 2 of 2 assets: 2 generated, 2 processed, 2 files published in [TIME]
    ");
}

#[test]
fn an_adopted_file_keeps_its_place_when_its_asset_is_renamed() {
    let project = built_items();
    let bytes = project.read_bytes("assets/images/gem.png");
    project.write("assets/images/coin.png", &bytes);
    project.succeed(&["adopt", "coin"]);
    project.edit("specs/items.yaml", "id: coin,", "id: token,");
    let output = project.succeed(&[]);
    assert!(output.stderr.contains("built 1 of 2"), "{}", output.stderr);
    let manifest: serde_json::Value =
        serde_json::from_str(&project.read("assets/manifest.json")).expect("JSON");
    let path =
        manifest["assets"]["images"]["genToken"]["path"].as_str().expect("a path").to_owned();
    assert_eq!(project.read_bytes(&format!("assets/{path}")), bytes);
    assert_eq!(project.run(&["--check"]).code, 0);
    project.succeed(&["unpin", "token"]);
    project.succeed(&[]);
    assert_eq!(
        project.files("assets/images"),
        ["assets/images/gem.png", "assets/images/token.png"]
    );
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_purchase_that_was_kept_stays_good_when_a_step_changes() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nuntil_bought: placeholder\n"),
        ("specs/hero.yaml", sample::PAID),
    ]);
    project.succeed(&[]);
    // The placeholder's picture plays the one that was bought.
    let bytes = project.read_bytes("assets/hero.png");
    let digest = assetbuild::base::Digest::of(&bytes);
    project.write(&format!(".assetcache/paid/raw/{}.png", digest.hex()), &bytes);
    let lock = project.read("assetbuild.lock");
    let wanted = lock.split("wanted = \"1:").nth(1).and_then(|rest| rest.split('"').next());
    let wanted = wanted.expect("a wanted key");
    let raw = format!("{}/{}", digest.hex(), digest.size);
    let purchase = format!(
        "purchases = [\n  {{ id = \"0011223344556677\", wanted = \"{wanted}\", sent = \"{wanted}\", \
         index = 0, raw = \"{raw}\", provider = \"openai\", model = \"gpt-image-2\", \
         cost_micros = 50000, unit = \"USD\", date = \"2026-08-01\" }},\n]\n"
    );
    let lock = lock.replace("provisional = true\n", &format!("raw = \"{raw}\"\n"));
    project.write("assetbuild.lock", format!("{lock}{purchase}"));
    assert_eq!(project.run(&["--check"]).code, 0);

    project.edit("specs/hero.yaml", "a brave fox", "a bold fox");
    assert_eq!(project.run(&["--check"]).code, 3);
    project.succeed(&["keep", "hero", "--reason", "bold enough"]);
    assert_eq!(project.run(&["--check"]).code, 0);
    project.edit("specs/hero.yaml", "64x64", "32x32");
    project.succeed(&[]);
    assert!(project.read("assetbuild.lock").contains("reason = \"bold enough\""));
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    assert_eq!(project.run(&["--check"]).code, 0);
    let plan = project.succeed(&["--plan", "--format", "json"]).stdout;
    assert!(!plan.contains("\"dirty\"") && !plan.contains("\"blocked\""), "{plan}");
}
