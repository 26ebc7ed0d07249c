//! A watch at work: looks at the project, builds what may be built, and keeps what has to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::ActionKey;
use crate::base::units::MicroUsd;
use crate::cache::snapshot::Snapshot;
use crate::catalog::PriceUnit;
use crate::cli::args::{Spend, WatchArgs};
use crate::cli::build::{self, workers};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::held::{held, is_stood_in};
use crate::cli::plan::with_view;
use crate::cli::spend::{self, Approval};
use crate::cli::watch::Key;
use crate::cli::watch::buying::{Delivered, Order};
use crate::cli::watch::failures::Failures;
use crate::cli::watch::look::{self, Look};
use crate::cli::watch::orders::{Orders, Wish, Word};
use crate::cli::watch::telling::Telling;
use crate::config::PaidInWatch;
use crate::event::{Event, Reporter};
use crate::execute::{Limits, StopSignal};
use crate::pipeline::load::Loaded;
use crate::pipeline::purchases::{Item, Withheld, shopping};
use crate::pipeline::session::LOCKFILE;
use crate::pipeline::{
    self, BuildRequest, Built, LastRun, LeftAlone, Prepared, Selection, Session, Since, Touched,
};
use crate::plan::{AssetPlan, ReasonCode, Work};
use crate::report::screen::Screen;
use crate::report::{Fanout, Feed, plan};
use crate::watch::{folders_of, folders_of_awake};

/// Why something that is on its way is not bought again.
const IN_FLIGHT: &str = "is being bought";

/// Why something is not bought although it may be.
const LATER: &str = "not bought yet: it refers to something that is being bought";

/// What one look at the project came to.
pub(super) struct Seen {
    /// The folders to watch from now on; none if the project could not be read.
    pub(super) folders: Option<BTreeSet<String>>,
    /// What the record of the last run does not speak of: all else is as it says, until something is
    /// touched. None if it does not speak of what was seen at all.
    pub(super) unsettled: Option<Touched>,
    /// Whether there is nothing more to do at once.
    pub(super) is_done: bool,
}

/// What is being bought.
struct InFlight {
    /// The most that it costs, in millionths of a dollar.
    most_micros: i64,
    /// For people.
    line: String,
}

/// A watch at work.
pub(super) struct Desk<'a> {
    args: &'a WatchArgs,
    session: &'a Session,
    selection: Selection,
    telling: Telling,
    has_keys: bool,
    /// Spent since the watch began, in millionths of a dollar.
    spent_micros: i64,
    orders: Orders,
    /// What needs a word.
    waiting: Vec<Wish>,
    /// What is being bought, by asset.
    in_flight: BTreeMap<String, InFlight>,
    order: Option<Order>,
    /// Whether what waits is another thing than at the last look.
    is_new_list: bool,
    /// What was tried and not made.
    not_made: BTreeMap<String, ActionKey>,
    wants_plan: bool,
    failures: Failures,
    /// What somebody touched since the last build.
    noted: Touched,
    /// The record that speaks of everything but what was touched since.
    settled: Option<Arc<Snapshot>>,
    /// Where the project's files are.
    folders: BTreeSet<String>,
    /// The record whose files are among these.
    record: Option<Arc<Snapshot>>,
}

/// A record with the folders of its files.
pub(super) type KnownFolders = (Option<Arc<Snapshot>>, BTreeSet<String>);

impl<'a> Desk<'a> {
    /// `feed`: hears of everything.
    pub(super) fn new(
        context: &Context,
        args: &'a WatchArgs,
        session: &'a Session,
        screen: Option<Arc<Screen>>,
        has_keys: bool,
        feed: Arc<Feed>,
        (record, folders): KnownFolders,
    ) -> Result<Self, CliError> {
        let failures = Failures::default();
        let others: Vec<Arc<dyn Reporter>> = vec![failures.heard(), feed];
        let telling = Telling::new(context, &args.execution, session, screen, others)?;
        Ok(Self {
            args,
            session,
            selection: build::selection(context, session, &args.selection)?,
            telling,
            has_keys,
            spent_micros: 0,
            orders: Orders::default(),
            waiting: Vec::new(),
            in_flight: BTreeMap::new(),
            order: None,
            is_new_list: false,
            not_made: BTreeMap::new(),
            wants_plan: false,
            failures,
            noted: Touched::default(),
            settled: None,
            folders,
            record,
        })
    }

    /// Looks at what was touched and builds what that changes.
    pub(super) fn keep_up(
        &mut self,
        context: &Context,
        touched: Option<&Touched>,
        stop: &StopSignal,
    ) -> Result<Seen, CliError> {
        let policy = build::policy(&self.args.policy);
        let today = context.today();
        let selection = self.selection.clone();
        let settled = self.settled.clone();
        let since =
            settled.as_ref().zip(touched).map(|(record, touched)| Since { record, touched });
        let request = pipeline::Request {
            selection: &selection,
            policy,
            uses_cache: true,
            last_run: context
                .environment()
                .map(|environment| LastRun { since, ..LastRun::compared(environment) }),
            wakes_selected: false,
            today: &today,
            clock: context.clock,
            on_change: None,
        };
        let prepared = pipeline::prepare(self.session, &request)?;
        self.note_folders(&prepared.loaded, since.is_some());
        let has_mistakes = prepared.has_errors();
        self.telling.mistakes(context, &prepared);
        let look = match has_mistakes {
            false => Some(Look { prepared, as_recorded: LeftAlone::default() }),
            true => look::beside_mistakes(self.session, &request, &prepared)?,
        };
        let Some(Look { mut prepared, as_recorded }) = look else {
            // Nobody says yes to what may be another thing when the mistakes are mended.
            self.waiting.clear();
            self.telling.standstill();
            self.tell_buying();
            return Ok(Seen { is_done: true, ..self.unsettled() });
        };
        if has_mistakes {
            self.folders.extend(folders_of(self.session.root(), &prepared.loaded));
        }
        self.telling.present(&prepared);
        if pipeline::is_overtaken(self.session, &prepared)? {
            return Ok(self.unsettled());
        }
        if prepared.was_conflicted && self.args.policy.locked {
            let message =
                "assetbuild.lock has merge conflicts, and --locked forbids to resolve them";
            return Err(CliError::Usage(message.to_owned()));
        }
        let beforehand = self.left_alone(&prepared);
        if !beforehand.is_empty() {
            pipeline::withhold(self.session, &request, &mut prepared, &beforehand)?;
        }
        let approval = self.approve(context, &prepared)?;
        let mut withheld = self.order(&prepared, approval, &as_recorded);
        withheld.extend(beforehand);
        if !withheld.is_empty() {
            pipeline::withhold(self.session, &request, &mut prepared, &withheld)?;
        }
        self.tell_held(&prepared, context);
        let left_out = self.leave_out_failures(&mut prepared);
        if std::mem::take(&mut self.wants_plan) {
            self.telling.pane(|| with_view(&prepared, plan::human));
        }
        let built = self.build(context, prepared, stop)?;
        let mut summary = built.summary;
        summary.assets += left_out;
        self.telling.title(&summary, as_recorded.specs.len());
        let is_done = built.unsettled.is_empty() && built.bought == 0;
        let mut unsettled = Touched::default();
        as_recorded.specs.iter().for_each(|path| unsettled.add(path.as_str()));
        let unsettled = built.record.is_some().then_some(unsettled);
        if built.record.is_some() {
            self.settled = built.record;
        }
        Ok(Seen { unsettled, is_done, ..self.unsettled() })
    }

    /// Leaves out what failed before and is what it was; how many assets these are.
    fn leave_out_failures(&mut self, prepared: &mut Prepared) -> usize {
        let noted = std::mem::take(&mut self.noted);
        let concerns_all =
            [Some(self.session.assetfile()), prepared.loaded.config.env_file.as_ref()];
        if concerns_all.into_iter().flatten().any(|path| noted.concerns(path.as_str())) {
            self.failures.forget();
        }
        let all = prepared.selected.len();
        self.failures.leave_out(prepared, &noted);
        all - prepared.selected.len()
    }

    /// Builds what is free.
    fn build(
        &mut self,
        context: &Context,
        prepared: Prepared,
        stop: &StopSignal,
    ) -> Result<Built, CliError> {
        let today = context.today();
        let was_conflicted = prepared.was_conflicted;
        let has_work = prepared.selected_plans().iter().any(|plan| plan.work.is_now());
        let request = BuildRequest {
            limits: Limits {
                workers: workers(&self.args.execution),
                fail_fast: self.args.execution.fail_fast,
            },
            policy: build::policy(&self.args.policy),
            // What costs something is bought beside it.
            allowance: None,
            buyer: None,
            bound_micros: None,
            locked: self.args.policy.locked,
            is_trial: false,
            steps: &[],
            now: context.seconds(),
            today: &today,
            clock: context.clock,
            environment: context.environment(),
            ahead: None,
        };
        if prepared.loaded.has_settings() {
            let config = &prepared.loaded.config;
            let own = [config.assets_dir.as_str(), config.manifest.as_str(), LOCKFILE];
            self.telling.set_results(own);
        }
        let told = self.telling.reporter();
        let reporter: &dyn Reporter = if has_work { &told } else { &Silent };
        let built = pipeline::build(self.session, prepared, &request, reporter, stop)?;
        self.failures.note(built.problems.iter().map(|(asset, _)| asset.as_str()));
        if was_conflicted {
            let message = "the merge conflicts in assetbuild.lock are resolved".to_owned();
            told.report(&Event::Warning { asset: None, message });
        }
        Ok(built)
    }

    /// Notes where the project's files are. `has_followed`: whether all of them were looked at before,
    /// and only what was touched since now.
    fn note_folders(&mut self, loaded: &Loaded, has_followed: bool) {
        let root = self.session.root();
        let record = loaded.asleep.as_ref().map(|asleep| &asleep.snapshot);
        let is_same = |record| self.record.as_ref().is_some_and(|own| Arc::ptr_eq(own, record));
        if record.is_some_and(|record| has_followed || is_same(record)) {
            self.folders.extend(folders_of_awake(root, loaded));
        } else {
            self.folders = folders_of(root, loaded);
        }
        self.record = record.cloned();
    }

    /// Tells why the project cannot be looked at or built; whether that is news.
    pub(super) fn fail(&mut self, context: &Context, error: &CliError) -> bool {
        // Nobody says yes to what may be another thing then.
        self.waiting.clear();
        self.telling.error(context, error)
    }

    /// The project could be read, and nothing was done.
    fn unsettled(&self) -> Seen {
        Seen { folders: Some(self.folders.clone()), unsettled: None, is_done: false }
    }

    /// Who hears of everything.
    pub(super) fn reporter(&self) -> Arc<Fanout> {
        self.telling.reporter()
    }

    /// Whether what waits is another thing than what was shown before.
    pub(super) fn has_new_list(&self) -> bool {
        self.is_new_list
    }

    /// What is to be bought, beside everything else.
    pub(super) fn take_order(&mut self) -> Option<Order> {
        self.order.take()
    }

    /// Takes what may be bought out of a look, to be bought beside it.
    fn order(
        &mut self,
        prepared: &Prepared,
        approval: Approval,
        as_recorded: &LeftAlone,
    ) -> Withheld {
        let Approval { allowance, bound_micros, mut withheld } = approval;
        let mut wishes = Vec::new();
        let mut most = 0i64;
        let items = shopping(prepared).into_iter().filter(|item| item.high_micros != Some(0));
        for item in items.filter(|item| !withheld.contains_key(&item.id)).collect::<Vec<_>>() {
            let is_later = item.asset.of(&prepared.plans).work == Work::Later;
            let why = if is_later { LATER } else { IN_FLIGHT };
            withheld.insert(item.id.clone(), (ReasonCode::NotApproved, why.to_owned()));
            if !is_later {
                let count = i64::try_from(item.count).unwrap_or(i64::MAX);
                let bound = bound_micros.unwrap_or(0).saturating_mul(count);
                let cost = match item.unit {
                    PriceUnit::Usd => item.high_micros.unwrap_or(bound),
                    PriceUnit::Credits => 0,
                };
                most = most.saturating_add(cost);
                let line = format!("{}  {} × {}", item.id, item.count, item.model);
                self.in_flight.insert(item.id.clone(), InFlight { most_micros: cost, line });
                let wanted = item.asset.of(&prepared.keys).wanted.key;
                wishes.push(Wish { item, wanted });
            }
        }
        // What is left of an amount may be promised to another order meanwhile.
        let allowance = allowance.map(|MicroUsd(all)| MicroUsd(all.min(most)));
        if !wishes.is_empty() {
            let as_recorded = as_recorded.clone();
            self.order = Some(Order { wishes, as_recorded, allowance, bound_micros });
            self.orders.use_up();
        }
        withheld
    }

    /// Notes what became of an order.
    pub(super) fn receive(&mut self, delivered: Delivered) {
        let Delivered { wanted, failed, spent_micros, error } = delivered;
        self.spent_micros = self.spent_micros.saturating_add(spent_micros);
        for (id, wanted) in wanted {
            self.in_flight.remove(&id);
            // What could not begin either: it would be tried over and over.
            if failed.contains(&id) || error.is_some() {
                self.not_made.insert(id, wanted);
            }
        }
        if let Some(message) = error {
            self.telling.reporter().report(&Event::Warning { asset: None, message });
        }
    }

    /// What may be bought, by the command line or else by the Assetfile.
    fn said(&self, prepared: &Prepared) -> Spend {
        match (self.args.policy.spend(), prepared.loaded.config.paid_in_watch) {
            (Spend::Ask, PaidInWatch::UpTo(amount)) => Spend::UpTo(amount),
            (Spend::Ask, PaidInWatch::Never) => Spend::Never,
            (said, _) => said,
        }
    }

    /// What may be bought at this moment; what needs a word first is kept.
    fn approve(&mut self, context: &Context, prepared: &Prepared) -> Result<Approval, CliError> {
        let before = std::mem::take(&mut self.waiting);
        let approval = self.approve_now(context, prepared);
        self.is_new_list = before != self.waiting;
        approval
    }

    fn approve_now(
        &mut self,
        context: &Context,
        prepared: &Prepared,
    ) -> Result<Approval, CliError> {
        let said = self.said(prepared);
        let policy = match said {
            Spend::Ask => None,
            Spend::Never => Some(self.args.policy.without_spend()),
            Spend::UpTo(MicroUsd(amount)) => {
                let promised: i64 = self.in_flight.values().map(|one| one.most_micros).sum();
                let left = amount.saturating_sub(self.spent_micros).saturating_sub(promised).max(0);
                Some(self.args.policy.with_spend(Some(MicroUsd(left))))
            }
        };
        if let Some(policy) = policy {
            return spend::approve(context, &policy, self.session, prepared);
        }
        let mut approval = Approval::default();
        let mut agreed = Vec::new();
        for item in shopping(prepared).into_iter().filter(|item| item.high_micros != Some(0)) {
            let wanted = item.asset.of(&prepared.keys).wanted.key;
            let file = &item.asset.of(&prepared.loaded.assets).file;
            if self.noted.concerns(file.as_str()) {
                // Who saves it again wants to be asked again.
                self.orders.forget(&item.id);
            }
            let wish = Wish { item, wanted };
            match self.orders.word(&wish) {
                Some(Word::Yes) => agreed.push(wish.item),
                word => {
                    let why = self.why_not(&wish.item, word);
                    approval.withheld.insert(wish.item.id.clone(), (ReasonCode::NotApproved, why));
                    if word.is_none() && wish.item.high_micros.is_some() && self.has_keys {
                        self.waiting.push(wish);
                    }
                }
            }
        }
        if !agreed.is_empty() {
            spend::approve_agreed(context, self.session, prepared, &agreed, &mut approval)?;
        }
        Ok(approval)
    }

    /// What is not bought whatever was said: it is on its way, or failed as it is now and nobody is
    /// asked before it would be tried again.
    fn left_alone(&self, prepared: &Prepared) -> Withheld {
        let is_asked = self.said(prepared) == Spend::Ask;
        let why = |item: &Item| {
            if self.in_flight.contains_key(&item.id) {
                return Some(IN_FLIGHT);
            }
            let wanted = item.asset.of(&prepared.keys).wanted.key;
            let file = &item.asset.of(&prepared.loaded.assets).file;
            let is_same = self.not_made.get(&item.id) == Some(&wanted);
            let is_left = is_same && !is_asked && !self.noted.concerns(file.as_str());
            is_left.then_some("not bought: it failed; save its spec to try it again")
        };
        let items = shopping(prepared).into_iter();
        let left = items.filter_map(|item| {
            let why = why(&item)?;
            Some((item.id, (ReasonCode::NotApproved, why.to_owned())))
        });
        left.collect()
    }

    fn why_not(&self, item: &Item, word: Option<Word>) -> String {
        match (word, self.has_keys && item.high_micros.is_some()) {
            (Some(Word::No), _) => "not bought: not now".to_owned(),
            (_, true) => "not bought: it waits for your word".to_owned(),
            (_, false) => {
                "not bought: allow it with --spend USD, or `paid_in_watch: USD`".to_owned()
            }
        }
    }

    /// Tells what cannot be built, and what waits for a word.
    fn tell_held(&mut self, prepared: &Prepared, context: &Context) {
        let waiting = self.waiting.iter().map(|wish| &*wish.item.id);
        let waits: BTreeSet<&str> =
            waiting.chain(self.in_flight.keys().map(String::as_str)).collect();
        let is_told = |plan: &AssetPlan| {
            let id = &*plan.asset.of(&prepared.loaded.assets).id;
            !is_stood_in(plan) && !waits.contains(id)
        };
        let held: Vec<_> = held(prepared).into_iter().filter(is_told).collect();
        self.telling.held(&held, prepared, context.format());
        let items: Vec<&Item> = self.waiting.iter().map(|wish| &wish.item).collect();
        self.telling.waiting(&items);
        self.tell_buying();
    }

    fn tell_buying(&self) {
        let line = |(id, one): (&String, &InFlight)| (id.clone(), one.line.clone());
        self.telling.buying(self.in_flight.iter().map(line).collect());
    }

    /// Tells what changed.
    pub(super) fn note(&mut self, touched: &Touched) {
        self.noted.extend(touched);
        self.telling.changed(touched);
    }

    /// Tells that it ends.
    pub(super) fn tell_end(&self) {
        if !self.in_flight.is_empty() {
            self.telling.end();
        }
    }

    /// The project.
    pub(super) fn session(&self) -> &Session {
        self.session
    }

    /// What tells of everything else.
    pub(super) fn telling(&mut self) -> &mut Telling {
        &mut self.telling
    }

    /// Does what a key says; the next look acts on it.
    pub(super) fn press(&mut self, key: Key) {
        let hid = self.telling.hide_pane();
        let (count, word) = match key {
            Key::Plan if hid => return,
            Key::Yes => (1, Word::Yes),
            Key::All => (self.waiting.len(), Word::Yes),
            Key::No => (1, Word::No),
            Key::Plan => {
                self.wants_plan = true;
                return;
            }
            Key::Quit => return,
        };
        let count = count.min(self.waiting.len());
        for wish in self.waiting.drain(..count) {
            self.orders.say(wish, word);
        }
    }
}

/// Hears nothing: what only renews the record is no news.
struct Silent;

impl Reporter for Silent {
    fn report(&self, _: &Event) {}
}
