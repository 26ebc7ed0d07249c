//! A merged tree becomes an `AssetSpec`: checked against the table of keys, then taken apart.

mod checks;
mod files;
mod generate;
mod issues;
mod parameters;
mod prompt;
mod publish;
mod steps;
mod synth;

use std::collections::BTreeMap;

use crate::base::{Diagnostics, MediaKind, RelPath};
use crate::spec::asset::{AssetSpec, LogLevel, Metadata, Observability, Origins, Pick, Selection};
use crate::spec::expand::{Context, Merged, Used};
use crate::spec::keys::SPEC;
use crate::spec::op::GenerateOp;
use crate::spec::{CODES, providers};
use crate::yaml::{self, Checker, Kind, Value};

/// What one asset is decoded from.
pub(super) struct Input<'a> {
    pub(super) merged: &'a Merged,
    pub(super) file: &'a RelPath,
    pub(super) context: &'a Context<'a>,
}

impl Input<'_> {
    fn tree(&self) -> &Value {
        &self.merged.tree
    }

    fn section(&self, name: &str) -> Option<&Value> {
        self.tree().get(name).filter(|value| value.is_map())
    }
}

/// The asset of a merged spec; none if what is missing leaves nothing to describe.
pub(super) fn decode(
    input: &Input<'_>,
    used: &mut Used,
    diagnostics: &mut Diagnostics,
) -> Option<AssetSpec> {
    let tree = input.tree();
    let mut checker = Checker { codes: &CODES, diagnostics };
    checker.map("", tree, SPEC);
    version(tree, &mut checker);
    parameters::size(input, &mut checker);
    let provider = generate::provider(input, &mut checker);
    let media = generate::media(input, provider, &mut checker);
    // Wrong steps and paths show even where the provider is wrong: one run reports all.
    let steps = steps::steps(input, media, &mut checker);
    let media = media?;
    let publish = publish::publish(input, media, &steps, &mut checker);
    let provider = provider?;
    let encoding = publish.as_ref().and_then(|publish| publish.files.first()?.encoding.into());
    let generate = generate::generate(input, provider, media, encoding, used, &mut checker);
    steps::sizes(input, generate.as_ref(), &steps, &mut checker);
    files::check(input, generate.as_ref(), &steps, used, checker.diagnostics);
    let mut origins = origins(tree);
    if matches!(generate, Some(GenerateOp::Request(_))) {
        issues::add_settings(input, provider, &mut origins);
    }
    Some(AssetSpec {
        id: input.merged.id.clone(),
        file: input.file.clone(),
        span: input.merged.span,
        media,
        metadata: metadata(input.section("metadata"), &mut checker),
        generate: generate?,
        selection: selection(input.section("generation")),
        steps: steps.into_iter().map(|(step, _)| step).collect(),
        publish: publish?,
        observability: observability(input.section("observability")),
        origins,
    })
}

/// Checks the `version` of a document.
pub(super) fn version(tree: &Value, checker: &mut Checker<'_>) {
    if let Some(value) = tree.get("version")
        && !matches!(value.text(), Some("1.0" | "1"))
    {
        checker.diagnostics.push(
            crate::base::Diagnostic::error("spec::version", "an unknown version of the format")
                .at(value.span, "")
                .help("this tool reads version: \"1.0\"; it may be left out"),
        );
    }
}

fn metadata(section: Option<&Value>, checker: &mut Checker<'_>) -> Metadata {
    let mut metadata = Metadata::default();
    for entry in section.map_or(&[][..], Value::entries) {
        let number = || entry.value.text().and_then(yaml::parse_integer);
        let text = || entry.value.text().map(str::to_owned);
        match &*entry.key {
            "category" => metadata.category = text(),
            "tags" => {
                let tags = entry.value.one_or_more().iter();
                metadata.tags = tags.filter_map(|tag| tag.text().map(str::to_owned)).collect();
                metadata.tags.sort();
                metadata.tags.dedup();
            }
            "phase" => metadata.phase = number(),
            "priority" => metadata.priority = number(),
            key => flatten(key, &entry.value, &mut metadata.other),
        }
    }
    if let Some(category) = &metadata.category
        && (category.trim().is_empty() || category.contains('.'))
    {
        let span = section.and_then(|section| section.get("category")).map(|value| value.span);
        if let Some(span) = span {
            checker.wrong_value(
                format!("`{category}` cannot be a category"),
                span,
                "write one word without dots",
            );
        }
    }
    metadata
}

fn flatten(key: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match &value.kind {
        Kind::Null => {}
        Kind::Scalar { text, .. } => {
            out.insert(key.to_owned(), text.to_string());
        }
        Kind::List(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::text).collect();
            out.insert(key.to_owned(), texts.join(", "));
        }
        Kind::Map(entries) => {
            for entry in entries.iter() {
                flatten(&format!("{key}.{}", entry.key), &entry.value, out);
            }
        }
    }
}

fn selection(generation: Option<&Value>) -> Selection {
    let number = |value: Option<&Value>| {
        value
            .and_then(Value::text)
            .and_then(yaml::parse_integer)
            .and_then(|n| u32::try_from(n).ok())
    };
    let key = |name| generation.and_then(|generation| generation.get(name));
    let default = Selection::default();
    Selection {
        variations: number(key("variations")).unwrap_or(default.variations),
        pick: match key("pick").and_then(Value::text) {
            Some("human") => Pick::Human,
            _ => default.pick,
        },
        take: number(key("take")).unwrap_or(default.take),
        redraw: number(key("on_reject").and_then(|on| on.get("redraw"))).unwrap_or(default.redraw),
    }
}

fn observability(section: Option<&Value>) -> Observability {
    let default = Observability::default();
    let text = |key| section.and_then(|section| section.get_text(key));
    let flag = |key, default| match text(key) {
        Some("true") => true,
        Some("false") => false,
        _ => default,
    };
    Observability {
        track_cost: flag("track_cost", default.track_cost),
        track_quality: flag("track_quality", default.track_quality),
        track_performance: flag("track_performance", default.track_performance),
        log_level: match text("log_level") {
            Some("dev") => LogLevel::Dev,
            Some("warn") => LogLevel::Warn,
            Some("error") => LogLevel::Error,
            _ => default.log_level,
        },
        sampling_rate: text("sampling_rate")
            .and_then(yaml::parse_number)
            .unwrap_or(default.sampling_rate),
    }
}

fn origins(tree: &Value) -> Origins {
    let mut origins = BTreeMap::new();
    let mut path = String::with_capacity(64);
    collect_origins(tree, &mut path, &mut origins);
    Origins(origins)
}

fn collect_origins(
    value: &Value,
    path: &mut String,
    out: &mut BTreeMap<String, (crate::base::Span, yaml::Via)>,
) {
    if !path.is_empty() {
        out.insert(path.clone(), (value.span, value.via));
    }
    let length = path.len();
    for entry in value.entries().iter().filter(|entry| entry.value.kind != Kind::Null) {
        if length > 0 {
            path.push('.');
        }
        path.push_str(&entry.key);
        collect_origins(&entry.value, path, out);
        path.truncate(length);
    }
    // A plain list of words (tags, formats) is one field; only lists of maps and lists are numbered.
    for (at, item) in value.items().iter().enumerate() {
        if item.text().is_none() {
            path.push_str(&format!("[{at}]"));
            collect_origins(item, path, out);
            path.truncate(length);
        }
    }
}

/// The media's word, for messages.
fn media_word(media: MediaKind) -> &'static str {
    match media {
        MediaKind::Image => "an image",
        MediaKind::Audio => "a sound",
    }
}

/// The provider's name of a merged spec.
fn provider_name<'a>(input: &'a Input<'_>) -> Option<&'a Value> {
    input.section("generation")?.get("provider")
}

/// What the table of providers says about a name.
type Provider = providers::Provider;
