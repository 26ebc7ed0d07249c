//! The language through the binary: templates, defaults, limits, and all mistakes at once.

use crate::sample;
use crate::support::Project;

fn say(project: &Project, arguments: &[&str]) -> String {
    let output = project.run(arguments);
    project.shown(&output)
}

#[test]
fn mistakes_of_all_files_are_reported_at_once() {
    let project = sample::items();
    project.write("Assetfile.yaml", "version: \"1.0\"\nasset_dir: out\n");
    project
        .write("specs/a.yaml", "id: a\ngeneration: { type: image, provider: opnai }\nprompt: x\n");
    project.write(
        "specs/b.yaml",
        "id: b\ngeneration: { type: image, provider: svg, source: art/coin.svg, size: 32 }\n",
    );
    project.write("specs/c.yaml", "id: c\n\tgeneration: {}\n");
    insta::assert_snapshot!(say(&project, &[]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    config::unknown_key

      × unknown key `asset_dir`
       ╭─[Assetfile.yaml:2:1]
     1 │ version: "1.0"
     2 │ asset_dir: out
       · ─────────
       ╰────
      help: did you mean `assets_dir`?

    spec::unknown_word

      × unknown provider `opnai`
       ╭─[specs/a.yaml:2:38]
     1 │ id: a
     2 │ generation: { type: image, provider: opnai }
       ·                                      ─────
     3 │ prompt: x
       ╰────
      help: did you mean `openai`?

    spec::wrong_type

      × `size` needs a size such as `128x128`, not `32`
       ╭─[specs/b.yaml:2:71]
     1 │ id: b
     2 │ generation: { type: image, provider: svg, source: art/coin.svg, size: 32 }
       ·                                                                       ──
       ╰────
      help: write `32x32`

    yaml::tab

      × a tab in the indentation
       ╭─[specs/c.yaml:2:1]
     1 │ id: c
     2 │     generation: {}
       · ────
       ╰────
      help: indent with spaces

    4 errors
    "#);
    assert!(!project.has("assets"));
    assert!(!project.has("assetbuild.lock"));
}

#[test]
fn a_mistake_in_defaults_is_reported_once_where_it_stands() {
    let project = sample::items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 16");
    let said = say(&project, &["--check"]);
    insta::assert_snapshot!(said, @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::wrong_type

      × `dimensions` needs a size such as `128x128`, not `16`
       ╭─[specs/items.yaml:4:37]
     3 │   post_processing:
     4 │     - { action: resize, dimensions: 16 }
       ·                                     ──
     5 │     - { action: validate, checks: [has_alpha] }
       ╰────
      help: write `16x16`

    1 error
    ");
}

#[test]
fn common_slips_of_yaml_get_their_own_help() {
    let project = sample::items();
    project.write(
        "specs/slips.yaml",
        r#"id: one
generation: { type: image, provider: svg, source: art/coin.svg, size: 8x8, vars: { fill: #fc0 } }
"#,
    );
    insta::assert_snapshot!(say(&project, &["--plan"]), @r##"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    yaml::comment

      × a value that starts with `#` is a comment
       ╭─[specs/slips.yaml:2:90]
     1 │ id: one
     2 │ generation: { type: image, provider: svg, source: art/coin.svg, size: 8x8, vars: { fill: #fc0 } }
       ·                                                                                          ────
       ╰────
      help: write "#fc0" in quotes

    1 error
    "##);
    project.write(
        "specs/slips.yaml",
        "id: two\ngeneration: { type: image, provider: svg, source: {{path}} }\n",
    );
    insta::assert_snapshot!(say(&project, &["--plan"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::placeholder

      × nothing is called `path` here
       ╭─[specs/slips.yaml:2:51]
     1 │ id: two
     2 │ generation: { type: image, provider: svg, source: {{path}} }
       ·                                                   ────────
       ╰────
      help: names here: id

    yaml::unquoted_placeholder

      × a value that starts with `{{` needs quotes
       ╭─[specs/slips.yaml:2:51]
     1 │ id: two
     2 │ generation: { type: image, provider: svg, source: {{path}} }
       ·                                                   ────┬───
       ·                                                       ╰── YAML reads this as a map
       ╰────
      help: write "{{path}}", with the quotes around the whole value

    2 errors
    "#);
}

#[test]
fn one_broken_spec_stops_the_build_before_it_begins() {
    let project = sample::built_items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensions: 24x24");
    project.write("specs/broken.yaml", "id: broken\n");
    let lock = project.read("assetbuild.lock");
    assert_eq!(project.run(&[]).code, 2);
    assert_eq!(project.run(&["coin"]).code, 2);
    assert_eq!(project.read("assetbuild.lock"), lock);
}

#[test]
fn an_id_that_is_a_command_is_an_error() {
    let project = sample::items();
    project.edit("specs/items.yaml", "id: coin,", "id: check,");
    insta::assert_snapshot!(say(&project, &["--plan"]), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::wrong_value

      × the id `check` is a command's name
       ╭─[specs/items.yaml:8:11]
     7 │ specs:
     8 │   - { id: check, generation: { source: art/coin.svg } }
       ·           ─────
     9 │   - { id: gem, generation: { source: art/gem.svg } }
       ╰────
      help: `assetbuild check` would run the command; write `check-asset`

    1 error
    ");
}

#[test]
fn two_assets_with_one_id_are_an_error() {
    let project = sample::items();
    project.write(
        "specs/other.yaml",
        "id: coin\ngeneration: { type: image, provider: svg, source: art/gem.svg, size: 8x8 }\n",
    );
    insta::assert_snapshot!(say(&project, &["--plan"]), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::duplicate_id

      × two assets have the id `coin`
       ╭─[specs/other.yaml:1:5]
     1 │ id: coin
       ·     ──┬─
       ·       ╰── again here
     2 │ generation: { type: image, provider: svg, source: art/gem.svg, size: 8x8 }
       ╰────
      help: rename one of them
      ☞ see also specs/items.yaml
       ╭─[specs/items.yaml:8:11]
     7 │ specs:
     8 │   - { id: coin, generation: { source: art/coin.svg } }
       ·           ──┬─
       ·             ╰── first here
     9 │   - { id: gem, generation: { source: art/gem.svg } }
       ╰────

    1 error
    ");
}

#[test]
fn paths_stay_inside_the_project() {
    let project = sample::items();
    for (from, to) in [
        ("images/{{id}}.png", "../{{id}}.png"),
        ("images/{{id}}.png", "/tmp/{{id}}.png"),
        ("source: art/coin.svg", "source: ../coin.svg"),
        ("source: art/coin.svg", "source: /etc/passwd"),
    ] {
        project.write("specs/items.yaml", sample::ITEMS.replace(from, to));
        let output = project.run(&[]);
        assert_eq!(output.code, 2, "{to}\n{}", project.shown(&output));
    }
}

#[test]
fn templates_make_assets_of_matrices_rows_and_files() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/icons/home.svg", sample::COIN),
        ("art/icons/play.svg", sample::GEM),
        (
            "specs/templates/icons.yaml",
            r#"template: icon
parameters:
  - { name: tone, type: enum, values: [day, night], default: day }
  - { name: pixels, type: integer, default: 8, min: 4, max: 64 }
id: "icon-{{stem}}-{{tone}}"
generation: { type: image, provider: svg, source: "{{path}}", size: "{{pixels}}x{{pixels}}" }
integration: { manifest_path: "icons/{{stem}}_{{tone_letter}}.png", manifest_key: "{{stem|camel}}{{tone|pascal}}" }
"#,
        ),
        (
            "specs/icons.yaml",
            "use: icon\nmatrix: { tone: [day, night] }\neach: { files: \"art/icons/*.svg\" }\nexclude: [{ stem: home, tone: night }]\n",
        ),
    ]);
    let output = project.run(&[]);
    assert_eq!(output.code, 0, "{}", project.shown(&output));
    insta::assert_snapshot!(project.files("assets").join("\n"), @r"
    assets/icons/home_A.png
    assets/icons/play_A.png
    assets/icons/play_B.png
    assets/manifest.json
    ");
    project.write("art/icons/star.svg", sample::COIN);
    let actions = project.actions(&[]);
    let ids: std::collections::BTreeSet<&str> =
        actions.iter().filter_map(|action| action.split([' ', ':']).nth(1)).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["icon-star-day", "icon-star-night"]);
    project.remove("art/icons/star.svg");
    assert_eq!(project.run(&["--check"]).code, 3, "its files are orphans");
    project.succeed(&["prune"]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_removed_spec_file_and_an_empty_project_are_no_errors() {
    let project = sample::built_items();
    project.remove("specs/items.yaml");
    insta::assert_snapshot!(say(&project, &["--plan"]), @r"
    exit code: 0
    ----- stdout -----
    ? assets/images/coin.png  left over from `coin`: assetbuild prune
    ? assets/images/gem.png  left over from `gem`: assetbuild prune
      0 fresh.  Nothing to buy.
    ----- stderr -----
    ");
    project.succeed(&["prune"]);
    assert_eq!(project.files("assets"), ["assets/manifest.json"]);
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_reference_to_an_asset_that_is_not_there_is_an_error() {
    let project =
        Project::with(&[("Assetfile.yaml", sample::ASSETFILE), ("specs/hero.yaml", sample::PAID)]);
    let spec = sample::PAID.replace("id: hero", "id: hero-runs");
    project.write("specs/runs.yaml", format!("{spec}reference: [{{ asset: heroo }}]\n"));
    insta::assert_snapshot!(say(&project, &["--plan"]), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::unknown_asset

      × no asset has the id `heroo`
       ╭─[specs/runs.yaml:5:22]
     4 │ post_processing: [{ action: resize, dimensions: 64x64 }]
     5 │ reference: [{ asset: heroo }]
       ·                      ─────
       ╰────
      help: did you mean `hero`?

    1 error
    ");
}

#[test]
fn a_spec_file_that_is_no_text_is_an_error() {
    let project = sample::items();
    project.write("specs/picture.yaml", [0x89, b'P', b'N', b'G', 0, 0xff]);
    let said = say(&project, &["--plan"]);
    insta::assert_snapshot!(said, @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    yaml::encoding

      × byte 0x89 in line 1 (offset 0) is not UTF-8
       ╭─[specs/picture.yaml:1:1]
     1 │ �PNG?�
       · ─
       ╰────
      help: save the file as UTF-8

    1 error
    ");
}

#[test]
fn a_template_file_that_is_no_text_is_one_error() {
    let project = sample::items();
    project.write("specs/kinds.yaml", b"# caf\xe9\ntemplate: stone\nid: \"{{tone}}\"\n");
    project.write("specs/stones.yaml", "- { use: stone, id: opal }\n- { use: stne, id: ruby }\n");
    let codes = |project: &Project| {
        let document = project.run(&["--plan", "--format", "json"]).stdout;
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        let found = document["diagnostics"].as_array().expect("a list").clone();
        let line = |one: &serde_json::Value| {
            let code = one["code"].as_str().expect("a code");
            format!("{code} {}:{}", one["file"].as_str().expect("a file"), one["line"])
        };
        found.iter().map(line).collect::<Vec<String>>()
    };
    let unknown = "spec::unknown_template specs/stones.yaml:2";
    assert_eq!(codes(&project), ["yaml::encoding specs/kinds.yaml:1", unknown]);
    // Of this one nothing can be seen.
    project.write("specs/kinds.yaml", b"\xff\xfet\0e\0");
    assert_eq!(codes(&project), ["yaml::encoding specs/kinds.yaml:1"]);
}

#[test]
fn deep_and_self_referring_yaml_is_refused_quickly() {
    let project = sample::items();
    project.write("specs/deep.yaml", format!("id: {}{}\n", "[".repeat(5000), "]".repeat(5000)));
    assert_eq!(project.run(&["--plan"]).code, 2);
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        bomb += &format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1);
    }
    project.write("specs/deep.yaml", bomb);
    assert_eq!(project.run(&["--plan"]).code, 2);
}
