//! `check`: is everything fresh? Needs specs, lock and published files; no cache, no key, no net.

use crate::cli::args::CheckArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::config::UnboughtCheck;
use crate::graph::action::ActionKind;
use crate::pipeline::{self, LastRun, Prepared, Session};
use crate::plan::{ActionState, AssetPlan, PlannedAction, Policy, Reason, ReasonCode, State};
use crate::report::Format;
use crate::report::plan as render;
use crate::spec::AssetSpec;
use crate::spec::op::GenerateOp;

/// Prints the verdict.
pub fn check(context: &Context, args: &CheckArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = super::build::selection(context, &session, &args.selection)?;
    let today = context.today();
    let request = pipeline::Request {
        selection: &selection,
        policy: Policy::default(),
        uses_cache: false,
        // What sleeps is fresh, but may be a placeholder.
        last_run: context
            .last_run()
            .filter(|_| !context.is_ci && !args.release && selection.changed_files.is_none())
            .map(|last_run| LastRun { finds_orphans: true, ..last_run }),
        wakes_selected: false,
        today: &today,
        clock: context.clock,
        on_change: None,
    };
    let mut prepared = pipeline::prepare(&session, &request)?;
    super::plan::show_diagnostics(context, &prepared)?;
    if args.release {
        refuse_placeholders(&mut prepared);
    }
    let unfinished = unfinished(&session, &prepared);
    let is_fresh = unfinished.is_none() && is_fresh(&prepared, args.release);
    super::plan::with_view(&prepared, |view| match context.format() {
        Format::Human | Format::Github if is_fresh && context.global.quiet => {}
        Format::Human | Format::Github => {
            context.data(&render::check_human(view, is_fresh, unfinished));
        }
        Format::Json | Format::Ndjson => {
            context.document(&render::check_json(view, is_fresh, unfinished));
        }
    });
    Ok(if is_fresh { ExitCode::Success } else { ExitCode::NotFresh })
}

/// What the project as a whole still waits for, whatever its assets say.
fn unfinished(session: &Session, prepared: &Prepared) -> Option<&'static str> {
    if prepared.was_conflicted {
        Some("the lock has merge conflicts; a build resolves them")
    } else if pipeline::has_redo_record(session) {
        Some("a run was cut off while it published; a build completes it")
    } else {
        None
    }
}

/// Whoever releases wants the real thing, also where the spec itself asks for a placeholder.
fn refuse_placeholders(prepared: &mut Prepared) {
    let Prepared { loaded, plans, .. } = prepared;
    for plan in plans.iter_mut().filter(|plan| plan.state == State::Fresh) {
        let spec = plan.asset.of(&loaded.assets);
        if matches!(spec.generate, GenerateOp::Placeholder(_)) {
            plan.state = State::Provisional;
            let message = "its provider is `placeholder`";
            plan.reasons.push(Reason::new(ReasonCode::Placeholder, message));
        }
    }
}

fn is_fresh(prepared: &Prepared, release: bool) -> bool {
    let warns_only = prepared.loaded.config.check_unbought == UnboughtCheck::Warn && !release;
    let is_good = |plan: &AssetPlan| {
        let spec = plan.asset.of(&prepared.loaded.assets);
        plan.state == State::Fresh || (warns_only && is_unbought(spec, plan))
    };
    let has_orphans = prepared.orphans.as_ref().is_some_and(|orphans| !orphans.files.is_empty());
    !has_orphans && prepared.selected.iter().all(|asset| is_good(&prepared.plans[asset.0 as usize]))
}

/// Whether all that the asset lacks is a purchase.
fn is_unbought(spec: &AssetSpec, plan: &AssetPlan) -> bool {
    use ReasonCode::{
        FieldAdded, FieldChanged, FieldRemoved, KeyMissing, ModelRetired, NeverBuilt, NotApproved,
        OverBudget, Placeholder, ProviderMissing, VariationMissing,
    };
    let is_generate = |action: &&PlannedAction| action.kind == ActionKind::Generate;
    let must_buy = plan.actions.iter().filter(is_generate).any(|a| a.state != ActionState::Fresh)
        || plan.reasons.iter().any(|reason| reason.code == Placeholder);
    !spec.generate.is_free()
        && must_buy
        && plan.reasons.iter().all(|reason| {
            matches!(
                reason.code,
                ProviderMissing
                    | KeyMissing
                    | NotApproved
                    | OverBudget
                    | VariationMissing
                    | ModelRetired
                    | Placeholder
                    | NeverBuilt
                    | FieldChanged
                    | FieldAdded
                    | FieldRemoved
            )
        })
}
