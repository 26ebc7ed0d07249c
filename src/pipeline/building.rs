//! One build at work: what it holds open, and its steps from chains to the commit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::base::{Digest, FieldList};
use crate::cache::{Batch, LocalCas, Run, RunError, State};
use crate::config::Config;
use crate::event::{Event, Outcome, Reporter, Summary};
use crate::execute::market::secret_names;
use crate::execute::{
    self, Acquirer, Built as BuiltChain, Chain, ChainExecutor, Finished, Group, Groups, Market,
    Recorder, StopSignal, Stores, Trouble,
};
use crate::generate::{self, Commands, FontSet};
use crate::graph::action::ActionKind;
use crate::graph::key::requested_size;
use crate::graph::{self, ActionGraph, AssetIndex, Extent, Wanted};
use crate::integrate::outcome::CommitReport;
use crate::lock::Block;
use crate::pipeline::ahead::Begun;
use crate::pipeline::build::{BuildError, BuildRequest};
use crate::pipeline::disk::{Disk, load_fonts};
use crate::pipeline::prepare::Prepared;
use crate::pipeline::purchases::{self, Known};
use crate::pipeline::session::Session;
use crate::pipeline::{keys, money, variations};
use crate::plan::{self, ActionState, AssetPlan, Keys, PlannedAction, Work};
use crate::purchase::spare::{self, Spare};
use crate::purchase::{Journal, RawStore};
use crate::spec::AssetSpec;
use crate::spec::op::{GenerateOp, GroupGain, Placeholder, ProcessOp, Step};

/// Everything that one build holds open.
pub(super) struct Building<'a> {
    pub(super) session: &'a Session,
    pub(super) prepared: &'a Prepared,
    pub(super) request: &'a BuildRequest<'a>,
    pub(super) reporter: &'a dyn Reporter,
    pub(super) begun: Begun,
    pub(super) cas: LocalCas,
    pub(super) raws: RawStore,
    fonts: FontSet,
    commands: Commands,
    leftover: Vec<(crate::base::ActionKey, crate::cache::ActionResult)>,
    /// Keys as they are after the run, if they are others than before.
    pub(super) settled: Option<Arc<Vec<Keys>>>,
}

/// How the last action of each asset ended.
pub(super) type Outcomes = BTreeMap<AssetIndex, Outcome>;

impl<'a> Building<'a> {
    /// `begun`: this run, registered in the cache.
    pub(super) fn begin(
        begun: Begun,
        session: &'a Session,
        prepared: &'a Prepared,
        request: &'a BuildRequest<'a>,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, BuildError> {
        let config = &prepared.loaded.config;
        money::restore(session, config, &prepared.lock)?;
        clean_up_after_others(session, config, &begun.run)?;
        let commands = Commands::new(
            session.programs().clone(),
            session.cache().programs(),
            begun.run.id().as_str(),
            secret_names(config),
        );
        Ok(Self {
            session,
            prepared,
            request,
            reporter,
            begun,
            cas: LocalCas::new(session.cache()),
            raws: session.raws(&config.paid_dir),
            fonts: load_fonts(session, config, &prepared.table)?,
            commands,
            leftover: Vec::new(),
            settled: None,
        })
    }

    pub(super) fn execute(
        &mut self,
        work: &BTreeSet<AssetIndex>,
        state: &State,
        stop: &StopSignal,
        summary: &mut Summary,
    ) -> Result<(Finished, Outcomes, BTreeSet<Trouble>), BuildError> {
        let Prepared { loaded, table, lock, .. } = self.prepared;
        let is_chain = |asset: &AssetIndex| !self.is_adopted(*asset);
        let chained: BTreeSet<AssetIndex> = work.iter().copied().filter(is_chain).collect();
        let graph = graph::lower(&loaded.assets, |asset| {
            chained.contains(&asset).then(|| self.extent(asset))
        });
        let mut actions = [0; 5];
        for action in graph.nodes.node_weights() {
            actions[action.kind as usize] += 1;
        }
        self.reporter.report(&Event::RunStarted { assets: summary.assets, actions });
        let (_, digests) = keys::compute(&loaded.assets, table, lock, &loaded.config.fonts);
        let groups = self.groups(&chained, &digests);
        let members = groups.values().flat_map(|group| &group.members);
        let referenced = purchases::referenced(&loaded.assets, &chained);
        let in_need: BTreeSet<AssetIndex> =
            chained.iter().chain(members).chain(&referenced).copied().collect();
        let chains: BTreeMap<_, _> =
            in_need.iter().map(|&asset| (asset, self.chain(asset, &digests))).collect();
        if self.request.locked {
            refuse_acquisitions(&chains)?;
        }
        let recorder = Recorder::new(state);
        let Self { session, fonts, commands, .. } = &*self;
        let inputs = Disk { session, table, fonts, commands };
        let raws = |digest: &Digest| {
            let found = self.raws.get(*digest).ok()?.ok()?;
            Some(Arc::from(found.bytes))
        };
        // Who cannot be told from the dead is waited for.
        let is_alive = |run: &str| {
            run == self.begun.run.id().as_str()
                || self
                    .begun
                    .run
                    .others()
                    .is_ok_and(|live| live.iter().any(|id| id.as_str() == run))
        };
        let acquirer = Acquirer {
            journal: Journal::new(&loaded.config.paid_dir.under(self.session.root())),
            raws: &self.raws,
            second_home: self.session.second_home(),
            slots: self.session.cache().slots(),
            run: self.begun.run.id().as_str(),
            buyer: self.request.buyer,
            budget: &loaded.config.budget,
            allowance: self.request.allowance,
            is_alive: &is_alive,
            left: Mutex::default(),
            spare: Spare::new(self.session.cache().path(), self.begun.run.id().as_str()),
            stop,
            receipts: OnceLock::new(),
            extras: Mutex::default(),
        };
        let credentials = purchases::credentials(self.session, &loaded.config);
        let runners =
            purchases::runners(self.session, &loaded.config, self.begun.run.id().as_str());
        let market = Market::new(&loaded.config, credentials, runners);
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
        let finished = executor.finish();
        self.leftover = recorder.take();
        self.settled = self.settle_keys(&finished);
        Ok((finished, outcomes, troubles))
    }

    /// The groups of the sounds that are to be built, each with all sounds whose material is there or
    /// is made in this run. A stand-in has no part in a group.
    fn groups(&self, chained: &BTreeSet<AssetIndex>, digests: &keys::KeyInputs<'_>) -> Groups {
        let named = |asset: &AssetIndex| GroupGain::of(&self.spec(*asset).steps);
        let is_made = |asset: &AssetIndex| self.plan(*asset).work == Work::Chain;
        let mut made: BTreeMap<&str, Vec<AssetIndex>> = BTreeMap::new();
        for (asset, gain) in
            chained.iter().filter(|asset| is_made(asset)).filter_map(|a| Some((*a, named(a)?)))
        {
            made.entry(gain.group).or_default().push(asset);
        }
        let complete = |(name, mut made): (&str, Vec<AssetIndex>)| {
            let there = digests.members(name).iter().copied();
            let there = there.filter(|asset| self.plan(*asset).work != Work::Placeholder);
            let all: BTreeSet<AssetIndex> = made.iter().copied().chain(there).collect();
            made.retain(|asset| self.extent(*asset).last >= ActionKind::Process);
            (name.to_owned(), Group::new(all.into_iter().collect(), made))
        };
        made.into_iter().map(complete).collect()
    }

    /// What of an asset's chain runs.
    fn extent(&self, asset: AssetIndex) -> Extent {
        let asked = self.request.steps.iter().copied().max().unwrap_or(ActionKind::Integrate);
        let plan = self.plan(asset);
        let last = match plan.work {
            Work::Variations => asked.min(ActionKind::Select),
            _ => asked,
        };
        let in_group = plan.work != Work::Placeholder;
        Extent { last, extra: self.reroll(asset), in_group }
    }

    /// Results to buy beyond the variations.
    pub(super) fn reroll(&self, asset: AssetIndex) -> u32 {
        let spec = self.spec(asset);
        let is_extra = |action: &&PlannedAction| {
            action.kind == ActionKind::Generate && action.variation >= spec.selection.variations
        };
        u32::try_from(self.plan(asset).actions.iter().filter(is_extra).count()).unwrap_or(u32::MAX)
    }

    /// How many purchases the run made that the lock did not know.
    pub(super) fn count_bought(&self, finished: &Finished) -> usize {
        self.newly_bought(finished).map(|(_, known, all)| all.len() - known).sum()
    }

    /// Assets for which something was bought that the lock did not know: how many results it knew, and
    /// all of them.
    fn newly_bought<'f>(
        &'f self,
        finished: &'f Finished,
    ) -> impl Iterator<Item = (AssetIndex, usize, Vec<crate::lock::Purchase>)> + 'f {
        let built = finished.built.iter().map(|built| (built.asset, &built.purchases));
        let bought = finished.bought.iter().map(|(asset, bought)| (*asset, bought));
        built.chain(bought).filter_map(|(asset, purchases)| {
            let spec = self.spec(asset);
            if !spec.generate.is_paid() {
                return None;
            }
            let own = self.plan(asset).block_id.as_deref().unwrap_or(&spec.id);
            let wanted = self.keys(asset).wanted.key;
            let known = variations::on_lock(&self.prepared.lock, own, &wanted);
            let all = variations::numbered(known.iter().chain(purchases).cloned().collect());
            (all.len() > known.len()).then_some((asset, known.len(), all))
        })
    }

    /// Shows the results of assets for which something new came and which have several.
    pub(super) fn show_variations(
        &self,
        finished: &Finished,
        outcomes: &Outcomes,
        summary: &mut Summary,
    ) {
        for (asset, outcome) in outcomes {
            let is_done = matches!(outcome, Outcome::Ran | Outcome::Cached);
            // They wait for a person now.
            summary.held += usize::from(is_done && self.plan(*asset).work == Work::Variations);
        }
        let is_trial = self.request.is_trial;
        let several = |(.., all): &(_, _, Vec<_>)| all.len() > 1 || is_trial;
        for (asset, _, all) in self.newly_bought(finished).filter(several) {
            let spec = self.spec(asset);
            let asset_id = spec.id.clone();
            let event = match variations::show(self.session, &self.raws, spec, &all) {
                Ok(_) => Event::Variations {
                    asset: asset_id,
                    count: all.len(),
                    folder: format!(".assetcache/review/{}", spec.id),
                    waits: self.plan(asset).work == Work::Variations && !is_trial,
                },
                Err(error) => Event::Warning {
                    asset: Some(asset_id),
                    message: format!("its results are not shown side by side: {error}"),
                },
            };
            self.reporter.report(&event);
        }
    }

    /// Whether the plan of an asset has something to buy.
    fn buys(&self, asset: AssetIndex) -> bool {
        let mut actions = self.plan(asset).actions.iter();
        actions.any(|action| action.paid && action.state == ActionState::Dirty)
    }

    /// Adopted assets that lost something: their files come from the store, nothing runs.
    pub(super) fn adopted_work(&self) -> impl Iterator<Item = AssetIndex> {
        let selected = self.prepared.selected.iter().copied();
        selected.filter(|&asset| self.plan(asset).work.is_now() && self.is_adopted(asset))
    }

    fn is_adopted(&self, asset: AssetIndex) -> bool {
        self.old_block(asset).is_some_and(|block| block.adopted)
    }

    pub(super) fn plan(&self, asset: AssetIndex) -> &'a AssetPlan {
        asset.of(&self.prepared.plans)
    }

    pub(super) fn keys(&self, asset: AssetIndex) -> &Keys {
        asset.of(self.settled.as_deref().unwrap_or(&self.prepared.keys))
    }

    /// The keys with the raw material that sounds with a group got in this run.
    fn settle_keys(&self, finished: &Finished) -> Option<Arc<Vec<Keys>>> {
        let Prepared { loaded, table, lock, .. } = self.prepared;
        let is_chosen = |built: &&BuiltChain| {
            let (spec, plan) = (self.spec(built.asset), self.plan(built.asset));
            plan.work == Work::Chain
                && !spec.generate.is_free()
                && GroupGain::of(&spec.steps).is_some()
        };
        let chosen = finished.built.iter().filter(is_chosen).map(|built| (built.asset, built.raw));
        let chosen: keys::Chosen = chosen.collect();
        (!chosen.is_empty()).then(|| {
            let fonts = &loaded.config.fonts;
            Arc::new(keys::compute_with(&loaded.assets, table, lock, fonts, &chosen).0)
        })
    }

    /// Ids of assets that were fresh and are stale now, since another sound of their group became
    /// another one.
    pub(super) fn unsettled(&self, work: &BTreeSet<AssetIndex>) -> BTreeMap<AssetIndex, String> {
        let Some(settled) = &self.settled else { return BTreeMap::new() };
        let assets = (0..).map(AssetIndex).zip(&self.prepared.loaded.assets);
        let is_other = |asset: &AssetIndex| {
            self.plan(*asset).state == plan::State::Fresh
                && !work.contains(asset)
                && asset.of(settled).definition.key != asset.of(&self.prepared.keys).definition.key
        };
        let other = assets.filter(|(asset, _)| is_other(asset));
        other.map(|(asset, spec)| (asset, spec.id.clone())).collect()
    }

    pub(super) fn spec(&self, asset: AssetIndex) -> &'a AssetSpec {
        asset.of(&self.prepared.loaded.assets)
    }

    /// The block that the asset goes on from; another id's after a rename.
    pub(super) fn old_block(&self, asset: AssetIndex) -> Option<Block> {
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
                published: None,
                is_picked: false,
                known: Vec::new(),
                extras: Vec::new(),
                reroll: 0,
                redraw: 0,
                may_buy: false,
                offers: Vec::new(),
                refresh: false,
            };
        }
        let wanted = self.keys(asset).wanted.key;
        let old = self.old_block(asset).filter(|_| !spec.generate.is_free());
        let acquired = old.as_ref().and_then(|block| block.raw_for(&wanted));
        let published = old.as_ref().and_then(|block| block.raw);
        let is_picked = old.as_ref().is_some_and(|block| block.picked_for(&wanted).is_some());
        let (config, today) = (&self.prepared.loaded.config, self.request.today);
        let known = match spec.generate.is_paid() {
            true => {
                let own = self.plan(asset).block_id.as_deref().unwrap_or(&spec.id);
                Known::of(&self.prepared.lock, own, &wanted)
            }
            false => Known::default(),
        };
        let offers = purchases::offers(spec, config, today, digests, self.request.bound_micros);
        Chain {
            spec: Cow::Borrowed(spec),
            wanted,
            acquired,
            published,
            is_picked,
            known: known.variations,
            extras: known.extras,
            reroll: self.reroll(asset),
            // Nothing is bought that the plan had no price for.
            redraw: if self.buys(asset) { spec.selection.redraw } else { 0 },
            may_buy: self.buys(asset),
            offers,
            refresh: policy.refresh,
        }
    }

    /// What the database is told of this run. It may say of an asset what then is not published: an old
    /// value counts only where the lock agrees.
    pub(super) fn batch(&mut self, built: &[BuiltChain]) -> Batch {
        let trace = |chain: &BuiltChain| {
            (self.spec(chain.asset).id.clone(), all_fields(self.keys(chain.asset)))
        };
        // What is published is read from the cache in a moment.
        let published = built.iter().flat_map(|chain| &chain.outputs).map(|(_, file)| file.hash);
        Batch {
            traces: built.iter().map(trace).collect(),
            results: std::mem::take(&mut self.leftover),
            accessed: self.cas.take_accessed().into_iter().chain(published).collect(),
        }
    }

    /// Reports built assets and problems; gives the problems.
    pub(super) fn finish(
        self,
        built: &[BuiltChain],
        outcomes: &Outcomes,
        report: &CommitReport,
        summary: &mut Summary,
    ) -> Vec<(String, String)> {
        let dropped = report.dropped();
        for chain in built {
            let id = &self.spec(chain.asset).id;
            if dropped.contains(id.as_str()) {
                summary.failed += 1;
                continue;
            }
            summary.built += 1;
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
        problems
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

/// Takes care of what runs left behind that are no longer alive: programs that still run, their
/// folders, purchases that nobody closed.
fn clean_up_after_others(session: &Session, config: &Config, run: &Run) -> Result<(), BuildError> {
    let live = || -> Result<BTreeSet<String>, RunError> {
        Ok(run.others()?.iter().chain([run.id()]).map(|id| id.as_str().to_owned()).collect())
    };
    generate::sweep(&session.cache().programs(), live)?;
    let dead = run.claim_dead()?;
    if !dead.is_empty() {
        let live = live()?;
        spare::sweep(session.cache().path(), |run| live.contains(run));
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
    let is_short = |chain: &Chain<'_>| {
        let has = |index: &u32| chain.known.iter().any(|known| known.index == *index);
        // What a person keeps stands for all variations.
        !chain.known.is_empty() && !(0..chain.spec.selection.variations).all(|index| has(&index))
    };
    let is_new = |chain: &&Chain<'_>| {
        let buys = chain.acquired.is_none() || chain.reroll > 0 || is_short(chain);
        buys && !chain.spec.generate.is_free()
    };
    let ids: Vec<String> =
        chains.values().filter(is_new).map(|chain| chain.spec.id.clone()).collect();
    if ids.is_empty() { Ok(()) } else { Err(BuildError::Locked(ids)) }
}
