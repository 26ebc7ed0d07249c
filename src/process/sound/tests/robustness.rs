//! Files that were damaged on their way, and steps in any order.
//!
//! `ASSETBUILD_SOAK=N` tries N damages of every format and N lists of steps.

use super::*;
use crate::process::sound::decode::decode;
use crate::process::sound::encode::encode;
use crate::spec::op::Level;

/// A small generator of the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn rounds(usual: u64) -> u64 {
    std::env::var("ASSETBUILD_SOAK").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

#[test]
fn damaged_files_are_errors_or_sounds() {
    let audio = triangles(44_100, 2, 6_000);
    for encoding in [Encoding::Wav, Encoding::Flac, Encoding::Ogg, Encoding::Mp3, Encoding::Opus] {
        let whole = encode(&audio, encoding, None).expect("a plain sound");
        for seed in 0..rounds(150) {
            let mut dice = Dice(seed);
            let mut bytes = whole.clone();
            for _ in 0..1 + dice.below(8) {
                let place = dice.below(bytes.len());
                // Headers are where damage does most.
                let place = if dice.below(2) == 0 { place } else { place % 128 };
                bytes[place] ^= 1 << dice.below(8);
            }
            if dice.below(3) == 0 {
                bytes.truncate(dice.below(bytes.len()));
            }
            if let Ok(found) = decode(&bytes, encoding) {
                assert!(!found.samples.is_empty(), "{encoding:?} seed {seed}");
                assert!(found.samples.iter().all(|sample| sample.is_finite()));
                assert_eq!(found.samples.len() % usize::from(found.channels), 0);
            }
        }
    }
}

fn any_step(dice: &mut Dice) -> ProcessOp {
    let seconds = |dice: &mut Dice| dice.below(400) as f64 / 1_000.0;
    match dice.below(9) {
        0 => ProcessOp::Normalize {
            target: Level::Peak(-(dice.below(60) as f64)),
            ceiling_db: -1.0,
            group: None,
        },
        1 => ProcessOp::Normalize {
            target: Level::Lufs(-(dice.below(60) as f64)),
            ceiling_db: -(dice.below(9) as f64),
            group: None,
        },
        2 => ProcessOp::TrimSilence { threshold_db: -(dice.below(90) as f64) },
        3 => ProcessOp::Fade { in_seconds: seconds(dice), out_seconds: seconds(dice) },
        4 => ProcessOp::Cut { from: seconds(dice), to: None },
        5 => ProcessOp::Cut { from: 0.0, to: Some(seconds(dice)) },
        6 => ProcessOp::Loop { crossfade_seconds: seconds(dice) },
        7 => ProcessOp::Resample { rate: [8_000, 11_025, 44_100, 48_000, 96_000][dice.below(5)] },
        _ => ProcessOp::Channels { count: 1 + dice.below(2) as u16 },
    }
}

#[test]
fn steps_in_any_order_give_finite_samples_or_an_error() {
    let mut worked = 0;
    for seed in 0..rounds(120) {
        let mut dice = Dice(seed);
        let channels = 1 + dice.below(8) as u16;
        let rate = [8_000, 22_050, 44_100, 192_000][dice.below(4)];
        let frames = [1, 2, 100, 4_000, 30_000][dice.below(5)];
        let mut audio = triangles(rate, channels, frames);
        if dice.below(6) == 0 {
            audio.samples.fill(0.0);
        }
        let mut ops: Vec<ProcessOp> = (0..dice.below(5)).map(|_| any_step(&mut dice)).collect();
        ops.push(ProcessOp::Channels { count: 2 });
        let Ok(processed) = run(&Raw::Audio(audio), &ops, &[Encoding::Wav]) else { continue };
        worked += 1;
        let found = decode(&processed.files[0].bytes, Encoding::Wav).expect("our own file");
        assert!(!found.samples.is_empty(), "seed {seed}: {ops:?}");
        let Facts::Audio(facts) = &processed.finals[0].material else { panic!("a sound") };
        for figure in [facts.peak, facts.true_peak, facts.dc_offset, facts.seam] {
            assert!(figure.is_finite(), "seed {seed}: {facts:?}");
        }
    }
    assert!(worked > 10, "most lists work");
}
