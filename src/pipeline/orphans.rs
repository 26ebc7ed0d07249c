//! Blocks of the lock that no spec gives: what is left of assets that are gone.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::base::RelPath;
use crate::lock::{Block, LockError, LockFile, OwnedEntry};
use crate::pipeline::load::Loaded;
use crate::pipeline::record::section_name;
use crate::pipeline::world::PresentIds;
use crate::plan::AssetPlan;

/// What is left of assets that are gone.
#[derive(Debug, Default)]
pub struct Orphans {
    /// Their published files, with the asset's id.
    pub files: Vec<(RelPath, String)>,
    /// The ids of all such blocks.
    pub ids: BTreeSet<String>,
    /// Ids of assets that are to take over the block of another id.
    pub heirs: BTreeSet<String>,
}

impl Orphans {
    /// Whether the lock has blocks that no spec gives after a run that published some assets.
    pub(super) fn remain(&self, is_published: impl Fn(&str) -> bool) -> bool {
        !self.ids.is_empty() || !self.heirs.iter().all(|heir| is_published(heir))
    }
}

/// The blocks that matter: all of them, or those of awake spec files and of no asset at all.
pub(super) fn blocks_of(lock: &LockFile, loaded: &Loaded) -> Result<Vec<Block>, LockError> {
    let Some(asleep) = &loaded.asleep else { return lock.blocks().collect() };
    let others = asleep.others();
    let mut ids: BTreeSet<&str> =
        loaded.assets.iter().map(|asset| &*asset.id).chain(others.iter().map(|id| &**id)).collect();
    let other_blocks = asleep.other_blocks.iter().map(String::as_str);
    ids.extend(other_blocks.filter(|id| lock.contains(id)));
    // An asset without a block may be one that had another id.
    let may_be_renamed = loaded.assets.iter().any(|asset| !lock.contains(&asset.id));
    if may_be_renamed || asleep.has_orphans() {
        let present = PresentIds::new(loaded);
        ids.extend(lock.ids().filter(|id| !present.contains(id)));
    }
    ids.into_iter().filter_map(|id| lock.get(id)).collect()
}

/// What is left of assets that are gone and whose block nobody takes over.
///
/// `blocks`: from `blocks_of`.
pub(super) fn find_orphans(loaded: &Loaded, plans: &[AssetPlan], blocks: &[Block]) -> Orphans {
    let heirs: HashMap<&str, &str> = plans
        .iter()
        .filter_map(|plan| Some((plan.block_id.as_deref()?, &*plan.asset.of(&loaded.assets).id)))
        .filter(|(block, asset)| block != asset)
        .collect();
    // That of most blocks: only if there are others, the ids of what sleeps are collected.
    let own: HashSet<&str> = loaded.assets.iter().map(|asset| asset.id.as_str()).collect();
    let present = PresentIds::new(loaded);
    let is_orphan = |block: &&Block| !own.contains(&*block.id) && !present.contains(&block.id);
    let (left, gone): (Vec<&Block>, Vec<&Block>) =
        blocks.iter().filter(is_orphan).partition(|block| heirs.contains_key(&*block.id));
    let heirs = left.iter().map(|block| heirs[&*block.id].to_owned()).collect();
    if gone.is_empty() {
        return Orphans { heirs, ..Orphans::default() };
    }
    let owned = Owned::of(loaded);
    let mut files = Vec::new();
    for block in &gone {
        let outputs = block.outputs.iter().map(|(path, _)| path);
        let mut left: Vec<RelPath> =
            outputs.filter(|path| !owned.paths.contains(path.as_str())).cloned().collect();
        if left.is_empty() && block.entry.as_ref().is_some_and(|entry| !owned.has(entry)) {
            // Its files have other owners by now, but its entry still names them.
            left.push(loaded.config.manifest.clone());
        }
        files.extend(left.into_iter().map(|path| (path, block.id.clone())));
    }
    Orphans { files, ids: gone.iter().map(|block| block.id.clone()).collect(), heirs }
}

/// What the assets publish, awake or asleep.
struct Owned<'a> {
    paths: HashSet<&'a str>,
    /// Section and key.
    entries: HashSet<(String, &'a str)>,
}

impl<'a> Owned<'a> {
    fn of(loaded: &'a Loaded) -> Self {
        let awake = loaded.assets.iter().map(|asset| &asset.publish);
        let asleep = || loaded.asleep.iter().flat_map(|asleep| asleep.assets());
        let paths = awake.clone().flat_map(|publish| &publish.files).map(|file| file.path.as_str());
        let paths_asleep = asleep().flat_map(|asset| asset.outputs().map(|output| output.path));
        let entries =
            awake.map(|publish| (section_name(&publish.entry.section), &*publish.entry.key));
        let entries_asleep = asleep().map(|asset| (asset.section().to_owned(), asset.key()));
        Self {
            paths: paths.chain(paths_asleep).collect(),
            entries: entries.chain(entries_asleep).collect(),
        }
    }

    fn has(&self, entry: &OwnedEntry) -> bool {
        self.entries.contains(&(section_name(&entry.section), &*entry.key))
    }
}
