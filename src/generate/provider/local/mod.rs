//! Models that run on this machine, in a Python that has torch and transformers.
//!
//! A script that ships with the tool (`runner.py`) loads a model and makes sounds with it, one after
//! the other; `runners.rs` keeps it going for a run. What is made costs nothing, but is kept like
//! what was bought, since nobody else's machine makes the same bytes.

mod runners;

use serde_json::{Map, Value, json};

use crate::generate::provider::http::Http;
use crate::generate::provider::openai::json_of;
use crate::generate::provider::{Call, Delivered, Failure, Pace, Provider};

pub use runners::Runners;

/// The Python of this machine.
#[derive(Debug)]
pub(super) struct Local;

impl Provider for Local {
    fn base_url(&self) -> Option<&'static str> {
        None
    }

    fn program(&self) -> Option<&'static str> {
        Some(if cfg!(windows) { "python" } else { "python3" })
    }

    fn pace(&self) -> Pace {
        // One model in memory.
        Pace { concurrency: 1, per_minute: None }
    }

    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure> {
        let program = call.account.program.as_deref().unwrap_or_default();
        let made = call.runners.make(program, &request(call), call.account.timeout);
        let bytes = made.map_err(|failure| http.masked(failure))?;
        let delivered = Delivered::new(bytes, call.sent.media).map_err(free)?;
        Ok(Delivered { seed: call.seed, ..delivered })
    }
}

/// What nobody bills is no unknown outcome.
fn free(failure: Failure) -> Failure {
    match failure {
        Failure::Uncertain { words, .. } => Failure::Rejected { words },
        other => other,
    }
}

fn request(call: &Call<'_>) -> Map<String, Value> {
    let parameters: Map<String, Value> = call
        .sent
        .parameters
        .iter()
        .filter(|(name, _)| *name != "seed")
        .map(|(name, value)| (name.clone(), json_of(value)))
        .collect();
    let fields = [
        ("model", json!(call.sent.model)),
        ("family", json!(call.sent.family)),
        ("prompt", json!(call.sent.prompt)),
        ("seed", json!(call.seed)),
        ("parameters", Value::Object(parameters)),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}
