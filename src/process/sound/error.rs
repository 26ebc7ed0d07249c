//! Why a sound cannot be decoded, changed or encoded.

use crate::base::Encoding;

/// Why a file did not become samples.
#[derive(Debug, thiserror::Error)]
pub enum SoundDecodeError {
    /// No samples at all.
    #[error("the file holds no sound: it has no samples")]
    Empty,
    /// The bytes are not what the format says.
    #[error("damaged {} file, after {seconds:.2} s: {reason}", .encoding.extension())]
    Malformed {
        /// The format.
        encoding: Encoding,
        /// Seconds that could be decoded before.
        seconds: f64,
        /// In the decoder's words.
        reason: String,
    },
    /// The file says that it is longer.
    #[error(
        "the {} file ends after {found:.2} s, but should last {expected:.2} s: it was cut off", .encoding.extension()
    )]
    Truncated {
        /// The format.
        encoding: Encoding,
        /// Seconds that are there.
        found: f64,
        /// Seconds that should be.
        expected: f64,
    },
    /// A sample is not a number.
    #[error("the sample at {seconds:.4} s is no number that can be played")]
    NotFinite {
        /// Where.
        seconds: f64,
    },
    /// More than fits in memory with others beside it.
    #[error("the sound has more than {} million samples, which is the limit", .limit / 1_000_000)]
    TooLong {
        /// Samples of all channels.
        limit: usize,
    },
    /// Zero channels, or more than there are names for.
    #[error("the sound has {0} channels; up to {MAX_CHANNELS} can be used")]
    Channels(usize),
    /// A rate that nothing plays.
    #[error("the sound has a sample rate of {0} Hz; {MIN_RATE} to {MAX_RATE} can be used")]
    Rate(u32),
}

/// Channels of a frame, at most.
pub(super) const MAX_CHANNELS: usize = 8;
/// Lowest sample rate in hertz.
pub(super) const MIN_RATE: u32 = 1_000;
/// Highest sample rate in hertz.
pub(super) const MAX_RATE: u32 = 768_000;

/// Why a step cannot do what it says with a sound.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SoundError {
    /// The part that is kept lies behind the end.
    #[error("nothing is left from {from} s on: the sound lasts {seconds:.3} s")]
    NothingLeft {
        /// Where the part begins.
        from: f64,
        /// Length of the sound.
        seconds: f64,
    },
    /// No sample is over the threshold.
    #[error("all of the sound is below {threshold_db} dBFS, so nothing would be left of it")]
    Silent {
        /// The threshold.
        threshold_db: f64,
    },
    /// Silence has no level.
    #[error("the sound is silent or below -70 dB, and a gain would bring up noise only")]
    NoLevel,
    /// Both ends of the crossfade would meet.
    #[error(
        "a crossfade of {crossfade} s needs a sound of twice that length; it lasts {seconds:.3} s"
    )]
    CrossfadeTooLong {
        /// Length of the crossfade.
        crossfade: f64,
        /// Length of the sound.
        seconds: f64,
    },
    /// The resampler cannot go between two rates.
    #[error("{from} Hz cannot be made {to} Hz: {reason}")]
    Resample {
        /// Hertz before.
        from: u32,
        /// Hertz after.
        to: u32,
        /// In the resampler's words.
        reason: String,
    },
    /// The gain of the group was not measured.
    #[error("the level of the group `{0}` is not known here")]
    UnknownGroup(String),
}

/// Why samples did not become a file.
#[derive(Debug, thiserror::Error)]
pub enum SoundEncodeError {
    /// The format holds fewer channels.
    #[error(
        "{} files of this tool have one or two channels, not {channels}; \
         add `{{ action: channels, count: 2 }}`", .encoding.extension()
    )]
    Channels {
        /// The format.
        encoding: Encoding,
        /// Channels of the sound.
        channels: u16,
    },
    /// The format does not hold this sample rate.
    #[error(
        "{} files do not have a sample rate of {rate} Hz; \
         add `{{ action: resample, rate: {nearest} }}`", .encoding.extension()
    )]
    Rate {
        /// The format.
        encoding: Encoding,
        /// Hertz.
        rate: u32,
        /// A rate that it holds.
        nearest: u32,
    },
    /// The encoder has no way to this bitrate.
    #[error(
        "{} at {rate} Hz with {channels} channels cannot have {} kbit/s; \
         choose a bitrate of {} to {} kbit/s", .encoding.extension(), .bitrate / 1000, .range.0 / 1000, .range.1 / 1000
    )]
    Bitrate {
        /// The format.
        encoding: Encoding,
        /// Hertz.
        rate: u32,
        /// Channels of the sound.
        channels: u16,
        /// Bits per second that were asked for.
        bitrate: u32,
        /// Lowest and highest bits per second.
        range: (u32, u32),
    },
    /// The file would be larger than the format can say.
    #[error("the sound is too long for a {} file", .0.extension())]
    TooLarge(Encoding),
    /// The encoder gave up.
    #[error("the {} encoder failed: {reason}", .encoding.extension())]
    Encoder {
        /// The format.
        encoding: Encoding,
        /// In the encoder's words.
        reason: String,
    },
}
