//! docs/reference.md: every key of both files, written from the tables that check them.

mod models;

use std::fmt::Write as _;

use crate::config::ASSETFILE;
use crate::spec::keys::{FILE, INSTANCE, PARAMETERS, SPEC, TEMPLATE};
use crate::spec::step_keys::{CHECKS, STEPS};
use crate::yaml::schema::{Key, Shape, Stale};

const INTRO: &str = "\
# Reference

Every key of `Assetfile.yaml` and of spec files. This page is written by the tool from the tables
that it checks files with; `UPDATE_REFERENCE=1 cargo test reference` rewrites it.

`NAME` stands for a name: of a provider below `providers` and `budget.providers`. `[]` stands for each
entry of a list, and – for no default. `~` as a value takes away what defaults or a template set.

*Stale* says what a change of the key makes stale, and so what it costs: a *request* is bought again if its
provider is paid; *processing* and *publishing* are free and done again at once; *no* costs nothing.
";

/// The text of docs/reference.md.
pub fn reference_markdown() -> String {
    let mut out = INTRO.to_owned();
    section(&mut out, "## Assetfile.yaml", "", ASSETFILE);
    out.push_str(
        "\n## Spec files\n\nA file holds one spec, several documents, a list of specs, or \
         `defaults` with `specs`.\nA document with `template` is a template, one with `use` is an \
         instance of one.\n",
    );
    section(&mut out, "### File", "", FILE);
    section(&mut out, "### Spec", "", SPEC);
    out.push_str(
        "\n### Parameters of requests\n\nKeys of `prompt.parameters`. Each model takes some of them \
         and others of its own, which are listed below it;\nfor hosts that take any, a value has the \
         type of its text: `true` and `false`, numbers, text.\n",
    );
    section(&mut out, "", "", PARAMETERS);
    models::write(&mut out);
    out.push_str(
        "\n### Steps\n\nEntries of `post_processing`, such as `{ action: resize, dimensions: \
         128x128, fit: contain }`. They run in the\norder written, on one picture or sound.\n",
    );
    for (name, keys) in STEPS {
        let _ = write!(out, "\n#### {name}\n\n{}\n", meaning(name));
        section(&mut out, "", "", keys);
    }
    out.push_str(
        "\n### Checks\n\nEntries of `checks` in a `validate` step: a word, or a word with its \
         argument.\n",
    );
    section(&mut out, "", "", CHECKS);
    out.push_str("\n### Templates\n\nThe keys of a spec, with `{{name}}` in their values, and:\n");
    section(&mut out, "", "", TEMPLATE);
    out.push_str(
        "\n### Instances\n\nThe template's parameters, keys of a spec that replace the template's, \
         and:\n",
    );
    section(&mut out, "", "", INSTANCE);
    out
}

/// What a step does, for people.
fn meaning(step: &str) -> &'static str {
    match step {
        "resize" => "Image: scales to a size.",
        "crop" => "Image: cuts a rectangle out. Audio: keeps the time from `from` to `to`.",
        "pad" => "Image: adds a border around the middle, up to a size.",
        "trim" => "Image: cuts off transparent edges.",
        "key_background" => "Image: makes a plain background transparent.",
        "quantize" => "Image: reduces the number of colours.",
        "outline" => "Image: draws a line around what is not transparent.",
        "glow" => "Image: adds a soft light around what is not transparent.",
        "watermark" => "Image: lays another picture on top.",
        "compress" => "Image: how much work goes into making files smaller.",
        "variants" => "Image: publishes the picture in several sizes, as `name@2x.png`.",
        "convert" => "Publishes more encodings beside the main file, or sets their quality.",
        "normalize" => "Audio: brings the level to a peak or a loudness.",
        "trim_silence" => "Audio: cuts silence off both ends.",
        "fade" => "Audio: fades in and out.",
        "loop" => "Audio: fades the end into the start, so that it repeats without a click.",
        "resample" => "Audio: changes the sample rate.",
        "channels" => "Audio: makes it mono or stereo.",
        "validate" => "Checks what the steps before it made; the asset fails if a check does.",
        _ => "",
    }
}

fn section(out: &mut String, title: &str, parent: &str, keys: &[Key]) {
    if !title.is_empty() {
        let _ = write!(out, "\n{title}\n");
    }
    out.push_str("\n| key | type | default | meaning | stale |\n| --- | --- | --- | --- | --- |\n");
    rows(out, parent, keys);
}

fn rows(out: &mut String, parent: &str, keys: &[Key]) {
    for key in keys {
        let name = match parent {
            "" => key.name.to_owned(),
            parent => format!("{parent}.{}", key.name),
        };
        let default = match key.default {
            "" => "–".to_owned(),
            // Words about a default are no value that could be written.
            default if default.contains([' ', '`']) && !default.contains('*') => default.to_owned(),
            default => format!("`{default}`"),
        };
        let stale = match key.stale {
            Stale::No => "no",
            Stale::Request => "request",
            Stale::Processing => "processing",
            Stale::Publishing => "publishing",
            Stale::Inner => "see its keys",
        };
        let _ = writeln!(
            out,
            "| `{name}` | {} | {default} | {} | {stale} |",
            kind(&key.shape),
            key.meaning
        );
        let is_short = key.meaning.starts_with("short for");
        if let Some((inner, suffix)) = inner_keys(&key.shape).filter(|_| !is_short) {
            rows(out, &format!("{name}{suffix}"), inner);
        }
    }
}

/// The keys below a key that has its rows in the same table.
fn inner_keys(shape: &Shape) -> Option<(&'static [Key], &'static str)> {
    match shape {
        Shape::Map(keys) => Some((keys, "")),
        // Parameters of requests have a section of their own.
        Shape::Open(keys, _) if !keys.is_empty() && !std::ptr::eq(*keys, PARAMETERS) => {
            Some((keys, ""))
        }
        Shape::List(item) | Shape::Items(item) => inner_keys(item).map(|(keys, _)| (keys, "[]")),
        Shape::MapOf(item) => inner_keys(item).map(|(keys, _)| (keys, ".NAME")),
        Shape::Either(shapes) => shapes.iter().find_map(inner_keys),
        _ => None,
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Map(_) | Shape::Open(..) => "map".to_owned(),
        Shape::MapOf(Shape::Any) | Shape::Any => "map".to_owned(),
        Shape::MapOf(item) => format!("map of names: {}", kind(item)),
        Shape::List(item) => format!("list: {}", kind(item)),
        Shape::Items(item) => format!("{}, or a list", kind(item)),
        Shape::Either(shapes) => shapes.iter().map(kind).collect::<Vec<_>>().join(", or "),
        Shape::Tagged(..) => "step".to_owned(),
        Shape::Flag(_) => "check".to_owned(),
        Shape::Nothing => "–".to_owned(),
        shape => shape.describe(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_says_what_it_does() {
        for (name, _) in STEPS {
            assert!(!meaning(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn reference_is_as_the_tables_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md");
        let text = reference_markdown();
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(path, &text).expect("docs/ can be written");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            written == text,
            "docs/reference.md is old: run UPDATE_REFERENCE=1 cargo test reference"
        );
    }
}
