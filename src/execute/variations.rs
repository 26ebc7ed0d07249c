//! Which of several results is used: what replaces a rejected one, and results beyond those that
//! were asked for. The rules: docs/design/selection.md.

use crate::base::Digest;
use crate::execute::buying::Offer;
use crate::execute::chain::{ActionError, ChainExecutor, Done, Progress};
use crate::execute::group::Share;
use crate::execute::with_causes;
use crate::graph::AssetIndex;
use crate::lock;
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

/// Results of an asset that were tried in one run.
#[derive(Debug, Default)]
pub(super) struct Trial {
    tried: Vec<Digest>,
    /// Results that were bought because all others were rejected.
    redrawn: u32,
    /// Why the first one was rejected.
    first: Option<String>,
    /// What took its place.
    instead: Option<String>,
}

impl ChainExecutor<'_> {
    /// Processes a chain's result. One with nothing in it makes room for another one, as in `validate`.
    pub(super) fn process_one(&self, asset: AssetIndex) -> Result<Done, ActionError> {
        self.settle_group(asset);
        if self.has_verdict(asset) {
            return Ok(Done::Ran);
        }
        loop {
            let error = match self.process(asset) {
                Err(ActionError::Process(error)) if error.is_about_empty_material() => error,
                processed => return processed,
            };
            if !self.slot(asset).chain.spec.generate.is_paid() {
                return Err(error.into());
            }
            if !self.replace(asset, &with_causes(&error))? {
                return Err(self.rejection(asset));
            }
        }
    }

    /// Checks the result of a chain. What is rejected makes room for another result that is paid for,
    /// then for as many new ones as the spec allows; what was picked by a person is not replaced.
    pub(super) fn validate(&self, asset: AssetIndex) -> Result<Done, ActionError> {
        if let Some(verdict) = self.take_verdict(asset) {
            return Err(verdict);
        }
        loop {
            let Some(why) = self.objection(asset) else {
                self.tell_replaced(asset);
                return Ok(Done::Ran);
            };
            if !self.replace(asset, &why)? {
                return Err(self.rejection(asset));
            }
            self.process_one(asset)?;
        }
    }

    /// Why checks reject what was processed.
    pub(super) fn objection(&self, asset: AssetIndex) -> Option<String> {
        let findings = self.findings(asset);
        (!findings.is_empty()).then(|| validate::list(&findings))
    }

    /// Puts the next result in the place of the present one, for this reason; false if there is none.
    pub(super) fn replace(&self, asset: AssetIndex, why: &str) -> Result<bool, ActionError> {
        let mut progress = self.lock(asset).1;
        let present = progress.raw;
        progress.trial.first.get_or_insert_with(|| why.to_owned());
        progress.trial.tried.extend(present);
        drop(progress);
        if !self.may_be_replaced(asset) {
            return Ok(false);
        }
        loop {
            if let Some(next) = self.untried(asset) {
                self.lock(asset).1.trial.instead = Some(next.id);
                self.use_raw(asset, Some(next.raw));
                return Ok(true);
            }
            let mut progress = self.lock(asset).1;
            if progress.trial.redrawn >= self.slot(asset).chain.redraw {
                return Ok(false);
            }
            progress.trial.redrawn += 1;
            drop(progress);
            // The provider may give what it gave before.
            self.buy_extra(asset)?;
        }
    }

    /// Whether another result is paid for, or may be bought.
    pub(super) fn has_more(&self, asset: AssetIndex) -> bool {
        let (chain, progress) = self.lock(asset);
        let may_buy = progress.trial.redrawn < chain.redraw;
        drop(progress);
        self.may_be_replaced(asset) && (may_buy || self.untried(asset).is_some())
    }

    /// The error that says why all results were rejected.
    pub(super) fn rejection(&self, asset: AssetIndex) -> ActionError {
        let (chain, progress) = self.lock(asset);
        let Trial { tried, first, .. } = &progress.trial;
        let why = first.clone().unwrap_or_default();
        let bought = chain.spec.generate.is_paid().then(|| chain.spec.id.clone());
        ActionError::Rejected { why, others: tried.len().saturating_sub(1), bought }
    }

    /// Says so if the result is another one than at first.
    pub(super) fn tell_replaced(&self, asset: AssetIndex) {
        let (chain, mut progress) = self.lock(asset);
        let Trial { first, instead, .. } = &mut progress.trial;
        if let (Some(why), Some(id)) = (first.as_ref(), instead.take()) {
            let message = format!("took purchase {id} instead of another one: {why}");
            (self.stores.warn)(&chain.spec.id, message);
        }
    }

    fn findings(&self, asset: AssetIndex) -> Vec<Finding> {
        let (chain, progress) = self.lock(asset);
        let facts = progress.facts.as_ref().expect("process comes before validate");
        validate::validate(&chain.spec.steps, &facts.checkpoints, &facts.files)
    }

    /// Whether another result may take the place of the present one.
    pub(super) fn may_be_replaced(&self, asset: AssetIndex) -> bool {
        let chain = &self.slot(asset).chain;
        // Who asks for another one picks anew.
        let is_picked = chain.is_picked && chain.reroll == 0;
        chain.spec.generate.is_paid() && !is_picked
    }

    /// The next result that was not tried yet and whose bytes are there.
    fn untried(&self, asset: AssetIndex) -> Option<lock::Purchase> {
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
        in_order(&mut all);
        all.retain(|purchase| !progress.trial.tried.contains(&purchase.raw));
        drop(progress);
        all.into_iter().find(|one| (self.stores.raws)(&one.raw).is_some())
    }

    pub(super) fn use_raw(&self, asset: AssetIndex, raw: Option<Digest>) {
        let mut progress = self.lock(asset).1;
        drop(self.take_material(&mut progress));
        progress.raw = raw;
        progress.facts = None;
        drop(progress);
        *self.share(asset) = Share::Unmeasured;
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
