//! The typed operations of an asset: the parameters of every action, nothing more.
//!
//! A new op is a variant here, a field list in `graph/key.rs`, and a function in its body folder;
//! the compiler lists the `match` arms that are left.

use std::collections::BTreeMap;

use crate::base::{AudioMode, Encoding, MediaKind, RelPath, Scalar};
use crate::catalog;

/// What makes an asset's raw material.
#[derive(Debug, Clone, PartialEq)]
pub enum GenerateOp {
    /// A request to a provider that is paid or cannot be repeated bit by bit.
    Request(Box<Request>),
    /// A drawing of the project, rasterized.
    Svg(SvgDrawing),
    /// A synthesized sound.
    Synth(SynthSound),
    /// A stand-in of the right size or duration.
    Placeholder(Placeholder),
    /// A file of the project as it is.
    File(RelPath),
    /// A file that a person delivers.
    Manual(RelPath),
    /// A program's output.
    Command(CommandRun),
}

impl GenerateOp {
    /// Whether repeating the action costs nothing and gives the same bytes: what is not free is
    /// filed as a purchase.
    pub fn is_free(&self) -> bool {
        match self {
            Self::Request(_) => false,
            Self::Command(run) => run.exact,
            Self::Svg(_)
            | Self::Synth(_)
            | Self::Placeholder(_)
            | Self::File(_)
            | Self::Manual(_) => true,
        }
    }

    /// The provider's name in specs.
    pub fn provider(&self) -> &str {
        match self {
            Self::Request(request) => &request.provider,
            Self::Svg(_) => "svg",
            Self::Synth(_) => "synth",
            Self::Placeholder(_) => "placeholder",
            Self::File(_) => "file",
            Self::Manual(_) => "manual",
            Self::Command(_) => "command",
        }
    }

    /// Files of the project whose content the action reads.
    pub fn inputs(&self) -> Vec<&RelPath> {
        match self {
            Self::Request(request) => {
                let edit =
                    request.edit.iter().flat_map(|edit| [Some(&edit.image), edit.mask.as_ref()]);
                request.references.iter().chain(edit.flatten()).filter_map(Source::file).collect()
            }
            Self::Svg(drawing) => vec![&drawing.source],
            Self::File(source) | Self::Manual(source) => vec![source],
            Self::Command(run) => run.inputs.iter().collect(),
            Self::Synth(_) | Self::Placeholder(_) => Vec::new(),
        }
    }
}

/// The request to a provider as the user's files say it, after expansion: the wanted request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Name in the spec, such as `dalle-3`.
    pub provider: String,
    /// The provider family that the name belongs to, such as `openai`.
    pub family: String,
    /// The engine behind a name with several, such as `automatic1111`.
    pub engine: Option<String>,
    /// Exact model, if the user's files name one (a provider alias such as `dalle-3` does).
    pub model: Option<String>,
    /// Picture or sound.
    pub media: MediaKind,
    /// Kind of sound; none for pictures.
    pub mode: Option<AudioMode>,
    /// The final text and what it was made of.
    pub prompt: Prompt,
    /// What to avoid, for providers with a field for it.
    pub negative: Option<String>,
    /// Every parameter that was set, by its name in specs. Duration and size are among them.
    pub parameters: BTreeMap<String, Scalar>,
    /// Pictures that the result shall resemble.
    pub references: Vec<Source>,
    /// Set when an existing picture is edited.
    pub edit: Option<Edit>,
    /// Who takes over when the provider is down; never part of a key.
    pub fallback: Vec<Fallback>,
}

impl Request {
    /// The request in the catalogue's terms.
    pub fn wanted(&self) -> catalog::Wanted<'_> {
        catalog::Wanted {
            provider: &self.provider,
            family: &self.family,
            engine: self.engine.as_deref(),
            model: self.model.as_deref(),
            media: self.media,
            mode: self.mode,
            prompt: &self.prompt.text,
            negative: self.negative.as_deref(),
            parameters: &self.parameters,
            references: self.references.len(),
            edit: self.edit.is_some(),
            mask: self.edit.as_ref().is_some_and(|edit| edit.mask.is_some()),
        }
    }
}

/// A prompt: the text that is sent, and its named parts for explanations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Final text: NFC, LF, no space at line ends.
    pub text: String,
    /// Part name (`base`, `style`, `details`, …) and text, in the order of the final text.
    pub parts: Vec<(String, String)>,
}

/// Where a reference or an edited picture comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Another asset of the project: an edge of the graph.
    Asset {
        /// Its id.
        id: String,
        /// Whether its processed result is meant instead of the raw one.
        processed: bool,
    },
    /// A file of the project.
    File(RelPath),
}

impl Source {
    /// The file, unless it is an asset.
    pub fn file(&self) -> Option<&RelPath> {
        match self {
            Self::File(path) => Some(path),
            Self::Asset { .. } => None,
        }
    }

    /// The id of the asset, unless it is a file.
    pub fn asset(&self) -> Option<&str> {
        match self {
            Self::Asset { id, .. } => Some(id),
            Self::File(_) => None,
        }
    }
}

/// An edit of an existing picture; its prompt is the request's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The picture.
    pub image: Source,
    /// Transparent where the picture may change.
    pub mask: Option<Source>,
}

/// A provider that takes over when the one before it is down.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// Name as in `Request::provider`, or `manual`.
    pub provider: String,
    /// Model, if named.
    pub model: Option<String>,
    /// Parameters that replace the request's.
    pub parameters: BTreeMap<String, Scalar>,
}

/// An SVG file of the project, drawn at a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SvgDrawing {
    /// The SVG file.
    pub source: RelPath,
    /// Width and height in pixels; the drawing's own size if none.
    pub size: Option<(u32, u32)>,
    /// Text that replaces `{{name}}` in the file.
    pub vars: BTreeMap<String, String>,
}

/// A sound that the tool synthesizes.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthSound {
    /// Name of the preset, such as `jump`.
    pub preset: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// Length in seconds, if set.
    pub duration_seconds: Option<f64>,
    /// Parameters that replace the preset's.
    pub parameters: BTreeMap<String, Scalar>,
}

/// A stand-in that the tool draws or synthesizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Placeholder {
    /// The id that is drawn, and that the colour comes from.
    pub label: String,
    /// Width and height in pixels, for a picture.
    pub size: (u32, u32),
    /// Picture or sound.
    pub media: MediaKind,
    /// Length in seconds, for a sound.
    pub duration_seconds: f64,
}

/// A program that makes the raw material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRun {
    /// Program and arguments; no shell.
    pub run: Vec<String>,
    /// Files that it may read, copied into its folder.
    pub inputs: Vec<RelPath>,
    /// The file that it writes, relative to its folder.
    pub output: RelPath,
    /// Program and arguments that print its version.
    pub version: Vec<String>,
    /// Whether the same inputs always give the same bytes.
    pub exact: bool,
}

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

/// One entry of `post_processing`.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Changes the material.
    Process(ProcessOp),
    /// Looks at it.
    Validate(Vec<Check>),
}

/// Where the finished files and their manifest entry go.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The main file, relative to the project root.
    pub path: RelPath,
    /// Quality and so on of every file that is written, main file first.
    pub files: Vec<OutputFile>,
    /// The manifest entry.
    pub entry: ManifestEntry,
}

/// One published file of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Path relative to the project root.
    pub path: RelPath,
    /// Its encoding.
    pub encoding: Encoding,
    /// The name of the variant (`2x`) that it holds, if the asset has variants.
    pub variant: Option<String>,
}

/// An asset's entry in the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestEntry {
    /// Keys from `assets` down to the container: `["images"]`, `["audio", "sfx", "jump"]`.
    pub section: Vec<String>,
    /// Key in a map, or the `key` field of a list item.
    pub key: String,
    /// The entry's `type`: `image`, `spritesheet`, `atlasXML`, `audio`, `multiResolution`.
    pub kind: String,
    /// What the entry is, for people.
    pub description: Option<String>,
    /// Literal fields of `manifest_fields`, in the order written.
    pub fields: Vec<(String, serde_json::Value)>,
}
