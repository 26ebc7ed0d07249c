//! Key fields: one function writes an action's fields, and the hasher and `explain` are two sinks
//! for it, so an explanation cannot drift from the key (docs/design/action-keys.md).

use crate::base::digest::ActionKey;

/// Receives the fields of a definition in their fixed order.
pub trait FieldSink {
    /// Takes one field that counts. `path` is dotted (`post_processing[1].dimensions`), `value` is
    /// its canonical text.
    fn field(&mut self, path: &str, value: &str);

    /// Takes a part of a field that was already written, so that an explanation can be finer than
    /// the key (`prompt.base` of `prompt`). It never counts.
    fn note(&mut self, path: &str, value: &str);
}

/// Hashes fields: every name and value is prefixed with its length, under a domain tag.
pub struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    /// Starts a key in `domain`, such as `assetbuild generate 1`; two domains never share a key.
    pub fn new(domain: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        write_sized(&mut hasher, domain.as_bytes());
        Self(hasher)
    }

    /// The key of all fields so far.
    pub fn finish(&self) -> ActionKey {
        ActionKey(*self.0.finalize().as_bytes())
    }
}

impl FieldSink for KeyHasher {
    fn field(&mut self, path: &str, value: &str) {
        write_sized(&mut self.0, path.as_bytes());
        write_sized(&mut self.0, value.as_bytes());
    }

    fn note(&mut self, _path: &str, _value: &str) {}
}

fn write_sized(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Keeps fields and notes as text, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldList {
    /// Path and canonical value of the fields that count.
    pub fields: Vec<(String, String)>,
    /// Path and value of the parts that only explain.
    pub notes: Vec<(String, String)>,
}

impl FieldSink for FieldList {
    fn field(&mut self, path: &str, value: &str) {
        self.fields.push((path.to_owned(), value.to_owned()));
    }

    fn note(&mut self, path: &str, value: &str) {
        self.notes.push((path.to_owned(), value.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fields: &[(&str, &str)]) -> ActionKey {
        let mut hasher = KeyHasher::new("test");
        for (path, value) in fields {
            hasher.field(path, value);
        }
        hasher.finish()
    }

    #[test]
    fn neighbouring_fields_cannot_run_into_each_other() {
        assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
        assert_ne!(key(&[("a", ""), ("b", "")]), key(&[("a", "b")]));
    }

    #[test]
    fn notes_never_count() {
        let mut hasher = KeyHasher::new("test");
        hasher.field("prompt", "a coin");
        hasher.note("prompt.base", "a coin");
        assert_eq!(hasher.finish(), key(&[("prompt", "a coin")]));
    }

    #[test]
    fn two_domains_never_share_a_key() {
        assert_ne!(KeyHasher::new("a").finish(), KeyHasher::new("b").finish());
    }
}
