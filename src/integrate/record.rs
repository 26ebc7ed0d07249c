//! The redo record: everything that a commit still has to do, written before the first change.
//! Format: docs/design/integrate.md.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::base::{Digest, RelPath};
use crate::integrate::manifest::Operation;
use crate::integrate::publish::sync_folder;
use crate::lock::{Block, render};

const SCHEMA: &str = "assetbuild.redo/1";

/// All work of one commit.
#[derive(Debug, Clone, PartialEq)]
pub struct RedoRecord {
    /// The lockfile.
    pub lock: RelPath,
    /// The manifest.
    pub manifest: RelPath,
    /// Folders below this one are removed when they become empty.
    pub floor: RelPath,
    /// What belongs together, in the order in which it is published.
    pub units: Vec<Unit>,
}

/// The work for one asset: all of it happens, or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unit {
    /// The asset's id.
    pub id: String,
    /// Files to publish.
    pub files: Vec<FileRedo>,
    /// Files to remove if they still have this digest.
    pub removals: Vec<(RelPath, Digest)>,
    /// Changes of the manifest.
    pub operations: Vec<Operation>,
    /// Blocks of the lock; none removes one.
    pub blocks: BTreeMap<String, Option<Block>>,
    /// Outputs that orphans give up: the orphan's id and the path.
    pub releases: Vec<(String, RelPath)>,
}

/// One file to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRedo {
    /// Path relative to the project root.
    pub path: RelPath,
    /// The digest that may be replaced; none if no file was there.
    pub old: Option<Digest>,
    /// The digest that it shall have.
    pub new: Digest,
    /// The asset that has to leave the path first.
    pub after: Option<String>,
}

/// Why a redo record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be accessed.
    #[error("failed to access the redo record `{}`", path.display())]
    Io {
        /// The record.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is not a redo record of this version.
    #[error("the redo record `{}` is not readable by this version", path.display())]
    Unreadable {
        /// The record.
        path: PathBuf,
    },
}

impl RedoRecord {
    /// Writes the record durably, with a rename at the end.
    ///
    /// # Errors
    /// `RecordError::Io`.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let temp = path.with_extension("tmp");
            let mut file = File::create(&temp)?;
            file.write_all(self.to_json().to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&temp, path)?;
            sync_folder(folder)
        };
        write().map_err(|source| RecordError::Io { path: path.to_owned(), source })
    }

    /// Reads the record; none if there is none.
    ///
    /// # Errors
    /// `RecordError`.
    pub fn read(path: &Path) -> Result<Option<Self>, RecordError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Io { path: path.to_owned(), source }),
        };
        serde_json::from_str(&text)
            .ok()
            .and_then(|value: Value| Self::from_json(&value))
            .map(Some)
            .ok_or_else(|| RecordError::Unreadable { path: path.to_owned() })
    }

    /// Removes the record. Should it come back after a power cut, what it asks for is done already,
    /// and the next commit on this disk makes the removal durable before anything else changes.
    ///
    /// # Errors
    /// `RecordError::Io`.
    pub fn remove(path: &Path) -> Result<(), RecordError> {
        match fs::remove_file(path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(RecordError::Io { path: path.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    fn to_json(&self) -> Value {
        let Self { lock, manifest, floor, units } = self;
        json!({
            "schema": SCHEMA,
            "lock": lock.as_str(),
            "manifest": manifest.as_str(),
            "floor": floor.as_str(),
            "units": units.iter().map(Unit::to_json).collect::<Vec<_>>(),
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        if value.get("schema")?.as_str()? != SCHEMA {
            return None;
        }
        Some(Self {
            lock: path_at(value, "lock")?,
            manifest: path_at(value, "manifest")?,
            floor: path_at(value, "floor")?,
            units: list_at(value, "units", Unit::from_json)?,
        })
    }
}

impl Unit {
    fn to_json(&self) -> Value {
        let Self { id, files, removals, operations, blocks, releases } = self;
        let files = files.iter().map(|file| {
            let FileRedo { path, old, new, after } = file;
            json!({
                "path": path.as_str(),
                "old": old.map(|old| old.to_string()),
                "new": new.to_string(),
                "after": after,
            })
        });
        let removals = removals
            .iter()
            .map(|(path, old)| json!({"path": path.as_str(), "old": old.to_string()}));
        let releases = releases.iter().map(|(id, path)| json!({"id": id, "path": path.as_str()}));
        let blocks: Map<String, Value> = blocks
            .iter()
            .map(|(id, block)| (id.clone(), block.as_ref().map(render).into()))
            .collect();
        json!({
            "id": id,
            "files": files.collect::<Vec<_>>(),
            "removals": removals.collect::<Vec<_>>(),
            "operations": operations.iter().map(operation_json).collect::<Vec<_>>(),
            "blocks": blocks,
            "releases": releases.collect::<Vec<_>>(),
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let blocks = value.get("blocks")?.as_object()?.iter().map(|(id, text)| {
            let block = match text {
                Value::Null => None,
                text => Some(Block::parse(text.as_str()?).ok()?),
            };
            Some((id.clone(), block))
        });
        Some(Self {
            id: text_at(value, "id")?,
            files: list_at(value, "files", |file| {
                Some(FileRedo {
                    path: path_at(file, "path")?,
                    old: match file.get("old")? {
                        Value::Null => None,
                        _ => Some(digest_at(file, "old")?),
                    },
                    new: digest_at(file, "new")?,
                    after: text_at(file, "after"),
                })
            })?,
            removals: list_at(value, "removals", |removal| {
                Some((path_at(removal, "path")?, digest_at(removal, "old")?))
            })?,
            operations: list_at(value, "operations", operation_from_json)?,
            blocks: blocks.collect::<Option<_>>()?,
            releases: list_at(value, "releases", |release| {
                Some((text_at(release, "id")?, path_at(release, "path")?))
            })?,
        })
    }
}

fn operation_json(operation: &Operation) -> Value {
    match operation {
        Operation::Upsert { section, key, value, owned } => json!({
            "section": section,
            "key": key,
            "value": value,
            "owned": owned.map(|owned| owned.to_string()),
        }),
        Operation::Remove { section, key, owned } => {
            json!({"section": section, "key": key, "owned": owned.to_string()})
        }
    }
}

fn operation_from_json(value: &Value) -> Option<Operation> {
    let section = list_at(value, "section", |name| name.as_str().map(str::to_owned))?;
    let key = text_at(value, "key")?;
    let owned = match text_at(value, "owned") {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    Some(match value.get("value") {
        Some(value) => Operation::Upsert { section, key, value: value.clone(), owned },
        None => Operation::Remove { section, key, owned: owned? },
    })
}

fn text_at(value: &Value, name: &str) -> Option<String> {
    Some(value.get(name)?.as_str()?.to_owned())
}

fn path_at(value: &Value, name: &str) -> Option<RelPath> {
    RelPath::new(value.get(name)?.as_str()?).ok()
}

fn digest_at(value: &Value, name: &str) -> Option<Digest> {
    value.get(name)?.as_str()?.parse().ok()
}

fn list_at<T>(value: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.get(name)?.as_array()?.iter().map(read).collect()
}
