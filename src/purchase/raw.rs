//! Raw bytes as providers returned them, by digest, with a second home for every one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::Digest;
use crate::purchase::durable::{self, Existing, WriteError};

/// The raw bytes of a project, below its paid folder.
#[derive(Debug, Clone)]
pub struct RawStore {
    dir: PathBuf,
    second: Option<PathBuf>,
}

/// Raw bytes could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system refused to read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The extension cannot end a file name on every system.
    #[error("`{0}` is not an extension")]
    Extension(String),
}

/// Bytes that were stored.
#[derive(Debug)]
pub struct Stored {
    /// Their digest.
    pub digest: Digest,
    /// What became of the second copy.
    pub second: SecondCopy,
}

/// What became of a copy in the second home.
#[derive(Debug)]
pub enum SecondCopy {
    /// It is there.
    Made,
    /// There is no second home.
    Off,
    /// It could not be made; the first copy is safe.
    Failed(RawError),
    /// It is there, and the first one could not be made.
    Only(RawError),
}

/// Bytes that were found, digest verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Extension of their file.
    pub extension: String,
    /// Where they were.
    pub origin: RawOrigin,
}

/// Where raw bytes were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawOrigin {
    /// In the paid folder.
    Paid,
    /// In the second home.
    SecondHome {
        /// Whether the paid folder has them again.
        healed: bool,
    },
}

/// No good copy of bytes that were paid for is within reach: state `missing-raw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingRaw {
    /// The bytes.
    pub digest: Digest,
    /// What is in their place.
    pub cause: MissingCause,
}

/// What is in the place of missing bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingCause {
    /// No file.
    Absent,
    /// A file with other content.
    Damaged,
    /// A pointer of Git LFS: `git lfs pull` brings the bytes.
    LfsPointer,
}

impl RawStore {
    /// The store below `paid_dir`, with the second home's folder, if it is on.
    pub fn new(paid_dir: &Path, second_home: Option<&Path>) -> Self {
        Self { dir: paid_dir.join("raw"), second: second_home.map(|home| home.join("raw")) }
    }

    /// Stores bytes, on disk when this returns, and once more in the second home. On a full disk the
    /// second home alone will do, which may lie on another one.
    ///
    /// # Errors
    /// If neither copy can be written; one that fails is told in the result.
    pub fn put(&self, bytes: &[u8], extension: &str) -> Result<Stored, RawError> {
        if !is_extension(extension) {
            return Err(RawError::Extension(extension.to_owned()));
        }
        let digest = Digest::of(bytes);
        let name = file_name(digest, extension);
        let path = self.dir.join(&name);
        if let Err(error) = store(&path, digest, bytes) {
            let kept = self.second.as_ref().map(|second| store(&second.join(&name), digest, bytes));
            return match kept {
                Some(Ok(())) => Ok(Stored { digest, second: SecondCopy::Only(error) }),
                _ => Err(error),
            };
        }
        let second = match &self.second {
            None => SecondCopy::Off,
            Some(second) => match link_or_store(&path, &second.join(&name), digest, bytes) {
                Ok(()) => SecondCopy::Made,
                Err(error) => SecondCopy::Failed(error),
            },
        };
        Ok(Stored { digest, second })
    }

    /// Finds bytes: in the paid folder, else in the second home, which then heals the paid folder.
    ///
    /// # Errors
    /// If a file is there and the system refuses to read it. Bytes that are gone or damaged are
    /// no error but `MissingRaw`.
    pub fn get(&self, digest: Digest) -> Result<Result<Raw, MissingRaw>, RawError> {
        let own = find(&self.dir, digest)?;
        if let Found::Good { bytes, extension } = own {
            return Ok(Ok(Raw { bytes, extension, origin: RawOrigin::Paid }));
        }
        let second = match &self.second {
            Some(second) => find(second, digest)?,
            None => Found::Nothing,
        };
        let cause = match (&own, &second) {
            (Found::Bad(cause), _) | (_, Found::Bad(cause)) => *cause,
            _ => MissingCause::Absent,
        };
        let (Found::Good { bytes, extension }, Some(home)) = (second, &self.second) else {
            return Ok(Err(MissingRaw { digest, cause }));
        };
        let name = file_name(digest, &extension);
        // Bytes in hand are good even where the paid folder is read-only.
        let healed =
            link_or_store(&home.join(&name), &self.dir.join(&name), digest, &bytes).is_ok();
        Ok(Ok(Raw { bytes, extension, origin: RawOrigin::SecondHome { healed } }))
    }

    /// How many files of the paid folder have no copy in the second home.
    ///
    /// # Errors
    /// `Read` if the folder is there and cannot be listed.
    pub fn count_single(&self) -> Result<usize, RawError> {
        let has_copy =
            |name: &String| self.second.as_ref().is_some_and(|second| second.join(name).is_file());
        Ok(names(&self.dir)?.into_iter().filter(|name| !has_copy(name)).count())
    }

    /// The digest hashes and extensions of all files in the paid folder, sorted, unread.
    ///
    /// # Errors
    /// `Read` if the folder is there and cannot be listed.
    pub fn list(&self) -> Result<Vec<(String, String)>, RawError> {
        let mut all: Vec<(String, String)> = names(&self.dir)?
            .into_iter()
            .filter_map(|name| {
                name.split_once('.').map(|(hex, ext)| (hex.to_owned(), ext.to_owned()))
            })
            .collect();
        all.sort();
        Ok(all)
    }
}

/// Whether a text can be a raw file's extension: 1 to 8 lower-case letters and digits.
pub(super) fn is_extension(text: &str) -> bool {
    (1..=8).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// How every pointer file of Git LFS begins.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

enum Found {
    Good { bytes: Vec<u8>, extension: String },
    Bad(MissingCause),
    Nothing,
}

fn file_name(digest: Digest, extension: &str) -> String {
    format!("{}.{extension}", digest.hex())
}

/// Reads the file of a digest, whatever its extension, and verifies it.
fn find(folder: &Path, digest: Digest) -> Result<Found, RawError> {
    let hex = digest.hex();
    let mut bad = Found::Nothing;
    for name in names(folder)? {
        let Some(extension) = name.strip_prefix(&hex).and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        let path = folder.join(&name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes.map_err(|source| RawError::Read { path, source })?,
        };
        if Digest::of(&bytes) == digest {
            return Ok(Found::Good { bytes, extension: extension.to_owned() });
        }
        bad = Found::Bad(if bytes.starts_with(LFS_POINTER) {
            MissingCause::LfsPointer
        } else {
            MissingCause::Damaged
        });
    }
    Ok(bad)
}

/// Names of the raw files in a folder, in no order; temporary files are none.
fn names(folder: &Path) -> Result<Vec<String>, RawError> {
    let failed = |source| RawError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let raw = name
            .split_once('.')
            .is_some_and(|(hex, extension)| hex.len() == 64 && is_extension(extension));
        if raw {
            names.push(name);
        }
    }
    Ok(names)
}

/// Writes bytes unless the file has them already; a damaged file is replaced.
fn store(path: &Path, digest: Digest, bytes: &[u8]) -> Result<(), RawError> {
    if fs::read(path).is_ok_and(|there| Digest::of(&there) == digest) {
        return Ok(());
    }
    Ok(durable::write(path, bytes, Existing::Replace)?)
}

/// Links a file to a second place, or writes its bytes there where no link can be made.
fn link_or_store(from: &Path, to: &Path, digest: Digest, bytes: &[u8]) -> Result<(), RawError> {
    let folder = to.parent().filter(|_| !to.exists());
    let linked = folder.is_some_and(|folder| {
        fs::create_dir_all(folder).is_ok()
            && fs::hard_link(from, to).is_ok()
            && durable::sync_folder(folder).is_ok()
    });
    if linked { Ok(()) } else { store(to, digest, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn homes() -> (tempfile::TempDir, RawStore) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = RawStore::new(&dir.path().join("paid"), Some(&dir.path().join("home")));
        (dir, store)
    }

    fn found(store: &RawStore, digest: Digest) -> Result<Raw, MissingRaw> {
        store.get(digest).expect("readable folders")
    }

    #[test]
    fn bytes_are_stored_twice_and_found() {
        let (dir, store) = homes();
        let stored = store.put(b"coin", "png").expect("stored");
        assert!(matches!(stored.second, SecondCopy::Made));
        let name = format!("{}.png", stored.digest.hex());
        for home in ["paid", "home"] {
            assert_eq!(
                fs::read(dir.path().join(home).join("raw").join(&name)).expect("a copy"),
                b"coin"
            );
        }
        let raw = found(&store, stored.digest).expect("found");
        assert_eq!((raw.extension.as_str(), raw.origin), ("png", RawOrigin::Paid));
        assert_eq!(store.list().expect("a list"), [(stored.digest.hex(), "png".to_owned())]);
        store.put(b"coin", "png").expect("storing again changes nothing");
        assert_eq!(store.list().expect("a list").len(), 1);
    }

    #[test]
    fn a_lost_folder_is_healed_from_the_second_home() {
        let (dir, store) = homes();
        let digest = store.put(b"coin", "png").expect("stored").digest;
        fs::remove_dir_all(dir.path().join("paid")).expect("a lost folder");
        let raw = found(&store, digest).expect("found in the second home");
        assert_eq!(raw.origin, RawOrigin::SecondHome { healed: true });
        assert_eq!(found(&store, digest).expect("found at home").origin, RawOrigin::Paid);
    }

    #[test]
    fn damaged_bytes_are_never_returned() {
        let (dir, store) = homes();
        let digest = store.put(b"coin", "png").expect("stored").digest;
        let name = format!("{}.png", digest.hex());
        let own = dir.path().join("paid/raw").join(&name);
        // Replaced, not written in place: the copies may be one file with two names.
        fs::remove_file(&own).expect("removed");
        fs::write(&own, b"co").expect("a cut file");
        let raw = found(&store, digest).expect("found in the second home");
        assert_eq!(raw.origin, RawOrigin::SecondHome { healed: true });
        assert_eq!(fs::read(&own).expect("healed"), b"coin");
        fs::write(&own, b"xxxx").expect("both names damaged");
        fs::write(dir.path().join("home/raw").join(&name), b"xxxx").expect("both damaged");
        assert_eq!(found(&store, digest), Err(MissingRaw { digest, cause: MissingCause::Damaged }));
    }

    #[test]
    fn a_pointer_of_git_lfs_is_no_damage() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = RawStore::new(dir.path(), None);
        let digest = Digest::of(b"coin");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n";
        fs::create_dir(dir.path().join("raw")).expect("a folder");
        fs::write(dir.path().join("raw").join(file_name(digest, "png")), pointer)
            .expect("a pointer");
        assert_eq!(
            found(&store, digest),
            Err(MissingRaw { digest, cause: MissingCause::LfsPointer })
        );
    }

    #[test]
    fn what_is_nowhere_is_missing_and_no_error() {
        let (dir, store) = homes();
        let digest = Digest::of(b"coin");
        assert_eq!(found(&store, digest), Err(MissingRaw { digest, cause: MissingCause::Absent }));
        let alone = RawStore::new(dir.path(), None);
        assert_eq!(found(&alone, digest), Err(MissingRaw { digest, cause: MissingCause::Absent }));
        assert!(matches!(alone.put(b"coin", "png").expect("stored").second, SecondCopy::Off));
    }

    #[test]
    fn a_second_home_that_cannot_be_used_costs_no_purchase() {
        let dir = tempfile::tempdir().expect("a folder");
        let blocked = dir.path().join("home");
        fs::write(&blocked, "a file in the way").expect("a file");
        let store = RawStore::new(&dir.path().join("paid"), Some(&blocked));
        let stored = store.put(b"coin", "png").expect("the first copy is safe");
        assert!(matches!(stored.second, SecondCopy::Failed(RawError::Write(_))));
        assert_eq!(found(&store, stored.digest).expect("found").bytes, b"coin");
    }

    #[test]
    fn what_a_crash_leaves_is_skipped() {
        let (dir, store) = homes();
        let digest = Digest::of(b"coin");
        let folder = dir.path().join("paid/raw");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(".tmp-a1b2c3"), b"coi").expect("a cut temporary file");
        fs::write(folder.join("README"), b"hello").expect("a stranger");
        assert_eq!(store.list().expect("a list"), []);
        assert_eq!(found(&store, digest), Err(MissingRaw { digest, cause: MissingCause::Absent }));
        store.put(b"coin", "png").expect("stored beside it");
        assert_eq!(found(&store, digest).expect("found").bytes, b"coin");
    }

    #[test]
    fn an_extension_cannot_lead_elsewhere() {
        let (_dir, store) = homes();
        for extension in ["", "../x", "PNG", "a/b", "toolongext", "p g", "."] {
            let error = store.put(b"coin", extension).expect_err(extension);
            assert!(matches!(error, RawError::Extension(_)), "{extension}");
        }
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("raw"), "").expect("a file");
        let store = RawStore::new(dir.path(), None);
        assert!(matches!(store.get(Digest::of(b"")), Err(RawError::Read { .. })));
        assert!(matches!(store.put(b"", "png"), Err(RawError::Write(_))));
    }
}
