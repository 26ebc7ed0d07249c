//! Steps 5 and 6: runs what a plan found dirty, publishes it in one commit, remembers the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::base::units::MicroUsd;
use crate::base::{Digest, RelPath};
use crate::cache::snapshot::Snapshot;
use crate::cache::{
    ActionCacheError, Batch, Content, FileError, Recorded, Run, RunError, Stamp, Stat, StateError,
    StateNotice,
};
use crate::event::{Event, Reporter, Summary};
use crate::execute::{Limits, StopSignal, Trouble, with_causes};
use crate::generate::FontError;
use crate::graph::AssetIndex;
use crate::graph::action::ActionKind;
use crate::integrate::commit::CommitError;
use crate::integrate::outcome::ManifestChange;
use crate::integrate::publish::PublishError;
use crate::integrate::written::Written;
use crate::pipeline::ahead::{Ahead, Begun};
use crate::pipeline::building::Building;
use crate::pipeline::lazy_state::LazyState;
use crate::pipeline::load::Loaded;
use crate::pipeline::prepare::{Prepared, Timing};
use crate::pipeline::remember::{self, Draft, Ending, Stand, remember};
use crate::pipeline::session::{LOCKFILE, Session};
use crate::plan::{AssetPlan, Policy, ReasonCode, State as AssetState, Work};
use crate::purchase::JournalError;

/// How a build runs.
#[derive(Debug, Clone, Copy)]
pub struct BuildRequest<'a> {
    /// Workers, and whether the first failure stops the run.
    pub limits: Limits,
    /// What the user allows.
    pub policy: Policy,
    /// What this run may spend; none if nothing is to be bought, or everything was agreed to.
    pub allowance: Option<MicroUsd>,
    /// Who buys, for the record.
    pub buyer: Option<&'a str>,
    /// What is set aside for a result of unknown price, in millionths of a dollar.
    pub bound_micros: Option<i64>,
    /// Whether the lock must stay as it is.
    pub locked: bool,
    /// Whether assets are not what their specs say: results are bought and shown, not chosen from.
    pub is_trial: bool,
    /// Kinds of actions that the user named; none means all.
    pub steps: &'a [ActionKind],
    /// Seconds since 1970.
    pub now: u64,
    /// Today in UTC, `YYYY-MM-DD`.
    pub today: &'a str,
    /// When the run began.
    pub clock: Instant,
    /// The program and what else the outcome depends on beside the project, if the outcome may be
    /// recorded.
    pub environment: Option<Digest>,
    /// What was begun while the project was read.
    pub ahead: Option<&'a Ahead>,
}

/// What a build did.
#[derive(Debug)]
pub struct Built {
    /// Counts and duration.
    pub summary: Summary,
    /// How many results were bought, now or by a run that was cut off.
    pub bought: usize,
    /// What stood in the way of publishing: asset and text.
    pub problems: Vec<(String, String)>,
    /// What kept assets from being made.
    pub troubles: BTreeSet<Trouble>,
    /// Id of the run; none if there was nothing to do.
    pub run: Option<String>,
    /// Whether nothing more may be bought.
    pub is_closed: bool,
    /// Assets that were fresh before and that this run made stale, with their ids: sounds of a group
    /// that another result changed.
    pub unsettled: BTreeMap<AssetIndex, String>,
    /// The record of this run, in a watch; that of the last one, if it was good already.
    pub record: Option<Arc<Snapshot>>,
}

impl Built {
    /// Whether any action failed or any result could not be published.
    pub fn failed(&self) -> bool {
        self.summary.failed > 0 || self.summary.skipped > 0 || !self.problems.is_empty()
    }
}

/// The build could not run or publish.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database cannot be used.
    #[error("failed to open the cache")]
    State(#[from] StateError),
    /// A result could not be recorded.
    #[error("failed to record results")]
    Record(#[from] ActionCacheError),
    /// The record of this run cannot be kept.
    #[error("failed to begin a run")]
    Run(#[from] RunError),
    /// What an earlier run left cannot be cleaned up.
    #[error("failed to recover what an earlier run left")]
    Recover(#[from] JournalError),
    /// A font of the Assetfile cannot be used.
    #[error("failed to load fonts")]
    Fonts(#[from] FontError),
    /// A font file cannot be read.
    #[error("failed to read a font")]
    FontFile(#[from] FileError),
    /// The lock on publishing cannot be taken.
    #[error("failed to take the lock on publishing")]
    Guard(#[source] io::Error),
    /// The lock cannot be written without its conflict markers.
    #[error("failed to write {LOCKFILE}")]
    Lock(#[from] PublishError),
    /// Publishing failed.
    #[error("failed to publish")]
    Commit(#[from] CommitError),
    /// `--locked` forbids what the build would record.
    #[error("the lock would change for {}, and --locked forbids that", list(.0))]
    Locked(Vec<String>),
}

impl BuildError {
    /// Whether the user's own files or flags are the cause.
    pub fn is_invalid(&self) -> bool {
        matches!(
            self,
            Self::Locked(_)
                | Self::Fonts(_)
                | Self::FontFile(_)
                | Self::Commit(CommitError::Lock(_) | CommitError::Conflicted)
        )
    }
}

fn list(ids: &[String]) -> String {
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

/// Runs the work of the selected assets and publishes the results.
///
/// # Errors
/// `BuildError` when nothing can be built or published; what fails for one asset is in the
/// outcome.
pub fn build(
    session: &Session,
    mut prepared: Prepared,
    request: &BuildRequest<'_>,
    reporter: &dyn Reporter,
    stop: &StopSignal,
) -> Result<Built, BuildError> {
    let state = mem::take(&mut prepared.state);
    let loaded = &prepared.loaded;
    if !needs_record(loaded) || remember::may_be_mended(loaded) {
        return run(session, &prepared, state, request, reporter, stop, || Draft::Last);
    }
    thread::scope(|scope| {
        // What sleeps is recorded again unchanged: another thread copies it while this one works.
        let draft = scope.spawn(|| Draft::of(loaded));
        run(session, &prepared, state, request, reporter, stop, move || {
            draft.join().expect("copying records does not panic")
        })
    })
}

/// Whether the record of the last run is not that of this one.
fn needs_record(loaded: &Loaded) -> bool {
    loaded.has_settings() || loaded.asleep.as_ref().is_some_and(|asleep| asleep.is_outdated)
}

fn run(
    session: &Session,
    prepared: &Prepared,
    state: LazyState,
    request: &BuildRequest<'_>,
    reporter: &dyn Reporter,
    stop: &StopSignal,
    draft: impl FnOnce() -> Draft,
) -> Result<Built, BuildError> {
    let work: BTreeSet<AssetIndex> = prepared
        .selected
        .iter()
        .copied()
        .filter(|asset| asset.of(&prepared.plans).work.is_now())
        .collect();
    if request.locked {
        refuse_known_changes(prepared, &work)?;
    }
    let mut summary = start_summary(prepared, work.len());
    let has_record = has_redo_record(session);
    let mut bought = 0;
    let mut problems = Vec::new();
    let mut troubles = BTreeSet::new();
    let (mut run_id, mut is_closed, mut unsettled) = (None, false, BTreeMap::new());
    let mut committed = BTreeMap::new();
    let mut timings = prepared.timings.clone();
    let mut settled = None;
    let mut after = After {
        lock_stat: Some(prepared.lock_stat),
        lock: None,
        manifest: None,
        has_bought: false,
    };
    if !work.is_empty() || has_record || prepared.was_conflicted {
        let clock = request.clock;
        let will_change = !work.is_empty() && !request.locked && !prepared.was_conflicted;
        let begun = match request.ahead.and_then(Ahead::take) {
            Some(begun) => begun,
            None => {
                let lock = will_change.then(|| session.lock_path());
                Begun::new(begin_run(session)?, lock.as_deref())
            }
        };
        let begun = begun.only_copy_of(prepared.lock_stat.filter(|_| will_change));
        run_id = Some(begun.run.id().as_str().to_owned());
        thread::scope(|scope| {
            let mut building = Timing::of(&mut timings, clock, "open", || {
                open_state(session, &state, reporter)?;
                Building::begin(begun, session, prepared, request, reporter)
            })?;
            let (finished, outcomes, met) = Timing::of(&mut timings, clock, "execute", || {
                let (state, _) = state.open(session.cache())?;
                building.execute(&work, state, stop, &mut summary)
            })?;
            troubles = met;
            is_closed = finished.is_closed;
            bought = building.count_bought(&finished);
            if request.locked {
                building.refuse_changes(&finished.built)?;
            }
            // While publishing waits for the disk, so can this.
            let batch = building.batch(&finished.built);
            let recording = scope.spawn(move || {
                let started = clock.elapsed();
                (started, record_results(session, state, &batch, request.now), clock.elapsed())
            });
            let (report, left) = Timing::of(&mut timings, clock, "publish", || {
                building.publish(&finished, &mut summary)
            })?;
            after = left;
            unsettled = building.unsettled(&work);
            settled.clone_from(&building.settled);
            building.show_variations(&finished, &outcomes, &mut summary);
            let built = &finished.built;
            committed = building.committed(built, &report);
            problems = building.finish(built, &outcomes, &report, &mut summary);
            let joined = recording.join();
            let (started, recorded, ended) =
                joined.expect("a panic of the database is caught where it happens");
            let took = ended.saturating_sub(started);
            timings.push(Timing { step: "results", started, took });
            if let Err(error) = recorded {
                // Everything is published; only the next change costs more than it had to.
                let message = format!("results were not recorded: {}", with_causes(&error));
                reporter.report(&Event::Warning { asset: None, message });
            }
            Ok::<_, BuildError>(())
        })?;
    }
    let is_good = !needs_record(&prepared.loaded);
    let last = prepared.loaded.asleep.as_ref().filter(|_| is_good);
    let mut written = last.map(|asleep| asleep.snapshot.clone());
    if let Some(environment) = request.environment
        && !is_good
        && entries_stand(prepared, &committed)
    {
        written = Timing::of(&mut timings, request.clock, "record", || {
            let environment = session.environment(&environment);
            let keys = settled.as_deref().unwrap_or(&prepared.keys);
            let stand = Stand { keys, unsettled: &unsettled, built: &committed };
            record(session, prepared, draft(), stand, environment, after)
        });
    }
    summary.interrupted = stop.is_raised();
    summary.took = request.clock.elapsed();
    for Timing { step, started, took } in timings {
        reporter.report(&Event::StepFinished { step, started, took });
    }
    reporter.report(&Event::RunFinished { summary: summary.clone() });
    Ok(Built {
        summary,
        bought,
        problems,
        troubles,
        run: run_id,
        is_closed,
        unsettled,
        record: written,
    })
}

fn begin_run(session: &Session) -> Result<Run, BuildError> {
    session.cache().ensure().map_err(StateError::from)?;
    Ok(Run::begin(session.cache())?)
}

/// Refuses a run that is known to change the lock before anything runs; that a result differs from
/// the recorded one shows only afterwards.
fn refuse_known_changes(
    prepared: &Prepared,
    work: &BTreeSet<AssetIndex>,
) -> Result<(), BuildError> {
    let changes = |asset: &&AssetIndex| {
        let (spec, plan) = (asset.of(&prepared.loaded.assets), asset.of(&prepared.plans));
        let keys = asset.of(&prepared.keys);
        let block = plan.block_id.as_deref().and_then(|id| prepared.lock.get(id)?.ok());
        block.is_none_or(|block| {
            let is_same = block.id == spec.id
                && block.wanted == keys.wanted.key
                && block.definition == keys.definition.key
                && block.provisional == (plan.work == Work::Placeholder);
            !block.adopted && !is_same
        })
    };
    let ids: Vec<String> = work
        .iter()
        .filter(changes)
        .map(|asset| asset.of(&prepared.loaded.assets).id.clone())
        .collect();
    if ids.is_empty() { Ok(()) } else { Err(BuildError::Locked(ids)) }
}

/// Opens the database, and tells if it had to be made again.
fn open_state(
    session: &Session,
    state: &LazyState,
    reporter: &dyn Reporter,
) -> Result<(), StateError> {
    if let (_, Some(StateNotice::Rebuilt { reason })) = state.open(session.cache())? {
        let message = format!("the cache's database was made again: {reason}");
        reporter.report(&Event::Warning { asset: None, message });
    }
    Ok(())
}

/// Records results and closes the database, which syncs the disk once more.
fn record_results(
    session: &Session,
    state: LazyState,
    batch: &Batch,
    now: u64,
) -> Result<(), StateError> {
    if !batch.is_empty() {
        state.open(session.cache())?.0.commit_batch(batch, now)?;
    }
    drop(state);
    Ok(())
}

/// Whether the manifest holds what the lock says. A record of a manifest with an entry that is gone
/// or edited would call it unchanged, and the edit would be forgotten.
fn entries_stand(
    prepared: &Prepared,
    committed: &BTreeMap<String, Vec<(RelPath, Digest)>>,
) -> bool {
    let lacks_entry = |plan: &&AssetPlan| {
        let is_about_entry =
            |code| matches!(code, ReasonCode::EntryEdited | ReasonCode::EntryMissing);
        plan.reasons.iter().any(|reason| is_about_entry(reason.code))
    };
    let id = |plan: &AssetPlan| &plan.asset.of(&prepared.loaded.assets).id;
    prepared.plans.iter().filter(lacks_entry).all(|plan| committed.contains_key(id(plan)))
}

/// Lock and manifest as this run left them.
#[derive(Debug)]
pub(super) struct After {
    /// The lock's stat, if it is there; none if another run wrote it meanwhile, so that what this
    /// run assessed may hold no longer.
    pub(super) lock_stat: Option<Option<Stat>>,
    /// The lock, if this run wrote it.
    pub(super) lock: Option<Written>,
    /// What became of the manifest, if this run wrote it.
    pub(super) manifest: Option<ManifestChange>,
    /// Whether the run acquired anything.
    pub(super) has_bought: bool,
}

pub(super) fn lock_stat(session: &Session) -> Option<Stat> {
    let lock = RelPath::new(LOCKFILE).expect("a literal path inside the project");
    session.files().stat(&lock).ok()
}

/// Writes the record of the run, if that is possible. It only saves time, so a full or read-only disk
/// is no failure.
fn record(
    session: &Session,
    prepared: &Prepared,
    draft: Draft,
    stand: Stand<'_>,
    environment: Digest,
    After { lock_stat: expected, lock, manifest, has_bought }: After,
) -> Option<Arc<Snapshot>> {
    let stat = lock_stat(session);
    let is_ours = expected == Some(stat);
    if !is_ours || prepared.has_errors() || session.cache().ensure().is_err() {
        return None;
    }
    let stamp = Stamp::take(session.cache()).ok()?;
    let manifest = manifest_after(session, prepared, manifest, stamp)?;
    let known = prepared.loaded.asleep.as_ref().and_then(|asleep| asleep.lock);
    let lock = match (stat, lock) {
        (None, _) => None,
        (Some(stat), Some(written)) => {
            if !stat.has_bytes_of(&Stat::of(written.metadata())) {
                return None;
            }
            let digest = written.digest().ok()?;
            let fine = Stamp::take_fine(session.cache());
            let is_told = fine.is_some_and(|fine| stat.is_before(fine));
            Some(Recorded { stat, digest, racy: !is_told })
        }
        (Some(stat), None) if known.is_some_and(|known| known.stat == stat) => {
            known.map(|known| Recorded { racy: stat.is_racy(stamp), ..known })
        }
        (Some(stat), None) => {
            let path = RelPath::new(LOCKFILE).expect("a literal path inside the project");
            match session.files().digest(&path, Content::Bytes) {
                Ok((digest, read)) if read == stat => {
                    Some(Recorded { stat, digest, racy: stat.is_racy(stamp) })
                }
                // Another run wrote it just now.
                _ => return None,
            }
        }
    };
    let ending = Ending { prepared, stand, environment, stamp, lock, manifest, has_bought };
    remember(session, draft, &ending).ok()?
}

/// The manifest for the record, if it is there; none if it holds what this run never assessed, such
/// as a person's edit from while the actions ran.
fn manifest_after(
    session: &Session,
    prepared: &Prepared,
    manifest: Option<ManifestChange>,
    stamp: Stamp,
) -> Option<Option<Recorded>> {
    if !prepared.loaded.has_settings() {
        // Nothing was assessed, and the record is copied.
        return Some(None);
    }
    let expected = match manifest {
        Some(change) if change.before != prepared.manifest => return None,
        Some(change) => Some(change.after),
        None => prepared.manifest,
    };
    let path = &prepared.loaded.config.manifest;
    let known = prepared.loaded.asleep.as_ref().and_then(|asleep| {
        let known = asleep.snapshot.inputs_at(path.as_str()).next()?.recorded;
        known.still_holds(session.files().stat(path).ok()).then_some(known)
    });
    if known.is_some_and(|known| expected == Some(known.digest)) {
        return Some(known);
    }
    let found = match session.files().digest(path, Content::Bytes) {
        Ok((digest, stat)) => Some(Recorded { stat, digest, racy: stat.is_racy(stamp) }),
        Err(_) => None,
    };
    (found.map(|found| found.digest) == expected).then_some(found)
}

/// Whether a commit was cut off and has to be completed.
pub fn has_redo_record(session: &Session) -> bool {
    session.cache().redo_record().is_file()
}

fn start_summary(prepared: &Prepared, work: usize) -> Summary {
    let selected = prepared.selected.iter().map(|asset| asset.of(&prepared.plans));
    let asleep = prepared.selected_asleep.len();
    let fresh = prepared.fresh_asleep().count();
    let assets = prepared.selected.len() + asleep;
    let mut summary = Summary { assets, fresh, held: asleep - fresh, ..Summary::default() };
    for plan in selected.filter(|plan| !plan.work.is_now()) {
        match plan.state {
            AssetState::Fresh => summary.fresh += 1,
            _ => summary.held += 1,
        }
    }
    debug_assert_eq!(summary.fresh + summary.held + work, summary.assets);
    summary
}
