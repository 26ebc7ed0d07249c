//! JSON Schemas for editors, written from the tables that check files. They help while typing; what
//! holds is what the tool says.

use serde_json::{Map, Value, json};

use crate::config::ASSETFILE;
use crate::spec::keys::{FILE, INSTANCE, SPEC, TEMPLATE};
use crate::yaml::schema::{Key, Shape};

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of spec files.
pub fn schema_json() -> String {
    let mut instance = object(INSTANCE.iter().chain(SPEC), Value::Bool(true));
    instance["required"] = json!(["use"]);
    let mut template = object(TEMPLATE.iter().chain(SPEC), Value::Bool(false));
    template["required"] = json!(["template"]);
    let mut spec = object(SPEC, Value::Bool(false));
    spec["required"] = json!(["id"]);
    let one = json!({ "anyOf": [
        { "$ref": "#/definitions/spec" },
        { "$ref": "#/definitions/template" },
        { "$ref": "#/definitions/instance" },
    ] });
    let mut file = object(FILE, Value::Bool(false));
    file["properties"]["defaults"] =
        object(SPEC.iter().filter(|key| key.name != "id"), false.into());
    file["properties"]["specs"] =
        json!({ "type": "array", "items": { "$ref": "#/definitions/one" } });
    file["anyOf"] = json!([{ "required": ["specs"] }, { "required": ["defaults"] }]);
    finish(json!({
        "$schema": DRAFT,
        "title": "assetbuild spec file",
        "anyOf": [
            { "$ref": "#/definitions/one" },
            { "$ref": "#/definitions/file" },
            { "type": "array", "items": { "$ref": "#/definitions/one" } },
        ],
        "definitions": {
            "one": one, "spec": spec, "template": template, "instance": instance, "file": file,
        },
    }))
}

/// The schema of the Assetfile.
pub fn assetfile_schema_json() -> String {
    let mut schema = object(ASSETFILE, Value::Bool(false));
    schema["$schema"] = DRAFT.into();
    schema["title"] = "assetbuild Assetfile".into();
    schema["required"] = json!(["version"]);
    finish(schema)
}

fn finish(schema: Value) -> String {
    format!("{schema:#}\n")
}

fn object<'a>(keys: impl IntoIterator<Item = &'a Key>, others: Value) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut schema = nullable(of(&key.shape));
        let meaning = match key.default {
            "" => key.meaning.to_owned(),
            default => format!("{}. Default: {default}", key.meaning),
        };
        schema["description"] = meaning.into();
        properties.insert(key.name.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": others })
}

/// The schema of a shape. A placeholder may stand for every single value.
fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Word(words) => or_placeholder(json!({ "enum": words })),
        Shape::Boolean => or_placeholder(json!({ "type": "boolean" })),
        Shape::Integer(min, max) => {
            let mut schema = json!({ "type": "integer" });
            if *min != i64::MIN {
                schema["minimum"] = (*min).into();
            }
            if *max != i64::MAX {
                schema["maximum"] = (*max).into();
            }
            or_placeholder(schema)
        }
        Shape::Number(min, max) => {
            let mut schema = json!({ "type": "number" });
            if min.is_finite() {
                schema["minimum"] = (*min).into();
            }
            if max.is_finite() {
                schema["maximum"] = (*max).into();
            }
            or_placeholder(schema)
        }
        Shape::Size => pattern(r"^\s*[0-9]+\s*[xX×]\s*[0-9]+\s*$|\{\{"),
        Shape::Color => pattern(
            r"^#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$|^(black|white|transparent)$|\{\{",
        ),
        Shape::Decibel | Shape::Bitrate | Shape::Seconds | Shape::Hertz | Shape::Money => {
            json!({ "type": ["number", "string"] })
        }
        Shape::Path => json!({ "type": "string" }),
        Shape::Exactly(count, item) => {
            json!({ "type": "array", "items": of(item), "minItems": count, "maxItems": count })
        }
        Shape::List(item) => json!({ "type": "array", "items": of(item) }),
        Shape::Items(item) => {
            json!({ "anyOf": [of(item), { "type": "array", "items": of(item) }] })
        }
        Shape::Map(keys) => object(*keys, Value::Bool(false)),
        Shape::Open(keys, other) => object(*keys, of(other)),
        Shape::MapOf(item) => json!({ "type": "object", "additionalProperties": of(item) }),
        Shape::Tagged(tag, variants) => tagged(tag, variants),
        Shape::Flag(words) => flag(words),
        Shape::Nothing => json!(false),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() })
        }
        Shape::Any => json!({}),
    }
}

fn tagged(tag: &str, variants: &[(&str, &'static [Key])]) -> Value {
    let names: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
    let rules: Vec<Value> = variants
        .iter()
        .map(|(name, keys)| {
            let mut then = object(*keys, Value::Bool(false));
            then["properties"][tag] = json!({});
            json!({ "if": { "properties": { tag: { "const": name } } }, "then": then })
        })
        .collect();
    json!({
        "type": "object",
        "required": [tag],
        "properties": { tag: { "enum": names } },
        "allOf": rules,
    })
}

fn flag(words: &'static [Key]) -> Value {
    let (alone, with_argument): (Vec<&Key>, Vec<&Key>) =
        words.iter().partition(|key| matches!(key.shape, Shape::Nothing));
    let mut forms: Vec<Value> = Vec::new();
    let (open, fixed): (Vec<&Key>, Vec<&Key>) =
        alone.into_iter().partition(|key| key.name.ends_with('*'));
    forms.push(json!({ "enum": fixed.iter().map(|key| key.name).collect::<Vec<_>>() }));
    for key in open {
        forms.push(pattern(&format!("^{}", key.name.trim_end_matches('*'))));
    }
    let mut argument = object(with_argument, Value::Bool(false));
    argument["minProperties"] = 1.into();
    argument["maxProperties"] = 1.into();
    forms.push(argument);
    json!({ "anyOf": forms })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn or_placeholder(schema: Value) -> Value {
    json!({ "anyOf": [schema, pattern(r"\{\{.*\}\}")] })
}

/// `~` takes away what defaults brought in, so it may stand everywhere.
fn nullable(schema: Value) -> Value {
    match schema.as_object() {
        Some(object) if object.is_empty() => schema,
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_name_every_key_with_its_meaning() {
        let schema: Value = serde_json::from_str(&schema_json()).expect("the schema is JSON");
        let spec = &schema["definitions"]["spec"];
        for key in SPEC {
            let meaning = spec["properties"][key.name]["description"].as_str();
            assert!(meaning.is_some_and(|text| text.starts_with(key.meaning)), "{}", key.name);
        }
        assert_eq!(spec["additionalProperties"], false);
        let steps = &spec["properties"]["post_processing"]["anyOf"][0]["items"];
        assert_eq!(steps["properties"]["action"]["enum"][0], "resize");
        let assetfile: Value =
            serde_json::from_str(&assetfile_schema_json()).expect("the schema is JSON");
        assert_eq!(assetfile["required"], json!(["version"]));
        assert!(assetfile["properties"]["budget"].is_object());
    }
}
