//! `--trace FILE`: a timeline in the Chrome trace event format, for Perfetto and chrome://tracing.
//!
//! Source: "Trace Event Format", JSON object format: complete events (`X`) with microseconds,
//! metadata events (`M`) for names. Actions lie on their worker's track, pipeline steps on `main`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::event::{Event, Outcome, Reporter};
use crate::report::Sink;
use crate::report::ndjson::outcome_fields;

/// There is one process in a trace.
const PID: u32 = 1;
/// The track of the pipeline; worker n has track n + 1.
const MAIN: usize = 0;

/// Writes a trace file while the run goes on, and completes it when dropped.
pub struct TraceReporter(Mutex<Trace>);

struct Trace {
    out: Sink,
    tracks: BTreeSet<usize>,
    is_empty: bool,
    is_broken: bool,
}

impl TraceReporter {
    /// Creates or replaces the file at `path`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Box::new(BufWriter::new(File::create(path)?))))
    }

    /// A reporter that writes to `out`.
    pub fn new(out: Sink) -> Self {
        let mut trace = Trace { out, tracks: BTreeSet::new(), is_empty: true, is_broken: false };
        trace.write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
        trace.name("process_name", MAIN, "assetbuild");
        Self(Mutex::new(trace))
    }
}

impl Reporter for TraceReporter {
    fn report(&self, event: &Event) {
        let mut trace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StepFinished { step, started, took } => {
                trace.complete(MAIN, step, "pipeline", *started, *took, json!({}));
            }
            Event::ActionFinished { asset, kind, detail, worker, outcome, started, took }
                if has_run(outcome) =>
            {
                let name = format!("{} {asset}", kind.as_str());
                let (word, _) = outcome_fields(outcome);
                let args = json!({ "detail": detail, "outcome": word });
                trace.complete(worker + 1, &name, kind.as_str(), *started, *took, args);
            }
            _ => {}
        }
    }
}

impl Trace {
    fn complete(
        &mut self,
        track: usize,
        name: &str,
        category: &str,
        started: Duration,
        took: Duration,
        args: Value,
    ) {
        if self.tracks.insert(track) {
            let title =
                if track == MAIN { "main".to_owned() } else { format!("worker {}", track - 1) };
            self.name("thread_name", track, &title);
        }
        self.push(&json!({
            "ph": "X",
            "name": name,
            "cat": category,
            "pid": PID,
            "tid": track,
            "ts": micros(started),
            "dur": micros(took),
            "args": args,
        }));
    }

    fn name(&mut self, what: &str, track: usize, name: &str) {
        let args = json!({ "name": name });
        self.push(&json!({ "ph": "M", "name": what, "pid": PID, "tid": track, "args": args }));
    }

    fn push(&mut self, event: &Value) {
        let comma = if self.is_empty { "" } else { ",\n" };
        self.is_empty = false;
        self.write(&format!("{comma}{event}"));
    }

    fn write(&mut self, text: &str) {
        // A full disk must not stop a build; the file stays incomplete.
        if !self.is_broken {
            self.is_broken = self.out.write_all(text.as_bytes()).is_err();
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.write("\n]}\n");
        let _ = self.out.flush();
    }
}

fn has_run(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ran | Outcome::Cached | Outcome::Failed(_))
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, small_run};

    #[test]
    fn actions_lie_on_their_workers_track() {
        let out = Captured::default();
        let reporter = TraceReporter::new(out.sink());
        small_run().iter().for_each(|event| reporter.report(event));
        drop(reporter);
        insta::assert_snapshot!(out.text());
        let trace: Value = serde_json::from_str(&out.text()).expect("one JSON object");
        let events = trace["traceEvents"].as_array().expect("an array");
        for event in events.iter().filter(|event| event["ph"] == "X") {
            assert!(event["dur"].is_number() && event["ts"].is_number(), "{event}");
        }
    }

    #[test]
    fn a_run_that_ends_early_leaves_a_whole_file() {
        let out = Captured::default();
        drop(TraceReporter::new(out.sink()));
        serde_json::from_str::<Value>(&out.text()).expect("one JSON object");
    }

    #[test]
    fn a_file_that_cannot_be_created_is_an_error() {
        let dir = tempfile::tempdir().expect("a temp folder");
        assert!(TraceReporter::create(&dir.path().join("missing/trace.json")).is_err());
        assert!(TraceReporter::create(&dir.path().join("trace.json")).is_ok());
    }

    #[test]
    fn a_full_disk_does_not_stop_the_run() {
        let reporter = TraceReporter::new(Captured::closed());
        small_run().iter().for_each(|event| reporter.report(event));
    }
}
