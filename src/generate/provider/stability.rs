//! Stability's hosted models: `core`, `ultra`, and the sd3 family.
//!
//! Source: REST v2beta reference, collected in docs/design/providers.md. Failures are not charged.

use std::time::Duration;

use serde_json::Value;

use crate::catalog::Usage;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Field, Http};
use crate::generate::provider::json::{text, words};
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Delivered, Failure, Provider};

/// What its documents say one has to wait for after too many requests.
const PENALTY: Duration = Duration::from_secs(60);

/// The service.
#[derive(Debug)]
pub(super) struct Stability;

impl Provider for Stability {
    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.stability.ai")
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let endpoint = match &*call.sent.model {
            "core" => "core",
            "ultra" => "ultra",
            _ => "sd3",
        };
        let url = call.account.url(&format!("/v2beta/stable-image/generate/{endpoint}"));
        let auth = Auth::Bearer(call.account.key().clone());
        let ask =
            Ask::post(url, auth, Body::Parts(fields(call, endpoint))).header("accept", "image/*");
        let answer = http.buy(call, &ask, judge)?;
        if answer.header("finish-reason") == Some("CONTENT_FILTERED") {
            // It came with a blurred picture and counts as a success there.
            let words = "the result was filtered (CONTENT_FILTERED)".to_owned();
            return Err(Failure::Refused { words, may_be_billed: true });
        }
        let seed = answer.header("seed").and_then(|seed| seed.parse().ok());
        let request_id = answer.header("x-request-id").map(str::to_owned);
        Ok(Delivered {
            seed,
            request_id,
            usage: answer
                .header("x-credits-used")
                .and_then(|credits| credits.parse::<f64>().ok())
                .map(|credits| Usage::CreditMicros((credits * 1e6).round() as i64)),
            ..Delivered::new(answer.body, call.sent.media)?
        })
    }
}

fn fields(call: &Call<'_>, endpoint: &str) -> Vec<(&'static str, Field)> {
    let mut fields = vec![("prompt", Field::Text(call.sent.prompt.clone()))];
    if let Some(negative) = &call.sent.negative {
        fields.push(("negative_prompt", Field::Text(negative.clone())));
    }
    if let Some(picture) = &call.attached.edited {
        fields.push(("image", picture.field("image")));
    }
    if endpoint == "sd3" {
        fields.push(("model", Field::Text(call.sent.model.clone())));
        let mode = match call.attached.edited {
            Some(_) => "image-to-image",
            None => "text-to-image",
        };
        fields.push(("mode", Field::Text(mode.to_owned())));
    }
    for name in ["aspect_ratio", "output_format", "style_preset", "cfg_scale", "strength"] {
        if let Some(value) = call.sent.parameters.get(name) {
            fields.push((name, Field::Text(value.canonical())));
        }
    }
    if let Some(seed) = call.seed {
        fields.push(("seed", Field::Text(seed.to_string())));
    }
    fields
}

fn judge(answer: &Answer) -> Verdict<Failure> {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let name = text(&value, "/name").unwrap_or_default();
    let words = words(answer.status, &answer.body);
    match (answer.status, &*name) {
        (_, "content_moderation") => {
            Verdict::Final(Failure::Refused { words, may_be_billed: false })
        }
        (402, _) | (_, "payment_required") => Verdict::Final(Failure::NoMoney { words }),
        (401 | 403, _) => Verdict::Final(Failure::Unauthorized { words }),
        (429, _) => Verdict::Later(Failure::Down { words }, Some(PENALTY)),
        // "No charge for failures": its own word for one. Anything else comes from a machine in front
        // of it, and the picture may be drawn and billed all the same.
        (500, name) if !name.is_empty() => Verdict::Later(Failure::Down { words }, None),
        (503, _) => Verdict::Later(Failure::Down { words }, None),
        (500.., _) => Verdict::Final(Failure::uncertain(words)),
        _ => Verdict::Final(Failure::Rejected { words }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> String {
        format!("{:?}", judge(&Answer::new(status, &[], body.as_bytes())))
    }

    #[test]
    fn what_is_moderated_unpaid_or_too_much_is_told_apart() {
        let moderated = r#"{"id":"1","name":"content_moderation","errors":["denied"]}"#;
        insta::assert_snapshot!(judged(403, moderated), @r#"Final(Refused { words: "HTTP 403, denied", may_be_billed: false })"#);
        insta::assert_snapshot!(judged(402, r#"{"name":"payment_required","errors":["buy"]}"#), @r#"Final(NoMoney { words: "HTTP 402, buy" })"#);
        insta::assert_snapshot!(judged(401, "{}"), @r#"Final(Unauthorized { words: "HTTP 401, {}" })"#);
        insta::assert_snapshot!(judged(429, "{}"), @r#"Later(Down { words: "HTTP 429, {}" }, Some(60s))"#);
        let internal = r#"{"id":"1","name":"internal_error","errors":["sorry"]}"#;
        insta::assert_snapshot!(judged(500, internal), @r#"Later(Down { words: "HTTP 500, sorry" }, None)"#);
        insta::assert_snapshot!(judged(502, "<html>"), @r#"Final(Uncertain { words: "HTTP 502, <html>", kept: [] })"#);
        insta::assert_snapshot!(judged(400, r#"{"name":"bad_request","errors":["seed"]}"#), @r#"Final(Rejected { words: "HTTP 400, seed" })"#);
    }
}
