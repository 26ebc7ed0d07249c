//! The nodes and edges of the action graph.

use std::collections::BTreeMap;

use petgraph::graph::{DiGraph, NodeIndex};

/// Index of an asset in the slice that the graph was lowered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetIndex(pub u32);

impl AssetIndex {
    /// The asset in the slice that the graph was lowered from, or what a slice beside that one says
    /// of it.
    pub fn of<T>(self, assets: &[T]) -> &T {
        &assets[self.0 as usize]
    }
}

/// Index of an action in its graph.
pub type ActionId = NodeIndex<u32>;

/// The kind of an action, in the order of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActionKind {
    /// Makes or buys raw material: one action per variation.
    Generate,
    /// Chooses among variations.
    Select,
    /// Turns raw material into finished files.
    Process,
    /// Checks them.
    Validate,
    /// Publishes them.
    Integrate,
}

impl ActionKind {
    /// Every kind, in chain order.
    pub const ALL: [Self; 5] =
        [Self::Generate, Self::Select, Self::Process, Self::Validate, Self::Integrate];

    /// The word in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Select => "select",
            Self::Process => "process",
            Self::Validate => "validate",
            Self::Integrate => "integrate",
        }
    }
}

/// One unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// The asset that it works for.
    pub asset: AssetIndex,
    /// What it does.
    pub kind: ActionKind,
    /// Which variation a generate action makes, from 0; 0 for all others.
    pub variation: u32,
}

/// Why an action waits for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It needs the output: without one it is skipped.
    Output,
    /// It uses the output if there is one, and goes on without it otherwise.
    OutputIfAny,
}

/// Actions, and edges from an action to those that wait for it.
#[derive(Debug, Clone, Default)]
pub struct ActionGraph {
    /// The graph; acyclic, since references are checked to be.
    pub nodes: DiGraph<Action, Edge>,
    /// The actions of each asset, in chain order.
    pub chains: BTreeMap<AssetIndex, Vec<ActionId>>,
}

impl ActionGraph {
    /// The asset's one action of a kind that occurs once.
    pub fn find(&self, asset: AssetIndex, kind: ActionKind) -> Option<ActionId> {
        self.chains.get(&asset)?.iter().copied().find(|&id| self.nodes[id].kind == kind)
    }
}
