//! The clock by which a file is young: that of the file system.

use std::fs;
use std::io;

use crate::cache::dir::CacheDir;
use crate::cache::file_memo::Stat;

/// A moment on the clock of the file system that the project is on, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl Stamp {
    /// The present moment, read off a file that is written for it: the clock of a network share,
    /// or of a container, need not be ours.
    ///
    /// # Errors
    /// The error of writing `.assetcache/clock`.
    pub fn take(cache: &CacheDir) -> io::Result<Self> {
        let path = cache.path().join("clock");
        fs::write(&path, ".")?;
        Ok(Self(Stat::of(&fs::metadata(path)?).mtime_ns))
    }

    /// Whether the clock tells apart what no timer does, as that of Linux since 6.13 where somebody has looked at
    /// a file's times: a moment just after this one differs from it, by less than any timer's tick.
    pub fn is_fine(self, cache: &CacheDir) -> bool {
        const TICK: i64 = 1_000_000;
        Self::take(cache).is_ok_and(|next| (1..TICK).contains(&next.0.saturating_sub(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_do_not_go_back_and_prove_nothing_about_another_moment() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let cache = CacheDir::of_project(dir.path());
        assert!(Stamp::take(&cache).is_err() && !Stamp(0).is_fine(&cache), "there is no folder");
        cache.ensure().expect("writable");
        let first = Stamp::take(&cache).expect("writable");
        let second = Stamp::take(&cache).expect("writable");
        assert!(first <= second);
        let second = Stamp(second.0 - 3_000_000_000);
        assert!(!second.is_fine(&cache) && !Stamp(0).is_fine(&cache), "that is more than a tick");
        assert!(!Stamp(i64::MAX).is_fine(&cache), "that is still to come");
    }
}
