//! States of a purchase, and the only changes between them.

use crate::base::Digest;
use crate::purchase::record::{Basis, Purchase};

/// How far a purchase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Money is set aside; no request has left.
    Reserved,
    /// The request may have left: from here on money may be gone.
    Submitted,
    /// The raw bytes are on disk.
    Received,
    /// Paid, with its final cost as far as it is known. Final.
    Settled,
    /// No result, and no charge but the recorded one: refused, or not billed by a person's word.
    /// Final.
    Failed,
    /// No request left. Final.
    Released,
    /// The request left and nobody knows the outcome; counts as spent.
    Unknown,
    /// Billed, and the result is gone. Final.
    Lost,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Reserved,
        Self::Submitted,
        Self::Received,
        Self::Settled,
        Self::Failed,
        Self::Released,
        Self::Unknown,
        Self::Lost,
    ];

    /// The word in files, JSON and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Submitted => "submitted",
            Self::Received => "received",
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Released => "released",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
        }
    }

    /// The state of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether no change leads on.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Failed | Self::Released | Self::Lost)
    }
}

/// A change of a purchase. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `reserved` → `submitted`: written before the request leaves.
    Submit {
        /// When.
        at: String,
        /// The key that all attempts of this purchase carry.
        idempotency_key: String,
    },
    /// `submitted` stays: the provider named the request or its job.
    Identify {
        /// The provider's id of the request.
        request_id: Option<String>,
        /// The provider's id of the job, by which a lost result is found again.
        job_id: Option<String>,
    },
    /// `submitted` or `unknown` → `received`: written after the raw bytes are on disk.
    Receive {
        /// When.
        at: String,
        /// The raw bytes.
        raw: Digest,
        /// The extension of their file.
        extension: String,
        /// What the provider says about them.
        answer: Answer,
    },
    /// `received` → `settled`.
    Settle {
        /// When.
        at: String,
        /// Millionths of the purchase's unit; none if unknown.
        cost_micros: Option<i64>,
        /// Where the cost is known from.
        basis: Basis,
    },
    /// `submitted` or `unknown` → `failed`.
    Fail {
        /// When.
        at: String,
        /// The provider's words.
        refusal: Option<String>,
        /// What it charged all the same.
        cost_micros: Option<i64>,
    },
    /// `reserved` → `released`.
    Release {
        /// When.
        at: String,
    },
    /// `submitted` → `unknown`.
    LoseTrack {
        /// When.
        at: String,
        /// What happened, for a person who must decide.
        reason: String,
        /// An answer that cannot be judged, kept: its bytes and extension.
        kept: Option<(Digest, String)>,
    },
    /// `unknown` → `lost`: a person says that it was billed.
    WriteOff {
        /// When.
        at: String,
    },
}

/// What a provider says about a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Model that made it.
    pub model_used: Option<String>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// Seed that was used.
    pub seed: Option<i64>,
    /// The prompt as the provider changed it.
    pub revised_prompt: Option<String>,
    /// What it says that the result cost, in millionths of the purchase's unit.
    pub cost_micros: Option<i64>,
}

/// A change that does not lead on from a purchase's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a purchase that is {} cannot {change}", from.as_str())]
pub struct IllegalChange {
    /// The state.
    pub from: State,
    /// The change, as a verb.
    pub change: &'static str,
}

impl Change {
    /// The state that the change leads to, from `from`.
    ///
    /// # Errors
    /// `IllegalChange` for every pair that is not in the diagram of the design note.
    pub fn leads_to(&self, from: State) -> Result<State, IllegalChange> {
        let illegal = |change| Err(IllegalChange { from, change });
        match (self, from) {
            (Self::Submit { .. }, State::Reserved) => Ok(State::Submitted),
            (Self::Identify { .. }, State::Submitted) => Ok(State::Submitted),
            (Self::Receive { .. }, State::Submitted | State::Unknown) => Ok(State::Received),
            (Self::Settle { .. }, State::Received) => Ok(State::Settled),
            (Self::Fail { .. }, State::Submitted | State::Unknown) => Ok(State::Failed),
            (Self::Release { .. }, State::Reserved) => Ok(State::Released),
            (Self::LoseTrack { .. }, State::Submitted) => Ok(State::Unknown),
            (Self::WriteOff { .. }, State::Unknown) => Ok(State::Lost),
            (Self::Submit { .. }, _) => illegal("be submitted"),
            (Self::Identify { .. }, _) => illegal("be identified"),
            (Self::Receive { .. }, _) => illegal("be received"),
            (Self::Settle { .. }, _) => illegal("be settled"),
            (Self::Fail { .. }, _) => illegal("fail"),
            (Self::Release { .. }, _) => illegal("be released"),
            (Self::LoseTrack { .. }, _) => illegal("become unknown"),
            (Self::WriteOff { .. }, _) => illegal("be written off"),
        }
    }
}

impl Purchase {
    /// The purchase after `change`; the one place where the state changes.
    ///
    /// # Errors
    /// `IllegalChange` if the change does not lead on from the state.
    pub fn changed(&self, change: &Change) -> Result<Self, IllegalChange> {
        let mut next = self.clone();
        next.state = change.leads_to(self.state)?;
        match change.clone() {
            Change::Submit { at, idempotency_key } => {
                next.submitted_at = Some(at);
                next.idempotency_key = Some(idempotency_key);
            }
            Change::Identify { request_id, job_id } => {
                next.request_id = request_id.or(next.request_id);
                next.job_id = job_id.or(next.job_id);
            }
            Change::Receive { at, raw, extension, answer } => {
                let Answer { model_used, request_id, seed, revised_prompt, cost_micros } = answer;
                next.received_at = Some(at);
                next.closed_at = None;
                next.raw = Some(raw);
                next.extension = Some(extension);
                next.refusal = None;
                next.model_used = model_used;
                next.request_id = request_id.or(next.request_id);
                next.seed = seed.or(next.seed);
                next.revised_prompt = revised_prompt;
                // Kept before it is settled: a crash in between must not turn it into an estimate.
                if cost_micros.is_some() {
                    next.cost_micros = cost_micros;
                    next.basis = Basis::Reported;
                }
            }
            Change::Settle { at, cost_micros, basis } => {
                next.closed_at = Some(at);
                next.cost_micros = cost_micros;
                next.basis = if cost_micros.is_some() { basis } else { Basis::Unknown };
            }
            Change::Fail { at, refusal, cost_micros } => {
                next.closed_at = Some(at);
                next.refusal = refusal.or(next.refusal);
                next.cost_micros = cost_micros;
                // More than nothing is a guess: what was set aside.
                if cost_micros == Some(0) {
                    next.basis = Basis::Reported;
                }
            }
            Change::Release { at } | Change::WriteOff { at } => next.closed_at = Some(at),
            Change::LoseTrack { at, reason, kept } => {
                next.closed_at = Some(at);
                next.refusal = Some(reason);
                if let Some((raw, extension)) = kept {
                    next.raw = Some(raw);
                    next.extension = Some(extension);
                }
            }
        }
        Ok(next)
    }
}
