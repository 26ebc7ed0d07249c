//! What becomes of purchases whose run is gone, and of those whose outcome nobody knows.

use std::collections::BTreeSet;

use crate::purchase::journal::{Journal, JournalError};
use crate::purchase::record::{Basis, Purchase};
use crate::purchase::state::{Change, IllegalChange, State};

/// What a purchase needs after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing: it is closed, or its run is alive and takes care of it.
    Leave,
    /// A change of the journal, without asking anybody.
    Apply(Change),
    /// The provider is asked about it; without an answer it becomes unknown.
    LookUp,
    /// A person decides: [`resolve`].
    AskPerson,
}

/// What a person says about a purchase with unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The money is gone and the result is lost.
    Billed,
    /// Nothing was billed.
    NotBilled,
    /// As `Billed`, and it is bought again now.
    Retry,
}

/// What a purchase needs, given whether its run is alive and whether its provider can be asked
/// about requests by the ids that are on record.
///
/// `at`: the time of recovery, RFC 3339 in UTC.
pub fn recovery(purchase: &Purchase, run_is_alive: bool, can_look_up: bool, at: &str) -> Recovery {
    let at = at.to_owned();
    match purchase.state {
        State::Settled | State::Failed | State::Released | State::Lost => Recovery::Leave,
        State::Unknown => Recovery::AskPerson,
        State::Reserved | State::Submitted | State::Received if run_is_alive => Recovery::Leave,
        State::Reserved => Recovery::Apply(Change::Release { at }),
        State::Received => Recovery::Apply(settle(purchase, at)),
        // Nothing was at stake: what ran can simply run again.
        State::Submitted if purchase.estimated_micros == Some(0) => {
            let refusal = Some("the run ended before its work did".to_owned());
            Recovery::Apply(Change::Fail { at, refusal, cost_micros: Some(0) })
        }
        State::Submitted => {
            let has_name = purchase.job_id.is_some() || purchase.request_id.is_some();
            if can_look_up && has_name { Recovery::LookUp } else { Recovery::Apply(lose_track(at)) }
        }
    }
}

/// The change for a purchase that the provider was asked about and knows nothing of.
pub fn lose_track(at: String) -> Change {
    let reason = "the run ended after the request left and before its answer was stored";
    Change::LoseTrack { at, reason: reason.to_owned(), kept: None }
}

/// Closes a received purchase; a cost that no answer told is its estimate.
///
/// What was set aside for something of unknown price is no estimate: its cost stays unknown.
pub fn settle(purchase: &Purchase, at: String) -> Change {
    let (cost_micros, basis) = match (purchase.cost_micros, purchase.estimated_micros) {
        (Some(cost), _) => (Some(cost), purchase.basis),
        (None, Some(estimate)) if purchase.basis != Basis::Unknown => {
            (Some(estimate), Basis::Estimated)
        }
        (None, _) => (None, Basis::Unknown),
    };
    Change::Settle { at, cost_micros, basis }
}

/// Applies what needs nobody's answer to all purchases whose run is gone; returns what changed.
///
/// A purchase that another process recovers at the same time is left to it.
///
/// # Errors
/// `JournalError` if a file cannot be read or written; changes made until then stay.
pub fn apply_all(
    journal: &Journal,
    purchases: &[Purchase],
    run_is_alive: impl Fn(&str) -> bool,
    can_look_up: impl Fn(&Purchase) -> bool,
    at: &str,
) -> Result<Vec<Purchase>, JournalError> {
    let mut changed = Vec::new();
    for purchase in purchases {
        let alive = run_is_alive(&purchase.run);
        let Recovery::Apply(change) = recovery(purchase, alive, can_look_up(purchase), at) else {
            continue;
        };
        match journal.change(&purchase.id, &change) {
            Ok(next) => changed.push(next),
            Err(JournalError::Illegal { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

/// Applies a person's decision about a purchase with unknown outcome. Buying again after `Retry`
/// is the caller's: it is a new purchase.
///
/// # Errors
/// `Illegal` if the outcome is not unknown, the others if the file cannot be read or written.
pub fn resolve(
    journal: &Journal,
    purchase: &Purchase,
    resolution: Resolution,
    at: &str,
) -> Result<Purchase, JournalError> {
    if purchase.state != State::Unknown {
        let source = IllegalChange { from: purchase.state, change: "be decided by a person" };
        return Err(JournalError::Illegal { id: purchase.id.clone(), source });
    }
    let at = at.to_owned();
    let change = match resolution {
        Resolution::Billed | Resolution::Retry => Change::WriteOff { at },
        Resolution::NotBilled => Change::Fail { at, refusal: None, cost_micros: Some(0) },
    };
    journal.change(&purchase.id, &change)
}

/// Raw files that no purchase names: what a crash between raw and journal leaves. Each may be the
/// result of a purchase with unknown outcome.
///
/// `raws`: hash and extension, as the raw store lists them.
pub fn unclaimed<'a>(
    raws: &'a [(String, String)],
    purchases: &[Purchase],
) -> Vec<&'a (String, String)> {
    let claimed: BTreeSet<String> =
        purchases.iter().filter_map(|purchase| purchase.raw).map(|raw| raw.hex()).collect();
    raws.iter().filter(|(hex, _)| !claimed.contains(hex)).collect()
}
