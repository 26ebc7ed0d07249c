//! What a build would buy: who is asked, what is there already, and what the money allows.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ActionKey;
use crate::base::units::MicroUsd;
use crate::catalog::{self, Overrides, PriceUnit, Sent};
use crate::config::Config;
use crate::execute::buying::Offer;
use crate::execute::market::secret_names;
use crate::generate::provider::{AccountError, Credentials, Runners};
use crate::graph::key::sent_key;
use crate::graph::{AssetIndex, InputDigests};
use crate::lock::{self, LockFile};
use crate::pipeline::prepare::Prepared;
use crate::pipeline::session::Session;
use crate::plan::{ReasonCode, Work};
use crate::purchase::{
    Admission, Books, Cap, Journal, JournalError, PurchaseId, Reservation, counted_at, keys_of,
};
use crate::spec::op::GenerateOp;
use crate::spec::{AssetSpec, sent_to_fallback};

/// Assets that are not bought for in this build, by id: the reason and its words.
pub type Withheld = BTreeMap<String, (ReasonCode, String)>;

/// What one asset asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The asset.
    pub asset: AssetIndex,
    /// Its id.
    pub id: String,
    /// Family that is asked.
    pub provider: String,
    /// Model that is asked.
    pub model: String,
    /// Results to buy.
    pub count: usize,
    /// The most that all of them cost, in millionths; none if nobody knows.
    pub high_micros: Option<i64>,
    /// What is counted.
    pub unit: PriceUnit,
}

/// Everything that the selected assets would buy, in the order in which they are admitted.
pub fn shopping(prepared: &Prepared) -> Vec<Item> {
    let is_bought = |&asset: &AssetIndex| {
        matches!(asset.of(&prepared.plans).work, Work::Chain | Work::Variations | Work::Later)
    };
    let selected = prepared.selected.iter().copied().filter(is_bought);
    selected.filter_map(|asset| item(prepared, asset)).collect()
}

fn item(prepared: &Prepared, asset: AssetIndex) -> Option<Item> {
    let plan = asset.of(&prepared.plans);
    let count = plan.buys();
    let quote = plan.quote.as_ref().filter(|_| count > 0)?;
    let unit = match quote.cost.unit.as_str() {
        "credits" => PriceUnit::Credits,
        _ => PriceUnit::Usd,
    };
    Some(Item {
        asset,
        id: asset.of(&prepared.loaded.assets).id.clone(),
        provider: quote.provider.clone(),
        model: quote.model.clone(),
        count,
        high_micros: quote.total(count).high_micros,
        unit,
    })
}

/// Which of the items fit into the caps, as far as it is known now.
#[derive(Debug, Default)]
pub struct Fit {
    /// Ids of items that do not, and why.
    pub refused: BTreeMap<String, String>,
    /// A purchase that is dated on a later day than today, and that day: what is bought counts for the
    /// caps of that day and month.
    pub ahead: Option<(PurchaseId, String)>,
}

/// Compares items with the caps and with what is on record.
///
/// `all_or_none`: one item that does not fit refuses all of them. `now`: RFC 3339 in UTC.
/// `bound_micros`: what is set aside for a result of unknown price.
///
/// # Errors
/// `JournalError` if the journal cannot be read.
pub fn fit(
    session: &Session,
    config: &Config,
    items: &[Item],
    allowance: Option<MicroUsd>,
    bound_micros: Option<i64>,
    all_or_none: bool,
    now: &str,
) -> Result<Fit, JournalError> {
    const RUN: &str = "this run";
    let journal = Journal::new(&config.paid_dir.under(session.root()));
    let purchases = journal.read_all()?.purchases;
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    let latest = purchases.iter().max_by_key(|purchase| &purchase.reserved_at);
    let ahead = latest
        .filter(|latest| day(&latest.reserved_at) > day(now))
        .map(|latest| (latest.id.clone(), day(&latest.reserved_at)));
    let (books, now) = (Books::of(&purchases), counted_at(now, &purchases));
    let caps = Cap::of(&config.budget, allowance, RUN, now);
    let id: PurchaseId = "0000000000000000".parse().expect("16 digits");
    let reservation = |item: &Item| Reservation {
        purchase: id.clone(),
        // What has no known price is bounded in dollars.
        keys: keys_of(
            RUN,
            &item.provider,
            item.high_micros.map_or(PriceUnit::Usd, |_| item.unit),
            now,
        ),
        amount_micros: match item.high_micros {
            Some(high) => high,
            None => bound_micros.unwrap_or(0).saturating_mul(item.count as i64),
        },
    };
    let mut fit = Fit { ahead, ..Fit::default() };
    let mut taken: Vec<Reservation> = Vec::new();
    for item in items {
        if item.high_micros.is_none() && bound_micros.unwrap_or(0) == 0 {
            let why = format!(
                "nothing of what is allowed is left for {}, whose price nobody publishes",
                item.model
            );
            fit.refused.insert(item.id.clone(), why);
            continue;
        }
        taken.push(reservation(item));
        if let Admission::Refused { cap, needed, remaining } = books.admit(&caps, &taken) {
            let all: i64 = match all_or_none {
                true => items.iter().map(|item| reservation(item).amount_micros).sum(),
                false => needed,
            };
            fit.refused.insert(item.id.clone(), cap.refusal(all, remaining));
            taken.pop();
        }
    }
    if all_or_none && let Some(why) = fit.refused.values().next().cloned() {
        fit.refused = items.iter().map(|item| (item.id.clone(), why.clone())).collect();
    }
    Ok(fit)
}

/// Variables with keys: the environment's, and those of the project's `env_file` if it is there.
pub fn credentials(session: &Session, config: &Config) -> Result<Credentials, AccountError> {
    let own = Credentials::new(session.programs().texts());
    let Some(path) = &config.env_file else { return Ok(own) };
    // A fresh clone has none; then the environment has to do.
    match session.files().read(path) {
        Ok((bytes, _)) => own.with_file(&String::from_utf8_lossy(&bytes)),
        Err(_) => Ok(own),
    }
}

/// The programs of this machine that a run may ask for sounds; none is started by this.
pub fn runners(session: &Session, config: &Config, run: &str) -> Runners {
    let (programs, folder) = (session.programs().clone(), session.cache().programs());
    Runners::new(programs, session.root(), folder, run, secret_names(config))
}

/// Who may be asked for an asset, the provider of its spec first.
pub(super) fn offers(
    spec: &AssetSpec,
    config: &Config,
    today: &str,
    digests: &dyn InputDigests,
    bound_micros: Option<i64>,
) -> Vec<Offer> {
    let GenerateOp::Request(request) = &spec.generate else { return Vec::new() };
    let Ok(order) = catalog::order(&request.wanted(), &config.retired_models, today) else {
        return Vec::new();
    };
    let instead = request.fallback.iter().filter(|fallback| fallback.provider != "manual");
    let instead =
        instead.filter_map(|fallback| sent_to_fallback(request, fallback, config, today).ok());
    [order.sent]
        .into_iter()
        .chain(instead)
        .map(|sent| {
            let overrides = overrides(config, &sent);
            Offer {
                key: sent_key(&sent, spec, digests),
                price: catalog::price(&sent, &overrides),
                bound_micros,
                overrides,
                sent,
            }
        })
        .collect()
}

/// What the project says about prices, for a request.
pub(super) fn overrides(config: &Config, sent: &Sent) -> Overrides {
    Overrides {
        per_request: config.provider_setting(&sent.provider, &sent.family, |settings| {
            settings.prices.get(&sent.model).copied()
        }),
        usd_per_1000_credits: config.provider_setting(&sent.provider, &sent.family, |settings| {
            settings.usd_per_1000_credits
        }),
    }
}

/// What the lock knows to be bought for a request, for whichever asset.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// One for each variation.
    pub(super) variations: Vec<lock::Purchase>,
    /// What was bought beyond them.
    pub(super) extras: Vec<lock::Purchase>,
}

impl Known {
    /// `own`: id of the block that the asset goes on from.
    pub(super) fn of(lock: &LockFile, own: &str, wanted: &ActionKey) -> Self {
        let mut variations: BTreeMap<u32, lock::Purchase> = BTreeMap::new();
        let mut extras: BTreeMap<String, lock::Purchase> = BTreeMap::new();
        let others = lock.find_by_wanted(wanted);
        for id in [own].into_iter().chain(others.iter().map(|id| &**id)) {
            let Some(Ok(block)) = lock.get(id) else { continue };
            for purchase in block.purchases.into_iter().filter(|one| one.wanted == *wanted) {
                match purchase.extra {
                    false => drop(variations.entry(purchase.index).or_insert(purchase)),
                    true => drop(extras.insert(purchase.id.clone(), purchase)),
                }
            }
        }
        let (variations, extras) = (variations.into_values(), extras.into_values());
        Self { variations: variations.collect(), extras: extras.collect() }
    }
}

/// Assets that a request of these refers to: their material is sent along.
pub(super) fn referenced(
    specs: &[AssetSpec],
    chained: &BTreeSet<AssetIndex>,
) -> BTreeSet<AssetIndex> {
    let ids: BTreeSet<&str> = chained
        .iter()
        .flat_map(|asset| crate::graph::lower::referenced(&asset.of(specs).generate))
        .map(|(id, _)| id)
        .collect();
    let indexed = (0..).map(AssetIndex).zip(specs);
    indexed.filter(|(_, spec)| ids.contains(&*spec.id)).map(|(index, _)| index).collect()
}
