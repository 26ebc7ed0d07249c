//! Sounds from files: what is published, what is checked, and groups with one common gain.

use crate::support::Project;

/// A WAV file of a square wave: `height` of 32767 at most, for so many milliseconds at 8 kHz.
pub(crate) fn wav(height: i16, milliseconds: u32) -> Vec<u8> {
    let frames = milliseconds * 8;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + frames * 2).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    for (value, size) in [(1u32, 2), (1, 2), (8_000, 4), (16_000, 4), (2, 2), (16, 2)] {
        bytes.extend(&value.to_le_bytes()[..size]);
    }
    bytes.extend(b"data");
    bytes.extend((frames * 2).to_le_bytes());
    for frame in 0..frames {
        let sample = if frame / 8 % 2 == 0 { height } else { -height };
        bytes.extend(sample.to_le_bytes());
    }
    bytes
}

/// The largest sample of a published WAV file of 16 bits.
pub(crate) fn peak(project: &Project, path: &str) -> i32 {
    let bytes = project.read_bytes(path);
    let samples = bytes[44..].chunks_exact(2);
    samples.map(|pair| i32::from(i16::from_le_bytes([pair[0], pair[1]])).abs()).max().unwrap_or(0)
}

fn specs(group: &str) -> String {
    format!(
        r#"defaults:
  generation: {{ type: audio, provider: file, source: "art/{{{{id}}}}.wav" }}
  post_processing:
    - {{ action: normalize, peak: -6 dB{group} }}
    - {{ action: validate, checks: [no_clipping, not_silent] }}
  integration: {{ manifest_path: "audio/{{{{id}}}}.wav", manifest_section: audio.sfx.jump }}
specs:
  - {{ id: hop }}
  - {{ id: leap }}
"#
    )
}

fn project(group: &str) -> Project {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/jumps.yaml", &specs(group)),
    ]);
    project.write("art/hop.wav", wav(16_000, 100));
    project.write("art/leap.wav", wav(4_000, 100));
    project
}

pub(crate) const HALF: i32 = 16_423;

pub(crate) fn near(found: i32, expected: i32) {
    assert!((found - expected).abs() <= 2, "{found} instead of {expected}");
}

#[test]
fn every_sound_is_brought_to_its_own_level() {
    let project = project("");
    project.succeed(&[]);
    near(peak(&project, "assets/audio/hop.wav"), HALF);
    near(peak(&project, "assets/audio/leap.wav"), HALF);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn a_group_keeps_its_balance_and_settles_at_once() {
    let project = project(", group: jumps");
    project.succeed(&[]);
    near(peak(&project, "assets/audio/hop.wav"), HALF);
    near(peak(&project, "assets/audio/leap.wav"), HALF / 4);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_changed_sound_changes_its_group_and_says_why() {
    let project = project(", group: jumps");
    project.succeed(&[]);
    project.write("art/hop.wav", wav(8_000, 100));
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @"
    ~ hop  free: generation.source changed: other content (specs/jumps.yaml:2, from defaults)
        normalize group.sounds changed: other content (specs/jumps.yaml:4, from defaults)
    ~ leap  free: normalize group.sounds changed: other content (specs/jumps.yaml:4, from defaults)
      0 fresh.  2 to build: 1 generate, 2 process.  Nothing to buy.
    ");
    project.succeed(&[]);
    near(peak(&project, "assets/audio/hop.wav"), HALF);
    near(peak(&project, "assets/audio/leap.wav"), HALF / 2);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_sound_that_joins_from_another_file_counts() {
    let project = project(", group: jumps");
    project.succeed(&[]);
    let before = project.read_bytes("assets/audio/leap.wav");
    // A quiet one leaves the gain as it is: the others are looked at, and their files stay.
    project.write("art/skip.wav", wav(2_000, 100));
    let skip = specs(", group: jumps")
        .replace("  - { id: hop }\n  - { id: leap }\n", "  - { id: skip }\n");
    project.write("specs/more.yaml", &skip);
    project.succeed(&[]);
    assert_eq!(project.read_bytes("assets/audio/leap.wav"), before);
    near(peak(&project, "assets/audio/skip.wav"), HALF / 8);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    // A loud one takes the others down; then it leaves again.
    project.write("art/skip.wav", wav(32_000, 100));
    project.succeed(&[]);
    near(peak(&project, "assets/audio/leap.wav"), HALF / 8);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    project.remove("specs/more.yaml");
    project.succeed(&[]);
    assert_eq!(project.read_bytes("assets/audio/leap.wav"), before);
}

#[test]
fn one_sound_of_a_group_can_be_built_alone() {
    let project = project(", group: jumps");
    project.succeed(&["leap"]);
    near(peak(&project, "assets/audio/leap.wav"), HALF / 4);
    assert!(!project.has("assets/audio/hop.wav"));
    project.succeed(&[]);
    near(peak(&project, "assets/audio/hop.wav"), HALF);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn a_sound_that_is_not_there_yet_is_left_out_and_joins_later() {
    let project = project(", group: jumps");
    project.remove("art/hop.wav");
    assert_eq!(project.run(&[]).code, 1);
    near(peak(&project, "assets/audio/leap.wav"), HALF);
    project.write("art/hop.wav", wav(16_000, 100));
    project.succeed(&[]);
    near(peak(&project, "assets/audio/leap.wav"), HALF / 4);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[test]
fn a_broken_sound_is_named_and_holds_its_group_only() {
    let project = project(", group: jumps");
    project.write("art/hop.wav", &wav(16_000, 100)[..600]);
    let extra = specs("").replace("  - { id: hop }\n  - { id: leap }\n", "  - { id: coin }\n");
    project.write("specs/coin.yaml", &extra);
    project.write("art/coin.wav", wav(9_000, 100));
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: generate hop: the raw material cannot be decoded: the wav file ends after [TIME], but should last [TIME]: it was cut off
    built coin ([TIME])
    built 1 of 3 assets: 2 generated, 1 processed, 1 file published in [TIME]; 1 failed, 1 skipped
    ");
    near(peak(&project, "assets/audio/coin.wav"), HALF);
    assert!(!project.has("assets/audio/leap.wav"));
}

#[test]
fn siblings_and_lists_of_the_manifest_are_written() {
    let project = project("");
    project.edit(
        "specs/jumps.yaml",
        "    - { action: validate, checks: [no_clipping, not_silent] }",
        "    - { action: resample, rate: 48000 }\n    - { action: convert, formats: [ogg, mp3, opus, flac], bitrate: 96k }\n    - { action: validate, checks: [no_clipping, { duration_range: [0.05, 0.2] }, { sample_rate: 48000 }, { channels: 1 }] }",
    );
    project.succeed(&[]);
    insta::assert_snapshot!(project.files("assets/audio").join("\n"), @"
    assets/audio/hop.flac
    assets/audio/hop.mp3
    assets/audio/hop.ogg
    assets/audio/hop.opus
    assets/audio/hop.wav
    assets/audio/leap.flac
    assets/audio/leap.mp3
    assets/audio/leap.ogg
    assets/audio/leap.opus
    assets/audio/leap.wav
    ");
    insta::assert_snapshot!(project.read("assets/manifest.json"), @r#"
    {
      "assets": {
        "audio": {
          "sfx": {
            "jump": [
              {
                "key": "hop",
                "type": "audio",
                "path": "audio/hop.wav"
              },
              {
                "key": "leap",
                "type": "audio",
                "path": "audio/leap.wav"
              }
            ]
          }
        }
      }
    }
    "#);
}

#[test]
fn what_a_check_finds_is_said_and_the_old_file_stays() {
    let project = project("");
    project.succeed(&[]);
    let before = project.read_bytes("assets/audio/hop.wav");
    project.edit(
        "specs/jumps.yaml",
        "checks: [no_clipping, not_silent]",
        "checks: [{ duration_range: [1, 2] }, { loudness: -16 }, loop_seam, { channels: 2 }]",
    );
    let output = project.run(&["hop"]);
    insta::assert_snapshot!(project.shown(&output), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: validate hop: rejected by duration_range: found [TIME], wanted 1 to [TIME]; loudness: found no loudness, wanted -16 LUFS: a sound below [TIME], or a silent one, has none; channels: found 1 channels, wanted 2
    built 0 of 1 asset: 1 generated (from cache), 1 processed (from cache) in [TIME]; 1 failed
    ");
    assert_eq!(project.read_bytes("assets/audio/hop.wav"), before);
}

#[test]
fn explain_and_events_tell_what_was_measured() {
    let project = project("");
    let events = project.succeed(&["--format", "ndjson", "hop"]).stdout;
    let measured = events.lines().find(|line| line.contains("\"measured\"")).expect("an event");
    let event: serde_json::Value = serde_json::from_str(measured).expect("JSON");
    insta::assert_snapshot!(event["figures"].to_string(), @r#"{"path":"assets/audio/hop.wav","size":1644,"seconds":0.1,"sample_rate":8000,"channels":1,"peak_dbfs":-6.0,"true_peak_dbtp":-4.05,"dc_offset":0.0}"#);
    insta::assert_snapshot!(project.succeed(&["explain", "hop"]).stdout, @"
    hop: fresh
      actions: generate fresh, process fresh, validate fresh, integrate fresh
      file: assets/audio/hop.wav (0.10 s, 8000 Hz, mono, peak -6.0 dBFS, true peak -4.1 dBTP, no loudness, offset 0.0000, 1644 bytes)
    ");
    let plan: serde_json::Value =
        serde_json::from_str(&project.succeed(&["explain", "hop", "--format", "json"]).stdout)
            .expect("JSON");
    assert_eq!(plan["assets"][0]["quality"][0], event["figures"]);
    std::fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    let explained = project.succeed(&["explain", "hop"]).stdout;
    assert!(explained.contains("file: assets/audio/hop.wav\n"), "{explained}");
}

#[test]
fn a_loudness_that_the_ceiling_forbids_is_a_warning() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        (
            "specs/plucks.yaml",
            r#"id: plucks
generation: { type: audio, provider: synth, preset: song, tracks: [{ instrument: pluck, notes: "C5 G4 E5 C4" }] }
post_processing: [{ action: normalize, lufs: -3, ceiling: -1 dB }]
integration: { manifest_path: plucks.wav }
"#,
        ),
    ]);
    let said = project.succeed(&[]).stderr;
    assert!(said.contains("warning: plucks: `normalize` reached -"), "{said}");
    assert!(
        said.contains("LUFS of -3: the limiter goes no further under a ceiling of -1 dB"),
        "{said}"
    );
    project.edit("specs/plucks.yaml", "lufs: -3", "lufs: -20");
    let said = project.succeed(&[]).stderr;
    assert!(!said.contains("warning"), "{said}");
}
