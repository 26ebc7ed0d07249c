//! The one commit of a run: what was built reaches files, manifest and lock together, or after a
//! crash when the redo record is rolled forward. This file decides what may be touched; `redo`
//! touches it. Order and ownership: docs/design/integrate.md.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::base::{Digest, RelPath};
use crate::integrate::json::value_digest;
use crate::integrate::lock_ahead::{KnownLock, LockCopy, read_lock};
use crate::integrate::manifest::Operation;
use crate::integrate::outcome::{AssetProblem, CommitReport, ManifestChange, Problem};
use crate::integrate::prune::Prune;
use crate::integrate::publish::{PublishError, digest_on_disk};
use crate::integrate::record::{FileRedo, RecordError, RedoRecord, Unit};
use crate::integrate::redo::{self, Blobs, Checkpoint, Known, Step};
use crate::lock::{Block, LockError, LockFile, OwnedEntry};

/// Proof that this process holds the integrate lock; dropping it lets others go on.
#[derive(Debug)]
pub struct IntegrateGuard {
    _file: File,
}

impl IntegrateGuard {
    /// Waits for the lock on the file at `path`, which is created if needed.
    ///
    /// # Errors
    /// What the system says, also where files cannot be locked.
    pub fn acquire(path: &Path) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = Self::open(path).map_err(named)?;
        file.lock().map_err(named)?;
        Ok(Self { _file: file })
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    /// As `acquire`.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(path: &Path) -> io::Result<File> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        File::options().create(true).truncate(false).write(true).open(path)
    }
}

/// Everything that a run wants to commit.
pub struct CommitRequest<'a> {
    /// The project root.
    pub root: &'a Path,
    /// The lockfile.
    pub lock: &'a RelPath,
    /// The manifest.
    pub manifest: &'a RelPath,
    /// The folder of published files; empty folders below it are removed.
    pub assets_dir: &'a RelPath,
    /// Where the redo record goes, in `.assetcache`.
    pub record: &'a Path,
    /// Assets that were built.
    pub assets: &'a [AssetCommit],
    /// Blocks of assets that something was bought for and nothing is published: the lock takes over
    /// their purchases, and the whole block if it has none of that id.
    pub unpublished: &'a [Block],
    /// Blocks to remove with their files.
    pub prune: &'a [Prune],
    /// Ids of blocks without a spec: an asset may take over their paths and entries.
    pub orphans: &'a BTreeSet<String>,
    /// The finished files by digest.
    pub blobs: Blobs<'a>,
    /// Whether files that were edited by hand are overwritten.
    pub overwrite_drifted: bool,
    /// The lock as it is on disk, if the caller has read it and knows that nobody wrote it since.
    pub current: Option<KnownLock<'a>>,
    /// A copy of `current`, which may be used up.
    pub lock_copy: Option<&'a LockCopy>,
    /// Whether `current` is still what is on disk.
    pub is_current: &'a (dyn Fn() -> bool + Sync),
    /// Whether the manifest is known to hold what the lock says: unchanged entries are then not
    /// looked at.
    pub manifest_unchanged: bool,
    /// Content of the manifest as this run or an earlier one read it without an error, or wrote it:
    /// while it is that, only the entries that change are read.
    pub manifest_known: Option<Digest>,
    /// Is told of every step.
    pub checkpoint: &'a dyn Checkpoint,
}

/// One asset as it shall be.
#[derive(Debug, Clone)]
pub struct AssetCommit {
    /// The new block: its outputs are the files to publish. `entry` is set by the commit.
    pub block: Block,
    /// The manifest entry, if the asset has one.
    pub entry: Option<EntryCommit>,
    /// What the lock said was picked when the asset was planned: a later pick stays.
    pub picked_before: Option<Digest>,
    /// The id under which the lock knows the asset so far, if it was renamed.
    pub renamed_from: Option<String>,
}

/// A manifest entry as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryCommit {
    /// Keys from `assets` down to the container.
    pub section: Vec<String>,
    /// Key in the map, or the `key` field of the list item.
    pub key: String,
    /// The value, from `entry_value`.
    pub value: Value,
}

/// Why nothing could be committed, or a commit was cut off. A redo record that is on disk stays.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The lock has conflict markers, which have to be resolved first.
    #[error("the lock has conflict markers")]
    Conflicted,
    /// The lock cannot be understood.
    #[error("the lock cannot be read")]
    Lock(#[from] LockError),
    /// The lockfile cannot be read or written.
    #[error("failed to access the lock")]
    LockFile(#[source] PublishError),
    /// The redo record cannot be written or read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A folder could not be made durable.
    #[error("failed to flush the published files")]
    Sync(#[source] io::Error),
    /// A checkpoint stopped the commit.
    #[error("the commit was interrupted")]
    Interrupted,
}

/// Publishes files, then the manifest, removes what is not needed any more, then writes the lock.
///
/// Files are published from `blobs`; only the blocks of this request change in the lock as it is on
/// disk now. An asset with a problem is dropped as a whole and the others go on. A record that an
/// earlier commit left is rolled forward first.
///
/// # Errors
/// `CommitError` when nothing can be committed.
pub fn commit(
    request: &CommitRequest<'_>,
    guard: &IntegrateGuard,
) -> Result<CommitReport, CommitError> {
    let CommitRequest { root, record, blobs, checkpoint, .. } = *request;
    let earlier = redo::roll_forward(root, record, blobs, checkpoint, guard)?;
    let read;
    let current = request.current.filter(|_| earlier.is_none());
    let (lock, lock_copy) = match current.filter(|lock| suffices(*lock, request)) {
        Some(lock) => (lock, request.lock_copy),
        None => {
            read = read_lock(root, request.lock)?;
            (KnownLock::Whole(&read), None)
        }
    };
    let (units, problems) = Planner::new(request, lock.blocks())?.units()?;
    let mut report = earlier.unwrap_or_default();
    report.problems.extend(problems);
    if units.is_empty() {
        return Ok(report);
    }
    let work = RedoRecord {
        lock: request.lock.clone(),
        manifest: request.manifest.clone(),
        floor: request.assets_dir.clone(),
        units,
    };
    if !checkpoint.proceed(Step::Record) {
        return Err(CommitError::Interrupted);
    }
    let (manifest, is_current) = (request.manifest_known, request.is_current);
    let known = Known { lock, lock_copy, is_current, manifest };
    let done = redo::begin(root, &work, known, blobs, checkpoint, record)?;
    report.published.extend(done.published);
    report.removed.extend(done.removed);
    report.entries += done.entries;
    report.lock = done.lock.or(report.lock);
    report.is_disturbed = done.is_disturbed;
    report.manifest = match (report.manifest, done.manifest) {
        (Some(first), Some(last)) => Some(ManifestChange { after: last.after, ..first }),
        (one, other) => other.or(one),
    };
    report.problems.extend(done.problems);
    Ok(report)
}

/// Whether a commit needs no more of the lock than is known: of one of which some blocks were read, those of
/// assets that keep their id, their paths and their entry.
fn suffices(lock: KnownLock<'_>, request: &CommitRequest<'_>) -> bool {
    let KnownLock::Excerpt(excerpt) = lock else { return true };
    let is_alone = |asset: &AssetCommit| {
        let Some(Ok(own)) = excerpt.blocks().get(&asset.block.id) else { return false };
        let has_entry = |entry: &EntryCommit| {
            let own = own.entry.as_ref();
            own.is_some_and(|own| own.section == entry.section && own.key == entry.key)
        };
        asset.renamed_from.is_none()
            && asset.block.outputs.iter().all(|(path, _)| own.output(path).is_some())
            && asset.entry.as_ref().map_or(own.entry.is_none(), has_entry)
    };
    request.prune.is_empty()
        && request.unpublished.is_empty()
        && request.assets.iter().all(is_alone)
}

/// Turns a request into units, by what the lock and the files say.
struct Planner<'a> {
    request: &'a CommitRequest<'a>,
    lock: &'a LockFile,
    /// Path to the asset of this request that publishes it.
    claims: HashMap<&'a RelPath, &'a str>,
    /// Old id of a block to the unit that changes or removes it.
    movers: HashMap<&'a str, &'a str>,
}

/// An asset's plan, or what stands in its way.
type Planned = Result<Unit, Problem>;

impl<'a> Planner<'a> {
    fn new(request: &'a CommitRequest<'a>, lock: &'a LockFile) -> Result<Self, CommitError> {
        let mut claims = HashMap::new();
        let mut movers = HashMap::new();
        for asset in request.assets {
            let id = asset.block.id.as_str();
            movers.insert(id, id);
            movers.extend(asset.renamed_from.as_deref().map(|old| (old, id)));
            for (path, _) in &asset.block.outputs {
                claims.entry(path).or_insert(id);
            }
        }
        movers.extend(request.prune.iter().map(|prune| (prune.id.as_str(), prune.id.as_str())));
        Ok(Self { request, lock, claims, movers })
    }

    fn units(&self) -> Result<(Vec<Unit>, Vec<AssetProblem>), CommitError> {
        let mut units = Vec::new();
        let mut problems = Vec::new();
        for asset in self.request.assets {
            match self.asset(asset)? {
                Ok(unit) => units.push(unit),
                Err(problem) => {
                    problems.push(AssetProblem { asset: asset.block.id.clone(), problem });
                }
            }
        }
        for bought in self.request.unpublished {
            let mut block =
                self.lock.get(&bought.id).transpose()?.unwrap_or_else(|| bought.clone());
            block.merge_purchases(bought);
            let blocks = BTreeMap::from([(bought.id.clone(), Some(block))]);
            units.push(Unit { id: bought.id.clone(), blocks, ..Unit::default() });
        }
        for prune in self.request.prune {
            if let Some(block) = self.lock.get(&prune.id).transpose()? {
                units.push(prune.unit(&block));
            }
        }
        drop_dependents(&mut units, &mut problems);
        Ok((owners_first(units), problems))
    }

    fn asset(&self, asset: &AssetCommit) -> Result<Planned, CommitError> {
        let block = &asset.block;
        let own = self.lock.get(&block.id).transpose()?;
        let former = match &asset.renamed_from {
            Some(id) => self.lock.get(id).transpose()?,
            None => None,
        };
        if own.as_ref().is_some_and(|own| own.adopted && !block.adopted) {
            // A person did that while the asset was built.
            return Ok(Err(Problem::Adopted));
        }
        let olds: Vec<&Block> = own.iter().chain(&former).collect();
        let mut unit = Unit { id: block.id.clone(), ..Unit::default() };
        for (path, new) in &block.outputs {
            match self.file(&block.id, path, *new, &olds)? {
                Ok((file, release)) => {
                    unit.files.push(file);
                    unit.releases.extend(release.map(|owner| (owner, path.clone())));
                }
                Err(problem) => return Ok(Err(problem)),
            }
        }
        for (path, old) in olds.iter().flat_map(|block| &block.outputs) {
            let kept = unit.files.iter().any(|file| file.path == *path)
                || unit.removals.iter().any(|(known, _)| known == path);
            if !kept {
                unit.removals.push((path.clone(), *old));
            }
        }
        let mut new_block = block.clone();
        if let Some(own) = own.as_ref().filter(|own| own.pick != asset.picked_before) {
            new_block.pick = own.pick;
        }
        new_block.entry = asset.entry.as_ref().map(|entry| OwnedEntry {
            section: entry.section.clone(),
            key: entry.key.clone(),
            value: value_digest(&entry.value),
        });
        self.entry(asset, new_block.entry.as_ref(), &olds, &mut unit)?;
        olds.iter().for_each(|old| new_block.merge_purchases(old));
        unit.blocks.insert(block.id.clone(), Some(new_block));
        if let Some(id) = asset.renamed_from.as_ref().filter(|id| **id != block.id) {
            unit.blocks.insert(id.clone(), None);
        }
        Ok(Ok(unit))
    }

    /// Whether a file may be published, and the orphan that gives the path up for it.
    fn file(
        &self,
        id: &str,
        path: &RelPath,
        new: Digest,
        olds: &[&Block],
    ) -> Result<Result<(FileRedo, Option<String>), Problem>, CommitError> {
        let first = self.claims.get(path).copied().unwrap_or(id);
        if first != id {
            return Ok(Err(Problem::Contested { path: path.clone(), other: first.to_owned() }));
        }
        let present = match digest_on_disk(self.request.root, path) {
            Ok(present) => present,
            Err(error) => return Ok(Err(Problem::Publish(error))),
        };
        let mut file = FileRedo { path: path.clone(), old: present, new, after: None };
        let mut release = None;
        let mut written = olds.iter().find_map(|old| old.output(path));
        let owned = written.is_some();
        if !owned && let Some(owner) = self.lock.owner_of(path) {
            match self.movers.get(owner) {
                Some(mover) => file.after = Some((*mover).to_owned()),
                None if self.request.orphans.contains(owner) => release = Some(owner.to_owned()),
                None => {
                    let owner = owner.to_owned();
                    return Ok(Err(Problem::OwnedBy { path: path.clone(), owner }));
                }
            }
            written = self.lock.get(owner).transpose()?.and_then(|block| block.output(path));
        }
        let verdict = match present {
            None => Ok(()),
            Some(present) if present == new || Some(present) == written => Ok(()),
            Some(_) if written.is_none() => Err(Problem::Foreign(path.clone())),
            Some(_) if self.request.overwrite_drifted => Ok(()),
            Some(_) => Err(Problem::Drifted(path.clone())),
        };
        Ok(verdict.map(|()| (file, release)))
    }

    fn entry(
        &self,
        asset: &AssetCommit,
        new: Option<&OwnedEntry>,
        olds: &[&Block],
        unit: &mut Unit,
    ) -> Result<(), CommitError> {
        let place = |entry: &OwnedEntry| (entry.section.clone(), entry.key.clone());
        let old_entries: Vec<&OwnedEntry> =
            olds.iter().filter_map(|block| block.entry.as_ref()).collect();
        for old in &old_entries {
            if new.map(place) != Some(place(old)) {
                unit.operations.push(Operation::Remove {
                    section: old.section.clone(),
                    key: old.key.clone(),
                    owned: old.value,
                });
            }
        }
        let (Some(new), Some(entry)) = (new, &asset.entry) else { return Ok(()) };
        let mut owned =
            old_entries.iter().find(|old| place(old) == place(new)).map(|old| old.value);
        if self.request.manifest_unchanged && owned == Some(new.value) {
            return Ok(());
        }
        if owned.is_none()
            && let Some(owner) = self.lock.owner_of_entry(&new.section, &new.key)
            && (self.request.orphans.contains(owner) || self.movers.contains_key(owner))
        {
            let block = self.lock.get(owner).transpose()?;
            owned = block.and_then(|block| block.entry).map(|entry| entry.value);
        }
        unit.operations.push(Operation::Upsert {
            section: entry.section.clone(),
            key: entry.key.clone(),
            value: entry.value.clone(),
            owned,
        });
        Ok(())
    }
}

/// Drops units that wait for a path whose owner does not move.
fn drop_dependents(units: &mut Vec<Unit>, problems: &mut Vec<AssetProblem>) {
    loop {
        let holds: BTreeMap<&str, &Unit> =
            units.iter().map(|unit| (unit.id.as_str(), unit)).collect();
        let blocked = units.iter().position(|unit| blocking(unit, &holds).is_some());
        let Some(index) = blocked else { return };
        let problem = blocking(&units[index], &holds).expect("it was found a line above");
        let unit = units.remove(index);
        problems.push(AssetProblem { asset: unit.id, problem });
    }
}

fn blocking(unit: &Unit, holds: &BTreeMap<&str, &Unit>) -> Option<Problem> {
    unit.files.iter().find_map(|file| {
        let owner = file.after.as_deref()?;
        (!holds.contains_key(owner))
            .then(|| Problem::NotVacated { path: file.path.clone(), owner: owner.to_owned() })
    })
}

/// Sorts units so that whoever leaves a path comes before whoever takes it. Assets that exchange
/// their paths keep the order of the request: their bytes come from the store, not from each other.
fn owners_first(units: Vec<Unit>) -> Vec<Unit> {
    let places: HashMap<String, usize> =
        units.iter().enumerate().map(|(index, unit)| (unit.id.clone(), index)).collect();
    let mut seen = vec![false; units.len()];
    let mut order = Vec::with_capacity(units.len());
    for start in 0..units.len() {
        // Depth first with a stack of its own: chains of moves may be long.
        let mut stack = vec![(start, false)];
        while let Some((index, done)) = stack.pop() {
            if done {
                order.push(index);
            } else if !std::mem::replace(&mut seen[index], true) {
                stack.push((index, true));
                let owners = units[index].files.iter().filter_map(|file| file.after.as_ref());
                stack.extend(owners.filter_map(|owner| places.get(owner)).map(|&at| (at, false)));
            }
        }
    }
    let mut units: Vec<Option<Unit>> = units.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| units[index].take()).collect()
}

#[cfg(test)]
mod tests;
