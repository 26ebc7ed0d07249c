//! What execution tells the world: events, and the trait of those who listen.
//!
//! Event kinds are a closed list, documented in docs/design/events.md; ndjson, the log, the trace
//! and the terminal are four readers of the same stream.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::base::Scalar;
use crate::catalog::PriceUnit;
pub use crate::graph::action::ActionKind;

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its body ran.
    Ran,
    /// Its result was in the action cache.
    Cached,
    /// Its body or a check failed; the text is for people.
    Failed(String),
    /// Something that it depends on failed; the id of that asset's failed action.
    Skipped(String),
    /// The run was interrupted before it started.
    Cancelled,
}

/// One thing that happened. Times are since the start of the run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The graph is known and work begins.
    RunStarted {
        /// Assets selected.
        assets: usize,
        /// Actions that may run, by kind in `ActionKind::ALL` order.
        actions: [usize; 5],
    },
    /// A step of the pipeline (`config`, `spec`, `graph`, `plan`, `execute`, `integrate`) ended.
    StepFinished {
        /// The step's name.
        step: &'static str,
        /// When it began.
        started: Duration,
        /// How long it took.
        took: Duration,
    },
    /// An action begins.
    ActionStarted {
        /// The asset's id.
        asset: String,
        /// The action's kind.
        kind: ActionKind,
        /// Provider or op, for people and logs.
        detail: String,
        /// Number of the worker thread, from 0.
        worker: usize,
        /// Time.
        at: Duration,
    },
    /// An action ended.
    ActionFinished {
        /// The asset's id.
        asset: String,
        /// The action's kind.
        kind: ActionKind,
        /// Provider or op, for people and logs.
        detail: String,
        /// Number of the worker thread, from 0.
        worker: usize,
        /// How it ended.
        outcome: Outcome,
        /// When it began.
        started: Duration,
        /// How long it took.
        took: Duration,
    },
    /// What was measured on an asset's pixels or samples.
    Measured {
        /// The asset's id.
        asset: String,
        /// Names and values, in the order measured.
        figures: Vec<(String, Scalar)>,
    },
    /// The last action of an asset ended and none of them failed.
    AssetBuilt {
        /// The asset's id.
        asset: String,
        /// Whether every one of its actions was found in the action cache.
        cached: bool,
        /// From the start of its first action to the end of its last one.
        took: Duration,
    },
    /// Something was bought, and its bytes are kept.
    Bought {
        /// The asset's id.
        asset: String,
        /// Id of the purchase.
        purchase: String,
        /// Family of the provider.
        provider: String,
        /// Model that made it.
        model: String,
        /// What it cost, in millionths of `unit`; none if nobody knows.
        cost_micros: Option<i64>,
        /// What is counted.
        unit: PriceUnit,
        /// Whether the provider said so; else it is the upper bound.
        is_reported: bool,
    },
    /// Another provider takes over.
    Fallback {
        /// The asset's id.
        asset: String,
        /// Family that was asked.
        from: String,
        /// Family that is asked instead.
        to: String,
        /// Why.
        why: String,
    },
    /// Several results of an asset lie side by side for a person to look at.
    Variations {
        /// The asset's id.
        asset: String,
        /// How many.
        count: usize,
        /// Their folder, relative to the project root.
        folder: String,
        /// Whether nothing new is published until the person picks one.
        waits: bool,
    },
    /// A file was written below the assets folder.
    Published {
        /// The asset's id.
        asset: String,
        /// Path relative to the project root.
        path: String,
        /// Size in bytes.
        size: u64,
    },
    /// The manifest was rewritten.
    ManifestUpdated {
        /// Entries added, changed or removed.
        entries: usize,
    },
    /// A watch saw a change, and looks at it now.
    Changed {
        /// Paths relative to the project root; none if everything is looked at.
        paths: Vec<String>,
    },
    /// What is wrong in the files that people write, told by a watch whenever it is another thing than
    /// before.
    Mistakes {
        /// As in the document of diagnostics; none when all is mended.
        diagnostics: Vec<Value>,
    },
    /// What a watch cannot build, told whenever it is another thing than before.
    Held {
        /// Assets, if it is about one, with the reason.
        assets: Vec<(Option<String>, String)>,
    },
    /// What a watch may buy if somebody says so, told whenever it is another thing than before.
    Waiting {
        /// In the order in which a yes is taken.
        offers: Vec<Offer>,
    },
    /// A watch has seen to all that it saw, and waits.
    Idle,
    /// Something a person should know, that stops nothing.
    Warning {
        /// The asset that it is about, if it is about one.
        asset: Option<String>,
        /// The text: a lower-case fragment without a final period.
        message: String,
    },
    /// The run is over.
    RunFinished {
        /// Counts and duration.
        summary: Summary,
    },
}

/// What somebody may agree to buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The asset's id.
    pub asset: String,
    /// Family of the provider.
    pub provider: String,
    /// Model that is asked.
    pub model: String,
    /// Results to buy.
    pub count: usize,
    /// The most that all of them cost, in millionths of `unit`.
    pub high_micros: Option<i64>,
    /// What is counted.
    pub unit: PriceUnit,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Assets selected.
    pub assets: usize,
    /// Assets that were fresh from the start.
    pub fresh: usize,
    /// Assets that were built.
    pub built: usize,
    /// Assets with a failed action.
    pub failed: usize,
    /// Assets skipped since something they depend on failed.
    pub skipped: usize,
    /// Assets that wait for a person, a provider or money.
    pub held: usize,
    /// Actions whose body ran, by kind in `ActionKind::ALL` order.
    pub ran: [usize; 5],
    /// Actions whose result was cached, by kind.
    pub cached: [usize; 5],
    /// Files published.
    pub published: usize,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// From start to end.
    pub took: Duration,
}

/// Receives events, from any thread.
pub trait Reporter: Send + Sync {
    /// Takes one event.
    fn report(&self, event: &Event);
}

impl<R: Reporter + ?Sized> Reporter for Arc<R> {
    fn report(&self, event: &Event) {
        self.as_ref().report(event);
    }
}
