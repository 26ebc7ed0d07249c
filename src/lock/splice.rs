//! A text with some stretches replaced, as the stretches that stay and the text between them: a
//! change of one block in a lock of megabytes copies that block only.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A text made of parts of an old one and of new text.
#[derive(Debug, Clone)]
pub struct Splice<'a> {
    old: &'a str,
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone)]
enum Part<'a> {
    /// A stretch of the old text; never empty.
    Kept(Range<usize>),
    /// New text; never empty.
    Added(Cow<'a, str>),
}

impl<'a> Splice<'a> {
    pub(super) fn new(old: &'a str) -> Self {
        Self { old, parts: Vec::new() }
    }

    /// Goes on with a stretch of the old text.
    pub(super) fn keep(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.parts.push(Part::Kept(range));
        }
    }

    /// Goes on with new text.
    pub(super) fn add(&mut self, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if !text.is_empty() {
            self.parts.push(Part::Added(text));
        }
    }

    /// Takes the last `count` bytes away, which must be whole characters.
    pub(super) fn cut(&mut self, mut count: usize) {
        while count > 0
            && let Some(part) = self.parts.pop()
        {
            let text = self.text_of(&part);
            let left = text.len().saturating_sub(count);
            count = count.saturating_sub(text.len());
            match part {
                Part::Kept(range) => self.keep(range.start..range.start + left),
                Part::Added(text) => self.add(text[..left].to_owned()),
            }
        }
    }

    /// Whether the text ends with `end`.
    pub(super) fn ends_with(&self, end: &str) -> bool {
        let mut end = end.as_bytes();
        for part in self.parts.iter().rev() {
            let text = self.text_of(part).as_bytes();
            if text.len() >= end.len() {
                return text.ends_with(end);
            }
            match end.strip_suffix(text) {
                Some(rest) => end = rest,
                None => return false,
            }
        }
        end.is_empty()
    }

    /// The text, in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| self.text_of(part))
    }

    /// Bytes of the old text.
    pub fn old_size(&self) -> usize {
        self.old.len()
    }

    /// Whether the text is the old one.
    pub fn is_unchanged(&self) -> bool {
        self.size() == self.old.len() && self.patches().next().is_none()
    }

    /// The stretches that turn the old text into this one when they are written over it, each with
    /// its place in bytes; what lies behind `size` is to be cut off.
    pub fn patches(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut end = 0;
        self.parts.iter().filter_map(move |part| {
            let text = self.text_of(part);
            let place = end..end + text.len();
            end = place.end;
            let is_there = match part {
                Part::Kept(range) if *range == place => true,
                _ => self.old.get(place.clone()) == Some(text),
            };
            (!is_there).then_some((place.start, text))
        })
    }

    /// Bytes of the text.
    pub fn size(&self) -> usize {
        self.parts().map(str::len).sum()
    }

    fn text_of<'s>(&'s self, part: &'s Part<'a>) -> &'s str {
        match part {
            Part::Kept(range) => &self.old[range.clone()],
            Part::Added(text) => text,
        }
    }
}

impl fmt::Display for Splice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().try_for_each(|text| f.write_str(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_and_cut_across_parts() {
        let mut splice = Splice::new("ab\ncd\n");
        splice.keep(0..3);
        splice.add("x\n");
        splice.keep(6..6);
        splice.add("\n");
        assert_eq!(splice.to_string(), "ab\nx\n\n");
        assert!(splice.ends_with("x\n\n") && splice.ends_with("") && !splice.ends_with("y\n\n"));
        assert!(!splice.ends_with("longer than ab\nx\n\n"));
        splice.cut(2);
        assert_eq!(splice.to_string(), "ab\nx");
        splice.cut(9);
        assert_eq!(splice.to_string(), "");
    }

    #[test]
    fn the_same_text_in_other_parts_is_unchanged() {
        let of = |parts: &[&'static str]| {
            let mut splice = Splice::new("one two");
            parts.iter().for_each(|text| splice.add(*text));
            splice.is_unchanged()
        };
        assert!(of(&["one", " two"]) && !of(&["one"]) && !of(&["one", " too"]));
        assert!(!of(&[]) && !of(&["one two "]));
        assert!(!of(&["one", " two", "!"]));
        let mut kept = Splice::new("one two");
        kept.keep(0..4);
        assert!(!kept.is_unchanged());
        kept.add("two");
        assert!(kept.is_unchanged());
    }

    #[test]
    fn patches_turn_the_old_text_into_the_new_one() {
        let old = "one two three";
        let patched = |splice: &Splice<'_>| {
            let mut text = old.as_bytes().to_vec();
            text.resize(text.len().max(splice.size()), b'?');
            for (at, patch) in splice.patches() {
                text[at..at + patch.len()].copy_from_slice(patch.as_bytes());
            }
            text.truncate(splice.size());
            String::from_utf8(text).expect("the text")
        };
        for middle in ["two", "2", "twenty", ""] {
            let mut splice = Splice::new(old);
            splice.keep(0..4);
            splice.add(middle);
            splice.keep(7..13);
            assert_eq!(patched(&splice), splice.to_string());
        }
        let mut same_size = Splice::new(old);
        same_size.keep(0..4);
        same_size.add("TWO");
        same_size.keep(7..13);
        assert_eq!(same_size.patches().collect::<Vec<_>>(), [(4, "TWO")]);
    }
}
