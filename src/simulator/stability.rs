//! `v2beta/stable-image/generate/*` as Stability has it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::base::{Encoding, Scalar};
use crate::catalog::{self, Overrides, PriceUnit, Sent};
use crate::simulator::exchange::{Reply, Request};
use crate::simulator::{Entry, FaultKind, Simulator, media};

pub(super) fn answer(simulator: &Simulator, request: &Request, path: &str) -> Reply {
    let error = |status, name: &str, words: &str| {
        Reply::json(status, &json!({ "id": "0", "name": name, "errors": [words] }))
    };
    if request.credential().is_none_or(|key| key.contains("wrong")) {
        return error(401, "unauthorized", "authorization: invalid or missing");
    }
    let Some(endpoint) = path.strip_prefix("/v2beta/stable-image/generate/") else {
        return error(404, "not_found", "no such endpoint");
    };
    let form = request.form();
    let text = |name: &str| form.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let Some(prompt) = text("prompt").filter(|prompt| !prompt.is_empty()) else {
        return error(400, "bad_request", "prompt: is required");
    };
    let model = match endpoint {
        "sd3" => text("model").unwrap_or_else(|| "sd3.5-large".to_owned()),
        other => other.to_owned(),
    };
    if simulator.is_broke() {
        return error(402, "payment_required", "You lack sufficient credits");
    }
    let kind = simulator.play(request);
    if kind == Some(FaultKind::Refuse) {
        return error(403, "content_moderation", "Your request was flagged");
    }
    let sent = sent("stable-diffusion", "stability", &model, &prompt, BTreeMap::new());
    let range = catalog::price(&sent, &Overrides::default());
    let Some(micros) = range.high else {
        return error(400, "bad_request", "model: is not known");
    };
    // "No charge for failures."
    let kind = kind.map(|kind| match kind {
        FaultKind::BilledBroken => FaultKind::Broken,
        kind => kind,
    });
    let entry = Entry {
        provider: "stable-diffusion".to_owned(),
        model,
        micros,
        unit: PriceUnit::Usd,
        key: request.key(),
    };
    simulator.finish(kind, entry, |number| {
        let encoding = match text("output_format").as_deref() {
            Some("jpeg") => Encoding::Jpeg,
            Some("webp") => Encoding::Webp,
            _ => Encoding::Png,
        };
        let size = match text("aspect_ratio").as_deref() {
            Some("16:9") => (1344, 768),
            Some("9:16") => (768, 1344),
            _ => (1024, 1024),
        };
        let bytes = media::picture(&prompt, number, size, false, encoding);
        let seed = text("seed").unwrap_or_else(|| number.to_string());
        Reply::new(200, &format!("image/{}", encoding.extension()), bytes)
            .header("seed", seed)
            .header("finish-reason", "SUCCESS")
    })
}

/// A request of pictures as the price list takes it.
pub(super) fn sent(
    family: &str,
    engine: &str,
    model: &str,
    prompt: &str,
    parameters: BTreeMap<String, Scalar>,
) -> Sent {
    Sent { prompt: prompt.to_owned(), parameters, ..Sent::addressed(family, engine, model) }
}
