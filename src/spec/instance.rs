//! Instances of a template: plain values, matrices, rows and globs become one set of values each.

use std::sync::Arc;

use crate::base::{Diagnostic, Diagnostics, Span};
use crate::spec::expand::Listing;
use crate::spec::keys::{INSTANCE, SPEC};
use crate::spec::placeholder::Binding;
use crate::spec::{CODES, layer};
use crate::yaml::{Checker, Entry, Kind, Style, Value, Via};

/// Assets that one instance may give.
pub(super) const MAX_EXPANSIONS: usize = 1_000;

/// A `use:` as it was parsed.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) template: String,
    pub(super) use_span: Span,
    pub(super) id: Option<Value>,
    pub(super) output_name: Option<Value>,
    /// What the instance says about the spec itself.
    pub(super) layer: Value,
    given: Vec<Entry>,
    matrix: Option<Value>,
    exclude: Option<Value>,
    each: Option<Value>,
}

/// The values of one asset.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) bindings: Vec<Binding>,
}

impl Instance {
    pub(super) fn parse(value: &Value, diagnostics: &mut Diagnostics) -> Option<Self> {
        let name = value.entry("use")?;
        let mut checker = Checker { codes: &CODES, diagnostics };
        let mut given: Vec<Entry> = Vec::new();
        let mut own: Vec<Entry> = Vec::new();
        for entry in value.entries() {
            let key = &*entry.key;
            if let Some(known) = INSTANCE.iter().find(|known| known.name == key) {
                checker.entry(entry, &known.shape);
            } else if key == "id" {
            } else if layer::is_spec_key(key) {
                own.push(entry.clone());
            } else if entry.value.kind != Kind::Null {
                given.push(entry.clone());
            }
        }
        for entry in value.get("with").map_or(&[][..], Value::entries) {
            if let Some(first) = given.iter().find(|first| first.key == entry.key) {
                checker.diagnostics.push(
                    Diagnostic::error(
                        "spec::disagreement",
                        format!("`{}` is given twice", entry.key),
                    )
                    .at(entry.key_span, "here")
                    .at(first.key_span, "and here")
                    .help("keep one of them"),
                );
            } else {
                given.push(entry.clone());
            }
        }
        let map = |key: &str| value.get(key).filter(|value| value.is_map()).cloned();
        let layer = layer::normalize(&value.with_entries(own), checker.diagnostics);
        Some(Self {
            template: name.value.text()?.to_owned(),
            use_span: name.value.span,
            id: value.get("id").cloned(),
            output_name: value.get("output_name").cloned(),
            layer,
            given: given.into_iter().map(instance_entry).collect(),
            matrix: map("matrix").map(|matrix| matrix.via(Via::Instance)),
            exclude: value.get("exclude").cloned(),
            each: value.get("each").map(|each| each.via(Via::Instance)),
        })
    }

    /// The glob of `each: { files: … }`.
    pub(super) fn glob(&self) -> Option<&str> {
        self.each.as_ref().filter(|each| each.is_map())?.get_text("files")
    }

    /// One row for every asset.
    pub(super) fn rows(
        &self,
        known: &[&str],
        listing: &dyn Listing,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Row> {
        let mut checker = Checker { codes: &CODES, diagnostics };
        let mut good = self
            .given
            .iter()
            .fold(true, |good, entry| good & check_name(entry, known, true, &mut checker));
        let mut rows = vec![Row::default()];
        rows = vary(rows, &self.given, &mut good, &mut checker);
        if let Some(matrix) = &self.matrix {
            for entry in matrix.entries() {
                good &= check_name(entry, known, false, &mut checker);
            }
            rows = vary(rows, matrix.entries(), &mut good, &mut checker);
        }
        match self.each.as_ref().map(|each| (&each.kind, each)) {
            Some((Kind::List(items), _)) => {
                let mut all = Vec::new();
                for item in items.iter() {
                    for entry in item.entries() {
                        good &= check_name(entry, known, false, &mut checker);
                    }
                    all.extend(vary(rows.clone(), item.entries(), &mut good, &mut checker));
                }
                rows = all;
            }
            Some((Kind::Map(_), each)) => {
                let entry = each.entry("files");
                if let Some((glob, span)) =
                    entry.and_then(|entry| Some((entry.value.text()?, entry.value.span)))
                {
                    rows = self.over_files(&rows, glob, span, listing, &mut checker);
                } else {
                    checker.missing(
                        "`each` has no `files`",
                        each.span,
                        "write `files: \"art/*.svg\"`",
                    );
                    good = false;
                }
            }
            _ => {}
        }
        if rows.len() > MAX_EXPANSIONS {
            checker.diagnostics.push(
                Diagnostic::error(
                    "spec::too_many",
                    format!("this gives {} assets or more", rows.len()),
                )
                .at(self.use_span, "")
                .help(format!("at most {MAX_EXPANSIONS} for one `use`; split it")),
            );
            return Vec::new();
        }
        if !good {
            return Vec::new();
        }
        self.excluded(rows, known, &mut checker)
    }

    fn over_files(
        &self,
        rows: &[Row],
        glob: &str,
        span: Span,
        listing: &dyn Listing,
        checker: &mut Checker<'_>,
    ) -> Vec<Row> {
        let mut files = listing.matching(glob);
        files.sort();
        if files.is_empty() {
            checker.diagnostics.push(
                Diagnostic::warning("spec::no_files", format!("no file matches `{glob}`"))
                    .at(span, "")
                    .help("globs are relative to the project's root"),
            );
        }
        let mut all = Vec::new();
        for (at, file) in files.iter().enumerate() {
            for row in rows {
                let mut row = row.clone();
                for (name, text) in [("path", file.as_str()), ("stem", file.stem())] {
                    row.bindings.push(Binding {
                        name: name.to_owned(),
                        value: Value::scalar(text, Style::Quoted, span, Via::Instance),
                        number: Some(at + 1),
                        label: None,
                    });
                }
                all.push(row);
            }
        }
        all
    }

    fn excluded(&self, rows: Vec<Row>, known: &[&str], checker: &mut Checker<'_>) -> Vec<Row> {
        let rules = self.exclude.as_ref().map_or(&[][..], Value::items);
        let mut used = vec![false; rules.len()];
        let kept = rows
            .into_iter()
            .filter(|row| {
                let matching = rules.iter().position(|rule| matches(rule, row));
                if let Some(at) = matching {
                    used[at] = true;
                }
                matching.is_none()
            })
            .collect();
        for (rule, used) in rules.iter().zip(used) {
            let names_known = rule
                .entries()
                .iter()
                .fold(true, |good, entry| good & check_name(entry, known, false, checker));
            if !used && names_known && rule.is_map() {
                checker.diagnostics.push(
                    Diagnostic::warning("spec::unused_exclude", "this excludes nothing")
                        .at(rule.span, "")
                        .help("values are compared as text with those of `matrix` and `each`"),
                );
            }
        }
        kept
    }
}

fn matches(rule: &Value, row: &Row) -> bool {
    !rule.entries().is_empty()
        && rule.entries().iter().all(|entry| {
            row.bindings
                .iter()
                .find(|binding| binding.name == *entry.key)
                .is_some_and(|binding| binding.value.text() == entry.value.text())
        })
}

fn instance_entry(entry: Entry) -> Entry {
    Entry { value: entry.value.via(Via::Instance), ..entry }
}

fn check_name(entry: &Entry, known: &[&str], plain: bool, checker: &mut Checker<'_>) -> bool {
    if known.contains(&&*entry.key) {
        return true;
    }
    let keys = SPEC.iter().chain(INSTANCE).map(|key| key.name);
    let others: Vec<&str> = known.iter().copied().chain(keys.filter(|_| plain)).collect();
    let near = crate::base::diagnostic::did_you_mean(&entry.key, others);
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the template has no parameters".to_owned(),
        None => format!("parameters of the template: {}", known.join(", ")),
    };
    checker.diagnostics.push(
        Diagnostic::error(
            "spec::unknown_parameter",
            format!("the template has no parameter `{}`", entry.key),
        )
        .at(entry.key_span, "")
        .help(help),
    );
    false
}

/// Every row with every combination of the values of `entries`.
fn vary(rows: Vec<Row>, entries: &[Entry], good: &mut bool, checker: &mut Checker<'_>) -> Vec<Row> {
    let mut rows = rows;
    for entry in entries.iter().filter(|entry| entry.value.kind != Kind::Null) {
        let Some(choices) = choices(entry, checker) else {
            *good = false;
            continue;
        };
        let mut all = Vec::with_capacity(rows.len() * choices.len());
        for row in &rows {
            for choice in &choices {
                let mut row = row.clone();
                row.bindings.retain(|binding| binding.name != choice.name);
                row.bindings.push(choice.clone());
                all.push(row);
            }
        }
        rows = all;
        // The product is cut here, or a few long lists would fill the memory uncounted.
        rows.truncate(MAX_EXPANSIONS + 1);
    }
    rows
}

fn choices(entry: &Entry, checker: &mut Checker<'_>) -> Option<Vec<Binding>> {
    let name = entry.key.to_string();
    let binding = |at: usize, value: &Value, label: Option<String>| Binding {
        name: name.clone(),
        value: value.clone(),
        number: Some(at + 1),
        label,
    };
    match &entry.value.kind {
        Kind::Scalar { .. } => Some(vec![binding(0, &entry.value, None)]),
        Kind::List(items) if items.iter().all(|item| item.text().is_some()) => {
            Some(items.iter().enumerate().map(|(at, item)| binding(at, item, None)).collect())
        }
        Kind::Map(labels) if labels.iter().all(|label| label.value.text().is_some()) => Some(
            labels
                .iter()
                .enumerate()
                .map(|(at, label)| {
                    let text: Arc<str> = label.key.clone();
                    let value = Value::scalar(text, Style::Plain, label.key_span, Via::Instance);
                    binding(at, &value, label.value.text().map(str::to_owned))
                })
                .collect(),
        ),
        _ => {
            checker.wrong_value(
                format!("`{}` needs a value, a list of values, or values with labels", entry.key),
                entry.value.span,
                format!("write `{}: [a, b]` or `{}: {{ a: A, b: B }}`", entry.key, entry.key),
            );
            None
        }
    }
}
