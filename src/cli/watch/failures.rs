//! What failed while a watch runs: tried again when something about it changes, not with every save.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::ActionKey;
use crate::event::{Event, Outcome, Reporter};
use crate::graph::AssetIndex;
use crate::pipeline::load::inputs_of;
use crate::pipeline::{Prepared, Touched};
use crate::plan::State;

/// Identity of everything that an asset is made of.
type Identity = (ActionKey, ActionKey);

/// Assets that failed as they are.
#[derive(Debug, Default)]
pub(super) struct Failures {
    failed: BTreeMap<String, Identity>,
    /// Those of them that were made, and could not be published beside what the manifest holds.
    unpublished: BTreeSet<String>,
    /// Identities of what is tried now.
    tried: BTreeMap<String, Identity>,
    heard: Arc<Heard>,
}

/// Hears which assets fail in a run.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<BTreeSet<String>>);

impl Heard {
    /// Those that failed since the last time.
    pub(super) fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reporter for Heard {
    fn report(&self, event: &Event) {
        if let Event::ActionFinished {
            asset,
            outcome: Outcome::Failed(_) | Outcome::Skipped(_),
            ..
        } = event
        {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(asset.clone());
        }
    }
}

impl Failures {
    /// Who hears of failures.
    pub(super) fn heard(&self) -> Arc<Heard> {
        self.heard.clone()
    }

    /// Leaves out of a look what failed before and is what it was, unless somebody touched it.
    pub(super) fn leave_out(&mut self, prepared: &mut Prepared, touched: &Touched) {
        let identity = |asset: AssetIndex| {
            let keys = asset.of(&prepared.keys);
            (keys.wanted.key, keys.definition.key)
        };
        let (assets, plans) = (&prepared.loaded.assets, &prepared.plans);
        // What sleeps or is fresh by now, somebody else has built.
        let others = plans.iter().filter(|plan| plan.state != State::Fresh);
        let others: BTreeSet<&str> = others.map(|plan| &*plan.asset.of(assets).id).collect();
        self.failed.retain(|id, _| others.contains(&**id));
        let is_tried = |asset: AssetIndex| {
            let spec = asset.of(assets);
            let manifest = prepared.loaded.config.manifest.as_str();
            let mut files = spec.publish.files.iter();
            let is_in_the_way = self.unpublished.contains(&spec.id)
                && (touched.concerns(manifest)
                    || files.any(|file| touched.concerns(file.path.as_str())));
            let is_touched = touched.concerns(spec.file.as_str())
                || is_in_the_way
                || inputs_of(spec).iter().any(|(path, _)| touched.concerns(path.as_str()));
            is_touched || self.failed.get(&spec.id) != Some(&identity(asset))
        };
        let selected: Vec<AssetIndex> =
            prepared.selected.iter().copied().filter(|asset| is_tried(*asset)).collect();
        let works = selected.iter().filter(|asset| asset.of(plans).work.is_now());
        let tried = works.map(|&asset| (asset.of(assets).id.clone(), identity(asset)));
        self.tried = tried.collect();
        prepared.selected = selected;
    }

    /// Forgets all: something changed that may concern any of them.
    pub(super) fn forget(&mut self) {
        self.failed.clear();
    }

    /// Notes what became of what was tried. `unpublished`: what was made and could not be published.
    pub(super) fn note<'a>(&mut self, unpublished: impl Iterator<Item = &'a str>) {
        let unpublished: BTreeSet<&str> = unpublished.collect();
        let heard = self.heard.take();
        self.unpublished.extend(unpublished.iter().map(|id| (*id).to_owned()));
        for (id, identity) in std::mem::take(&mut self.tried) {
            if !unpublished.contains(&*id) {
                self.unpublished.remove(&id);
            }
            match heard.contains(&id) || unpublished.contains(&*id) {
                true => drop(self.failed.insert(id, identity)),
                false => drop(self.failed.remove(&id)),
            }
        }
    }
}
