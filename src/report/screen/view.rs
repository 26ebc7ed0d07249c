//! What the screen of a watch shows, as lines for a terminal of some size.

use std::collections::BTreeMap;

use crate::event::{Event, Outcome};
use crate::report::{Palette, amount, summary};

/// Wishes that are listed before the rest is only counted.
const MOST: usize = 6;

/// What the screen shows.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) title: String,
    /// What changed and was not acted on as yet.
    pub(super) seen: Vec<String>,
    /// What the news below are about.
    changed: Vec<String>,
    built: Vec<String>,
    bought: Vec<String>,
    warned: Vec<String>,
    running: Option<String>,
    summary: Option<String>,
    pub(super) failed: BTreeMap<String, String>,
    pub(super) held: Vec<String>,
    pub(super) mistakes: Option<String>,
    pub(super) waiting: Vec<String>,
    pub(super) total: Option<String>,
    /// Assets that are being bought, with a line each.
    pub(super) buying: Vec<(String, String)>,
    /// A text that was asked for, until something happens.
    pub(super) pane: Option<String>,
    has_keys: bool,
    pub(super) is_over: bool,
}

/// A line with a label in front.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    label: Label,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    None,
    Title,
    Dim,
    Changed,
    Built,
    Running,
    Error,
    Warning,
    Buying,
    Waits,
}

/// Columns of a label.
const LABEL: usize = 9;

impl Label {
    fn word(self) -> &'static str {
        match self {
            Self::None | Self::Title | Self::Dim => "",
            Self::Changed => "changed",
            Self::Built => "built",
            Self::Running => "runs",
            Self::Error => "error",
            Self::Warning => "held",
            Self::Buying => "buys",
            Self::Waits => "waits",
        }
    }
}

impl Line {
    pub(super) fn painted(&self, palette: Palette) -> String {
        let word = format!("{:LABEL$}", self.label.word());
        match self.label {
            Label::None => self.text.clone(),
            Label::Title => palette.bold(&self.text),
            Label::Dim => palette.dim(&self.text),
            Label::Changed | Label::Running | Label::Buying => {
                format!("{}{}", palette.dim(word), self.text)
            }
            Label::Built => format!("{}{}", palette.done(word), self.text),
            Label::Error => format!("{}{}", palette.error(word), self.text),
            Label::Warning | Label::Waits => format!("{}{}", palette.warning(word), self.text),
        }
    }
}

impl View {
    pub(super) fn new(has_keys: bool) -> Self {
        Self { has_keys, ..Self::default() }
    }

    /// What is told from now on is about what was seen last.
    fn begin_news(&mut self) {
        if !self.seen.is_empty() {
            self.changed = std::mem::take(&mut self.seen);
        }
        self.built.clear();
        self.bought.clear();
        self.warned.clear();
        self.summary = None;
    }

    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted { .. } => self.begin_news(),
            Event::Mistakes { diagnostics } => {
                self.begin_news();
                self.summary = diagnostics.is_empty().then(|| "mended".to_owned());
            }
            Event::Held { .. } | Event::Waiting { .. } if !self.seen.is_empty() => {
                self.begin_news();
            }
            Event::ActionStarted { asset, kind, detail, .. } => {
                let line = format!("{} {asset} {detail}", kind.as_str());
                if self.buying.iter().all(|(id, _)| id != asset) {
                    self.running = Some(line.trim_end().to_owned());
                }
            }
            Event::ActionFinished { asset, kind, outcome, .. } => match outcome {
                Outcome::Failed(why) => {
                    let why = why.lines().next().unwrap_or_default();
                    self.failed.insert(asset.clone(), format!("{} {asset}: {why}", kind.as_str()));
                }
                Outcome::Skipped(cause) => {
                    let line = format!("{asset}: skipped, {cause} failed");
                    self.failed.entry(asset.clone()).or_insert(line);
                }
                Outcome::Ran | Outcome::Cached | Outcome::Cancelled => {}
            },
            Event::AssetBuilt { asset, took, .. } => {
                self.failed.remove(asset);
                self.built.push(format!("{asset} ({})", summary::duration(*took)));
            }
            Event::Bought { asset, model, cost_micros, unit, .. } => {
                let cost = cost_micros.map_or("unknown".to_owned(), |cost| amount(cost, *unit));
                self.bought.push(format!("bought {asset}: {model}, {cost}"));
            }
            Event::Warning { asset, message } => {
                let about = asset.as_ref().map_or(String::new(), |asset| format!("{asset}: "));
                self.warned.push(format!("{about}{message}"));
            }
            Event::RunFinished { summary } => {
                self.running = None;
                // The run of a purchase is about that alone, which stands there already.
                self.summary = self.bought.is_empty().then(|| summary::line(summary));
            }
            _ => {}
        }
    }

    /// The lines for a terminal of that size; the keys stand in the last one.
    pub(super) fn lines(&self, width: usize, height: usize) -> Vec<Line> {
        let mut lines = vec![Line { label: Label::Title, text: self.title.clone() }];
        if let Some(pane) = &self.pane {
            lines.extend(pane.lines().map(|text| Line { label: Label::None, text: text.into() }));
        } else {
            self.add_news(&mut lines, width);
        }
        let mut keys = Vec::new();
        if !self.is_over {
            keys.extend(self.wishes());
            keys.extend(self.keys());
        }
        // The cursor stands in the line below.
        let room = height.saturating_sub(1 + keys.len()).max(1);
        if lines.len() > room {
            let more = lines.len() - room + 1;
            lines.truncate(room - 1);
            lines.push(Line { label: Label::Dim, text: format!("{more} more lines") });
        }
        lines.append(&mut keys);
        for line in &mut lines {
            let room = match line.label {
                Label::None | Label::Title | Label::Dim => width,
                _ => width.saturating_sub(LABEL),
            };
            cut(&mut line.text, room);
        }
        lines
    }

    fn add_news(&self, lines: &mut Vec<Line>, width: usize) {
        let mut add = |label, text: String| lines.push(Line { label, text });
        let room = width.saturating_sub(LABEL);
        if !self.changed.is_empty() {
            add(Label::Changed, listed(&self.changed, room));
        }
        if let Some(running) = &self.running {
            add(Label::Running, running.clone());
        }
        if !self.built.is_empty() {
            add(Label::Built, listed(&self.built, room));
        }
        for bought in &self.bought {
            add(Label::None, format!("{:LABEL$}{bought}", ""));
        }
        if let Some(summary) = &self.summary {
            add(Label::Dim, format!("{:LABEL$}{summary}", ""));
        }
        for mistake in self.mistakes.iter().flat_map(|text| text.trim_end().lines()) {
            add(Label::None, mistake.to_owned());
        }
        for failed in self.failed.values() {
            add(Label::Error, failed.clone());
        }
        for held in self.held.iter().chain(&self.warned) {
            add(Label::Warning, held.clone());
        }
        for (_, line) in &self.buying {
            add(Label::Buying, line.clone());
        }
    }

    /// What waits stands right above the keys, so that nobody says yes to what is not shown.
    fn wishes(&self) -> Vec<Line> {
        let line = |text: &String| Line { label: Label::Waits, text: text.clone() };
        let mut lines: Vec<Line> = self.waiting.iter().take(MOST).map(line).collect();
        if let Some(more @ 1..) = self.waiting.len().checked_sub(MOST) {
            let text = format!("{:LABEL$}and {more} more", "");
            lines.push(Line { label: Label::Dim, text });
        }
        lines
    }

    fn keys(&self) -> Vec<Line> {
        let text = match (self.has_keys, self.waiting.len(), &self.total) {
            (true, 1, _) => "y buy it · n not now · p plan · q quit".to_owned(),
            (true, 2.., Some(total)) => {
                format!(
                    "y buy the first · a buy all for at most {total} · n not now · p plan · q quit"
                )
            }
            (true, ..) => "p plan · q quit".to_owned(),
            (false, ..) => "Ctrl-C ends it".to_owned(),
        };
        vec![Line { label: Label::Dim, text }]
    }
}

/// As many names as there is room for, one at least, and how many more there are.
fn listed(names: &[String], room: usize) -> String {
    let text = |shown: usize| match names.len() - shown {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..shown].join(", ")),
    };
    let fits = |shown: &usize| text(*shown).chars().count() <= room;
    text((1..=names.len().min(room)).rev().find(fits).unwrap_or(names.len().min(1)))
}

/// Cuts a text to so many columns.
fn cut(text: &mut String, width: usize) {
    if text.chars().count() > width {
        *text = text.chars().take(width.saturating_sub(1)).chain(['…']).collect();
    }
}
