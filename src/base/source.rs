//! Source text and places in it: every error that the user caused points into a `SourceMap`.

use std::ops::Range;
use std::sync::Arc;

use crate::base::path::RelPath;

/// Index of a file in its `SourceMap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes in one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset past the last byte; equal to `start` for a point.
    pub end: u32,
}

impl Span {
    /// The bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One file as it was read: bytes that were checked to be UTF-8, offsets untouched.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path relative to the project root.
    pub path: RelPath,
    /// The whole text.
    pub text: Arc<str>,
}

/// All text files that the configuration and the specs are made of.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and returns its id.
    pub fn add(&mut self, path: RelPath, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).expect("fewer than 2^32 files"));
        self.files.push(SourceFile { path, text: text.into() });
        id
    }

    /// The file of an id that this map gave out.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The id of the file at `path`, if it was added.
    pub fn find(&self, path: &RelPath) -> Option<FileId> {
        self.iter().find(|(_, file)| file.path == *path).map(|(id, _)| id)
    }

    /// All files in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// The text that a span covers.
    pub fn snippet(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    /// Line and column of a span's start, both from 1; the column counts characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = &self.file(span.file).text;
        let before = text.get(..span.start as usize).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// `path:line`, for one-line messages.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.file(span.file).path, self.line_column(span).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_offsets_count_bytes() {
        let mut sources = SourceMap::default();
        let path = RelPath::new("specs/a.yaml").expect("a plain path");
        let file = sources.add(path, "id: é\nsize: 32\n");
        let span = Span { file, start: 7, end: 11 };
        assert_eq!(sources.snippet(span), "size");
        assert_eq!(sources.line_column(span), (2, 1));
        assert_eq!(sources.place(span), "specs/a.yaml:2");
    }
}
