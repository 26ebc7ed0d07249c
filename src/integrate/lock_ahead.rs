//! The lock of a commit: read, copied while the actions run, and written beside the old one while
//! the files are published.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::base::RelPath;
use crate::integrate::commit::CommitError;
use crate::integrate::publish::{self, PublishError};
use crate::integrate::staged::Staged;
use crate::integrate::written::Written;
use crate::lock::{Block, Excerpt, Lock, LockFile, Splice};

/// Bytes above which a lock is copied ahead: less is written while one waits for the other files.
pub const WORTH_A_COPY: u64 = 1 << 20;

/// The lock as far as it was read.
#[derive(Debug, Clone, Copy)]
pub enum KnownLock<'a> {
    /// All of it.
    Whole(&'a LockFile),
    /// The blocks of some assets.
    Excerpt(&'a Excerpt),
}

impl<'a> KnownLock<'a> {
    /// The blocks that are known.
    pub fn blocks(self) -> &'a LockFile {
        match self {
            Self::Whole(lock) => lock,
            Self::Excerpt(excerpt) => excerpt.blocks(),
        }
    }

    /// Whether all blocks are as they are to be.
    pub(super) fn is_unchanged_by(self, changes: &Changes) -> bool {
        match self {
            Self::Whole(lock) => lock.splice(changes).is_unchanged(),
            Self::Excerpt(excerpt) => {
                excerpt.replacements(changes).is_some_and(|replacements| replacements.is_empty())
            }
        }
    }
}

/// A copy of the lock, on its way to the disk while the actions run: the commit then has to write, and
/// to wait for, only what changed in it.
#[derive(Debug)]
pub struct LockCopy {
    path: PathBuf,
    /// The lock as it was when the copy began.
    source: fs::Metadata,
    /// Hears whether all of it is written, then whether it is on the disk.
    steps: Mutex<Receiver<io::Result<()>>>,
}

impl LockCopy {
    /// Begins to copy a large lock to `path`, which must not be there; none for a small one.
    ///
    /// `file`: the lock on disk.
    pub fn begin(path: PathBuf, file: &Path) -> Option<Self> {
        let from = File::open(file).ok()?;
        let source = from.metadata().ok().filter(|metadata| metadata.len() >= WORTH_A_COPY)?;
        let (done, steps) = sync_channel(2);
        let (to, size) = (path.clone(), source.len());
        thread::spawn(move || {
            let mut from = from;
            let copied = File::create_new(to).and_then(|mut file| {
                let copied = io::copy(&mut from, &mut file)?;
                if copied == size { Ok(file) } else { Err(ErrorKind::UnexpectedEof.into()) }
            });
            let (file, written) = match copied {
                Ok(file) => (Some(file), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // The commit may have it from here on, and syncs what it changes once more. Nobody may be there
            // any more to hear of it.
            let _ = done.send(written);
            let _ = file.map(|file| done.send(file.sync_data()));
        });
        Some(Self { path, source, steps: Mutex::new(steps) })
    }

    /// A file that is a copy already.
    #[cfg(test)]
    pub(super) fn written(path: PathBuf) -> Self {
        let (done, steps) = sync_channel(2);
        for _ in 0..2 {
            done.send(Ok(())).expect("there is room");
        }
        let source = fs::metadata(".").expect("some file");
        Self { path, source, steps: Mutex::new(steps) }
    }

    /// The lock that it is a copy of, unless somebody wrote into that meanwhile.
    pub fn source(&self) -> &fs::Metadata {
        &self.source
    }

    /// The copy, as soon as all of it is written. To be asked once.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(super) fn finished(&self) -> io::Result<&Path> {
        self.next_step().map(|()| &*self.path)
    }

    /// Waits until what was copied is on the disk: the system tells nobody else if it is not. To be asked once,
    /// after `finished`.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn synced(&self) -> io::Result<()> {
        self.next_step()
    }

    fn next_step(&self) -> io::Result<()> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.recv().unwrap_or_else(|_| Err(ErrorKind::BrokenPipe.into()))
    }
}

impl Drop for LockCopy {
    fn drop(&mut self) {
        // Not before it is there.
        let _ = self.next_step();
        let _ = fs::remove_file(&self.path);
    }
}

/// A new lock beside the old one.
pub(super) struct LockAhead {
    changes: Changes,
    /// None if nothing changes or it could not be written, which shows again when it is needed.
    staged: Option<Staged<Written>>,
}

/// The blocks to write, and to remove (none), by id.
pub(super) type Changes = BTreeMap<String, Option<Block>>;

impl LockAhead {
    /// `copy`: one of the lock, which is used up.
    pub(super) fn write(
        root: &Path,
        path: &RelPath,
        lock: KnownLock<'_>,
        changes: Changes,
        copy: Option<&LockCopy>,
    ) -> Self {
        let staged = match lock {
            KnownLock::Excerpt(excerpt) => {
                let replacements = excerpt.replacements(&changes);
                let replacements = replacements.filter(|replacements| !replacements.is_empty());
                replacements.and_then(|replacements| {
                    let size = excerpt.file_size();
                    Staged::replace(root, path, copy?, size, &replacements).ok()
                })
            }
            KnownLock::Whole(lock) => {
                let splice = lock.splice(&changes);
                let patched = || Staged::patch(root, path, copy?, &splice).ok();
                match splice.is_unchanged() {
                    true => None,
                    false => patched().or_else(|| write_lock(root, path, &splice).ok()),
                }
            }
        };
        Self { changes, staged }
    }

    /// The new lock, if it is the one with these changes.
    pub(super) fn with(self, changes: &Changes) -> Option<Staged<Written>> {
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
) -> Result<Staged<Written>, PublishError> {
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
        let (place, file) = (dir.path().join("copy"), dir.path().join("lock"));
        fs::write(&file, lock_of(8_000).text()).expect("writable");
        let copy = LockCopy::begin(place.clone(), &file).expect("a large lock");
        assert_eq!(copy.finished().expect("a copy"), place);
        copy.synced().expect("it is on the disk");
        assert_eq!(copy.source().len(), fs::metadata(&file).expect("the lock").len());
        assert!(fs::read(&place).expect("a copy") == fs::read(&file).expect("the lock"));
        drop(copy);
        assert!(!place.exists());
    }

    #[test]
    fn a_small_lock_is_not_worth_a_copy() {
        let dir = tempfile::tempdir().expect("a folder");
        let (place, file) = (dir.path().join("copy"), dir.path().join("lock"));
        assert!(LockCopy::begin(place.clone(), &file).is_none(), "there is no lock");
        fs::write(&file, lock_of(10).text()).expect("writable");
        assert!(LockCopy::begin(place, &file).is_none());
    }

    #[test]
    fn a_copy_that_cannot_be_written_is_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("lock");
        fs::write(&file, lock_of(8_000).text()).expect("writable");
        let nowhere = dir.path().join("nowhere/copy");
        let copy = LockCopy::begin(nowhere, &file).expect("a large lock");
        assert!(copy.finished().is_err());
    }
}
