//! The command line: arguments, settings, exit codes, one file per command.
