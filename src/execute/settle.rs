//! Which results the sounds of a group are made from, if any of them is bought.
//!
//! A result that takes the place of a rejected one changes the gain of its group, and so what all
//! others of the group become. So the first sound of a group that is processed tries all of them, until
//! every one is accepted or has no result left; the rules: docs/design/selection.md.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::execute::chain::{ActionError, ChainExecutor, Done};
use crate::execute::group::Share;
use crate::execute::with_causes;
use crate::graph::AssetIndex;

/// A sound that cannot be used as it is.
struct Rejected {
    asset: AssetIndex,
    why: ActionError,
}

impl ChainExecutor<'_> {
    /// Chooses the results of the asset's group, unless that was done, or nothing can be chosen.
    pub(super) fn settle_group(&self, asset: AssetIndex) {
        let Some((_, group, _)) = self.group(asset) else { return };
        if !group.made.iter().any(|&sound| self.may_be_replaced(sound)) || !group.is_first() {
            return;
        }
        let has_raw = |sound: &AssetIndex| self.lock(*sound).1.raw.is_some();
        let mut open: BTreeSet<AssetIndex> = group.made.iter().copied().filter(has_raw).collect();
        loop {
            let mut rejected = self.rejected(asset, &open);
            let is_only = rejected.len() == 1;
            // What is wrong by itself spoils the gain of the others.
            rejected.sort_by_cached_key(|Rejected { asset, .. }| {
                let is_to_blame = is_only || self.try_at(*asset, self.gain_alone(*asset)).is_err();
                (!is_to_blame, !self.has_more(*asset), *asset)
            });
            let Some(Rejected { asset: sound, why }) = rejected.into_iter().next() else { break };
            let verdict = match why {
                ActionError::Rejected { why, .. } => match self.replace(sound, &why) {
                    Ok(true) => continue,
                    Ok(false) => self.rejection(sound),
                    Err(error) => error,
                },
                error => error,
            };
            open.remove(&sound);
            self.leave_out(sound, verdict);
        }
        for sound in open {
            self.tell_replaced(sound);
        }
    }

    /// The sounds that cannot be used with the gain that the group has now, in the order of assets.
    fn rejected(&self, asset: AssetIndex, open: &BTreeSet<AssetIndex>) -> Vec<Rejected> {
        let gain = match self.gain(asset) {
            Ok(gain) => gain.map(|(_, db)| db),
            // A free sound that cannot be measured failed on its own.
            Err(_) => return Vec::new(),
        };
        let rejected = open.par_iter().filter_map(|&asset| {
            let why = self.try_at(asset, gain).err()?;
            Some(Rejected { asset, why })
        });
        rejected.collect()
    }

    /// Processes and checks a sound at a gain in dB.
    fn try_at(&self, asset: AssetIndex, gain_db: Option<f64>) -> Result<(), ActionError> {
        let Some((name, ..)) = self.group(asset) else { return Ok(()) };
        let objection = match self.process_at(asset, gain_db.map(|db| (name, db))) {
            Ok(Done::Ran | Done::Cached) => self.objection(asset),
            Err(ActionError::Process(error)) if error.is_about_empty_material() => {
                Some(with_causes(&error))
            }
            Err(error) => return Err(error),
        };
        match objection {
            None => Ok(()),
            Some(why) => Err(ActionError::Rejected { why, others: 0, bought: None }),
        }
    }

    /// Ends a sound. What is bought counts for the group only with the result that is published.
    fn leave_out(&self, asset: AssetIndex, verdict: ActionError) {
        let slot = self.slot(asset);
        *self.verdict(asset) = Some(verdict);
        if !slot.chain.spec.generate.is_free() {
            self.use_raw(asset, slot.chain.published);
            if slot.chain.published.is_none() {
                *self.share(asset) = Share::Nothing;
            }
        }
    }

    fn verdict(&self, asset: AssetIndex) -> MutexGuard<'_, Option<ActionError>> {
        self.slot(asset).verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_verdict(&self, asset: AssetIndex) -> bool {
        self.verdict(asset).is_some()
    }

    pub(super) fn take_verdict(&self, asset: AssetIndex) -> Option<ActionError> {
        self.verdict(asset).take()
    }
}
