//! What a session has read and uses again for as long as the file is the same: in a watch the record
//! of the last run and the lock stay in memory.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Digest, RelPath};
use crate::cache::snapshot::Snapshot;
use crate::cache::{Content, Stamp, Stat};
use crate::lock::{self, Lock, LockFile};
use crate::pipeline::record::SNAPSHOT_SCHEMA;
use crate::pipeline::session::{Session, lock_path};

/// Files that were read, with the stat that they had.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Whether a next run will ask for what this one wrote.
    is_watch: bool,
    record: Mutex<Option<(Stat, Arc<Snapshot>)>>,
    lock: Mutex<Option<KeptLock>>,
    /// The lock that the record speaks of, if somebody else wrote another one since.
    lock_of_record: Mutex<Option<KeptLock>>,
    /// Fonts that are fonts.
    fonts: Mutex<HashMap<RelPath, Stat>>,
}

/// A lock without conflict markers.
#[derive(Debug, Clone)]
struct KeptLock {
    stat: Stat,
    digest: Digest,
    lock: Arc<LockFile>,
}

impl Kept {
    /// Keeps what is written, too.
    pub(super) fn for_watch() -> Self {
        Self { is_watch: true, ..Self::default() }
    }
}

impl Session {
    /// Whether a record that was written stays in memory.
    pub(super) fn keeps_records(&self) -> bool {
        self.kept().is_watch
    }

    /// The record of the last run, if there is one that can be used.
    pub fn record(&self) -> Option<Arc<Snapshot>> {
        let path = self.cache().snapshot();
        let stat = Stat::of(&fs::metadata(&path).ok()?);
        let mut kept = guard(&self.kept().record);
        match &*kept {
            Some((known, record)) if *known == stat => return Some(record.clone()),
            _ => {}
        }
        let record = Arc::new(Snapshot::load(&path, SNAPSHOT_SCHEMA)?);
        *kept = Some((stat, record.clone()));
        Some(record)
    }

    /// Whether the record on disk is still this one.
    pub(super) fn has_record(&self, record: &Arc<Snapshot>) -> bool {
        let stat = fs::metadata(self.cache().snapshot()).map(|metadata| Stat::of(&metadata));
        let kept = guard(&self.kept().record);
        kept.as_ref().is_some_and(|(known, kept)| {
            Arc::ptr_eq(kept, record) && stat.is_ok_and(|stat| *known == stat)
        })
    }

    /// Keeps the record that was just written, and gives it.
    pub(super) fn keep_record(&self, record: Option<Snapshot>) -> Option<Arc<Snapshot>> {
        let stat = fs::metadata(self.cache().snapshot()).map(|metadata| Stat::of(&metadata));
        let kept = stat.ok().zip(record.map(Arc::new));
        guard(&self.kept().record).clone_from(&kept);
        kept.map(|(_, record)| record)
    }

    /// The lock with a certain stat and its content, if it was read before.
    pub(super) fn kept_lock(&self, stat: Stat) -> Option<(Digest, Arc<LockFile>)> {
        let kept = guard(&self.kept().lock);
        let kept = kept.as_ref().filter(|kept| kept.stat == stat)?;
        Some((kept.digest, kept.lock.clone()))
    }

    /// The lock with a certain content, if it was read before.
    pub(super) fn kept_lock_of(&self, digest: &Digest) -> Option<Arc<LockFile>> {
        [&self.kept().lock, &self.kept().lock_of_record].into_iter().find_map(|kept| {
            let kept = guard(kept);
            let kept = kept.as_ref().filter(|kept| kept.digest == *digest)?;
            Some(kept.lock.clone())
        })
    }

    /// Whether a file with a certain stat was found to be a font.
    pub(super) fn is_font(&self, path: &RelPath, stat: Stat) -> bool {
        guard(&self.kept().fonts).get(path) == Some(&stat)
    }

    /// Notes that it is one.
    pub(super) fn keep_font(&self, path: &RelPath, stat: Stat) {
        guard(&self.kept().fonts).insert(path.clone(), stat);
    }

    /// Reads ahead what the next run will ask for, while there is nothing else to do.
    pub fn read_ahead(&self) {
        let recorded = self.record().and_then(|record| record.summary().lock);
        let stat = self.files().stat(&lock_path());
        if stat.is_ok_and(|stat| self.kept_lock(stat).is_some()) {
            return;
        }
        let Ok((bytes, stat)) = self.files().read(&lock_path()) else { return };
        // One that was written at this very moment may be written once more and look the same.
        let is_settled = Stamp::take(self.cache()).is_ok_and(|stamp| !stat.is_racy(stamp));
        let digest = Content::Bytes.digest(&bytes);
        let lock = String::from_utf8(bytes).ok().filter(|_| is_settled);
        let kept = match lock.map(lock::read) {
            Some(Ok(Lock::Clean(lock))) => Some(KeptLock { stat, digest, lock: Arc::new(lock) }),
            _ => None,
        };
        let last = std::mem::replace(&mut *guard(&self.kept().lock), kept);
        let is_recorded = |kept: &KeptLock| recorded.is_some_and(|one| one.digest == kept.digest);
        if guard(&self.kept().lock).as_ref().is_some_and(is_recorded) {
            *guard(&self.kept().lock_of_record) = None;
        } else if let Some(last) = last.filter(is_recorded) {
            *guard(&self.kept().lock_of_record) = Some(last);
        }
    }
}

fn guard<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_kept_for_as_long_as_it_is_the_same_file() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("assetbuild.lock");
        let write = |text: &str| fs::write(&path, text).expect("writable");
        fs::write(dir.path().join("Assetfile.yaml"), "version: \"1.0\"\n").expect("writable");
        write("version = 1\n");
        let session = Session::open(dir.path(), None, None).expect("a project");
        session.cache().ensure().expect("a cache folder");
        let kept = || session.kept_lock(session.files().stat(&lock_path()).expect("it is there"));
        assert!(kept().is_none(), "nobody has read it");
        // One that was written a moment ago is not kept as yet.
        while kept().is_none() {
            session.read_ahead();
        }
        let (digest, lock) = kept().expect("it was kept");
        assert_eq!((digest, lock.text()), (Digest::of(b"version = 1\n"), "version = 1\n"));
        write("version = 1\n# edited\n");
        assert!(kept().is_none());
        write("<<<<<<< ours\n=======\n>>>>>>> theirs\n");
        session.read_ahead();
        assert!(kept().is_none());
        fs::remove_file(&path).expect("it is there");
        session.read_ahead();
    }
}
