//! The lockfile as text with an index: blocks are found by a scan and parsed when asked for, and
//! a change replaces the bytes of its own block only. Nothing here touches the disk.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use memchr::{memchr, memchr_iter, memmem, memrchr};

use crate::base::{ActionKey, RelPath};
use crate::lock::model::Block;
use crate::lock::splice::Splice;
use crate::lock::{parse, render};

/// The version of the format that this program reads and writes.
pub const VERSION: i64 = 1;

const HEADER: &str = "version = 1\n";
const BOM: char = '\u{feff}';

/// Why the lock, or a block of it, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It was written by a newer program, and is never rewritten.
    #[error("the lock has version {found}, this program knows version {VERSION}: upgrade it")]
    Newer {
        /// The version in the file.
        found: i64,
    },
    /// The text before the first block is not `version = 1`.
    #[error("line {line}: {message}")]
    Header {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A block is not readable.
    #[error("line {line}: {message}")]
    Block {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Two blocks have one id.
    #[error("asset `{id}` stands twice in the lock, at lines {first} and {second}")]
    Duplicate {
        /// The id.
        id: String,
        /// Line of the first header, from 1.
        first: usize,
        /// Line of the second header, from 1.
        second: usize,
    },
    /// Conflict markers that do not belong together.
    #[error("line {line}: this conflict marker has no partner")]
    Marker {
        /// Line, from 1.
        line: usize,
    },
}

/// A lockfile without conflict markers: its text as it is, and where each block stands.
#[derive(Debug, Default)]
pub struct LockFile {
    text: String,
    /// In file order.
    slots: Vec<Slot>,
    /// Indices into `slots`, by id.
    by_id: Vec<u32>,
    by_wanted: OnceLock<HashMap<ActionKey, Vec<u32>>>,
    by_output: OnceLock<HashMap<RelPath, u32>>,
    by_entry: OnceLock<HashMap<(Vec<String>, String), u32>>,
}

#[derive(Debug)]
struct Slot {
    id: SlotId,
    /// From the header to the end of the last line that is neither blank nor a comment.
    range: Range<usize>,
}

/// An id: where it stands in the text, or what it says where that has quotes.
#[derive(Debug)]
enum SlotId {
    Bare(Range<usize>),
    Quoted(String),
}

impl Slot {
    /// `text`: that of the lock.
    fn id<'a>(&'a self, text: &'a str) -> &'a str {
        match &self.id {
            SlotId::Bare(range) => &text[range.clone()],
            SlotId::Quoted(id) => id,
        }
    }
}

impl LockFile {
    /// Indexes `text`; an empty text is the lock of a project that was never built.
    ///
    /// # Errors
    /// `LockError` for a newer version, an unreadable header and an id that stands twice. A block
    /// that is not readable shows when it is asked for.
    pub fn parse(text: impl Into<String>) -> Result<Self, LockError> {
        let text = text.into();
        let starts = header_offsets(&text);
        if !starts.is_empty() || !is_blank(&text) {
            check_version(&text[..starts.first().copied().unwrap_or(text.len())])?;
        }
        let mut slots = Vec::with_capacity(starts.len());
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(text.len());
            let id = header_id(&text, start, end).ok_or_else(|| LockError::Block {
                line: line_at(&text, start),
                message: "a header `[asset.ID]` is needed".to_owned(),
            })?;
            slots.push(Slot { id, range: start..content_end(&text, start, end) });
        }
        let count = u32::try_from(slots.len()).expect("a lock has fewer than 2^32 blocks");
        let mut by_id: Vec<u32> = (0..count).collect();
        let id = |index: u32| slots[index as usize].id(&text);
        if !by_id.is_sorted_by(|&a, &b| id(a) < id(b)) {
            by_id.sort_by_key(|&index| id(index));
            if let Some(pair) = by_id.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
                let line = |index: u32| line_at(&text, slots[index as usize].range.start);
                return Err(LockError::Duplicate {
                    id: id(pair[0]).to_owned(),
                    first: line(pair[0]),
                    second: line(pair[1]),
                });
            }
        }
        Ok(Self { text, slots, by_id, ..Self::default() })
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the first block.
    pub fn preamble(&self) -> &str {
        &self.text[..self.slots.first().map_or(self.text.len(), |slot| slot.range.start)]
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no block.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.iter().map(|&index| self.id_at(index))
    }

    /// Whether the asset has a block.
    pub fn contains(&self, id: &str) -> bool {
        self.slot(id).is_some()
    }

    /// The block's text as it stands in the file: equal text is an equal block.
    pub fn block_text(&self, id: &str) -> Option<&str> {
        self.slot(id).map(|slot| &self.text[slot.range.clone()])
    }

    /// The asset's block, parsed.
    pub fn get(&self, id: &str) -> Option<Result<Block, LockError>> {
        self.slot(id).map(|slot| self.parse_slot(slot))
    }

    /// All blocks by id, parsed one after the other.
    pub fn blocks(&self) -> impl Iterator<Item = Result<Block, LockError>> {
        self.by_id.iter().map(|&index| self.parse_slot(&self.slots[index as usize]))
    }

    /// Ids of the blocks that want `key` or hold a purchase made for it, sorted; unreadable blocks
    /// are passed over.
    ///
    /// The first call reads every block once.
    pub fn find_by_wanted(&self, key: &ActionKey) -> Vec<&str> {
        let index = self.by_wanted.get_or_init(|| {
            let mut index: HashMap<ActionKey, Vec<u32>> = HashMap::new();
            for &at in &self.by_id {
                let Ok(block) = self.parse_slot(&self.slots[at as usize]) else { continue };
                let bought = block.purchases.iter().map(|purchase| purchase.wanted);
                for key in std::iter::once(block.wanted).chain(bought) {
                    let ids = index.entry(key).or_default();
                    if ids.last() != Some(&at) {
                        ids.push(at);
                    }
                }
            }
            index
        });
        let found = index.get(key).map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|&at| self.id_at(at)).collect()
    }

    /// The asset that published `path`; unreadable blocks are passed over.
    ///
    /// The first call reads every block once.
    pub fn owner_of(&self, path: &RelPath) -> Option<&str> {
        let index = self.by_output.get_or_init(|| {
            let mut index = HashMap::new();
            for &at in &self.by_id {
                let Ok(block) = self.parse_slot(&self.slots[at as usize]) else { continue };
                for (path, _) in block.outputs {
                    index.entry(path).or_insert(at);
                }
            }
            index
        });
        index.get(path).map(|&at| self.id_at(at))
    }

    /// The asset that wrote the manifest entry `key` in `section`; unreadable blocks are passed
    /// over.
    ///
    /// The first call reads every block once.
    pub fn owner_of_entry(&self, section: &[String], key: &str) -> Option<&str> {
        let index = self.by_entry.get_or_init(|| {
            let mut index = HashMap::new();
            for &at in &self.by_id {
                let Ok(block) = self.parse_slot(&self.slots[at as usize]) else { continue };
                if let Some(entry) = block.entry {
                    index.entry((entry.section, entry.key)).or_insert(at);
                }
            }
            index
        });
        let place = (section.to_vec(), key.to_owned());
        index.get(&place).map(|&at| self.id_at(at))
    }

    /// The text with some blocks replaced, added or removed (none); every other byte stays.
    ///
    /// A block that a person edited keeps its comment lines and unknown keys. New blocks stand
    /// before the first one with a greater id. Line ends follow the file.
    pub fn splice(&self, changes: &BTreeMap<String, Option<Block>>) -> Splice<'_> {
        let crlf = self.has_crlf();
        let eol = |text: String| if crlf { text.replace('\n', "\r\n") } else { text };
        let newline = if crlf { "\r\n" } else { "\n" };

        let mut out = Splice::new(&self.text);
        let mut added = changes
            .iter()
            .filter_map(|(id, block)| block.as_ref().map(|block| (id, block)))
            .filter(|(id, _)| !self.contains(id))
            .peekable();
        let mut copied = 0;
        if is_blank(&self.text) {
            out.add(HEADER);
            copied = self.text.len();
        }
        let mut removed_last = false;
        for slot in &self.slots {
            let own_id = slot.id(&self.text);
            if added.peek().is_some_and(|(id, _)| id.as_str() < own_id) {
                let before = comment_start(&self.text, copied, slot.range.start);
                out.keep(copied..before);
                copied = before;
                while let Some((_, block)) = added.next_if(|(id, _)| id.as_str() < own_id) {
                    out.add(eol(render(block)));
                    out.add(newline);
                }
            }
            removed_last = false;
            match changes.get(own_id) {
                None => continue,
                Some(Some(block)) => {
                    out.keep(copied..slot.range.start);
                    out.add(eol(self.replacement(slot, block)));
                }
                Some(None) => {
                    out.keep(copied..slot.range.start);
                    removed_last = true;
                }
            }
            copied = slot.range.end;
            if removed_last {
                copied += blank_line(&self.text[copied..]);
            }
        }
        out.keep(copied..self.text.len());
        if removed_last {
            while out.ends_with("\n\n") || out.ends_with("\n\r\n") {
                out.cut(if out.ends_with("\r\n") { 2 } else { 1 });
            }
        }
        for (_, block) in added {
            if !out.ends_with("\n") {
                out.add(newline);
            }
            if !out.ends_with("\n\n") && !out.ends_with("\n\r\n") {
                out.add(newline);
            }
            out.add(eol(render(block)));
        }
        out
    }

    /// The text that takes the place of a block's; none if there is no such block.
    pub(super) fn replaced(&self, id: &str, block: &Block) -> Option<String> {
        let text = self.replacement(self.slot(id)?, block);
        Some(if self.has_crlf() { text.replace('\n', "\r\n") } else { text })
    }

    /// Whether its lines end as on Windows.
    fn has_crlf(&self) -> bool {
        let text = self.text.as_bytes();
        memchr(b'\n', text).is_some_and(|at| at > 0 && text[at - 1] == b'\r')
    }

    /// The new text of a block, with what the old one holds beside the known keys.
    fn replacement(&self, slot: &Slot, block: &Block) -> String {
        let old = &self.text[slot.range.clone()];
        let mut text = render(block);
        if parse::canonical(old).is_none() {
            let (comments, statements) = foreign_parts(old);
            let header = memchr(b'\n', text.as_bytes()).map_or(text.len(), |at| at + 1);
            text.insert_str(header, &comments);
            text.push_str(&statements);
        }
        text
    }

    fn id_at(&self, index: u32) -> &str {
        self.slots[index as usize].id(&self.text)
    }

    fn slot(&self, id: &str) -> Option<&Slot> {
        let at = self.by_id.binary_search_by(|&index| self.id_at(index).cmp(id)).ok()?;
        Some(&self.slots[self.by_id[at] as usize])
    }

    fn parse_slot(&self, slot: &Slot) -> Result<Block, LockError> {
        parse::parse(&self.text[slot.range.clone()]).map_err(|error| LockError::Block {
            line: line_at(&self.text, slot.range.start + error.at),
            message: error.message,
        })
    }
}

impl Block {
    /// Reads the text that `render` made.
    ///
    /// # Errors
    /// `LockError::Block` with a line of `text`.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        parse::parse(text).map_err(|error| LockError::Block {
            line: line_at(text, error.at),
            message: error.message,
        })
    }
}

/// Offsets of the lines that open a block.
fn header_offsets(text: &str) -> Vec<usize> {
    let body = text.trim_start_matches(BOM);
    let shift = text.len() - body.len();
    let first = body.starts_with("[asset.").then_some(shift);
    let rest = memmem::find_iter(text.as_bytes(), b"\n[asset.").map(|at| at + 1);
    first.into_iter().chain(rest).collect()
}

/// The id in the header line at `start`.
fn header_id(text: &str, start: usize, end: usize) -> Option<SlotId> {
    const OPEN: &str = "[asset.";
    let line = &text[start..end];
    let line = memchr(b'\n', line.as_bytes()).map_or(line, |at| &line[..at]);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let inner = line.strip_prefix(OPEN)?;
    if let Some(id) = inner.strip_suffix(']')
        && render::is_bare(id)
    {
        let at = start + OPEN.len();
        return Some(SlotId::Bare(at..at + id.len()));
    }
    let (id, _) = parse::block_table(line).ok().filter(|(_, table)| table.is_empty())?;
    Some(SlotId::Quoted(id))
}

/// The id in a header line.
pub(super) fn header_id_of(line: &str) -> Option<String> {
    Some(match header_id(line, 0, line.len())? {
        SlotId::Bare(range) => line[range].to_owned(),
        SlotId::Quoted(id) => id,
    })
}

/// The end of the last line of `text[start..end]` that is neither blank nor a comment.
fn content_end(text: &str, start: usize, mut end: usize) -> usize {
    loop {
        let body = text[start..end].strip_suffix('\n').unwrap_or(&text[start..end]);
        let line = start + memrchr(b'\n', body.as_bytes()).map_or(0, |at| at + 1);
        let content = text[line..end].trim();
        if line == start || !(content.is_empty() || content.starts_with('#')) {
            return end;
        }
        end = line;
    }
}

/// The start of the comment lines that stand directly above `at`, not before `floor`.
fn comment_start(text: &str, floor: usize, mut at: usize) -> usize {
    while at > floor {
        let line = floor + memrchr(b'\n', &text.as_bytes()[floor..at - 1]).map_or(0, |at| at + 1);
        if !text[line..at].trim_start().starts_with('#') {
            break;
        }
        at = line;
    }
    at
}

/// Length of the blank line that `text` begins with; 0 if it begins with something else.
fn blank_line(text: &str) -> usize {
    match text.as_bytes() {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

fn is_blank(text: &str) -> bool {
    text.trim_start_matches(BOM).trim().is_empty()
}

fn check_version(head: &str) -> Result<(), LockError> {
    let body = head.trim_start_matches(BOM);
    let table: toml::Table = toml::from_str(body).map_err(|error| LockError::Header {
        line: line_at(body, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    match table.get("version").and_then(toml::Value::as_integer) {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(LockError::Newer { found }),
        _ => Err(LockError::Header { line: 1, message: "`version = 1` is missing".to_owned() }),
    }
}

/// Comment lines, and statements with unknown keys, of a block that is not canonical.
fn foreign_parts(old: &str) -> (String, String) {
    let Ok((_, table)) = parse::block_table(old) else { return Default::default() };
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut statements = String::new();
    let mut unknown: Vec<(&str, Range<usize>)> = Vec::new();
    for (key, value) in &table {
        let span = key.span().start..value.span().end;
        if !parse::KNOWN_KEYS.contains(&key.get_ref().as_ref()) {
            unknown.push((key.get_ref(), span.clone()));
        }
        spans.push(span);
    }
    unknown.sort_by_key(|(_, span)| span.start);
    for (key, span) in unknown {
        statements.push_str(&statement(old, key, span));
        statements.push('\n');
    }
    let mut comments = String::new();
    let mut start = 0;
    for end in memchr_iter(b'\n', old.as_bytes()).map(|at| at + 1) {
        let line = &old[start..end];
        if line.trim_start().starts_with('#') && !spans.iter().any(|span| span.contains(&start)) {
            comments.push_str(&normal(line));
        }
        start = end;
    }
    (comments, statements)
}

/// What a block says of `key`, as it stands there at `span`; on one line if it is in pieces, as
/// dotted keys and tables of its own are.
fn statement<'a>(old: &'a str, key: &str, span: Range<usize>) -> Cow<'a, str> {
    let whole: Option<toml::Table> = toml::from_str(old).ok();
    let assets = whole.as_ref().and_then(|whole| whole.get("asset")).and_then(|v| v.as_table());
    let value = assets.and_then(|assets| assets.values().next()).and_then(|block| block.get(key));
    let text = normal(&old[span]);
    match (value, toml::from_str::<toml::Table>(&text)) {
        (Some(value), Ok(alone)) if alone.len() == 1 && alone.get(key) == Some(value) => text,
        (Some(value), _) => Cow::Owned(format!("{} = {value}", render::key(key))),
        (None, _) => text,
    }
}

fn normal(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

/// Line of an offset, from 1.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count() + 1
}
