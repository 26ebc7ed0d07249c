//! `--log-format json|text`: a structured log on stderr, through `tracing`.
//!
//! Every record has an `event` name, `subsystem: "asset-generation"` and flat fields; names and
//! fields are listed in docs/design/events.md. Each asset's `observability` decides which of its
//! records are written; level `dev` is tracing's DEBUG.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::dispatcher::{Dispatch, with_default};
use tracing::{Level, debug, error, info, warn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::base::{Digest, MediaKind};
use crate::event::{ActionKind, Event, Outcome, Reporter};
use crate::report::{Sink, summary};
use crate::spec::{AssetSpec, LogLevel, Observability};

const SUBSYSTEM: &str = "asset-generation";

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// `time LEVEL message name=value …`.
    Text,
}

/// What the log says about an asset besides what its events carry.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedAsset {
    /// Picture or sound.
    pub media: MediaKind,
    /// The provider's name in specs.
    pub provider: String,
    /// The main published file, relative to the project root.
    pub output_path: String,
    /// What is logged.
    pub observability: Observability,
}

impl From<&AssetSpec> for LoggedAsset {
    fn from(spec: &AssetSpec) -> Self {
        Self {
            media: spec.media,
            provider: spec.generate.provider().to_owned(),
            output_path: spec.publish.path.to_string(),
            observability: spec.observability,
        }
    }
}

/// Writes log records for the events of a run.
pub struct LogReporter {
    dispatch: Dispatch,
    assets: BTreeMap<String, LoggedAsset>,
    begun: Mutex<BTreeSet<String>>,
}

impl LogReporter {
    /// A reporter that writes to `out`; `assets` by id. An asset that is not among them is logged
    /// with the default observability.
    pub fn new(out: Sink, format: LogFormat, assets: BTreeMap<String, LoggedAsset>) -> Self {
        Self::with_timer(out, format, assets, |writer| SystemTime.format_time(writer))
    }

    fn with_timer(
        out: Sink,
        format: LogFormat,
        assets: BTreeMap<String, LoggedAsset>,
        timer: fn(&mut Writer<'_>) -> fmt::Result,
    ) -> Self {
        let builder = tracing_subscriber::fmt()
            .with_writer(Mutex::new(out))
            .with_max_level(Level::DEBUG)
            .with_ansi(false)
            .with_target(false)
            // Its complaints about a closed stderr would go to stderr.
            .log_internal_errors(false)
            .with_timer(timer);
        let dispatch = match format {
            LogFormat::Json => Dispatch::new(
                builder
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false)
                    .finish(),
            ),
            LogFormat::Text => Dispatch::new(builder.finish()),
        };
        Self { dispatch, assets, begun: Mutex::new(BTreeSet::new()) }
    }

    /// The asset's facts if a record of `level` about it is written.
    fn wants(&self, asset: &str, level: LogLevel) -> Option<Facts<'_>> {
        let logged = self.assets.get(asset);
        let observability = logged.map_or_else(Observability::default, |asset| asset.observability);
        let sampled = level != LogLevel::Dev || sample_point(asset) < observability.sampling_rate;
        (level >= observability.log_level && sampled).then(|| Facts {
            media: logged.map(|asset| asset.media.as_str()),
            provider: logged.map(|asset| asset.provider.as_str()),
            output_path: logged.map(|asset| asset.output_path.as_str()),
            observability,
        })
    }

    fn begin(&self, asset: &str) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !begun.insert(asset.to_owned()) {
            return;
        }
        drop(begun);
        if let Some(facts) = self.wants(asset, LogLevel::Info) {
            info!(
                event = "ASSET_GENERATION_START",
                subsystem = SUBSYSTEM,
                spec_id = asset,
                r#type = facts.media,
                provider = facts.provider,
            );
        }
    }

    fn log(&self, event: &Event) {
        match event {
            Event::RunStarted { assets, actions } => info!(
                event = "ASSET_ORCHESTRATOR_INIT",
                subsystem = SUBSYSTEM,
                assets,
                actions = actions.iter().sum::<usize>(),
            ),
            Event::ActionStarted { asset, kind, detail, .. } => {
                self.begin(asset);
                if *kind == ActionKind::Generate
                    && let Some(facts) = self.wants(asset, LogLevel::Info)
                {
                    info!(
                        event = "PROVIDER_SELECTED",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        r#type = facts.media,
                        provider = facts.provider.unwrap_or(detail),
                        selection = "primary",
                    );
                }
            }
            Event::ActionFinished { asset, kind, detail, outcome, took, .. } => {
                self.log_finished(asset, *kind, detail, outcome, *took);
            }
            Event::Measured { asset, figures } => {
                if let Some(facts) = self.wants(asset, LogLevel::Info)
                    && facts.observability.track_quality
                {
                    let figures: Vec<String> = figures
                        .iter()
                        .map(|(name, value)| format!("{name}={}", value.canonical()))
                        .collect();
                    info!(
                        event = "QUALITY_MEASURED",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        figures = figures.join(" "),
                    );
                }
            }
            Event::AssetBuilt { asset, cached, took } => {
                if let Some(facts) = self.wants(asset, LogLevel::Info) {
                    info!(
                        event = "ASSET_GENERATION_SUCCESS",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        r#type = facts.media,
                        provider = facts.provider,
                        cached,
                        duration = facts.duration(*took),
                        output_path = facts.output_path,
                    );
                }
            }
            Event::Published { asset, path, size } => {
                if self.wants(asset, LogLevel::Info).is_some() {
                    info!(
                        event = "ASSET_PUBLISHED",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        output_path = path,
                        size,
                    );
                }
            }
            Event::ManifestUpdated { entries } => {
                info!(event = "MANIFEST_UPDATED", subsystem = SUBSYSTEM, entries);
            }
            Event::Warning { asset, message } => {
                let wanted =
                    asset.as_ref().is_none_or(|asset| self.wants(asset, LogLevel::Warn).is_some());
                if wanted {
                    warn!(
                        event = "BUILD_WARNING",
                        subsystem = SUBSYSTEM,
                        spec_id = asset.as_deref(),
                        "{message}"
                    );
                }
            }
            Event::RunFinished { summary: done } => info!(
                event = "BUILD_FINISHED",
                subsystem = SUBSYSTEM,
                built = done.built,
                failed = done.failed,
                fresh = done.fresh,
                duration = millis(done.took),
                "{}",
                summary::line(done)
            ),
            Event::StepFinished { .. } => {}
        }
    }

    fn log_finished(
        &self,
        asset: &str,
        kind: ActionKind,
        detail: &str,
        outcome: &Outcome,
        took: Duration,
    ) {
        match outcome {
            Outcome::Ran | Outcome::Cached if kind != ActionKind::Generate => {
                if let Some(facts) = self.wants(asset, LogLevel::Dev) {
                    debug!(
                        event = "ASSET_PROCESSING_STEP",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        kind = kind.as_str(),
                        action = detail,
                        cached = *outcome == Outcome::Cached,
                        duration = facts.duration(took),
                    );
                }
            }
            Outcome::Failed(message) => {
                if let Some(facts) = self.wants(asset, LogLevel::Error) {
                    error!(
                        event = "ASSET_GENERATION_FAILED",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        r#type = facts.media,
                        provider = facts.provider,
                        kind = kind.as_str(),
                        error = message,
                        duration = facts.duration(took),
                    );
                }
            }
            Outcome::Skipped(cause) => {
                if self.wants(asset, LogLevel::Warn).is_some() {
                    warn!(
                        event = "ASSET_ACTION_SKIPPED",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        kind = kind.as_str(),
                        because = cause,
                    );
                }
            }
            Outcome::Ran | Outcome::Cached | Outcome::Cancelled => {}
        }
    }
}

impl Reporter for LogReporter {
    fn report(&self, event: &Event) {
        with_default(&self.dispatch, || self.log(event));
    }
}

struct Facts<'a> {
    media: Option<&'static str>,
    provider: Option<&'a str>,
    output_path: Option<&'a str>,
    observability: Observability,
}

impl Facts<'_> {
    fn duration(&self, took: Duration) -> Option<f64> {
        self.observability.track_performance.then(|| millis(took))
    }
}

/// Milliseconds, rounded to microseconds.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// A number in 0.0..1.0 that depends on the id alone, so that an asset is sampled in every run or
/// in none, with all of its records.
fn sample_point(asset: &str) -> f64 {
    let hash = Digest::of(asset.as_bytes()).hash;
    let head = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
    f64::from(head) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Captured, finished, small_run};

    fn logged(format: LogFormat, observability: Observability, events: &[Event]) -> String {
        let asset = |name: &str| LoggedAsset {
            media: MediaKind::Image,
            provider: "svg".into(),
            output_path: format!("assets/images/{name}.png"),
            observability,
        };
        let assets = ["sprite-coin", "sprite-spikes", "hero", "sprite-logo"];
        let assets = assets.into_iter().map(|id| (id.to_owned(), asset(id))).collect();
        let out = Captured::default();
        let reporter = LogReporter::with_timer(out.sink(), format, assets, |writer| {
            writer.write_str("2026-01-02T03:04:05Z")
        });
        events.iter().for_each(|event| reporter.report(event));
        out.text()
    }

    fn names(log: &str) -> Vec<String> {
        log.lines()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
                assert_eq!(record["subsystem"], SUBSYSTEM, "{line}");
                record["event"].as_str().expect("a name").to_owned()
            })
            .collect()
    }

    #[test]
    fn records_have_names_levels_and_flat_fields() {
        let all = Observability { log_level: LogLevel::Dev, ..Observability::default() };
        insta::assert_snapshot!(logged(LogFormat::Json, all, &small_run()));
    }

    #[test]
    fn the_text_format_has_a_line_per_record() {
        let text = logged(LogFormat::Text, Observability::default(), &small_run()[2..3]);
        insta::assert_snapshot!(text, @r#"
        2026-01-02T03:04:05Z  INFO event="ASSET_GENERATION_START" subsystem="asset-generation" spec_id="sprite-coin" type="image" provider="svg"
        2026-01-02T03:04:05Z  INFO event="PROVIDER_SELECTED" subsystem="asset-generation" spec_id="sprite-coin" type="image" provider="svg" selection="primary"
        "#);
    }

    #[test]
    fn an_assets_level_hides_what_is_below_it() {
        let errors = Observability { log_level: LogLevel::Error, ..Observability::default() };
        let log = logged(LogFormat::Json, errors, &small_run());
        let about_run = ["ASSET_ORCHESTRATOR_INIT", "MANIFEST_UPDATED", "BUILD_FINISHED"];
        let mut about_assets = names(&log);
        about_assets.retain(|name| !about_run.contains(&name.as_str()));
        assert_eq!(about_assets, ["ASSET_GENERATION_FAILED"]);
    }

    #[test]
    fn what_is_not_tracked_is_not_written() {
        let silent = Observability {
            track_quality: false,
            track_performance: false,
            ..Observability::default()
        };
        let log = logged(LogFormat::Json, silent, &small_run()[2..13]);
        assert!(!log.contains("QUALITY_MEASURED"), "{log}");
        assert!(!log.contains("duration"), "{log}");
    }

    #[test]
    fn sampling_takes_whole_assets_and_only_dev_records() {
        let run: Vec<Event> = (0..200)
            .flat_map(|number| {
                let id = format!("a{number}");
                [
                    finished(&id, ActionKind::Process, "trim", 0, Outcome::Ran, 0, 0),
                    finished(&id, ActionKind::Process, "pad", 0, Outcome::Ran, 0, 0),
                ]
            })
            .collect();
        let count = |sampling_rate: f64| {
            let observability = Observability {
                sampling_rate,
                log_level: LogLevel::Dev,
                ..Observability::default()
            };
            let asset = LoggedAsset {
                media: MediaKind::Image,
                provider: "svg".into(),
                output_path: "a.png".into(),
                observability,
            };
            let assets = (0..200).map(|number| (format!("a{number}"), asset.clone())).collect();
            let out = Captured::default();
            let reporter = LogReporter::new(out.sink(), LogFormat::Json, assets);
            run.iter().for_each(|event| reporter.report(event));
            out.text().lines().count()
        };
        assert_eq!(count(0.0), 0);
        assert_eq!(count(1.0), 400);
        let half = count(0.5);
        assert!(half % 2 == 0 && (120..280).contains(&half), "{half}");
        assert_eq!(half, count(0.5));
    }

    #[test]
    fn every_name_is_documented() {
        let page = include_str!("../../docs/design/events.md");
        let all = Observability { log_level: LogLevel::Dev, ..Observability::default() };
        for name in names(&logged(LogFormat::Json, all, &small_run())) {
            assert!(page.contains(&format!("| `{name}` |")), "{name} has no row");
        }
    }
}
