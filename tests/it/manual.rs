//! `provider: manual`: what a person is asked for, what stands in, and what becomes of the file.

use crate::sample;
use crate::support::Project;

const NOTHING: [&str; 0] = [];

const FOX: &str = "\
id: fox
generation: { type: image, provider: manual, size: 8x8 }
prompt: a red fox
post_processing:
  - { action: validate, checks: [dimensions_match] }
";

fn project(assetfile: &str) -> Project {
    let project = Project::with(&[("specs/fox.yaml", FOX)]);
    project.write("Assetfile.yaml", format!("version: \"1.0\"\n{assetfile}"));
    project
}

fn picture(side: u32) -> Vec<u8> {
    sample::picture(side, [200, 80, 20, 255])
}

#[test]
fn a_person_is_asked_for_the_file() {
    let project = project("");
    project.write(
        "specs/croak.yaml",
        "id: croak\ngeneration: { type: audio, provider: manual, duration_seconds: 2 }\n",
    );
    insta::assert_snapshot!(project.shown(&project.run(&[])), @r#"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    warning: croak: waiting: waits for a person to put art/croak.ogg there: a sound of [TIME]
    warning: fox: waiting: waits for a person to put art/fox.png there: a picture of 8x8 pixels, "a red fox"
    built nothing: 2 held ([TIME])
    "#);
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r#"
    · croak  waiting: waits for a person to put art/croak.ogg there: a sound of 2 s
    · fox  waiting: waits for a person to put art/fox.png there: a picture of 8x8 pixels, "a red fox"
      0 fresh.  2 waiting.  Nothing to buy.
    "#);
    let output = project.succeed(&["--plan", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    insta::assert_snapshot!(plan["assets"][1]["reasons"], @r#"[{"code":"waiting-for-file","message":"waits for a person to put art/fox.png there: a picture of 8x8 pixels, \"a red fox\""}]"#);
    assert!(!project.has("assets/fox.png"));
}

#[test]
fn the_file_is_processed_and_published_when_it_comes() {
    let project = project("");
    project.run(&[]);
    project.write("art/fox.png", picture(8));
    let ran = project.actions(&[]);
    assert_eq!(
        ran,
        ["generate fox: ran", "integrate fox: ran", "process fox: ran", "validate fox: ran"]
    );
    assert!(project.has("assets/fox.png"));
    assert_eq!(project.actions(&[]), NOTHING);
}

#[test]
fn a_placeholder_keeps_the_game_running_until_the_file_comes() {
    let project = project("until_bought: placeholder\n");
    insta::assert_snapshot!(project.shown(&project.run(&[])), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    a placeholder stands in for an asset that is not there yet
    built fox ([TIME])
    built 1 of 1 asset: 1 generated, 1 processed, 1 file published in [TIME]
    ");
    let stand_in = project.read_bytes("assets/fox.png");
    assert_eq!(project.actions(&[]), NOTHING);
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r#"
    · fox  waiting: waits for a person to put art/fox.png there: a picture of 8x8 pixels, "a red fox"
        a placeholder stands in
      0 fresh.  1 waiting.  Nothing to buy.
    "#);
    project.write("art/fox.png", picture(8));
    project.succeed(&[]);
    assert_ne!(project.read_bytes("assets/fox.png"), stand_in);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_placeholder_never_passes_for_the_file() {
    let project = project("until_bought: placeholder\n");
    project.succeed(&[]);
    std::fs::create_dir_all(project.path("art/fox.png")).expect("a folder");
    insta::assert_snapshot!(project.shown(&project.run(&[])), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    warning: fox: blocked: failed to read `art/fox.png`: it is not a regular file; a placeholder stands in
    built nothing: 1 held ([TIME])
    ");
    assert_eq!(project.run(&["--check"]).code, 3);
}

#[test]
fn control_characters_of_a_prompt_do_not_reach_the_terminal() {
    let project = project("");
    project.edit("specs/fox.yaml", "a red fox", r#""a\tred \x1b[31m fox\n""#);
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r#"
    · fox  waiting: waits for a person to put art/fox.png there: a picture of 8x8 pixels, "a red �[31m fox"
      0 fresh.  1 waiting.  Nothing to buy.
    "#);
}

#[test]
fn a_new_brief_needs_no_new_file_and_measures_by_the_new_size() {
    let project = project("");
    project.write("art/fox.png", picture(8));
    project.succeed(&[]);
    project.edit("specs/fox.yaml", "a red fox", "a grey fox");
    assert_eq!(project.actions(&[]), NOTHING);
    project.edit("specs/fox.yaml", "8x8", "16x16");
    insta::assert_snapshot!(project.succeed(&["--explain", "fox"]).stdout, @r"
    fox: stale
      because check dimensions_match changed: 8x8 → 16x16 (specs/fox.yaml:5)
      actions: generate fresh, process fresh, validate dirty, integrate pending
      file: assets/fox.png (8x8, 100.0 % covered, sharpness 0, 91 bytes)
    ");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: validate fox: rejected by dimensions_match: found 8x8, wanted 16x16
    built 0 of 1 asset: 1 generated (from cache), 1 processed in [TIME]; 1 failed
    ");
    project.write("art/fox.png", picture(16));
    project.succeed(&[]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_file_that_is_taken_away_leaves_what_it_became() {
    let project = project("");
    project.write("art/fox.png", picture(8));
    project.succeed(&[]);
    project.remove("art/fox.png");
    insta::assert_snapshot!(project.shown(&project.run(&[])), @r#"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    warning: fox: stale: generation.source changed: other content; waits for a person to put art/fox.png there: a picture of 8x8 pixels, "a red fox"
    built nothing: 1 held ([TIME])
    "#);
    assert!(project.has("assets/fox.png"));
}

#[test]
fn wrong_files_are_named_and_publish_nothing() {
    let project = project("");
    let said = |bytes: &[u8]| {
        project.write("art/fox.png", bytes);
        let output = project.run(&[]);
        assert_eq!(output.code, 1, "{}", project.shown(&output));
        assert!(!project.has("assets/fox.png"));
        output.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or("").to_owned()
    };
    insta::assert_snapshot!(said(b""), @"error: generate fox: art/fox.png is empty");
    insta::assert_snapshot!(said(b"<html>not found</html>"), @"error: generate fox: art/fox.png is neither a picture nor a sound of a known format: png, webp, jpg, avif, gif, bmp, tga, svg, ogg, mp3, opus, flac, wav");
    insta::assert_snapshot!(said(b"RIFF\x24\0\0\0WAVEfmt "), @"error: generate fox: art/fox.png is wav, and the spec says `type: image`");
    insta::assert_snapshot!(said(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), @"error: process fox: the raw material cannot be decoded: svg files are not made of pixels; `provider: svg` draws them");
    insta::assert_snapshot!(said(&picture(8)[..40]), @"error: process fox: the raw material cannot be decoded: the png file is damaged: unexpected end of file");
    insta::assert_snapshot!(said(&picture(4)), @"error: validate fox: rejected by dimensions_match: found 4x4, wanted 8x8");
    project.remove("art/fox.png");
    std::fs::create_dir(project.path("art/fox.png")).expect("a folder");
    insta::assert_snapshot!(project.shown(&project.run(&[])), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    warning: fox: blocked: failed to read `art/fox.png`: it is not a regular file
    built nothing: 1 held ([TIME])
    ");
}
