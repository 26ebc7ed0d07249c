//! Diagnostics as people and programs read them: with the source line under them, as JSON, or as
//! annotations for GitHub Actions.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use serde_json::{Value, json};

use crate::base::{Diagnostic, FileId, Label, Severity, SourceMap, Span};
use crate::cli::args::OutputFormat;
use crate::report::github::{Annotation, Place, Quota};

/// The schema of the JSON document.
pub const SCHEMA: &str = "assetbuild.diagnostics/1";

/// How many diagnostics people are shown; programs get all.
pub const LIMIT: usize = 50;

/// Columns that a report needs at least, however narrow the terminal is.
const NARROWEST: usize = 40;

/// How text for people is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    /// Whether to use colors.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// Writes diagnostics where `format` wants them: text on `stderr`, data on `stdout`.
///
/// A JSON document is written only for errors, which end the run: with warnings alone the command's
/// own document follows, and stdout holds one.
///
/// # Errors
/// Those of the two streams.
pub fn write(
    diagnostics: &[Diagnostic],
    sources: &SourceMap,
    (format, drawing): (OutputFormat, Drawing),
    stdout: &mut impl Write,
    stderr: &mut impl Write,
) -> io::Result<()> {
    if diagnostics.is_empty() {
        return Ok(());
    }
    let has_errors = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let document = || json!({ "schema": SCHEMA, "diagnostics": to_json(diagnostics, sources) });
    match format {
        OutputFormat::Ndjson => return writeln!(stdout, "{}", document()),
        OutputFormat::Json if has_errors => return writeln!(stdout, "{:#}", document()),
        OutputFormat::Github => stdout.write_all(render_github(diagnostics, sources).as_bytes())?,
        OutputFormat::Human | OutputFormat::Json => {}
    }
    stderr.write_all(render_human(diagnostics, sources, drawing).as_bytes())
}

/// The diagnostics for people, the first [`LIMIT`] of them, with a count at the end.
pub fn render_human(diagnostics: &[Diagnostic], sources: &SourceMap, drawing: Drawing) -> String {
    let theme =
        if drawing.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(drawing.width.max(NARROWEST))
        .with_links(false)
        .with_urls(false);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(LIMIT) {
        for report in Report::all(diagnostic, sources) {
            handler.render_report(&mut text, &report).expect("writing to a string does not fail");
        }
        text.push('\n');
    }
    let more = diagnostics.len().saturating_sub(LIMIT);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    text.push_str(&count(diagnostics));
    text
}

/// The diagnostics as a JSON list of `{code, severity, message, file, line, column, end_line,
/// end_column, help, labels}`; places are null where no file is to blame.
pub fn to_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> Value {
    diagnostics.iter().map(|diagnostic| one_to_json(diagnostic, sources)).collect()
}

/// The diagnostics as workflow commands, errors first, no more of a kind than GitHub shows.
pub fn render_github(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.severity);
    let mut quota = Quota::default();
    let mut text = String::new();
    for diagnostic in sorted {
        if !quota.take(diagnostic.severity) {
            continue;
        }
        let place = diagnostic.labels.first().map(|label| {
            let range = Range::of(label.span, sources);
            Place {
                file: sources.file(label.span.file).path.as_str(),
                line: range.line,
                column: range.column,
                end_line: range.end_line,
                end_column: range.end_column,
            }
        });
        let message = match &diagnostic.help {
            Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        let annotation = Annotation {
            severity: diagnostic.severity,
            place,
            title: diagnostic.code,
            message: &message,
        };
        text.push_str(&format!("{annotation}\n"));
    }
    text
}

fn one_to_json(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let place = |label: &Label| {
        let range = Range::of(label.span, sources);
        json!({
            "file": sources.file(label.span.file).path.as_str(),
            "line": range.line,
            "column": range.column,
            "end_line": range.end_line,
            "end_column": range.end_column,
            "text": label.text,
        })
    };
    let labels: Vec<Value> = diagnostic.labels.iter().map(place).collect();
    let main = |name: &str| labels.first().map_or(Value::Null, |label| label[name].clone());
    json!({
        "code": diagnostic.code,
        "severity": word(diagnostic.severity),
        "message": diagnostic.message,
        "file": main("file"),
        "line": main("line"),
        "column": main("column"),
        "end_line": main("end_line"),
        "end_column": main("end_column"),
        "help": diagnostic.help,
        "labels": labels,
    })
}

/// `2 errors, 1 warning`, with a line break; nothing for nothing.
fn count(diagnostics: &[Diagnostic]) -> String {
    let counts = [Severity::Error, Severity::Warning].map(|severity| {
        (diagnostics.iter().filter(|d| d.severity == severity).count(), word(severity))
    });
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| {
            let plural = if number == 1 { "" } else { "s" };
            format!("{number} {word}{plural}")
        })
        .collect();
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(", ")) }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The text without characters that a terminal would obey; those in their place have the same size, so
/// that offsets stay.
fn visible(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| match c {
        c if !is_obeyed(c) => c,
        c if c.is_ascii() => '?',
        _ => '\u{bf}',
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Lines and columns of a span, from 1; the end is past the last character.
struct Range {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Range {
    fn of(span: Span, sources: &SourceMap) -> Self {
        let (line, column) = sources.line_column(span);
        let (end_line, end_column) = sources.line_column(Span { start: span.end, ..span });
        Self { line, column, end_line, end_column }
    }
}

/// One diagnostic, or the part of it in one file, for miette, which draws one file per report.
#[derive(Debug)]
struct Report<'a> {
    code: Option<&'a str>,
    severity: miette::Severity,
    message: String,
    help: Option<&'a str>,
    source: Option<Source>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Report<'a> {
    /// The report about the main place's file, then one for every other file.
    fn all(diagnostic: &'a Diagnostic, sources: &SourceMap) -> Vec<Self> {
        let mut files: Vec<FileId> = Vec::new();
        for label in &diagnostic.labels {
            if !files.contains(&label.span.file) {
                files.push(label.span.file);
            }
        }
        let mut reports = vec![Self {
            code: Some(diagnostic.code),
            severity: match diagnostic.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            },
            message: visible(&diagnostic.message).into_owned(),
            help: diagnostic.help.as_deref(),
            source: None,
            labels: Vec::new(),
        }];
        for (index, &file) in files.iter().enumerate() {
            let source = Source::of(file, sources);
            if index > 0 {
                reports.push(Self {
                    code: None,
                    severity: miette::Severity::Advice,
                    message: format!("see also {}", source.name),
                    help: None,
                    source: None,
                    labels: Vec::new(),
                });
            }
            let report = reports.last_mut().expect("the first report is always there");
            report.source = Some(source);
            report.labels = draw_labels(&diagnostic.labels, file, sources);
        }
        reports
    }
}

fn draw_labels(labels: &[Label], file: FileId, sources: &SourceMap) -> Vec<LabeledSpan> {
    let of_file = labels.iter().enumerate().filter(|(_, label)| label.span.file == file);
    of_file.map(|(index, label)| draw_label(label, index == 0, sources)).collect()
}

fn draw_label(label: &Label, is_main: bool, sources: &SourceMap) -> LabeledSpan {
    let text = (!label.text.is_empty()).then(|| label.text.clone());
    // A span of many lines would fill the screen; its first line says where it is.
    let first_line = sources.snippet(label.span).lines().next().unwrap_or("").len();
    // Behind the last line break nothing is drawn, so the end of a file is the end of its text.
    let last = sources.file(label.span.file).text.trim_end().len();
    let start = (label.span.start as usize).min(last);
    let range = start..start + first_line;
    if is_main {
        LabeledSpan::new_primary_with_span(text, range)
    } else {
        LabeledSpan::new_with_span(text, range)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as _)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as _)
    }
}

/// A named text whose columns count characters; miette's own count bytes, and editors do not.
#[derive(Debug)]
struct Source {
    name: String,
    text: Arc<str>,
}

impl Source {
    fn of(file: FileId, sources: &SourceMap) -> Self {
        let file = sources.file(file);
        let text = match visible(&file.text) {
            Cow::Borrowed(_) => file.text.clone(),
            Cow::Owned(text) => text.into(),
        };
        Self { name: file.path.to_string(), text }
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.as_ref().read_span(span, lines_before, lines_after)?;
        let start = found.span().offset();
        let line_start = start.saturating_sub(found.column());
        let column = self.text.get(line_start..start).map_or(0, |text| text.chars().count());
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            found.line(),
            column,
            found.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests;
