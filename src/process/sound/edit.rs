//! Steps that cut and blend: `trim_silence`, `fade`, `crop`, `loop`.
//!
//! All curves are made of products and square roots, which every processor computes alike.

use crate::base::Audio;
use crate::process::sound::error::SoundError;
use crate::process::sound::level::amplitude;

/// Without the quiet frames at both ends; none if there are none. A frame is quiet if all of its samples
/// are at most at the threshold in dBFS.
pub(super) fn trim_silence(audio: &Audio, threshold_db: f64) -> Result<Option<Audio>, SoundError> {
    let threshold = amplitude(threshold_db) as f32;
    let channels = usize::from(audio.channels);
    let is_loud = |sample: &f32| sample.abs() > threshold;
    let Some(first) = audio.samples.iter().position(is_loud) else {
        return Err(SoundError::Silent { threshold_db });
    };
    let last = audio.samples.iter().rposition(is_loud).expect("there is a first one");
    let (start, end) = (first / channels * channels, (last / channels + 1) * channels);
    Ok(part(audio, start, end))
}

/// The sound from one moment to another, in seconds; the end of the sound is the end at most.
pub(super) fn cut(audio: &Audio, from: f64, to: Option<f64>) -> Result<Option<Audio>, SoundError> {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let start = to_frames(audio, from);
    let end = to.map_or(frames, |to| to_frames(audio, to).min(frames));
    if start >= end {
        return Err(SoundError::NothingLeft { from, seconds: seconds(audio, frames) });
    }
    Ok(part(audio, start * channels, end * channels))
}

fn part(audio: &Audio, start: usize, end: usize) -> Option<Audio> {
    if start == 0 && end == audio.samples.len() {
        return None;
    }
    let samples = audio.samples[start..end].to_vec();
    Some(Audio { rate: audio.rate, channels: audio.channels, samples })
}

/// Fades in and out over a smooth S; a fade that is longer than the sound covers all of it.
pub(super) fn fade(audio: &mut Audio, in_seconds: f64, out_seconds: f64) {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let (into, out) = (to_frames(audio, in_seconds), to_frames(audio, out_seconds));
    let (into, out) = (into.min(frames), out.min(frames));
    for (at, frame) in audio.samples.chunks_exact_mut(channels).take(into).enumerate() {
        let gain = s_curve(at, into);
        frame.iter_mut().for_each(|sample| *sample *= gain);
    }
    for (at, frame) in audio.samples.chunks_exact_mut(channels).rev().take(out).enumerate() {
        let gain = s_curve(at, out);
        frame.iter_mut().for_each(|sample| *sample *= gain);
    }
}

/// From 0 at 0 to 1 at `length`, flat at both ends: 3t² - 2t³.
fn s_curve(at: usize, length: usize) -> f32 {
    let t = at as f32 / length as f32;
    t * t * (3.0 - 2.0 * t)
}

/// Blends the last seconds into the first ones with equal power and drops them: what follows the new
/// last frame is the frame that followed it before.
pub(super) fn make_loop(
    audio: &Audio,
    crossfade_seconds: f64,
) -> Result<Option<Audio>, SoundError> {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let fade = to_frames(audio, crossfade_seconds);
    if fade * 2 > frames {
        return Err(SoundError::CrossfadeTooLong {
            crossfade: crossfade_seconds,
            seconds: seconds(audio, frames),
        });
    }
    if fade == 0 {
        return Ok(None);
    }
    let (kept, tail) = audio.samples.split_at((frames - fade) * channels);
    let mut samples = kept.to_vec();
    let blended = samples.chunks_exact_mut(channels).zip(tail.chunks_exact(channels));
    for (at, (frame, end)) in blended.enumerate() {
        let t = at as f32 / fade as f32;
        let (rise, fall) = (t.sqrt(), (1.0 - t).sqrt());
        for (sample, end) in frame.iter_mut().zip(end) {
            *sample = *sample * rise + end * fall;
        }
    }
    Ok(Some(Audio { rate: audio.rate, channels: audio.channels, samples }))
}

fn to_frames(audio: &Audio, seconds: f64) -> usize {
    // A negative or absurd length saturates.
    (seconds * f64::from(audio.rate)).round() as usize
}

fn seconds(audio: &Audio, frames: usize) -> f64 {
    frames as f64 / f64::from(audio.rate)
}
