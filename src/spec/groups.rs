//! Groups of sounds that get one common gain: all of them must ask for the same level.

use std::collections::BTreeMap;

use crate::base::{Diagnostic, Diagnostics, Span};
use crate::spec::AssetSpec;
use crate::spec::op::{GroupGain, Level};

/// Reports groups that are to be brought to two levels.
pub fn check_groups(assets: &[AssetSpec]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut first_of: BTreeMap<&str, (&AssetSpec, GroupGain<'_>)> = BTreeMap::new();
    for asset in assets {
        let Some(gain) = GroupGain::of(&asset.steps) else { continue };
        let &mut (first, expected) = first_of.entry(gain.group).or_insert((asset, gain));
        if (expected.target, expected.ceiling_db) == (gain.target, gain.ceiling_db) {
            continue;
        }
        let message = format!(
            "the group `{}` has two levels: {} in `{}` and {} in `{}`",
            gain.group,
            level_text(&expected),
            first.id,
            level_text(&gain),
            asset.id
        );
        diagnostics.push(
            Diagnostic::error("spec::group_levels", message)
                .at(place(asset, gain.step), "another level here")
                .at(place(first, expected.step), "first here")
                .help("write the same level everywhere, or give one of them another `group`"),
        );
    }
    diagnostics
}

fn level_text(gain: &GroupGain<'_>) -> String {
    match gain.target {
        Level::Peak(db) => format!("peak {db} dB"),
        Level::Lufs(lufs) => format!("{lufs} LUFS under {} dB", gain.ceiling_db),
    }
}

fn place(asset: &AssetSpec, step: usize) -> Span {
    let written = asset.origins.find(&format!("post_processing[{step}].group"));
    written.map_or(asset.span, |(span, _)| span)
}
