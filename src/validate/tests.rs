//! Facts in, findings out.

use super::*;
use crate::base::{AudioFacts, Encoding, ImageFacts, RelPath};
use crate::spec::op::ProcessOp;

fn picture() -> ImageFacts {
    ImageFacts {
        width: 32,
        height: 32,
        alpha_min: 0,
        alpha_sum: 255 * 500,
        transparent: 524,
        checkerboard: false,
        blank: false,
        sharpness: 100,
        expected: Some((32, 32)),
    }
}

fn opaque() -> ImageFacts {
    ImageFacts { alpha_min: 255, alpha_sum: 255 * 1024, transparent: 0, ..picture() }
}

fn sound() -> AudioFacts {
    AudioFacts {
        rate: 44_100,
        channels: 1,
        frames: 22_050,
        peak: 0.9,
        true_peak: 0.9,
        clipped_run: 1,
        loudness: Some(-1_600),
        dc_offset: 0.0,
        seam: 0.5,
    }
}

fn file(path: &str, size: u64) -> FileFacts {
    let path = RelPath::new(path).expect("a plain path");
    let encoding = Encoding::from_extension(path.extension().expect("an extension"));
    let encoding = encoding.expect("a known one");
    let material = match encoding {
        Encoding::Svg => Facts::Opaque { encoding },
        Encoding::Ogg => Facts::Audio(sound()),
        _ => Facts::Image(picture()),
    };
    FileFacts { path, encoding, size, material }
}

/// Runs one check after one step and gives its messages.
fn run(check: Check, facts: Facts, files: &[FileFacts]) -> Vec<String> {
    let steps =
        [Step::Process(ProcessOp::Compress { level: 1 }), Step::Validate(vec![check.clone()])];
    let findings = validate(&steps, &[facts], files);
    for finding in &findings {
        assert_eq!((finding.check, finding.step), (check.name(), 1));
    }
    findings.into_iter().map(|finding| finding.message).collect()
}

fn on_picture(check: Check, facts: ImageFacts) -> Vec<String> {
    run(check, Facts::Image(facts), &[])
}

fn on_sound(check: Check, facts: AudioFacts) -> Vec<String> {
    run(check, Facts::Audio(facts), &[])
}

const NONE: Vec<String> = Vec::new();

#[test]
fn alpha_is_measured() {
    assert_eq!(on_picture(Check::HasAlpha, picture()), NONE);
    assert_eq!(
        on_picture(Check::HasAlpha, opaque()),
        ["found 0 transparent pixels of 1024, wanted some"]
    );
    assert_eq!(on_picture(Check::NoAlpha, opaque()), NONE);
    assert_eq!(
        on_picture(Check::NoAlpha, picture()),
        ["found 524 transparent pixels of 1024 (lowest alpha 0), wanted none"]
    );
}

#[test]
fn a_drawn_checkerboard_is_not_alpha() {
    for facts in [opaque(), picture()] {
        let transparent = facts.transparent;
        let found = on_picture(Check::HasAlpha, ImageFacts { checkerboard: true, ..facts });
        assert_eq!(
            found,
            [format!(
                "a checkerboard is drawn in place of transparency; {transparent} of 1024 pixels \
                 are transparent"
            )]
        );
    }
}

#[test]
fn dimensions_are_compared() {
    assert_eq!(on_picture(Check::DimensionsMatch, picture()), NONE);
    let cut = ImageFacts { width: 30, ..picture() };
    assert_eq!(on_picture(Check::DimensionsMatch, cut.clone()), ["found 30x32, wanted 32x32"]);
    assert_eq!(
        on_picture(Check::DimensionsMatch, ImageFacts { expected: None, ..picture() }),
        ["found 32x32, but no size was requested and no step sets one"]
    );
    assert_eq!(on_picture(Check::IsPowerOfTwo, picture()), NONE);
    assert_eq!(on_picture(Check::IsPowerOfTwo, cut), ["found 30x32, wanted powers of two"]);
}

#[test]
fn blank_pictures_are_told_apart() {
    assert_eq!(on_picture(Check::NotBlank, picture()), NONE);
    let blank = ImageFacts { blank: true, ..opaque() };
    assert_eq!(on_picture(Check::NotBlank, blank), ["all 1024 pixels are of one colour"]);
    let empty = ImageFacts { blank: true, alpha_sum: 0, ..picture() };
    assert_eq!(on_picture(Check::NotBlank, empty), ["all 1024 pixels are transparent"]);
}

#[test]
fn sounds_are_measured() {
    let range = |min, max| Check::DurationRange { min, max };
    assert_eq!(on_sound(range(0.1, 0.5), sound()), NONE);
    assert_eq!(on_sound(range(0.6, 2.0), sound()), ["found 0.500 s, wanted 0.6 to 2 s"]);
    assert_eq!(on_sound(Check::NoClipping, sound()), NONE);
    let clipped = AudioFacts { clipped_run: 7, ..sound() };
    assert_eq!(
        on_sound(Check::NoClipping, clipped),
        ["found 7 samples in a row at full scale, wanted fewer than 3"]
    );
    assert_eq!(on_sound(Check::NotSilent, sound()), NONE);
    for (peak, found) in [(0.0, "silence"), (0.0001, "-80.0 dBFS")] {
        assert_eq!(
            on_sound(Check::NotSilent, AudioFacts { peak, ..sound() }),
            [format!("found {found} at the loudest, wanted more than -60 dBFS")]
        );
    }
    assert_eq!(on_sound(Check::SampleRate(44_100), sound()), NONE);
    assert_eq!(on_sound(Check::SampleRate(48_000), sound()), ["found 44100 Hz, wanted 48000 Hz"]);
    assert_eq!(on_sound(Check::Channels(1), sound()), NONE);
    assert_eq!(on_sound(Check::Channels(2), sound()), ["found 1 channels, wanted 2"]);
    let loudness = |target| Check::Loudness { target, tolerance: 1.0 };
    let loud = |hundredths| AudioFacts { loudness: hundredths, ..sound() };
    assert_eq!(on_sound(loudness(-16.0), loud(Some(-1_690))), NONE);
    assert_eq!(
        on_sound(loudness(-16.0), loud(Some(-1_710))),
        ["found -17.1 LUFS, wanted -16 ± 1 LUFS"]
    );
    assert_eq!(
        on_sound(loudness(-16.0), loud(None)),
        ["found no loudness, wanted -16 LUFS: a sound below 0.4 s, or a silent one, has none"]
    );
    assert_eq!(on_sound(Check::LoopSeam, AudioFacts { seam: 1.2, ..sound() }), NONE);
    assert_eq!(
        on_sound(Check::LoopSeam, AudioFacts { seam: 8.0, ..sound() }),
        [
            "the step from the end to the start is 8.0 times the largest one near them, wanted at most 1.5"
        ]
    );
}

#[test]
fn a_check_of_the_other_medium_does_not_pass() {
    let wrong = ["this is a check of sounds, and the asset is a picture"];
    assert_eq!(on_picture(Check::NotSilent, picture()), wrong);
    assert_eq!(on_picture(Check::Channels(2), picture()), wrong);
    let wrong = ["this is a check of pictures, and the asset is a sound"];
    assert_eq!(on_sound(Check::HasAlpha, sound()), wrong);
}

#[test]
fn what_was_not_measured_does_not_pass() {
    assert_eq!(
        run(Check::HasAlpha, Facts::Opaque { encoding: Encoding::Svg }, &[]),
        ["the svg file is passed on without being decoded, so nothing was measured"]
    );
    let steps = [Step::Validate(vec![Check::HasAlpha, Check::FileSizeReasonable])];
    let findings = validate(&steps, &[], &[]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].message, "nothing was measured here");
}

#[test]
fn checks_of_files_look_at_every_file() {
    let files = [file("assets/a.png", 2_000), file("assets/a.webp", 900), file("b.svg", 70)];
    let on_files = |check| run(check, Facts::Image(picture()), &files);
    assert_eq!(
        on_files(Check::Format(Encoding::Png)),
        ["assets/a.webp is webp, wanted png", "b.svg is svg, wanted png"]
    );
    assert_eq!(on_files(Check::FileSizeUnder(2_001)), NONE);
    assert_eq!(
        on_files(Check::FileSizeUnder(2_000)),
        ["assets/a.png has 2000 bytes, wanted fewer than 2000"]
    );
    assert_eq!(on_files(Check::FileSizeReasonable), NONE);
    assert_eq!(on_files(Check::Bitrate(192_000))[0], "assets/a.png is a picture without a bitrate");
}

#[test]
fn unreasonable_files_are_named() {
    let on_file = |facts| run(Check::FileSizeReasonable, Facts::Image(picture()), &[facts]);
    assert_eq!(on_file(file("a.png", 0)), ["a.png is empty"]);
    assert_eq!(on_file(file("a.png", 8_192)), NONE);
    assert_eq!(on_file(file("a.png", 8_193)), ["a.png has 8193 bytes, wanted at most 8192"]);
    assert_eq!(
        on_file(file("a.svg", 5 << 20)),
        ["a.svg has 5242880 bytes, wanted at most 4194304"]
    );
    assert_eq!(on_file(file("a.ogg", 5 << 20)), NONE);
}

#[test]
fn bitrates_are_compared() {
    // Half a second at 192 kbit/s is 12,000 bytes.
    let on_file = |name, size| {
        let file = FileFacts { material: Facts::Audio(sound()), ..file(name, size) };
        run(Check::Bitrate(192_000), Facts::Audio(sound()), &[file])
    };
    for (name, size) in [("a.ogg", 12_000), ("a.ogg", 5_000), ("a.mp3", 12_900), ("a.opus", 300)] {
        assert_eq!(on_file(name, size), NONE);
    }
    assert_eq!(on_file("a.ogg", 25_000), ["a.ogg has 400 kbit/s, wanted 192"]);
    assert_eq!(on_file("a.mp3", 4_000), ["a.mp3 has 64 kbit/s, wanted 192"]);
    assert_eq!(on_file("a.wav", 44_144), ["a.wav has 706 kbit/s, wanted 192"]);
}

#[test]
fn each_step_is_checked_by_its_own_facts() {
    let steps = [
        Step::Validate(vec![Check::HasAlpha]),
        Step::Process(ProcessOp::Compress { level: 1 }),
        Step::Validate(vec![Check::HasAlpha, Check::NotBlank]),
    ];
    let findings = validate(&steps, &[Facts::Image(picture()), Facts::Image(opaque())], &[]);
    let places: Vec<_> = findings.iter().map(|finding| (finding.check, finding.step)).collect();
    assert_eq!(places, [("has_alpha", 2)]);
    assert_eq!(
        findings[0].help.as_deref(),
        Some("ask for a transparent background, or add `action: key_background`")
    );
}
