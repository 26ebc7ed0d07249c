//! Which readers a run gets: the one list.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::report::github::GithubReporter;
use crate::report::json::JsonReporter;
use crate::report::lines::LinesReporter;
use crate::report::log::{LogFormat, LogReporter, LoggedAsset};
use crate::report::ndjson::NdjsonReporter;
use crate::report::terminal::TerminalReporter;
use crate::report::trace::TraceReporter;
use crate::report::{Elapsed, Fanout, Palette, Verbosity};

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// One JSON object per event.
    Ndjson,
    /// Annotations for GitHub Actions.
    Github,
}

/// What a run reports, and how.
#[derive(Debug, Clone, Copy)]
pub struct Reporters<'a> {
    /// What stdout carries.
    pub format: Format,
    /// How much stderr says.
    pub verbosity: Verbosity,
    /// Colors on stderr.
    pub palette: Palette,
    /// Whether stderr is a terminal that can move its cursor.
    pub is_terminal: bool,
    /// A structured log on stderr, in place of text for people.
    pub log: Option<LogFormat>,
    /// The file of a timeline.
    pub trace: Option<&'a Path>,
}

impl Reporters<'_> {
    /// Opens the readers; `assets` tells the log what each asset wants logged.
    ///
    /// # Errors
    /// The trace file cannot be created.
    pub fn select(
        self,
        elapsed: Elapsed,
        assets: BTreeMap<String, LoggedAsset>,
    ) -> io::Result<Fanout> {
        let mut fanout = Fanout::default();
        match self.format {
            Format::Human => {}
            Format::Json => fanout.push(JsonReporter::new(Box::new(io::stdout()))),
            Format::Ndjson => fanout.push(NdjsonReporter::new(Box::new(io::stdout()), elapsed)),
            Format::Github => fanout.push(GithubReporter::new(Box::new(io::stdout()))),
        }
        let stderr = Box::new(io::stderr());
        // Lines on stdout would tear the bar apart where both are the same terminal.
        let stdout_is_quiet = matches!(self.format, Format::Human | Format::Json);
        match (self.log, self.is_terminal && stdout_is_quiet) {
            (Some(format), _) => fanout.push(LogReporter::new(stderr, format, assets)),
            (None, true) if self.verbosity > Verbosity::Quiet => {
                fanout.push(TerminalReporter::new(stderr, self.verbosity, self.palette));
            }
            (None, _) => fanout.push(LinesReporter::new(stderr, self.verbosity, self.palette)),
        }
        if let Some(path) = self.trace {
            fanout.push(TraceReporter::create(path)?);
        }
        Ok(fanout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::micros;

    #[test]
    fn a_trace_that_cannot_be_created_is_an_error() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("missing/trace.json");
        let reporters = Reporters {
            format: Format::Human,
            verbosity: Verbosity::Quiet,
            palette: Palette::new(false),
            is_terminal: false,
            log: None,
            trace: Some(&path),
        };
        assert!(reporters.select(Box::new(|| micros(0)), BTreeMap::new()).is_err());
        assert!(
            Reporters { trace: None, ..reporters }
                .select(Box::new(|| micros(0)), BTreeMap::new())
                .is_ok()
        );
    }
}
