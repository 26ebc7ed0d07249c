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

    /// The present moment, if the clock tells apart what no timer does; none if it may not.
    ///
    /// Linux since 6.13 stamps by the timer, but gives a file whose times somebody has looked at a finer time where
    /// it would get the same one. So of two stamps one after the other the second differs by less than a tick.
    pub fn take_fine(cache: &CacheDir) -> Option<Self> {
        const TICK: i64 = 1_000_000;
        // A tick may pass between the two.
        const TRIES: usize = 3;
        let mut first = Self::take(cache).ok()?;
        for _ in 0..TRIES {
            let next = Self::take(cache).ok()?;
            if (1..TICK).contains(&next.0.saturating_sub(first.0)) {
                return Some(next);
            }
            first = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_do_not_go_back() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let cache = CacheDir::of_project(dir.path());
        assert!(Stamp::take(&cache).is_err() && Stamp::take_fine(&cache).is_none(), "no folder");
        cache.ensure().expect("writable");
        let first = Stamp::take(&cache).expect("writable");
        // Whether there is one is a question of the system.
        let fine = Stamp::take_fine(&cache);
        assert!(fine.is_none_or(|fine| first < fine));
        assert!(fine <= Stamp::take(&cache).ok());
    }
}
