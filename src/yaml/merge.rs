//! Keys of one map: repeated ones, and those that `<<` brings in.

use crate::base::{Diagnostic, Span};
use crate::yaml::tree::{Entry, Kind, Value, index};

/// The first entry of every key; the others are reported.
pub(super) fn unique(entries: Vec<Entry>, report: &mut dyn FnMut(Diagnostic)) -> Vec<Entry> {
    let first = index(&entries);
    let repeated: Vec<(usize, usize)> = entries
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| {
            first.get(&entry.key).filter(|&first| first != at).map(|first| (at, first))
        })
        .collect();
    if repeated.is_empty() {
        return entries;
    }
    for &(at, first) in &repeated {
        let (again, first) = (&entries[at], &entries[first]);
        report(
            Diagnostic::error("yaml::duplicate_key", format!("`{}` is written twice", again.key))
                .at(again.key_span, "again here")
                .at(first.key_span, "first here")
                .help("keep one of them"),
        );
    }
    let mut repeated = repeated.into_iter().map(|(at, _)| at).peekable();
    let keep = |&(at, _): &(usize, Entry)| repeated.next_if_eq(&at).is_none();
    entries.into_iter().enumerate().filter(keep).map(|(_, entry)| entry).collect()
}

/// Adds what `<<` brings in, and tells how much: a map's own keys win, then earlier maps.
pub(super) fn merge(mut entries: Vec<Entry>, from: &[Value]) -> (Vec<Entry>, usize) {
    let mut added = 0;
    for source in from {
        let known = index(&entries);
        let new: Vec<Entry> = source
            .entries()
            .iter()
            .filter(|entry| known.get(&entry.key).is_none())
            .cloned()
            .collect();
        added += new.len();
        entries.extend(new);
    }
    (entries, added)
}

/// The maps that a `<<` names; none if it names something else.
pub(super) fn sources(value: &Value) -> Option<Vec<Value>> {
    match &value.kind {
        Kind::Map(_) => Some(vec![value.clone()]),
        Kind::List(items) if items.iter().all(Value::is_map) => Some(items.to_vec()),
        _ => None,
    }
}

/// The finding for a `<<` that names no map.
pub(super) fn refusal(span: Span) -> Diagnostic {
    Diagnostic::error("yaml::merge", "`<<` takes a map or a list of maps")
        .at(span, "this is neither")
        .help("write `<<: *name`, with `&name` at the map to merge")
}
