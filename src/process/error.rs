//! Why processing fails: one enum for the action; what a single step says is in its folder.

use crate::base::{MediaKind, RelPath};
use crate::process::picture::{DecodeError, EncodeError, OpError};
use crate::process::sound::{SoundDecodeError, SoundEncodeError, SoundError};

/// Why raw material did not become finished files.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The raw file is no picture that can be changed.
    #[error("the raw material cannot be decoded")]
    Decode(#[from] DecodeError),
    /// The raw file is no sound that can be changed.
    #[error("the raw material cannot be decoded")]
    DecodeSound(#[from] SoundDecodeError),
    /// A step for pictures stands in the spec of a sound, or the other way round.
    #[error("`{name}` does not change {}s, and the raw material is one", media_word(*.found))]
    WrongMedia {
        /// Index in the list of steps.
        step: usize,
        /// The word after `action:`.
        name: &'static str,
        /// What the raw material is.
        found: MediaKind,
    },
    /// A step after `variants` would change only one of the pictures.
    #[error("`{name}` stands after `variants`; what changes the picture comes before it")]
    AfterVariants {
        /// Index in the list of steps.
        step: usize,
        /// The word after `action:`.
        name: &'static str,
    },
    /// A step cannot do what it says with this picture.
    #[error("`{name}` failed")]
    Op {
        /// Index in the list of steps.
        step: usize,
        /// The word after `action:`.
        name: &'static str,
        /// Why.
        #[source]
        source: OpError,
    },
    /// A step cannot do what it says with this sound.
    #[error("`{name}` failed")]
    SoundOp {
        /// Index in the list of steps.
        step: usize,
        /// The word after `action:`.
        name: &'static str,
        /// Why.
        #[source]
        source: SoundError,
    },
    /// A file holds a variant that no step makes.
    #[error("{path} holds the variant `{variant}`, which no `variants` step makes")]
    UnknownVariant {
        /// The file.
        path: RelPath,
        /// The variant.
        variant: String,
    },
    /// A file could not be encoded.
    #[error("{path} could not be written")]
    Encode {
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: EncodeError,
    },
    /// A sound could not be encoded.
    #[error("{path} could not be written")]
    EncodeSound {
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: SoundEncodeError,
    },
}

impl ProcessError {
    /// Whether the raw material has nothing in it that a step could work on: another result of the same
    /// request may do.
    pub fn is_about_empty_material(&self) -> bool {
        match self {
            Self::Op { source, .. } => matches!(source, OpError::NothingLeft { .. }),
            Self::SoundOp { source, .. } => {
                matches!(source, SoundError::Silent { .. } | SoundError::NoLevel)
            }
            _ => false,
        }
    }
}

fn media_word(media: MediaKind) -> &'static str {
    match media {
        MediaKind::Image => "picture",
        MediaKind::Audio => "sound",
    }
}
