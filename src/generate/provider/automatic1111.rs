//! AUTOMATIC1111's web UI, started with `--api` on the user's own machine.
//!
//! Source: its `modules/api`, collected in docs/design/providers.md.

use serde_json::{Map, Value, json};

use crate::generate::provider::http::{Answer, Ask, Auth, Body, Http};
use crate::generate::provider::json::{self, base64, integer, text, words};
use crate::generate::provider::openai::json_of;
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Delivered, Failure, Pace, Provider};

/// The server.
#[derive(Debug)]
pub(super) struct Automatic1111;

impl Provider for Automatic1111 {
    fn base_url(&self) -> Option<&'static str> {
        Some("http://127.0.0.1:7860")
    }

    fn pace(&self) -> Pace {
        // One graphics card.
        Pace { concurrency: 1, per_minute: None }
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let path = match call.attached.edited {
            Some(_) => "/sdapi/v1/img2img",
            None => "/sdapi/v1/txt2img",
        };
        let ask = Ask::post(call.account.url(path), Auth::None, Body::Json(body(call)));
        let answer = http.buy(call, &ask, judge)?;
        let value = json::parse(&answer.body)?;
        let Some(picture) = text(&value, "/images/0") else {
            return Err(Failure::Rejected { words: "the answer holds no picture".to_owned() });
        };
        let info: Value = text(&value, "/info")
            .and_then(|info| serde_json::from_str(&info).ok())
            .unwrap_or_default();
        let bytes = json::bytes(&picture, &answer.body)?;
        Ok(Delivered {
            seed: integer(&info, "/seed"),
            model_used: text(&info, "/sd_model_name"),
            ..Delivered::new(bytes, call.sent.media)?
        })
    }
}

fn body(call: &Call<'_>) -> Value {
    let mut body = Map::new();
    body.insert("prompt".to_owned(), json!(call.sent.prompt));
    if let Some(negative) = &call.sent.negative {
        body.insert("negative_prompt".to_owned(), json!(negative));
    }
    body.insert("seed".to_owned(), json!(call.seed.unwrap_or(-1)));
    if let Some((width, height)) = call.sent.text("size").and_then(|size| size.split_once('x')) {
        let number = |text: &str| text.parse::<u32>().unwrap_or(512);
        body.insert("width".to_owned(), json!(number(width)));
        body.insert("height".to_owned(), json!(number(height)));
    }
    for (from, to) in [
        ("steps", "steps"),
        ("cfg_scale", "cfg_scale"),
        ("sampler", "sampler_name"),
        ("scheduler", "scheduler"),
    ] {
        if let Some(value) = call.sent.parameters.get(from) {
            body.insert(to.to_owned(), json_of(value));
        }
    }
    body.insert("override_settings".to_owned(), json!({ "sd_model_checkpoint": call.sent.model }));
    body.insert("batch_size".to_owned(), json!(1));
    body.insert("n_iter".to_owned(), json!(1));
    if let Some(picture) = &call.attached.edited {
        body.insert("init_images".to_owned(), json!([base64(&picture.bytes)]));
        if let Some(strength) = call.sent.parameters.get("strength") {
            body.insert("denoising_strength".to_owned(), json_of(strength));
        }
        if let Some(mask) = &call.attached.mask {
            body.insert("mask".to_owned(), json!(base64(&mask.bytes)));
        }
    }
    Value::Object(body)
}

/// Nothing is billed here, so nothing is uncertain.
fn judge(answer: &Answer) -> Verdict<Failure> {
    let words = words(answer.status, &answer.body);
    match answer.status {
        429 | 503 => Verdict::Later(Failure::Down { words }, None),
        500.. => Verdict::Final(Failure::Down { words }),
        _ => Verdict::Final(Failure::Rejected { words }),
    }
}
