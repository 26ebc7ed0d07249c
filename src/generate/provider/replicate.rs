//! Replicate: any model, as a prediction that is created, waited for and fetched.
//!
//! Source: the vendor's API description and documents, collected in docs/design/providers.md. Files of
//! a prediction are deleted after an hour, so they are fetched at once.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::catalog::Usage;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Http};
use crate::generate::provider::json::{self, base64, text, words};
use crate::generate::provider::openai::json_of;
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Canceled, Delivered, Failure, Picture, Provider};

/// Where the files of predictions lie.
const FILES: &[&str] = &["replicate.delivery", "replicate.com"];

/// Between two questions about a prediction.
const POLL: Duration = Duration::from_secs(1);

/// Largest picture that may travel inside of a request, in bytes.
const LARGEST_INLINE: usize = 256 << 10;

/// Versions of community models, which cannot be asked for by name.
const VERSIONS: &[(&str, &str)] = &[
    ("meta/musicgen", "671ac645ce5e552cc63a54a2bbff63fcf798043055d2dac5fc9e36a837eedcfb"),
    ("suno-ai/bark", "b76242b40d67c76ab6742e987628a2a9ac019e11d56ab96c4e91ce03b79b2787"),
];

/// The service.
#[derive(Debug)]
pub(super) struct Replicate;

impl Provider for Replicate {
    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.replicate.com/v1")
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let known = VERSIONS.iter().find(|(model, _)| *model == call.sent.model);
        let version = known.map_or(&*call.sent.model, |(_, version)| *version);
        let body = json!({ "version": version, "input": input(call)? });
        let ask = Ask::post(call.account.url("/predictions"), auth(call), Body::Json(body))
            .header("prefer", "wait=5");
        let answer = http.buy(call, &ask, judge)?;
        let prediction = json::parse(&answer.body)?;
        let Some(id) = text(&prediction, "/id") else {
            let words = "the answer names no prediction".to_owned();
            return Err(Failure::Uncertain { words, kept: answer.body });
        };
        // Should the note fail, the prediction still runs and is waited for.
        let _ = call.progress.identify(None, Some(&id));
        finish(prediction, &id, call, http)
    }

    fn resume(&self, job: &str, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let prediction = poll(job, call, http)?;
        finish(prediction, job, call, http)
    }

    fn cancel(&self, job: &str, call: &Call<'_>, http: &Http) -> Result<Canceled, Failure> {
        let url = call.account.url(&format!("/predictions/{job}/cancel"));
        let answer = http.ask(call, &Ask::post(url, auth(call), Body::Empty), judge)?;
        let mut prediction = json::parse(&answer.body)?;
        let started = Instant::now();
        loop {
            match text(&prediction, "/status").as_deref() {
                Some("succeeded") => return Ok(Canceled::Finished),
                Some("failed" | "canceled" | "aborted") => return Ok(Canceled::Ended),
                _ if started.elapsed() > call.account.timeout => {
                    let words = "it does not end though it was cancelled".to_owned();
                    return Err(Failure::Running { words });
                }
                _ if !call.progress.pause(POLL) => return Err(Failure::Stopped),
                _ => prediction = poll(job, call, http)?,
            }
        }
    }
}

fn auth(call: &Call<'_>) -> Auth {
    Auth::Bearer(call.account.key().clone())
}

/// The model's own names for what a spec says.
fn input(call: &Call<'_>) -> Result<Value, Failure> {
    let mut input = Map::new();
    input.insert("prompt".to_owned(), json!(call.sent.prompt));
    if let Some(negative) = &call.sent.negative {
        input.insert("negative_prompt".to_owned(), json!(negative));
    }
    for (name, value) in &call.sent.parameters {
        let name = match (&*call.sent.family, &**name) {
            ("musicgen", "duration_seconds") => "duration",
            (_, name) => name,
        };
        if name != "seed" {
            input.insert(name.to_owned(), json_of(value));
        }
    }
    if let Some(seed) = call.seed {
        input.insert("seed".to_owned(), json!(seed));
    }
    let pictures = call.attached;
    if let Some(picture) = pictures.edited.as_ref().or(pictures.references.first()) {
        input.insert("image".to_owned(), json!(data_url(picture)?));
    }
    if let Some(mask) = &pictures.mask {
        input.insert("mask".to_owned(), json!(data_url(mask)?));
    }
    Ok(Value::Object(input))
}

fn data_url(picture: &Picture) -> Result<String, Failure> {
    if picture.bytes.len() > LARGEST_INLINE {
        let size = picture.bytes.len();
        let words = format!("a picture of {size} bytes is sent; at most {LARGEST_INLINE} fit");
        return Err(Failure::Rejected { words });
    }
    Ok(format!("data:{};base64,{}", picture.mime(), base64(&picture.bytes)))
}

fn poll(id: &str, call: &Call<'_>, http: &Http) -> Result<Value, Failure> {
    let url = call.account.url(&format!("/predictions/{id}"));
    let answer = http.ask(call, &Ask::get(url, auth(call)), judge).map_err(Failure::of_job)?;
    json::parse(&answer.body).map_err(Failure::of_job)
}

fn finish(
    mut prediction: Value,
    id: &str,
    call: &Call<'_>,
    http: &Http,
) -> Result<Delivered, Failure> {
    let started = Instant::now();
    loop {
        let status = text(&prediction, "/status").unwrap_or_default();
        match &*status {
            "succeeded" => return collect(&prediction, id, call, http),
            "failed" | "canceled" | "aborted" => {
                let error = text(&prediction, "/error").unwrap_or_else(|| status.clone());
                return Err(failed(&http.mask(&error)));
            }
            _ if started.elapsed() > call.account.timeout => {
                let words = "the prediction takes longer than the timeout".to_owned();
                return Err(Failure::Running { words });
            }
            _ => {}
        }
        // Not even a stop ends the wait: it is paid for, and what is in flight is finished.
        call.progress.pause(POLL);
        prediction = poll(id, call, http)?;
    }
}

/// A prediction that ended without a result is billed for the time that it ran.
fn failed(error: &str) -> Failure {
    let lower = error.to_lowercase();
    let is_refusal = ["nsfw", "safety", "sensitive", "flagged"].iter().any(|w| lower.contains(w));
    let words = match is_refusal {
        true => error.to_owned(),
        false => format!("the prediction failed: {error}"),
    };
    Failure::Refused { words, may_be_billed: true }
}

fn collect(
    prediction: &Value,
    id: &str,
    call: &Call<'_>,
    http: &Http,
) -> Result<Delivered, Failure> {
    let kept = || prediction.to_string().into_bytes();
    let Some(url) = first_url(prediction.pointer("/output")) else {
        let words = "the prediction gave no file".to_owned();
        return Err(Failure::Uncertain { words, kept: kept() });
    };
    let bytes = http.fetch(call, &url, FILES, auth(call))?;
    let millis = prediction.pointer("/metrics/predict_time").and_then(Value::as_f64);
    Ok(Delivered {
        request_id: Some(id.to_owned()),
        model_used: text(prediction, "/model"),
        seed: call.seed,
        usage: millis.map(|seconds| Usage::GpuMillis((seconds * 1000.0).ceil() as i64)),
        ..Delivered::new(bytes, call.sent.media)?
    })
}

/// The first URL of an output: a text, a list, or an object with one in a field.
fn first_url(output: Option<&Value>) -> Option<String> {
    match output? {
        Value::String(url) => Some(url.clone()),
        Value::Array(items) => items.iter().find_map(|item| first_url(Some(item))),
        Value::Object(fields) => {
            let named = fields.get("audio_out").and_then(|url| first_url(Some(url)));
            named.or_else(|| fields.values().find_map(|value| first_url(Some(value))))
        }
        _ => None,
    }
    .filter(|url| url.contains("://"))
}

fn judge(answer: &Answer) -> Verdict<Failure> {
    let words = words(answer.status, &answer.body);
    match answer.status {
        402 => Verdict::Final(Failure::NoMoney { words }),
        401 | 403 => Verdict::Final(Failure::Unauthorized { words }),
        429 => {
            let told = resets_in(&words).map(Duration::from_secs);
            Verdict::Later(Failure::Down { words }, told)
        }
        503 => Verdict::Later(Failure::Down { words }, None),
        400..500 => Verdict::Final(Failure::Rejected { words }),
        _ => Verdict::Final(Failure::uncertain(words)),
    }
}

/// The seconds in "Your rate limit resets in ~30s."
fn resets_in(words: &str) -> Option<u64> {
    let (_, rest) = words.split_once("resets in ")?;
    let digits: String =
        rest.trim_start_matches('~').chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_an_output_is_found_in_each_of_its_forms() {
        let url = "https://replicate.delivery/x.wav";
        for output in [
            json!(url),
            json!([url, "https://replicate.delivery/y.wav"]),
            json!({ "prompt_npz": null, "audio_out": url }),
        ] {
            assert_eq!(first_url(Some(&output)).as_deref(), Some(url));
        }
        assert_eq!(first_url(Some(&json!({ "text": "no file" }))), None);
    }

    #[test]
    fn the_wait_stands_in_the_words() {
        let body = r#"{"detail":"Request was throttled. Your rate limit resets in ~30s."}"#;
        let verdict = judge(&Answer::new(429, &[], body.as_bytes()));
        assert!(matches!(verdict, Verdict::Later(_, Some(wait)) if wait.as_secs() == 30));
    }
}
