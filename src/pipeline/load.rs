//! Steps 1 and 2 on disk: reads the Assetfile, the specs and what they name, and expands them.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobSet, GlobSetBuilder};
use rayon::prelude::*;

use crate::base::{Diagnostic, Diagnostics, FileId, RelPath, SourceMap};
use crate::cache::{Content, FileError, ProjectFiles, Stat};
use crate::config::{self, Config, ProjectDefaults};
use crate::pipeline::session::Session;
use crate::pipeline::table::{FileTable, input_content};
use crate::spec::{self, AssetSpec, Claim, SpecFile, Templates, Used};
use crate::yaml;

/// Everything that the project's text files say.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Trees that are merged under specs.
    pub defaults: ProjectDefaults,
    /// All templates.
    pub templates: Templates,
    /// Style name to the text of its Markdown file.
    pub styles: BTreeMap<String, String>,
    /// All texts, for diagnostics and reasons.
    pub sources: SourceMap,
    /// What is wrong with them.
    pub diagnostics: Diagnostics,
    /// The assets, in the order of work: priority, phase, id.
    pub assets: Vec<AssetSpec>,
    /// The spec files by path, with what each of them used.
    pub units: BTreeMap<RelPath, Unit>,
}

/// What a spec file gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unit {
    /// Styles, templates and globs that its expansion used.
    pub used: Used,
    /// Names of the templates that it holds.
    pub templates: Vec<String>,
    /// Whether it has errors of its own.
    pub is_broken: bool,
}

/// The project's text cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder or file cannot be read.
    #[error("failed to read the project")]
    Files(#[from] FileError),
}

/// Reads and expands the whole project.
///
/// # Errors
/// `LoadError` for folders that cannot be listed; whatever is wrong inside of files is a
/// diagnostic.
pub fn load(session: &Session, table: &mut FileTable) -> Result<Loaded, LoadError> {
    let files = session.files();
    let mut sources = SourceMap::default();
    let mut diagnostics = Diagnostics::default();
    let assetfile = read_text(files, session.assetfile(), table, &mut sources, &mut diagnostics);
    let config::Loaded { config, defaults, provider_names, diagnostics: config_diagnostics } =
        config::load(&sources, assetfile);
    diagnostics.extend(config_diagnostics);
    let names = provider_names.iter().map(|(name, span)| (name.as_str(), *span));
    diagnostics.extend(spec::check_provider_names(names));
    diagnostics.extend(spec::check_model_names(&defaults));

    let paths = list_specs(files, &config, &mut diagnostics)?;
    let ids = read_texts(files, &paths, table, &mut sources, &mut diagnostics);
    let parsed: Vec<(SpecFile, Diagnostics)> =
        ids.par_iter().map(|&id| spec::parse(&sources, id)).collect();
    let (templates, template_diagnostics) = Templates::collect(parsed.iter().map(|(file, _)| file));
    let styles = read_styles(files, &config, table, &mut sources, &mut diagnostics);
    let listing = DiskListing { files };
    let context = spec::Context {
        config: &config,
        defaults: &defaults,
        templates: &templates,
        styles: &styles,
        listing: &listing,
    };
    let expanded: Vec<_> = parsed
        .into_par_iter()
        .map(|(file, mut found)| {
            let expansion = spec::expand(&file, &context);
            found.extend(expansion.diagnostics);
            let unit = Unit {
                used: expansion.used,
                templates: file.templates.iter().map(|template| template.name.clone()).collect(),
                is_broken: found.has_errors(),
            };
            (file.path, unit, expansion.assets, found)
        })
        .collect();
    diagnostics.extend(template_diagnostics);
    let mut assets = Vec::new();
    let mut units = BTreeMap::new();
    for (path, unit, of_file, found) in expanded {
        diagnostics.extend(found);
        assets.extend(of_file);
        units.insert(path, unit);
    }
    sort_for_work(&mut assets);
    diagnostics.extend(spec::check_unique(assets.iter().map(Claim::of)));
    diagnostics.extend(spec::check_references(assets.iter().map(spec::AssetReferences::of)));
    Ok(Loaded { config, defaults, templates, styles, sources, diagnostics, assets, units })
}

/// The expanded spec of one asset as text, with the origin of each line.
///
/// `today`: `YYYY-MM-DD` in UTC.
pub fn render_expansion(
    session: &Session,
    loaded: &Loaded,
    asset: &AssetSpec,
    today: &str,
) -> Option<String> {
    let file = loaded.sources.find(&asset.file)?;
    let (parsed, _) = spec::parse(&loaded.sources, file);
    let context = spec::Context {
        config: &loaded.config,
        defaults: &loaded.defaults,
        templates: &loaded.templates,
        styles: &loaded.styles,
        listing: &DiskListing { files: session.files() },
    };
    spec::render_expansion(&loaded.sources, &parsed, &context, &asset.id, today)
}

/// Puts assets into the order of work: priority, phase, id; unset ones come last.
pub fn sort_for_work(assets: &mut [AssetSpec]) {
    let last = |number: Option<i64>| (number.is_none(), number);
    assets.sort_by(|a, b| {
        let key = |asset: &AssetSpec| (last(asset.metadata.priority), last(asset.metadata.phase));
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
}

/// Files that assets are made from, with how their content counts.
pub fn inputs_of(asset: &AssetSpec) -> Vec<(RelPath, Content)> {
    let steps = asset.steps.iter().filter_map(|step| match step {
        spec::op::Step::Process(spec::op::ProcessOp::Watermark { source, .. }) => Some(source),
        _ => None,
    });
    let inputs = asset.generate.inputs();
    inputs.into_iter().chain(steps).map(|path| (path.clone(), input_content(path))).collect()
}

/// Paths of all spec files, sorted, and their stats.
fn list_specs(
    files: &ProjectFiles,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<RelPath>, FileError> {
    let mut paths = BTreeSet::new();
    for pattern in &config.specs {
        match list_matching(files, pattern) {
            Ok(found) => paths.extend(found.into_iter().map(|(path, _)| path)),
            Err(ListError::Pattern(reason)) => diagnostics.push(
                Diagnostic::error(
                    "config::bad_pattern",
                    format!("`{pattern}` in `specs` is not a pattern: {reason}"),
                )
                .help("write a path with `*` and `**`, such as specs/**/*.yaml"),
            ),
            Err(ListError::Files(error)) => return Err(error),
        }
    }
    Ok(paths.into_iter().collect())
}

/// A pattern could not be listed.
#[derive(Debug)]
pub enum ListError {
    /// It is no glob.
    Pattern(String),
    /// A folder cannot be read.
    Files(FileError),
}

/// Files of the project that match a glob, sorted, with their stats.
pub fn list_matching(
    files: &ProjectFiles,
    pattern: &str,
) -> Result<Vec<(RelPath, Stat)>, ListError> {
    let set = globs(pattern).map_err(|error| ListError::Pattern(error.kind().to_string()))?;
    let dir = literal_folder(pattern);
    let listing = files.list(dir.as_ref(), &|path| set.is_match(path)).map_err(ListError::Files)?;
    let portable =
        |file: crate::cache::ListedFile| Some((RelPath::new(&file.path).ok()?, file.stat));
    Ok(listing.files.into_iter().filter_map(portable).collect())
}

fn globs(pattern: &str) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    let pattern = pattern.trim_start_matches("./");
    builder.add(globset::GlobBuilder::new(pattern).literal_separator(true).build()?);
    builder.build()
}

/// The folder in front of a pattern's first wildcard.
fn literal_folder(pattern: &str) -> Option<RelPath> {
    let pattern = pattern.trim_start_matches("./");
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    let slash = pattern[..wild].rfind('/')?;
    RelPath::new(&pattern[..slash]).ok()
}

fn read_text(
    files: &ProjectFiles,
    path: &RelPath,
    table: &mut FileTable,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<FileId> {
    read_texts(files, std::slice::from_ref(path), table, sources, diagnostics).pop()
}

/// Reads text files into the source map; what is missing is left out, what is no text is reported.
fn read_texts(
    files: &ProjectFiles,
    paths: &[RelPath],
    table: &mut FileTable,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<FileId> {
    let read: Vec<_> = paths
        .par_iter()
        .map(|path| files.read(path).map(|(bytes, stat)| (yaml::decode_text(&bytes), stat)))
        .collect();
    let mut ids = Vec::with_capacity(paths.len());
    for (path, result) in paths.iter().zip(read) {
        match result {
            Ok((Ok(text), stat)) => {
                let digest = crate::base::Digest::of_text(&text);
                table.note(path.clone(), Content::Text, digest, stat);
                ids.push(sources.add(path.clone(), text));
            }
            Ok((Err(error), _)) => diagnostics.push(error.diagnostic(path)),
            Err(FileError::Missing { .. }) => {}
            Err(error) => diagnostics
                .push(Diagnostic::error("spec::unreadable", crate::execute::with_causes(&error))),
        }
    }
    ids
}

fn read_styles(
    files: &ProjectFiles,
    config: &Config,
    table: &mut FileTable,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let mut styles = BTreeMap::new();
    for (name, path) in &config.styles {
        match read_text(files, path, table, sources, diagnostics) {
            Some(id) => {
                styles.insert(name.clone(), sources.file(id).text.to_string());
            }
            None => diagnostics.push(
                Diagnostic::error(
                    "config::missing_file",
                    format!("the style `{name}` names {path}, which is not there"),
                )
                .help("write the file, or take the style out of `styles`"),
            ),
        }
    }
    styles
}

struct DiskListing<'a> {
    files: &'a ProjectFiles,
}

impl spec::Listing for DiskListing<'_> {
    fn matching(&self, glob: &str) -> Vec<RelPath> {
        let found = list_matching(self.files, glob).unwrap_or_default();
        found.into_iter().map(|(path, _)| path).collect()
    }

    fn exists(&self, path: &RelPath) -> bool {
        self.files.stat(path).is_ok()
    }
}
