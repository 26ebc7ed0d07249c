//! Decides whether what the lock records of an asset still holds; if not, names every cause.

use crate::base::{MediaKind, RelPath};
use crate::graph::action::{ActionKind, AssetIndex};
use crate::graph::lower::referenced;
use crate::lock::{self, Block};
use crate::plan::reason::{Reason, ReasonCode, field_reasons, quote};
use crate::plan::{
    ActionState, AssetPlan, Availability, EntryState, FileState, Keys, OnRecord, PlannedAction,
    State, Work, World,
};
use crate::spec::op::{Brief, GenerateOp};
use crate::spec::{AssetSpec, Pick, Selection};

/// What the user allows beyond the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Overwrite published files that were edited by hand.
    pub overwrite_drifted: bool,
    /// Run free actions again although their results stand.
    pub refresh: bool,
    /// Results to buy beyond the variations that are asked for.
    pub reroll: u32,
    /// Buy once more what was bought and is lost.
    pub allow_rebuy: bool,
}

/// Which parts of a chain no longer hold.
#[derive(Debug, Clone, Copy, Default)]
struct Dirt {
    generate: bool,
    process: bool,
    validate: bool,
    integrate: bool,
}

impl Dirt {
    const ALL: Self = Self { generate: true, process: true, validate: true, integrate: true };

    fn any(self) -> bool {
        self.generate || self.process || self.validate || self.integrate
    }
}

/// Compares one asset with the lock and the files, and plans its chain.
pub fn assess(
    asset: AssetIndex,
    spec: &AssetSpec,
    keys: &Keys,
    world: &dyn World,
    policy: Policy,
) -> AssetPlan {
    let mut causes: Vec<(State, Reason)> = Vec::new();
    let own = world.block(&spec.id);
    let block = own.or_else(|| world.renamed_from(&keys.wanted.key));
    let mut dirt = match &block {
        None => {
            causes.push((State::Missing, Reason::new(ReasonCode::NeverBuilt, "never built")));
            Dirt::ALL
        }
        Some(block) => compare(spec, keys, block, world, &mut causes),
    };
    if policy.refresh && spec.generate.is_free() {
        dirt = Dirt::ALL;
    }
    let adopted = block.as_ref().is_some_and(|block| block.adopted);
    let is_stand_in = block.as_ref().is_some_and(|block| block.provisional) && !adopted;
    if is_stand_in && matches!(world.availability(spec), Availability::Ready) {
        let message = "a placeholder stands in, and the real one can be made";
        causes.push((State::Provisional, Reason::new(ReasonCode::Placeholder, message)));
        dirt = Dirt::ALL;
    }
    if adopted {
        dirt = Dirt { integrate: causes.iter().any(is_lost), ..Dirt::default() };
    }

    let is_edited = |(state, reason): &(State, Reason)| {
        *state == State::Drifted && reason.code != ReasonCode::EntryEdited
    };
    let drifted = causes.iter().any(is_edited);
    let mut reroll = if adopted || !spec.generate.is_paid() { 0 } else { policy.reroll };
    if reroll > 0 {
        let s = if reroll == 1 { "" } else { "s" };
        let message = format!("{reroll} more result{s} asked for");
        causes.push((State::Stale, Reason::new(ReasonCode::Reroll, message)));
    }
    let mut bought = bought_before(spec, keys, block.as_ref());
    let on_lock = bought.len();
    if !adopted && spec.generate.is_paid() {
        let missing = (0..spec.selection.variations).filter(|index| !bought.contains(index));
        let missing = missing.count();
        if !bought.is_empty() && missing > 0 {
            let s = if missing == 1 { "" } else { "s" };
            let message = format!("{missing} more variation{s} to buy");
            causes.push((State::Stale, Reason::new(ReasonCode::VariationMissing, message)));
            dirt.generate = true;
        }
    }
    let mut is_unknown = false;
    if dirt.generate && spec.generate.is_paid() && !adopted {
        for entry in world.on_record(&keys.wanted.key) {
            match entry {
                OnRecord::Bought { index } => bought.push(index),
                OnRecord::Unknown { id, words } => {
                    let message = format!(
                        "purchase {id} may have been billed ({words}): `assetbuild recover {id}`"
                    );
                    let reason = Reason::new(ReasonCode::PurchaseUnknown, message);
                    causes.push((State::Unknown, reason));
                    is_unknown = true;
                }
            }
        }
    }
    let has_work = dirt.any() || reroll > 0;
    let mut work = if has_work { Work::Chain } else { Work::Nothing };
    let needs_raw = dirt.generate || dirt.process;
    let is_undelivered = || {
        spec.generate.is_free()
            && match world.availability(spec) {
                Availability::Ready => false,
                Availability::WaitsFor(_) => needs_raw || is_stand_in,
                Availability::InputMissing(_) | Availability::Unavailable(..) => is_stand_in,
            }
    };
    if !adopted && (is_unbought(spec, keys, block.as_ref()) || is_undelivered()) {
        work = plan_without_raw(spec, block.as_ref(), dirt, world, &mut causes);
    } else if needs_raw
        && !adopted
        && let Some(cause) = obstacle(spec, keys, block.as_ref(), world)
    {
        if cause.0 == State::MissingRaw && policy.allow_rebuy && spec.generate.is_paid() {
            reroll = reroll.max(1);
        } else {
            work = Work::Nothing;
        }
        causes.push(cause);
    }
    // Known variations would be processed again, but the missing ones would be bought with them.
    let is_short = causes.iter().any(|(_, reason)| reason.code == ReasonCode::VariationMissing);
    if (is_short || reroll > 0)
        && work == Work::Chain
        && let Availability::Unavailable(code, why) = world.availability(spec)
    {
        causes.push((State::Blocked, Reason::new(code, why)));
        work = Work::Nothing;
    }
    if (drifted && !policy.overwrite_drifted) || is_unknown {
        work = Work::Nothing;
    }
    let waits = waits_for_pick(spec, keys, block.as_ref());
    if !adopted && (waits || (reroll > 0 && spec.selection.pick == Pick::Human)) {
        let all = spec.selection.variations;
        work = match work {
            // What the lock does not name yet is bought, or taken over from the journal.
            Work::Chain if on_lock < all as usize || reroll > 0 => Work::Variations,
            Work::Chain => Work::Nothing,
            other => other,
        };
        if waits && (0..all).all(|index| bought.contains(&index)) {
            let message = match spec.selection.pick {
                Pick::Nobody => "it is bought to be looked at".to_owned(),
                _ => format!("choose a variation: assetbuild pick {} N", spec.id),
            };
            causes.push((State::Waiting, Reason::new(ReasonCode::WaitingForPick, message)));
        }
    }
    let unbuilt = referenced(&spec.generate).into_iter().find(|(id, _)| !world.is_built(id));
    if let Some((id, _)) = unbuilt.filter(|_| dirt.generate && !adopted) {
        let message = format!("it refers to `{id}`, which is not built");
        causes.push((State::Pending, Reason::new(ReasonCode::ReferencePending, message)));
    }
    // A commit keeps an edited entry, unless the spec came to say the same. Free work can find that
    // out; nothing is bought for it.
    let entry_edited = causes.iter().any(|(_, reason)| reason.code == ReasonCode::EntryEdited);
    if entry_edited && dirt.generate && !spec.generate.is_free() {
        work = Work::Nothing;
    }
    let is_unpublished = block.as_ref().is_none_or(|block| block.outputs.is_empty());
    if is_unpublished && causes.iter().any(|(state, _)| *state == State::Waiting) {
        // That it was never built is what the person, not a build, will change.
        causes.retain(|(_, reason)| reason.code != ReasonCode::NeverBuilt);
    }

    causes.sort_by_key(|(state, _)| *state);
    let state = if adopted && !drifted && !dirt.integrate {
        State::Fresh
    } else {
        causes.first().map_or(State::Fresh, |(state, _)| *state)
    };
    AssetPlan {
        asset,
        state,
        reasons: causes.into_iter().map(|(_, reason)| reason).collect(),
        actions: chain(spec, dirt, block.is_some(), work, &bought, is_short, reroll),
        work,
        quote: None,
        block_id: block.map(|block| block.id),
    }
}

/// Whether an adopted asset has lost something that belongs to it; what its spec says is not that.
fn is_lost((_, reason): &(State, Reason)) -> bool {
    use ReasonCode::{EntryEdited, EntryMissing, OutputEdited, OutputMissing, Renamed};
    matches!(reason.code, Renamed | OutputMissing | OutputEdited | EntryMissing | EntryEdited)
}

/// Finds every difference between the spec, its block and the published files.
fn compare(
    spec: &AssetSpec,
    keys: &Keys,
    block: &Block,
    world: &dyn World,
    causes: &mut Vec<(State, Reason)>,
) -> Dirt {
    let mut dirt = Dirt::default();
    if block.id != spec.id {
        let message = format!("renamed from `{}`", block.id);
        causes.push((State::Stale, Reason::new(ReasonCode::Renamed, message)));
        dirt.integrate = true;
    }
    let kept = block.kept.iter().any(|kept| kept.wanted == keys.wanted.key);
    let wanted_holds = block.wanted == keys.wanted.key || kept;
    if !wanted_holds || block.definition != keys.definition.key {
        let past = world.history(&block.id);
        let mut now = keys.wanted.fields.clone();
        now.fields.extend(keys.definition.fields.fields.iter().cloned());
        now.notes.extend(keys.definition.fields.notes.iter().cloned());
        dirt.generate = !wanted_holds;
        let is_wanted = |path: &str| path.starts_with("generation") || path.starts_with("prompt");
        let reasons = field_reasons(spec, &block.fields, &now, past.as_ref());
        let counts = |reason: &Reason| match &reason.field {
            Some(path) => !(wanted_holds && is_wanted(path)),
            None => true,
        };
        for reason in reasons.into_iter().filter(counts) {
            match reason.field.as_deref().unwrap_or_default() {
                path if path.contains(".checks.") => dirt.validate = true,
                path if path.starts_with("post_processing") => dirt.process = true,
                path if path.starts_with("integration.") => dirt.integrate = true,
                path if is_wanted(path) => dirt.generate = true,
                // An unnamed field may have been anything.
                _ => dirt = Dirt { generate: !wanted_holds, ..Dirt::ALL },
            }
            // A path with another extension is another encoding.
            let path_changed = reason.field.as_deref() == Some("integration.path")
                || reason.field.as_deref() == Some("integration.file");
            dirt.process |= path_changed && encodings_differ(spec, block);
            causes.push((State::Stale, reason));
        }
        if !dirt.any() {
            // The short digests agree by accident or were edited: trust the keys.
            dirt = Dirt::ALL;
            let message = "its definition changed";
            causes.push((State::Stale, Reason::new(ReasonCode::FieldChanged, message)));
        }
    }
    let picked = block.picked_for(&keys.wanted.key);
    if picked.is_some() && block.raw != picked {
        let message = "another variation was picked";
        causes.push((State::Stale, Reason::new(ReasonCode::Picked, message)));
        dirt = Dirt { generate: dirt.generate, ..Dirt::ALL };
    }
    if block.outputs.is_empty() {
        // It was bought, and then no result of it could be published.
        causes.push((State::Missing, Reason::new(ReasonCode::NeverBuilt, "never published")));
        return Dirt { generate: dirt.generate, ..Dirt::ALL };
    }
    check_outputs(block, world, causes, &mut dirt);
    let key = &spec.publish.entry.key;
    let entry = match world.entry(block) {
        EntryState::Stands => None,
        EntryState::Gone => {
            let message = format!("manifest entry missing: {key}");
            Some((State::Missing, Reason::new(ReasonCode::EntryMissing, message)))
        }
        EntryState::Edited => {
            let message = format!("its manifest entry `{key}` was edited by hand");
            Some((State::Drifted, Reason::new(ReasonCode::EntryEdited, message)))
        }
    };
    dirt.integrate |= entry.is_some();
    causes.extend(entry);
    dirt
}

fn encodings_differ(spec: &AssetSpec, block: &Block) -> bool {
    let count = |extension: &str, paths: &mut dyn Iterator<Item = Option<&str>>| {
        paths.filter(|found| *found == Some(extension)).count()
    };
    spec.publish.files.len() != block.outputs.len()
        || spec.publish.files.iter().any(|file| {
            let extension = file.path.extension().unwrap_or_default();
            count(extension, &mut spec.publish.files.iter().map(|f| f.path.extension()))
                != count(extension, &mut block.outputs.iter().map(|(path, _)| path.extension()))
        })
}

fn check_outputs(
    block: &Block,
    world: &dyn World,
    causes: &mut Vec<(State, Reason)>,
    dirt: &mut Dirt,
) {
    for (path, digest) in &block.outputs {
        let (state, code, message) = match world.published(path, digest) {
            FileState::Present(found) if found == *digest => continue,
            FileState::Present(_) => {
                let message = format!("{path} was edited by hand");
                (State::Drifted, ReasonCode::OutputEdited, message)
            }
            FileState::Absent => {
                dirt.integrate = true;
                if !world.can_restore(digest) {
                    dirt.process = true;
                    dirt.validate = true;
                }
                (State::Missing, ReasonCode::OutputMissing, format!("output missing: {path}"))
            }
            FileState::LfsPointer => {
                let message = format!("{path} is a Git LFS pointer: run git lfs pull");
                (State::Missing, ReasonCode::LfsPointer, message)
            }
            FileState::Unreadable(why) => {
                let message = format!("{path} cannot be read: {why}");
                (State::Drifted, ReasonCode::OutputUnreadable, message)
            }
        };
        if state == State::Drifted {
            dirt.integrate = true;
            dirt.process |= !world.can_restore(digest);
        }
        causes.push((state, Reason::new(code, message)));
    }
}

/// Whether the asset's raw material would have to be bought.
fn is_unbought(spec: &AssetSpec, keys: &Keys, block: Option<&Block>) -> bool {
    let satisfied = |block: &Block| {
        let wanted = keys.wanted.key;
        block.purchases.iter().any(|purchase| purchase.wanted == wanted)
            || (!block.provisional && block.kept.iter().any(|kept| kept.wanted == wanted))
    };
    !spec.generate.is_free() && !block.is_some_and(satisfied)
}

/// Plans an asset that is not bought or delivered and, in this build, may not be.
fn plan_without_raw(
    spec: &AssetSpec,
    block: Option<&Block>,
    dirt: Dirt,
    world: &dyn World,
    causes: &mut Vec<(State, Reason)>,
) -> Work {
    match world.availability(spec) {
        Availability::Ready => return if dirt.any() { Work::Chain } else { Work::Nothing },
        Availability::Unavailable(code, why) => {
            causes.push((State::Blocked, Reason::new(code, why)));
        }
        Availability::WaitsFor(path) => causes.push(waits_for(spec, &path)),
        Availability::InputMissing(path) => causes.push(input_missing(&path)),
    }
    if !world.can_stand_in(spec) {
        return Work::Nothing;
    }
    if block.is_some_and(|block| !block.provisional) {
        // The old picture is better than a placeholder for the new one.
        return Work::Nothing;
    }
    if block.is_some() && !dirt.any() {
        let message = "a placeholder stands in";
        causes.push((State::Provisional, Reason::new(ReasonCode::Placeholder, message)));
        return Work::Nothing;
    }
    Work::Placeholder
}

/// What keeps a chain from running although nothing has to be bought.
fn obstacle(
    spec: &AssetSpec,
    keys: &Keys,
    block: Option<&Block>,
    world: &dyn World,
) -> Option<(State, Reason)> {
    // What a free provider made and a person kept for a paid request has no raw of its own.
    let raw = block.and_then(|block| block.raw_for(&keys.wanted.key));
    if let Some(raw) = raw.filter(|_| !spec.generate.is_free()) {
        if world.has_raw(&raw) {
            return None;
        }
        let way = match spec.generate.is_paid() {
            true => "buy another one with --allow-rebuy",
            false => "set another `take` to have it made once more",
        };
        let message = format!(
            "the bought file {raw} is in none of the stores; bring it back from another checkout or \
             a backup, or {way}"
        );
        return Some((State::MissingRaw, Reason::new(ReasonCode::RawMissing, message)));
    }
    match world.availability(spec) {
        Availability::Ready => None,
        Availability::WaitsFor(path) => Some(waits_for(spec, &path)),
        Availability::InputMissing(path) => Some(input_missing(&path)),
        Availability::Unavailable(code, why) => Some((State::Blocked, Reason::new(code, why))),
    }
}

fn waits_for(spec: &AssetSpec, path: &RelPath) -> (State, Reason) {
    let asked = match &spec.generate {
        GenerateOp::Manual(file) => asked_for(&file.brief, spec.media),
        _ => String::new(),
    };
    let message = format!("waits for a person to put {path} there{asked}");
    (State::Waiting, Reason::new(ReasonCode::WaitingForFile, message))
}

/// `: a picture of 64x64 pixels, "a red fox"`; empty if the spec says nothing of it.
fn asked_for(brief: &Brief, media: MediaKind) -> String {
    let Brief { size, duration_seconds, prompt } = brief;
    let thing = match (media, size, duration_seconds) {
        (MediaKind::Image, Some((width, height)), _) => {
            Some(format!("a picture of {width}x{height} pixels"))
        }
        (MediaKind::Audio, _, Some(seconds)) => Some(format!("a sound of {seconds} s")),
        _ => None,
    };
    let prompt = prompt.as_ref().map(|prompt| quote(&prompt.text));
    let parts: Vec<String> = thing.into_iter().chain(prompt).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

fn input_missing(path: &RelPath) -> (State, Reason) {
    let message = format!("{path} is not there");
    (State::Blocked, Reason::new(ReasonCode::InputMissing, message))
}

/// Whether a person has to pick among variations, and has not.
fn waits_for_pick(spec: &AssetSpec, keys: &Keys, block: Option<&Block>) -> bool {
    let wanted = &keys.wanted.key;
    let is_settled = |block: &Block| {
        block.picked_for(wanted).is_some() || block.kept.iter().any(|kept| kept.wanted == *wanted)
    };
    let Selection { variations, pick, .. } = spec.selection;
    let is_asked = match pick {
        Pick::Auto => false,
        Pick::Human => variations > 1 && spec.generate.is_paid(),
        Pick::Nobody => true,
    };
    is_asked && !block.is_some_and(is_settled)
}

/// Variations of a request that the lock knows to be bought.
fn bought_before(spec: &AssetSpec, keys: &Keys, block: Option<&Block>) -> Vec<u32> {
    if !spec.generate.is_paid() {
        return Vec::new();
    }
    let own = block.iter().flat_map(|block| &block.purchases);
    let is_it = |purchase: &&lock::Purchase| purchase.wanted == keys.wanted.key && !purchase.extra;
    own.filter(is_it).map(|purchase| purchase.index).collect()
}

/// `bought`: variations that cost nothing any more; `is_short`: the lock has them, and others are
/// missing; `reroll`: results beyond the variations, numbered after them.
fn chain(
    spec: &AssetSpec,
    dirt: Dirt,
    was_built: bool,
    work: Work,
    bought: &[u32],
    is_short: bool,
    reroll: u32,
) -> Vec<PlannedAction> {
    let all = spec.selection.variations;
    let mut upstream_dirty = false;
    let mut plan = |kind, variation, dirty: bool| {
        let state = match work {
            Work::Nothing if dirty || upstream_dirty => ActionState::Blocked,
            Work::Variations if kind > ActionKind::Select && (dirty || upstream_dirty) => {
                ActionState::Blocked
            }
            _ if dirty => ActionState::Dirty,
            // An equal result further up stops here, so this may turn out to be fresh.
            _ if upstream_dirty => ActionState::Pending,
            _ => ActionState::Fresh,
        };
        upstream_dirty |= dirty;
        let paid = kind == ActionKind::Generate
            && spec.generate.is_paid()
            && work != Work::Placeholder
            && (variation >= all || !bought.contains(&variation));
        PlannedAction { kind, variation, state, paid, cost: None }
    };
    let mut actions: Vec<_> = (0..all)
        .map(|variation| {
            let is_there = is_short && bought.contains(&variation);
            plan(ActionKind::Generate, variation, dirt.generate && !is_there)
        })
        .collect();
    actions.extend((all..all + reroll).map(|extra| plan(ActionKind::Generate, extra, true)));
    if all > 1 {
        actions.push(plan(ActionKind::Select, 0, dirt.generate && !was_built));
    }
    actions.push(plan(ActionKind::Process, 0, dirt.process));
    actions.push(plan(ActionKind::Validate, 0, dirt.validate));
    actions.push(plan(ActionKind::Integrate, 0, dirt.integrate));
    actions
}
