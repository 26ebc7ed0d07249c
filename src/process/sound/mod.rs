//! Sounds between two steps, and the files that they become.

mod error;
mod measure;

use std::borrow::Cow;

use crate::base::{Audio, Encoding, Facts, MediaKind, Raw};
use crate::process::{Job, ProcessError};
use crate::spec::op::{OutputFile, ProcessOp};

pub use error::{SoundDecodeError, SoundEncodeError, SoundError};

/// Version of the code that turns samples into files.
pub(super) const ENCODERS: &str = "sound 1";

/// Whether this version can write sounds in an encoding.
pub(super) fn can_encode(_encoding: Encoding) -> bool {
    false
}

/// A sound between two steps.
pub(super) struct Work<'a> {
    raw: &'a Raw,
    /// The samples; none for a file that is passed on as it is.
    sound: Option<Cow<'a, Audio>>,
}

impl<'a> Work<'a> {
    pub(super) fn start(job: &Job<'a>) -> Result<Self, ProcessError> {
        let sound = match job.raw {
            Raw::Audio(audio) => Some(Cow::Borrowed(audio)),
            Raw::File(..) | Raw::Image(_) => None,
        };
        Ok(Self { raw: job.raw, sound })
    }

    pub(super) fn run(&mut self, step: usize, op: &'a ProcessOp) -> Result<(), ProcessError> {
        Err(ProcessError::WrongMedia { step, name: op.name(), found: MediaKind::Audio })
    }

    pub(super) fn measure(&self) -> Facts {
        match (&self.sound, self.raw) {
            (Some(sound), _) => Facts::Audio(measure::measure_audio(sound)),
            (None, Raw::File(_, encoding)) => Facts::Opaque { encoding: *encoding },
            (None, Raw::Audio(_) | Raw::Image(_)) => Facts::Opaque { encoding: Encoding::Wav },
        }
    }

    /// The bytes of `file`, and what it holds.
    pub(super) fn encode(&self, file: &OutputFile) -> Result<(Vec<u8>, Facts), ProcessError> {
        match self.raw {
            Raw::File(bytes, encoding) if *encoding == file.encoding => {
                Ok((bytes.to_vec(), self.measure()))
            }
            _ => Err(ProcessError::EncodeSound {
                path: file.path.clone(),
                source: SoundEncodeError::NoEncoder(file.encoding),
            }),
        }
    }
}
