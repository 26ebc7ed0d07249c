//! `check`: is everything fresh? Needs specs, lock and published files; no cache, no key, no net.

use crate::cli::args::CheckArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::config::UnboughtCheck;
use crate::pipeline::{self, Prepared};
use crate::plan::{AssetPlan, Policy, ReasonCode, State};
use crate::report::Format;
use crate::report::plan as render;

/// Prints the verdict.
pub fn check(context: &Context, args: &CheckArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = super::build::selection(context, &session, &args.selection)?;
    let today = context.today();
    let request = pipeline::Request {
        selection: &selection,
        policy: Policy::default(),
        uses_cache: false,
        environment: context.environment().filter(|_| !context.is_ci),
        wakes_selected: false,
        today: &today,
    };
    let prepared = pipeline::prepare(&session, &request)?;
    super::plan::show_diagnostics(context, &prepared)?;
    let is_fresh = is_fresh(&prepared, args.release) && !pipeline::has_redo_record(&session);
    super::plan::with_view(&prepared, |view| match context.format() {
        Format::Human if is_fresh && context.global.quiet => {}
        Format::Human => context.data(&render::check_human(view, is_fresh)),
        Format::Github => context.data(&render::check_human(view, is_fresh)),
        Format::Json | Format::Ndjson => context.document(&render::check_json(view, is_fresh)),
    });
    Ok(if is_fresh { ExitCode::Success } else { ExitCode::NotFresh })
}

fn is_fresh(prepared: &Prepared, release: bool) -> bool {
    let warns_only = prepared.loaded.config.check_unbought == UnboughtCheck::Warn && !release;
    prepared.orphans.is_empty()
        && !prepared.was_conflicted
        && prepared
            .selected
            .iter()
            .map(|asset| &prepared.plans[asset.0 as usize])
            .all(|plan| plan.state == State::Fresh || (warns_only && is_unbought(plan)))
}

fn is_unbought(plan: &AssetPlan) -> bool {
    use ReasonCode::{ModelRetired, NeverBuilt, Placeholder, ProviderMissing};
    plan.reasons.iter().all(|reason| {
        matches!(reason.code, ProviderMissing | ModelRetired | Placeholder | NeverBuilt)
    })
}
