//! Which assets a command is about: ids, globs, spec files, tags, phases, revisions, steps.

use std::process::Command;

use crate::sample;
use crate::support::Project;

const NOTHING: [&str; 0] = [];

/// Four assets in two files, with tags and phases.
fn four() -> Project {
    Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/coin.svg", sample::COIN),
        ("art/gem.svg", sample::GEM),
        (
            "specs/gold.yaml",
            r#"defaults:
  generation: { type: image, provider: svg, source: art/coin.svg, size: 16x16 }
specs:
  - { id: gold-coin, metadata: { tags: [gold, round], phase: 1 } }
  - { id: gold-ring, metadata: { tags: [gold], phase: 2 } }
"#,
        ),
        (
            "specs/deep/blue.yaml",
            r#"defaults:
  generation: { type: image, provider: svg, source: art/gem.svg, size: 16x16 }
specs:
  - { id: blue-gem, metadata: { tags: [blue], phase: 1 } }
  - { id: blue-stone }
"#,
        ),
    ])
}

/// The assets that a build with these arguments makes.
fn built(arguments: &[&str]) -> Vec<String> {
    let project = four();
    let output = project.run(arguments);
    assert_eq!(output.code, 0, "{}", project.shown(&output));
    let is_picture = |path: &String| path.ends_with(".png");
    project.files("assets").into_iter().filter(is_picture).collect()
}

#[test]
fn ids_globs_and_spec_files_select() {
    assert_eq!(built(&["gold-coin"]), ["assets/gold-coin.png"]);
    assert_eq!(built(&["build", "gold-coin"]), ["assets/gold-coin.png"]);
    assert_eq!(built(&["*-{gem,ring}"]), ["assets/deep/blue-gem.png", "assets/gold-ring.png"]);
    let blue = ["assets/deep/blue-gem.png", "assets/deep/blue-stone.png"];
    assert_eq!(built(&["specs/deep/blue.yaml"]), blue);
    assert_eq!(built(&["./specs/deep/blue.yaml"]), blue);
    assert_eq!(built(&[]).len(), 4);
}

#[test]
fn tags_and_phases_select_and_narrow() {
    assert_eq!(built(&["--tag", "gold"]), ["assets/gold-coin.png", "assets/gold-ring.png"]);
    assert_eq!(
        built(&["--tag", "blue", "--tag", "round"]),
        ["assets/deep/blue-gem.png", "assets/gold-coin.png"]
    );
    assert_eq!(built(&["--phase", "1"]), ["assets/deep/blue-gem.png", "assets/gold-coin.png"]);
    assert_eq!(built(&["--phase", "2", "--phase", "1", "gold-*"]).len(), 2);
    assert_eq!(built(&["--phase", "1", "--tag", "gold"]), ["assets/gold-coin.png"]);
}

#[test]
fn what_selects_nothing_is_an_error_and_never_everything() {
    let project = four();
    let say = |arguments: &[&str]| {
        let output = project.run(arguments);
        assert_eq!(output.code, 2, "{arguments:?}\n{}", project.shown(&output));
        output.stderr
    };
    insta::assert_snapshot!(say(&["gold-coim"]), @"error: no asset and no spec file is named `gold-coim`; did you mean `gold-coin`?");
    insta::assert_snapshot!(say(&["gold-coin", "silver"]), @"error: no asset and no spec file is named `silver`");
    insta::assert_snapshot!(say(&["chekc"]), @r"
    error: no asset and no spec file is named `chekc`
    hint: there is a command `check`
    ");
    insta::assert_snapshot!(say(&["silver-*"]), @"error: no asset and no spec file is named `silver-*`");
    insta::assert_snapshot!(say(&["[gold"]), @"error: `[gold` is not a pattern: unclosed character class; missing ']'");
    insta::assert_snapshot!(say(&["--tag", "silver"]), @"error: no asset has the tag silver");
    insta::assert_snapshot!(say(&["--phase", "9"]), @"error: no asset has phase 9");
    insta::assert_snapshot!(say(&["--phase", "2", "--tag", "blue"]), @"error: no asset has phase 2");
    insta::assert_snapshot!(say(&[""]), @"error: no asset and no spec file is named ``");
    insta::assert_snapshot!(say(&["--steps", "paint"]), @r"
    error: invalid value 'paint' for '--steps <KINDS>'
      [possible values: generate, select, process, validate, integrate]

    For more information, try '--help'.
    ");
    assert!(!project.has("assets"));
}

#[test]
fn a_selection_holds_for_every_command_that_takes_one() {
    let project = four();
    let plan = project.succeed(&["--plan", "--tag", "round"]).stdout;
    assert!(plan.contains("gold-coin") && !plan.contains("gold-ring"), "{plan}");
    let expanded = project.succeed(&["expand", "gold-*"]).stdout;
    assert!(expanded.contains("id: gold-ring") && !expanded.contains("blue"), "{expanded}");
    let graph = project.succeed(&["graph", "--phase", "2"]).stdout;
    assert!(graph.contains("gold-ring") && !graph.contains("gold-coin"), "{graph}");
    project.succeed(&["gold-coin"]);
    assert_eq!(project.run(&["--check", "gold-coin"]).code, 0);
    assert_eq!(project.run(&["--check", "specs/gold.yaml"]).code, 3);
}

#[test]
fn a_plan_of_some_steps_tells_what_a_build_of_them_would_do() {
    let project = four();
    let plan = |steps: &str| {
        let output = project.succeed(&["gold-coin", "--plan", "--steps", steps]).stdout;
        output.lines().last().expect("totals").trim().to_owned()
    };
    insta::assert_snapshot!(plan("generate"), @"0 fresh.  1 to build: 1 generate.  Nothing to buy.");
    insta::assert_snapshot!(plan("process"), @"0 fresh.  1 to build: 1 generate, 1 process.  Nothing to buy.");
}

#[test]
fn steps_stop_a_chain_early_and_publish_nothing() {
    let project = four();
    assert_eq!(project.actions(&["gold-coin", "--steps", "generate"]), ["generate gold-coin: ran"]);
    assert!(!project.has("assets"));
    assert!(!project.has("assetbuild.lock"));
    assert_eq!(
        project.actions(&["gold-coin", "--steps", "generate,process"]),
        ["generate gold-coin: cached", "process gold-coin: ran"]
    );
    assert!(!project.has("assets"));
    let output = project.succeed(&["gold-coin", "--steps", "process"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    built 0 of 1 asset: 1 generated (from cache), 1 processed (from cache) in [TIME]; 1 not finished
    ");
    assert_eq!(
        project.actions(&["gold-coin"]),
        [
            "generate gold-coin: cached",
            "integrate gold-coin: ran",
            "process gold-coin: cached",
            "validate gold-coin: ran"
        ]
    );
}

pub(crate) fn git(project: &Project, arguments: &[&str]) {
    let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
    let output = Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(project.root())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Puts the project as it is into a new repository.
pub(crate) fn commit_all(project: &Project) {
    git(project, &["init", "-q"]);
    git(project, &["add", "-A"]);
    git(project, &["commit", "-q", "-m", "first"]);
}

#[test]
fn since_selects_what_differs_from_a_revision() {
    let project = four();
    project.succeed(&[]);
    commit_all(&project);
    let output = project.succeed(&["--since", "HEAD"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    nothing differs from HEAD
    nothing to do: no assets selected ([TIME])
    ");
    assert_eq!(project.run(&["--check", "--since", "HEAD"]).code, 0);
    project.edit("art/gem.svg", "#3399ff", "#0000ff");
    let plan = project.succeed(&["--plan", "--since", "HEAD"]).stdout;
    insta::assert_snapshot!(plan, @r"
    ~ blue-gem  free: generation.source changed: other content (specs/deep/blue.yaml:2, from defaults)
    ~ blue-stone  free: generation.source changed: other content (specs/deep/blue.yaml:2, from defaults)
      0 fresh.  2 to build: 2 generate.  Nothing to buy.
    ");
    project.write(
        "specs/star.yaml",
        "id: star\ngeneration: { type: image, provider: svg, source: art/coin.svg, size: 8x8 }\n",
    );
    let actions = project.actions(&["--since", "HEAD", "star"]);
    assert_eq!(actions.len(), 4, "{actions:?}");
    let output = project.run(&["--since", "no-such-branch"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: --since no-such-branch: bad revision 'no-such-branch'
    ");
    let output = project.run(&["--since", "--output=stolen"]);
    assert_eq!(output.code, 2);
    assert!(!project.has("stolen"));
}

#[test]
fn since_needs_a_repository() {
    let project = four();
    let output = project.run(&["--since", "HEAD"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert!(output.stderr.contains("not a git repository"), "{}", output.stderr);
    assert_eq!(project.files("assets"), NOTHING);
}

#[test]
fn since_selects_the_instances_of_a_changed_template_and_the_users_of_a_changed_style() {
    let project = Project::with(&[
        (
            "Assetfile.yaml",
            "version: \"1.0\"\nuntil_bought: placeholder\nstyles: { base: style.md }\n",
        ),
        ("style.md", "Bold.\n"),
        ("art/coin.svg", sample::COIN),
        ("specs/hero.yaml", sample::PAID),
        (
            "specs/templates/coin.yaml",
            "template: coin\nparameters: [{ name: metal, type: enum, values: [gold] }]\ngeneration: { type: image, provider: svg, source: art/coin.svg, size: 32x32 }\n",
        ),
        ("specs/coins.yaml", "use: coin\nmetal: gold\n"),
    ]);
    project.succeed(&[]);
    commit_all(&project);
    project.edit("specs/templates/coin.yaml", "32x32", "48x48");
    let plan = project.succeed(&["--plan", "--since", "HEAD"]).stdout;
    assert!(plan.contains("coin-gold") && !plan.contains("hero"), "{plan}");
    project.edit("style.md", "Bold", "Thin");
    let plan = project.succeed(&["--plan", "--since", "HEAD"]).stdout;
    assert!(plan.contains("coin-gold") && plan.contains("hero"), "{plan}");
}
