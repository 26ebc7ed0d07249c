//! The lockfile's content, typed. Field by field: docs/design/lockfile.md.

use crate::base::{ActionKey, Digest, RelPath};

/// What the lock says of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The asset's id.
    pub id: String,
    /// Version of the key functions that made `wanted` and `definition`.
    pub schema: u32,
    /// Key of the generate action's wanted request.
    pub wanted: ActionKey,
    /// Field path and the first 8 hex digits of the digest of its value, for every key field of
    /// generate, process, validate and integrate, in their fixed order: lets `explain` name what
    /// changed on a fresh clone.
    pub fields: Vec<(String, String)>,
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
    /// Keys from `assets` down to the container, joined with `.`.
    pub section: String,
    /// Key in the map, or the `key` field of the list item.
    pub key: String,
    /// Digest of the canonical JSON of the value that we wrote.
    pub value: Digest,
}
