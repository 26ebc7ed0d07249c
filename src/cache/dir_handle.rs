//! Directories by handle: a stat relative to an open directory costs a third less than one by
//! path (docs/design/file-memo.md). Systems without such calls go by path.

#[cfg(not(unix))]
pub(super) use by_path::DirHandle;
#[cfg(unix)]
pub(super) use unix::DirHandle;

use crate::cache::file_memo::Stat;

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symlink, whatever it leads to.
    Symlink,
    /// A pipe, socket or device.
    Other,
}

/// What the system says of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) stat: Stat,
    /// Device and inode, to recognize a directory that was met before.
    pub(super) identity: (u64, u64),
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};
    use rustix::io::Errno;

    use super::{Entry, Kind};
    use crate::cache::file_memo::Stat;

    /// An open directory.
    #[derive(Debug)]
    pub(in crate::cache) struct DirHandle(OwnedFd);

    const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

    impl DirHandle {
        pub(in crate::cache) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(openat(CWD, path, FLAGS, Mode::empty())?))
        }

        /// Opens the directory `path` below this one; symlinks are followed.
        pub(in crate::cache) fn open_below(&self, path: &str) -> io::Result<Self> {
            Ok(Self(openat(&self.0, path, FLAGS, Mode::empty())?))
        }

        /// The names in the directory, unsorted; a name that is not UTF-8 in an approximation.
        /// The kind is none where the file system does not say it for free.
        pub(in crate::cache) fn names(&self) -> io::Result<Vec<(String, Option<Kind>)>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.0)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy();
                if name != "." && name != ".." {
                    names.push((name.into_owned(), kind_of(entry.file_type())));
                }
            }
            Ok(names)
        }

        /// What `path` below this directory is; none if nothing is there.
        pub(in crate::cache) fn stat(&self, path: &str, follow: bool) -> io::Result<Option<Entry>> {
            let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
            match statat(&self.0, path, flags) {
                Ok(found) => Ok(Some(entry_of(&found))),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }

        /// This directory itself.
        pub(in crate::cache) fn stat_self(&self) -> io::Result<Entry> {
            Ok(entry_of(&rustix::fs::fstat(&self.0)?))
        }
    }

    fn kind_of(file_type: FileType) -> Option<Kind> {
        match file_type {
            FileType::RegularFile => Some(Kind::File),
            FileType::Directory => Some(Kind::Dir),
            FileType::Symlink => Some(Kind::Symlink),
            FileType::Unknown => None,
            _ => Some(Kind::Other),
        }
    }

    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between systems")]
    fn entry_of(found: &rustix::fs::Stat) -> Entry {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        let inode = found.st_ino as u64;
        Entry {
            kind: kind_of(FileType::from_raw_mode(found.st_mode as _)).unwrap_or(Kind::Other),
            stat: Stat {
                mtime_ns: nanoseconds(found.st_mtime as i64, found.st_mtime_nsec as i64),
                ctime_ns: nanoseconds(found.st_ctime as i64, found.st_ctime_nsec as i64),
                size: found.st_size as u64,
                inode,
            },
            identity: (found.st_dev as u64, inode),
        }
    }
}

#[cfg(not(unix))]
mod by_path {
    use std::fs::{self, FileType};
    use std::io::{self, ErrorKind};
    use std::path::{Path, PathBuf};

    use super::{Entry, Kind};
    use crate::cache::file_memo::Stat;

    /// The path of a directory.
    #[derive(Debug)]
    pub(in crate::cache) struct DirHandle(PathBuf);

    impl DirHandle {
        pub(in crate::cache) fn open(path: &Path) -> io::Result<Self> {
            if fs::metadata(path)?.is_dir() {
                Ok(Self(path.to_owned()))
            } else {
                Err(ErrorKind::NotADirectory.into())
            }
        }

        pub(in crate::cache) fn open_below(&self, path: &str) -> io::Result<Self> {
            Self::open(&self.0.join(path))
        }

        pub(in crate::cache) fn names(&self) -> io::Result<Vec<(String, Option<Kind>)>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.0)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                names.push((name, Some(kind_of(entry.file_type()?))));
            }
            Ok(names)
        }

        pub(in crate::cache) fn stat(&self, path: &str, follow: bool) -> io::Result<Option<Entry>> {
            let path = self.0.join(path);
            let found = if follow { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
            match found {
                Ok(found) => Ok(Some(entry_of(&found))),
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
                    _ => Err(error),
                },
            }
        }

        pub(in crate::cache) fn stat_self(&self) -> io::Result<Entry> {
            Ok(entry_of(&fs::metadata(&self.0)?))
        }
    }

    fn kind_of(file_type: FileType) -> Kind {
        if file_type.is_symlink() {
            Kind::Symlink
        } else if file_type.is_dir() {
            Kind::Dir
        } else if file_type.is_file() {
            Kind::File
        } else {
            Kind::Other
        }
    }

    fn entry_of(found: &fs::Metadata) -> Entry {
        Entry { kind: kind_of(found.file_type()), stat: Stat::of(found), identity: (0, 0) }
    }
}
