//! Path and stat to digest: a file is read again only when its stat changed, or when it is so new
//! that a change might not show in it.
//!
//! The rules, and why a stamp of the file system's own clock is needed: docs/design/file-memo.md.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::base::{Digest, RelPath};
use crate::cache::dir_handle::DirHandle;
use crate::cache::stamp::Stamp;

/// What must be equal for a file to count as unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stat {
    /// Last change of the content, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Last change of the inode, in nanoseconds since 1970; creation time where there is none.
    pub ctime_ns: i64,
    /// Size in bytes.
    pub size: u64,
    /// Inode; 0 where there is none.
    pub inode: u64,
}

impl Stat {
    /// The stat of an open file or of a path that was looked up.
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.len(),
            inode: metadata.ino(),
        }
    }

    /// The stat of an open file or of a path that was looked up.
    #[cfg(not(unix))]
    pub fn of(metadata: &Metadata) -> Self {
        use std::time::{SystemTime, UNIX_EPOCH};
        let nanoseconds = |time: io::Result<SystemTime>| {
            let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
        };
        Self {
            mtime_ns: nanoseconds(metadata.modified()),
            ctime_ns: nanoseconds(metadata.created()),
            size: metadata.len(),
            inode: 0,
        }
    }

    /// Whether this may be the stat of the same file before it was renamed, and nobody wrote it since.
    pub fn has_bytes_of(&self, earlier: &Self) -> bool {
        let bytes = |stat: &Self| (stat.mtime_ns, stat.size, stat.inode);
        bytes(self) == bytes(earlier)
    }

    /// Whether the file may have changed after `stamp` without its stat showing it.
    ///
    /// `stamp`: taken before the file was read.
    pub fn is_racy(&self, stamp: Stamp) -> bool {
        // Whole seconds on both sides are the mark of a clock that counts by one or two seconds.
        let whole = |time: i64| time % 1_000_000_000 == 0;
        let granularity = if whole(stamp.0) && whole(self.mtime_ns) { COARSE } else { FINE };
        self.mtime_ns.max(self.ctime_ns) >= stamp.0.saturating_sub(granularity)
    }

    /// Whether whoever writes the file after `stamp` gives it another stat. That is enough for a file that this
    /// process put in place and looked at: nobody was writing it, and whoever did before `stamp` gave it another stat
    /// too.
    ///
    /// `stamp`: a fine one, taken after the file was put in place.
    pub fn is_before(&self, stamp: Stamp) -> bool {
        self.mtime_ns.max(self.ctime_ns) < stamp.0
    }
}

/// FAT counts by two seconds.
const COARSE: i64 = 2_000_000_000;

/// Linux stamps files by the timer tick (1 to 10 ms), Windows by up to 15.6 ms.
const FINE: i64 = 20_000_000;

impl Content {
    /// The digest of a file with these bytes.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Bytes => Digest::of(bytes),
            Self::Text => {
                let mut hasher = blake3::Hasher::new();
                update_text(&mut hasher, bytes, &mut false);
                Digest { hash: *hasher.finalize().as_bytes(), size: hasher.count() }
            }
        }
    }
}

/// A file as it was when it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its stat from before it was read.
    pub stat: Stat,
    /// Its content.
    pub digest: Digest,
    /// Set when it was so new that it has to be read again once.
    pub racy: bool,
}

impl Recorded {
    /// Whether the file need not be read: `now` is its present stat, if it is there.
    pub fn still_holds(&self, now: Option<Stat>) -> bool {
        !self.racy && now == Some(self.stat)
    }
}

/// How a file's bytes become its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// The bytes as they are.
    Bytes,
    /// With CRLF and CR read as LF, so that a checkout's line ends change nothing.
    Text,
}

/// A file of the project cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("find `{path}`")]
    Missing {
        /// The file.
        path: String,
    },
    /// Something else has its name.
    #[error("read `{path}`: it is not a regular file")]
    NotAFile {
        /// What was found.
        path: String,
    },
    /// It leads out of the project.
    #[error("read `{path}`: it leads to `{target}`, outside the project")]
    Outside {
        /// The file.
        path: String,
        /// Where it leads.
        target: PathBuf,
    },
    /// It was written to each time it was read.
    #[error("read `{path}`: it keeps changing")]
    Changing {
        /// The file.
        path: String,
    },
    /// The system refused.
    #[error("read `{path}`")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The files below a project's root.
#[derive(Debug)]
pub struct ProjectFiles {
    /// With every symlink resolved.
    pub(super) root: PathBuf,
    pub(super) handle: DirHandle,
}

/// How often a file that changes under the reader is read again.
const READ_TRIES: u32 = 3;

impl ProjectFiles {
    /// Opens the project's root folder.
    ///
    /// # Errors
    /// `FileError::Io` if it is no folder.
    pub fn open(root: &Path) -> Result<Self, FileError> {
        let at = |source| FileError::Io { path: root.display().to_string(), source };
        let root = fs::canonicalize(root).map_err(at)?;
        let handle = DirHandle::open(&root).map_err(at)?;
        Ok(Self { root, handle })
    }

    /// The stat of a regular file, or of the one that a symlink inside the project leads to.
    ///
    /// # Errors
    /// `FileError`; `Missing` if nothing is there.
    pub fn stat(&self, path: &RelPath) -> Result<Stat, FileError> {
        let metadata = fs::metadata(self.resolve(path)?).map_err(|e| read_error(path, e))?;
        if metadata.is_file() { Ok(Stat::of(&metadata)) } else { Err(not_a_file(path)) }
    }

    /// A whole file, and its stat from before it was read.
    ///
    /// # Errors
    /// `FileError`; `Changing` if it did not hold still.
    pub fn read(&self, path: &RelPath) -> Result<(Vec<u8>, Stat), FileError> {
        self.read_stable(path, |mut file, stat| {
            let mut bytes = Vec::with_capacity(usize::try_from(stat.size).unwrap_or(0));
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// The digest of a file, and its stat from before it was read. The file is never held whole.
    ///
    /// # Errors
    /// `FileError`; `Changing` if it did not hold still.
    pub fn digest(&self, path: &RelPath, content: Content) -> Result<(Digest, Stat), FileError> {
        self.read_stable(path, |file, stat| digest_reader(file, stat.size, content))
    }

    /// The digests of many files on all cores, in their order.
    pub fn digest_many(
        &self,
        files: &[(RelPath, Content)],
    ) -> Vec<Result<(Digest, Stat), FileError>> {
        files.par_iter().map(|(path, content)| self.digest(path, *content)).collect()
    }

    /// The real place of a path, which must lie in the project.
    pub(super) fn resolve(&self, path: &RelPath) -> Result<PathBuf, FileError> {
        let target =
            fs::canonicalize(path.under(&self.root)).map_err(|error| read_error(path, error))?;
        if target.starts_with(&self.root) {
            Ok(target)
        } else {
            Err(FileError::Outside { path: path.to_string(), target })
        }
    }

    fn read_stable<T>(
        &self,
        path: &RelPath,
        mut read: impl FnMut(&File, &Stat) -> io::Result<T>,
    ) -> Result<(T, Stat), FileError> {
        let at = |error| read_error(path, error);
        for _ in 0..READ_TRIES {
            let file = open_at_once(&self.resolve(path)?).map_err(at)?;
            let metadata = file.metadata().map_err(at)?;
            if !metadata.is_file() {
                return Err(not_a_file(path));
            }
            let before = Stat::of(&metadata);
            let value = read(&file, &before).map_err(at)?;
            if Stat::of(&file.metadata().map_err(at)?) == before {
                return Ok((value, before));
            }
        }
        Err(FileError::Changing { path: path.to_string() })
    }
}

/// Digests by path for the life of a process: what a watch keeps.
#[derive(Debug)]
pub struct FileMemo {
    stamp: Stamp,
    files: HashMap<(RelPath, Content), Recorded>,
}

impl FileMemo {
    /// An empty memo; `stamp` was taken before anything that it will hold is read.
    pub fn new(stamp: Stamp) -> Self {
        Self { stamp, files: HashMap::new() }
    }

    /// Begins another round: files that were too new for the last stamp are read once more.
    pub fn renew(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    /// Takes over what an earlier run recorded.
    pub fn remember(&mut self, path: RelPath, content: Content, recorded: Recorded) {
        self.files.insert((path, content), recorded);
    }

    /// The file's digest, read only if its stat changed or was too new.
    ///
    /// # Errors
    /// `FileError`; the file is forgotten then.
    pub fn digest(
        &mut self,
        files: &ProjectFiles,
        path: &RelPath,
        content: Content,
    ) -> Result<Recorded, FileError> {
        let key = (path.clone(), content);
        if let Some(recorded) = self.files.get(&key)
            && recorded.still_holds(files.stat(path).ok())
        {
            return Ok(*recorded);
        }
        self.files.remove(&key);
        let (digest, stat) = files.digest(path, content)?;
        let recorded = Recorded { stat, digest, racy: stat.is_racy(self.stamp) };
        self.files.insert(key, recorded);
        Ok(recorded)
    }
}

fn read_error(path: &RelPath, source: io::Error) -> FileError {
    let path = path.to_string();
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileError::Missing { path },
        _ => FileError::Io { path, source },
    }
}

/// Opens a file for reading; a pipe as well, where opening would else wait for a writer.
fn open_at_once(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.read(true).open(path)
}

fn not_a_file(path: &RelPath) -> FileError {
    FileError::NotAFile { path: path.to_string() }
}

fn digest_reader(mut reader: impl io::Read, size: u64, content: Content) -> io::Result<Digest> {
    const BUFFER: usize = 128 * 1024;
    // One byte more than the file needs lets a single read find its end.
    let wanted = usize::try_from(size).map_or(BUFFER, |size| size.saturating_add(1));
    let mut buffer = vec![0; wanted.min(BUFFER)];
    let mut hasher = blake3::Hasher::new();
    let mut after_return = false;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match content {
            Content::Bytes => hasher.update(read),
            Content::Text => {
                update_text(&mut hasher, read, &mut after_return);
                &mut hasher
            }
        };
    }
    Ok(Digest { hash: *hasher.finalize().as_bytes(), size: hasher.count() })
}

/// Hashes a piece of text with LF line ends; `after_return` says that the last piece ended in CR,
/// whose LF was hashed already.
fn update_text(hasher: &mut blake3::Hasher, mut piece: &[u8], after_return: &mut bool) {
    if std::mem::take(after_return) {
        piece = piece.strip_prefix(b"\n").unwrap_or(piece);
    }
    while let Some(at) = memchr::memchr(b'\r', piece) {
        hasher.update(&piece[..at]);
        hasher.update(b"\n");
        piece = &piece[at + 1..];
        *after_return = piece.is_empty();
        piece = piece.strip_prefix(b"\n").unwrap_or(piece);
    }
    hasher.update(piece);
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::cache::CacheDir;

    fn project() -> (tempfile::TempDir, ProjectFiles) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let files = ProjectFiles::open(dir.path()).expect("it is there");
        (dir, files)
    }

    fn path(text: &str) -> RelPath {
        RelPath::new(text).expect("a plain path")
    }

    fn set_mtime(path: &Path, time: SystemTime) {
        let file = File::options().write(true).open(path).expect("it is there");
        file.set_times(FileTimes::new().set_modified(time)).expect("supported");
    }

    #[test]
    fn a_file_is_digested_with_its_stat() {
        let (dir, files) = project();
        fs::write(dir.path().join("a.yaml"), "id: a\r\n").expect("writable");
        let (digest, stat) = files.digest(&path("a.yaml"), Content::Bytes).expect("readable");
        assert_eq!(digest, Digest::of(b"id: a\r\n"));
        assert_eq!(stat, files.stat(&path("a.yaml")).expect("readable"));
        assert_eq!(stat.size, 7);
        let (bytes, same) = files.read(&path("a.yaml")).expect("readable");
        assert_eq!((bytes.as_slice(), same), (&b"id: a\r\n"[..], stat));
        let (text, _) = files.digest(&path("a.yaml"), Content::Text).expect("readable");
        assert_eq!(text, Digest::of(b"id: a\n"));
    }

    #[test]
    fn line_ends_are_read_alike_wherever_a_piece_is_cut() {
        let text = "a\r\nb\rc\n\r\r\n\n\r";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut hasher = blake3::Hasher::new();
                let mut after_return = false;
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    if !piece.is_empty() {
                        update_text(&mut hasher, piece.as_bytes(), &mut after_return);
                    }
                }
                let expected = Digest::of_text(text);
                assert_eq!(*hasher.finalize().as_bytes(), expected.hash, "{first} {second}");
                assert_eq!(hasher.count(), expected.size);
            }
        }
    }

    #[test]
    fn a_file_larger_than_the_buffer_is_digested_whole() {
        let (dir, files) = project();
        let bytes: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        fs::write(dir.path().join("big"), &bytes).expect("writable");
        let (digest, _) = files.digest(&path("big"), Content::Bytes).expect("readable");
        assert_eq!(digest, Digest::of(&bytes));
    }

    #[test]
    fn what_is_no_file_is_a_typed_error() {
        let (dir, files) = project();
        fs::create_dir(dir.path().join("folder")).expect("writable");
        fs::write(dir.path().join("file"), "").expect("writable");
        let read = |text| files.digest(&path(text), Content::Bytes);
        assert!(matches!(read("folder"), Err(FileError::NotAFile { .. })));
        assert!(matches!(files.stat(&path("folder")), Err(FileError::NotAFile { .. })));
        assert!(matches!(read("nothing"), Err(FileError::Missing { .. })));
        assert!(matches!(read("file/below"), Err(FileError::Missing { .. })));
        let nowhere = ProjectFiles::open(&dir.path().join("nothing"));
        assert!(matches!(nowhere, Err(FileError::Io { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_symlink_is_followed_inside_the_project_and_refused_outside() {
        use std::os::unix::fs::symlink;
        let (dir, files) = project();
        let outside = tempfile::tempdir().expect("a temp folder");
        fs::write(outside.path().join("secret"), "s").expect("writable");
        fs::write(dir.path().join("real"), "r").expect("writable");
        symlink("real", dir.path().join("inside")).expect("writable");
        symlink(outside.path().join("secret"), dir.path().join("leak")).expect("writable");
        symlink(outside.path(), dir.path().join("folder")).expect("writable");
        symlink("loop", dir.path().join("loop")).expect("writable");
        let read = |text| files.digest(&path(text), Content::Bytes);
        assert_eq!(read("inside").expect("inside").0, Digest::of(b"r"));
        assert!(matches!(read("leak"), Err(FileError::Outside { .. })));
        assert!(matches!(files.stat(&path("leak")), Err(FileError::Outside { .. })));
        assert!(matches!(read("folder/secret"), Err(FileError::Outside { .. })));
        assert!(matches!(read("loop"), Err(FileError::Io { .. })));
    }

    #[test]
    fn a_file_that_never_holds_still_is_reported() {
        let (dir, files) = project();
        let file = dir.path().join("log");
        fs::write(&file, "1").expect("writable");
        let mut reads = 0_u64;
        let grown = files.read_stable(&path("log"), |_, _| {
            reads += 1;
            fs::write(&file, "1".repeat(1 + reads as usize))
        });
        assert!(matches!(grown, Err(FileError::Changing { .. })));
        assert_eq!(reads, 3);
        let mut first = true;
        let settled = files.read_stable(&path("log"), |_, _| {
            if std::mem::take(&mut first) { fs::write(&file, "done!") } else { Ok(()) }
        });
        assert_eq!(settled.expect("it held still the second time").1.size, 5);
    }

    #[test]
    fn only_a_file_older_than_the_stamp_is_trusted() {
        let at = |mtime_ns, ctime_ns| Stat { mtime_ns, ctime_ns, size: 1, inode: 1 };
        let stamp = Stamp(1_700_000_000_123_000_000);
        let long_ago = 1_600_000_000_000_000_000;
        assert!(!at(long_ago, long_ago).is_racy(stamp));
        assert!(!at(long_ago, stamp.0 - 21_000_000).is_racy(stamp));
        assert!(at(long_ago, stamp.0).is_racy(stamp), "a restored mtime hides nothing");
        assert!(at(stamp.0 - 5_000_000, long_ago).is_racy(stamp), "within a tick");
        assert!(at(stamp.0 + 10, long_ago).is_racy(stamp), "from the future");
        let coarse = Stamp(1_700_000_000_000_000_000);
        assert!(at(coarse.0 - 2_000_000_000, long_ago).is_racy(coarse), "a clock of two seconds");
        assert!(!at(coarse.0 - 3_000_000_000, long_ago).is_racy(coarse));
        assert!(at(long_ago, stamp.0 - 1).is_before(stamp));
        assert!(!at(long_ago, stamp.0).is_before(stamp), "a write at this moment looks the same");
        assert!(!at(stamp.0 + 10, long_ago).is_before(stamp));
    }

    #[test]
    fn a_second_edit_in_the_same_tick_is_found() {
        let (dir, files) = project();
        let cache = CacheDir::of_project(dir.path());
        cache.ensure().expect("writable");
        let file = dir.path().join("a.yaml");
        fs::write(&file, "one").expect("writable");
        let mtime = fs::metadata(&file).expect("there").modified().expect("supported");
        let mut memo = FileMemo::new(Stamp::take(&cache).expect("writable"));
        let before = memo.digest(&files, &path("a.yaml"), Content::Text).expect("readable");
        assert!(before.racy, "it is as new as the stamp");
        // Same size, same inode, same mtime: what a clock of one second shows.
        fs::write(&file, "two").expect("writable");
        set_mtime(&file, mtime);
        let mut recorded = before;
        recorded.stat = files.stat(&path("a.yaml")).expect("readable");
        memo.remember(path("a.yaml"), Content::Text, recorded);
        let after = memo.digest(&files, &path("a.yaml"), Content::Text).expect("readable");
        assert_eq!(after.digest, Digest::of(b"two"));
    }

    #[test]
    fn an_old_file_is_not_read_again() {
        let (dir, files) = project();
        let cache = CacheDir::of_project(dir.path());
        cache.ensure().expect("writable");
        let file = dir.path().join("a.yaml");
        fs::write(&file, "one").expect("writable");
        set_mtime(&file, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let now = Stamp::take(&cache).expect("writable");
        // The ctime cannot be set back, so the stamp moves forward instead.
        let mut memo = FileMemo::new(Stamp(now.0 + 60_000_000_000));
        let real = memo.digest(&files, &path("a.yaml"), Content::Bytes).expect("readable");
        assert!(!real.racy);
        let planted = Recorded { digest: Digest::of(b"planted"), ..real };
        memo.remember(path("a.yaml"), Content::Bytes, planted);
        let kept = memo.digest(&files, &path("a.yaml"), Content::Bytes).expect("no read");
        assert_eq!(kept, planted);
        fs::write(&file, "three").expect("writable");
        let read = memo.digest(&files, &path("a.yaml"), Content::Bytes).expect("readable");
        assert_eq!(read.digest, Digest::of(b"three"));
        fs::remove_file(&file).expect("there");
        let gone = memo.digest(&files, &path("a.yaml"), Content::Bytes);
        assert!(matches!(gone, Err(FileError::Missing { .. })));
    }

    #[test]
    fn stamps_never_go_back() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let cache = CacheDir::of_project(dir.path());
        assert!(Stamp::take(&cache).is_err(), "the folder is missing");
        cache.ensure().expect("writable");
        let first = Stamp::take(&cache).expect("writable");
        assert!(Stamp::take(&cache).expect("writable") >= first);
    }

    #[test]
    fn many_files_keep_their_order() {
        let (dir, files) = project();
        fs::write(dir.path().join("a"), "1").expect("writable");
        fs::write(dir.path().join("c"), "3").expect("writable");
        let asked = ["a", "b", "c"].map(|name| (path(name), Content::Bytes));
        let found = files.digest_many(&asked);
        assert!(matches!(&found[0], Ok((digest, _)) if *digest == Digest::of(b"1")));
        assert!(matches!(found[1], Err(FileError::Missing { .. })));
        assert!(matches!(&found[2], Ok((digest, _)) if *digest == Digest::of(b"3")));
    }
}
