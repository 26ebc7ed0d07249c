//! Hugging Face: a model behind the shared router, or a dedicated endpoint named by `base_url`.
//!
//! Source: huggingface_hub, collected in docs/design/providers.md. What a container answers depends on
//! its handler, so its type decides how it is read.

use serde_json::{Map, Value, json};

use crate::base::MediaKind;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Http};
use crate::generate::provider::json::{self, words};
use crate::generate::provider::openai::json_of;
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Delivered, Failure, Provider};

/// Codes a second of MusicGen's sound.
const TOKENS_PER_SECOND: f64 = 50.0;

/// The service.
#[derive(Debug)]
pub(super) struct HuggingFace;

impl Provider for HuggingFace {
    fn base_url(&self) -> Option<&'static str> {
        Some("https://router.huggingface.co/hf-inference/models")
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        // An endpoint serves one model and is asked as it is.
        let url = match call.account.is_own_url {
            true => call.account.base_url.clone(),
            false => call.account.url(&format!("/{}", call.sent.model)),
        };
        let accept = match call.sent.media {
            MediaKind::Image => "image/png",
            MediaKind::Audio => "audio/wav",
        };
        let auth = Auth::Bearer(call.account.key().clone());
        let ask = Ask::post(url, auth, Body::Json(body(call))).header("accept", accept);
        let answer = http.buy(call, &ask, judge)?;
        let request_id = answer.header("x-request-id").map(str::to_owned);
        let is_json =
            answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let bytes = if is_json { from_json(&answer.body)? } else { answer.body };
        Ok(Delivered { request_id, seed: call.seed, ..Delivered::new(bytes, call.sent.media)? })
    }
}

fn body(call: &Call<'_>) -> Value {
    let mut own = Map::new();
    for (name, value) in &call.sent.parameters {
        match (&*call.sent.family, &**name) {
            (_, "seed") => {}
            ("musicgen", "duration_seconds") => {
                let seconds: f64 = value.canonical().parse().unwrap_or_default();
                let tokens = (seconds * TOKENS_PER_SECOND).round() as i64;
                own.insert("max_new_tokens".to_owned(), json!(tokens));
            }
            ("musicgen", "classifier_free_guidance") => {
                own.insert("guidance_scale".to_owned(), json_of(value));
            }
            (_, name) => {
                own.insert(name.to_owned(), json_of(value));
            }
        }
    }
    if let Some(seed) = call.seed {
        own.insert("seed".to_owned(), json!(seed));
    }
    if let Some(negative) = &call.sent.negative {
        own.insert("negative_prompt".to_owned(), json!(negative));
    }
    let parameters = match call.sent.media {
        MediaKind::Audio => json!({ "generation_parameters": own }),
        MediaKind::Image => Value::Object(own),
    };
    json!({ "inputs": call.sent.prompt, "parameters": parameters })
}

/// Sound or picture inside of JSON: base64 below `audio`, `image` or `blob`, or samples and their
/// rate.
fn from_json(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let value = json::parse(body)?;
    let first = match &value {
        Value::Array(items) => items.first().cloned().unwrap_or_default(),
        other => other.clone(),
    };
    for name in ["audio", "image", "blob", "generated_audio"] {
        match first.get(name) {
            Some(Value::String(text)) => return json::bytes(text, body),
            Some(Value::Array(samples)) => {
                let rate = first.get("sampling_rate").and_then(Value::as_u64).unwrap_or(32_000);
                if let Some(file) = samples_to_wav(samples, rate) {
                    return Ok(file);
                }
            }
            _ => {}
        }
    }
    let words = "the answer holds neither sound nor picture".to_owned();
    Err(Failure::Uncertain { words, kept: body.to_vec() })
}

/// Samples from -1 to 1 as a WAV file of 32-bit floats; lists of lists are channels.
fn samples_to_wav(samples: &[Value], rate: u64) -> Option<Vec<u8>> {
    let channels: Vec<Vec<f32>> = match samples.first()? {
        Value::Array(_) => {
            samples.iter().map(|one| numbers(one.as_array()?)).collect::<Option<_>>()?
        }
        _ => vec![numbers(samples)?],
    };
    let length = channels.iter().map(Vec::len).min()?;
    let spec = hound::WavSpec {
        channels: u16::try_from(channels.len()).ok()?,
        sample_rate: u32::try_from(rate).ok()?,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).ok()?;
    for frame in 0..length {
        for channel in &channels {
            writer.write_sample(channel[frame]).ok()?;
        }
    }
    writer.finalize().ok()?;
    Some(file.into_inner())
}

fn numbers(values: &[Value]) -> Option<Vec<f32>> {
    values.iter().map(|value| value.as_f64().map(|number| number as f32)).collect()
}

fn judge(answer: &Answer) -> Verdict<Failure> {
    let words = words(answer.status, &answer.body);
    match answer.status {
        402 => Verdict::Final(Failure::NoMoney { words }),
        401 | 403 => Verdict::Final(Failure::Unauthorized { words }),
        // 503: the model is still loading.
        429 | 503 => Verdict::Later(Failure::Down { words }, None),
        400..500 => Verdict::Final(Failure::Rejected { words }),
        _ => Verdict::Final(Failure::uncertain(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_comes_as_text_or_as_samples() {
        assert_eq!(from_json(br#"{"audio": "aGk=", "sampling_rate": 8000}"#), Ok(b"hi".to_vec()));
        let file =
            from_json(br#"[{"generated_audio": [[0.5, -0.5], [0, 1]], "sampling_rate": 8000}]"#)
                .expect("two channels");
        let mut reader = hound::WavReader::new(&file[..]).expect("a WAV file");
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8000));
        let samples: Vec<f32> = reader.samples().map(|sample| sample.expect("a sample")).collect();
        assert_eq!(samples, [0.5, 0.0, -0.5, 1.0]);
        assert!(matches!(from_json(br#"{"text": "hello"}"#), Err(Failure::Uncertain { .. })));
    }
}
