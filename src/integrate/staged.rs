//! Files on their way: whole, beside the place where a rename puts them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use crate::base::{Digest, RelPath};
use crate::integrate::lock_ahead::LockCopy;
use crate::integrate::publish::{PublishError, destination, remove_if_there};
use crate::integrate::written::{FileDigest, Written};
use crate::lock::{Replacement, Splice};

/// A complete temp file beside its destination.
///
/// `C`: what is known of its content.
#[derive(Debug)]
pub(super) struct Staged<C = Digest> {
    path: RelPath,
    content: C,
    pub(super) temp: PathBuf,
    place: PathBuf,
    /// Whether there is a file that the rename replaces.
    pub(super) replaces: bool,
}

impl Staged {
    /// Writes the temp file, creating folders; it gets the mode of the file that it replaces.
    pub(super) fn write(root: &Path, path: &RelPath, bytes: &[u8]) -> Result<Self, PublishError> {
        let digest = Digest::of(bytes);
        let place = destination(root, path)?;
        let temp = temp_path(&place, &digest.hex()[..TAG]);
        let replaces =
            write_temp(&place, &temp, &[bytes]).map_err(|e| PublishError::new(path, e))?;
        Ok(Self { path: path.clone(), content: digest, temp, place, replaces })
    }

    /// The digest of its bytes.
    pub(super) fn digest(&self) -> Digest {
        self.content
    }
}

impl Staged<Written> {
    /// Writes the temp file of a file of the tool's own, given in chunks, durably.
    pub(super) fn write_whole(
        root: &Path,
        path: &RelPath,
        chunks: &[&[u8]],
    ) -> Result<Self, PublishError> {
        let place = destination(root, path)?;
        remove_leftovers(&place);
        let temp = temp_path(&place, WHOLE);
        let failed = |source| PublishError::new(path, source);
        let replaces = write_temp(&place, &temp, chunks).map_err(failed)?;
        let content = sync_and_digest(&temp, chunks).map_err(|error| {
            let _ = fs::remove_file(&temp);
            failed(error)
        })?;
        Ok(Self { path: path.clone(), content, temp, place, replaces })
    }

    /// As `write_whole`, from a copy of the old text of `new`: only what differs is written.
    pub(super) fn patch(
        root: &Path,
        path: &RelPath,
        copy: &LockCopy,
        new: &Splice<'_>,
    ) -> Result<Self, PublishError> {
        let patch = |temp: &Path| patch_temp(temp, new);
        Self::from_copy(root, path, copy, patch, |temp| {
            let chunks: Vec<&[u8]> = new.parts().map(str::as_bytes).collect();
            sync_and_digest(temp, &chunks)
        })
    }

    /// As `patch`, for a copy of `size` bytes of which some are replaced. The file is read again to be
    /// hashed, which nobody has to wait for.
    pub(super) fn replace(
        root: &Path,
        path: &RelPath,
        copy: &LockCopy,
        size: u64,
        replacements: &[Replacement],
    ) -> Result<Self, PublishError> {
        let replace = |temp: &Path| replace_ranges(temp, size, replacements);
        Self::from_copy(root, path, copy, replace, |temp| {
            let file = File::open(temp)?;
            let digest = thread::Builder::new().spawn(move || digest_of_file(file))?;
            Ok(Written::new(sync_file(temp)?, FileDigest::Coming(digest)))
        })
    }

    /// Makes the temp file of a copy, which is gone afterwards, unless it is on another file system.
    fn from_copy(
        root: &Path,
        path: &RelPath,
        copy: &LockCopy,
        edit: impl FnOnce(&Path) -> io::Result<()>,
        sync: impl FnOnce(&Path) -> io::Result<Written>,
    ) -> Result<Self, PublishError> {
        let failed = |source| PublishError::new(path, source);
        let place = destination(root, path)?;
        remove_leftovers(&place);
        let temp = temp_path(&place, WHOLE);
        fs::rename(copy.finished().map_err(failed)?, &temp).map_err(failed)?;
        let finish = || -> io::Result<Written> {
            edit(&temp)?;
            fs::set_permissions(&temp, fs::metadata(&place)?.permissions())?;
            let written = sync(&temp)?;
            copy.synced().map(|()| written)
        };
        match finish() {
            Ok(content) => Ok(Self { path: path.clone(), content, temp, place, replaces: true }),
            Err(error) => {
                let _ = fs::remove_file(&temp);
                Err(failed(error))
            }
        }
    }

    /// As `rename`, for a file that may be large; gives what it replaced.
    pub(super) fn rename_whole(&self) -> Result<Replaced, PublishError> {
        let replaced = File::open(&self.place).ok();
        self.rename().inspect_err(|_| self.discard())?;
        Ok(Replaced(replaced))
    }

    /// What was written.
    pub(super) fn into_written(self) -> Written {
        self.content
    }
}

/// A file that has no name any more. The last one to close a file of megabytes gives its pages back, which
/// takes as long as writing them: better when nothing else has to be done.
#[derive(Debug)]
pub(super) struct Replaced(Option<File>);

impl Drop for Replaced {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            // Where there is no other thread, this one has to.
            let _ = thread::Builder::new().spawn(|| drop(file));
        }
    }
}

impl<C> Staged<C> {
    /// Makes the bytes durable.
    pub(super) fn sync(&self) -> Result<(), PublishError> {
        sync_file(&self.temp).map(drop).map_err(|source| PublishError::new(&self.path, source))
    }

    /// Puts the file in its place.
    pub(super) fn rename(&self) -> Result<(), PublishError> {
        fs::rename(&self.temp, &self.place).map_err(|source| PublishError::new(&self.path, source))
    }

    /// Removes the temp file.
    pub(super) fn discard(&self) {
        // What cannot be removed is found again by its name, when the same bytes are published.
        let _ = fs::remove_file(&self.temp);
    }

    /// The path that it is for.
    pub(super) fn path(&self) -> &RelPath {
        &self.path
    }

    /// The folder whose entry the rename changes.
    pub(super) fn folder(&self) -> &Path {
        self.place.parent().unwrap_or(&self.place)
    }
}

fn digest_of(chunks: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for chunk in chunks {
        hasher.update(chunk);
    }
    Digest { hash: *hasher.finalize().as_bytes(), size: hasher.count() }
}

/// Writes a temp file for `place`, whose mode it gets; whether there is a file to replace. Nothing
/// is left of it after an error.
fn write_temp(place: &Path, temp: &Path, chunks: &[&[u8]]) -> io::Result<bool> {
    fs::create_dir_all(place.parent().unwrap_or(place))?;
    let mode = fs::metadata(place).map(|metadata| metadata.permissions()).ok();
    let replaces = mode.is_some();
    // A leftover of a run that was killed may be in the way, even as a link.
    remove_if_there(temp)?;
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(temp)?;
        chunks.iter().try_for_each(|chunk| file.write_all(chunk))?;
        mode.map_or(Ok(()), |mode| file.set_permissions(mode))
    };
    if let Err(error) = write() {
        // What cannot be removed is found again by its name, when it is published again.
        let _ = fs::remove_file(temp);
        return Err(error);
    }
    Ok(replaces)
}

/// Turns a copy of the old text into the new one.
fn patch_temp(temp: &Path, new: &Splice<'_>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(temp)?;
    check_size(&file, new.old_size() as u64)?;
    for (at, text) in new.patches() {
        file.seek(SeekFrom::Start(at as u64))?;
        file.write_all(text.as_bytes())?;
    }
    file.set_len(new.size() as u64)
}

/// Replaces some bytes of a file of a certain size; their places are given in their order.
fn replace_ranges(path: &Path, size: u64, replacements: &[Replacement]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    check_size(&file, size)?;
    let keeps_size = |one: &&Replacement| one.old.len() == one.new.len();
    let (same, moved) = replacements.split_at(replacements.iter().take_while(keeps_size).count());
    for Replacement { place, old, new } in same {
        let mut found = vec![0; old.len()];
        file.seek(SeekFrom::Start(place.start))?;
        file.read_exact(&mut found)?;
        check_bytes(&found, old)?;
        file.seek(SeekFrom::Start(place.start))?;
        file.write_all(new.as_bytes())?;
    }
    let Some(first) = moved.first().map(|first| first.place.start) else { return Ok(()) };
    // Everything behind the first one of another size moves.
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(first))?;
    file.read_to_end(&mut rest)?;
    let mut changed = Vec::with_capacity(rest.len());
    let mut kept = 0;
    for Replacement { place, old, new } in moved {
        let at = |at: u64| usize::try_from(at - first).map_err(io::Error::other);
        let (start, end) = (at(place.start)?, at(place.end)?);
        check_bytes(rest.get(start..end).ok_or(ErrorKind::UnexpectedEof)?, old)?;
        changed.extend_from_slice(&rest[kept..start]);
        changed.extend_from_slice(new.as_bytes());
        kept = end;
    }
    changed.extend_from_slice(&rest[kept..]);
    file.seek(SeekFrom::Start(first))?;
    file.write_all(&changed)?;
    file.set_len(first + changed.len() as u64)
}

/// Refuses a copy that somebody wrote into.
fn check_size(file: &File, size: u64) -> io::Result<()> {
    if file.metadata()?.len() == size { Ok(()) } else { Err(altered()) }
}

fn check_bytes(found: &[u8], expected: &str) -> io::Result<()> {
    if found == expected.as_bytes() { Ok(()) } else { Err(altered()) }
}

fn altered() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the copy is not what was copied")
}

/// Makes a file with these bytes durable and digests them: the processor hashes while the disk writes.
fn sync_and_digest(path: &Path, chunks: &[&[u8]]) -> io::Result<Written> {
    let (synced, digest) = rayon::join(|| sync_file(path), || digest_of(chunks));
    Ok(Written::new(synced?, FileDigest::Known(digest)))
}

fn digest_of_file(file: File) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(Digest { hash: *hasher.finalize().as_bytes(), size: hasher.count() })
}

/// Makes a file durable, and tells what it is then.
fn sync_file(path: &Path) -> io::Result<Metadata> {
    let file = File::open(path)?;
    file.sync_all()?;
    file.metadata()
}

/// Removes the temp file that a killed run may have left for `path`.
pub(super) fn remove_leftover(root: &Path, path: &RelPath, digest: &Digest) {
    if let Ok(place) = destination(root, path) {
        let _ = fs::remove_file(temp_path(&place, &digest.hex()[..TAG]));
    }
}

/// Letters of a digest in the name of a temp file.
const TAG: usize = 12;

/// Stands for the digest where a file of the tool's own is replaced as a whole.
const WHOLE: &str = "000000000000";

/// The temp file of `place` has a name that tells what it is for, so that it is found again.
fn temp_path(place: &Path, tag: &str) -> PathBuf {
    let (prefix, suffix) = temp_affixes(place);
    place.with_file_name(format!("{prefix}{tag}{suffix}"))
}

/// What stands before and after the digest in the names of temp files for `place`.
fn temp_affixes(place: &Path) -> (String, String) {
    const LONGEST: usize = 40;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    // Names are limited to 255 bytes on most systems. One that is cut is told apart by its hash,
    // since files of the same bytes may lie beside it.
    let suffix = match name.chars().nth(LONGEST) {
        None => ".assetbuild".to_owned(),
        Some(_) => format!("-{}.assetbuild", &blake3::hash(name.as_bytes()).to_hex()[..12]),
    };
    let short: String = name.chars().take(LONGEST).collect();
    (format!(".{short}."), suffix)
}

/// Removes temp files that killed runs left for `place`, whatever bytes they were to hold.
fn remove_leftovers(place: &Path) {
    let (prefix, suffix) = temp_affixes(place);
    let folder = place.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in folder.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let digest = name.strip_prefix(&*prefix).and_then(|rest| rest.strip_suffix(&*suffix));
        if digest.is_some_and(|hex| hex.len() == TAG && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            // What cannot be removed is met again at the next write.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_file_are_replaced() {
        const TEXT: &str = "0123456789";
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("file");
        let replaced = |size: u64, replacements: &[(u64, &str, &str)]| {
            fs::write(&file, TEXT).expect("writable");
            let replacement = |&(at, old, new): &(u64, &str, &str)| Replacement {
                place: at..at + old.len() as u64,
                old: old.to_owned(),
                new: new.to_owned(),
            };
            let replacements: Vec<_> = replacements.iter().map(replacement).collect();
            replace_ranges(&file, size, &replacements).map_err(|error| error.kind())?;
            Ok(fs::read_to_string(&file).expect("readable"))
        };
        let text = |text: &str| Ok(text.to_owned());
        assert_eq!(replaced(10, &[]), text(TEXT));
        assert_eq!(replaced(10, &[(1, "12", "ab"), (9, "9", "c")]), text("0ab345678c"));
        assert_eq!(replaced(10, &[(1, "12", "abc")]), text("0abc3456789"));
        assert_eq!(replaced(10, &[(1, "12", ""), (5, "5", "xyz")]), text("034xyz6789"));
        let three = [(0, "0", "a"), (1, "12", "abc"), (4, "45", "de")];
        assert_eq!(replaced(10, &three), text("aabc3de6789"));
        assert_eq!(replaced(10, &[(8, "89", "x")]), text("01234567x"));
        // A copy that is not what it should be.
        let altered = Err(ErrorKind::InvalidData);
        assert_eq!(replaced(11, &[]), altered);
        assert_eq!(replaced(10, &[(1, "13", "ab")]), altered);
        assert_eq!(replaced(10, &[(1, "13", "abc")]), altered);
        assert_eq!(replaced(10, &[(8, "89a", "x")]), Err(ErrorKind::UnexpectedEof));
    }
}
