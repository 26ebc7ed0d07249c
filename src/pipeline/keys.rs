//! Keys of all assets, in the order of their references.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::base::{ActionKey, Digest, RelPath};
use crate::cache::Content;
use crate::graph::key::group_share;
use crate::graph::lower::referenced;
use crate::graph::{AssetIndex, Definition, InputDigests, Wanted};
use crate::lock::LockFile;
use crate::pipeline::table::{FileTable, input_content};
use crate::plan::Keys;
use crate::spec::AssetSpec;
use crate::spec::op::GroupGain;

/// Identities of files and of assets whose keys are known.
pub struct KeyInputs<'a> {
    table: &'a FileTable,
    lock: &'a LockFile,
    known: HashMap<&'a str, Identity>,
    groups: BTreeMap<&'a str, Group>,
    fonts: Option<Digest>,
    chosen: &'a Chosen,
}

/// Raw material of bought sounds that the lock does not have yet, by asset.
pub type Chosen = BTreeMap<AssetIndex, Digest>;

/// Sounds that get one common gain.
#[derive(Debug, Default)]
struct Group {
    /// Those whose raw material is there or can be made, in the order of assets.
    present: Vec<AssetIndex>,
    /// What each of them gives, in no order: a renamed asset changes nothing.
    shares: Vec<ActionKey>,
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

    fn group(&self, name: &str) -> Option<Digest> {
        let shares = &self.groups.get(name)?.shares;
        let texts: Vec<String> = shares.iter().map(ActionKey::to_string).collect();
        (!texts.is_empty()).then(|| Digest::of(texts.join(" ").as_bytes()))
    }

    fn fonts(&self) -> Option<Digest> {
        self.fonts
    }
}

impl KeyInputs<'_> {
    /// The sounds whose material decides the gain of a group, in the order of assets.
    pub fn members(&self, group: &str) -> &[AssetIndex] {
        self.groups.get(group).map_or(&[], |group| &group.present)
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
    static NONE: Chosen = Chosen::new();
    compute_with(assets, table, lock, fonts, &NONE)
}

/// The keys as they are once the lock has what was `chosen`: those of sounds that share a gain with
/// one of these are others then.
pub fn compute_with<'a>(
    assets: &'a [AssetSpec],
    table: &'a FileTable,
    lock: &'a LockFile,
    fonts: &[RelPath],
    chosen: &'a Chosen,
) -> (Vec<Keys>, KeyInputs<'a>) {
    let fonts = digest_fonts(fonts, table);
    let (known, groups) = (HashMap::new(), BTreeMap::new());
    let mut inputs = KeyInputs { table, lock, known, groups, fonts, chosen };
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
    inputs.groups = groups_of(assets, &inputs);
    let keys = assets.par_iter().map(|asset| keys_of(asset, &inputs)).collect();
    (keys, inputs)
}

/// The groups of sounds. Groups come after references: those are pictures, which have no group.
fn groups_of<'a>(assets: &'a [AssetSpec], inputs: &KeyInputs<'_>) -> BTreeMap<&'a str, Group> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for (index, asset) in (0..).map(AssetIndex).zip(assets) {
        let Some(gain) = GroupGain::of(&asset.steps) else { continue };
        let group = groups.entry(gain.group).or_default();
        let is_there = |path: &&RelPath| inputs.file(path).is_some();
        if !asset.generate.inputs().iter().all(is_there) {
            continue;
        }
        let wanted = Wanted::of(asset, inputs).key;
        let raw = match inputs.chosen.get(&index) {
            Some(chosen) => Some(identity(&wanted, chosen)),
            None => raw_identity(asset, &wanted, inputs.lock),
        };
        if let Some(raw) = raw {
            group.present.push(index);
            group.shares.push(group_share(&asset.steps[..gain.step], inputs, &raw));
        }
    }
    for group in groups.values_mut() {
        group.shares.sort_unstable();
    }
    groups
}

/// What stands for an asset's raw material: its recipe if it is free, and the chosen file with it if
/// it was bought; none if it was not bought yet.
fn raw_identity(asset: &AssetSpec, wanted: &ActionKey, lock: &LockFile) -> Option<String> {
    if asset.generate.is_free() {
        return Some(wanted.to_string());
    }
    let own = lock.get(&asset.id).and_then(Result::ok).and_then(|block| block.raw);
    let raw = own.or_else(|| {
        // Under the id that it had when it was bought.
        let ids = lock.find_by_wanted(wanted);
        ids.into_iter().find_map(|id| lock.get(id)?.ok()?.raw)
    });
    raw.map(|raw| identity(wanted, &raw))
}

fn identity(wanted: &ActionKey, raw: &Digest) -> String {
    format!("{wanted} {raw}")
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
    let raw = raw_identity(asset, &keys.wanted.key, inputs.lock);
    let processed = raw.as_ref().map(|raw| format!("{raw} {}", keys.definition.key));
    inputs.known.insert(&asset.id, Identity { raw, processed });
}
