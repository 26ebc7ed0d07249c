//! `{{name}}` in values: strict, with filters, and no logic. A value that is exactly one
//! placeholder takes the type of what stands behind the name.

use std::sync::Arc;

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, Span};
use crate::spec::words;
use crate::yaml::{Entry, Kind, Style, Value};

/// One value of an instance, under the name that placeholders use.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) name: String,
    /// A scalar.
    pub(super) value: Value,
    /// Its place among the declared values, else among the instance's; from 1.
    pub(super) number: Option<usize>,
    /// The label that the instance gives it.
    pub(super) label: Option<String>,
}

/// What names mean while one asset is expanded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) bindings: &'a [Binding],
    pub(super) metadata: Option<&'a Value>,
    /// Name of the first enum, which the seed calls `type`.
    pub(super) first_enum: Option<&'a str>,
}

impl Scope<'_> {
    /// The value with all placeholders replaced.
    pub(super) fn fill(&self, value: &Value, diagnostics: &mut Diagnostics) -> Value {
        self.filled(value, diagnostics).unwrap_or_else(|| value.clone())
    }

    /// None if nothing in the tree changes, so that it stays shared.
    fn filled(&self, value: &Value, diagnostics: &mut Diagnostics) -> Option<Value> {
        let kind = match &value.kind {
            Kind::Null => return None,
            Kind::Scalar { text, .. } => {
                if !text.contains("{{") {
                    return None;
                }
                return Some(self.fill_scalar(value, text, diagnostics));
            }
            Kind::List(items) => {
                let filled: Vec<Option<Value>> =
                    items.iter().map(|item| self.filled(item, diagnostics)).collect();
                if filled.iter().all(Option::is_none) {
                    return None;
                }
                let merged = filled.into_iter().zip(items.iter());
                Kind::List(merged.map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect())
            }
            Kind::Map(entries) => {
                let filled: Vec<Option<Value>> =
                    entries.iter().map(|entry| self.filled(&entry.value, diagnostics)).collect();
                if filled.iter().all(Option::is_none) {
                    return None;
                }
                let merged = filled.into_iter().zip(entries.iter());
                Kind::Map(
                    merged
                        .map(|(new, old)| Entry {
                            value: new.unwrap_or_else(|| old.value.clone()),
                            ..old.clone()
                        })
                        .collect(),
                )
            }
        };
        Some(Value { kind, span: value.span, via: value.via })
    }

    fn fill_scalar(&self, value: &Value, text: &str, diagnostics: &mut Diagnostics) -> Value {
        let scalar = |text: Arc<str>, style| Value::scalar(text, style, value.span, value.via);
        let (parts, unclosed) = split(text);
        if let Some(at) = unclosed {
            diagnostics.push(
                Diagnostic::error("spec::placeholder", "a `{{` without its `}}`")
                    .at(sub_span(value, text, at, text.len()), "")
                    .help("write `{{name}}`"),
            );
        }
        if let [Part::Placeholder { inner, .. }] = parts.as_slice()
            && !inner.contains('|')
            && let Some((text, style)) = self.lookup(inner.trim())
        {
            return scalar(text, style);
        }
        let mut out = String::with_capacity(text.len() + 16);
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Placeholder { inner, at } => match self.evaluate(inner) {
                    Ok(text) => out.push_str(&text),
                    Err((message, help)) => {
                        out.push_str(&text[at..at + inner.len() + 4]);
                        let span = sub_span(value, text, at, at + inner.len() + 4);
                        let diagnostic =
                            Diagnostic::error("spec::placeholder", message).at(span, "");
                        diagnostics.push(diagnostic.help(help));
                    }
                },
            }
        }
        scalar(out.into(), Style::Quoted)
    }

    /// The text of `name | filter | filter(argument)`.
    fn evaluate(&self, inner: &str) -> Result<String, (String, String)> {
        let mut parts = inner.split('|');
        let name = parts.next().unwrap_or_default().trim();
        let Some((text, _)) = self.lookup(name) else { return Err(self.unknown(name)) };
        let mut text = text.to_string();
        for filter in parts {
            let (name, argument) = filter_call(filter.trim());
            text = words::apply(name, argument, &text).map_err(|message| {
                let help = match did_you_mean(name, words::FILTERS) {
                    Some(near) if near != name => format!("did you mean `{near}`?"),
                    _ => format!("filters: {}", words::FILTERS.join(", ")),
                };
                (message, help)
            })?;
        }
        Ok(text)
    }

    /// Text and style of what a name stands for.
    fn lookup(&self, name: &str) -> Option<(Arc<str>, Style)> {
        if let Some(binding) = self.binding(name) {
            return parts_of(&binding.value);
        }
        if name == "id" {
            return self.id.map(|id| (id.into(), Style::Quoted));
        }
        if let Some(key) = name.strip_prefix("metadata.") {
            let value = self.metadata?.get(key)?;
            return parts_of(value);
        }
        self.derived(name).map(|text| (text.into(), Style::Plain))
    }

    /// `{{p_number}}` and `{{p_letter}}`, and the seed's `type_number`.
    pub(super) fn derived(&self, name: &str) -> Option<String> {
        if let Some(base) = name.strip_suffix("_number") {
            let binding = self
                .binding(base)
                .or_else(|| (base == "type").then(|| self.binding(self.first_enum?)).flatten())?;
            let label = binding.label.as_ref().filter(|label| label.parse::<u32>().is_ok());
            return label.cloned().or_else(|| binding.number.map(|number| number.to_string()));
        }
        let binding = self.binding(name.strip_suffix("_letter")?)?;
        binding.label.clone().or_else(|| words::letter(binding.number?))
    }

    fn binding(&self, name: &str) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.name == name)
    }

    fn unknown(&self, name: &str) -> (String, String) {
        let metadata: Vec<String> = self
            .metadata
            .map_or(&[][..], Value::entries)
            .iter()
            .filter(|entry| entry.value.text().is_some())
            .map(|entry| format!("metadata.{}", entry.key))
            .collect();
        let names: Vec<&str> = self
            .bindings
            .iter()
            .map(|binding| binding.name.as_str())
            .chain(self.id.map(|_| "id"))
            .chain(metadata.iter().map(String::as_str))
            .collect();
        let help = match did_you_mean(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{{{{{near}}}}}`?"),
            None if names.is_empty() => "no names are known here".to_owned(),
            None => format!("names here: {}", names.join(", ")),
        };
        (format!("nothing is called `{name}` here"), help)
    }
}

enum Part<'a> {
    Text(&'a str),
    Placeholder { inner: &'a str, at: usize },
}

/// Text and placeholders in turn, and the offset of a `{{` that is not closed.
fn split(text: &str) -> (Vec<Part<'_>>, Option<usize>) {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|open| at + open) {
        let Some(close) = text[open..].find("}}").map(|close| open + close) else {
            parts.push(Part::Text(&text[at..]));
            return (parts, Some(open));
        };
        if at < open {
            parts.push(Part::Text(&text[at..open]));
        }
        parts.push(Part::Placeholder { inner: &text[open + 2..close], at: open });
        at = close + 2;
    }
    if at < text.len() {
        parts.push(Part::Text(&text[at..]));
    }
    (parts, None)
}

fn filter_call(filter: &str) -> (&str, Option<&str>) {
    match filter.split_once('(') {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end_matches(')').trim())),
        None => (filter, None),
    }
}

fn parts_of(value: &Value) -> Option<(Arc<str>, Style)> {
    match &value.kind {
        Kind::Scalar { text, style } => Some((text.clone(), *style)),
        _ => None,
    }
}

/// The place of a part of a scalar, where the source is the text as it stands.
fn sub_span(value: &Value, text: &str, start: usize, end: usize) -> Span {
    let written = (value.span.end - value.span.start) as usize;
    let quote = match &value.kind {
        Kind::Scalar { style: Style::Plain, .. } if written == text.len() => 0,
        Kind::Scalar { style: Style::Quoted, .. } if written == text.len() + 2 => 1,
        _ => return value.span,
    };
    let at = |offset: usize| value.span.start + quote + u32::try_from(offset).unwrap_or(0);
    Span { start: at(start), end: at(end), ..value.span }
}
