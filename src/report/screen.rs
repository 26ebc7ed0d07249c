//! One calm screen for a watch: what changed, what ran and how long, what is broken, what waits.
//!
//! It is drawn again in its place, never scrolled, and as large as the terminal is at that moment.

mod view;

use std::io::Write as _;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::event::{Event, Reporter};
use crate::report::screen::view::View;
use crate::report::{Palette, Sink};

/// How often a long run is drawn at most.
const PAUSE: Duration = Duration::from_millis(100);
/// Columns and lines of the terminal.
pub type Size = (usize, usize);

/// Draws a watch on a terminal.
pub struct Screen {
    state: Arc<Mutex<State>>,
    /// Has it drawn a little later.
    behind: Sender<()>,
}

struct State {
    out: Sink,
    size: Box<dyn Fn() -> Option<Size> + Send>,
    palette: Palette,
    drawn: Option<Instant>,
    /// Whether something is to be drawn that is not.
    is_behind: bool,
    view: View,
}

impl Screen {
    /// A screen on `out`; `size` tells the terminal's size, if it is ours to draw on at that moment,
    /// `has_keys` whether keys are read.
    pub fn new(
        out: Sink,
        palette: Palette,
        size: impl Fn() -> Option<Size> + Send + 'static,
        has_keys: bool,
    ) -> Self {
        let view = View::new(has_keys);
        let size = Box::new(size);
        let state = State { out, size, palette, drawn: None, is_behind: false, view };
        let state = Arc::new(Mutex::new(state));
        let (behind, waits) = channel();
        let drawer = Arc::downgrade(&state);
        thread::spawn(move || {
            // It ends with the screen.
            while waits.recv().is_ok() {
                thread::sleep(PAUSE);
                let Some(state) = drawer.upgrade() else { return };
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.is_behind {
                    state.draw();
                }
            }
        });
        Self { state, behind }
    }

    /// The first line.
    pub fn set_title(&self, title: String) {
        self.state().view.title = title;
    }

    /// What is looked at now.
    pub fn set_changed(&self, paths: Vec<String>) {
        self.state().view.seen = paths;
    }

    /// Mistakes in the user's files, as text; none if there are none.
    pub fn set_mistakes(&self, mistakes: Option<String>) {
        self.state().view.mistakes = mistakes;
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

    /// What is being bought: assets with a line each.
    pub fn set_buying(&self, buying: Vec<(String, String)>) {
        self.state().view.buying = buying;
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

    /// Draws it for the last time, without what could be done.
    pub fn close(&self) {
        let mut state = self.state();
        state.view.is_over = true;
        state.draw();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Screen {
    fn report(&self, event: &Event) {
        let mut state = self.state();
        state.view.take(event);
        match event {
            Event::RunFinished { .. } | Event::Idle => state.draw(),
            Event::ActionStarted { .. } | Event::Bought { .. } => {
                if state.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
                    state.draw();
                } else if !std::mem::replace(&mut state.is_behind, true) {
                    // The thread lives as long as the screen.
                    let _ = self.behind.send(());
                }
            }
            _ => {}
        }
    }
}

impl State {
    fn draw(&mut self) {
        let Some((width, height)) = (self.size)() else { return };
        let mut text = String::new();
        if self.drawn.is_none() {
            text.push_str("\x1b[2J");
        }
        text.push_str("\x1b[H");
        for line in self.view.lines(width, height) {
            text.push_str(&line.painted(self.palette));
            text.push_str("\x1b[K\r\n");
        }
        text.push_str("\x1b[J");
        self.drawn = Some(Instant::now());
        self.is_behind = false;
        // Nobody is left to tell when the terminal is closed.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
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
        let mut view = View::new(true);
        view.title = "game: 4 assets".into();
        let [changed, .., idle] = &small_watch()[..] else { panic!("a change and its end") };
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
        let screen = Screen::new(out.sink(), Palette::new(false), || Some((40, 10)), false);
        screen.set_title("game".into());
        screen.report(&Event::Idle);
        screen.report(&Event::Idle);
        let text = out.text();
        assert_eq!(text.matches("\x1b[2J").count(), 1, "{text:?}");
        assert_eq!(text.matches("\x1b[Hgame\x1b[K\r\n").count(), 2, "{text:?}");
        assert_eq!(text.matches("Ctrl-C ends it").count(), 2, "{text:?}");
    }
}
