//! OpenAI's images: `images/generations`, and `images/edits` when a picture goes with the request.
//!
//! Source: the vendor's API description and Python SDK, collected in docs/design/providers.md.

use serde_json::{Map, Value, json};

use crate::base::Scalar;
use crate::catalog::Usage;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Field, Http};
use crate::generate::provider::json::{self, integer, text, words};
use crate::generate::provider::retry::{Verdict, should_retry};
use crate::generate::provider::{Call, Delivered, Failure, Picture, Provider};

/// The service.
#[derive(Debug)]
pub(super) struct OpenAi;

impl Provider for OpenAi {
    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.openai.com/v1")
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let auth = Auth::Bearer(call.account.key().clone());
        let pictures = call.attached;
        let ask = if pictures.edited.is_none() && pictures.references.is_empty() {
            Ask::post(call.account.url("/images/generations"), auth, Body::Json(generation(call)))
        } else {
            Ask::post(call.account.url("/images/edits"), auth, Body::Parts(edit(call)))
        };
        let answer = http.buy(call, &ask, judge)?;
        let delivered = read(&answer, call)?;
        Ok(delivered)
    }
}

fn generation(call: &Call<'_>) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(call.sent.model));
    body.insert("prompt".to_owned(), json!(call.sent.prompt));
    body.insert("n".to_owned(), json!(1));
    for (name, value) in &call.sent.parameters {
        body.insert(name.clone(), json_of(value));
    }
    Value::Object(body)
}

fn edit(call: &Call<'_>) -> Vec<(&'static str, Field)> {
    let pictures = call.attached;
    let all: Vec<&Picture> = pictures.edited.iter().chain(&pictures.references).collect();
    // The field has another name when there are several.
    let name = if all.len() == 1 { "image" } else { "image[]" };
    let mut fields = vec![
        ("model", Field::Text(call.sent.model.clone())),
        ("prompt", Field::Text(call.sent.prompt.clone())),
        ("n", Field::Text("1".to_owned())),
    ];
    for (number, picture) in (1..).zip(all) {
        fields.push((name, picture.field(&format!("image-{number}"))));
    }
    if let Some(mask) = &pictures.mask {
        fields.push(("mask", mask.field("mask")));
    }
    for name in [
        "size",
        "quality",
        "background",
        "output_format",
        "output_compression",
        "input_fidelity",
        "complexity",
    ] {
        if let Some(value) = call.sent.parameters.get(name) {
            fields.push((name, Field::Text(value.canonical())));
        }
    }
    fields
}

/// A parameter as JSON has it.
pub(super) fn json_of(value: &Scalar) -> Value {
    match value {
        Scalar::Text(text) => json!(text),
        Scalar::Integer(number) => json!(number),
        Scalar::Number(number) => json!(number),
        Scalar::Boolean(value) => json!(value),
    }
}

fn read(answer: &Answer, call: &Call<'_>) -> Result<Delivered, Failure> {
    let value = json::parse(&answer.body)?;
    let Some(data) = text(&value, "/data/0/b64_json") else {
        return Err(Failure::Uncertain {
            words: "the answer holds no picture".to_owned(),
            kept: answer.body.clone(),
        });
    };
    let bytes = json::bytes(&data, &answer.body)?;
    let tokens = |pointer: &str| integer(&value, pointer);
    let usage = tokens("/usage/output_tokens").map(|out| Usage::Tokens {
        text_in: tokens("/usage/input_tokens_details/text_tokens")
            .or_else(|| tokens("/usage/input_tokens"))
            .unwrap_or(0),
        image_in: tokens("/usage/input_tokens_details/image_tokens").unwrap_or(0),
        out,
    });
    Ok(Delivered {
        request_id: answer.header("x-request-id").map(str::to_owned),
        revised_prompt: text(&value, "/data/0/revised_prompt"),
        usage,
        ..Delivered::new(bytes, call.sent.media)?
    })
}

fn judge(answer: &Answer) -> Verdict<Failure> {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = text(&value, "/error/code").unwrap_or_default();
    let kind = text(&value, "/error/type").unwrap_or_default();
    let words = words(answer.status, &answer.body);
    let told = should_retry(answer);
    match (answer.status, &*code, &*kind) {
        (_, "moderation_blocked" | "content_policy_violation", _)
        | (_, _, "image_generation_user_error") => {
            Verdict::Final(Failure::Refused { words, may_be_billed: false })
        }
        (_, "insufficient_quota" | "billing_hard_limit_reached", _)
        | (_, _, "insufficient_quota") => Verdict::Final(Failure::NoMoney { words }),
        (401 | 403, ..) => Verdict::Final(Failure::Unauthorized { words }),
        (429 | 503, ..) if told != Some(false) => Verdict::Later(Failure::Down { words }, None),
        (408 | 409, ..) if told == Some(true) => Verdict::Later(Failure::Down { words }, None),
        (429 | 503, ..) => Verdict::Final(Failure::Down { words }),
        (400..500, ..) => Verdict::Final(Failure::Rejected { words }),
        // The picture may have been made.
        _ => Verdict::Final(Failure::uncertain(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&str, &str)], body: &str) -> String {
        format!("{:?}", judge(&Answer::new(status, headers, body.as_bytes())))
    }

    #[test]
    fn refusals_empty_accounts_and_full_queues_are_told_apart() {
        let blocked = r#"{"error":{"message":"no","type":"image_generation_user_error","code":"moderation_blocked"}}"#;
        insta::assert_snapshot!(judged(400, &[], blocked), @r#"Final(Refused { words: "HTTP 400, no", may_be_billed: false })"#);
        let old = r#"{"error":{"message":"no","code":"content_policy_violation"}}"#;
        insta::assert_snapshot!(judged(400, &[], old), @r#"Final(Refused { words: "HTTP 400, no", may_be_billed: false })"#);
        let empty = r#"{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        insta::assert_snapshot!(judged(429, &[], empty), @r#"Final(NoMoney { words: "HTTP 429, pay" })"#);
        let busy = r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#;
        insta::assert_snapshot!(judged(429, &[], busy), @r#"Later(Down { words: "HTTP 429, slow down" }, None)"#);
        insta::assert_snapshot!(judged(429, &[("x-should-retry", "false")], busy), @r#"Final(Down { words: "HTTP 429, slow down" })"#);
        let gone = r#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
        insta::assert_snapshot!(judged(404, &[], gone), @r#"Final(Rejected { words: "HTTP 404, no such model" })"#);
        insta::assert_snapshot!(judged(401, &[], "{}"), @r#"Final(Unauthorized { words: "HTTP 401, {}" })"#);
        insta::assert_snapshot!(judged(500, &[("x-should-retry", "true")], "{}"), @r#"Final(Uncertain { words: "HTTP 500, {}", kept: [] })"#);
    }
}
