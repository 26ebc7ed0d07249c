//! Picking values out of answers, which may hold anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::generate::provider::Failure;

/// Longest text of a provider that is shown and kept.
const LONGEST: usize = 600;

/// The answer as JSON; one that is none may be billed.
pub(super) fn parse(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::Uncertain {
        words: format!("the answer is no JSON: {error}"),
        kept: body.to_vec(),
    })
}

/// A text below `pointer`.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

/// A whole number below `pointer`.
pub(super) fn integer(value: &Value, pointer: &str) -> Option<i64> {
    let value = value.pointer(pointer)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Bytes that stand as base64 text in an answer; what is damaged may be billed.
pub(super) fn bytes(text: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
    // Data URLs carry their type in front.
    let text = text.split_once(";base64,").map_or(text, |(_, data)| data);
    STANDARD.decode(text.trim()).map_err(|error| Failure::Uncertain {
        words: format!("the answer's base64 is damaged: {error}"),
        kept: body.to_vec(),
    })
}

/// Bytes as base64 text.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What an error answer says, for people: the first text that its usual places hold, else the body.
pub(super) fn words(status: u16, body: &[u8]) -> String {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let said = value.as_ref().and_then(said);
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said: String = said.chars().take(LONGEST).collect();
    if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}, {said}") }
}

fn said(value: &Value) -> Option<String> {
    const PLACES: [&str; 9] = [
        "/error/message",
        "/detail/message",
        "/errors/0",
        "/message",
        "/detail/0/msg",
        "/detail",
        "/error",
        "/title",
        "/name",
    ];
    PLACES.iter().find_map(|place| text(value, place)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_error_are_found_wherever_a_provider_puts_them() {
        for (body, expected) in [
            (r#"{"error":{"message":"no such size","code":"x"}}"#, "HTTP 400, no such size"),
            (r#"{"detail":{"status":"s","message":"too long"}}"#, "HTTP 400, too long"),
            (r#"{"detail":[{"loc":["a"],"msg":"field required"}]}"#, "HTTP 400, field required"),
            (r#"{"id":"1","name":"bad_request","errors":["seed: no"]}"#, "HTTP 400, seed: no"),
            (r#"{"detail":"Request was throttled."}"#, "HTTP 400, Request was throttled."),
            ("  plain\n words ", "HTTP 400, plain words"),
            ("", "HTTP 400"),
        ] {
            assert_eq!(words(400, body.as_bytes()), expected);
        }
        assert_eq!(words(500, "ä".repeat(2000).as_bytes()).chars().count(), LONGEST + 10);
    }

    #[test]
    fn a_damaged_answer_is_kept_since_it_may_be_billed() {
        let Err(Failure::Uncertain { kept, .. }) = parse(b"{\"data\": [") else {
            panic!("it is no JSON")
        };
        assert_eq!(kept, b"{\"data\": [");
        assert!(
            matches!(bytes("%%%", b"body"), Err(Failure::Uncertain { kept, .. }) if kept == b"body")
        );
        assert_eq!(bytes("data:image/png;base64,aGk=", b""), Ok(b"hi".to_vec()));
    }
}
