//! Outputs of specs that are gone: which there are, and what removing them means.

use std::collections::BTreeSet;

use crate::base::{Digest, RelPath};
use crate::integrate::manifest::Operation;
use crate::integrate::record::Unit;
use crate::lock::{Block, LockError, LockFile};

/// A block of the lock without a spec, that published something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The asset's id.
    pub id: String,
    /// Files that we wrote for it, with their digests.
    pub outputs: Vec<(RelPath, Digest)>,
    /// Whether it has a manifest entry.
    pub has_entry: bool,
    /// Number of purchases that its block keeps.
    pub purchases: usize,
}

/// Removes an orphan: files that are unchanged since we wrote them, the manifest entry, the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// The id of its block.
    pub id: String,
    /// Whether the block goes with its purchases; else a block that only holds them stays.
    pub forget: bool,
}

/// The orphans in the lock, by id. A block that only keeps purchases is none.
///
/// # Errors
/// `LockError` for an orphan's block that is not readable.
pub fn orphans(lock: &LockFile, specs: &BTreeSet<String>) -> Result<Vec<Orphan>, LockError> {
    let mut found = Vec::new();
    for id in lock.ids().filter(|id| !specs.contains(*id)) {
        let Some(block) = lock.get(id).transpose()? else { continue };
        let Block { id, outputs, entry, purchases, .. } = block;
        if !outputs.is_empty() || entry.is_some() {
            let (has_entry, purchases) = (entry.is_some(), purchases.len());
            found.push(Orphan { id, outputs, has_entry, purchases });
        }
    }
    Ok(found)
}

impl Prune {
    /// The work of removing `block`.
    pub(super) fn unit(&self, block: &Block) -> Unit {
        let mut rest = block.clone();
        rest.outputs.clear();
        rest.entry = None;
        let kept = (!self.forget && !rest.purchases.is_empty()).then_some(rest);
        Unit {
            id: block.id.clone(),
            removals: block.outputs.clone(),
            operations: block
                .entry
                .iter()
                .map(|entry| Operation::Remove {
                    section: entry.section.clone(),
                    key: entry.key.clone(),
                    owned: entry.value,
                })
                .collect(),
            blocks: [(block.id.clone(), kept)].into(),
            ..Unit::default()
        }
    }
}
