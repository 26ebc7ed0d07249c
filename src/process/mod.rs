//! Bodies of process actions: raw material becomes finished files, and the facts that checks need.
//!
//! One action per asset and one function per op. Pictures and sounds have a folder each; this file
//! walks the list of steps. What pixels and samples are, which encoders write them and why:
//! docs/design/pixels.md and docs/design/samples.md.

mod error;
mod picture;
mod sound;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::base::{Encoding, Facts, FileFacts, MediaKind, Raw, RelPath};
use crate::spec::op::{OutputFile, ProcessOp, Step};

pub use error::ProcessError;
pub use picture::{DecodeError, EncodeError, OpError, Size, WebpError};
pub use sound::{GroupLevel, SoundDecodeError, SoundEncodeError, SoundError, group_gain, waveform};

/// Version of the code that turns material of a kind into files: part of every process key, so a
/// better encoder makes finished files again and buys nothing.
pub fn encoders(media: MediaKind) -> &'static str {
    match media {
        MediaKind::Image => picture::ENCODERS,
        MediaKind::Audio => sound::ENCODERS,
    }
}

/// What one process action works on.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The material.
    pub raw: &'a Raw,
    /// Width and height in pixels that were asked of the generator, if any.
    pub requested: Option<(u32, u32)>,
    /// The steps, in their order.
    pub steps: &'a [Step],
    /// The files to encode, main file first.
    pub files: &'a [OutputFile],
    /// Content of the project's files that steps name, such as watermarks.
    pub sources: &'a BTreeMap<RelPath, Arc<[u8]>>,
    /// Gains in dB of groups of sounds, by the group's name.
    pub gains: &'a BTreeMap<String, f64>,
}

/// What a process action gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    /// The files asked for, in their order.
    pub files: Vec<Encoded>,
    /// One for each `validate` step, in their order.
    pub checkpoints: Vec<Facts>,
    /// What the files are, in their order.
    pub finals: Vec<FileFacts>,
    /// What did not come out as it was asked for, although it is no error; a sentence each.
    pub notes: Vec<String>,
}

/// The bytes of one finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Whether this version can write files of an encoding.
pub fn can_encode(encoding: Encoding) -> bool {
    match encoding.media() {
        MediaKind::Image => picture::can_encode(encoding),
        MediaKind::Audio => true,
    }
}

/// What to say of an encoding that `can_encode` refuses.
pub fn cannot_encode(encoding: Encoding) -> String {
    match encoding {
        Encoding::Avif => "this build of assetbuild cannot write avif files; one made by `cargo \
                           install --features avif` can"
            .to_owned(),
        _ => format!("{} files cannot be written by this version", encoding.extension()),
    }
}

/// Runs the steps on the raw material and encodes the files, measuring where a `validate` stands.
///
/// A file whose encoding the raw file has already, and which no step changed, gets the raw bytes
/// untouched.
///
/// # Errors
/// `ProcessError`, at the first thing that cannot be done.
pub fn process(job: &Job<'_>) -> Result<Processed, ProcessError> {
    let mut work = Work::start(job)?;
    let mut checkpoints = Vec::new();
    for (index, step) in job.steps.iter().enumerate() {
        match step {
            // How files are encoded; read when they are.
            Step::Process(ProcessOp::Convert { .. } | ProcessOp::Compress { .. }) => {}
            Step::Process(op) => work.run(index, op)?,
            Step::Validate(_) => checkpoints.push(work.measure()),
        }
    }
    let notes = match &mut work {
        Work::Sound(work) => work.take_notes(),
        Work::Picture(_) => Vec::new(),
    };
    let mut processed = Processed { files: Vec::new(), checkpoints, finals: Vec::new(), notes };
    for (file, encoded) in job.files.iter().zip(work.encode(job.files)) {
        let (bytes, material) = encoded?;
        processed.finals.push(FileFacts {
            path: file.path.clone(),
            encoding: file.encoding,
            size: bytes.len() as u64,
            material,
        });
        processed.files.push(Encoded { bytes });
    }
    Ok(processed)
}

/// Measures what a sound gives to the level of its group.
///
/// `before`: the steps before the `normalize`, which are run first.
///
/// # Errors
/// `ProcessError`, as for the whole list of steps; `WrongMedia` for a picture.
pub fn group_level(raw: &Raw, before: &[Step]) -> Result<GroupLevel, ProcessError> {
    let (sources, gains) = (BTreeMap::new(), BTreeMap::new());
    let job =
        Job { raw, requested: None, steps: before, files: &[], sources: &sources, gains: &gains };
    let mut work = match Work::start(&job)? {
        Work::Sound(work) => work,
        Work::Picture(_) => {
            let (step, found) = (before.len(), MediaKind::Image);
            return Err(ProcessError::WrongMedia { step, name: "normalize", found });
        }
    };
    for (index, op) in
        before.iter().enumerate().filter_map(|(index, step)| Some((index, step.op()?)))
    {
        if !matches!(op, ProcessOp::Convert { .. } | ProcessOp::Compress { .. }) {
            work.run(index, op)?;
        }
    }
    Ok(work.group_level())
}

/// The material between two steps.
enum Work<'a> {
    Picture(picture::Work<'a>),
    Sound(sound::Work<'a>),
}

impl<'a> Work<'a> {
    fn start(job: &Job<'a>) -> Result<Self, ProcessError> {
        match job.raw.media() {
            MediaKind::Image => picture::Work::start(job).map(Self::Picture),
            MediaKind::Audio => sound::Work::start(job).map(Self::Sound),
        }
    }

    fn run(&mut self, step: usize, op: &'a ProcessOp) -> Result<(), ProcessError> {
        match self {
            Self::Picture(work) => work.run(step, op),
            Self::Sound(work) => work.run(step, op),
        }
    }

    fn measure(&mut self) -> Facts {
        match self {
            Self::Picture(work) => work.measure(),
            Self::Sound(work) => work.measure(),
        }
    }

    /// The bytes of each file and what it holds, in the order of the files. Threads that have nothing
    /// else to do help.
    fn encode(&self, files: &[OutputFile]) -> Vec<Result<(Vec<u8>, Facts), ProcessError>> {
        match self {
            Self::Picture(work) => files.par_iter().map(|file| work.encode(file)).collect(),
            Self::Sound(work) => work.encode(files),
        }
    }
}

/// Writes a file for the fuzz target `target`, if the environment asks for it.
#[cfg(test)]
fn keep_seed(target: &str, name: &str, bytes: &[u8]) {
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("fuzz/seeds").join(target);
        std::fs::create_dir_all(&folder).expect("a folder for seeds");
        std::fs::write(folder.join(name), bytes).expect("a written seed");
    }
}
