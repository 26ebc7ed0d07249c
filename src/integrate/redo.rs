//! Doing what a redo record says, for the first time or again: every step looks at the files as
//! they are, so it can be repeated, and a person's edit in between stays.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use crate::base::{Digest, RelPath};
use crate::integrate::commit::{CommitError, IntegrateGuard};
use crate::integrate::lock_ahead::{
    Changes, KnownLock, LockAhead, LockCopy, read_lock, write_lock,
};
use crate::integrate::manifest::{Edited, Operation, edit, edit_known};
use crate::integrate::manifest_file::read_manifest;
use crate::integrate::outcome::{AssetProblem, CommitReport, ManifestChange, Problem};
use crate::integrate::publish::{self, digest_on_disk};
use crate::integrate::record::{RedoRecord, Unit};
use crate::integrate::staged::{Replaced, Staged, remove_leftover};
use crate::lock::{Block, LockFile, OwnedEntry};

/// Gives the bytes of a finished file.
pub type Blobs<'a> = &'a dyn Fn(&Digest) -> io::Result<Vec<u8>>;

/// Up to this many files are made durable one by one; above, the whole file system is.
const FEW: usize = 32;

/// How many are made durable at the same time, beside one.
const SYNCS: usize = 3;

/// A moment of a commit, just before something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The redo record is written.
    Record,
    /// A temp file is written beside this path.
    Stage(&'a RelPath),
    /// The file at this path is replaced.
    Publish(&'a RelPath),
    /// The manifest is replaced.
    Manifest,
    /// The file at this path is removed.
    Remove(&'a RelPath),
    /// The lock is replaced.
    Lock,
    /// The redo record is removed.
    Done,
}

/// Is told of every step of a commit, and may stop there, as a crash would.
pub trait Checkpoint {
    /// Whether to go on.
    fn proceed(&self, step: Step<'_>) -> bool;
}

/// Never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uninterrupted;

impl Checkpoint for Uninterrupted {
    fn proceed(&self, _step: Step<'_>) -> bool {
        true
    }
}

/// What is known of the files that a commit edits, so that they need not be read whole again.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// The lock as it is on disk, known to be that since the integrate lock was taken.
    pub(super) lock: KnownLock<'a>,
    /// A copy of it, which is used up.
    pub(super) lock_copy: Option<&'a LockCopy>,
    /// Whether the lock is still what is on disk.
    pub(super) is_current: &'a (dyn Fn() -> bool + Sync),
    /// Content of a manifest that was read or written without an error.
    pub(super) manifest: Option<Digest>,
}

/// Completes a commit that was cut off; none if there is nothing to complete.
///
/// A file is replaced only if it has the digest that it had, or is gone. The manifest and the lock
/// are edited as they are now.
///
/// # Errors
/// `CommitError`; the record stays, so that the next run tries again.
pub fn roll_forward(
    root: &Path,
    record: &Path,
    blobs: Blobs<'_>,
    checkpoint: &dyn Checkpoint,
    _guard: &IntegrateGuard,
) -> Result<Option<CommitReport>, CommitError> {
    let Some(work) = RedoRecord::read(record)? else { return Ok(None) };
    let mut run = Run::new(root, &work, None, checkpoint);
    run.files(blobs)?;
    run.lock(None)?;
    run.finish(record).map(Some)
}

/// Writes the record of a commit that begins, does its work, and removes the record.
///
/// The new lock is written beside the old one meanwhile: unless something gets in the way of an
/// asset, it only has to be renamed.
pub(super) fn begin(
    root: &Path,
    work: &RedoRecord,
    known: Known<'_>,
    blobs: Blobs<'_>,
    checkpoint: &dyn Checkpoint,
    record: &Path,
) -> Result<CommitReport, CommitError> {
    let Known { lock, lock_copy, .. } = known;
    let mut run = Run::new(root, work, Some(known), checkpoint);
    let expected = run.lock_changes(lock.blocks())?;
    let (ahead, published) = thread::scope(|scope| {
        let ahead = scope.spawn(|| LockAhead::write(root, &work.lock, lock, expected, lock_copy));
        let published = work.write(record).map_err(Into::into).and_then(|()| run.files(blobs));
        (ahead.join().expect("writing a file does not panic"), published)
    });
    if let Err(error) = published {
        ahead.discard();
        return Err(error);
    }
    run.lock(Some(ahead))?;
    run.finish(record)
}

struct Run<'a> {
    root: &'a Path,
    work: &'a RedoRecord,
    known: Option<Known<'a>>,
    checkpoint: &'a dyn Checkpoint,
    report: CommitReport,
    /// Units, by id, of which nothing is committed.
    dropped: BTreeSet<&'a str>,
    /// Files that were replaced before their unit failed, and cannot be put back.
    partial: Vec<(RelPath, Digest)>,
    /// Units whose manifest entry is not as wanted: the lock keeps saying what it said of it.
    kept_entries: BTreeSet<&'a str>,
    /// Folders in which something was renamed.
    folders: BTreeSet<PathBuf>,
    /// The old lock.
    replaced: Option<Replaced>,
}

impl<'a> Run<'a> {
    fn new(
        root: &'a Path,
        work: &'a RedoRecord,
        known: Option<Known<'a>>,
        checkpoint: &'a dyn Checkpoint,
    ) -> Self {
        Self {
            root,
            work,
            known,
            checkpoint,
            report: CommitReport::default(),
            dropped: BTreeSet::new(),
            partial: Vec::new(),
            kept_entries: BTreeSet::new(),
            folders: BTreeSet::new(),
            replaced: None,
        }
    }

    /// Everything but the lock.
    fn files(&mut self, blobs: Blobs<'_>) -> Result<(), CommitError> {
        let staged = self.stage(blobs)?;
        self.publish(staged)?;
        self.manifest()?;
        self.remove()
    }

    /// Makes the renames durable, then removes the record.
    fn finish(self, record: &Path) -> Result<CommitReport, CommitError> {
        if !(self.folders.len() > FEW && sync_all(self.root)) {
            sync_folders(&self.folders).map_err(CommitError::Sync)?;
        }
        self.step(Step::Done)?;
        RedoRecord::remove(record)?;
        Ok(self.report)
    }

    fn step(&self, step: Step<'_>) -> Result<(), CommitError> {
        if self.checkpoint.proceed(step) { Ok(()) } else { Err(CommitError::Interrupted) }
    }

    fn report(&mut self, asset: &str, problem: Problem) {
        self.report.problems.push(AssetProblem { asset: asset.to_owned(), problem });
    }

    fn drop_unit(&mut self, unit: &'a Unit, problem: Problem) {
        self.dropped.insert(&unit.id);
        self.report(&unit.id, problem);
    }

    fn alive(&self) -> impl Iterator<Item = &'a Unit> + use<'a> {
        let dropped = self.dropped.clone();
        self.work.units.iter().filter(move |unit| !dropped.contains(unit.id.as_str()))
    }

    /// Writes all temp files: a full disk shows before the first file is replaced.
    fn stage(&mut self, blobs: Blobs<'_>) -> Result<Vec<Vec<Staged>>, CommitError> {
        let work = self.work;
        let mut all = Vec::with_capacity(work.units.len());
        for unit in &work.units {
            let mut staged = Vec::new();
            let mut failed = None;
            for file in &unit.files {
                match digest_on_disk(self.root, &file.path) {
                    Ok(Some(present)) if present == file.new => {
                        remove_leftover(self.root, &file.path, &file.new);
                        continue;
                    }
                    Ok(present) if present.is_none() || present == file.old => {}
                    Ok(_) => {
                        remove_leftover(self.root, &file.path, &file.new);
                        self.report(&unit.id, Problem::EditedMeanwhile(file.path.clone()));
                        continue;
                    }
                    Err(error) => {
                        failed = Some(Problem::Publish(error));
                        break;
                    }
                }
                self.step(Step::Stage(&file.path))?;
                let path = || file.path.clone();
                let bytes = blobs(&file.new).and_then(|bytes| {
                    let sound = Digest::of(&bytes) == file.new;
                    sound.then_some(bytes).ok_or_else(|| {
                        io::Error::new(io::ErrorKind::InvalidData, "the digest does not match")
                    })
                });
                let written = match bytes {
                    Ok(bytes) => {
                        Staged::write(self.root, &file.path, &bytes).map_err(Problem::Publish)
                    }
                    Err(source) => Err(Problem::Blob { path: path(), source }),
                };
                match written {
                    Ok(file) => staged.push(file),
                    Err(problem) => {
                        failed = Some(problem);
                        break;
                    }
                }
            }
            if let Some(problem) = failed {
                staged.drain(..).for_each(|file: Staged| file.discard());
                self.drop_unit(unit, problem);
            }
            all.push(staged);
        }
        let count = all.iter().map(Vec::len).sum::<usize>();
        if count > FEW && sync_all(self.root) {
            return Ok(all);
        }
        for (unit, staged) in work.units.iter().zip(&mut all) {
            if let Err(error) = staged.iter().try_for_each(Staged::sync) {
                staged.drain(..).for_each(|file| file.discard());
                self.drop_unit(unit, Problem::Publish(error));
            }
        }
        Ok(all)
    }

    fn publish(&mut self, all: Vec<Vec<Staged>>) -> Result<(), CommitError> {
        let work = self.work;
        for (unit, staged) in work.units.iter().zip(all) {
            if self.dropped.contains(unit.id.as_str()) {
                continue;
            }
            let held = unit.files.iter().find_map(|file| {
                let owner = file.after.as_deref()?;
                self.dropped.contains(owner).then(|| Problem::NotVacated {
                    path: file.path.clone(),
                    owner: owner.to_owned(),
                })
            });
            if let Some(problem) = held {
                staged.iter().for_each(Staged::discard);
                self.drop_unit(unit, problem);
                continue;
            }
            for (index, file) in staged.iter().enumerate() {
                self.step(Step::Publish(file.path()))?;
                if let Err(error) = file.rename() {
                    staged[index..].iter().for_each(Staged::discard);
                    self.undo(&staged[..index]);
                    self.report.published.retain(|(id, ..)| *id != unit.id);
                    self.drop_unit(unit, Problem::Publish(error));
                    break;
                }
                self.folders.insert(file.folder().to_owned());
                let size = file.digest().size;
                self.report.published.push((unit.id.clone(), file.path().clone(), size));
            }
        }
        Ok(())
    }

    /// Takes back what a unit published before it failed: new files go, replaced ones are noted.
    fn undo(&mut self, renamed: &[Staged]) {
        for file in renamed {
            let gone = !file.replaces
                && publish::remove_file(self.root, file.path(), &self.work.floor).is_ok();
            if !gone {
                self.partial.push((file.path().clone(), file.digest()));
            }
        }
    }

    fn manifest(&mut self) -> Result<(), CommitError> {
        let (owners, operations): (Vec<&'a str>, Vec<Operation>) = self
            .alive()
            .flat_map(|unit| unit.operations.iter().map(|op| (unit.id.as_str(), op.clone())))
            .unzip();
        if operations.is_empty() {
            return Ok(());
        }
        match self.edit_manifest(&operations)? {
            Ok(edited) => {
                self.report.entries = edited.changed;
                for (index, problem) in edited.problems {
                    // An entry that could not be removed is the person's from then on.
                    if matches!(operations[index], Operation::Upsert { .. }) {
                        self.kept_entries.insert(owners[index]);
                    }
                    self.report(owners[index], Problem::Entry(problem));
                }
            }
            // One broken manifest is one problem, told at the first asset that needs it.
            Err(problem) => {
                self.report(owners[0], problem);
                self.kept_entries.extend(owners);
            }
        }
        Ok(())
    }

    fn edit_manifest(
        &mut self,
        operations: &[Operation],
    ) -> Result<Result<Edited, Problem>, CommitError> {
        let path = &self.work.manifest;
        let had_entries = match self.known {
            Some(known) => !known.lock.blocks().is_empty(),
            None => !read_lock(self.root, &self.work.lock)?.is_empty(),
        };
        let read = || publish::read_text(self.root, path);
        let found = match read_manifest(had_entries, read) {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Ok(Err(Problem::Manifest(error))),
            Err(error) => return Ok(Err(Problem::ManifestFile(error))),
        };
        let before = found.as_ref().map(|text| Digest::of(text.as_bytes()));
        let text = found.unwrap_or_default();
        let known = self.known.and_then(|known| known.manifest);
        let edit = if known.is_some() && known == before { edit_known } else { edit };
        let edited = match edit(&text, operations) {
            Ok(edited) => edited,
            Err(error) => return Ok(Err(Problem::Manifest(error))),
        };
        if edited.text != text {
            self.step(Step::Manifest)?;
            match publish::replace_file(self.root, path, &[edited.text.as_bytes()]) {
                Ok(after) => self.report.manifest = Some(ManifestChange { before, after }),
                Err(error) => return Ok(Err(Problem::ManifestFile(error))),
            }
        }
        Ok(Ok(edited))
    }

    fn remove(&mut self) -> Result<(), CommitError> {
        let units: Vec<&Unit> = self.alive().collect();
        let claimed: HashSet<&RelPath> =
            units.iter().flat_map(|unit| &unit.files).map(|file| &file.path).collect();
        for unit in &units {
            for (path, old) in unit.removals.iter().filter(|(path, _)| !claimed.contains(path)) {
                match digest_on_disk(self.root, path) {
                    Ok(None) => {}
                    Ok(Some(present)) if present == *old => {
                        self.step(Step::Remove(path))?;
                        match publish::remove_file(self.root, path, &self.work.floor) {
                            Ok(()) => self.report.removed.push(path.clone()),
                            Err(error) => self.report(&unit.id, Problem::NotRemoved(error)),
                        }
                    }
                    Ok(Some(_)) => self.report(&unit.id, Problem::KeptChanged(path.clone())),
                    Err(error) => self.report(&unit.id, Problem::NotRemoved(error)),
                }
            }
        }
        Ok(())
    }

    /// `ahead`: the lock as it is to be if nothing got in the way.
    fn lock(&mut self, ahead: Option<LockAhead>) -> Result<(), CommitError> {
        let path = &self.work.lock;
        // Somebody who knows nothing of the integrate lock may have written it meanwhile.
        let known = self.known.filter(|known| (known.is_current)());
        self.report.is_disturbed = self.known.is_some() && known.is_none();
        let read;
        let mut lock = match known {
            Some(known) => known.lock,
            None => {
                read = read_lock(self.root, path)?;
                KnownLock::Whole(&read)
            }
        };
        let changes = self.lock_changes(lock.blocks())?;
        let ahead = match known {
            Some(_) => ahead.and_then(|ahead| ahead.with(&changes)),
            None => {
                ahead.into_iter().for_each(LockAhead::discard);
                None
            }
        };
        if ahead.is_none() && lock.is_unchanged_by(&changes) {
            return Ok(());
        }
        self.step(Step::Lock)?;
        let staged = match ahead {
            Some(staged) => staged,
            None => {
                let whole;
                if let KnownLock::Excerpt(_) = lock {
                    whole = read_lock(self.root, path)?;
                    lock = KnownLock::Whole(&whole);
                }
                let splice = lock.blocks().splice(&changes);
                write_lock(self.root, path, &splice).map_err(CommitError::LockFile)?
            }
        };
        self.replaced = Some(staged.rename_whole().map_err(CommitError::LockFile)?);
        self.folders.insert(staged.folder().to_owned());
        self.report.lock = Some(staged.into_written());
        Ok(())
    }

    /// The blocks that this commit changes.
    fn lock_changes(&self, lock: &LockFile) -> Result<Changes, CommitError> {
        let mut changes = Changes::new();
        for unit in &self.work.units {
            let dropped = self.dropped.contains(unit.id.as_str());
            for (id, block) in &unit.blocks {
                let current = lock.get(id).transpose()?;
                let change = match (dropped, block, current) {
                    (false, Some(block), current) => {
                        let mut block = block.clone();
                        if self.kept_entries.contains(unit.id.as_str()) {
                            block.entry = kept_entry(lock, unit, &block)?;
                        }
                        current.iter().for_each(|current| block.merge_purchases(current));
                        Some(block)
                    }
                    (false, None, _) => None,
                    // What was bought is noted, whatever became of the files.
                    (true, Some(block), Some(mut current)) => {
                        current.merge_purchases(block);
                        Some(current)
                    }
                    (true, ..) => continue,
                };
                changes.insert(id.clone(), change);
            }
        }
        self.release(lock, &mut changes)?;
        for (path, digest) in &self.partial {
            if let Some(owner) = lock.owner_of(path) {
                update(lock, &mut changes, owner, |block| {
                    for (own, output) in &mut block.outputs {
                        if own == path {
                            *output = *digest;
                        }
                    }
                })?;
            }
        }
        changes.retain(|id, block| block.is_some() || lock.contains(id));
        Ok(changes)
    }

    /// Takes from other blocks what the units of this commit own now. A block that holds nothing
    /// afterwards goes.
    fn release(&self, lock: &LockFile, changes: &mut Changes) -> Result<(), CommitError> {
        let mut releases: Vec<(String, Option<&RelPath>, Option<OwnedEntry>)> = Vec::new();
        for unit in self.alive() {
            releases.extend(unit.releases.iter().map(|(id, path)| (id.clone(), Some(path), None)));
            for id in unit.blocks.keys() {
                let Some(Some(block)) = changes.get(id) else { continue };
                let Some(entry) = &block.entry else { continue };
                let before = lock.get(id).transpose()?.and_then(|block| block.entry);
                if before.as_ref().is_some_and(|before| same_place(before, entry)) {
                    continue;
                }
                let owner = lock.owner_of_entry(&entry.section, &entry.key);
                releases.extend(
                    owner
                        .filter(|owner| owner != id)
                        .map(|owner| (owner.to_owned(), None, Some(entry.clone()))),
                );
            }
        }
        for (id, path, entry) in releases {
            update(lock, changes, &id, |block| {
                block.outputs.retain(|(own, _)| Some(own) != path);
                let taken = entry.zip(block.entry.as_ref()).is_some_and(|(a, b)| same_place(&a, b));
                if taken {
                    block.entry = None;
                }
            })?;
            let empty = |block: &Block| {
                block.outputs.is_empty() && block.entry.is_none() && block.purchases.is_empty()
            };
            let own = self.work.units.iter().any(|unit| unit.blocks.contains_key(&id));
            if !own && matches!(changes.get(&id), Some(Some(block)) if empty(block)) {
                changes.insert(id, None);
            }
        }
        Ok(())
    }
}

/// What the lock says of a unit's entry, under the id that the asset has or under its former one.
fn kept_entry(
    lock: &LockFile,
    unit: &Unit,
    block: &Block,
) -> Result<Option<OwnedEntry>, CommitError> {
    let own = lock.get(&block.id).transpose()?.and_then(|current| current.entry);
    if own.is_some() {
        return Ok(own);
    }
    for id in unit.blocks.keys().filter(|id| **id != block.id) {
        let former = lock.get(id).transpose()?.and_then(|former| former.entry);
        let taken = former.as_ref().zip(block.entry.as_ref());
        if taken.is_some_and(|(former, wanted)| same_place(former, wanted)) {
            return Ok(former);
        }
    }
    Ok(None)
}

fn same_place(a: &OwnedEntry, b: &OwnedEntry) -> bool {
    a.section == b.section && a.key == b.key
}

/// Changes a block that is in the lock or among the changes.
fn update(
    lock: &LockFile,
    changes: &mut Changes,
    id: &str,
    change: impl FnOnce(&mut Block),
) -> Result<(), CommitError> {
    if !changes.contains_key(id) {
        let Some(block) = lock.get(id).transpose()? else { return Ok(()) };
        changes.insert(id.to_owned(), Some(block));
    }
    if let Some(Some(block)) = changes.get_mut(id) {
        change(block);
    }
    Ok(())
}

/// Makes what happened in some folders durable. Syncs at the same time cost little more than one.
fn sync_folders(folders: &BTreeSet<PathBuf>) -> io::Result<()> {
    let Some(first) = folders.first() else { return Ok(()) };
    let others: Vec<&PathBuf> = folders.iter().skip(1).collect();
    let sync = |some: &[&PathBuf]| some.iter().try_for_each(|folder| publish::sync_folder(folder));
    thread::scope(|scope| {
        let parts = others.chunks(others.len().div_ceil(SYNCS).max(1));
        let parts: Vec<_> = parts.map(|some| scope.spawn(|| sync(some))).collect();
        let first = publish::sync_folder(first);
        let mut parts = parts.into_iter();
        first.and(parts.try_for_each(|part| part.join().expect("to sync a folder does not panic")))
    })
}

/// Makes everything on the project's file system durable, where one call does that.
#[cfg(target_os = "linux")]
fn sync_all(root: &Path) -> bool {
    std::fs::File::open(root).is_ok_and(|folder| rustix::fs::syncfs(folder).is_ok())
}

/// Makes everything on the project's file system durable, where one call does that.
#[cfg(not(target_os = "linux"))]
fn sync_all(_root: &Path) -> bool {
    false
}
