//! Caps: what may be spent in a run, a day or a month, by all or by one provider.
//!
//! The arithmetic is pure; a [`CapStore`] runs it in one transaction. Amounts are millionths of a
//! unit, and periods are values: the caller knows the clock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::catalog::PriceUnit;
use crate::purchase::id::PurchaseId;
use crate::purchase::record::Purchase;
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

impl Sums {
    /// The sums after one purchase's booking changed.
    #[must_use]
    pub fn rebooked(self, old: Booked, new: Booked) -> Self {
        let (old, new) = (old.sums(), new.sums());
        Self {
            spent: self.spent.saturating_sub(old.spent).saturating_add(new.spent),
            reserved: self.reserved.saturating_sub(old.reserved).saturating_add(new.reserved),
        }
    }
}

/// By how many millionths a purchase cost more than was set aside for it, if it did.
pub fn overrun(purchase: &Purchase) -> Option<i64> {
    let over = purchase.cost_micros?.saturating_sub(purchase.estimated_micros?);
    (over > 0).then_some(over)
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

/// Sums and bookings of all purchases, changed in transactions.
pub trait CapStore {
    /// Why a transaction failed.
    type Error;

    /// Admits all reservations and books them, or none: one transaction around [`admit`].
    ///
    /// # Errors
    /// If the store cannot be used; nothing is booked then.
    fn reserve(&self, caps: &[Cap], reservations: &[Reservation])
    -> Result<Admission, Self::Error>;

    /// Sets how a reserved purchase counts in the keys of its reservation; the same booking twice
    /// is the same as once. What was never reserved has no keys and counts nowhere.
    ///
    /// # Errors
    /// If the store cannot be used.
    fn book(&self, purchase: &PurchaseId, booked: Booked) -> Result<(), Self::Error>;

    /// What is booked under a key.
    ///
    /// # Errors
    /// If the store cannot be used.
    fn sums(&self, key: &CapKey) -> Result<Sums, Self::Error>;
}

/// Sums in memory, for tests and for folders without a database.
#[derive(Debug, Default)]
pub struct MemoryCaps(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    sums: BTreeMap<CapKey, Sums>,
    bookings: BTreeMap<PurchaseId, (Vec<CapKey>, Booked)>,
}

impl MemoryCaps {
    /// The sums of a journal: they can always be made again from it.
    pub fn rebuilt<'a>(purchases: impl IntoIterator<Item = &'a Purchase>) -> Self {
        let mut books = Books::default();
        for purchase in purchases {
            let keys =
                keys_of(&purchase.run, &purchase.provider, purchase.unit, &purchase.reserved_at);
            books.set(&purchase.id, keys, Booked::of(purchase));
        }
        Self(Mutex::new(books))
    }
}

impl Books {
    fn set(&mut self, purchase: &PurchaseId, keys: Vec<CapKey>, booked: Booked) {
        if let Some((keys, old)) = self.bookings.remove(purchase) {
            self.rebook(&keys, old, Booked::Nothing);
        }
        self.rebook(&keys, Booked::Nothing, booked);
        self.bookings.insert(purchase.clone(), (keys, booked));
    }

    fn rebook(&mut self, keys: &[CapKey], old: Booked, new: Booked) {
        for key in keys {
            let sums = self.sums.entry(key.clone()).or_default();
            *sums = sums.rebooked(old, new);
        }
    }
}

impl CapStore for MemoryCaps {
    type Error = std::convert::Infallible;

    fn reserve(
        &self,
        caps: &[Cap],
        reservations: &[Reservation],
    ) -> Result<Admission, Self::Error> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let admission =
            admit(caps, |key| books.sums.get(key).copied().unwrap_or_default(), reservations);
        if admission == Admission::Admitted {
            for Reservation { purchase, keys, amount_micros } in reservations {
                books.set(purchase, keys.clone(), Booked::Reserved((*amount_micros).max(0)));
            }
        }
        Ok(admission)
    }

    fn book(&self, purchase: &PurchaseId, booked: Booked) -> Result<(), Self::Error> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = books.bookings.get(purchase).map(|(keys, _)| keys.clone()).unwrap_or_default();
        books.set(purchase, keys, booked);
        Ok(())
    }

    fn sums(&self, key: &CapKey) -> Result<Sums, Self::Error> {
        let books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(books.sums.get(key).copied().unwrap_or_default())
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

    #[test]
    fn a_cap_is_reached_and_never_passed() {
        let store = MemoryCaps::default();
        let caps = [month(100)];
        let reserve = |number, amount| match store.reserve(&caps, &[reservation(number, amount)]) {
            Ok(admission) => admission,
        };
        assert_eq!(reserve(1, 60), Admission::Admitted);
        assert_eq!(reserve(2, 40), Admission::Admitted);
        assert_eq!(reserve(3, 1), Admission::Wait { cap: month(100), in_flight: 100 });
        let Ok(()) = store.book(&id(1), Booked::Spent(30));
        assert_eq!(reserve(3, 31), Admission::Wait { cap: month(100), in_flight: 40 });
        assert_eq!(reserve(3, 30), Admission::Admitted);
        assert_eq!(
            reserve(4, 71),
            Admission::Refused { cap: month(100), needed: 71, remaining: 70 }
        );
        let Ok(sums) = store.sums(&month(0).key);
        assert_eq!(sums, Sums { spent: 30, reserved: 70 });
    }

    #[test]
    fn all_variations_are_admitted_or_none() {
        let store = MemoryCaps::default();
        let four: Vec<_> = (0..4).map(|number| reservation(number, 30)).collect();
        let Ok(admission) = store.reserve(&[month(100)], &four);
        assert_eq!(admission, Admission::Refused { cap: month(100), needed: 120, remaining: 100 });
        let Ok(sums) = store.sums(&month(0).key);
        assert_eq!(sums, Sums::default());
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
    fn booking_twice_is_booking_once() {
        let store = MemoryCaps::default();
        let Ok(_) = store.reserve(&[], &[reservation(1, 50)]);
        for _ in 0..2 {
            let Ok(()) = store.book(&id(1), Booked::Spent(70));
            let Ok(sums) = store.sums(&month(0).key);
            assert_eq!(sums, Sums { spent: 70, reserved: 0 });
        }
        let Ok(()) = store.book(&id(1), Booked::Nothing);
        let Ok(sums) = store.sums(&month(0).key);
        assert_eq!(sums, Sums::default());
    }

    #[test]
    fn many_writers_never_pass_a_shared_cap() {
        let store = MemoryCaps::default();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|writer| {
                    let store = &store;
                    scope.spawn(move || {
                        let tries = (0..50).map(|attempt| reservation(writer * 100 + attempt, 7));
                        tries
                            .filter(|one| {
                                let Ok(admission) =
                                    store.reserve(&[month(1000)], std::slice::from_ref(one));
                                admission == Admission::Admitted
                            })
                            .count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(admitted, 142);
        let Ok(sums) = store.sums(&month(0).key);
        assert_eq!(sums.reserved, 142 * 7);
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
