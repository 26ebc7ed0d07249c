//! Rounds of one build as a single run for whoever reads its events: what is bought after something
//! else is bought in a round of its own.

use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Reporter, Summary};

/// Hands events on; the end of a round waits for the end of the last one.
pub(super) struct Rounds<R> {
    inner: R,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    has_started: bool,
    summary: Option<Summary>,
}

impl<R: Reporter> Rounds<R> {
    /// Events for `inner`.
    pub(super) fn new(inner: R) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// Reports the end of the run, with what all rounds did.
    pub(super) fn finish(&self) {
        let summary = self.state.lock().unwrap_or_else(PoisonError::into_inner).summary.take();
        if let Some(summary) = summary {
            self.inner.report(&Event::RunFinished { summary });
        }
    }
}

impl<R: Reporter> Reporter for Rounds<R> {
    fn report(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::RunStarted { .. } if std::mem::replace(&mut state.has_started, true) => return,
            Event::RunFinished { summary } => {
                let before = state.summary.take();
                state.summary = Some(match before {
                    Some(before) => together(before, summary),
                    None => summary.clone(),
                });
                return;
            }
            _ => {}
        }
        drop(state);
        self.inner.report(event);
    }
}

/// Two rounds as one; the assets of the second were held in the first.
fn together(first: Summary, second: &Summary) -> Summary {
    let sum = |a: [usize; 5], b: [usize; 5]| std::array::from_fn(|kind| a[kind] + b[kind]);
    Summary {
        assets: first.assets,
        fresh: first.fresh + second.fresh,
        built: first.built + second.built,
        failed: first.failed + second.failed,
        skipped: first.skipped + second.skipped,
        held: first.held.saturating_sub(second.assets) + second.held,
        ran: sum(first.ran, second.ran),
        cached: sum(first.cached, second.cached),
        published: first.published + second.published,
        interrupted: first.interrupted || second.interrupted,
        // Both are measured from the start of the program.
        took: second.took,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<Event>>);

    impl Reporter for Heard {
        fn report(&self, event: &Event) {
            self.0.lock().expect("no other test has it").push(event.clone());
        }
    }

    #[test]
    fn two_rounds_are_told_as_one_run() {
        let rounds = Rounds::new(Heard::default());
        let started = |assets| Event::RunStarted { assets, actions: [1, 0, 1, 1, 1] };
        let finished = |summary: &Summary| Event::RunFinished { summary: summary.clone() };
        let ran = [1, 0, 1, 1, 1];
        let took = Duration::from_secs;
        let first = Summary {
            assets: 4,
            fresh: 1,
            built: 1,
            held: 2,
            ran,
            published: 1,
            took: took(1),
            ..Summary::default()
        };
        let second =
            Summary { assets: 1, built: 1, ran, published: 1, took: took(3), ..Summary::default() };
        for event in [started(4), finished(&first), started(1), finished(&second)] {
            rounds.report(&event);
        }
        rounds.finish();
        rounds.finish();
        let all = Summary {
            built: 2,
            held: 1,
            ran: [2, 0, 2, 2, 2],
            published: 2,
            took: took(3),
            ..first
        };
        let heard = rounds.inner.0.lock().expect("no other test has it");
        assert_eq!(*heard, [started(4), finished(&all)]);
    }
}
