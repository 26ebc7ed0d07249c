//! What the Assetfile says that results depend on, as one digest: an edited budget concerns no asset.

use std::fmt::Write as _;

use crate::base::Digest;
use crate::config::keys::ASSETFILE;
use crate::yaml::schema::{Key, Shape, Stale};
use crate::yaml::{Kind, Style, Value};

/// Digests the settings that make something stale when they change; comments and the order of settings
/// do not count.
pub(super) fn digest(root: &Value) -> Digest {
    let mut text = String::new();
    write_map(root, ASSETFILE, &mut text);
    Digest::of(text.as_bytes())
}

/// What is in use when there is no Assetfile.
pub(super) fn of_nothing() -> Digest {
    Digest::of(b"")
}

fn write_map(map: &Value, keys: &[Key], text: &mut String) {
    for key in keys.iter().filter(|key| key.stale != Stale::No) {
        let Some(value) = map.get(key.name) else { continue };
        write_text(key.name, text);
        match key.shape {
            Shape::Map(inner) if value.is_map() => write_map(value, inner, text),
            Shape::MapOf(Shape::Map(inner)) if value.is_map() => {
                for entry in value.entries() {
                    write_text(&entry.key, text);
                    write_map(&entry.value, inner, text);
                    text.push('}');
                }
            }
            _ => write_all(value, text),
        }
        text.push('}');
    }
}

fn write_all(value: &Value, text: &mut String) {
    match &value.kind {
        Kind::Null => text.push('~'),
        Kind::Scalar { text: own, style } => {
            // An unquoted word may be a number or a truth.
            text.push(if *style == Style::Plain { '.' } else { '"' });
            write_text(own, text);
        }
        Kind::List(items) => {
            text.push('[');
            items.iter().for_each(|item| write_all(item, text));
            text.push(']');
        }
        Kind::Map(entries) => {
            text.push('{');
            for entry in entries.iter() {
                write_text(&entry.key, text);
                write_all(&entry.value, text);
            }
            text.push('}');
        }
    }
}

/// With its length, so that neighbours cannot run into each other.
fn write_text(part: &str, text: &mut String) {
    write!(text, "{}:{part}", part.len()).expect("a String takes everything");
}
