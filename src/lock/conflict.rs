//! A lock with git's conflict markers: both sides are put together again whole, then merged block
//! by block. Which side is right is a question of the specs and the files, so the caller answers
//! it. Rules: DESIGN "Merges", docs/design/lockfile.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Digest;
use crate::lock::file::{LockError, LockFile};
use crate::lock::model::Block;

/// A lock as it was found.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a run holds one, and takes it apart at once")]
pub enum Lock {
    /// Without conflict markers.
    Clean(LockFile),
    /// With them.
    Conflicted(Conflicted),
}

/// The two sides of a conflict, each a whole lock.
#[derive(Debug)]
pub struct Conflicted {
    /// The text above `=======`, and everything outside of conflicts.
    pub ours: LockFile,
    /// The text below `=======`, and everything outside of conflicts.
    pub theirs: LockFile,
}

/// One side of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The branch that was merged into.
    Ours,
    /// The branch that was merged.
    Theirs,
}

/// How a block agrees with the rest of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockFit {
    /// Its wanted key is the spec's.
    pub wanted: bool,
    /// All its outputs are on disk with the digests that it names.
    pub files: bool,
}

/// What came out of a merge.
#[derive(Debug)]
pub struct Resolved {
    /// The merged lock.
    pub lock: LockFile,
    /// For every asset that the sides disagreed about, the side that was taken. Purchases of both
    /// are in the block in any case.
    pub chosen: BTreeMap<String, Side>,
}

/// An asset that only a person can decide about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The asset's id.
    pub id: String,
    /// The raw that our side uses.
    pub ours: Option<Digest>,
    /// The raw that their side uses.
    pub theirs: Option<Digest>,
}

/// Why a lock with conflict markers could not be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Both sides fit the specs with different picks, and the files do not tell.
    #[error("both sides of the merge picked differently for {}", ids(.0))]
    Ask(Vec<Ask>),
    /// A block of one side is not readable.
    #[error(transparent)]
    Lock(#[from] LockError),
}

fn ids(asks: &[Ask]) -> String {
    asks.iter().map(|ask| format!("`{}`", ask.id)).collect::<Vec<_>>().join(", ")
}

/// Reads a lock, with conflict markers or without.
///
/// # Errors
/// `LockError` of `LockFile::parse` for either side, and `LockError::Marker`.
pub fn read(text: impl Into<String>) -> Result<Lock, LockError> {
    let text = text.into();
    match split(&text)? {
        None => LockFile::parse(text).map(Lock::Clean),
        Some((ours, theirs)) => Ok(Lock::Conflicted(Conflicted {
            ours: LockFile::parse(ours)?,
            theirs: LockFile::parse(theirs)?,
        })),
    }
}

/// Merges the two sides block by block; `fit` says how a block agrees with specs and files.
///
/// # Errors
/// `ResolveError::Ask` names all assets that need a decision.
pub fn resolve(
    conflicted: &Conflicted,
    fit: impl Fn(&str, &Block) -> BlockFit,
) -> Result<Resolved, ResolveError> {
    let Conflicted { ours, theirs } = conflicted;
    let ids: BTreeSet<&str> = ours.ids().chain(theirs.ids()).collect();
    let mut changes = BTreeMap::new();
    let mut chosen = BTreeMap::new();
    let mut asks = Vec::new();
    for id in ids {
        if ours.block_text(id) == theirs.block_text(id) {
            continue;
        }
        match (ours.get(id).transpose()?, theirs.get(id).transpose()?) {
            (Some(our), Some(their)) => {
                match choose(fit(id, &our), fit(id, &their), same_result(&our, &their)) {
                    Some(side) => {
                        let (mut block, other) = match side {
                            Side::Ours => (our, their),
                            Side::Theirs => (their, our),
                        };
                        block.merge_purchases(&other);
                        changes.insert(id.to_owned(), Some(block));
                        chosen.insert(id.to_owned(), side);
                    }
                    None => {
                        asks.push(Ask {
                            id: id.to_owned(),
                            ours: result(&our),
                            theirs: result(&their),
                        });
                    }
                }
            }
            // A block of one side only may hold purchases, so it stays; an orphan is for `prune`.
            (Some(_), None) => {
                chosen.insert(id.to_owned(), Side::Ours);
            }
            (None, Some(their)) => {
                changes.insert(id.to_owned(), Some(their));
                chosen.insert(id.to_owned(), Side::Theirs);
            }
            (None, None) => {}
        }
    }
    if asks.is_empty() {
        Ok(Resolved { lock: LockFile::parse(ours.splice(&changes).to_string())?, chosen })
    } else {
        Err(ResolveError::Ask(asks))
    }
}

/// The side to take; none if only a person knows.
fn choose(ours: BlockFit, theirs: BlockFit, same_result: bool) -> Option<Side> {
    let by_files = match (ours.files, theirs.files) {
        (true, false) => Some(Side::Ours),
        (false, true) => Some(Side::Theirs),
        _ => None,
    };
    match (ours.wanted, theirs.wanted) {
        (true, false) => Some(Side::Ours),
        (false, true) => Some(Side::Theirs),
        (true, true) if !same_result => by_files,
        // Neither fits, or both made the same choice: what is on disk stays known as ours.
        _ => Some(by_files.unwrap_or(Side::Ours)),
    }
}

fn same_result(ours: &Block, theirs: &Block) -> bool {
    result(ours) == result(theirs)
}

/// The raw that a block uses.
fn result(block: &Block) -> Option<Digest> {
    block.pick.or(block.raw)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Common,
    Ours,
    Base,
    Theirs,
}

/// Both sides of a text with conflict markers; none without them.
fn split(text: &str) -> Result<Option<(String, String)>, LockError> {
    // Both letters are rare in a lock: this is one pass over megabytes.
    let mut letters = memchr::memchr2_iter(b'<', b'>', text.as_bytes());
    let is_marker = |at: usize| {
        let starts_line = at == 0 || text.as_bytes()[at - 1] == b'\n';
        starts_line && ["<<<<<<<", ">>>>>>>"].iter().any(|marker| text[at..].starts_with(marker))
    };
    if !letters.any(is_marker) {
        return Ok(None);
    }
    let (mut ours, mut theirs) = (String::new(), String::new());
    let mut part = Part::Common;
    let mut opened = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let error = LockError::Marker { line: index + 1 };
        part = match (marker(line), part) {
            (Some('<'), Part::Common) => {
                opened = index + 1;
                Part::Ours
            }
            (Some('|'), Part::Ours) => Part::Base,
            (Some('='), Part::Ours | Part::Base) => Part::Theirs,
            (Some('>'), Part::Theirs) => Part::Common,
            (Some(_), _) => return Err(error),
            (None, part) => {
                if matches!(part, Part::Common | Part::Ours) {
                    ours.push_str(line);
                }
                if matches!(part, Part::Common | Part::Theirs) {
                    theirs.push_str(line);
                }
                continue;
            }
        };
    }
    if part == Part::Common {
        Ok(Some((ours, theirs)))
    } else {
        Err(LockError::Marker { line: opened })
    }
}

/// The character of a conflict marker line. Longer ones belong to the merge base of a recursive
/// merge, which nobody reads.
fn marker(line: &str) -> Option<char> {
    let line = line.trim_end_matches(['\n', '\r']);
    let first = line.chars().next().filter(|c| "<|=>".contains(*c))?;
    let count = line.chars().take_while(|c| *c == first).count();
    (count == 7 && (line.len() == 7 || line.as_bytes()[7] == b' ')).then_some(first)
}
