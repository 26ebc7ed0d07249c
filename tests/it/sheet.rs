//! `report --sheet`: what is published, drawn on one picture.

use crate::support::Project;

const SPECS: &str = r##"specs:
  - id: dot
    generation: { type: image, provider: svg, source: art/dot.svg, size: 16x16 }
    integration: { manifest_path: a/dot.png }
  - id: beep
    generation: { type: audio, provider: synth, preset: blip, seed: 1, duration_seconds: 0.5 }
    integration: { manifest_path: b/beep.wav }
"##;

fn project() -> Project {
    Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/all.yaml", SPECS),
        (
            "art/dot.svg",
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1" fill="#f00"/></svg>"##,
        ),
    ])
}

fn sheet(project: &Project) -> image::RgbaImage {
    image::load_from_memory(&project.read_bytes("sheet.png")).expect("a PNG file").to_rgba8()
}

#[test]
fn pictures_and_waveforms_stand_side_by_side() {
    let project = project();
    project.succeed(&[]);
    let said = project.succeed(&["report", "--sheet", "sheet.png"]).stderr;
    assert!(said.contains("drew 2 files on sheet.png"), "{said}");
    let sheet = sheet(&project);
    assert_eq!(sheet.dimensions(), (1280, 120), "one row");
    assert_eq!(
        sheet.get_pixel(12 + 8, 60).0,
        [255, 0, 0, 255],
        "the dot, in the middle of its row"
    );
    // Half a second is sixty columns, beside the sixteen of the dot.
    let wave = |columns: std::ops::Range<u32>| {
        columns.filter(|x| (12..108).any(|y| sheet.get_pixel(*x, y).0 == [132, 204, 190, 255]))
    };
    let columns = wave(40..100).count();
    assert!(columns > 30, "{columns} columns of the sound are drawn");
    assert_eq!(wave(100..1280).count(), 0, "nothing after it");
}

#[test]
fn a_file_that_cannot_be_drawn_is_named_and_left_out() {
    let project = project();
    project.succeed(&[]);
    project.write("assets/b/beep.wav", "no sound");
    let said = project.succeed(&["report", "--sheet", "sheet.png"]).stderr;
    assert!(said.contains("left out assets/b/beep.wav: "), "{said}");
    assert!(said.contains("drew 1 file on"), "{said}");
}

#[test]
fn nothing_to_show_is_an_error_and_writes_nothing() {
    let project = project();
    let run = project.run(&["report", "--sheet", "sheet.png"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("there is no published file to show"), "{}", run.stderr);
    assert!(!project.path("sheet.png").exists());
}
