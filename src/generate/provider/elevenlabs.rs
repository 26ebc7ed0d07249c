//! ElevenLabs: sound effects, music, speech; billed in credits.
//!
//! Source: the vendor's Python SDK and API description, collected in docs/design/providers.md.

use serde_json::{Map, Value, json};

use crate::base::{AudioMode, MediaKind, Scalar};
use crate::catalog::Usage;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Http};
use crate::generate::provider::json::{self, integer, text, words};
use crate::generate::provider::openai::json_of;
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Delivered, Failure, Pace, Provider};

/// The service.
#[derive(Debug)]
pub(super) struct ElevenLabs;

impl Provider for ElevenLabs {
    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.elevenlabs.io")
    }

    fn pace(&self) -> Pace {
        // What the free plan takes.
        Pace { concurrency: 2, per_minute: None }
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let format = call.sent.text("output_format").unwrap_or("mp3_44100_128");
        let (path, body) = match call.sent.mode {
            Some(AudioMode::Music) => ("/v1/music".to_owned(), music(call, plan(call, http)?)),
            Some(AudioMode::Speech) => {
                let voice = call.sent.text("voice").unwrap_or_default();
                (format!("/v1/text-to-speech/{}", escaped(voice)), speech(call))
            }
            Some(AudioMode::Sfx) | None => ("/v1/sound-generation".to_owned(), effect(call)),
        };
        let url = call.account.url(&format!("{path}?output_format={}", escaped(format)));
        let auth = Auth::Header("xi-api-key", call.account.key().clone());
        let answer = http.buy(call, &Ask::post(url, auth, Body::Json(body)), judge)?;
        let request_id = answer.header("request-id").or_else(|| answer.header("song-id"));
        let request_id = request_id.map(str::to_owned);
        let usage = answer
            .header("character-cost")
            .and_then(|cost| cost.trim().parse::<f64>().ok())
            .map(|credits| Usage::CreditMicros((credits * 1e6).round() as i64));
        let bytes = match headerless(format) {
            Some(samples) => with_wav_header(&answer.body, samples),
            None => answer.body,
        };
        Ok(Delivered {
            request_id,
            usage,
            seed: call.seed,
            ..Delivered::new(bytes, MediaKind::Audio)?
        })
    }

    fn credits_left(&self, call: &Call<'_>, http: &Http) -> Result<Option<i64>, Failure> {
        let url = call.account.url("/v1/user/subscription");
        let auth = Auth::Header("xi-api-key", call.account.key().clone());
        let answer = http.ask(call, &Ask::get(url, auth), judge)?;
        let value = json::parse(&answer.body)?;
        let number = |name: &str| integer(&value, name);
        Ok(number("/character_limit").zip(number("/character_count")).map(|(all, used)| all - used))
    }
}

fn effect(call: &Call<'_>) -> Value {
    let mut body = Map::new();
    body.insert("text".to_owned(), json!(call.sent.prompt));
    body.insert("model_id".to_owned(), json!(call.sent.model));
    put(&mut body, call, &["duration_seconds", "prompt_influence", "loop"]);
    Value::Object(body)
}

/// The composition plan: that of a file, or one that is made from the prompt, which costs nothing.
fn plan(call: &Call<'_>, http: &Http) -> Result<Option<Value>, Failure> {
    if let Some(file) = call.attached.files.get("composition_plan") {
        let plan: Value = serde_json::from_slice(file).map_err(|error| Failure::Rejected {
            words: format!("the composition plan is no JSON: {error}"),
        })?;
        return Ok(Some(plan));
    }
    if call.sent.text("composition_plan").is_none() {
        return Ok(None);
    }
    let url = call.account.url("/v1/music/plan");
    let auth = Auth::Header("xi-api-key", call.account.key().clone());
    let ask = Ask::post(url, auth, Body::Json(Value::Object(song(call))));
    // Nothing is billed for it, so that whatever goes wrong is no purchase.
    let answer = http.ask(call, &ask, judge).map_err(unbilled)?;
    json::parse(&answer.body).map(Some).map_err(unbilled)
}

fn unbilled(failure: Failure) -> Failure {
    match failure {
        Failure::Uncertain { words, .. } => Failure::Down { words },
        other => other,
    }
}

fn music(call: &Call<'_>, plan: Option<Value>) -> Value {
    let Some(plan) = plan else {
        let mut body = song(call);
        put(&mut body, call, &["force_instrumental"]);
        return Value::Object(body);
    };
    let mut body = Map::new();
    body.insert("composition_plan".to_owned(), plan);
    body.insert("model_id".to_owned(), json!(call.sent.model));
    if let Some(seed) = call.seed {
        body.insert("seed".to_owned(), json!(seed));
    }
    put(&mut body, call, &["respect_sections_durations"]);
    Value::Object(body)
}

/// A song by its prompt.
fn song(call: &Call<'_>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("prompt".to_owned(), json!(call.sent.prompt));
    body.insert("model_id".to_owned(), json!(call.sent.model));
    let seconds = match call.sent.parameters.get("duration_seconds") {
        Some(Scalar::Integer(seconds)) => Some(*seconds as f64),
        Some(Scalar::Number(seconds)) => Some(*seconds),
        _ => None,
    };
    if let Some(seconds) = seconds {
        body.insert("music_length_ms".to_owned(), json!((seconds * 1000.0).round() as i64));
    }
    body
}

fn speech(call: &Call<'_>) -> Value {
    let mut body = Map::new();
    body.insert("text".to_owned(), json!(call.sent.prompt));
    body.insert("model_id".to_owned(), json!(call.sent.model));
    let names = ["language_code", "previous_text", "next_text", "apply_text_normalization"];
    put(&mut body, call, &names);
    if let Some(seed) = call.seed {
        body.insert("seed".to_owned(), json!(seed));
    }
    let mut voice = Map::new();
    put(&mut voice, call, &["stability", "similarity_boost"]);
    if !voice.is_empty() {
        body.insert("voice_settings".to_owned(), Value::Object(voice));
    }
    Value::Object(body)
}

fn put(body: &mut Map<String, Value>, call: &Call<'_>, names: &[&str]) {
    for &name in names {
        if let Some(value) = call.sent.parameters.get(name) {
            body.insert(name.to_owned(), json_of(value));
        }
    }
}

/// A part of a URL: letters, digits, `-`, `_` and `.` as they are.
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(byte.into()),
            _ => write!(out, "%{byte:02X}").expect("writing to text does not fail"),
        }
    }
    out
}

/// Samples that come without a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Samples {
    /// Format tag of a WAV header.
    tag: u16,
    bits: u16,
    rate: u32,
}

fn headerless(format: &str) -> Option<Samples> {
    let (kind, rate) = format.split_once('_')?;
    let rate = rate.parse().ok()?;
    match kind {
        "pcm" => Some(Samples { tag: 1, bits: 16, rate }),
        "alaw" => Some(Samples { tag: 6, bits: 8, rate }),
        "ulaw" => Some(Samples { tag: 7, bits: 8, rate }),
        _ => None,
    }
}

/// The samples behind a WAV header, so that the file says what it is; mono, as the vendor has it.
/// What is a file already stays as it is.
fn with_wav_header(samples: &[u8], format: Samples) -> Vec<u8> {
    let Samples { tag, bits, rate } = format;
    if samples.is_empty() || samples.starts_with(b"RIFF") {
        return samples.to_vec();
    }
    let size = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let frame = bits / 8;
    let mut file = Vec::with_capacity(samples.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&size.saturating_add(36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&tag.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(rate * u32::from(frame)).to_le_bytes());
    file.extend_from_slice(&frame.to_le_bytes());
    file.extend_from_slice(&bits.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&size.to_le_bytes());
    file.extend_from_slice(samples);
    file
}

fn judge(answer: &Answer) -> Verdict<Failure> {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status =
        text(&value, "/detail/status").or_else(|| text(&value, "/detail/code")).unwrap_or_default();
    let words = words(answer.status, &answer.body);
    match (answer.status, &*status) {
        (_, "bad_prompt" | "bad_composition_plan" | "content_policy_violation") => {
            Verdict::Final(Failure::Refused { words, may_be_billed: false })
        }
        (_, "quota_exceeded") | (402, _) => Verdict::Final(Failure::NoMoney { words }),
        (_, "invalid_api_key" | "missing_permissions") | (401 | 403, _) => {
            Verdict::Final(Failure::Unauthorized { words })
        }
        (429 | 503, _) => Verdict::Later(Failure::Down { words }, None),
        (400..500, _) => Verdict::Final(Failure::Rejected { words }),
        _ => Verdict::Final(Failure::uncertain(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> String {
        format!("{:?}", judge(&Answer::new(status, &[], body.as_bytes())))
    }

    #[test]
    fn both_forms_of_its_errors_are_understood() {
        insta::assert_snapshot!(judged(401, r#"{"detail":{"status":"quota_exceeded","message":"none left"}}"#), @r#"Final(NoMoney { words: "HTTP 401, none left" })"#);
        insta::assert_snapshot!(judged(401, r#"{"detail":{"status":"invalid_api_key","message":"no"}}"#), @r#"Final(Unauthorized { words: "HTTP 401, no" })"#);
        insta::assert_snapshot!(judged(422, r#"{"detail":[{"loc":["text"],"msg":"too long","type":"x"}]}"#), @r#"Final(Rejected { words: "HTTP 422, too long" })"#);
        insta::assert_snapshot!(judged(400, r#"{"detail":{"status":"bad_prompt","message":"names a singer"}}"#), @r#"Final(Refused { words: "HTTP 400, names a singer", may_be_billed: false })"#);
        insta::assert_snapshot!(judged(429, r#"{"detail":{"status":"system_busy","message":"later"}}"#), @r#"Later(Down { words: "HTTP 429, later" }, None)"#);
        insta::assert_snapshot!(judged(500, ""), @r#"Final(Uncertain { words: "HTTP 500", kept: [] })"#);
    }

    #[test]
    fn samples_without_a_header_get_one() {
        let format = headerless("pcm_16000").expect("it has none");
        let file = with_wav_header(&[0, 1, 2, 3], format);
        assert_eq!(file.len(), 48);
        let reader = hound::WavReader::new(&file[..]).expect("a WAV file");
        assert_eq!(
            (reader.spec().sample_rate, reader.spec().channels, reader.len()),
            (16_000, 1, 2)
        );
        assert_eq!(headerless("mp3_44100_128"), None);
        assert_eq!(with_wav_header(b"", format), b"");
    }

    #[test]
    fn a_voice_cannot_leave_its_place_in_the_url() {
        assert_eq!(escaped("../x?a=b c"), "..%2Fx%3Fa%3Db%20c");
    }
}
