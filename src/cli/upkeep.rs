//! Commands that decide by hand or clean up: keep, adopt, unpin, prune, gc, store.

use crate::cli::args::{AdoptArgs, GcArgs, KeepArgs, PruneArgs, StoreCommand, UnpinArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::execute::with_causes;
use crate::pipeline::{Prepared, Selection, Session, maintain};
use crate::plan::Policy;

/// What remains after `gc` without `--max-size`: only what the lock names.
const NOTHING_MORE: u64 = 0;

/// Keeps old results for new requests.
pub fn keep(context: &Context, args: &KeepArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &args.assets)?;
    let ids = maintain::keep(&session, &prepared, &args.reason)?;
    Ok(told(context, "kept", &ids))
}

/// Adopts files that were edited by hand.
pub fn adopt(context: &Context, args: &AdoptArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &args.assets)?;
    let ids = maintain::adopt(&session, &prepared)?;
    Ok(told(context, "adopted", &ids))
}

/// Lets specs decide again.
pub fn unpin(context: &Context, args: &UnpinArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &args.assets)?;
    let ids = maintain::unpin(&session, &prepared)?;
    Ok(told(context, "unpinned", &ids))
}

/// Assesses the project with the named assets whole.
pub(super) fn open(context: &Context, assets: &[String]) -> Result<(Session, Prepared), CliError> {
    let session = context.open()?;
    let selection = Selection { names: assets.to_owned(), ..Selection::default() };
    let (policy, wakes) = (Policy::default(), super::plan::Wakes::Selected);
    let prepared =
        super::plan::prepare_to_change(context, &session, &selection, policy, wakes, None)?;
    Ok((session, prepared))
}

fn told(context: &Context, verb: &str, ids: &[String]) -> ExitCode {
    for id in ids {
        context.mention(&format!("{verb} {id}"));
    }
    ExitCode::Success
}

/// Deletes what removed specs left behind.
pub fn prune(context: &Context, args: &PruneArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &[])?;
    let orphans = maintain::find_orphans(&prepared)?;
    if orphans.is_empty() {
        context.mention("nothing is left over from removed specs");
        return Ok(ExitCode::Success);
    }
    if args.dry_run {
        for orphan in &orphans {
            for (path, _) in &orphan.outputs {
                context.data(&format!("{path}  of {}\n", orphan.id));
            }
        }
        return Ok(ExitCode::Success);
    }
    let report = maintain::prune(&session, &prepared, args.forget)?;
    for path in &report.removed {
        context.mention(&format!("deleted {path}"));
    }
    for problem in &report.problems {
        context.talk(&format!("{}: {}", problem.asset, with_causes(&problem.problem)));
    }
    Ok(if report.problems.is_empty() { ExitCode::Success } else { ExitCode::Failed })
}

/// Deletes blobs that nobody needs.
pub fn gc(context: &Context, args: &GcArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let plan = maintain::plan_cleanup(&session, args.max_size.unwrap_or(NOTHING_MORE))?;
    let bytes: u64 = plan.remove.iter().map(|blob| blob.size).sum();
    let count = plan.remove.len();
    if args.dry_run {
        context.mention(&format!("would delete {count} files of the cache, {bytes} bytes"));
        return Ok(ExitCode::Success);
    }
    let (freed, _) = maintain::clean_up(&session, &plan)?;
    context.mention(&format!("deleted {count} files of the cache, {freed} bytes"));
    Ok(ExitCode::Success)
}

/// Rebuilds or verifies the stores.
pub fn store(context: &Context, command: StoreCommand) -> Result<ExitCode, CliError> {
    match command {
        StoreCommand::Rebuild => {
            let session = context.open()?;
            maintain::rebuild_store(&session)?;
            context.mention("the database was made again");
            Ok(ExitCode::Success)
        }
        StoreCommand::Verify => verify(context),
    }
}

fn verify(context: &Context) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &[])?;
    let report = maintain::verify_store(&session, &prepared)?;
    for blob in &report.blobs.broken {
        let name = crate::base::ActionKey(blob.hash).hex();
        context.talk(&format!("broken in the cache, deleted: {name}"));
    }
    for (id, raw) in &report.missing_raws {
        context.talk(&format!("{id}: the bought file {raw} is in none of the stores"));
    }
    for path in &report.drifted {
        context.talk(&format!("{path} differs from the lock"));
    }
    context.mention(&format!(
        "{} files of the cache and {} bought files verified",
        report.blobs.checked, report.raws
    ));
    Ok(if report.is_whole() { ExitCode::Success } else { ExitCode::Failed })
}
