//! Progress on a terminal: one bar, what is running, and failures above it as they come.
//!
//! The bar appears only after a moment, so a quick build does not flicker; `indicatif` limits how
//! often it is drawn and follows the terminal's width.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{ActionKind, Event, Reporter};
use crate::report::sentence::Narrator;
use crate::report::{Palette, Sink, Verbosity};

/// Runs shorter than this show no bar.
const PATIENCE: Duration = Duration::from_millis(150);
/// How often the elapsed time is drawn again while nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// Redraws per second at most.
const REDRAWS: u8 = 10;

/// Shows progress on stderr, which is a terminal.
pub struct TerminalReporter {
    bar: ProgressBar,
    palette: Palette,
    state: Mutex<State>,
}

struct State {
    narrator: Narrator,
    running: Running,
    out: Sink,
    /// Dropping it ends the thread that waits to show the bar.
    reveal: Option<Sender<()>>,
}

impl TerminalReporter {
    /// A reporter that draws its bar on stderr and writes lines to `out`, stderr too.
    pub fn new(out: Sink, verbosity: Verbosity, palette: Palette) -> Self {
        let state = State {
            narrator: Narrator::new(verbosity, palette, false),
            running: Running::default(),
            out,
            reveal: None,
        };
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { bar, palette, state: Mutex::new(state) }
    }

    fn start(&self, state: &mut State, actions: u64) {
        let (head, tail) = if self.palette.is_colored() {
            ("{bar:24.green/dim}", "{elapsed:.dim}")
        } else {
            ("{bar:24}", "{elapsed}")
        };
        let style =
            ProgressStyle::with_template(&format!("{head} {{pos}}/{{len}} {tail} {{wide_msg}}"))
                .expect("the template is well formed")
                .progress_chars("━╸─");
        self.bar.set_style(style);
        self.bar.set_length(actions);
        let (sender, receiver) = mpsc::channel();
        let bar = self.bar.clone();
        thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
                bar.enable_steady_tick(TICK);
            }
        });
        state.reveal = Some(sender);
    }
}

impl Reporter for TerminalReporter {
    fn report(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::RunStarted { actions, .. } => {
                self.start(&mut state, actions.iter().sum::<usize>() as u64);
            }
            Event::ActionStarted { asset, kind, .. } => {
                state.running.start(asset, *kind);
                self.bar.set_message(state.running.to_string());
            }
            Event::ActionFinished { asset, kind, .. } => {
                // What never started, such as a skipped action, is done as well.
                state.running.finish(asset, *kind);
                // Between two actions of one worker nothing runs; an empty message would flicker.
                if !state.running.0.is_empty() {
                    self.bar.set_message(state.running.to_string());
                }
                self.bar.inc(1);
            }
            Event::RunFinished { .. } => {
                state.reveal = None;
                self.bar.finish_and_clear();
            }
            _ => {}
        }
        if let Some(text) = state.narrator.tell(event) {
            self.bar.suspend(|| {
                // Nobody is left to tell when the terminal is gone.
                let _ = state.out.write_all(format!("{text}\n").as_bytes());
            });
        }
    }
}

impl Drop for TerminalReporter {
    fn drop(&mut self) {
        // A run that ends by an error has no last event.
        self.bar.finish_and_clear();
    }
}

/// The actions that are running, the longest running first.
#[derive(Debug, Default)]
struct Running(Vec<(ActionKind, String)>);

impl Running {
    fn start(&mut self, asset: &str, kind: ActionKind) {
        self.0.push((kind, asset.to_owned()));
    }

    fn finish(&mut self, asset: &str, kind: ActionKind) {
        if let Some(at) = self.0.iter().position(|(k, a)| *k == kind && a == asset) {
            self.0.remove(at);
        }
    }
}

impl std::fmt::Display for Running {
    /// The first two actions, and how many more there are: `generate hero, process coin (+3)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 2;
        for (index, (kind, asset)) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} {asset}", kind.as_str())?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " (+{more})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, small_run};

    #[test]
    fn the_message_names_the_longest_running_and_counts_the_rest() {
        let mut running = Running::default();
        assert_eq!(running.to_string(), "");
        for asset in ["hero", "coin", "spikes", "logo"] {
            running.start(asset, ActionKind::Generate);
        }
        assert_eq!(running.to_string(), "generate hero, generate coin (+2)");
        running.finish("hero", ActionKind::Generate);
        running.finish("never-started", ActionKind::Generate);
        running.finish("spikes", ActionKind::Generate);
        assert_eq!(running.to_string(), "generate coin, generate logo");
    }

    #[test]
    fn only_failures_skips_warnings_and_the_summary_stand_above_the_bar() {
        let out = Captured::default();
        let palette = Palette::new(false);
        let reporter = TerminalReporter::new(out.sink(), Verbosity::Normal, palette);
        small_run().iter().for_each(|event| reporter.report(event));
        insta::assert_snapshot!(out.text(), @"
        error: generate sprite-spikes: no closing tag
          at art/spikes.svg:3
        skipped hero: sprite-spikes failed
        warning: sprite-logo: waits for art/sprite-logo.png
        built 1 of 4 assets: 1 generated, 1 processed (from cache), 1 file published in 31 ms; 1 failed, 1 skipped, 1 held
        ");
        assert!(reporter.bar.is_finished());
    }

    #[test]
    fn color_is_written_only_when_chosen() {
        let out = Captured::default();
        let reporter = TerminalReporter::new(out.sink(), Verbosity::Normal, Palette::new(true));
        small_run().iter().for_each(|event| reporter.report(event));
        assert!(out.text().contains("\x1b[1;31merror\x1b[0m"), "{:?}", out.text());
    }
}
