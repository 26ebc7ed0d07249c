//! Purchases beside a watch: they take their time, and what is free does not wait for them.
//!
//! Each is a build of its own, of the assets that were agreed to, on another thread: as if somebody
//! built them in another terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::base::ActionKey;
use crate::base::units::MicroUsd;
use crate::cli::args::WatchArgs;
use crate::cli::build::{self, buyer, workers};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::watch::failures::Heard;
use crate::cli::watch::orders::Wish;
use crate::event::Reporter;
use crate::execute::{Limits, StopSignal, with_causes};
use crate::pipeline::purchases::{Withheld, shopping};
use crate::pipeline::{self, BuildRequest, LastRun, LeftAlone, Selection, Session, money};
use crate::plan::ReasonCode;
use crate::report::Fanout;

/// How often an order looks at a project with mistakes, and how long it waits between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// What is to be bought.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) wishes: Vec<Wish>,
    /// Spec files with mistakes, which count as they were at the last run.
    pub(super) as_recorded: LeftAlone,
    /// At most so much, all together.
    pub(super) allowance: Option<MicroUsd>,
    /// What is set aside for a result of unknown price.
    pub(super) bound_micros: Option<i64>,
}

/// What became of an order.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// The requests, by asset.
    pub(super) wanted: BTreeMap<String, ActionKey>,
    /// Assets that were not made.
    pub(super) failed: BTreeSet<String>,
    /// Millionths of a dollar.
    pub(super) spent_micros: i64,
    /// Why nothing could be tried.
    pub(super) error: Option<String>,
}

impl Order {
    /// Buys it; takes as long as the providers take.
    pub(super) fn carry_out(
        self,
        context: &Context,
        args: &WatchArgs,
        session: &Session,
        reporter: Arc<Fanout>,
        stop: &StopSignal,
    ) -> Delivered {
        let wanted: BTreeMap<String, ActionKey> =
            self.wishes.iter().map(|wish| (wish.item.id.clone(), wish.wanted)).collect();
        let heard = Arc::<Heard>::default();
        let mut both = Fanout::default();
        both.push(reporter);
        both.push(heard.clone());
        let built = self.build(context, args, session, &wanted, &both, stop);
        let failed = heard.take();
        let (spent_micros, error) = match built {
            Ok(spent) => (spent, None),
            Err(error) => (0, Some(with_causes(&error))),
        };
        Delivered { wanted, failed, spent_micros, error }
    }

    fn build(
        &self,
        context: &Context,
        args: &WatchArgs,
        session: &Session,
        wanted: &BTreeMap<String, ActionKey>,
        reporter: &dyn Reporter,
        stop: &StopSignal,
    ) -> Result<i64, CliError> {
        let policy = build::policy(&args.policy);
        let today = context.today();
        let names = wanted.keys().cloned().collect();
        let selection = Selection { names, ..Selection::default() };
        let request = pipeline::Request {
            selection: &selection,
            policy,
            uses_cache: true,
            last_run: context.environment().map(|environment| LastRun {
                as_recorded: Some(&self.as_recorded),
                ..LastRun::compared(environment)
            }),
            wakes_selected: false,
            today: &today,
            clock: context.clock,
            on_change: None,
        };
        let mut tries = 0;
        let mut prepared = loop {
            let prepared = pipeline::prepare(session, &request)?;
            if prepared.has_errors() && tries < TRIES {
                // The watch may be about to write the record that tells the mistakes apart.
                tries += 1;
                thread::sleep(PAUSE);
                continue;
            }
            if prepared.has_errors() {
                let why = "not bought: there are mistakes in the specs by now";
                return Err(CliError::Usage(why.to_owned()));
            }
            if !pipeline::is_overtaken(session, &prepared)? {
                break prepared;
            }
        };
        // What was edited since is another request.
        let is_another = |item: &pipeline::purchases::Item| {
            wanted.get(&item.id) != Some(&item.asset.of(&prepared.keys).wanted.key)
        };
        let others = shopping(&prepared).into_iter().filter(is_another);
        let why =
            || (ReasonCode::NotApproved, "not bought: it is another request by now".to_owned());
        let withheld: Withheld = others.map(|item| (item.id, why())).collect();
        if !withheld.is_empty() {
            pipeline::withhold(session, &request, &mut prepared, &withheld)?;
        }
        let buyer = buyer(session);
        let request = BuildRequest {
            limits: Limits { workers: workers(&args.execution), fail_fast: false },
            policy,
            allowance: self.allowance,
            buyer: buyer.as_deref(),
            bound_micros: self.bound_micros,
            locked: args.policy.locked,
            is_trial: false,
            steps: &[],
            now: context.seconds(),
            today: &today,
            clock: context.clock,
            // The lock is another one afterwards: without a record that speaks of it, the watch could not
            // tell what has a mistake from what has none.
            environment: context.environment(),
            ahead: None,
        };
        let config = prepared.loaded.config.clone();
        let built = pipeline::build(session, prepared, &request, reporter, stop)?;
        match &built.run {
            Some(run) => Ok(money::spent_usd(session, &config, run)?),
            None => Ok(0),
        }
    }
}
