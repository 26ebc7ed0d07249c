//! The right to work on a slot, which is a sent key and a variation: one process has it at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The right to work on a slot; the file goes with it.
#[derive(Debug)]
pub(super) struct SlotLock {
    path: PathBuf,
    file: Option<File>,
}

impl SlotLock {
    /// Waits for the slot of this file.
    pub(super) fn acquire(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        loop {
            let file =
                File::options().read(true).write(true).create(true).truncate(false).open(path)?;
            file.lock()?;
            // Whoever had it before may have deleted this file while we waited for it.
            if is_at(&file, path) {
                return Ok(Self { path: path.to_owned(), file: Some(file) });
            }
        }
    }
}

impl SlotLock {
    /// Whether somebody has the slot of this file.
    pub(super) fn is_held(path: &Path) -> bool {
        // Without a file nobody has.
        File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for SlotLock {
    fn drop(&mut self) {
        // The name goes before the lock does, so that nobody locks a file that is about to go.
        let _ = fs::remove_file(&self.path);
        drop(self.file.take());
    }
}

/// Whether an open file is the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(id), fs::metadata(path).map(id)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    // A file that somebody has open cannot be replaced there.
    path.exists()
}
