//! Arguments of the other commands: starting, looking, deciding by hand, cleaning.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::args::build::{Execution, Policy};
use crate::cli::args::{Selection, value};

/// Starts a project.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct InitArgs {}

/// Writes an instance of a template.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct NewArgs {
    /// Values of the template's parameters
    #[arg(value_name = "NAME=VALUE", value_parser = value::assignment)]
    pub parameters: Vec<(String, String)>,
    /// The template
    #[arg(long, value_name = "NAME")]
    pub template: String,
    /// Manifest key and file name of the result
    #[arg(long, value_name = "NAME")]
    pub output_name: Option<String>,
    /// Build it at once
    #[arg(long)]
    pub build: bool,
    /// What may be done.
    #[command(flatten)]
    pub policy: Policy,
    /// How it runs.
    #[command(flatten)]
    pub execution: Execution,
}

/// Prints expanded specs.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ExpandArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
}

/// Prints the graph.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct GraphArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
    /// Print as dot, mermaid, json or svg
    #[arg(long = "as", value_enum, value_name = "LANGUAGE")]
    #[arg(default_value_t, hide_possible_values = true, help_heading = None)]
    pub language: GraphLanguage,
}

/// A language for graphs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphLanguage {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid
    Mermaid,
    /// JSON
    Json,
    /// A picture
    Svg,
}

/// Keeps old results.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct KeepArgs {
    /// Ids or globs over ids
    #[arg(value_name = "ASSETS", required = true)]
    pub assets: Vec<String>,
    /// Why the old result is good for the new spec; goes into the lockfile
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Picks one of several results.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct PickArgs {
    /// Id of the asset
    #[arg(value_name = "ASSET")]
    pub asset: String,
    /// Number of the result, its purchase, or the beginning of its digest
    #[arg(value_name = "N")]
    pub which: String,
}

/// Shows results side by side.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ReviewArgs {
    /// Ids or globs over ids; everything with several results by default
    #[arg(value_name = "ASSETS")]
    pub assets: Vec<String>,
}

/// Buys more results.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct RerollArgs {
    /// Ids or globs over ids
    #[arg(value_name = "ASSETS", required = true)]
    pub assets: Vec<String>,
    /// How many to buy for each
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    pub count: u32,
    /// What may be done.
    #[command(flatten)]
    pub policy: Policy,
    /// How it runs.
    #[command(flatten)]
    pub execution: Execution,
}

/// Adopts files that were edited by hand.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct AdoptArgs {
    /// Ids or globs over ids
    #[arg(value_name = "ASSETS", required = true)]
    pub assets: Vec<String>,
}

/// Lets the spec decide again.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct UnpinArgs {
    /// Ids or globs over ids
    #[arg(value_name = "ASSETS", required = true)]
    pub assets: Vec<String>,
}

/// Deletes orphans.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct PruneArgs {
    /// Only say what would be deleted
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Delete the receipts of purchases, too
    #[arg(long)]
    pub forget: bool,
}

/// Draws published pictures and sounds on one sheet.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ReportArgs {
    /// Which assets.
    #[command(flatten)]
    pub selection: Selection,
    /// The PNG file to write
    #[arg(long, value_name = "FILE", required = true, help_heading = None)]
    pub sheet: PathBuf,
}

/// Deletes unreachable blobs.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct GcArgs {
    /// Only say what would be deleted
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Delete what was used least recently until the cache is this small, such as 500M or 2G
    #[arg(long, value_name = "SIZE", value_parser = value::size)]
    pub max_size: Option<u64>,
}

/// Mends the stores.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum StoreCommand {
    /// Make the database again from the files
    Rebuild,
    /// Compare every stored file with its digest
    Verify,
}

/// Prints a JSON schema.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct SchemaArgs {
    /// The file: assetfile or spec
    #[arg(value_enum, value_name = "FILE", hide_possible_values = true)]
    pub of: SchemaOf,
}

/// A kind of file that a person writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Assetfile.yaml
    Assetfile,
    /// A spec file
    Spec,
}

/// Prints a completion script.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_enum, value_name = "SHELL", hide_possible_values = true)]
    pub shell: clap_complete::Shell,
}

/// Prints a manual page.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ManArgs {
    /// The command; the program itself if none
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}
