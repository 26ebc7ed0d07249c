//! The command that was not typed: `build` is put in front of assets.
//!
//! clap can take positional arguments beside subcommands, but then a global flag in front of a
//! subcommand makes it a positional one. So the first word is looked up before clap sees it.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// `argv` with `build` after the program's name, unless it names a command or asks for help.
pub(super) fn with_command(command: &Command, mut argv: Vec<OsString>) -> Vec<OsString> {
    if !names_command(command, &argv) {
        argv.insert(argv.len().min(1), "build".into());
    }
    argv
}

fn names_command(command: &Command, argv: &[OsString]) -> bool {
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        let Some(text) = word.to_str() else {
            return false;
        };
        match text {
            "--" => return false,
            "-h" | "--help" | "-V" | "--version" => return true,
            _ => {}
        }
        let takes_next = if let Some(long) = text.strip_prefix("--") {
            !long.contains('=')
                && arguments(command).any(|arg| is_long(arg, long) && takes_value(arg))
        } else if let Some(cluster) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            cluster_takes_next(command, cluster)
        } else {
            return is_command(command, word);
        };
        if takes_next {
            words.next();
        }
    }
    false
}

/// Whether `-vj` is followed by its value: the first short flag with a value stands last.
fn cluster_takes_next(command: &Command, cluster: &str) -> bool {
    cluster
        .char_indices()
        .find(|&(_, short)| {
            arguments(command).any(|arg| arg.get_short() == Some(short) && takes_value(arg))
        })
        .is_some_and(|(at, short)| at + short.len_utf8() == cluster.len())
}

/// The arguments that may stand in front of the first word: those of all commands and of `build`.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    let build = command.find_subcommand("build").expect("build is a command");
    command.get_arguments().chain(build.get_arguments()).filter(|arg| !arg.is_positional())
}

fn is_long(arg: &Arg, long: &str) -> bool {
    arg.get_long() == Some(long)
        || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn is_command(command: &Command, word: &OsStr) -> bool {
    word == "help" || command.find_subcommand(word).is_some()
}
