//! What a commit did, and what stood in its way.

use std::collections::BTreeSet;
use std::io;

use crate::base::{Digest, RelPath};
use crate::integrate::manifest::{EntryProblem, ManifestError};
use crate::integrate::publish::PublishError;
use crate::integrate::written::Written;

/// What a commit did.
#[derive(Debug, Default)]
pub struct CommitReport {
    /// Files written: asset, path, size in bytes.
    pub published: Vec<(String, RelPath, u64)>,
    /// Files removed.
    pub removed: Vec<RelPath>,
    /// Manifest entries added, changed or removed.
    pub entries: usize,
    /// The manifest as it was found and as it is now, if it was rewritten.
    pub manifest: Option<ManifestChange>,
    /// The new lock, if it was rewritten.
    pub lock: Option<Written>,
    /// Whether somebody else wrote the lock meanwhile: it may say other things of other assets.
    pub is_disturbed: bool,
    /// What stood in the way, in the order in which it was met.
    pub problems: Vec<AssetProblem>,
}

/// Contents of the manifest around a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestChange {
    /// What the commit read; none if there was no manifest.
    pub before: Option<Digest>,
    /// What it wrote.
    pub after: Digest,
}

impl CommitReport {
    /// Ids of the assets of which nothing was committed.
    pub fn dropped(&self) -> BTreeSet<&str> {
        let dropped = self.problems.iter().filter(|problem| problem.problem.drops_asset());
        dropped.map(|problem| problem.asset.as_str()).collect()
    }
}

/// What stood in the way of one asset.
#[derive(Debug)]
pub struct AssetProblem {
    /// The asset's id.
    pub asset: String,
    /// What it was.
    pub problem: Problem,
}

/// What can stand in the way of publishing an asset.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The published file was edited by hand since.
    #[error("`{0}` was edited by hand and is kept")]
    Drifted(RelPath),
    /// A person made the published files final while the asset was built.
    #[error("its files were adopted meanwhile and are kept")]
    Adopted,
    /// A file is there that no asset published.
    #[error("`{0}` exists and was not published by an asset")]
    Foreign(RelPath),
    /// Another asset published this path and keeps it.
    #[error("`{path}` belongs to `{owner}`")]
    OwnedBy {
        /// The path.
        path: RelPath,
        /// The other asset.
        owner: String,
    },
    /// Another asset of this run publishes the same path.
    #[error("`{path}` is published by `{other}` as well")]
    Contested {
        /// The path.
        path: RelPath,
        /// The other asset.
        other: String,
    },
    /// The asset that has to leave the path first could not.
    #[error("`{path}` is still held by `{owner}`, which could not be moved")]
    NotVacated {
        /// The path.
        path: RelPath,
        /// The other asset.
        owner: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    Publish(PublishError),
    /// The bytes to publish are not in the store, or are not what they should be.
    #[error("the finished file for `{path}` cannot be read from the store")]
    Blob {
        /// The path.
        path: RelPath,
        /// What the store says.
        #[source]
        source: io::Error,
    },
    /// The file was edited while the commit was cut off; it is kept and counts as drifted.
    #[error("`{0}` was edited in the meantime and is kept")]
    EditedMeanwhile(RelPath),
    /// A file that is no longer needed was edited by hand and stays.
    #[error("`{0}` is no longer needed, but was edited by hand and is kept")]
    KeptChanged(RelPath),
    /// A file that is no longer needed could not be removed.
    #[error("a file that is no longer needed could not be removed")]
    NotRemoved(#[source] PublishError),
    /// The manifest entry was left as it is.
    #[error(transparent)]
    Entry(EntryProblem),
    /// The manifest cannot be edited.
    #[error("the manifest cannot be edited")]
    Manifest(#[source] ManifestError),
    /// The manifest cannot be read or written.
    #[error("the manifest cannot be written")]
    ManifestFile(#[source] PublishError),
}

impl Problem {
    /// Whether nothing of the asset was committed.
    pub fn drops_asset(&self) -> bool {
        match self {
            Self::Drifted(_)
            | Self::Adopted
            | Self::Foreign(_)
            | Self::OwnedBy { .. }
            | Self::Contested { .. }
            | Self::NotVacated { .. }
            | Self::Publish(_)
            | Self::Blob { .. } => true,
            Self::EditedMeanwhile(_)
            | Self::KeptChanged(_)
            | Self::NotRemoved(_)
            | Self::Entry(_)
            | Self::Manifest(_)
            | Self::ManifestFile(_) => false,
        }
    }
}
