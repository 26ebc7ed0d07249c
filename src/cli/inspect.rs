//! `expand`, `graph` and `schema`: looking at what the tool understood.

use std::error::Error;
use std::fs;
use std::path::Path;

use image::{ImageFormat, RgbaImage};
use rayon::prelude::*;

use crate::base::{Encoding, MediaKind};
use crate::cli::args::{
    self, CompletionsArgs, ExpandArgs, GraphArgs, GraphLanguage, ManArgs, ReportArgs, SchemaArgs,
    SchemaOf,
};
use crate::cli::completions as scripts;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::graph::{self, AssetIndex, Extent, render};
use crate::pipeline::load::render_expansion;
use crate::pipeline::{Prepared, Session};
use crate::process;
use crate::report::{sheet, summary};
use crate::spec;

/// Opens the project with the selected assets loaded.
fn open(context: &Context, selection: &args::Selection) -> Result<(Session, Prepared), CliError> {
    let session = context.open()?;
    let selection = super::build::selection(context, &session, selection)?;
    let prepared = super::plan::look_at_selected(context, &session, &selection)?;
    Ok((session, prepared))
}

/// Prints expanded specs with the place of each line.
pub fn expand(context: &Context, args: &ExpandArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &args.selection)?;
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
    let (_, prepared) = open(context, &args.selection)?;
    let assets = &prepared.loaded.assets;
    let extent = |asset: AssetIndex| prepared.selected.contains(&asset).then_some(Extent::WHOLE);
    let graph = graph::lower(assets, extent);
    match args.language {
        GraphLanguage::Dot => context.data(&render::dot(&graph, assets)),
        GraphLanguage::Mermaid => context.data(&render::mermaid(&graph, assets)),
        GraphLanguage::Svg => context.data(&render::svg(&graph, assets)),
        GraphLanguage::Json => context.document(&render::json(&graph, assets)),
    }
    Ok(ExitCode::Success)
}

/// Draws the published pictures and sounds of the selected assets on one sheet, pictures first, each by path.
pub fn report(context: &Context, args: &ReportArgs) -> Result<ExitCode, CliError> {
    let (session, prepared) = open(context, &args.selection)?;
    let assets = prepared.selected.iter().map(|asset| asset.of(&prepared.loaded.assets));
    let mut files: Vec<_> =
        assets.filter_map(|asset| Some((asset.publish.files.first()?, asset.media))).collect();
    files.sort_by_key(|(file, media)| (*media == MediaKind::Audio, &file.path));
    let drawn = files.par_iter().map(|(file, media)| {
        let place = file.path.under(session.root());
        let drawn: Result<RgbaImage, Box<dyn Error + Send + Sync>> = match media {
            MediaKind::Image => image::open(place).map(|p| p.to_rgba8()).map_err(Into::into),
            MediaKind::Audio => draw_sound(&place, file.encoding),
        };
        drawn.map_err(|error| format!("left out {}: {error}", file.path))
    });
    let mut pictures = Vec::new();
    for drawn in drawn.collect::<Vec<_>>() {
        match drawn {
            Ok(picture) => pictures.push(picture),
            Err(message) => context.talk(&message),
        }
    }
    let name = args.sheet.display();
    let Some(sheet) = sheet::compose(&pictures, sheet::ROW) else {
        return Err(CliError::Usage("there is no published file to show".to_owned()));
    };
    sheet.save_with_format(&args.sheet, ImageFormat::Png).map_err(|error| CliError::Io {
        action: format!("write {name}"),
        source: std::io::Error::other(error),
    })?;
    context.mention(&format!("drew {} on {name}", summary::count(pictures.len(), "file")));
    Ok(ExitCode::Success)
}

fn draw_sound(place: &Path, encoding: Encoding) -> Result<RgbaImage, Box<dyn Error + Send + Sync>> {
    let ranges = process::waveform(&fs::read(place)?, encoding, sheet::COLUMNS_PER_SECOND)?;
    Ok(sheet::waveform(&ranges))
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
