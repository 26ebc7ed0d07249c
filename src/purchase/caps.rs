//! Caps: what may be spent in a run, a day or a month, by all or by one provider.
//!
//! The arithmetic is pure; the journal runs it under its lock. Amounts are millionths of a unit, and
//! periods are values: the caller knows the clock.

use std::collections::BTreeMap;

use crate::base::units::MicroUsd;
use crate::catalog::PriceUnit;
use crate::config::Budget;
use crate::purchase::id::PurchaseId;
use crate::purchase::record::{Basis, Purchase};
use crate::purchase::state::State;

/// A stretch of time that a cap holds for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// One run, by its id.
    Run(String),
    /// One day in UTC, `YYYY-MM-DD`.
    Day(String),
    /// One month in UTC, `YYYY-MM`.
    Month(String),
}

/// Whose spending a cap counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everybody's.
    All,
    /// One provider's.
    Provider(String),
}

/// What sums are kept by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapKey {
    /// When.
    pub period: Period,
    /// Whose.
    pub scope: Scope,
    /// Of what.
    pub unit: PriceUnit,
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cap {
    /// What it limits.
    pub key: CapKey,
    /// Most that may be spent, in millionths.
    pub limit_micros: i64,
}

impl Cap {
    /// Every cap that the settings make for what a run buys at `now` (RFC 3339 in UTC).
    ///
    /// `allowance`: what the user lets this run spend. Budgets are in dollars: what is billed in
    /// credits of unknown price passes them, and has caps of its own.
    pub fn of(budget: &Budget, allowance: Option<MicroUsd>, run: &str, now: &str) -> Vec<Self> {
        let part = |length| now.get(..length).unwrap_or(now).to_owned();
        let run = Period::Run(run.to_owned());
        let mut caps = Vec::new();
        let mut add = |period: &Period, scope: &Scope, limit: Option<MicroUsd>| {
            let (period, scope) = (period.clone(), scope.clone());
            let key = CapKey { period, scope, unit: PriceUnit::Usd };
            caps.extend(limit.map(|MicroUsd(limit_micros)| Self { key, limit_micros }));
        };
        let (day, month) = (Period::Day(part(10)), Period::Month(part(7)));
        add(&run, &Scope::All, allowance);
        let providers = budget.providers.iter();
        let scopes = providers.map(|(name, budget)| (Scope::Provider(name.clone()), budget));
        for (scope, budget) in [(Scope::All, budget)].into_iter().chain(scopes) {
            add(&run, &scope, budget.per_run);
            add(&day, &scope, budget.daily);
            add(&month, &scope, budget.monthly);
        }
        caps
    }

    /// Its name in documents: `run`, `day`, `month`, with the provider if it is one's.
    pub fn name(&self) -> String {
        let period = match self.key.period {
            Period::Run(_) => "run",
            Period::Day(_) => "day",
            Period::Month(_) => "month",
        };
        match &self.key.scope {
            Scope::All => period.to_owned(),
            Scope::Provider(provider) => format!("{provider} {period}"),
        }
    }

    /// Why it refuses, for people.
    pub fn refusal(&self, needed: i64, remaining: i64) -> String {
        let (needed, remaining, limit) =
            (MicroUsd(needed), MicroUsd(remaining), MicroUsd(self.limit_micros));
        let name = match (&self.key.period, &self.key.scope) {
            (Period::Run(_), Scope::All) => "this run".to_owned(),
            (Period::Day(_), Scope::All) => "today".to_owned(),
            (Period::Month(_), Scope::All) => "this month".to_owned(),
            (Period::Run(_), Scope::Provider(name)) => format!("`{name}` in this run"),
            (Period::Day(_), Scope::Provider(name)) => format!("`{name}` today"),
            (Period::Month(_), Scope::Provider(name)) => format!("`{name}` this month"),
        };
        format!("at most {needed} is needed, and {remaining} of the {limit} for {name} are left")
    }
}

/// What is booked under a key, in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Spent, or counted as spent.
    pub spent: i64,
    /// Set aside for purchases in flight.
    pub reserved: i64,
}

/// A purchase that wants money set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Every sum that it counts in: [`keys_of`].
    pub keys: Vec<CapKey>,
    /// Its upper bound in millionths, at least 0.
    pub amount_micros: i64,
}

/// Whether purchases may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// They fit, and money is set aside.
    Admitted,
    /// They fit as soon as purchases in flight turn out cheaper; nothing is set aside.
    Wait {
        /// The cap that is full for the moment.
        cap: Cap,
        /// What is set aside by others.
        in_flight: i64,
    },
    /// They do not fit, whatever becomes of purchases in flight.
    Refused {
        /// The cap that is passed.
        cap: Cap,
        /// What the purchases need of it.
        needed: i64,
        /// What it has left.
        remaining: i64,
    },
}

/// How a purchase counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// An amount is set aside.
    Reserved(i64),
    /// An amount is spent.
    Spent(i64),
    /// Not at all.
    Nothing,
}

impl Booked {
    /// How a purchase counts in its present state; an unknown amount counts as its estimate.
    pub fn of(purchase: &Purchase) -> Self {
        let estimate = purchase.estimated_micros.unwrap_or(0);
        let cost = purchase.cost_micros;
        match purchase.state {
            State::Reserved | State::Submitted => Self::Reserved(estimate),
            State::Received | State::Settled | State::Unknown | State::Lost => {
                Self::Spent(cost.unwrap_or(estimate))
            }
            // Billed all the same, and nobody knows the price.
            State::Failed if cost.is_none() && purchase.basis == Basis::Unknown => {
                Self::Spent(estimate)
            }
            State::Failed => cost.map_or(Self::Nothing, Self::Spent),
            State::Released => Self::Nothing,
        }
    }

    fn sums(self) -> Sums {
        match self {
            Self::Reserved(reserved) => Sums { spent: 0, reserved },
            Self::Spent(spent) => Sums { spent, reserved: 0 },
            Self::Nothing => Sums::default(),
        }
    }
}

/// By how many millionths a purchase cost more than was set aside for it, if it did.
pub fn overrun(purchase: &Purchase) -> Option<i64> {
    let over = purchase.cost_micros?.saturating_sub(purchase.estimated_micros?);
    (over > 0).then_some(over)
}

/// The time that something bought at `now` counts at, RFC 3339 in UTC: a clock that was set back makes
/// no room under the caps, so it is never before what is on record.
pub fn counted_at<'a>(now: &'a str, purchases: impl IntoIterator<Item = &'a Purchase>) -> &'a str {
    purchases.into_iter().map(|purchase| &*purchase.reserved_at).fold(now, Ord::max)
}

/// All sums that a purchase counts in: run, day and month, of all and of its provider.
///
/// `reserved_at`: RFC 3339 in UTC; the period of the reservation counts, never a later one.
pub fn keys_of(run: &str, provider: &str, unit: PriceUnit, reserved_at: &str) -> Vec<CapKey> {
    let part = |length| reserved_at.get(..length).unwrap_or(reserved_at).to_owned();
    let periods = [Period::Run(run.to_owned()), Period::Day(part(10)), Period::Month(part(7))];
    let scopes = [Scope::All, Scope::Provider(provider.to_owned())];
    periods
        .iter()
        .flat_map(|period| {
            scopes.iter().map(|scope| CapKey { period: period.clone(), scope: scope.clone(), unit })
        })
        .collect()
}

/// Decides whether all of `reservations` may be made together, by the caps and present sums.
///
/// The answer depends on the sums alone. Of several caps in the way the first in the order of
/// their keys is named, a refusal before a wait.
pub fn admit(
    caps: &[Cap],
    sums: impl Fn(&CapKey) -> Sums,
    reservations: &[Reservation],
) -> Admission {
    let mut caps: Vec<&Cap> = caps.iter().collect();
    caps.sort();
    let mut wait = None;
    for cap in caps {
        let needed = reservations
            .iter()
            .filter(|reservation| reservation.keys.contains(&cap.key))
            .map(|reservation| reservation.amount_micros.max(0))
            .fold(0, i64::saturating_add);
        let Sums { spent, reserved } = sums(&cap.key);
        let remaining = cap.limit_micros.saturating_sub(spent);
        // What needs nothing of a cap is never in its way, even when the cap is passed already.
        if needed == 0 {
            continue;
        }
        if needed > remaining {
            return Admission::Refused { cap: cap.clone(), needed, remaining: remaining.max(0) };
        }
        if needed > remaining.saturating_sub(reserved) && wait.is_none() {
            wait = Some(Admission::Wait { cap: cap.clone(), in_flight: reserved });
        }
    }
    wait.unwrap_or(Admission::Admitted)
}

/// The order in which assets are admitted: priority, phase, id; what has none comes last.
pub fn admission_order(priority: Option<i64>, phase: Option<i64>, id: &str) -> (i64, i64, &str) {
    (priority.unwrap_or(i64::MAX), phase.unwrap_or(i64::MAX), id)
}

/// What is booked by everything on record: made from the journal, so it cannot disagree with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books(BTreeMap<CapKey, Sums>);

impl Books {
    /// The sums of these purchases.
    pub fn of<'a>(purchases: impl IntoIterator<Item = &'a Purchase>) -> Self {
        Self::with_open(purchases, |_| true)
    }

    /// The sums of these purchases; what is set aside for one that nobody works on counts as spent, so that
    /// nobody waits for it.
    pub fn with_open<'a>(
        purchases: impl IntoIterator<Item = &'a Purchase>,
        is_worked_on: impl Fn(&Purchase) -> bool,
    ) -> Self {
        let mut books = Self::default();
        for purchase in purchases {
            let keys =
                keys_of(&purchase.run, &purchase.provider, purchase.unit, &purchase.reserved_at);
            let booked = match Booked::of(purchase) {
                Booked::Reserved(micros) if !is_worked_on(purchase) => Booked::Spent(micros),
                booked => booked,
            };
            let booked = booked.sums();
            for key in keys {
                let sums = books.0.entry(key).or_default();
                sums.spent = sums.spent.saturating_add(booked.spent);
                sums.reserved = sums.reserved.saturating_add(booked.reserved);
            }
        }
        books
    }

    /// What is booked under a key.
    pub fn sums(&self, key: &CapKey) -> Sums {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// Whether all of `reservations` may be made together.
    pub fn admit(&self, caps: &[Cap], reservations: &[Reservation]) -> Admission {
        admit(caps, |key| self.sums(key), reservations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> PurchaseId {
        format!("{number:016x}").parse().expect("16 digits")
    }

    fn keys() -> Vec<CapKey> {
        keys_of("run-1", "openai", PriceUnit::Usd, "2026-11-30T23:59:59Z")
    }

    fn cap(period: Period, scope: Scope, limit_micros: i64) -> Cap {
        Cap { key: CapKey { period, scope, unit: PriceUnit::Usd }, limit_micros }
    }

    fn month(limit: i64) -> Cap {
        cap(Period::Month("2026-11".into()), Scope::All, limit)
    }

    fn reservation(number: u64, amount_micros: i64) -> Reservation {
        Reservation { purchase: id(number), keys: keys(), amount_micros }
    }

    #[test]
    fn a_purchase_counts_in_six_sums_of_the_time_of_its_reservation() {
        let keys = keys();
        assert_eq!(keys.len(), 6);
        let day = cap(Period::Day("2026-11-30".into()), Scope::Provider("openai".into()), 1);
        assert!(keys.contains(&day.key) && keys.contains(&month(1).key));
    }

    fn books(spent: i64, reserved: i64) -> Books {
        Books(BTreeMap::from([(month(0).key, Sums { spent, reserved })]))
    }

    #[test]
    fn a_cap_is_reached_and_never_passed() {
        let caps = [month(100)];
        let ask = |books: Books, amount| books.admit(&caps, &[reservation(1, amount)]);
        assert_eq!(ask(books(0, 60), 40), Admission::Admitted);
        assert_eq!(ask(books(0, 100), 1), Admission::Wait { cap: month(100), in_flight: 100 });
        assert_eq!(ask(books(30, 40), 31), Admission::Wait { cap: month(100), in_flight: 40 });
        assert_eq!(ask(books(30, 40), 30), Admission::Admitted);
        let refused = Admission::Refused { cap: month(100), needed: 71, remaining: 70 };
        assert_eq!(ask(books(30, 40), 71), refused);
    }

    #[test]
    fn all_variations_are_admitted_or_none() {
        let four: Vec<_> = (0..4).map(|number| reservation(number, 30)).collect();
        let admission = Books::default().admit(&[month(100)], &four);
        assert_eq!(admission, Admission::Refused { cap: month(100), needed: 120, remaining: 100 });
    }

    #[test]
    fn settings_become_caps_of_their_time() {
        let openai = Budget { monthly: Some(MicroUsd(60)), ..Budget::default() };
        let budget = Budget {
            per_run: Some(MicroUsd(5)),
            daily: Some(MicroUsd(20)),
            monthly: None,
            providers: BTreeMap::from([("openai".to_owned(), openai)]),
        };
        let caps = Cap::of(&budget, Some(MicroUsd(1)), "r", "2026-11-30T23:59:59Z");
        let rows: Vec<_> = caps.iter().map(|cap| (cap.name(), cap.limit_micros)).collect();
        let expected = [("run", 1), ("run", 5), ("day", 20), ("openai month", 60)]
            .map(|(name, limit)| (name.to_owned(), limit));
        assert_eq!(rows, expected);
        assert_eq!(caps[3].key.period, Period::Month("2026-11".to_owned()));
        assert_eq!(
            caps[2].refusal(250_000, 19),
            "at most $0.25 is needed, and $0.000019 of the $0.00002 for today are left"
        );
    }

    #[test]
    fn a_refusal_is_named_before_a_wait_and_in_the_order_of_the_keys() {
        let caps = [
            cap(Period::Month("2026-11".into()), Scope::All, 100),
            cap(Period::Day("2026-11-30".into()), Scope::All, 20),
            cap(Period::Run("run-1".into()), Scope::All, 20),
        ];
        let sums = |key: &CapKey| match key.period {
            Period::Month(_) => Sums { spent: 0, reserved: 90 },
            _ => Sums::default(),
        };
        let fits = [reservation(1, 15)];
        assert!(matches!(admit(&caps, sums, &fits), Admission::Wait { in_flight: 90, .. }));
        let large = [reservation(1, 30)];
        let Admission::Refused { cap, .. } = admit(&caps, sums, &large) else {
            panic!("it is refused")
        };
        assert_eq!(cap.key.period, Period::Run("run-1".into()));
        let reversed: Vec<Cap> = caps.iter().rev().cloned().collect();
        assert_eq!(admit(&reversed, sums, &large), admit(&caps, sums, &large));
    }

    #[test]
    fn other_units_providers_and_periods_are_not_in_the_way() {
        let elsewhere = [
            cap(Period::Month("2026-12".into()), Scope::All, 0),
            cap(Period::Month("2026-11".into()), Scope::Provider("elevenlabs".into()), 0),
            Cap { key: CapKey { unit: PriceUnit::Credits, ..month(0).key }, limit_micros: 0 },
        ];
        assert_eq!(
            admit(&elsewhere, |_| Sums::default(), &[reservation(1, 5)]),
            Admission::Admitted
        );
        // A passed cap stops what costs something, and nothing else.
        let passed = |_: &CapKey| Sums { spent: 200, reserved: 0 };
        assert_eq!(admit(&[month(100)], passed, &[reservation(1, 0)]), Admission::Admitted);
        let refused = Admission::Refused { cap: month(100), needed: 1, remaining: 0 };
        assert_eq!(admit(&[month(100)], passed, &[reservation(1, 1)]), refused);
    }

    #[test]
    fn amounts_at_the_end_of_the_range_do_not_wrap() {
        let huge = [reservation(1, i64::MAX), reservation(2, i64::MAX)];
        assert!(matches!(
            admit(&[month(100)], |_| Sums::default(), &huge),
            Admission::Refused { .. }
        ));
        let full = |_: &CapKey| Sums { spent: i64::MAX, reserved: i64::MAX };
        assert!(matches!(
            admit(&[month(100)], full, &[reservation(1, 1)]),
            Admission::Refused { .. }
        ));
    }

    #[test]
    fn assets_are_admitted_by_priority_phase_and_id() {
        let mut order = [
            (None, Some(1), "a"),
            (Some(2), None, "b"),
            (Some(1), Some(2), "c"),
            (Some(1), Some(1), "d"),
            (None, None, "0"),
        ];
        order.sort_by(|a, b| admission_order(a.0, a.1, a.2).cmp(&admission_order(b.0, b.1, b.2)));
        assert_eq!(order.iter().map(|row| row.2).collect::<String>(), "dcba0");
    }
}
