//! Steps that cut, blend, resample and fold.

use super::*;

#[test]
fn silence_at_both_ends_is_cut_and_inside_is_kept() {
    let tone = sine(44_100, 2, 440.0, 0.5, 0.2);
    let quiet = vec![0.000_5; 4_410];
    let mut audio = Audio { samples: quiet.clone(), ..tone.clone() };
    audio.samples.extend(&tone.samples);
    audio.samples.extend(&quiet);
    audio.samples.extend(&tone.samples);
    audio.samples.extend(&quiet);
    let trimmed = after(&audio, &[ProcessOp::TrimSilence { threshold_db: -40.0 }]);
    let kept = trimmed.samples.len();
    let expected = 2 * tone.samples.len() + quiet.len();
    assert!(kept.abs_diff(expected) < 60, "{kept} samples of about {expected}");
    let all = after(&audio, &[ProcessOp::TrimSilence { threshold_db: -80.0 }]);
    assert_eq!(all.samples.len(), audio.samples.len());
    let raw = Raw::Audio(Audio { samples: quiet, ..tone });
    let trim = ProcessOp::TrimSilence { threshold_db: -40.0 };
    insta::assert_snapshot!(failure(&raw, &[trim], &[Encoding::Wav]), @"`trim_silence` failed: all of the sound is below -40 dBFS, so nothing would be left of it");
}

#[test]
fn a_fade_goes_from_nothing_to_all_and_is_half_in_its_middle() {
    let flat = Audio { rate: 1_000, channels: 1, samples: vec![0.5; 1_000] };
    let faded = after(&flat, &[ProcessOp::Fade { in_seconds: 0.2, out_seconds: 0.4 }]);
    let at = |frame: usize| f64::from(faded.samples[frame]) / 0.5;
    for (frame, expected) in [(0, 0.0), (100, 0.5), (200, 1.0), (500, 1.0), (799, 0.5), (999, 0.0)]
    {
        assert!((at(frame) - expected).abs() < 0.02, "{} at {frame}", at(frame));
    }
    // Longer than the sound: all of it is faded.
    let long = after(&flat, &[ProcessOp::Fade { in_seconds: 9.0, out_seconds: 0.0 }]);
    assert!((f64::from(long.samples[500]) - 0.25).abs() < 0.01);
}

#[test]
fn a_part_is_cut_out_to_the_frame() {
    let audio = sweep(44_100, 2, 1.0);
    let part = after(&audio, &[ProcessOp::Cut { from: 0.25, to: Some(0.75) }]);
    assert_eq!(part.samples.len(), 44_100);
    assert!(snr(&audio.samples[22_050..66_150], &part.samples) > 80.0);
    let rest = after(&audio, &[ProcessOp::Cut { from: 0.9, to: Some(5.0) }]);
    assert_eq!(rest.samples.len(), 2 * 4_410);
    let late = ProcessOp::Cut { from: 2.0, to: None };
    insta::assert_snapshot!(failure(&Raw::Audio(audio), &[late], &[Encoding::Wav]), @"`crop` failed: nothing is left from 2 s on: the sound lasts 1.000 s");
}

#[test]
fn a_loop_has_no_seam() {
    // Ends in the middle of a wave.
    let audio = sine(44_100, 1, 333.0, 0.5, 1.002);
    assert!(facts_after(&audio, &[]).seam > 3.0);
    let looped = facts_after(&audio, &[ProcessOp::Loop { crossfade_seconds: 0.1 }]);
    assert!(looped.seam <= 1.01, "{}", looped.seam);
    assert_eq!(looped.frames, 44_188 - 4_410);
    let short = ProcessOp::Loop { crossfade_seconds: 0.6 };
    insta::assert_snapshot!(failure(&Raw::Audio(audio), &[short], &[Encoding::Wav]), @"`loop` failed: a crossfade of 0.6 s needs a sound of twice that length; it lasts 1.002 s");
}

#[test]
fn resampling_keeps_what_is_heard_and_adds_nothing() {
    for (from, to) in [
        (44_100, 48_000),
        (48_000, 44_100),
        (11_025, 44_100),
        (44_100, 22_050),
        (7_919, 44_100),
        (44_100, 7_919),
        (192_000, 48_000),
    ] {
        let resample = [ProcessOp::Resample { rate: to }];
        let found = after(&sine(from, 2, 1_000.0, 0.5, 1.0), &resample);
        let wanted = sine(to, 2, 1_000.0, 0.5, 1.0);
        assert_eq!(found.samples.len(), wanted.samples.len(), "{from} to {to}");
        let inner = found.samples.len() / 10..found.samples.len() * 9 / 10;
        let ratio = snr(&wanted.samples[inner.clone()], &found.samples[inner]);
        assert!(ratio > 80.0, "{from} to {to}: {ratio:.1} dB");
    }
    // What the lower rate cannot hold is gone instead of folded back.
    let gone = after(&sine(48_000, 1, 15_000.0, 0.5, 1.0), &[ProcessOp::Resample { rate: 22_050 }]);
    let inner = &gone.samples[2_205..19_845];
    let loudest = inner.iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest < 0.000_5, "{loudest}");
}

#[test]
fn channels_are_copied_averaged_and_folded() {
    let frame = |samples: &[f32], count| {
        let channels = u16::try_from(samples.len()).expect("a few");
        let audio = Audio { rate: 8_000, channels, samples: samples.repeat(100) };
        let found = after(&audio, &[ProcessOp::Channels { count }]);
        assert_eq!(found.channels, count);
        found.samples[..usize::from(count)].to_vec()
    };
    let near = |found: Vec<f32>, expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 0.000_1, "{found} instead of {expected}");
        }
    };
    near(frame(&[0.5], 2), &[0.5, 0.5]);
    near(frame(&[0.5, -0.25], 1), &[0.125]);
    near(frame(&[0.5, -0.25], 2), &[0.5, -0.25]);
    // Left alone comes out left; the centre in both, 3 dB lower; low frequencies nowhere.
    let total = 1.0 + 2.0 * std::f32::consts::FRAC_1_SQRT_2;
    near(frame(&[0.5, 0.0, 0.0, 0.0, 0.0, 0.0], 2), &[0.5 / total, 0.0]);
    let centre = 0.5 * std::f32::consts::FRAC_1_SQRT_2 / total;
    near(frame(&[0.0, 0.0, 0.5, 0.0, 0.0, 0.0], 2), &[centre, centre]);
    near(frame(&[0.0, 0.0, 0.0, 0.5, 0.0, 0.0], 2), &[0.0, 0.0]);
    // All at full scale does not clip.
    near(frame(&[0.99; 6], 2), &[0.99, 0.99]);
    near(frame(&[0.99; 8], 1), &[0.99]);
}

#[test]
fn a_step_for_pictures_is_refused() {
    let raw = Raw::Audio(triangles(8_000, 1, 100));
    let trim = ProcessOp::Trim { threshold: 0, margin: 0 };
    insta::assert_snapshot!(failure(&raw, &[trim], &[Encoding::Wav]), @"`trim` does not change sounds, and the raw material is one");
}
