//! Changes that are wanted of a manifest, and the same changes sorted by container.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::integrate::json;
use crate::lock::ValueDigest;

/// One wanted change. Sections are keys from `assets` down to the container.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// The entry shall be there with this value.
    Upsert {
        /// Keys from `assets` down to the container.
        section: Vec<String>,
        /// Key in the map, or the `key` field of the list item.
        key: String,
        /// The value, without the `key` field of a list item.
        value: Value,
        /// What we wrote last, if the entry is ours.
        owned: Option<ValueDigest>,
    },
    /// The entry shall be gone.
    Remove {
        /// Keys from `assets` down to the container.
        section: Vec<String>,
        /// Key in the map, or the `key` field of the list item.
        key: String,
        /// What we wrote last.
        owned: ValueDigest,
    },
}

/// Why one entry was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// It is ours, and a person changed it.
    #[error("line {line}: manifest entry `{key}` was changed by hand and is kept")]
    Conflict {
        /// The entry.
        key: String,
        /// Line, from 1.
        line: usize,
    },
    /// It exists and is not ours.
    #[error("line {line}: manifest entry `{key}` exists and belongs to no asset")]
    Foreign {
        /// The entry.
        key: String,
        /// Line, from 1.
        line: usize,
    },
    /// The section cannot hold it: it is neither a map nor a list of entries, or a list where a
    /// map is needed.
    #[error("line {line}: `{section}` in the manifest cannot hold the entry `{key}`")]
    Shape {
        /// The entry.
        key: String,
        /// The section, joined with dots.
        section: String,
        /// Line, from 1; 0 if the section is not there yet.
        line: usize,
    },
    /// A key that leads to it stands twice.
    #[error("line {line}: `{key}` stands twice in the manifest")]
    Duplicate {
        /// The key.
        key: String,
        /// Line of the second one, from 1.
        line: usize,
    },
    /// Two operations want different values for one entry.
    #[error("two assets write the manifest entry `{key}`")]
    Contested {
        /// The entry.
        key: String,
    },
}

/// Operations by the container that they change.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) sections: BTreeMap<String, Tree>,
    pub(super) entries: Vec<Change>,
}

/// All operations on one entry.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) key: String,
    pub(super) value: Option<Value>,
    pub(super) owned: Vec<ValueDigest>,
    pub(super) operations: Vec<usize>,
}

impl Tree {
    pub(super) fn of(operations: &[Operation], problems: &mut Vec<(usize, EntryProblem)>) -> Self {
        let mut root = Self::default();
        let mut places: HashMap<(&[String], &str), usize> = HashMap::new();
        for (index, operation) in operations.iter().enumerate() {
            let (section, key, value, owned) = match operation {
                Operation::Upsert { section, key, value, owned } => {
                    (section, key, Some(value), *owned)
                }
                Operation::Remove { section, key, owned } => (section, key, None, Some(*owned)),
            };
            let mut tree = root.sections.entry("assets".to_owned()).or_default();
            for name in section {
                tree = tree.sections.entry(name.clone()).or_default();
            }
            let place = *places.entry((section, key)).or_insert_with(|| {
                tree.entries.push(Change {
                    key: key.clone(),
                    value: None,
                    owned: Vec::new(),
                    operations: Vec::new(),
                });
                tree.entries.len() - 1
            });
            let change = &mut tree.entries[place];
            match (&change.value, value) {
                (Some(first), Some(second)) if !json::same(first, second) => {
                    problems.push((index, EntryProblem::Contested { key: key.clone() }));
                    continue;
                }
                (None, Some(value)) => change.value = Some(value.clone()),
                _ => {}
            }
            change.owned.extend(owned);
            change.operations.push(index);
        }
        root
    }

    pub(super) fn operations(&self) -> Vec<(usize, &str)> {
        let own = self
            .entries
            .iter()
            .flat_map(|change| change.operations.iter().map(|&index| (index, change.key.as_str())));
        own.chain(self.sections.values().flat_map(Self::operations)).collect()
    }
}
