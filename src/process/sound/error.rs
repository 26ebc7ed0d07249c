//! Why a sound cannot be decoded, changed or encoded.

use crate::base::Encoding;

/// Why a file did not become samples.
#[derive(Debug, thiserror::Error)]
pub enum SoundDecodeError {
    /// The format is known, but this version has no decoder for it.
    #[error("{} files cannot be decoded by this version", .0.extension())]
    NoDecoder(Encoding),
}

/// Why a step cannot do what it says with a sound.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SoundError {
    /// Nothing would be left.
    #[error("nothing would be left of the sound")]
    NothingLeft,
}

/// Why samples did not become a file.
#[derive(Debug, thiserror::Error)]
pub enum SoundEncodeError {
    /// This version has no encoder.
    #[error("{} files cannot be written by this version", .0.extension())]
    NoEncoder(Encoding),
}
