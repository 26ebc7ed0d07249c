//! Writes files so that a crash leaves the old content or the new one, never a part.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Temporary files start with this; readers of a folder skip them.
pub(super) const TEMP_PREFIX: &str = ".tmp-";

/// A file could not be written so that it outlives a crash.
#[derive(Debug, thiserror::Error)]
#[error("failed to write `{}`", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the write fails with `AlreadyExists`.
    Keep,
}

/// Writes `bytes` to `path`: temporary file in the same folder, fsync, rename, fsync of the folder.
pub(super) fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), WriteError> {
    let fail = |source| WriteError { path: path.to_owned(), source };
    let folder = path.parent().ok_or_else(|| fail(io::ErrorKind::InvalidInput.into()))?;
    make_folder(folder).map_err(fail)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMP_PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private by default; these are the project's, so the umask decides.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    match existing {
        Existing::Replace => file.persist(path).map(drop),
        Existing::Keep => file.persist_noclobber(path).map(drop),
    }
    .map_err(|error| fail(error.error))?;
    sync_folder(folder).map_err(fail)
}

/// Makes a folder and its parents, each entry on disk when this returns.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
        return sync_folder(parent);
    }
    fs::create_dir_all(folder)
}

/// Puts a folder's entries on disk. Windows has no such call: its renames are journalled.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a/b/file");
        write(&path, b"one", Existing::Keep).expect("a new file");
        let error = write(&path, b"two", Existing::Keep).expect_err("it is there");
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("the old content"), b"one");
        write(&path, b"two", Existing::Replace).expect("a replaced file");
        assert_eq!(fs::read(&path).expect("the new content"), b"two");
        assert_eq!(fs::read_dir(dir.path().join("a/b")).expect("a folder").count(), 1);
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_an_error_that_names_the_target() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("a"), "").expect("a file");
        let error =
            write(&dir.path().join("a/file"), b"", Existing::Replace).expect_err("no folder");
        assert!(error.path.ends_with("a/file"));
    }
}
