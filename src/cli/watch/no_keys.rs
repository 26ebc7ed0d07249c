//! In the place of `keys` where no terminal can be asked for single ones.

use crate::cli::watch::Key;
use crate::watch::Waker;

/// A terminal that gives keys: none here.
pub(super) struct Keys;

impl Keys {
    pub(super) fn begin(_: Waker) -> Option<Self> {
        None
    }

    pub(super) fn take(&self) -> Vec<Key> {
        Vec::new()
    }

    pub(super) fn forget_words(&self) {}

    pub(super) fn renewer(&self) -> impl Fn() + Send + 'static {
        || ()
    }

    pub(super) fn restorer(&self) -> impl FnOnce() + Send + 'static {
        || ()
    }
}
