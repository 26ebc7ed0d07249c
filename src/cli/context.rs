//! What every command needs: the options, the streams, the project, the day.

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::{Diagnostic, Digest, RelPath, Severity, SourceMap};
use crate::cli::args::Global;
use crate::cli::diagnostics;
use crate::cli::error::CliError;
use crate::cli::terminal::Terminal;
use crate::generate::Programs;
use crate::pipeline::{LastRun, Session};
use crate::report::Format;

/// The surroundings of one command.
#[derive(Debug)]
pub struct Context {
    /// Options of every command.
    pub global: Global,
    /// What stderr can show.
    pub terminal: Terminal,
    /// Whether a program that nobody watches started us: nothing is asked, nothing is bought.
    pub is_ci: bool,
    /// When the command began.
    pub clock: Instant,
    /// Now, in UTC.
    pub now: Timestamp,
}

impl Context {
    /// Reads the surroundings once.
    pub fn new(global: Global) -> Self {
        Self {
            terminal: Terminal::stderr(&global),
            is_ci: env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false"),
            clock: Instant::now(),
            now: Timestamp::now(),
            global,
        }
    }

    /// The same surroundings for a command that begins now.
    pub fn renewed(&self) -> Self {
        Self {
            global: self.global.clone(),
            terminal: self.terminal,
            is_ci: self.is_ci,
            clock: Instant::now(),
            now: Timestamp::now(),
        }
    }

    /// Today in UTC, `YYYY-MM-DD`.
    pub fn today(&self) -> String {
        self.now.to_string()[..10].to_owned()
    }

    /// Now in UTC, RFC 3339 to the second, as the journal writes times.
    pub fn rfc3339(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Seconds since 1970.
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.now.as_second()).unwrap_or(0)
    }

    /// What stdout carries.
    pub fn format(&self) -> Format {
        self.global.format.into()
    }

    /// Everything outside of files that a build's outcome depends on: this program. None if it
    /// cannot be told from another build of itself.
    pub fn environment(&self) -> Option<Digest> {
        let metadata = env::current_exe().and_then(std::fs::metadata).ok()?;
        let modified = metadata.modified().ok()?;
        Some(Digest::of(format!("{} {modified:?}", metadata.len()).as_bytes()))
    }

    /// What a command may take over from the last run: whatever compares with its record.
    pub fn last_run(&self) -> Option<LastRun<'static>> {
        self.environment().map(LastRun::compared)
    }

    /// The folder that the command works in.
    ///
    /// # Errors
    /// `CliError::Usage` if the folder that the user named is not there.
    pub fn directory(&self) -> Result<PathBuf, CliError> {
        match &self.global.directory {
            Some(folder) if !folder.is_dir() => {
                let folder = folder.display();
                Err(CliError::Usage(format!("-C {folder}: there is no such folder")))
            }
            Some(folder) => Ok(folder.clone()),
            None => Ok(PathBuf::from(".")),
        }
    }

    /// Opens the project.
    ///
    /// # Errors
    /// `CliError` if there is none.
    pub fn open(&self) -> Result<Session, CliError> {
        let assetfile = match &self.global.assetfile {
            None => None,
            Some(path) => {
                let text = path.to_string_lossy();
                let parsed = RelPath::new(&text);
                Some(
                    parsed
                        .map_err(|error| CliError::Usage(format!("--assetfile {text}: {error}")))?,
                )
            }
        };
        let session = Session::open(&self.directory()?, assetfile.as_ref(), second_home())?;
        Ok(session.with_programs(Programs::new(env::vars_os())))
    }

    /// Writes data to stdout; a reader that went away is no error.
    pub fn data(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        // Nobody is left to tell when stdout is closed.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Writes a JSON document to stdout.
    pub fn document(&self, document: &Value) {
        self.data(&format!("{document:#}\n"));
    }

    /// Writes a line of talk to stderr.
    pub fn talk(&self, line: &str) {
        // As for stdout.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Writes a line of talk unless the user wants quiet.
    pub fn mention(&self, line: &str) {
        if !self.global.quiet {
            self.talk(line);
        }
    }

    /// Shows diagnostics in the format of the command, errors and warnings alike.
    pub fn show(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        if diagnostics.is_empty() {
            return;
        }
        match self.format() {
            Format::Human => {
                let text = diagnostics::render_human(diagnostics, sources, self.terminal.drawing());
                self.talk(text.trim_end());
            }
            Format::Github => self.data(&diagnostics::render_github(diagnostics, sources)),
            Format::Json | Format::Ndjson => {
                let has_errors = diagnostics.iter().any(|d| d.severity == Severity::Error);
                // A command that goes on writes its own document to stdout.
                let document = json!({
                    "schema": "assetbuild.diagnostics/1",
                    "diagnostics": diagnostics::to_json(diagnostics, sources),
                });
                if has_errors {
                    self.data(&format!("{document}\n"));
                } else {
                    self.talk(&document.to_string());
                }
            }
        }
    }
}

/// Where second copies of what was bought go: `ASSETBUILD_STORE`, which may say `off`, else the
/// user's data folder.
fn second_home() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    match folder("ASSETBUILD_STORE") {
        Some(path) if path.as_os_str() == "off" => None,
        Some(path) => Some(path),
        None => {
            let data = folder("XDG_DATA_HOME")
                .or_else(|| folder("LOCALAPPDATA"))
                .or_else(|| folder("HOME").map(|home| home.join(".local/share")));
            data.map(|data| data.join("assetbuild"))
        }
    }
}
