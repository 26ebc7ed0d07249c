//! Token, job and result as Adobe Firefly Services have them.

use serde_json::{Value, json};

use crate::base::Encoding;
use crate::catalog::PriceUnit;
use crate::simulator::exchange::{Reply, Request};
use crate::simulator::{Entry, FaultKind, Job, Simulator, media};

/// Millionths of a dollar for a picture: the vendor publishes no price.
const PRICE: i64 = 40_000;

/// `has_jobs`: whether results come as jobs; otherwise they come at once.
pub(super) fn answer(
    simulator: &Simulator,
    request: &Request,
    path: &str,
    has_jobs: bool,
) -> Reply {
    let error = |status, code: &str, words: &str| {
        Reply::json(status, &json!({ "error_code": code, "message": words }))
    };
    let base = format!("http://{}/firefly", request.header("host").unwrap_or("127.0.0.1"));
    if (&*request.method, path) == ("POST", "/ims/token/v3") {
        let form = String::from_utf8_lossy(&request.body);
        return match form.contains("wrong") || !form.contains("client_secret=") {
            true => error(401, "invalid_client", "client_secret is not valid"),
            false => {
                let body = json!({ "access_token": "simulated-access-token",
                    "token_type": "bearer", "expires_in": 86_399 });
                Reply::json(200, &body)
            }
        };
    }
    if let Some(id) = path.strip_prefix("/files/") {
        return match simulator.jobs().get(id) {
            Some(job) => Reply::new(200, "image/png", job.file.clone()),
            None => error(404, "not_found", "the link is no longer valid"),
        };
    }
    if request.credential().is_none() || request.header("x-api-key").is_none() {
        return error(403, "access_error", "no token or client id");
    }
    if let Some(id) = path.strip_prefix("/v3/status/") {
        return match simulator.jobs().get_mut(id) {
            Some(job) if job.polls > 0 => {
                job.polls -= 1;
                Reply::json(200, &json!({ "jobId": id, "status": "running", "progress": 50 }))
            }
            Some(job) => Reply::json(200, &job.result),
            None => error(404, "not_found", "no such job"),
        };
    }
    match path {
        "/v2/storage/image" => {
            return Reply::json(200, &json!({ "images": [{ "id": "upload-1" }] }));
        }
        "/v3/images/generate-async" if has_jobs => {}
        "/v3/images/generate" => {}
        _ => return error(404, "not_found", "no such endpoint"),
    }
    let body = request.json().unwrap_or_default();
    let Some(prompt) = body.get("prompt").and_then(Value::as_str).map(str::to_owned) else {
        return error(422, "validation_error", "prompt: is required");
    };
    let kind = simulator.play(request);
    if kind == Some(FaultKind::Refuse) {
        return error(422, "prompt_unsafe", "The prompt contains unsafe content");
    }
    let entry = Entry {
        provider: "firefly".to_owned(),
        model: request.header("x-model-version").unwrap_or_default().to_owned(),
        micros: PRICE,
        unit: PriceUnit::Usd,
        key: request.key(),
    };
    let side = |name: &str| {
        let value = body.pointer(&format!("/size/{name}")).and_then(Value::as_u64);
        value.and_then(|side| u32::try_from(side).ok()).unwrap_or(1024).clamp(1, 4096)
    };
    simulator.finish(kind, entry, |number| {
        let id = format!("j{number:08}");
        let size = (side("width"), side("height"));
        let file = media::picture(&prompt, number, size, false, Encoding::Png);
        let output = json!({ "seed": number, "image": { "url": format!("{base}/files/{id}") } });
        if path == "/v3/images/generate" {
            simulator.jobs().insert(id, Job { polls: 0, result: Value::Null, file });
            let size = json!({ "width": size.0, "height": size.1 });
            return Reply::json(200, &json!({ "size": size, "outputs": [output] }));
        }
        let result =
            json!({ "jobId": id, "status": "succeeded", "result": { "outputs": [output] } });
        simulator.jobs().insert(id.clone(), Job { polls: 2, result, file });
        let status = format!("{base}/v3/status/{id}");
        Reply::json(202, &json!({ "jobId": id, "statusUrl": status, "cancelUrl": status }))
    })
}
