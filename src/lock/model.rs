//! The lockfile's content, typed. Field by field: docs/design/lockfile.md.

use std::fmt;
use std::str::FromStr;

use crate::base::{ActionKey, Digest, RelPath};
use crate::lock::fields::FieldDigests;

/// What the lock says of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The asset's id.
    pub id: String,
    /// Version of the key functions that made `wanted` and `definition`.
    pub schema: u32,
    /// Key of the generate action's wanted request.
    pub wanted: ActionKey,
    /// Short digests of every key field of generate, process, validate and integrate, in their
    /// fixed order: they let `explain` name what changed on a fresh clone.
    pub fields: FieldDigests,
    /// Key of the process, validate and integrate definitions.
    pub definition: ActionKey,
    /// Digest of the raw material that the files were made from; none for a free generate.
    pub raw: Option<Digest>,
    /// All purchases for this asset, in the order bought.
    pub purchases: Vec<Purchase>,
    /// Raw digest of the purchase that a person picked.
    pub pick: Option<Digest>,
    /// Wanted keys that the present result is good for as well.
    pub kept: Vec<Kept>,
    /// Published path to digest; main file first, then by path.
    pub outputs: Vec<(RelPath, Digest)>,
    /// Set when the outputs are a person's work now: `adopt`.
    pub adopted: bool,
    /// Set when the outputs are placeholders.
    pub provisional: bool,
    /// The manifest entry that we wrote.
    pub entry: Option<OwnedEntry>,
    /// Program and version text of `command`, for people.
    pub tools: Vec<(String, String)>,
}

impl Block {
    /// A block that says nothing but what is wanted.
    pub fn new(
        id: impl Into<String>,
        schema: u32,
        wanted: ActionKey,
        definition: ActionKey,
    ) -> Self {
        Self {
            id: id.into(),
            schema,
            wanted,
            fields: FieldDigests::default(),
            definition,
            raw: None,
            purchases: Vec::new(),
            pick: None,
            kept: Vec::new(),
            outputs: Vec::new(),
            adopted: false,
            provisional: false,
            entry: None,
            tools: Vec::new(),
        }
    }

    /// The digest of the file that we published at `path`.
    pub fn output(&self, path: &RelPath) -> Option<Digest> {
        self.outputs.iter().find(|(own, _)| own == path).map(|(_, digest)| *digest)
    }

    /// The result that a person picked, if it is good for a request.
    pub fn picked_for(&self, wanted: &ActionKey) -> Option<Digest> {
        let is_kept = self.kept.iter().any(|kept| kept.wanted == *wanted);
        let is_good = |purchase: &&Purchase| purchase.wanted == *wanted || is_kept;
        let mut good = self.purchases.iter().filter(is_good).map(|purchase| purchase.raw);
        good.find(|raw| self.pick == Some(*raw))
    }

    /// The raw material that was picked or acquired for a request, or declared good for it.
    pub fn raw_for(&self, wanted: &ActionKey) -> Option<Digest> {
        if let Some(picked) = self.picked_for(wanted) {
            return Some(picked);
        }
        let holds = self.wanted == *wanted || self.kept.iter().any(|kept| kept.wanted == *wanted);
        if holds && !self.provisional && self.raw.is_some() {
            return self.raw;
        }
        let own = self.purchases.iter().filter(|purchase| purchase.wanted == *wanted);
        own.min_by_key(|purchase| (purchase.extra, purchase.index)).map(|purchase| purchase.raw)
    }

    /// Takes over the purchases that only `other` knows, after the own ones.
    pub fn merge_purchases(&mut self, other: &Self) {
        for purchase in &other.purchases {
            if !self.purchases.iter().any(|own| own.id == purchase.id) {
                self.purchases.push(purchase.clone());
            }
        }
    }
}

/// One purchase: the facts that a fresh clone needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Random id, 16 lower-case hex digits.
    pub id: String,
    /// Wanted key at the time.
    pub wanted: ActionKey,
    /// Sent key.
    pub sent: ActionKey,
    /// Variation index, from 0.
    pub index: u32,
    /// The raw bytes.
    pub raw: Digest,
    /// Provider asked.
    pub provider: String,
    /// Model asked.
    pub model: String,
    /// Model that answered, if it says so.
    pub model_used: Option<String>,
    /// Cost in micro-units of `unit`; none if unknown.
    pub cost_micros: Option<i64>,
    /// `USD` or `credits`.
    pub unit: String,
    /// Date of purchase, `YYYY-MM-DD` in UTC.
    pub date: String,
    /// Whether it was bought beyond the variations asked for (`reroll`, redraw, rebuy).
    pub extra: bool,
}

/// A result that was declared good for a newer request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The wanted key that it is good for.
    pub wanted: ActionKey,
    /// Why, in a person's words.
    pub reason: String,
}

/// A manifest entry that belongs to an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEntry {
    /// Keys from `assets` down to the container: `images`, or `audio`, `sfx`, `jump`.
    pub section: Vec<String>,
    /// Key in the map, or the `key` field of the list item.
    pub key: String,
    /// The value that we wrote.
    pub value: ValueDigest,
}

/// The first 128 bits of the BLAKE3 hash of a manifest value's canonical JSON.
///
/// It only answers "is this still what we wrote?" between two values, so half a hash is enough.
/// Text form: 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueDigest([u8; 16]);

impl ValueDigest {
    /// Digests the canonical JSON of a value.
    pub fn of(canonical: &[u8]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(canonical).as_bytes()[..16]);
        Self(half)
    }
}

impl fmt::Display for ValueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ValueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not 32 lower-case hex digits")]
pub struct ParseValueDigestError(String);

impl FromStr for ValueDigest {
    type Err = ParseValueDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() != 32 || !digits {
            return Err(ParseValueDigestError(text.to_owned()));
        }
        let number = u128::from_str_radix(text, 16).expect("32 hex digits are a u128");
        Ok(Self(number.to_be_bytes()))
    }
}
