//! `images/generations` and `images/edits` as OpenAI has them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::base::{Encoding, MediaKind, Scalar};
use crate::catalog::{self, Overrides, Sent, Usage, cost};
use crate::simulator::exchange::{Reply, Request, scalar};
use crate::simulator::{Entry, Simulator, bill, media};

pub(super) fn answer(simulator: &Simulator, request: &Request, path: &str) -> Reply {
    let error = |status, kind: &str, code: &str, message: &str| {
        let error = json!({ "message": message, "type": kind, "code": code, "param": null });
        Reply::json(status, &json!({ "error": error }))
    };
    match request.credential() {
        None => return error(401, "invalid_request_error", "invalid_api_key", "no key"),
        Some(key) if key.contains("wrong") => {
            let words = format!("Incorrect API key provided: {key}");
            return error(401, "invalid_request_error", "invalid_api_key", &words);
        }
        Some(_) => {}
    }
    let (fields, pictures) = match (&*request.method, path) {
        ("POST", "/images/generations") => match request.json() {
            Some(Value::Object(fields)) => (fields, 0),
            _ => return error(400, "invalid_request_error", "", "the body is no JSON object"),
        },
        ("POST", "/images/edits") => {
            let form = request.form();
            let pictures = form.keys().filter(|name| name.starts_with("image")).count();
            let text = |(name, value): (String, Vec<u8>)| {
                Some((name, Value::String(String::from_utf8(value).ok()?)))
            };
            (form.into_iter().filter_map(text).collect(), pictures)
        }
        _ => return error(404, "invalid_request_error", "", "no such endpoint"),
    };
    let parameters: BTreeMap<String, Scalar> = fields
        .iter()
        .filter(|(name, _)| !matches!(&***name, "model" | "prompt" | "n"))
        .filter_map(|(name, value)| Some((name.clone(), scalar(value)?)))
        .collect();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let model = text("model");
    let known = catalog::model("openai", &model);
    if known.is_none_or(|model| model.state == catalog::State::Retired) {
        let words = format!("The model `{model}` does not exist");
        return error(404, "invalid_request_error", "model_not_found", &words);
    }
    let sent = Sent {
        provider: "openai".to_owned(),
        family: "openai".to_owned(),
        engine: "openai".to_owned(),
        model: model.clone(),
        media: MediaKind::Image,
        mode: None,
        prompt: text("prompt"),
        negative: None,
        parameters,
        references: pictures,
        edit: false,
        mask: false,
        translations: Vec::new(),
    };
    if sent.prompt.is_empty() {
        return error(400, "invalid_request_error", "", "prompt: is required");
    }
    if simulator.is_broke() {
        let words = "You exceeded your current quota";
        return error(429, "insufficient_quota", "insufficient_quota", words);
    }
    let kind = match simulator.play(request) {
        Some(crate::simulator::FaultKind::Refuse) => {
            let words = "Your request was rejected by the safety system.";
            return error(400, "image_generation_user_error", "moderation_blocked", words);
        }
        kind => kind,
    };
    let usage = bill::tokens(&sent);
    let micros = cost(&sent, usage, &Overrides::default()).map_or(40_000, |(micros, _)| micros);
    let entry = Entry {
        provider: "openai".to_owned(),
        model,
        micros,
        unit: catalog::PriceUnit::Usd,
        key: request.key(),
    };
    simulator.finish(kind, entry, |number| {
        let (size, encoding) = (size_of(&sent), encoding_of(&sent));
        let is_transparent = sent.text("background") == Some("transparent");
        let bytes = media::picture(&sent.prompt, number, size, is_transparent, encoding);
        let Usage::Tokens { text_in, image_in, out } = usage else {
            unreachable!("tokens are what was asked for")
        };
        let body = json!({
            "created": 1_795_000_000,
            "data": [{ "b64_json": STANDARD.encode(bytes) }],
            "usage": {
                "total_tokens": text_in + image_in + out,
                "input_tokens": text_in + image_in,
                "output_tokens": out,
                "input_tokens_details": { "text_tokens": text_in, "image_tokens": image_in },
            },
        });
        Reply::json(200, &body).header("x-request-id", format!("req_{number}"))
    })
}

fn size_of(sent: &Sent) -> (u32, u32) {
    let size = sent.text("size").and_then(|size| size.split_once('x'));
    let number = |text: &str| text.parse().ok().filter(|n| (1..=4096).contains(n));
    size.and_then(|(w, h)| Some((number(w)?, number(h)?))).unwrap_or((1024, 1024))
}

fn encoding_of(sent: &Sent) -> Encoding {
    match sent.text("output_format") {
        Some("jpeg") => Encoding::Jpeg,
        Some("webp") => Encoding::Webp,
        _ => Encoding::Png,
    }
}
