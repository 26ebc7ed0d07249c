//! What to delete from the blob store, and whether what it holds is whole.
//!
//! A blob that the present project still needs is never deleted; the others go in the order of
//! their last use until the store fits its budget. Deciding and deleting are two functions, so a
//! dry run shows exactly what would go.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;

use rayon::prelude::*;

use crate::base::Digest;
use crate::cache::cas::{CasError, LocalCas, StoredBlob};

/// Which blobs go, and what that frees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcPlan {
    /// Blobs to delete, least recently used first.
    pub remove: Vec<StoredBlob>,
    /// Bytes that they hold.
    pub freed: u64,
    /// Bytes that remain; above the budget when the reachable blobs alone are.
    pub kept: u64,
}

/// Decides which of `blobs` to delete so that the store holds at most `budget` bytes.
///
/// `reachable`: blobs that stay in any case. `last_used`: seconds since 1970 of the last read or
/// write; a blob that is not in it counts as the oldest.
pub fn plan_gc(
    blobs: &[StoredBlob],
    reachable: &HashSet<Digest>,
    last_used: &HashMap<[u8; 32], u64>,
    budget: u64,
) -> GcPlan {
    let reachable: HashSet<[u8; 32]> = reachable.iter().map(|digest| digest.hash).collect();
    let mut plan = GcPlan { kept: blobs.iter().map(|blob| blob.size).sum(), ..GcPlan::default() };
    let mut candidates: Vec<_> =
        blobs.iter().filter(|blob| !reachable.contains(&blob.hash)).copied().collect();
    candidates.sort_by_key(|blob| (last_used.get(&blob.hash).copied().unwrap_or(0), blob.hash));
    for blob in candidates {
        if plan.kept <= budget {
            break;
        }
        plan.kept -= blob.size;
        plan.freed += blob.size;
        plan.remove.push(blob);
    }
    plan
}

/// Deletes what a plan names; returns the bytes freed. A blob that is gone already frees nothing.
///
/// # Errors
/// `CasError::Write` at the first file that cannot be deleted.
pub fn run_gc(cas: &LocalCas, plan: &GcPlan) -> Result<u64, CasError> {
    let mut freed = 0;
    for blob in &plan.remove {
        if cas.remove(&blob.hash)? {
            freed += blob.size;
        }
    }
    Ok(freed)
}

/// What `verify_blobs` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobReport {
    /// Blobs read.
    pub checked: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Blobs whose content has another hash than their name, sorted by hash.
    pub broken: Vec<StoredBlob>,
}

/// Reads every blob and compares its hash with its name; deletes nothing.
///
/// # Errors
/// `CasError::Read` when a folder or a blob cannot be read.
pub fn verify_blobs(cas: &LocalCas) -> Result<BlobReport, CasError> {
    let blobs = cas.blobs()?;
    let checks = blobs.par_iter().map(|blob| Ok((*blob, is_whole(cas, blob)?)));
    let mut report = BlobReport::default();
    for (blob, whole) in checks.collect::<Result<Vec<_>, CasError>>()? {
        report.checked += 1;
        report.bytes += blob.size;
        if !whole {
            report.broken.push(blob);
        }
    }
    Ok(report)
}

fn is_whole(cas: &LocalCas, blob: &StoredBlob) -> Result<bool, CasError> {
    let path = cas.file_of(&blob.hash);
    let mut hasher = blake3::Hasher::new();
    let read = File::open(&path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    match read {
        Ok(()) => Ok(*hasher.finalize().as_bytes() == blob.hash),
        // Deleted since it was listed: nothing is broken.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(CasError::Read { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::cas::Cas as _;
    use crate::cache::dir::CacheDir;

    fn blob(byte: u8, size: u64) -> StoredBlob {
        StoredBlob { hash: [byte; 32], size }
    }

    fn reachable(bytes: &[u8]) -> HashSet<Digest> {
        bytes.iter().map(|&byte| Digest { hash: [byte; 32], size: 1 }).collect()
    }

    #[test]
    fn the_least_recently_used_go_first_until_the_budget_holds() {
        let blobs = [blob(1, 10), blob(2, 10), blob(3, 10), blob(4, 10)];
        let used = HashMap::from([([1; 32], 300), ([2; 32], 100), ([3; 32], 200)]);
        let plan = plan_gc(&blobs, &HashSet::new(), &used, 20);
        assert_eq!(plan.remove, [blob(4, 10), blob(2, 10)]);
        assert_eq!((plan.freed, plan.kept), (20, 20));
    }

    #[test]
    fn what_the_project_needs_stays_even_above_the_budget() {
        let blobs = [blob(1, 10), blob(2, 10)];
        let plan = plan_gc(&blobs, &reachable(&[1]), &HashMap::new(), 0);
        assert_eq!(plan.remove, [blob(2, 10)]);
        assert_eq!(plan.kept, 10);
    }

    #[test]
    fn a_store_within_its_budget_loses_nothing() {
        let plan = plan_gc(&[blob(1, 10)], &HashSet::new(), &HashMap::new(), 10);
        assert_eq!(plan, GcPlan { kept: 10, ..GcPlan::default() });
    }

    #[test]
    fn a_plan_deletes_nothing_before_it_is_run() {
        let project = tempfile::tempdir().expect("a temp folder");
        let cas = LocalCas::new(&CacheDir::of_project(project.path()));
        let kept = cas.put(b"kept").expect("stored");
        let gone = cas.put(b"gone!").expect("stored");
        let blobs = cas.blobs().expect("listed");
        let plan = plan_gc(&blobs, &HashSet::from([kept]), &HashMap::new(), 0);
        assert_eq!(plan.freed, 5);
        assert!(cas.contains(&gone).expect("a dry run"));
        assert_eq!(run_gc(&cas, &plan).expect("deleted"), 5);
        assert!(!cas.contains(&gone).expect("no error"));
        assert!(cas.contains(&kept).expect("no error"));
        assert_eq!(run_gc(&cas, &plan).expect("nothing left to do"), 0);
    }

    #[test]
    fn verify_lists_broken_blobs_and_keeps_them() {
        let project = tempfile::tempdir().expect("a temp folder");
        let cas = LocalCas::new(&CacheDir::of_project(project.path()));
        cas.put(b"whole").expect("stored");
        let broken = cas.put(b"broken").expect("stored");
        std::fs::write(cas.path_of(&broken).expect("local"), "brokeN").expect("writable");
        let report = verify_blobs(&cas).expect("readable");
        assert_eq!((report.checked, report.bytes), (2, 11));
        assert_eq!(report.broken, [StoredBlob { hash: broken.hash, size: 6 }]);
        assert!(cas.contains(&broken).expect("no error"));
    }
}
