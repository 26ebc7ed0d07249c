//! The typed operations of an asset: the parameters of every action, nothing more.
//!
//! A new op is a variant here, a field list in `graph/key.rs`, and a function in its body folder;
//! the compiler lists the `match` arms that are left.

mod check;
mod generate;
mod notes;
mod process;
mod publish;

pub use check::Check;
pub use generate::{
    Brief, CommandRun, Edit, Fallback, FallbackOn, GenerateOp, ManualFile, Placeholder, Prompt,
    Request, Source, SvgDrawing, SynthSound, Track,
};
pub use notes::{Note, NoteError, Notes};
pub use process::{Fit, GroupGain, Level, ProcessOp, ResizeMethod};
pub use publish::{ManifestEntry, OutputFile, Publish};

/// One entry of `post_processing`.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Changes the material.
    Process(ProcessOp),
    /// Looks at it.
    Validate(Vec<Check>),
}

impl Step {
    /// The op, unless it only looks.
    pub fn op(&self) -> Option<&ProcessOp> {
        match self {
            Self::Process(op) => Some(op),
            Self::Validate(_) => None,
        }
    }
}
