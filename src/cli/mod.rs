//! The command line: arguments, settings, exit codes, one file per command.

pub mod args;
pub mod completions;
pub mod diagnostics;
pub mod exit;
pub mod terminal;
