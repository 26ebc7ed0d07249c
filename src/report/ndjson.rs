//! `--format ndjson`: one JSON object per event and line on stdout.
//!
//! The kinds are a closed list with their fields in docs/design/events.md; within a schema version
//! fields are only added.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::base::Scalar;
use crate::event::{ActionKind, Event, Offer, Outcome, Reporter, Summary};
use crate::report::{Elapsed, Sink};

/// The schema that every object names.
pub const SCHEMA: &str = "assetbuild.event/1";

/// Writes events as JSON lines; falls silent when nobody reads any more.
pub struct NdjsonReporter {
    elapsed: Elapsed,
    state: Mutex<State>,
}

struct State {
    /// None after a failed write: a pipe that closed does not open again.
    out: Option<Sink>,
    seq: u64,
}

impl NdjsonReporter {
    /// A reporter that writes to `out`; `elapsed` gives each event's time.
    pub fn new(out: Sink, elapsed: Elapsed) -> Self {
        Self { elapsed, state: Mutex::new(State { out: Some(out), seq: 0 }) }
    }
}

impl Reporter for NdjsonReporter {
    fn report(&self, event: &Event) {
        let (kind, fields) = describe(event);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The time is taken under the lock, so that it never decreases with `seq`.
        let at = (self.elapsed)();
        let mut object = Map::new();
        object.insert("schema".into(), SCHEMA.into());
        object.insert("seq".into(), state.seq.into());
        object.insert("t_ms".into(), millis(at));
        object.insert("event".into(), kind.into());
        object.extend(fields);
        state.seq += 1;
        let line = format!("{}\n", Value::Object(object));
        if let Some(out) = &mut state.out
            && out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err()
        {
            state.out = None;
        }
    }
}

/// The fields of a summary, as in `run_finished`.
pub(super) fn summary_fields(summary: &Summary) -> Map<String, Value> {
    // Exhaustive, so that a new count is not forgotten here.
    let Summary {
        assets,
        fresh,
        built,
        failed,
        skipped,
        held,
        ran,
        cached,
        published,
        interrupted,
        took,
    } = summary;
    fields([
        ("assets", json!(assets)),
        ("fresh", json!(fresh)),
        ("built", json!(built)),
        ("failed", json!(failed)),
        ("skipped", json!(skipped)),
        ("held", json!(held)),
        ("ran", by_kind(ran)),
        ("cached", by_kind(cached)),
        ("published", json!(published)),
        ("interrupted", json!(interrupted)),
        ("duration_ms", millis(*took)),
    ])
}

/// The kind of an event and its own fields.
fn describe(event: &Event) -> (&'static str, Map<String, Value>) {
    match event {
        Event::RunStarted { assets, actions } => {
            ("run_started", fields([("assets", json!(assets)), ("actions", by_kind(actions))]))
        }
        Event::StepFinished { step, started, took } => (
            "step_finished",
            fields([
                ("step", json!(step)),
                ("started_ms", millis(*started)),
                ("duration_ms", millis(*took)),
            ]),
        ),
        Event::ActionStarted { asset, kind, detail, worker, at } => {
            let mut all = action(asset, *kind, detail, *worker);
            all.insert("started_ms".into(), millis(*at));
            ("action_started", all)
        }
        Event::ActionFinished { asset, kind, detail, worker, outcome, started, took } => {
            let mut all = action(asset, *kind, detail, *worker);
            let (word, extra) = outcome_fields(outcome);
            all.insert("outcome".into(), word.into());
            all.extend(extra);
            all.insert("started_ms".into(), millis(*started));
            all.insert("duration_ms".into(), millis(*took));
            ("action_finished", all)
        }
        Event::Measured { asset, figures } => {
            let figures: Map<String, Value> =
                figures.iter().map(|(name, value)| (name.clone(), scalar(value))).collect();
            ("measured", fields([("asset", json!(asset)), ("figures", figures.into())]))
        }
        Event::AssetBuilt { asset, cached, took } => (
            "asset_built",
            fields([
                ("asset", json!(asset)),
                ("cached", json!(cached)),
                ("duration_ms", millis(*took)),
            ]),
        ),
        Event::Bought { asset, purchase, provider, model, cost_micros, unit, is_reported } => (
            "bought",
            fields([
                ("asset", json!(asset)),
                ("purchase", json!(purchase)),
                ("provider", json!(provider)),
                ("model", json!(model)),
                ("cost_micros", json!(cost_micros)),
                ("unit", json!(unit.as_str())),
                ("basis", json!(if *is_reported { "reported" } else { "estimated" })),
            ]),
        ),
        Event::Variations { asset, count, folder, waits } => (
            "variations",
            fields([
                ("asset", json!(asset)),
                ("count", json!(count)),
                ("folder", json!(folder)),
                ("waits", json!(waits)),
            ]),
        ),
        Event::Fallback { asset, from, to, why } => (
            "fallback",
            fields([
                ("asset", json!(asset)),
                ("from", json!(from)),
                ("to", json!(to)),
                ("why", json!(why)),
            ]),
        ),
        Event::Published { asset, path, size } => (
            "published",
            fields([("asset", json!(asset)), ("path", json!(path)), ("size", json!(size))]),
        ),
        Event::ManifestUpdated { entries } => {
            ("manifest_updated", fields([("entries", json!(entries))]))
        }
        Event::Changed { paths } => ("changed", fields([("paths", json!(paths))])),
        Event::Mistakes { diagnostics } => {
            ("mistakes", fields([("diagnostics", json!(diagnostics))]))
        }
        Event::Held { assets } => {
            let held = assets.iter().map(|(asset, why)| json!({ "asset": asset, "why": why }));
            ("held", fields([("assets", held.collect())]))
        }
        Event::Waiting { offers } => {
            ("waiting", fields([("offers", offers.iter().map(offer).collect())]))
        }
        Event::Idle => ("idle", Map::new()),
        Event::Warning { asset, message } => {
            ("warning", fields([("asset", json!(asset)), ("message", json!(message))]))
        }
        Event::RunFinished { summary } => ("run_finished", summary_fields(summary)),
    }
}

fn offer(offer: &Offer) -> Value {
    let Offer { asset, provider, model, count, high_micros, unit } = offer;
    json!({
        "asset": asset,
        "provider": provider,
        "model": model,
        "count": count,
        "high_micros": high_micros,
        "unit": unit.as_str(),
    })
}

fn action(asset: &str, kind: ActionKind, detail: &str, worker: usize) -> Map<String, Value> {
    fields([
        ("asset", json!(asset)),
        ("kind", json!(kind.as_str())),
        ("detail", json!(detail)),
        ("worker", json!(worker)),
    ])
}

/// The word for an outcome, and what it says besides.
pub(super) fn outcome_fields(outcome: &Outcome) -> (&'static str, Map<String, Value>) {
    match outcome {
        Outcome::Ran => ("ran", Map::new()),
        Outcome::Cached => ("cached", Map::new()),
        Outcome::Failed(message) => ("failed", fields([("message", json!(message))])),
        Outcome::Skipped(cause) => ("skipped", fields([("because", json!(cause))])),
        Outcome::Cancelled => ("cancelled", Map::new()),
    }
}

pub(super) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn by_kind(counts: &[usize; 5]) -> Value {
    ActionKind::ALL
        .into_iter()
        .map(|kind| (kind.as_str().to_owned(), Value::from(counts[kind as usize])))
        .collect::<Map<_, _>>()
        .into()
}

pub(super) fn scalar(value: &Scalar) -> Value {
    match value {
        Scalar::Text(text) => json!(text),
        Scalar::Integer(number) => json!(number),
        Scalar::Number(number) => json!(number),
        Scalar::Boolean(value) => json!(value),
    }
}

/// Milliseconds with microseconds as decimals.
fn millis(duration: Duration) -> Value {
    json!(duration.as_micros() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, micros, small_run, small_watch};

    fn silent_clock() -> Elapsed {
        Box::new(|| micros(32_500))
    }

    #[test]
    fn every_event_is_one_object_on_one_line() {
        let out = Captured::default();
        let reporter = NdjsonReporter::new(out.sink(), silent_clock());
        small_run().iter().for_each(|event| reporter.report(event));
        insta::assert_snapshot!(out.text());
    }

    #[test]
    fn lines_parse_and_are_numbered_without_gaps_from_many_threads() {
        let out = Captured::default();
        let reporter = NdjsonReporter::new(out.sink(), silent_clock());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| small_run().iter().for_each(|event| reporter.report(event)));
            }
        });
        let text = out.text();
        let numbers: Vec<u64> = text
            .lines()
            .map(|line| {
                let value: Value = serde_json::from_str(line).expect("one object per line");
                value["seq"].as_u64().expect("a number")
            })
            .collect();
        assert_eq!(numbers, (0..4 * small_run().len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_closed_pipe_is_silent() {
        let reporter = NdjsonReporter::new(Captured::closed(), silent_clock());
        small_run().iter().for_each(|event| reporter.report(event));
    }

    #[test]
    fn every_kind_is_documented() {
        let page = include_str!("../../docs/design/events.md");
        for event in small_run().into_iter().chain(small_watch()) {
            let (kind, fields) = describe(&event);
            assert!(page.contains(&format!("### `{kind}`")), "{kind} has no section");
            for name in fields.keys() {
                assert!(page.contains(&format!("| `{name}` |")), "{kind}: `{name}` has no row");
            }
        }
    }
}
