//! The lock of a commit: read, and written beside the old one while the files are published.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::RelPath;
use crate::integrate::commit::CommitError;
use crate::integrate::publish::{self, PublishError, Staged};
use crate::lock::{Block, Lock, LockFile, Splice};

/// A new lock beside the old one.
pub(super) struct LockAhead {
    changes: Changes,
    /// None if nothing changes or it could not be written, which shows again when it is needed.
    staged: Option<Staged>,
}

/// The blocks to write, and to remove (none), by id.
pub(super) type Changes = BTreeMap<String, Option<Block>>;

impl LockAhead {
    pub(super) fn write(root: &Path, path: &RelPath, lock: &LockFile, changes: Changes) -> Self {
        let splice = lock.splice(&changes);
        let staged = match splice.is_unchanged() {
            true => None,
            false => write_lock(root, path, &splice).ok(),
        };
        Self { changes, staged }
    }

    /// The new lock, if it is the one with these changes.
    pub(super) fn with(self, changes: &Changes) -> Option<Staged> {
        if self.changes == *changes {
            return self.staged;
        }
        self.discard();
        None
    }

    pub(super) fn discard(self) {
        self.staged.iter().for_each(Staged::discard);
    }
}

/// Writes a new lock beside the old one, durably.
pub(super) fn write_lock(
    root: &Path,
    path: &RelPath,
    lock: &Splice<'_>,
) -> Result<Staged, PublishError> {
    let parts: Vec<&[u8]> = lock.parts().map(str::as_bytes).collect();
    Staged::write_whole(root, path, &parts)
}

/// Reads the lock, which must not have conflict markers.
pub(super) fn read_lock(root: &Path, path: &RelPath) -> Result<LockFile, CommitError> {
    let text = publish::read_text(root, path).map_err(CommitError::LockFile)?;
    match crate::lock::read(text.unwrap_or_default())? {
        Lock::Clean(lock) => Ok(lock),
        Lock::Conflicted(_) => Err(CommitError::Conflicted),
    }
}
