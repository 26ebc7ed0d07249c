//! Where finished files and their manifest entry go.

use crate::base::{Encoding, RelPath};

/// Where the finished files and their manifest entry go.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The main file, relative to the project root.
    pub path: RelPath,
    /// Quality and so on of every file that is written, main file first.
    pub files: Vec<OutputFile>,
    /// The manifest entry.
    pub entry: ManifestEntry,
}

/// One published file of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Path relative to the project root.
    pub path: RelPath,
    /// Its encoding.
    pub encoding: Encoding,
    /// The name of the variant (`2x`) that it holds, if the asset has variants.
    pub variant: Option<String>,
}

/// An asset's entry in the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestEntry {
    /// Keys from `assets` down to the container: `["images"]`, `["audio", "sfx", "jump"]`.
    pub section: Vec<String>,
    /// Key in a map, or the `key` field of a list item.
    pub key: String,
    /// The entry's `type`: `image`, `spritesheet`, `atlasXML`, `audio`, `multiResolution`.
    pub kind: String,
    /// What the entry is, for people.
    pub description: Option<String>,
    /// Literal fields of `manifest_fields`, in the order written.
    pub fields: Vec<(String, serde_json::Value)>,
}
