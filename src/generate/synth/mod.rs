//! `provider: synth`: sound effects from a few numbers, and songs from tracks of notes.
//!
//! The same samples on every platform: see `maths`. How the presets are made and what the parameters
//! do: docs/design/synth.md.

mod maths;
mod presets;
mod song;
#[cfg(test)]
mod tests;
mod voice;

use crate::base::{Audio, Scalar};
use crate::generate::synth::maths::Dice;
use crate::generate::synth::song::Score;
use crate::generate::synth::voice::{Voice, Wave};
use crate::spec::op::{NoteError, SynthSound};

/// The preset that plays tracks.
const SONG: &str = SynthSound::SONG;

/// Why a sound was not synthesized.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SynthError {
    /// No preset has this name.
    #[error("there is no preset `{0}`")]
    Preset(String),
    /// No instrument has this name.
    #[error("there is no instrument `{0}`")]
    Instrument(String),
    /// A track cannot be played.
    #[error("a track cannot be played")]
    Notes(#[from] NoteError),
    /// The sound would be longer than is reasonable.
    #[error("the sound would last {seconds:.0} s; {most} s is the most")]
    TooLong {
        /// Seconds that it would last.
        seconds: f64,
        /// Seconds that it may last.
        most: f64,
    },
}

/// Synthesizes a sound.
pub(super) fn make(sound: &SynthSound) -> Result<Audio, SynthError> {
    let SynthSound { preset, seed, duration_seconds, parameters: _, tracks } = sound;
    let values = Values(sound);
    let rate = values.number("rate").map_or(44_100, |rate| rate as u32);
    let is_song = preset == SONG;
    let mut samples = if is_song {
        let beats = values.number("tempo").unwrap_or(SynthSound::USUAL_TEMPO) / 60.0;
        let steps = values.number("steps").unwrap_or(SynthSound::USUAL_STEPS);
        let step = f64::from(rate) / beats / steps;
        song::play(tracks, &Score { rate, step, is_loop: values.is_true("loop"), seed: *seed })?
    } else {
        let mut dice = Dice::new(*seed);
        let voice = presets::voice(preset, &mut dice);
        let voice = voice.ok_or_else(|| SynthError::Preset(preset.clone()))?;
        // What the preset does in its own time it does in the time that is asked for.
        let voice = duration_seconds.map_or(voice, |seconds| voice.paced(seconds));
        effect(values.applied(voice), *duration_seconds, rate, &mut dice)?
    };
    level(&mut samples, values.number("volume").unwrap_or(0.8));
    let usual = if is_song { 2 } else { 1 };
    let channels = values.number("channels").map_or(usual, |count| count as u16);
    Ok(Audio { rate, channels, samples: in_channels(&samples, is_song, channels) })
}

/// A single voice, as long as it says or as its own envelope and echo last.
fn effect(
    voice: Voice,
    seconds: Option<f64>,
    rate: u32,
    dice: &mut Dice,
) -> Result<Vec<f64>, SynthError> {
    /// Echoes that are heard.
    const ECHOES: f64 = 3.0;
    let (voice, seconds) = match seconds {
        Some(seconds) => (voice.stretched(seconds), seconds),
        None => (voice, voice.seconds() + ECHOES * voice.echo),
    };
    if seconds > SynthSound::MAX_EFFECT_SECONDS {
        return Err(SynthError::TooLong { seconds, most: SynthSound::MAX_EFFECT_SECONDS });
    }
    let frames = (seconds * f64::from(rate) + 0.5) as usize;
    Ok(voice.play(rate, frames.max(1), dice))
}

/// Brings the highest sample to `volume`.
fn level(samples: &mut [f64], volume: f64) {
    let highest = samples.iter().fold(0.0f64, |highest, sample| highest.max(sample.abs()));
    if highest > 1e-6 {
        let gain = volume / highest;
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
}

fn in_channels(samples: &[f64], is_stereo: bool, channels: u16) -> Vec<f32> {
    match (is_stereo, channels) {
        (true, 1) => {
            samples.chunks_exact(2).map(|frame| (0.5 * (frame[0] + frame[1])) as f32).collect()
        }
        (false, 2) => samples.iter().flat_map(|sample| [*sample as f32; 2]).collect(),
        _ => samples.iter().map(|sample| *sample as f32).collect(),
    }
}

/// The parameters that the spec sets.
struct Values<'a>(&'a SynthSound);

impl Values<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        match self.0.parameters.get(name)? {
            Scalar::Integer(number) => Some(*number as f64),
            Scalar::Number(number) => Some(*number),
            // A number with a plus sign is text to YAML's rules here.
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Boolean(_) => None,
        }
    }

    fn is_true(&self, name: &str) -> bool {
        self.0.parameters.get(name) == Some(&Scalar::Boolean(true))
    }

    /// The voice with what is set in the place of what the preset has.
    fn applied(&self, mut voice: Voice) -> Voice {
        if let Some(Scalar::Text(word)) = self.0.parameters.get("wave")
            && let Some(wave) = Wave::from_word(word)
        {
            voice.wave = wave;
        }
        let set = |name: &str, value: &mut f64| {
            if let Some(number) = self.number(name) {
                *value = number;
            }
        };
        set("pitch", &mut voice.pitch);
        set("slide", &mut voice.slide);
        set("bend", &mut voice.bend);
        set("jump", &mut voice.jump);
        set("jump_at", &mut voice.jump_at);
        set("vibrato", &mut voice.vibrato);
        set("vibrato_rate", &mut voice.vibrato_rate);
        set("duty", &mut voice.duty);
        set("duty_sweep", &mut voice.duty_sweep);
        set("attack", &mut voice.attack);
        set("hold", &mut voice.hold);
        set("decay", &mut voice.decay);
        set("punch", &mut voice.punch);
        set("low_pass", &mut voice.low_pass);
        set("low_pass_sweep", &mut voice.low_pass_sweep);
        set("resonance", &mut voice.resonance);
        set("high_pass", &mut voice.high_pass);
        set("repeat", &mut voice.repeat);
        set("echo", &mut voice.echo);
        set("echo_level", &mut voice.echo_level);
        voice.bits = self.number("bits").map_or(voice.bits, |bits| bits as u32);
        if voice.seconds() <= 0.0 {
            // Nothing of an envelope is left.
            voice.decay = 0.01;
        }
        voice
    }
}
