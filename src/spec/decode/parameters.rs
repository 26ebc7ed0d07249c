//! Parameters of requests: their types, and the two places where some of them may stand.

use std::collections::BTreeMap;

use crate::base::{Diagnostic, RelPath, Scalar};
use crate::catalog::{self, ParameterType};
use crate::spec::decode::Input;
use crate::spec::keys::PARAMETERS;
use crate::yaml::schema::Shape;
use crate::yaml::{self, Checker, Entry, Style, Value};

/// `prompt.parameters` with what `generation` says in their place.
pub(super) fn parameters(
    input: &Input<'_>,
    generation: &Value,
    provider: &str,
    checker: &mut Checker<'_>,
) -> BTreeMap<String, Scalar> {
    let written = input.section("prompt").and_then(|prompt| prompt.get("parameters"));
    let mut parameters = scalars(written, Some(provider));
    for name in ["duration_seconds", "seed"] {
        let Some(entry) = generation.entry(name) else { continue };
        let Some(value) = scalar(entry, Some(provider)) else { continue };
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

/// Parameters with the types that the catalogue gives them for a provider, else those that their
/// texts have.
pub(super) fn scalars(value: Option<&Value>, provider: Option<&str>) -> BTreeMap<String, Scalar> {
    value
        .map_or(&[][..], Value::entries)
        .iter()
        .filter_map(|entry| Some((entry.key.to_string(), scalar(entry, provider)?)))
        .collect()
}

/// The files that parameters name: as written, and as paths.
pub(super) fn files<'a>(
    provider: &'a str,
    parameters: &'a BTreeMap<String, Scalar>,
) -> impl Iterator<Item = (String, RelPath)> + 'a {
    let named = parameters.iter().filter(|(name, value)| catalog::is_file(provider, name, value));
    named.filter_map(|(_, value)| {
        let Scalar::Text(text) = value else { return None };
        Some((text.clone(), RelPath::new(text).ok()?))
    })
}

/// A text that is not of the parameter's type stays text, so that the catalogue's check can tell
/// which type is needed.
fn scalar(entry: &Entry, provider: Option<&str>) -> Option<Scalar> {
    let yaml::Kind::Scalar { text, style } = &entry.value.kind else { return None };
    let is_seconds =
        PARAMETERS.iter().any(|key| key.name == &*entry.key && matches!(key.shape, Shape::Seconds));
    let seconds = || yaml::parse_seconds(text).map(Scalar::Number);
    let number = || yaml::parse_number(text).map(Scalar::Number);
    let kind = provider.and_then(|provider| catalog::parameter_type(provider, &entry.key));
    let value = match kind {
        Some(ParameterType::Text | ParameterType::File) => None,
        Some(ParameterType::Integer | ParameterType::Number) if is_seconds => seconds(),
        _ if *style != Style::Plain => None,
        Some(ParameterType::Integer) => {
            yaml::parse_integer(text).map(Scalar::Integer).or_else(number)
        }
        Some(ParameterType::Number) => number(),
        Some(ParameterType::Boolean) => match &**text {
            "true" => Some(Scalar::Boolean(true)),
            "false" => Some(Scalar::Boolean(false)),
            _ => None,
        },
        None => Some(typed(text)),
    };
    Some(value.unwrap_or_else(|| Scalar::Text(text.to_string())))
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
