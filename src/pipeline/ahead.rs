//! What a build begins as soon as it sees that something changed, while that is still being read: its run
//! is registered, and a large lock is copied.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::cache::{Run, Stat};
use crate::integrate::lock_ahead::LockCopy;
use crate::pipeline::session::Session;

/// A run that may come; dropped, it leaves nothing.
#[derive(Debug, Default)]
pub struct Ahead(Mutex<Option<Begun>>);

/// A run that was begun.
#[derive(Debug)]
pub(super) struct Begun {
    // Goes before the run, which is known by its file for as long as there is anything of it.
    pub(super) lock_copy: Option<LockCopy>,
    pub(super) run: Run,
}

impl Ahead {
    /// Begins, unless that was done. What goes wrong shows when the run is needed.
    pub fn begin(&self, session: &Session) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_none() && session.cache().path().is_dir() {
            let lock = session.lock_path();
            *begun = Run::begin(session.cache()).ok().map(|run| Begun::new(run, Some(&lock)));
        }
    }

    /// What was begun.
    pub(super) fn take(&self) -> Option<Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Begun {
    /// `lock`: the lock on disk, if it is going to change.
    pub(super) fn new(run: Run, lock: Option<&Path>) -> Self {
        let lock_copy = lock.and_then(|lock| LockCopy::begin(run.scratch(), lock));
        Self { lock_copy, run }
    }

    /// Lets the copy of the lock go, unless it is one of the lock with this stat.
    pub(super) fn only_copy_of(mut self, lock: Option<Stat>) -> Self {
        let is_it = |copy: &LockCopy| Some(Stat::of(copy.source())) == lock;
        self.lock_copy = self.lock_copy.filter(is_it);
        self
    }
}
