//! Steps 1 to 4 for one command: loads the project, reads lock and manifest, assesses every asset.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::Value;

use crate::base::{Digest, RelPath, Severity};
use crate::cache::snapshot::{self, Snapshot};
use crate::cache::{Content, LocalCas, Recorded, Stamp, Stat};
use crate::execute::Market;
use crate::graph::AssetIndex;
use crate::integrate::lock_ahead::KnownLock;
use crate::integrate::manifest::{ManifestError, read_entries};
use crate::integrate::manifest_file;
use crate::lock::{self, Block, BlockFit, Excerpt, LockError, LockFile, ResolveError};
use crate::pipeline::asleep::Asleep;
use crate::pipeline::keys;
use crate::pipeline::lazy_state::LazyState;
use crate::pipeline::load::{self, LoadError, Loaded, inputs_of};
use crate::pipeline::lock_reader::{ReadLock, may_read_part, read_lock, read_part};
use crate::pipeline::orphans::{Orphans, blocks_of, find_orphans};
use crate::pipeline::purchases::{Withheld, credentials, runners};
use crate::pipeline::recall::{Recalled, recall};
use crate::pipeline::request::{OnChange, Request};
use crate::pipeline::select::{Candidate, SelectError, Selection};
use crate::pipeline::session::{LOCKFILE, Session, lock_path};
use crate::pipeline::table::FileTable;
use crate::pipeline::world::LazyRecord;
use crate::pipeline::world::{Manifest, PresentIds, ProjectWorld};
use crate::plan::{self, AssetPlan, Keys};
use crate::purchase::Journal;
use crate::spec::AssetSpec;

/// How long a step of the pipeline took, since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The step's name.
    pub step: &'static str,
    /// When it began.
    pub started: Duration,
    /// How long it took.
    pub took: Duration,
}

impl Timing {
    /// Runs `work` and notes how long it took.
    pub fn of<T>(
        timings: &mut Vec<Self>,
        clock: Instant,
        step: &'static str,
        work: impl FnOnce() -> T,
    ) -> T {
        let started = clock.elapsed();
        let value = work();
        timings.push(Self { step, started, took: clock.elapsed().saturating_sub(started) });
        value
    }
}

/// The project as one command sees it, assessed.
pub struct Prepared {
    /// Specs, settings, texts and diagnostics.
    pub loaded: Loaded,
    /// Contents of files.
    pub table: FileTable,
    /// The lock, conflicts resolved; only the blocks of `excerpt` if there is one.
    pub lock: Arc<LockFile>,
    /// What was read of the lock, if that is not all of it.
    pub excerpt: Option<Excerpt>,
    /// The lock's stat from before it was read.
    pub lock_stat: Option<Stat>,
    /// Whether the lock had conflict markers: it is to be written without them.
    pub was_conflicted: bool,
    /// Keys of all assets.
    pub keys: Vec<Keys>,
    /// Plans of all assets.
    pub plans: Vec<AssetPlan>,
    /// Which of the loaded assets the command is about.
    pub selected: Vec<AssetIndex>,
    /// Numbers, in the record of the last run, of the sleeping assets that it is about.
    pub selected_asleep: Vec<u32>,
    /// Whether the manifest is as the last run left it.
    pub manifest_unchanged: bool,
    /// Content of the manifest as it was assessed, by this run or by the last one; none if there
    /// was none. It was read without an error.
    pub manifest: Option<Digest>,
    /// What is left of assets that are gone; none if nobody looked, since nothing changed.
    pub orphans: Option<Orphans>,
    /// How long the steps took.
    pub timings: Vec<Timing>,
    /// The database, if anything asked for it.
    pub state: LazyState,
}

impl Prepared {
    /// Whether specs or settings have errors.
    pub fn has_errors(&self) -> bool {
        self.loaded.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The lock as far as it was read.
    pub fn known_lock(&self) -> KnownLock<'_> {
        match &self.excerpt {
            Some(excerpt) => KnownLock::Excerpt(excerpt),
            None => KnownLock::Whole(&self.lock),
        }
    }

    /// The selected assets that sleep and are fresh.
    pub fn fresh_asleep(&self) -> impl Iterator<Item = snapshot::Asset<'_>> {
        self.loaded.asleep.iter().flat_map(|asleep| {
            let assets = self.selected_asleep.iter().filter_map(|&n| asleep.snapshot.asset(n));
            assets.filter(|asset| asleep.is_fresh(asset))
        })
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

/// Loads and assesses the project, or as much of it as has changed.
///
/// With errors in specs or settings, nothing is assessed: `plans` is empty then.
///
/// # Errors
/// `PrepareError` for what the world did; mistakes in the user's files are diagnostics.
pub fn prepare(session: &Session, request: &Request<'_>) -> Result<Prepared, PrepareError> {
    let stamp = take_stamp(session, request);
    // Before the record of the last run is compared with it.
    let lock_stat = session.files().stat(&lock_path()).ok();
    let clock = request.clock;
    let mut timings = Vec::new();
    let state = LazyState::new(request.uses_cache.then(|| session.cache().clone()));
    let (loaded, table, lock) =
        Timing::of(&mut timings, clock, "load", || load_changes(session, request, stamp, &state))?;
    let mut prepared = Prepared {
        manifest_unchanged: loaded.asleep.as_ref().is_some_and(Asleep::knows_manifest),
        manifest: recorded_manifest(&loaded),
        loaded,
        table,
        lock: Arc::default(),
        excerpt: None,
        lock_stat,
        was_conflicted: false,
        keys: Vec::new(),
        plans: Vec::new(),
        selected: Vec::new(),
        selected_asleep: Vec::new(),
        orphans: None,
        timings: Vec::new(),
        state,
    };
    if prepared.has_errors() {
        return Ok(prepared);
    }
    select(session, &mut prepared, request.selection)?;
    if prepared.loaded.assets.is_empty()
        && prepared.loaded.asleep.as_ref().is_some_and(Asleep::is_everything)
    {
        return Ok(prepared);
    }
    let inputs: Vec<_> = prepared.loaded.assets.par_iter().flat_map_iter(inputs_of).collect();
    let fonts = prepared.loaded.config.fonts.iter().map(|path| (path.clone(), Content::Bytes));
    let table = &mut prepared.table;
    Timing::of(&mut timings, clock, "inputs", || {
        table.learn(session.files(), inputs.into_iter().chain(fonts));
    });
    Timing::of(&mut timings, clock, "lock", || {
        let lock = lock.unwrap_or_else(|| read_lock(session, None))?;
        take_lock(session, &mut prepared, lock)
    })?;
    Timing::of(&mut timings, clock, "plan", || {
        assess_all(session, request, &mut prepared, &Withheld::new())
    })?;
    prepared.timings = timings;
    Ok(prepared)
}

/// Assesses a prepared project once more, without buying for these assets.
///
/// # Errors
/// As for `prepare`.
pub fn withhold(
    session: &Session,
    request: &Request<'_>,
    prepared: &mut Prepared,
    withheld: &Withheld,
) -> Result<(), PrepareError> {
    assess_all(session, request, prepared, withheld)
}

/// The lock, if it was read while the specs were.
type ReadAhead = Option<Result<ReadLock, PrepareError>>;

fn load_changes(
    session: &Session,
    request: &Request<'_>,
    stamp: Stamp,
    state: &LazyState,
) -> Result<(Loaded, FileTable, ReadAhead), PrepareError> {
    let once = Once::new();
    thread::scope(|scope| {
        let begin = || {
            let Some(on_change) = request.on_change else { return };
            once.call_once(|| {
                scope.spawn(move || {
                    // It waits for the disk, which is busy once the lock is copied.
                    state.get();
                    on_change();
                });
            });
        };
        compare_and_load(session, request, stamp, &begin)
    })
}

/// `on_change`: is told as soon as something is known to have changed.
fn compare_and_load(
    session: &Session,
    request: &Request<'_>,
    stamp: Stamp,
    on_change: &OnChange<'_>,
) -> Result<(Loaded, FileTable, ReadAhead), PrepareError> {
    let wakes = request.wakes_selected.then_some(request.selection);
    let wake = |asset: &snapshot::Asset<'_>| {
        wakes.is_some_and(|selection| {
            selection.may_name(asset.id(), asset.spec().input().map_or("", |input| input.path))
        })
    };
    // A commit that was cut off is not what the record speaks of.
    let last_run = request.last_run.filter(|_| !session.cache().redo_record().is_file());
    let recalled = match last_run {
        Some(last_run) => {
            recall(session, last_run, stamp, &wake, on_change).map_err(LoadError::from)?
        }
        None => Recalled::Nothing,
    };
    let mut lock = None;
    let remembered = match recalled {
        Recalled::Nothing => HashMap::new(),
        Recalled::Files(snapshot) => remembered_of(&snapshot, |_| true),
        Recalled::Assets(mut recall) => {
            let awake: BTreeSet<&str> = recall.awake.iter().map(RelPath::as_str).collect();
            let remembered = remembered_of(&recall.asleep.snapshot, |path| awake.contains(path));
            let mut table = FileTable::new(stamp, remembered);
            let is_needed = !recall.awake.is_empty();
            // What is awake may only be what it was, such as an asset that waits to be bought.
            if is_needed && recall.asleep.is_outdated {
                on_change();
            }
            let bytes = recall.lock_bytes.take();
            let left_alone = last_run.and_then(|last_run| last_run.as_recorded);
            let may_be_part = !request.wakes_selected && may_read_part(session, &recall);
            let (loaded, read) = rayon::join(
                || load::load_awake(session, *recall, left_alone, &mut table),
                || (is_needed && !may_be_part).then(|| read_lock(session, bytes)),
            );
            lock = read;
            if let Some(loaded) = loaded {
                if may_be_part {
                    lock = read_part(session, &loaded).map(|part| Ok(ReadLock::Part(part)));
                }
                return Ok((loaded, table, lock));
            }
            HashMap::new()
        }
    };
    let mut table = FileTable::new(stamp, remembered);
    let loaded = load::load(session, &mut table)?;
    Ok((loaded, table, lock))
}

/// What the record knows of the files that the assets of some spec files are made of.
fn remembered_of(
    snapshot: &Snapshot,
    wanted: impl Fn(&str) -> bool,
) -> HashMap<(RelPath, Content), Recorded> {
    let mut remembered = HashMap::new();
    let mut note = |path: &str, content, recorded| {
        if let Ok(path) = RelPath::new(path) {
            remembered.insert((path, content), recorded);
        }
    };
    let specs = snapshot.specs().filter(|file| file.input().is_some_and(|i| wanted(i.path)));
    for asset in specs.flat_map(|file| file.assets()) {
        for input in asset.sources().filter_map(|number| snapshot.input(number)) {
            note(input.path, input.content, input.recorded);
        }
        for output in asset.outputs() {
            note(output.path, Content::Bytes, output.recorded);
        }
    }
    remembered
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

/// Files that an asset's actions or its spec are made from, apart from the spec file.
fn files_of(loaded: &Loaded, session: &Session, asset: &AssetSpec) -> Vec<String> {
    let mut files: Vec<String> =
        inputs_of(asset).into_iter().map(|(path, _)| path.to_string()).collect();
    files.push(session.assetfile().to_string());
    if asset.generate.uses_fonts() {
        files.extend(loaded.config.fonts.iter().map(RelPath::to_string));
    }
    if let Some(unit) = loaded.units.get(&asset.file) {
        let styles = unit.used.styles.iter().filter_map(|name| loaded.config.styles.get(name));
        files.extend(styles.map(RelPath::to_string));
        let templates = loaded
            .units
            .iter()
            .filter(|(_, other)| other.templates.iter().any(|t| unit.used.templates.contains(t)));
        files.extend(templates.map(|(path, _)| path.to_string()));
    }
    files
}

fn select(
    session: &Session,
    prepared: &mut Prepared,
    selection: &Selection,
) -> Result<(), SelectError> {
    let Prepared { loaded, selected, selected_asleep, .. } = prepared;
    let awake = loaded.assets.len();
    let asleep = loaded.asleep.iter().flat_map(|asleep| asleep.assets());
    if selection.is_everything() {
        *selected_asleep = asleep.map(|asset| asset.number()).collect();
        *selected = (0..awake).map(index).collect();
        return Ok(());
    }
    let asleep: Vec<snapshot::Asset<'_>> = asleep.collect();
    let inputs: Vec<Vec<String>> =
        loaded.assets.iter().map(|asset| files_of(loaded, session, asset)).collect();
    let tags: Vec<Vec<String>> =
        asleep.iter().map(|asset| asset.tags().map(str::to_owned).collect()).collect();
    let awake_candidates = loaded.assets.iter().zip(&inputs).map(|(asset, inputs)| Candidate {
        id: &asset.id,
        file: asset.file.as_str(),
        tags: &asset.metadata.tags,
        phase: asset.metadata.phase,
        inputs,
    });
    let asleep_candidates = asleep.iter().zip(&tags).map(|(asset, tags)| Candidate {
        id: asset.id(),
        file: asset.spec().input().map_or("", |input| input.path),
        tags,
        phase: asset.phase(),
        // Nothing is recalled where files are asked for.
        inputs: &[],
    });
    let candidates: Vec<Candidate<'_>> = awake_candidates.chain(asleep_candidates).collect();
    for place in selection.apply(&candidates)? {
        match place.checked_sub(awake) {
            None => selected.push(index(place)),
            Some(place) => selected_asleep.push(asleep[place].number()),
        }
    }
    Ok(())
}

fn index(number: usize) -> AssetIndex {
    AssetIndex(u32::try_from(number).expect("a project has fewer than 2^32 assets"))
}

fn take_lock(
    session: &Session,
    prepared: &mut Prepared,
    lock: ReadLock,
) -> Result<(), PrepareError> {
    match lock {
        ReadLock::Clean(lock) => prepared.lock = lock,
        ReadLock::Part(excerpt) => {
            prepared.lock = excerpt.blocks().clone();
            prepared.excerpt = Some(excerpt);
        }
        ReadLock::Conflicted(conflicted) => {
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
            prepared.lock = Arc::new(lock::resolve(&conflicted, fit)?.lock);
            prepared.was_conflicted = true;
        }
    }
    Ok(())
}

fn assess_all(
    session: &Session,
    request: &Request<'_>,
    prepared: &mut Prepared,
    withheld: &Withheld,
) -> Result<(), PrepareError> {
    let manifest_unchanged = prepared.manifest_unchanged;
    let Prepared { loaded, table, lock, keys, plans, orphans, state, .. } = prepared;
    let blocks = blocks_of(lock, loaded)?;
    let outputs = blocks.iter().flat_map(|block| &block.outputs);
    table.learn(session.files(), outputs.map(|(path, _)| (path.clone(), Content::Bytes)));
    let manifest = match manifest_unchanged {
        true => Manifest::Unchanged,
        false => {
            let (entries, digest) = read_manifest(session, loaded, !lock.is_empty())?;
            prepared.manifest = digest;
            Manifest::Entries(entries)
        }
    };
    let ids = PresentIds::new(loaded);
    let cas = request.uses_cache.then(|| LocalCas::new(session.cache()));
    let raws = session.raws(&loaded.config.paid_dir);
    (*keys, _) = keys::compute(&loaded.assets, table, lock, &loaded.config.fonts);
    let market = Market::new(
        &loaded.config,
        credentials(session, &loaded.config),
        runners(session, &loaded.config, "plan"),
    );
    let record = Journal::new(&loaded.config.paid_dir.under(session.root()));
    let world = ProjectWorld {
        market: &market,
        record: &LazyRecord::new(record, session.second_home()),
        withheld,
        session,
        config: &loaded.config,
        lock,
        table,
        manifest: &manifest,
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
    plan::hold_pending(plans, &loaded.assets, &prepared.selected);
    *orphans = Some(find_orphans(loaded, plans, &blocks));
    Ok(())
}

/// The manifest's content and its digest.
fn read_manifest(
    session: &Session,
    loaded: &Loaded,
    had_entries: bool,
) -> Result<(Option<Value>, Option<Digest>), PrepareError> {
    let path = &loaded.config.manifest;
    let read = || read_optional(&path.under(session.root()), path.as_str());
    let text = manifest_file::read_manifest(had_entries, read)?
        .map_err(|source| PrepareError::Manifest { path: path.clone(), source })?;
    let digest = text.as_ref().map(|text| Digest::of(text.as_bytes()));
    let entries = text
        .as_deref()
        .map(read_entries)
        .transpose()
        .map_err(|source| PrepareError::Manifest { path: path.clone(), source })?;
    Ok((entries, digest))
}

/// The digest of a manifest that nobody touched since the last run, if that is known.
fn recorded_manifest(loaded: &Loaded) -> Option<Digest> {
    let snapshot = &loaded.asleep.as_ref()?.snapshot;
    let found = snapshot.inputs_at(loaded.config.manifest.as_str()).next()?;
    Some(found.recorded.digest)
}

/// A text file, or none if it is not there.
pub(super) fn read_optional(
    path: &std::path::Path,
    name: &str,
) -> Result<Option<String>, PrepareError> {
    // Opening a pipe would wait for somebody to write to it.
    let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if is_special {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(PrepareError::Io { path: name.to_owned(), source });
    }
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PrepareError::Io { path: name.to_owned(), source }),
    }
}
