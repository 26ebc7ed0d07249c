//! Tests of the command line as a whole.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;

use super::*;
use crate::base::units::MicroUsd;
use crate::event::ActionKind;
use crate::report::Verbosity;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    let words = ["assetbuild"].into_iter().chain(line.split_whitespace());
    parse(words.map(OsString::from))
}

fn command_of(line: &str) -> Command {
    parsed(line).unwrap_or_else(|error| panic!("{line:?}: {error}")).command
}

fn error_of(line: &str) -> ErrorKind {
    parsed(line).map(|cli| format!("{cli:?}")).expect_err(line).kind()
}

fn built(line: &str) -> BuildArgs {
    match command_of(line) {
        Command::Build(build) => build,
        other => panic!("{line:?} is no build: {other:?}"),
    }
}

#[test]
fn clap_finds_no_contradiction() {
    command().debug_assert();
}

#[test]
fn without_a_command_assets_are_built() {
    for line in ["", "-q", "-C dir", "--color=never", "-j 2", "-vj2", "--spend 1", "--"] {
        assert_eq!(built(line).selection.assets, Vec::<String>::new(), "{line:?}");
    }
    for line in [
        "sprite-coin",
        "build sprite-coin",
        "-C plan sprite-coin",
        "--directory plan sprite-coin",
        "--directory=plan sprite-coin",
        "-qC plan sprite-coin",
        "-Cplan sprite-coin",
        "--tag plan sprite-coin",
        "--trace plan sprite-coin",
        "sprite-coin --tag gc",
    ] {
        assert_eq!(built(line).selection.assets, ["sprite-coin"], "{line:?}");
    }
    assert_eq!(built("sprite-* plan").selection.assets, ["sprite-*", "plan"]);
    assert_eq!(built("-- plan").selection.assets, ["plan"]);
}

#[test]
fn flags_may_stand_before_and_after_a_command() {
    for line in ["-C dir -q gc -n", "gc -n -q -C dir", "-q gc -C dir --dry-run"] {
        let cli = parsed(line).expect(line);
        assert_eq!(cli.global.directory, Some(PathBuf::from("dir")), "{line:?}");
        assert_eq!(cli.global.verbosity(), Verbosity::Quiet, "{line:?}");
        assert_eq!(cli.command, Command::Gc(GcArgs { dry_run: true, max_size: None }), "{line:?}");
    }
}

#[test]
fn modes_are_the_commands_of_the_same_name() {
    for (flag, command) in [
        ("--plan", "plan"),
        ("-n", "plan"),
        ("--dry-run coin --tag ui", "plan coin --tag ui"),
        ("coin --plan --detailed-exitcode --refresh", "plan coin --detailed-exitcode --refresh"),
        ("--check", "check"),
        ("coin --check --release", "check coin --release"),
        ("--explain coin", "explain coin"),
        ("build --explain coin", "explain coin"),
    ] {
        assert_eq!(command_of(flag), command_of(command), "{flag:?}");
    }
    assert_eq!(error_of("--plan --check"), ErrorKind::ArgumentConflict);
    assert_eq!(error_of("--explain coin spikes"), ErrorKind::ArgumentConflict);
    assert_eq!(error_of("--detailed-exitcode"), ErrorKind::MissingRequiredArgument);
    assert_eq!(error_of("--release"), ErrorKind::MissingRequiredArgument);
}

#[test]
fn selections_are_typed() {
    let selection =
        built("--tag a --tag b --phase -1 --phase 2 --steps generate,process").selection;
    assert_eq!(selection.tags, ["a", "b"]);
    assert_eq!(selection.phases, [-1, 2]);
    assert_eq!(selection.steps, [ActionKind::Generate, ActionKind::Process]);
    assert_eq!(error_of("--steps paint"), ErrorKind::InvalidValue);
}

#[test]
fn spending_is_asked_for_unless_something_is_said() {
    assert_eq!(built("").policy.spend(), Spend::Ask);
    assert_eq!(built("--no-spend").policy.spend(), Spend::Never);
    assert_eq!(built("--spend 2.50").policy.spend(), Spend::UpTo(MicroUsd(2_500_000)));
    assert_eq!(error_of("--spend 1 --no-spend"), ErrorKind::ArgumentConflict);
    assert_eq!(error_of("--spend much"), ErrorKind::ValueValidation);
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    assert_eq!(error_of("-q -v"), ErrorKind::ArgumentConflict);
    assert_eq!(error_of("--banana"), ErrorKind::UnknownArgument);
    assert_eq!(error_of("-j 0"), ErrorKind::ValueValidation);
    assert_eq!(error_of("keep coin"), ErrorKind::MissingRequiredArgument);
    assert_eq!(error_of("adopt"), ErrorKind::MissingRequiredArgument);
    assert_eq!(error_of("store"), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    assert_eq!(error_of("gc --max-size big"), ErrorKind::ValueValidation);
}

#[test]
fn a_variable_set_to_nothing_is_not_set() {
    let empty = without_empty_variables(command(), |_| Some(OsString::new()));
    let build = empty.find_subcommand("build").expect("build is a command");
    assert!(empty.get_arguments().chain(build.get_arguments()).all(|arg| arg.get_env().is_none()));
    let set = without_empty_variables(command(), |_| Some("1".into()));
    assert_eq!(set.get_arguments().filter(|arg| arg.get_env().is_some()).count(), 3);
}

#[test]
fn a_mistyped_command_is_recognized() {
    assert_eq!(nearest_command("biuld").as_deref(), Some("build"));
    assert_eq!(nearest_command("sprite-coin"), None);
}

#[test]
fn help_and_version_belong_to_the_program_or_to_the_command() {
    assert_eq!(error_of("--version"), ErrorKind::DisplayVersion);
    for line in ["-h", "--help", "-q --help", "help", "help gc", "gc -h", "coin --help"] {
        assert_eq!(error_of(line), ErrorKind::DisplayHelp, "{line:?}");
    }
}

#[test]
fn new_takes_assignments() {
    let Command::New(new) = command_of("new --template jump kind=energy variant=crisp --build")
    else {
        panic!("it is `new`");
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(new.parameters, [pair("kind", "energy"), pair("variant", "crisp")]);
    assert!(new.build && new.output_name.is_none());
}

#[test]
fn colors_follow_the_choice_then_the_environment_then_the_terminal() {
    let colored = |choice: ColorChoice, is_terminal: bool, variables: &[(&str, &str)]| {
        choice.is_colored(is_terminal, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    };
    assert!(colored(ColorChoice::Auto, true, &[]));
    assert!(!colored(ColorChoice::Auto, false, &[]));
    assert!(!colored(ColorChoice::Auto, true, &[("NO_COLOR", "1")]));
    assert!(colored(ColorChoice::Auto, true, &[("NO_COLOR", "")]));
    assert!(!colored(ColorChoice::Auto, true, &[("TERM", "dumb")]));
    assert!(colored(ColorChoice::Auto, false, &[("CLICOLOR_FORCE", "1")]));
    assert!(colored(ColorChoice::Auto, false, &[("FORCE_COLOR", "1")]));
    assert!(!colored(ColorChoice::Auto, false, &[("FORCE_COLOR", "0")]));
    assert!(!colored(ColorChoice::Auto, true, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
    assert!(colored(ColorChoice::Always, false, &[("NO_COLOR", "1")]));
    assert!(!colored(ColorChoice::Never, true, &[("FORCE_COLOR", "1")]));
}

#[test]
fn every_command_stands_in_one_group() {
    let command = command();
    let grouped: Vec<&str> = help::GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
    let mut known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    known.retain(|name| *name != "help");
    assert_eq!(grouped, known, "groups list the commands in their order of declaration");
}

#[test]
fn all_help_texts() {
    fn collect(command: &mut clap::Command, text: &mut String) {
        if command.get_name() == "help" {
            return;
        }
        let help = command.clone().term_width(100).render_help();
        text.push_str(&format!(
            "$ {} -h\n{help}\n",
            command.get_bin_name().unwrap_or("assetbuild")
        ));
        for subcommand in command.get_subcommands_mut() {
            collect(subcommand, text);
        }
    }
    let mut command = command();
    command.build();
    let mut text = String::new();
    collect(&mut command, &mut text);
    insta::assert_snapshot!(text);
}
