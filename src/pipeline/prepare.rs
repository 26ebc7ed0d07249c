//! Steps 1 to 4 for one command: loads the project, reads lock and manifest, assesses every asset.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::sync::OnceLock;

use rayon::prelude::*;
use serde_json::Value;

use crate::base::{RelPath, Severity};
use crate::cache::{CacheDir, Content, LocalCas, Stamp, State};
use crate::graph::AssetIndex;
use crate::integrate::manifest::{ManifestError, read_entries};
use crate::lock::{self, Block, BlockFit, Lock, LockError, LockFile, ResolveError};
use crate::pipeline::keys;
use crate::pipeline::load::{self, LoadError, Loaded, inputs_of};
use crate::pipeline::select::{Candidate, SelectError, Selection};
use crate::pipeline::session::{LOCKFILE, Session};
use crate::pipeline::table::FileTable;
use crate::pipeline::world::ProjectWorld;
use crate::plan::{self, AssetPlan, Keys, Policy, State as AssetState};

/// What a command asks of the steps before execution.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Which assets it is about.
    pub selection: &'a Selection,
    /// What the user allows.
    pub policy: Policy,
    /// Whether it may look into the cache folder: `--check` on a fresh clone may not.
    pub uses_cache: bool,
    /// Today in UTC, `YYYY-MM-DD`.
    pub today: &'a str,
}

/// The project as one command sees it, assessed.
pub struct Prepared {
    /// Specs, settings, texts and diagnostics.
    pub loaded: Loaded,
    /// Contents of files.
    pub table: FileTable,
    /// The lock, conflicts resolved.
    pub lock: LockFile,
    /// Whether the lock had conflict markers: it is to be written without them.
    pub was_conflicted: bool,
    /// Keys of all assets.
    pub keys: Vec<Keys>,
    /// Plans of all assets.
    pub plans: Vec<AssetPlan>,
    /// Which assets the command is about.
    pub selected: Vec<AssetIndex>,
    /// Published files of assets that are gone, with the asset's id.
    pub orphans: Vec<(RelPath, String)>,
    /// The database, if anything asked for it.
    pub state: LazyState,
}

impl Prepared {
    /// Whether specs or settings have errors.
    pub fn has_errors(&self) -> bool {
        self.loaded.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Plans of the selected assets.
    pub fn selected_plans(&self) -> Vec<AssetPlan> {
        self.selected.iter().map(|asset| self.plans[asset.0 as usize].clone()).collect()
    }
}

/// The project could not be assessed.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The lock cannot be used.
    #[error("failed to read {LOCKFILE}")]
    Lock(#[from] LockError),
    /// The lock has merge conflicts that only a person can decide.
    #[error("failed to merge {LOCKFILE}")]
    Conflict(#[from] ResolveError),
    /// The manifest cannot be used.
    #[error("failed to read {path}")]
    Manifest {
        /// The manifest.
        path: RelPath,
        /// Why.
        source: ManifestError,
    },
    /// The selection names nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A file cannot be read or written.
    #[error("failed to read {path}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Loads and assesses the whole project.
///
/// With errors in specs or settings, nothing is assessed: `plans` is empty then.
///
/// # Errors
/// `PrepareError` for what the world did; mistakes in the user's files are diagnostics.
pub fn prepare(session: &Session, request: &Request<'_>) -> Result<Prepared, PrepareError> {
    let stamp = take_stamp(session, request);
    let mut table = FileTable::new(stamp, std::collections::HashMap::new());
    let loaded = load::load(session, &mut table)?;
    let mut prepared = Prepared {
        loaded,
        table,
        lock: LockFile::default(),
        was_conflicted: false,
        keys: Vec::new(),
        plans: Vec::new(),
        selected: Vec::new(),
        orphans: Vec::new(),
        state: LazyState::new(request.uses_cache.then(|| session.cache().clone())),
    };
    if prepared.has_errors() {
        return Ok(prepared);
    }
    prepared.selected = select(&prepared.loaded, request.selection)?;
    let inputs: Vec<_> = prepared.loaded.assets.par_iter().flat_map_iter(inputs_of).collect();
    let fonts = prepared.loaded.config.fonts.iter().map(|path| (path.clone(), Content::Bytes));
    prepared.table.learn(session.files(), inputs.into_iter().chain(fonts));
    read_lock(session, &mut prepared)?;
    assess_all(session, request, &mut prepared)?;
    Ok(prepared)
}

/// The moment before anything is read. Without a cache folder to write to, every file counts as
/// too young to be remembered, which only costs a hash next time.
fn take_stamp(session: &Session, request: &Request<'_>) -> Stamp {
    let oldest = Stamp(0);
    if !request.uses_cache || !session.cache().path().is_dir() {
        return oldest;
    }
    Stamp::take(session.cache()).unwrap_or(oldest)
}

fn select(loaded: &Loaded, selection: &Selection) -> Result<Vec<AssetIndex>, SelectError> {
    if selection.is_everything() {
        return Ok((0..loaded.assets.len()).map(index).collect());
    }
    let inputs: Vec<Vec<String>> = loaded
        .assets
        .iter()
        .map(|asset| inputs_of(asset).into_iter().map(|(path, _)| path.to_string()).collect())
        .collect();
    let candidates: Vec<Candidate<'_>> = loaded
        .assets
        .iter()
        .zip(&inputs)
        .map(|(asset, inputs)| Candidate {
            id: &asset.id,
            file: asset.file.as_str(),
            tags: &asset.metadata.tags,
            phase: asset.metadata.phase,
            inputs,
        })
        .collect();
    Ok(selection.apply(&candidates)?.into_iter().map(index).collect())
}

fn index(number: usize) -> AssetIndex {
    AssetIndex(u32::try_from(number).expect("a project has fewer than 2^32 assets"))
}

fn read_lock(session: &Session, prepared: &mut Prepared) -> Result<(), PrepareError> {
    let text = read_optional(&session.lock_path(), LOCKFILE)?.unwrap_or_default();
    match lock::read(text)? {
        Lock::Clean(lock) => prepared.lock = lock,
        Lock::Conflicted(conflicted) => {
            let empty = LockFile::default();
            let (keys, _) = keys::compute(
                &prepared.loaded.assets,
                &prepared.table,
                &empty,
                &prepared.loaded.config.fonts,
            );
            let wanted: BTreeMap<&str, _> = prepared
                .loaded
                .assets
                .iter()
                .zip(&keys)
                .map(|(asset, keys)| (asset.id.as_str(), keys.wanted.key))
                .collect();
            let fit = |id: &str, block: &Block| BlockFit {
                wanted: wanted.get(id) == Some(&block.wanted),
                files: block.outputs.iter().all(|(path, digest)| {
                    let found = session.files().digest(path, Content::Bytes);
                    found.is_ok_and(|(found, _)| found == *digest)
                }),
            };
            prepared.lock = lock::resolve(&conflicted, fit)?.lock;
            prepared.was_conflicted = true;
        }
    }
    Ok(())
}

fn assess_all(
    session: &Session,
    request: &Request<'_>,
    prepared: &mut Prepared,
) -> Result<(), PrepareError> {
    let Prepared { loaded, table, lock, keys, plans, orphans, state, .. } = prepared;
    let blocks: Vec<Block> = lock.blocks().collect::<Result<_, _>>()?;
    let outputs = blocks.iter().flat_map(|block| &block.outputs);
    table.learn(session.files(), outputs.map(|(path, _)| (path.clone(), Content::Bytes)));
    let manifest_path = &loaded.config.manifest;
    let manifest = read_optional(&manifest_path.under(session.root()), manifest_path.as_str())?;
    let manifest: Option<Value> = manifest
        .as_deref()
        .map(read_entries)
        .transpose()
        .map_err(|source| PrepareError::Manifest { path: manifest_path.clone(), source })?;
    let ids: HashSet<&str> = loaded.assets.iter().map(|asset| asset.id.as_str()).collect();
    let cas = request.uses_cache.then(|| LocalCas::new(session.cache()));
    let raws = session.raws(&loaded.config.paid_dir);
    (*keys, _) = keys::compute(&loaded.assets, table, lock, &loaded.config.fonts);
    let world = ProjectWorld {
        session,
        config: &loaded.config,
        lock,
        table,
        manifest: manifest.as_ref(),
        ids: &ids,
        cas: cas.as_ref(),
        state,
        raws: &raws,
        today: request.today,
    };
    *plans = loaded
        .assets
        .par_iter()
        .zip(&*keys)
        .enumerate()
        .map(|(number, (asset, keys))| {
            let mut plan = plan::assess(index(number), asset, keys, &world, request.policy);
            plan::add_prices(&mut plan, asset, &loaded.config, request.today);
            plan
        })
        .collect();
    *orphans = find_orphans(loaded, plans, &blocks);
    Ok(())
}

/// Files of blocks whose asset is gone and whose block nobody takes over.
fn find_orphans(loaded: &Loaded, plans: &[AssetPlan], blocks: &[Block]) -> Vec<(RelPath, String)> {
    let used: HashSet<&str> = plans.iter().filter_map(|plan| plan.block_id.as_deref()).collect();
    let present: HashSet<&str> = loaded.assets.iter().map(|asset| asset.id.as_str()).collect();
    let paths: BTreeSet<&RelPath> = loaded
        .assets
        .iter()
        .flat_map(|asset| asset.publish.files.iter().map(|file| &file.path))
        .collect();
    blocks
        .iter()
        .filter(|block| !present.contains(&*block.id) && !used.contains(&*block.id))
        .flat_map(|block| block.outputs.iter().map(|(path, _)| (path.clone(), block.id.clone())))
        .filter(|(path, _)| !paths.contains(path))
        .collect()
}

/// A text file, or none if it is not there.
pub(super) fn read_optional(
    path: &std::path::Path,
    name: &str,
) -> Result<Option<String>, PrepareError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PrepareError::Io { path: name.to_owned(), source }),
    }
}

/// Whether every selected asset is in a state that `--check` accepts.
pub fn is_fresh(plan: &AssetPlan, warns_only_for_unbought: bool) -> bool {
    match plan.state {
        AssetState::Fresh => true,
        AssetState::Provisional | AssetState::Blocked => warns_only_for_unbought,
        _ => false,
    }
}

/// The database, opened when it is first needed and only if it is there.
#[derive(Debug)]
pub struct LazyState {
    cache: Option<CacheDir>,
    state: OnceLock<Option<State>>,
}

impl LazyState {
    fn new(cache: Option<CacheDir>) -> Self {
        Self { cache, state: OnceLock::new() }
    }

    /// The database; none if there is none or it cannot be opened, since what it would add to a
    /// plan is only the old values of changed fields.
    pub fn get(&self) -> Option<&State> {
        self.state
            .get_or_init(|| {
                let cache = self.cache.as_ref()?;
                if !cache.state().is_file() {
                    return None;
                }
                State::open(cache).ok().map(|(state, _)| state)
            })
            .as_ref()
    }
}
