//! The tree: values that share their children, so an alias, a default or a template costs a
//! reference count, and that know where they were written and what brought them in.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::Span;

/// What brought a field into an expanded spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Via {
    /// Written in the spec itself.
    Spec,
    /// The `defaults:` of the spec's file.
    FileDefaults,
    /// The `defaults:` of the Assetfile.
    ProjectDefaults,
    /// The template.
    Template,
    /// A row, matrix or `with` value of the instance.
    Instance,
    /// Nobody wrote it: the tool's own rule.
    Derived,
}

impl Via {
    /// How messages call it; empty for the spec itself.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Spec => "",
            Self::FileDefaults => "from defaults",
            Self::ProjectDefaults => "from the Assetfile's defaults",
            Self::Template => "from the template",
            Self::Instance => "from the instance",
            Self::Derived => "derived",
        }
    }

    /// Whether it is a layer that specs inherit from without naming it.
    pub fn is_default(self) -> bool {
        matches!(self, Self::FileDefaults | Self::ProjectDefaults)
    }
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Bare.
    Plain,
    /// In quotes.
    Quoted,
    /// A `|` or `>` block.
    Block,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A written `~` or `null`: takes away what defaults brought in.
    Null,
    /// A word, number or text, as it was written, with escapes resolved.
    Scalar {
        /// The text.
        text: Arc<str>,
        /// How it was written.
        style: Style,
    },
    /// A list.
    List(Arc<[Value]>),
    /// A map, in the order written; keys are unique.
    Map(Arc<[Entry]>),
}

/// One node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Where it was written.
    pub span: Span,
    /// What brought it in.
    pub via: Via,
}

/// One key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Value,
}

impl Value {
    /// A scalar.
    pub fn scalar(text: impl Into<Arc<str>>, style: Style, span: Span, via: Via) -> Self {
        Self { kind: Kind::Scalar { text: text.into(), style }, span, via }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The items of a list, or the value itself if it is not one.
    pub fn one_or_more(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// The entry of a key that is there and not null.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key && entry.value.kind != Kind::Null)
    }

    /// The value of a key that is there and not null.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text of a key's scalar.
    pub fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// Whether it is a map.
    pub fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    /// What it is, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The same tree with another origin on every node.
    #[must_use]
    pub fn via(&self, via: Via) -> Self {
        let kind = match &self.kind {
            Kind::List(items) => Kind::List(items.iter().map(|item| item.via(via)).collect()),
            Kind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|entry| Entry { value: entry.value.via(via), ..entry.clone() })
                    .collect(),
            ),
            kind => kind.clone(),
        };
        Self { kind, span: self.span, via }
    }

    /// This map with other entries.
    #[must_use]
    pub fn with_entries(&self, entries: Vec<Entry>) -> Self {
        Self { kind: Kind::Map(entries.into()), span: self.span, via: self.via }
    }

    /// `over` laid on top of this value: maps merge deep, everything else replaces. Keys keep
    /// this value's order, new ones follow; where the place is one value, it is `over`'s.
    #[must_use]
    pub fn merged(&self, over: &Self) -> Self {
        let (Kind::Map(base), Kind::Map(top)) = (&self.kind, &over.kind) else {
            return over.clone();
        };
        let find = index(top);
        let mut entries: Vec<Entry> = base
            .iter()
            .map(|entry| match find.get(&entry.key) {
                Some(at) => Entry {
                    value: entry.value.merged(&top[at].value),
                    key: entry.key.clone(),
                    key_span: top[at].key_span,
                },
                None => entry.clone(),
            })
            .collect();
        let known = index(base);
        entries.extend(top.iter().filter(|entry| known.get(&entry.key).is_none()).cloned());
        Self { kind: Kind::Map(entries.into()), span: over.span, via: over.via }
    }
}

/// Looks keys up by scanning small maps and by hashing large ones.
pub(super) enum Index<'a> {
    Scan(&'a [Entry]),
    Hash(HashMap<&'a str, usize>),
}

pub(super) fn index(entries: &[Entry]) -> Index<'_> {
    if entries.len() <= 16 {
        Index::Scan(entries)
    } else {
        let mut map = HashMap::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            map.entry(&*entry.key).or_insert(at);
        }
        Index::Hash(map)
    }
}

impl Index<'_> {
    pub(super) fn get(&self, key: &str) -> Option<usize> {
        match self {
            Self::Scan(entries) => entries.iter().position(|entry| &*entry.key == key),
            Self::Hash(map) => map.get(key).copied(),
        }
    }
}
