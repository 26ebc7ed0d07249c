//! Packs the records of a run and saves them.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::base::{ActionKey, MediaKind};
use crate::cache::dir::{CacheDir, overwrite_file};
use crate::cache::file_memo::{Content, Recorded, Stat};
use crate::cache::snapshot::checksum::{BLOCK, combine, of_part};
use crate::cache::snapshot::layout::{
    Fields, HEADER, MAGIC, Packed, Record, Table, content_code, push_text, text_place, traits_code,
};
use crate::cache::snapshot::reader::{Asset, Snapshot};
use crate::cache::snapshot::{Role, SNAPSHOT_FORMAT, SpecTraits, Summary};

/// The snapshot cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It has more than 4 GiB of text or records.
    #[error("save the snapshot: the project is too large for its format")]
    TooLarge,
    /// The file cannot be written.
    #[error("save the snapshot `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// An asset to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewAsset<'a> {
    /// Its id.
    pub id: &'a str,
    /// Picture or sound.
    pub media: MediaKind,
    /// Its tags.
    pub tags: &'a [&'a str],
    /// Its phase.
    pub phase: Option<i64>,
    /// Section of its manifest entry; empty if it has none.
    pub section: &'a str,
    /// Key of its manifest entry; empty if it has none.
    pub key: &'a str,
    /// Its state, as a code that the planner gives meaning.
    pub state: u8,
    /// Its wanted key.
    pub wanted: ActionKey,
    /// The key of its processing, checks and publishing.
    pub definition: ActionKey,
    /// The inputs that its actions read, as `SnapshotWriter::input` named them.
    pub sources: &'a [u32],
    /// Ids of the assets that it refers to.
    pub references: &'a [&'a str],
}

/// Tells what is known by now of the published file at a path, where that is another thing than what
/// was recorded.
pub type Settle<'a> = &'a dyn Fn(&str) -> Option<Recorded>;

/// Collects records: inputs and folders at any time, a spec file before its assets, an asset
/// before its outputs.
#[derive(Debug)]
pub struct SnapshotWriter {
    summary: Summary,
    inputs: Vec<PendingInput>,
    dirs: Record,
    specs: Vec<[u32; 4]>,
    assets: Record,
    outputs: Record,
    used: Vec<u32>,
    sources: Vec<u32>,
    tags: Record,
    references: Record,
    arena: Vec<u8>,
    interned: HashMap<String, u32>,
    /// Bytes of strings when all of them were in use, if that was in an earlier snapshot.
    whole_text: Option<u32>,
    too_large: bool,
}

#[derive(Debug, Clone, Copy)]
struct PendingInput {
    path: u32,
    role: Role,
    content: Content,
    recorded: Recorded,
}

impl SnapshotWriter {
    /// Begins an empty snapshot.
    pub fn new(summary: Summary) -> Self {
        Self {
            summary,
            inputs: Vec::new(),
            dirs: Record::default(),
            specs: Vec::new(),
            assets: Record::default(),
            outputs: Record::default(),
            used: Vec::new(),
            sources: Vec::new(),
            tags: Record::default(),
            references: Record::default(),
            arena: Vec::new(),
            interned: HashMap::new(),
            whole_text: None,
            too_large: false,
        }
    }

    /// Begins a snapshot that goes on with the strings of the last one, so that records can be copied
    /// from that without reading them. What nobody refers to any more stays among them.
    pub fn upon(summary: Summary, last: &Snapshot) -> Self {
        const MORE: usize = 4096;
        let mut writer = Self::new(summary);
        writer.whole_text = Some(last.whole_text());
        writer.arena.reserve(last.text().len() + MORE);
        writer.arena.extend_from_slice(last.text().as_bytes());
        // Folders are recorded again by every run: their names need not be stored each time.
        writer.interned = last.dir_texts().map(|(text, at)| (text.to_owned(), at)).collect();
        writer.inputs.reserve(last.input_count());
        writer.specs.reserve(last.specs().len());
        let assets = last.assets().len();
        writer.sources.reserve(assets);
        writer.assets.0.reserve(assets * Table::Assets.record_size() + MORE);
        writer.outputs.0.reserve(last.outputs().len() * Table::Outputs.record_size() + MORE);
        writer
    }

    /// As `input`, for one of the snapshot that this one goes on with.
    pub fn copy_input(&mut self, last: &Snapshot, number: u32, recorded: Recorded) -> Option<u32> {
        let (path, role, content) = last.input_identity(number)?;
        let new = self.index(self.inputs.len());
        self.inputs.push(PendingInput { path, role, content, recorded });
        Some(new)
    }

    /// As `asset` and `output`, for one of the snapshot that this one goes on with.
    ///
    /// `sources`: the new numbers of the inputs that its actions read. `state`: its new state, if it
    /// has one.
    pub fn copy_asset(
        &mut self,
        asset: &Asset<'_>,
        sources: &[u32],
        state: Option<u8>,
        settled: Option<Settle<'_>>,
    ) {
        let first = self.begin_lists();
        self.tags.bytes(asset.list_bytes(Table::Tags));
        self.references.bytes(asset.list_bytes(Table::References));
        self.sources.extend_from_slice(sources);
        let [texts, _, rest] = asset.record_parts();
        self.assets.bytes(texts);
        first.iter().for_each(|number| self.assets.u32(*number));
        let at = self.assets.0.len() + 8;
        self.assets.bytes(rest);
        self.assets.0[at] = state.unwrap_or(asset.state());
        let size = Table::Outputs.record_size();
        let outputs = asset.list_bytes(Table::Outputs).chunks_exact(size).zip(asset.outputs());
        for (record, output) in outputs {
            match settled.and_then(|settled| settled(output.path)) {
                Some(recorded) => {
                    let path = Fields(record).u32();
                    self.add_output(path, &recorded);
                }
                None => self.outputs.bytes(record),
            }
        }
    }

    /// Where the tags, outputs, sources and references of the next asset begin, and its spec file.
    fn begin_lists(&mut self) -> [u32; 5] {
        let first_tag = self.index(self.tags.0.len() / 4);
        let first_output = self.index(self.outputs.0.len() / Table::Outputs.record_size());
        let first_source = self.index(self.sources.len());
        let first_reference = self.index(self.references.0.len() / 4);
        let spec = self.index(self.specs.len().saturating_sub(1));
        [first_tag, first_output, first_source, first_reference, spec]
    }

    /// Says of the run as a whole what was not known when the snapshot was begun.
    pub fn set_summary(&mut self, summary: Summary) {
        self.summary = summary;
    }

    /// Records a file that the build read, and returns its number for `spec` and `asset`. The same
    /// file in the same role may be recorded again; the last record counts.
    pub fn input(&mut self, path: &str, role: Role, content: Content, recorded: Recorded) -> u32 {
        let number = self.index(self.inputs.len());
        let path = self.text(path);
        self.inputs.push(PendingInput { path, role, content, recorded });
        number
    }

    /// Records a folder that was listed for a glob.
    pub fn dir(&mut self, path: &str, glob: &str, stat: &Stat) {
        let (path, glob) = (self.shared_text(path), self.shared_text(glob));
        self.dirs.u32(path);
        self.dirs.u32(glob);
        self.dirs.stat(stat);
    }

    /// Begins a spec file: the assets that follow are its own.
    ///
    /// `input`: the file's number. `used`: templates, styles and other inputs that its expansion
    /// read.
    pub fn spec(&mut self, input: u32, used: &[u32], traits: SpecTraits) {
        let first_asset = self.index(self.assets.0.len() / Table::Assets.record_size());
        let first_used = self.index(self.used.len());
        self.used.extend_from_slice(used);
        self.specs.push([input, first_asset, first_used, traits_code(traits)]);
    }

    /// Begins an asset of the last spec file: the outputs that follow are its own.
    pub fn asset(&mut self, asset: &NewAsset<'_>) {
        let id = self.text(asset.id);
        let section = self.shared_text(asset.section);
        let key = self.text(asset.key);
        let first = self.begin_lists();
        for tag in asset.tags {
            let tag = self.shared_text(tag);
            self.tags.u32(tag);
        }
        for reference in asset.references {
            let reference = self.shared_text(reference);
            self.references.u32(reference);
        }
        self.sources.extend_from_slice(asset.sources);
        let record = &mut self.assets;
        for field in [id, section, key].iter().chain(&first) {
            record.u32(*field);
        }
        record.i64(asset.phase.unwrap_or(0));
        record.u8(asset.state);
        record.u8(match asset.media {
            MediaKind::Image => 0,
            MediaKind::Audio => 1,
        });
        record.u8(u8::from(asset.phase.is_some()));
        record.u8(0);
        record.bytes(&asset.wanted.0);
        record.bytes(&asset.definition.0);
    }

    /// Records a published file of the last asset.
    pub fn output(&mut self, path: &str, recorded: &Recorded) {
        let path = self.text(path);
        self.add_output(path, recorded);
    }

    fn add_output(&mut self, path: u32, recorded: &Recorded) {
        self.outputs.u32(path);
        self.outputs.recorded(recorded);
        self.outputs.u32(u32::from(recorded.racy));
    }

    /// Saves the snapshot over the last one, and gives it as it would be read; none if it would not be
    /// used. A reader that comes in between finds none.
    ///
    /// `last`: the snapshot that is on disk, as far as is known; what is the same is not written. If
    /// another process wrote a different one meanwhile, the checksum tells.
    ///
    /// # Errors
    /// `SnapshotError`; there is no snapshot then.
    pub fn save(
        self,
        cache: &CacheDir,
        last: Option<&Snapshot>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let packed = self.pack()?;
        let path = cache.snapshot();
        let mut pieces = Vec::new();
        let mut offset = 0;
        for (index, part) in packed.parts().enumerate() {
            let known = index.checked_sub(1).zip(last).and_then(|(index, last)| {
                last.part(index).filter(|_| last.part_offset(index) == offset)
            });
            match known {
                Some(known) => pieces.extend(changed_pieces(offset, known, part)),
                None => pieces.push((offset, part)),
            }
            offset += part.len() as u64;
        }
        overwrite_file(&path, &pieces, offset)
            .map_err(|source| SnapshotError::Write { path, source })?;
        drop(pieces);
        Ok(Snapshot::of(packed))
    }

    /// The snapshot as it would be read, without saving it; none if it would not be used.
    ///
    /// # Errors
    /// `SnapshotError::TooLarge`.
    pub fn finish(self) -> Result<Option<Snapshot>, SnapshotError> {
        Ok(Snapshot::of(self.pack()?))
    }

    pub(super) fn pack(mut self) -> Result<Packed, SnapshotError> {
        let (inputs, new_number) = self.pack_inputs();
        let renumbered = |numbers: &[u32]| {
            let mut record = Record::default();
            for number in numbers {
                record.u32(new_number.get(*number as usize).copied().unwrap_or(u32::MAX));
            }
            record.0
        };
        let mut specs = Record::default();
        for [input, first_asset, first_used, flags] in &self.specs {
            specs.bytes(&renumbered(&[*input]));
            specs.u32(*first_asset);
            specs.u32(*first_used);
            specs.u32(*flags);
        }
        let (used, sources) = (renumbered(&self.used), renumbered(&self.sources));
        let tables = [
            inputs,
            std::mem::take(&mut self.dirs.0),
            specs.0,
            std::mem::take(&mut self.assets.0),
            std::mem::take(&mut self.outputs.0),
            used,
            sources,
            std::mem::take(&mut self.tags.0),
            std::mem::take(&mut self.references.0),
        ];
        let strings = std::mem::take(&mut self.arena);
        let mut counts = Vec::new();
        for (table, bytes) in Table::ALL.iter().zip(&tables) {
            counts.push(self.index(bytes.len() / table.record_size()));
        }
        let size = self.index(strings.len());
        if self.too_large {
            return Err(SnapshotError::TooLarge);
        }
        let whole_text = self.whole_text.unwrap_or(size);
        let parts = tables.iter().chain([&strings]).enumerate();
        let sums = parts.map(|(part, bytes)| of_part(part, bytes));
        let sum = sums.fold(0, u64::wrapping_add);
        let header = header(&self.summary, &counts, [size, whole_text], sum);
        Ok(Packed { header, tables, strings, sum })
    }

    /// The table of inputs sorted by path, each once, and the new number of each old one.
    fn pack_inputs(&mut self) -> (Vec<u8>, Vec<u32>) {
        let inputs = std::mem::take(&mut self.inputs);
        let identity = |number: u32| {
            let input = &inputs[number as usize];
            (text_at(&self.arena, input.path), input.role, content_code(input.content))
        };
        // The order in which they were recorded is often the order of paths already.
        let mut order: Vec<u32> = (0..).take(inputs.len()).collect();
        order.sort_by(|&a, &b| identity(a).cmp(&identity(b)));
        let mut new_number = vec![0; inputs.len()];
        let mut record = Record(Vec::with_capacity(inputs.len() * Table::Inputs.record_size()));
        let mut count = 0;
        let mut first = None;
        for (place, &old) in order.iter().enumerate() {
            new_number[old as usize] = count;
            let named = *first.get_or_insert(old);
            let next = order.get(place + 1);
            if next.is_some_and(|&next| identity(next) == identity(old)) {
                continue;
            }
            first = None;
            let input = &inputs[old as usize];
            record.u32(inputs[named as usize].path);
            record.recorded(&input.recorded);
            record.u8(input.role as u8);
            record.u8(content_code(input.content));
            record.u8(u8::from(input.recorded.racy));
            record.u8(0);
            count += 1;
        }
        (record.0, new_number)
    }

    /// Stores a string and returns its offset.
    fn text(&mut self, text: &str) -> u32 {
        let offset = self.index(self.arena.len());
        push_text(&mut self.arena, text);
        offset
    }

    /// As `text`, for strings that many records share.
    fn shared_text(&mut self, text: &str) -> u32 {
        if let Some(&offset) = self.interned.get(text) {
            return offset;
        }
        let offset = self.text(text);
        self.interned.insert(text.to_owned(), offset);
        offset
    }

    fn index(&mut self, value: usize) -> u32 {
        u32::try_from(value).unwrap_or_else(|_| {
            self.too_large = true;
            u32::MAX
        })
    }
}

/// The stretches of `new` with blocks that differ from `old`, with their offsets in the file.
fn changed_pieces<'a>(offset: u64, old: &[u8], new: &'a [u8]) -> Vec<(u64, &'a [u8])> {
    let starts = (0..new.len()).step_by(BLOCK);
    let end = |start: usize| (start + BLOCK).min(new.len());
    let changed = starts.filter(|&at| old.get(at..end(at)) != Some(&new[at..end(at)]));
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for at in changed {
        match stretches.last_mut() {
            Some(last) if last.end == at => last.end = end(at),
            _ => stretches.push(at..end(at)),
        }
    }
    stretches.into_iter().map(|range| (offset + range.start as u64, &new[range])).collect()
}

/// The string that was stored at an offset, as bytes: their order is that of the text.
fn text_at(arena: &[u8], offset: u32) -> &[u8] {
    let (at, length) = text_place(arena, offset);
    arena.get(at..at.saturating_add(length)).unwrap_or_default()
}

/// The header. `text`: bytes of strings, and of those in use when all of them were written; `sum`: the
/// sum of the checksums of the parts.
pub(super) fn header(summary: &Summary, counts: &[u32], text: [u32; 2], sum: u64) -> Vec<u8> {
    let mut header = Record::default();
    header.bytes(&MAGIC);
    header.u32(SNAPSHOT_FORMAT);
    header.u32(summary.schema);
    header.i64(summary.stamp.0);
    header.digest(&summary.config);
    header.digest(&summary.settings);
    header.u8(u8::from(summary.has_problems));
    header.u8(summary.lock.as_ref().map_or(0, |file| 1 + u8::from(file.racy)));
    header.u8(u8::from(summary.has_purchases));
    header.u8(u8::from(summary.has_orphans));
    header.bytes(&[0; 4]);
    match &summary.lock {
        Some(file) => header.recorded(file),
        None => header.bytes(&[0; 72]),
    }
    counts.iter().chain(&text).for_each(|count| header.u32(*count));
    header.0.resize(HEADER - 8, 0);
    let checksum = combine(&header.0, sum);
    header.u64(checksum);
    header.0
}
