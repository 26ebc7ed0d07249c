//! The lock of a commit: read, copied while the actions run, and written beside the old one while
//! the files are published.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use crate::base::RelPath;
use crate::integrate::commit::CommitError;
use crate::integrate::publish::{self, PublishError, Staged};
use crate::lock::{Block, Lock, LockFile, Splice};

/// Bytes above which a lock is copied ahead: less is written while one waits for the other files.
const WORTH_A_COPY: usize = 1 << 20;

/// A copy of the lock, on its way to the disk while the actions run: the commit then has to write, and
/// to wait for, only what changed in it.
#[derive(Debug)]
pub struct LockCopy {
    path: PathBuf,
    written: Receiver<io::Result<()>>,
}

impl LockCopy {
    /// Begins to copy a large lock to `path`, which must not be there; none for a small one.
    pub fn begin<'scope, 'lock: 'scope>(
        scope: &'scope Scope<'scope, '_>,
        path: PathBuf,
        lock: &'lock LockFile,
    ) -> Option<Self> {
        let text = lock.text();
        if text.len() < WORTH_A_COPY {
            return None;
        }
        let (done, written) = sync_channel(1);
        let to = path.clone();
        scope.spawn(move || {
            let copied = File::create_new(to).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                Ok(file)
            });
            let (file, result) = match copied {
                Ok(file) => (Some(file), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // The commit may have it from here on, and syncs what it changes once more.
            let _ = done.send(result);
            drop(done);
            let _ = file.map(|file| file.sync_data());
        });
        Some(Self { path, written })
    }

    /// The copy, as soon as all of it is written; none if that failed.
    pub fn finished(&self) -> Option<&Path> {
        matches!(self.written.recv(), Ok(Ok(()))).then_some(&self.path)
    }
}

impl Drop for LockCopy {
    fn drop(&mut self) {
        // Not before it is there.
        let _ = self.written.recv();
        let _ = fs::remove_file(&self.path);
    }
}

/// A new lock beside the old one.
pub(super) struct LockAhead {
    changes: Changes,
    /// None if nothing changes or it could not be written, which shows again when it is needed.
    staged: Option<Staged>,
}

/// The blocks to write, and to remove (none), by id.
pub(super) type Changes = BTreeMap<String, Option<Block>>;

impl LockAhead {
    /// `copy`: a file with the text of `lock`, which is used up.
    pub(super) fn write(
        root: &Path,
        path: &RelPath,
        lock: &LockFile,
        changes: Changes,
        copy: Option<&Path>,
    ) -> Self {
        let splice = lock.splice(&changes);
        let patched = || Staged::patch(root, path, copy?, &splice).ok();
        let staged = match splice.is_unchanged() {
            true => None,
            false => patched().or_else(|| write_lock(root, path, &splice).ok()),
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::base::ActionKey;

    fn lock_of(blocks: usize) -> LockFile {
        let empty = LockFile::parse(String::new()).expect("an empty lock");
        let changes: Changes = (0..blocks)
            .map(|number| {
                let id = format!("asset-{number:06}");
                let block = Block::new(&id, 1, ActionKey([1; 32]), ActionKey([2; 32]));
                (id, Some(block))
            })
            .collect();
        LockFile::parse(empty.splice(&changes).to_string()).expect("a lock")
    }

    #[test]
    fn a_large_lock_is_copied_and_the_copy_goes_if_nobody_takes_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let place = dir.path().join("copy");
        let lock = lock_of(8_000);
        thread::scope(|scope| {
            let copy = LockCopy::begin(scope, place.clone(), &lock).expect("a large lock");
            assert_eq!(copy.finished(), Some(&*place));
            assert_eq!(fs::read_to_string(&place).expect("a copy"), lock.text());
        });
        assert!(!place.exists());
    }

    #[test]
    fn a_small_lock_is_not_worth_a_copy() {
        let dir = tempfile::tempdir().expect("a folder");
        let lock = lock_of(10);
        thread::scope(|scope| {
            assert!(LockCopy::begin(scope, dir.path().join("copy"), &lock).is_none());
        });
    }

    #[test]
    fn a_copy_that_cannot_be_written_is_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let lock = lock_of(8_000);
        thread::scope(|scope| {
            let nowhere = dir.path().join("nowhere/copy");
            let copy = LockCopy::begin(scope, nowhere, &lock).expect("a large lock");
            assert_eq!(copy.finished(), None);
        });
    }
}
