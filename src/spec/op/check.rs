//! What a `validate` step looks at.

use crate::base::Encoding;

/// One check of a `validate` step.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// Some pixels are transparent, and no checkerboard is drawn instead.
    HasAlpha,
    /// No pixel is transparent.
    NoAlpha,
    /// The size is that of the last resize, pad or crop, else the requested one.
    DimensionsMatch,
    /// Width and height are powers of two.
    IsPowerOfTwo,
    /// Not all pixels are the same.
    NotBlank,
    /// The length lies in a range of seconds.
    DurationRange {
        /// Shortest, in seconds.
        min: f64,
        /// Longest, in seconds.
        max: f64,
    },
    /// No samples in a row stand at full scale.
    NoClipping,
    /// Some sample is louder than -60 dBFS.
    NotSilent,
    /// Integrated loudness lies near a target.
    Loudness {
        /// LUFS.
        target: f64,
        /// Largest distance, in LU.
        tolerance: f64,
    },
    /// The end runs into the start without a click.
    LoopSeam,
    /// Frames per second.
    SampleRate(u32),
    /// Channels per frame.
    Channels(u16),
    /// The published file has this encoding.
    Format(Encoding),
    /// Bits per second of the published file.
    Bitrate(u32),
    /// The file is neither empty nor larger than its kind ever needs.
    FileSizeReasonable,
    /// The file has fewer bytes than this.
    FileSizeUnder(u64),
}

impl Check {
    /// The word in specs, without its argument.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HasAlpha => "has_alpha",
            Self::NoAlpha => "no_alpha",
            Self::DimensionsMatch => "dimensions_match",
            Self::IsPowerOfTwo => "is_power_of_two",
            Self::NotBlank => "not_blank",
            Self::DurationRange { .. } => "duration_range",
            Self::NoClipping => "no_clipping",
            Self::NotSilent => "not_silent",
            Self::Loudness { .. } => "loudness",
            Self::LoopSeam => "loop_seam",
            Self::SampleRate(_) => "sample_rate",
            Self::Channels(_) => "channels",
            Self::Format(_) => "format",
            Self::Bitrate(_) => "bitrate",
            Self::FileSizeReasonable => "file_size_reasonable",
            Self::FileSizeUnder(_) => "file_size_under",
        }
    }

    /// Whether the check looks at a published file instead of the pixels or samples where it
    /// stands in the list.
    pub fn is_about_files(&self) -> bool {
        matches!(
            self,
            Self::Format(_) | Self::Bitrate(_) | Self::FileSizeReasonable | Self::FileSizeUnder(_)
        )
    }
}
