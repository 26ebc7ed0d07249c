//! The last line of a run: what ran, what was fresh, how long it took.

use std::time::Duration;

use crate::event::{ActionKind, Summary};

/// The summary as one line without a final period.
///
/// `built 3 of 46 assets: 3 generated, 3 processed (2 from cache), 4 files published in 0.21 s;
/// 43 fresh`, or `nothing to do: 46 assets are fresh (3 ms)`.
pub fn line(summary: &Summary) -> String {
    let rest = rest(summary);
    let took = duration(summary.took);
    let text = if summary.assets == 0 {
        format!("nothing to do: no assets selected ({took})")
    } else if summary.fresh == summary.assets && !summary.interrupted {
        let are = if summary.assets == 1 { "is" } else { "are" };
        format!("nothing to do: {} {are} fresh ({took})", count(summary.assets, "asset"))
    } else if summary.built == 0 && work(summary).is_empty() {
        format!("built nothing: {} ({took})", rest.join(", "))
    } else {
        let mut text = format!(
            "built {} of {}: {} in {took}",
            summary.built,
            count(summary.assets, "asset"),
            work(summary).join(", ")
        );
        if !rest.is_empty() {
            text.push_str("; ");
            text.push_str(&rest.join(", "));
        }
        text
    };
    if summary.interrupted { format!("interrupted: {text}") } else { text }
}

/// `1 asset`, `2 assets`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A duration with the precision that a person cares about: `3 ms`, `0.21 s`, `12.3 s`,
/// `2 min 05 s`.
pub(crate) fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 0.0995 {
        format!("{} ms", (seconds * 1000.0).round().max(1.0))
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// What was done, each part only if it happened.
fn work(summary: &Summary) -> Vec<String> {
    let mut parts = Vec::new();
    for (kind, verb) in [
        (ActionKind::Generate, "generated"),
        (ActionKind::Select, "selected"),
        (ActionKind::Process, "processed"),
    ] {
        let (ran, cached) = (summary.ran[kind as usize], summary.cached[kind as usize]);
        match (ran, cached) {
            (0, 0) => {}
            (_, 0) => parts.push(format!("{ran} {verb}")),
            (0, _) => parts.push(format!("{cached} {verb} (from cache)")),
            _ => parts.push(format!("{} {verb} ({cached} from cache)", ran + cached)),
        }
    }
    if summary.published > 0 || (summary.built > 0 && parts.is_empty()) {
        parts.push(format!("{} published", count(summary.published, "file")));
    }
    parts
}

/// What was not built, each part only if it happened.
fn rest(summary: &Summary) -> Vec<String> {
    let unfinished = summary.assets.saturating_sub(
        summary.fresh + summary.built + summary.failed + summary.skipped + summary.held,
    );
    [
        (summary.failed, "failed"),
        (summary.skipped, "skipped"),
        (summary.held, "held"),
        (unfinished, "not finished"),
        (summary.fresh, "fresh"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(summary: Summary, expected: &str) {
        assert_eq!(line(&summary), expected);
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_build_says_what_ran() {
        let summary = Summary {
            assets: 46,
            fresh: 43,
            built: 3,
            ran: [3, 0, 1, 3, 0],
            cached: [0, 0, 2, 0, 0],
            published: 4,
            took: millis(214),
            ..Summary::default()
        };
        check(
            summary,
            "built 3 of 46 assets: 3 generated, 3 processed (2 from cache), \
             4 files published in 0.21 s; 43 fresh",
        );
    }

    #[test]
    fn nothing_to_do_is_one_short_line() {
        let all = |assets| Summary { assets, fresh: assets, took: millis(3), ..Summary::default() };
        check(all(46), "nothing to do: 46 assets are fresh (3 ms)");
        check(all(1), "nothing to do: 1 asset is fresh (3 ms)");
        check(all(0), "nothing to do: no assets selected (3 ms)");
    }

    #[test]
    fn singular_and_cache_hits() {
        let summary = Summary {
            assets: 1,
            built: 1,
            cached: [1, 0, 1, 1, 0],
            published: 1,
            took: millis(99),
            ..Summary::default()
        };
        check(
            summary,
            "built 1 of 1 asset: 1 generated (from cache), 1 processed (from cache), \
             1 file published in 99 ms",
        );
    }

    #[test]
    fn failures_and_waiting_assets_are_counted() {
        let summary = Summary {
            assets: 9,
            fresh: 4,
            built: 1,
            failed: 1,
            skipped: 2,
            held: 1,
            ran: [2, 0, 1, 1, 0],
            published: 1,
            took: millis(1200),
            ..Summary::default()
        };
        check(
            summary,
            "built 1 of 9 assets: 2 generated, 1 processed, 1 file published in 1.20 s; \
             1 failed, 2 skipped, 1 held, 4 fresh",
        );
        let summary =
            Summary { assets: 3, held: 1, fresh: 2, took: millis(4), ..Summary::default() };
        check(summary, "built nothing: 1 held, 2 fresh (4 ms)");
    }

    #[test]
    fn an_interrupted_run_says_so() {
        let summary = Summary {
            assets: 5,
            built: 1,
            ran: [2, 0, 1, 1, 0],
            interrupted: true,
            took: millis(500),
            ..Summary::default()
        };
        check(
            summary,
            "interrupted: built 1 of 5 assets: 2 generated, 1 processed in 0.50 s; 4 not finished",
        );
    }

    #[test]
    fn durations_have_the_precision_that_matters() {
        for (millis_taken, text) in [
            (0, "1 ms"),
            (99, "99 ms"),
            (100, "0.10 s"),
            (9_990, "9.99 s"),
            (9_999, "10.0 s"),
            (59_990, "1 min 00 s"),
            (125_000, "2 min 05 s"),
        ] {
            assert_eq!(duration(millis(millis_taken)), text, "{millis_taken}");
        }
    }
}
