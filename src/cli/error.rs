//! Why a command ended early, and the exit code for it: one exhaustive match.

use crate::cli::args;
use crate::cli::completions::ManError;
use crate::cli::exit::ExitCode;
use crate::pipeline::migrate::MigrateError;
use crate::pipeline::money::MoneyError;
use crate::pipeline::select::SelectError;
use crate::pipeline::{BuildError, MaintainError, OpenError, PrepareError};

/// A command cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// The project cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The project cannot be assessed.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The build could not run or publish.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A store or the lock could not be maintained.
    #[error(transparent)]
    Maintain(#[from] MaintainError),
    /// Specs cannot be moved to another model.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The purchase journal cannot be used.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A manual page cannot be written.
    #[error(transparent)]
    Man(#[from] ManError),
    /// A file cannot be read or written.
    #[error("failed to {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Specs or settings have errors; they were shown.
    #[error("specs or settings have errors")]
    Invalid,
}

impl CliError {
    /// The command that a name which is no asset was probably meant to be.
    pub fn meant_command(&self) -> Option<String> {
        match self {
            Self::Prepare(PrepareError::Select(SelectError::Unknown { name, .. })) => {
                args::nearest_command(name)
            }
            _ => None,
        }
    }

    /// The exit code of the command.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Open(_) | Self::Prepare(_) | Self::Man(_) | Self::Invalid => {
                ExitCode::Invalid
            }
            Self::Migrate(MigrateError::Write(_)) => ExitCode::Failed,
            Self::Migrate(_) => ExitCode::Invalid,
            Self::Build(error) if error.is_invalid() => ExitCode::Invalid,
            Self::Maintain(error) if error.is_invalid() => ExitCode::Invalid,
            Self::Build(_) | Self::Maintain(_) | Self::Money(_) | Self::Io { .. } => {
                ExitCode::Failed
            }
        }
    }
}
