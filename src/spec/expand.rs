//! Layers are merged, placeholders filled, and every spec and instance of a file becomes assets.
//!
//! A file expands without looking at other files: what it needs of them (templates, styles, lists
//! of files) comes in through the context, and what it used is told, so that an edit re-expands
//! only the files that it concerns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, Encoding, MediaKind, RelPath, Span};
use crate::config::{Config, ProjectDefaults};
use crate::spec::decode::{self, Input};
use crate::spec::instance::{Instance, Row};
use crate::spec::parse::{Body, Unit};
use crate::spec::placeholder::{Binding, Scope};
use crate::spec::template::{self, Template, Templates};
use crate::spec::{AssetSpec, CODES, SpecFile, ids, layer, providers};
use crate::yaml::{Checker, Style, Value, Via};

/// What a file's expansion may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The Assetfile.
    pub config: &'a Config,
    /// Its `defaults`.
    pub defaults: &'a ProjectDefaults,
    /// All templates of the project.
    pub templates: &'a Templates,
    /// Style name to the text of its Markdown file.
    pub styles: &'a BTreeMap<String, String>,
    /// The files of the project.
    pub listing: &'a dyn Listing,
}

/// The files of the project, as far as specs ask for them.
pub trait Listing: Sync {
    /// Files that match a glob, relative to the root.
    fn matching(&self, glob: &str) -> Vec<RelPath>;

    /// Whether a file is there. One that is not gets a warning: it may come before it is needed.
    fn exists(&self, path: &RelPath) -> bool;
}

/// What a file became.
#[derive(Debug, Clone, Default)]
pub struct Expansion {
    /// The assets without mistakes, in the order written.
    pub assets: Vec<AssetSpec>,
    /// What else the result depends on.
    pub used: Used,
    /// What is wrong.
    pub diagnostics: Diagnostics,
}

/// What an expansion depends on beside its own file and the Assetfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Names of templates, known or not.
    pub templates: BTreeSet<String>,
    /// Names of styles, known or not.
    pub styles: BTreeSet<String>,
    /// Globs that were listed.
    pub globs: BTreeSet<String>,
    /// Files that were looked for.
    pub files: BTreeSet<RelPath>,
}

/// A spec after merging and filling in, before it is decoded.
pub(super) struct Merged {
    pub(super) id: String,
    pub(super) span: Span,
    pub(super) tree: Value,
    pub(super) media: Option<MediaKind>,
    /// Texts of `prompt.templates` that the instance's values choose.
    pub(super) chosen: Vec<Value>,
    /// Given by an instance's `output_name`.
    pub(super) output_name: Option<Value>,
}

/// Expands a file.
pub fn expand(file: &SpecFile, context: &Context<'_>) -> Expansion {
    let mut expansion = Expansion::default();
    let mut each = |merged: Merged, mut found: Diagnostics, used: &mut Used| {
        let input = Input { merged: &merged, file: &file.path, context };
        let asset = decode::decode(&input, used, &mut found);
        let failed = found.has_errors();
        expansion.diagnostics.extend(found);
        if !failed {
            expansion.assets.extend(asset);
        }
    };
    let mut used = Used::default();
    let stray = walk(file, context, &mut used, &mut each);
    expansion.diagnostics.extend(stray);
    expansion.used = used;
    expansion
}

/// Calls `each` with every merged spec of the file and what is wrong with it so far; returns what
/// is wrong with no spec in particular.
pub(super) fn walk(
    file: &SpecFile,
    context: &Context<'_>,
    used: &mut Used,
    each: &mut dyn FnMut(Merged, Diagnostics, &mut Used),
) -> Diagnostics {
    let mut stray = Diagnostics::default();
    let mut normal =
        |value: &Option<Value>| value.as_ref().map(|value| layer::normalize(value, &mut stray));
    let project = [normal(&context.defaults.image), normal(&context.defaults.audio)];
    let mut walker = Walker { file, context, project, bases: HashMap::new(), used, stray, each };
    for unit in &file.units {
        match &unit.body {
            Body::Spec(own) => walker.spec(unit, own),
            Body::Instance(instance) => walker.instance(unit, instance),
        }
    }
    walker.stray
}

struct Walker<'a> {
    file: &'a SpecFile,
    context: &'a Context<'a>,
    project: [Option<Value>; 2],
    /// Project and file defaults on each other, by file defaults and media.
    bases: HashMap<(Option<usize>, Option<MediaKind>), Option<Value>>,
    used: &'a mut Used,
    stray: Diagnostics,
    each: &'a mut dyn FnMut(Merged, Diagnostics, &mut Used),
}

impl Walker<'_> {
    fn spec(&mut self, unit: &Unit, own: &Value) {
        let mut found = Diagnostics::default();
        let mut checker = Checker { codes: &CODES, diagnostics: &mut found };
        let media = self.media(&[own], unit.defaults);
        let tree = match self.base(unit.defaults, media) {
            Some(base) => layer::stack(&base, own),
            None => own.clone(),
        };
        let Some(id) = own.get("id") else {
            let start = own.entries().first().map_or(own.span, |entry| entry.key_span);
            checker.missing("a spec has no `id`", start, "write `id: some-name`");
            self.stray.extend(found);
            return;
        };
        if !ids::check(id, &mut checker) {
            self.stray.extend(found);
            return;
        }
        let name = id.text().unwrap_or_default().to_owned();
        let scope = Scope { id: Some(&name), ..Scope::default() };
        let tree = fill(&tree, scope, &mut found);
        let tree = layer::drop_misfits(&tree);
        let span = id.span;
        let merged = Merged { id: name, span, tree, media, chosen: Vec::new(), output_name: None };
        (self.each)(merged, found, self.used);
    }

    fn instance(&mut self, unit: &Unit, instance: &Instance) {
        self.used.templates.insert(instance.template.clone());
        let Some(template) = self.context.templates.get(&instance.template).cloned() else {
            if self.context.templates.is_hidden(&instance.template) {
                return;
            }
            let names = self.context.templates.names();
            let help = match did_you_mean(&instance.template, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.clone().next().is_none() => {
                    "no spec file has a document with `template:`".to_owned()
                }
                None => format!("templates: {}", names.collect::<Vec<_>>().join(", ")),
            };
            self.stray.push(
                Diagnostic::error(
                    "spec::unknown_template",
                    format!("no template is called `{}`", instance.template),
                )
                .at(instance.use_span, "")
                .help(help),
            );
            return;
        };
        self.used.globs.extend(instance.glob().map(str::to_owned));
        let mut known: Vec<&str> =
            template.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        if instance.glob().is_some() {
            known.extend(["path", "stem"]);
        }
        let rows = instance.rows(&known, self.context.listing, &mut self.stray);
        let media = self.media(&[&instance.layer, &template.layer], unit.defaults);
        let layers = match self.base(unit.defaults, media) {
            Some(base) => layer::stack(&base, &template.layer),
            None => template.layer.clone(),
        };
        let tree = layer::stack(&layers, &instance.layer);
        let one = rows.len() == 1;
        for row in rows {
            self.row(instance, &template, &tree, media, &row, one);
        }
    }

    fn row(
        &mut self,
        instance: &Instance,
        template: &Template,
        tree: &Value,
        media: Option<MediaKind>,
        row: &Row,
        only: bool,
    ) {
        let mut found = Diagnostics::default();
        let mut checker = Checker { codes: &CODES, diagnostics: &mut found };
        let bindings = template::bind(template, &row.bindings, instance.use_span, &mut checker);
        let Some(mut bindings) = bindings else {
            self.stray.extend(found);
            return;
        };
        for binding in &row.bindings {
            if !bindings.iter().any(|bound| bound.name == binding.name) {
                bindings.push(binding.clone());
            }
        }
        let scope =
            Scope { bindings: &bindings, first_enum: template.first_enum(), ..Scope::default() };
        let id = match instance.id.as_ref().or(template.id.as_ref()) {
            Some(pattern) => scope.fill(pattern, &mut found),
            None => {
                let text = ids::derived(template, &row.bindings);
                Value::scalar(text, Style::Quoted, instance.use_span, Via::Derived)
            }
        };
        let fixed = [&instance.id, &instance.output_name]
            .into_iter()
            .flatten()
            .find(|value| value.text().is_some_and(|text| !text.contains("{{")));
        let mut checker = Checker { codes: &CODES, diagnostics: &mut found };
        if let Some(name) = fixed.filter(|_| !only) {
            checker.wrong_value(
                "one name for several assets",
                name.span,
                "use parameters in it, such as `jump-{{variant}}`",
            );
        }
        if !ids::check(&id, &mut checker) || checker.diagnostics.has_errors() {
            self.stray.extend(found);
            return;
        }
        let name = id.text().unwrap_or_default().to_owned();
        let scope = Scope { id: Some(&name), ..scope };
        let tree = fill(tree, scope, &mut found);
        let tree = layer::drop_misfits(&tree);
        let chosen = chosen_texts(&tree, template, &bindings);
        let output_name =
            instance.output_name.as_ref().map(|output| scope.fill(output, &mut found));
        let span = instance.id.as_ref().map_or(instance.use_span, |id| id.span);
        let merged = Merged { id: name, span, tree, media, chosen, output_name };
        (self.each)(merged, found, self.used);
    }

    /// Whether the spec is a picture or a sound, as far as its layers say.
    fn media(&self, layers: &[&Value], defaults: Option<usize>) -> Option<MediaKind> {
        let file = defaults.map(|at| &self.file.defaults[at]);
        let all = || layers.iter().copied().chain(file);
        let word = all().find_map(|layer| layer.get("generation")?.get_text("type"));
        match word {
            Some("image") => return Some(MediaKind::Image),
            Some("audio") => return Some(MediaKind::Audio),
            _ => {}
        }
        let by_provider = all().find_map(|layer| {
            let provider = layer.get("generation")?.get_text("provider")?;
            match providers::find(provider)?.media {
                [only] => Some(*only),
                _ => None,
            }
        });
        const PATHS: [(&str, &str); 5] = [
            ("integration", "manifest_path"),
            ("integration", "output_path"),
            ("integration", "naming_pattern"),
            ("generation", "source"),
            ("generation", "output"),
        ];
        by_provider.or_else(|| {
            let path = all().find_map(|layer| {
                PATHS.iter().find_map(|(section, key)| layer.get(section)?.get_text(key))
            })?;
            Some(Encoding::from_extension(path.rsplit_once('.')?.1)?.media())
        })
    }

    fn base(&mut self, defaults: Option<usize>, media: Option<MediaKind>) -> Option<Value> {
        let Self { file, project, bases, .. } = self;
        bases
            .entry((defaults, media))
            .or_insert_with(|| {
                let project = match media? {
                    MediaKind::Image => project[0].as_ref(),
                    MediaKind::Audio => project[1].as_ref(),
                };
                let file = defaults.map(|at| &file.defaults[at]);
                match (project, file) {
                    (Some(project), Some(file)) => Some(layer::stack(project, file)),
                    (one, other) => one.or(other).cloned(),
                }
            })
            .clone()
            .or_else(|| defaults.map(|at| file.defaults[at].clone()))
    }
}

/// Fills in placeholders: `metadata` first, as the rest may refer to it.
fn fill(tree: &Value, scope: Scope<'_>, diagnostics: &mut Diagnostics) -> Value {
    let Some(metadata) = tree.get("metadata") else { return scope.fill(tree, diagnostics) };
    let filled = scope.fill(metadata, diagnostics);
    let entries = tree.entries().iter().map(|entry| {
        let mut entry = entry.clone();
        if &*entry.key == "metadata" {
            entry.value = filled.clone();
        }
        entry
    });
    let tree = tree.with_entries(entries.collect());
    Scope { metadata: Some(&filled), ..scope }.fill(&tree, diagnostics)
}

/// The texts of `prompt.templates` for the values in use, in the order of the parameters.
fn chosen_texts(tree: &Value, template: &Template, bindings: &[Binding]) -> Vec<Value> {
    let Some(texts) = tree.get("prompt").and_then(|prompt| prompt.get("templates")) else {
        return Vec::new();
    };
    template
        .parameters
        .iter()
        .filter_map(|parameter| bindings.iter().find(|binding| binding.name == parameter.name))
        .filter_map(|binding| texts.get(binding.value.text()?).cloned())
        .collect()
}
