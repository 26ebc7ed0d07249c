//! Arguments of build, plan, check and explain: what is selected, what may be done, and how.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::base::units::MicroUsd;
use crate::cli::args::global::LogFormatChoice;
use crate::cli::args::{Command, value};
use crate::event::ActionKind;

/// Which assets a command is about; everything if nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    /// Ids, globs over ids, or paths of spec files
    #[arg(value_name = "ASSETS", help_heading = None)]
    pub assets: Vec<String>,
    /// Only assets with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Only assets of this phase; may be repeated
    #[arg(long = "phase", value_name = "N", allow_negative_numbers = true)]
    pub phases: Vec<i64>,
    /// Only assets whose files differ from this git revision
    #[arg(long, value_name = "REF")]
    pub since: Option<String>,
    /// Only actions of these kinds: generate, select, process, validate, integrate
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    #[arg(value_parser = value::action_kind(), hide_possible_values = true)]
    pub steps: Vec<ActionKind>,
}

/// What a build may do; a plan shows the same decisions.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "What may be done")]
pub struct Policy {
    /// Buy up to this much without asking
    #[arg(long, value_name = "USD", value_parser = value::usd, conflicts_with = "no_spend")]
    #[arg(env = "ASSETBUILD_SPEND", hide_env = true)]
    spend: Option<MicroUsd>,
    /// Buy nothing
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "ASSETBUILD_NO_SPEND", hide_env = true)]
    no_spend: bool,
    /// Buy what fits when the plan is above a cap
    #[arg(long)]
    pub partial: bool,
    /// Buy again what was bought and lost
    #[arg(long)]
    pub allow_rebuy: bool,
    /// Replace published files that were edited by hand
    #[arg(long)]
    pub overwrite_drifted: bool,
    /// Run free actions again even if their results are cached
    #[arg(long)]
    pub refresh: bool,
    /// Fail if the lockfile would change
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "ASSETBUILD_LOCKED", hide_env = true)]
    pub locked: bool,
    /// Use no network
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "ASSETBUILD_OFFLINE", hide_env = true)]
    pub offline: bool,
}

/// What may be bought, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// Nothing was said: ask at a terminal, buy nothing elsewhere.
    Ask,
    /// Up to this much without asking.
    UpTo(MicroUsd),
    /// Nothing.
    Never,
}

impl BuildArgs {
    /// A build that buys nothing.
    pub fn free() -> Self {
        let policy = Policy { no_spend: true, ..Policy::default() };
        Self { policy, ..Self::default() }
    }
}

impl Policy {
    /// The same with another amount to spend, if there is one.
    #[must_use]
    pub fn with_spend(&self, amount: Option<MicroUsd>) -> Self {
        Self { spend: amount.or(self.spend), ..self.clone() }
    }

    /// The same without buying.
    #[must_use]
    pub fn without_spend(&self) -> Self {
        Self { no_spend: true, ..self.clone() }
    }

    /// What may be bought.
    pub fn spend(&self) -> Spend {
        match (self.no_spend, self.spend) {
            (true, _) => Spend::Never,
            (false, Some(amount)) => Spend::UpTo(amount),
            (false, None) => Spend::Ask,
        }
    }
}

/// How a build runs.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "How it runs")]
pub struct Execution {
    /// Run this many actions at once; one per processor by default
    #[arg(short, long, value_name = "N", value_parser = value::jobs)]
    #[arg(env = "ASSETBUILD_JOBS", hide_env = true)]
    pub jobs: Option<NonZeroUsize>,
    /// Start nothing more after the first failure
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "ASSETBUILD_FAIL_FAST", hide_env = true)]
    pub fail_fast: bool,
    /// Write a timeline of the run, for Perfetto
    #[arg(long, value_name = "FILE")]
    #[arg(env = "ASSETBUILD_TRACE", hide_env = true)]
    pub trace: Option<PathBuf>,
    /// Write a structured log to stderr: json or text
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    #[arg(env = "ASSETBUILD_LOG_FORMAT", hide_env = true)]
    pub log_format: Option<LogFormatChoice>,
}

/// Builds assets.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct BuildArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
    /// Another command, written as a flag.
    #[command(flatten)]
    pub modes: Modes,
    /// What may be done.
    #[command(flatten)]
    pub policy: Policy,
    /// How it runs.
    #[command(flatten)]
    pub execution: Execution,
}

/// Commands that may be written as flags of a build.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Modes")]
pub struct Modes {
    /// Show what would be done, as the command `plan`
    #[arg(short = 'n', long, visible_alias = "dry-run")]
    #[arg(conflicts_with_all = ["check", "explain", "watch"])]
    plan: bool,
    /// With --plan: exit with 3 if there is work to do
    #[arg(long, requires = "plan")]
    detailed_exitcode: bool,
    /// Tell whether everything is fresh, as the command `check`
    #[arg(long, conflicts_with_all = ["explain", "watch"])]
    check: bool,
    /// With --check: placeholders are not good enough
    #[arg(long, requires = "check")]
    release: bool,
    /// Tell why this asset has its state, as the command `explain`
    #[arg(long, value_name = "ID", conflicts_with = "assets")]
    explain: Option<String>,
    /// Build, and build again whenever something changes, as the command `watch`
    #[arg(long, conflicts_with_all = ["explain", "since", "steps"])]
    watch: bool,
}

/// Builds whenever something changes.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct WatchArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
    /// What may be done.
    #[command(flatten)]
    pub policy: Policy,
    /// How it runs.
    #[command(flatten)]
    pub execution: Execution,
}

/// Shows what a build would do.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct PlanArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
    /// What may be done.
    #[command(flatten)]
    pub policy: Policy,
    /// Exit with 3 if there is work to do
    #[arg(long, help_heading = None)]
    pub detailed_exitcode: bool,
}

/// Tells whether everything is fresh.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct CheckArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
    /// Placeholders are not good enough
    #[arg(long, help_heading = None)]
    pub release: bool,
}

/// Tells why assets have their states.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ExplainArgs {
    /// Ids, globs over ids, or paths of spec files
    #[arg(value_name = "ASSETS", required = true)]
    pub assets: Vec<String>,
}

impl BuildArgs {
    /// The command that was meant.
    pub(super) fn resolve_mode(self) -> Command {
        let Self { selection, modes, policy, execution } = self;
        let Modes { plan, detailed_exitcode, check, release, explain, watch } = modes;
        if watch {
            Command::Watch(WatchArgs { selection, policy, execution })
        } else if let Some(id) = explain {
            Command::Explain(ExplainArgs { assets: vec![id] })
        } else if check {
            Command::Check(CheckArgs { selection, release })
        } else if plan {
            Command::Plan(PlanArgs { selection, policy, detailed_exitcode })
        } else {
            Command::Build(Self { selection, modes: Modes::default(), policy, execution })
        }
    }
}
