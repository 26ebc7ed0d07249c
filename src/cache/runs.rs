//! Live runs: a file in `.assetcache/runs` that its run holds locked for as long as it lives.
//!
//! The system releases the lock when a process dies, however it dies, so a file whose lock can be
//! taken belongs to a dead run. Files are locked under another name before they appear here: a
//! `.run` file without a lock is never a run that is just starting.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::cache::dir::{CacheDir, random_u64};

/// Names one run: 16 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The files of runs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file or folder cannot be read or written.
    #[error("use the run file `{path}`")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file system has no file locks, so live runs cannot be told from dead ones.
    #[error("lock `{path}`: this file system has no file locks")]
    LocksUnsupported {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// This process's run; dropping it ends the run.
#[derive(Debug)]
pub struct Run {
    id: RunId,
    path: PathBuf,
    dir: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// A run that died: its lock is held until it is forgotten or dropped, so no other process
/// recovers the same run.
#[derive(Debug)]
pub struct DeadRun {
    /// Which run.
    pub id: RunId,
    path: PathBuf,
    _file: File,
}

impl Run {
    /// Registers this process as a live run.
    ///
    /// # Errors
    /// `RunError` when the file cannot be made or the file system has no locks.
    pub fn begin(cache: &CacheDir) -> Result<Self, RunError> {
        let dir = cache.runs();
        fs::create_dir_all(&dir).map_err(|source| RunError::Io { path: dir.clone(), source })?;
        loop {
            let id = RunId(format!("{:016x}", random_u64()));
            let starting = dir.join(format!("{}.new", id.0));
            let path = dir.join(format!("{}.run", id.0));
            let at = |source| RunError::Io { path: starting.clone(), source };
            let file = File::create_new(&starting).map_err(at)?;
            match file.try_lock() {
                Ok(()) => {}
                // Another run took the file for a leftover: it goes, and the next one is ours.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(source)) => return Err(lock_error(&starting, source)),
            }
            match fs::rename(&starting, &path) {
                Ok(()) => return Ok(Self { id, path, dir, _file: file }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(at(source)),
            }
        }
    }

    /// The id of this run.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// A file that this run may make and has to remove; it goes with the run if that dies.
    pub fn scratch(&self) -> PathBuf {
        scratch_of(&self.path)
    }

    /// Ids of the other runs that are alive, sorted.
    ///
    /// # Errors
    /// `RunError` when the folder cannot be read.
    pub fn others(&self) -> Result<Vec<RunId>, RunError> {
        Ok(self.probe()?.0)
    }

    /// Whether no other run is alive.
    ///
    /// # Errors
    /// `RunError` when the folder cannot be read.
    pub fn is_alone(&self) -> Result<bool, RunError> {
        Ok(self.probe()?.0.is_empty())
    }

    /// Takes the locks of all dead runs, sorted by id: who holds them may recover what those runs
    /// left behind, and then forgets them.
    ///
    /// # Errors
    /// `RunError` when the folder cannot be read.
    pub fn claim_dead(&self) -> Result<Vec<DeadRun>, RunError> {
        Ok(self.probe()?.1)
    }

    fn probe(&self) -> Result<(Vec<RunId>, Vec<DeadRun>), RunError> {
        let at = |source| RunError::Io { path: self.dir.clone(), source };
        let mut live = Vec::new();
        let mut dead = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(at)? {
            let path = entry.map_err(at)?.path();
            let Some((id, started)) = parse_name(&path) else { continue };
            if id == self.id {
                continue;
            }
            match try_claim(&path)? {
                Claim::Gone => {}
                Claim::Held => live.push(id),
                Claim::Taken(file) if started => dead.push(DeadRun { id, path, _file: file }),
                // Died, or is about to notice that its name is taken, before it was a run.
                Claim::Taken(_file) => remove(&path)?,
            }
        }
        live.sort_unstable();
        dead.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok((live, dead))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // The file goes before the lock does; a leftover is a dead run, which anyone may clean.
        let _ = fs::remove_file(&self.path);
    }
}

impl DeadRun {
    /// Deletes the run's files, once nothing is left to recover.
    ///
    /// # Errors
    /// `RunError::Io` when the file cannot be deleted.
    pub fn forget(self) -> Result<(), RunError> {
        remove(&scratch_of(&self.path))?;
        remove(&self.path)
    }
}

fn scratch_of(run: &Path) -> PathBuf {
    run.with_extension("scratch")
}

/// Opens a file that exists only to be locked, and makes it first if needed.
pub(super) fn open_lock_file(path: &Path) -> Result<File, RunError> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|source| RunError::Io { path: path.to_owned(), source })
}

pub(super) fn lock_error(path: &Path, source: io::Error) -> RunError {
    let path = path.to_owned();
    if source.kind() == ErrorKind::Unsupported {
        RunError::LocksUnsupported { path, source }
    } else {
        RunError::Io { path, source }
    }
}

enum Claim {
    Held,
    Taken(File),
    Gone,
}

fn try_claim(path: &Path) -> Result<Claim, RunError> {
    let file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Claim::Gone),
        Err(source) => return Err(RunError::Io { path: path.to_owned(), source }),
    };
    match file.try_lock() {
        // A run that ended while we opened its file has deleted the name that we listed.
        Ok(()) if !path.exists() => Ok(Claim::Gone),
        Ok(()) => Ok(Claim::Taken(file)),
        Err(TryLockError::WouldBlock) => Ok(Claim::Held),
        Err(TryLockError::Error(source)) => Err(lock_error(path, source)),
    }
}

/// The id in a file's name, and whether the run had started.
fn parse_name(path: &Path) -> Option<(RunId, bool)> {
    let (id, extension) = path.file_name()?.to_str()?.split_once('.')?;
    let started = match extension {
        "run" => true,
        "new" => false,
        _ => return None,
    };
    let is_id = id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| (RunId(id.to_owned()), started))
}

fn remove(path: &Path) -> Result<(), RunError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(RunError::Io { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::child::{Child, child_role, say_ready_and_wait};

    fn project() -> (tempfile::TempDir, CacheDir) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let cache = CacheDir::of_project(dir.path());
        cache.ensure().expect("writable");
        (dir, cache)
    }

    #[test]
    fn a_run_is_alone_until_another_begins() {
        let (_dir, cache) = project();
        let first = Run::begin(&cache).expect("begun");
        assert!(first.is_alone().expect("readable"));
        let second = Run::begin(&cache).expect("begun");
        assert_eq!(first.others().expect("readable"), [second.id().clone()]);
        assert!(!second.is_alone().expect("readable"));
        drop(second);
        assert!(first.is_alone().expect("readable"));
        assert!(first.claim_dead().expect("readable").is_empty());
    }

    #[test]
    fn ended_runs_leave_no_file() {
        let (_dir, cache) = project();
        drop(Run::begin(&cache).expect("begun"));
        assert_eq!(fs::read_dir(cache.runs()).expect("readable").count(), 0);
    }

    #[test]
    fn a_dead_run_is_claimed_by_one_and_forgotten() {
        let (_dir, cache) = project();
        let first = Run::begin(&cache).expect("begun");
        let second = Run::begin(&cache).expect("begun");
        fs::write(cache.runs().join("00000000000000aa.run"), "").expect("writable");
        fs::write(cache.runs().join("00000000000000aa.scratch"), "half").expect("writable");
        fs::write(cache.runs().join("00000000000000ab.new"), "").expect("writable");
        fs::write(second.scratch(), "its own").expect("writable");
        fs::write(cache.runs().join("notes.txt"), "").expect("writable");
        let dead = first.claim_dead().expect("readable");
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].id.as_str(), "00000000000000aa");
        assert!(second.claim_dead().expect("readable").is_empty());
        for run in dead {
            run.forget().expect("deleted");
        }
        assert!(!cache.runs().join("00000000000000aa.run").exists());
        assert!(!cache.runs().join("00000000000000aa.scratch").exists());
        assert!(!cache.runs().join("00000000000000ab.new").exists());
        assert!(second.scratch().exists());
        assert!(cache.runs().join("notes.txt").exists());
    }

    #[test]
    fn a_claim_that_is_dropped_can_be_taken_again() {
        let (_dir, cache) = project();
        let run = Run::begin(&cache).expect("begun");
        fs::write(cache.runs().join("00000000000000aa.run"), "").expect("writable");
        drop(run.claim_dead().expect("readable"));
        assert_eq!(run.claim_dead().expect("readable").len(), 1);
    }

    /// The other process of `a_killed_process_is_a_dead_run`.
    #[test]
    fn child_run() {
        let Some(dir) = child_role("run") else { return };
        let _run = Run::begin(&CacheDir::of_project(&dir)).expect("begun");
        say_ready_and_wait();
    }

    #[test]
    fn a_killed_process_is_a_dead_run() {
        let (dir, cache) = project();
        let run = Run::begin(&cache).expect("begun");
        let child = Child::spawn("cache::runs::tests::child_run", "run", dir.path());
        assert_eq!(run.others().expect("readable").len(), 1);
        assert!(run.claim_dead().expect("readable").is_empty());
        child.kill();
        assert!(run.is_alone().expect("readable"));
        assert_eq!(run.claim_dead().expect("readable").len(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_typed_error() {
        let (_dir, cache) = project();
        fs::write(cache.runs(), "").expect("writable");
        assert!(matches!(Run::begin(&cache), Err(RunError::Io { .. })));
    }
}
