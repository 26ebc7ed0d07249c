//! Reads a snapshot back. Records are decoded when they are asked for; nothing is allocated per
//! record.
//!
//! Loading checks sizes and the checksum, so what follows is what was written. Even so no accessor
//! can panic: a number that leads nowhere reads as nothing.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use crate::base::{ActionKey, Digest, MediaKind};
use crate::cache::file_memo::{Content, Recorded, Stat};
use crate::cache::snapshot::checksum::{block_range, combine, of_part};
use crate::cache::snapshot::layout::{
    Fields, HEADER, INPUT_ROLE, MAGIC, Packed, STRINGS, TABLES, Table, content_of, text_place,
    traits_of,
};
use crate::cache::snapshot::{Role, SNAPSHOT_FORMAT, SpecTraits, Summary};
use crate::cache::stamp::Stamp;

/// The record of the last run, in memory as it is on disk.
#[derive(Debug, Clone)]
pub struct Snapshot {
    summary: Summary,
    tables: [Vec<u8>; TABLES],
    strings: String,
    whole_text: u32,
    /// The sum of the checksums of its parts.
    sum: u64,
}

/// A file that the build read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input<'a> {
    /// Its number: its place in the order of paths.
    pub number: u32,
    /// Its path.
    pub path: &'a str,
    /// What it is to the build.
    pub role: Role,
    /// How its digest was taken.
    pub content: Content,
    /// Its stat and digest.
    pub recorded: Recorded,
}

/// A folder that was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dir<'a> {
    /// Its path; empty for the project's root.
    pub path: &'a str,
    /// The glob that it was listed for.
    pub glob: &'a str,
    /// Its stat: as long as it is the same, no name in the folder has come or gone.
    pub stat: Stat,
}

/// A spec file and what its expansion gave.
#[derive(Debug, Clone, Copy)]
pub struct SpecFile<'a> {
    snapshot: &'a Snapshot,
    number: u32,
}

/// An asset.
#[derive(Debug, Clone, Copy)]
pub struct Asset<'a> {
    snapshot: &'a Snapshot,
    number: u32,
    record: &'a [u8],
}

/// A published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its stat, and the digest that was published.
    pub recorded: Recorded,
}

impl Snapshot {
    /// Loads the snapshot at `path`; none if there is none, or if it is damaged, of another format or
    /// schema, or half of it is out of use: then the run does without and writes a new one.
    pub fn load(path: &Path, schema: u32) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let size = file.metadata().ok()?.len();
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        let parsed = Header::parse(&header)?;
        if parsed.summary.schema != schema || size != parsed.file_size()? || parsed.is_left_over() {
            return None;
        }
        let parts = parsed.part_ranges();
        let read = |(part, range): (usize, &Range<u64>)| {
            let bytes = read_range(path, range).ok()?;
            Some((of_part(part, &bytes), bytes))
        };
        // Most of the time goes into pages that the system hands out, which threads share well.
        let parts: Option<Vec<_>> = if size < LARGE {
            parts.iter().enumerate().map(read).collect()
        } else {
            parts.par_iter().enumerate().map(read).collect()
        };
        parsed.finish(&header, parts?)
    }

    /// The snapshot whose file has these parts: header, tables, strings. None if it would not be used.
    pub(super) fn of(parts: Packed) -> Option<Self> {
        let Packed { header, tables, strings, sum } = parts;
        let parsed = Header::parse(&header.try_into().ok()?);
        let Header { summary, whole_text, .. } = parsed.filter(|parsed| !parsed.is_left_over())?;
        let strings = String::from_utf8(strings).ok()?;
        Some(Self { summary, tables, strings, whole_text, sum })
    }

    /// A table or the strings, by their place behind the header.
    pub(super) fn part(&self, index: usize) -> Option<&[u8]> {
        match self.tables.get(index) {
            Some(table) => Some(table),
            None => (index == STRINGS).then_some(self.strings.as_bytes()),
        }
    }

    /// Where a part begins in the file.
    pub(super) fn part_offset(&self, index: usize) -> u64 {
        (HEADER + self.tables.iter().take(index).map(Vec::len).sum::<usize>()) as u64
    }

    /// The sum of the checksums of its parts.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    /// The snapshot with other blocks in its tables, by part and number, and with more strings; none if it
    /// would not be used.
    pub(super) fn mended(
        &self,
        summary: Summary,
        blocks: BTreeMap<(usize, usize), Vec<u8>>,
        strings: &[u8],
        sum: u64,
    ) -> Option<Self> {
        let mut mended = Self { summary, sum, ..self.clone() };
        for ((part, block), bytes) in blocks {
            let table = mended.tables.get_mut(part)?;
            let range = block_range(block, table.len());
            table[range].copy_from_slice(&bytes);
        }
        mended.strings.push_str(std::str::from_utf8(strings).ok()?);
        let is_left_over = is_left_over(mended.strings.len() as u64, mended.whole_text);
        (!is_left_over).then_some(mended)
    }

    /// What it says of the run as a whole.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Number of inputs.
    pub fn input_count(&self) -> usize {
        self.count(Table::Inputs)
    }

    /// Its strings.
    pub(super) fn text(&self) -> &str {
        &self.strings
    }

    /// The names and globs of its folders, and where they stand among the strings.
    pub(super) fn dir_texts(&self) -> impl Iterator<Item = (&str, u32)> {
        self.numbers(Table::Dirs).flat_map(|number| {
            let mut fields = Fields(self.record(Table::Dirs, number).unwrap_or_default());
            [fields.u32(), fields.u32()].map(|at| (self.text_at(at), at))
        })
    }

    /// Bytes of strings when all of them were in use.
    pub(super) fn whole_text(&self) -> u32 {
        self.whole_text
    }

    /// Where the path of an input stands among the strings, its role, and how it was digested.
    pub(super) fn input_identity(&self, number: u32) -> Option<(u32, Role, Content)> {
        let record = self.record(Table::Inputs, number)?;
        let input = self.input(number)?;
        Some((Fields(record).u32(), input.role, input.content))
    }

    /// An input by its number.
    pub fn input(&self, number: u32) -> Option<Input<'_>> {
        let mut fields = Fields(self.record(Table::Inputs, number)?);
        let path = self.text_at(fields.u32());
        let mut recorded = fields.recorded();
        let role = Role::ALL.get(usize::from(fields.u8())).copied().unwrap_or(Role::Source);
        let content = content_of(fields.u8());
        recorded.racy = fields.u8() != 0;
        Some(Input { number, path, role, content, recorded })
    }

    /// All inputs, sorted by path.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Input<'_>> {
        self.numbers(Table::Inputs).map(|number| self.input(number).expect("within the table"))
    }

    /// The inputs in some roles, sorted by path. Nothing else of the others is looked at.
    pub fn inputs_as<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = Input<'a>> {
        let size = Table::Inputs.record_size();
        let is_one = |record: &[u8]| {
            let role = record.get(INPUT_ROLE).and_then(|&role| Role::ALL.get(usize::from(role)));
            role.is_some_and(|role| roles.contains(role))
        };
        let records = (0..).zip(self.table(Table::Inputs).chunks_exact(size));
        let found = records.filter(move |(_, record)| is_one(record));
        found.filter_map(|(number, _)| self.input(number))
    }

    /// The inputs at `path`, one for each role that the file has.
    pub fn inputs_at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = Input<'a>> {
        let first = self.first_input_at(path);
        (first..).map_while(move |number| self.input(number).filter(|at| at.path == path))
    }

    /// The number of the first input whose path is not before `path`.
    pub(super) fn first_input_at(&self, path: &str) -> u32 {
        let path_of = |number| self.input(number).map_or("", |input| input.path);
        let mut range = 0..self.count(Table::Inputs) as u32;
        while range.start < range.end {
            let middle = range.start + (range.end - range.start) / 2;
            match path_of(middle).cmp(path) {
                Ordering::Less => range.start = middle + 1,
                Ordering::Equal | Ordering::Greater => range.end = middle,
            }
        }
        range.start
    }

    /// The folders that were listed, in the order in which they were recorded.
    pub fn dirs(&self) -> impl ExactSizeIterator<Item = Dir<'_>> {
        self.numbers(Table::Dirs).map(|number| {
            let mut fields = Fields(self.record(Table::Dirs, number).unwrap_or_default());
            let path = self.text_at(fields.u32());
            let glob = self.text_at(fields.u32());
            Dir { path, glob, stat: fields.stat() }
        })
    }

    /// The spec files, in the order in which they were recorded.
    pub fn specs(&self) -> impl ExactSizeIterator<Item = SpecFile<'_>> {
        self.numbers(Table::Specs).map(|number| SpecFile { snapshot: self, number })
    }

    /// The assets, those of one spec file next to each other.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = Asset<'_>> {
        self.numbers(Table::Assets).map(|number| self.asset(number).expect("within the table"))
    }

    /// An asset by its number.
    pub fn asset(&self, number: u32) -> Option<Asset<'_>> {
        let record = self.record(Table::Assets, number)?;
        Some(Asset { snapshot: self, number, record })
    }

    /// All published files, in the order of their assets.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Output<'_>> {
        self.numbers(Table::Outputs).map(|number| self.output(number))
    }

    fn output(&self, number: u32) -> Output<'_> {
        let mut fields = Fields(self.record(Table::Outputs, number).unwrap_or_default());
        let path = self.text_at(fields.u32());
        let mut recorded = fields.recorded();
        recorded.racy = fields.u32() != 0;
        Output { path, recorded }
    }

    fn table(&self, table: Table) -> &[u8] {
        &self.tables[table as usize]
    }

    pub(super) fn count(&self, table: Table) -> usize {
        self.tables[table as usize].len() / table.record_size()
    }

    fn numbers(&self, table: Table) -> Range<u32> {
        0..u32::try_from(self.count(table)).expect("counts are read as u32")
    }

    fn record(&self, table: Table, number: u32) -> Option<&[u8]> {
        let size = table.record_size();
        let start = (number as usize).checked_mul(size)?;
        self.table(table).get(start..start.checked_add(size)?)
    }

    /// Where the path of a published file stands among the strings.
    pub(super) fn output_place(&self, number: u32) -> Option<u32> {
        Some(Fields(self.record(Table::Outputs, number)?).u32())
    }

    /// The numbers in a table of numbers, as many of `range` as it holds.
    pub(super) fn list(
        &self,
        table: Table,
        range: Range<u32>,
    ) -> impl ExactSizeIterator<Item = u32> + '_ {
        let bytes = |number: u32| number as usize * 4;
        let items = self.table(table).get(bytes(range.start)..bytes(range.end.max(range.start)));
        items.unwrap_or_default().chunks_exact(4).map(|item| Fields(item).u32())
    }

    /// Where the list of record `number` ends: where that of the next record begins.
    fn list_range(&self, owner: Table, number: u32, field: usize, list: Table) -> Range<u32> {
        let first = |number: u32| {
            let record = self.record(owner, number)?;
            Some(Fields(record.get(field * 4..)?).u32())
        };
        let end = first(number.saturating_add(1)).unwrap_or(self.count(list) as u32);
        first(number).unwrap_or(end)..end
    }

    fn text_at(&self, offset: u32) -> &str {
        let (at, length) = text_place(self.strings.as_bytes(), offset);
        self.strings.get(at..at.saturating_add(length)).unwrap_or("")
    }
}

impl<'a> SpecFile<'a> {
    fn field(&self, index: usize) -> u32 {
        let record = self.snapshot.record(Table::Specs, self.number).unwrap_or_default();
        Fields(record.get(index * 4..).unwrap_or_default()).u32()
    }

    /// Its place among all spec files.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The file itself.
    pub fn input(&self) -> Option<Input<'a>> {
        self.snapshot.input(self.input_number())
    }

    /// The number of the file.
    pub(super) fn input_number(&self) -> u32 {
        self.field(0)
    }

    /// The assets that it expands to.
    pub fn assets(&self) -> impl Iterator<Item = Asset<'a>> + use<'a> {
        let snapshot = self.snapshot;
        let range = snapshot.list_range(Table::Specs, self.number, 1, Table::Assets);
        range.map_while(move |number| snapshot.asset(number))
    }

    /// The numbers of the inputs that its expansion read: templates and styles.
    pub fn used(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.snapshot.list(Table::Used, self.used_range())
    }

    /// Where those numbers stand in their table.
    pub(super) fn used_range(&self) -> Range<u32> {
        self.snapshot.list_range(Table::Specs, self.number, 2, Table::Used)
    }

    /// What is to be known of it before it is read.
    pub fn traits(&self) -> SpecTraits {
        traits_of(self.field(3))
    }
}

impl<'a> Asset<'a> {
    fn fields(&self, at: usize) -> Fields<'a> {
        Fields(self.record.get(at..).unwrap_or_default())
    }

    /// Its place among all assets.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its id.
    pub fn id(&self) -> &'a str {
        self.snapshot.text_at(self.fields(0).u32())
    }

    /// Section of its manifest entry; empty if it has none.
    pub fn section(&self) -> &'a str {
        self.snapshot.text_at(self.fields(4).u32())
    }

    /// Key of its manifest entry; empty if it has none.
    pub fn key(&self) -> &'a str {
        self.snapshot.text_at(self.fields(8).u32())
    }

    /// The spec file that it was written in.
    pub fn spec(&self) -> SpecFile<'a> {
        SpecFile { snapshot: self.snapshot, number: self.fields(28).u32() }
    }

    /// Its phase.
    pub fn phase(&self) -> Option<i64> {
        (self.fields(42).u8() != 0).then(|| self.fields(32).i64())
    }

    /// Its state, as the code that was recorded.
    pub fn state(&self) -> u8 {
        self.fields(40).u8()
    }

    /// Picture or sound.
    pub fn media(&self) -> MediaKind {
        if self.fields(41).u8() == 1 { MediaKind::Audio } else { MediaKind::Image }
    }

    /// Its wanted key.
    pub fn wanted(&self) -> ActionKey {
        ActionKey(self.fields(44).array())
    }

    /// The key of its processing, checks and publishing.
    pub fn definition(&self) -> ActionKey {
        ActionKey(self.fields(76).array())
    }

    /// Its tags.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.texts(Table::Tags)
    }

    /// Its published files.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Output<'a>> + use<'a> {
        let snapshot = self.snapshot;
        let range = self.list_range(Table::Outputs);
        let end = range.end.min(snapshot.count(Table::Outputs) as u32);
        (range.start.min(end)..end).map(move |number| snapshot.output(number))
    }

    /// The numbers of the inputs that its actions read.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.snapshot.list(Table::Sources, self.list_range(Table::Sources))
    }

    /// Ids of the assets that it refers to.
    pub fn references(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.texts(Table::References)
    }

    /// Where one of its lists stands in its table.
    pub(super) fn list_range(&self, list: Table) -> Range<u32> {
        let field = match list {
            Table::Tags => 3,
            Table::Outputs => 4,
            Table::Sources => 5,
            Table::References => 6,
            _ => return 0..0,
        };
        self.snapshot.list_range(Table::Assets, self.number, field, list)
    }

    /// The records of one of its lists, as they are stored.
    pub(super) fn list_bytes(&self, list: Table) -> &'a [u8] {
        let range = self.list_range(list);
        let place = |number: u32| number as usize * list.record_size();
        let bytes = self.snapshot.table(list).get(place(range.start)..place(range.end));
        bytes.unwrap_or_default()
    }

    /// Where its id, section and key stand among the strings.
    pub(super) fn text_places(&self) -> [u32; 3] {
        [0, 4, 8].map(|at| self.fields(at).u32())
    }

    /// Its record: the places of texts, the numbers that speak of other tables, and the rest.
    pub(super) fn record_parts(&self) -> [&'a [u8]; 3] {
        let (texts, others) = self.record.split_at(3 * 4);
        let (numbers, rest) = others.split_at(5 * 4);
        [texts, numbers, rest]
    }

    fn texts(&self, list: Table) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let snapshot = self.snapshot;
        snapshot.list(list, self.list_range(list)).map(move |offset| snapshot.text_at(offset))
    }
}

/// Bytes of strings that may be out of use besides as many as there were in use: above, a run loads
/// everything once and writes a snapshot without them.
const MOST_LEFT_OVER: u64 = 64 << 10;

/// Bytes from which on more than one thread reads.
const LARGE: u64 = 2 << 20;

/// What the header says, checked for everything but the checksum.
struct Header {
    summary: Summary,
    /// Bytes of each table.
    tables: [u64; TABLES],
    /// Bytes of all strings.
    strings: u64,
    whole_text: u32,
    checksum: u64,
}

impl Header {
    fn parse(header: &[u8; HEADER]) -> Option<Self> {
        let mut fields = Fields(header);
        if fields.array() != MAGIC || fields.u32() != SNAPSHOT_FORMAT {
            return None;
        }
        let schema = fields.u32();
        let stamp = Stamp(fields.i64());
        let config: Digest = fields.digest();
        let settings = fields.digest();
        let [has_problems, lock, has_purchases, has_orphans, ..] = fields.array::<8>();
        let file = fields.recorded();
        let lock = (lock != 0).then_some(Recorded { racy: lock == 2, ..file });
        let tables = Table::ALL.map(|table| u64::from(fields.u32()) * table.record_size() as u64);
        let strings = u64::from(fields.u32());
        let whole_text = fields.u32();
        let checksum = Fields(&header[HEADER - 8..]).u64();
        let summary = Summary {
            schema,
            stamp,
            config,
            settings,
            has_problems: has_problems != 0,
            has_orphans: has_orphans != 0,
            lock,
            has_purchases: has_purchases != 0,
        };
        Some(Self { summary, tables, strings, whole_text, checksum })
    }

    fn is_left_over(&self) -> bool {
        is_left_over(self.strings, self.whole_text)
    }

    fn file_size(&self) -> Option<u64> {
        let sizes = self.tables.iter().chain([&self.strings]);
        sizes.copied().try_fold(HEADER as u64, u64::checked_add)
    }

    /// Where the tables and the strings lie in the file.
    fn part_ranges(&self) -> Vec<Range<u64>> {
        let mut start = HEADER as u64;
        let mut ranges = Vec::with_capacity(TABLES + 1);
        for size in self.tables.iter().chain([&self.strings]) {
            ranges.push(start..start + size);
            start += size;
        }
        ranges
    }

    fn finish(self, header: &[u8], mut parts: Vec<(u64, Vec<u8>)>) -> Option<Snapshot> {
        let sum = parts.iter().map(|(sum, _)| *sum).fold(0, u64::wrapping_add);
        if combine(&header[..HEADER - 8], sum) != self.checksum {
            return None;
        }
        let (_, strings) = parts.pop()?;
        let strings = String::from_utf8(strings).ok()?;
        let tables: Vec<_> = parts.into_iter().map(|(_, bytes)| bytes).collect();
        let Self { summary, whole_text, .. } = self;
        Some(Snapshot { summary, tables: tables.try_into().ok()?, strings, whole_text, sum })
    }
}

/// Whether half of the strings are out of use. `whole_text`: their bytes when all of them were in use.
fn is_left_over(strings: u64, whole_text: u32) -> bool {
    strings > MOST_LEFT_OVER + 2 * u64::from(whole_text)
}

/// Reads a part into memory that was not zeroed first. A file that was replaced meanwhile gives a
/// wrong checksum.
fn read_range(path: &Path, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let size = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(size);
    if size > 0 {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        file.take(size as u64).read_to_end(&mut bytes)?;
    }
    if bytes.len() == size { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
