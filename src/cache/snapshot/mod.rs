//! The packed record of the last run: it lets a build with nothing to do skip all parsing, and one
//! with one edited spec parse that file alone.
//!
//! One file, read at once and decoded record by record where it is asked for. It is no truth:
//! whatever does not fit (another version, a wrong checksum, a torn write) is as good as no file.
//! The layout is specified field by field in docs/design/cache-format.md.

mod checksum;
mod layout;
mod mend;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use mend::Mending;
pub use reader::{Asset, Dir, Input, Output, Snapshot, SpecFile};
pub use writer::{NewAsset, Settle, SnapshotError, SnapshotWriter};

use crate::base::Digest;
use crate::cache::file_memo::Recorded;
use crate::cache::stamp::Stamp;

/// Version of the layout.
pub const SNAPSHOT_FORMAT: u32 = 5;

/// What a file is to the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The Assetfile.
    Assetfile,
    /// A spec file; it may hold templates as well.
    Spec,
    /// A template that specs of other files use.
    Template,
    /// A style's Markdown.
    Style,
    /// A file that an action reads.
    Source,
    /// The manifest.
    Manifest,
    /// A font that drawings may use.
    Font,
}

impl Role {
    /// Every role, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Assetfile,
        Self::Spec,
        Self::Template,
        Self::Style,
        Self::Source,
        Self::Manifest,
        Self::Font,
    ];
}

/// What a snapshot says of the run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The tool's own version of what its records mean; another one makes the snapshot useless.
    pub schema: u32,
    /// The file system's clock before the first file of the run was read.
    pub stamp: Stamp,
    /// Everything outside of files that the outcome depends on: flags, environment, tables.
    pub config: Digest,
    /// What the Assetfile said that assets depend on.
    pub settings: Digest,
    /// Whether there was anything to report that is not about a spec file: to report it again, everything has
    /// to be read.
    pub has_problems: bool,
    /// Whether the lock may have blocks that no spec gives.
    pub has_orphans: bool,
    /// The lockfile, if there was one.
    pub lock: Option<Recorded>,
    /// Whether that may name anything that was bought.
    pub has_purchases: bool,
}

/// What is to be known of a spec file before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpecTraits {
    /// Whether an instance in it takes its values from a listing of files.
    pub has_globs: bool,
    /// Whether something about it has to be told again.
    pub has_warnings: bool,
}
