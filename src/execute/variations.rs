//! Which of several results is used: what replaces a rejected one, and results beyond those that
//! were asked for. The rules: docs/design/selection.md.

use crate::base::Digest;
use crate::execute::buying::Offer;
use crate::execute::chain::{ActionError, ChainExecutor, Done, Progress};
use crate::graph::AssetIndex;
use crate::lock;
use crate::spec::op::GroupGain;
use crate::validate::{self, Finding};

/// Seeds of results beyond the variations, from a fixed seed: far from those of the variations.
const EXTRA_SEEDS: u32 = 1_000_000;

/// The number whose seed a result gets.
pub(super) fn seed_number(index: u32, extra: bool) -> u32 {
    if extra { EXTRA_SEEDS.saturating_add(index) } else { index }
}

/// The results of an asset in the order in which they are numbered and tried.
pub fn in_order(purchases: &mut [lock::Purchase]) {
    purchases.sort_by(|a, b| {
        (a.extra, a.index, &a.date, &a.id).cmp(&(b.extra, b.index, &b.date, &b.id))
    });
}

impl ChainExecutor<'_> {
    /// Checks the result of a chain. What is rejected makes room for another result that is paid for,
    /// then for as many new ones as the spec allows; what was picked by a person is not replaced.
    pub(super) fn validate(&self, asset: AssetIndex) -> Result<Done, ActionError> {
        let first = self.findings(asset);
        if first.is_empty() {
            return Ok(Done::Ran);
        }
        let spec = &self.slot(asset).chain.spec;
        let bought = spec.generate.is_paid().then(|| spec.id.clone());
        if !self.may_be_replaced(asset) {
            return Err(ActionError::Rejected { findings: first, others: 0, bought });
        }
        let mut tried: Vec<Digest> = self.lock(asset).1.raw.into_iter().collect();
        let mut redraws = self.slot(asset).chain.redraw;
        loop {
            let next = match self.untried(asset, &tried) {
                Some(next) => next,
                None if redraws > 0 => {
                    redraws -= 1;
                    self.buy_extra(asset)?;
                    match self.untried(asset, &tried) {
                        Some(next) => next,
                        // The provider gave what it gave before.
                        None => continue,
                    }
                }
                None => break,
            };
            tried.push(next.raw);
            self.use_raw(asset, next.raw);
            self.process(asset)?;
            if self.findings(asset).is_empty() {
                let id = &self.slot(asset).chain.spec.id;
                let message = format!(
                    "took purchase {} instead of one that was {}",
                    next.id,
                    validate::list(&first)
                );
                (self.stores.warn)(id, message);
                return Ok(Done::Ran);
            }
        }
        let others = tried.len().saturating_sub(1);
        Err(ActionError::Rejected { findings: first, others, bought })
    }

    fn findings(&self, asset: AssetIndex) -> Vec<Finding> {
        let (chain, progress) = self.lock(asset);
        let facts = progress.facts.as_ref().expect("process comes before validate");
        validate::validate(&chain.spec.steps, &facts.checkpoints, &facts.files)
    }

    /// Whether another result may take the place of the present one.
    fn may_be_replaced(&self, asset: AssetIndex) -> bool {
        let chain = &self.slot(asset).chain;
        // The gain of a group is made from the first results of all its sounds.
        let has_group = GroupGain::of(&chain.spec.steps).is_some();
        // Who asks for another one picks anew.
        let is_picked = chain.is_picked && chain.reroll == 0;
        chain.spec.generate.is_paid() && !is_picked && !has_group
    }

    /// The next result that was not tried yet and whose bytes are there.
    fn untried(&self, asset: AssetIndex, tried: &[Digest]) -> Option<lock::Purchase> {
        let (chain, progress) = self.lock(asset);
        let mut all = match chain.reroll {
            0 => chain
                .known
                .iter()
                .chain(&chain.extras)
                .chain(&progress.purchases)
                .cloned()
                .collect(),
            // Who asked for another one does not want the old ones.
            _ => progress.rerolled.clone(),
        };
        drop(progress);
        in_order(&mut all);
        let is_new = |purchase: &lock::Purchase| !tried.contains(&purchase.raw);
        all.into_iter().find(|one| is_new(one) && (self.stores.raws)(&one.raw).is_some())
    }

    fn use_raw(&self, asset: AssetIndex, raw: Digest) {
        let mut progress = self.lock(asset).1;
        progress.raw = Some(raw);
        progress.material = None;
    }

    /// Buys one result beyond the variations that were asked for.
    pub(super) fn buy_extra(&self, asset: AssetIndex) -> Result<Done, ActionError> {
        let offers = &self.slot(asset).chain.offers;
        self.buy_from(asset, offers, |offer: &Offer| {
            let index = self.stores.acquirer.next_extra(&offer.key)?;
            self.buy_one(asset, index, true, offer)
        })
    }
}

impl Progress {
    /// Notes a result; the raw material is the newest one of a reroll, else what was chosen before,
    /// else the first in order.
    pub(super) fn note(&mut self, purchase: lock::Purchase, chosen: Option<Digest>, reroll: bool) {
        if reroll && purchase.extra {
            self.rerolled.push(purchase.clone());
            in_order(&mut self.rerolled);
        }
        self.purchases.push(purchase);
        in_order(&mut self.purchases);
        let newest = self.rerolled.last().map(|one| one.raw);
        let first = self.purchases.first().map(|one| one.raw);
        let raw = newest.or(chosen).or(first);
        if raw != self.raw {
            self.material = None;
        }
        self.raw = raw;
    }
}
