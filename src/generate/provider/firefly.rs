//! Adobe Firefly Services: a token, a job, a picture behind a presigned URL.
//!
//! Source: the vendor's npm package and documents, collected in docs/design/providers.md.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::base::units::Secret;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Http};
use crate::generate::provider::json::{self, integer, text, words};
use crate::generate::provider::openai::json_of;
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Delivered, Failure, Pace, Provider};

/// Where a token comes from, unless the user's own URL stands in for all of the service.
const TOKEN_URL: &str = "https://ims-na1.adobelogin.com/ims/token/v3";

const SCOPE: &str = "openid,AdobeID,firefly_api,ff_apis";

/// Where jobs and results lie.
const FILES: &[&str] = &[
    "adobe.io",
    "amazonaws.com",
    "windows.net",
    "dropboxusercontent.com",
    "storage.googleapis.com",
];

const POLL: Duration = Duration::from_secs(1);

/// The service.
#[derive(Debug)]
pub(super) struct Firefly;

impl Provider for Firefly {
    fn base_url(&self) -> Option<&'static str> {
        Some("https://firefly-api.adobe.io")
    }

    fn pace(&self) -> Pace {
        // 4 a minute for an organisation.
        Pace { concurrency: 2, per_minute: Some(4) }
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let token = token(call, http)?;
        let body = body(call, &token, http)?;
        let ask = |path: &str| {
            let url = call.account.url(path);
            let ask = Ask::post(url, Auth::Bearer(token.clone()), Body::Json(body.clone()));
            with_client(ask, call).header("x-model-version", &*call.sent.model)
        };
        let answer = match http.buy(call, &ask("/v3/images/generate-async"), judge) {
            // A service without jobs, such as a gateway of one's own, answers at once.
            Err(Failure::Rejected { words }) if words.starts_with("HTTP 404") => {
                let answer = http.buy(call, &ask("/v3/images/generate"), judge)?;
                let value = json::parse(&answer.body)?;
                // There is no job to ask about later.
                return collect(&value, "/outputs/0", call, http).map_err(Failure::for_good);
            }
            answer => answer?,
        };
        let value = json::parse(&answer.body)?;
        let Some(url) = text(&value, "/statusUrl") else {
            let words = "the answer names no job".to_owned();
            return Err(Failure::Uncertain { words, kept: answer.body });
        };
        // Its address is all that finds the job again. Should the note fail, it still runs.
        let _ = call.progress.identify(text(&value, "/jobId").as_deref(), Some(&url));
        wait(&url, token, call, http)
    }

    fn resume(&self, job: &str, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let token = token(call, http).map_err(Failure::of_job)?;
        wait(job, token, call, http)
    }
}

fn with_client(ask: Ask, call: &Call<'_>) -> Ask {
    ask.header("x-api-key", call.account.key().expose())
}

fn token(call: &Call<'_>, http: &Http) -> Result<Secret, Failure> {
    let url = match call.account.is_own_url {
        true => call.account.url("/ims/token/v3"),
        false => TOKEN_URL.to_owned(),
    };
    let [client, secret] = call.account.keys.as_slice() else {
        return Err(Failure::Unauthorized { words: "two credentials are needed".to_owned() });
    };
    let form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client.expose().to_owned()),
        ("client_secret", secret.expose().to_owned()),
        ("scope", SCOPE.to_owned()),
    ];
    let answer = http.ask(call, &Ask::post(url, Auth::None, Body::Form(form)), |answer| {
        let words = words(answer.status, &answer.body);
        match answer.status {
            429 | 500.. => Verdict::Later(Failure::Down { words }, None),
            _ => Verdict::Final(Failure::Unauthorized { words }),
        }
    })?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = text(&value, "/access_token");
    let missing = || Failure::Down { words: "the answer holds no token".to_owned() };
    token.map(Secret::new).ok_or_else(missing)
}

fn body(call: &Call<'_>, token: &Secret, http: &Http) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("prompt".to_owned(), json!(call.sent.prompt));
    body.insert("numVariations".to_owned(), json!(1));
    if let Some(negative) = &call.sent.negative {
        body.insert("negativePrompt".to_owned(), json!(negative));
    }
    if let Some(seed) = call.seed {
        body.insert("seeds".to_owned(), json!([seed]));
    }
    if let Some((width, height)) = call.sent.text("size").and_then(|size| size.split_once('x')) {
        let number = |text: &str| text.parse::<u32>().unwrap_or(1024);
        let size = json!({ "width": number(width), "height": number(height) });
        body.insert("size".to_owned(), size);
    }
    for (from, to) in [
        ("content_class", "contentClass"),
        ("visual_intensity", "visualIntensity"),
        ("prompt_locale", "promptBiasingLocaleCode"),
        ("custom_model_id", "customModelId"),
    ] {
        if let Some(value) = call.sent.parameters.get(from) {
            body.insert(to.to_owned(), json_of(value));
        }
    }
    if let Some(picture) = call.attached.references.first() {
        let id = upload(&picture.bytes, picture.mime(), call, token, http)?;
        let reference = json!({ "source": { "uploadId": id } });
        let strength = |name: &str| call.sent.parameters.get(name).map(json_of);
        let mut style = Map::from_iter([("imageReference".to_owned(), reference.clone())]);
        style.extend(strength("style_strength").map(|value| ("strength".to_owned(), value)));
        body.insert("style".to_owned(), Value::Object(style));
        if let Some(strength) = strength("structure_strength") {
            let structure = json!({ "imageReference": reference, "strength": strength });
            body.insert("structure".to_owned(), structure);
        }
    }
    Ok(Value::Object(body))
}

fn upload(
    bytes: &[u8],
    mime: &'static str,
    call: &Call<'_>,
    token: &Secret,
    http: &Http,
) -> Result<String, Failure> {
    let url = call.account.url("/v2/storage/image");
    let ask = Ask::post(url, Auth::Bearer(token.clone()), Body::Bytes(bytes.to_vec(), mime));
    let answer = http.ask(call, &with_client(ask, call), |answer| match judge(answer) {
        Verdict::Final(Failure::Uncertain { words, .. }) => {
            Verdict::Later(Failure::Down { words }, None)
        }
        verdict => verdict,
    })?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let missing = || Failure::Down { words: "the upload got no id".to_owned() };
    text(&value, "/images/0/id").ok_or_else(missing)
}

fn wait(url: &str, mut token: Secret, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
    let started = Instant::now();
    let mut is_renewed = false;
    loop {
        http.check_place(call, url, FILES)?;
        let ask = with_client(Ask::get(url.to_owned(), Auth::Bearer(token.clone())), call);
        let answer = match http.ask(call, &ask, judge) {
            Ok(answer) => answer,
            // A token lives for a day, a job may outlive it.
            Err(Failure::Unauthorized { .. }) if !is_renewed => {
                is_renewed = true;
                token = self::token(call, http).map_err(Failure::of_job)?;
                continue;
            }
            Err(failure) => return Err(failure.of_job()),
        };
        let value = json::parse(&answer.body).map_err(Failure::of_job)?;
        match text(&value, "/status").as_deref() {
            Some("succeeded") => return collect(&value, "/result/outputs/0", call, http),
            Some("failed" | "cancelled" | "canceled") => {
                let words = http.mask(&words(answer.status, &answer.body));
                return Err(Failure::Refused { words, may_be_billed: true });
            }
            _ if started.elapsed() > call.account.timeout => {
                let words = "the job takes longer than the timeout".to_owned();
                return Err(Failure::Running { words });
            }
            _ => {}
        }
        // Not even a stop ends the wait: it is paid for, and what is in flight is finished.
        call.progress.pause(POLL);
    }
}

/// Fetches the picture that stands at `place` in an answer.
fn collect(value: &Value, place: &str, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
    let output = value.pointer(place).cloned().unwrap_or_default();
    let Some(url) = text(&output, "/image/url") else {
        let words = "the answer names no picture".to_owned();
        return Err(Failure::Uncertain { words, kept: value.to_string().into_bytes() });
    };
    let bytes = http.fetch(call, &url, FILES, Auth::None)?;
    Ok(Delivered {
        seed: integer(&output, "/seed"),
        request_id: text(value, "/jobId"),
        ..Delivered::new(bytes, call.sent.media)?
    })
}

fn judge(answer: &Answer) -> Verdict<Failure> {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = text(&value, "/error_code").unwrap_or_default();
    let words = words(answer.status, &answer.body);
    match (answer.status, &*code) {
        (_, "prompt_unsafe" | "input_media_unsafe" | "output_media_unsafe") | (451, _) => {
            Verdict::Final(Failure::Refused { words, may_be_billed: false })
        }
        (401 | 403, _) => Verdict::Final(Failure::Unauthorized { words }),
        (429, _) | (503, _) | (_, "model_not_loaded") => {
            Verdict::Later(Failure::Down { words }, None)
        }
        (408, _) | (500.., _) => Verdict::Final(Failure::uncertain(words)),
        _ => Verdict::Final(Failure::Rejected { words }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_codes_of_their_own() {
        let judged = |status, code: &str| {
            let body = format!(r#"{{"error_code":"{code}","message":"m"}}"#);
            judge(&Answer::new(status, &[], body.as_bytes()))
        };
        let words = |status| format!("HTTP {status}, m");
        let refused = Failure::Refused { words: words(422), may_be_billed: false };
        assert_eq!(judged(422, "prompt_unsafe"), Verdict::Final(refused));
        let rejected = Failure::Rejected { words: words(422) };
        assert_eq!(judged(422, "validation_error"), Verdict::Final(rejected));
        let later = Verdict::Later(Failure::Down { words: words(503) }, None);
        assert_eq!(judged(503, "model_not_loaded"), later);
        assert_eq!(judged(408, "timeout_error"), Verdict::Final(Failure::uncertain(words(408))));
    }
}
