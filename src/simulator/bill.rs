//! What was billed, in the order in which it happened.

use serde_json::{Value, json};

use crate::catalog::{Overrides, price};
use crate::catalog::{PriceUnit, Sent, Usage, cost};

/// Price of a credit in the total: the vendors' plans are all near it.
const MICRO_USD_PER_CREDIT: i64 = 220;

/// One charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Family that was asked.
    pub provider: String,
    /// Model that was asked.
    pub model: String,
    /// Millionths of `unit`.
    pub micros: i64,
    /// What is counted.
    pub unit: PriceUnit,
    /// What the caller calls the request, if it says so.
    pub key: String,
}

/// Everything that was billed.
#[derive(Debug, Default)]
pub struct Bill(Vec<Entry>);

impl Bill {
    /// Adds a charge.
    pub(super) fn add(&mut self, entry: Entry) {
        self.0.push(entry);
    }

    /// The sum in millionths of a dollar, credits at a usual price.
    pub fn total_micros(&self) -> i64 {
        let usd = |entry: &Entry| match entry.unit {
            PriceUnit::Usd => entry.micros,
            PriceUnit::Credits => entry.micros / 1_000_000 * MICRO_USD_PER_CREDIT,
        };
        self.0.iter().map(usd).sum()
    }

    /// Whole credits that one provider billed.
    pub(super) fn credits_of(&self, provider: &str) -> i64 {
        let is_it = |entry: &&Entry| entry.provider == provider && entry.unit == PriceUnit::Credits;
        self.0.iter().filter(is_it).map(|entry| entry.micros / 1_000_000).sum()
    }

    /// The bill as JSON.
    pub fn to_json(&self) -> Value {
        let entries: Vec<Value> = self
            .0
            .iter()
            .map(|entry| {
                let Entry { provider, model, micros, unit, key } = entry;
                json!({ "provider": provider, "model": model, "micros": micros,
                    "unit": unit.as_str(), "key": key })
            })
            .collect();
        json!({ "entries": entries, "total_micros": self.total_micros() })
    }
}

/// Tokens of a picture and its request: a price in the middle of what a plan expects.
pub(super) fn tokens(sent: &Sent) -> Usage {
    let range = price(sent, &Overrides::default());
    let of = |usage| cost(sent, usage, &Overrides::default()).map_or(0, |(micros, _)| micros);
    let text_in = i64::try_from(sent.prompt.len() / 4 + 1).unwrap_or(1);
    let image_in = 400 * i64::try_from(sent.references + usize::from(sent.edit)).unwrap_or(0);
    let middle = match (range.low, range.high) {
        (Some(low), Some(high)) => low + (high - low) / 2,
        (Some(low), None) => low + low / 10,
        _ => 40_000,
    };
    let input = of(Usage::Tokens { text_in, image_in, out: 0 });
    let million = of(Usage::Tokens { text_in: 0, image_in: 0, out: 1_000_000 }).max(1);
    let out = (middle - input).max(0) * 1_000_000 / million;
    Usage::Tokens { text_in, image_in, out }
}
