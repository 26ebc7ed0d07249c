//! What this run knows of the contents of files: remembered ones by stat, the others read.

use std::collections::HashMap;

use crate::base::{Digest, RelPath};
use crate::cache::{Content, FileError, ProjectFiles, Recorded, Stamp, Stat};

/// Contents of files by path, as far as anything asked for them.
#[derive(Debug)]
pub struct FileTable {
    stamp: Stamp,
    remembered: HashMap<(RelPath, Content), Recorded>,
    learned: HashMap<(RelPath, Content), Learned>,
}

/// What was found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learned {
    /// A file.
    File(Recorded),
    /// Nothing.
    Absent,
    /// Something that cannot be read; the text says why.
    Unreadable(String),
}

impl Learned {
    /// The digest, if it is a file.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::File(recorded) => Some(recorded.digest),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

impl FileTable {
    /// A table with what an earlier run remembered; `stamp` is from before anything is read.
    pub fn new(stamp: Stamp, remembered: HashMap<(RelPath, Content), Recorded>) -> Self {
        Self { stamp, remembered, learned: HashMap::new() }
    }

    /// The moment before anything was read.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Learns the contents of `wanted`, reading those whose stat is not the remembered one.
    pub fn learn(
        &mut self,
        files: &ProjectFiles,
        wanted: impl IntoIterator<Item = (RelPath, Content)>,
    ) {
        let mut wanted: Vec<_> =
            wanted.into_iter().filter(|key| !self.learned.contains_key(key)).collect();
        wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        wanted.dedup();
        let paths: Vec<&str> = wanted.iter().map(|(path, _)| path.as_str()).collect();
        let stats = files.stat_many(&paths);
        let (known, suspects): (Vec<_>, Vec<_>) =
            wanted.into_iter().zip(stats).partition(|(key, stat)| {
                self.remembered.get(key).is_some_and(|recorded| recorded.still_holds(*stat))
            });
        for (key, _) in known {
            let recorded = self.remembered[&key];
            self.learned.insert(key, Learned::File(recorded));
        }
        let suspects: Vec<_> = suspects.into_iter().map(|(key, _)| key).collect();
        let read = files.digest_many(&suspects);
        for (key, result) in suspects.into_iter().zip(read) {
            let learned = match result {
                Ok((digest, stat)) => Learned::File(self.record(digest, stat)),
                Err(FileError::Missing { .. }) => Learned::Absent,
                Err(error) => Learned::Unreadable(crate::execute::with_causes(&error)),
            };
            self.learned.insert(key, learned);
        }
    }

    /// Notes a file that was read or written elsewhere in this run.
    pub fn note(&mut self, path: RelPath, content: Content, digest: Digest, stat: Stat) {
        let recorded = self.record(digest, stat);
        self.learned.insert((path, content), Learned::File(recorded));
    }

    /// Forgets a file, so that the next `learn` looks at it again.
    pub fn forget(&mut self, path: &RelPath, content: Content) {
        self.learned.remove(&(path.clone(), content));
    }

    /// What was learned of a file; none if nobody asked for it.
    pub fn get(&self, path: &RelPath, content: Content) -> Option<&Learned> {
        self.learned.get(&(path.clone(), content))
    }

    fn record(&self, digest: Digest, stat: Stat) -> Recorded {
        Recorded { stat, digest, racy: stat.is_racy(self.stamp) }
    }
}

/// How the content of an input counts: text with LF line ends, everything else as bytes.
pub fn input_content(path: &RelPath) -> Content {
    const TEXT: [&str; 9] = ["svg", "json", "md", "txt", "yaml", "yml", "toml", "csv", "xml"];
    match path.extension() {
        Some(extension) if TEXT.contains(&extension) => Content::Text,
        _ => Content::Bytes,
    }
}
