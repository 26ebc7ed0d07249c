//! Sound effects, music and speech as ElevenLabs has them; billed in credits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::{AudioMode, Encoding, MediaKind, Scalar};
use crate::catalog::{self, Overrides, PriceUnit, Sent};
use crate::simulator::exchange::{Reply, Request, scalar};
use crate::simulator::stability::sent;
use crate::simulator::{Entry, FaultKind, Simulator, media};

/// Millionths of a credit that a minute of music costs here; nobody publishes the real price.
const MUSIC_MINUTE: i64 = 1_000_000_000;

pub(super) fn answer(simulator: &Simulator, request: &Request, path: &str) -> Reply {
    let error = |status, word: &str, words: &str| {
        Reply::json(status, &json!({ "detail": { "status": word, "message": words } }))
    };
    if request.credential().is_none_or(|key| key.contains("wrong")) {
        return error(401, "invalid_api_key", "Invalid API key");
    }
    if (&*request.method, path) == ("GET", "/v1/user/subscription") {
        return Reply::json(
            200,
            &json!({
                "tier": "creator", "character_count": simulator.bill().credits_of("elevenlabs"),
                "character_limit": 100_000,
                "can_extend_character_limit": false, "max_credit_limit_extension": 0,
                "next_character_count_reset_unix": 1_798_761_600,
            }),
        );
    }
    if path == "/v1/music/plan" {
        return plan(request);
    }
    let mode = match path {
        "/v1/sound-generation" => AudioMode::Sfx,
        "/v1/music" => AudioMode::Music,
        _ if path.starts_with("/v1/text-to-speech/") => AudioMode::Speech,
        _ => return Reply::detail(404, "Not Found"),
    };
    let Some(body) = request.json() else {
        return Reply::detail(422, "the body is no JSON object");
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let planned = body.get("composition_plan").filter(|_| mode == AudioMode::Music);
    let prompt = match (mode, planned) {
        (AudioMode::Music, Some(_)) if body.get("prompt").is_some() => {
            return Reply::detail(422, "prompt and composition_plan do not go together");
        }
        (AudioMode::Music, Some(plan)) => plan.to_string(),
        (AudioMode::Music, None) if body.get("seed").is_some() => {
            return Reply::detail(422, "seed and prompt do not go together");
        }
        (AudioMode::Music, None) => text("prompt"),
        _ => text("text"),
    };
    if prompt.is_empty() {
        let issue =
            json!([{ "loc": ["body", "text"], "msg": "Field required", "type": "missing" }]);
        return Reply::json(422, &json!({ "detail": issue }));
    }
    if simulator.is_broke() {
        return error(401, "quota_exceeded", "You have 0 credits remaining");
    }
    let kind = simulator.play(request);
    if kind == Some(FaultKind::Refuse) {
        return error(400, "bad_prompt", "The prompt names something that it must not");
    }
    let number = |name: &str| body.get(name).and_then(Value::as_f64);
    let duration = match mode {
        AudioMode::Sfx => number("duration_seconds"),
        AudioMode::Music => {
            let sections = planned.and_then(|plan| plan.get("sections")?.as_array());
            let millis = match sections {
                Some(sections) => Some(
                    sections
                        .iter()
                        .filter_map(|section| section.get("duration_ms")?.as_f64())
                        .sum(),
                ),
                None => number("music_length_ms"),
            };
            millis.map(|millis: f64| millis / 1000.0)
        }
        AudioMode::Speech => None,
    };
    let credits = credits(&text("model_id"), mode, &prompt, duration);
    let entry = Entry {
        provider: "elevenlabs".to_owned(),
        model: text("model_id"),
        micros: credits,
        unit: PriceUnit::Credits,
        key: request.key(),
    };
    let encoding = match request.query("output_format") {
        Some(format) if format.starts_with("wav") => Encoding::Wav,
        Some(format) if format.starts_with("opus") => Encoding::Opus,
        _ => Encoding::Mp3,
    };
    simulator.finish(kind, entry, |number| {
        let bytes = media::sound(&prompt, number, duration.unwrap_or(1.0), encoding);
        Reply::new(200, "audio/mpeg", bytes)
            .header("request-id", format!("req_{number}"))
            .header("character-cost", (credits / 1_000_000).to_string())
    })
}

/// A plan of one section, as long as it is asked to be.
fn plan(request: &Request) -> Reply {
    let body = request.json().unwrap_or_default();
    let Some(prompt) = body.get("prompt").and_then(Value::as_str) else {
        return Reply::detail(422, "the body has no prompt");
    };
    let millis = body.get("music_length_ms").cloned().unwrap_or_else(|| json!(10_000));
    let section = json!({
        "section_name": "Theme", "positive_local_styles": [prompt], "negative_local_styles": [],
        "duration_ms": millis, "lines": [],
    });
    let plan = json!({
        "positive_global_styles": [prompt], "negative_global_styles": [], "sections": [section],
    });
    Reply::json(200, &plan)
}

/// Millionths of a credit: in the middle of what a plan expects.
fn credits(model: &str, mode: AudioMode, prompt: &str, duration: Option<f64>) -> i64 {
    let parameters: BTreeMap<String, Scalar> = duration
        .and_then(|seconds| scalar(&json!(seconds)))
        .map(|seconds| ("duration_seconds".to_owned(), seconds))
        .into_iter()
        .collect();
    let sent = Sent {
        media: MediaKind::Audio,
        mode: Some(mode),
        ..sent("elevenlabs", "elevenlabs", model, prompt, parameters)
    };
    let range = catalog::price(&sent, &Overrides::default());
    match (range.low, range.high) {
        (Some(low), Some(high)) => (low + (high - low) / 2) / 1_000_000 * 1_000_000,
        _ => (duration.unwrap_or(30.0) / 60.0 * MUSIC_MINUTE as f64) as i64 / 1_000_000 * 1_000_000,
    }
}
