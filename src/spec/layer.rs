//! Layers of a spec and how they are laid on each other (docs/design/spec-language.md).
//!
//! A layer is brought to one form first: short forms and synonyms move to the one place where a key
//! lives, so that a layer above replaces what the layer below says, however either writes it.

use crate::base::{Diagnostic, Diagnostics};
use crate::spec::keys::SPEC;
use crate::spec::providers::{self, ProviderKind};
use crate::yaml::{Entry, Kind, Value};

/// Short forms at the top of a spec that belong into `generation`.
const SHORT_FORMS: [&str; 5] = ["pick", "take", "on_reject", "reference", "edit"];
/// Names of the number of variations; the first is the one in use.
const VARIATIONS: [&str; 3] = ["variations", "n_variations", "n"];
/// Keys of `integration` of which an upper layer's replaces all of a lower layer's.
const ONE_OF: [&[&str]; 2] =
    [&["manifest_path", "output_path", "naming_pattern"], &["description", "description_pattern"]];
/// Keys of `generation` that keep their meaning when the provider changes.
const PORTABLE: [&str; 8] =
    ["type", "mode", "variations", "pick", "take", "on_reject", "fallback", "fallback_on"];

/// A layer in its one form. What it says twice, differently, is reported.
pub(super) fn normalize(layer: &Value, diagnostics: &mut Diagnostics) -> Value {
    if !layer.is_map() {
        return layer.clone();
    }
    let mut moved: Vec<Entry> = Vec::new();
    let mut counts: Vec<Entry> = Vec::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(layer.entries().len());
    for entry in layer.entries() {
        let key = &*entry.key;
        if VARIATIONS.contains(&key) {
            counts.push(entry.clone());
        } else if SHORT_FORMS.contains(&key) {
            moved.push(entry.clone());
        } else if key == "prompt" && matches!(entry.value.kind, Kind::Scalar { .. }) {
            entries.push(wrapped(entry, "base"));
        } else {
            entries.push(entry.clone());
        }
    }
    for entry in &mut entries {
        match &*entry.key {
            "generation" => entry.value = without(&entry.value, &VARIATIONS, &mut counts),
            "prompt" => {
                let parameters = entry.value.entry("parameters").cloned();
                if let Some(mut parameters) = parameters.filter(|p| p.value.is_map()) {
                    parameters.value = without(&parameters.value, &VARIATIONS, &mut counts);
                    entry.value = replaced(&entry.value, parameters);
                }
            }
            "metadata" => entry.value = renamed(&entry.value, "game_context", "gameContext"),
            _ => {}
        }
    }
    if let Some(first) = counts.first().cloned() {
        disagreements("the number of variations", &counts, diagnostics);
        moved.push(Entry { key: VARIATIONS[0].into(), ..first });
    }
    if moved.is_empty() {
        return layer.with_entries(entries);
    }
    match entries.iter_mut().find(|entry| &*entry.key == "generation") {
        Some(generation) => {
            for entry in moved {
                match generation.value.entry(&entry.key).cloned() {
                    Some(there) => {
                        let name = format!("`{}`", entry.key);
                        disagreements(&name, &[there, entry], diagnostics);
                    }
                    None => generation.value = replaced(&generation.value, entry),
                }
            }
        }
        None => {
            let first = &moved[0];
            let (key_span, span, via) = (first.key_span, first.value.span, first.value.via);
            let value = Value { kind: Kind::Map(moved.into()), span, via };
            entries.push(Entry { key: "generation".into(), key_span, value });
        }
    }
    layer.with_entries(entries)
}

/// `over` on top of `base`; both are in their one form.
pub(super) fn stack(base: &Value, over: &Value) -> Value {
    if !over.is_map() {
        return base.clone();
    }
    give_way(base, over).merged(over)
}

/// What remains of `base` where `over` says the same thing in another way.
fn give_way(base: &Value, over: &Value) -> Value {
    let mut base = base.clone();
    if let (Some(mine), Some(theirs)) = (base.get("integration"), over.get("integration")) {
        let dropped: Vec<&str> = ONE_OF
            .iter()
            .filter(|group| group.iter().any(|key| theirs.get(key).is_some()))
            .flat_map(|group| group.iter().copied())
            .collect();
        if !dropped.is_empty() {
            base = with_child(&base, "integration", without_keys(mine, &dropped));
        }
    }
    if let (Some(mine), Some(theirs)) = (base.get("generation"), over.get("generation"))
        && let (Some(old), Some(new)) = (mine.get_text("provider"), theirs.get_text("provider"))
        && old != new
    {
        let kept: Vec<Entry> = mine
            .entries()
            .iter()
            .filter(|entry| PORTABLE.contains(&&*entry.key))
            .filter(|entry| !(&*entry.key == "fallback" && entry.value.text() == Some(new)))
            .cloned()
            .collect();
        let kept = mine.with_entries(kept);
        let are_strangers = are_strangers(old, new);
        base = with_child(&base, "generation", kept);
        if let Some(prompt) = base.get("prompt").filter(|_| are_strangers) {
            base = with_child(&base, "prompt", without_keys(prompt, &["parameters"]));
        }
    }
    base
}

/// Whether two providers answer requests of different kinds, so that the parameters for one mean
/// nothing to the other.
fn are_strangers(old: &str, new: &str) -> bool {
    let requests =
        |name| providers::find(name).filter(|provider| provider.kind == ProviderKind::Request);
    match (requests(old), requests(new)) {
        (Some(old), Some(new)) => old.family != new.family,
        _ => false,
    }
}

/// The merged spec without what defaults brought in for providers of another kind.
pub(super) fn drop_misfits(spec: &Value) -> Value {
    let provider = spec.get("generation").and_then(|generation| generation.get_text("provider"));
    let (Some(generation), Some(provider)) =
        (spec.get("generation"), provider.and_then(providers::find))
    else {
        return spec.clone();
    };
    let fits = |entry: &&Entry| {
        !entry.value.via.is_default() || providers::fits(provider.kind, &entry.key)
    };
    if generation.entries().iter().all(|entry| fits(&entry)) {
        return spec.clone();
    }
    let kept = generation.entries().iter().filter(fits).cloned().collect();
    with_child(spec, "generation", generation.with_entries(kept))
}

/// Whether a key belongs to specs, and not to an instance or its parameters.
pub(super) fn is_spec_key(key: &str) -> bool {
    SPEC.iter().any(|known| known.name == key) || VARIATIONS.contains(&key)
}

fn disagreements(what: &str, entries: &[Entry], diagnostics: &mut Diagnostics) {
    let (first, rest) = entries.split_first().expect("called with at least one entry");
    let same = |a: &Value, b: &Value| match (a.text(), b.text()) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    };
    for other in rest.iter().filter(|other| !same(&first.value, &other.value)) {
        diagnostics.push(
            Diagnostic::error(
                "spec::disagreement",
                format!("{what} is written twice, differently"),
            )
            .at(other.value.span, "here")
            .at(first.value.span, "and here")
            .help("keep one of them"),
        );
    }
}

fn wrapped(entry: &Entry, key: &str) -> Entry {
    let Entry { value, key_span, .. } = entry;
    let inner = Entry { key: key.into(), key_span: *key_span, value: value.clone() };
    let kind = Kind::Map([inner].into());
    Entry { value: Value { kind, span: value.span, via: value.via }, ..entry.clone() }
}

/// The map without `keys`, which go to `taken`.
fn without(value: &Value, keys: &[&str], taken: &mut Vec<Entry>) -> Value {
    if !value.entries().iter().any(|entry| keys.contains(&&*entry.key)) {
        return value.clone();
    }
    let (out, kept) =
        value.entries().iter().cloned().partition(|entry| keys.contains(&&*entry.key));
    let out: Vec<Entry> = out;
    taken.extend(out);
    value.with_entries(kept)
}

fn without_keys(value: &Value, keys: &[&str]) -> Value {
    without(value, keys, &mut Vec::new())
}

fn with_child(value: &Value, key: &str, child: Value) -> Value {
    let entries = value.entries().iter().map(|entry| {
        if &*entry.key == key {
            Entry { value: child.clone(), ..entry.clone() }
        } else {
            entry.clone()
        }
    });
    value.with_entries(entries.collect())
}

/// The map with `entry` in the place of the entry of the same key, else at its end.
fn replaced(value: &Value, entry: Entry) -> Value {
    let mut entries = value.entries().to_vec();
    match entries.iter_mut().find(|old| old.key == entry.key) {
        Some(old) => *old = entry,
        None => entries.push(entry),
    }
    value.with_entries(entries)
}

fn renamed(value: &Value, from: &str, to: &str) -> Value {
    if value.entry(from).is_none() || value.entry(to).is_some() {
        return value.clone();
    }
    let entries = value.entries().iter().map(|entry| match &*entry.key == from {
        true => Entry { key: to.into(), ..entry.clone() },
        false => entry.clone(),
    });
    value.with_entries(entries.collect())
}
