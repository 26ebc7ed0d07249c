//! The database of one command: a run with nothing to do never opens it.

use std::sync::OnceLock;

use crate::cache::{CacheDir, State, StateError, StateNotice};

/// The database, opened when it is first needed.
#[derive(Debug, Default)]
pub struct LazyState {
    cache: Option<CacheDir>,
    state: OnceLock<Option<State>>,
    created: OnceLock<(State, Option<StateNotice>)>,
}

impl LazyState {
    pub(super) fn new(cache: Option<CacheDir>) -> Self {
        Self { cache, state: OnceLock::new(), created: OnceLock::new() }
    }

    /// The database for looking at; none if there is none or it cannot be opened, since what it
    /// would add to a plan is only the old values of changed fields.
    pub fn get(&self) -> Option<&State> {
        self.state
            .get_or_init(|| {
                let cache = self.cache.as_ref()?;
                if !cache.state().is_file() {
                    return None;
                }
                match State::open(cache).ok()? {
                    (state, None) => Some(state),
                    // What was made again has no old values, and a build has to tell.
                    opened => {
                        self.created.set(opened).ok();
                        None
                    }
                }
            })
            .as_ref()
    }

    /// The database for a build, with what a person should know about its opening.
    ///
    /// # Errors
    /// `StateError` if it can neither be opened nor made again.
    pub fn open(&self, cache: &CacheDir) -> Result<(&State, Option<&StateNotice>), StateError> {
        if let Some(state) = self.get() {
            return Ok((state, None));
        }
        if self.created.get().is_none() {
            self.created.set(State::open(cache)?).ok();
        }
        let (state, notice) = self.created.get().expect("it was just set");
        Ok((state, notice.as_ref()))
    }
}
