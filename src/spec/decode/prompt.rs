//! The prompt's text and its parts, in their documented order (docs/design/spec-language.md).

use unicode_normalization::UnicodeNormalization;

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, MediaKind};
use crate::spec::decode::Input;
use crate::spec::expand::Used;
use crate::spec::op::Prompt;
use crate::yaml::{Checker, Value};

/// The prompt, and what to avoid where the model has a field for it.
pub(super) fn prompt(
    input: &Input<'_>,
    takes_negative: bool,
    media: MediaKind,
    edit_prompt: Option<&Value>,
    used: &mut Used,
    checker: &mut Checker<'_>,
) -> (Option<Prompt>, Option<String>) {
    let section = input.section("prompt");
    let text = |key: &str| section.and_then(|section| section.get_text(key)).map(clean);
    let base = base(input, edit_prompt, checker);
    let mut parts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, label: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let text = if label.is_empty() { text } else { format!("{label}: {text}") };
            parts.push((name.to_owned(), text));
        }
    };
    let negative = text("negative").filter(|text| !text.is_empty());
    add("base", "", base.clone());
    let chosen = input.merged.chosen.iter().filter_map(Value::text).map(clean);
    let chosen = chosen.collect::<Vec<_>>().join("\n\n");
    add("templates", "", Some(chosen));
    add("style", "Style", text("style"));
    add("details", "Details", text("details"));
    if !takes_negative {
        add("negative", "Avoid", negative.clone());
    }
    let context = input.section("metadata").and_then(|metadata| metadata.get_text("gameContext"));
    add("game_context", "Game context", context.map(clean));
    for (name, text) in styles(input, media, used, checker) {
        add(&format!("styles.{name}"), "", Some(text));
    }
    let text = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n");
    let negative = negative.filter(|_| takes_negative);
    (base.map(|_| Prompt { text, parts }), negative)
}

fn base(
    input: &Input<'_>,
    edit_prompt: Option<&Value>,
    checker: &mut Checker<'_>,
) -> Option<String> {
    let written = input.section("prompt").and_then(|prompt| prompt.get("base"));
    let base = match (written, edit_prompt) {
        (Some(base), Some(edit)) if base.text() != edit.text() => {
            checker.diagnostics.push(
                Diagnostic::error("spec::disagreement", "two prompts that differ")
                    .at(edit.span, "here")
                    .at(base.span, "and here")
                    .help("keep one of them"),
            );
            base
        }
        (Some(base), _) => base,
        (None, Some(edit)) => edit,
        (None, None) => {
            let entry = input.tree().entry("prompt");
            let span = entry.map_or(input.merged.span, |entry| entry.key_span);
            let message = match entry {
                Some(entry) if !entry.value.is_map() => return None,
                Some(_) => "`prompt` has no `base`",
                None => "a spec has no `prompt`",
            };
            checker.missing(message, span, "write `prompt: \"what to make\"`");
            return None;
        }
    };
    let text = clean(base.text()?);
    if text.is_empty() {
        checker.wrong_value("an empty prompt", base.span, "write what to make");
        return None;
    }
    Some(text)
}

/// Names and texts of the styles that end the prompt: `base` first, then in the order written.
fn styles(
    input: &Input<'_>,
    media: MediaKind,
    used: &mut Used,
    checker: &mut Checker<'_>,
) -> Vec<(String, String)> {
    let context = input.context;
    let mut texts = Vec::new();
    let mut add = |name: &str| {
        used.styles.insert(name.to_owned());
        let text = context.styles.get(name);
        texts.extend(text.map(|text| (name.to_owned(), clean(&without_comments(text)))));
    };
    if media == MediaKind::Image && context.config.styles.contains_key("base") {
        add("base");
    }
    let named = input.section("prompt").and_then(|prompt| prompt.get("styles"));
    for value in named.map_or(&[][..], Value::one_or_more) {
        let Some(name) = value.text() else { continue };
        let known = context.config.styles.keys().map(String::as_str);
        if !context.config.styles.contains_key(name) {
            let help = match did_you_mean(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if context.config.styles.is_empty() => {
                    format!("add it to the Assetfile: `styles: {{ {name}: styles/{name}.md }}`")
                }
                None => format!("styles: {}", known.collect::<Vec<_>>().join(", ")),
            };
            checker.diagnostics.push(
                Diagnostic::error("spec::unknown_style", format!("no style is called `{name}`"))
                    .at(value.span, "")
                    .help(help),
            );
        } else if name != "base" || media == MediaKind::Audio {
            add(name);
        }
    }
    texts
}

/// NFC, LF, and no space at the ends of lines or of the text.
pub(super) fn clean(text: &str) -> String {
    let lines = text.nfc().collect::<String>().replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

/// Markdown without its `<!-- … -->`.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        out.push_str(&rest[..start]);
        match rest[start..].find("-->") {
            Some(end) => rest = &rest[start + end + 3..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}
