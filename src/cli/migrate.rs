//! `migrate`: moves specs to another model, after showing what changes and what that costs.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::catalog::PriceUnit;
use crate::cli::args::MigrateArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::pipeline::Selection;
use crate::pipeline::migrate::{self, Migration};
use crate::plan::Policy;
use crate::report::amount;

/// Shows the move, and makes it if the user agrees.
pub(super) fn migrate(context: &Context, args: &MigrateArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = Selection { names: args.assets.clone(), ..Selection::default() };
    let (policy, wakes) = (Policy::default(), super::plan::Wakes::Selected);
    let prepared = super::plan::prepare(context, &session, &selection, policy, wakes)?;
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

fn shown(migration: &Migration, model: &str) -> String {
    let mut out = String::new();
    for change in &migration.changes {
        out += &format!("{}:{}\n", change.path, change.line);
        out.extend(change.old.iter().map(|line| format!("- {line}\n")));
        out.extend(change.new.iter().map(|line| format!("+ {line}\n")));
    }
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
