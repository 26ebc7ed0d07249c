//! Keys of all assets, in the order of their references.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::base::{Digest, RelPath};
use crate::cache::Content;
use crate::graph::lower::referenced;
use crate::graph::{Definition, InputDigests, Wanted};
use crate::lock::LockFile;
use crate::pipeline::table::{FileTable, input_content};
use crate::plan::Keys;
use crate::spec::AssetSpec;

/// Identities of files and of assets whose keys are known.
pub struct KeyInputs<'a> {
    table: &'a FileTable,
    lock: &'a LockFile,
    known: HashMap<&'a str, Identity>,
    fonts: Option<Digest>,
}

#[derive(Debug, Clone)]
struct Identity {
    raw: Option<String>,
    processed: Option<String>,
}

impl InputDigests for KeyInputs<'_> {
    fn file(&self, path: &RelPath) -> Option<Digest> {
        self.table.get(path, input_content(path))?.digest()
    }

    fn asset(&self, id: &str, processed: bool) -> Option<String> {
        let identity = self.known.get(id)?;
        if processed { identity.processed.clone() } else { identity.raw.clone() }
    }

    fn fonts(&self) -> Option<Digest> {
        self.fonts
    }
}

/// The keys of `assets`, in their order, and the identities that they were made from.
///
/// References must be acyclic; an asset in a cycle sees the others as pending.
pub fn compute<'a>(
    assets: &'a [AssetSpec],
    table: &'a FileTable,
    lock: &'a LockFile,
    fonts: &[RelPath],
) -> (Vec<Keys>, KeyInputs<'a>) {
    let fonts = digest_fonts(fonts, table);
    let mut inputs = KeyInputs { table, lock, known: HashMap::new(), fonts };
    let is_referenced: std::collections::HashSet<&str> =
        assets.iter().flat_map(|asset| referenced(&asset.generate)).map(|(id, _)| id).collect();
    let by_id: HashMap<&str, &AssetSpec> = assets
        .iter()
        .filter(|asset| is_referenced.contains(asset.id.as_str()))
        .map(|asset| (asset.id.as_str(), asset))
        .collect();
    for asset in by_id.values() {
        identify(asset, &by_id, &mut inputs, &mut Vec::new());
    }
    let keys = assets.par_iter().map(|asset| keys_of(asset, &inputs)).collect();
    (keys, inputs)
}

/// One digest of all font files, in their order; a font that cannot be read fails the build later.
fn digest_fonts(fonts: &[RelPath], table: &FileTable) -> Option<Digest> {
    let found = fonts.iter().filter_map(|path| table.get(path, Content::Bytes)?.digest());
    let digests: Vec<String> = found.map(|digest| digest.to_string()).collect();
    (!digests.is_empty()).then(|| Digest::of(digests.join(" ").as_bytes()))
}

fn keys_of(asset: &AssetSpec, inputs: &KeyInputs<'_>) -> Keys {
    Keys { wanted: Wanted::of(asset, inputs), definition: Definition::of(asset, inputs) }
}

/// Finds the identity of a referenced asset, after those that it refers to itself.
fn identify<'a>(
    asset: &'a AssetSpec,
    by_id: &HashMap<&'a str, &'a AssetSpec>,
    inputs: &mut KeyInputs<'a>,
    path: &mut Vec<&'a str>,
) {
    if inputs.known.contains_key(asset.id.as_str()) || path.contains(&asset.id.as_str()) {
        return;
    }
    path.push(&asset.id);
    for (id, _) in referenced(&asset.generate) {
        if let Some(&target) = by_id.get(id) {
            identify(target, by_id, inputs, path);
        }
    }
    path.pop();
    let keys = keys_of(asset, inputs);
    let chosen = inputs.lock.get(&asset.id).and_then(Result::ok).and_then(|block| block.raw);
    // A bought picture is known by the one that was chosen, a free one by its definition alone.
    let raw = match asset.generate.is_free() {
        true => Some(keys.wanted.key.to_string()),
        false => chosen.map(|raw| format!("{} {raw}", keys.wanted.key)),
    };
    let processed = raw.as_ref().map(|raw| format!("{raw} {}", keys.definition.key));
    inputs.known.insert(&asset.id, Identity { raw, processed });
}
