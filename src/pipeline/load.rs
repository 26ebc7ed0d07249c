//! Steps 1 and 2 on disk: reads the Assetfile, the specs and what they name, and expands them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};

use globset::{GlobSet, GlobSetBuilder};
use rayon::prelude::*;

use crate::base::{Diagnostic, Diagnostics, Digest, FileId, RelPath, SourceMap, Span};
use crate::cache::snapshot::{Input, Role};
use crate::cache::{Content, FileError, ListedFile, ProjectFiles, Stat};
use crate::config::{Config, ProjectDefaults};
use crate::pipeline::asleep::{Asleep, are_related, claims_beside};
use crate::pipeline::recall::Recall;
use crate::pipeline::record::SPEC_GLOB;
use crate::pipeline::request::LeftAlone;
use crate::pipeline::session::Session;
use crate::pipeline::settings::Settings;
use crate::pipeline::table::{FileTable, input_content};
use crate::spec::{self, AssetSpec, Claim, Hidden, SpecFile, Templates, Used};
use crate::yaml;

/// Everything that the project's text files say.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Trees that are merged under specs.
    pub defaults: ProjectDefaults,
    /// What the settings say that assets depend on; none if nothing of them was read.
    pub concern: Option<Digest>,
    /// All templates.
    pub templates: Templates,
    /// Style name to the text of its Markdown file.
    pub styles: BTreeMap<String, String>,
    /// All texts, for diagnostics and reasons.
    pub sources: SourceMap,
    /// What is wrong with them.
    pub diagnostics: Diagnostics,
    /// Spec files that some of that is about, wherever it stands.
    pub warned: BTreeSet<RelPath>,
    /// How many of the diagnostics are about these.
    told_of_specs: usize,
    /// The assets, in the order of work: priority, phase, id.
    pub assets: Vec<AssetSpec>,
    /// The spec files by path, with what each of them used.
    pub units: BTreeMap<RelPath, Unit>,
    /// The folders that globs were listed in.
    pub listings: Vec<(ListedGlob, Vec<ListedFile>)>,
    /// Assets that were not loaded, since nothing about them changed.
    pub asleep: Option<Asleep>,
}

impl Loaded {
    /// Whether the Assetfile was read: with nothing awake, what it said before still holds.
    pub fn has_settings(&self) -> bool {
        self.concern.is_some()
    }

    /// Whether anything is wrong that does not show whenever a certain spec file is read.
    pub fn has_other_diagnostics(&self) -> bool {
        self.diagnostics.iter().count() > self.told_of_specs
    }
}

/// A glob that was listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedGlob {
    /// As it was written.
    pub pattern: String,
    /// Whether it is one of the Assetfile's `specs`, or one of an instance.
    pub is_spec: bool,
}

impl ListedGlob {
    /// How the record of a run calls it.
    pub fn name(&self) -> String {
        if self.is_spec { format!("{SPEC_GLOB}{}", self.pattern) } else { self.pattern.clone() }
    }
}

/// What a spec file gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unit {
    /// Styles, templates and globs that its expansion used.
    pub used: Used,
    /// Names of the templates that it holds.
    pub templates: Vec<String>,
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
    let mut reader = Reader::new(session, table);
    let settings = reader.settings();
    let paths = reader.list_specs(&settings.config)?;
    let parsed = reader.parse(&paths);
    let (mut loaded, references) = reader.expand(settings, parsed, |_| true);
    loaded.diagnostics.extend(spec::check_unique(loaded.assets.iter().map(Claim::of)));
    loaded.diagnostics.extend(spec::check_references(references));
    loaded.diagnostics.extend(spec::check_groups(&loaded.assets));
    Ok(loaded)
}

/// Reads and expands the awake spec files only; none if what they hold concerns sleeping ones, or if
/// what they share with these was saved after it was compared with the record.
pub fn load_awake(
    session: &Session,
    recall: Recall,
    left_alone: Option<&LeftAlone>,
    table: &mut FileTable,
) -> Option<Loaded> {
    let Recall { awake, asleep, .. } = recall;
    let mut reader = Reader::new(session, table);
    if awake.is_empty() && asleep.is_everything() {
        return Some(reader.nothing(asleep));
    }
    let settings = reader.settings();
    let shared: Vec<Input<'_>> =
        asleep.snapshot.inputs_as(&[Role::Template, Role::Style]).collect();
    let templates: BTreeSet<RelPath> = shared
        .iter()
        .filter(|input| input.role == Role::Template)
        .filter_map(|input| RelPath::new(input.path).ok())
        .filter(|path| !left_alone.is_some_and(|left| left.without_templates.contains(path)))
        .collect();
    let paths: Vec<RelPath> = awake.union(&templates).cloned().collect();
    let parsed = reader.parse(&paths);
    let is_asleep = |input: &&Input<'_>| {
        input.role == Role::Style || !awake.iter().any(|path| path.as_str() == input.path)
    };
    let is_overtaken = settings.concern != asleep.snapshot.summary().settings
        || shared
            .iter()
            .filter(is_asleep)
            .any(|input| reader.has_other(input, asleep.current(input).digest));
    if is_overtaken {
        return None;
    }
    drop(shared);
    // A sleeping file with templates expands to what it did before.
    let (mut loaded, references) =
        reader.expand(settings, parsed, |file| awake.contains(&file.path));
    let is_duplicate = |one: &Diagnostic| one.code == "spec::duplicate_template";
    if left_alone.is_none() && loaded.diagnostics.iter().any(is_duplicate) {
        // The name means another template to sleeping files too.
        return None;
    }
    if are_related(&references, &loaded.assets, &asleep) {
        return None;
    }
    let mut between = spec::check_unique(claims_beside(&loaded.assets, &asleep));
    between.extend(spec::check_references(references));
    between.extend(spec::check_groups(&loaded.assets));
    if between.has_errors() {
        // What they say names places in other files.
        return None;
    }
    loaded.diagnostics.extend(between);
    loaded.asleep = Some(asleep);
    Some(loaded)
}

type References = Vec<spec::AssetReferences>;

/// Reads text files, and collects what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) session: &'a Session,
    pub(super) files: &'a ProjectFiles,
    table: &'a mut FileTable,
    pub(super) sources: SourceMap,
    pub(super) diagnostics: Diagnostics,
    /// Files that could not be read as text.
    unread: Vec<FileId>,
    /// Templates in such files, as far as they can be seen.
    hidden: Hidden,
    listings: Vec<(ListedGlob, Vec<ListedFile>)>,
}

impl<'a> Reader<'a> {
    fn new(session: &'a Session, table: &'a mut FileTable) -> Self {
        Self {
            session,
            files: session.files(),
            table,
            sources: SourceMap::default(),
            diagnostics: Diagnostics::default(),
            unread: Vec::new(),
            hidden: Hidden::default(),
            listings: Vec::new(),
        }
    }

    /// Whether a file was read in this run and had another content.
    fn has_other(&self, input: &Input<'_>, content: Digest) -> bool {
        let path = RelPath::new(input.path).ok();
        let learned = path.and_then(|path| self.table.get(&path, input.content)?.digest());
        learned.is_some_and(|digest| digest != content)
    }

    fn nothing(self, asleep: Asleep) -> Loaded {
        Loaded {
            config: Config::default(),
            defaults: ProjectDefaults::default(),
            concern: None,
            templates: Templates::default(),
            styles: BTreeMap::new(),
            sources: self.sources,
            diagnostics: self.diagnostics,
            warned: BTreeSet::new(),
            told_of_specs: 0,
            assets: Vec::new(),
            units: BTreeMap::new(),
            listings: Vec::new(),
            asleep: Some(asleep),
        }
    }

    /// Paths of all spec files, sorted.
    fn list_specs(&mut self, config: &Config) -> Result<Vec<RelPath>, FileError> {
        let mut paths = BTreeSet::new();
        for pattern in &config.specs {
            match list_matching(self.files, pattern) {
                Ok(found) => {
                    paths.extend(found.files.into_iter().map(|(path, _)| path));
                    let glob = ListedGlob { pattern: pattern.clone(), is_spec: true };
                    self.listings.push((glob, found.dirs));
                }
                Err(ListError::Pattern(reason)) => self.diagnostics.push(
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

    fn parse(&mut self, paths: &[RelPath]) -> Vec<(SpecFile, Diagnostics)> {
        self.unread.clear();
        let ids = self.read_texts(paths);
        let sources = &self.sources;
        self.unread.iter().for_each(|&file| self.hidden.note(&sources.file(file).text));
        ids.par_iter().map(|&id| spec::parse(sources, id)).collect()
    }

    /// Expands the parsed files that are `wanted`; all of them give their templates.
    fn expand(
        mut self,
        settings: Settings,
        parsed: Vec<(SpecFile, Diagnostics)>,
        wanted: impl Fn(&SpecFile) -> bool + Sync,
    ) -> (Loaded, References) {
        let Settings { config, concern, defaults, styles } = settings;
        let hidden = std::mem::take(&mut self.hidden);
        let files = parsed.iter().map(|(file, _)| file);
        let (templates, found) = Templates::collect(files, hidden);
        self.diagnostics.extend(found);
        let listing = DiskListing::new(self.files);
        let context = spec::Context {
            config: &config,
            defaults: &defaults,
            templates: &templates,
            styles: &styles,
            listing: &listing,
        };
        let expanded: Vec<_> = parsed
            .into_par_iter()
            .filter(|(file, _)| wanted(file))
            .map(|(file, mut found)| {
                let expansion = spec::expand(&file, &context);
                found.extend(expansion.diagnostics);
                let templates = file.templates.iter().map(|template| template.name.clone());
                let unit = Unit { used: expansion.used, templates: templates.collect() };
                (file.path, unit, expansion.assets, found)
            })
            .collect();
        let mut assets = Vec::new();
        let mut units = BTreeMap::new();
        let mut globs = BTreeSet::new();
        let mut warned = BTreeSet::new();
        let mut told_of_specs = 0;
        for (path, unit, of_file, found) in expanded {
            if !found.is_empty() {
                warned.insert(path.clone());
                told_of_specs += found.iter().count();
            }
            self.diagnostics.extend(found);
            assets.extend(of_file);
            globs.extend(unit.used.globs.iter().cloned());
            units.insert(path, unit);
        }
        for pattern in globs {
            let dirs = listing.dirs(&pattern);
            self.listings.push((ListedGlob { pattern, is_spec: false }, dirs));
        }
        sort_for_work(&mut assets);
        let references = assets.iter().map(spec::AssetReferences::of).collect();
        let Self { sources, diagnostics, listings, .. } = self;
        let asleep = None;
        let loaded = Loaded {
            config,
            defaults,
            concern: Some(concern),
            templates,
            styles,
            sources,
            diagnostics,
            warned,
            told_of_specs,
            assets,
            units,
            listings,
            asleep,
        };
        (loaded, references)
    }

    pub(super) fn read_text(&mut self, path: &RelPath) -> Option<FileId> {
        self.read_texts(std::slice::from_ref(path)).pop()
    }

    /// Reads text files into the source map; what is missing is left out, what is no text is
    /// reported.
    fn read_texts(&mut self, paths: &[RelPath]) -> Vec<FileId> {
        let files = self.files;
        let read: Vec<_> = paths
            .par_iter()
            .map(|path| {
                let (bytes, stat) = files.read(path)?;
                let text = yaml::decode_text(&bytes);
                Ok((text.map_err(|error| (error.excerpt(&bytes), error)), stat))
            })
            .collect();
        let mut ids = Vec::with_capacity(paths.len());
        for (path, result) in paths.iter().zip(read) {
            match result {
                Ok((Ok(text), stat)) => {
                    let digest = Digest::of_text(&text);
                    self.table.note(path.clone(), Content::Text, digest, stat);
                    ids.push(self.sources.add(path.clone(), text));
                }
                Ok((Err((excerpt, error)), _)) => {
                    let file = self.sources.add(path.clone(), excerpt);
                    self.unread.push(file);
                    self.diagnostics.push(error.diagnostic(file));
                }
                Err(FileError::Missing { .. }) => {}
                Err(error) => {
                    let file = self.sources.add(path.clone(), "");
                    self.unread.push(file);
                    let message = format!("failed to {}", crate::execute::with_causes(&error));
                    let start = Span { file, start: 0, end: 0 };
                    let found = Diagnostic::error("spec::unreadable", message).at(start, "");
                    self.diagnostics.push(found);
                }
            }
        }
        ids
    }
}

/// The expanded spec of one asset as text, with the origin of each line.
///
/// `today`: in UTC, `YYYY-MM-DD`.
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
        listing: &DiskListing::new(session.files()),
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
    let steps = asset.steps.iter().filter_map(|step| step.op()?.source());
    let inputs = asset.generate.inputs();
    inputs.into_iter().chain(steps).map(|path| (path.clone(), input_content(path))).collect()
}

/// A pattern could not be listed.
#[derive(Debug)]
pub enum ListError {
    /// It is no glob.
    Pattern(String),
    /// A folder cannot be read.
    Files(FileError),
}

/// Files of the project that match a glob, and the folders that were listed for it.
#[derive(Debug, Default)]
pub struct Matching {
    /// Paths and stats, sorted.
    pub files: Vec<(RelPath, Stat)>,
    /// The folders that were listed; the nearest one above if there is none.
    pub dirs: Vec<ListedFile>,
}

/// Lists the files of the project that match a glob.
///
/// # Errors
/// `ListError` for what is no glob and for folders that cannot be read.
pub fn list_matching(files: &ProjectFiles, pattern: &str) -> Result<Matching, ListError> {
    let set = globs(pattern).map_err(|error| ListError::Pattern(error.kind().to_string()))?;
    let dir = literal_folder(pattern);
    let list = || {
        let found = files.list(dir.as_ref(), &|path| set.is_match(path));
        found.map_err(ListError::Files)
    };
    let mut listing = list()?;
    if listing.dirs.is_empty()
        && let Some(dir) = &dir
    {
        // Looked at before the folder is looked for once more: if it comes after that, this shows.
        let above = folder_above(files, dir);
        listing = list()?;
        if listing.dirs.is_empty() {
            listing.dirs.extend(above);
        }
    }
    let portable = |file: ListedFile| Some((RelPath::new(&file.path).ok()?, file.stat));
    let found = listing.files.into_iter().filter_map(portable).collect();
    Ok(Matching { files: found, dirs: listing.dirs })
}

/// The nearest folder above one that is missing.
fn folder_above(files: &ProjectFiles, missing: &RelPath) -> Option<ListedFile> {
    let mut path = missing.as_str();
    while !path.is_empty() {
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
        if let [Some(stat)] = files.stat_dirs(&[path])[..] {
            return Some(ListedFile { path: path.to_owned(), stat });
        }
    }
    None
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

/// Lists each glob once: what the record of the run says of the folders is what the specs saw.
struct DiskListing<'a> {
    files: &'a ProjectFiles,
    found: Mutex<HashMap<String, Matching>>,
}

impl<'a> DiskListing<'a> {
    fn new(files: &'a ProjectFiles) -> Self {
        Self { files, found: Mutex::default() }
    }

    fn found(&self) -> MutexGuard<'_, HashMap<String, Matching>> {
        self.found.lock().expect("nobody panics while the lists are held")
    }

    /// The folders that were listed for a glob.
    fn dirs(&self, glob: &str) -> Vec<ListedFile> {
        self.found().get(glob).map(|matching| matching.dirs.clone()).unwrap_or_default()
    }
}

impl spec::Listing for DiskListing<'_> {
    fn matching(&self, glob: &str) -> Vec<RelPath> {
        let is_known = self.found().contains_key(glob);
        if !is_known {
            // Not while the lists are held: the walk may take up another expansion meanwhile.
            let listed = list_matching(self.files, glob).unwrap_or_default();
            self.found().entry(glob.to_owned()).or_insert(listed);
        }
        let found = self.found();
        found[glob].files.iter().map(|(path, _)| path.clone()).collect()
    }

    fn exists(&self, path: &RelPath) -> bool {
        self.files.stat(path).is_ok()
    }
}
