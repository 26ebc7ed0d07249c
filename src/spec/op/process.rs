//! Steps between raw material and finished files.

use std::collections::BTreeMap;

use crate::base::{Encoding, RelPath};
use crate::spec::op::Step;

/// One step between raw material and finished files.
#[derive(Debug, Clone, PartialEq)]
pub enum ProcessOp {
    /// Scales a picture.
    Resize {
        /// Width and height in pixels.
        size: (u32, u32),
        /// Filter.
        method: ResizeMethod,
        /// What happens when the aspect ratio changes; none is an error then.
        fit: Option<Fit>,
    },
    /// Cuts a rectangle out of a picture, in pixels.
    Crop {
        /// Left edge.
        x: u32,
        /// Upper edge.
        y: u32,
        /// Columns kept.
        width: u32,
        /// Rows kept.
        height: u32,
    },
    /// Adds a border so that the picture has a size.
    Pad {
        /// Width and height in pixels; at least the picture's own.
        size: (u32, u32),
        /// Border colour, RGBA; transparent by default.
        color: [u8; 4],
    },
    /// Cuts transparent edges off.
    Trim {
        /// Alpha up to this value counts as transparent.
        threshold: u8,
        /// Pixels of margin kept on each side.
        margin: u32,
    },
    /// Makes a plain background transparent.
    KeyBackground {
        /// The colour; that of the corners if none.
        color: Option<[u8; 3]>,
        /// Distance in 0..=255 that still counts as background.
        tolerance: u8,
    },
    /// Reduces the number of colours.
    Quantize {
        /// Colours kept, 2..=256.
        colors: u16,
        /// Whether errors are spread.
        dither: bool,
    },
    /// Draws an outline around the opaque part.
    Outline {
        /// Width in pixels.
        width: u32,
        /// Colour, RGBA.
        color: [u8; 4],
    },
    /// Draws a soft glow around the opaque part.
    Glow {
        /// Radius in pixels.
        radius: u32,
        /// Colour, RGBA.
        color: [u8; 4],
    },
    /// Puts a picture of the project on top.
    Watermark {
        /// The picture.
        source: RelPath,
        /// Opacity in 0.0..=1.0.
        opacity: f64,
        /// Corner or centre: `top-left`, `center`, `bottom-right`, …
        position: String,
    },
    /// Packs the encoded file harder.
    Compress {
        /// Effort, 0..=6.
        level: u8,
    },
    /// Makes the same picture in several sizes.
    Variants {
        /// Suffix (`1x`, `2x`) and width and height in pixels.
        scale: BTreeMap<String, (u32, u32)>,
        /// Filter.
        method: ResizeMethod,
    },
    /// Adds files in other encodings, and says how they are encoded.
    Convert {
        /// The encodings; the main file's may be among them.
        formats: Vec<Encoding>,
        /// Quality in 1..=100, for lossy picture formats.
        quality: Option<u8>,
        /// Whether WebP keeps every pixel.
        lossless: bool,
        /// Bits per second, for lossy sound formats.
        bitrate: Option<u32>,
    },
    /// Changes the level of a sound.
    Normalize {
        /// What is brought to which level.
        target: Level,
        /// Highest true peak in dBTP, for a loudness target.
        ceiling_db: f64,
        /// Sounds of one group get one common gain.
        group: Option<String>,
    },
    /// Cuts silence off both ends.
    TrimSilence {
        /// Level in dBFS below which samples are silence.
        threshold_db: f64,
    },
    /// Fades in and out.
    Fade {
        /// Seconds at the start.
        in_seconds: f64,
        /// Seconds at the end.
        out_seconds: f64,
    },
    /// Keeps a part of a sound.
    Cut {
        /// Start in seconds.
        from: f64,
        /// End in seconds; the end of the sound if none.
        to: Option<f64>,
    },
    /// Makes the end run into the start without a click.
    Loop {
        /// Seconds that are faded over.
        crossfade_seconds: f64,
    },
    /// Changes the sample rate.
    Resample {
        /// Hertz.
        rate: u32,
    },
    /// Changes the number of channels.
    Channels {
        /// 1 or 2.
        count: u16,
    },
}

impl ProcessOp {
    /// The word after `action:` in specs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resize { .. } => "resize",
            Self::Crop { .. } | Self::Cut { .. } => "crop",
            Self::Pad { .. } => "pad",
            Self::Trim { .. } => "trim",
            Self::KeyBackground { .. } => "key_background",
            Self::Quantize { .. } => "quantize",
            Self::Outline { .. } => "outline",
            Self::Glow { .. } => "glow",
            Self::Watermark { .. } => "watermark",
            Self::Compress { .. } => "compress",
            Self::Variants { .. } => "variants",
            Self::Convert { .. } => "convert",
            Self::Normalize { .. } => "normalize",
            Self::TrimSilence { .. } => "trim_silence",
            Self::Fade { .. } => "fade",
            Self::Loop { .. } => "loop",
            Self::Resample { .. } => "resample",
            Self::Channels { .. } => "channels",
        }
    }

    /// The file of the project whose content the step reads.
    pub fn source(&self) -> Option<&RelPath> {
        match self {
            Self::Watermark { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A gain that all sounds of a group get alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupGain<'a> {
    /// Name of the group.
    pub group: &'a str,
    /// Place of the `normalize` in the list of steps.
    pub step: usize,
    /// What the group is brought to which level.
    pub target: Level,
    /// Highest true peak in dBTP.
    pub ceiling_db: f64,
}

impl<'a> GroupGain<'a> {
    /// The gain of a group that the steps ask for; a list has at most one.
    pub fn of(steps: &'a [Step]) -> Option<Self> {
        steps.iter().enumerate().find_map(|(step, entry)| match entry.op()? {
            ProcessOp::Normalize { target, ceiling_db, group: Some(group) } => {
                Some(Self { group, step, target: *target, ceiling_db: *ceiling_db })
            }
            _ => None,
        })
    }
}

/// A resize filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeMethod {
    /// Nearest pixel; for pixel art.
    Nearest,
    /// Triangle.
    Bilinear,
    /// Catmull-Rom.
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

impl ResizeMethod {
    /// The word in specs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }
}

/// What a resize does when the aspect ratio changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// All of the picture fits inside, the rest is transparent.
    Contain,
    /// The picture fills the size, what sticks out is cut.
    Cover,
    /// The picture is distorted.
    Fill,
}

impl Fit {
    /// The word in specs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contain => "contain",
            Self::Cover => "cover",
            Self::Fill => "fill",
        }
    }
}

/// A level that a sound is brought to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// Highest sample, in dBFS.
    Peak(f64),
    /// Integrated loudness, in LUFS.
    Lufs(f64),
}
