//! Walks the syntax tree of a manifest along the wanted changes and collects text edits, and keeps
//! the value that the edited text shall have.

use std::collections::{HashMap, HashSet};

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use serde_json::{Map, Value};

use crate::integrate::json::{self, Style, value_digest};
use crate::integrate::layout::{self, Added, Container, Edit};
use crate::integrate::manifest::operation::{Change, EntryProblem, Tree};
use crate::integrate::manifest::outline::has_members;

/// What to do with an entry that is there.
enum Verdict {
    Leave,
    Replace,
    Remove,
    Problem(EntryProblem),
}

pub(super) struct Editor<'t> {
    pub(super) text: &'t str,
    pub(super) style: Style<'t>,
    pub(super) edits: Vec<Edit>,
    pub(super) changed: usize,
    pub(super) problems: Vec<(usize, EntryProblem)>,
}

impl Editor<'_> {
    /// Makes the changes in a container, in the text and in its value.
    pub(super) fn container(
        &mut self,
        tree: &Tree,
        node: &ast::Value<'_>,
        intended: &mut Value,
        path: &mut Vec<String>,
    ) {
        match (node, intended) {
            (ast::Value::Object(object), Value::Object(map)) => self.map(tree, object, map, path),
            (ast::Value::Array(array), Value::Array(items)) if !tree.entries.is_empty() => {
                self.list(tree, array, items, path);
            }
            _ => self.refuse(tree, path, self.line(node.start())),
        }
    }

    fn map(
        &mut self,
        tree: &Tree,
        object: &ast::Object<'_>,
        intended: &mut Map<String, Value>,
        path: &mut Vec<String>,
    ) {
        let keys: Vec<&str> = object.properties.iter().map(|prop| prop.name.as_str()).collect();
        let places = places(tree, keys.iter().map(|key| Some(*key)));
        let ranges = object.properties.iter().map(|prop| prop.range.start..prop.range.end);
        let container = Container::new(
            self.text,
            object.range.start..object.range.end,
            ranges.collect(),
            self.style,
        );
        let mut removed = vec![false; keys.len()];
        let mut added: Vec<(String, Value, bool)> = Vec::new();
        for (name, child) in &tree.sections {
            path.push(name.clone());
            let entry = tree.entries.iter().find(|change| change.key == *name);
            match &*places[name.as_str()] {
                // One of two owners would lose what the other one wants.
                [] if entry.is_some_and(|entry| entry.value.is_some()) => {
                    self.refuse(child, path, 0);
                }
                [place] if entry.is_some() => {
                    self.refuse(child, path, self.line(object.properties[*place].range.start));
                }
                [] => {
                    if let Some(value) = self.new_section(child, path) {
                        added.push((name.clone(), value, false));
                    }
                }
                [place] => {
                    let value = &object.properties[*place].value;
                    let slot = intended.get_mut(name).expect("the tree and its value agree");
                    self.container(child, value, slot, path);
                }
                twice => {
                    let line = self.line(object.properties[twice[1]].range.start);
                    for (index, _) in child.operations() {
                        let key = name.clone();
                        self.problems.push((index, EntryProblem::Duplicate { key, line }));
                    }
                }
            }
            path.pop();
        }
        for change in &tree.entries {
            match (&*places[change.key.as_str()], &change.value) {
                ([], Some(value)) => added.push((change.key.clone(), value.clone(), true)),
                ([], None) => {}
                ([place], _) => {
                    let prop = &object.properties[*place];
                    let present = json::to_value(&prop.value);
                    match verdict(change, &present, || self.line(prop.range.start)) {
                        Verdict::Leave => {}
                        Verdict::Replace => {
                            let value = change.value.clone().unwrap_or_default();
                            self.merge(&prop.value, &value);
                            intended.insert(change.key.clone(), value);
                            self.changed += 1;
                        }
                        Verdict::Remove => {
                            removed[*place] = true;
                            self.changed += 1;
                        }
                        Verdict::Problem(problem) => self.report(change, &problem),
                    }
                }
                (twice, _) => {
                    let line = self.line(object.properties[twice[1]].range.start);
                    self.report(change, &EntryProblem::Duplicate { key: change.key.clone(), line });
                }
            }
        }
        let gone: Vec<&str> =
            keys.iter().zip(&removed).filter(|(_, gone)| **gone).map(|(key, _)| *key).collect();
        if !gone.is_empty() {
            let gone: HashSet<&str> = gone.into_iter().collect();
            intended.retain(|key, _| !gone.contains(key.as_str()));
        }
        self.changed += added.iter().filter(|(_, _, entry)| *entry).count();
        let sibling = object.properties.last().map(|prop| &prop.value);
        let keys: Vec<Option<&str>> = keys.into_iter().map(Some).collect();
        let anchors = anchors(&keys, &removed, &mut added, |(key, _, _)| key);
        let added: Vec<Added> = added
            .into_iter()
            .zip(anchors)
            .map(|((key, value, entry), after)| {
                let text = self.item_text(&value, &container, sibling.filter(|_| entry));
                let text = format!("{}: {text}", json::quote(&key));
                intended.insert(key, value);
                Added { after, text }
            })
            .collect();
        container.edit(&removed, &added, self.style, &mut self.edits);
    }

    fn list(
        &mut self,
        tree: &Tree,
        array: &ast::Array<'_>,
        intended: &mut Vec<Value>,
        path: &mut Vec<String>,
    ) {
        let line = self.line(array.range.start);
        for (name, child) in &tree.sections {
            path.push(name.clone());
            self.refuse(child, path, line);
            path.pop();
        }
        let key_of = |element: &ast::Value<'_>| {
            let key = element.as_object()?.get_string("key")?;
            Some(key.value.to_string())
        };
        let keys: Vec<Option<String>> = array.elements.iter().map(key_of).collect();
        let keys: Vec<Option<&str>> = keys.iter().map(Option::as_deref).collect();
        let places = places(tree, keys.iter().copied());
        let ranges = array.elements.iter().map(|element| element.start()..element.end());
        let container = Container::new(
            self.text,
            array.range.start..array.range.end,
            ranges.collect(),
            self.style,
        );
        let mut removed = vec![false; keys.len()];
        let mut added: Vec<(String, Value)> = Vec::new();
        for change in &tree.entries {
            let value = change.value.as_ref().map(|value| with_key(&change.key, value));
            match (&*places[change.key.as_str()], value) {
                ([], Some(value)) => added.push((change.key.clone(), value)),
                ([], None) => {}
                ([place], value) => {
                    let element = &array.elements[*place];
                    let present = without_key(&intended[*place]);
                    match verdict(change, &present, || self.line(element.start())) {
                        Verdict::Leave => {}
                        Verdict::Replace => {
                            let value = value.unwrap_or_default();
                            self.merge(element, &value);
                            intended[*place] = value;
                            self.changed += 1;
                        }
                        Verdict::Remove => {
                            removed[*place] = true;
                            self.changed += 1;
                        }
                        Verdict::Problem(problem) => self.report(change, &problem),
                    }
                }
                (twice, _) => {
                    let line = self.line(array.elements[twice[1]].start());
                    self.report(change, &EntryProblem::Duplicate { key: change.key.clone(), line });
                }
            }
        }
        self.changed += added.len();
        let sibling = array.elements.last();
        let anchors = anchors(&keys, &removed, &mut added, |(key, _)| key);
        let mut result = Vec::with_capacity(intended.len() + added.len());
        let mut news = added.iter().zip(&anchors).peekable();
        let mut take_after = |place: Option<usize>, result: &mut Vec<Value>| {
            while let Some(((_, value), _)) = news.next_if(|(_, after)| **after == place) {
                result.push(value.clone());
            }
        };
        take_after(None, &mut result);
        for (place, value) in std::mem::take(intended).into_iter().enumerate() {
            if !removed[place] {
                result.push(value);
            }
            take_after(Some(place), &mut result);
        }
        *intended = result;
        let added: Vec<Added> = added
            .iter()
            .zip(anchors)
            .map(|((_, value), after)| Added {
                after,
                text: self.item_text(value, &container, sibling),
            })
            .collect();
        container.edit(&removed, &added, self.style, &mut self.edits);
    }

    /// The value of a section that is not there yet; none if nothing shall be in it.
    fn new_section(&mut self, tree: &Tree, path: &mut Vec<String>) -> Option<Value> {
        let entries: Vec<(&Change, &Value)> = tree
            .entries
            .iter()
            .filter_map(|change| Some((change, change.value.as_ref()?)))
            .collect();
        // The path begins with `assets`.
        if path.len() > 3 && path[1] == "audio" && path[2] == "sfx" && !entries.is_empty() {
            for (name, child) in &tree.sections {
                path.push(name.clone());
                self.refuse(child, path, 0);
                path.pop();
            }
            self.changed += entries.len();
            let items = entries.iter().map(|(change, value)| with_key(&change.key, value));
            return Some(Value::Array(items.collect()));
        }
        let mut map = Map::new();
        for (change, value) in entries {
            map.insert(change.key.clone(), value.clone());
            self.changed += 1;
        }
        for (name, child) in &tree.sections {
            path.push(name.clone());
            if let Some(value) = self.new_section(child, path) {
                if map.contains_key(name) {
                    self.refuse(child, path, 0);
                } else {
                    map.insert(name.clone(), value);
                }
            }
            path.pop();
        }
        (!map.is_empty()).then_some(Value::Object(map))
    }

    /// Edits our own value field by field, so that its layout and the order of its fields stay.
    fn merge(&mut self, node: &ast::Value<'_>, value: &Value) {
        let present = json::to_value(node);
        if present == *value {
            return;
        }
        if let (ast::Value::Object(object), Value::Object(fields)) = (node, value)
            && object.properties.len() == present.as_object().map_or(0, Map::len)
        {
            let items = object.properties.iter().map(|prop| prop.range.start..prop.range.end);
            let container = Container::new(
                self.text,
                object.range.start..object.range.end,
                items.collect(),
                self.style,
            );
            let mut removed = vec![false; object.properties.len()];
            for (prop, removed) in object.properties.iter().zip(&mut removed) {
                match fields.get(prop.name.as_str()) {
                    Some(value) => self.merge(&prop.value, value),
                    None => *removed = true,
                }
            }
            let after = removed.iter().rposition(|removed| !removed);
            let added: Vec<Added> = fields
                .iter()
                .filter(|(key, _)| object.get(key).is_none())
                .map(|(key, value)| Added {
                    after,
                    text: format!(
                        "{}: {}",
                        json::quote(key),
                        self.item_text(value, &container, None)
                    ),
                })
                .collect();
            container.edit(&removed, &added, self.style, &mut self.edits);
            return;
        }
        let indent = layout::indent_at(self.text, node.start());
        let old = &self.text[node.start()..node.end()];
        let text = if old.len() > 2 && old.starts_with(['{', '[']) && !old.contains('\n') {
            json::inline(value, pad(old))
        } else {
            json::pretty(value, indent, self.style)
        };
        self.edits.push(Edit { range: node.start()..node.end(), text });
    }

    /// The text of a new member: on one line if its neighbour or the whole container is.
    fn item_text(
        &self,
        value: &Value,
        container: &Container<'_>,
        sibling: Option<&ast::Value<'_>>,
    ) -> String {
        let Some(indent) = container.indent() else { return json::inline(value, " ") };
        let neighbour = sibling
            .map(|node| &self.text[node.start()..node.end()])
            .filter(|text| has_members(text));
        match neighbour {
            Some(text) if !text.contains('\n') => json::inline(value, pad(text)),
            _ => json::pretty(value, indent, self.style),
        }
    }

    fn refuse(&mut self, tree: &Tree, path: &[String], line: usize) {
        for (index, key) in tree.operations() {
            let problem =
                EntryProblem::Shape { key: key.to_owned(), section: path.join("."), line };
            self.problems.push((index, problem));
        }
    }

    fn report(&mut self, change: &Change, problem: &EntryProblem) {
        self.problems.extend(change.operations.iter().map(|&index| (index, problem.clone())));
    }

    fn line(&self, at: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at]).count() + 1
    }
}

/// `line`: of the entry; counted only for a problem, as counting reads the text from its start.
fn verdict(change: &Change, present: &Value, line: impl FnOnce() -> usize) -> Verdict {
    if change.value.as_ref().is_some_and(|value| json::same(present, value)) {
        return Verdict::Leave;
    }
    let key = change.key.clone();
    if change.owned.is_empty() {
        return Verdict::Problem(EntryProblem::Foreign { key, line: line() });
    }
    if !change.owned.contains(&value_digest(present)) {
        return Verdict::Problem(EntryProblem::Conflict { key, line: line() });
    }
    if change.value.is_some() { Verdict::Replace } else { Verdict::Remove }
}

/// Where each key that the tree names stands.
fn places<'k>(
    tree: &'k Tree,
    keys: impl Iterator<Item = Option<&'k str>>,
) -> HashMap<&'k str, Vec<usize>> {
    let entries = tree.entries.iter().map(|change| &change.key);
    let named = entries.chain(tree.sections.keys());
    let mut places: HashMap<&str, Vec<usize>> = named.map(|key| (&**key, Vec::new())).collect();
    for (place, key) in keys.enumerate() {
        if let Some(places) = key.and_then(|key| places.get_mut(key)) {
            places.push(place);
        }
    }
    places
}

/// The item that each new one follows: its sorted place if the old ones are sorted, else the last.
/// Brings `added` to the order of the result.
fn anchors<T>(
    keys: &[Option<&str>],
    removed: &[bool],
    added: &mut [T],
    key_of: impl Fn(&T) -> &String,
) -> Vec<Option<usize>> {
    // Two keys are in order by chance half of the time.
    let sorted =
        keys.len() > 2 && keys.windows(2).all(|pair| pair[0].is_some() && pair[0] < pair[1]);
    let last = removed.iter().rposition(|removed| !removed);
    if !sorted {
        return vec![last; added.len()];
    }
    added.sort_by(|a, b| key_of(a).cmp(key_of(b)));
    added
        .iter()
        .map(|new| {
            let smaller = keys.partition_point(|key| *key < Some(key_of(new).as_str()));
            removed[..smaller].iter().rposition(|removed| !removed)
        })
        .collect()
}

fn with_key(key: &str, value: &Value) -> Value {
    let mut item = Map::new();
    item.insert("key".to_owned(), Value::String(key.to_owned()));
    match value {
        Value::Object(fields) => item.extend(fields.clone()),
        other => {
            item.insert("value".to_owned(), other.clone());
        }
    }
    Value::Object(item)
}

pub(super) fn without_key(item: &Value) -> Value {
    let mut item = item.clone();
    if let Value::Object(fields) = &mut item {
        fields.shift_remove("key");
    }
    item
}

fn pad(text: &str) -> &'static str {
    if text[1..].starts_with(' ') { " " } else { "" }
}
