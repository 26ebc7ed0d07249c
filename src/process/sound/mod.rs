//! Sounds between two steps, and the files that they become.

mod channels;
mod decode;
mod edit;
mod encode;
mod error;
mod level;
mod libopus;
mod limit;
mod measure;
mod rate;
#[cfg(test)]
mod tests;
mod waveform;

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::base::{Audio, AudioFacts, Encoding, Facts, MediaKind, Raw};
use crate::process::{Job, ProcessError};
use crate::spec::op::{Level, OutputFile, ProcessOp, Step};

pub use error::{SoundDecodeError, SoundEncodeError, SoundError};
pub use level::{GroupLevel, group_gain};

/// Version of the code that turns samples into files.
pub(super) const ENCODERS: &str = "sound 3";

/// The lowest and the highest sample of each stretch of a sound file, for a drawing of it.
///
/// `named`: the encoding that its name speaks of. `per_second`: stretches per second. Samples of all
/// channels count; full scale is 1.0.
///
/// # Errors
/// `SoundDecodeError` for a file that is no sound or a damaged one.
pub fn waveform(
    bytes: &[u8],
    named: Encoding,
    per_second: u32,
) -> Result<Vec<[f32; 2]>, SoundDecodeError> {
    Ok(waveform::ranges(&decode::decode(bytes, named)?, per_second))
}

/// A sound between two steps.
pub(super) struct Work<'a> {
    raw: &'a Raw,
    steps: &'a [Step],
    gains: &'a BTreeMap<String, f64>,
    sound: Cow<'a, Audio>,
    /// Whether a step changed the samples.
    is_changed: bool,
    /// What was measured since the last change.
    facts: Option<AudioFacts>,
    notes: Vec<String>,
}

impl<'a> Work<'a> {
    pub(super) fn start(job: &Job<'a>) -> Result<Self, ProcessError> {
        let &Job { raw, steps, gains, .. } = job;
        let sound = match raw {
            Raw::Audio(audio) => Cow::Borrowed(audio),
            Raw::File(bytes, encoding) => Cow::Owned(decode::decode(bytes, *encoding)?),
            Raw::Image(_) => unreachable!("pictures have a work of their own"),
        };
        Ok(Self { raw, steps, gains, sound, is_changed: false, facts: None, notes: Vec::new() })
    }

    pub(super) fn run(&mut self, step: usize, op: &'a ProcessOp) -> Result<(), ProcessError> {
        let name = op.name();
        let failed = |source| ProcessError::SoundOp { step, name, source };
        let changed = self.changed_by(op).ok_or_else(|| self.wrong_media(step, name))?;
        if let Some(changed) = changed.map_err(failed)? {
            self.sound = Cow::Owned(changed);
            self.is_changed = true;
            self.facts = None;
        }
        Ok(())
    }

    /// What did not come out as it was asked for, although it is no error.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What a step makes of the sound: nothing if it leaves it as it is; none if it is for pictures.
    fn changed_by(&mut self, op: &ProcessOp) -> Option<Result<Option<Audio>, SoundError>> {
        let sound = &*self.sound;
        Some(match *op {
            ProcessOp::Normalize { target, ceiling_db, ref group } => match group {
                None => level::normalize(sound, target, ceiling_db).map(|normalized| {
                    if let (Some(reached), Level::Lufs(lufs)) = (normalized.reached, target) {
                        self.notes.push(format!(
                            "`normalize` reached {reached:.1} LUFS of {lufs}: the limiter goes no \
                             further under a ceiling of {ceiling_db} dB"
                        ));
                    }
                    Some(normalized.audio)
                }),
                Some(group) => match self.gains.get(group) {
                    Some(gain) => Ok(Some(level::apply_group(sound, *gain, target, ceiling_db))),
                    None => Err(SoundError::UnknownGroup(group.clone())),
                },
            },
            ProcessOp::TrimSilence { threshold_db } => edit::trim_silence(sound, threshold_db),
            ProcessOp::Fade { in_seconds, out_seconds } => {
                let mut faded = sound.clone();
                edit::fade(&mut faded, in_seconds, out_seconds);
                Ok(Some(faded))
            }
            ProcessOp::Cut { from, to } => edit::cut(sound, from, to),
            ProcessOp::Loop { crossfade_seconds } => edit::make_loop(sound, crossfade_seconds),
            ProcessOp::Resample { rate } if rate == sound.rate => Ok(None),
            ProcessOp::Resample { rate } => rate::resample(sound, rate).map(Some),
            ProcessOp::Channels { count } => Ok(channels::convert(sound, count)),
            ProcessOp::Resize { .. }
            | ProcessOp::Crop { .. }
            | ProcessOp::Pad { .. }
            | ProcessOp::Trim { .. }
            | ProcessOp::KeyBackground { .. }
            | ProcessOp::Quantize { .. }
            | ProcessOp::Outline { .. }
            | ProcessOp::Glow { .. }
            | ProcessOp::Watermark { .. }
            | ProcessOp::Compress { .. }
            | ProcessOp::Variants { .. }
            | ProcessOp::Convert { .. } => return None,
        })
    }

    fn wrong_media(&self, step: usize, name: &'static str) -> ProcessError {
        ProcessError::WrongMedia { step, name, found: MediaKind::Audio }
    }

    pub(super) fn measure(&mut self) -> Facts {
        let sound = &self.sound;
        Facts::Audio(self.facts.get_or_insert_with(|| measure::measure_audio(sound)).clone())
    }

    /// What the sound gives to the level of its group.
    pub(super) fn group_level(&self) -> GroupLevel {
        GroupLevel::of(&self.sound)
    }

    /// The bytes of each file, and what it holds: the sound is measured while it is encoded.
    pub(super) fn encode(
        &self,
        files: &[OutputFile],
    ) -> Vec<Result<(Vec<u8>, Facts), ProcessError>> {
        let (encoded, facts) = rayon::join(
            || files.par_iter().map(|file| self.bytes_of(file)).collect::<Vec<_>>(),
            || self.facts.clone().unwrap_or_else(|| measure::measure_audio(&self.sound)),
        );
        encoded.into_iter().map(|bytes| Ok((bytes?, Facts::Audio(facts.clone())))).collect()
    }

    fn bytes_of(&self, file: &OutputFile) -> Result<Vec<u8>, ProcessError> {
        if let Some(variant) = &file.variant {
            let (path, variant) = (file.path.clone(), variant.clone());
            return Err(ProcessError::UnknownVariant { path, variant });
        }
        let bitrate = bitrate_of(self.steps, file.encoding);
        match self.raw {
            Raw::File(bytes, named)
                if !self.is_changed
                    && bitrate.is_none()
                    && encoding_of(bytes, *named) == file.encoding =>
            {
                Ok(bytes.to_vec())
            }
            _ => encode::encode(&self.sound, file.encoding, bitrate)
                .map_err(|source| ProcessError::EncodeSound { path: file.path.clone(), source }),
        }
    }
}

fn encoding_of(bytes: &[u8], named: Encoding) -> Encoding {
    Encoding::sniff(bytes).unwrap_or(named)
}

/// The bits per second that the `convert` steps ask of an encoding; later steps win, and one without
/// formats speaks of all files.
fn bitrate_of(steps: &[Step], encoding: Encoding) -> Option<u32> {
    let asked = steps.iter().rev().find_map(|step| match step.op()? {
        ProcessOp::Convert { formats, bitrate: Some(bitrate), .. }
            if formats.is_empty() || formats.contains(&encoding) =>
        {
            Some(*bitrate)
        }
        _ => None,
    });
    // What is kept whole has no bitrate to ask for.
    asked.filter(|_| matches!(encoding, Encoding::Ogg | Encoding::Mp3 | Encoding::Opus))
}
