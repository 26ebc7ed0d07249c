//! What a command asks of the steps before execution, and what it knows beforehand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::base::{Digest, RelPath};
use crate::cache::snapshot::Snapshot;
use crate::pipeline::select::Selection;
use crate::pipeline::touched::Touched;
use crate::plan::Policy;

/// What a command asks of the steps before execution.
#[derive(Clone)]
pub struct Request<'a> {
    /// Which assets it is about.
    pub selection: &'a Selection,
    /// What the user allows.
    pub policy: Policy,
    /// Whether it may look into the stores: `--check` says what a fresh clone would say.
    pub uses_cache: bool,
    /// What may be taken over from the last run, if anything.
    pub last_run: Option<LastRun<'a>>,
    /// Whether the selected assets are loaded even if nothing about them changed.
    pub wakes_selected: bool,
    /// Today in UTC, `YYYY-MM-DD`.
    pub today: &'a str,
    /// When the run began.
    pub clock: Instant,
    /// Is told as soon as something is known to have changed.
    pub on_change: Option<&'a OnChange<'a>>,
}

/// Is told that something changed.
pub type OnChange<'a> = dyn Fn() + Sync + 'a;

/// How far the record of the last run may be used.
#[derive(Debug, Clone, Copy)]
pub struct LastRun<'a> {
    /// The program and what else the outcome depends on beside the project: the record of another one
    /// is not used.
    pub environment: Digest,
    /// Where files may differ from the record, if somebody knows.
    pub since: Option<Since<'a>>,
    /// What counts as the record has it.
    pub as_recorded: Option<&'a LeftAlone>,
    /// Whether blocks of the lock that no spec gives have to be known even if nothing changed.
    pub finds_orphans: bool,
}

/// Spec files that count as the record has them, whatever they hold by now.
#[derive(Debug, Clone, Default)]
pub struct LeftAlone {
    /// Those whose specs do.
    pub specs: BTreeSet<RelPath>,
    /// Those whose templates are not known: some of `specs`.
    pub without_templates: BTreeSet<RelPath>,
}

impl LastRun<'_> {
    /// Every file is compared with the record.
    pub fn compared(environment: Digest) -> Self {
        Self { environment, since: None, as_recorded: None, finds_orphans: false }
    }
}

/// What a watch knows to have happened since a record was written.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    /// The record; of another one, that somebody else has written, nothing is known.
    pub record: &'a Arc<Snapshot>,
    /// Where files may differ from it.
    pub touched: &'a Touched,
}
