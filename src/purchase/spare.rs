//! Room on the disk that is kept free for what a purchase gives: given up when the disk is full.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes that are set aside: a large picture and its records.
const SIZE: usize = 4 << 20;

/// Files of dead runs that begin like this are rubbish.
const PREFIX: &str = "spare-";

/// A file that is in the way until its room is needed; removed when dropped.
#[derive(Debug)]
pub struct Spare {
    path: PathBuf,
    is_there: Mutex<bool>,
}

impl Spare {
    /// Room in `folder` for a run; none is taken yet.
    pub fn new(folder: &Path, run: &str) -> Self {
        Self { path: folder.join(format!("{PREFIX}{run}")), is_there: Mutex::new(false) }
    }

    /// Sets the room aside, unless it is.
    ///
    /// # Errors
    /// What the system says, above all that the disk is full.
    pub fn set_aside(&self) -> io::Result<()> {
        let mut is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_there {
            return Ok(());
        }
        // Bytes that no file system stores in less.
        let mut number = 1_u64;
        let noise = std::iter::repeat_with(|| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            number.to_le_bytes()
        });
        let bytes: Vec<u8> = noise.take(SIZE / 8).flatten().collect();
        let written = File::create(&self.path)
            .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
        if let Err(error) = written {
            // A part of it would take the room that somebody else needs.
            let _ = fs::remove_file(&self.path);
            return Err(error);
        }
        *is_there = true;
        Ok(())
    }

    /// Does something that needs room; if it fails and there is room set aside, once more with that.
    pub fn lend<T, E>(&self, work: impl Fn() -> Result<T, E>) -> Result<T, E> {
        work().or_else(|error| if self.give_up() { work() } else { Err(error) })
    }

    fn give_up(&self) -> bool {
        let mut is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have taken it for rubbish: the room is there all the same.
        let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        std::mem::replace(&mut *is_there, false)
            && fs::remove_file(&self.path).map_or_else(is_gone, |()| true)
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Removes what runs left that are no longer alive.
pub fn sweep(folder: &Path, is_alive: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if run.is_some_and(|run| !is_alive(run)) {
            // What cannot be removed stays for the next time.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn room_is_lent_once_and_set_aside_anew() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let spare = Spare::new(folder.path(), "r1");
        let place = folder.path().join("spare-r1");
        // As a full disk does it.
        let needs_room = || if place.exists() { Err("full") } else { Ok(()) };
        assert_eq!(spare.lend(needs_room), Ok(()));
        spare.set_aside().expect("there is room");
        assert_eq!(fs::metadata(&place).expect("it is there").len(), SIZE as u64);
        assert_eq!(spare.lend(needs_room), Ok(()));
        assert!(!place.exists());
        let tries = Cell::new(0);
        let fails = || -> Result<(), &str> {
            tries.set(tries.get() + 1);
            Err("broken")
        };
        assert_eq!(spare.lend(fails), Err("broken"));
        assert_eq!(tries.get(), 1, "there was no room to lend");
        spare.set_aside().expect("there is room");
        drop(spare);
        assert!(!place.exists());
    }

    #[test]
    fn room_of_dead_runs_is_given_back() {
        let folder = tempfile::tempdir().expect("a temp folder");
        for name in ["spare-dead", "spare-alive", "state.redb"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        sweep(folder.path(), |run| run == "alive");
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .flatten()
            .map(|e| e.file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["spare-alive", "state.redb"]);
    }

    #[test]
    fn no_room_can_be_set_aside_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let spare = Spare::new(&folder.path().join("nowhere"), "r1");
        assert!(spare.set_aside().is_err());
    }
}
