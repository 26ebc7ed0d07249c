//! Acquires what cannot be made again: every step is on disk before the next one begins.
//!
//! reserve → submit → the provider's work → receive → settle. Nothing here knows what a provider
//! does: it is handed in as a function. A slot, which is a sent key and a variation, is worked on by
//! one process at a time; who comes second takes what the first one got. Design note:
//! docs/design/purchase-journal.md.

mod error;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::base::units::MicroUsd;
use crate::base::{ActionKey, Digest};
use crate::catalog::PriceUnit;
use crate::config::Budget;
use crate::execute::slot::SlotLock;
use crate::execute::stop::StopSignal;
use crate::execute::with_causes;
use crate::generate::GenerateError;
use crate::lock;
use crate::purchase::spare::Spare;
use crate::purchase::state::Answer;
use crate::purchase::{
    Admission, Basis, Books, Cap, Change, Journal, JournalError, Purchase, PurchaseId, RawStore,
    Reservation, SecondCopy, State, counted_at, keys_of, recover,
};

pub use error::AcquireError;

/// Between two looks at the money that others have in flight.
const PAUSE: Duration = Duration::from_millis(200);

/// Where purchases are recorded and kept.
pub struct Acquirer<'a> {
    /// The journal.
    pub journal: Journal,
    /// Raw bytes.
    pub raws: &'a RawStore,
    /// Folder for second copies of receipts, if there is one.
    pub second_home: Option<&'a Path>,
    /// Folder of the locks that keep two processes from one slot.
    pub slots: PathBuf,
    /// Id of this run.
    pub run: &'a str,
    /// Who made it.
    pub buyer: Option<&'a str>,
    /// What may be spent in a run, a day and a month.
    pub budget: &'a Budget,
    /// What the user lets this run spend.
    pub allowance: Option<MicroUsd>,
    /// Whether a run is alive, this one included.
    pub is_alive: &'a (dyn Fn(&str) -> bool + Sync),
    /// Purchases whose jobs this run left to a later one.
    pub left: Mutex<BTreeSet<PurchaseId>>,
    /// Room on the disk for what comes.
    pub spare: Spare,
    /// The wish to stop, which ends every wait.
    pub stop: &'a StopSignal,
    /// What the second home remembers, once anybody asked.
    pub receipts: OnceLock<Vec<Purchase>>,
    /// Numbers of results beyond the variations that this run asks for.
    pub extras: Mutex<BTreeSet<(ActionKey, u32)>>,
}

/// One result that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Id of the asset.
    pub asset: String,
    /// Key of the request as the user's files say it.
    pub wanted: ActionKey,
    /// Key of the resolved request.
    pub sent: ActionKey,
    /// Variation, from 0.
    pub index: u32,
    /// Whether it is beyond the variations that are asked for; these count for themselves.
    pub extra: bool,
    /// Who is asked.
    pub provider: String,
    /// Which model is asked.
    pub model: String,
    /// What amounts count.
    pub unit: PriceUnit,
    /// The most that it may cost, in millionths of the unit; none if nobody knows.
    pub estimated_micros: Option<i64>,
    /// `Unknown` if that is only what the user allowed for something without a known price.
    pub basis: Basis,
}

/// What a provider gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The raw bytes, never rewritten.
    pub bytes: Arc<[u8]>,
    /// Extension of their file.
    pub extension: &'static str,
    /// What the provider says about them.
    pub answer: Answer,
}

/// Why a provider gave nothing, and what that means for the money.
#[derive(Debug)]
pub enum Undelivered {
    /// It is over.
    Failed {
        /// Why.
        error: GenerateError,
        /// What is billed all the same, in millionths; none if that is unknown.
        cost_micros: Option<i64>,
    },
    /// Nobody knows whether it is billed.
    Uncertain {
        /// Why.
        error: GenerateError,
        /// What came of an answer.
        kept: Vec<u8>,
    },
    /// The provider still works on it: it stays on record as sent, with its job.
    Running {
        /// What is known.
        words: String,
    },
}

impl From<GenerateError> for Undelivered {
    fn from(error: GenerateError) -> Self {
        Self::Failed { error, cost_micros: Some(0) }
    }
}

/// What is there now.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquired {
    /// Its facts for the lock.
    pub purchase: lock::Purchase,
    /// The whole receipt.
    pub receipt: Purchase,
    /// Its bytes, if they were acquired just now.
    pub delivery: Option<Delivery>,
    /// What went wrong without harm, for people.
    pub warnings: Vec<String>,
}

/// What became of one order when its slot was opened.
#[derive(Debug)]
pub enum Slot {
    /// Somebody got it before.
    Found(Box<Acquired>),
    /// It is to be asked for.
    Open(Box<Ticket>),
}

/// The right to ask for one result, with its money set aside; given back if it is not used.
#[derive(Debug)]
pub struct Ticket {
    /// The purchase as it is on record.
    pub purchase: Purchase,
    journal: Journal,
    _lock: SlotLock,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.purchase.state == State::Reserved {
            // If it cannot be written, it is released when the next run finds this one dead.
            let _ = self.journal.change(&self.purchase.id, &Change::Release { at: now() });
        }
    }
}

impl Acquirer<'_> {
    /// Gives the result of one order: an earlier one of the same slot, else a new one from `work`.
    ///
    /// Waits while another process works on the same slot.
    ///
    /// # Errors
    /// `AcquireError`; whatever happens, the journal says how far the purchase came.
    pub fn acquire(
        &self,
        order: &Order,
        work: impl FnOnce(&Purchase) -> Result<Delivery, Undelivered>,
    ) -> Result<Acquired, AcquireError> {
        let slot = self.open(std::slice::from_ref(order))?.pop();
        match slot.expect("a slot for each order") {
            Slot::Found(acquired) => Ok(*acquired),
            Slot::Open(ticket) => self.fulfil(*ticket, work),
        }
    }

    /// Opens the slots of all orders of an asset: what was acquired before is found, and the money
    /// for all others is set aside together, or for none of them.
    ///
    /// Waits while another process works on one of the slots, and while only purchases in flight
    /// stand in the way of the money.
    ///
    /// # Errors
    /// `AcquireError`; nothing stays reserved then.
    pub fn open(&self, orders: &[Order]) -> Result<Vec<Slot>, AcquireError> {
        // Always in the same order, so that two processes cannot wait for each other.
        let mut places: Vec<usize> = (0..orders.len()).collect();
        places.sort_by_key(|&place| (orders[place].sent, orders[place].extra, orders[place].index));
        let mut slots: Vec<Option<Slot>> = orders.iter().map(|_| None).collect();
        let mut wanted = Vec::new();
        for place in places {
            let order = &orders[place];
            let lock = self.lock_slot(order)?;
            match self.find(order)? {
                Some(purchase) if purchase.state == State::Submitted => {
                    slots[place] = Some(Slot::Open(Box::new(self.ticket(purchase, lock))));
                }
                Some(receipt) => {
                    let purchase = record_of(&receipt).ok_or_else(|| incomplete(&receipt))?;
                    let (delivery, warnings) = (None, Vec::new());
                    let found = Acquired { purchase, receipt, delivery, warnings };
                    slots[place] = Some(Slot::Found(Box::new(found)));
                }
                None => wanted.push((place, lock, self.reserved(order)?)),
            }
        }
        let purchases: Vec<Purchase> =
            wanted.iter().map(|(.., purchase)| purchase.clone()).collect();
        if !purchases.is_empty() {
            self.reserve(&purchases)?;
        }
        for (place, lock, purchase) in wanted {
            slots[place] = Some(Slot::Open(Box::new(self.ticket(purchase, lock))));
        }
        Ok(slots.into_iter().flatten().collect())
    }

    /// Asks for what a ticket is about, unless that was done before, and keeps what comes.
    ///
    /// # Errors
    /// As for `acquire`.
    pub fn fulfil(
        &self,
        mut ticket: Ticket,
        work: impl FnOnce(&Purchase) -> Result<Delivery, Undelivered>,
    ) -> Result<Acquired, AcquireError> {
        let id = ticket.purchase.id.clone();
        if ticket.purchase.state == State::Reserved {
            if self.stop.is_raised() && ticket.purchase.estimated_micros != Some(0) {
                return Err(AcquireError::Stopped);
            }
            let submit = Change::Submit { at: now(), idempotency_key: id.to_string() };
            ticket.purchase = self.journal.change(&id, &submit)?;
        }
        match work(&ticket.purchase) {
            Ok(delivery) => self.settle(&id, delivery),
            Err(Undelivered::Failed { error, cost_micros }) => {
                let refusal = Some(first_line(&with_causes(&error)));
                self.record(&id, &Change::Fail { at: now(), refusal, cost_micros })?;
                Err(error.into())
            }
            Err(Undelivered::Running { words }) => {
                let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                left.insert(id.clone());
                Err(AcquireError::Running { id, words })
            }
            Err(Undelivered::Uncertain { error, kept }) => {
                let words = first_line(&with_causes(&error));
                // If it cannot be kept, the outcome is as unknown as before.
                let kept = (!kept.is_empty())
                    .then(|| self.spare.lend(|| self.raws.put(&kept, "bin")).ok())
                    .flatten()
                    .map(|stored| (stored.digest, "bin".to_owned()));
                let reason = words.clone();
                self.record(&id, &Change::LoseTrack { at: now(), reason, kept })?;
                Err(AcquireError::Unknown { id, words })
            }
        }
    }

    fn ticket(&self, purchase: Purchase, lock: SlotLock) -> Ticket {
        Ticket { purchase, journal: self.journal.clone(), _lock: lock }
    }

    /// Sets the money for all of these aside; waits while only others' purchases are in the way.
    fn reserve(&self, purchases: &[Purchase]) -> Result<(), AcquireError> {
        self.spare.set_aside().map_err(AcquireError::NoRoom)?;
        let reservation = |purchase: &Purchase| Reservation {
            purchase: purchase.id.clone(),
            keys: keys_of(&purchase.run, &purchase.provider, purchase.unit, &purchase.reserved_at),
            amount_micros: purchase.estimated_micros.unwrap_or(0),
        };
        loop {
            let admitted = self.journal.reserve_together(purchases.to_vec(), |wanted, all| {
                // The period counts in which it is admitted.
                let now = now();
                let at = counted_at(&now, all);
                for purchase in &mut *wanted {
                    at.clone_into(&mut purchase.reserved_at);
                }
                let reservations: Vec<Reservation> = wanted.iter().map(reservation).collect();
                let caps = Cap::of(self.budget, self.allowance, self.run, at);
                let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                let is_worked_on =
                    |one: &Purchase| !left.contains(&one.id) && (self.is_alive)(&one.run);
                match Books::with_open(all, is_worked_on).admit(&caps, &reservations) {
                    Admission::Admitted => Ok(()),
                    other => Err(other),
                }
            })?;
            match admitted {
                Ok(()) => return Ok(()),
                Err(Admission::Wait { .. }) if self.stop.wait(PAUSE) => {
                    return Err(AcquireError::Stopped);
                }
                Err(Admission::Refused { cap, needed, remaining }) => {
                    return Err(AcquireError::Refused(cap.refusal(needed, remaining)));
                }
                Err(Admission::Wait { .. } | Admission::Admitted) => {}
            }
        }
    }

    /// A change that must be on record even on a full disk.
    fn record(&self, id: &PurchaseId, change: &Change) -> Result<Purchase, JournalError> {
        self.spare.lend(|| self.journal.change(id, change))
    }

    fn reserved(&self, order: &Order) -> Result<Purchase, AcquireError> {
        let Order {
            asset,
            wanted,
            sent,
            index,
            extra,
            provider,
            model,
            unit,
            estimated_micros,
            basis,
        } = order;
        Ok(Purchase {
            id: PurchaseId::random()?,
            state: State::Reserved,
            run: self.run.to_owned(),
            buyer: self.buyer.map(str::to_owned),
            assets: vec![asset.clone()],
            wanted: *wanted,
            sent: *sent,
            index: *index,
            extra: *extra,
            provider: provider.clone(),
            model: model.clone(),
            model_used: None,
            idempotency_key: None,
            request_id: None,
            job_id: None,
            seed: None,
            revised_prompt: None,
            refusal: None,
            raw: None,
            extension: None,
            unit: *unit,
            estimated_micros: *estimated_micros,
            cost_micros: None,
            basis: *basis,
            reserved_at: now(),
            submitted_at: None,
            received_at: None,
            closed_at: None,
            other: toml::Table::new(),
        })
    }

    /// Keeps what came and closes the purchase.
    fn settle(&self, id: &PurchaseId, delivery: Delivery) -> Result<Acquired, AcquireError> {
        let mut warnings = Vec::new();
        let stored = self.spare.lend(|| self.raws.put(&delivery.bytes, delivery.extension))?;
        match &stored.second {
            SecondCopy::Failed(error) => {
                warnings.push(format!("there is no second copy of a raw: {}", with_causes(error)));
            }
            SecondCopy::Only(error) => {
                warnings.push(format!("a raw is in the second home only: {}", with_causes(error)));
            }
            SecondCopy::Made | SecondCopy::Off => {}
        }
        let received = self.record(
            id,
            &Change::Receive {
                at: now(),
                raw: stored.digest,
                extension: delivery.extension.to_owned(),
                answer: delivery.answer.clone(),
            },
        )?;
        let receipt = self.record(id, &recover::settle(&received, now()))?;
        if let Some(home) = self.second_home
            && let Err(error) = self.journal.copy_to(home, &receipt)
        {
            warnings.push(format!("there is no second copy of a receipt: {}", with_causes(&error)));
        }
        let purchase = record_of(&receipt).ok_or_else(|| incomplete(&receipt))?;
        Ok(Acquired { purchase, receipt, delivery: Some(delivery), warnings })
    }

    /// An earlier result of the slot, or a job for it that is still out. What a dead process left of
    /// the slot is closed first: nobody else works on it, since its lock is ours.
    fn find(&self, order: &Order) -> Result<Option<Purchase>, AcquireError> {
        let is_slot = |purchase: &Purchase| {
            purchase.sent == order.sent
                && purchase.index == order.index
                && purchase.extra == order.extra
        };
        let mut slot = self.journal.read_all()?.purchases;
        slot.retain(is_slot);
        if slot.iter().any(|purchase| !purchase.state.is_final()) {
            let has_job = |purchase: &Purchase| purchase.job_id.is_some();
            recover::apply_all(&self.journal, &slot, |_| false, has_job, &now())?;
            // Another process may close them at the same time, and what it wrote is what counts.
            slot = self.journal.read_all()?.purchases;
            slot.retain(is_slot);
        }
        let mut missing = None;
        let mut unknown = None;
        for purchase in slot {
            match (purchase.state, purchase.raw) {
                (State::Settled, Some(raw)) => match self.raws.get(raw)? {
                    Ok(_) => return Ok(Some(purchase)),
                    Err(_) => missing = Some(AcquireError::RawMissing { id: purchase.id, raw }),
                },
                (State::Submitted, _) if purchase.job_id.is_some() => return Ok(Some(purchase)),
                // Its request may have left, and nobody can be asked about it.
                (State::Submitted, _) => {
                    let words = "nobody knows how it ended".to_owned();
                    unknown = Some(AcquireError::Unknown { id: purchase.id, words });
                }
                (State::Unknown, _) => {
                    let words = purchase.refusal.unwrap_or_default();
                    unknown = Some(AcquireError::Unknown { id: purchase.id, words });
                }
                _ => {}
            }
        }
        match unknown.or(missing) {
            Some(error) => Err(error),
            None => self.find_in_second_home(is_slot),
        }
    }

    /// A receipt that only the second home has, brought back into the journal.
    fn find_in_second_home(
        &self,
        is_slot: impl Fn(&Purchase) -> bool,
    ) -> Result<Option<Purchase>, AcquireError> {
        let Some(home) = self.second_home else { return Ok(None) };
        // What cannot be read there is as good as lost.
        let read = || Journal::new(home).read_all().unwrap_or_default().purchases;
        let receipts = self.receipts.get_or_init(read).iter();
        let settled = receipts.filter(|one| one.state == State::Settled && is_slot(one));
        for receipt in settled {
            if let Some(raw) = receipt.raw
                && self.raws.get(raw)?.is_ok()
            {
                self.journal.bring_back(receipt)?;
                return Ok(Some(receipt.clone()));
            }
        }
        Ok(None)
    }

    /// A settled purchase of a variation by what the user's files ask for, whoever was asked then: the
    /// journal's, else one that only the second home has.
    ///
    /// # Errors
    /// If the journal cannot be used.
    pub fn find_wanted(
        &self,
        wanted: &ActionKey,
        index: u32,
    ) -> Result<Option<Acquired>, AcquireError> {
        let is_it = |one: &Purchase| {
            one.wanted == *wanted && one.index == index && !one.extra && one.state == State::Settled
        };
        let own = self.journal.read_all()?.purchases;
        let mut found = None;
        for purchase in own.iter().filter(|one| is_it(one)) {
            if let Some(raw) = purchase.raw
                && self.raws.get(raw)?.is_ok()
            {
                found = Some(purchase.clone());
                break;
            }
        }
        let found = match found {
            Some(found) => Some(found),
            None => self.find_in_second_home(is_it)?,
        };
        let acquired = found.and_then(|receipt| {
            let purchase = record_of(&receipt)?;
            Some(Acquired { purchase, receipt, delivery: None, warnings: Vec::new() })
        });
        Ok(acquired)
    }

    /// The number of one more result beyond the variations of a request. A job that a dead run left
    /// is gone on with.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn next_extra(&self, sent: &ActionKey) -> Result<u32, AcquireError> {
        let mut taken = self.extras.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.journal.read_all()?.purchases;
        let extras = || all.iter().filter(|purchase| purchase.extra && purchase.sent == *sent);
        let jobs = extras().filter(|purchase| is_job(purchase)).map(|purchase| purchase.index);
        let next = extras().map(|purchase| purchase.index + 1).max().unwrap_or(0);
        let mut numbers = jobs.chain(next..);
        let number = numbers.find(|&number| taken.insert((*sent, number)));
        Ok(number.expect("there is always another number"))
    }

    /// Whether an earlier run left a job for a slot: taking its result is no purchase.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn has_job(&self, sent: &ActionKey, index: u32) -> Result<bool, AcquireError> {
        let all = self.journal.read_all()?.purchases;
        let is_it =
            |one: &Purchase| one.sent == *sent && one.index == index && !one.extra && is_job(one);
        Ok(all.iter().any(is_it))
    }

    fn lock_slot(&self, order: &Order) -> Result<SlotLock, AcquireError> {
        let path = slot_path(&self.slots, &order.sent, order.index, order.extra);
        SlotLock::acquire(&path).map_err(|source| AcquireError::Slot { path, source })
    }
}

/// Closes what runs left open that are no longer alive. A job that its provider can be asked about
/// is left to whoever builds the asset next.
///
/// # Errors
/// `JournalError` if a file cannot be read or written.
pub fn recover_dead(
    journal: &Journal,
    is_alive: impl Fn(&str) -> bool,
) -> Result<Vec<Purchase>, JournalError> {
    let purchases = journal.read_all()?.purchases;
    recover::apply_all(journal, &purchases, is_alive, |purchase| purchase.job_id.is_some(), &now())
}

/// Whether a provider has a job for a purchase, which can be asked about.
fn is_job(purchase: &Purchase) -> bool {
    purchase.state == State::Submitted && purchase.job_id.is_some()
}

fn slot_path(slots: &Path, sent: &ActionKey, index: u32, extra: bool) -> PathBuf {
    let extra = if extra { "x" } else { "" };
    slots.join(format!("{}-{extra}{index}", sent.hex()))
}

/// Whether some process works on the slot of a purchase now.
pub fn is_busy(slots: &Path, purchase: &Purchase) -> bool {
    SlotLock::is_held(&slot_path(slots, &purchase.sent, purchase.index, purchase.extra))
}

/// What the lock says of a purchase; none if it has no result.
pub fn record_of(purchase: &Purchase) -> Option<lock::Purchase> {
    Some(lock::Purchase {
        id: purchase.id.to_string(),
        wanted: purchase.wanted,
        sent: purchase.sent,
        index: purchase.index,
        raw: purchase.raw?,
        provider: purchase.provider.clone(),
        model: purchase.model.clone(),
        model_used: purchase.model_used.clone(),
        cost_micros: purchase.cost_micros,
        unit: purchase.unit.as_str().to_owned(),
        date: purchase.reserved_at.get(..10)?.to_owned(),
        extra: purchase.extra,
    })
}

fn incomplete(purchase: &Purchase) -> AcquireError {
    AcquireError::RawMissing {
        id: purchase.id.clone(),
        raw: purchase.raw.unwrap_or(Digest::of(b"")),
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
