//! `expand`, `graph` and `schema`: looking at what the tool understood.

use crate::cli::args::{
    self, CompletionsArgs, ExpandArgs, GraphArgs, GraphLanguage, ManArgs, SchemaArgs, SchemaOf,
};
use crate::cli::completions as scripts;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::graph::action::ActionKind;
use crate::graph::{self, AssetIndex, render};
use crate::pipeline::load::render_expansion;
use crate::plan::Policy;
use crate::spec;

/// Prints expanded specs with the place of each line.
pub fn expand(context: &Context, args: &ExpandArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = super::build::selection(context, &session, &args.selection)?;
    let prepared = super::plan::prepare(
        context,
        &session,
        &selection,
        Policy::default(),
        super::plan::Wakes::Selected,
    )?;
    let loaded = &prepared.loaded;
    let today = context.today();
    let texts: Vec<String> = prepared
        .selected
        .iter()
        .filter_map(|asset| render_expansion(&session, loaded, asset.of(&loaded.assets), &today))
        .collect();
    context.data(&texts.join("---\n"));
    Ok(ExitCode::Success)
}

/// Prints the graph of actions.
pub fn graph(context: &Context, args: &GraphArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let selection = super::build::selection(context, &session, &args.selection)?;
    let prepared = super::plan::prepare(
        context,
        &session,
        &selection,
        Policy::default(),
        super::plan::Wakes::Selected,
    )?;
    let assets = &prepared.loaded.assets;
    let is_selected = |asset: AssetIndex| prepared.selected.contains(&asset);
    let graph = graph::lower(assets, is_selected, ActionKind::Integrate);
    match args.language {
        GraphLanguage::Dot => context.data(&render::dot(&graph, assets)),
        GraphLanguage::Mermaid => context.data(&render::mermaid(&graph, assets)),
        GraphLanguage::Svg => context.data(&render::svg(&graph, assets)),
        GraphLanguage::Json => context.document(&render::json(&graph, assets)),
    }
    Ok(ExitCode::Success)
}

/// Prints the JSON schema of a file that people write.
pub fn schema(context: &Context, args: &SchemaArgs) -> Result<ExitCode, CliError> {
    context.data(&match args.of {
        SchemaOf::Assetfile => spec::assetfile_schema_json(),
        SchemaOf::Spec => spec::schema_json(),
    });
    Ok(ExitCode::Success)
}

/// Prints a script that completes arguments in a shell.
pub fn completions(context: &Context, args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    scripts::write_completions(args::command(), args.shell, &mut script)
        .map_err(|source| CliError::Io { action: "write the script".to_owned(), source })?;
    context.data(&String::from_utf8_lossy(&script));
    Ok(ExitCode::Success)
}

/// Prints a manual page.
pub fn man(context: &Context, args: &ManArgs) -> Result<ExitCode, CliError> {
    let mut page = Vec::new();
    scripts::write_man(args::command(), args.command.as_deref(), &mut page)?;
    context.data(&String::from_utf8_lossy(&page));
    Ok(ExitCode::Success)
}
