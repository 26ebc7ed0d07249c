//! What goes wrong with a program.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Encoding, MediaKind, RelPath};
use crate::generate::command::group;

/// Why a program gave no raw material.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// It is not installed, or not where `PATH` says.
    #[error("there is no program `{program}` on PATH; install it, or name it by its full path")]
    NoProgram {
        /// As the spec names it.
        program: String,
    },
    /// The system does not run it.
    #[error("failed to start `{program}`")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// Its folder cannot be prepared or read.
    #[error("failed to prepare the folder of a program")]
    Room(#[source] Arc<io::Error>),
    /// It ended by itself, and not well.
    #[error(transparent)]
    Crash(#[from] Crash),
    /// It took too long.
    #[error(
        "`{program}` was still running after {} and was ended; `timeout` allows more{}",
        seconds(*timeout),
        said(talk)
    )]
    TimedOut {
        /// Its name.
        program: String,
        /// What the spec allows.
        timeout: Duration,
        /// The end of what it printed.
        talk: String,
    },
    /// It wrote too much.
    #[error(
        "`{program}` wrote more than {} MB and was ended; `max_output_mb` allows more{}",
        max_output >> 20,
        said(talk)
    )]
    TooMuch {
        /// Its name.
        program: String,
        /// What the spec allows, in bytes.
        max_output: u64,
        /// The end of what it printed.
        talk: String,
    },
    /// The user stopped the run at once.
    #[error("`{program}` was ended with the run")]
    Interrupted {
        /// Its name.
        program: String,
    },
    /// It ended well and its output is not there.
    #[error("`{program}` ended without writing {path}{}", wrote(files))]
    NoOutput {
        /// Its name.
        program: String,
        /// The declared output.
        path: RelPath,
        /// Files that it wrote instead.
        files: Vec<String>,
    },
    /// Its output is a link, a folder, a pipe or a device.
    #[error("`{program}` made {path} {what}; write a regular file")]
    OddOutput {
        /// Its name.
        program: String,
        /// The declared output, or a folder on the way to it.
        path: String,
        /// What stands there.
        what: &'static str,
    },
    /// Its output has no bytes.
    #[error("`{program}` wrote an empty {path}")]
    EmptyOutput {
        /// Its name.
        program: String,
        /// The declared output.
        path: RelPath,
    },
    /// Its output is in no known format.
    #[error("`{program}` wrote {path}, which is neither a picture nor a sound of a known format")]
    UnknownOutput {
        /// Its name.
        program: String,
        /// The declared output.
        path: RelPath,
    },
    /// Its output is a sound where a picture is wanted, or the other way round.
    #[error(
        "`{program}` wrote {path} as {}, and the spec says `type: {}`",
        found.extension(),
        wanted.as_str()
    )]
    WrongMedia {
        /// Its name.
        program: String,
        /// The declared output.
        path: RelPath,
        /// What it is.
        found: Encoding,
        /// What it should be.
        wanted: MediaKind,
    },
}

impl CommandError {
    pub(super) fn room(source: io::Error) -> Self {
        Self::Room(Arc::new(source))
    }
}

/// A program ended with a code that means failure, or by a signal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{program}` {end}{}", said(talk))]
pub struct Crash {
    /// Its name.
    pub program: String,
    /// How it ended: `ended with exit code 3`, `was ended by SIGSEGV`.
    pub end: String,
    /// The end of what it printed, without secrets.
    pub talk: String,
}

impl Crash {
    pub(super) fn of(program: &str, status: ExitStatus, talk: String) -> CommandError {
        let end = match (status.code(), group::signal_of(status)) {
            (Some(code), _) => format!("ended with exit code {code}"),
            (None, Some(signal)) => format!("was ended by {signal}"),
            (None, None) => "ended badly".to_owned(),
        };
        Self { program: program.to_owned(), end, talk }.into()
    }
}

/// `; it printed:` and the lines, each on its own.
fn said(talk: &str) -> String {
    if talk.is_empty() {
        return String::new();
    }
    let lines = talk.lines().map(|line| format!("\n  | {line}"));
    format!("; it printed:{}", lines.collect::<String>())
}

fn wrote(files: &[String]) -> String {
    match files {
        [] => String::new(),
        files => format!("; it wrote {}", files.join(", ")),
    }
}

fn seconds(time: Duration) -> impl fmt::Display {
    format!("{} s", time.as_secs_f64())
}
