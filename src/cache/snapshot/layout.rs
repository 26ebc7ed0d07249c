//! The records of a snapshot as bytes: little-endian, fixed sizes, no padding.

use crate::base::Digest;
use crate::cache::file_memo::{Content, Recorded, Stat};
use crate::cache::snapshot::SpecTraits;

/// First bytes of the file.
pub(super) const MAGIC: [u8; 8] = *b"abldsnap";

/// Size of the header; the checksum is its last eight bytes.
pub(super) const HEADER: usize = 256;

/// Tables in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Inputs,
    Dirs,
    Specs,
    Assets,
    Outputs,
    /// Inputs that a spec file uses.
    Used,
    /// Inputs that an asset reads.
    Sources,
    /// Tags of assets: offsets of strings.
    Tags,
    /// Assets that an asset refers to: offsets of their ids.
    References,
}

pub(super) const TABLES: usize = 9;

/// The place of the strings among the parts behind the header, after all tables.
pub(super) const STRINGS: usize = TABLES;

/// A file in its parts.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) header: Vec<u8>,
    pub(super) tables: [Vec<u8>; TABLES],
    pub(super) strings: Vec<u8>,
    /// The sum of the checksums of tables and strings.
    pub(super) sum: u64,
}

impl Packed {
    /// All parts in the order of the file.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let tables = self.tables.iter().map(Vec::as_slice);
        [&*self.header].into_iter().chain(tables).chain([&*self.strings])
    }
}

impl Table {
    /// Bytes per record.
    pub(super) const fn record_size(self) -> usize {
        match self {
            Self::Inputs | Self::Outputs => 4 + RECORDED + 4,
            Self::Dirs => 4 + 4 + STAT,
            Self::Specs => 16,
            Self::Assets => 108,
            Self::Used | Self::Sources | Self::Tags | Self::References => 4,
        }
    }

    pub(super) const ALL: [Self; TABLES] = [
        Self::Inputs,
        Self::Dirs,
        Self::Specs,
        Self::Assets,
        Self::Outputs,
        Self::Used,
        Self::Sources,
        Self::Tags,
        Self::References,
    ];
}

const STAT: usize = 32;

/// Stat and digest; the flag beside them is its own field.
const RECORDED: usize = STAT + 40;

/// Where the role stands in the record of an input.
pub(super) const INPUT_ROLE: usize = 4 + RECORDED;

/// Appends fields.
#[derive(Debug, Default)]
pub(super) struct Record(pub(super) Vec<u8>);

impl Record {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn stat(&mut self, stat: &Stat) {
        self.i64(stat.mtime_ns);
        self.i64(stat.ctime_ns);
        self.u64(stat.size);
        self.u64(stat.inode);
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.bytes(&digest.hash);
        self.u64(digest.size);
    }

    pub(super) fn recorded(&mut self, recorded: &Recorded) {
        self.stat(&recorded.stat);
        self.digest(&recorded.digest);
    }
}

/// Takes fields in the order in which they were appended.
///
/// The bytes are a whole record, so there is always enough of them; what lies beyond reads as 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((taken, rest)) => {
                self.0 = rest;
                *taken
            }
            None => [0; N],
        }
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(super) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    pub(super) fn stat(&mut self) -> Stat {
        Stat { mtime_ns: self.i64(), ctime_ns: self.i64(), size: self.u64(), inode: self.u64() }
    }

    pub(super) fn digest(&mut self) -> Digest {
        Digest { hash: self.array(), size: self.u64() }
    }

    /// Stat and digest, with the flag that its caller finds elsewhere.
    pub(super) fn recorded(&mut self) -> Recorded {
        Recorded { stat: self.stat(), digest: self.digest(), racy: false }
    }
}

/// Appends a string to others, with its length before it: `text_place` finds it again.
pub(super) fn push_text(arena: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x40 {
        // Six bits a byte keep the length ASCII, so that all strings are checked as one text.
        arena.push((length & 0x3f) as u8 | 0x40);
        length >>= 6;
    }
    arena.push(length as u8);
    arena.extend_from_slice(text.as_bytes());
}

/// Where the string stored at `offset` begins, and its length.
///
/// The length stands before it in groups of six bits, lowest first, each in one ASCII byte; 0x40
/// says that another one follows.
pub(super) fn text_place(arena: &[u8], offset: u32) -> (usize, usize) {
    let mut at = offset as usize;
    let mut length = 0;
    for shift in (0..36).step_by(6) {
        let Some(&byte) = arena.get(at) else { break };
        at += 1;
        length |= usize::from(byte & 0x3f) << shift;
        if byte & 0x40 == 0 {
            break;
        }
    }
    (at, length)
}

const HAS_GLOBS: u32 = 1;
const HAS_WARNINGS: u32 = 2;

pub(super) fn traits_code(traits: SpecTraits) -> u32 {
    let SpecTraits { has_globs, has_warnings } = traits;
    u32::from(has_globs) * HAS_GLOBS + u32::from(has_warnings) * HAS_WARNINGS
}

pub(super) fn traits_of(code: u32) -> SpecTraits {
    SpecTraits { has_globs: code & HAS_GLOBS != 0, has_warnings: code & HAS_WARNINGS != 0 }
}

pub(super) fn content_code(content: Content) -> u8 {
    match content {
        Content::Bytes => 0,
        Content::Text => 1,
    }
}

pub(super) fn content_of(code: u8) -> Content {
    if code == 1 { Content::Text } else { Content::Bytes }
}
