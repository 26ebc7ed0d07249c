//! One calm screen for a watch: what changed, what ran and how long, what is broken, what waits.
//!
//! It is drawn again in its place, never scrolled, and as large as the terminal is at that moment.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Outcome, Reporter};
use crate::report::{Palette, Sink, amount, summary};

/// How often a long run is drawn at most.
const PAUSE: Duration = Duration::from_millis(100);
/// Names that are listed before the rest is only counted.
const MOST: usize = 6;

/// Columns and lines of the terminal.
pub type Size = (usize, usize);

/// Draws a watch on a terminal.
pub struct Screen(Mutex<State>);

struct State {
    out: Sink,
    size: Box<dyn Fn() -> Size + Send>,
    palette: Palette,
    drawn: Option<Instant>,
    view: View,
}

/// What the screen shows.
#[derive(Debug, Default)]
struct View {
    title: String,
    /// What is looked at.
    seen: Vec<String>,
    /// What something was built for.
    changed: Vec<String>,
    built: Vec<String>,
    bought: Vec<String>,
    warned: Vec<String>,
    running: Option<String>,
    summary: Option<String>,
    failed: BTreeMap<String, String>,
    held: Vec<String>,
    mistakes: Option<String>,
    waiting: Vec<String>,
    total: Option<String>,
    /// A text that was asked for, until something happens.
    pane: Option<String>,
    has_keys: bool,
}

impl Screen {
    /// A screen on `out`; `size` tells the terminal's size, `has_keys` whether keys are read.
    pub fn new(
        out: Sink,
        palette: Palette,
        size: impl Fn() -> Size + Send + 'static,
        has_keys: bool,
    ) -> Self {
        let view = View { has_keys, ..View::default() };
        Self(Mutex::new(State { out, size: Box::new(size), palette, drawn: None, view }))
    }

    /// The first line.
    pub fn set_title(&self, title: String) {
        self.state().view.title = title;
    }

    /// What a build is about to be run for.
    pub fn set_changed(&self, paths: Vec<String>) {
        self.state().view.seen = paths;
    }

    /// Mistakes in the user's files, as text; none if there are none.
    pub fn set_mistakes(&self, mistakes: Option<String>) {
        let mut state = self.state();
        if mistakes.is_some() {
            let View { seen, changed, .. } = &mut state.view;
            changed.clone_from(seen);
        }
        state.view.mistakes = mistakes;
    }

    /// What cannot be built, a line each.
    pub fn set_held(&self, held: Vec<String>) {
        self.state().view.held = held;
    }

    /// What waits for a word, a line each, and the most that all of it costs.
    pub fn set_waiting(&self, waiting: Vec<String>, total: Option<String>) {
        let mut state = self.state();
        state.view.waiting = waiting;
        state.view.total = total;
    }

    /// Forgets the failures of all other assets.
    pub fn keep_failed(&self, is_kept: impl Fn(&str) -> bool) {
        self.state().view.failed.retain(|id, _| is_kept(id));
    }

    /// Shows a text until something happens.
    pub fn set_pane(&self, text: Option<String>) {
        self.state().view.pane = text;
    }

    /// Hides such a text; whether there was one.
    pub fn hide_pane(&self) -> bool {
        self.state().view.pane.take().is_some()
    }

    /// Draws it anew: after a change of size, or when somebody else wrote there.
    pub fn redraw(&self) {
        let mut state = self.state();
        state.drawn = None;
        state.draw();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Screen {
    fn report(&self, event: &Event) {
        let mut state = self.state();
        state.view.take(event);
        let is_due = match event {
            Event::RunFinished { .. } | Event::Idle => true,
            Event::ActionStarted { .. } | Event::Bought { .. } => {
                state.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE)
            }
            _ => false,
        };
        if is_due {
            state.draw();
        }
    }
}

impl State {
    fn draw(&mut self) {
        let mut text = String::new();
        if self.drawn.is_none() {
            text.push_str("\x1b[2J");
        }
        text.push_str("\x1b[H");
        let (width, height) = (self.size)();
        for line in self.view.lines(width, height) {
            text.push_str(&line.painted(self.palette));
            text.push_str("\x1b[K\r\n");
        }
        text.push_str("\x1b[J");
        self.drawn = Some(Instant::now());
        // Nobody is left to tell when the terminal is closed.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// A line with a label in front.
#[derive(Debug, PartialEq)]
struct Line {
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
            Self::Waits => "waits",
        }
    }
}

impl Line {
    fn painted(&self, palette: Palette) -> String {
        let word = format!("{:LABEL$}", self.label.word());
        match self.label {
            Label::None => self.text.clone(),
            Label::Title => palette.bold(&self.text),
            Label::Dim => palette.dim(&self.text),
            Label::Changed | Label::Running => format!("{}{}", palette.dim(word), self.text),
            Label::Built => format!("{}{}", palette.done(word), self.text),
            Label::Error => format!("{}{}", palette.error(word), self.text),
            Label::Warning | Label::Waits => format!("{}{}", palette.warning(word), self.text),
        }
    }
}

impl View {
    fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted { .. } => {
                self.changed.clone_from(&self.seen);
                self.built.clear();
                self.bought.clear();
                self.warned.clear();
                self.summary = None;
            }
            Event::ActionStarted { asset, kind, detail, .. } => {
                let line = format!("{} {asset} {detail}", kind.as_str());
                self.running = Some(line.trim_end().to_owned());
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
                self.summary = Some(summary::line(summary));
            }
            _ => {}
        }
    }

    /// The lines for a terminal of that size; the keys stand in the last one.
    fn lines(&self, width: usize, height: usize) -> Vec<Line> {
        let mut lines = vec![Line { label: Label::Title, text: self.title.clone() }];
        if let Some(pane) = &self.pane {
            lines.extend(pane.lines().map(|text| Line { label: Label::None, text: text.into() }));
        } else {
            self.add_news(&mut lines);
        }
        let mut keys = self.wishes();
        keys.extend(self.keys());
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

    fn add_news(&self, lines: &mut Vec<Line>) {
        let mut add = |label, text: String| lines.push(Line { label, text });
        if !self.changed.is_empty() {
            add(Label::Changed, listed(&self.changed));
        }
        if let Some(running) = &self.running {
            add(Label::Running, running.clone());
        }
        if !self.built.is_empty() {
            add(Label::Built, listed(&self.built));
        }
        for bought in &self.bought {
            add(Label::None, format!("{:LABEL$}{bought}", ""));
        }
        if let Some(summary) = &self.summary {
            add(Label::Dim, format!("{:LABEL$}{summary}", ""));
        }
        for mistake in self.mistakes.iter().flat_map(|text| text.lines()) {
            add(Label::None, mistake.to_owned());
        }
        for failed in self.failed.values() {
            add(Label::Error, failed.clone());
        }
        for held in self.held.iter().chain(&self.warned) {
            add(Label::Warning, held.clone());
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

/// The first of some names, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Cuts a text to so many columns.
fn cut(text: &mut String, width: usize) {
    if text.chars().count() > width {
        *text = text.chars().take(width.saturating_sub(1)).chain(['…']).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, small_run, small_watch};

    fn shown(view: &View, width: usize, height: usize) -> String {
        let lines = view.lines(width, height);
        let painted: Vec<String> =
            lines.iter().map(|line| line.painted(Palette::new(false))).collect();
        painted.join("\n")
    }

    fn after_a_run() -> View {
        let mut view = View { title: "game: 4 assets".into(), has_keys: true, ..View::default() };
        let [changed, idle] = &small_watch()[..] else { panic!("two of them") };
        view.take(changed);
        view.seen = vec!["specs/coins.yaml".into()];
        small_run().iter().for_each(|event| view.take(event));
        view.take(idle);
        view
    }

    #[test]
    fn it_says_what_changed_what_ran_what_is_broken_and_what_waits() {
        let mut view = after_a_run();
        view.held = vec!["hero: blocked: OPENAI_API_KEY is not set".into()];
        view.waiting = vec!["sky  1 × gpt-image-2  at most $0.02".into(); 8];
        view.total = Some("$0.16".into());
        insta::assert_snapshot!(shown(&view, 80, 24));
        view.mistakes = Some("spec::unknown_key\n\n  × unknown key".into());
        view.waiting.clear();
        insta::assert_snapshot!(shown(&view, 30, 7));
    }

    #[test]
    fn a_text_that_was_asked_for_stands_in_the_place_of_the_news() {
        let mut view = after_a_run();
        view.pane = Some("+ sky  buy 1".into());
        assert!(shown(&view, 80, 24).contains("+ sky  buy 1"));
        assert!(view.pane.take().is_some());
        assert!(!shown(&view, 80, 24).contains("+ sky  buy 1"));
    }

    #[test]
    fn it_is_drawn_in_its_place_and_cleared_once() {
        let out = Captured::default();
        let screen = Screen::new(out.sink(), Palette::new(false), || (40, 10), false);
        screen.set_title("game".into());
        screen.report(&Event::Idle);
        screen.report(&Event::Idle);
        let text = out.text();
        assert_eq!(text.matches("\x1b[2J").count(), 1, "{text:?}");
        assert_eq!(text.matches("\x1b[Hgame\x1b[K\r\n").count(), 2, "{text:?}");
        assert_eq!(text.matches("Ctrl-C ends it").count(), 2, "{text:?}");
    }
}
