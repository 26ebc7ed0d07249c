//! Measures sounds: for checks, for quality figures, and for the steps that change levels.

use ebur128::{EbuR128, Mode};
use rayon::prelude::*;

use crate::base::{Audio, AudioFacts};

/// Seconds below which EBU R128 knows no loudness: one block.
const BLOCK_SECONDS: f64 = 0.4;
/// LUFS below which all blocks are gated away.
const GATE_LUFS: f64 = -70.0;
/// Frames whose true peak is looked for at once.
const PIECE: usize = 1 << 17;
/// Frames that reach into a value between samples: the taps of the meter's longest interpolator.
const TAPS: usize = 24;
/// Seconds at both ends among which the seam of a loop is judged.
const SEAM_SECONDS: f64 = 0.01;
/// The largest seam that is told apart.
const MAX_SEAM: f32 = 1_000.0;

/// Measures a sound.
pub(super) fn measure_audio(audio: &Audio) -> AudioFacts {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let (levels, dc_offset) = rayon::join(|| Levels::of(audio), || dc_offset(audio));
    let peak = peak(audio);
    AudioFacts {
        rate: audio.rate,
        channels: audio.channels,
        frames: frames as u64,
        peak,
        true_peak: (levels.true_peak as f32).max(peak),
        clipped_run: if peak < 1.0 { 0 } else { clipped_run(audio) },
        loudness: levels.loudness.map(|lufs| (lufs * 100.0).round() as i32),
        dc_offset,
        seam: seam(audio),
    }
}

/// The samples of each channel.
fn planes(audio: &Audio) -> impl Iterator<Item = impl Iterator<Item = f32>> {
    let channels = usize::from(audio.channels);
    (0..channels).map(move |channel| audio.samples.iter().skip(channel).step_by(channels).copied())
}

/// The largest mean of a channel.
fn dc_offset(audio: &Audio) -> f32 {
    let frames = audio.samples.len() / usize::from(audio.channels);
    let mean = |plane| Iterator::map(plane, f64::from).sum::<f64>() / frames.max(1) as f64;
    planes(audio).map(|plane| mean(plane).abs() as f32).fold(0.0, f32::max)
}

/// Most samples of one channel in a row that are at full scale.
fn clipped_run(audio: &Audio) -> u64 {
    let longest = |plane| {
        let runs = Iterator::scan(plane, 0, |run, sample: f32| {
            *run = if sample.abs() >= 1.0 { *run + 1 } else { 0 };
            Some(*run)
        });
        runs.max()
    };
    planes(audio).filter_map(longest).max().unwrap_or(0)
}

/// Whether a sound is too short for a loudness by R128.
pub(super) fn is_short(audio: &Audio) -> bool {
    let frames = audio.samples.len() / usize::from(audio.channels);
    (frames as f64) < BLOCK_SECONDS * f64::from(audio.rate)
}

/// The largest sample, as an amplitude.
pub(super) fn peak(audio: &Audio) -> f32 {
    audio.samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

/// Loudness and true peak by EBU R128.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Levels {
    /// Integrated loudness in LUFS; none below 400 ms and for what is gated away.
    pub(super) loudness: Option<f64>,
    /// Largest value between samples too, as an amplitude.
    pub(super) true_peak: f64,
}

impl Levels {
    pub(super) fn of(audio: &Audio) -> Self {
        let frames = audio.samples.len() / usize::from(audio.channels);
        let seconds = frames as f64 / f64::from(audio.rate);
        let (loudness, true_peak) = rayon::join(
            || {
                let mut meter = Self::meter(audio, Mode::I)?;
                meter.add_frames_f32(&audio.samples)?;
                meter.loudness_global()
            },
            || Self::true_peak(audio),
        );
        // The meter does not know every rate and number of channels.
        let loudness = loudness.ok();
        let loudness = loudness.filter(|lufs| *lufs > GATE_LUFS && seconds >= BLOCK_SECONDS);
        Self { loudness, true_peak: true_peak.unwrap_or(0.0).max(f64::from(peak(audio))) }
    }

    /// The largest value of all channels between samples and before and after them, where there is
    /// silence. Pieces are looked at in parallel; each hears what comes before it first.
    fn true_peak(audio: &Audio) -> Result<f64, ebur128::Error> {
        let channels = usize::from(audio.channels);
        let of_last = |meter: &EbuR128| {
            let peaks = (0..u32::from(audio.channels)).map(|channel| meter.prev_true_peak(channel));
            peaks.flatten().fold(0.0, f64::max)
        };
        let of_piece = |(index, piece): (usize, &[f32])| {
            let start = index * PIECE * channels;
            let mut meter = Self::meter(audio, Mode::TRUE_PEAK)?;
            meter.add_frames_f32(&audio.samples[start.saturating_sub(TAPS * channels)..start])?;
            meter.add_frames_f32(piece)?;
            let peak = of_last(&meter);
            if start + piece.len() < audio.samples.len() {
                return Ok(peak);
            }
            meter.add_frames_f32(&vec![0.0; TAPS * channels])?;
            Ok(of_last(&meter).max(peak))
        };
        let pieces = audio.samples.par_chunks(PIECE * channels).enumerate();
        pieces.map(of_piece).try_reduce(|| 0.0, |a, b| Ok(a.max(b)))
    }

    /// As `of`, but a sound below 400 ms has the loudness that it has when it is played over and over.
    pub(super) fn of_repeated(audio: &Audio) -> Self {
        let levels = Self::of(audio);
        let frames = audio.samples.len() / usize::from(audio.channels);
        let block = (f64::from(audio.rate) * BLOCK_SECONDS).ceil() as usize;
        if levels.loudness.is_some() || frames == 0 || frames >= block {
            return levels;
        }
        // Three blocks, so that where the first one begins does not matter.
        let rounds = (block * 3).div_ceil(frames);
        let loudness = Self::meter(audio, Mode::I).and_then(|mut meter| {
            for _ in 0..rounds {
                meter.add_frames_f32(&audio.samples)?;
            }
            meter.loudness_global()
        });
        Self { loudness: loudness.ok().filter(|lufs| *lufs > GATE_LUFS), ..levels }
    }

    fn meter(audio: &Audio, mode: Mode) -> Result<EbuR128, ebur128::Error> {
        use ebur128::Channel::{
            self, Center, Left, Mm090, Mm135, Mp090, Mp135, Mp180, Right, Unused,
        };
        const BACK: [Channel; 7] = [Left, Right, Center, Unused, Mp180, Mp090, Mm090];
        const SIDES: [Channel; 8] = [Left, Right, Center, Unused, Mp135, Mm135, Mp090, Mm090];
        let mut meter = EbuR128::new(u32::from(audio.channels), audio.rate, mode)?;
        match audio.channels {
            7 => meter.set_channel_map(&BACK)?,
            8 => meter.set_channel_map(&SIDES)?,
            _ => {}
        }
        Ok(meter)
    }
}

/// How much larger the step from the last frame to the first one is than the largest step near both
/// ends, over the channels.
fn seam(audio: &Audio) -> f32 {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    if frames < 2 {
        return 0.0;
    }
    let near = ((SEAM_SECONDS * f64::from(audio.rate)) as usize).clamp(1, frames - 1);
    let at = |frame: usize, channel: usize| audio.samples[frame * channels + channel];
    let step = |frame: usize, channel: usize| (at(frame + 1, channel) - at(frame, channel)).abs();
    let of_channel = |channel: usize| {
        let starts = (0..near).chain(frames - 1 - near..frames - 1);
        let usual = starts.map(|frame| step(frame, channel)).fold(0.0, f32::max);
        let jump = (at(0, channel) - at(frames - 1, channel)).abs();
        if jump == 0.0 { 0.0 } else { (jump / usual.max(f32::MIN_POSITIVE)).min(MAX_SEAM) }
    };
    (0..channels).map(of_channel).fold(0.0, f32::max)
}
