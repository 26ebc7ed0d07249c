//! Acquires what cannot be made again: every step is on disk before the next one begins.
//!
//! reserve → submit → the provider's work → receive → settle. Nothing here knows what a provider
//! does: it is handed in as a function. A slot, which is a sent key and a variation, is worked on by
//! one process at a time; who comes second takes what the first one got. Design note:
//! docs/design/purchase-journal.md.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::{ActionKey, Digest};
use crate::catalog::PriceUnit;
use crate::execute::with_causes;
use crate::generate::GenerateError;
use crate::lock;
use crate::purchase::state::Answer;
use crate::purchase::{
    Basis, Change, Journal, JournalError, Purchase, PurchaseId, RawError, RawStore, SecondCopy,
    State, recover,
};

/// Where purchases are recorded and kept.
#[derive(Debug)]
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
    /// Who is asked.
    pub provider: &'static str,
    /// Which model is asked.
    pub model: String,
    /// The most that it may cost, in millionths of a dollar.
    pub estimated_micros: i64,
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

/// What is there now.
#[derive(Debug, Clone, PartialEq)]
pub struct Acquired {
    /// Its facts for the lock.
    pub purchase: lock::Purchase,
    /// Its bytes, if they were acquired just now.
    pub delivery: Option<Delivery>,
    /// What went wrong without harm, for people.
    pub warnings: Vec<String>,
}

/// Nothing was acquired.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// The provider's work failed; that is recorded.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The journal cannot be read or written.
    #[error("failed to record a purchase")]
    Journal(#[from] JournalError),
    /// The raw bytes cannot be kept.
    #[error("failed to keep raw material")]
    Raw(#[from] RawError),
    /// There is no randomness for an id.
    #[error("failed to make a purchase id")]
    Id(#[from] getrandom::Error),
    /// The slot's lock cannot be taken.
    #[error("failed to lock `{}`", path.display())]
    Slot {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was acquired before, and its bytes are nowhere.
    #[error(
        "purchase {id} gave {raw}, which is in none of the stores; bring it back, or set another \
         `take` to have it made once more"
    )]
    RawMissing {
        /// The purchase.
        id: PurchaseId,
        /// Its bytes.
        raw: Digest,
    },
}

impl Acquirer<'_> {
    /// Gives the result of an order: an earlier one of the same slot, else a new one from `work`.
    ///
    /// Waits while another process works on the same slot.
    ///
    /// # Errors
    /// `AcquireError`; whatever happens, the journal says how far the purchase came.
    pub fn acquire(
        &self,
        order: &Order,
        work: impl FnOnce() -> Result<Delivery, GenerateError>,
    ) -> Result<Acquired, AcquireError> {
        let _slot = self.lock_slot(order)?;
        if let Some(purchase) = self.find(order)? {
            let purchase = record_of(&purchase).ok_or_else(|| incomplete(&purchase))?;
            return Ok(Acquired { purchase, delivery: None, warnings: Vec::new() });
        }
        let reserved = self.reserve(order)?;
        let id = &reserved.id;
        let submit = Change::Submit { at: now(), idempotency_key: id.to_string() };
        self.journal.change(id, &submit)?;
        let delivery = work().or_else(|error| {
            let refusal = Some(first_line(&with_causes(&error)));
            self.journal.change(id, &Change::Fail { at: now(), refusal, cost_micros: Some(0) })?;
            Err(AcquireError::from(error))
        })?;
        self.settle(id, delivery)
    }

    fn reserve(&self, order: &Order) -> Result<Purchase, AcquireError> {
        let Order { asset, wanted, sent, index, provider, model, estimated_micros } = order;
        let purchase = Purchase {
            id: PurchaseId::random()?,
            state: State::Reserved,
            run: self.run.to_owned(),
            assets: vec![asset.clone()],
            wanted: *wanted,
            sent: *sent,
            index: *index,
            extra: false,
            provider: (*provider).to_owned(),
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
            unit: PriceUnit::Usd,
            estimated_micros: Some(*estimated_micros),
            cost_micros: None,
            basis: Basis::Estimated,
            reserved_at: now(),
            submitted_at: None,
            received_at: None,
            closed_at: None,
            other: toml::Table::new(),
        };
        self.journal.reserve(&purchase)?;
        Ok(purchase)
    }

    /// Keeps what came and closes the purchase.
    fn settle(&self, id: &PurchaseId, delivery: Delivery) -> Result<Acquired, AcquireError> {
        let mut warnings = Vec::new();
        let stored = self.raws.put(&delivery.bytes, delivery.extension)?;
        if let SecondCopy::Failed(error) = &stored.second {
            warnings.push(format!("there is no second copy of a raw: {}", with_causes(error)));
        }
        let received = self.journal.change(
            id,
            &Change::Receive {
                at: now(),
                raw: stored.digest,
                extension: delivery.extension.to_owned(),
                answer: delivery.answer.clone(),
            },
        )?;
        let settled = self.journal.change(id, &recover::settle(&received, now()))?;
        if let Some(home) = self.second_home
            && let Err(error) = self.journal.copy_to(home, &settled)
        {
            warnings.push(format!("there is no second copy of a receipt: {}", with_causes(&error)));
        }
        let purchase = record_of(&settled).ok_or_else(|| incomplete(&settled))?;
        Ok(Acquired { purchase, delivery: Some(delivery), warnings })
    }

    /// An earlier result of the slot. What a dead process left of the slot is closed first: nobody
    /// else works on it, since its lock is ours.
    fn find(&self, order: &Order) -> Result<Option<Purchase>, AcquireError> {
        let all = self.journal.read_all()?.purchases;
        let is_slot = |purchase: &&Purchase| {
            purchase.sent == order.sent && purchase.index == order.index && !purchase.extra
        };
        let mut slot: Vec<Purchase> = all.iter().filter(is_slot).cloned().collect();
        slot.extend(recover::apply_all(&self.journal, &slot, |_| false, |_| false, &now())?);
        let mut missing = None;
        for purchase in slot.into_iter().filter(|purchase| purchase.state == State::Settled) {
            let Some(raw) = purchase.raw else { continue };
            match self.raws.get(raw)? {
                Ok(_) => return Ok(Some(purchase)),
                Err(_) => missing = Some(AcquireError::RawMissing { id: purchase.id, raw }),
            }
        }
        missing.map_or(Ok(None), Err)
    }

    fn lock_slot(&self, order: &Order) -> Result<SlotLock, AcquireError> {
        let path = self.slots.join(format!("{}-{}", order.sent.hex(), order.index));
        SlotLock::acquire(&path).map_err(|source| AcquireError::Slot { path, source })
    }
}

/// Closes what runs left open that are no longer alive.
///
/// # Errors
/// `JournalError` if a file cannot be read or written.
pub fn recover_dead(
    journal: &Journal,
    is_alive: impl Fn(&str) -> bool,
) -> Result<Vec<Purchase>, JournalError> {
    let purchases = journal.read_all()?.purchases;
    recover::apply_all(journal, &purchases, is_alive, |_| false, &now())
}

/// What the lock says of a purchase; none if it has no result.
fn record_of(purchase: &Purchase) -> Option<lock::Purchase> {
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

/// The right to work on a slot; the file goes with it.
struct SlotLock {
    path: PathBuf,
    file: Option<File>,
}

impl SlotLock {
    fn acquire(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        loop {
            let file =
                File::options().read(true).write(true).create(true).truncate(false).open(path)?;
            file.lock()?;
            // Whoever had it before may have deleted this file while we waited for it.
            if is_at(&file, path) {
                return Ok(Self { path: path.to_owned(), file: Some(file) });
            }
        }
    }
}

impl Drop for SlotLock {
    fn drop(&mut self) {
        // The name goes before the lock does, so that nobody locks a file that is about to go.
        let _ = fs::remove_file(&self.path);
        drop(self.file.take());
    }
}

/// Whether an open file is the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(id), fs::metadata(path).map(id)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    // A file that somebody has open cannot be replaced there.
    path.exists()
}
