//! Bodies of generate actions: an op and input bytes become raw material.
//!
//! Offline ops only touch what [`Inputs`] gives them and, but for the programs of `command`, give the
//! same material everywhere.

mod command;
mod file;
mod fonts;
mod placeholder;
pub mod provider;
mod svg;
mod synth;

use std::sync::Arc;

use crate::base::{Encoding, MediaKind, Raw, RelPath};
use crate::spec::op::{GenerateOp, ManualFile};

pub use command::{
    CommandError, Commands, Crash, Programs, SecretNames, Version, program_input, sweep,
};
pub use fonts::{FontError, FontSet};
pub use placeholder::PlaceholderError;
pub use svg::SvgError;
pub use synth::SynthError;

/// What a generate action may read.
pub trait Inputs {
    /// The content of a file of the project.
    ///
    /// # Errors
    /// `InputError` if it cannot be read.
    fn read(&self, path: &RelPath) -> Result<Arc<[u8]>, InputError>;

    /// The fonts that text in drawings is set in.
    fn fonts(&self) -> &FontSet;

    /// How programs are run.
    fn commands(&self) -> &Commands;
}

/// Why a file of the project cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is none.
    #[error("there is no such file")]
    NotFound,
    /// It is not what the plan was made for.
    #[error("the file was changed while the build ran; build again")]
    Changed,
    /// The system says no.
    #[error("the file cannot be read")]
    Read(#[from] std::io::Error),
}

/// Why there is no raw material.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The request goes to a provider that this version cannot ask.
    #[error("there is no provider `{provider}` in this version")]
    NoProvider {
        /// Name in the spec.
        provider: String,
    },
    /// A person has not delivered the file yet.
    #[error("waiting for {path}")]
    AwaitsFile {
        /// Where the file is expected.
        path: RelPath,
    },
    /// An input file cannot be read.
    #[error("failed to read {path}")]
    Input {
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: InputError,
    },
    /// Git LFS has not fetched the file.
    #[error("{path} is a git-lfs pointer; run `git lfs pull`")]
    LfsPointer {
        /// The file.
        path: RelPath,
    },
    /// A file that should hold a picture or a sound holds nothing.
    #[error("{path} is empty")]
    EmptyFile {
        /// The file.
        path: RelPath,
    },
    /// A file is a sound where a picture is wanted, or the other way round.
    #[error("{path} is {}, and the spec says `type: {}`", .found.extension(), .wanted.as_str())]
    WrongMedia {
        /// The file.
        path: RelPath,
        /// What it is.
        found: Encoding,
        /// What the spec says.
        wanted: MediaKind,
    },
    /// Neither the first bytes nor the extension of a file say what it is.
    #[error("{path} is neither a picture nor a sound of a known format: {}", formats())]
    UnknownEncoding {
        /// The file.
        path: RelPath,
    },
    /// A drawing cannot be drawn.
    #[error("failed to draw {path}")]
    Svg {
        /// The SVG file.
        path: RelPath,
        /// Why.
        #[source]
        source: SvgError,
    },
    /// A sound cannot be synthesized.
    #[error("failed to synthesize the sound")]
    Synth(#[from] SynthError),
    /// A stand-in cannot be made.
    #[error("failed to make a placeholder")]
    Placeholder(#[from] PlaceholderError),
    /// A provider behind a network gave nothing.
    #[error(transparent)]
    Provider(#[from] provider::Failure),
    /// A program gave nothing that can be used.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// `png, webp, …`: what a file may be.
fn formats() -> String {
    Encoding::ALL.map(Encoding::extension).join(", ")
}

/// Makes the raw material of one asset, a picture or a sound as `media` says.
///
/// # Errors
/// `GenerateError`: what the op needs is missing, broken, of the other kind or not in this version.
pub fn generate(
    op: &GenerateOp,
    media: MediaKind,
    inputs: &dyn Inputs,
) -> Result<Raw, GenerateError> {
    match op {
        GenerateOp::Request(request) => {
            Err(GenerateError::NoProvider { provider: request.provider.clone() })
        }
        GenerateOp::Synth(sound) => Ok(Raw::Audio(synth::make(sound)?)),
        GenerateOp::Command(run) => {
            let (bytes, encoding) = inputs.commands().run(run, None, inputs)?;
            Ok(Raw::File(bytes, encoding))
        }
        GenerateOp::Svg(drawing) => {
            let path = &drawing.source;
            let bytes = read(path, inputs)?;
            svg::draw(&bytes, drawing.size, &drawing.vars, inputs.fonts())
                .map(Raw::Image)
                .map_err(|source| GenerateError::Svg { path: path.clone(), source })
        }
        GenerateOp::Placeholder(placeholder) => Ok(placeholder::make(placeholder)?),
        GenerateOp::File(path) => take_file(path, media, read(path, inputs)?),
        GenerateOp::Manual(ManualFile { source: path, .. }) => match read(path, inputs) {
            Err(GenerateError::Input { source: InputError::NotFound, .. }) => {
                Err(GenerateError::AwaitsFile { path: path.clone() })
            }
            bytes => take_file(path, media, bytes?),
        },
    }
}

fn read(path: &RelPath, inputs: &dyn Inputs) -> Result<Arc<[u8]>, GenerateError> {
    let bytes =
        inputs.read(path).map_err(|source| GenerateError::Input { path: path.clone(), source })?;
    if file::is_lfs_pointer(&bytes) {
        return Err(GenerateError::LfsPointer { path: path.clone() });
    }
    Ok(bytes)
}

fn take_file(path: &RelPath, media: MediaKind, bytes: Arc<[u8]>) -> Result<Raw, GenerateError> {
    let path = || path.clone();
    if bytes.is_empty() {
        return Err(GenerateError::EmptyFile { path: path() });
    }
    let encoding = file::encoding_of(&path(), &bytes)
        .ok_or_else(|| GenerateError::UnknownEncoding { path: path() })?;
    if encoding.media() != media {
        return Err(GenerateError::WrongMedia { path: path(), found: encoding, wanted: media });
    }
    Ok(Raw::File(bytes, encoding))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::op::{Brief, Prompt, Request, SvgDrawing};

    struct Files {
        files: BTreeMap<&'static str, &'static [u8]>,
        fonts: FontSet,
        commands: Commands,
    }

    impl Inputs for Files {
        fn read(&self, path: &RelPath) -> Result<Arc<[u8]>, InputError> {
            match self.files.get(path.as_str()).copied() {
                Some(b"denied") => {
                    Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into())
                }
                Some(bytes) => Ok(Arc::from(bytes)),
                None => Err(InputError::NotFound),
            }
        }

        fn fonts(&self) -> &FontSet {
            &self.fonts
        }

        fn commands(&self) -> &Commands {
            &self.commands
        }
    }

    fn run(op: GenerateOp) -> Result<Raw, String> {
        let files = Files {
            files: BTreeMap::from([
                (
                    "art/coin.svg",
                    &b"<svg xmlns='http://www.w3.org/2000/svg' width='2' height='3'/>"[..],
                ),
                ("art/bad.svg", b"<svg"),
                ("art/logo.png", b"\x89PNG\r\n\x1a\n and so on"),
                (
                    "art/lfs.png",
                    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
                ),
                ("art/notes.txt", b"hello"),
                ("art/empty.png", b""),
                ("art/beep.png", b"RIFF\0\0\0\0WAVEfmt "),
                ("art/denied.png", b"denied"),
            ]),
            fonts: FontSet::shipped(),
            commands: Commands::new(
                Programs::default(),
                "unused".into(),
                "0",
                SecretNames::default(),
            ),
        };
        generate(&op, MediaKind::Image, &files).map_err(|error| {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                text += &format!(": {error}");
                source = error.source();
            }
            text
        })
    }

    fn path(text: &str) -> RelPath {
        RelPath::new(text).expect("a plain path")
    }

    fn manual(source: &str) -> GenerateOp {
        GenerateOp::Manual(ManualFile { source: path(source), brief: Brief::default() })
    }

    #[test]
    fn drawings_become_pixels_and_files_stay_files() {
        let vars = BTreeMap::new();
        let drawing = SvgDrawing { source: path("art/coin.svg"), size: None, vars };
        let raw = run(GenerateOp::Svg(drawing)).expect("a drawing");
        assert!(matches!(raw, Raw::Image(image) if (image.width, image.height) == (2, 3)));
        for op in [GenerateOp::File(path("art/logo.png")), manual("art/logo.png")] {
            let raw = run(op).expect("a file");
            assert!(matches!(raw, Raw::File(bytes, Encoding::Png) if bytes.ends_with(b"so on")));
        }
    }

    #[test]
    fn what_is_missing_or_broken_is_named() {
        let svg = |source: &str| {
            let vars = BTreeMap::new();
            GenerateOp::Svg(SvgDrawing { source: path(source), size: None, vars })
        };
        let cases = [
            (GenerateOp::File(path("no.png")), "failed to read no.png: there is no such file"),
            (manual("no.png"), "waiting for no.png"),
            (
                GenerateOp::File(path("art/denied.png")),
                "failed to read art/denied.png: the file cannot be read: permission denied",
            ),
            (
                GenerateOp::File(path("art/lfs.png")),
                "art/lfs.png is a git-lfs pointer; run `git lfs pull`",
            ),
            (
                manual("art/notes.txt"),
                "art/notes.txt is neither a picture nor a sound of a known format: \
                 png, webp, jpg, avif, gif, bmp, tga, svg, ogg, mp3, opus, flac, wav",
            ),
            (manual("art/empty.png"), "art/empty.png is empty"),
            (
                GenerateOp::File(path("art/beep.png")),
                "art/beep.png is wav, and the spec says `type: image`",
            ),
            (svg("no.svg"), "failed to read no.svg: there is no such file"),
            (
                svg("art/bad.svg"),
                "failed to draw art/bad.svg: it is not well-formed XML: the document does not have a root node",
            ),
        ];
        for (op, message) in cases {
            assert_eq!(run(op), Err(message.to_owned()));
        }
    }

    #[test]
    fn what_this_version_cannot_do_is_a_typed_error() {
        let request = Request {
            provider: "openai".to_owned(),
            family: "openai".to_owned(),
            engine: None,
            model: None,
            media: MediaKind::Image,
            mode: None,
            prompt: Prompt::default(),
            negative: None,
            parameters: BTreeMap::new(),
            files: BTreeMap::new(),
            references: Vec::new(),
            edit: None,
            fallback: Vec::new(),
            fallback_on: Vec::new(),
        };
        assert_eq!(
            run(GenerateOp::Request(Box::new(request))),
            Err("there is no provider `openai` in this version".to_owned())
        );
    }
}
