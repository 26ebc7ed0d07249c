//! `review`, `pick`, `reroll`: several results of one asset, and a person's choice.

use crate::cli::args::{BuildArgs, PickArgs, RerollArgs, ReviewArgs, Selection as SelectionArgs};
use crate::cli::build::Extra;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::upkeep::open;
use crate::graph::AssetIndex;
use crate::lock::Purchase;
use crate::pipeline::money::MoneyError;
use crate::pipeline::variations::{self, Shown};
use crate::pipeline::{Prepared, Session, maintain};
use crate::report::amount_of;

/// Writes the results of assets side by side, and lists them.
pub(super) fn review(context: &Context, args: &ReviewArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &args.assets)?;
    let raws = session.raws(&prepared.loaded.config.paid_dir);
    let mut count = 0;
    for &asset in &prepared.selected {
        let spec = asset.of(&prepared.loaded.assets);
        let candidates = candidates(&session, &prepared, asset)?;
        // What has no choice is shown if it is asked for.
        if candidates.len() <= usize::from(args.assets.is_empty()) {
            continue;
        }
        count += 1;
        let shown = variations::show(&session, &raws, spec, &candidates).map_err(|source| {
            CliError::Io { action: format!("show the results of {}", spec.id), source }
        })?;
        let used = published(&prepared, asset);
        let folder = variations::folder(&session, &spec.id);
        context.data(&format!("{}  {}\n", spec.id, folder.display()));
        for one in &shown {
            context.data(&line(one, used.as_ref()));
        }
    }
    if count == 0 {
        context.mention("there is nothing to choose from: nothing was bought more than once");
    }
    Ok(ExitCode::Success)
}

fn line(shown: &Shown, used: Option<&crate::base::Digest>) -> String {
    let Purchase { id, model, model_used, date, cost_micros, unit, raw, .. } = &shown.purchase;
    let model = model_used.as_ref().unwrap_or(model);
    let mark = if used == Some(raw) { "  published" } else { "" };
    let objection = match &shown.objection {
        Some(why) => format!("  {why}"),
        None => String::new(),
    };
    let cost = amount_of(*cost_micros, unit);
    format!("  {}  {id}  {model}  {date}  {cost}{mark}{objection}\n", shown.number)
}

/// Notes a pick, and publishes it.
pub(super) fn pick(context: &Context, args: &PickArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, std::slice::from_ref(&args.asset))?;
    let [asset] = prepared.selected[..] else {
        return Err(CliError::Usage(format!("`{}` is not one asset", args.asset)));
    };
    let id = asset.of(&prepared.loaded.assets).id.clone();
    let candidates = candidates(&session, &prepared, asset)?;
    if candidates.is_empty() {
        let why = format!("nothing was bought for `{id}` as its spec is now");
        return Err(CliError::Usage(why));
    }
    let picked = variations::find(&candidates, &args.which).ok_or_else(|| {
        CliError::Usage(format!(
            "`{}` is none of the results of `{id}`: 0 to {}; look at them with: assetbuild review {id}",
            args.which,
            candidates.len() - 1
        ))
    })?;
    tell_dependents(context, &prepared, &id);
    let mut assets = variations::companions(&prepared, asset);
    maintain::pick(&session, &prepared, asset, &candidates, picked)?;
    context.mention(&format!("picked {} for {id}", picked.id));
    assets.push(id);
    let selection = SelectionArgs { assets, ..SelectionArgs::default() };
    super::build::build(context, &BuildArgs { selection, ..BuildArgs::free() })
}

/// Another result of an asset makes those stale that refer to it: what that may cost.
fn tell_dependents(context: &Context, prepared: &Prepared, id: &str) {
    for dependent in variations::dependents(prepared, id) {
        let spec = dependent.of(&prepared.loaded.assets);
        let price = match &dependent.of(&prepared.plans).quote {
            Some(quote) => format!(": {}", quote.total(spec.selection.variations as usize)),
            None => String::new(),
        };
        let name = &spec.id;
        context.mention(&format!("{name} refers to it and would have to be made again{price}"));
    }
}

/// Buys more results of the requests that assets have now.
pub(super) fn reroll(context: &Context, args: &RerollArgs) -> Result<ExitCode, CliError> {
    let (_, prepared) = open(context, &args.assets)?;
    for &asset in &prepared.selected {
        let spec = asset.of(&prepared.loaded.assets);
        if !spec.generate.is_paid() {
            let why = format!(
                "`{}` is not bought but made by `{}`, which gives the same again",
                spec.id,
                spec.generate.provider()
            );
            return Err(CliError::Usage(why));
        }
    }
    let selection = SelectionArgs { assets: args.assets.clone(), ..SelectionArgs::default() };
    let (policy, execution) = (args.policy.clone(), args.execution.clone());
    let build = BuildArgs { selection, policy, execution, ..BuildArgs::default() };
    let extra = Extra { reroll: args.count, ..Extra::default() };
    super::build::build_with(context, &build, &extra)
}

fn candidates(
    session: &Session,
    prepared: &Prepared,
    asset: AssetIndex,
) -> Result<Vec<Purchase>, CliError> {
    let found = variations::candidates(session, prepared, asset);
    found.map_err(|error| MoneyError::from(error).into())
}

/// Digest of the raw that the published files are made from.
fn published(prepared: &Prepared, asset: AssetIndex) -> Option<crate::base::Digest> {
    let id = asset.of(&prepared.plans).block_id.as_deref()?;
    let block = prepared.lock.get(id)?.ok()?;
    block.raw.filter(|_| !block.outputs.is_empty())
}
