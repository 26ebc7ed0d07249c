//! What a build may buy: compares what it would cost with what the user allows, and asks.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::base::units::MicroUsd;
use crate::catalog::PriceUnit;
use crate::cli::args::{Policy, Spend};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::config::Budget;
use crate::execute::with_causes;
use crate::pipeline::purchases::{Item, Withheld, fit, shopping};
use crate::pipeline::{Prepared, Session};
use crate::plan::{Cost, ReasonCode};

/// What may be bought in this build.
#[derive(Debug, Default)]
pub(super) struct Approval {
    /// At most so much, all together; none if nothing is bought that has a price.
    pub(super) allowance: Option<MicroUsd>,
    /// What is set aside for a result of unknown price.
    pub(super) bound_micros: Option<i64>,
    /// What is not bought, and why.
    pub(super) withheld: Withheld,
}

/// Decides what is bought. Nothing is before everything was decided.
pub(super) fn approve(
    context: &Context,
    args: &Policy,
    session: &Session,
    prepared: &Prepared,
) -> Result<Approval, CliError> {
    let all = shopping(prepared);
    // What the user's own machine makes costs nothing and needs no word.
    let items: Vec<Item> = all.into_iter().filter(|item| item.high_micros != Some(0)).collect();
    let mut approval = Approval::default();
    if items.is_empty() {
        return Ok(approval);
    }
    let sums = Sums::of(&items);
    let withhold = |approval: &mut Approval, code: ReasonCode, why: &str| {
        let entry = |item: &Item| (item.id.clone(), (code, why.to_owned()));
        approval.withheld.extend(items.iter().map(entry));
    };
    match args.spend() {
        Spend::Never => withhold(&mut approval, ReasonCode::NotApproved, "not bought: --no-spend"),
        _ if args.offline => {
            withhold(&mut approval, ReasonCode::NotApproved, "not bought: --offline");
        }
        Spend::UpTo(allowance) => {
            approval.allowance = Some(allowance);
            approval.bound_micros = sums.bound_within(allowance);
            let (credits, usd): (Vec<Item>, Vec<Item>) = items
                .iter()
                .cloned()
                .partition(|item| item.unit == PriceUnit::Credits && item.high_micros.is_some());
            for item in credits {
                let why = format!(
                    "not bought: dollars do not bound credits; say what they cost with \
                     `providers: {{ {}: {{ usd_per_1000_credits: … }} }}`",
                    item.provider
                );
                approval.withheld.insert(item.id, (ReasonCode::NotApproved, why));
            }
            refuse(context, session, prepared, &usd, args.partial, &mut approval)?;
        }
        Spend::Ask => {
            // A price that nobody knows needs a bound, which only --spend gives.
            for item in items.iter().filter(|item| item.high_micros.is_none()) {
                let why = format!(
                    "not bought: nobody publishes a price of {}; allow it with --spend USD",
                    item.model
                );
                let entry = (ReasonCode::NotApproved, why);
                approval.withheld.insert(item.id.clone(), entry);
            }
            let known: Vec<Item> =
                items.iter().filter(|item| item.high_micros.is_some()).cloned().collect();
            if known.is_empty() {
                return Ok(approval);
            }
            refuse(context, session, prepared, &known, args.partial, &mut approval)?;
            let left: Vec<&Item> =
                known.iter().filter(|item| !approval.withheld.contains_key(&item.id)).collect();
            let total: i64 = left
                .iter()
                .filter(|item| item.unit == PriceUnit::Usd)
                .filter_map(|item| item.high_micros)
                .fold(0, i64::saturating_add);
            if left.is_empty() {
                return Ok(approval);
            }
            let why = match ask(context, prepared, &left, total) {
                Answer::Yes => None,
                Answer::No => Some("not bought: you said no".to_owned()),
                Answer::Nobody => Some(format!(
                    "not bought: nobody was asked; allow it with --spend {}",
                    in_cents(total).to_string().trim_start_matches('$')
                )),
            };
            approval.allowance = Some(MicroUsd(total));
            if let Some(why) = why {
                let entry =
                    |item: &&Item| (item.id.clone(), (ReasonCode::NotApproved, why.clone()));
                let entries: Vec<_> = left.iter().map(entry).collect();
                approval.withheld.extend(entries);
            }
        }
    }
    Ok(approval)
}

/// Allows what a person agreed to, as far as the caps let it pass; each of these has a price.
pub(super) fn approve_agreed(
    context: &Context,
    session: &Session,
    prepared: &Prepared,
    agreed: &[Item],
    approval: &mut Approval,
) -> Result<(), CliError> {
    let usd = agreed.iter().filter(|item| item.unit == PriceUnit::Usd);
    let total = usd.filter_map(|item| item.high_micros).fold(0, i64::saturating_add);
    approval.allowance = Some(MicroUsd(total));
    refuse(context, session, prepared, agreed, true, approval)
}

/// An amount that one can remember: rounded up to a cent.
fn in_cents(micros: i64) -> MicroUsd {
    const CENT: i64 = 10_000;
    MicroUsd((micros.saturating_add(CENT - 1) / CENT).saturating_mul(CENT))
}

/// Withholds what the caps do not let pass: all of it, or with `--partial` what does not fit.
fn refuse(
    context: &Context,
    session: &Session,
    prepared: &Prepared,
    items: &[Item],
    partial: bool,
    approval: &mut Approval,
) -> Result<(), CliError> {
    let config = &prepared.loaded.config;
    let now = context.rfc3339();
    let (allowance, bound) = (approval.allowance, approval.bound_micros);
    let fit = fit(session, config, items, allowance, bound, !partial, &now)
        .map_err(|error| CliError::Usage(with_causes(&error)))?;
    let has_period = |budget: &Budget| budget.daily.is_some() || budget.monthly.is_some();
    let budgets = [&config.budget].into_iter().chain(config.budget.providers.values());
    if let Some((id, day)) = fit.ahead
        && budgets.into_iter().any(has_period)
    {
        context.mention(&format!(
            "warning: purchase {id} is dated {day}, which is still to come: until then the caps count \
             what is bought for that day and month"
        ));
    }
    for (id, why) in fit.refused {
        let hint = if partial { "" } else { "; --partial buys what fits" };
        let why = format!("not bought: {why}{hint}");
        approval.withheld.insert(id, (ReasonCode::OverBudget, why));
    }
    Ok(())
}

/// What items cost together.
struct Sums {
    usd_micros: i64,
    /// Results of unknown price.
    unknown: i64,
}

impl Sums {
    fn of(items: &[Item]) -> Self {
        let mut sums = Self { usd_micros: 0, unknown: 0 };
        for item in items {
            match (item.high_micros, item.unit) {
                (Some(high), PriceUnit::Usd) => {
                    sums.usd_micros = sums.usd_micros.saturating_add(high);
                }
                (Some(_), PriceUnit::Credits) => {}
                (None, _) => sums.unknown += i64::try_from(item.count).unwrap_or(i64::MAX),
            }
        }
        sums
    }

    /// What is left for each result of unknown price when the others are paid.
    fn bound_within(&self, allowance: MicroUsd) -> Option<i64> {
        let left = allowance.0.saturating_sub(self.usd_micros).max(0);
        left.checked_div(self.unknown)
    }
}

enum Answer {
    Yes,
    No,
    /// There is no terminal, or a program that nobody watches started us.
    Nobody,
}

/// Shows what would be bought and asks once.
fn ask(context: &Context, prepared: &Prepared, items: &[&Item], total: i64) -> Answer {
    if context.is_ci || !context.terminal.is_terminal || !io::stdin().is_terminal() {
        return Answer::Nobody;
    }
    let has_credits = items.iter().any(|item| item.unit == PriceUnit::Credits);
    if !has_credits && MicroUsd(total) <= prepared.loaded.config.ask_above {
        return Answer::Yes;
    }
    for line in table(items) {
        context.talk(&format!("  {line}"));
    }
    let count: usize = items.iter().map(|item| item.count).sum();
    let mut stderr = io::stderr();
    // A terminal that cannot be written to cannot be answered at either.
    let _ = write!(stderr, "Buy {count} for at most {}? [y/N] ", totals(items));
    let _ = stderr.flush();
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(_) if matches!(line.trim().to_lowercase().as_str(), "y" | "yes") => Answer::Yes,
        _ => Answer::No,
    }
}

/// A line for each asset: id, what is bought, the most that it costs.
pub(super) fn table(items: &[&Item]) -> Vec<String> {
    let width = items.iter().map(|item| item.id.chars().count()).max().unwrap_or(0);
    let line = |item: &&Item| {
        let Item { id, count, model, high_micros, unit, .. } = item;
        let at_most = cost(*high_micros, *unit).at_most();
        format!("{id:width$}  {count} × {model}  {at_most}")
    };
    items.iter().map(line).collect()
}

pub(super) fn totals(items: &[&Item]) -> String {
    let mut sums: BTreeMap<PriceUnit, i64> = BTreeMap::new();
    for item in items {
        let sum = sums.entry(item.unit).or_default();
        *sum = sum.saturating_add(item.high_micros.unwrap_or(0));
    }
    let most = |(unit, sum): (PriceUnit, i64)| cost(Some(sum), unit).most();
    sums.into_iter().filter_map(most).collect::<Vec<_>>().join(" and ")
}

fn cost(high_micros: Option<i64>, unit: PriceUnit) -> Cost {
    Cost { low_micros: None, high_micros, unit: unit.as_str().to_owned() }
}
