//! The first page of help: commands in groups, as few lines as will do.

use std::fmt::Write as _;

use clap::Command;

/// The commands by group, in the order in which they are shown.
pub(super) const GROUPS: [(&str, &[&str]); 3] = [
    (
        "Everyday",
        &[
            "init", "new", "build", "watch", "plan", "check", "explain", "expand", "graph",
            "review", "pick", "reroll", "keep", "adopt", "unpin",
        ],
    ),
    ("Money", &["ledger", "status", "recover", "migrate", "simulator"]),
    ("Housekeeping", &["prune", "gc", "store", "report", "schema", "completions", "man"]),
];

/// `command` with its list of subcommands replaced by groups.
pub(super) fn grouped(command: Command) -> Command {
    let styles = command.get_styles().clone();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max();
    let width = width.expect("there are commands");
    let mut text = format!(
        "{{about-with-newline}}\n\
         {header}Usage:{header:#} {literal}assetbuild{literal:#} [OPTIONS] [ASSETS]...\n       \
         {literal}assetbuild{literal:#} [OPTIONS] <COMMAND>\n"
    );
    for (title, names) in GROUPS {
        let _ = write!(text, "\n{header}{title}:{header:#}\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.expect("every command has a description");
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}  {about}");
        }
    }
    let _ = write!(
        text,
        "\n{header}Options:{header:#}\n{{options}}\n\n\
         `assetbuild help build` lists the options of a build, `--plan` and `--check` among them.\n\n\
         {header}Environment:{header:#}\n  {}\n  set the option of the same name.\n",
        in_lines(&variables(&command))
    );
    command
        .help_template(text)
        .override_usage("assetbuild [OPTIONS] [ASSETS]...\n       assetbuild [OPTIONS] <COMMAND>")
}

/// The variables that stand for options, sorted.
fn variables(command: &Command) -> Vec<String> {
    let build = command.find_subcommand("build").expect("build is a command");
    let arguments = command.get_arguments().chain(build.get_arguments());
    let mut names: Vec<String> =
        arguments.filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

/// The names with commas, a few to the line.
fn in_lines(names: &[String]) -> String {
    names.chunks(3).map(|line| line.join(", ")).collect::<Vec<_>>().join(",\n  ")
}
