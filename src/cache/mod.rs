//! The store of what can be made again.
//!
//! Everything here may be lost at any time and costs only time then: blobs and action results are
//! made again, the snapshot is written again. What money bought lives in `purchase`. The layout on
//! disk is specified in docs/design/cache-format.md.

pub mod cas;
pub mod dir;
pub mod gc;
pub mod runs;

#[cfg(test)]
mod child;

pub use cas::{Cas, CasError, LocalCas, StoredBlob};
pub use dir::{CacheDir, CacheDirError};
pub use gc::{BlobReport, GcPlan, plan_gc, run_gc, verify_blobs};
pub use runs::{DeadRun, IntegrateLock, Run, RunError, RunId};
