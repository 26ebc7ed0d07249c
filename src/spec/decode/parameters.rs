//! Parameters of requests: their types, and the two places where some of them may stand.

use std::collections::BTreeMap;

use crate::base::{Diagnostic, Scalar};
use crate::spec::decode::Input;
use crate::spec::keys::PARAMETERS;
use crate::yaml::schema::Shape;
use crate::yaml::{self, Checker, Entry, Style, Value};

/// `prompt.parameters` with what `generation` says in their place.
pub(super) fn parameters(
    input: &Input<'_>,
    generation: &Value,
    checker: &mut Checker<'_>,
) -> BTreeMap<String, Scalar> {
    let written = input.section("prompt").and_then(|prompt| prompt.get("parameters"));
    let mut parameters = scalars(written);
    for name in ["duration_seconds", "seed"] {
        let Some(entry) = generation.entry(name) else { continue };
        let Some(value) = scalar(entry) else { continue };
        match parameters.get(name) {
            Some(other) if *other != value => {
                let there = written.and_then(|written| written.get(name));
                checker.diagnostics.push(
                    Diagnostic::error(
                        "spec::disagreement",
                        format!("`{name}` is written twice, differently"),
                    )
                    .at(entry.value.span, "here")
                    .at(there.map_or(entry.value.span, |there| there.span), "and here")
                    .help("keep one of them"),
                );
            }
            _ => {
                parameters.insert(name.to_owned(), value);
            }
        }
    }
    parameters
}

/// Reports a size that is one number; it shows even where nobody knows the provider.
pub(super) fn size(input: &Input<'_>, checker: &mut Checker<'_>) {
    let parameters = input.section("prompt").and_then(|prompt| prompt.get("parameters"));
    if let Some(size) = parameters.and_then(|parameters| parameters.get("size"))
        && let Some(side) = size.text().and_then(yaml::parse_integer)
    {
        let help = format!("write `{side}x{side}`");
        checker.wrong_value(format!("`size` cannot be {side}"), size.span, help);
    }
}

/// Parameters with the types that the table gives them, else those that their texts have.
pub(super) fn scalars(value: Option<&Value>) -> BTreeMap<String, Scalar> {
    value
        .map_or(&[][..], Value::entries)
        .iter()
        .filter_map(|entry| Some((entry.key.to_string(), scalar(entry)?)))
        .collect()
}

fn scalar(entry: &Entry) -> Option<Scalar> {
    let yaml::Kind::Scalar { text, style } = &entry.value.kind else { return None };
    let known = PARAMETERS.iter().find(|key| key.name == &*entry.key);
    match known.map(|key| key.shape) {
        Some(Shape::Integer(..)) => yaml::parse_integer(text).map(Scalar::Integer),
        Some(Shape::Number(..)) => yaml::parse_number(text).map(Scalar::Number),
        Some(Shape::Seconds) => yaml::parse_seconds(text).map(Scalar::Number),
        Some(Shape::Boolean) => Some(Scalar::Boolean(&**text == "true")),
        Some(_) => Some(Scalar::Text(text.to_string())),
        None if *style == Style::Plain => Some(typed(text)),
        None => Some(Scalar::Text(text.to_string())),
    }
}

fn typed(text: &str) -> Scalar {
    match text {
        "true" => Scalar::Boolean(true),
        "false" => Scalar::Boolean(false),
        _ => match (yaml::parse_integer(text), yaml::parse_number(text)) {
            // `007` and `+1` keep their form as text: they are names more often than numbers.
            (Some(number), _) if number.to_string() == text => Scalar::Integer(number),
            (None, Some(number)) => Scalar::Number(number),
            _ => Scalar::Text(text.to_owned()),
        },
    }
}
