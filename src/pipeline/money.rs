//! What is on record about money: the journal as a whole, and decisions of people about it.

use std::collections::BTreeSet;

use crate::base::{Digest, Encoding, MediaKind, RelPath};
use crate::cache::{Run, RunError, StateError};
use crate::catalog::PriceUnit;
use crate::config::Config;
use crate::execute::{Market, StopSignal, is_busy, recover_dead};
use crate::generate::provider::Canceled;
use crate::lock::LockFile;
use crate::pipeline::load::Loaded;
use crate::pipeline::purchases;
use crate::pipeline::session::Session;
use crate::purchase::state::Answer;
use crate::purchase::{
    Booked, Change, Journal, JournalError, Listing, Purchase, PurchaseId, RawError, Resolution,
    State, WriteError, recover,
};

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MoneyError {
    /// The cache folder cannot be used.
    #[error("failed to use the cache folder")]
    Cache(#[from] StateError),
    /// Live runs cannot be told from dead ones.
    #[error("failed to look for other runs")]
    Run(#[from] RunError),
    /// The journal cannot be read or written.
    #[error("failed to use the purchase journal")]
    Journal(#[from] JournalError),
    /// Raw files cannot be listed.
    #[error("failed to look at what was bought")]
    Raw(#[from] RawError),
    /// A copy in the second home cannot be written.
    #[error("failed to write a second copy")]
    Copy(#[from] WriteError),
}

/// The journal of the project.
pub fn journal(session: &Session, config: &Config) -> Journal {
    Journal::new(&config.paid_dir.under(session.root()))
}

/// Whether receipts may have to be brought back from the second home.
pub(super) fn is_journal_lost(session: &Session, config: &Config) -> bool {
    session.second_home().is_some() && !journal(session, config).exists()
}

/// Whether the lock names anything that was bought.
pub(super) fn has_purchases(lock: &LockFile) -> bool {
    lock.text().contains("\npurchases = [")
}

/// Brings receipts of the lock back that only the second home has, if the journal is gone as a whole:
/// what was spent still counts then.
///
/// # Errors
/// If the journal cannot be written.
pub fn restore(session: &Session, config: &Config, lock: &LockFile) -> Result<(), JournalError> {
    let Some(home) = session.second_home().filter(|_| is_journal_lost(session, config)) else {
        return Ok(());
    };
    let journal = journal(session, config);
    // Most projects bought nothing, and their lock is not to be parsed to find that out.
    if !has_purchases(lock) {
        return Ok(());
    }
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for block in lock.blocks().flatten() {
        ids.extend(block.purchases.into_iter().map(|purchase| purchase.id));
    }
    if ids.is_empty() {
        return Ok(());
    }
    let receipts = Journal::new(home).read_all().unwrap_or_default().purchases;
    let mut lost = receipts.iter().filter(|receipt| ids.contains(receipt.id.as_str())).peekable();
    if lost.peek().is_some() {
        // So that git ignores the folder. If that cannot be written, no receipt can, and it says so.
        let _ = session.cache().ensure();
    }
    for receipt in lost {
        journal.bring_back(receipt)?;
    }
    Ok(())
}

/// Everything on record.
///
/// # Errors
/// If the folder cannot be listed.
pub fn listing(session: &Session, config: &Config) -> Result<Listing, MoneyError> {
    Ok(journal(session, config).read_all()?)
}

/// What a run spent or set aside in dollars, in millionths.
///
/// # Errors
/// If the folder cannot be listed.
pub fn spent_usd(session: &Session, config: &Config, run: &str) -> Result<i64, MoneyError> {
    let purchases = journal(session, config).read_all()?.purchases;
    let of_run = purchases.iter().filter(|purchase| purchase.run == run);
    let in_usd = of_run.filter(|purchase| purchase.unit == PriceUnit::Usd);
    let micros = in_usd.map(|purchase| match Booked::of(purchase) {
        Booked::Spent(micros) | Booked::Reserved(micros) => micros,
        Booked::Nothing => 0,
    });
    Ok(micros.fold(0, i64::saturating_add))
}

/// Closes what runs left open that are gone, and gives everything whose outcome nobody knows.
///
/// # Errors
/// `MoneyError` if the journal or the files of runs cannot be used.
pub fn unknown(session: &Session, config: &Config) -> Result<Vec<Purchase>, MoneyError> {
    let journal = journal(session, config);
    session.cache().ensure().map_err(StateError::from)?;
    let run = Run::begin(session.cache())?;
    let alive: BTreeSet<String> = run.others()?.iter().map(|id| id.as_str().to_owned()).collect();
    recover_dead(&journal, |id| alive.contains(id))?;
    let mut all = journal.read_all()?.purchases;
    let slots = session.cache().slots();
    all.retain(|purchase| {
        let is_job = purchase.state == State::Submitted && !alive.contains(&purchase.run);
        // A build may be asking about a job that another run began.
        (purchase.state == State::Unknown || is_job) && !is_busy(&slots, purchase)
    });
    Ok(all)
}

/// What became of a purchase whose job was to be given up.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenUp {
    /// It is closed like this.
    Closed(Box<Purchase>),
    /// It was finished already: the next build takes its result.
    Finished,
    /// It goes on, and why.
    GoesOn(String),
}

/// Has the provider of a purchase give up its job, and closes the purchase.
///
/// # Errors
/// `MoneyError` if the journal cannot be written.
pub fn give_up(
    session: &Session,
    config: &Config,
    purchase: &Purchase,
    at: &str,
) -> Result<GivenUp, MoneyError> {
    let runners = purchases::runners(session, config, "recover");
    let market = Market::new(config, purchases::credentials(session, config), runners);
    match market.cancel(purchase, &StopSignal::default()) {
        Err(why) => return Ok(GivenUp::GoesOn(why)),
        Ok(Canceled::Finished) => return Ok(GivenUp::Finished),
        Ok(Canceled::Ended) => {}
    }
    let change = Change::Fail {
        at: at.to_owned(),
        refusal: Some("given up before it was finished".to_owned()),
        cost_micros: purchase.most_micros(),
    };
    let closed = journal(session, config).change(&purchase.id, &change)?;
    if let Some(home) = session.second_home() {
        journal(session, config).copy_to(home, &closed)?;
    }
    Ok(GivenUp::Closed(Box::new(closed)))
}

/// Why a file is not taken as the result of a purchase.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// It is no picture and no sound.
    #[error("it is neither a picture nor a sound")]
    NoMedia,
    /// It is a sound where a picture is wanted, or the other way round.
    #[error("it is of type {}, and `{asset}` of type {}", .found.as_str(), .wanted.as_str())]
    WrongMedia {
        /// The asset that it would be for.
        asset: String,
        /// What it is.
        found: MediaKind,
        /// What the spec says.
        wanted: MediaKind,
    },
    /// Another purchase gave it.
    #[error("it is the result of purchase {0}")]
    Claimed(PurchaseId),
    /// It cannot be recorded.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Takes bytes that a person found as the result of a purchase; its price is what was expected.
///
/// # Errors
/// `FoundError` if they are no result, or the journal or the raw files cannot be written.
pub fn found(
    session: &Session,
    loaded: &Loaded,
    purchase: &Purchase,
    bytes: &[u8],
    at: &str,
) -> Result<Purchase, FoundError> {
    let config = &loaded.config;
    let encoding = Encoding::sniff(bytes).ok_or(FoundError::NoMedia)?;
    let (found, mut specs) = (encoding.media(), loaded.assets.iter());
    if let Some(spec) = specs.find(|spec| purchase.assets.contains(&spec.id) && spec.media != found)
    {
        let (asset, wanted) = (spec.id.clone(), spec.media);
        return Err(FoundError::WrongMedia { asset, found, wanted });
    }
    let journal = journal(session, config);
    let digest = Digest::of(bytes);
    let all = journal.read_all().map_err(MoneyError::from)?.purchases;
    let is_claim = |one: &&Purchase| one.raw == Some(digest) && one.state == State::Settled;
    if let Some(other) = all.iter().find(is_claim) {
        return Err(FoundError::Claimed(other.id.clone()));
    }
    let record = || -> Result<Purchase, MoneyError> {
        let stored = session.raws(&config.paid_dir).put(bytes, encoding.extension())?;
        let received = Change::Receive {
            at: at.to_owned(),
            raw: stored.digest,
            extension: encoding.extension().to_owned(),
            answer: Answer::default(),
        };
        let received = journal.change(&purchase.id, &received)?;
        let closed = journal.change(&purchase.id, &recover::settle(&received, at.to_owned()))?;
        if let Some(home) = session.second_home() {
            journal.copy_to(home, &closed)?;
        }
        Ok(closed)
    };
    Ok(record()?)
}

/// Files of the paid folder that no purchase names: each may be the result of a purchase that was cut off
/// before it could be recorded.
///
/// # Errors
/// `MoneyError` if a folder cannot be listed.
pub fn unclaimed(session: &Session, config: &Config) -> Result<Vec<RelPath>, MoneyError> {
    let raws = session.raws(&config.paid_dir).list()?;
    let purchases = journal(session, config).read_all()?.purchases;
    let path = |(hex, extension): &(String, String)| {
        RelPath::new(&format!("{}/raw/{hex}.{extension}", config.paid_dir)).ok()
    };
    Ok(recover::unclaimed(&raws, &purchases).into_iter().filter_map(path).collect())
}

/// Records what a person says about a purchase.
///
/// # Errors
/// `MoneyError` if its outcome is not unknown, or the journal cannot be written.
pub fn resolve(
    session: &Session,
    config: &Config,
    purchase: &Purchase,
    resolution: Resolution,
    at: &str,
) -> Result<Purchase, MoneyError> {
    let journal = journal(session, config);
    // A job that nobody will ask about any more.
    let purchase = match purchase.state {
        State::Submitted => journal.change(&purchase.id, &recover::lose_track(at.to_owned()))?,
        _ => purchase.clone(),
    };
    let closed = recover::resolve(&journal, &purchase, resolution, at)?;
    if let Some(home) = session.second_home() {
        journal.copy_to(home, &closed)?;
    }
    Ok(closed)
}
