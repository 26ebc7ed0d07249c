//! Files of the project, written so that a reader sees the old bytes or the new ones: a temp file
//! in the same folder, then a rename. Never through a link that leaves the project.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::base::{Digest, RelPath};
use crate::integrate::staged::Staged;

/// Why a file could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A symbolic link on the way leads out of the project, or nowhere.
    #[error("`{path}` leads out of the project through a symbolic link")]
    Outside {
        /// The path as it was asked for.
        path: RelPath,
    },
    /// A folder stands where the file belongs.
    #[error("`{path}` is a folder")]
    Directory {
        /// The path.
        path: RelPath,
    },
    /// The disk or the quota is full.
    #[error("no space left for `{path}`")]
    Full {
        /// The path.
        path: RelPath,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file or its folder must not be written.
    #[error("`{path}` is read-only")]
    ReadOnly {
        /// The path.
        path: RelPath,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("failed to access `{path}`")]
    Io {
        /// The path.
        path: RelPath,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl PublishError {
    pub(super) fn new(path: &RelPath, source: io::Error) -> Self {
        let path = path.clone();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path, source },
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, source }
            }
            ErrorKind::IsADirectory => Self::Directory { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Where `path` is on disk: below `root`, links followed.
///
/// # Errors
/// `Outside` and `Directory`; `Io` if a folder on the way cannot be read.
pub fn destination(root: &Path, path: &RelPath) -> Result<PathBuf, PublishError> {
    let io = |source| PublishError::new(path, source);
    let outside = || PublishError::Outside { path: path.clone() };
    let root = fs::canonicalize(root).map_err(io)?;
    let full = path.under(&root);
    let name = path.file_name();
    let mut folder = full.parent().unwrap_or(&root);
    let mut missing = Vec::new();
    let found = loop {
        match fs::canonicalize(folder) {
            Ok(found) => break found,
            // A link that leads nowhere is there, but cannot be resolved.
            Err(error)
                if error.kind() == ErrorKind::NotFound && folder.symlink_metadata().is_err() =>
            {
                missing.push(folder.file_name().unwrap_or_default().to_owned());
                folder = folder.parent().unwrap_or(&root);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(outside()),
            Err(error) => return Err(io(error)),
        }
    };
    if !found.starts_with(&root) {
        return Err(outside());
    }
    let mut place = found;
    place.extend(missing.iter().rev());
    place.push(name);
    match place.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            place = fs::canonicalize(&place).map_err(|_| outside())?;
            if !place.starts_with(&root) {
                return Err(outside());
            }
            let target = fs::metadata(&place).map_err(io)?;
            regular(path, &target).map(|()| place)
        }
        Ok(metadata) => regular(path, &metadata).map(|()| place),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(place),
        Err(error) => Err(io(error)),
    }
}

/// Refuses folders, and pipes and devices: reading those would wait, writing would lose them.
fn regular(path: &RelPath, found: &fs::Metadata) -> Result<(), PublishError> {
    if found.is_dir() {
        Err(PublishError::Directory { path: path.clone() })
    } else if found.is_file() {
        Ok(())
    } else {
        let source = io::Error::new(ErrorKind::InvalidInput, "it is no regular file");
        Err(PublishError::Io { path: path.clone(), source })
    }
}

/// The digest of the file at `path`; none if there is no file.
///
/// # Errors
/// As `destination`, and `Io` if it cannot be read.
pub fn digest_on_disk(root: &Path, path: &RelPath) -> Result<Option<Digest>, PublishError> {
    let place = destination(root, path)?;
    let mut file = match File::open(&place) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PublishError::new(path, error)),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut file).map_err(|source| PublishError::new(path, source))?;
    Ok(Some(Digest { hash: *hasher.finalize().as_bytes(), size: hasher.count() }))
}

/// The text at `path`; none if there is no file.
///
/// # Errors
/// As `destination`; `Io` if it cannot be read or is not UTF-8.
pub fn read_text(root: &Path, path: &RelPath) -> Result<Option<String>, PublishError> {
    match fs::read_to_string(destination(root, path)?) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PublishError::new(path, error)),
    }
}

/// Writes `bytes` to `path` if they differ from what is there, durably; whether they did.
///
/// # Errors
/// `PublishError`; the old file is untouched then.
pub fn write_file(root: &Path, path: &RelPath, bytes: &[u8]) -> Result<bool, PublishError> {
    if digest_on_disk(root, path)? == Some(Digest::of(bytes)) {
        return Ok(false);
    }
    replace_file(root, path, &[bytes])?;
    Ok(true)
}

/// Writes a file that is known to have other content, given in chunks; returns the digest of the
/// new one.
///
/// # Errors
/// As `write_file`.
pub(super) fn replace_file(
    root: &Path,
    path: &RelPath,
    chunks: &[&[u8]],
) -> Result<Digest, PublishError> {
    let staged = Staged::write_whole(root, path, chunks)?;
    let _replaced = staged.rename_whole()?;
    let failed = |source| PublishError::new(path, source);
    sync_folder(staged.folder()).map_err(failed)?;
    staged.into_written().digest().map_err(failed)
}

/// Removes the file at `path`, a link itself rather than its target, and the folders below `floor`
/// that are empty then.
///
/// # Errors
/// `PublishError`; a file that is not there is no error.
pub fn remove_file(root: &Path, path: &RelPath, floor: &RelPath) -> Result<(), PublishError> {
    destination(root, path)?;
    remove_if_there(&path.under(root)).map_err(|source| PublishError::new(path, source))?;
    let mut folder = path.parent();
    while let Some(found) = folder.filter(|folder| folder.strip(floor).is_some()) {
        // Not empty, or somebody else's: either way it stays.
        if fs::remove_dir(found.under(root)).is_err() {
            break;
        }
        folder = found.parent();
    }
    Ok(())
}

/// Makes renames and removals in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return File::open(folder)?.sync_all();
    // Other systems write folder entries through, and cannot open folders.
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(())
    }
}

pub(super) fn remove_if_there(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).expect("a path inside")
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_temp_file_of_a_killed_run_goes_at_the_next_write() {
        let root = tempfile::tempdir().expect("a folder");
        let manifest = path("manifest.json");
        let killed = Staged::write(root.path(), &manifest, b"killed").expect("written");
        for other in [".manifest.json.0123456789ab.bak", ".manifest.json.mine.assetbuild"] {
            fs::write(root.path().join(other), "a person's").expect("writable");
        }
        assert!(write_file(root.path(), &manifest, b"next").expect("written"));
        assert!(!killed.temp.exists());
        assert_eq!(names(root.path()).len(), 3, "other files stay");
    }

    #[test]
    fn long_names_of_files_with_the_same_bytes_do_not_meet() {
        let root = tempfile::tempdir().expect("a folder");
        let name = |end: &str| path(&format!("{}{end}.png", "long".repeat(12)));
        let (one, two) = (name("1"), name("2"));
        let first = Staged::write(root.path(), &one, b"same").expect("written");
        let second = Staged::write(root.path(), &two, b"same").expect("written");
        first.rename().expect("its temp file is its own");
        second.rename().expect("its temp file is its own");
    }

    #[test]
    fn files_are_written_only_when_their_bytes_differ() {
        let root = tempfile::tempdir().expect("a folder");
        let coin = path("assets/images/coin.png");
        assert_eq!(digest_on_disk(root.path(), &coin).expect("no file"), None);
        assert!(write_file(root.path(), &coin, b"one").expect("written"));
        assert!(!write_file(root.path(), &coin, b"one").expect("the same"));
        assert!(write_file(root.path(), &coin, b"two").expect("written"));
        let digest = digest_on_disk(root.path(), &coin).expect("readable");
        assert_eq!(digest, Some(Digest::of(b"two")));
        assert_eq!(names(&root.path().join("assets/images")), ["coin.png"]);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("assets/coin.png")).expect("a folder");
        let error =
            write_file(root.path(), &path("assets/coin.png"), b"x").expect_err("in the way");
        assert!(matches!(error, PublishError::Directory { .. }));
        fs::write(root.path().join("file"), "x").expect("a file");
        let error = write_file(root.path(), &path("file/coin.png"), b"x").expect_err("in the way");
        assert!(matches!(error, PublishError::Io { .. }), "{error:?}");
    }

    #[test]
    fn empty_folders_go_with_their_last_file_but_not_the_assets_folder() {
        let root = tempfile::tempdir().expect("a folder");
        let coin = path("assets/images/new/coin.png");
        write_file(root.path(), &coin, b"x").expect("written");
        write_file(root.path(), &path("assets/images/b.png"), b"x").expect("written");
        remove_file(root.path(), &coin, &path("assets")).expect("removed");
        assert_eq!(names(&root.path().join("assets/images")), ["b.png"]);
        remove_file(root.path(), &path("assets/images/b.png"), &path("assets")).expect("removed");
        remove_file(root.path(), &path("assets/images/b.png"), &path("assets")).expect("gone");
        assert_eq!(names(root.path()), ["assets"]);
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        use super::*;

        #[test]
        fn links_out_of_the_project_are_refused() {
            let outside = tempfile::tempdir().expect("a folder");
            fs::write(outside.path().join("x.png"), "theirs").expect("a file");
            let root = tempfile::tempdir().expect("a folder");
            symlink(outside.path(), root.path().join("assets")).expect("a link");
            symlink(outside.path().join("x.png"), root.path().join("x.png")).expect("a link");
            symlink("nowhere", root.path().join("broken")).expect("a link");
            for text in ["assets/x.png", "assets/deep/x.png", "x.png", "broken", "broken/x.png"] {
                let error = write_file(root.path(), &path(text), b"ours").expect_err("refused");
                assert!(matches!(error, PublishError::Outside { .. }), "{text}: {error:?}");
                let error = remove_file(root.path(), &path(text), &path("a")).expect_err("refused");
                assert!(matches!(error, PublishError::Outside { .. }), "{text}: {error:?}");
            }
            assert_eq!(fs::read(outside.path().join("x.png")).expect("a file"), b"theirs");
        }

        #[test]
        fn links_inside_the_project_are_followed() {
            let root = tempfile::tempdir().expect("a folder");
            fs::create_dir(root.path().join("real")).expect("a folder");
            symlink("real", root.path().join("assets")).expect("a link");
            fs::write(root.path().join("real/b.png"), "old").expect("a file");
            symlink("b.png", root.path().join("real/a.png")).expect("a link");
            write_file(root.path(), &path("assets/a.png"), b"new").expect("written");
            assert_eq!(fs::read(root.path().join("real/b.png")).expect("a file"), b"new");
            assert!(root.path().join("real/a.png").is_symlink());
        }

        #[test]
        fn the_mode_of_a_file_is_kept() {
            let root = tempfile::tempdir().expect("a folder");
            let place = root.path().join("a.png");
            fs::write(&place, "old").expect("a file");
            fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).expect("a mode");
            write_file(root.path(), &path("a.png"), b"new").expect("written");
            let mode = fs::metadata(&place).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o640);
        }

        #[test]
        fn causes_that_people_can_act_on_have_their_own_error() {
            let path = path("a.png");
            let error = |errno| PublishError::new(&path, io::Error::from_raw_os_error(errno));
            assert!(matches!(error(28), PublishError::Full { .. }));
            assert!(matches!(error(30), PublishError::ReadOnly { .. }));
            assert!(matches!(error(13), PublishError::ReadOnly { .. }));
            assert!(matches!(error(21), PublishError::Directory { .. }));
            assert!(matches!(error(5), PublishError::Io { .. }));
        }
    }
}
