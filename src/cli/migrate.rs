//! `migrate`: moves specs to another model, after showing what changes and what that costs.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::catalog::PriceUnit;
use crate::cli::args::{BuildArgs, MigrateArgs, Selection as SelectionArgs};
use crate::cli::build::Extra;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::pipeline::migrate::{self, Migration};
use crate::pipeline::{Selection, Session, variations};
use crate::report::amount;

/// Shows the move, and makes it if the user agrees.
pub(super) fn migrate(context: &Context, args: &MigrateArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = Selection { names: args.assets.clone(), ..Selection::default() };
    let prepared = super::plan::look_at_selected(context, &session, &selection)?;
    let all = !args.assets.is_empty();
    let migration = migrate::plan(&prepared, &args.to, all, &context.today())?;
    for (id, why) in &migration.left {
        context.talk(&format!("{id} stays as it is: {why}"));
    }
    if migration.moved.is_empty() {
        context.mention(&format!(
            "no asset moves to {}: none asks for a model that has ended or is about to; name assets to \
             move others",
            args.to
        ));
        return Ok(match migration.left.is_empty() {
            true => ExitCode::Success,
            false => ExitCode::Failed,
        });
    }
    if let Some(count) = args.try_first {
        return try_first(context, args, &session, migration, count as usize);
    }
    context.data(&shown(&migration, &args.to));
    if !(args.yes || agrees(context)) {
        context.mention("nothing was changed; --yes writes it");
        return Ok(ExitCode::Success);
    }
    migrate::apply(&session, &prepared.loaded.sources, &migration)?;
    for (path, _) in &migration.files {
        context.mention(&format!("wrote {path}"));
    }
    context.mention("what is published stays until it is bought again: assetbuild --plan");
    Ok(ExitCode::Success)
}

/// Buys the first of the assets with the new model, for a person to look at; nothing is written.
fn try_first(
    context: &Context,
    args: &MigrateArgs,
    session: &Session,
    mut migration: Migration,
    count: usize,
) -> Result<ExitCode, CliError> {
    migration.moved.truncate(count);
    context.data(&costs(&migration, &args.to));
    let ids: Vec<String> = migration.moved.iter().map(|moved| moved.id.clone()).collect();
    let selection = SelectionArgs { assets: ids.clone(), ..SelectionArgs::default() };
    let (policy, execution) = (args.policy.clone(), args.execution.clone());
    let build = BuildArgs { selection, policy, execution, ..BuildArgs::default() };
    let extra = Extra { trial: migration.moved, ..Extra::default() };
    let code = super::build::build_with(context, &build, &extra)?;
    if ids.iter().any(|id| variations::folder(session, id).is_dir()) {
        context.mention(
            "no spec was changed; without --try they are, and what was tried is not bought again",
        );
    }
    Ok(code)
}

fn shown(migration: &Migration, model: &str) -> String {
    let mut out = String::new();
    for change in &migration.changes {
        out += &format!("{}:{}\n", change.path, change.line);
        out.extend(change.old.iter().map(|line| format!("- {line}\n")));
        out.extend(change.new.iter().map(|line| format!("+ {line}\n")));
    }
    out + &costs(migration, model)
}

/// What the assets cost with the new model.
fn costs(migration: &Migration, model: &str) -> String {
    let mut out = String::new();
    let mut sums: BTreeMap<PriceUnit, Option<i64>> = BTreeMap::new();
    let mut count = 0;
    for moved in &migration.moved {
        count += moved.count;
        let high = moved.price.high.and_then(|high| high.checked_mul(i64::from(moved.count)));
        let sum = sums.entry(moved.price.unit).or_insert(Some(0));
        *sum = sum.zip(high).map(|(sum, high)| sum.saturating_add(high));
        let cost = high.map_or_else(
            || "price unknown".to_owned(),
            |high| format!("at most {}", amount(high, moved.price.unit)),
        );
        out += &format!(
            "{}  {} × {model} in place of {}  {cost}\n",
            moved.id, moved.count, moved.from
        );
    }
    let sums: Vec<String> = sums
        .into_iter()
        .map(|(unit, sum)| {
            sum.map_or_else(
                || "an unknown price".to_owned(),
                |sum| format!("at most {}", amount(sum, unit)),
            )
        })
        .collect();
    out + &format!("  Buying all of it again: {count} for {}.\n", sums.join(" and "))
}

fn agrees(context: &Context) -> bool {
    if context.is_ci || !context.terminal.is_terminal || !io::stdin().is_terminal() {
        return false;
    }
    let mut stderr = io::stderr();
    // A terminal that cannot be written to cannot be answered at either.
    let _ = write!(stderr, "Write these changes? [y/N] ");
    let _ = stderr.flush();
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).is_ok()
        && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}
