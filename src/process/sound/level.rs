//! `normalize`: one sound to a level, or a group of them by one common gain.

use serde::{Deserialize, Serialize};

use crate::base::Audio;
use crate::process::sound::error::SoundError;
use crate::process::sound::limit::Limiter;
use crate::process::sound::measure::{Levels, is_short, peak};
use crate::spec::op::Level;

/// Decibels as a factor.
pub(super) fn amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// A factor in decibels.
fn decibels(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

/// dBFS below which a sound counts as silence: what a gain would bring up is noise.
const SILENCE_DB: f64 = -70.0;
/// How near to its loudness a sound is brought, in LU.
const CLOSE_ENOUGH: f64 = 0.05;
/// The difference from a loudness that R128 allows, in LU.
const TOLERANCE: f64 = 0.5;
/// How often the gain is corrected for what the limiter took.
const ROUNDS: usize = 8;

/// A sound that was brought to a level, as far as its ceiling allows.
pub(super) struct Normalized {
    pub(super) audio: Audio,
    /// The loudness in LUFS that was reached instead of the target, if it is another one by R128's
    /// tolerance.
    pub(super) reached: Option<f64>,
}

impl From<Audio> for Normalized {
    fn from(audio: Audio) -> Self {
        Self { audio, reached: None }
    }
}

/// Brings a sound to a level.
///
/// A loudness that would lift the true peak over the ceiling is reached with a limiter, as far as one
/// can. A sound without a loudness, below 400 ms, is brought to the ceiling's peak instead.
pub(super) fn normalize(
    audio: &Audio,
    target: Level,
    ceiling_db: f64,
) -> Result<Normalized, SoundError> {
    let loudest = f64::from(peak(audio));
    if loudest < amplitude(SILENCE_DB) {
        return Err(SoundError::NoLevel);
    }
    let lufs = match target {
        Level::Peak(db) => return Ok(amplified(audio, amplitude(db) / loudest).into()),
        Level::Lufs(lufs) => lufs,
    };
    let levels = Levels::of(audio);
    let ceiling = amplitude(ceiling_db);
    let Some(loudness) = levels.loudness else {
        if !is_short(audio) {
            // All of it is below what R128 counts.
            return Err(SoundError::NoLevel);
        }
        return Ok(amplified(audio, ceiling / levels.true_peak).into());
    };
    let gain = lufs - loudness;
    if levels.true_peak * amplitude(gain) <= ceiling {
        return Ok(amplified(audio, amplitude(gain)).into());
    }
    Ok(raise(audio, gain, lufs, ceiling))
}

/// Amplifies by `gain` dB and more under a ceiling, until the loudness is reached.
fn raise(audio: &Audio, mut gain: f64, lufs: f64, ceiling: f64) -> Normalized {
    let limiter = Limiter::new(audio);
    let mut allowed = ceiling;
    let mut best: Option<(f64, Audio)> = None;
    for _ in 0..ROUNDS {
        let limited = limiter.limit(amplitude(gain), allowed);
        let levels = Levels::of(&limited);
        // Changing gains moves what lies between samples; the rest of the way is a plain gain.
        let over = (levels.true_peak / ceiling).max(1.0);
        let loudness = levels.loudness.unwrap_or(lufs) - decibels(over);
        let missing = lufs - loudness;
        let result = if over > 1.0 { amplified(&limited, 1.0 / over) } else { limited };
        keep_better(&mut best, missing, result);
        if missing.abs() <= CLOSE_ENOUGH {
            break;
        }
        gain += missing;
        allowed /= over;
    }
    let (missing, audio) = best.expect("there was a round");
    Normalized { audio, reached: (missing.abs() > TOLERANCE).then_some(lufs - missing) }
}

fn keep_better(best: &mut Option<(f64, Audio)>, missing: f64, audio: Audio) {
    if best.as_ref().is_none_or(|(least, _)| missing.abs() < least.abs()) {
        *best = Some((missing, audio));
    }
}

/// Applies the gain of a group; where that lifts the true peak over the ceiling of a loudness target,
/// a limiter holds the peaks.
pub(super) fn apply_group(audio: &Audio, gain_db: f64, target: Level, ceiling_db: f64) -> Audio {
    let (gain, ceiling) = (amplitude(gain_db), amplitude(ceiling_db));
    let is_free = matches!(target, Level::Peak(_));
    if is_free || Levels::of(audio).true_peak * gain <= ceiling {
        return amplified(audio, gain);
    }
    let limited = Limiter::new(audio).limit(gain, ceiling);
    let over = Levels::of(&limited).true_peak / ceiling;
    if over > 1.0 { amplified(&limited, 1.0 / over) } else { limited }
}

fn amplified(audio: &Audio, gain: f64) -> Audio {
    let gain = gain as f32;
    let samples = audio.samples.iter().map(|sample| sample * gain).collect();
    Audio { rate: audio.rate, channels: audio.channels, samples }
}

/// What a sound gives to the level of its group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupLevel {
    /// Length in seconds.
    seconds: f64,
    /// Largest absolute sample.
    peak: f64,
    /// Largest absolute value between samples too.
    true_peak: f64,
    /// Integrated loudness in LUFS, of a short sound as if it was repeated; none for silence.
    loudness: Option<f64>,
}

impl GroupLevel {
    pub(super) fn of(audio: &Audio) -> Self {
        let frames = audio.samples.len() / usize::from(audio.channels);
        let Levels { loudness, true_peak } = Levels::of_repeated(audio);
        let (seconds, peak) = (frames as f64 / f64::from(audio.rate), f64::from(peak(audio)));
        Self { seconds, peak, true_peak, loudness }
    }

    /// The JSON form, for the cache.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a level holds finite numbers")
    }

    /// Reads the JSON form; none for anything that this version did not write.
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

/// The gain in dB that brings a group of sounds to a level; 0 if all of them are silent.
///
/// The peak of a group is the highest one. Its loudness is the mean of the sounds' energies, each for
/// as long as it lasts, without those that are more than 10 LU below the mean of all: in the manner of
/// R128, with sounds in the place of blocks. The order does not matter.
pub fn group_gain(levels: &[GroupLevel], target: Level, ceiling_db: f64) -> f64 {
    let highest = |of: fn(&GroupLevel) -> f64| levels.iter().map(of).fold(0.0, f64::max);
    let is_heard = |peak: f64| peak >= amplitude(SILENCE_DB);
    let to_peak = |db: f64, peak: f64| if is_heard(peak) { db - decibels(peak) } else { 0.0 };
    match target {
        Level::Peak(db) => to_peak(db, highest(|level| level.peak)),
        Level::Lufs(lufs) => match group_loudness(levels) {
            Some(loudness) => lufs - loudness,
            None => to_peak(ceiling_db, highest(|level| level.true_peak)),
        },
    }
}

fn group_loudness(levels: &[GroupLevel]) -> Option<f64> {
    let mut parts: Vec<(f64, f64)> = levels
        .iter()
        .filter_map(|level| Some((level.seconds, 10f64.powf(level.loudness? / 10.0))))
        .collect();
    // Sums of floating-point numbers depend on their order.
    parts.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    let mean = |parts: &[(f64, f64)]| -> f64 {
        let seconds: f64 = parts.iter().map(|part| part.0).sum();
        parts.iter().map(|part| part.0 * part.1).sum::<f64>() / seconds
    };
    if parts.is_empty() {
        return None;
    }
    let gate = mean(&parts) / 10.0;
    parts.retain(|part| part.1 >= gate);
    Some(10.0 * mean(&parts).log10())
}
