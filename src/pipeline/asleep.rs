//! Assets that were not loaded, since nothing about them changed, and what concerns them although
//! others changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::base::RelPath;
use crate::cache::snapshot::{self, Snapshot};
use crate::cache::{Content, ListedFile, Recorded};
use crate::pipeline::record::{SECTION_SEPARATOR, group_name, state_code};
use crate::plan::State;
use crate::spec::op::GroupGain;
use crate::spec::{self, AssetSpec, Claim};

/// Assets that were not loaded.
#[derive(Debug)]
pub struct Asleep {
    /// The record of the last run.
    pub snapshot: Arc<Snapshot>,
    /// Places, among the record's spec files, of those whose assets sleep.
    pub specs: Vec<usize>,
    /// Those of them that have to be read once they are mended, even if they are as they were.
    pub unread: BTreeSet<usize>,
    /// Numbers of those that are not fresh any more.
    pub stale: HashSet<u32>,
    /// Whether there are specs that nobody has read: no asset is known to be gone.
    pub hides_assets: bool,
    /// Files that were read and found to be as recorded, or to concern nothing that sleeps.
    pub settled: Settled,
    /// Globs that were listed again, as recorded, with the folders that were listed.
    pub relisted: BTreeMap<String, Vec<ListedFile>>,
    /// Whether the record has to be written again although no content changed.
    pub is_outdated: bool,
    /// The lock as it is to be recorded, if it had to be read.
    pub lock: Option<Recorded>,
    /// Ids of blocks that somebody else changed and that are of no recorded asset.
    pub other_blocks: BTreeSet<String>,
    /// Whether somebody else wrote the manifest since.
    pub has_other_manifest: bool,
    /// Whether the blocks that no spec gives have to be found although nothing changed.
    pub finds_orphans: bool,
}

impl Asleep {
    /// Whether the manifest is known to hold what the lock says: every asset was fresh at the end of the
    /// last run, its entry included, no block was of no asset, and nobody wrote it since.
    pub fn knows_manifest(&self) -> bool {
        let fresh = state_code(State::Fresh);
        !self.has_other_manifest
            && !self.hides_assets
            && !self.has_orphans()
            && self.snapshot.assets().all(|asset| asset.state() == fresh)
    }

    /// Whether something was wrong at the end of the last run that nobody looked at again: it may still be.
    pub fn has_problems(&self) -> bool {
        self.snapshot.summary().has_problems || self.hides_assets
    }

    /// Whether the lock may have blocks that no spec gives.
    pub fn has_orphans(&self) -> bool {
        self.snapshot.summary().has_orphans
    }

    /// Whether an asset of the record is fresh: all that sleep are, but for those of specs that count
    /// as recorded.
    pub fn is_fresh(&self, asset: &snapshot::Asset<'_>) -> bool {
        asset.state() == state_code(State::Fresh) && !self.stale.contains(&asset.number())
    }

    /// The sleeping assets.
    pub fn assets(&self) -> impl Iterator<Item = snapshot::Asset<'_>> {
        self.files().flat_map(|file| file.assets())
    }

    /// The spec files whose assets sleep.
    pub fn files(&self) -> impl Iterator<Item = snapshot::SpecFile<'_>> {
        let mut places = self.specs.iter().copied().peekable();
        let files = self.snapshot.specs().enumerate();
        files.filter_map(move |(place, file)| places.next_if_eq(&place).map(|_| file))
    }

    /// A recorded file as it is to be recorded now.
    pub fn current(&self, input: &snapshot::Input<'_>) -> Recorded {
        self.settled.get(input.path, input.content).unwrap_or(input.recorded)
    }

    /// Whether one of them that is fresh is made from a recorded file.
    pub fn use_source(&self, number: u32) -> bool {
        let uses = |asset: &snapshot::Asset<'_>| asset.sources().any(|source| source == number);
        self.assets().any(|asset| uses(&asset) && self.is_fresh(&asset))
    }

    /// Whether no recorded asset is missing among them, and nobody has to look into the lock.
    pub fn is_everything(&self) -> bool {
        let is_all = self.specs.len() == self.snapshot.specs().len();
        let is_lock_known = self.other_blocks.is_empty() && !self.finds_orphans;
        is_lock_known && (is_all || self.others().is_empty())
    }

    /// Ids of recorded assets whose spec file is awake or gone.
    pub fn others(&self) -> Vec<String> {
        let mut asleep = self.specs.iter().copied().peekable();
        let files = self.snapshot.specs().enumerate();
        let others = files.filter(|(place, _)| asleep.next_if_eq(place).is_none());
        others.flat_map(|(_, file)| file.assets()).map(|asset| asset.id().to_owned()).collect()
    }
}

/// Files as they were read, where sleeping assets may be recorded with them, by path.
#[derive(Debug, Default)]
pub struct Settled(HashMap<String, Vec<(Content, Recorded)>>);

impl Settled {
    pub(super) fn insert(&mut self, path: &RelPath, content: Content, recorded: Recorded) {
        self.0.entry(path.as_str().to_owned()).or_default().push((content, recorded));
    }

    /// Whether no file had to be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The file as it was read.
    pub fn get(&self, path: &str, content: Content) -> Option<Recorded> {
        let (_, recorded) = self.0.get(path)?.iter().find(|(own, _)| *own == content)?;
        Some(*recorded)
    }
}

/// Whether an asset that is awake refers to one that sleeps, or the other way round, or belongs to a
/// group with one: the key of either needs the other one loaded.
pub(super) fn are_related(
    references: &[spec::AssetReferences],
    awake: &[AssetSpec],
    asleep: &Asleep,
) -> bool {
    let targets: HashSet<&str> =
        references.iter().flat_map(|asset| &asset.targets).map(|(id, _)| &**id).collect();
    let others = asleep.others();
    let groups = awake.iter().filter_map(|asset| GroupGain::of(&asset.steps));
    let groups: HashSet<String> = groups.map(|gain| group_name(gain.group)).collect();
    let not_asleep: HashSet<&str> = references
        .iter()
        .map(|asset| &*asset.id)
        .chain(others.iter().map(|id| &**id))
        .chain(groups.iter().map(|group| &**group))
        .collect();
    asleep.assets().any(|asset| {
        targets.contains(asset.id()) || asset.references().any(|name| not_asleep.contains(name))
    })
}

/// The claims of awake assets, and those of sleeping ones that may stand against them.
pub(super) fn claims_beside<'a>(
    awake: &'a [AssetSpec],
    asleep: &'a Asleep,
) -> impl Iterator<Item = Claim> + 'a {
    let own: Vec<Claim> = awake.iter().map(Claim::of).collect();
    let ids: NameSet = own.iter().map(|claim| claim.id.clone()).collect();
    let keys: NameSet = own.iter().map(|claim| claim.entry.1.clone()).collect();
    let paths: NameSet = own
        .iter()
        .flat_map(|claim| claim.outputs.iter().map(|path| path.as_str().to_lowercase()))
        .collect();
    let is_contested = move |path: &str| {
        let may_be = !path.is_ascii() || paths.may_contain(path);
        may_be && paths.contains(&path.to_lowercase())
    };
    let rivals = asleep.assets().filter(move |asset| {
        ids.contains(asset.id())
            || keys.contains(asset.key())
            || asset.outputs().any(|output| is_contested(output.path))
    });
    let claims = rivals.filter_map(|asset| {
        let section = asset.section().split(SECTION_SEPARATOR).map(str::to_owned).collect();
        Some(Claim {
            id: asset.id().to_owned(),
            spec: RelPath::new(asset.spec().input()?.path).ok()?,
            span: None,
            outputs: asset.outputs().filter_map(|o| RelPath::new(o.path).ok()).collect(),
            entry: (section, asset.key().to_owned()),
        })
    });
    own.into_iter().chain(claims)
}

/// Names that thousands of others are compared with: most of these are told apart by a few bytes, which is
/// quicker than to hash them.
#[derive(Debug)]
struct NameSet {
    names: HashSet<String>,
    /// A bit for each mark that one of them has.
    marks: [u64; 64],
}

impl NameSet {
    fn contains(&self, name: &str) -> bool {
        self.may_contain(name) && self.names.contains(name)
    }

    /// False if it is none of them, nor one of them in other ASCII case.
    fn may_contain(&self, name: &str) -> bool {
        let (word, bit) = mark(name);
        self.marks[word] & bit != 0
    }
}

impl FromIterator<String> for NameSet {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        let names: HashSet<String> = names.into_iter().collect();
        let mut marks = [0; 64];
        for (word, bit) in names.iter().map(|name| mark(name)) {
            marks[word] |= bit;
        }
        Self { names, marks }
    }
}

/// One of 4,096 marks, from the length and the end of a name, in whatever ASCII case: a word and a bit in it.
fn mark(name: &str) -> (usize, u64) {
    const CASE: u64 = u64::from_ne_bytes([0x20; 8]);
    // Odd, with its bits spread evenly: the golden ratio.
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut end = [0; 8];
    let tail = &name.as_bytes()[name.len().saturating_sub(end.len())..];
    end[..tail.len()].copy_from_slice(tail);
    let mixed = (u64::from_le_bytes(end) | CASE).wrapping_add(name.len() as u64);
    let mark = mixed.wrapping_mul(MULTIPLIER) >> 52;
    ((mark / 64) as usize, 1 << (mark % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_among_others_and_one_that_may_be_there_in_another_case() {
        let names = ["", "a", "assets/images/hero.png", "übung.png", "exactly8"];
        let set: NameSet = names.iter().map(|name| (*name).to_owned()).collect();
        for name in names {
            assert!(set.contains(name) && set.may_contain(&name.to_ascii_uppercase()), "{name}");
        }
        let others =
            ["b", "A", "assets/images/hero.png ", "ero.png", "xactly8", "Assets/images/hero.png"];
        assert!(others.iter().all(|name| !set.contains(name)));
        let none = NameSet::from_iter([]);
        assert!(names.iter().all(|name| !none.contains(name) && !none.may_contain(name)));
    }

    #[test]
    fn most_names_are_told_apart_without_hashing_them() {
        let set = NameSet::from_iter(["sprite-005000".to_owned()]);
        let others = (0..10_000).map(|number| format!("sprite-{number:06}"));
        let similar = others.filter(|name| set.may_contain(name)).count();
        assert!((1..100).contains(&similar), "{similar}");
    }
}
