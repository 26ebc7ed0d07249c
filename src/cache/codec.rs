//! The compact encoding of rows: LEB128 lengths before bytes, digests as hash and size.

use crate::base::{Digest, FieldList};

/// Writes a row.
#[derive(Debug, Default)]
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    pub(super) fn count(&mut self, value: usize) {
        self.number(value as u64);
    }

    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(&digest.hash);
        self.number(digest.size);
    }

    pub(super) fn pairs(&mut self, pairs: &[(String, String)]) {
        self.count(pairs.len());
        for (name, value) in pairs {
            self.text(name);
            self.text(value);
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a row; every method is none when the bytes do not hold what was asked for.
#[derive(Debug)]
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A number of items of at least `item_size` bytes each, so a damaged one allocates nothing.
    pub(super) fn count(&mut self, item_size: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(item_size)? <= self.0.len()).then_some(count)
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let size = self.count(1)?;
        String::from_utf8(self.take(size)?.to_vec()).ok()
    }

    pub(super) fn digest(&mut self) -> Option<Digest> {
        let hash = self.take(32)?.try_into().ok()?;
        Some(Digest { hash, size: self.number()? })
    }

    pub(super) fn pairs(&mut self) -> Option<Vec<(String, String)>> {
        let count = self.count(2)?;
        (0..count).map(|_| Some((self.text()?, self.text()?))).collect()
    }

    /// Some if nothing is left over.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The row of a trace.
pub(super) fn encode_fields(list: &FieldList) -> Vec<u8> {
    let mut row = Encoder::default();
    row.pairs(&list.fields);
    row.pairs(&list.notes);
    row.finish()
}

/// Reads the row of a trace.
pub(super) fn decode_fields(row: &[u8]) -> Option<FieldList> {
    let mut row = Decoder::new(row);
    let list = FieldList { fields: row.pairs()?, notes: row.pairs()? };
    row.end()?;
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_survive() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut row = Encoder::default();
            row.number(value);
            let bytes = row.finish();
            let mut row = Decoder::new(&bytes);
            assert_eq!(row.number(), Some(value));
            assert_eq!(row.end(), Some(()));
        }
        assert_eq!(Decoder::new(&[0xff; 10]).number(), None);
    }

    #[test]
    fn a_row_that_was_cut_or_extended_is_refused() {
        let list = FieldList {
            fields: vec![("prompt".into(), "a coin, é".into()), ("size".into(), String::new())],
            notes: vec![("prompt.base".into(), "a coin".into())],
        };
        let row = encode_fields(&list);
        assert_eq!(decode_fields(&row), Some(list));
        for end in 0..row.len() {
            assert_eq!(decode_fields(&row[..end]), None, "cut at {end}");
        }
        assert_eq!(decode_fields(&[&row[..], &[0]].concat()), None);
        assert_eq!(decode_fields(&[1, 1, 0xff, 0, 0]), None, "not UTF-8");
    }
}
