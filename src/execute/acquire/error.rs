//! Why nothing was acquired.

use std::io;
use std::path::PathBuf;

use crate::base::Digest;
use crate::generate::GenerateError;
use crate::purchase::{JournalError, PurchaseId, RawError};

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
    /// There is no room on the disk for what would come.
    #[error("nothing is asked for without room to keep it")]
    NoRoom(#[source] io::Error),
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
    /// It was asked for before, and nobody knows whether it was billed.
    #[error(
        "purchase {id} may have been billed ({words}); look it up at the provider, then: assetbuild \
         recover {id} --billed, --not-billed, --retry or --found FILE"
    )]
    Unknown {
        /// The purchase.
        id: PurchaseId,
        /// What happened.
        words: String,
    },
    /// The provider still works on it.
    #[error(
        "purchase {id} is not finished ({words}); the next build asks about it, and assetbuild recover \
         {id} --cancel gives it up"
    )]
    Running {
        /// The purchase.
        id: PurchaseId,
        /// What is known.
        words: String,
    },
    /// A cap is in the way.
    #[error("not bought: {0}")]
    Refused(String),
    /// The run was stopped before anything was asked for.
    #[error("stopped before it was bought")]
    Stopped,
}
