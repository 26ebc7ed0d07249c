//! Sees what changes in a project's folders, and tells it in bursts.
//!
//! What the system tells only says where to look: whether a file is another one is decided by its
//! digest, in the same functions as in any other build. Design note: docs/design/watch.md.

mod burst;
mod folders;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::pipeline::Touched;
use crate::watch::burst::{Burst, Seen};

pub use folders::{folders_of, recorded_folders};

/// What happened since the last time that somebody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something was written, made, moved or deleted at these paths.
    Paths(Touched),
    /// Nobody knows what: events were lost, or it is time to look.
    Anything,
    /// Somebody woke the watch.
    Woken,
}

/// The folders of a project, watched.
#[derive(Debug)]
pub struct Watcher {
    root: PathBuf,
    system: RecommendedWatcher,
    seen: Receiver<Seen>,
    /// Watched folders, relative to the root.
    folders: BTreeSet<String>,
}

/// Wakes a watch from another thread.
#[derive(Debug, Clone)]
pub struct Waker(Sender<Seen>);

impl Waker {
    /// Has the watch look up.
    pub fn wake(&self) {
        // It may be over.
        let _ = self.0.send(Seen::Wake);
    }
}

impl Watcher {
    /// Begins to watch the root folder, without what lies in its folders.
    ///
    /// # Errors
    /// If the system cannot watch it, which has limits for that.
    pub fn begin(root: &Path) -> notify::Result<(Self, Waker)> {
        let root = root.canonicalize().map_err(notify::Error::io)?;
        let (sender, seen) = channel();
        let waker = Waker(sender.clone());
        let own = root.clone();
        let mut system =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // The watch may be over.
                let _ = Seen::of(event, &own).map(|seen| sender.send(seen));
            })?;
        system.watch(&root, RecursiveMode::NonRecursive)?;
        Ok((Self { root, system, seen, folders: BTreeSet::from([String::new()]) }, waker))
    }

    /// Watches these folders, relative to the root, and no others. Gives those that were not watched
    /// until now: what happened in them before that nobody has seen.
    ///
    /// # Errors
    /// If the system cannot watch one of them; one that is not there is left out.
    pub fn follow(&mut self, wanted: &BTreeSet<String>) -> notify::Result<Touched> {
        let mut added = Touched::default();
        for folder in wanted {
            if self.folders.contains(folder) {
                continue;
            }
            match self.system.watch(&self.root.join(folder), RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder.clone());
                    added.add(folder);
                }
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let gone: Vec<String> = self
            .folders
            .iter()
            .filter(|folder| !folder.is_empty() && !wanted.contains(*folder))
            .cloned()
            .collect();
        for folder in gone {
            self.forget(&folder);
        }
        Ok(added)
    }

    /// Waits until something changes and then is quiet for a moment; at most `longest`.
    pub fn next(&mut self, longest: Duration) -> Change {
        let mut burst = Burst::default();
        let begun = Instant::now();
        loop {
            let wait = match burst.ends(Instant::now()) {
                Some(wait) if wait.is_zero() => break,
                Some(wait) => wait,
                None => longest.saturating_sub(begun.elapsed()),
            };
            match self.seen.recv_timeout(wait) {
                Ok(seen) => burst.add(seen, Instant::now()),
                Err(_) if burst.is_empty() => return Change::Anything,
                Err(_) => break,
            }
        }
        for lost in burst.lost() {
            let is_below = |folder: &&String| {
                folder
                    .strip_prefix(lost)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let below: Vec<String> = self.folders.iter().filter(is_below).cloned().collect();
            below.iter().for_each(|folder| self.forget(folder));
        }
        burst.finish()
    }

    /// A folder that is gone or another one by now is not watched any more, whatever its name.
    fn forget(&mut self, folder: &str) {
        if !folder.is_empty() && self.folders.remove(folder) {
            // The system may have forgotten it by itself.
            let _ = self.system.unwatch(&self.root.join(folder));
        }
    }
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
