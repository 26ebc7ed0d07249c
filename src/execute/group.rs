//! Sounds that get one common gain: what each of them gives to it, and the gain.
//!
//! A sound is measured right after its material is there, on the worker that made it. The gain itself
//! is a sum over a few numbers, so every sound of the group computes it for itself. Which results
//! bought sounds are made from is settled before: see `settle`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{MutexGuard, PoisonError};

use crate::base::{Digest, Raw};
use crate::cache::ActionResult;
use crate::execute::chain::{ActionError, Chain, ChainExecutor, Progress};
use crate::graph::AssetIndex;
use crate::graph::key::level_key;
use crate::process::{self, GroupLevel};
use crate::spec::op::GroupGain;

/// The groups of a run, by name.
pub type Groups = BTreeMap<String, Group>;

/// The sounds of a group.
#[derive(Debug, Default)]
pub struct Group {
    /// Those whose material is there or made in this run.
    pub members: Vec<AssetIndex>,
    /// Those of them that are processed in this run.
    pub made: Vec<AssetIndex>,
    /// Whether it is settled which results they are made from, or somebody is about it.
    is_settled: AtomicBool,
}

impl Group {
    /// A group of these sounds.
    pub fn new(members: Vec<AssetIndex>, made: Vec<AssetIndex>) -> Self {
        Self { members, made, is_settled: AtomicBool::new(false) }
    }

    /// Whether nobody was told this before: the first of its sounds settles the group.
    pub(super) fn is_first(&self) -> bool {
        !self.is_settled.swap(true, Ordering::AcqRel)
    }
}

/// What a sound gives to its group.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Share {
    /// Nobody knows yet.
    #[default]
    Unmeasured,
    /// This.
    Measured(GroupLevel),
    /// Nothing: all its results were rejected.
    Nothing,
}

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
    /// The chain's group with its name and what it is brought to; none without one.
    pub(super) fn group(&self, asset: AssetIndex) -> Option<(&str, &Group, GroupGain<'_>)> {
        let gain = GroupGain::of(&self.slot(asset).chain.spec.steps)?;
        let (name, group) = self.groups.get_key_value(gain.group)?;
        Some((name, group, gain))
    }

    /// The gain in dB that the chain's group gets, with the group's name; none without a group.
    pub(super) fn gain(&self, asset: AssetIndex) -> Result<Option<(&str, f64)>, ActionError> {
        let Some((name, group, gain)) = self.group(asset) else { return Ok(None) };
        let mut levels = Vec::new();
        for &member in &group.members {
            let share = self.share(member).clone();
            match share {
                Share::Measured(level) => levels.push(level),
                Share::Nothing => {}
                Share::Unmeasured => {
                    // It has no action in this run, its purchase failed, or its result was replaced:
                    // no body of it runs.
                    let level = self.measure(member, &mut self.lock(member).1);
                    if self.slot(member).chain.spec.generate.is_free() {
                        levels.extend(level?);
                    } else {
                        // A bought sound that cannot be measured fails on its own.
                        levels.extend(level.ok().flatten());
                    }
                }
            }
        }
        Ok(Some((name, process::group_gain(&levels, gain.target, gain.ceiling_db))))
    }

    /// The gain in dB that the sound would get if it stood alone.
    pub(super) fn gain_alone(&self, asset: AssetIndex) -> Option<f64> {
        let (.., gain) = self.group(asset)?;
        let levels: Vec<GroupLevel> = match &*self.share(asset) {
            Share::Measured(level) => vec![level.clone()],
            Share::Unmeasured | Share::Nothing => Vec::new(),
        };
        Some(process::group_gain(&levels, gain.target, gain.ceiling_db))
    }

    pub(super) fn share(&self, asset: AssetIndex) -> MutexGuard<'_, Share> {
        self.slot(asset).share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures what the chain gives to its group, if it has one; its material is there by now.
    pub(super) fn measure_for_group(
        &self,
        asset: AssetIndex,
        progress: &mut Progress,
    ) -> Result<(), ActionError> {
        let measured = match self.measure(asset, progress) {
            // Another result may take its place.
            Err(ActionError::Process(error))
                if error.is_about_empty_material() && self.may_be_replaced(asset) =>
            {
                return Ok(());
            }
            measured => measured?,
        };
        if measured.is_some()
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
        let Some((_, group, gain)) = self.group(asset) else { return Ok(None) };
        if let Share::Measured(level) = &*self.share(asset) {
            return Ok(Some(level.clone()));
        }
        let chain = &self.slot(asset).chain;
        let is_free = chain.spec.generate.is_free();
        let is_made = group.made.contains(&asset);
        if progress.raw.is_none() && (is_free || (is_made && chain.acquired.is_some())) {
            self.generate(chain, 0, progress)?;
        }
        let own = progress.raw.filter(|_| is_free || is_made);
        // What is published counts until something else is.
        let Some(raw) = own.or(chain.published) else { return Ok(None) };
        if progress.raw != Some(raw) {
            progress.material = None;
        }
        let level = self.find_level(chain, &gain, &raw, progress)?;
        *self.share(asset) = Share::Measured(level.clone());
        Ok(Some(level))
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
