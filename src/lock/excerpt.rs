//! Some blocks of a lock that is not read as a whole: a run that changes one asset of ten thousand looks
//! for its block by bisection, and writes over that one only.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use crate::lock::file::{LockFile, header_id_of};
use crate::lock::model::Block;

/// Bytes that are read at a time; most blocks are shorter.
const CHUNK: usize = 2048;

/// What a block begins with, and the line end before it.
const HEADER: &[u8] = b"\n[asset.";

/// Some blocks of a lock, and where they stand in its file.
#[derive(Debug)]
pub struct Excerpt {
    blocks: Arc<LockFile>,
    /// Bytes of the file that each block takes, without comments and blank lines after it, by id.
    places: BTreeMap<String, Range<u64>>,
    size: u64,
}

/// Bytes of a file that give place to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Where they stand.
    pub place: Range<u64>,
    /// What they are.
    pub old: String,
    /// What comes in their place.
    pub new: String,
}

impl Excerpt {
    /// Looks for blocks in a lock whose blocks are sorted by id, as all are that were not sorted
    /// otherwise by hand; none if one of them cannot be found so.
    ///
    /// # Errors
    /// What the system says.
    pub fn read<'i>(
        file: impl Read + Seek,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> io::Result<Option<Self>> {
        let mut pages = Pages::of(file)?;
        let Some(mut text) = pages.text_before_header(0)? else { return Ok(None) };
        let mut starts = Vec::new();
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            let Some(start) = pages.find(text.len() as u64, id)? else { return Ok(None) };
            starts.push((id, start));
        }
        let mut ends = Vec::new();
        for (_, start) in &starts {
            let Some(block) = pages.text_before_header(*start)? else { return Ok(None) };
            ends.push(start + block.len() as u64);
            text.push_str(&block);
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        let Ok(blocks) = LockFile::parse(text) else { return Ok(None) };
        let mut places = BTreeMap::new();
        for ((id, start), end) in starts.into_iter().zip(ends) {
            let Some(block) = blocks.block_text(id) else { return Ok(None) };
            places.insert(id.to_owned(), start..end.min(start + block.len() as u64));
        }
        Ok(Some(Self { blocks: Arc::new(blocks), places, size: pages.size }))
    }

    /// The blocks, as a lock that holds no others.
    pub fn blocks(&self) -> &Arc<LockFile> {
        &self.blocks
    }

    /// Bytes of the whole file.
    pub fn file_size(&self) -> u64 {
        self.size
    }

    /// What to replace in the file, in the order of places; none if other blocks are changed, or one is
    /// removed.
    pub fn replacements(
        &self,
        changes: &BTreeMap<String, Option<Block>>,
    ) -> Option<Vec<Replacement>> {
        let mut replacements = Vec::new();
        for (id, block) in changes {
            let place = self.places.get(id)?.clone();
            let new = self.blocks.replaced(id, block.as_ref()?)?;
            let mut old = self.blocks.block_text(id)?;
            if old != new {
                // A line end that the file does not have after its last block.
                old = old.get(..usize::try_from(place.end - place.start).ok()?)?;
                replacements.push(Replacement { place, old: old.to_owned(), new });
            }
        }
        replacements.sort_by_key(|replacement| replacement.place.start);
        Some(replacements)
    }
}

/// A file of which little is read.
struct Pages<F> {
    file: F,
    size: u64,
}

impl<F: Read + Seek> Pages<F> {
    fn of(mut file: F) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
    }

    /// The bytes from `start` on, and more of them each time, until `end` is found among them or the file is at
    /// its end.
    fn read_until<T>(
        &mut self,
        start: u64,
        end: impl Fn(&[u8], bool) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(start))?;
        loop {
            let read = self.file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes)?;
            let is_all = read == 0;
            if let Some(found) = end(&bytes, is_all) {
                return Ok(Some(found));
            }
            if is_all {
                return Ok(None);
            }
        }
    }

    /// The text from `start` to the next block, or to the end; none if it is no text.
    fn text_before_header(&mut self, start: u64) -> io::Result<Option<String>> {
        let text = self.read_until(start, |bytes, is_all| {
            let next = memmem::find(bytes, HEADER).map(|at| at + 1);
            let end = next.or(is_all.then_some(bytes.len()))?;
            Some(String::from_utf8(bytes[..end].to_vec()).ok())
        })?;
        Ok(text.flatten())
    }

    /// The first block whose header begins at `from` or later: where, and its id.
    fn header_from(&mut self, from: u64) -> io::Result<Option<(u64, String)>> {
        let found = self.read_until(from.saturating_sub(1), |bytes, is_all| {
            let at = memmem::find(bytes, HEADER)? + 1;
            let line = memchr::memchr(b'\n', &bytes[at..]);
            let end = line.map(|length| at + length).or(is_all.then_some(bytes.len()))?;
            Some((at, std::str::from_utf8(&bytes[at..end]).ok().and_then(header_id_of)))
        })?;
        let Some((at, Some(id))) = found else { return Ok(None) };
        Ok(Some((from.saturating_sub(1) + at as u64, id)))
    }

    /// Where the block of an asset begins.
    fn find(&mut self, first: u64, id: &str) -> io::Result<Option<u64>> {
        // Its header is in this range, if it is anywhere.
        let (mut from, mut to) = (first, self.size);
        while from < to {
            // Near the end it is quicker to read on than to jump.
            let middle = if to - from > CHUNK as u64 { from + (to - from) / 2 } else { from };
            match self.header_from(middle)? {
                Some((start, _)) if start >= to => to = middle,
                Some((start, found)) => match found.as_str().cmp(id) {
                    Ordering::Equal => return Ok(Some(start)),
                    Ordering::Less => from = start + 1,
                    Ordering::Greater => to = middle,
                },
                None => to = middle,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::base::{ActionKey, Digest, RelPath};

    fn block(id: &str, outputs: usize) -> Block {
        let mut block = Block::new(id, 1, ActionKey([1; 32]), ActionKey([2; 32]));
        let output = |number: usize| {
            let path = RelPath::new(&format!("assets/{number}.png")).expect("a path");
            (path, Digest::of(&[1]))
        };
        block.outputs = (0..outputs).map(output).collect();
        block
    }

    fn ids(count: usize) -> Vec<String> {
        // Some of them need quotes.
        let id = |number: usize| match number % 10 {
            0 => format!("a.{number:05}"),
            _ => format!("a-{number:05}"),
        };
        (0..count).map(id).collect()
    }

    /// A lock whose blocks have other sizes, with comments between some of them.
    fn lock(count: usize) -> String {
        let changes = ids(count).into_iter().enumerate();
        let changes: BTreeMap<_, _> =
            changes.map(|(at, id)| (id.clone(), Some(block(&id, at * 7 % 40)))).collect();
        let text = LockFile::default().splice(&changes).to_string();
        text.replace("\n[asset.a-00017]", "\n# a remark\n[asset.a-00017]")
    }

    fn read(text: &str, ids: &[&str]) -> Option<Excerpt> {
        Excerpt::read(Cursor::new(text.as_bytes()), ids.iter().copied()).expect("readable")
    }

    fn replaced(text: &str, replacements: &[Replacement]) -> String {
        let (mut changed, mut kept) = (String::new(), 0);
        for Replacement { place, old, new } in replacements {
            changed.push_str(&text[kept..place.start as usize]);
            changed.push_str(new);
            kept = place.end as usize;
            assert_eq!(&text[place.start as usize..kept], old);
        }
        changed + &text[kept..]
    }

    #[test]
    fn every_block_is_found_and_none_that_is_not_there() {
        for count in [0, 1, 2, 3, 40, 300] {
            let text = lock(count);
            for text in [text.clone(), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
                let whole = LockFile::parse(text.clone()).expect("a lock");
                for id in ids(count) {
                    let excerpt = read(&text, &[&id]).expect("it is there");
                    let found = excerpt.blocks().get(&id).expect("a block");
                    assert_eq!(found, whole.get(&id).expect("a block"), "{id} of {count}");
                    assert_eq!(excerpt.blocks().len(), 1);
                }
                for id in ["", "a", "a-00000a", "a.1", "zzz"] {
                    assert!(read(&text, &[id]).is_none(), "{id} of {count}");
                }
            }
        }
    }

    #[test]
    fn replacements_give_what_a_splice_gives() {
        let text = lock(300);
        for text in [text.clone(), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
            let whole = LockFile::parse(text.clone()).expect("a lock");
            for wanted in [vec![0], vec![17], vec![16, 17, 18], vec![299], vec![3, 150, 299]] {
                let ids: Vec<String> = wanted.iter().map(|at| ids(300).swap_remove(*at)).collect();
                let names: Vec<&str> = ids.iter().map(String::as_str).collect();
                let excerpt = read(&text, &names).expect("they are there");
                for outputs in [0, 1, 50] {
                    let changes =
                        ids.iter().map(|id| (id.clone(), Some(block(id, outputs)))).collect();
                    let replacements = excerpt.replacements(&changes).expect("its own blocks");
                    let spliced = whole.splice(&changes).to_string();
                    assert_eq!(replaced(&text, &replacements), spliced, "{ids:?} {outputs}");
                }
            }
        }
    }

    #[test]
    fn what_is_unchanged_is_not_replaced_and_what_is_unknown_is_none_of_it() {
        let text = lock(50);
        let excerpt = read(&text, &["a-00007"]).expect("it is there");
        let same = excerpt.blocks().get("a-00007").expect("a block").expect("readable");
        let changes = |id: &str, block| BTreeMap::from([(id.to_owned(), block)]);
        assert_eq!(excerpt.replacements(&changes("a-00007", Some(same))), Some(Vec::new()));
        assert!(excerpt.replacements(&changes("a-00007", None)).is_none());
        assert!(excerpt.replacements(&changes("a-00008", Some(block("a-00008", 1)))).is_none());
    }

    #[test]
    fn what_is_not_as_expected_is_not_believed() {
        let text = lock(300);
        let part = |bytes: &[u8], id| Excerpt::read(Cursor::new(bytes), [id]).expect("readable");
        // Sorted by hand: a block is found or not, but never another one.
        let (head, blocks) = text.split_at(text.find("\n[asset.").expect("a block") + 1);
        let mut parts: Vec<&str> = blocks.split_inclusive("\n\n").collect();
        parts.reverse();
        let reversed = format!("{head}{}\n{}", parts[0], parts[1..].concat());
        for id in ids(300) {
            if let Some(excerpt) = read(&reversed, &[&id]) {
                assert_eq!(excerpt.blocks().ids().collect::<Vec<_>>(), [id]);
            }
        }
        assert!(part(&[text.as_bytes(), b"\xff"].concat(), "a.00290").is_none(), "no text");
        assert!(part(text.replace("version = 1", "version = 2").as_bytes(), "a-00007").is_none());
        assert!(part(text.replace("[asset.a-00007]", "[asset.]").as_bytes(), "a-00007").is_none());
        assert!(part(b"", "a-00007").is_none() && part(b"\n[asset.", "a-00007").is_none());
    }

    /// Counts what is read.
    struct Counted<'a>(Cursor<&'a [u8]>, &'a mut usize);

    impl Read for Counted<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(to)?;
            *self.1 += count;
            Ok(count)
        }
    }

    impl Seek for Counted<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn little_of_a_large_lock_is_read() {
        let text = lock(3_000);
        let mut read = 0;
        let file = Counted(Cursor::new(text.as_bytes()), &mut read);
        let excerpt = Excerpt::read(file, ["a-01234"]).expect("readable");
        assert!(excerpt.is_some() && read * 20 < text.len(), "{read} of {} bytes", text.len());
    }
}
