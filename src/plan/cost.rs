//! What actions cost, as ranges: known bounds, or honestly unknown.
//!
//! Prices come from the catalogue and the Assetfile; docs/design/prices.md says what a plan counts.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::catalog::{self, Obstacle, Order, Overrides, PriceRange, Sent};
use crate::config::Config;
use crate::graph::action::ActionKind;
use crate::plan::{ActionState, AssetPlan, PlannedAction, ReasonCode, Work};
use crate::spec::op::{Fallback, GenerateOp, Request};
use crate::spec::{AssetSpec, sent_to_fallback};

/// What an action may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Least, in micro-units; none if unknown.
    pub low_micros: Option<i64>,
    /// Most, in micro-units; none if unknown.
    pub high_micros: Option<i64>,
    /// `USD` or `credits`.
    pub unit: String,
}

impl Cost {
    /// The sum of two costs of one unit; unknown if either is.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let add = |a: Option<i64>, b: Option<i64>| Some(a?.saturating_add(b?));
        Self {
            low_micros: add(self.low_micros, other.low_micros),
            high_micros: add(self.high_micros, other.high_micros),
            unit: self.unit.clone(),
        }
    }

    /// The object in JSON documents.
    pub fn to_json(&self) -> Value {
        json!({ "low_micros": self.low_micros, "high_micros": self.high_micros, "unit": self.unit })
    }

    /// The upper bound for people, such as `at most $0.23`.
    pub fn at_most(&self) -> String {
        match self.most() {
            None => "price unknown".to_owned(),
            Some(most) => format!("at most {most}"),
        }
    }

    /// The upper bound, rounded up, such as `$0.23`.
    pub fn most(&self) -> Option<String> {
        let high = self.high_micros?;
        Some(match self.unit == "USD" {
            true => format!("${}", rounded(high, places(high), Round::Up)),
            false => format!("{} {}", rounded(high, 0, Round::Up), self.unit),
        })
    }
}

impl fmt::Display for Cost {
    /// `$0.20–0.23`, `10–20 credits`: rounded outwards, so that the bounds hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_usd = self.unit == "USD";
        let (sign, unit) = if is_usd { ("$", "") } else { ("", " credits") };
        let places = |micros| if is_usd { places(micros) } else { 0 };
        match (self.low_micros, self.high_micros) {
            (Some(low), Some(high)) => {
                let places = places(high);
                let (low, high) =
                    (rounded(low, places, Round::Down), rounded(high, places, Round::Up));
                match low == high {
                    true => write!(f, "{sign}{}{unit}", without_zeros(&high)),
                    false => write!(f, "{sign}{low}–{high}{unit}"),
                }
            }
            (None, Some(_)) => f.write_str(&self.at_most()),
            (Some(low), None) => {
                write!(f, "at least {sign}{}{unit}", rounded(low, places(low), Round::Down))
            }
            (None, None) => f.write_str("price unknown"),
        }
    }
}

/// The number without zeros at its end, but for two decimal places.
fn without_zeros(number: &str) -> &str {
    let shortest = number.find('.').map_or(number.len(), |point| point + 3);
    let end = number.trim_end_matches('0').len().max(shortest).min(number.len());
    &number[..end]
}

/// Decimal places that show an amount of dollars with two digits or more.
fn places(micros: i64) -> u32 {
    match micros {
        0 | 100_000.. => 2,
        10_000.. => 3,
        1_000.. => 4,
        _ => 6,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Round {
    Down,
    Up,
}

fn rounded(micros: i64, places: u32, round: Round) -> String {
    let step = 10_i64.pow(6 - places);
    let up = i64::from(round == Round::Up && micros.rem_euclid(step) != 0);
    let steps = micros.div_euclid(step) + up;
    match 10_i64.pow(places) {
        1 => steps.to_string(),
        whole => {
            let width = places as usize;
            format!("{}.{:0width$}", steps.div_euclid(whole), steps.rem_euclid(whole))
        }
    }
}

/// What buying the raw material of an asset takes, whether or not it can be bought in this build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Provider family that is asked.
    pub provider: String,
    /// Model that is asked.
    pub model: String,
    /// The wanted model, if `model` stands in for it.
    pub in_place_of: Option<String>,
    /// Whether nobody has named the stand-in yet: it is what the catalogue suggests.
    pub is_suggestion: bool,
    /// One variation, the dearest fallback included in the upper bound.
    pub cost: Cost,
    /// How many more may be bought after rejections.
    pub redraws: u32,
    /// Fallbacks that cannot take the request, or whose price is not in `cost`, for people.
    pub notes: Vec<String>,
}

impl Quote {
    /// The price of `variations`, with every redraw in the upper bound.
    pub fn total(&self, variations: usize) -> Cost {
        let times =
            |micros: Option<i64>, count: usize| micros?.checked_mul(i64::try_from(count).ok()?);
        let redraws = usize::try_from(self.redraws).unwrap_or(usize::MAX);
        Cost {
            low_micros: times(self.cost.low_micros, variations),
            high_micros: times(self.cost.high_micros, variations.saturating_add(redraws)),
            unit: self.cost.unit.clone(),
        }
    }
}

/// Puts prices into the plan of an asset that would be bought, or would have to be.
pub fn add_prices(plan: &mut AssetPlan, spec: &AssetSpec, config: &Config, today: &str) {
    let GenerateOp::Request(request) = &spec.generate else { return };
    let stands_in = plan.work == Work::Placeholder
        || plan.reasons.iter().any(|reason| reason.code == ReasonCode::Placeholder);
    let is_bought = |action: &&mut PlannedAction| {
        action.kind == ActionKind::Generate && action.paid && action.state != ActionState::Fresh
    };
    let mut actions: Vec<_> = plan.actions.iter_mut().filter(is_bought).collect();
    if actions.is_empty() && !stands_in {
        return;
    }
    let Some(mut quote) = quote(request, config, today) else { return };
    quote.redraws = spec.selection.redraw;
    for action in &mut actions {
        action.cost = Some(quote.cost.clone());
    }
    plan.quote = Some(quote);
}

/// The price of one variation; none if no model that is sold takes the request.
pub fn quote(request: &Request, config: &Config, today: &str) -> Option<Quote> {
    let wanted = request.wanted();
    let (Order { sent, in_place_of }, is_suggestion) =
        match catalog::order(&wanted, &config.retired_models, today) {
            Ok(order) => (order, false),
            Err(Obstacle::Retired { model, replacement: Some(replacement), .. }) => {
                let suggested = BTreeMap::from([(model, replacement)]);
                (catalog::order(&wanted, &suggested, today).ok()?, true)
            }
            Err(_) => return None,
        };
    let range = price(&request.provider, &sent, config);
    let mut quote = Quote {
        provider: sent.family.clone(),
        model: sent.model,
        in_place_of,
        is_suggestion,
        cost: cost_of(range),
        redraws: 0,
        notes: Vec::new(),
    };
    for fallback in request.fallback.iter().filter(|fallback| fallback.provider != "manual") {
        add_fallback(&mut quote, request, fallback, config, today);
    }
    Some(quote)
}

/// Raises the upper bound to the fallback's, or says why it does not count.
fn add_fallback(
    quote: &mut Quote,
    request: &Request,
    fallback: &Fallback,
    config: &Config,
    today: &str,
) {
    let name = &fallback.provider;
    match sent_to_fallback(request, fallback, config, today) {
        Err(why) => quote.notes.push(format!("fallback {name} is unavailable: {why}")),
        Ok(sent) => {
            let cost = cost_of(price(name, &sent, config));
            match cost.high_micros {
                None => quote.notes.push(format!(
                    "fallback {name}: nobody publishes a price of {}, so it buys only with --spend",
                    sent.model
                )),
                Some(_) if cost.unit != quote.cost.unit => {
                    quote.notes.push(format!("fallback {name} costs {cost} instead"));
                }
                Some(high) => {
                    quote.cost.high_micros = quote.cost.high_micros.map(|own| own.max(high));
                }
            }
        }
    }
}

fn price(provider: &str, sent: &Sent, config: &Config) -> PriceRange {
    let overrides = Overrides {
        per_request: config.provider_setting(provider, &sent.family, |settings| {
            settings.prices.get(&sent.model).copied()
        }),
        usd_per_1000_credits: config
            .provider_setting(provider, &sent.family, |settings| settings.usd_per_1000_credits),
    };
    catalog::price(sent, &overrides)
}

fn cost_of(range: PriceRange) -> Cost {
    let PriceRange { low, high, unit } = range;
    Cost { low_micros: low, high_micros: high, unit: unit.as_str().to_owned() }
}

#[cfg(test)]
mod tests;
