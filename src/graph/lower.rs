//! Lowers assets to their chains: generate → (select) → process → validate → integrate.

use std::collections::{BTreeMap, HashMap};

use crate::graph::action::{Action, ActionGraph, ActionId, ActionKind, AssetIndex, Edge};
use crate::spec::AssetSpec;
use crate::spec::op::{GenerateOp, GroupGain, Source};

/// What of an asset's chain a graph has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The kind of its last action.
    pub last: ActionKind,
    /// Generate actions beyond its variations.
    pub extra: u32,
    /// Whether its material has a part in its group; that of a stand-in has none.
    pub in_group: bool,
}

impl Extent {
    /// The whole chain.
    pub const WHOLE: Self = Self { last: ActionKind::Integrate, extra: 0, in_group: true };
}

/// Builds the graph of the assets that have an extent.
///
/// An asset that is referenced is an edge from its process action (`stage: processed`) or from the
/// end of its generate actions; an edge to an asset outside the graph is left out, since that asset
/// is not going to change. Sounds with a group wait for the raw material of the whole group; if any of
/// it is bought, one is processed after the other, since the first one settles which results they are
/// made from.
pub fn lower(assets: &[AssetSpec], extent: impl Fn(AssetIndex) -> Option<Extent>) -> ActionGraph {
    let mut graph = ActionGraph::default();
    let mut index_of: HashMap<&str, AssetIndex> = HashMap::new();
    let mut groups: BTreeMap<&str, Vec<AssetIndex>> = BTreeMap::new();
    for (index, asset) in (0..).map(AssetIndex).zip(assets) {
        let Some(extent) = extent(index) else { continue };
        index_of.insert(&asset.id, index);
        let chain = add_chain(&mut graph, index, asset, extent);
        graph.chains.insert(index, chain);
        if extent.in_group
            && let Some(gain) = GroupGain::of(&asset.steps)
        {
            groups.entry(gain.group).or_default().push(index);
        }
    }
    let edges: Vec<_> = index_of
        .iter()
        .flat_map(|(_, &index)| {
            let sources = referenced(&index.of(assets).generate);
            sources.into_iter().map(move |(id, processed)| (index, id, processed))
        })
        .flat_map(|(index, id, processed)| {
            let Some(&target) = index_of.get(id) else { return Vec::new() };
            let sources = match processed {
                true => graph.find(target, ActionKind::Process).into_iter().collect(),
                false => raw_ends(&graph, target),
            };
            // Every variation is asked for with what is referred to.
            let asking = generates(&graph, index);
            let pairs = sources.iter().flat_map(|&from| asking.iter().map(move |&to| (from, to)));
            pairs.collect()
        })
        .collect();
    for (from, to) in edges {
        graph.nodes.update_edge(from, to, Edge::Output);
    }
    for members in groups.values() {
        join(&mut graph, assets, members);
    }
    graph
}

/// Adds the edges from each sound's raw material to the processing of the others in its group.
fn join(graph: &mut ActionGraph, assets: &[AssetSpec], members: &[AssetIndex]) {
    for &from in members {
        let raws = raw_ends(graph, from);
        // What can only be bought may stay unbought, and the others are not to wait for that.
        let is_free = from.of(assets).generate.is_free();
        let edge = if is_free { Edge::Output } else { Edge::OutputIfAny };
        for &to in members.iter().filter(|to| **to != from) {
            if let Some(process) = graph.find(to, ActionKind::Process) {
                for &raw in &raws {
                    graph.nodes.add_edge(raw, process, edge);
                }
            }
        }
    }
    if members.iter().any(|member| member.of(assets).generate.is_paid()) {
        let processed: Vec<ActionId> =
            members.iter().filter_map(|&member| graph.find(member, ActionKind::Process)).collect();
        for pair in processed.windows(2) {
            graph.nodes.add_edge(pair[0], pair[1], Edge::OutputIfAny);
        }
    }
}

fn add_chain(
    graph: &mut ActionGraph,
    index: AssetIndex,
    asset: &AssetSpec,
    extent: Extent,
) -> Vec<ActionId> {
    let action = |kind, variation| Action { asset: index, kind, variation };
    let mut chain = Vec::new();
    for variation in 0..asset.selection.variations + extent.extra {
        chain.push(graph.nodes.add_node(action(ActionKind::Generate, variation)));
    }
    let mut last = chain.clone();
    let tail =
        [ActionKind::Select, ActionKind::Process, ActionKind::Validate, ActionKind::Integrate];
    let skip = usize::from(asset.selection.variations == 1);
    for kind in tail.into_iter().skip(skip).filter(|kind| *kind <= extent.last) {
        let id = graph.nodes.add_node(action(kind, 0));
        for &from in &last {
            graph.nodes.add_edge(from, id, Edge::Output);
        }
        chain.push(id);
        last = vec![id];
    }
    chain
}

/// The generate actions of an asset.
fn generates(graph: &ActionGraph, asset: AssetIndex) -> Vec<ActionId> {
    let chain = graph.chains.get(&asset).into_iter().flatten().copied();
    chain.filter(|&id| graph.nodes[id].kind == ActionKind::Generate).collect()
}

/// The actions after which an asset's raw material is known.
fn raw_ends(graph: &ActionGraph, asset: AssetIndex) -> Vec<ActionId> {
    match graph.find(asset, ActionKind::Select) {
        Some(select) => vec![select],
        None => generates(graph, asset),
    }
}

/// Ids of the assets that an op refers to, and whether their processed result is meant.
pub fn referenced(op: &GenerateOp) -> Vec<(&str, bool)> {
    let GenerateOp::Request(request) = op else { return Vec::new() };
    let edit = request.edit.iter().flat_map(|edit| [Some(&edit.image), edit.mask.as_ref()]);
    request
        .references
        .iter()
        .chain(edit.flatten())
        .filter_map(|source| match source {
            Source::Asset { id, processed } => Some((id.as_str(), *processed)),
            Source::File(_) => None,
        })
        .collect()
}
