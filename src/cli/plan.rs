//! `plan` and `explain`: what a build would do, and why.

use std::collections::BTreeMap;

use crate::cli::args::{ExplainArgs, PlanArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::spend::Approval;
use crate::config::{Budget, Config};
use crate::graph::action::ActionKind;
use crate::pipeline::migrate::Moved;
use crate::pipeline::{self, LastRun, OnChange, Prepared, Selection, Session};
use crate::plan::{ActionState, AssetPlan, Policy, Work, warn_of_ends};
use crate::report::Format;
use crate::report::money_status::{self, CapState};
use crate::report::plan::{self as render, PlanView};

/// Prints the plan.
pub fn plan(context: &Context, args: &PlanArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = super::build::selection(context, &session, &args.selection)?;
    let policy = super::build::policy(&args.policy);
    let wakes = match context.format() {
        Format::Human | Format::Github => Wakes::Changed,
        // A document tells outputs and actions of fresh assets as well.
        Format::Json | Format::Ndjson => Wakes::Selected,
    };
    let mut prepared = prepare(context, &session, &selection, policy, wakes, Purpose::Look)?;
    if let Some(&last) = args.selection.steps.iter().max() {
        leave_out_after(last, &mut prepared.plans);
    }
    let loaded = &prepared.loaded;
    let asked = prepared.selected.iter().map(|asset| asset.of(&loaded.assets));
    let ends = warn_of_ends(asked, &loaded.config, &context.today());
    context.show(&ends.into_sorted(), &loaded.sources);
    let caps = caps(context, &session, &loaded.config)?;
    with_view(&prepared, |view| {
        let view = &PlanView { caps: &caps, ..*view };
        match context.format() {
            Format::Human | Format::Github => context.data(&render::human(view)),
            Format::Json | Format::Ndjson => context.document(&render::plan_json(view)),
        }
        match args.detailed_exitcode && view.has_pending_work() {
            true => Ok(ExitCode::NotFresh),
            false => Ok(ExitCode::Success),
        }
    })
}

/// The project's caps and what counts against them; nothing is read where there are none.
fn caps(context: &Context, session: &Session, config: &Config) -> Result<Vec<CapState>, CliError> {
    if config.budget == Budget::default() {
        return Ok(Vec::new());
    }
    let listing = pipeline::money::listing(session, config)?;
    Ok(money_status::caps(&listing.purchases, config, &context.rfc3339()))
}

/// Leaves what comes after a kind of action out of plans, as a build with `--steps` does.
fn leave_out_after(last: ActionKind, plans: &mut [AssetPlan]) {
    for plan in plans {
        plan.actions.retain(|action| action.kind <= last);
        if plan.actions.iter().all(|action| action.state == ActionState::Fresh) {
            plan.work = Work::Nothing;
        }
    }
}

/// Prints why the selected assets are in their states.
pub fn explain(context: &Context, args: &ExplainArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = Selection { names: args.assets.clone(), ..Selection::default() };
    let prepared = look_at_selected(context, &session, &selection)?;
    let quality = pipeline::quality::measured(&prepared);
    with_view(&prepared, |view| {
        let view = &PlanView { quality: &quality, ..*view };
        match context.format() {
            Format::Human | Format::Github => context.data(&render::explain_human(view)),
            Format::Json | Format::Ndjson => context.document(&render::plan_json(view)),
        }
        Ok(ExitCode::Success)
    })
}

/// Which assets a command wants to see whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wakes {
    /// Those about which something changed.
    Changed,
    /// The selected ones as well.
    Selected,
}

/// What the project is assessed for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// To tell all that can be told.
    Look,
    /// To build what is not fresh; the build may wish to hear of it as soon as something is known to have
    /// changed.
    Build(Option<&'a OnChange<'a>>),
}

/// Assesses the project with the selected assets loaded, to tell of them.
///
/// # Errors
/// As `prepare`.
pub(super) fn look_at_selected(
    context: &Context,
    session: &Session,
    selection: &Selection,
) -> Result<Prepared, CliError> {
    prepare(context, session, selection, Policy::default(), Wakes::Selected, Purpose::Look)
}

/// Assesses the project and shows its diagnostics.
///
/// # Errors
/// `CliError::Invalid` if there are errors among them.
fn prepare(
    context: &Context,
    session: &Session,
    selection: &Selection,
    policy: Policy,
    wakes: Wakes,
    purpose: Purpose<'_>,
) -> Result<Prepared, CliError> {
    let (finds_orphans, on_change) = match purpose {
        Purpose::Look => (true, None),
        Purpose::Build(on_change) => (false, on_change),
    };
    let today = context.today();
    let request = pipeline::Request {
        selection,
        policy,
        uses_cache: true,
        // `--refresh` and a hand on drifted files concern assets that sleep.
        last_run: context
            .last_run()
            .filter(|_| policy == Policy::default() && selection.changed_files.is_none())
            .map(|last_run| LastRun { finds_orphans, ..last_run }),
        wakes_selected: wakes == Wakes::Selected,
        today: &today,
        clock: context.clock,
        on_change,
    };
    let prepared = pipeline::prepare(session, &request)?;
    show_diagnostics(context, &prepared)?;
    Ok(prepared)
}

/// Assesses the project for a command that changes it, after commits that were cut off or are
/// going on.
///
/// # Errors
/// As `prepare`, and `CliError::Build` if a commit cannot be completed.
pub(super) fn prepare_to_change(
    context: &Context,
    session: &Session,
    selection: &Selection,
    policy: Policy,
    wakes: Wakes,
    on_change: Option<&OnChange<'_>>,
) -> Result<Prepared, CliError> {
    loop {
        let purpose = Purpose::Build(on_change);
        let prepared = prepare(context, session, selection, policy, wakes, purpose)?;
        if !pipeline::is_overtaken(session, &prepared)? {
            return Ok(prepared);
        }
    }
}

/// Assesses a prepared project once more, without what is not to be bought.
///
/// # Errors
/// As `prepare`.
pub(super) fn withhold(
    context: &Context,
    session: &Session,
    selection: &Selection,
    policy: Policy,
    prepared: &mut Prepared,
    approval: &Approval,
) -> Result<(), CliError> {
    let today = context.today();
    let request = again(context, selection, policy, &today);
    Ok(pipeline::withhold(session, &request, prepared, &approval.withheld)?)
}

/// Assesses a prepared project once more, with assets as they would be with another model.
///
/// # Errors
/// As `prepare`.
pub(super) fn assess_trial(
    context: &Context,
    session: &Session,
    selection: &Selection,
    policy: Policy,
    prepared: &mut Prepared,
    trial: &[Moved],
) -> Result<(), CliError> {
    let today = context.today();
    let request = again(context, selection, policy, &today);
    Ok(pipeline::migrate::assess_trial(session, &request, prepared, trial)?)
}

fn again<'a>(
    context: &Context,
    selection: &'a Selection,
    policy: Policy,
    today: &'a str,
) -> pipeline::Request<'a> {
    pipeline::Request {
        selection,
        policy,
        uses_cache: true,
        last_run: None,
        wakes_selected: false,
        today,
        clock: context.clock,
        on_change: None,
    }
}

/// Shows all diagnostics of a project.
///
/// # Errors
/// `CliError::Invalid` if there are errors among them.
pub(super) fn show_diagnostics(context: &Context, prepared: &Prepared) -> Result<(), CliError> {
    let diagnostics = prepared.loaded.diagnostics.clone().into_sorted();
    context.show(&diagnostics, &prepared.loaded.sources);
    if prepared.has_errors() { Err(CliError::Invalid) } else { Ok(()) }
}

/// Hands the selected part of a prepared project to a renderer.
pub(super) fn with_view<T>(prepared: &Prepared, render: impl FnOnce(&PlanView<'_>) -> T) -> T {
    let mut plans = prepared.selected_plans();
    plans.sort_by_key(|plan| plan.asset.of(&prepared.loaded.assets).id.clone());
    let orphans: Vec<_> = prepared
        .orphans
        .iter()
        .flat_map(|orphans| &orphans.files)
        .map(|(path, id)| (path.to_string(), id.clone()))
        .collect();
    let fresh: Vec<String> = prepared.fresh_asleep().map(|asset| asset.id().to_owned()).collect();
    render(&PlanView {
        sources: &prepared.loaded.sources,
        assets: &prepared.loaded.assets,
        plans: &plans,
        known_fresh: &fresh,
        orphans: &orphans,
        quality: &BTreeMap::new(),
        caps: &[],
    })
}
