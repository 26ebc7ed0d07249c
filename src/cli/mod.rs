//! The command line: arguments, settings, exit codes, one file per command.

pub mod args;
pub mod build;
pub mod check;
mod choose;
pub mod completions;
pub mod context;
pub mod diagnostics;
pub mod error;
pub mod exit;
mod held;
pub mod inspect;
pub mod interrupt;
mod migrate;
mod money;
pub mod plan;
mod rounds;
mod spend;
pub mod start;
pub mod terminal;
pub mod upkeep;
mod watch;

use std::ffi::OsString;
use std::panic;

use crate::base::in_guarded_work;
use crate::cli::args::Command;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::execute::with_causes;

/// Runs the program with the arguments of this process; a panic is an internal error.
pub fn main() -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // What damaged files lead to is caught and told in the tool's own words.
        if !in_guarded_work() {
            usual(info);
        }
    }));
    panic::catch_unwind(|| run(std::env::args_os())).unwrap_or(ExitCode::Internal)
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match args::parse(argv) {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that went away is no error.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Invalid } else { ExitCode::Success };
        }
    };
    let context = Context::new(cli.global);
    match dispatch(&context, cli.command) {
        Ok(code) => code,
        Err(error) => {
            if !matches!(error, CliError::Invalid) {
                let label = context.terminal.palette().error("error");
                context.talk(&format!("{label}: {}", with_causes(&error)));
                if let Some(command) = error.meant_command() {
                    context.talk(&format!("hint: there is a command `{command}`"));
                }
            }
            error.exit_code()
        }
    }
}

fn dispatch(context: &Context, command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Init(_) => start::init(context),
        Command::New(args) => start::new(context, &args),
        Command::Build(args) => build::build(context, &args),
        Command::Watch(args) => watch::watch(context, &args),
        Command::Plan(args) => plan::plan(context, &args),
        Command::Check(args) => check::check(context, &args),
        Command::Explain(args) => plan::explain(context, &args),
        Command::Expand(args) => inspect::expand(context, &args),
        Command::Graph(args) => inspect::graph(context, &args),
        Command::Review(args) => choose::review(context, &args),
        Command::Pick(args) => choose::pick(context, &args),
        Command::Reroll(args) => choose::reroll(context, &args),
        Command::Keep(args) => upkeep::keep(context, &args),
        Command::Adopt(args) => upkeep::adopt(context, &args),
        Command::Unpin(args) => upkeep::unpin(context, &args),
        Command::Ledger(args) => money::ledger(context, &args),
        Command::Status(_) => money::status(context),
        Command::Recover(args) => money::recover(context, &args),
        Command::Migrate(args) => migrate::migrate(context, &args),
        Command::Simulator(args) => money::simulator(context, &args),
        Command::Prune(args) => upkeep::prune(context, &args),
        Command::Gc(args) => upkeep::gc(context, &args),
        Command::Store(args) => upkeep::store(context, args.command),
        Command::Report(args) => inspect::report(context, &args),
        Command::Schema(args) => inspect::schema(context, &args),
        Command::Completions(args) => inspect::completions(context, &args),
        Command::Man(args) => inspect::man(context, &args),
    }
}
