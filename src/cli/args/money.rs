//! Arguments of the commands about money.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::cli::args::build::{Execution, Policy};
use crate::simulator::Fault;

/// Lists what was bought.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct LedgerArgs {
    /// Sum up by month, day, provider, model, asset or state
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub by: Option<LedgerBy>,
    /// Only purchases of this month or day, such as 2026-11 or 2026-11-27
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Write comma-separated values
    #[arg(long)]
    pub csv: bool,
}

/// What the ledger is summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LedgerBy {
    /// Months in UTC.
    Month,
    /// Days in UTC.
    Day,
    /// Provider families.
    Provider,
    /// Models asked.
    Model,
    /// Assets.
    Asset,
    /// Who bought, as git names them.
    Who,
    /// States of purchases.
    State,
}

/// Tells how the project's money stands.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct StatusArgs {}

/// Decides about purchases whose outcome nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(group = ArgGroup::new("decision").args(["billed", "not_billed", "retry", "cancel", "found"]))]
pub struct RecoverArgs {
    /// Ids of purchases, as the list shows them; all without one is only a list
    #[arg(value_name = "PURCHASES")]
    pub purchases: Vec<String>,
    /// The provider billed it, and its result is lost
    #[arg(long, requires = "purchases")]
    pub billed: bool,
    /// The provider billed nothing
    #[arg(long, requires = "purchases")]
    pub not_billed: bool,
    /// The provider billed it, and the next build buys it again
    #[arg(long, requires = "purchases")]
    pub retry: bool,
    /// The provider is asked to give the job up; what it may have billed counts as spent
    #[arg(long, requires = "purchases")]
    pub cancel: bool,
    /// The provider billed it, and this file is its result
    #[arg(long, requires = "purchases", value_name = "FILE")]
    pub found: Option<PathBuf>,
}

/// Moves specs to another model.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct MigrateArgs {
    /// Ids or globs over ids; by default what asks for a model that has ended or is about to
    #[arg(value_name = "ASSETS")]
    pub assets: Vec<String>,
    /// The model to ask for from now on
    #[arg(long, value_name = "MODEL")]
    pub to: String,
    /// Write the changes without asking
    #[arg(long, conflicts_with = "try_first")]
    pub yes: bool,
    /// Write nothing: buy the first N of the assets with it, to look at
    #[arg(long = "try", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    pub try_first: Option<u32>,
    /// What may be done.
    #[command(flatten)]
    pub policy: Policy,
    /// How it runs.
    #[command(flatten)]
    pub execution: Execution,
}

/// Serves the providers' protocols on this machine.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct SimulatorArgs {
    /// Port on this machine; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8765)]
    pub port: u16,
    /// Milliseconds that a result takes
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency: u64,
    /// What goes wrong: KIND@N for the Nth request, KIND=PERCENT for some of them; kinds are 429,
    /// 500, billed-500, reset, truncate, refuse, garbage, slow, blank
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<Fault>,
    /// Number that random faults are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Dollars after which the accounts are empty
    #[arg(long, value_name = "USD", value_parser = crate::cli::args::value::usd)]
    pub quota: Option<crate::base::units::MicroUsd>,
}
