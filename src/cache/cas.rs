//! Content-addressed storage: digest to bytes.
//!
//! A blob is checked whenever it is read. One that is truncated or altered is deleted and reported
//! as absent, so the action that made it simply runs again. Blobs lie in 256 folders by the first
//! byte of their hash (`derived/3f/3fa4…`): 400 files per folder at 100,000 blobs. Which blobs a run
//! used is collected in memory and handed to the database in one batch, since file times cannot be
//! trusted for that (docs/design/cache-format.md).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::base::Digest;
use crate::cache::dir::{CacheDir, replace_file};

/// Stores bytes under their digest.
pub trait Cas: Send + Sync {
    /// The bytes of a digest; none if they are not here or are damaged.
    ///
    /// # Errors
    /// `CasError` when the store itself fails.
    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, CasError>;

    /// Stores bytes and returns their digest; bytes that are here already cost no write.
    ///
    /// # Errors
    /// `CasError` when the store itself fails.
    fn put(&self, bytes: &[u8]) -> Result<Digest, CasError>;

    /// Whether a blob of that name and size is here; its content is not read.
    ///
    /// # Errors
    /// `CasError` when the store itself fails.
    fn contains(&self, digest: &Digest) -> Result<bool, CasError>;

    /// The local file that holds the blob, for stores that have one and blobs that are here.
    fn path_of(&self, digest: &Digest) -> Option<PathBuf>;

    /// Writes the bytes of a digest to `target`; false if they are not here or are damaged, and
    /// then `target` may hold a part of them.
    ///
    /// # Errors
    /// `CasError` when the store or `target` fails.
    fn copy_to(&self, digest: &Digest, target: &mut dyn Write) -> Result<bool, CasError> {
        let Some(bytes) = self.get(digest)? else { return Ok(false) };
        target.write_all(&bytes).map_err(|source| CasError::Copy { digest: *digest, source })?;
        Ok(true)
    }
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum CasError {
    /// A blob or its folder cannot be read.
    #[error("read from the blob store at `{path}`")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A blob cannot be written or deleted.
    #[error("write to the blob store at `{path}`")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file that a blob is copied to cannot be written.
    #[error("copy blob {digest} out of the store")]
    Copy {
        /// The blob.
        digest: Digest,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The blobs of free actions below `.assetcache/derived`.
#[derive(Debug)]
pub struct LocalCas {
    dir: PathBuf,
    accessed: Mutex<HashSet<[u8; 32]>>,
}

/// A blob as the folder shows it: the hash of its name, and the size it has on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredBlob {
    /// The hash that the file's name says.
    pub hash: [u8; 32],
    /// Size on disk in bytes; another one than when it was stored if the file is damaged.
    pub size: u64,
}

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
# Outputs of assetbuild that can be made again; backups may leave them out.\n";

impl LocalCas {
    /// The store of a cache folder; nothing is created before the first `put`.
    pub fn new(cache: &CacheDir) -> Self {
        Self { dir: cache.derived(), accessed: Mutex::default() }
    }

    /// Takes the hashes of the blobs that were read or stored since the last call, sorted: what
    /// `State::record_access` writes down for `gc`.
    pub fn take_accessed(&self) -> Vec<[u8; 32]> {
        let mut hashes: Vec<_> = std::mem::take(&mut *self.lock_accessed()).into_iter().collect();
        hashes.sort_unstable();
        hashes
    }

    /// Every blob in the store, sorted by hash.
    ///
    /// # Errors
    /// `CasError::Read` when a folder cannot be listed.
    pub fn blobs(&self) -> Result<Vec<StoredBlob>, CasError> {
        let mut blobs = Vec::new();
        for shard in list_names(&self.dir)? {
            if shard.len() != 2 {
                continue;
            }
            let shard = self.dir.join(shard);
            if !shard.is_dir() {
                continue;
            }
            for name in list_names(&shard)? {
                let Ok(hash) = blake3::Hash::from_hex(&name) else { continue };
                match fs::metadata(shard.join(&name)) {
                    Ok(file) => blobs.push(StoredBlob { hash: *hash.as_bytes(), size: file.len() }),
                    // Another process deleted it meanwhile.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(source) => return Err(CasError::Read { path: shard.join(name), source }),
                }
            }
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// Deletes a blob; whether it was there.
    ///
    /// # Errors
    /// `CasError::Write` when the file cannot be deleted.
    pub fn remove(&self, hash: &[u8; 32]) -> Result<bool, CasError> {
        let path = self.file_of(hash);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CasError::Write { path, source }),
        }
    }

    /// Deletes what interrupted writes left behind; returns the bytes freed. Only for a run that is
    /// alone: a living writer's file is among them.
    ///
    /// # Errors
    /// `CasError` when the folder cannot be listed or a file not deleted.
    pub fn sweep_temp_files(&self) -> Result<u64, CasError> {
        let mut freed = 0;
        for name in list_names(&self.dir)? {
            if !name.ends_with(".tmp") {
                continue;
            }
            let path = self.dir.join(name);
            freed += fs::metadata(&path).map_or(0, |file| file.len());
            fs::remove_file(&path).map_err(|source| CasError::Write { path, source })?;
        }
        Ok(freed)
    }

    /// The file of a blob, there or not.
    pub(super) fn file_of(&self, hash: &[u8; 32]) -> PathBuf {
        let hex = blake3::Hash::from_bytes(*hash).to_hex();
        self.dir.join(&hex[..2]).join(hex.as_str())
    }

    fn touch(&self, digest: &Digest) {
        self.lock_accessed().insert(digest.hash);
    }

    fn lock_accessed(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.accessed.lock().expect("no code panics while it holds the lock")
    }

    /// Opens a blob of the right size; a file of another size is deleted.
    fn open(&self, digest: &Digest) -> Result<Option<(PathBuf, File)>, CasError> {
        let path = self.file_of(&digest.hash);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((metadata, file)) if metadata.is_file() && metadata.len() == digest.size => {
                Ok(Some((path, file)))
            }
            Ok((metadata, _)) if metadata.is_file() => {
                self.remove(&digest.hash)?;
                Ok(None)
            }
            Ok(_) => Err(CasError::Read { path, source: io::Error::from(ErrorKind::IsADirectory) }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CasError::Read { path, source }),
        }
    }

    /// Makes the folder and its tag, once the first write has failed for want of it.
    fn create_dir(&self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        fs::write(self.dir.join("CACHEDIR.TAG"), TAG)
    }
}

impl Cas for LocalCas {
    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, CasError> {
        let Some((path, mut file)) = self.open(digest)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(usize::try_from(digest.size).unwrap_or(0));
        file.read_to_end(&mut bytes).map_err(|source| CasError::Read { path, source })?;
        if Digest::of(&bytes) != *digest {
            self.remove(&digest.hash)?;
            return Ok(None);
        }
        self.touch(digest);
        Ok(Some(bytes))
    }

    fn put(&self, bytes: &[u8]) -> Result<Digest, CasError> {
        let digest = Digest::of(bytes);
        let path = self.file_of(&digest.hash);
        let present = fs::metadata(&path).is_ok_and(|file| file.len() == digest.size);
        if !present {
            let replace = || replace_file(&self.dir, &path, &[bytes]);
            let written = match replace() {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.create_dir().and_then(|()| replace())
                }
                result => result,
            };
            written.map_err(|source| CasError::Write { path, source })?;
        }
        self.touch(&digest);
        Ok(digest)
    }

    fn contains(&self, digest: &Digest) -> Result<bool, CasError> {
        let path = self.file_of(&digest.hash);
        match fs::metadata(&path) {
            Ok(file) => Ok(file.is_file() && file.len() == digest.size),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CasError::Read { path, source }),
        }
    }

    fn path_of(&self, digest: &Digest) -> Option<PathBuf> {
        self.contains(digest).is_ok_and(|here| here).then(|| self.file_of(&digest.hash))
    }

    fn copy_to(&self, digest: &Digest, target: &mut dyn Write) -> Result<bool, CasError> {
        let Some((path, mut file)) = self.open(digest)? else { return Ok(false) };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; usize::try_from(digest.size).unwrap_or(BUFFER).clamp(1, BUFFER)];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => &buffer[..read],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(CasError::Read { path, source }),
            };
            hasher.update(read);
            target.write_all(read).map_err(|source| CasError::Copy { digest: *digest, source })?;
        }
        if hasher.count() != digest.size || *hasher.finalize().as_bytes() != digest.hash {
            self.remove(&digest.hash)?;
            return Ok(false);
        }
        self.touch(digest);
        Ok(true)
    }
}

/// Bytes copied at a time.
const BUFFER: usize = 128 * 1024;

/// The names in a folder, sorted; none if the folder is missing. Names that are not UTF-8 are not ours.
pub(super) fn list_names(dir: &Path) -> Result<Vec<String>, CasError> {
    let at = |source| CasError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(at(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(at)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, LocalCas) {
        let project = tempfile::tempdir().expect("a temp folder");
        let cas = LocalCas::new(&CacheDir::of_project(project.path()));
        (project, cas)
    }

    #[test]
    fn bytes_come_back_by_digest() {
        let (project, cas) = store();
        let digest = cas.put(b"coin").expect("stored");
        assert_eq!(cas.get(&digest).expect("readable").as_deref(), Some(&b"coin"[..]));
        let path = cas.path_of(&digest).expect("it is local");
        let hex = digest.hex();
        assert!(path.ends_with(format!("derived/{}/{hex}", &hex[..2])), "{path:?}");
        let mut copy = Vec::new();
        assert!(cas.copy_to(&digest, &mut copy).expect("readable"));
        assert_eq!(copy, b"coin");
        let tag = fs::read_to_string(project.path().join(".assetcache/derived/CACHEDIR.TAG"));
        assert!(tag.expect("written").starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    }

    #[test]
    fn an_absent_blob_is_none_and_no_error() {
        let (_project, cas) = store();
        let digest = Digest::of(b"never stored");
        assert_eq!(cas.get(&digest).expect("no error"), None);
        assert!(!cas.contains(&digest).expect("no error"));
        assert_eq!(cas.path_of(&digest), None);
        assert!(!cas.copy_to(&digest, &mut Vec::new()).expect("no error"));
        assert_eq!(cas.blobs().expect("no error"), Vec::new());
        assert_eq!(cas.sweep_temp_files().expect("no error"), 0);
    }

    #[test]
    fn a_damaged_blob_is_deleted_and_can_be_stored_again() {
        for damage in [&b"co"[..], &b"cOin"[..], &b""[..], &b"coin and more"[..]] {
            for streamed in [false, true] {
                let (_project, cas) = store();
                let digest = cas.put(b"coin").expect("stored");
                let path = cas.path_of(&digest).expect("local");
                fs::write(&path, damage).expect("writable");
                if streamed {
                    assert!(!cas.copy_to(&digest, &mut Vec::new()).expect("no error"));
                } else {
                    assert_eq!(cas.get(&digest).expect("no error"), None);
                }
                assert!(!path.exists(), "{damage:?}");
                cas.put(b"coin").expect("stored again");
                assert_eq!(cas.get(&digest).expect("readable").as_deref(), Some(&b"coin"[..]));
            }
        }
    }

    #[test]
    fn storing_twice_writes_once() {
        let (_project, cas) = store();
        let digest = cas.put(b"coin").expect("stored");
        let path = cas.path_of(&digest).expect("local");
        let before = fs::metadata(&path).expect("there").modified().expect("supported");
        cas.put(b"coin").expect("stored");
        assert_eq!(fs::metadata(&path).expect("there").modified().expect("supported"), before);
        assert_eq!(cas.blobs().expect("listed"), [StoredBlob { hash: digest.hash, size: 4 }]);
    }

    #[test]
    fn reads_and_writes_are_remembered_for_gc_and_misses_are_not() {
        let (_project, cas) = store();
        let coin = cas.put(b"coin").expect("stored");
        assert_eq!(cas.take_accessed(), [coin.hash]);
        assert_eq!(cas.take_accessed(), [[0; 32]; 0]);
        cas.get(&Digest::of(b"x")).expect("no error");
        assert_eq!(cas.take_accessed(), [[0; 32]; 0]);
        cas.get(&coin).expect("no error");
        assert_eq!(cas.take_accessed(), [coin.hash]);
    }

    #[test]
    fn interrupted_writes_are_swept_and_foreign_files_ignored() {
        let (project, cas) = store();
        cas.put(b"coin").expect("stored");
        let derived = project.path().join(".assetcache/derived");
        fs::write(derived.join("0123.tmp"), "half").expect("writable");
        fs::write(derived.join("notes"), "mine").expect("writable");
        fs::create_dir(derived.join("zz")).expect("writable");
        fs::write(derived.join("zz/readme"), "mine").expect("writable");
        assert_eq!(cas.sweep_temp_files().expect("swept"), 4);
        assert_eq!(cas.blobs().expect("listed").len(), 1);
        assert!(derived.join("notes").exists());
    }

    #[test]
    fn a_store_that_cannot_be_used_is_a_typed_error() {
        let project = tempfile::tempdir().expect("a temp folder");
        let cache = CacheDir::of_project(project.path());
        cache.ensure().expect("writable");
        fs::write(cache.derived(), "a file").expect("writable");
        let cas = LocalCas::new(&cache);
        assert!(matches!(cas.put(b"coin"), Err(CasError::Write { .. })));
        assert!(matches!(cas.blobs(), Err(CasError::Read { .. })));
    }

    #[test]
    fn a_target_that_cannot_be_written_is_told_apart_from_a_damaged_blob() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (_project, cas) = store();
        let digest = cas.put(b"coin").expect("stored");
        assert!(matches!(cas.copy_to(&digest, &mut Full), Err(CasError::Copy { .. })));
        assert!(cas.contains(&digest).expect("no error"));
    }

    #[test]
    fn many_threads_may_store_the_same_bytes() {
        let (_project, cas) = store();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for byte in 0..50_u8 {
                        cas.put(&[byte; 100]).expect("stored");
                    }
                });
            }
        });
        let blobs = cas.blobs().expect("listed");
        assert_eq!(blobs.len(), 50);
        assert!(blobs.iter().all(|blob| blob.size == 100));
        assert_eq!(cas.sweep_temp_files().expect("no error"), 0);
    }
}
