//! Sounds that get one common gain: what each of them gives to it, and the gain.
//!
//! A sound is measured right after its material is there, on the worker that made it. The gain itself
//! is a sum over a few numbers, so every sound of the group computes it for itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::{Digest, Raw};
use crate::cache::ActionResult;
use crate::execute::chain::{ActionError, Chain, ChainExecutor, Progress, Slot};
use crate::graph::AssetIndex;
use crate::graph::key::level_key;
use crate::process::{self, GroupLevel};
use crate::spec::op::GroupGain;

/// The sounds of each group whose material is there or made in this run, by the group's name.
pub type Groups = BTreeMap<String, Vec<AssetIndex>>;

/// Bytes of material that may wait for the rest of their groups; what is above is made once more.
const MOST_WAITING: usize = 256 << 20;

/// Bytes of material that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

impl Waiting {
    /// Whether the material may wait; what may not is to be dropped.
    fn admit(&self, raw: &Raw) -> bool {
        let size = size_of(raw);
        let before = self.0.fetch_add(size, Ordering::Relaxed);
        if before + size > MOST_WAITING {
            self.0.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// The material is used up.
    pub(super) fn leave(&self, raw: &Raw) {
        self.0.fetch_sub(size_of(raw), Ordering::Relaxed);
    }
}

fn size_of(raw: &Raw) -> usize {
    match raw {
        Raw::Image(image) => image.pixels.len(),
        Raw::Audio(audio) => size_of_val(&*audio.samples),
        Raw::File(bytes, _) => bytes.len(),
    }
}

impl ChainExecutor<'_> {
    /// The gain in dB that the chain's group gets, with the group's name; none without a group.
    pub(super) fn gain(&self, asset: AssetIndex) -> Result<Option<(&str, f64)>, ActionError> {
        let Some(gain) = GroupGain::of(&self.slot(asset).chain.spec.steps) else { return Ok(None) };
        let Some((group, members)) = self.groups.get_key_value(gain.group) else { return Ok(None) };
        let mut levels = Vec::new();
        for &member in members {
            let slot = self.slot(member);
            if let Some(level) = slot.level.get() {
                levels.push(level.clone());
                continue;
            }
            // It has no action in this run, or its purchase failed: no body of it runs.
            let level = self.measure(member, &mut self.lock(member).1);
            if slot.chain.spec.generate.is_free() {
                levels.extend(level?);
            } else {
                // A bought sound that cannot be measured fails on its own; the others go on.
                levels.extend(level.ok().flatten());
            }
        }
        Ok(Some((group, process::group_gain(&levels, gain.target, gain.ceiling_db))))
    }

    /// Measures what the chain gives to its group, if it has one; its material is there by now.
    pub(super) fn measure_for_group(
        &self,
        asset: AssetIndex,
        progress: &mut Progress,
    ) -> Result<(), ActionError> {
        if self.measure(asset, progress)?.is_some()
            && let Some(raw) = &progress.material
        {
            progress.is_waiting = self.waiting.admit(raw);
            if !progress.is_waiting {
                progress.material = None;
            }
        }
        Ok(())
    }

    /// What the chain gives to its group; none without a group, and for a sound that was not bought.
    fn measure(
        &self,
        asset: AssetIndex,
        progress: &mut Progress,
    ) -> Result<Option<GroupLevel>, ActionError> {
        let Slot { chain, level, .. } = self.slot(asset);
        let Some(gain) = GroupGain::of(&chain.spec.steps) else { return Ok(None) };
        if let Some(level) = level.get() {
            return Ok(Some(level.clone()));
        }
        if progress.raw.is_none() {
            if !chain.spec.generate.is_free() && chain.acquired.is_none() {
                return Ok(None);
            }
            self.generate(chain, 0, progress)?;
        }
        let raw = progress.raw.expect("it was just generated");
        let found = self.find_level(chain, &gain, &raw, progress)?;
        Ok(Some(level.get_or_init(|| found).clone()))
    }

    /// The recorded level of the material, or a new one.
    fn find_level(
        &self,
        chain: &Chain<'_>,
        gain: &GroupGain<'_>,
        raw: &Digest,
        progress: &mut Progress,
    ) -> Result<GroupLevel, ActionError> {
        let before = &chain.spec.steps[..gain.step];
        let encoders = process::encoders(chain.spec.media);
        let key = level_key(before, self.stores.digests, raw, encoders);
        if !chain.refresh
            && let Some(result) = self.stores.actions.get(&key)?
            && let Some(level) = GroupLevel::from_json(&result.metadata)
        {
            return Ok(level);
        }
        if progress.material.is_none() {
            progress.material = Some(self.remake(chain, raw)?);
        }
        let material = progress.material.as_ref().expect("it was just made");
        let level = process::group_level(material, before)?;
        let result = ActionResult { outputs: Vec::new(), metadata: level.to_json() };
        self.stores.actions.put(key, result)?;
        Ok(level)
    }
}
