//! `init` and `new`: from an empty folder to a build.

use std::process::Command;

use crate::sample;
use crate::support::Project;

#[test]
fn init_in_an_empty_folder_makes_a_project_that_builds() {
    let project = Project::empty();
    let output = project.succeed(&["init"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    wrote Assetfile.yaml
    wrote specs/hello.yaml
    wrote .gitattributes
    next: assetbuild --plan, then assetbuild
    ");
    assert_eq!(project.files(""), [".gitattributes", "Assetfile.yaml", "specs/hello.yaml"]);
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    + hello-coin  free: placeholder  → assets/hello-coin.png  helloCoin
    + hello-hero  free: placeholder  → assets/hello-hero.png  helloHero
      0 fresh.  2 to build: 2 generate, 2 process, 2 validate, 2 integrate.  Nothing to buy.
    ");
    project.succeed(&[]);
    assert!(project.has("assets/manifest.json"));
    assert_eq!(project.actions(&[]), [""; 0]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn init_keeps_what_is_there() {
    let project = Project::with(&[(".gitattributes", "mine\n")]);
    let output = project.succeed(&["init"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    wrote Assetfile.yaml
    wrote specs/hello.yaml
    kept .gitattributes, which was there
    next: assetbuild --plan, then assetbuild
    ");
    assert_eq!(project.read(".gitattributes"), "mine\n");
    let output = project.run(&["init"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is an Assetfile.yaml here already
    ");
}

#[test]
fn init_works_in_a_folder_that_is_named() {
    let project = Project::empty();
    std::fs::create_dir(project.path("game")).expect("a folder");
    project.succeed(&["-C", "game", "init"]);
    assert!(project.has("game/Assetfile.yaml"));
    let output = project.run(&["-C", "nowhere", "init"]);
    assert_ne!(output.code, 0, "{}", project.shown(&output));
}

#[test]
fn git_sees_neither_cache_nor_another_line_end() {
    let project = Project::empty();
    project.succeed(&["init"]);
    project.succeed(&[]);
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(project.root()).output();
        String::from_utf8(output.expect("git is installed").stdout).expect("UTF-8")
    };
    git(&["init", "-q"]);
    let status = git(&["status", "--porcelain", "--untracked-files=all"]);
    assert!(status.contains("assetbuild.lock"), "{status}");
    assert!(!status.contains(".assetcache"), "{status}");
    let attributes = git(&["check-attr", "eol", "specs/hello.yaml", "assetbuild.lock"]);
    assert_eq!(attributes.matches("eol: lf").count(), 2, "{attributes}");
}

const JUMP: &str = r#"template: badge
parameters:
  - { name: color, type: enum, values: [red, blue] }
  - { name: size, type: integer, default: 16, min: 8, max: 64 }
generation: { type: image, provider: svg, source: art/coin.svg, size: "{{size}}x{{size}}" }
"#;

fn badges() -> Project {
    Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/coin.svg", sample::COIN),
        ("specs/templates/badge.yaml", JUMP),
    ])
}

#[test]
fn new_writes_an_instance_and_shows_its_plan() {
    let project = badges();
    let output = project.succeed(&["new", "--template", "badge", "color=red", "size=32"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    + badge-red-32  free: svg  → assets/badge-red-32.png  badgeRed32
      0 fresh.  1 to build: 1 generate, 1 process, 1 validate, 1 integrate.  Nothing to buy.
    ----- stderr -----
    wrote specs/badge-red-32.yaml
    ");
    let specs = project.files("specs");
    assert_eq!(specs.len(), 2, "{specs:?}");
    let written = specs.iter().find(|path| !path.contains("templates")).expect("a new file");
    insta::assert_snapshot!(project.read(written), @r#"
    use: "badge"
    with:
      color: "red"
      size: "32"
    "#);
    assert!(!project.has("assets"));
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
    let output = project.run(&["new", "--template", "badge", "color=red", "size=32"]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
}

#[test]
fn new_builds_at_once_and_names_the_output() {
    let project = badges();
    let output = project.succeed(&[
        "new",
        "--template",
        "badge",
        "color=blue",
        "--output-name",
        "winnerBadge",
        "--build",
    ]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    wrote specs/badge-blue.yaml
    built badge-blue ([TIME])
    built 1 of 1 asset: 1 generated, 1 processed, 1 file published in [TIME]
    ");
    insta::assert_snapshot!(project.files("assets").join("\n"), @r"
    assets/manifest.json
    assets/winnerBadge.png
    ");
    assert!(project.read("assets/manifest.json").contains("\"winnerBadge\""));
}

#[test]
fn new_writes_where_the_project_has_its_specs() {
    let project = badges();
    project.write(
        "Assetfile.yaml",
        "version: \"1.0\"\nspecs: [\"specs/templates/*.yaml\", \"data/*.yaml\"]\n",
    );
    project.succeed(&["new", "--template", "badge", "color=red", "--build"]);
    assert!(project.has("specs/templates/badge-red.yaml"));
}

#[test]
fn a_new_instance_that_is_wrong_leaves_nothing_behind() {
    let project = badges();
    for parameters in
        [&["color=green"][..], &["color=red", "size=7"], &["color=red", "sise=9"], &[]]
    {
        let output = project.run(&[&["new", "--template", "badge"], parameters].concat());
        assert_eq!(output.code, 2, "{parameters:?}\n{}", project.shown(&output));
        assert_eq!(project.files("specs"), ["specs/templates/badge.yaml"], "{parameters:?}");
    }
    let output = project.run(&["new", "--template", "bagde", "color=red"]);
    insta::assert_snapshot!(project.shown(&output), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    wrote specs/bagde-red.yaml
    spec::unknown_template

      × no template is called `bagde`
       ╭─[specs/bagde-red.yaml:1:6]
     1 │ use: "bagde"
       ·      ───────
     2 │ with:
       ╰────
      help: did you mean `badge`?

    1 error
    specs/bagde-red.yaml was removed again
    "#);
    assert_eq!(project.files("specs"), ["specs/templates/badge.yaml"]);
}
