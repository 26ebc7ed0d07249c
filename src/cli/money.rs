//! The commands about money: ledger, status, recover, and the simulator to try them on.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::base::units::MicroUsd;
use crate::cli::args::{LedgerArgs, LedgerBy, RecoverArgs, SimulatorArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::config::Config;
use crate::execute::with_causes;
use crate::pipeline::load::Loaded;
use crate::pipeline::money::{self, FoundError, GivenUp, MoneyError};
use crate::pipeline::{self, Prepared, Session};
use crate::plan::{Policy, endings};
use crate::purchase::{Purchase, Resolution};
use crate::report::ledger::{self as render, Grouping};
use crate::report::money_status::{Outlook, Status};
use crate::report::{Format, amount};
use crate::simulator::{self, Entry, FaultKind, Listener, Options};

/// The project as it is, with receipts that only the second home had.
fn prepared(context: &Context, session: &Session) -> Result<Prepared, CliError> {
    let today = context.today();
    let request = pipeline::Request {
        selection: &pipeline::Selection::default(),
        policy: Policy::default(),
        uses_cache: false,
        last_run: None,
        wakes_selected: false,
        today: &today,
        clock: context.clock,
        on_change: None,
    };
    let prepared = pipeline::prepare(session, &request)?;
    money::restore(session, &prepared.loaded.config, &prepared.lock).map_err(MoneyError::from)?;
    Ok(prepared)
}

/// Lists what was bought.
pub(super) fn ledger(context: &Context, args: &LedgerArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let prepared = prepared(context, &session)?;
    let config = &prepared.loaded.config;
    let listing = money::listing(&session, config)?;
    for problem in &listing.problems {
        context.talk(&format!("warning: {}", with_causes(&problem.error)));
    }
    let since = args.since.as_deref().unwrap_or("");
    let purchases: Vec<&Purchase> =
        listing.purchases.iter().filter(|purchase| *purchase.reserved_at >= *since).collect();
    let by = args.by.map(|by| match by {
        LedgerBy::Month => Grouping::Month,
        LedgerBy::Day => Grouping::Day,
        LedgerBy::Provider => Grouping::Provider,
        LedgerBy::Model => Grouping::Model,
        LedgerBy::Asset => Grouping::Asset,
        LedgerBy::Who => Grouping::Who,
        LedgerBy::State => Grouping::State,
    });
    match (args.csv, context.format()) {
        (true, _) => context.data(&render::csv(&purchases)),
        (false, Format::Json | Format::Ndjson) => context.document(&render::json(&purchases)),
        (false, Format::Human | Format::Github) => context.data(&render::human(&purchases, by)),
    }
    Ok(ExitCode::Success)
}

/// Tells how the project's money stands.
pub(super) fn status(context: &Context) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let prepared = prepared(context, &session)?;
    let config = &prepared.loaded.config;
    let listing = money::listing(&session, config)?;
    let now = context.rfc3339();
    let raws = session.raws(&config.paid_dir);
    let outlook = Outlook {
        endings: endings(&prepared.loaded.assets, config, &context.today()),
        single_copies: match config.is_shared() {
            true => 0,
            false => raws.count_single().map_err(MoneyError::from)?,
        },
        is_shared: config.is_shared(),
    };
    let status = Status::of(&listing.purchases, config, &now, outlook);
    match context.format() {
        Format::Json | Format::Ndjson => context.document(&status.json()),
        Format::Human | Format::Github => context.data(&status.human()),
    }
    Ok(match status.has_unknown() {
        true => ExitCode::UnknownPurchase,
        false => ExitCode::Success,
    })
}

/// Lists purchases whose outcome nobody knows, or records what a person says about some.
pub(super) fn recover(context: &Context, args: &RecoverArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let prepared = prepared(context, &session)?;
    let config = &prepared.loaded.config;
    let unknown = money::unknown(&session, config)?;
    let resolution = match (args.billed, args.not_billed, args.retry) {
        (true, ..) => Some(Resolution::Billed),
        (_, true, _) => Some(Resolution::NotBilled),
        (.., true) => Some(Resolution::Retry),
        _ => None,
    };
    let mut chosen: Vec<&Purchase> = Vec::new();
    for id in &args.purchases {
        let found = unknown.iter().find(|purchase| purchase.id.as_str() == id);
        chosen.push(found.ok_or_else(|| {
            CliError::Usage(format!("there is no purchase `{id}` with an unknown outcome"))
        })?);
    }
    if let Some(path) = &args.found {
        let [purchase] = chosen.as_slice() else {
            return Err(CliError::Usage("a file is the result of one purchase".to_owned()));
        };
        return found(context, &session, &prepared.loaded, purchase, path);
    }
    if resolution.is_none() && !args.cancel {
        let shown: Vec<&Purchase> =
            if args.purchases.is_empty() { unknown.iter().collect() } else { chosen };
        match context.format() {
            Format::Json | Format::Ndjson => context.document(&render::json(&shown)),
            Format::Human | Format::Github => {
                context.data(&render::unknown(&shown));
                if !shown.is_empty() {
                    let files = money::unclaimed(&session, config)?;
                    context.data(&render::unclaimed(&files));
                }
            }
        }
        return Ok(if shown.is_empty() { ExitCode::Success } else { ExitCode::UnknownPurchase });
    }
    let now = context.rfc3339();
    for purchase in chosen {
        let Some(resolution) = resolution else {
            give_up(context, &session, config, purchase, &now)?;
            continue;
        };
        let closed = money::resolve(&session, config, purchase, resolution, &now)?;
        let assets = closed.assets.join(", ");
        context.mention(&match resolution {
            Resolution::Billed => format!("{}: billed and lost ({assets})", closed.id),
            Resolution::NotBilled => format!("{}: not billed ({assets})", closed.id),
            Resolution::Retry => {
                format!("{}: billed and lost; the next build buys {assets} again", closed.id)
            }
        });
    }
    Ok(ExitCode::Success)
}

/// Takes a file as the result of a purchase.
fn found(
    context: &Context,
    session: &Session,
    loaded: &Loaded,
    purchase: &Purchase,
    path: &Path,
) -> Result<ExitCode, CliError> {
    let refused = |why: &str| {
        CliError::Usage(format!("`{}` is not taken as its result: {why}", path.display()))
    };
    let bytes = fs::read(path).map_err(|error| refused(&error.to_string()))?;
    match money::found(session, loaded, purchase, &bytes, &context.rfc3339()) {
        Ok(closed) => {
            let assets = closed.assets.join(", ");
            context.mention(&format!("{}: the next build takes its result ({assets})", closed.id));
            Ok(ExitCode::Success)
        }
        Err(FoundError::Money(error)) => Err(error.into()),
        Err(error) => Err(refused(&error.to_string())),
    }
}

/// Has a purchase's job given up.
fn give_up(
    context: &Context,
    session: &Session,
    config: &Config,
    purchase: &Purchase,
    at: &str,
) -> Result<(), CliError> {
    let (id, assets) = (&purchase.id, purchase.assets.join(", "));
    match money::give_up(session, config, purchase, at)? {
        GivenUp::Closed(closed) => {
            let cost = match closed.cost_micros {
                Some(micros) => format!("at most {} counts as spent", amount(micros, closed.unit)),
                None => "what it cost is not known".to_owned(),
            };
            context.mention(&format!("{id}: given up, {cost} ({assets})"));
        }
        GivenUp::Finished => {
            let next = "it was finished already; the next build takes its result";
            context.mention(&format!("{id}: {next} ({assets})"));
        }
        GivenUp::GoesOn(why) => {
            return Err(CliError::Usage(format!("`{id}` is not given up: {why}")));
        }
    }
    Ok(())
}

/// Serves the providers' protocols until the process ends.
pub(super) fn simulator(context: &Context, args: &SimulatorArgs) -> Result<ExitCode, CliError> {
    let options = Options {
        port: args.port,
        latency: Duration::from_millis(args.latency),
        faults: args.faults.clone(),
        seed: args.seed,
        quota_micros: args.quota.map(|MicroUsd(micros)| micros),
    };
    let listener = Printer { format: context.format() };
    simulator::serve(options, listener).map_err(|source| {
        let action = format!("serve on port {} of this machine", args.port);
        CliError::Io { action, source }
    })?;
    Ok(ExitCode::Success)
}

/// Says on stdout what the simulator does.
struct Printer {
    format: Format,
}

impl Printer {
    fn line(&self, human: String, document: serde_json::Value) {
        let text = match self.format {
            Format::Human | Format::Github => human,
            Format::Json | Format::Ndjson => document.to_string(),
        };
        let mut stdout = io::stdout().lock();
        // Whoever does not read any more still wants to be served.
        let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    }
}

impl Listener for Printer {
    fn listening(&self, url: &str) {
        let mut text = format!("listening on {url}; put this into Assetfile.yaml:\nproviders:");
        for (name, prefix) in simulator::PREFIXES {
            text += &format!("\n  {name}: {{ base_url: \"{url}{prefix}\" }}");
        }
        self.line(text, json!({ "event": "listening", "url": url }));
    }

    fn billed(&self, entry: &Entry, total_micros: i64) {
        let Entry { provider, model, micros, unit, key } = entry;
        let text = format!(
            "billed {} for {provider} {model}; {} in all",
            amount(*micros, *unit),
            MicroUsd(total_micros)
        );
        let document = json!({ "event": "billed", "provider": provider, "model": model,
            "micros": micros, "unit": unit.as_str(), "key": key, "total_micros": total_micros });
        self.line(text, document);
    }

    fn fault(&self, kind: FaultKind, path: &str) {
        let text = format!("fault {} at {path}", kind.as_str());
        self.line(text, json!({ "event": "fault", "kind": kind.as_str(), "path": path }));
    }
}
