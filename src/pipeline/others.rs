//! What somebody else wrote into lock and manifest since the last run, and which assets it concerns.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::base::{Digest, RelPath};
use crate::cache::snapshot::{Asset, Snapshot};
use crate::cache::{Content, Recorded, Stamp};
use crate::integrate::manifest::{find_entry, read_entries};
use crate::integrate::manifest_file;
use crate::integrate::value_digest;
use crate::lock::{self, Lock, LockFile};
use crate::pipeline::lock_reader::{ReadLock, read_lock};
use crate::pipeline::prepare::read_optional;
use crate::pipeline::session::{Session, lock_path};

/// A lock that is another one than recorded.
pub(super) struct OtherLock {
    /// Its content.
    pub(super) bytes: Vec<u8>,
    /// What is to be recorded of it.
    pub(super) recorded: Recorded,
    /// Ids of blocks that are others, new or gone.
    pub(super) changed: HashSet<String>,
}

impl OtherLock {
    /// Compares the lock with the recorded one; none if that is not in memory, or if the lock cannot be
    /// read, has conflict markers or says other things of itself.
    pub(super) fn compare(session: &Session, last: &Recorded, stamp: Stamp) -> Option<Self> {
        let old = session.kept_lock_of(&last.digest)?;
        let (bytes, stat) = session.files().read(&lock_path()).ok()?;
        let digest = Content::Bytes.digest(&bytes);
        let text = String::from_utf8(bytes.clone()).ok()?;
        let Ok(Lock::Clean(new)) = lock::read(text) else { return None };
        let changed = changed_blocks(&old, &new)?;
        let recorded = Recorded { stat, digest, racy: stat.is_racy(stamp) };
        Some(Self { bytes, recorded, changed })
    }
}

/// Ids of blocks that are not the same in both; none if what stands before them is not.
fn changed_blocks(old: &LockFile, new: &LockFile) -> Option<HashSet<String>> {
    if old.preamble() != new.preamble() {
        return None;
    }
    let differs = |id: &&str| old.block_text(id) != new.block_text(id);
    Some(old.ids().chain(new.ids()).filter(differs).map(str::to_owned).collect())
}

/// A manifest that is another one than recorded.
pub(super) struct OtherManifest {
    /// What is to be recorded of it.
    pub(super) recorded: Recorded,
    /// Numbers of recorded assets whose entry does not stand as their block says.
    pub(super) changed: HashSet<u32>,
}

impl OtherManifest {
    /// Compares the manifest at `path` with the lock; none if either cannot be read.
    ///
    /// `lock_bytes`: the lock, if it was read already.
    pub(super) fn compare(
        session: &Session,
        record: &Snapshot,
        path: &RelPath,
        lock_bytes: Option<&[u8]>,
        stamp: Stamp,
    ) -> Option<Self> {
        let ReadLock::Clean(lock) = read_lock(session, lock_bytes.map(<[u8]>::to_vec)).ok()? else {
            return None;
        };
        let stat = session.files().stat(path).ok()?;
        let read = || read_optional(&path.under(session.root()), path.as_str());
        let text = manifest_file::read_manifest(!lock.is_empty(), read).ok()?.ok()??;
        let entries = read_entries(&text).ok()?;
        let digest = Digest::of(text.as_bytes());
        let stands = |asset: &Asset<'_>| {
            let entry = lock.get(asset.id())?.ok()?.entry?;
            let value = find_entry(&entries, &entry.section, &entry.key)?;
            (value_digest(&value) == entry.value).then_some(())
        };
        let assets: Vec<Asset<'_>> = record.assets().collect();
        let changed = assets.par_iter().filter(|asset| stands(asset).is_none());
        let changed = changed.map(|asset| asset.number()).collect();
        // What was read may be newer than the stat, never older: then the next run reads it again.
        Some(Self { recorded: Recorded { stat, digest, racy: stat.is_racy(stamp) }, changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_others_new_or_gone_are_found() {
        let lock = |text: &str| LockFile::parse(text).expect("a lock");
        let old = "version = 1\n\n[asset.a]\nkey = 1\n\n[asset.b]\nkey = 2\n\n[asset.c]\nkey = 3\n";
        let changed = |new: &str| {
            let changed = changed_blocks(&lock(old), &lock(new))?;
            let mut ids: Vec<String> = changed.into_iter().collect();
            ids.sort();
            Some(ids)
        };
        assert_eq!(changed(old), Some(vec![]));
        let new = old.replace("key = 2", "key = 4").replace("[asset.c]", "[asset.d]");
        assert_eq!(changed(&new), Some(vec!["b".to_owned(), "c".to_owned(), "d".to_owned()]));
        assert_eq!(changed(&format!("# A note.\n{old}")), None, "what that means nobody knows");
    }
}
