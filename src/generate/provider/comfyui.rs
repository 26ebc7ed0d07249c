//! ComfyUI on the user's own machine: a workflow file with `{{prompt}}` and other slots.
//!
//! Source: Comfy-Org/ComfyUI, collected in docs/design/providers.md.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::generate::provider::elevenlabs::escaped;
use crate::generate::provider::http::{Answer, Ask, Auth, Body, Http};
use crate::generate::provider::json::{self, text, words};
use crate::generate::provider::openai::json_of;
use crate::generate::provider::retry::Verdict;
use crate::generate::provider::{Call, Delivered, Failure, Pace, Provider};

const POLL: Duration = Duration::from_millis(500);

/// The server.
#[derive(Debug)]
pub(super) struct ComfyUi;

impl Provider for ComfyUi {
    fn base_url(&self) -> Option<&'static str> {
        Some("http://127.0.0.1:8188")
    }

    fn pace(&self) -> Pace {
        // One graphics card.
        Pace { concurrency: 1, per_minute: None }
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let Some(workflow) = call.attached.files.get("workflow") else {
            let words = "`workflow` names no file: export one from ComfyUI in API format";
            return Err(Failure::Rejected { words: words.to_owned() });
        };
        let graph = fill(workflow, call)?;
        let body = json!({ "prompt": graph, "client_id": call.idempotency_key });
        let ask = Ask::post(call.account.url("/prompt"), Auth::None, Body::Json(body));
        let answer = http.buy(call, &ask, judge)?;
        let Some(id) = text(&json::parse(&answer.body)?, "/prompt_id") else {
            return Err(Failure::Rejected { words: words(200, &answer.body) });
        };
        // Should the note fail, the work still runs and is waited for.
        let _ = call.progress.identify(None, Some(&id));
        self.resume(&id, call, http)
    }

    fn resume(&self, job: &str, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let url = call.account.url(&format!("/history/{}", escaped(job)));
        let started = Instant::now();
        loop {
            let answer = http.ask(call, &Ask::get(url.clone(), Auth::None), judge)?;
            let value = json::parse(&answer.body)?;
            if let Some(entry) = value.get(job) {
                return collect(entry, call, http);
            }
            if started.elapsed() > call.account.timeout {
                return Err(Failure::Down { words: "the work takes too long".to_owned() });
            }
            if !call.progress.pause(POLL) {
                return Err(Failure::Stopped);
            }
        }
    }
}

/// The workflow with its slots filled: a text that is one slot takes the type of its value.
fn fill(workflow: &[u8], call: &Call<'_>) -> Result<Value, Failure> {
    let mut graph: Value = serde_json::from_slice(workflow).map_err(|error| Failure::Rejected {
        words: format!("the workflow is no JSON: {error}"),
    })?;
    let mut slots: BTreeMap<&str, Value> =
        call.sent.parameters.iter().map(|(name, value)| (&**name, json_of(value))).collect();
    slots.insert("prompt", json!(call.sent.prompt));
    slots.insert("negative", json!(call.sent.negative.clone().unwrap_or_default()));
    slots.insert("seed", json!(call.seed.unwrap_or(0)));
    slots.insert("checkpoint", json!(call.sent.model));
    if let Some((width, height)) = call.sent.text("size").and_then(|size| size.split_once('x')) {
        slots.insert("width", json!(width.parse::<u32>().unwrap_or_default()));
        slots.insert("height", json!(height.parse::<u32>().unwrap_or_default()));
    }
    fill_value(&mut graph, &slots);
    Ok(graph)
}

fn fill_value(value: &mut Value, slots: &BTreeMap<&str, Value>) {
    match value {
        Value::String(text) => {
            if let Some(whole) = slots.iter().find(|(name, _)| *text == format!("{{{{{name}}}}}")) {
                *value = whole.1.clone();
                return;
            }
            for (name, filling) in slots {
                let slot = format!("{{{{{name}}}}}");
                if text.contains(&slot) {
                    let filling =
                        filling.as_str().map_or_else(|| filling.to_string(), str::to_owned);
                    *text = text.replace(&slot, &filling);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_value(item, slots)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill_value(field, slots)),
        _ => {}
    }
}

fn collect(entry: &Value, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
    let outputs = entry.get("outputs").and_then(Value::as_object);
    let file = outputs.into_iter().flat_map(|outputs| outputs.values()).find_map(|node| {
        ["images", "audio"].iter().find_map(|kind| node.get(kind)?.as_array()?.first().cloned())
    });
    let Some(file) = file else {
        let said = text(entry, "/status/messages/0/1/exception_message");
        let words = said.unwrap_or_else(|| "the workflow gave no file".to_owned());
        return Err(Failure::Rejected { words: http.mask(&words) });
    };
    let part = |name| escaped(&text(&file, name).unwrap_or_default());
    let url = call.account.url(&format!(
        "/view?filename={}&subfolder={}&type={}",
        part("/filename"),
        part("/subfolder"),
        part("/type")
    ));
    let answer = http.ask(call, &Ask::get(url, Auth::None), judge)?;
    Ok(Delivered { seed: call.seed, ..Delivered::new(answer.body, call.sent.media)? })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_alone_keeps_its_type_and_one_in_a_text_becomes_text() {
        let slots = BTreeMap::from([("prompt", json!("a fox")), ("seed", json!(7))]);
        let mut graph =
            json!({ "3": { "inputs": { "seed": "{{seed}}", "text": "{{prompt}}, no {{seed}}" } } });
        fill_value(&mut graph, &slots);
        assert_eq!(graph, json!({ "3": { "inputs": { "seed": 7, "text": "a fox, no 7" } } }));
    }
}
