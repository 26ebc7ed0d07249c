//! What was measured on the published files of assets, as far as this checkout made them.

use std::collections::BTreeMap;

use crate::base::{Digest, FactSheet, RelPath};
use crate::pipeline::Prepared;

/// The facts of the selected assets' files, by id; an asset whose files came from elsewhere has none.
pub fn measured(prepared: &Prepared) -> BTreeMap<String, FactSheet> {
    let Some(state) = prepared.state.get() else { return BTreeMap::new() };
    let blocks: Vec<(String, Vec<RelPath>, Vec<Digest>)> = prepared
        .selected
        .iter()
        .filter_map(|asset| {
            let id = asset.of(&prepared.plans).block_id.as_deref()?;
            let outputs = prepared.lock.get(id)?.ok()?.outputs;
            let (paths, files) = outputs.into_iter().unzip();
            Some((asset.of(&prepared.loaded.assets).id.clone(), paths, files))
        })
        .collect();
    let files: Vec<&[Digest]> = blocks.iter().map(|(_, _, files)| &**files).collect();
    // What cannot be read is not known, which is all that a reader needs to be told.
    let Ok(found) = state.metadata_of(&files) else { return BTreeMap::new() };
    let sheets = blocks.iter().zip(found).filter_map(|((id, paths, _), metadata)| {
        Some((id.clone(), FactSheet::from_json(&metadata?).ok()?.named(paths)))
    });
    sheets.collect()
}
