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
            Event::Bought { asset, purchase, provider, model, cost_micros, unit, .. } => {
                if self
                    .wants(asset, LogLevel::Info)
                    .is_some_and(|facts| facts.observability.track_cost)
                {
                    info!(
                        event = "COST_TRACKED",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        purchase,
                        provider,
                        model,
                        cost_micros,
                        unit = unit.as_str(),
                    );
                }
            }
            Event::Variations { asset, count, folder, waits } => {
                if self.wants(asset, LogLevel::Info).is_some() {
                    info!(
                        event = "VARIATIONS_READY",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        count,
                        folder,
                        waits,
                        "{count} results to choose from"
                    );
                }
            }
            Event::Fallback { asset, from, to, why } => {
                if self.wants(asset, LogLevel::Warn).is_some() {
                    warn!(
                        event = "PROVIDER_FALLBACK",
                        subsystem = SUBSYSTEM,
                        spec_id = asset,
                        from,
                        to,
                        "{why}"
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
            Event::Changed { paths } => {
                debug!(event = "WATCH_CHANGED", subsystem = SUBSYSTEM, paths = paths.join(" "));
            }
            Event::Mistakes { diagnostics } => {
                let mistakes = diagnostics.len();
                warn!(event = "WATCH_MISTAKES", subsystem = SUBSYSTEM, mistakes);
            }
            // Each of them is a warning as well.
            Event::Held { .. } => {}
            Event::Waiting { offers } => {
                info!(event = "WATCH_WAITING", subsystem = SUBSYSTEM, offers = offers.len());
            }
            Event::Idle => debug!(event = "WATCH_IDLE", subsystem = SUBSYSTEM),
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
mod tests;
