//! Sees what changes in a project's folders, and tells it in bursts.
//!
//! What the system tells only says where to look: whether a file is another one is decided by its
//! digest, in the same functions as in any other build. Design note: docs/design/watch.md.

mod burst;
mod folders;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::pipeline::Touched;
use crate::pipeline::touched::below;
use crate::watch::burst::{Burst, Seen};

pub use folders::{folders_of, folders_of_awake, recorded_folders};

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
    /// Watched folders, by their path relative to the root.
    folders: BTreeMap<String, Watched>,
    /// Files that are never news.
    ignored: Vec<Identity>,
}

/// A folder as it was when it was begun to be watched.
#[derive(Debug, PartialEq)]
struct Watched {
    /// Its path without links: the system knows it by that.
    real: PathBuf,
    identity: Option<Identity>,
}

/// What a file or folder keeps when it is moved: device and number.
pub type Identity = (u64, u64);

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
        let own = Watched { real: root.clone(), identity: identity_of(&root) };
        let folders = BTreeMap::from([(String::new(), own)]);
        Ok((Self { root, system, seen, folders, ignored: Vec::new() }, waker))
    }

    /// Makes files be no news: those that the program's own words go to.
    pub fn ignore(&mut self, files: impl IntoIterator<Item = Identity>) {
        self.ignored.extend(files);
    }

    /// Watches these folders, relative to the root, and no others. Gives those that were not watched
    /// until now, since what happened in them before nobody has seen, and why one cannot be watched;
    /// one that is not there is left out.
    pub fn follow(&mut self, wanted: &BTreeSet<String>) -> (Touched, Option<notify::Error>) {
        let (mut added, mut failed) = (Touched::default(), None);
        for folder in wanted.iter().filter(|folder| !folder.is_empty()) {
            let path = self.root.join(folder);
            let now = path.canonicalize().ok().map(|real| {
                let identity = identity_of(&real);
                Watched { real, identity }
            });
            if now.is_some() && self.folders.get(folder) == now.as_ref() {
                continue;
            }
            // It is gone, or another one by now.
            self.forget(folder);
            let Some(now) = now else { continue };
            match self.system.watch(&now.real, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder.clone(), now);
                    added.add(folder);
                }
                Err(error) if is_missing(&error) => {}
                Err(error) => failed = Some(error),
            }
        }
        let gone: Vec<String> =
            self.folders.keys().filter(|folder| !wanted.contains(*folder)).cloned().collect();
        gone.iter().for_each(|folder| self.forget(folder));
        (added, failed)
    }

    /// Waits until something changes and then is quiet for a moment; at most `longest`.
    pub fn next(&mut self, longest: Duration) -> Change {
        let begun = Instant::now();
        loop {
            let burst = self.next_burst(longest.saturating_sub(begun.elapsed()));
            let Some(burst) = burst else { return Change::Anything };
            for lost in burst.lost() {
                let is_below = |folder: &&String| below(folder, lost).is_some();
                let below: Vec<String> = self.folders.keys().filter(is_below).cloned().collect();
                below.iter().for_each(|folder| self.forget(folder));
            }
            let is_woken = burst.is_woken();
            let is_there = |path: &str| self.root.join(path).symlink_metadata().is_ok();
            match burst.finish(is_there) {
                Some(Change::Paths(touched)) => match self.named(&touched) {
                    touched if !touched.is_empty() => return Change::Paths(touched),
                    _ if is_woken => return Change::Woken,
                    _ => {}
                },
                Some(other) => return other,
                None => {}
            }
        }
    }

    fn next_burst(&mut self, longest: Duration) -> Option<Burst> {
        let mut burst = Burst::default();
        let begun = Instant::now();
        loop {
            let wait = match burst.ends(Instant::now()) {
                Some(wait) if wait.is_zero() => return Some(burst),
                Some(wait) => wait,
                None => longest.saturating_sub(begun.elapsed()),
            };
            match self.seen.recv_timeout(wait) {
                Ok(seen) => burst.add(seen, Instant::now()),
                Err(_) if burst.is_empty() => return None,
                Err(_) => return Some(burst),
            }
        }
    }

    /// The paths by all names that the project has for them, without what is no news.
    fn named(&self, touched: &Touched) -> Touched {
        let mut named = Touched::default();
        let linked = self.folders.iter().filter_map(|(name, watched)| {
            let real = watched.real.strip_prefix(&self.root).ok()?.to_str()?;
            (real != name).then_some((name, real))
        });
        let linked: Vec<(&String, &str)> = linked.collect();
        for path in touched.paths() {
            let identity = || identity_of(&self.root.join(path));
            if !self.ignored.is_empty() && identity().is_some_and(|id| self.ignored.contains(&id)) {
                continue;
            }
            named.add(path);
            for (name, real) in &linked {
                if let Some(rest) = below(path, real) {
                    named.add(&format!("{name}{rest}"));
                }
            }
        }
        named
    }

    /// A folder that is gone or another one by now is not watched any more, whatever its name.
    fn forget(&mut self, folder: &str) {
        if folder.is_empty() {
            return;
        }
        let Some(Watched { real, .. }) = self.folders.remove(folder) else { return };
        if self.folders.values().all(|other| other.real != real) {
            // The system may have forgotten it by itself.
            let _ = self.system.unwatch(&real);
        }
    }
}

#[cfg(unix)]
fn identity_of(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity_of(_: &Path) -> Option<Identity> {
    None
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
