//! Step 6: events become text, JSON and traces.
//!
//! Every file but the helpers is one reader of the same stream, a `Reporter`; none of them decides
//! anything. [`Reporters::select`] is the one list of which reader a run gets. The event kinds and
//! their fields are specified in docs/design/events.md.

pub mod fanout;
pub mod feed;
pub mod github;
pub mod json;
pub mod ledger;
pub mod lines;
pub mod log;
pub mod money_status;
pub mod ndjson;
pub mod plan;
pub mod screen;
pub mod sheet;
pub mod summary;
pub mod terminal;
pub mod trace;

mod palette;
mod select;
mod sentence;

#[cfg(test)]
mod recording;

pub use fanout::Fanout;
pub use feed::Feed;
pub use palette::Palette;
pub use select::{Format, Reporters};
pub(crate) use sentence::{amount, amount_of};

use std::time::{Duration, Instant};

/// How much a run says on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures and the summary.
    Quiet,
    /// One line per built asset, too.
    #[default]
    Normal,
    /// One line per action, too.
    Verbose,
}

/// Gives the time since the run began, for events that carry none.
pub type Elapsed = Box<dyn Fn() -> Duration + Send + Sync>;

/// The time since `start`.
pub fn elapsed_since(start: Instant) -> Elapsed {
    Box::new(move || start.elapsed())
}

/// Where a reader writes.
pub type Sink = Box<dyn std::io::Write + Send>;
