//! The lockfile: what is in it, merges, versions, `--locked`.

use crate::sample::built_items;
use crate::support::Project;

const NOTHING: [&str; 0] = [];

#[test]
fn a_block_says_what_is_wanted_and_what_was_published() {
    let project = built_items();
    let digits = |text: &str| -> String {
        let mut shown = String::new();
        for word in text.split_inclusive([' ', '"', ':', '/', '\n']) {
            let (body, end) = word.split_at(word.len() - 1);
            let is_hash = body.len() >= 8 && body.chars().all(|c| c.is_ascii_hexdigit());
            shown += if is_hash { "[HASH]" } else { body };
            shown += end;
        }
        shown
    };
    let lock = project.read("assetbuild.lock");
    let first = lock.split("\n[asset.gem]").next().expect("a first part");
    insta::assert_snapshot!(digits(first), @r#"
    version = 1

    [asset.coin]
    wanted = "1:[HASH]"
    definition = "[HASH]"
    fields = "g-YAin_En2I4btF8I0feY-Ah4-xw189kzCAQSD2A_JlNsxHFuU6LXzgfZ4WrxNJRQ32ud9wh3pM8cj3c05UtRTIAin_"
    entry = ["images", "genCoin", "[HASH]"]
    outputs = [
      "assets/images/coin.png [HASH]/318",
    ]
    "#);
}

#[test]
fn locked_builds_what_the_lock_says_and_refuses_what_it_does_not() {
    let project = built_items();
    let lock = project.read("assetbuild.lock");
    project.succeed(&["--locked"]);
    project.remove("assets/images/coin.png");
    project.succeed(&["--locked"]);
    assert!(project.has("assets/images/coin.png"));
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    let output = project.run(&["--locked"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the lock would change for `coin`, `gem`, and --locked forbids that
    ");
    assert_eq!(project.read("assetbuild.lock"), lock);
    assert_eq!(project.run(&["--locked", "--refresh"]).code, 2);
    // What is sure to be refused is refused before anything runs.
    let events = project.run(&["--locked", "--format", "ndjson"]).stdout;
    assert!(!events.contains("action_started"), "{events}");
}

#[test]
fn a_clone_without_outputs_builds_locked() {
    let project = built_items();
    std::fs::remove_dir_all(project.path("assets")).expect("outputs");
    std::fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    let lock = project.read("assetbuild.lock");
    project.succeed(&["--locked"]);
    assert_eq!(project.read("assetbuild.lock"), lock);
    assert_eq!(project.files("assets").len(), 3);
}

#[test]
fn a_newer_lock_is_refused_and_never_rewritten() {
    let project = built_items();
    let newer = project.read("assetbuild.lock").replacen("version = 1", "version = 2", 1);
    project.write("assetbuild.lock", &newer);
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to read assetbuild.lock: the lock has version 2, this program knows version 1: upgrade it
    ");
    for arguments in [&["--check"][..], &["--plan"], &["prune"], &["--refresh"]] {
        assert_eq!(project.run(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(project.read("assetbuild.lock"), newer);
}

#[test]
fn a_damaged_lock_names_its_line() {
    let project = built_items();
    project.edit("assetbuild.lock", "[asset.gem]\nwanted = \"1:", "[asset.gem]\nwanted = \"x:");
    let output = project.run(&["--check"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to read assetbuild.lock: line 13: `wanted` is not of the form that assetbuild writes
    ");
}

#[test]
fn a_lost_lock_is_made_again_from_the_same_files() {
    let project = built_items();
    let lock = project.read("assetbuild.lock");
    project.remove("assetbuild.lock");
    assert_eq!(project.run(&["--check"]).code, 3);
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    built coin (from cache)
    built gem (from cache)
    built 2 of 2 assets: 2 generated (from cache), 2 processed (from cache) in [TIME]
    ");
    assert_eq!(project.read("assetbuild.lock"), lock);
}

#[test]
fn line_ends_and_comments_of_the_lock_stay() {
    let project = built_items();
    let lock = project.read("assetbuild.lock").replacen("[asset.gem]", "# ours\n[asset.gem]", 1);
    project.write("assetbuild.lock", lock.replace('\n', "\r\n"));
    assert_eq!(project.actions(&[]), NOTHING);
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.succeed(&[]);
    let lock = project.read("assetbuild.lock");
    assert!(lock.contains("# ours\r\n[asset.gem]\r\n"), "{lock}");
    assert_eq!(lock.matches('\n').count(), lock.matches("\r\n").count());
}

/// The lock as git leaves it when two branches add neighbours.
fn conflicted(ours: &str, theirs: &str) -> String {
    format!("version = 1\n\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> theirs\n")
}

/// The block of an asset, without the blank line before it.
fn block(project: &Project, id: &str) -> String {
    let lock = project.read("assetbuild.lock");
    let start = lock.find(&format!("[asset.{id}]")).unwrap_or_else(|| panic!("{id}: {lock}"));
    let end = lock[start..].find("\n\n").map_or(lock.len(), |end| start + end + 1);
    lock[start..end].to_owned()
}

#[test]
fn neighbours_of_two_branches_are_both_kept() {
    let project = built_items();
    let before = project.read("assetbuild.lock");
    let text = conflicted(&block(&project, "coin"), &block(&project, "gem"));
    project.write("assetbuild.lock", &text);
    let output = project.run(&["--check"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 3
    ----- stdout -----
    the lock has merge conflicts; a build resolves them
    not fresh
    ----- stderr -----
    ");
    assert_eq!(project.read("assetbuild.lock"), text, "a check changes nothing");
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    the merge conflicts in assetbuild.lock are resolved
    nothing to do: 2 assets are fresh ([TIME])
    ");
    assert_eq!(project.read("assetbuild.lock"), before);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn the_side_that_fits_the_spec_wins() {
    let project = built_items();
    let small = block(&project, "coin");
    project.edit("specs/items.yaml", "source: art/coin.svg", "source: art/coin.svg, size: 64x64");
    project.succeed(&[]);
    let (large, after) = (block(&project, "coin"), project.read("assetbuild.lock"));
    assert_ne!(small, large);
    let rest = block(&project, "gem");
    for (ours, theirs) in [(&small, &large), (&large, &small)] {
        let text = conflicted(ours, theirs);
        project.write("assetbuild.lock", format!("{text}\n{rest}"));
        project.succeed(&[]);
        assert_eq!(project.read("assetbuild.lock"), after);
    }
}

#[test]
fn when_neither_side_fits_the_asset_is_stale() {
    let project = built_items();
    let small = block(&project, "coin");
    project.edit("specs/items.yaml", "source: art/coin.svg", "source: art/coin.svg, size: 64x64");
    project.succeed(&[]);
    let (large, rest) = (block(&project, "coin"), block(&project, "gem"));
    project.edit("specs/items.yaml", "size: 64x64", "size: 48x48");
    project.write("assetbuild.lock", format!("{}\n{rest}", conflicted(&small, &large)));
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ coin  free: generation.size changed: 64x64 → 48x48 (specs/items.yaml:8)
      1 fresh.  1 to build: 1 generate.  Nothing to buy.
    ");
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn markers_that_make_no_sense_are_an_error() {
    let project = built_items();
    let lock = project.read("assetbuild.lock");
    project.write("assetbuild.lock", format!("{lock}<<<<<<< HEAD\n"));
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to read assetbuild.lock: line 20: this conflict marker has no partner
    ");
}

#[test]
fn decisions_wait_until_conflicts_are_resolved() {
    let project = built_items();
    let text = conflicted(&block(&project, "coin"), &block(&project, "gem"));
    project.write("assetbuild.lock", &text);
    let output = project.run(&["adopt", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: assetbuild.lock has merge conflicts; a build resolves them
    ");
    assert_eq!(project.read("assetbuild.lock"), text);
    assert_eq!(project.run(&["prune", "--yes"]).code, 2);
    assert_eq!(project.read("assetbuild.lock"), text);
}

#[test]
fn a_build_of_one_asset_leaves_the_other_blocks_alone() {
    let project = built_items();
    let gem = block(&project, "gem");
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.succeed(&["coin"]);
    assert_eq!(block(&project, "gem"), gem);
    let output = project.run(&["--check"]);
    assert_eq!(output.code, 3);
    assert_eq!(project.run(&["--check", "coin"]).code, 0);
}

#[test]
fn a_project_that_is_only_specs_has_its_lock_beside_them() {
    let project = Project::with(&[(
        "specs/box.yaml",
        "id: box\ngeneration: { type: image, provider: placeholder, size: 8x8 }\n",
    )]);
    project.succeed(&[]);
    assert!(project.has("assetbuild.lock"));
}
