//! The store of what can be made again.
//!
//! Everything here may be lost at any time and costs only time then: blobs and action results are
//! made again, the snapshot is written again. What money bought lives in `purchase`. The layout on
//! disk is specified in docs/design/cache-format.md.

pub mod action_cache;
pub mod cas;
pub mod dir;
pub mod gc;
pub mod rows;
pub mod runs;
pub mod state;

mod codec;

#[cfg(test)]
mod child;

pub use action_cache::{ActionCache, ActionCacheError, ActionResult, Batch, Keep, Pruned};
pub use cas::{Cas, CasError, LocalCas, StoredBlob};
pub use dir::{CacheDir, CacheDirError};
pub use gc::{BlobReport, GcPlan, plan_gc, run_gc, verify_blobs};
pub use rows::{RowTable, Rows};
pub use runs::{DeadRun, IntegrateLock, Run, RunError, RunId};
pub use state::{RebuildReason, STATE_FORMAT, State, StateError, StateNotice};
