//! Levels: what is measured, and what `normalize` makes of it.
//!
//! Reference values: EBU Tech 3341, tests 1 to 5 (loudness) and 15 to 19 (true peak).

use super::*;
use crate::process::{GroupLevel, group_gain, group_level};
use crate::spec::op::Level;

fn db(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

fn from_db(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

fn loudness(audio: &Audio) -> f64 {
    f64::from(facts_after(audio, &[]).loudness.expect("a loud and long sound")) / 100.0
}

fn normalize(target: Level, ceiling_db: f64) -> ProcessOp {
    ProcessOp::Normalize { target, ceiling_db, group: None }
}

/// Stretches of a 1 kHz sine, in dBFS and seconds.
fn stretches(parts: &[(f64, f64)]) -> Audio {
    let mut audio = sine(48_000, 2, 1_000.0, 0.0, 0.0);
    for (level, seconds) in parts {
        audio.samples.extend(sine(48_000, 2, 1_000.0, from_db(*level), *seconds).samples);
    }
    audio
}

#[test]
fn loudness_is_that_of_the_reference_signals() {
    for (parts, expected) in [
        (&[(-23.0, 20.0)][..], -23.0),
        (&[(-33.0, 20.0)][..], -33.0),
        (&[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)][..], -23.0),
        (&[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)][..], -23.0),
        (&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)][..], -23.0),
    ] {
        let found = loudness(&stretches(parts));
        assert!((found - expected).abs() <= 0.1, "{found} for {parts:?}");
    }
}

#[test]
fn true_peaks_lie_between_samples() {
    // A quarter of the rate, at the phases of the reference signals: samples miss the crest.
    for (hertz, phase, expected) in [
        (12_000.0, 0.0, -6.0),
        (12_000.0, std::f64::consts::FRAC_PI_4, -6.0),
        (8_000.0, std::f64::consts::FRAC_PI_3, -6.0),
        (6_000.0, std::f64::consts::FRAC_PI_8, -6.0),
    ] {
        let samples = (0..48_000)
            .map(|frame| {
                let angle = TAU * hertz * f64::from(frame) / 48_000.0 + phase;
                // A tone that begins at once overshoots.
                let rise = (f64::from(frame.min(47_999 - frame)) / 4_800.0).min(1.0);
                (0.5 * rise * angle.sin()) as f32
            })
            .collect();
        let facts = facts_after(&Audio { rate: 48_000, channels: 1, samples }, &[]);
        let found = db(f64::from(facts.true_peak));
        assert!((expected - 0.4..=expected + 0.2).contains(&found), "{found} at {hertz} Hz");
        assert!(facts.true_peak >= facts.peak);
    }
}

#[test]
fn offset_length_and_silence_are_measured() {
    let mut audio = sine(44_100, 2, 441.0, 0.25, 1.0);
    audio.samples.iter_mut().step_by(2).for_each(|left| *left += 0.125);
    let facts = facts_after(&audio, &[]);
    assert!((facts.dc_offset - 0.125).abs() < 0.000_1);
    assert!((facts.seconds() - 1.0).abs() < 1e-9);
    let silent = facts_after(&Audio { samples: vec![0.0; 88_200], ..audio }, &[]);
    assert_eq!((silent.peak, silent.true_peak, silent.loudness), (0.0, 0.0, None));
    assert_eq!((silent.seam, silent.dc_offset), (0.0, 0.0));
}

#[test]
fn the_sides_of_surround_are_heard() {
    for (channels, side) in [(7, 5), (8, 6)] {
        let mut audio = sine(48_000, channels, 1_000.0, 0.0, 2.0);
        let tone = sine(48_000, 1, 1_000.0, 0.1, 2.0);
        for (frame, sample) in tone.samples.iter().enumerate() {
            audio.samples[frame * usize::from(channels) + side] = *sample;
        }
        assert!(facts_after(&audio, &[]).loudness.is_some(), "{channels} channels");
    }
}

#[test]
fn a_peak_is_brought_to_its_level() {
    for level in [-1.0, -6.0, -20.0, 0.0] {
        let facts = facts_after(&sweep(44_100, 2, 0.3), &[normalize(Level::Peak(level), -1.0)]);
        assert!((db(f64::from(facts.peak)) - level).abs() < 0.001);
    }
}

#[test]
fn a_loudness_is_reached_by_gain_where_there_is_room() {
    for (target, level) in [(-16.0, -30.0), (-23.0, -10.0), (-14.0, -18.0)] {
        let audio = stretches(&[(level, 3.0)]);
        let facts = facts_after(&audio, &[normalize(Level::Lufs(target), -1.0)]);
        let found = f64::from(facts.loudness.expect("loud")) / 100.0;
        assert!((found - target).abs() <= 0.02, "{found} instead of {target}");
    }
}

/// Quiet noise with clicks: a plain gain would lift the clicks far over full scale.
fn drums() -> Audio {
    let mut state = 1u32;
    let samples = (0..48_000 * 4)
        .flat_map(|frame| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / 8_388_608.0 - 1.0;
            let decay = 1.0 - (frame % 12_000) as f32 / 12_000.0;
            let hit = decay.powi(80);
            let sample = noise * (0.02 + 0.9 * hit);
            [sample, sample * 0.8]
        })
        .collect();
    Audio { rate: 48_000, channels: 2, samples }
}

#[test]
fn a_loudness_over_the_ceiling_is_reached_by_a_limiter() {
    let audio = drums();
    let before = loudness(&audio);
    for (target, ceiling) in [(-16.0, -1.0), (-14.0, -1.0), (-16.0, -3.0)] {
        assert!(target > before + 1.0, "a plain gain clips: the loudness is {before}");
        let facts = facts_after(&audio, &[normalize(Level::Lufs(target), ceiling)]);
        let found = f64::from(facts.loudness.expect("loud")) / 100.0;
        assert!((found - target).abs() <= 0.1, "{found} instead of {target}");
        let peak = db(f64::from(facts.true_peak));
        assert!(peak <= ceiling + 0.005, "{peak} over {ceiling}");
    }
}

#[test]
fn a_loudness_out_of_reach_keeps_the_ceiling() {
    let facts = facts_after(&drums(), &[normalize(Level::Lufs(-2.0), -1.0)]);
    assert!(db(f64::from(facts.true_peak)) <= -0.99);
    assert!(facts.loudness.expect("loud") > -1_300, "as far as a limiter goes");
}

#[test]
fn a_loudness_that_is_not_reached_is_told() {
    let notes = |target: f64| {
        let steps = [Step::Process(normalize(Level::Lufs(target), -1.0))];
        run_steps(&Raw::Audio(drums()), &steps, &[], &BTreeMap::new()).expect("works").notes
    };
    assert_eq!(notes(-23.0), [""; 0]);
    let [note] = &notes(-2.0)[..] else { panic!("one note") };
    assert!(note.starts_with("`normalize` reached -") && note.contains("LUFS of -2: "), "{note}");
    assert!(note.ends_with("under a ceiling of -1 dB"), "{note}");
}

#[test]
fn a_short_sound_is_brought_to_the_ceiling() {
    let facts =
        facts_after(&sine(44_100, 1, 1_000.0, 0.1, 0.2), &[normalize(Level::Lufs(-16.0), -3.0)]);
    assert_eq!(facts.loudness, None);
    assert!((db(f64::from(facts.true_peak)) + 3.0).abs() < 0.01);
}

#[test]
fn silence_has_no_level() {
    let quiet =
        |sample| Raw::Audio(Audio { rate: 8_000, channels: 1, samples: vec![sample; 8_000] });
    let targets = [Level::Peak(-1.0), Level::Lufs(-16.0)];
    for (raw, target) in [0.0, 1e-40, 3e-5]
        .map(quiet)
        .into_iter()
        .flat_map(|raw| targets.map(move |target| (raw.clone(), target)))
    {
        insta::allow_duplicates! {
            insta::assert_snapshot!(failure(&raw, &[normalize(target, -1.0)], &[Encoding::Wav]), @"`normalize` failed: the sound is silent or below -70 dB, and a gain would bring up noise only");
        }
    }
}

fn level_of(audio: &Audio) -> GroupLevel {
    group_level(&Raw::Audio(audio.clone()), &[]).expect("a plain sound")
}

#[test]
fn a_group_keeps_its_balance() {
    let loud = sine(48_000, 1, 1_000.0, 0.5, 2.0);
    let quiet = sine(48_000, 1, 1_000.0, 0.05, 2.0);
    let levels = [level_of(&loud), level_of(&quiet)];
    let gain = group_gain(&levels, Level::Peak(-1.0), -1.0);
    assert!((gain - (-1.0 - db(0.5))).abs() < 0.001);
    let normalize = ProcessOp::Normalize {
        target: Level::Peak(-1.0),
        ceiling_db: -1.0,
        group: Some("jumps".to_owned()),
    };
    let gains = BTreeMap::from([("jumps".to_owned(), gain)]);
    let peak = |audio: &Audio| {
        let steps = [Step::Process(normalize.clone()), Step::Validate(Vec::new())];
        let processed = run_steps(&Raw::Audio(audio.clone()), &steps, &[], &gains);
        match &processed.expect("a known group").checkpoints[0] {
            Facts::Audio(facts) => db(f64::from(facts.peak)),
            other => panic!("facts of a sound, not {other:?}"),
        }
    };
    assert!((peak(&loud) + 1.0).abs() < 0.001);
    assert!((peak(&quiet) + 21.0).abs() < 0.001);
    insta::assert_snapshot!(failure(&Raw::Audio(loud), &[normalize], &[Encoding::Wav]), @"`normalize` failed: the level of the group `jumps` is not known here");
}

#[test]
fn the_loudness_of_a_group_is_that_of_its_sounds_one_after_another() {
    let (a, b) = (stretches(&[(-20.0, 4.0)]), stretches(&[(-26.0, 8.0)]));
    let mut both = a.clone();
    both.samples.extend(&b.samples);
    let together = loudness(&both);
    let gain = group_gain(&[level_of(&a), level_of(&b)], Level::Lufs(-16.0), -1.0);
    assert!((-16.0 - gain - together).abs() < 0.1, "{} and {together}", -16.0 - gain);
    // A sound far below the others does not make them louder.
    let hush = stretches(&[(-46.0, 20.0)]);
    let loud = stretches(&[(-16.0, 2.0)]);
    let gated = group_gain(&[level_of(&loud), level_of(&hush)], Level::Lufs(-16.0), -1.0);
    assert!(gated.abs() < 0.1, "{gated}");
    // Sounds below 400 ms count with what they would be if they went on.
    let short = sine(48_000, 2, 1_000.0, from_db(-20.0), 0.15);
    let alone = group_gain(&[level_of(&short)], Level::Lufs(-16.0), -1.0);
    assert!((alone - 4.0).abs() < 0.3, "{alone}");
}

#[test]
fn the_order_of_a_group_does_not_matter_by_a_bit() {
    let mut levels: Vec<GroupLevel> = (1..9)
        .map(|n| {
            level_of(&sine(
                44_100,
                1,
                200.0 * f64::from(n),
                0.09 * f64::from(n),
                0.13 * f64::from(n),
            ))
        })
        .collect();
    let gain = group_gain(&levels, Level::Lufs(-18.0), -1.0);
    for _ in 0..levels.len() {
        levels.rotate_left(1);
        assert_eq!(group_gain(&levels, Level::Lufs(-18.0), -1.0).to_bits(), gain.to_bits());
    }
    let kept = GroupLevel::from_json(&levels[0].to_json()).expect("our own JSON");
    assert_eq!(kept, levels[0]);
    assert_eq!(GroupLevel::from_json("{}"), None);
}

#[test]
fn a_group_of_silence_gets_no_gain() {
    let silent = level_of(&Audio { rate: 8_000, channels: 1, samples: vec![0.0; 8_000] });
    assert_eq!(group_gain(std::slice::from_ref(&silent), Level::Lufs(-16.0), -1.0), 0.0);
    assert_eq!(group_gain(&[silent], Level::Peak(-1.0), -1.0), 0.0);
    assert_eq!(group_gain(&[], Level::Peak(-1.0), -1.0), 0.0);
}

/// Long sounds are looked at in pieces: a crest on the border of two must not be lost or made up.
#[test]
fn a_true_peak_is_the_same_wherever_it_lies() {
    let with_burst = |frames: usize, start: usize| {
        let mut audio = Audio { rate: 48_000, channels: 2, samples: vec![0.0; frames * 2] };
        let burst = sine(48_000, 2, 11_000.0, 0.7, 0.001).samples;
        audio.samples[start * 2..start * 2 + burst.len()].copy_from_slice(&burst);
        facts_after(&audio, &[]).true_peak
    };
    let expected = with_burst(1_000, 400);
    assert!(db(f64::from(expected)) > db(0.7));
    for border in [1 << 17, 1 << 18] {
        for start in [border - 60, border - 30, border - 7, border - 1, border, border + 5] {
            assert_eq!(with_burst(300_000, start), expected, "at frame {start}");
        }
    }
}

#[test]
fn the_true_peak_of_a_sound_that_breaks_off_counts_what_rings_after_it() {
    // Alternating samples that end at a crest: the interpolated curve goes higher behind the last one.
    let samples: Vec<f32> = (0..2_000).map(|n| if n % 4 < 2 { 0.5 } else { -0.5 }).collect();
    let whole = facts_after(&Audio { rate: 48_000, channels: 1, samples: samples.clone() }, &[]);
    let mut padded = samples;
    padded.extend([0.0; 64]);
    let padded = facts_after(&Audio { rate: 48_000, channels: 1, samples: padded }, &[]);
    assert_eq!(whole.true_peak, padded.true_peak);
    assert!(whole.true_peak > 0.6);
}
