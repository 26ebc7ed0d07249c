//! `--format json`: one document on stdout when the run is over.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::event::{Event, Outcome, Reporter};
use crate::report::Sink;
use crate::report::ndjson::{fields, summary_fields};

/// The schema that the document names.
pub const SCHEMA: &str = "assetbuild.build/1";

/// Collects failures and warnings, and writes them with the summary at the end.
pub struct JsonReporter(Mutex<State>);

struct State {
    out: Sink,
    failures: Vec<Value>,
    warnings: Vec<Value>,
}

impl JsonReporter {
    /// A reporter that writes to `out`.
    pub fn new(out: Sink) -> Self {
        Self(Mutex::new(State { out, failures: Vec::new(), warnings: Vec::new() }))
    }
}

impl Reporter for JsonReporter {
    fn report(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::ActionFinished { asset, kind, outcome: Outcome::Failed(message), .. } => {
                let failure = json!({ "asset": asset, "kind": kind.as_str(), "message": message });
                state.failures.push(failure);
            }
            Event::Warning { asset, message } => {
                state.warnings.push(json!({ "asset": asset, "message": message }));
            }
            Event::RunFinished { summary } => {
                let mut document = fields([("schema", json!(SCHEMA))]);
                document.extend(summary_fields(summary));
                document.insert("failures".into(), std::mem::take(&mut state.failures).into());
                document.insert("warnings".into(), std::mem::take(&mut state.warnings).into());
                let text = format!("{:#}\n", Value::Object(document));
                // A reader that went away needs no document.
                let _ = state.out.write_all(text.as_bytes()).and_then(|()| state.out.flush());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, small_run};

    #[test]
    fn the_document_has_counts_failures_and_warnings() {
        let out = Captured::default();
        let reporter = JsonReporter::new(out.sink());
        small_run().iter().for_each(|event| reporter.report(event));
        insta::assert_snapshot!(out.text());
    }
}
