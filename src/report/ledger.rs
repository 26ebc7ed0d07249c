//! The ledger: what was bought, as a table, as CSV and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::{Encoding, RelPath};
use crate::catalog::PriceUnit;
use crate::purchase::{Basis, Booked, Purchase, State};
use crate::report::sentence::amount;

/// What the ledger is summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Months in UTC.
    Month,
    /// Days in UTC.
    Day,
    /// Provider families.
    Provider,
    /// Models asked.
    Model,
    /// Assets; a shared purchase counts for the first of them.
    Asset,
    /// Who bought, as git names them.
    Who,
    /// States.
    State,
}

impl Grouping {
    fn of(self, purchase: &Purchase) -> String {
        match self {
            Self::Month => purchase.reserved_at.chars().take(7).collect(),
            Self::Day => purchase.reserved_at.chars().take(10).collect(),
            Self::Provider => purchase.provider.clone(),
            Self::Model => purchase.model.clone(),
            Self::Asset => purchase.assets.first().cloned().unwrap_or_default(),
            Self::Who => purchase.buyer.clone().unwrap_or_else(|| "(nobody named)".to_owned()),
            Self::State => purchase.state.as_str().to_owned(),
        }
    }
}

/// What purchases cost together, in millionths by unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) count: usize,
    /// How many of them gave nothing.
    failed: usize,
    /// How many of them count with what was set aside, since nobody knows their price.
    bounded: usize,
    sums: BTreeMap<PriceUnit, i64>,
}

impl Total {
    /// The sum of what counts as spent.
    pub(super) fn of<'a>(purchases: impl IntoIterator<Item = &'a Purchase>) -> Self {
        let mut total = Self::default();
        for purchase in purchases {
            total.count += 1;
            total.failed += usize::from(purchase.state == State::Failed);
            if let Booked::Spent(micros) = Booked::of(purchase) {
                let sum = total.sums.entry(purchase.unit).or_default();
                *sum = sum.saturating_add(micros);
                total.bounded += usize::from(is_bounded(purchase));
            }
        }
        total
    }

    /// How many were bought, and how many were not, for people.
    fn counted(&self) -> String {
        let bought = self.count - self.failed;
        match self.failed {
            0 => format!("{bought} bought"),
            failed => format!("{bought} bought, {failed} failed"),
        }
    }

    /// The sums for people.
    pub(super) fn text(&self) -> String {
        let sums = self.sums.iter().filter(|(unit, sum)| **sum != 0 || **unit == PriceUnit::Usd);
        let sums: Vec<String> = sums.map(|(&unit, &sum)| amount(sum, unit)).collect();
        let mut text = match sums.is_empty() {
            true => amount(0, PriceUnit::Usd),
            false => sums.join(" + "),
        };
        if self.bounded > 0 {
            let _ = write!(
                text,
                ", of which {} of unknown price with what was set aside",
                self.bounded
            );
        }
        text
    }

    /// The sums as JSON: unit to millionths.
    pub(super) fn json(&self) -> Value {
        let sums: serde_json::Map<String, Value> =
            self.sums.iter().map(|(unit, sum)| (unit.as_str().to_owned(), json!(sum))).collect();
        json!({ "count": self.count, "bounded": self.bounded, "cost_micros": sums })
    }
}

/// The ledger for people: a line for each purchase or group, and the sum.
pub fn human(purchases: &[&Purchase], by: Option<Grouping>) -> String {
    let paid: Vec<&Purchase> =
        purchases.iter().copied().filter(|purchase| counts(purchase)).collect();
    let mut out = String::new();
    let rows: Vec<[String; 4]> = match by {
        None => paid
            .iter()
            .map(|purchase| {
                let at = purchase.reserved_at.replace('T', " ");
                let at = at.trim_end_matches('Z').chars().take(16).collect();
                let cost = match Booked::of(purchase) {
                    Booked::Spent(micros) if is_bounded(purchase) => {
                        format!("at most {}", amount(micros, purchase.unit))
                    }
                    Booked::Spent(micros) => amount(micros, purchase.unit),
                    Booked::Reserved(micros) => {
                        format!("({} set aside)", amount(micros, purchase.unit))
                    }
                    Booked::Nothing => "–".to_owned(),
                };
                let state = match purchase.state {
                    State::Settled => String::new(),
                    state => format!("  {}", state.as_str()),
                };
                let what = format!("{}  {}", purchase.assets.join(", "), purchase.model);
                [at, purchase.id.to_string(), what, format!("{cost}{state}")]
            })
            .collect(),
        Some(by) => {
            let mut groups: BTreeMap<String, Vec<&Purchase>> = BTreeMap::new();
            for purchase in &paid {
                groups.entry(by.of(purchase)).or_default().push(purchase);
            }
            groups
                .into_iter()
                .map(|(name, group)| {
                    let total = Total::of(group.iter().copied());
                    [name, total.counted(), total.text(), String::new()]
                })
                .collect()
        }
    };
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        // Writing to text does not fail.
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
    let total = Total::of(paid.iter().copied());
    let _ = match total.count {
        0 => writeln!(out, "nothing was bought"),
        _ => writeln!(out, "{} for {}", total.counted(), total.text()),
    };
    out
}

/// Files that may be the result of something with unknown outcome.
pub fn unclaimed(files: &[RelPath]) -> String {
    let mut out = String::new();
    for path in files {
        let _ = writeln!(
            out,
            "{path}: no purchase names it; look, then: assetbuild recover ID --found {path}"
        );
    }
    out
}

/// What may have been billed, for a person who has to find out.
pub fn unknown(purchases: &[&Purchase]) -> String {
    let mut out = String::new();
    for purchase in purchases {
        let most = purchase
            .estimated_micros
            .map_or_else(|| "price unknown".to_owned(), |most| amount(most, purchase.unit));
        let _ = writeln!(
            out,
            "{}  {}  {} {}  at most {most}\n    sent {}: {}",
            purchase.id,
            purchase.assets.join(", "),
            purchase.provider,
            purchase.model,
            purchase.submitted_at.as_deref().unwrap_or("at an unknown time"),
            purchase.refusal.as_deref().unwrap_or("its job was not waited for")
        );
        for (name, id) in [("request", &purchase.request_id), ("job", &purchase.job_id)] {
            if let Some(id) = id {
                let _ = writeln!(out, "    the provider's {name}: {id}");
            }
        }
        if let Some(kept) = &purchase.raw {
            let _ = writeln!(out, "    what came is kept: {kept}");
        }
    }
    let _ = match purchases.len() {
        0 => writeln!(out, "every purchase has a known outcome"),
        _ => writeln!(
            out,
            "look them up at the provider, then: assetbuild recover ID --billed, --not-billed, --retry or \
             --found FILE (a job: the next build asks about it; --cancel gives it up)"
        ),
    };
    out
}

/// Everything on record but programs of the project, as JSON.
pub fn json(purchases: &[&Purchase]) -> Value {
    let paid: Vec<&Purchase> =
        purchases.iter().copied().filter(|purchase| counts(purchase)).collect();
    let entries: Vec<Value> = paid.iter().map(|purchase| entry(purchase)).collect();
    json!({
        "schema": "assetbuild.ledger/1",
        "entries": entries,
        "totals": Total::of(paid.iter().copied()).json(),
    })
}

fn entry(purchase: &Purchase) -> Value {
    let encoding = purchase.extension.as_deref().and_then(Encoding::from_extension);
    json!({
        "purchase": purchase.id.to_string(),
        "at": purchase.reserved_at,
        "month": purchase.reserved_at.chars().take(7).collect::<String>(),
        "asset": purchase.assets.first(),
        "assets": purchase.assets,
        "provider": purchase.provider,
        "model": purchase.model_used.as_ref().unwrap_or(&purchase.model),
        "type": encoding.map(|encoding| encoding.media().as_str()),
        "state": purchase.state.as_str(),
        "unit": purchase.unit.as_str(),
        "estimated_micros": purchase.estimated_micros,
        "cost_micros": purchase.cost_micros,
        "basis": purchase.basis.as_str(),
        "success": purchase.state == State::Settled,
        "duration_ms": duration_ms(purchase),
        "request_id": purchase.request_id,
        "buyer": purchase.buyer,
        "job_id": purchase.job_id,
        "refusal": purchase.refusal,
        "sent": purchase.sent.to_string(),
        "variation": purchase.index,
        "extra": purchase.extra,
        "raw": purchase.raw.map(|raw| raw.to_string()),
    })
}

fn duration_ms(purchase: &Purchase) -> Option<i64> {
    let time = |text: &Option<String>| text.as_ref()?.parse::<Timestamp>().ok();
    let (sent, received) = (time(&purchase.submitted_at)?, time(&purchase.received_at)?);
    Some(received.as_millisecond() - sent.as_millisecond())
}

/// Everything on record as CSV, with a header line.
pub fn csv(purchases: &[&Purchase]) -> String {
    const COLUMNS: [&str; 15] = [
        "purchase",
        "at",
        "month",
        "asset",
        "provider",
        "model",
        "type",
        "state",
        "unit",
        "estimated_micros",
        "cost_micros",
        "basis",
        "duration_ms",
        "request_id",
        "buyer",
    ];
    let mut out = COLUMNS.join(",") + "\n";
    for purchase in purchases.iter().copied().filter(|purchase| counts(purchase)) {
        let entry = entry(purchase);
        let cells = COLUMNS.map(|column| match &entry[column] {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            other => other.to_string(),
        });
        out += &(cells.join(",") + "\n");
    }
    out
}

/// A cell that no comma or quote breaks, and no spreadsheet takes for a formula.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => format!("{guard}{text}"),
    }
}

/// Whether nobody knows its price: it counts with what was set aside.
fn is_bounded(purchase: &Purchase) -> bool {
    purchase.cost_micros.is_none() && purchase.basis == Basis::Unknown
}

/// Whether it is about money: a program of the project is on record, too, and costs nothing.
pub(super) fn counts(purchase: &Purchase) -> bool {
    purchase.provider != "command" && purchase.state != State::Released
}
