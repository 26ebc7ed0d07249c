//! Does the actions of a chain: looks each up by key, runs its body otherwise, records the result.
//!
//! Free raw material is not stored: its digest is, and the body runs again if a later action needs
//! the pixels. Only what exact programs make is kept beside finished files, since they may take long.
//! What cannot be made again goes through `acquire`. Integrate actions only hand over what is to be published; `integrate` commits
//! all of it at the end of the run.

mod error;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::facts::FactSheet;
use crate::base::{ActionKey, Digest, Encoding, Raw, RelPath};
use crate::cache::{ActionResult, Cas, CasError};
use crate::catalog::PriceUnit;
use crate::event::{Outcome, Reporter};
use crate::execute::acquire::{Acquirer, Delivery, Order};
use crate::execute::buying::{Offer, Slots, Trouble};
use crate::execute::group::{Groups, Share, Waiting};
use crate::execute::market::Market;
use crate::execute::recorder::Recorder;
use crate::execute::scheduler::{Executor, Lane};
use crate::execute::variations::Trial;
use crate::generate::{self, Inputs, Version};
use crate::graph::action::ActionKind;
use crate::graph::key::{command_key, process_key, requested_size};
use crate::graph::{Action, AssetIndex, InputDigests};
use crate::lock;
use crate::process::{self, Job};
use crate::purchase::Basis;
use crate::purchase::state::Answer;
use crate::spec::AssetSpec;
use crate::spec::op::{CommandRun, GenerateOp};

pub use error::ActionError;

/// One asset to build: what its actions work on.
#[derive(Debug)]
pub struct Chain<'a> {
    /// The asset, or the placeholder that stands in for it.
    pub spec: std::borrow::Cow<'a, AssetSpec>,
    /// Key of its generate action.
    pub wanted: ActionKey,
    /// Its raw material, if that was acquired before.
    pub acquired: Option<Digest>,
    /// The raw material that its published files were made from; none if it is free.
    pub published: Option<Digest>,
    /// Whether a person picked that which was acquired.
    pub is_picked: bool,
    /// What was bought for its request before, for this asset or for another one.
    pub known: Vec<lock::Purchase>,
    /// What was bought beyond the variations that were asked for.
    pub extras: Vec<lock::Purchase>,
    /// Results to buy beyond them in this run.
    pub reroll: u32,
    /// How many more may be bought if all are rejected.
    pub redraw: u32,
    /// Whether the plan said that something is bought for it: nothing is without that.
    pub may_buy: bool,
    /// Who may be asked for the rest, in this order.
    pub offers: Vec<Offer>,
    /// Whether its generate action runs again although its result is known.
    pub refresh: bool,
}

/// What a chain made.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// The asset.
    pub asset: AssetIndex,
    /// Digest of the raw material.
    pub raw: Digest,
    /// Path and content of its files, main file first.
    pub outputs: Vec<(RelPath, Digest)>,
    /// What was measured on them.
    pub facts: FactSheet,
    /// What was acquired for it in this run.
    pub purchases: Vec<lock::Purchase>,
    /// Programs that it was made with, and what they say about their version.
    pub tools: Vec<(String, String)>,
    /// Whether every result was in the action cache.
    pub cached: bool,
    /// Time spent in its actions.
    pub took: Duration,
}

/// What all chains of a run made.
#[derive(Debug, Default)]
pub struct Finished {
    /// Chains whose actions all succeeded.
    pub built: Vec<Built>,
    /// What was acquired for the others.
    pub bought: Vec<(AssetIndex, Vec<lock::Purchase>)>,
    /// Whether nothing more may be bought.
    pub is_closed: bool,
}

/// Where bodies find what they read and leave what they make.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    /// Blobs of finished files.
    pub cas: &'a dyn Cas,
    /// Results by action key.
    pub actions: &'a Recorder<'a>,
    /// Acquired raw material by digest.
    pub raws: &'a (dyn Fn(&Digest) -> Option<Arc<[u8]>> + Sync),
    /// Acquires what cannot be made again.
    pub acquirer: &'a Acquirer<'a>,
    /// Who can be asked for what is bought.
    pub market: &'a Market<'a>,
    /// Hears what is bought.
    pub reporter: &'a dyn Reporter,
    /// Takes warnings about an asset.
    pub warn: &'a (dyn Fn(&str, String) + Sync),
    /// Files of the project.
    pub inputs: &'a (dyn Inputs + Sync),
    /// Their digests.
    pub digests: &'a (dyn InputDigests + Sync),
}

/// The local executor of chains.
pub struct ChainExecutor<'a> {
    chains: BTreeMap<AssetIndex, Slot<'a>>,
    pub(super) groups: Groups,
    pub(super) waiting: Waiting,
    pub(super) stores: Stores<'a>,
    troubles: Mutex<BTreeMap<AssetIndex, Trouble>>,
}

/// A chain and what is known of it so far.
pub(super) struct Slot<'a> {
    pub(super) chain: Chain<'a>,
    pub(super) progress: Mutex<Progress>,
    /// What it gives to its group. Apart from the progress, which is locked while a body runs: the
    /// thread of that body may take another action of the group in between.
    pub(super) share: Mutex<Share>,
    /// Why none of its results can be used, if its group was settled without it.
    pub(super) verdict: Mutex<Option<ActionError>>,
    /// What is to be bought. Apart from the progress for the same reason.
    pub(super) purchases: Slots,
}

/// How far a chain is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) raw: Option<Digest>,
    pub(super) material: Option<Raw>,
    /// Whether the material is among what waits for the rest of a group.
    pub(super) is_waiting: bool,
    pub(super) purchases: Vec<lock::Purchase>,
    /// Those of them that were bought because a person asked for one more.
    pub(super) rerolled: Vec<lock::Purchase>,
    pub(super) trial: Trial,
    tools: Vec<(String, String)>,
    pub(super) files: Vec<Digest>,
    pub(super) facts: Option<FactSheet>,
    /// Whether steps ran for it in this run.
    is_processed: bool,
    is_done: bool,
    has_run: bool,
    took: Duration,
}

/// Whether a body ran, or its result was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Ran,
    Cached,
}

impl<'a> ChainExecutor<'a> {
    /// An executor of these chains; those of sounds that only have a part in a group's gain are
    /// among them.
    pub fn new(
        chains: BTreeMap<AssetIndex, Chain<'a>>,
        groups: Groups,
        stores: Stores<'a>,
    ) -> Self {
        let chains = chains
            .into_iter()
            .map(|(asset, chain)| {
                let (progress, share) = (Mutex::default(), Mutex::default());
                let (verdict, purchases) = (Mutex::default(), Mutex::default());
                (asset, Slot { chain, progress, share, verdict, purchases })
            })
            .collect();
        let (waiting, troubles) = (Waiting::default(), Mutex::default());
        Self { chains, groups, waiting, stores, troubles }
    }

    /// What kept assets from being made, by asset.
    pub fn troubles(&self) -> BTreeMap<AssetIndex, Trouble> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The chain of an asset.
    pub(super) fn index_of(&self, id: &str) -> Option<AssetIndex> {
        let mut chains = self.chains.iter();
        chains.find(|(_, slot)| slot.chain.spec.id == id).map(|(&asset, _)| asset)
    }

    /// What the chains made.
    pub fn finish(self) -> Finished {
        let is_closed = self.stores.market.ended().is_some();
        let mut finished = Finished { is_closed, ..Finished::default() };
        for (asset, Slot { chain, progress, .. }) in self.chains {
            let progress = progress.into_inner().expect("no worker panicked with the lock");
            let paths = chain.spec.publish.files.iter().map(|file| file.path.clone());
            match (progress.is_done, progress.raw, progress.facts) {
                (true, Some(raw), Some(facts)) => finished.built.push(Built {
                    asset,
                    raw,
                    outputs: paths.zip(progress.files).collect(),
                    facts,
                    purchases: progress.purchases,
                    tools: progress.tools,
                    cached: !progress.has_run,
                    took: progress.took,
                }),
                _ if !progress.purchases.is_empty() => {
                    finished.bought.push((asset, progress.purchases));
                }
                _ => {}
            }
        }
        finished
    }

    pub(super) fn lock(&self, asset: AssetIndex) -> (&Chain<'a>, MutexGuard<'_, Progress>) {
        let Slot { chain, progress, .. } = self.slot(asset);
        (chain, progress.lock().expect("no worker panicked with the lock"))
    }

    pub(super) fn slot(&self, asset: AssetIndex) -> &Slot<'a> {
        &self.chains[&asset]
    }

    fn make(&self, action: &Action) -> Result<Done, ActionError> {
        if self.slot(action.asset).chain.spec.generate.is_paid() {
            // Other variations are asked for at the same time.
            return self.buy(action.asset, action.variation);
        }
        let (chain, mut progress) = self.lock(action.asset);
        self.generate(chain, action.variation, &mut progress)
    }

    pub(super) fn generate(
        &self,
        chain: &Chain<'_>,
        variation: u32,
        progress: &mut Progress,
    ) -> Result<Done, ActionError> {
        if let Some(acquired) = chain.acquired {
            progress.raw = Some(acquired);
            return Ok(Done::Cached);
        }
        let version = self.version(chain, progress)?;
        if let GenerateOp::Command(run) = &chain.spec.generate
            && !run.exact
        {
            return self.acquire(chain, run, variation, version, progress);
        }
        let key = command_key(&chain.wanted, version.as_ref().map(|version| &*version.text));
        if !chain.refresh
            && let Some(result) = self.stores.actions.get(&key)?
            && let [raw] = result.outputs[..]
        {
            progress.raw = Some(raw);
            return Ok(Done::Cached);
        }
        let raw = generate::generate(&chain.spec.generate, chain.spec.media, self.stores.inputs)?;
        let digest = raw.digest();
        if let (GenerateOp::Command(_), Raw::File(bytes, _)) = (&chain.spec.generate, &raw) {
            self.stores.cas.put(bytes)?;
        }
        let result = ActionResult { outputs: vec![digest], metadata: String::new() };
        self.stores.actions.put(key, result)?;
        progress.raw = Some(digest);
        progress.material = Some(raw);
        Ok(Done::Ran)
    }

    /// What the asset's program says about its version, if it is one that is asked.
    fn version(
        &self,
        chain: &Chain<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Version>, ActionError> {
        let GenerateOp::Command(run) = &chain.spec.generate else { return Ok(None) };
        let inputs = self.stores.inputs;
        let version = inputs.commands().version(run, inputs)?;
        if let Some(version) = &version {
            progress.tools = vec![(run.program().to_owned(), version.line())];
        }
        Ok(version)
    }

    /// Runs a program whose result cannot be made again, or takes what it once gave.
    fn acquire(
        &self,
        chain: &Chain<'_>,
        run: &CommandRun,
        variation: u32,
        version: Option<Version>,
        progress: &mut Progress,
    ) -> Result<Done, ActionError> {
        let order = Order {
            asset: chain.spec.id.clone(),
            wanted: chain.wanted,
            // Nobody resolves it any further: a program gets what the spec says.
            sent: chain.wanted,
            index: variation,
            extra: false,
            provider: "command".to_owned(),
            model: run.program().to_owned(),
            unit: PriceUnit::Usd,
            estimated_micros: Some(0),
            basis: Basis::Estimated,
        };
        let acquired = self.stores.acquirer.acquire(&order, |_| {
            let inputs = self.stores.inputs;
            let raw = inputs.commands().run(run, Some(variation), inputs)?;
            let model_used = version.map(|version| version.line());
            let answer = Answer { model_used, ..Answer::default() };
            Ok(Delivery { bytes: raw.0, extension: raw.1.extension(), answer })
        })?;
        for warning in acquired.warnings {
            (self.stores.warn)(&chain.spec.id, warning);
        }
        let done = if acquired.delivery.is_some() { Done::Ran } else { Done::Cached };
        progress.purchases.push(acquired.purchase);
        let first = progress.purchases.iter().min_by_key(|purchase| purchase.index);
        progress.raw = first.map(|purchase| purchase.raw);
        Ok(done)
    }

    pub(super) fn process(&self, asset: AssetIndex) -> Result<Done, ActionError> {
        let gain = self.gain(asset)?;
        self.process_at(asset, gain)
    }

    /// Processes with this gain in dB of the group of this name.
    pub(super) fn process_at(
        &self,
        asset: AssetIndex,
        gain: Option<(&str, f64)>,
    ) -> Result<Done, ActionError> {
        let (chain, mut progress) = self.lock(asset);
        let raw_digest = progress.raw.expect("generate comes before process");
        let spec = &*chain.spec;
        let encoders = process::encoders(spec.media);
        let db = gain.map(|(_, db)| db);
        let key = process_key(spec, self.stores.digests, &raw_digest, db, encoders);
        if !chain.refresh
            && let Some(result) = self.stores.actions.get(&key)?
            // Facts that another version wrote are measured again.
            && let Ok(facts) = FactSheet::from_json(&result.metadata)
            && self.has_all(&result.outputs)?
        {
            progress.facts = Some(facts.named(spec.publish.files.iter().map(|file| &file.path)));
            progress.files = result.outputs;
            self.take_material(&mut progress);
            return Ok(if progress.is_processed { Done::Ran } else { Done::Cached });
        }
        let raw = match self.take_material(&mut progress) {
            Some(raw) => raw,
            None => self.remake(chain, &raw_digest)?,
        };
        let gains = gain.map(|(group, db)| (group.to_owned(), db)).into_iter().collect();
        let processed = process::process(&Job {
            raw: &raw,
            requested: requested_size(spec),
            steps: &spec.steps,
            files: &spec.publish.files,
            sources: &self.step_sources(spec)?,
            gains: &gains,
        })?;
        drop(raw);
        for note in processed.notes {
            (self.stores.warn)(&spec.id, note);
        }
        let mut files = Vec::with_capacity(processed.files.len());
        for file in &processed.files {
            files.push(self.stores.cas.put(&file.bytes)?);
        }
        let sheet = FactSheet::new(processed.checkpoints, processed.finals);
        let result = ActionResult { outputs: files.clone(), metadata: sheet.to_json() };
        self.stores.actions.put(key, result)?;
        progress.files = files;
        progress.facts = Some(sheet);
        progress.is_processed = true;
        Ok(Done::Ran)
    }

    pub(super) fn take_material(&self, progress: &mut Progress) -> Option<Raw> {
        let raw = progress.material.take()?;
        if std::mem::take(&mut progress.is_waiting) {
            self.waiting.leave(&raw);
        }
        Some(raw)
    }

    /// The project's files that steps read.
    fn step_sources(&self, spec: &AssetSpec) -> Result<BTreeMap<RelPath, Arc<[u8]>>, ActionError> {
        let paths = spec.steps.iter().filter_map(|step| step.op()?.source());
        let read = |path: &RelPath| match self.stores.inputs.read(path) {
            Ok(bytes) => Ok((path.clone(), bytes)),
            Err(source) => Err(ActionError::Source { path: path.clone(), source }),
        };
        paths.map(read).collect()
    }

    /// Whether all files are in the store, and whole: what is found damaged only when it is to be
    /// published comes too late to be made again.
    fn has_all(&self, outputs: &[Digest]) -> Result<bool, CasError> {
        for digest in outputs {
            if self.stores.cas.get(digest)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Raw material that is known by digest only: read from the purchases or made once more.
    pub(super) fn remake(&self, chain: &Chain<'_>, digest: &Digest) -> Result<Raw, ActionError> {
        let bytes = match &chain.spec.generate {
            GenerateOp::Command(run) if run.exact => match self.stores.cas.get(digest)? {
                Some(bytes) => Arc::from(bytes),
                None => return self.repeat(run, digest),
            },
            op if op.is_free() => {
                return Ok(generate::generate(op, chain.spec.media, self.stores.inputs)?);
            }
            _ => (self.stores.raws)(digest).ok_or(ActionError::RawMissing(*digest))?,
        };
        let fallback = match chain.spec.media {
            crate::base::MediaKind::Image => Encoding::Png,
            crate::base::MediaKind::Audio => Encoding::Wav,
        };
        let encoding = Encoding::sniff(&bytes).unwrap_or(fallback);
        if encoding.media() != chain.spec.media {
            return Err(ActionError::RawWrong { digest: *digest, encoding });
        }
        Ok(Raw::File(bytes, encoding))
    }

    /// Runs an exact program once more, and holds it to its word.
    fn repeat(&self, run: &CommandRun, digest: &Digest) -> Result<Raw, ActionError> {
        let inputs = self.stores.inputs;
        let (bytes, encoding) = inputs.commands().run(run, None, inputs)?;
        match self.stores.cas.put(&bytes)? == *digest {
            true => Ok(Raw::File(bytes, encoding)),
            false => Err(ActionError::NotExact(run.program().to_owned())),
        }
    }
}

impl Executor for ChainExecutor<'_> {
    fn execute(&self, action: &Action) -> Outcome {
        let begin = Instant::now();
        let done = match action.kind {
            ActionKind::Generate => self.make(action).and_then(|done| {
                let (chain, mut progress) = self.lock(action.asset);
                // What is bought beyond may be used in its place: then it is measured when it is known.
                if chain.spec.selection.variations == 1 && chain.reroll == 0 {
                    self.measure_for_group(action.asset, &mut progress)?;
                }
                Ok(done)
            }),
            // One raw is known per chain: what was bought was chosen when it was planned.
            ActionKind::Select => {
                let mut progress = self.lock(action.asset).1;
                self.measure_for_group(action.asset, &mut progress).map(|()| Done::Cached)
            }
            ActionKind::Process => self.process_one(action.asset),
            ActionKind::Validate => self.validate(action.asset),
            ActionKind::Integrate => {
                self.lock(action.asset).1.is_done = true;
                Ok(Done::Ran)
            }
        };
        let mut progress = self.lock(action.asset).1;
        progress.took += begin.elapsed();
        progress.has_run |= matches!(done, Ok(Done::Ran))
            && matches!(action.kind, ActionKind::Generate | ActionKind::Process);
        match done {
            Ok(Done::Ran) => Outcome::Ran,
            Ok(Done::Cached) => Outcome::Cached,
            Err(error) => {
                let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
                let trouble = troubles.entry(action.asset).or_insert(Trouble::Failed);
                *trouble = Trouble::of(&error).min(*trouble);
                Outcome::Failed(with_causes(&error))
            }
        }
    }

    fn lane(&self, action: &Action) -> Lane {
        let offer = self.slot(action.asset).chain.offers.first();
        match (action.kind, offer) {
            (ActionKind::Generate, Some(offer)) => {
                // Whoever cannot be asked says so at once.
                let found = self.stores.market.find(&offer.sent);
                let width = found.map_or(1, |(_, account)| account.pace.concurrency);
                Lane::Provider(offer.sent.family.clone(), width)
            }
            _ => Lane::Worker,
        }
    }

    fn asset_id(&self, action: &Action) -> &str {
        &self.slot(action.asset).chain.spec.id
    }

    fn detail(&self, action: &Action) -> String {
        let spec = &self.slot(action.asset).chain.spec;
        match action.kind {
            ActionKind::Generate => spec.generate.provider().to_owned(),
            ActionKind::Process => {
                let names = spec.steps.iter().filter_map(|step| match step {
                    crate::spec::op::Step::Process(op) => Some(op.name()),
                    crate::spec::op::Step::Validate(_) => None,
                });
                names.collect::<Vec<_>>().join(", ")
            }
            ActionKind::Integrate => spec.publish.path.to_string(),
            ActionKind::Select | ActionKind::Validate => String::new(),
        }
    }

    fn rank(&self, action: &Action) -> u64 {
        // Assets are numbered in the order of priority, phase and id.
        u64::from(action.asset.0)
    }
}

/// An error and its sources in one line, outermost first.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
