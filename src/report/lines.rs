//! Plain lines on stderr, for pipes and CI: one per built asset and per failure.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Reporter};
use crate::report::sentence::Narrator;
use crate::report::{Palette, Sink, Verbosity};

/// Writes a line for every event that is worth one.
pub struct LinesReporter(Mutex<Lines>);

struct Lines {
    narrator: Narrator,
    out: Sink,
}

impl LinesReporter {
    /// A reporter that writes to `out`.
    pub fn new(out: Sink, verbosity: Verbosity, palette: Palette) -> Self {
        Self(Mutex::new(Lines { narrator: Narrator::new(verbosity, palette, true), out }))
    }
}

impl Reporter for LinesReporter {
    fn report(&self, event: &Event) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = lines.narrator.tell(event) {
            // A line goes out in one write, so other writers to the same pipe cannot split it.
            // Nobody is left to tell when stderr is closed.
            let _ = lines.out.write_all(format!("{text}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, small_run};

    fn told(verbosity: Verbosity) -> String {
        let out = Captured::default();
        let reporter = LinesReporter::new(out.sink(), verbosity, Palette::new(false));
        small_run().iter().for_each(|event| reporter.report(event));
        out.text()
    }

    #[test]
    fn normally_assets_and_failures_have_a_line_each() {
        insta::assert_snapshot!(told(Verbosity::Normal), @"
        error: generate sprite-spikes: no closing tag
          at art/spikes.svg:3
        skipped hero: sprite-spikes failed
        built sprite-coin (12 ms)
        warning: sprite-logo: waits for art/sprite-logo.png
        built 1 of 4 assets: 1 generated, 1 processed (from cache), 1 file published in 31 ms; 1 failed, 1 skipped, 1 held
        ");
    }

    #[test]
    fn quiet_leaves_failures_and_the_summary() {
        insta::assert_snapshot!(told(Verbosity::Quiet), @"
        error: generate sprite-spikes: no closing tag
          at art/spikes.svg:3
        built 1 of 4 assets: 1 generated, 1 processed (from cache), 1 file published in 31 ms; 1 failed, 1 skipped, 1 held
        ");
    }

    #[test]
    fn verbose_names_every_action_and_file() {
        insta::assert_snapshot!(told(Verbosity::Verbose), @"
        plan took 3 ms
        4 assets selected, up to 9 actions to run
        generate sprite-coin svg (12 ms)
        error: generate sprite-spikes: no closing tag
          at art/spikes.svg:3
        skipped hero: sprite-spikes failed
        process sprite-coin resize, convert (from cache)
        built sprite-coin (12 ms)
        warning: sprite-logo: waits for art/sprite-logo.png
        published assets/images/sprite_coin.png (2.3 kB)
        manifest updated: 1 entry
        built 1 of 4 assets: 1 generated, 1 processed (from cache), 1 file published in 31 ms; 1 failed, 1 skipped, 1 held
        ");
    }

    #[test]
    fn a_closed_pipe_is_silent() {
        let reporter =
            LinesReporter::new(Captured::closed(), Verbosity::Verbose, Palette::new(false));
        small_run().iter().for_each(|event| reporter.report(event));
    }
}
