//! The canonical text of a block: one order, one form, so that equal blocks are equal bytes.
//!
//! Whatever two branches may add to independently stands on a line of its own, so that git merges
//! it. Field by field: docs/design/lockfile.md.

use std::fmt::Write as _;

use crate::base::Digest;
use crate::lock::model::{Block, Kept, Purchase};

/// The canonical text of `block`, with LF line ends and one at its end.
pub fn render(block: &Block) -> String {
    let mut out = String::with_capacity(512);
    write_block(&mut out, block).expect("writing to a string cannot fail");
    out
}

fn write_block(out: &mut String, block: &Block) -> std::fmt::Result {
    let Block {
        id,
        schema,
        wanted,
        fields,
        definition,
        raw,
        purchases,
        pick,
        kept,
        outputs,
        adopted,
        provisional,
        entry,
        tools,
    } = block;
    writeln!(out, "[asset.{}]", key(id))?;
    writeln!(out, "wanted = \"{schema}:{}\"", wanted.hex())?;
    writeln!(out, "definition = \"{}\"", definition.hex())?;
    if !fields.is_empty() {
        writeln!(out, "fields = \"{}\"", fields.as_str())?;
    }
    if let Some(raw) = raw {
        writeln!(out, "raw = \"{}\"", digest(raw))?;
    }
    if let Some(pick) = pick {
        writeln!(out, "pick = \"{}\"", digest(pick))?;
    }
    if *adopted {
        writeln!(out, "adopted = true")?;
    }
    if *provisional {
        writeln!(out, "provisional = true")?;
    }
    if let Some(entry) = entry {
        let mut parts: Vec<String> = entry.section.iter().map(|part| quote(part)).collect();
        parts.push(quote(&entry.key));
        parts.push(format!("\"{}\"", entry.value));
        writeln!(out, "entry = [{}]", parts.join(", "))?;
    }
    list(out, "outputs", outputs, |(path, output)| quote(&format!("{path} {}", digest(output))))?;
    list(out, "kept", kept, |Kept { wanted, reason }| {
        format!("{{ wanted = \"{}\", reason = {} }}", wanted.hex(), quote(reason))
    })?;
    list(out, "purchases", purchases, purchase)?;
    list(out, "tools", tools, |(program, version)| {
        format!("[{}, {}]", quote(program), quote(version))
    })
}

fn list<T>(
    out: &mut String,
    name: &str,
    items: &[T],
    text: impl Fn(&T) -> String,
) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "{name} = [")?;
    for item in items {
        writeln!(out, "  {},", text(item))?;
    }
    writeln!(out, "]")
}

fn purchase(purchase: &Purchase) -> String {
    let Purchase {
        id,
        wanted,
        sent,
        index,
        raw,
        provider,
        model,
        model_used,
        cost_micros,
        unit,
        date,
        extra,
    } = purchase;
    let mut out = format!(
        "{{ id = {}, wanted = \"{}\", sent = \"{}\", index = {index}, raw = \"{}\", provider = {}, \
         model = {}",
        quote(id),
        wanted.hex(),
        sent.hex(),
        digest(raw),
        quote(provider),
        quote(model),
    );
    if let Some(used) = model_used {
        out.push_str(&format!(", model_used = {}", quote(used)));
    }
    if let Some(cost) = cost_micros {
        out.push_str(&format!(", cost_micros = {cost}"));
    }
    out.push_str(&format!(", unit = {}, date = {}", quote(unit), quote(date)));
    if *extra {
        out.push_str(", extra = true");
    }
    out.push_str(" }");
    out
}

fn digest(digest: &Digest) -> String {
    format!("{}/{}", digest.hex(), digest.size)
}

/// A TOML key: bare where it can be.
pub(super) fn key(text: &str) -> String {
    if is_bare(text) { text.to_owned() } else { quote(text) }
}

/// Whether TOML takes the key without quotes.
pub(super) fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
