//! A spec file becomes its documents: specs, instances and templates, each with the defaults that
//! lie under it. Nothing is merged yet; a broken document does not cost the others.

use std::sync::Arc;

use crate::base::{Diagnostic, Diagnostics, FileId, RelPath, SourceMap};
use crate::spec::instance::Instance;
use crate::spec::keys::{FILE, INSTANCE, SPEC, TEMPLATE};
use crate::spec::template::{Template, names_in};
use crate::spec::{CODES, layer};
use crate::yaml::{self, Checker, Value, Via};

/// A parsed spec file.
#[derive(Debug, Clone)]
pub struct SpecFile {
    /// Its path.
    pub path: RelPath,
    /// The templates that it holds.
    pub templates: Vec<Arc<Template>>,
    /// Names of templates that it seems to hold, and that a mistake hides.
    pub(super) hidden: Vec<String>,
    /// The `defaults` that its specs refer to, in their one form.
    pub(super) defaults: Vec<Value>,
    pub(super) units: Vec<Unit>,
}

/// One spec or instance.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// Index of the defaults under it.
    pub(super) defaults: Option<usize>,
    pub(super) body: Body,
}

/// What a document or an entry of `specs` is.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// A spec, in its one form.
    Spec(Value),
    /// Uses of a template.
    Instance(Box<Instance>),
}

/// Parses the spec file `file`.
pub fn parse(sources: &SourceMap, file: FileId) -> (SpecFile, Diagnostics) {
    let source = sources.file(file);
    let mut diagnostics = Diagnostics::default();
    let mut parser = Parser {
        file: SpecFile {
            path: source.path.clone(),
            templates: Vec::new(),
            hidden: Vec::new(),
            defaults: Vec::new(),
            units: Vec::new(),
        },
        standing: None,
        diagnostics: &mut diagnostics,
    };
    let documents = yaml::read(file, &source.text, Via::Spec, parser.diagnostics);
    for document in &documents {
        parser.document(document);
    }
    let mut file = parser.file;
    // Documents are lost in syntax errors only.
    if diagnostics.iter().any(|found| found.code.starts_with("yaml::")) {
        let names = names_in(&source.text);
        let is_hidden = |name: &&str| !file.templates.iter().any(|known| known.name == *name);
        file.hidden = names.filter(is_hidden).map(str::to_owned).collect();
    }
    (file, diagnostics)
}

struct Parser<'a> {
    file: SpecFile,
    /// Defaults that stand alone in a document, for the documents after it.
    standing: Option<usize>,
    diagnostics: &'a mut Diagnostics,
}

impl Parser<'_> {
    fn document(&mut self, document: &Value) {
        if matches!(document.kind, yaml::Kind::List(_)) {
            return self.list(document, self.standing);
        }
        if !document.is_map() {
            self.not_a_map(document);
            return;
        }
        let is_file = document.entry("specs").is_some() || document.entry("defaults").is_some();
        if !is_file || document.entry("template").is_some() || document.entry("use").is_some() {
            return self.item(document, self.standing);
        }
        let mut checker = Checker { codes: &CODES, diagnostics: self.diagnostics };
        checker.map("", document, FILE);
        super::decode::version(document, &mut checker);
        let mut defaults = self.standing;
        if let Some(value) = document.get("defaults").filter(|value| value.is_map()) {
            defaults = Some(self.add_defaults(value));
        }
        match document.get("specs") {
            Some(specs) => self.list(specs, defaults),
            None => self.standing = defaults,
        }
    }

    fn add_defaults(&mut self, value: &Value) -> usize {
        let mut checker = Checker { codes: &CODES, diagnostics: self.diagnostics };
        for entry in value.entries() {
            if &*entry.key == "id" {
                checker.wrong_value(
                    "`defaults` cannot have an `id`",
                    entry.key_span,
                    "an id names one asset; write it in the spec",
                );
            } else if !layer::is_spec_key(&entry.key) {
                checker.unknown_key("defaults", entry, SPEC.iter().map(|key| key.name));
            }
        }
        let known = value
            .entries()
            .iter()
            .filter(|entry| &*entry.key != "id" && layer::is_spec_key(&entry.key))
            .cloned()
            .collect();
        let known = value.with_entries(known).via(Via::FileDefaults);
        self.file.defaults.push(layer::normalize(&known, self.diagnostics));
        self.file.defaults.len() - 1
    }

    fn list(&mut self, list: &Value, defaults: Option<usize>) {
        for item in list.items() {
            if item.is_map() {
                self.item(item, defaults);
            } else if item.kind != yaml::Kind::Null {
                self.not_a_map(item);
            }
        }
    }

    fn item(&mut self, value: &Value, defaults: Option<usize>) {
        if value.entry("template").is_some() {
            let under = defaults.map(|at| &self.file.defaults[at]);
            let template = Template::parse(value, under, &self.file.path, self.diagnostics);
            self.file.templates.extend(template.map(Arc::new));
            return;
        }
        let body = if value.entry("use").is_some() {
            match Instance::parse(value, self.diagnostics) {
                Some(instance) => Body::Instance(Box::new(instance)),
                None => return,
            }
        } else {
            let known = || SPEC.iter().map(|key| key.name);
            let all = known().chain(["use", "template", "defaults", "specs"]);
            let mut checker = Checker { codes: &CODES, diagnostics: self.diagnostics };
            for entry in value.entries().iter().filter(|entry| !layer::is_spec_key(&entry.key)) {
                let elsewhere = TEMPLATE.iter().chain(INSTANCE).any(|key| key.is(&entry.key));
                if elsewhere {
                    let owner = match TEMPLATE.iter().any(|key| key.is(&entry.key)) {
                        true => "`template:`",
                        false => "`use:`",
                    };
                    checker.wrong_value(
                        format!("`{}` stands only beside {owner}", entry.key),
                        entry.key_span,
                        format!("add {owner}, or delete the key"),
                    );
                } else {
                    checker.unknown_key("", entry, all.clone());
                }
            }
            let known = value.entries().iter().filter(|entry| layer::is_spec_key(&entry.key));
            let known = value.with_entries(known.cloned().collect());
            Body::Spec(layer::normalize(&known, self.diagnostics))
        };
        self.file.units.push(Unit { defaults, body });
    }

    fn not_a_map(&mut self, value: &Value) {
        let help = match value.text() {
            Some(text) if text.contains(':') => "write a space after each colon",
            _ => "write `id: …`, `generation: …` and so on",
        };
        self.diagnostics.push(
            Diagnostic::error(
                CODES.wrong_type,
                format!("a spec is a map, not {}", value.describe()),
            )
            .at(value.span, "")
            .help(help),
        );
    }
}
