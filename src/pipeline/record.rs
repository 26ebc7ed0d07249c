//! How the record of a run puts things: what `remember` writes and `recall` reads.

use crate::graph::KEY_SCHEMA;
use crate::graph::lower::referenced;
use crate::plan::State;
use crate::spec::AssetSpec;
use crate::spec::op::GroupGain;

/// Meaning of the records: raised when this program reads more or something else into them.
pub const SNAPSHOT_SCHEMA: u32 = KEY_SCHEMA * 1000 + 3;

/// Marks, in the record, the globs of the Assetfile's `specs`.
pub const SPEC_GLOB: &str = "specs ";

/// Between the keys of a manifest section.
pub const SECTION_SEPARATOR: char = '\u{1f}';

/// How the record of a run calls a section of the manifest.
pub fn section_name(section: &[String]) -> String {
    section.join(&SECTION_SEPARATOR.to_string())
}

/// What the record notes as an asset's references: ids of assets, and `@` with the group of sounds
/// that it belongs to. No id begins with `@`.
pub fn relatives(asset: &AssetSpec) -> Vec<String> {
    let ids = referenced(&asset.generate).into_iter().map(|(id, _)| id.to_owned());
    ids.chain(GroupGain::of(&asset.steps).map(|gain| group_name(gain.group))).collect()
}

/// How the record of a run calls a group of sounds.
pub fn group_name(group: &str) -> String {
    format!("@{group}")
}

/// The code of a state in the record.
pub fn state_code(state: State) -> u8 {
    let place = State::ALL.iter().position(|other| *other == state);
    u8::try_from(place.expect("ALL has every state")).expect("there are few states")
}
