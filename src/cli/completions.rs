//! `completions` and `man`: scripts and pages made from the same tree that parses arguments.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

use crate::base::diagnostic::did_you_mean;

/// Why no manual page was written.
#[derive(Debug, thiserror::Error)]
pub enum ManError {
    /// There is no such command.
    #[error("there is no command `{name}`{}", suggestion(.nearest.as_deref()))]
    UnknownCommand {
        /// What was asked for.
        name: String,
        /// The command with the most similar name.
        nearest: Option<String>,
    },
    /// The page could not be written.
    #[error("the page cannot be written")]
    Write(#[from] io::Error),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// Writes a script that completes the arguments of `command` in `shell`.
///
/// # Errors
/// Those of `out`.
pub fn write_completions(
    mut command: Command,
    shell: Shell,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // The generator panics when its writer fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    out.write_all(&script)
}

/// Writes the manual page of the program, or of one of its commands, in roff.
///
/// # Errors
/// An unknown command, and the errors of `out`.
pub fn write_man(
    mut command: Command,
    name: Option<&str>,
    out: &mut impl Write,
) -> Result<(), ManError> {
    command.build();
    let page = match name {
        None => command,
        Some(name) => {
            command.find_subcommand(name).cloned().ok_or_else(|| ManError::UnknownCommand {
                name: name.to_owned(),
                nearest: did_you_mean(name, command.get_subcommands().map(Command::get_name))
                    .map(str::to_owned),
            })?
        }
    };
    Ok(clap_mangen::Man::new(page).render(out)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;

    fn man(name: Option<&str>) -> Result<String, ManError> {
        let mut page = Vec::new();
        write_man(args::command(), name, &mut page)?;
        Ok(String::from_utf8(page).expect("roff is text"))
    }

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let mut script = Vec::new();
            write_completions(args::command(), shell, &mut script).expect("memory takes all");
            let script = String::from_utf8(script).expect("scripts are text");
            for word in ["assetbuild", "explain", "overwrite-drifted", "mermaid"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn a_page_names_its_command_and_options() {
        let program = man(None).expect("the program has a page");
        assert!(program.contains("assetbuild") && program.contains("explain"), "{program}");
        let gc = man(Some("gc")).expect("gc has a page");
        assert!(gc.contains("assetbuild\\-gc") && gc.contains("max\\-size"), "{gc}");
    }

    #[test]
    fn an_unknown_command_is_an_error_with_a_suggestion() {
        let error = man(Some("explian")).expect_err("there is no such command");
        let expected = "there is no command `explian`; did you mean `explain`?";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_writer_that_fails_is_an_error() {
        let mut full = [0_u8; 4];
        assert!(write_completions(args::command(), Shell::Bash, &mut &mut full[..]).is_err());
        let error = write_man(args::command(), None, &mut &mut full[..]);
        assert!(matches!(error, Err(ManError::Write(_))));
    }
}
