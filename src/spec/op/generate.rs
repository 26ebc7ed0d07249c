//! What makes raw material: requests to providers, and what the tool makes by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::{AudioMode, MediaKind, RelPath, Scalar};
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
    Manual(ManualFile),
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

    /// Whether it may cost money.
    pub fn is_paid(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// Whether the project's fonts are part of what the action reads.
    pub fn uses_fonts(&self) -> bool {
        matches!(self, Self::Svg(_))
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
                let pictures = request.references.iter().chain(edit.flatten());
                pictures.filter_map(Source::file).chain(request.files.values()).collect()
            }
            Self::Svg(drawing) => vec![&drawing.source],
            Self::File(source) | Self::Manual(ManualFile { source, .. }) => vec![source],
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
    /// Files that parameters name, of the request or of whoever takes over, by their texts.
    pub files: BTreeMap<String, RelPath>,
    /// Pictures that the result shall resemble.
    pub references: Vec<Source>,
    /// Set when an existing picture is edited.
    pub edit: Option<Edit>,
    /// Who takes over when the provider is down; never part of a key.
    pub fallback: Vec<Fallback>,
    /// When else they do.
    pub fallback_on: Vec<FallbackOn>,
}

/// When another provider takes over beside outages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallbackOn {
    /// The provider will not make this.
    Refusal,
    /// It has no key, or does not take it.
    MissingKey,
}

impl FallbackOn {
    /// The words in specs, in the order of `ALL`.
    pub const WORDS: [&str; 2] = ["refusal", "missing-key"];

    /// Every case.
    pub const ALL: [Self; 2] = [Self::Refusal, Self::MissingKey];
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
    /// What is played, for the preset `song`.
    pub tracks: Vec<Track>,
}

impl SynthSound {
    /// The preset that plays tracks of notes.
    pub const SONG: &'static str = "song";
    /// Beats a minute of a song that does not say.
    pub const USUAL_TEMPO: f64 = 120.0;
    /// Notes of a beat of a song that does not say.
    pub const USUAL_STEPS: f64 = 2.0;
    /// Seconds of a single voice, at most.
    pub const MAX_EFFECT_SECONDS: f64 = 60.0;
    /// Seconds of a song, at most.
    pub const MAX_SONG_SECONDS: f64 = 600.0;
}

/// A track of a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Name of the instrument, such as `lead`.
    pub instrument: String,
    /// The notes, as `Notes::parse` reads them.
    pub notes: String,
    /// Loudness as a factor.
    pub volume: f64,
    /// -1.0 is left, 1.0 right.
    pub pan: f64,
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

/// A file that a person delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct ManualFile {
    /// Where it is expected.
    pub source: RelPath,
    /// What it should be.
    pub brief: Brief,
}

/// What is asked of a person. It is no part of a key: what counts is the file that was delivered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Brief {
    /// Width and height in pixels, for a picture.
    pub size: Option<(u32, u32)>,
    /// Length in seconds, for a sound.
    pub duration_seconds: Option<f64>,
    /// The final text, as a provider would get it.
    pub prompt: Option<Prompt>,
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
    /// Names of the environment variables that it gets beside the fixed ones.
    pub env: Vec<String>,
    /// Time after which it is ended.
    pub timeout: Duration,
    /// Bytes that its folder may grow by.
    pub max_output: u64,
    /// Picture or sound: what its output has to be.
    pub media: MediaKind,
}

impl CommandRun {
    /// Seconds that a program may take if the spec does not say.
    pub const USUAL_TIMEOUT: u64 = 600;

    /// Mebibytes that a program may write if the spec does not say.
    pub const USUAL_MAX_OUTPUT_MB: u64 = 512;

    /// The name of the program, for people: without its folder.
    pub fn program(&self) -> &str {
        let program = self.run.first().map_or("", String::as_str);
        program.rsplit(['/', '\\']).next().unwrap_or(program)
    }
}
