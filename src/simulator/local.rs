//! AUTOMATIC1111 and ComfyUI, which cost nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::base::Encoding;
use crate::simulator::exchange::{Reply, Request};
use crate::simulator::{Job, Simulator, media};

pub(super) fn answer(simulator: &Simulator, request: &Request, path: &str) -> Reply {
    let body = request.json().unwrap_or_default();
    match (&*request.method, path) {
        ("POST", "/sdapi/v1/txt2img" | "/sdapi/v1/img2img") => draw(simulator, &body),
        ("POST", "/prompt") => begin(simulator, &body),
        ("GET", "/view") => {
            let name = request.query("filename").unwrap_or_default();
            match simulator.jobs().get(name.trim_end_matches(".png")) {
                Some(job) => Reply::new(200, "image/png", job.file.clone()),
                None => Reply::text(404, ""),
            }
        }
        ("GET", path) => match path.strip_prefix("/history/") {
            Some(id) => match simulator.jobs().get_mut(id) {
                Some(job) if job.polls > 0 => {
                    job.polls -= 1;
                    Reply::json(200, &json!({}))
                }
                Some(job) => Reply::json(200, &json!({ id: job.result })),
                None => Reply::json(200, &json!({})),
            },
            None => Reply::detail(404, "Not Found"),
        },
        _ => Reply::detail(404, "Not Found"),
    }
}

fn draw(simulator: &Simulator, body: &Value) -> Reply {
    let prompt = body.get("prompt").and_then(Value::as_str).unwrap_or_default();
    let side = |name: &str| {
        let side = body.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        side.unwrap_or(512).clamp(1, 4096)
    };
    let number = simulator.next();
    let seed = body.get("seed").and_then(Value::as_i64).filter(|seed| *seed >= 0);
    // A seed gives the same picture each time, as it does there.
    let drawn = seed.map_or(number, i64::unsigned_abs);
    let bytes =
        media::picture(prompt, drawn, (side("width"), side("height")), false, Encoding::Png);
    let model = body.pointer("/override_settings/sd_model_checkpoint").cloned();
    let info = json!({ "seed": drawn, "sd_model_name": model });
    let images = [STANDARD.encode(bytes)];
    Reply::json(200, &json!({ "images": images, "parameters": {}, "info": info.to_string() }))
}

fn begin(simulator: &Simulator, body: &Value) -> Reply {
    let Some(graph) = body.get("prompt").filter(|graph| graph.is_object()) else {
        let error = json!({ "type": "no_prompt", "message": "No prompt provided" });
        return Reply::json(400, &json!({ "error": error, "node_errors": {} }));
    };
    let number = simulator.next();
    let id = format!("c{number:08}");
    let file = media::picture(&graph.to_string(), 0, (512, 512), false, Encoding::Png);
    let image = json!({ "filename": format!("{id}.png"), "subfolder": "", "type": "output" });
    let result = json!({ "outputs": { "9": { "images": [image] } }, "status": {} });
    simulator.jobs().insert(id.clone(), Job { polls: 1, result, file });
    Reply::json(200, &json!({ "prompt_id": id, "number": number, "node_errors": {} }))
}
