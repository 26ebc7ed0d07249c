//! Predictions as Replicate has them: created, asked about, fetched.

use serde_json::{Value, json};

use crate::base::Encoding;
use crate::catalog::PriceUnit;
use crate::simulator::exchange::{Reply, Request};
use crate::simulator::{Entry, FaultKind, Job, Simulator, media};

/// Millionths of a dollar for a second.
const SECOND: i64 = 1_400;

/// Seconds that each prediction says it took.
const TOOK: f64 = 2.5;

/// How often one has to ask before it is ready.
const POLLS: u32 = 2;

pub(super) fn answer(simulator: &Simulator, request: &Request, path: &str) -> Reply {
    if request.credential().is_none_or(|key| key.contains("wrong")) {
        return Reply::json(
            401,
            &json!({ "title": "Unauthenticated", "detail": "no valid token" }),
        );
    }
    if let Some(id) = path.strip_prefix("/files/") {
        let file = simulator.jobs().get(id).map(|job| job.file.clone());
        return match file {
            Some(file) => Reply::new(200, "application/octet-stream", file),
            None => Reply::detail(404, "the file was deleted"),
        };
    }
    if let Some(id) = path.strip_prefix("/predictions/").filter(|_| request.method == "GET") {
        return match simulator.jobs().get_mut(id) {
            Some(job) if job.polls > 0 => {
                job.polls -= 1;
                Reply::json(200, &json!({ "id": id, "status": "processing" }))
            }
            Some(job) => Reply::json(200, &job.result),
            None => Reply::detail(404, "no such prediction"),
        };
    }
    let cancelled =
        path.strip_prefix("/predictions/").and_then(|rest| rest.strip_suffix("/cancel"));
    if let Some(id) = cancelled.filter(|_| request.method == "POST") {
        return match simulator.jobs().get_mut(id) {
            Some(job) => {
                if job.polls > 0 {
                    job.polls = 0;
                    job.result = json!({ "id": id, "status": "canceled" });
                }
                Reply::json(200, &job.result)
            }
            None => Reply::detail(404, "no such prediction"),
        };
    }
    if (&*request.method, path) != ("POST", "/predictions") {
        return Reply::detail(404, "no such endpoint");
    }
    let body = request.json().unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (Some(version), Some(prompt)) = (text("/version"), text("/input/prompt")) else {
        return Reply::json(422, &json!({ "title": "Input validation failed", "detail": "input" }));
    };
    if simulator.is_broke() {
        return Reply::json(402, &json!({ "title": "Insufficient credit", "detail": "no credit" }));
    }
    let kind = simulator.play(request);
    let entry = Entry {
        provider: "replicate".to_owned(),
        model: version.clone(),
        micros: (TOOK * SECOND as f64) as i64,
        unit: PriceUnit::Usd,
        key: request.key(),
    };
    let base = request.header("host").unwrap_or("127.0.0.1").to_owned();
    let is_sound = !["image", "flux", "sdxl"].iter().any(|word| version.contains(word));
    let input = |name: &str| body.pointer(&format!("/input/{name}")).and_then(Value::as_f64);
    simulator.finish(kind.filter(|kind| *kind != FaultKind::Refuse), entry, |number| {
        let id = format!("p{number:08}");
        let file = match is_sound {
            true => {
                let seconds = input("duration").unwrap_or(2.0);
                media::sound(&prompt, number, seconds, Encoding::Wav)
            }
            false => media::picture(&prompt, number, (512, 512), false, Encoding::Png),
        };
        let url = format!("http://{base}/replicate/v1/files/{id}");
        let result = match kind {
            Some(FaultKind::Refuse) => {
                json!({ "id": id, "status": "failed", "error": "NSFW content detected" })
            }
            _ => json!({
                "id": id, "model": version, "status": "succeeded", "output": url,
                "metrics": { "predict_time": TOOK },
            }),
        };
        simulator.jobs().insert(id.clone(), Job { polls: POLLS, result, file });
        Reply::json(201, &json!({ "id": id, "status": "starting" }))
    })
}
