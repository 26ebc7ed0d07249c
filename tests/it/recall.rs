//! What a build sees although hardly anything changed since the last one: it must never call fresh
//! what a build that reads everything would not.

use std::fs;

use crate::sample::{self, built_items};
use crate::support::{Output, Project};

const NOTHING: [&str; 0] = [];

/// Builds until the record of the last run is believed whole.
fn settle(project: &Project) {
    for _ in 0..2 {
        project.succeed(&[]);
    }
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn another_project_file_is_another_project() {
    let project = built_items();
    project.write("Other.yaml", "version: \"1.0\"\nassets_dir: other\nmanifest: other/m.json\n");
    settle(&project);
    assert_eq!(project.run(&["--check", "--assetfile", "Other.yaml"]).code, 3);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_project_file_that_comes_later_counts() {
    let project = sample::items();
    project.remove("Assetfile.yaml");
    settle(&project);
    project.write("Assetfile.yaml", "version: \"1.0\"\nassets_dir: game\nmanifest: game/m.json\n");
    assert_eq!(project.run(&["--check"]).code, 3);
    project.succeed(&[]);
    assert!(project.has("game/images/coin.png"), "{:?}", project.files("game"));
}

#[test]
fn a_folder_of_specs_that_comes_later_is_read() {
    let project = sample::items();
    let patterns = "version: \"1.0\"\nspecs: [\"specs/*.yaml\", \"more/deep/*.yaml\"]\n";
    project.write("Assetfile.yaml", patterns);
    settle(&project);
    let moon = "id: moon\ngeneration: { type: image, provider: svg, source: art/coin.svg }\n";
    project.write("more/deep/moon.yaml", moon);
    assert_eq!(project.run(&["--check"]).code, 3);
    settle(&project);
    assert!(project.has("assets/moon.png"), "{:?}", project.files("assets"));
    fs::rename(project.path("more"), project.path("away")).expect("a folder");
    assert_eq!(project.run(&["--check"]).code, 3, "the asset is left over");
    project.succeed(&["prune"]);
    settle(&project);
    fs::rename(project.path("away"), project.path("more")).expect("a folder");
    assert_eq!(project.run(&["--check"]).code, 3, "the asset is there again");
}

#[test]
fn a_font_that_is_missing_is_told_and_one_that_comes_is_an_input() {
    let project = sample::items();
    project.edit("art/coin.svg", "</svg>", "<text x=\"2\" y=\"20\">5</text></svg>");
    settle(&project);
    project.write("Assetfile.yaml", "version: \"1.0\"\nfonts: [art/own.otf]\n");
    let output = project.run(&["--check"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!(output.stderr.trim_end(), @r#"
    config::missing_file

      × `fonts` names art/own.otf, which is not there
       ╭─[Assetfile.yaml:2:9]
     1 │ version: "1.0"
     2 │ fonts: [art/own.otf]
       ·         ───────────
       ╰────
      help: put the file there, or take it out of `fonts`

    1 error
    "#);
    let font = concat!(env!("CARGO_MANIFEST_DIR"), "/src/generate/fonts/Karla-Regular.otf");
    project.write("art/own.otf", fs::read(font).expect("the shipped font"));
    assert_eq!(project.run(&["--check"]).code, 3);
    settle(&project);
    fs::remove_file(project.path("art/own.otf")).expect("a font");
    assert_eq!(project.run(&["--check"]).code, 2);
}

#[test]
fn a_reference_to_what_did_not_change_is_part_of_the_request() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/coin.svg", sample::COIN),
        ("art/gem.svg", sample::GEM),
        (
            "specs/coin.yaml",
            "id: coin\ngeneration: { type: image, provider: svg, source: art/coin.svg }\n",
        ),
        (
            "specs/pair.yaml",
            "defaults: { generation: { type: image, provider: svg, source: art/gem.svg } }\n\
             specs: [{ id: hero }, { id: gem }]\n",
        ),
    ]);
    settle(&project);
    project.write(
        "specs/pair.yaml",
        r#"specs:
  - { id: gem, generation: { type: image, provider: svg, source: art/gem.svg } }
  - id: hero
    generation: { type: image, provider: openai, model: gpt-image-2, reference: [{ asset: coin }] }
    prompt: "a fox with this coin"
"#,
    );
    project.succeed(&["keep", "hero", "--reason", "the drawing will do"]);
    assert_eq!(project.run(&["--check"]).code, 0);
    settle(&project);
    project.edit("art/gem.svg", "#3399ff", "#ff9933");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ gem  free: generation.source changed: other content (specs/pair.yaml:2)
      2 fresh.  1 to build: 1 generate.  Nothing to buy.
    ");
    settle(&project);
    project.edit("art/coin.svg", "#ffcc00", "#ccff00");
    assert_eq!(project.run(&[]).code, 5, "the request speaks of another coin");
}

#[test]
fn an_adopted_file_whose_spec_went_on_is_still_guarded() {
    let project = built_items();
    let convert = "id: star\ngeneration: { type: image, provider: svg, source: art/gem.svg }\n\
                   post_processing: [{ action: convert, formats: [png, webp] }]\n";
    project.write("specs/star.yaml", convert);
    project.succeed(&[]);
    let webp = project.files("assets").into_iter().find(|path| path.ends_with(".webp"));
    let webp = webp.expect("a second encoding");
    project.succeed(&["adopt", "star"]);
    project.edit("specs/star.yaml", "[png, webp]", "[png]");
    settle(&project);
    project.write(&webp, "edited");
    assert_eq!(project.run(&["--check"]).code, 3);
}

#[test]
fn the_plan_as_a_document_does_not_depend_on_what_was_recorded() {
    let project = built_items();
    settle(&project);
    let recorded = project.succeed(&["--plan", "--format", "json"]).stdout;
    assert!(recorded.contains("assets/images/coin.png"), "{recorded}");
    fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    assert_eq!(project.succeed(&["--plan", "--format", "json"]).stdout, recorded);
}

#[test]
fn a_renamed_asset_that_is_held_still_has_its_file() {
    let project = sample::items();
    let hero = sample::PAID;
    project.write("Assetfile.yaml", "version: \"1.0\"\nuntil_bought: placeholder\n");
    project.write("specs/hero.yaml", hero);
    for _ in 0..2 {
        project.run(&["--no-spend"]);
    }
    project.write("Assetfile.yaml", "version: \"1.0\"\n");
    project.write("specs/hero.yaml", hero.replace("id: hero", "id: hero-two"));
    for _ in 0..2 {
        project.run(&["--no-spend"]);
    }
    let recorded = project.run(&["--plan"]).stdout;
    fs::remove_file(project.path(".assetcache/snapshot")).expect("a record");
    assert_eq!(project.run(&["--plan"]).stdout, recorded);
    assert!(recorded.contains("renamed from") && !recorded.contains("missing"), "{recorded}");
}

/// What a command says with the record of the last run, which must be what it says without.
fn said(project: &Project, arguments: &[&str]) -> Output {
    let recorded = project.run(arguments);
    let record = project.path(".assetcache/snapshot");
    let bytes = fs::read(&record).expect("a record");
    fs::remove_file(&record).expect("a record");
    assert_eq!(project.run(arguments), recorded, "{arguments:?}");
    fs::write(&record, bytes).expect("writable");
    recorded
}

#[test]
fn what_is_left_over_is_told_with_a_record_as_without() {
    let project = built_items();
    let coin = "  - { id: coin, generation: { source: art/coin.svg } }\n";
    project.edit("specs/items.yaml", coin, "");
    settle(&project);
    for arguments in [&["--check"][..], &["--plan"], &["--plan", "--format", "json"]] {
        let output = said(&project, arguments);
        assert_eq!(output.code, if arguments == ["--check"] { 3 } else { 0 });
        assert!(output.stdout.contains("assets/images/coin.png"), "{}", output.stdout);
    }
    project.edit("art/gem.svg", "#3399ff", "#33cc99");
    assert_eq!(said(&project, &["--check"]).stdout.matches("orphan of `coin`").count(), 1);
    settle(&project);
    project.succeed(&["prune"]);
    assert_eq!(said(&project, &["--check"]).code, 0);
    assert!(!project.has("assets/images/coin.png"));
}

#[test]
fn a_warning_is_told_with_a_record_as_without() {
    let project = built_items();
    let spec = "template: drawn\nid: \"{{stem}}\"\n\
                generation: { type: image, provider: svg, source: \"{{path}}\" }\n---\n\
                use: drawn\neach: { files: \"art/none/*.svg\" }\n";
    project.write("specs/none.yaml", spec);
    project.succeed(&[]);
    for arguments in [&[][..], &["--check"], &["--plan"]] {
        for _ in 0..2 {
            let output = project.succeed(arguments);
            assert_eq!(output.stderr.matches("spec::no_files").count(), 1, "{}", output.stderr);
        }
    }
    let output = said(&project, &["--plan"]);
    assert!(output.stderr.contains("specs/none.yaml:6"), "{}", output.stderr);
    assert_eq!(project.actions(&[]), NOTHING);
    project.remove("specs/none.yaml");
    assert_eq!(project.succeed(&["--check"]).stderr, "");
}
