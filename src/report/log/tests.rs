//! Tests of the log: names, levels, tracking and sampling.

use super::*;
use crate::report::recording::{Captured, finished, small_run, small_watch};

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
        let observability =
            Observability { sampling_rate, log_level: LogLevel::Dev, ..Observability::default() };
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
    let page = include_str!("../../../docs/design/events.md");
    let all = Observability { log_level: LogLevel::Dev, ..Observability::default() };
    let events: Vec<Event> = small_run().into_iter().chain(small_watch()).collect();
    for name in names(&logged(LogFormat::Json, all, &events)) {
        assert!(page.contains(&format!("| `{name}` |")), "{name} has no row");
    }
}
