//! Paths inside the project: relative, `/` between parts, never outside the root.

use std::fmt;
use std::path::{Path, PathBuf};

/// A path relative to the project root, in the one form that reaches keys, lock and JSON.
///
/// Parts are separated by `/`; there is no `.`, no `..`, no empty part and no drive.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelPath(String);

/// Why a text cannot be a path inside the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing was written.
    #[error("a path is empty")]
    Empty,
    /// It starts at the root of a disk or names a drive.
    #[error("an absolute path cannot be used; write it relative to the project")]
    Absolute,
    /// It has a `..` that leaves the project.
    #[error("a path with `..` leaves the project")]
    Escapes,
    /// It has a `\`.
    #[error("write `/` between folders, on every system")]
    Backslash,
    /// A part is a name that Windows reserves, or ends with a dot or space, or holds `<>:"|?*` or
    /// a control character.
    #[error("this name cannot exist on every system")]
    Unportable,
}

impl RelPath {
    /// Checks and normalizes `text`: `./` at the start and doubled slashes are dropped.
    ///
    /// # Errors
    /// `PathError` for everything that does not name a place inside the project.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.contains('\\') {
            return Err(PathError::Backslash);
        }
        let drive =
            text.as_bytes().get(1) == Some(&b':') && text.as_bytes()[0].is_ascii_alphabetic();
        if text.starts_with('/') || drive {
            return Err(PathError::Absolute);
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(PathError::Escapes),
                part if !is_portable(part) => return Err(PathError::Unportable),
                part => parts.push(part),
            }
        }
        if parts.is_empty() { Err(PathError::Empty) } else { Ok(Self(parts.join("/"))) }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place on disk below `root`.
    pub fn under(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// This path below the folder `dir`.
    #[must_use]
    pub fn below(&self, dir: &Self) -> Self {
        Self(format!("{}/{}", dir.0, self.0))
    }

    /// What remains below the folder `dir`, if it lies there.
    pub fn strip(&self, dir: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(&dir.0)?.strip_prefix('/')?;
        Some(Self(rest.to_owned()))
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().expect("rsplit gives at least one part")
    }

    /// The last part without its last extension.
    pub fn stem(&self) -> &str {
        let name = self.file_name();
        match name.rfind('.') {
            Some(dot) if dot > 0 => &name[..dot],
            _ => name,
        }
    }

    /// The last extension, without the dot.
    pub fn extension(&self) -> Option<&str> {
        let name = self.file_name();
        name.rfind('.').filter(|&dot| dot > 0).map(|dot| &name[dot + 1..])
    }

    /// The folder, or none for a file in the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rfind('/').map(|slash| Self(self.0[..slash].to_owned()))
    }

    /// This path with another extension.
    #[must_use]
    pub fn with_extension(&self, extension: &str) -> Self {
        self.with_file_name(&format!("{}.{extension}", self.stem()))
    }

    /// This path with another last part.
    #[must_use]
    pub fn with_file_name(&self, name: &str) -> Self {
        match self.0.rfind('/') {
            Some(slash) => Self(format!("{}/{name}", &self.0[..slash])),
            None => Self(name.to_owned()),
        }
    }
}

fn is_portable(part: &str) -> bool {
    const RESERVED: [&str; 22] = [
        "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
        "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
    ];
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    !part.ends_with(['.', ' '])
        && !part.chars().any(|c| c.is_control() || "<>:\"|?*".contains(c))
        && !RESERVED.contains(&stem.as_str())
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized() {
        let path = RelPath::new("./art//icons/coin.big.svg").expect("a path inside");
        assert_eq!(path.as_str(), "art/icons/coin.big.svg");
        assert_eq!((path.stem(), path.extension()), ("coin.big", Some("svg")));
        assert_eq!(path.with_extension("png").as_str(), "art/icons/coin.big.png");
        let dir = RelPath::new("art").expect("a folder");
        assert_eq!(
            path.strip(&dir).map(|rest| rest.to_string()).as_deref(),
            Some("icons/coin.big.svg")
        );
    }

    #[test]
    fn what_leaves_the_project_or_one_system_is_refused() {
        let cases = [
            ("", PathError::Empty),
            (".", PathError::Empty),
            ("/etc/passwd", PathError::Absolute),
            ("C:/x.png", PathError::Absolute),
            ("a/../../b", PathError::Escapes),
            ("a\\b", PathError::Backslash),
            ("images/aux.png", PathError::Unportable),
            ("a?.png", PathError::Unportable),
            ("dir./a", PathError::Unportable),
        ];
        for (text, error) in cases {
            assert_eq!(RelPath::new(text), Err(error), "{text:?}");
        }
    }
}
