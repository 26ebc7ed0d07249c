//! Renders what a build would do: `--plan`, `--check` and `--explain`, for people and as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::base::units::MicroUsd;
use crate::base::{FactSheet, FileFacts, SourceMap};
use crate::catalog::PriceUnit;
use crate::graph::action::ActionKind;
use crate::plan::{ActionState, AssetPlan, Cost, Quote, Reason, State, Work};
use crate::purchase::Scope;
use crate::report::money_status::{CapState, caps_json};
use crate::report::ndjson::scalar;
use crate::spec::AssetSpec;

/// A plan with all that a person or a program wants to know about it.
pub struct PlanView<'a> {
    /// The texts that reasons point into.
    pub sources: &'a SourceMap,
    /// The assets that are loaded; plans point into it.
    pub assets: &'a [AssetSpec],
    /// Plans of the selected assets among them, by id.
    pub plans: &'a [AssetPlan],
    /// Selected assets that were fresh by their files' stats alone.
    pub known_fresh: &'a [String],
    /// Published files of assets that are gone from the specs, by path, with the asset's id.
    pub orphans: &'a [(String, String)],
    /// What was measured on the files of assets, by id; only `explain` asks for it.
    pub quality: &'a BTreeMap<String, FactSheet>,
    /// Caps, and what counts against them; only a plan asks for it.
    pub caps: &'a [CapState],
}

impl PlanView<'_> {
    fn spec(&self, plan: &AssetPlan) -> &AssetSpec {
        plan.asset.of(self.assets)
    }

    fn fresh_count(&self) -> usize {
        self.known_fresh.len()
            + self.plans.iter().filter(|plan| plan.state == State::Fresh && !has_work(plan)).count()
    }

    /// Whether a build would do something, or cannot do what it should.
    pub fn has_pending_work(&self) -> bool {
        self.plans.iter().any(|plan| plan.state != State::Fresh || has_work(plan))
    }
}

fn has_work(plan: &AssetPlan) -> bool {
    plan.work != Work::Nothing
}

/// The plan for people: a line per asset that is not fresh, then the totals.
pub fn human(view: &PlanView<'_>) -> String {
    let mut out = String::new();
    for plan in view.plans.iter().filter(|plan| plan.state != State::Fresh || has_work(plan)) {
        let spec = view.spec(plan);
        let mark = match plan.state {
            State::Missing if has_work(plan) => '+',
            _ if has_work(plan) => '~',
            State::Provisional | State::Waiting => '·',
            _ => '!',
        };
        out += &format!("{mark} {}  {}", spec.id, verdict(view, plan));
        if is_new(plan) && has_work(plan) {
            out += &format!("  → {}  {}", spec.publish.path, spec.publish.entry.key);
        }
        out.push('\n');
        for reason in plan.shown_reasons().skip(1) {
            out += &format!("    {}\n", with_place(view.sources, reason));
        }
        for line in purchase_lines(plan, spec) {
            out += &format!("    {line}\n");
        }
    }
    for (path, id) in view.orphans {
        out += &format!("? {path}  left over from `{id}`: assetbuild prune\n");
    }
    out += &totals_line(view);
    out
}

/// What happens to an asset, and the first cause.
fn verdict(view: &PlanView<'_>, plan: &AssetPlan) -> String {
    let spec = view.spec(plan);
    let why = plan.shown_reasons().next().map(|reason| with_place(view.sources, reason));
    let why = why.unwrap_or_default();
    match (plan.work, plan.state) {
        (Work::Placeholder, _) => format!("placeholder ({why})"),
        (Work::Chain, State::Missing) if plan.buys() == 0 && is_new(plan) => {
            format!("free: {}", spec.generate.provider())
        }
        (Work::Chain, _) if plan.buys() > 0 => {
            format!("buy {}", purchase(plan, spec, plan.buys()))
        }
        (Work::Later, _) => {
            let after = |reason: &&Reason| reason.code == crate::plan::ReasonCode::ReferencePending;
            let after = plan.reasons.iter().find(after);
            let after = after.and_then(|reason| reason.message.strip_prefix("it is bought "));
            let after = after.unwrap_or("later");
            format!("buy {}, {after}", purchase(plan, spec, plan.buys()))
        }
        (Work::Variations, _) => {
            format!("buy {}, then `assetbuild pick`", purchase(plan, spec, plan.buys()))
        }
        (Work::Chain, _) => format!("free: {why}"),
        (Work::Nothing, state) => format!("{}: {why}", state.as_str()),
    }
}

fn is_new(plan: &AssetPlan) -> bool {
    plan.reasons.iter().any(|reason| reason.code == crate::plan::ReasonCode::NeverBuilt)
}

fn with_place(sources: &SourceMap, reason: &Reason) -> String {
    match reason.place {
        Some((span, via)) if via.describe().is_empty() => {
            format!("{} ({})", reason.message, sources.place(span))
        }
        Some((span, via)) => {
            format!("{} ({}, {})", reason.message, sources.place(span), via.describe())
        }
        None => reason.message.clone(),
    }
}

/// `4 × gpt-image-2  $0.20–0.23`.
fn purchase(plan: &AssetPlan, spec: &AssetSpec, count: usize) -> String {
    let Some(quote) = &plan.quote else {
        return format!("{count} × {}", spec.generate.provider());
    };
    let instead = match &quote.in_place_of {
        Some(retired) => format!(" in place of {retired}"),
        None => String::new(),
    };
    format!("{count} × {}{instead}  {}", quote.model, quote.total(count))
}

/// What a purchase that cannot be made now would take, and what its price leaves out.
fn purchase_lines(plan: &AssetPlan, spec: &AssetSpec) -> Vec<String> {
    let Some(quote) = &plan.quote else { return Vec::new() };
    let mut lines = Vec::new();
    if plan.buys() == 0 {
        let would = format!("would buy {}", purchase(plan, spec, would_buy(plan, spec)));
        lines.push(match quote.is_suggestion {
            true => format!("{would}, once it stands in"),
            false => would,
        });
    }
    lines.extend(quote.notes.iter().cloned());
    lines
}

/// How many results would be bought if they could be.
fn would_buy(plan: &AssetPlan, spec: &AssetSpec) -> usize {
    let paid = plan.actions.iter().filter(|a| a.paid && a.state != ActionState::Fresh).count();
    // The actions of a placeholder's plan are free.
    match paid {
        0 => usize::try_from(spec.selection.variations).unwrap_or(usize::MAX),
        paid => paid,
    }
}

/// The price of everything that the plan of an asset buys.
fn total_cost(plan: &AssetPlan) -> Option<Cost> {
    let count = plan.buys();
    let quote = plan.quote.as_ref().filter(|_| count > 0)?;
    Some(quote.total(count))
}

fn totals_line(view: &PlanView<'_>) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for plan in view.plans.iter().filter(|plan| plan.state != State::Fresh && !has_work(plan)) {
        *states.entry(plan.state.as_str()).or_default() += 1;
    }
    let to_build = view.plans.iter().filter(|plan| has_work(plan)).count();
    let dirty = dirty_counts(view.plans);
    let counts: Vec<String> = ActionKind::ALL
        .into_iter()
        .zip(dirty)
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", kind.as_str()))
        .collect();
    let mut line = format!("  {} fresh.", view.fresh_count());
    if to_build > 0 {
        line += &format!("  {to_build} to build: {}.", counts.join(", "));
    }
    for (state, count) in states {
        line += &format!("  {count} {state}.");
    }
    let paid: usize = view.plans.iter().map(AssetPlan::buys).sum();
    line += &if paid == 0 {
        "  Nothing to buy.".to_owned()
    } else {
        let costs = sums(view).into_values().map(|cost| cost.at_most()).collect::<Vec<_>>();
        let costs = if costs.is_empty() { "price unknown".to_owned() } else { costs.join(", ") };
        let after = sums(view).get("USD").and_then(|cost| cost.high_micros);
        let caps = after.map(|high| caps_after(view.caps, high)).unwrap_or_default();
        format!("  Buy {paid}: {costs}.{caps}")
    };
    line.push('\n');
    line
}

/// `  month: $7.90 of $100.00 → $8.12.` for each cap of all providers together.
fn caps_after(caps: &[CapState], high_micros: i64) -> String {
    let is_shared =
        |(cap, _): &&CapState| cap.key.scope == Scope::All && cap.key.unit == PriceUnit::Usd;
    let line = |(cap, sums): &CapState| {
        let now = sums.spent.saturating_add(sums.reserved);
        let then = now.saturating_add(high_micros);
        let [now, limit, then] = [now, cap.limit_micros, then].map(MicroUsd);
        format!("  {}: {now} of {limit} → {then}.", cap.name())
    };
    caps.iter().filter(is_shared).map(line).collect()
}

fn dirty_counts(plans: &[AssetPlan]) -> [usize; 5] {
    ActionKind::ALL.map(|kind| {
        plans
            .iter()
            .flat_map(|plan| &plan.actions)
            .filter(|action| action.kind == kind && action.state == ActionState::Dirty)
            .count()
    })
}

/// The document `assetbuild.plan/1`.
pub fn plan_json(view: &PlanView<'_>) -> Value {
    let mut assets: Vec<(&str, Value)> = view
        .plans
        .iter()
        .map(|plan| {
            let spec = view.spec(plan);
            let model = match (&plan.quote, &spec.generate) {
                (Some(quote), _) => json!(quote.model),
                (None, crate::spec::op::GenerateOp::Request(request)) => json!(request.model),
                _ => Value::Null,
            };
            let actions: Vec<Value> = plan
                .actions
                .iter()
                .map(|action| {
                    let generate = action.kind == ActionKind::Generate;
                    let provider = generate.then(|| spec.generate.provider());
                    json!({
                        "kind": action.kind.as_str(),
                        "provider": provider,
                        "model": if generate { model.clone() } else { Value::Null },
                        "variation": action.variation,
                        "state": action.state.as_str(),
                        "paid": action.paid,
                        "cost": action.cost.as_ref().map(Cost::to_json),
                    })
                })
                .collect();
            let outputs: Vec<&str> =
                spec.publish.files.iter().map(|file| file.path.as_str()).collect();
            let mut document = json!({
                "id": spec.id,
                "state": plan.state.as_str(),
                "reasons": reasons_json(view.sources, plan),
                "outputs": outputs,
                "actions": actions,
                "quote": plan.quote.as_ref().map(|quote| quote_json(quote, would_buy(plan, spec))),
            });
            if let Some(sheet) = view.quality.get(&spec.id) {
                let figures = |file: &FileFacts| -> Value {
                    let pairs = file.figures().into_iter();
                    pairs.map(|(name, value)| (name, scalar(&value))).collect::<Map<_, _>>().into()
                };
                document["quality"] = sheet.files.iter().map(figures).collect();
            }
            (spec.id.as_str(), document)
        })
        .collect();
    assets.extend(view.known_fresh.iter().map(|id| {
        let document = json!({
            "id": id, "state": "fresh", "reasons": [], "outputs": [], "actions": [], "quote": null,
        });
        (id.as_str(), document)
    }));
    assets.sort_by_key(|(id, _)| *id);
    let actions: Map<String, Value> = ActionKind::ALL
        .into_iter()
        .zip(dirty_counts(view.plans))
        .map(|(kind, count)| (kind.as_str().to_owned(), json!(count)))
        .collect();
    let paid: usize = view.plans.iter().map(AssetPlan::buys).sum();
    let (usd, other) = cost_totals(view);
    json!({
        "schema": "assetbuild.plan/1",
        "assets": assets.into_iter().map(|(_, document)| document).collect::<Vec<_>>(),
        "orphans": orphans_json(view),
        "totals": { "actions": actions, "paid": paid, "cost": usd, "other": other },
        "caps": caps_json(view.caps),
    })
}

fn quote_json(quote: &Quote, count: usize) -> Value {
    json!({
        "provider": quote.provider,
        "model": quote.model,
        "in_place_of": quote.in_place_of,
        "suggested": quote.is_suggestion,
        "variations": count,
        "cost": quote.total(count).to_json(),
        "notes": quote.notes,
    })
}

/// What the plan buys, by unit.
fn sums(view: &PlanView<'_>) -> BTreeMap<String, Cost> {
    let mut sums: BTreeMap<String, Cost> = BTreeMap::new();
    for cost in view.plans.iter().filter_map(total_cost) {
        sums.entry(cost.unit.clone()).and_modify(|sum| *sum = sum.plus(&cost)).or_insert(cost);
    }
    sums
}

fn cost_totals(view: &PlanView<'_>) -> (Value, Vec<Value>) {
    let mut sums = sums(view);
    let zero = Cost { low_micros: Some(0), high_micros: Some(0), unit: "USD".to_owned() };
    let usd = sums.remove("USD").unwrap_or(zero).to_json();
    (usd, sums.values().map(Cost::to_json).collect())
}

/// The document `assetbuild.check/1`; `unfinished` is what the project as a whole waits for.
pub fn check_json(view: &PlanView<'_>, is_fresh: bool, unfinished: Option<&str>) -> Value {
    let assets: Vec<Value> = view
        .plans
        .iter()
        .filter(|plan| plan.state != State::Fresh)
        .map(|plan| {
            json!({
                "id": view.spec(plan).id,
                "state": plan.state.as_str(),
                "reasons": reasons_json(view.sources, plan),
            })
        })
        .collect();
    let mut counts: Map<String, Value> =
        State::ALL.into_iter().map(|state| (state.as_str().to_owned(), json!(0))).collect();
    for plan in view.plans {
        let count = counts[plan.state.as_str()].as_u64().unwrap_or(0);
        counts[plan.state.as_str()] = json!(count + 1);
    }
    counts["fresh"] = json!(counts["fresh"].as_u64().unwrap_or(0) + view.known_fresh.len() as u64);
    json!({
        "schema": "assetbuild.check/1",
        "state": if is_fresh { "fresh" } else { "not-fresh" },
        "unfinished": unfinished,
        "assets": assets,
        "orphans": orphans_json(view),
        "counts": counts,
    })
}

fn orphans_json(view: &PlanView<'_>) -> Vec<Value> {
    view.orphans.iter().map(|(path, id)| json!({ "path": path, "asset": id })).collect()
}

fn reasons_json(sources: &SourceMap, plan: &AssetPlan) -> Vec<Value> {
    plan.reasons
        .iter()
        .map(|reason| {
            let mut document = Map::new();
            document.insert("code".to_owned(), json!(reason.code.as_str()));
            let optional = [("field", &reason.field), ("old", &reason.old), ("new", &reason.new)];
            for (name, value) in optional {
                if let Some(value) = value {
                    document.insert(name.to_owned(), json!(value));
                }
            }
            document.insert("message".to_owned(), json!(reason.message));
            if let Some((span, via)) = reason.place {
                let (line, column) = sources.line_column(span);
                document.insert("file".to_owned(), json!(sources.file(span.file).path.as_str()));
                document.insert("line".to_owned(), json!(line));
                document.insert("column".to_owned(), json!(column));
                if !via.describe().is_empty() {
                    document.insert("origin".to_owned(), json!(via.describe()));
                }
            }
            Value::Object(document)
        })
        .collect()
}

/// `--check` for people: a line per asset that is not fresh, then the verdict.
pub fn check_human(view: &PlanView<'_>, is_fresh: bool, unfinished: Option<&str>) -> String {
    let mut out = String::new();
    for plan in view.plans.iter().filter(|plan| plan.state != State::Fresh) {
        out += &format!("{}  {}", view.spec(plan).id, plan.state.as_str());
        for (index, reason) in plan.shown_reasons().enumerate() {
            out += if index == 0 { ": " } else { "; " };
            out += &with_place(view.sources, reason);
        }
        out.push('\n');
    }
    for (path, id) in view.orphans {
        out += &format!("{path}  orphan of `{id}`\n");
    }
    if let Some(why) = unfinished {
        out += &format!("{why}\n");
    }
    let total = view.plans.len() + view.known_fresh.len();
    let fresh = view.fresh_count();
    out += &match is_fresh {
        true if fresh == total => {
            format!("fresh: {total} {}\n", plural(total, "asset", "assets"))
        }
        true => {
            format!("good enough: {fresh} of {total} assets are fresh, the others not bought\n")
        }
        false if fresh == total => "not fresh\n".to_owned(),
        false => format!("not fresh: {fresh} of {total} assets are\n"),
    };
    out
}

/// `--explain` for people: state, every cause, and what a build would do, of each asset.
pub fn explain_human(view: &PlanView<'_>) -> String {
    let mut out = String::new();
    for plan in view.plans {
        let spec = view.spec(plan);
        out += &format!("{}: {}\n", spec.id, plan.state.as_str());
        for reason in &plan.reasons {
            out += &format!("  because {}\n", with_place(view.sources, reason));
        }
        let actions: Vec<String> = plan
            .actions
            .iter()
            .map(|action| format!("{} {}", action.kind.as_str(), action.state.as_str()))
            .collect();
        out += &format!("  actions: {}\n", actions.join(", "));
        let measured = view.quality.get(&spec.id).map_or(&[][..], |sheet| &sheet.files);
        for file in &spec.publish.files {
            let found = measured.iter().find(|measured| measured.path == file.path);
            let summary = found.map_or(String::new(), |found| format!(" ({})", found.summary()));
            out += &format!("  file: {}{summary}\n", file.path);
        }
    }
    for id in view.known_fresh {
        out += &format!("{id}: fresh\n");
    }
    out
}

fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests;
