//! Templates: a spec with typed parameters, kept until an instance names it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, RelPath, Span};
use crate::spec::keys::{SPEC, TEMPLATE};
use crate::spec::placeholder::Binding;
use crate::spec::{CODES, SpecFile, layer};
use crate::yaml::{self, Checker, Style, Value, Via};

/// A template as it was parsed.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// The spec file that it was written in.
    pub file: RelPath,
    pub(super) name_span: Span,
    pub(super) parameters: Vec<Parameter>,
    pub(super) id: Option<Value>,
    /// The defaults of its document, with its own content on top.
    pub(super) layer: Value,
}

/// One parameter of a template.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    span: Span,
    kind: ParameterKind,
    pub(super) values: Vec<String>,
    default: Option<Value>,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParameterKind {
    Enum,
    String,
    Integer,
    Number,
    Boolean,
}

/// All templates of the project by name.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    known: BTreeMap<String, Arc<Template>>,
    hidden: Hidden,
}

/// Templates that there seem to be, and that a mistake in their file hides.
#[derive(Debug, Clone, Default)]
pub struct Hidden {
    names: BTreeSet<String>,
    /// Whether there may be any others: a file shows nothing of what is in it.
    has_unknown: bool,
}

impl Hidden {
    /// Notes what can be seen of a file that is no text.
    pub fn note(&mut self, excerpt: &str) {
        self.names.extend(names_in(excerpt).map(str::to_owned));
        self.has_unknown |= excerpt.is_empty();
    }
}

/// The names in lines such as `- template: coin`, whether or not the text around them is YAML.
pub(super) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let is_inner = line.starts_with(' ') && !line.trim_start().starts_with('-');
        let line = line.trim_start_matches([' ', '-', '[', '{']);
        let line = if is_inner { "" } else { line };
        let name = line.strip_prefix("template:")?.split(['#', ',', '}']).next()?;
        Some(name.trim().trim_matches(['"', '\'']))
    })
}

impl Templates {
    /// Collects the templates of all files; a name that is used twice is reported.
    ///
    /// `hidden`: those in files that could not be read.
    pub fn collect<'a>(
        files: impl IntoIterator<Item = &'a SpecFile>,
        mut hidden: Hidden,
    ) -> (Self, Diagnostics) {
        let mut templates: BTreeMap<String, Arc<Template>> = BTreeMap::new();
        let mut diagnostics = Diagnostics::default();
        let templates_of = |file: &'a SpecFile| {
            hidden.names.extend(file.hidden.iter().cloned());
            &file.templates
        };
        for template in files.into_iter().flat_map(templates_of) {
            match templates.get(&template.name) {
                Some(first) => diagnostics.push(
                    Diagnostic::error(
                        "spec::duplicate_template",
                        format!("two templates are called `{}`", template.name),
                    )
                    .at(template.name_span, "again here")
                    .at(first.name_span, "first here")
                    .help("rename one of them"),
                ),
                None => {
                    templates.insert(template.name.clone(), template.clone());
                }
            }
        }
        (Self { known: templates, hidden }, diagnostics)
    }

    /// The template of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Template>> {
        self.known.get(name)
    }

    /// Whether there seems to be one of this name, which a mistake hides: it is told where that is.
    pub(super) fn is_hidden(&self, name: &str) -> bool {
        self.hidden.has_unknown || self.hidden.names.contains(name)
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.keys().map(String::as_str)
    }
}

impl Template {
    /// Takes a template's document apart; `defaults` lie under it.
    pub(super) fn parse(
        value: &Value,
        defaults: Option<&Value>,
        file: &RelPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let name = value.entry("template")?;
        let mut checker = Checker { codes: &CODES, diagnostics };
        let own_keys = TEMPLATE.iter().chain(SPEC).map(|key| key.name);
        for entry in value.entries() {
            let key = &*entry.key;
            if let Some(known) = TEMPLATE.iter().find(|known| known.name == key) {
                checker.entry(entry, &known.shape);
            } else if !layer::is_spec_key(key) {
                checker.unknown_key("", entry, own_keys.clone());
            }
        }
        let parameters: Vec<Parameter> = value
            .get("parameters")
            .map_or(&[][..], Value::items)
            .iter()
            .filter_map(|item| Parameter::parse(item, &mut checker))
            .collect();
        for (at, parameter) in parameters.iter().enumerate() {
            if let Some(first) = parameters[..at].iter().find(|p| p.name == parameter.name) {
                checker.diagnostics.push(
                    Diagnostic::error(
                        "spec::duplicate_parameter",
                        format!("two parameters are called `{}`", parameter.name),
                    )
                    .at(parameter.span, "again here")
                    .at(first.span, "first here")
                    .help("rename one of them"),
                );
            }
        }
        let content = value.via(Via::Template);
        let content = content.with_entries(
            content
                .entries()
                .iter()
                .filter(|entry| !matches!(&*entry.key, "template" | "parameters" | "id"))
                .filter(|entry| layer::is_spec_key(&entry.key))
                .cloned()
                .collect(),
        );
        let content = layer::normalize(&content, checker.diagnostics);
        let layer = match defaults {
            Some(defaults) => layer::stack(defaults, &content),
            None => content,
        };
        Some(Self {
            name: name.value.text()?.to_owned(),
            file: file.clone(),
            name_span: name.value.span,
            parameters,
            id: value.get("id").map(|id| id.via(Via::Template)),
            layer,
        })
    }

    /// The first enum's name: the seed's `type_number` is its number.
    pub(super) fn first_enum(&self) -> Option<&str> {
        self.parameters
            .iter()
            .find(|parameter| parameter.kind == ParameterKind::Enum)
            .map(|parameter| parameter.name.as_str())
    }
}

impl Parameter {
    fn parse(value: &Value, checker: &mut Checker<'_>) -> Option<Self> {
        if !value.is_map() {
            return None;
        }
        let Some(name) = value.get("name") else {
            checker.missing("a parameter has no `name`", value.span, "write `name: …`");
            return None;
        };
        let text = name.text()?;
        let is_word = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word || text.is_empty() || layer::is_spec_key(text) {
            let help = if is_word {
                "this is a key of specs; choose another name"
            } else {
                "use letters, digits and `_`"
            };
            checker.wrong_value(format!("a parameter cannot be called `{text}`"), name.span, help);
            return None;
        }
        let values: Vec<String> = value
            .get("values")
            .map_or(&[][..], Value::items)
            .iter()
            .filter_map(|value| value.text().map(str::to_owned))
            .collect();
        let kind = match value.get_text("type") {
            Some("enum") => ParameterKind::Enum,
            Some("integer") => ParameterKind::Integer,
            Some("number") => ParameterKind::Number,
            Some("boolean") => ParameterKind::Boolean,
            _ => ParameterKind::String,
        };
        if kind == ParameterKind::Enum && values.is_empty() {
            checker.missing(
                format!("the enum `{text}` has no `values`"),
                name.span,
                "write `values: [a, b]`",
            );
        }
        let number = |key| value.get_text(key).and_then(yaml::parse_number);
        let parameter = Self {
            name: text.to_owned(),
            span: name.span,
            kind,
            values,
            default: value.get("default").map(|default| default.via(Via::Template)),
            min: number("min"),
            max: number("max"),
        };
        if let Some(default) = &parameter.default {
            parameter.check(default, checker);
        }
        Some(parameter)
    }

    /// The value with the parameter's type; what it cannot be is reported.
    pub(super) fn check(&self, value: &Value, checker: &mut Checker<'_>) -> Option<Value> {
        let Some(text) = value.text() else {
            checker.wrong_value(
                format!("`{}` needs a single value, not {}", self.name, value.describe()),
                value.span,
                format!("write {}", self.describe()),
            );
            return None;
        };
        if !self.values.is_empty() && !self.values.iter().any(|known| known == text) {
            let known = self.values.iter().map(String::as_str);
            let help = match did_you_mean(text, known.clone()) {
                Some(near) if text.chars().count() > 2 => format!("did you mean `{near}`?"),
                _ => format!("one of: {}", known.collect::<Vec<_>>().join(", ")),
            };
            checker.wrong_value(format!("`{}` cannot be `{text}`", self.name), value.span, help);
            return None;
        }
        let number = yaml::parse_number(text);
        let in_range = number.is_none_or(|number| {
            self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
        });
        let fits = match self.kind {
            ParameterKind::Enum | ParameterKind::String => true,
            ParameterKind::Integer => yaml::parse_integer(text).is_some() && in_range,
            ParameterKind::Number => number.is_some() && in_range,
            ParameterKind::Boolean => matches!(text, "true" | "false"),
        };
        if !fits {
            checker.wrong_value(
                format!("`{}` cannot be `{text}`", self.name),
                value.span,
                format!("write {}", self.describe()),
            );
            return None;
        }
        let style = match self.kind {
            ParameterKind::Enum | ParameterKind::String => Style::Quoted,
            _ => Style::Plain,
        };
        Some(Value::scalar(text, style, value.span, value.via))
    }

    fn describe(&self) -> String {
        let range = match (self.min, self.max) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" from {min}"),
            (None, Some(max)) => format!(" up to {max}"),
            (None, None) => String::new(),
        };
        match self.kind {
            ParameterKind::Enum => format!("one of {}", self.values.join(", ")),
            ParameterKind::String => "text".to_owned(),
            ParameterKind::Integer => format!("a whole number{range}"),
            ParameterKind::Number => format!("a number{range}"),
            ParameterKind::Boolean => "`true` or `false`".to_owned(),
        }
    }

    /// The place of a value among the declared ones, from 1.
    pub(super) fn number_of(&self, text: &str) -> Option<usize> {
        self.values.iter().position(|value| value == text).map(|at| at + 1)
    }

    pub(super) fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }
}

/// The bindings of an asset: given values, defaults, and what the rules derive.
pub(super) fn bind(
    template: &Template,
    given: &[Binding],
    use_span: Span,
    checker: &mut Checker<'_>,
) -> Option<Vec<Binding>> {
    let mut good = true;
    let mut bindings: Vec<Binding> = Vec::with_capacity(template.parameters.len());
    let mut derived = Vec::new();
    for parameter in &template.parameters {
        let given = given.iter().find(|binding| binding.name == parameter.name);
        let value = given.map(|binding| &binding.value).or(parameter.default());
        let Some(value) = value else {
            derived.push(parameter);
            continue;
        };
        match parameter.check(value, checker) {
            Some(value) => {
                let number = value.text().and_then(|text| parameter.number_of(text));
                bindings.push(Binding {
                    name: parameter.name.clone(),
                    number: number.or(given.and_then(|binding| binding.number)),
                    label: given.and_then(|binding| binding.label.clone()),
                    value,
                });
            }
            None => good = false,
        }
    }
    let first_enum = template.first_enum();
    for parameter in derived {
        let scope =
            super::placeholder::Scope { bindings: &bindings, first_enum, ..Default::default() };
        let value = scope
            .derived(&parameter.name)
            .map(|text| Value::scalar(text, Style::Plain, use_span, Via::Derived));
        match value.as_ref().map(|value| parameter.check(value, checker)) {
            Some(Some(value)) => {
                let number = value.text().and_then(|text| parameter.number_of(text));
                let name = parameter.name.clone();
                bindings.push(Binding { name, number, label: None, value });
            }
            Some(None) => good = false,
            None => {
                good = false;
                checker.missing(
                    format!("`{}` needs `{}`", template.name, parameter.name),
                    use_span,
                    format!("write `{}:` with {}", parameter.name, parameter.describe()),
                );
            }
        }
    }
    good.then_some(bindings)
}
