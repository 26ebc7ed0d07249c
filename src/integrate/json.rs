//! JSON values: reading a manifest with comments, canonical JSON, and values as text in the style
//! of their surroundings.

use std::collections::HashSet;

use jsonc_parser::ast;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Number, Value};

use crate::lock::ValueDigest;

/// JSON with comments and trailing commas; nothing else that JavaScript would take.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses `text`; none if it holds no value. The error is line and message.
pub(super) fn parse(text: &str) -> Result<Option<ast::Value<'_>>, (usize, String)> {
    parse_to_ast(text, &CollectOptions::default(), &OPTIONS)
        .map(|result| result.value)
        .map_err(|error| (error.line_display(), error.kind().to_string().to_lowercase()))
}

/// The value of a syntax node; of equal keys the last one counts.
pub(super) fn to_value(node: &ast::Value<'_>) -> Value {
    match node {
        ast::Value::StringLit(text) => Value::String(text.value.to_string()),
        ast::Value::NumberLit(number) => to_number(number.value),
        ast::Value::BooleanLit(boolean) => Value::Bool(boolean.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => Value::Array(array.elements.iter().map(to_value).collect()),
        ast::Value::Object(object) => Value::Object(
            object
                .properties
                .iter()
                .map(|prop| (prop.name.as_str().to_owned(), to_value(&prop.value)))
                .collect(),
        ),
    }
}

/// Whether `to_value` of the node gives this value; it is made only of what holds a key twice.
pub(super) fn reads_as(node: &ast::Value<'_>, value: &Value) -> bool {
    match (node, value) {
        (ast::Value::StringLit(node), Value::String(text)) => node.value == *text,
        (ast::Value::Object(object), Value::Object(map)) => {
            let members = || object.properties.iter().map(|prop| (prop.name.as_str(), &prop.value));
            let keys: HashSet<&str> = members().map(|(key, _)| key).collect();
            if keys.len() < object.properties.len() {
                return to_value(node) == *value;
            }
            keys.len() == map.len()
                && members()
                    .all(|(key, node)| map.get(key).is_some_and(|value| reads_as(node, value)))
        }
        _ => to_value(node) == *value,
    }
}

fn to_number(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    if let Ok(number) = text.parse::<u64>() {
        return number.into();
    }
    // The standard library rounds correctly, so that every double survives being written and read.
    text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// The digest by which an owned entry is recognized, whatever its layout and key order.
pub fn value_digest(value: &Value) -> ValueDigest {
    let mut out = String::new();
    write_canonical(&mut out, value);
    ValueDigest::of(out.as_bytes())
}

/// Whether two values are equal as canonical JSON: `1.0` is `1`, order of keys is no matter.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    a == b || value_digest(a) == value_digest(b)
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&quote(key));
                out.push(':');
                write_canonical(out, &map[key]);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(out, item);
            }
            out.push(']');
        }
        Value::Number(number) => match number.as_f64() {
            // Above 2^53 a double no longer tells whole numbers apart.
            Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                out.push_str(&format!("{:.0}", float + 0.0));
            }
            _ => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

/// A JSON string.
pub(super) fn quote(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// How new text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style<'a> {
    /// One level of indentation.
    pub(super) unit: &'a str,
    /// Line end.
    pub(super) eol: &'a str,
}

/// `value` over several lines; lines after the first begin with `indent`.
pub(super) fn pretty(value: &Value, indent: &str, style: Style<'_>) -> String {
    let inner = format!("{indent}{}", style.unit);
    let wrap = |open: &str, items: Vec<String>, close: &str| {
        let separator = format!(",{}{inner}", style.eol);
        format!("{open}{eol}{inner}{}{eol}{indent}{close}", items.join(&separator), eol = style.eol)
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            wrap("{", members(map, |v| pretty(v, &inner, style)), "}")
        }
        Value::Array(items) if !items.is_empty() => {
            wrap("[", items.iter().map(|item| pretty(item, &inner, style)).collect(), "]")
        }
        other => other.to_string(),
    }
}

/// `value` on one line, with `pad` inside of braces.
pub(super) fn inline(value: &Value, pad: &str) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => {
            format!("{{{pad}{}{pad}}}", members(map, |v| inline(v, pad)).join(", "))
        }
        Value::Array(items) if !items.is_empty() => {
            let items: Vec<String> = items.iter().map(|item| inline(item, pad)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn members(map: &Map<String, Value>, text: impl Fn(&Value) -> String) -> Vec<String> {
    map.iter().map(|(key, value)| format!("{}: {}", quote(key), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layout_order_and_number_form_do_not_reach_a_digest() {
        let digest =
            |text: &str| value_digest(&to_value(&parse(text).expect("JSON").expect("a value")));
        assert_eq!(
            digest("{\"a\": 1, \"b\": [true, null]}"),
            digest("{ \"b\":[true,null], /* x */\n\"a\": 1.0, }")
        );
        assert_ne!(digest("{\"a\": 1}"), digest("{\"a\": \"1\"}"));
        assert_ne!(digest("[1, 2]"), digest("[2, 1]"));
        assert_ne!(digest("0.5"), digest("0.25"));
    }

    #[test]
    fn a_node_reads_as_its_value_and_no_other() {
        let texts = [
            "{\"a\": 1, \"b\": {\"c\": \"x\"}}",
            "{\"b\": {\"c\": \"\\u0078\"}, \"a\": 1}",
            "{\"a\": 2, \"a\": 1, \"b\": {\"c\": \"x\"}}",
            "{\"a\": 1, \"a\": 1}",
            "{\"a\": 1}",
            "{\"a\": \"1\"}",
            "{\"a\": [1]}",
            "{}",
            "[]",
        ];
        let nodes = texts.map(|text| parse(text).expect("JSON").expect("a value"));
        for node in &nodes {
            for value in nodes.iter().map(to_value) {
                assert_eq!(reads_as(node, &value), to_value(node) == value, "{node:?} {value}");
            }
        }
    }

    #[test]
    fn values_are_written_in_the_style_of_the_file() {
        let value = json!({"a": [1, {"b": "x\"y"}], "c": {}});
        let style = Style { unit: "\t", eol: "\n" };
        assert_eq!(
            pretty(&value, "\t", style),
            "{\n\t\t\"a\": [\n\t\t\t1,\n\t\t\t{\n\t\t\t\t\"b\": \"x\\\"y\"\n\t\t\t}\n\t\t],\n\t\t\"c\": {}\n\t}"
        );
        assert_eq!(inline(&value, " "), "{ \"a\": [1, { \"b\": \"x\\\"y\" }], \"c\": {} }");
    }

    #[test]
    fn what_json_does_not_know_is_an_error_with_its_line() {
        for text in ["{\n'a': 1}", "{\na: 1}", "{\"a\":\n1 \"b\": 2}", "[1,\n0x10]", "[1,\nNaN]"] {
            assert_eq!(parse(text).expect_err(text).0, 2, "{text}");
        }
    }
}
