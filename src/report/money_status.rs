//! The state of the project's money: caps, providers, what nobody knows, models that end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::base::units::MicroUsd;
use crate::config::Config;
use crate::plan::Ending;
use crate::purchase::{Books, Cap, Purchase, State, Sums, counted_at};
use crate::report::ledger::{Total, counts};
use crate::report::sentence::amount;

/// Purchases that are shown as recent.
const RECENT: usize = 5;

/// A cap, and what counts against it.
pub type CapState = (Cap, Sums);

/// The caps of a project at `now`, RFC 3339 in UTC, and what counts against them; without those of a run,
/// which begin at nothing.
pub fn caps(purchases: &[Purchase], config: &Config, now: &str) -> Vec<CapState> {
    let books = Books::of(purchases);
    let caps = Cap::of(&config.budget, None, "", counted_at(now, purchases)).into_iter();
    caps.map(|cap| (cap.clone(), books.sums(&cap.key))).collect()
}

/// Caps as JSON.
pub(super) fn caps_json(caps: &[CapState]) -> Vec<Value> {
    let entry = |(cap, sums): &CapState| {
        json!({
            "name": cap.name(), "unit": cap.key.unit.as_str(), "cap": cap.limit_micros,
            "spent": sums.spent, "reserved": sums.reserved,
            "remaining": (cap.limit_micros - sums.spent - sums.reserved).max(0),
        })
    };
    caps.iter().map(entry).collect()
}

/// How the money stands.
#[derive(Debug)]
pub struct Status<'a> {
    purchases: Vec<&'a Purchase>,
    caps: Vec<CapState>,
    outlook: Outlook,
}

/// What may become a loss.
#[derive(Debug, Default)]
pub struct Outlook {
    /// Models that end soon.
    pub endings: Vec<Ending>,
    /// Bought files without a second copy.
    pub single_copies: usize,
    /// Whether purchases are committed, so that the team's count too.
    pub is_shared: bool,
}

impl<'a> Status<'a> {
    /// The state at `now`, RFC 3339 in UTC.
    pub fn of(purchases: &'a [Purchase], config: &Config, now: &str, outlook: Outlook) -> Self {
        let caps = caps(purchases, config, now);
        Self {
            outlook,
            purchases: purchases.iter().filter(|purchase| counts(purchase)).collect(),
            caps,
        }
    }

    /// Whether there are purchases whose outcome nobody knows.
    pub fn has_unknown(&self) -> bool {
        self.purchases.iter().any(|purchase| purchase.state == State::Unknown)
    }

    fn in_state(&self, state: State) -> impl Iterator<Item = &'a Purchase> {
        self.purchases.iter().copied().filter(move |purchase| purchase.state == state)
    }

    fn by_provider(&self) -> BTreeMap<&'a str, Vec<&'a Purchase>> {
        let mut all: BTreeMap<&str, Vec<&Purchase>> = BTreeMap::new();
        for purchase in &self.purchases {
            all.entry(&purchase.provider).or_default().push(purchase);
        }
        all
    }

    /// 100 if everything that was asked for came, less for failures and for what nobody knows.
    fn score(&self) -> usize {
        let closed = self.purchases.iter().filter(|purchase| purchase.state.is_final()).count();
        let good = self.in_state(State::Settled).count();
        let rate = (good * 100).checked_div(closed).unwrap_or(100);
        rate.saturating_sub(self.in_state(State::Unknown).count() * 10)
    }

    /// For people.
    pub fn human(&self) -> String {
        let mut out = String::new();
        // Writing to text does not fail.
        for (cap, sums) in &self.caps {
            let left = cap.limit_micros - sums.spent - sums.reserved;
            let _ = writeln!(
                out,
                "{}: {} of {} spent, {} left",
                cap.name(),
                MicroUsd(sums.spent),
                MicroUsd(cap.limit_micros),
                MicroUsd(left.max(0))
            );
        }
        if !self.caps.is_empty() {
            let whose = match self.outlook.is_shared {
                true => "what the team bought counts, as of the last pull",
                false => "what was bought from this checkout counts",
            };
            let _ = writeln!(out, "({whose})");
        }
        for (name, purchases) in self.by_provider() {
            let total = Total::of(purchases.iter().copied());
            let count = |state| purchases.iter().filter(|one| one.state == state).count();
            let _ = writeln!(
                out,
                "{name}: {} bought for {}, {} failed",
                count(State::Settled),
                total.text(),
                count(State::Failed)
            );
        }
        for purchase in self.purchases.iter().rev().take(RECENT) {
            let cost = purchase.cost_micros.map(|micros| amount(micros, purchase.unit));
            let _ = writeln!(
                out,
                "{}  {}  {}  {}  {}",
                purchase.reserved_at,
                purchase.assets.join(", "),
                purchase.model,
                purchase.state.as_str(),
                cost.unwrap_or_default()
            );
        }
        let unknown = self.in_state(State::Unknown).count();
        if unknown > 0 {
            let _ = writeln!(out, "{unknown} with unknown outcome: assetbuild recover");
        }
        for ending in &self.outlook.endings {
            let _ = writeln!(out, "{}", ending.message());
        }
        match self.outlook.single_copies {
            0 => {}
            count => {
                let _ = writeln!(
                    out,
                    "{count} bought files have no second copy: see ASSETBUILD_STORE and `paid_dir`"
                );
            }
        }
        let _ = writeln!(out, "health: {} of 100", self.score());
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let caps = caps_json(&self.caps);
        let providers: Vec<Value> = self
            .by_provider()
            .into_iter()
            .map(|(name, purchases)| {
                let count = |state| purchases.iter().filter(|one| one.state == state).count();
                json!({
                    "provider": name, "settled": count(State::Settled),
                    "failed": count(State::Failed), "unknown": count(State::Unknown),
                    "totals": Total::of(purchases.iter().copied()).json(),
                })
            })
            .collect();
        let id = |purchase: &Purchase| purchase.id.to_string();
        let recent: Vec<String> =
            self.purchases.iter().rev().take(RECENT).map(|purchase| id(purchase)).collect();
        let unknown: Vec<String> = self.in_state(State::Unknown).map(id).collect();
        let ending = |ending: &Ending| {
            json!({
                "model": ending.model, "date": ending.date, "days_left": ending.days_left,
                "replacement": ending.replacement, "assets": ending.assets,
            })
        };
        let retiring: Vec<Value> = self.outlook.endings.iter().map(ending).collect();
        json!({
            "schema": "assetbuild.status/1", "caps": caps, "providers": providers,
            "recent": recent, "unknown": unknown, "retiring": retiring,
            "single_copy_raws": self.outlook.single_copies, "health": self.score(),
        })
    }
}
