//! Buys the raw material of a chain: opens its slots, asks the provider, and whoever takes over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::{ActionKey, Encoding, RelPath};
use crate::catalog::{self, Overrides, PriceRange, PriceUnit, Sent};
use crate::event::Event;
use crate::execute::acquire::{AcquireError, Acquired, Delivery, Order, Slot, Ticket, Undelivered};
use crate::execute::chain::{ActionError, ChainExecutor, Done};
use crate::execute::fallback::Setback;
use crate::execute::stop::StopSignal;
use crate::execute::variations::seed_number;
use crate::execute::with_causes;
use crate::generate::GenerateError;
use crate::generate::provider::{
    Account, Attached, Call, Delivered, Failure, Picture, Progress, Provider,
};
use crate::graph::AssetIndex;
use crate::process::{self, Job};
use crate::purchase::state::Answer;
use crate::purchase::{Basis, Change, Journal, Purchase, PurchaseId, overrun};
use crate::spec::op::{GenerateOp, OutputFile, Request, Source};

/// One way to get the raw material: a request as one provider gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The resolved request.
    pub sent: Sent,
    /// Its key.
    pub key: ActionKey,
    /// What one variation costs.
    pub price: PriceRange,
    /// What is set aside for one variation if nobody knows its price: the user's own bound.
    pub bound_micros: Option<i64>,
    /// What turns a provider's report into money.
    pub overrides: Overrides,
}

impl Offer {
    /// The most credits that one variation takes; 0 where nothing is counted in them.
    fn credits(&self) -> i64 {
        const MICROS: i64 = 1_000_000;
        let price = catalog::price(&self.sent, &Overrides::default());
        let high = price.high.filter(|_| price.unit == PriceUnit::Credits);
        high.map_or(0, |micros| micros.saturating_add(MICROS - 1) / MICROS)
    }
}

/// What kind of trouble kept an asset from being made, for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nobody knows whether a purchase was billed.
    Unknown,
    /// A budget is in the way, or bytes that were paid for are missing.
    Refused,
    /// A provider is down, out of credit, or does not take the key.
    Unavailable,
    /// Anything else.
    Failed,
}

impl Trouble {
    /// The kind of an error.
    pub(super) fn of(error: &ActionError) -> Self {
        match error {
            ActionError::Acquire(AcquireError::Unknown { .. }) => Self::Unknown,
            ActionError::Acquire(AcquireError::Refused(_) | AcquireError::RawMissing { .. })
            | ActionError::RawMissing(_) => Self::Refused,
            ActionError::Acquire(AcquireError::Generate(GenerateError::Provider(
                Failure::Down { .. } | Failure::Unauthorized { .. } | Failure::NoMoney { .. },
            ))) => Self::Unavailable,
            ActionError::Acquire(AcquireError::Running { .. }) => Self::Unavailable,
            ActionError::NotAsked { trouble, .. } => *trouble,
            _ => Self::Failed,
        }
    }
}

/// The slots of an asset's variations, once they are opened.
pub(super) type Slots = Mutex<Option<Result<BTreeMap<u32, Slot>, (String, Trouble)>>>;

impl ChainExecutor<'_> {
    /// Takes a variation that is there, or buys it.
    pub(super) fn buy(&self, asset: AssetIndex, variation: u32) -> Result<Done, ActionError> {
        let slot = self.slot(asset);
        let chain = &slot.chain;
        if variation >= chain.spec.selection.variations {
            return self.buy_extra(asset);
        }
        if let Some(known) = chain.known.iter().find(|known| known.index == variation) {
            self.note(asset, known.clone());
            return Ok(Done::Cached);
        }
        if chain.known.is_empty() && chain.acquired.is_some() {
            // A result that a person keeps stands for all variations.
            self.lock(asset).1.raw = chain.acquired;
            return Ok(Done::Cached);
        }
        // Whoever made it: the plan counts it as bought.
        if let Some(found) = self.stores.acquirer.find_wanted(&chain.wanted, variation)? {
            return self.take(asset, found);
        }
        let first = chain.offers.first().map(|offer| offer.key);
        self.buy_from(asset, &chain.offers, |offer| match first == Some(offer.key) {
            true => self.buy_first(asset, variation, offer),
            false => self.buy_one(asset, variation, false, offer),
        })
    }

    /// Buys from the first of `offers` that is not down.
    pub(super) fn buy_from(
        &self,
        asset: AssetIndex,
        offers: &[Offer],
        buy: impl Fn(&Offer) -> Result<Done, ActionError>,
    ) -> Result<Done, ActionError> {
        let spec = &self.slot(asset).chain.spec;
        let also = match &spec.generate {
            GenerateOp::Request(request) => &request.fallback_on[..],
            _ => &[],
        };
        for (place, offer) in offers.iter().enumerate() {
            let is_allowed = || match place {
                0 => Ok(()),
                _ => is_affordable(offer),
            };
            let bought = self
                .is_open(offer)
                .and_then(|()| is_allowed())
                .and_then(|()| self.account(offer).map(drop))
                .and_then(|()| buy(offer));
            let error = match bought {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let next = offers.get(place + 1);
            let Some(next) = next.filter(|_| Setback::of(&error).lets_follow(also)) else {
                return Err(error);
            };
            if self.stores.market.closed(&offer.sent.family).is_some() {
                self.release(asset);
            }
            let (asset, why) = (spec.id.clone(), with_causes(&error));
            let (from, to) = (offer.sent.family.clone(), next.sent.family.clone());
            self.stores.reporter.report(&Event::Fallback { asset, from, to, why });
        }
        Err(ActionError::not_asked("nobody can be asked for it", Trouble::Unavailable))
    }

    /// Buys from the provider that the spec names; the money for all variations is set aside at once.
    fn buy_first(
        &self,
        asset: AssetIndex,
        variation: u32,
        offer: &Offer,
    ) -> Result<Done, ActionError> {
        match self.take_slot(asset, variation, offer)? {
            Slot::Found(acquired) => self.take(asset, *acquired),
            Slot::Open(ticket) => {
                let acquired = self.ask(asset, *ticket, offer)?;
                self.take(asset, acquired)
            }
        }
    }

    /// Buys one result on its own.
    pub(super) fn buy_one(
        &self,
        asset: AssetIndex,
        index: u32,
        extra: bool,
        offer: &Offer,
    ) -> Result<Done, ActionError> {
        self.may_buy(asset)?;
        let order = Order { extra, ..self.order(asset, index, offer) };
        let slot = self.stores.acquirer.open(&[order])?.pop();
        match slot.expect("a slot for each order") {
            Slot::Found(acquired) => self.take(asset, *acquired),
            Slot::Open(ticket) => {
                let acquired = self.ask(asset, *ticket, offer)?;
                self.take(asset, acquired)
            }
        }
    }

    /// Nothing is bought that the plan did not count: nobody was asked for it.
    fn may_buy(&self, asset: AssetIndex) -> Result<(), ActionError> {
        match self.slot(asset).chain.may_buy {
            true => Ok(()),
            false => Err(ActionError::not_asked(
                "not bought: what the plan took for bought is not there any more; look at --plan",
                Trouble::Refused,
            )),
        }
    }

    /// Gives back what is set aside for variations at a provider that is not asked any more, so that
    /// it does not stand in the way of whoever takes over.
    fn release(&self, asset: AssetIndex) {
        let mut slots = self.slot(asset).purchases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(slots)) = slots.as_mut() {
            slots.retain(|_, slot| matches!(slot, Slot::Found(_)));
        }
    }

    fn is_open(&self, offer: &Offer) -> Result<(), ActionError> {
        let market = self.stores.market;
        if let Some(why) = market.ended() {
            let why = format!("not bought: {why}");
            return Err(ActionError::not_asked(why, Trouble::Refused));
        }
        match market.closed(&offer.sent.family) {
            Some((why, setback)) => {
                Err(ActionError::NotAsked { why, trouble: Trouble::Unavailable, setback })
            }
            None => Ok(()),
        }
    }

    /// The slot of a variation; the first to come opens those of all variations.
    fn take_slot(
        &self,
        asset: AssetIndex,
        variation: u32,
        offer: &Offer,
    ) -> Result<Slot, ActionError> {
        let chain = &self.slot(asset).chain;
        let acquirer = self.stores.acquirer;
        if let Err(refused) = self.may_buy(asset)
            && !acquirer.has_job(&offer.key, variation)?
        {
            return Err(refused);
        }
        let mut slots = self.slot(asset).purchases.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.is_none() {
            let is_known = |index: &u32| chain.known.iter().any(|known| known.index == *index);
            let mut missing: Vec<u32> =
                (0..chain.spec.selection.variations).filter(|index| !is_known(index)).collect();
            if !chain.may_buy {
                // Only what an earlier run began.
                missing.retain(|&index| acquirer.has_job(&offer.key, index).unwrap_or(false));
            }
            let orders: Vec<Order> =
                missing.iter().map(|&index| self.order(asset, index, offer)).collect();
            match self.stores.acquirer.open(&orders) {
                Ok(opened) => *slots = Some(Ok(missing.into_iter().zip(opened).collect())),
                Err(error) => {
                    let error = ActionError::from(error);
                    *slots = Some(Err((with_causes(&error), Trouble::of(&error))));
                    return Err(error);
                }
            }
        }
        match slots.as_mut().expect("it was opened") {
            Ok(slots) => slots.remove(&variation).ok_or_else(|| {
                let why = "its provider was closed before it was asked";
                ActionError::not_asked(why, Trouble::Unavailable)
            }),
            Err((why, trouble)) => Err(ActionError::not_asked(why.clone(), *trouble)),
        }
    }

    fn order(&self, asset: AssetIndex, index: u32, offer: &Offer) -> Order {
        let chain = &self.slot(asset).chain;
        Order {
            asset: chain.spec.id.clone(),
            wanted: chain.wanted,
            sent: offer.key,
            index,
            extra: false,
            provider: offer.sent.family.clone(),
            model: offer.sent.model.clone(),
            // What has no known price is bounded in dollars.
            unit: match offer.price.high {
                Some(_) => offer.price.unit,
                None => PriceUnit::Usd,
            },
            estimated_micros: offer.price.high.or(offer.bound_micros),
            basis: match offer.price.high {
                Some(_) => Basis::Estimated,
                None => Basis::Unknown,
            },
        }
    }

    /// Sends the request, or goes on with the job that an earlier run began.
    fn ask(
        &self,
        asset: AssetIndex,
        ticket: Ticket,
        offer: &Offer,
    ) -> Result<Acquired, ActionError> {
        let chain = &self.slot(asset).chain;
        let GenerateOp::Request(request) = &chain.spec.generate else {
            unreachable!("only requests are bought")
        };
        // Before the request is on record as sent: nothing here can cost anything.
        let attached = self.attached(request, offer)?;
        let market = self.stores.market;
        let http = market.http();
        let http = http.map_err(|why| ActionError::not_asked(why, Trouble::Unavailable))?;
        let (provider, account) = self.account(offer)?;
        let acquirer = self.stores.acquirer;
        let notes = Notes {
            journal: &acquirer.journal,
            id: ticket.purchase.id.clone(),
            stop: acquirer.stop,
        };
        if ticket.purchase.job_id.is_none() {
            let call = Call {
                sent: &offer.sent,
                seed: None,
                attached: &attached,
                idempotency_key: "",
                account: &account,
                runners: market.runners(),
                progress: &notes,
            };
            let left = || provider.credits_left(&call, http);
            let unavailable = |failure: Failure| ActionError::NotAsked {
                why: format!("the account's credits are not known: {failure}"),
                trouble: Trouble::Unavailable,
                setback: Setback::of_failure(&failure),
            };
            let taken = market.take_credits(&offer.sent, offer.credits(), left);
            taken.map_err(unavailable)?.map_err(|why| ActionError::NotAsked {
                why,
                trouble: Trouble::Refused,
                setback: Setback::Outage,
            })?;
        }
        let acquired = acquirer.fulfil(ticket, |purchase| {
            let call = Call {
                sent: &offer.sent,
                seed: offer.sent.seed(seed_number(purchase.index, purchase.extra)),
                attached: &attached,
                idempotency_key: purchase.id.as_str(),
                account: &account,
                runners: market.runners(),
                progress: &notes,
            };
            let result = match &purchase.job_id {
                Some(job) => provider.resume(job, &call, http),
                None => provider.generate(&call, http),
            };
            match result {
                Ok(delivered) => Ok(delivery(delivered, offer, purchase)),
                Err(failure) => Err(self.undelivered(failure, offer, purchase)),
            }
        })?;
        if let Some(over) = overrun(&acquired.receipt) {
            let why = format!(
                "purchase {} cost {over} micro-{} more than was set aside",
                acquired.receipt.id,
                acquired.receipt.unit.as_str()
            );
            (self.stores.warn)(&chain.spec.id, format!("{why}; nothing more is bought"));
            market.end(why);
        }
        Ok(acquired)
    }

    /// Whoever is asked, with the account. Without a key that is told before money is set aside.
    fn account(&self, offer: &Offer) -> Result<(&'static dyn Provider, Account), ActionError> {
        self.stores.market.find(&offer.sent).map_err(|error| ActionError::NotAsked {
            why: error.to_string(),
            trouble: Trouble::Unavailable,
            setback: Setback::Key,
        })
    }

    fn undelivered(&self, failure: Failure, offer: &Offer, purchase: &Purchase) -> Undelivered {
        if failure.stops_provider() {
            let setback = Setback::of_failure(&failure);
            self.stores.market.close(&offer.sent.family, failure.to_string(), setback);
        }
        match failure {
            Failure::Running { words } => Undelivered::Running { words },
            Failure::Uncertain { words, kept } => {
                let error = Failure::Uncertain { words, kept: Vec::new() };
                Undelivered::Uncertain { error: error.into(), kept }
            }
            Failure::Refused { may_be_billed: true, .. } => {
                let cost_micros = purchase.most_micros();
                Undelivered::Failed { error: failure.into(), cost_micros }
            }
            other => Undelivered::Failed { error: other.into(), cost_micros: Some(0) },
        }
    }

    /// Notes what was acquired for the lock and tells it.
    fn take(&self, asset: AssetIndex, acquired: Acquired) -> Result<Done, ActionError> {
        let id = &self.slot(asset).chain.spec.id;
        for warning in acquired.warnings {
            (self.stores.warn)(id, warning);
        }
        self.note(asset, acquired.purchase);
        if acquired.delivery.is_none() {
            return Ok(Done::Cached);
        }
        let receipt = acquired.receipt;
        self.stores.reporter.report(&Event::Bought {
            asset: id.clone(),
            purchase: receipt.id.to_string(),
            provider: receipt.provider,
            model: receipt.model_used.unwrap_or(receipt.model),
            cost_micros: receipt.cost_micros,
            unit: receipt.unit,
            is_reported: receipt.basis == Basis::Reported,
        });
        Ok(Done::Ran)
    }

    /// Notes a purchase of the chain.
    fn note(&self, asset: AssetIndex, purchase: crate::lock::Purchase) {
        let (chain, mut progress) = self.lock(asset);
        progress.note(purchase, chain.acquired, chain.reroll > 0);
    }

    fn attached(&self, request: &Request, offer: &Offer) -> Result<Attached, ActionError> {
        let picture = |source: &Source| self.picture(source);
        let named = offer
            .sent
            .parameters
            .iter()
            .filter_map(|(name, value)| Some((name, request.files.get(&value.canonical())?)));
        let read = |(name, path): (&String, &RelPath)| Ok((name.clone(), self.read(path)?));
        let files = named.map(read).collect::<Result<_, ActionError>>()?;
        Ok(Attached {
            references: request.references.iter().map(picture).collect::<Result<_, _>>()?,
            edited: request.edit.as_ref().map(|edit| picture(&edit.image)).transpose()?,
            mask: request
                .edit
                .as_ref()
                .and_then(|edit| edit.mask.as_ref())
                .map(picture)
                .transpose()?,
            files,
        })
    }

    fn read(&self, path: &RelPath) -> Result<Arc<[u8]>, ActionError> {
        let read = self.stores.inputs.read(path);
        read.map_err(|source| ActionError::Source { path: path.clone(), source })
    }

    /// The bytes of a picture that goes with a request.
    fn picture(&self, source: &Source) -> Result<Picture, ActionError> {
        let bytes = match source {
            Source::File(path) => self.read(path)?,
            Source::Asset { id, processed: true } => {
                let asset = self.find(id)?;
                let (chain, progress) = self.lock(asset);
                let made = progress.files.first().copied();
                match made {
                    Some(digest) => match self.stores.cas.get(&digest)? {
                        Some(bytes) => Arc::from(bytes),
                        None => return Err(ActionError::RawMissing(digest)),
                    },
                    None => self.read(&chain.spec.publish.path)?,
                }
            }
            Source::Asset { id, processed: false } => self.raw_of(self.find(id)?)?,
        };
        let encoding = Encoding::sniff(&bytes).unwrap_or(Encoding::Png);
        Ok(Picture { bytes, encoding })
    }

    /// The raw material of another asset as the bytes of a picture.
    fn raw_of(&self, asset: AssetIndex) -> Result<Arc<[u8]>, ActionError> {
        let (chain, progress) = self.lock(asset);
        let known = progress.raw.or(chain.acquired);
        drop(progress);
        let raw = match known {
            Some(digest) => self.remake(chain, &digest)?,
            None => {
                let (op, media) = (&chain.spec.generate, chain.spec.media);
                crate::generate::generate(op, media, self.stores.inputs)?
            }
        };
        if let crate::base::Raw::File(bytes, _) = raw {
            return Ok(bytes);
        }
        let path = RelPath::new("reference.png").expect("a plain path");
        let files = [OutputFile { path, encoding: Encoding::Png, variant: None }];
        let (sources, gains) = (BTreeMap::new(), BTreeMap::new());
        let job = Job {
            raw: &raw,
            requested: None,
            steps: &[],
            files: &files,
            sources: &sources,
            gains: &gains,
        };
        let processed = process::process(&job)?;
        let file = processed.files.into_iter().next().expect("one file was asked for");
        Ok(Arc::from(file.bytes))
    }

    fn find(&self, id: &str) -> Result<AssetIndex, ActionError> {
        self.index_of(id).ok_or_else(|| {
            ActionError::not_asked(
                format!("it refers to `{id}`, which is not built"),
                Trouble::Failed,
            )
        })
    }
}

fn delivery(delivered: Delivered, offer: &Offer, purchase: &Purchase) -> Delivery {
    let Delivered { bytes, encoding, model_used, request_id, seed, revised_prompt, usage } =
        delivered;
    let cost = usage.and_then(|usage| catalog::cost(&offer.sent, usage, &offer.overrides));
    let cost_micros = cost.filter(|(_, unit)| *unit == purchase.unit).map(|(micros, _)| micros);
    Delivery {
        bytes: Arc::from(bytes),
        extension: encoding.extension(),
        answer: Answer { model_used, request_id, seed, revised_prompt, cost_micros },
    }
}

/// Whether the user's word covers a provider that takes over. What was agreed to has the price of
/// the plan, or a bound in dollars.
fn is_affordable(offer: &Offer) -> Result<(), ActionError> {
    let model = &offer.sent.model;
    match (offer.price.high, offer.price.unit) {
        (Some(0), _) | (Some(_), PriceUnit::Usd) => Ok(()),
        (Some(_), PriceUnit::Credits) => Err(ActionError::not_asked(
            format!("not bought from {model}: dollars do not bound credits"),
            Trouble::Refused,
        )),
        (None, _) if offer.bound_micros.is_some() => Ok(()),
        (None, _) => Err(ActionError::not_asked(
            format!("not bought: nobody publishes a price of {model}; allow it with --spend USD"),
            Trouble::Refused,
        )),
    }
}

/// Notes of one purchase in the journal.
struct Notes<'a> {
    journal: &'a Journal,
    id: PurchaseId,
    stop: &'a StopSignal,
}

impl Progress for Notes<'_> {
    fn identify(&self, request_id: Option<&str>, job_id: Option<&str>) -> Result<(), String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let change = Change::Identify { request_id: owned(request_id), job_id: owned(job_id) };
        let changed = self.journal.change(&self.id, &change);
        changed.map(drop).map_err(|error| with_causes(&error))
    }

    fn pause(&self, duration: Duration) -> bool {
        !self.stop.wait(duration)
    }
}
