//! How much of the lock is read. Reading all of five megabytes would take as long as all the rest of a build
//! that changes one asset of ten thousand, so where some blocks are enough only those are.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use crate::cache::{Recorded, Stat};
use crate::integrate::lock_ahead::WORTH_A_COPY;
use crate::lock::{self, Conflicted, Excerpt, Lock, LockFile};
use crate::pipeline::load::Loaded;
use crate::pipeline::money;
use crate::pipeline::prepare::{PrepareError, read_optional};
use crate::pipeline::recall::Recall;
use crate::pipeline::session::{LOCKFILE, Session, lock_path};
use crate::spec::AssetSpec;
use crate::spec::op::GroupGain;

/// Blocks up to which they are looked for one by one.
const FEW: usize = 64;

/// A lock that was read, now or before.
pub(super) enum ReadLock {
    Clean(Arc<LockFile>),
    Part(Excerpt),
    Conflicted(Box<Conflicted>),
}

/// The lock as it is on disk; `bytes`, if it was read already.
pub(super) fn read_lock(
    session: &Session,
    bytes: Option<Vec<u8>>,
) -> Result<ReadLock, PrepareError> {
    let stat = session.files().stat(&lock_path()).ok();
    if let Some((_, lock)) = stat.and_then(|stat| session.kept_lock(stat)) {
        return Ok(ReadLock::Clean(lock));
    }
    let text = match bytes.map(String::from_utf8) {
        Some(Ok(text)) => text,
        // Reading it as text says what is wrong with it.
        Some(Err(_)) | None => read_optional(&session.lock_path(), LOCKFILE)?.unwrap_or_default(),
    };
    Ok(match lock::read(text)? {
        Lock::Clean(lock) => ReadLock::Clean(Arc::new(lock)),
        Lock::Conflicted(conflicted) => ReadLock::Conflicted(Box::new(conflicted)),
    })
}

/// Whether some blocks may be enough: of a large lock that is the recorded one, and of which nothing else has
/// to be told or done.
pub(super) fn may_read_part(session: &Session, recall: &Recall) -> bool {
    let asleep = &recall.asleep;
    let summary = asleep.snapshot.summary();
    let is_large = |lock: &Recorded| lock.stat.size >= WORTH_A_COPY;
    (1..=FEW).contains(&asleep.others().len())
        && recall.lock_bytes.is_none()
        && asleep.lock.is_none()
        && asleep.other_blocks.is_empty()
        && !asleep.has_orphans()
        && summary.lock.as_ref().is_some_and(is_large)
        && summary.lock.is_some_and(|lock| session.kept_lock(lock.stat).is_none())
}

/// The blocks of what is awake, and of what was and is gone; none if other blocks may matter: those of
/// another id that an asset had before, those that something was bought for, those of a group.
pub(super) fn read_part(session: &Session, loaded: &Loaded) -> Option<Excerpt> {
    let asleep = loaded.asleep.as_ref()?;
    let is_plain =
        |asset: &AssetSpec| asset.generate.is_free() && GroupGain::of(&asset.steps).is_none();
    let summary = asleep.snapshot.summary();
    let restores = summary.has_purchases && money::is_journal_lost(session, &loaded.config);
    if restores || !loaded.assets.iter().all(is_plain) {
        return None;
    }
    let others = asleep.others();
    let ids: BTreeSet<&str> =
        loaded.assets.iter().map(|asset| &*asset.id).chain(others.iter().map(|id| &**id)).collect();
    let file = File::open(lock_path().under(session.root())).ok()?;
    let stat = Stat::of(&file.metadata().ok()?);
    let is_recorded = summary.lock.is_some_and(|lock| lock.stat == stat);
    if is_recorded { Excerpt::read(file, ids).ok()? } else { None }
}
