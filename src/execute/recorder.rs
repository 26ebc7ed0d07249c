//! Records results in batches: every commit of the database syncs the disk, and a thousand results
//! in one cost as much as one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::base::ActionKey;
use crate::cache::{ActionCache as _, ActionCacheError, ActionResult, State};

/// Results that one commit takes at most.
const LARGEST: usize = 1024;

/// How long a result waits for its commit; a crash loses at most this much free work.
const LONGEST: Duration = Duration::from_millis(500);

/// The action cache as the actions of one run see it.
#[derive(Debug)]
pub struct Recorder<'a> {
    state: &'a State,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    results: HashMap<ActionKey, ActionResult>,
    since: Instant,
}

impl<'a> Recorder<'a> {
    /// A recorder with nothing to record.
    pub fn new(state: &'a State) -> Self {
        let waiting = Waiting { results: HashMap::new(), since: Instant::now() };
        Self { state, waiting: Mutex::new(waiting) }
    }

    /// The result of an action, recorded or still waiting.
    ///
    /// # Errors
    /// `ActionCacheError` when the database fails.
    pub fn get(&self, key: &ActionKey) -> Result<Option<ActionResult>, ActionCacheError> {
        if let Some(result) = self.waiting().results.get(key) {
            return Ok(Some(result.clone()));
        }
        self.state.get(key)
    }

    /// Takes a result and records what waits if that is much or old.
    ///
    /// # Errors
    /// `ActionCacheError` when the database fails.
    pub fn put(&self, key: ActionKey, result: ActionResult) -> Result<(), ActionCacheError> {
        let mut waiting = self.waiting();
        waiting.results.insert(key, result);
        let is_due = waiting.results.len() >= LARGEST || waiting.since.elapsed() >= LONGEST;
        drop(waiting);
        if is_due { self.flush() } else { Ok(()) }
    }

    /// Records everything that waits.
    ///
    /// # Errors
    /// `ActionCacheError` when the database fails; what waited is lost then, and made again.
    pub fn flush(&self) -> Result<(), ActionCacheError> {
        let results: Vec<_> = {
            let mut waiting = self.waiting();
            waiting.since = Instant::now();
            waiting.results.drain().collect()
        };
        if results.is_empty() { Ok(()) } else { self.state.put_batch(&results) }
    }

    /// Takes what waits, for a commit together with other rows.
    pub fn take(&self) -> Vec<(ActionKey, ActionResult)> {
        self.waiting().results.drain().collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nobody panics while the results are held")
    }
}
