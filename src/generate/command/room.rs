//! The folder that a program works in: made for it, filled with its inputs, measured, emptied.
//!
//! `work/` holds the inputs and nothing else, and is where the program starts; `home/` and `temp/`
//! beside it are for what programs write unasked.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::base::RelPath;
use crate::generate::command::error::CommandError;

/// What a file costs beside its bytes, so that a million empty ones are no trifle.
const PER_FILE: u64 = 1024;

/// Files that an error names at most.
const NAMED: usize = 5;

/// The folder of one program; removed when dropped.
#[derive(Debug)]
pub(in crate::generate) struct Room {
    path: PathBuf,
}

impl Room {
    /// Makes the folder `name` in `folder`.
    pub(in crate::generate) fn create(folder: &Path, name: &str) -> Result<Self, CommandError> {
        let path = std::path::absolute(folder.join(name)).map_err(CommandError::room)?;
        let room = Self { path };
        for part in [room.work(), room.home(), room.temp()] {
            fs::create_dir_all(part).map_err(CommandError::room)?;
        }
        Ok(room)
    }

    pub(in crate::generate) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::generate) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    pub(in crate::generate) fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    pub(in crate::generate) fn temp(&self) -> PathBuf {
        self.path.join("temp")
    }

    /// Writes an input at its path in the project: a copy, so that nothing that the program does to
    /// it reaches the original. Scripts and programs can be run.
    pub(super) fn put(
        &self,
        path: &RelPath,
        bytes: &[u8],
        is_program: bool,
    ) -> Result<(), CommandError> {
        let place = path.under(&self.work());
        let write = || {
            fs::create_dir_all(place.parent().expect("it is below the folder"))?;
            let mut file = File::create_new(&place)?;
            file.write_all(bytes)?;
            let runs = is_program || [&b"#!"[..], b"\x7fELF"].iter().any(|m| bytes.starts_with(m));
            set_mode(&file, if runs { 0o555 } else { 0o444 })
        };
        write().map_err(CommandError::room)
    }

    /// Bytes in all files of the folder, links not followed; what vanishes meanwhile counts nothing.
    pub(super) fn size(&self) -> u64 {
        let mut total = 0;
        walk(&self.path, &mut |_, metadata| {
            total += PER_FILE + if metadata.is_file() { metadata.len() } else { 0 };
        });
        total
    }

    /// The bytes of an output. Every part of its path has to be what it seems: no link leads out.
    pub(super) fn take(
        &self,
        path: &RelPath,
        inputs: &[RelPath],
        program: &str,
    ) -> Result<Vec<u8>, CommandError> {
        let absent = || CommandError::NoOutput {
            program: program.to_owned(),
            path: path.clone(),
            files: self.written(inputs),
        };
        let mut place = self.work();
        let mut shown = String::new();
        let parts: Vec<&str> = path.as_str().split('/').collect();
        for (index, part) in [""].iter().chain(&parts).enumerate() {
            let is_last = index == parts.len();
            if !part.is_empty() {
                place.push(part);
                shown =
                    if shown.is_empty() { (*part).to_owned() } else { format!("{shown}/{part}") };
            }
            let metadata = match fs::symlink_metadata(&place) {
                Err(error) if is_absence(&error) => return Err(absent()),
                metadata => metadata.map_err(CommandError::room)?,
            };
            let kind = metadata.file_type();
            let is_right = if is_last { kind.is_file() } else { kind.is_dir() };
            if !is_right {
                let what = describe(kind);
                let path = if shown.is_empty() { "its folder".to_owned() } else { shown };
                return Err(CommandError::OddOutput { program: program.to_owned(), path, what });
            }
        }
        fs::read(&place).map_err(CommandError::room)
    }

    /// Some files that the program wrote, for people.
    fn written(&self, inputs: &[RelPath]) -> Vec<String> {
        let work = self.work();
        let mut files = Vec::new();
        walk(&work, &mut |path, metadata| {
            if let Ok(path) = path.strip_prefix(&work)
                && !metadata.is_dir()
            {
                let path = path.to_string_lossy().replace('\\', "/");
                files.extend((!inputs.iter().any(|input| input.as_str() == path)).then_some(path));
            }
        });
        files.sort();
        if files.len() > NAMED {
            files.truncate(NAMED);
            files.push("…".to_owned());
        }
        files
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// The folders of programs below `folder`, each with the name of the run that made it.
pub(super) fn list(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (run, _) = name.split_once('-')?;
        Some((entry.path(), run.to_owned()))
    });
    named.collect()
}

/// Removes a program's folder with all that is in it; what cannot be removed stays for `sweep`.
pub(super) fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_ok() {
        return;
    }
    // Folders that the program closed are opened; what still resists is not ours.
    open_folders(path);
    let _ = fs::remove_dir_all(path);
}

fn open_folders(path: &Path) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if !metadata.is_dir() {
        return;
    }
    let _ = set_folder_mode(path);
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        open_folders(&entry.path());
    }
}

/// Calls `found` for everything below a folder.
fn walk(folder: &Path, found: &mut dyn FnMut(&Path, &fs::Metadata)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Of the link itself, not of what it points to.
        let Ok(metadata) = entry.metadata() else { continue };
        found(&entry.path(), &metadata);
        if metadata.is_dir() {
            walk(&entry.path(), found);
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn describe(kind: fs::FileType) -> &'static str {
    if kind.is_symlink() {
        "a link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_file() {
        "a file"
    } else {
        "a pipe or a device"
    }
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    // A read-only file could not be removed there.
    Ok(())
}

#[cfg(unix)]
fn set_folder_mode(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn set_folder_mode(_: &Path) -> io::Result<()> {
    Ok(())
}
