//! Decisions by hand and upkeep: keep, adopt, unpin, prune, gc, and mending the stores.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use crate::base::{ActionKey, Digest, Raw, RelPath};
use crate::cache::{
    BlobReport, CasError, FileError, GcPlan, Keep, LocalCas, Pruned, Run, RunError, State,
    StateError, plan_gc, run_gc, verify_blobs,
};
use crate::graph::AssetIndex;
use crate::integrate::commit::{CommitError, CommitRequest, IntegrateGuard, commit};
use crate::integrate::outcome::CommitReport;
use crate::integrate::prune::{Orphan, Prune, orphans};
use crate::integrate::publish::{self, PublishError};
use crate::integrate::record::{RecordError, RedoRecord};
use crate::integrate::redo::Uninterrupted;
use crate::lock::{self, Block, Kept, Lock, LockError, LockFile};
use crate::pipeline::committing::unpublished;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::session::{LOCKFILE, Session, finished_file};
use crate::plan::State as AssetState;
use crate::process::{self, Job, ProcessError};
use crate::purchase::{RawError, RawStore};
use crate::spec::op::{ProcessOp, Step};

/// A store or the lock could not be maintained.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The asset was never built, so there is nothing to decide about.
    #[error("`{0}` was never built, so there is nothing to {1}")]
    NeverBuilt(String, &'static str),
    /// The asset's file is gone.
    #[error("`{id}` cannot be adopted")]
    Unreadable {
        /// The asset.
        id: String,
        /// Why.
        source: FileError,
    },
    /// The asset already follows its spec.
    #[error("`{0}` is neither kept nor adopted")]
    NotPinned(String),
    /// The result is already good for the spec.
    #[error("`{0}` is not stale, so there is nothing to keep")]
    NotStale(String),
    /// The lock cannot be understood.
    #[error("failed to read {LOCKFILE}")]
    Lock(#[from] LockError),
    /// The lock has conflict markers.
    #[error("{LOCKFILE} has merge conflicts; a build resolves them")]
    Conflicted,
    /// A file cannot be written.
    #[error("failed to write")]
    Publish(#[from] PublishError),
    /// The lock on publishing cannot be taken.
    #[error("failed to take the lock on publishing")]
    Guard(#[source] io::Error),
    /// The files could not be deleted.
    #[error("failed to prune")]
    Commit(#[from] CommitError),
    /// An adopted file cannot be stored.
    #[error("failed to store the adopted file")]
    Raw(#[from] RawError),
    /// The other encodings of an adopted file cannot be made.
    #[error("failed to encode the adopted file")]
    Process(#[from] ProcessError),
    /// Another run is at work.
    #[error("another run uses the cache; clean up when it has ended")]
    Busy,
    /// Live runs cannot be told from dead ones.
    #[error("failed to look for other runs")]
    Run(#[from] RunError),
    /// What a commit that was cut off needs is not known.
    #[error("failed to read the record of a commit")]
    Record(#[from] RecordError),
    /// The cache cannot be read or written.
    #[error("failed to use the cache")]
    Cas(#[from] CasError),
    /// The database cannot be used.
    #[error("failed to use the database")]
    State(#[from] StateError),
}

impl MaintainError {
    /// Whether the request, and not the world, is the cause.
    pub fn is_invalid(&self) -> bool {
        matches!(
            self,
            Self::NeverBuilt(..)
                | Self::NotPinned(_)
                | Self::NotStale(_)
                | Self::Lock(_)
                | Self::Conflicted
                | Self::Commit(CommitError::Lock(_) | CommitError::Conflicted)
        )
    }
}

/// Declares the present results of the selected stale assets good for their new requests; returns
/// their ids.
///
/// # Errors
/// `MaintainError`; then no asset is kept.
pub fn keep(
    session: &Session,
    prepared: &Prepared,
    reason: &str,
) -> Result<Vec<String>, MaintainError> {
    let guard = guard(session)?;
    let mut kept = Vec::new();
    let mut wanted: BTreeMap<String, ActionKey> = BTreeMap::new();
    for &asset in &prepared.selected {
        let id = &asset.of(&prepared.loaded.assets).id;
        let key = asset.of(&prepared.keys).wanted.key;
        let block = block_of(prepared, asset)
            .filter(|block| !block.outputs.is_empty())
            .ok_or_else(|| MaintainError::NeverBuilt(id.clone(), "keep"))?;
        let is_good = block.wanted == key || block.kept.iter().any(|kept| kept.wanted == key);
        if !is_good {
            kept.push(id.clone());
            wanted.insert(block.id, key);
        } else if prepared.selected.len() == 1 {
            return Err(MaintainError::NotStale(id.clone()));
        }
    }
    edit_blocks(session, &guard, wanted.keys(), |block| {
        let kept = Kept { wanted: wanted[&block.id], reason: reason.to_owned() };
        block.kept.push(kept);
        Ok(())
    })?;
    Ok(kept)
}

/// Notes that a person picked one of an asset's results, which is among `candidates`.
///
/// # Errors
/// `MaintainError`; then nothing is picked.
pub fn pick(
    session: &Session,
    prepared: &Prepared,
    asset: AssetIndex,
    candidates: &[lock::Purchase],
    picked: &lock::Purchase,
) -> Result<(), MaintainError> {
    let guard = guard(session)?;
    let old = block_of(prepared, asset);
    let spec = asset.of(&prepared.loaded.assets);
    let keys = asset.of(&prepared.keys);
    let mut block = old.unwrap_or_else(|| unpublished(&spec.id, keys));
    let known = block.purchases.clone();
    let is_new = |one: &&lock::Purchase| known.iter().all(|known| known.id != one.id);
    block.purchases.extend(candidates.iter().filter(is_new).cloned());
    let lock = read_lock(session)?;
    // Another run may have changed the block since it was read.
    let mut current = lock.get(&block.id).transpose()?.unwrap_or_else(|| block.clone());
    current.merge_purchases(&block);
    current.pick = Some(picked.raw);
    write_blocks(session, &guard, &lock, BTreeMap::from([(current.id.clone(), Some(current))]))
}

/// Makes the published files of the selected assets the finished ones, as they are on disk; other
/// encodings of an edited main file are made again from it. Returns the ids.
///
/// # Errors
/// `MaintainError`; then no asset is adopted.
pub fn adopt(session: &Session, prepared: &Prepared) -> Result<Vec<String>, MaintainError> {
    let guard = guard(session)?;
    let raws = session.raws(&prepared.loaded.config.paid_dir);
    let mut adopted = Vec::new();
    let mut outputs: BTreeMap<String, Vec<(RelPath, Digest)>> = BTreeMap::new();
    for &asset in &prepared.selected {
        let spec = asset.of(&prepared.loaded.assets);
        let block = block_of(prepared, asset)
            .ok_or_else(|| MaintainError::NeverBuilt(spec.id.clone(), "adopt"))?;
        let files = adopt_files(session, &raws, prepared, asset, &block)?;
        adopted.push(spec.id.clone());
        outputs.insert(block.id, files);
    }
    edit_blocks(session, &guard, outputs.keys(), |block| {
        block.outputs.clone_from(&outputs[&block.id]);
        block.adopted = true;
        block.provisional = false;
        Ok(())
    })?;
    Ok(adopted)
}

/// Stores an asset's files as they are on disk and gives their digests.
fn adopt_files(
    session: &Session,
    raws: &RawStore,
    prepared: &Prepared,
    asset: AssetIndex,
    block: &Block,
) -> Result<Vec<(RelPath, Digest)>, MaintainError> {
    let spec = asset.of(&prepared.loaded.assets);
    let mut contents = Vec::new();
    for (path, digest) in &block.outputs {
        let read = session.files().read(path);
        let unreadable = |source| MaintainError::Unreadable { id: spec.id.clone(), source };
        let (bytes, _) = read.map_err(unreadable)?;
        let is_edited = Digest::of(&bytes) != *digest;
        contents.push((path.clone(), bytes, is_edited));
    }
    let main_edited = contents.first().is_some_and(|(_, _, is_edited)| *is_edited);
    if main_edited && contents.len() == spec.publish.files.len() {
        let main = &spec.publish.files[0];
        let raw = Raw::File(contents[0].1.clone().into(), main.encoding);
        let is_encoding = |step: &&Step| {
            let Step::Process(op) = step else { return false };
            matches!(op, ProcessOp::Convert { .. } | ProcessOp::Variants { .. })
        };
        let steps: Vec<Step> = spec.steps.iter().filter(is_encoding).cloned().collect();
        let processed = process::process(&Job {
            raw: &raw,
            requested: None,
            steps: &steps,
            files: &spec.publish.files,
            sources: &BTreeMap::new(),
            gains: &BTreeMap::new(),
        })?;
        for ((path, bytes, is_edited), made) in contents.iter_mut().zip(processed.files).skip(1) {
            if !*is_edited {
                *bytes = made.bytes;
                publish::write_file(session.root(), path, bytes)?;
            }
        }
    }
    let mut outputs = Vec::new();
    for (path, bytes, _) in contents {
        raws.put(&bytes, path.extension().unwrap_or("bin"))?;
        outputs.push((path, Digest::of(&bytes)));
    }
    Ok(outputs)
}

/// Lets the specs of the selected assets decide again, after `keep` or `adopt`; returns the ids.
///
/// # Errors
/// `MaintainError`; then no asset is changed.
pub fn unpin(session: &Session, prepared: &Prepared) -> Result<Vec<String>, MaintainError> {
    let guard = guard(session)?;
    let mut unpinned = Vec::new();
    let mut ids = BTreeSet::new();
    for &asset in &prepared.selected {
        let id = &asset.of(&prepared.loaded.assets).id;
        match block_of(prepared, asset) {
            Some(block) if block.adopted || !block.kept.is_empty() => {
                unpinned.push(id.clone());
                ids.insert(block.id);
            }
            _ if prepared.selected.len() == 1 => return Err(MaintainError::NotPinned(id.clone())),
            _ => {}
        }
    }
    edit_blocks(session, &guard, ids.iter(), |block| {
        if block.adopted {
            block.adopted = false;
            // No definition has this key, so the asset is made again.
            block.definition = ActionKey([0; 32]);
        }
        block.kept.clear();
        Ok(())
    })?;
    Ok(unpinned)
}

/// The block that the asset goes on from; another id's after a rename that was not built yet.
fn block_of(prepared: &Prepared, asset: AssetIndex) -> Option<Block> {
    let id = asset.of(&prepared.plans).block_id.as_deref()?;
    prepared.lock.get(id)?.ok()
}

/// Changes blocks of the lock as it is on disk, under the lock on publishing.
fn edit_blocks<'a>(
    session: &Session,
    guard: &IntegrateGuard,
    ids: impl Iterator<Item = &'a String>,
    mut edit: impl FnMut(&mut Block) -> Result<(), MaintainError>,
) -> Result<(), MaintainError> {
    let lock = read_lock(session)?;
    let mut changes = BTreeMap::new();
    for id in ids {
        let Some(block) = lock.get(id) else { continue };
        let mut block = block?;
        edit(&mut block)?;
        changes.insert(id.clone(), Some(block));
    }
    write_blocks(session, guard, &lock, changes)
}

fn write_blocks(
    session: &Session,
    _guard: &IntegrateGuard,
    lock: &LockFile,
    changes: BTreeMap<String, Option<Block>>,
) -> Result<(), MaintainError> {
    let text = lock.splice(&changes).to_string();
    publish::write_file(session.root(), &lock_path(), text.as_bytes())?;
    Ok(())
}

fn guard(session: &Session) -> Result<IntegrateGuard, MaintainError> {
    session.cache().ensure().map_err(|error| MaintainError::State(error.into()))?;
    let path = session.cache().integrate_lock();
    IntegrateGuard::acquire(&path).map_err(MaintainError::Guard)
}

fn lock_path() -> RelPath {
    RelPath::new(LOCKFILE).expect("a literal path inside the project")
}

fn read_lock(session: &Session) -> Result<LockFile, MaintainError> {
    let text = publish::read_text(session.root(), &lock_path())?.unwrap_or_default();
    match lock::read(text)? {
        Lock::Clean(lock) => Ok(lock),
        Lock::Conflicted(_) => Err(MaintainError::Conflicted),
    }
}

/// What is left over from removed specs.
///
/// # Errors
/// `MaintainError::Lock` for a block that cannot be read.
pub fn find_orphans(prepared: &Prepared) -> Result<Vec<Orphan>, MaintainError> {
    let ids = prepared.loaded.assets.iter().map(|asset| asset.id.clone()).collect();
    let taken: HashSet<&str> =
        prepared.plans.iter().filter_map(|plan| plan.block_id.as_deref()).collect();
    let mut found = orphans(&prepared.lock, &ids)?;
    found.retain(|orphan| !taken.contains(orphan.id.as_str()));
    Ok(found)
}

/// Deletes files, entries and blocks of removed specs; files that a person edited stay.
///
/// # Errors
/// `MaintainError` if nothing could be deleted.
pub fn prune(
    session: &Session,
    prepared: &Prepared,
    forget: bool,
) -> Result<CommitReport, MaintainError> {
    let prunes: Vec<Prune> =
        find_orphans(prepared)?.into_iter().map(|orphan| Prune { id: orphan.id, forget }).collect();
    let config = &prepared.loaded.config;
    let guard = guard(session)?;
    // For a commit that was cut off since the project was assessed.
    let (cas, raws) = (LocalCas::new(session.cache()), session.raws(&config.paid_dir));
    let blobs = |digest: &Digest| finished_file(&cas, &raws, digest);
    let request = CommitRequest {
        root: session.root(),
        lock: &lock_path(),
        manifest: &config.manifest,
        assets_dir: &config.assets_dir,
        record: &session.cache().redo_record(),
        assets: &[],
        unpublished: &[],
        prune: &prunes,
        orphans: &BTreeSet::new(),
        blobs: &blobs,
        overwrite_drifted: false,
        current: None,
        lock_copy: None,
        is_current: &|| true,
        manifest_unchanged: false,
        manifest_known: prepared.manifest,
        checkpoint: &Uninterrupted,
    };
    Ok(commit(&request, &guard)?)
}

/// What a clean-up of the cache would delete: blobs that neither the lock nor a commit that was cut
/// off names, least recently used first, until at most `budget` bytes remain.
///
/// # Errors
/// `MaintainError` if the cache cannot be read.
pub fn plan_cleanup(session: &Session, budget: u64) -> Result<GcPlan, MaintainError> {
    let cas = LocalCas::new(session.cache());
    let lock = read_lock(session)?;
    let mut reachable = HashSet::new();
    // A commit that was cut off is completed from the cache.
    if let Some(record) = RedoRecord::read(&session.cache().redo_record())? {
        reachable.extend(record.units.iter().flat_map(|unit| &unit.files).map(|file| file.new));
    }
    for block in lock.blocks() {
        reachable.extend(block?.outputs.into_iter().map(|(_, digest)| digest));
    }
    let last_used = match session.cache().state().is_file() {
        true => State::open(session.cache())?.0.blob_access()?,
        false => Default::default(),
    };
    Ok(plan_gc(&cas.blobs()?, &reachable, &last_used, budget))
}

/// Deletes what `plan_cleanup` named, and the records of what is gone; returns the bytes freed.
///
/// # Errors
/// `MaintainError::Busy` while another run makes blobs that no lock names yet; others if the cache
/// cannot be written.
pub fn clean_up(session: &Session, plan: &GcPlan) -> Result<(u64, Pruned), MaintainError> {
    session.cache().ensure().map_err(StateError::from)?;
    let run = Run::begin(session.cache())?;
    if !run.is_alone()? {
        return Err(MaintainError::Busy);
    }
    let cas = LocalCas::new(session.cache());
    let freed = run_gc(&cas, plan)? + cas.sweep_temp_files()?;
    let removed: HashSet<[u8; 32]> = plan.remove.iter().map(|blob| blob.hash).collect();
    let lock = read_lock(session)?;
    let ids: HashSet<String> = lock.ids().map(str::to_owned).collect();
    let pruned = match session.cache().state().is_file() {
        true => State::open(session.cache())?.0.prune(&Remaining { removed, ids })?,
        false => Pruned::default(),
    };
    Ok((freed, pruned))
}

/// Rows about blobs and assets that are still there.
struct Remaining {
    removed: HashSet<[u8; 32]>,
    ids: HashSet<String>,
}

impl Keep for Remaining {
    fn result(&self, _: &ActionKey, result: &crate::cache::ActionResult) -> bool {
        !result.outputs.iter().any(|digest| self.removed.contains(&digest.hash))
    }

    fn trace(&self, asset: &str) -> bool {
        self.ids.contains(asset)
    }

    fn blob(&self, hash: &[u8; 32]) -> bool {
        !self.removed.contains(hash)
    }
}

/// Makes the database again from the files. Blobs stay, but the results that led to them are
/// forgotten, so free actions run once more; purchases are files and lose nothing.
///
/// # Errors
/// `MaintainError` if the database cannot be begun anew, as while another run uses it.
pub fn rebuild_store(session: &Session) -> Result<(), MaintainError> {
    State::rebuild(session.cache())?;
    Ok(())
}

/// What a comparison of the stores with their digests found.
#[derive(Debug)]
pub struct StoreReport {
    /// Blobs of the cache.
    pub blobs: BlobReport,
    /// Bought raw files that were looked at.
    pub raws: usize,
    /// Those that are in no store whole.
    pub missing_raws: Vec<(String, Digest)>,
    /// Published files that differ from the lock.
    pub drifted: Vec<RelPath>,
}

impl StoreReport {
    /// Whether everything is whole.
    pub fn is_whole(&self) -> bool {
        self.blobs.broken.is_empty() && self.missing_raws.is_empty() && self.drifted.is_empty()
    }
}

/// Compares every stored file with its digest; broken blobs of the cache are deleted, since they
/// can be made again.
///
/// # Errors
/// `MaintainError` if a store cannot be read.
pub fn verify_store(session: &Session, prepared: &Prepared) -> Result<StoreReport, MaintainError> {
    let cas = LocalCas::new(session.cache());
    let blobs = verify_blobs(&cas)?;
    for blob in &blobs.broken {
        cas.remove(&blob.hash)?;
    }
    let raws = session.raws(&prepared.loaded.config.paid_dir);
    let mut looked_at = 0;
    let mut missing_raws = Vec::new();
    for block in prepared.lock.blocks() {
        let block = block?;
        for purchase in &block.purchases {
            looked_at += 1;
            if raws.get(purchase.raw)?.is_err() {
                missing_raws.push((block.id.clone(), purchase.raw));
            }
        }
    }
    let drifted = prepared
        .plans
        .iter()
        .filter(|plan| plan.state == AssetState::Drifted)
        .map(|plan| plan.asset.of(&prepared.loaded.assets).publish.path.clone())
        .collect();
    Ok(StoreReport { blobs, raws: looked_at, missing_raws, drifted })
}
