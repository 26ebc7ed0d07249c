//! Why an action failed.

use crate::base::{Digest, Encoding, RelPath};
use crate::cache::{ActionCacheError, CasError};
use crate::execute::acquire::AcquireError;
use crate::execute::buying::Trouble;
use crate::execute::fallback::Setback;
use crate::generate::{GenerateError, InputError};
use crate::process::ProcessError;

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The raw material could not be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A file that a step reads cannot be read.
    #[error("failed to read {path}")]
    Source {
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: InputError,
    },
    /// A step failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Checks rejected the result, or it has nothing in it.
    #[error("{}", rejected(why, *others, bought.as_deref()))]
    Rejected {
        /// Why the first one was.
        why: String,
        /// How many other results were tried in its place.
        others: usize,
        /// Id of the asset, if another result can be bought.
        bought: Option<String>,
    },
    /// A blob could not be kept.
    #[error("failed to keep a result in the cache")]
    Store(#[from] CasError),
    /// The record of a result could not be read or written.
    #[error("failed to use the action cache")]
    Cache(#[from] ActionCacheError),
    /// A provider was not even asked.
    #[error("{why}")]
    NotAsked {
        /// Why.
        why: String,
        /// What that means for the exit code.
        trouble: Trouble,
        /// What it means for who is asked next.
        setback: Setback,
    },
    /// What cannot be made again was not acquired.
    #[error(transparent)]
    Acquire(#[from] AcquireError),
    /// Acquired raw material is in no store.
    #[error("the bought file {0} is in none of the stores")]
    RawMissing(Digest),
    /// Acquired raw material is of another kind than the asset.
    #[error("the bought file {digest} is {}, which this asset cannot be made from", .encoding.extension())]
    RawWrong {
        /// The file.
        digest: Digest,
        /// What it is.
        encoding: Encoding,
    },
    /// A program that should always make the same did not.
    #[error(
        "`{0}` made something else than before from the same inputs; delete `exact: true`, or keep \
         the new result with --refresh"
    )]
    NotExact(String),
}

fn rejected(why: &str, others: usize, bought: Option<&str>) -> String {
    let told = match others {
        0 => why.to_owned(),
        1 => format!("{why}; another result was rejected as well"),
        _ => format!("{why}; {others} other results were rejected as well"),
    };
    match bought {
        Some(id) => format!("{told}; assetbuild reroll {id} buys one more"),
        None => told,
    }
}
