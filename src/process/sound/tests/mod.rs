//! Sounds made in the tests, and how like each other two of them are.

mod codecs;
mod levels;
mod robustness;
mod seeds;
mod steps;

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use crate::base::{Audio, AudioFacts, Encoding, Facts, Raw, RelPath};
use crate::process::{Job, ProcessError, Processed, process};
use crate::spec::op::{OutputFile, ProcessOp, Step};

/// `seconds` of a sine, the same in all channels.
pub(super) fn sine(rate: u32, channels: u16, hertz: f64, amplitude: f64, seconds: f64) -> Audio {
    let frames = (f64::from(rate) * seconds).round() as usize;
    let samples = (0..frames)
        .flat_map(|frame| {
            let phase = TAU * hertz * frame as f64 / f64::from(rate);
            std::iter::repeat_n((amplitude * phase.sin()) as f32, usize::from(channels))
        })
        .collect();
    Audio { rate, channels, samples }
}

/// A sweep with another one in the second channel: no two moments are alike, so that a shift shows.
pub(super) fn sweep(rate: u32, channels: u16, seconds: f64) -> Audio {
    let frames = (f64::from(rate) * seconds).round() as usize;
    let samples = (0..frames)
        .flat_map(|frame| {
            let t = frame as f64 / f64::from(rate);
            (0..channels).map(move |channel| {
                let from = 200.0 + 150.0 * f64::from(channel);
                (0.4 * (TAU * (from * t + 400.0 * t * t)).sin()) as f32
            })
        })
        .collect();
    Audio { rate, channels, samples }
}

/// Triangle waves of whole numbers: the same samples on every machine.
pub(super) fn triangles(rate: u32, channels: u16, frames: u32) -> Audio {
    let samples = (0..frames)
        .flat_map(|frame| {
            (0..u32::from(channels)).map(move |channel| {
                let period = 97 + 40 * channel + frame / 400;
                let place = frame % period;
                let height = 2 * place.abs_diff(period / 2);
                (f32::from(u16::try_from(height).expect("small")) / period as f32 - 0.5) * 0.75
            })
        })
        .collect();
    Audio { rate, channels, samples }
}

/// How much of `wanted` is in `found`, in dB over what differs.
pub(super) fn snr(wanted: &[f32], found: &[f32]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (wanted, found) in wanted.iter().zip(found) {
        signal += f64::from(*wanted).powi(2);
        noise += f64::from(wanted - found).powi(2);
    }
    10.0 * (signal / noise.max(1e-20)).log10()
}

pub(super) fn file(encoding: Encoding) -> OutputFile {
    let path = RelPath::new(&format!("assets/x.{}", encoding.extension())).expect("a plain path");
    OutputFile { path, encoding, variant: None }
}

pub(super) fn run(
    raw: &Raw,
    ops: &[ProcessOp],
    files: &[Encoding],
) -> Result<Processed, ProcessError> {
    let steps: Vec<Step> = ops.iter().cloned().map(Step::Process).collect();
    run_steps(raw, &steps, files, &BTreeMap::new())
}

pub(super) fn run_steps(
    raw: &Raw,
    steps: &[Step],
    files: &[Encoding],
    gains: &BTreeMap<String, f64>,
) -> Result<Processed, ProcessError> {
    let files: Vec<OutputFile> = files.iter().copied().map(file).collect();
    let sources = BTreeMap::new();
    process(&Job { raw, requested: None, steps, files: &files, sources: &sources, gains })
}

/// The sound after some steps, as a WAV file holds it.
pub(super) fn after(audio: &Audio, ops: &[ProcessOp]) -> Audio {
    let processed =
        run(&Raw::Audio(audio.clone()), ops, &[Encoding::Wav]).expect("steps that work");
    super::decode::decode(&processed.files[0].bytes, Encoding::Wav).expect("our own file")
}

/// What is measured after some steps.
pub(super) fn facts_after(audio: &Audio, ops: &[ProcessOp]) -> AudioFacts {
    let mut steps: Vec<Step> = ops.iter().cloned().map(Step::Process).collect();
    steps.push(Step::Validate(Vec::new()));
    let processed = run_steps(&Raw::Audio(audio.clone()), &steps, &[], &BTreeMap::new());
    match processed.expect("steps that work").checkpoints.remove(0) {
        Facts::Audio(facts) => facts,
        other => panic!("facts of a sound, not {other:?}"),
    }
}

/// The error of a list that does not work, with its causes.
pub(super) fn failure(raw: &Raw, ops: &[ProcessOp], files: &[Encoding]) -> String {
    let error = run(raw, ops, files).expect_err("a list that fails");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
