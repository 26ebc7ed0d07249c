//! The folder `.assetcache`: where its parts lie, and how a file in it is replaced as a whole.
//!
//! Nothing here is fsynced: what is read back is checked by digest or checksum, so a file that a
//! power cut left torn counts as lost and is made again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The cache folder of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheDir(PathBuf);

/// The cache folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("prepare the cache folder `{path}`")]
pub struct CacheDirError {
    /// The file or folder that could not be made.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl CacheDir {
    /// Name of the folder in the project's root.
    pub const NAME: &'static str = ".assetcache";

    /// The cache folder of the project at `root`; the disk is not touched.
    pub fn of_project(root: &Path) -> Self {
        Self(root.join(Self::NAME))
    }

    /// Creates the folder and its `.gitignore`, which hides all of it from git.
    ///
    /// # Errors
    /// `CacheDirError` when the folder or the file cannot be written.
    pub fn ensure(&self) -> Result<(), CacheDirError> {
        let ignore = self.0.join(".gitignore");
        if ignore.exists() {
            return Ok(());
        }
        let at = |path: &Path| {
            let path = path.to_owned();
            |source| CacheDirError { path, source }
        };
        fs::create_dir_all(&self.0).map_err(at(&self.0))?;
        fs::write(&ignore, "*\n").map_err(at(&ignore))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Blobs of free actions.
    pub fn derived(&self) -> PathBuf {
        self.0.join("derived")
    }

    /// The database.
    pub fn state(&self) -> PathBuf {
        self.0.join("state.redb")
    }

    /// Live runs.
    pub fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }

    /// Folders that programs work in, named after their run.
    pub fn programs(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Locks that keep two processes from buying the same.
    pub fn slots(&self) -> PathBuf {
        self.0.join("slots")
    }

    /// Processed results that a person chooses from, a folder for each asset.
    pub fn review(&self) -> PathBuf {
        self.0.join("review")
    }

    /// The packed record of the last run.
    pub fn snapshot(&self) -> PathBuf {
        self.0.join("snapshot")
    }

    /// The redo record of a commit that has begun.
    pub fn redo_record(&self) -> PathBuf {
        self.runs().join("redo.json")
    }

    /// The lock of those who publish.
    pub fn integrate_lock(&self) -> PathBuf {
        self.0.join("integrate.lock")
    }
}

/// Writes `chunks` to a new file in `temp_dir` and moves it over `path`, so that a reader finds
/// the old content or the whole new one. Both folders must lie on one file system.
pub(super) fn replace_file(temp_dir: &Path, path: &Path, chunks: &[&[u8]]) -> io::Result<()> {
    let temp = temp_dir.join(format!("{}.tmp", unique_name()));
    let written = File::create_new(&temp).and_then(|mut file| {
        chunks.iter().try_for_each(|chunk| file.write_all(chunk))?;
        drop(file);
        move_into_place(&temp, path)
    });
    if written.is_err() {
        // The first error is the one to tell; what remains here is swept by `gc`.
        let _ = fs::remove_file(&temp);
    }
    written
}

/// Writes `pieces`, each with its offset, over what the file at `path` holds, in place; `size`:
/// bytes of the whole file.
///
/// A new file beside it would cost as much again for pages that the system hands out and takes back.
/// So this is for files with a checksum, where half of a write is as good as none.
pub(super) fn overwrite_file(path: &Path, pieces: &[(u64, &[u8])], size: u64) -> io::Result<()> {
    let mut file = File::options().create(true).write(true).truncate(false).open(path)?;
    for (offset, bytes) in pieces {
        file.seek(SeekFrom::Start(*offset))?;
        file.write_all(bytes)?;
    }
    // Even the size that it has would wait for the file system's journal.
    if file.metadata()?.len() == size { Ok(()) } else { file.set_len(size) }
}

/// Renames, and makes the target's folder only if that turns out to be missing.
fn move_into_place(temp: &Path, path: &Path) -> io::Result<()> {
    match fs::rename(temp, path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().ok_or(error)?;
            fs::create_dir_all(parent)?;
            fs::rename(temp, path)
        }
        result => result,
    }
}

/// A name that no other process and no other call uses: 16 random hex digits and a counter.
pub(super) fn unique_name() -> String {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = *PROCESS.get_or_init(random_u64);
    format!("{process:016x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Random bits from the system.
pub(super) fn random_u64() -> u64 {
    getrandom::u64().expect("every supported system has a source of randomness")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_hides_itself_from_git() {
        let project = tempfile::tempdir().expect("a temp folder");
        let cache = CacheDir::of_project(project.path());
        cache.ensure().expect("the folder is writable");
        cache.ensure().expect("a second time changes nothing");
        let ignore = fs::read_to_string(project.path().join(".assetcache/.gitignore"));
        assert_eq!(ignore.expect("it was written"), "*\n");
    }

    #[test]
    fn a_file_in_the_folders_place_is_a_typed_error() {
        let project = tempfile::tempdir().expect("a temp folder");
        fs::write(project.path().join(".assetcache"), "").expect("writable");
        let error =
            CacheDir::of_project(project.path()).ensure().expect_err("a file is in the way");
        assert!(error.path.ends_with(".assetcache"));
    }

    #[test]
    fn replacing_leaves_no_temp_file_even_when_it_fails() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let target = dir.path().join("a/b");
        replace_file(dir.path(), &target, &[b"one", b"two"]).expect("the folder is made");
        assert_eq!(fs::read(&target).expect("it is there"), b"onetwo");
        let folder = dir.path().join("a");
        replace_file(dir.path(), &folder, &[b"x"]).expect_err("a folder is in the way");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
    }
}
