//! `--format github`: workflow commands that GitHub Actions shows as annotations.
//!
//! Only ten annotations per kind and step are shown, so no more are written. Escapes: GitHub
//! documents `%25`, `%0D`, `%0A` for text, and `%3A`, `%2C` besides for properties.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::base::Severity;
use crate::event::{Event, Outcome, Reporter};
use crate::report::Sink;

/// How many annotations of one kind GitHub shows for a step.
pub const LIMIT: usize = 10;

/// One annotation; prints as a workflow command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// Error or warning.
    pub severity: Severity,
    /// Where, if a file is to blame.
    pub place: Option<Place<'a>>,
    /// Short heading.
    pub title: &'a str,
    /// The text; may have several lines.
    pub message: &'a str,
}

/// A place in a file; lines and columns from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Path relative to the repository.
    pub file: &'a str,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// Last column.
    pub end_column: usize,
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "::{command} ")?;
        if let Some(place) = self.place {
            write!(f, "file={},line={},", property(place.file), place.line)?;
            // GitHub refuses columns on a range of lines.
            if place.line == place.end_line {
                write!(f, "col={},endColumn={},", place.column, place.end_column)?;
            } else {
                write!(f, "endLine={},", place.end_line)?;
            }
        }
        write!(f, "title={}::{}", property(self.title), data(self.message))
    }
}

/// Counts annotations, so that those beyond the limit are left out.
#[derive(Debug, Default)]
pub struct Quota {
    errors: usize,
    warnings: usize,
}

impl Quota {
    /// Whether one more of this kind is shown; counts it.
    pub fn take(&mut self, severity: Severity) -> bool {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        *count <= LIMIT
    }
}

/// Writes an annotation for every failure and warning of a run.
pub struct GithubReporter(Mutex<(Sink, Quota)>);

impl GithubReporter {
    /// A reporter that writes to `out`.
    pub fn new(out: Sink) -> Self {
        Self(Mutex::new((out, Quota::default())))
    }

    fn annotate(&self, annotation: &Annotation<'_>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (out, quota) = &mut *state;
        if quota.take(annotation.severity) {
            // A log that was closed needs no annotations.
            let _ = out.write_all(format!("{annotation}\n").as_bytes()).and_then(|()| out.flush());
        }
    }
}

impl Reporter for GithubReporter {
    fn report(&self, event: &Event) {
        match event {
            Event::ActionFinished { asset, kind, outcome: Outcome::Failed(message), .. } => {
                let title = format!("{} {asset}", kind.as_str());
                let severity = Severity::Error;
                self.annotate(&Annotation { severity, place: None, title: &title, message });
            }
            Event::Warning { asset, message } => {
                let title = asset.as_deref().unwrap_or("assetbuild");
                let severity = Severity::Warning;
                self.annotate(&Annotation { severity, place: None, title, message });
            }
            _ => {}
        }
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ActionKind;
    use crate::report::recording::{Captured, finished, small_run};

    #[test]
    fn properties_and_text_are_escaped() {
        let place = Place { file: "a,b.yaml", line: 3, column: 5, end_line: 3, end_column: 9 };
        let annotation = Annotation {
            severity: Severity::Error,
            place: Some(place),
            title: "spec::unknown_key",
            message: "100% wrong\nwrite: x",
        };
        assert_eq!(
            annotation.to_string(),
            "::error file=a%2Cb.yaml,line=3,col=5,endColumn=9,title=spec%3A%3Aunknown_key\
             ::100%25 wrong%0Awrite: x"
        );
        let place = Place { end_line: 4, ..place };
        let text = Annotation { place: Some(place), ..annotation }.to_string();
        assert!(text.contains("line=3,endLine=4,title"), "{text}");
    }

    #[test]
    fn failures_and_warnings_are_annotated() {
        let out = Captured::default();
        let reporter = GithubReporter::new(out.sink());
        small_run().iter().for_each(|event| reporter.report(event));
        insta::assert_snapshot!(out.text(), @"
        ::error title=generate sprite-spikes::no closing tag%0Aat art/spikes.svg:3
        ::warning title=sprite-logo::waits for art/sprite-logo.png
        ");
    }

    #[test]
    fn no_more_than_the_limit_is_written() {
        let out = Captured::default();
        let reporter = GithubReporter::new(out.sink());
        for _ in 0..LIMIT + 5 {
            let outcome = Outcome::Failed("no".into());
            reporter.report(&finished("a", ActionKind::Generate, "", 0, outcome, 0, 0));
        }
        assert_eq!(out.text().lines().count(), LIMIT);
    }
}
