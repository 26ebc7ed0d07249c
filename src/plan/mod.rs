//! Step 4: what is fresh, what would run, and why.
//!
//! Decides, and changes nothing: lock, files, stores and clocks arrive through [`World`], so the
//! same code serves a build, `--plan`, `--check` and the watch. The states and their order are in
//! docs/design/states.md.

pub mod cost;
pub mod ending;
pub mod pending;
pub mod reason;
pub mod rebuilder;

pub use cost::{Cost, Quote, add_prices};
pub use ending::{Ending, endings, warn_of_ends};
pub use pending::hold_pending;
pub use reason::{Reason, ReasonCode};
pub use rebuilder::{Policy, assess};

use crate::base::{ActionKey, Digest, FieldList, RelPath};
use crate::graph::action::{ActionKind, AssetIndex};
use crate::graph::{Definition, Wanted};
use crate::lock::Block;
use crate::spec::AssetSpec;

/// The state of an asset: the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Its spec has errors.
    Invalid,
    /// A purchase for it has an unknown outcome.
    Unknown,
    /// A published file was edited by hand; it is never overwritten unasked.
    Drifted,
    /// Something is needed that is not there: provider, key, model, or a step of this version.
    Blocked,
    /// It was bought, but the raw bytes are in none of the stores, and something needs them.
    MissingRaw,
    /// It was never built, or a published file is gone.
    Missing,
    /// What it is made from or how it is made has changed.
    Stale,
    /// Something that it refers to is not built.
    Pending,
    /// A person has to deliver or pick.
    Waiting,
    /// Placeholders stand in for it.
    Provisional,
    /// Lock, files and specs agree.
    Fresh,
}

impl State {
    /// Every state, in order.
    pub const ALL: [Self; 11] = [
        Self::Invalid,
        Self::Unknown,
        Self::Drifted,
        Self::Blocked,
        Self::MissingRaw,
        Self::Missing,
        Self::Stale,
        Self::Pending,
        Self::Waiting,
        Self::Provisional,
        Self::Fresh,
    ];

    /// The word in JSON and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Drifted => "drifted",
            Self::Blocked => "blocked",
            Self::MissingRaw => "missing-raw",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Provisional => "provisional",
            Self::Fresh => "fresh",
        }
    }
}

/// What an action of the plan would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionState {
    /// Its result stands.
    Fresh,
    /// It would run.
    Dirty,
    /// Whether it runs depends on an action before it.
    Pending,
    /// It would have to run and cannot.
    Blocked,
}

impl ActionState {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Dirty => "dirty",
            Self::Pending => "pending",
            Self::Blocked => "blocked",
        }
    }
}

/// One action of an asset's chain, as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedAction {
    /// Its kind.
    pub kind: ActionKind,
    /// Which variation a generate action makes, from 0.
    pub variation: u32,
    /// What would happen.
    pub state: ActionState,
    /// Whether running it costs money or cannot be repeated.
    pub paid: bool,
    /// What it may cost, for a paid action whose price was asked for.
    pub cost: Option<Cost>,
}

/// What would happen to one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetPlan {
    /// The asset.
    pub asset: AssetIndex,
    /// Its state.
    pub state: State,
    /// All causes, the gravest first.
    pub reasons: Vec<Reason>,
    /// Its chain.
    pub actions: Vec<PlannedAction>,
    /// What a build would do about it.
    pub work: Work,
    /// What buying it takes, if it has to be bought and prices were asked for.
    pub quote: Option<Quote>,
    /// The id whose lock block is the asset's own: another one after a rename.
    pub block_id: Option<String>,
}

impl AssetPlan {
    /// How many results it buys, now or later in the run.
    pub fn buys(&self) -> usize {
        let state = match self.work {
            Work::Later => ActionState::Pending,
            _ => ActionState::Dirty,
        };
        let is_bought = |action: &&PlannedAction| {
            action.kind == ActionKind::Generate && action.paid && action.state == state
        };
        self.actions.iter().filter(is_bought).count()
    }

    /// Reasons for people: "never built" says nothing beside another cause.
    pub fn shown_reasons(&self) -> impl Iterator<Item = &Reason> {
        let many = self.reasons.len() > 1;
        self.reasons.iter().filter(move |reason| !(many && reason.code == ReasonCode::NeverBuilt))
    }

    /// Whether the plan's action of a kind would run.
    pub fn is_dirty(&self, kind: ActionKind) -> bool {
        self.actions.iter().any(|action| action.kind == kind && action.state == ActionState::Dirty)
    }
}

/// What a build does about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Nothing: it is fresh, or nothing can be done.
    Nothing,
    /// Runs its chain on its own raw material.
    Chain,
    /// Acquires its variations and publishes nothing: a person picks among them.
    Variations,
    /// Runs its chain on a placeholder.
    Placeholder,
    /// Acquires its material once what it refers to is there, in a later part of the same run.
    Later,
}

impl Work {
    /// Whether actions can run before anything else is there.
    pub fn is_now(self) -> bool {
        !matches!(self, Self::Nothing | Self::Later)
    }
}

/// The keys of an asset in this build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Wanted request.
    pub wanted: Wanted,
    /// Process, validate and integrate.
    pub definition: Definition,
}

/// A published file as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// There is none.
    Absent,
    /// It has this content.
    Present(Digest),
    /// A Git LFS pointer stands in its place.
    LfsPointer,
    /// It cannot be read; the text says why.
    Unreadable(String),
}

/// A manifest entry as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It has the value that we wrote.
    Stands,
    /// There is none of ours.
    Gone,
    /// It has another value.
    Edited,
}

/// Whether an op can run at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Ready,
    /// A person has to put a file there first.
    WaitsFor(RelPath),
    /// A file that it reads is not there.
    InputMissing(RelPath),
    /// It cannot; code and text say why.
    Unavailable(ReasonCode, String),
}

/// A purchase that the journal knows for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRecord {
    /// It is bought, and its bytes are there.
    Bought {
        /// Variation, from 0.
        index: u32,
    },
    /// Nobody knows whether it was billed.
    Unknown {
        /// Id of the purchase.
        id: String,
        /// What happened.
        words: String,
    },
}

/// What the rebuilder asks about the world.
pub trait World {
    /// The lock's block of an id.
    fn block(&self, id: &str) -> Option<Block>;

    /// The block of a removed asset with this wanted key: the asset was renamed.
    fn renamed_from(&self, wanted: &ActionKey) -> Option<Block>;

    /// A published file as it is on disk, which should be `expected`.
    fn published(&self, path: &RelPath, expected: &Digest) -> FileState;

    /// Whether the content of a published file can be restored without running anything.
    fn can_restore(&self, digest: &Digest) -> bool;

    /// Whether an asset has a result that others can refer to; a placeholder is none.
    fn is_built(&self, id: &str) -> bool;

    /// Whether the raw bytes of a purchase are in a store.
    fn has_raw(&self, digest: &Digest) -> bool;

    /// The key fields that made the block's present result, if this checkout recorded them.
    fn history(&self, id: &str) -> Option<FieldList>;

    /// Whether the asset's generate and process actions can run.
    fn availability(&self, spec: &AssetSpec) -> Availability;

    /// What the journal knows to be bought for a request, beside what the lock says.
    fn on_record(&self, wanted: &ActionKey) -> Vec<OnRecord>;

    /// Whether a placeholder may stand in for the asset and can go through its steps.
    fn can_stand_in(&self, spec: &AssetSpec) -> bool;

    /// The manifest entry that the lock says we wrote, as it is.
    fn entry(&self, block: &Block) -> EntryState;
}

#[cfg(test)]
mod tests;
