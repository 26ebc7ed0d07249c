//! Mends a snapshot: what a run changed is written over the records that changed, and the others are
//! neither copied nor read again.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::cache::dir::{CacheDir, overwrite_file};
use crate::cache::file_memo::Recorded;
use crate::cache::snapshot::checksum::{BLOCK, block_range, of_block};
use crate::cache::snapshot::layout::{Record, STRINGS, Table, push_text, traits_code};
use crate::cache::snapshot::reader::{Asset, Input, Snapshot, SpecFile};
use crate::cache::snapshot::writer::{SnapshotError, header};
use crate::cache::snapshot::{Role, Summary};

/// A snapshot with records written over some of its own.
#[derive(Debug)]
pub struct Mending<'a> {
    last: &'a Snapshot,
    /// Blocks of tables as they are to be, by part and number.
    blocks: BTreeMap<(usize, usize), Vec<u8>>,
    /// Strings that follow on those of the last snapshot, and where they stand.
    strings: Vec<u8>,
    places: HashMap<String, u32>,
}

impl<'a> Mending<'a> {
    /// Begins with the last snapshot as it is.
    pub fn of(last: &'a Snapshot) -> Self {
        Self { last, blocks: BTreeMap::new(), strings: Vec::new(), places: HashMap::new() }
    }

    /// Says of an input what it is now.
    pub fn set_input(&mut self, number: u32, recorded: &Recorded) {
        let at = number as usize * Table::Inputs.record_size();
        let mut record = Record::default();
        record.recorded(recorded);
        self.write(Table::Inputs, at + 4, &record.0);
        self.write(Table::Inputs, at + 4 + record.0.len() + 2, &[u8::from(recorded.racy)]);
    }

    /// Says of a published file what it is now.
    pub fn set_output(&mut self, number: u32, recorded: &Recorded) {
        let at = number as usize * Table::Outputs.record_size();
        let mut record = Record::default();
        record.recorded(recorded);
        record.u32(u32::from(recorded.racy));
        self.write(Table::Outputs, at + 4, &record.0);
    }

    /// Gives an asset another state.
    pub fn set_state(&mut self, asset: u32, state: u8) {
        self.write(Table::Assets, asset as usize * Table::Assets.record_size() + 40, &[state]);
    }

    /// Takes over everything that `news` says: of spec files with their assets, of the files that they
    /// are made of, and of folders. What it does not speak of stays.
    ///
    /// `has_settings`: whether it speaks of the Assetfile and all that belongs to it.
    ///
    /// None if the records are not the same ones, such as one more asset, or a source that nobody has any
    /// more: then this is of no use, and a snapshot has to be written anew.
    pub fn take(&mut self, news: &Snapshot, has_settings: bool) -> Option<()> {
        let mut numbers = Vec::with_capacity(news.input_count());
        for input in news.inputs() {
            let own = same_input(self.last, &input)?.number;
            self.set_input(own, &input.recorded);
            numbers.push(own);
        }
        const SETTINGS: [Role; 4] = [Role::Assetfile, Role::Style, Role::Font, Role::Manifest];
        if has_settings {
            let mut settings = self.last.inputs_as(&SETTINGS);
            settings.all(|input| same_input(news, &input).is_some()).then_some(())?;
        }
        // Asked for each of all spec files, and most often there is one.
        let mut files = BTreeMap::new();
        for file in news.specs() {
            files.insert(*numbers.get(file.input()?.number as usize)?, file);
        }
        for own in self.last.specs() {
            if let Some(file) = files.remove(&own.input_number()) {
                let gone = lists_gone(self.last, &own, news);
                (!gone).then_some(())?;
                self.take_file(&own, &file, &numbers)?;
            }
        }
        files.is_empty().then_some(())?;
        self.take_dirs(news)
    }

    fn take_file(
        &mut self,
        own: &SpecFile<'a>,
        file: &SpecFile<'_>,
        numbers: &[u32],
    ) -> Option<()> {
        let traits = file.traits();
        (own.traits().has_globs == traits.has_globs).then_some(())?;
        let at = own.number() as usize * Table::Specs.record_size() + 12;
        self.write(Table::Specs, at, &traits_code(traits).to_le_bytes());
        self.take_numbers(Table::Used, own.used_range(), file.used(), numbers)?;
        let mut news = file.assets();
        for asset in own.assets() {
            self.take_asset(&asset, &news.next()?, numbers)?;
        }
        news.next().is_none().then_some(())
    }

    fn take_asset(&mut self, own: &Asset<'a>, asset: &Asset<'_>, numbers: &[u32]) -> Option<()> {
        let mut record = Record::default();
        let texts =
            [(own.id(), asset.id()), (own.section(), asset.section()), (own.key(), asset.key())];
        for (place, (known, text)) in own.text_places().into_iter().zip(texts) {
            record.u32(self.text(place, known, text)?);
        }
        let [_, own_numbers, _] = own.record_parts();
        let [_, _, rest] = asset.record_parts();
        record.bytes(own_numbers);
        record.bytes(rest);
        self.write(Table::Assets, own.number() as usize * Table::Assets.record_size(), &record.0);

        let sources = own.list_range(Table::Sources);
        self.take_numbers(Table::Sources, sources, asset.sources(), numbers)?;
        self.take_texts(Table::Tags, own, own.tags(), asset.tags())?;
        self.take_texts(Table::References, own, own.references(), asset.references())?;
        let range = own.list_range(Table::Outputs);
        (range.len() == asset.outputs().len()).then_some(())?;
        let outputs = own.outputs().zip(asset.outputs());
        for (number, (known, output)) in range.zip(outputs) {
            let at = number as usize * Table::Outputs.record_size();
            let place = self.last.output_place(number)?;
            let place = self.text(place, known.path, output.path)?;
            self.write(Table::Outputs, at, &place.to_le_bytes());
            self.set_output(number, &output.recorded);
        }
        Some(())
    }

    /// Writes the numbers of inputs over as many others.
    fn take_numbers(
        &mut self,
        list: Table,
        range: std::ops::Range<u32>,
        news: impl ExactSizeIterator<Item = u32>,
        numbers: &[u32],
    ) -> Option<()> {
        (range.len() == news.len()).then_some(())?;
        for (place, number) in range.zip(news) {
            let number = numbers.get(number as usize)?;
            self.write(list, place as usize * 4, &number.to_le_bytes());
        }
        Some(())
    }

    fn take_texts<'n>(
        &mut self,
        list: Table,
        own: &Asset<'a>,
        known: impl ExactSizeIterator<Item = &'a str>,
        news: impl ExactSizeIterator<Item = &'n str>,
    ) -> Option<()> {
        let range = own.list_range(list);
        (range.len() == news.len()).then_some(())?;
        let last = self.last;
        let places = last.list(list, range.clone());
        for (at, ((place, known), text)) in range.zip(places.zip(known).zip(news)) {
            let place = self.text(place, known, text)?;
            self.write(list, at as usize * 4, &place.to_le_bytes());
        }
        Some(())
    }

    /// Takes over the folders of some globs, which must be the same ones.
    fn take_dirs(&mut self, news: &Snapshot) -> Option<()> {
        if news.dirs().len() == 0 {
            return Some(());
        }
        let globs: HashSet<&str> = news.dirs().map(|dir| dir.glob).collect();
        let mut own = HashMap::new();
        for (number, dir) in self.last.dirs().enumerate() {
            if globs.contains(dir.glob) {
                own.insert((dir.path, dir.glob), number);
            }
        }
        for dir in news.dirs() {
            let number = own.remove(&(dir.path, dir.glob))?;
            let mut record = Record::default();
            record.stat(&dir.stat);
            self.write(Table::Dirs, number * Table::Dirs.record_size() + 8, &record.0);
        }
        own.is_empty().then_some(())
    }

    /// Where a text stands that stood at `place` if it is the same.
    fn text(&mut self, place: u32, known: &str, text: &str) -> Option<u32> {
        if known == text {
            return Some(place);
        }
        if let Some(&place) = self.places.get(text) {
            return Some(place);
        }
        let place = u32::try_from(self.last.text().len() + self.strings.len()).ok()?;
        push_text(&mut self.strings, text);
        self.places.insert(text.to_owned(), place);
        Some(place)
    }

    /// Writes bytes over those of a table.
    fn write(&mut self, table: Table, mut at: usize, mut bytes: &[u8]) {
        let part = table as usize;
        let known = self.last.part(part).unwrap_or_default();
        while !bytes.is_empty() && at < known.len() {
            let block = at / BLOCK;
            let range = block_range(block, known.len());
            let (now, rest) = bytes.split_at(bytes.len().min(range.end - at));
            let own =
                self.blocks.entry((part, block)).or_insert_with(|| known[range.clone()].to_vec());
            own[at - range.start..][..now.len()].copy_from_slice(now);
            (at, bytes) = (range.end, rest);
        }
    }

    /// Saves what was written, and gives the snapshot as it is now if that is wanted and it would be used.
    ///
    /// The file must be that of the last snapshot; if another process wrote a different one meanwhile, the
    /// checksum tells.
    ///
    /// # Errors
    /// `SnapshotError`; there is no snapshot then.
    pub fn save(
        mut self,
        cache: &CacheDir,
        summary: Summary,
        is_wanted: bool,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let last = self.last;
        let known = |part: usize, block: usize| {
            let bytes = last.part(part).unwrap_or_default();
            &bytes[block_range(block, bytes.len())]
        };
        self.blocks.retain(|&(part, block), bytes| *bytes != known(part, block));
        let mut sum = last.sum();
        for (&(part, block), bytes) in &self.blocks {
            let removed = of_block(part, block, known(part, block));
            sum = sum.wrapping_sub(removed).wrapping_add(of_block(part, block, bytes));
        }
        let text = last.text().len();
        if !self.strings.is_empty() {
            let first = text / BLOCK;
            let rest = known(STRINGS, first);
            if !rest.is_empty() {
                sum = sum.wrapping_sub(of_block(STRINGS, first, rest));
            }
            let tail = [rest, &self.strings].concat();
            for (block, bytes) in (first..).zip(tail.chunks(BLOCK)) {
                sum = sum.wrapping_add(of_block(STRINGS, block, bytes));
            }
        }
        let size = u32::try_from(text + self.strings.len()).map_err(|_| SnapshotError::TooLarge)?;
        let counts = Table::ALL.map(|table| last.count(table) as u32);
        let header = header(&summary, &counts, [size, last.whole_text()], sum);
        let mut pieces = vec![(0, header.as_slice())];
        pieces.extend(self.blocks.iter().map(|(&(part, block), bytes)| {
            (last.part_offset(part) + (block * BLOCK) as u64, bytes.as_slice())
        }));
        let end = last.part_offset(STRINGS) + text as u64;
        pieces.push((end, &self.strings));
        let path = cache.snapshot();
        overwrite_file(&path, &pieces, end + self.strings.len() as u64)
            .map_err(|source| SnapshotError::Write { path, source })?;
        drop(pieces);
        Ok(is_wanted.then(|| last.mended(summary, self.blocks, &self.strings, sum)).flatten())
    }
}

/// The input of `snapshot` that is the same file in the same role.
fn same_input<'s>(snapshot: &'s Snapshot, input: &Input<'_>) -> Option<Input<'s>> {
    let first = snapshot.first_input_at(input.path);
    let inputs = (first..).map_while(|number| snapshot.input(number));
    let mut at_path = inputs.take_while(|own| own.path == input.path);
    at_path.find(|own| own.role == input.role && own.content == input.content)
}

/// Whether something that a spec file, or an asset of it, is made of is no part of `news`: it would stay
/// among the records, although nothing is made of it.
fn lists_gone(last: &Snapshot, file: &SpecFile<'_>, news: &Snapshot) -> bool {
    let is_gone = |number| last.input(number).is_none_or(|own| same_input(news, &own).is_none());
    let Some(path) = file.input().map(|input| input.path) else { return true };
    let mut templates = last.inputs_at(path).filter(|input| input.role == Role::Template);
    templates.any(|input| same_input(news, &input).is_none())
        || file.used().any(is_gone)
        || file.assets().any(|asset| asset.sources().any(is_gone))
}
