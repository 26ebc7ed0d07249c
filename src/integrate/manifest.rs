//! Edits of `manifest.json`: entries are added, changed and removed in the text, and every byte of
//! what is not ours stays. Only text; which entries are wanted is decided elsewhere.
//! Why ranges of a syntax tree and not a tree that is printed: docs/design/integrate.md.

mod editor;
mod operation;
mod outline;

use jsonc_parser::ast;
use serde_json::{Map, Value};

use crate::integrate::json::{self, Style};
use crate::integrate::layout;
use crate::integrate::manifest::editor::{Editor, without_key};
use crate::integrate::manifest::operation::Tree;
use crate::integrate::manifest::outline::outline;

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
    /// There is nothing in the file, although entries were written into it before.
    #[error(
        "the manifest is empty, and the lock knows entries in it: write it again, \
         or delete it to have them written anew"
    )]
    Emptied,
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
    let syntax = |(line, message)| ManifestError::Syntax { line, message };
    let (_, body) = split_bom(text);
    let opened;
    let (body, root) = match json::parse(body).map_err(syntax)? {
        Some(root) => (body, Some(root)),
        None => {
            let (head, eol) = (body.trim_end(), line_end(body));
            opened = format!("{head}{}{{}}{eol}", if head.is_empty() { "" } else { eol });
            (&*opened, json::parse(&opened).map_err(syntax)?)
        }
    };
    let root = root.filter(|root| root.as_object().is_some()).ok_or(ManifestError::NotAnObject)?;
    let wanted = Wanted::of(operations);
    wanted
        .edit(text, body, &root, |edited| json::parse(edited).ok()?)
        .ok_or(ManifestError::Mismatch)
}

/// As `edit`, for a text that `read_entries` has read without an error, or that `edit` gave: only
/// what the operations name is read, so that one entry among thousands costs little.
///
/// # Errors
/// As `edit`; but if the text is not what it is said to be, an error in what nobody named is missed,
/// and stays as it is.
pub fn edit_known(text: &str, operations: &[Operation]) -> Result<Edited, ManifestError> {
    edit_outlined(text, operations).map_or_else(|| edit(text, operations), Ok)
}

/// Edits by an outline; none if that takes a parser, which then says why.
fn edit_outlined(text: &str, operations: &[Operation]) -> Option<Edited> {
    let (_, body) = split_bom(text);
    let wanted = Wanted::of(operations);
    let root = outline(body, &wanted.tree)?;
    wanted.edit(text, body, &root, |edited| outline(edited, &wanted.tree))
}

/// What is wanted of a manifest.
struct Wanted {
    tree: Tree,
    /// Operations, by index, that contradict others.
    contested: Vec<(usize, EntryProblem)>,
}

impl Wanted {
    fn of(operations: &[Operation]) -> Self {
        let mut contested = Vec::new();
        let tree = Tree::of(operations, &mut contested);
        Self { tree, contested }
    }

    /// Edits `body`, which is `text` or stands for it, and was read as `root`; none if the edited
    /// body does not read as intended.
    fn edit(
        &self,
        text: &str,
        body: &str,
        root: &ast::Value<'_>,
        read_back: impl for<'b> Fn(&'b str) -> Option<ast::Value<'b>>,
    ) -> Option<Edited> {
        let style = Style { unit: indent_unit(body, root), eol: line_end(body) };
        let mut editor = Editor {
            text: body,
            style,
            edits: Vec::new(),
            changed: 0,
            problems: self.contested.clone(),
        };
        let mut intended = json::to_value(root);
        editor.container(&self.tree, root, &mut intended, &mut Vec::new());
        let Editor { edits, changed, mut problems, .. } = editor;
        problems.sort_by_key(|(index, _)| *index);
        if edits.is_empty() {
            return Some(Edited { text: text.to_owned(), changed, problems });
        }
        let mut edited = layout::apply(body, edits)?;
        if !json::reads_as(&read_back(&edited)?, &intended) {
            return None;
        }
        edited.insert_str(0, split_bom(text).0);
        Some(Edited { text: edited, changed, problems })
    }
}

/// Byte order marks, and what follows them.
fn split_bom(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches('\u{feff}').len())
}

/// The line end of a text: that of its first line.
fn line_end(body: &str) -> &'static str {
    if body.find('\n').is_some_and(|at| body[..at].ends_with('\r')) { "\r\n" } else { "\n" }
}

/// One level of indentation: that of the first key.
fn indent_unit<'t>(body: &'t str, root: &ast::Value<'_>) -> &'t str {
    root.as_object()
        .and_then(|object| object.properties.first())
        .filter(|first| layout::own_line(body, first.range.start))
        .map(|first| layout::indent_at(body, first.range.start))
        .filter(|indent| !indent.is_empty())
        .unwrap_or("  ")
}

/// The whole manifest as a value, to look entries up with `find_entry`.
///
/// # Errors
/// As `edit`.
pub fn read_entries(text: &str) -> Result<Value, ManifestError> {
    let (_, body) = split_bom(text);
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
