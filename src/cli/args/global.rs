//! Options that every command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::report::{Format, Verbosity};

/// Options that every command takes.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Work in this folder, as if started there
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Read this Assetfile instead of the nearest one upwards
    #[arg(long, global = true, value_name = "FILE")]
    #[arg(env = "ASSETBUILD_ASSETFILE", hide_env = true)]
    pub assetfile: Option<PathBuf>,
    /// What stdout carries
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    #[arg(env = "ASSETBUILD_FORMAT", hide_env = true, hide_possible_values = true)]
    #[arg(help = "Write stdout as human, json, ndjson or github")]
    pub format: OutputFormat,
    /// Say only what failed, and the summary
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say what every action does
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colors
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(env = "ASSETBUILD_COLOR", hide_env = true, hide_possible_values = true)]
    #[arg(help = "Use colors: auto, always or never")]
    pub color: ColorChoice,
}

impl Global {
    /// How much stderr says.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Text for people
    #[default]
    Human,
    /// One JSON document
    Json,
    /// One JSON object per event
    Ndjson,
    /// Annotations for GitHub Actions
    Github,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Human => Self::Human,
            OutputFormat::Json => Self::Json,
            OutputFormat::Ndjson => Self::Ndjson,
            OutputFormat::Github => Self::Github,
        }
    }
}

/// When colors are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// Whether to use colors on a stream; `variable` reads the environment.
    ///
    /// `NO_COLOR` (<https://no-color.org>) and `CLICOLOR_FORCE` (<https://bixense.com/clicolors>)
    /// count when they are set and not empty; `NO_COLOR` wins.
    pub fn is_colored(
        self,
        is_terminal: bool,
        variable: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> bool {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let forces = |name: &str| is_set(name) && variable(name).is_some_and(|value| value != "0");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set("NO_COLOR") => false,
            Self::Auto if forces("CLICOLOR_FORCE") || forces("FORCE_COLOR") => true,
            Self::Auto => is_terminal && variable("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

impl From<ColorChoice> for clap::ColorChoice {
    fn from(choice: ColorChoice) -> Self {
        match choice {
            ColorChoice::Auto => Self::Auto,
            ColorChoice::Always => Self::Always,
            ColorChoice::Never => Self::Never,
        }
    }
}

/// How log records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatChoice {
    /// One JSON object per line
    Json,
    /// One line of text per record
    Text,
}

impl From<LogFormatChoice> for crate::report::log::LogFormat {
    fn from(choice: LogFormatChoice) -> Self {
        match choice {
            LogFormatChoice::Json => Self::Json,
            LogFormatChoice::Text => Self::Text,
        }
    }
}
