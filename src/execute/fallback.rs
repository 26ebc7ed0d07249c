//! Who may take over when a provider gave nothing.

use crate::execute::acquire::AcquireError;
use crate::execute::buying::Trouble;
use crate::execute::chain::ActionError;
use crate::generate::GenerateError;
use crate::generate::provider::Failure;
use crate::spec::op::FallbackOn;

/// Why a provider gave nothing, as far as it matters for who is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// It is down, or the account is out of money.
    Outage,
    /// It will not make this.
    Refusal,
    /// It has no key, or does not take it.
    Key,
    /// The request is on record as sent, wrong, or not allowed: nobody else is asked.
    Other,
}

impl Setback {
    /// The kind of a provider's failure.
    pub(super) fn of_failure(failure: &Failure) -> Self {
        match failure {
            Failure::Down { .. } | Failure::NoMoney { .. } => Self::Outage,
            Failure::Refused { .. } => Self::Refusal,
            Failure::Unauthorized { .. } => Self::Key,
            Failure::Rejected { .. }
            | Failure::Stopped
            | Failure::Running { .. }
            | Failure::Uncertain { .. } => Self::Other,
        }
    }

    /// The kind of an error.
    pub(super) fn of(error: &ActionError) -> Self {
        match error {
            ActionError::Acquire(AcquireError::Generate(GenerateError::Provider(failure))) => {
                Self::of_failure(failure)
            }
            ActionError::NotAsked { setback, .. } => *setback,
            _ => Self::Other,
        }
    }

    /// Whether the next provider is asked, by what the spec says beyond outages.
    pub(super) fn lets_follow(self, also: &[FallbackOn]) -> bool {
        match self {
            Self::Outage => true,
            Self::Refusal => also.contains(&FallbackOn::Refusal),
            Self::Key => also.contains(&FallbackOn::MissingKey),
            Self::Other => false,
        }
    }
}

impl ActionError {
    /// A provider that was not even asked, for a reason that lets nobody take over.
    pub(super) fn not_asked(why: impl Into<String>, trouble: Trouble) -> Self {
        Self::NotAsked { why: why.into(), trouble, setback: Setback::Other }
    }
}
