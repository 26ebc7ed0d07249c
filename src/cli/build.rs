//! `build`: makes what is not fresh, and says what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::base::units::MicroUsd;
use crate::cli::args::{self, BuildArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::held::{drift_hints, held, held_code, is_stood_in, warnings};
use crate::cli::interrupt;
use crate::cli::rounds::Rounds;
use crate::cli::spend::{self, Approval};
use crate::event::{ActionKind, Event, Reporter as _};
use crate::execute::{Limits, StopSignal, Trouble};
use crate::graph::AssetIndex;
use crate::pipeline::migrate::Moved;
use crate::pipeline::money;
use crate::pipeline::purchases::shopping;
use crate::pipeline::{self, Ahead, BuildRequest, Built, OnChange, Prepared, Selection, Session};
use crate::plan::{AssetPlan, Policy, ReasonCode, Work};
use crate::report::log::LoggedAsset;
use crate::report::{Fanout, Reporters, elapsed_since};

/// Builds the selected assets.
pub fn build(context: &Context, args: &BuildArgs) -> Result<ExitCode, CliError> {
    build_with(context, args, &Extra::default())
}

/// What a build does beyond what the specs say.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Results that are bought for each asset beside those that it has.
    pub(super) reroll: u32,
    /// Assets that are tried with another model; nothing of them is published.
    pub(super) trial: Vec<Moved>,
}

/// Builds the selected assets, with something beyond what their specs say.
pub(super) fn build_with(
    context: &Context,
    args: &BuildArgs,
    extra: &Extra,
) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let stop = StopSignal::default();
    let quiet = context.global.quiet;
    let notice = move || {
        if !quiet {
            eprint_line(
                "interrupted: finishing what was begun; press Ctrl-C again to stop at once",
            );
        }
    };
    let programs = session.programs().clone();
    interrupt::watch(stop.clone(), notice, move || programs.close());
    let mut reporter = None;
    let built = in_rounds(context, &session, &stop, args, extra, &mut reporter);
    if let Some(reporter) = reporter {
        reporter.finish();
    }
    built
}

/// Builds what can be built, then what comes after it, in the same run for its user.
fn in_rounds(
    context: &Context,
    session: &Session,
    stop: &StopSignal,
    args: &BuildArgs,
    extra: &Extra,
    reporter: &mut Option<Rounds<Fanout>>,
) -> Result<ExitCode, CliError> {
    let (mut code, mut rest) = round(context, session, stop, (args, None), extra, reporter)?;
    while let Some(Next { args, agreed }) = rest {
        let args = (&args, Some(&agreed));
        let (worse, more) = round(context, session, stop, args, &Extra::default(), reporter)?;
        (code, rest) = (code.worst(worse), more);
    }
    Ok(code)
}

/// Builds what can be built now; gives what comes after it.
fn round(
    context: &Context,
    session: &Session,
    stop: &StopSignal,
    (args, agreed_before): (&BuildArgs, Option<&Agreed>),
    extra: &Extra,
    reporter: &mut Option<Rounds<Fanout>>,
) -> Result<(ExitCode, Option<Next>), CliError> {
    let Extra { reroll, trial } = extra;
    let is_plain = *reroll == 0 && trial.is_empty();
    let clock = context.clock;
    let selection = selection(context, session, &args.selection)?;
    let policy = Policy { reroll: *reroll, ..policy(&args.policy) };
    let wakes = match trial.is_empty() {
        true => super::plan::Wakes::Changed,
        false => super::plan::Wakes::Selected,
    };
    let ahead = Ahead::default();
    let begin = || ahead.begin(session);
    let on_change = (!args.policy.locked).then_some(&begin as &OnChange<'_>);
    let mut prepared =
        super::plan::prepare_to_change(context, session, &selection, policy, wakes, on_change)?;
    if !trial.is_empty() {
        super::plan::assess_trial(context, session, &selection, policy, &mut prepared, trial)?;
    }
    let mut approval = match args.selection.steps.iter().max() {
        Some(_) if !args.selection.steps.contains(&ActionKind::Generate) => Approval::default(),
        _ => spend::approve(context, &args.policy, session, &prepared)?,
    };
    if let Some(agreed) = agreed_before {
        withhold_more(agreed, &prepared, &mut approval);
    }
    if !approval.withheld.is_empty() {
        super::plan::withhold(context, session, &selection, policy, &mut prepared, &approval)?;
    }
    if reporter.is_none() {
        let selected = Reporters {
            format: context.format(),
            verbosity: context.global.verbosity(),
            palette: context.terminal.palette(),
            is_terminal: context.terminal.is_terminal,
            log: args.execution.log_format.map(Into::into),
            trace: args.execution.trace.as_deref(),
        }
        .select(elapsed_since(clock), logged(&prepared))
        .map_err(|source| {
            let path = args.execution.trace.as_deref().unwrap_or(Path::new("the trace file"));
            CliError::Io { action: format!("create {}", path.display()), source }
        })?;
        *reporter = Some(Rounds::new(selected));
    }
    let reporter = reporter.as_ref().expect("it was just made");
    let buyer = approval.allowance.and_then(|_| buyer(session));
    let request = BuildRequest {
        limits: Limits { workers: workers(&args.execution), fail_fast: args.execution.fail_fast },
        policy,
        allowance: approval.allowance,
        buyer: buyer.as_deref(),
        bound_micros: approval.bound_micros,
        locked: args.policy.locked,
        is_trial: !trial.is_empty(),
        steps: &args.selection.steps,
        now: context.seconds(),
        today: &context.today(),
        clock,
        // The record of a run says what holds without a wish for more.
        environment: context.environment().filter(|_| is_plain),
        ahead: Some(&ahead),
    };
    let (stood_in, held): (Vec<_>, Vec<_>) = held(&prepared).into_iter().partition(is_stood_in);
    for warning in warnings(&held, &prepared, context.format()) {
        reporter.report(&warning);
    }
    let plans = prepared.selected_plans();
    let is_new = |plan: &&AssetPlan| plan.work == Work::Placeholder;
    match stood_in.len() + plans.iter().filter(is_new).count() {
        0 => {}
        1 => context.mention("a placeholder stands in for an asset that is not there yet"),
        count => context
            .mention(&format!("placeholders stand in for {count} assets that are not there yet")),
    }
    for hint in drift_hints(&prepared) {
        context.mention(&format!("hint: {hint}"));
    }
    if prepared.was_conflicted && args.policy.locked {
        let message = "assetbuild.lock has merge conflicts, and --locked forbids to resolve them";
        return Err(CliError::Usage(message.to_owned()));
    }
    let resolves_conflicts = prepared.was_conflicted;
    let code = held_code(&prepared);
    let config = prepared.loaded.config.clone();
    let later = later(&prepared);
    let agreed = if later.is_empty() { Agreed::new() } else { agreed(&prepared) };
    let selected = prepared.selected.clone();
    let built = pipeline::build(session, prepared, &request, reporter, stop)?;
    if resolves_conflicts {
        context.mention("the merge conflicts in assetbuild.lock are resolved");
    }
    let mut next = None;
    let is_over = built.summary.interrupted
        || built.is_closed
        || (args.execution.fail_fast && built.failed());
    // Whoever asks for another result of a sound has the rest of its group follow.
    let follows = |asset: &AssetIndex| *reroll > 0 || selected.contains(asset);
    let unsettled = built.unsettled.iter().filter(|(asset, _)| follows(asset));
    let mut follow: Vec<String> = unsettled.map(|(_, id)| id.clone()).collect();
    if is_plain && built.bought > 0 {
        follow.extend(later.iter().cloned());
    }
    if !follow.is_empty()
        && !is_over
        && let Some(run) = &built.run
    {
        let spent = money::spent_usd(session, &config, run)?;
        // To its user it is one run, and so it is to the cap of a run.
        let left = approval.allowance.map(|allowed| {
            let MicroUsd(all) = config.budget.per_run.map_or(allowed, |cap| cap.min(allowed));
            MicroUsd(all.saturating_sub(spent).max(0))
        });
        let steps = args.selection.steps.clone();
        let selection = args::Selection { assets: follow, steps, ..args::Selection::default() };
        let policy = args.policy.with_spend(left);
        next = Some(Next { args: BuildArgs { selection, policy, ..args.clone() }, agreed });
    }
    let is_last = next.is_none();
    for asset in later.into_iter().filter(|_| is_last || built.bought == 0) {
        let message = "pending: what it refers to was not bought".to_owned();
        reporter.report(&Event::Warning { asset: Some(asset), message });
    }
    if is_last && built.bought > 0 && session.second_home().is_none() && !config.is_shared() {
        context.mention(&format!(
            "hint: what was bought lies only in {}: unset ASSETBUILD_STORE for a second copy in \
             your home, or set `paid_dir: paid` and commit that folder",
            config.paid_dir
        ));
    }
    Ok((code.worst(exit_code(&built)), next))
}

/// What is built after a round, and the most that was agreed to for each asset of it.
struct Next {
    args: BuildArgs,
    agreed: Agreed,
}

/// Number of results and the most that they cost, by asset.
type Agreed = BTreeMap<String, (usize, Option<i64>)>;

fn agreed(prepared: &Prepared) -> Agreed {
    let items = shopping(prepared).into_iter();
    items.map(|item| (item.id, (item.count, item.high_micros))).collect()
}

/// Withholds what became more than was agreed to since its spec changed.
fn withhold_more(agreed: &Agreed, prepared: &Prepared, approval: &mut Approval) {
    for item in shopping(prepared) {
        let is_covered = agreed.get(&item.id).is_some_and(|(count, high)| {
            let is_dearer = match (item.high_micros, high) {
                (Some(now), Some(then)) => now > *then,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            item.count <= *count && !is_dearer
        });
        if !is_covered {
            let why = "not bought: its spec was changed while the build ran; build again";
            approval.withheld.insert(item.id, (ReasonCode::NotApproved, why.to_owned()));
        }
    }
}

/// Ids of the selected assets that come after others.
fn later(prepared: &Prepared) -> Vec<String> {
    let is_later = |asset: &&AssetIndex| asset.of(&prepared.plans).work == Work::Later;
    let later = prepared.selected.iter().filter(is_later);
    later.map(|asset| asset.of(&prepared.loaded.assets).id.clone()).collect()
}

/// Writes a line to stderr from a thread that has no context.
fn eprint_line(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub(super) fn workers(execution: &args::Execution) -> usize {
    let jobs = execution.jobs.or_else(|| thread::available_parallelism().ok());
    jobs.map_or(1, usize::from)
}

fn logged(prepared: &Prepared) -> BTreeMap<String, LoggedAsset> {
    let assets = &prepared.loaded.assets;
    assets.iter().map(|asset| (asset.id.clone(), LoggedAsset::from(asset))).collect()
}

fn exit_code(built: &Built) -> ExitCode {
    let trouble = |trouble: &Trouble| match trouble {
        Trouble::Unknown => ExitCode::UnknownPurchase,
        Trouble::Refused => ExitCode::Refused,
        Trouble::Unavailable => ExitCode::Unavailable,
        Trouble::Failed => ExitCode::Failed,
    };
    let failed = match built.failed() {
        true if built.troubles.is_empty() => ExitCode::Failed,
        true => ExitCode::worst_of(built.troubles.iter().map(trouble)),
        false => ExitCode::Success,
    };
    match built.summary.interrupted {
        true => ExitCode::Interrupted.worst(failed),
        false => failed,
    }
}

/// What the user allows, as the plan takes it.
pub(super) fn policy(args: &args::Policy) -> Policy {
    Policy {
        overwrite_drifted: args.overwrite_drifted,
        refresh: args.refresh,
        reroll: 0,
        allow_rebuy: args.allow_rebuy,
    }
}

/// What the user selected, with the files that changed since a revision if they asked for that.
pub(super) fn selection(
    context: &Context,
    session: &Session,
    args: &args::Selection,
) -> Result<Selection, CliError> {
    let changed_files = match &args.since {
        Some(revision) => Some(changed_since(context, session, revision)?),
        None => None,
    };
    Ok(Selection {
        names: args.assets.clone(),
        tags: args.tags.clone(),
        phases: args.phases.clone(),
        changed_files,
    })
}

/// The user's name as git knows it; none without git.
pub(super) fn buyer(session: &Session) -> Option<String> {
    let mut git = Command::new("git");
    let output = git.arg("-C").arg(session.root()).args(["config", "user.name"]).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// Files that differ from a git revision, committed or not, relative to the project's root.
fn changed_since(
    context: &Context,
    session: &Session,
    revision: &str,
) -> Result<BTreeSet<String>, CliError> {
    if revision.starts_with('-') {
        return Err(CliError::Usage(format!("--since {revision}: not a revision")));
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(session.root()).args(arguments).output();
        let output =
            output.map_err(|source| CliError::Io { action: "run git".to_owned(), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let line = words.lines().next().unwrap_or("git failed").trim_start_matches("fatal: ");
        Err(CliError::Usage(format!("--since {revision}: {line}")))
    };
    // Outside of a repository `git diff` compares files and complains about something else.
    git(&["rev-parse", "--git-dir"])?;
    let changed = git(&["diff", "--name-only", "--relative", "-z", revision, "--"])?;
    let untracked = git(&["ls-files", "--others", "--exclude-standard", "-z"])?;
    let names = changed.split('\0').chain(untracked.split('\0'));
    let names: BTreeSet<String> =
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.is_empty() {
        context.mention(&format!("nothing differs from {revision}"));
    }
    Ok(names)
}
