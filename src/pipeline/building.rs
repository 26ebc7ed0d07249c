//! One build at work: what it holds open, and its steps from chains to the commit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Digest, FieldList, FileFacts, RelPath};
use crate::cache::{Batch, LocalCas, Run, RunError, State, StateNotice};
use crate::config::Config;
use crate::event::{Event, Outcome, Reporter, Summary};
use crate::execute::market::secret_names;
use crate::execute::{
    self, Acquirer, Built as BuiltChain, Chain, ChainExecutor, Groups, Market, Recorder,
    StopSignal, Stores, Trouble,
};
use crate::generate::{self, Commands, FontSet};
use crate::graph::action::ActionKind;
use crate::graph::key::{KEY_SCHEMA, requested_size};
use crate::graph::{self, ActionGraph, AssetIndex, Wanted};
use crate::integrate::commit::{AssetCommit, CommitRequest, EntryCommit, IntegrateGuard, commit};
use crate::integrate::entry::{EntryFile, entry_value};
use crate::integrate::lock_ahead::LockCopy;
use crate::integrate::outcome::CommitReport;
use crate::integrate::publish::{self};
use crate::integrate::redo::Uninterrupted;
use crate::lock::{Block, FieldDigests};
use crate::pipeline::build::{After, BuildError, BuildRequest, lock_stat};
use crate::pipeline::disk::{Disk, load_fonts};
use crate::pipeline::lazy_state::LazyState;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::session::{LOCKFILE, Session, finished_file};
use crate::pipeline::{keys, purchases};
use crate::plan::{AssetPlan, Keys, Work};
use crate::purchase::{Cap, Journal, RawStore};
use crate::spec::AssetSpec;
use crate::spec::op::{GenerateOp, GroupGain, Placeholder, ProcessOp, Step};

/// Everything that one build holds open.
pub(super) struct Building<'a> {
    session: &'a Session,
    prepared: &'a Prepared,
    request: &'a BuildRequest<'a>,
    reporter: &'a dyn Reporter,
    run: Run,
    state: &'a State,
    cas: LocalCas,
    raws: RawStore,
    fonts: FontSet,
    commands: Commands,
    leftover: Vec<(crate::base::ActionKey, crate::cache::ActionResult)>,
}

/// How the last action of each asset ended.
pub(super) type Outcomes = BTreeMap<AssetIndex, Outcome>;

impl<'a> Building<'a> {
    /// `run`: this run, registered in the cache.
    pub(super) fn begin(
        run: Run,
        session: &'a Session,
        prepared: &'a Prepared,
        state: &'a LazyState,
        request: &'a BuildRequest<'a>,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, BuildError> {
        let (state, notice) = state.open(session.cache())?;
        if let Some(StateNotice::Rebuilt { reason }) = notice {
            let message = format!("the cache's database was made again: {reason}");
            reporter.report(&Event::Warning { asset: None, message });
        }
        let config = &prepared.loaded.config;
        clean_up_after_others(session, config, &run)?;
        let commands = Commands::new(
            session.programs().clone(),
            session.cache().programs(),
            run.id().as_str(),
            secret_names(config),
        );
        Ok(Self {
            session,
            prepared,
            request,
            reporter,
            run,
            state,
            cas: LocalCas::new(session.cache()),
            raws: session.raws(&config.paid_dir),
            fonts: load_fonts(session, config, &prepared.table)?,
            commands,
            leftover: Vec::new(),
        })
    }

    pub(super) fn execute(
        &mut self,
        work: &BTreeSet<AssetIndex>,
        stop: &StopSignal,
        summary: &mut Summary,
    ) -> Result<(Vec<BuiltChain>, Outcomes, BTreeSet<Trouble>), BuildError> {
        let Prepared { loaded, table, lock, .. } = self.prepared;
        let last = self.request.steps.iter().copied().max().unwrap_or(ActionKind::Integrate);
        let is_chain = |asset: &AssetIndex| !self.is_adopted(*asset);
        let chained: BTreeSet<AssetIndex> = work.iter().copied().filter(is_chain).collect();
        let graph = graph::lower(&loaded.assets, |asset| chained.contains(&asset), last);
        let mut actions = [0; 5];
        for action in graph.nodes.node_weights() {
            actions[action.kind as usize] += 1;
        }
        self.reporter.report(&Event::RunStarted { assets: summary.assets, actions });
        let (_, digests) = keys::compute(&loaded.assets, table, lock, &loaded.config.fonts);
        let groups = self.groups(&chained, &digests);
        let members = groups.values().flatten();
        let referenced = purchases::referenced(&loaded.assets, &chained);
        let in_need: BTreeSet<AssetIndex> =
            chained.iter().chain(members).chain(&referenced).copied().collect();
        let chains: BTreeMap<_, _> =
            in_need.iter().map(|&asset| (asset, self.chain(asset, &digests))).collect();
        if self.request.locked {
            refuse_acquisitions(&chains)?;
        }
        let recorder = Recorder::new(self.state);
        let Self { session, fonts, commands, .. } = &*self;
        let inputs = Disk { session, table, fonts, commands };
        let raws = |digest: &Digest| {
            let found = self.raws.get(*digest).ok()?.ok()?;
            Some(Arc::from(found.bytes))
        };
        let acquirer = Acquirer {
            journal: Journal::new(&loaded.config.paid_dir.under(self.session.root())),
            raws: &self.raws,
            second_home: self.session.second_home(),
            slots: self.session.cache().slots(),
            run: self.run.id().as_str(),
            caps: Cap::of(
                &loaded.config.budget,
                self.request.allowance,
                self.run.id().as_str(),
                &rfc3339(self.request.now),
            ),
            stop,
        };
        let credentials = purchases::credentials(self.session, &loaded.config);
        let market = Market::new(&loaded.config, credentials);
        let warn = |asset: &str, message: String| {
            self.reporter.report(&Event::Warning { asset: Some(asset.to_owned()), message });
        };
        let stores = Stores {
            acquirer: &acquirer,
            market: &market,
            reporter: self.reporter,
            warn: &warn,
            cas: &self.cas,
            actions: &recorder,
            raws: &raws,
            inputs: &inputs,
            digests: &digests,
        };
        let executor = ChainExecutor::new(chains, groups, stores);
        let execution = execute::run(
            &graph,
            &executor,
            self.reporter,
            stop,
            self.request.limits,
            self.request.clock,
        );
        let outcomes = count_outcomes(&graph, &execution, summary);
        let troubles = executor.troubles().into_values().collect();
        let built = executor.into_built();
        self.leftover = recorder.take();
        Ok((built, outcomes, troubles))
    }

    /// The groups of the sounds that are to be built, each with all sounds whose material is there or
    /// is made in this run. A stand-in has no part in a group.
    fn groups(&self, chained: &BTreeSet<AssetIndex>, digests: &keys::KeyInputs<'_>) -> Groups {
        let named = |asset: &AssetIndex| GroupGain::of(&self.spec(*asset).steps);
        let is_made = |asset: &AssetIndex| self.plan(*asset).work == Work::Chain;
        let mut groups = Groups::new();
        for gain in chained.iter().filter(|asset| is_made(asset)).filter_map(named) {
            groups.entry(gain.group.to_owned()).or_default();
        }
        for (name, members) in &mut groups {
            let made = chained.iter().copied().filter(is_made);
            let made = made.filter(|asset| named(asset).is_some_and(|gain| gain.group == name));
            let there = digests.members(name).iter().copied();
            let there = there.filter(|asset| self.plan(*asset).work != Work::Placeholder);
            let all: BTreeSet<AssetIndex> = made.chain(there).collect();
            members.extend(all);
        }
        groups
    }

    /// Adopted assets that lost something: their files come from the store, nothing runs.
    fn adopted_work(&self) -> impl Iterator<Item = AssetIndex> {
        let selected = self.prepared.selected.iter().copied();
        selected.filter(|&asset| self.plan(asset).work != Work::Nothing && self.is_adopted(asset))
    }

    fn is_adopted(&self, asset: AssetIndex) -> bool {
        self.old_block(asset).is_some_and(|block| block.adopted)
    }

    fn plan(&self, asset: AssetIndex) -> &'a AssetPlan {
        asset.of(&self.prepared.plans)
    }

    fn keys(&self, asset: AssetIndex) -> &'a Keys {
        asset.of(&self.prepared.keys)
    }

    fn spec(&self, asset: AssetIndex) -> &'a AssetSpec {
        asset.of(&self.prepared.loaded.assets)
    }

    /// The block that the asset goes on from; another id's after a rename.
    fn old_block(&self, asset: AssetIndex) -> Option<Block> {
        let id = self.plan(asset).block_id.as_deref()?;
        self.prepared.lock.get(id)?.ok()
    }

    fn chain(&self, asset: AssetIndex, digests: &keys::KeyInputs<'_>) -> Chain<'a> {
        let spec = self.spec(asset);
        let policy = self.request.policy;
        if self.plan(asset).work == Work::Placeholder {
            let stand_in = placeholder_for(spec);
            let wanted = Wanted::of(&stand_in, digests).key;
            return Chain {
                spec: Cow::Owned(stand_in),
                wanted,
                acquired: None,
                known: Vec::new(),
                offers: Vec::new(),
                refresh: false,
            };
        }
        let wanted = self.keys(asset).wanted.key;
        let acquired = match spec.generate.is_free() {
            true => None,
            false => self.old_block(asset).and_then(|block| block.raw_for(&wanted)),
        };
        let (config, today) = (&self.prepared.loaded.config, self.request.today);
        let known = match spec.generate.is_paid() {
            true => {
                let own = self.plan(asset).block_id.as_deref().unwrap_or(&spec.id);
                purchases::known(&self.prepared.lock, own, &wanted)
            }
            false => Vec::new(),
        };
        let offers = purchases::offers(spec, config, today, digests, self.request.bound_micros);
        let (spec, refresh) = (Cow::Borrowed(spec), policy.refresh);
        Chain { spec, wanted, acquired, known, offers, refresh }
    }

    /// The block of what was built.
    fn block(&self, built: &BuiltChain) -> Block {
        let spec = self.spec(built.asset);
        let keys = self.keys(built.asset);
        let (wanted, definition) = (keys.wanted.key, keys.definition.key);
        let mut block = Block::new(&spec.id, KEY_SCHEMA, wanted, definition);
        block.fields = field_digests(keys);
        block.outputs = built.outputs.clone();
        block.provisional = self.plan(built.asset).work == Work::Placeholder;
        block.tools.clone_from(&built.tools);
        if let Some(old) = self.old_block(built.asset) {
            if block.tools.is_empty() && old.raw == Some(built.raw) {
                block.tools = old.tools;
            }
            block.purchases = old.purchases;
            block.pick = old.pick;
            if old.raw == Some(built.raw) {
                // The same purchase is good for what it was declared good for.
                block.kept = old.kept;
            }
        }
        let known: BTreeSet<_> = block.purchases.iter().map(|own| own.id.clone()).collect();
        let new = built.purchases.iter().filter(|purchase| !known.contains(&purchase.id));
        block.purchases.extend(new.cloned());
        if !spec.generate.is_free() && !block.provisional {
            block.raw = Some(built.raw);
        }
        block
    }

    fn entry(&self, asset: AssetIndex, block: &Block, facts: &[Option<(u32, u32)>]) -> EntryCommit {
        let spec = self.spec(asset);
        let mut files = spec.publish.files.clone();
        if let Some(adopted) = self.old_block(asset).filter(|block| block.adopted) {
            // Adopted files stay where they are, whatever the spec says.
            for (file, (path, _)) in files.iter_mut().zip(&adopted.outputs) {
                file.path.clone_from(path);
            }
        }
        let files: Vec<EntryFile<'_>> = files
            .iter()
            .enumerate()
            .map(|(index, file)| EntryFile {
                file,
                dimensions: facts.get(index).copied().flatten(),
            })
            .collect();
        let assets_dir = &self.prepared.loaded.config.assets_dir;
        // A program of the project is no provider that an entry would have to name.
        let receipt = block
            .purchases
            .iter()
            .find(|purchase| Some(purchase.raw) == block.raw && purchase.provider != "command");
        let entry = &spec.publish.entry;
        EntryCommit {
            section: entry.section.clone(),
            key: entry.key.clone(),
            value: entry_value(entry, &files, assets_dir, receipt),
        }
    }

    pub(super) fn refuse_changes(&self, built: &[BuiltChain]) -> Result<(), BuildError> {
        let changes = |built: &&BuiltChain| {
            let new = self.block(built);
            let old = self.old_block(built.asset).map(|old| Block { entry: None, ..old });
            old != Some(new)
        };
        let ids: Vec<String> =
            built.iter().filter(changes).map(|b| self.spec(b.asset).id.clone()).collect();
        if ids.is_empty() { Ok(()) } else { Err(BuildError::Locked(ids)) }
    }

    /// `lock_copy`: a copy of the lock as it was read, if it is a large one.
    pub(super) fn publish(
        &self,
        built: &[BuiltChain],
        lock_copy: Option<LockCopy>,
        summary: &mut Summary,
    ) -> Result<(CommitReport, After), BuildError> {
        let mut assets: Vec<AssetCommit> = built
            .iter()
            .map(|built| {
                let facts: Vec<_> = built.facts.files.iter().map(FileFacts::dimensions).collect();
                let block = self.block(built);
                self.asset_commit(built.asset, block, &facts)
            })
            .collect();
        let adopted = self.adopted_work();
        assets.extend(adopted.filter_map(|asset| {
            let block = self.old_block(asset)?;
            let block = Block { id: self.spec(asset).id.clone(), ..block };
            Some(self.asset_commit(asset, block, &[]))
        }));
        let config = &self.prepared.loaded.config;
        let lock = RelPath::new(LOCKFILE).expect("a literal path inside the project");
        let guard = IntegrateGuard::acquire(&self.session.cache().integrate_lock())
            .map_err(BuildError::Guard)?;
        let is_undisturbed = lock_stat(self.session) == self.prepared.lock_stat;
        if self.prepared.was_conflicted {
            let text = self.prepared.lock.text();
            publish::write_file(self.session.root(), &lock, text.as_bytes())?;
        }
        let blobs = |digest: &Digest| finished_file(&self.cas, &self.raws, digest);
        let report = commit(
            &CommitRequest {
                root: self.session.root(),
                lock: &lock,
                manifest: &config.manifest,
                assets_dir: &config.assets_dir,
                record: &self.session.cache().redo_record(),
                assets: &assets,
                prune: &[],
                orphans: &self.prepared.orphan_ids,
                blobs: &blobs,
                overwrite_drifted: self.request.policy.overwrite_drifted,
                current: is_undisturbed
                    .then_some(&self.prepared.lock)
                    .filter(|_| !self.prepared.was_conflicted),
                lock_copy: lock_copy.as_ref().and_then(LockCopy::finished),
                manifest_unchanged: self.prepared.manifest_unchanged,
                checkpoint: &Uninterrupted,
            },
            &guard,
        )?;
        for (asset, path, size) in &report.published {
            let (asset, path) = (asset.clone(), path.to_string());
            self.reporter.report(&Event::Published { asset, path, size: *size });
        }
        if report.entries > 0 {
            self.reporter.report(&Event::ManifestUpdated { entries: report.entries });
        }
        summary.published = report.published.len();
        let lock_stat = is_undisturbed.then(|| lock_stat(self.session));
        let (lock_digest, manifest) = (report.lock, report.manifest);
        Ok((report, After { lock_stat, lock_digest, manifest }))
    }

    fn asset_commit(
        &self,
        asset: AssetIndex,
        block: Block,
        facts: &[Option<(u32, u32)>],
    ) -> AssetCommit {
        let old = self.plan(asset).block_id.clone();
        let renamed_from = old.filter(|id| *id != block.id);
        let entry = Some(self.entry(asset, &block, facts));
        AssetCommit { block, entry, renamed_from }
    }

    /// Published files of the assets that are as their specs want them, by id.
    pub(super) fn committed(
        &self,
        built: &[BuiltChain],
        report: &CommitReport,
    ) -> BTreeMap<String, Vec<(RelPath, Digest)>> {
        let touched: BTreeSet<&str> =
            report.problems.iter().map(|problem| problem.asset.as_str()).collect();
        built
            .iter()
            .filter(|chain| self.plan(chain.asset).work == Work::Chain)
            .map(|chain| (self.spec(chain.asset).id.clone(), chain.outputs.clone()))
            .filter(|(id, _)| !touched.contains(id.as_str()))
            .collect()
    }

    /// Reports built assets and problems; gives the problems, and the rows that wait for a commit.
    pub(super) fn finish(
        self,
        built: &[BuiltChain],
        outcomes: &Outcomes,
        report: &CommitReport,
        summary: &mut Summary,
    ) -> (Vec<(String, String)>, Batch) {
        let dropped = report.dropped();
        let mut batch = Batch { results: self.leftover.clone(), ..Batch::default() };
        for chain in built {
            let id = &self.spec(chain.asset).id;
            if dropped.contains(id.as_str()) {
                summary.failed += 1;
                continue;
            }
            summary.built += 1;
            batch.traces.push((id.clone(), all_fields(self.keys(chain.asset))));
            for file in &chain.facts.files {
                let event = Event::Measured { asset: id.clone(), figures: file.figures() };
                self.reporter.report(&event);
            }
            let (asset, cached, took) = (id.clone(), chain.cached, chain.took);
            self.reporter.report(&Event::AssetBuilt { asset, cached, took });
        }
        for asset in self.adopted_work() {
            let id = &self.spec(asset).id;
            if dropped.contains(id.as_str()) {
                summary.failed += 1;
                continue;
            }
            summary.built += 1;
            let event = Event::AssetBuilt { asset: id.clone(), cached: true, took: Duration::ZERO };
            self.reporter.report(&event);
        }
        batch.accessed = self.cas.take_accessed();
        for outcome in outcomes.values() {
            match outcome {
                Outcome::Failed(_) => summary.failed += 1,
                Outcome::Skipped(_) => summary.skipped += 1,
                Outcome::Ran | Outcome::Cached | Outcome::Cancelled => {}
            }
        }
        let problems: Vec<(String, String)> = report
            .problems
            .iter()
            .map(|problem| (problem.asset.clone(), execute::with_causes(&problem.problem)))
            .collect();
        for (asset, message) in &problems {
            let (asset, message) = (Some(asset.clone()), message.clone());
            self.reporter.report(&Event::Warning { asset, message });
        }
        drop(self.run);
        (problems, batch)
    }
}

fn count_outcomes(
    graph: &ActionGraph,
    execution: &execute::Execution,
    summary: &mut Summary,
) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for (&asset, chain) in &graph.chains {
        for &id in chain {
            let outcome = execution.outcome(id);
            let kind = graph.nodes[id].kind as usize;
            match outcome {
                Outcome::Ran => summary.ran[kind] += 1,
                Outcome::Cached => summary.cached[kind] += 1,
                Outcome::Failed(_) | Outcome::Skipped(_) | Outcome::Cancelled => {}
            }
            // The first action that did not succeed tells what became of the asset.
            if !matches!(outcomes.get(&asset), Some(Outcome::Failed(_) | Outcome::Skipped(_))) {
                outcomes.insert(asset, outcome.clone());
            }
        }
    }
    outcomes
}

fn field_digests(keys: &Keys) -> FieldDigests {
    let fields = keys.wanted.fields.fields.iter().chain(&keys.definition.fields.fields);
    FieldDigests::of(fields.map(|(path, value)| (&**path, &**value)))
}

fn all_fields(keys: &Keys) -> FieldList {
    let Keys { wanted, definition } = keys;
    let mut all = wanted.fields.clone();
    all.fields.extend(definition.fields.fields.iter().cloned());
    all.notes.extend(definition.fields.notes.iter().cloned());
    all
}

/// The asset with a placeholder in place of its raw material and without checks, which are about
/// the real thing.
fn placeholder_for(spec: &AssetSpec) -> AssetSpec {
    const USUAL_SIZE: (u32, u32) = (256, 256);
    const USUAL_SECONDS: f64 = 0.5;
    let seconds = match &spec.generate {
        GenerateOp::Request(request) => request
            .parameters
            .get("duration_seconds")
            .and_then(|value| value.canonical().parse().ok()),
        GenerateOp::Manual(file) => file.brief.duration_seconds,
        _ => None,
    };
    let mut stand_in = spec.clone();
    stand_in.generate = GenerateOp::Placeholder(Placeholder {
        label: spec.id.clone(),
        size: requested_size(spec).unwrap_or(USUAL_SIZE),
        media: spec.media,
        duration_seconds: seconds.unwrap_or(USUAL_SECONDS),
    });
    stand_in.steps.retain(|step| matches!(step, Step::Process(_)));
    for step in &mut stand_in.steps {
        if let Step::Process(ProcessOp::Normalize { group, .. }) = step {
            // What the group's real sounds are brought to is not for a stand-in to say.
            *group = None;
        }
    }
    stand_in
}

/// Seconds since 1970 as the journal writes times.
fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Takes care of what runs left behind that are no longer alive: programs that still run, their
/// folders, purchases that nobody closed.
fn clean_up_after_others(session: &Session, config: &Config, run: &Run) -> Result<(), BuildError> {
    let live = || -> Result<BTreeSet<String>, RunError> {
        Ok(run.others()?.iter().chain([run.id()]).map(|id| id.as_str().to_owned()).collect())
    };
    generate::sweep(&session.cache().programs(), live)?;
    let dead = run.claim_dead()?;
    if !dead.is_empty() {
        let journal = Journal::new(&config.paid_dir.under(session.root()));
        let dead: BTreeSet<&str> = dead.iter().map(|run| run.id.as_str()).collect();
        execute::recover_dead(&journal, |id| !dead.contains(id))?;
    }
    for dead in dead {
        dead.forget()?;
    }
    Ok(())
}

/// What has to be acquired changes the lock for certain, so nothing is acquired to find that out.
fn refuse_acquisitions(chains: &BTreeMap<AssetIndex, Chain<'_>>) -> Result<(), BuildError> {
    let is_new = |chain: &&Chain<'_>| chain.acquired.is_none() && !chain.spec.generate.is_free();
    let ids: Vec<String> =
        chains.values().filter(is_new).map(|chain| chain.spec.id.clone()).collect();
    if ids.is_empty() { Ok(()) } else { Err(BuildError::Locked(ids)) }
}
