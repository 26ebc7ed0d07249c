//! Arguments: what the user typed becomes typed values, and nothing is looked at but `argv` and
//! `ASSETBUILD_*` variables.
//!
//! `assetbuild sprite-coin` means `assetbuild build sprite-coin`, and `--plan`, `--check` and
//! `--explain` mean the commands of the same name; both are settled here, so a command sees one form.

mod argv;
mod build;
mod global;
mod help;
mod money;
mod upkeep;
mod value;

pub use build::{
    BuildArgs, CheckArgs, Execution, ExplainArgs, Modes, PlanArgs, Policy, Selection, Spend,
    WatchArgs,
};
pub use global::{ColorChoice, Global, LogFormatChoice, OutputFormat};
pub use money::{LedgerArgs, LedgerBy, MigrateArgs, RecoverArgs, SimulatorArgs, StatusArgs};
pub use upkeep::{
    AdoptArgs, CompletionsArgs, ExpandArgs, GcArgs, GraphArgs, GraphLanguage, InitArgs, KeepArgs,
    ManArgs, NewArgs, PickArgs, PruneArgs, ReportArgs, RerollArgs, ReviewArgs, SchemaArgs,
    SchemaOf, StoreArgs, StoreCommand, UnpinArgs,
};

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::base::diagnostic::did_you_mean;

/// Everything that was typed.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "assetbuild", bin_name = "assetbuild", version, about, max_term_width = 100)]
#[command(disable_help_subcommand = false, subcommand_required = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Command {
    /// Start a project: an Assetfile, one spec, and the lines that git needs
    Init(InitArgs),
    /// Write an instance of a template and show what building it takes
    New(NewArgs),
    /// Build assets; the command that runs when none is named
    Build(BuildArgs),
    /// Build, and build again whenever something changes
    Watch(WatchArgs),
    /// Show what a build would do, why, and what it would cost
    Plan(PlanArgs),
    /// Tell whether everything is fresh, without building
    Check(CheckArgs),
    /// Tell why an asset has the state that it has
    Explain(ExplainArgs),
    /// Print a spec as it is after defaults and template, with the place of each line
    Expand(ExpandArgs),
    /// Print the graph of actions
    Graph(GraphArgs),
    /// Put several results of an asset side by side
    Review(ReviewArgs),
    /// Choose one of them
    Pick(PickArgs),
    /// Buy another result of the same request
    Reroll(RerollArgs),
    /// Keep what is there although the spec has changed
    Keep(KeepArgs),
    /// Make a file that was edited by hand the finished one
    Adopt(AdoptArgs),
    /// Undo `adopt` and `keep`: the spec decides again
    Unpin(UnpinArgs),
    /// List what was bought, and what it cost
    Ledger(LedgerArgs),
    /// Tell how the budgets, the providers and open purchases stand
    Status(StatusArgs),
    /// Decide about purchases whose outcome nobody knows
    Recover(RecoverArgs),
    /// Move specs to another model, after showing the changes and the price
    Migrate(MigrateArgs),
    /// Serve the providers on this machine, with play money and faults
    Simulator(SimulatorArgs),
    /// Delete published files whose specs are gone
    Prune(PruneArgs),
    /// Delete what the cache holds and nobody needs
    Gc(GcArgs),
    /// Rebuild or verify the stores
    Store(StoreArgs),
    /// Draw the published pictures and sounds on one sheet
    Report(ReportArgs),
    /// Print the JSON schema of a file, for editors
    Schema(SchemaArgs),
    /// Print a script that completes arguments in a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
}

/// The whole command line as clap knows it: for parsing, help, completions and manual pages.
pub fn command() -> clap::Command {
    help::grouped(Cli::command())
}

/// Parses a command line; the first argument is the program's name.
///
/// # Errors
/// A usage error, or the text of `--help` or `--version`; clap prints them and knows the exit code.
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(command(), |name| std::env::var_os(name));
    let argv = argv::with_command(&command, argv.into_iter().collect());
    let mut matches = command.try_get_matches_from_mut(argv)?;
    let mut cli =
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    cli.command = match cli.command {
        Command::Build(build) => build.resolve_mode(),
        other => other,
    };
    Ok(cli)
}

/// The command whose name is nearest to `word`: what an asset that does not exist may have meant.
pub fn nearest_command(word: &str) -> Option<String> {
    let command = command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    did_you_mean(word, names).map(str::to_owned)
}

/// `command` with a variable that is set to nothing treated as one that is not set: CI systems set
/// a variable to nothing when the value that it was given does not exist.
fn without_empty_variables(
    command: clap::Command,
    variable: impl Fn(&OsStr) -> Option<OsString> + Copy,
) -> clap::Command {
    let command = command.mut_args(|arg| {
        let is_empty = arg.get_env().and_then(variable).is_some_and(|value| value.is_empty());
        if is_empty { arg.env(None) } else { arg }
    });
    command.mut_subcommands(|subcommand| without_empty_variables(subcommand, variable))
}

#[cfg(test)]
mod tests;
