//! An inference endpoint as Hugging Face has them.

use serde_json::{Value, json};

use crate::base::Encoding;
use crate::catalog::PriceUnit;
use crate::simulator::exchange::{Reply, Request};
use crate::simulator::{Entry, FaultKind, Simulator, media};

/// Millionths of a dollar for a request.
const PRICE: i64 = 2_000;

pub(super) fn answer(simulator: &Simulator, request: &Request) -> Reply {
    if request.credential().is_none_or(|key| key.contains("wrong")) {
        return Reply::json(401, &json!({ "error": "Invalid credentials" }));
    }
    let body = request.json().unwrap_or_default();
    let Some(prompt) = body.get("inputs").and_then(Value::as_str).map(str::to_owned) else {
        return Reply::json(400, &json!({ "error": "inputs: field required" }));
    };
    let kind = simulator.play(request);
    if kind == Some(FaultKind::Refuse) {
        return Reply::json(400, &json!({ "error": "the input is not allowed" }));
    }
    let entry = Entry {
        provider: "huggingface".to_owned(),
        model: request.path.trim_start_matches("/huggingface").trim_matches('/').to_owned(),
        micros: PRICE,
        unit: PriceUnit::Usd,
        key: request.key(),
    };
    let is_picture = request.header("accept").is_some_and(|kind| kind.starts_with("image/"));
    let tokens = body.pointer("/parameters/generation_parameters/max_new_tokens");
    let seconds = tokens.and_then(Value::as_f64).map_or(1.0, |tokens| tokens / 50.0);
    simulator.finish(kind, entry, |number| match is_picture {
        true => {
            let bytes = media::picture(&prompt, number, (512, 512), false, Encoding::Png);
            Reply::new(200, "image/png", bytes)
        }
        false => {
            Reply::new(200, "audio/wav", media::sound(&prompt, number, seconds, Encoding::Wav))
        }
    })
}
