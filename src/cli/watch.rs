//! `watch`: builds, and builds again whenever something changes.
//!
//! Every change goes through the same functions as a build; what the watch knows of changes only
//! spares it a look at all other files.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::units::MicroUsd;
use crate::cli::args::{Policy, Spend, WatchArgs};
use crate::cli::build::{self, buyer, workers};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::held::{held, is_stood_in, warnings};
use crate::cli::interrupt;
use crate::cli::spend::{self, Approval};
use crate::event::{Event, Reporter};
use crate::execute::{Limits, StopSignal, with_causes};
use crate::pipeline::purchases::shopping;
use crate::pipeline::{self, BuildRequest, Built, Prepared, Selection, Session, Touched, money};
use crate::plan::ReasonCode;
use crate::report::{Fanout, Reporters, elapsed_since};
use crate::watch::{Change, Watcher, folders_of};

/// How often everything is looked at, in case the system did not tell of a change.
const RESCAN: Duration = Duration::from_secs(60);

/// Watches the project until somebody ends it.
pub(super) fn watch(context: &Context, args: &WatchArgs) -> Result<ExitCode, CliError> {
    let chosen = &args.selection;
    if chosen.since.is_some() || !chosen.steps.is_empty() {
        let why = "a watch builds what changes from now on: leave out --since and --steps";
        return Err(CliError::Usage(why.to_owned()));
    }
    let session = context.open()?;
    let (mut watcher, waker) = Watcher::begin(session.root()).map_err(unwatchable)?;
    let stop = StopSignal::default();
    let programs = session.programs().clone();
    interrupt::watch(stop.clone(), move || waker.wake(), move || programs.close());
    let mut desk = Desk::new(context, args, &session)?;
    let mut unseen = None;
    loop {
        let now = context.renewed();
        let seen = match desk.keep_up(&now, unseen.as_ref(), &stop) {
            Ok(seen) => seen,
            // A lock with a conflict, a folder that cannot be read: somebody will mend it.
            Err(error) => {
                desk.tell_error(context, &error);
                Seen { folders: None, is_settled: false, is_done: true }
            }
        };
        if stop.is_raised() {
            return Ok(ExitCode::Interrupted);
        }
        if seen.is_settled {
            unseen = Some(Touched::default());
        }
        let added = match &seen.folders {
            Some(folders) => watcher.follow(folders).map_err(unwatchable)?,
            None => Touched::default(),
        };
        if !seen.is_done || !added.is_empty() {
            note(&mut unseen, &added);
            continue;
        }
        desk.tell_ready(context);
        match watcher.next(RESCAN) {
            Change::Paths(touched) => {
                desk.note(touched.paths().map(str::to_owned).collect());
                note(&mut unseen, &touched);
            }
            Change::Anything => {
                desk.note(Vec::new());
                unseen = None;
            }
            Change::Woken => {}
        }
        if stop.is_raised() {
            return Ok(ExitCode::Interrupted);
        }
    }
}

/// Adds what was touched; nothing has to be added where everything is looked at.
fn note(unseen: &mut Option<Touched>, touched: &Touched) {
    if let Some(unseen) = unseen {
        unseen.extend(touched);
    }
}

fn unwatchable(error: notify::Error) -> CliError {
    let help = "on Linux fs.inotify.max_user_watches says how many folders can be watched";
    CliError::Usage(format!("the project's folders cannot be watched: {error}; {help}"))
}

/// What one look at the project came to.
struct Seen {
    /// The folders to watch from now on; none if the project could not be read.
    folders: Option<BTreeSet<String>>,
    /// Whether the record of the last run speaks of what was seen: then only what is touched from
    /// now on may be another thing.
    is_settled: bool,
    /// Whether there is nothing more to do at once.
    is_done: bool,
}

/// A watch at work.
struct Desk<'a> {
    args: &'a WatchArgs,
    session: &'a Session,
    selection: Selection,
    reporter: Fanout,
    /// What is left of the amount that the user allowed.
    left: Option<MicroUsd>,
    /// Warnings that stand, so that none is told twice.
    told: BTreeSet<(Option<String>, String)>,
    /// Whether the last look found mistakes in the user's files.
    is_broken: bool,
    is_ready: bool,
}

impl<'a> Desk<'a> {
    fn new(context: &Context, args: &'a WatchArgs, session: &'a Session) -> Result<Self, CliError> {
        let reporter = Reporters {
            format: context.format(),
            verbosity: context.global.verbosity(),
            palette: context.terminal.palette(),
            is_terminal: false,
            log: args.execution.log_format.map(Into::into),
            trace: args.execution.trace.as_deref(),
        }
        .select(elapsed_since(context.clock), BTreeMap::new())
        .map_err(|source| CliError::Io { action: "create the trace file".to_owned(), source })?;
        let left = match args.policy.spend() {
            Spend::UpTo(amount) => Some(amount),
            Spend::Ask | Spend::Never => None,
        };
        Ok(Self {
            args,
            session,
            selection: build::selection(context, session, &args.selection)?,
            reporter,
            left,
            told: BTreeSet::new(),
            is_broken: false,
            is_ready: false,
        })
    }

    /// Looks at what was touched and builds what that changes.
    fn keep_up(
        &mut self,
        context: &Context,
        touched: Option<&Touched>,
        stop: &StopSignal,
    ) -> Result<Seen, CliError> {
        let policy = build::policy(&self.args.policy);
        let today = context.today();
        let selection = self.selection.clone();
        let request = pipeline::Request {
            selection: &selection,
            policy,
            uses_cache: true,
            environment: context.environment(),
            touched,
            wakes_selected: false,
            today: &today,
            clock: context.clock,
        };
        let mut prepared = pipeline::prepare(self.session, &request)?;
        let folders = Some(folders_of(self.session.root(), &prepared.loaded));
        if self.show_mistakes(context, &prepared) {
            return Ok(Seen { folders, is_settled: false, is_done: true });
        }
        if pipeline::is_overtaken(self.session, &prepared)? {
            return Ok(Seen { folders, is_settled: false, is_done: false });
        }
        let approval = self.approve(context, &prepared)?;
        if !approval.withheld.is_empty() {
            pipeline::withhold(self.session, &request, &mut prepared, &approval.withheld)?;
        }
        self.tell_held(&prepared, context);
        let has_work = prepared.selected_plans().iter().any(|plan| plan.work.is_now());
        let buyer = approval.allowance.and_then(|_| buyer(self.session));
        let request = BuildRequest {
            limits: Limits {
                workers: workers(&self.args.execution),
                fail_fast: self.args.execution.fail_fast,
            },
            policy,
            allowance: approval.allowance,
            buyer: buyer.as_deref(),
            bound_micros: approval.bound_micros,
            locked: self.args.policy.locked,
            is_trial: false,
            steps: &[],
            now: context.seconds(),
            today: &today,
            clock: context.clock,
            environment: context.environment(),
        };
        let config = prepared.loaded.config.clone();
        let reporter: &dyn Reporter = if has_work { &self.reporter } else { &Silent };
        let built = pipeline::build(self.session, prepared, &request, reporter, stop)?;
        if let (Some(left), Some(run)) = (&mut self.left, &built.run) {
            let spent = money::spent_usd(self.session, &config, run)?;
            *left = MicroUsd(left.0.saturating_sub(spent).max(0));
        }
        Ok(Seen { folders, is_settled: built.is_recorded, is_done: is_done(&built) })
    }

    /// Shows mistakes in the user's files; whether there are errors among them.
    fn show_mistakes(&mut self, context: &Context, prepared: &Prepared) -> bool {
        let has_errors = prepared.has_errors();
        if has_errors || touches_diagnostics(prepared) {
            let diagnostics = prepared.loaded.diagnostics.clone().into_sorted();
            context.show(&diagnostics, &prepared.loaded.sources);
        }
        if self.is_broken && !has_errors {
            context.mention("mended");
        }
        self.is_broken = has_errors;
        has_errors
    }

    /// What may be bought at this moment.
    fn approve(&self, context: &Context, prepared: &Prepared) -> Result<Approval, CliError> {
        let policy: Policy = self.args.policy.with_spend(self.left);
        if matches!(policy.spend(), Spend::UpTo(_) | Spend::Never) {
            return spend::approve(context, &policy, self.session, prepared);
        }
        let mut approval = Approval::default();
        let priced = shopping(prepared).into_iter().filter(|item| item.high_micros != Some(0));
        for item in priced {
            let why = "not bought: it waits for a build with --spend".to_owned();
            approval.withheld.insert(item.id, (ReasonCode::NotApproved, why));
        }
        Ok(approval)
    }

    /// Tells what cannot be built, once for as long as it stands.
    fn tell_held(&mut self, prepared: &Prepared, context: &Context) {
        let held: Vec<_> = held(prepared).into_iter().filter(|plan| !is_stood_in(plan)).collect();
        let mut standing = BTreeSet::new();
        for warning in warnings(&held, prepared, context.format()) {
            let Event::Warning { asset, message } = &warning else { continue };
            let entry = (asset.clone(), message.clone());
            if !self.told.contains(&entry) {
                self.reporter.report(&warning);
            }
            standing.insert(entry);
        }
        self.told = standing;
    }

    fn tell_error(&mut self, context: &Context, error: &CliError) {
        let message = with_causes(error);
        if self.told.insert((None, message.clone())) {
            let label = context.terminal.palette().error("error");
            context.talk(&format!("{label}: {message}"));
        }
        self.is_broken = true;
    }

    /// Tells what changed.
    fn note(&mut self, paths: Vec<String>) {
        self.reporter.report(&Event::Changed { paths });
    }

    fn tell_ready(&mut self, context: &Context) {
        self.reporter.report(&Event::Idle);
        if !std::mem::replace(&mut self.is_ready, true) {
            context.mention("watching; Ctrl-C ends it");
        }
    }
}

/// Whether what was loaded has warnings; those of files that sleep were told before.
fn touches_diagnostics(prepared: &Prepared) -> bool {
    !prepared.loaded.units.is_empty() && prepared.loaded.diagnostics.iter().next().is_some()
}

/// Whether nothing follows from what was built.
fn is_done(built: &Built) -> bool {
    built.unsettled.is_empty() && built.bought == 0
}

/// Hears nothing: what only renews the record is no news.
struct Silent;

impl Reporter for Silent {
    fn report(&self, _: &Event) {}
}
