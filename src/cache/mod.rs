//! The store of what can be made again.
//!
//! Everything here may be lost at any time and costs only time then: blobs and action results are
//! made again, the snapshot is written again. What money bought lives in `purchase`. The layout on
//! disk is specified in docs/design/cache-format.md.

pub mod action_cache;
pub mod cas;
pub mod dir;
pub mod file_memo;
pub mod gc;
pub mod runs;
pub mod scan;
pub mod snapshot;
pub mod stamp;
pub mod state;

mod codec;
mod dir_handle;

#[cfg(test)]
mod child;

pub use action_cache::{ActionCache, ActionCacheError, ActionResult, Batch, Keep, Pruned};
pub use cas::{Cas, CasError, LocalCas, StoredBlob};
pub use dir::{CacheDir, CacheDirError};
pub use file_memo::{Content, FileError, FileMemo, ProjectFiles, Recorded, Stat};
pub use gc::{BlobReport, GcPlan, plan_gc, run_gc, verify_blobs};
pub use runs::{DeadRun, Run, RunError, RunId};
pub use scan::{KeepFile, ListedFile, Listing};
pub use snapshot::{Snapshot, SnapshotError, SnapshotWriter};
pub use stamp::Stamp;
pub use state::{RebuildReason, STATE_FORMAT, State, StateError, StateNotice};
