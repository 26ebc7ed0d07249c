//! Edits of `manifest.json`: entries are added, changed and removed in the text, and every byte of
//! what is not ours stays. Only text; which entries are wanted is decided elsewhere.
//! Why ranges of a syntax tree and not a tree that is printed: docs/design/integrate.md.

mod editor;
mod operation;

use jsonc_parser::ast;
use serde_json::{Map, Value};

use crate::integrate::json::{self, Style};
use crate::integrate::layout;
use crate::integrate::manifest::editor::{Editor, without_key};
use crate::integrate::manifest::operation::Tree;

pub use operation::{EntryProblem, Operation};

/// Why the manifest cannot be edited at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, even with comments and trailing commas.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// Its value is not an object.
    #[error("the manifest is not a JSON object")]
    NotAnObject,
    /// The edited text does not read as intended; nothing was written.
    #[error("internal error: the edited manifest does not read as intended")]
    Mismatch,
}

/// An edited manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// Entries added, changed or removed.
    pub changed: usize,
    /// Operations, by index, that were not done.
    pub problems: Vec<(usize, EntryProblem)>,
}

/// Makes `operations` on the text of a manifest; an empty text is a manifest without entries.
///
/// New keys go behind their siblings, or to their place if those are sorted. New sections are maps,
/// but lists under `audio.sfx`; what is there keeps its shape. An entry that already has the wanted
/// value is left alone, whoever wrote it.
///
/// # Errors
/// `ManifestError` when the text cannot be read. What stands in the way of one entry is in
/// `Edited::problems`, and the others are edited.
pub fn edit(text: &str, operations: &[Operation]) -> Result<Edited, ManifestError> {
    let body = text.trim_start_matches('\u{feff}');
    let bom = &text[..text.len() - body.len()];
    let syntax = |(line, message)| ManifestError::Syntax { line, message };
    let eol =
        if body.find('\n').is_some_and(|at| body[..at].ends_with('\r')) { "\r\n" } else { "\n" };

    let opened;
    let body = if json::parse(body).map_err(syntax)?.is_some() {
        body
    } else {
        let head = body.trim_end();
        opened = format!("{head}{}{{}}{eol}", if head.is_empty() { "" } else { eol });
        &opened
    };
    let root = json::parse(body).map_err(syntax)?.ok_or(ManifestError::NotAnObject)?;
    let ast::Value::Object(object) = &root else { return Err(ManifestError::NotAnObject) };
    let unit = object
        .properties
        .first()
        .filter(|first| layout::own_line(body, first.range.start))
        .map(|first| layout::indent_at(body, first.range.start))
        .filter(|indent| !indent.is_empty())
        .unwrap_or("  ");

    let mut problems = Vec::new();
    let tree = Tree::of(operations, &mut problems);
    let mut editor =
        Editor { text: body, style: Style { unit, eol }, edits: Vec::new(), changed: 0, problems };
    let mut intended = json::to_value(&root);
    editor.container(&tree, &root, &mut intended, &mut Vec::new());
    let Editor { edits, changed, mut problems, .. } = editor;
    problems.sort_by_key(|(index, _)| *index);
    if edits.is_empty() {
        return Ok(Edited { text: text.to_owned(), changed, problems });
    }
    let edited = layout::apply(body, edits).ok_or(ManifestError::Mismatch)?;
    let read_back = json::parse(&edited).ok().flatten().map(|value| json::to_value(&value));
    if read_back != Some(intended) {
        return Err(ManifestError::Mismatch);
    }
    Ok(Edited { text: format!("{bom}{edited}"), changed, problems })
}

/// The whole manifest as a value, to look entries up with `find_entry`.
///
/// # Errors
/// As `edit`.
pub fn read_entries(text: &str) -> Result<Value, ManifestError> {
    let body = text.trim_start_matches('\u{feff}');
    match json::parse(body).map_err(|(line, message)| ManifestError::Syntax { line, message })? {
        None => Ok(Value::Object(Map::new())),
        Some(root @ ast::Value::Object(_)) => Ok(json::to_value(&root)),
        Some(_) => Err(ManifestError::NotAnObject),
    }
}

/// The value of one entry in a manifest that `read_entries` gave, without the `key` field of a
/// list item.
pub fn find_entry(manifest: &Value, section: &[String], key: &str) -> Option<Value> {
    let mut container = manifest.get("assets")?;
    for name in section {
        container = container.get(name)?;
    }
    match container {
        Value::Object(map) => map.get(key).cloned(),
        Value::Array(items) => items
            .iter()
            .find(|item| item.get("key").and_then(Value::as_str) == Some(key))
            .map(without_key),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
