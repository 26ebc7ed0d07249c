//! When a request is sent once more, and after how long.
//!
//! By itself only what never left, and what the provider's documents say was not accepted. Waiting
//! for a turn is no attempt; it has a limit of its own.

use std::time::Duration;

use jiff::Timestamp;

use crate::generate::provider::http::Answer;

/// Attempts at most, the first included.
const ATTEMPTS: u32 = 3;

/// A wait above this is no wait any more.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Waits of one request together, at most.
const LONGEST_QUEUE: Duration = Duration::from_secs(600);

/// What a provider says of an answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict<F> {
    /// It is over.
    Final(F),
    /// Not accepted for the moment; `F` if it stays so. The provider's own idea of a wait, if the
    /// answer's headers have none.
    Later(F, Option<Duration>),
}

/// How often a request was sent, and how long it waited.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: u32,
    waits: u32,
    waited: Duration,
}

impl Attempts {
    /// The wait before another attempt after one that never left; none if it was the last.
    pub(super) fn after_failure(&mut self, noise: f64) -> Option<Duration> {
        self.failed += 1;
        (self.failed < ATTEMPTS).then(|| backoff(self.failed - 1, noise))
    }

    /// The wait for a turn; none if it would be too long.
    pub(super) fn after_denial(&mut self, told: Option<Duration>, noise: f64) -> Option<Duration> {
        let wait = told.unwrap_or_else(|| backoff(self.waits, noise));
        self.waits += 1;
        self.waited = self.waited.saturating_add(wait);
        (wait <= LONGEST_WAIT && self.waited <= LONGEST_QUEUE).then_some(wait)
    }
}

/// Half a second, doubled each time, at most eight, less up to a quarter of it. `noise`: 0 to 1.
fn backoff(number: u32, noise: f64) -> Duration {
    let seconds = (0.5 * f64::from(1_u32 << number.min(4))).min(8.0);
    Duration::from_secs_f64(seconds * (1.0 - 0.25 * noise.clamp(0.0, 1.0)))
}

/// Whether the provider says in so many words if it wants to be asked again.
pub(super) fn should_retry(answer: &Answer) -> Option<bool> {
    match answer.header("x-should-retry")? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// How long to wait by the answer's headers: in milliseconds, in seconds, until a date, or until a
/// time in Unix seconds.
pub(super) fn told_wait(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| answer.header(name)?.trim().parse::<f64>().ok();
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    if let Some(millis) = number("retry-after-ms") {
        return seconds(millis / 1000.0);
    }
    if let Some(wait) = number("retry-after") {
        return seconds(wait);
    }
    if let Some(date) = answer.header("retry-after") {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        let until = parser.parse_timestamp(date.trim()).ok()?;
        return seconds(until.duration_since(now).as_secs_f64());
    }
    let reset = number("x-ratelimit-reset").filter(|at| *at > 1e9)?;
    seconds(reset - now.as_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, value: &str) -> Answer {
        Answer::new(429, &[(name, value)], b"")
    }

    #[test]
    fn a_wait_is_told_in_any_of_its_forms() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().expect("a time");
        let told = |name, value| told_wait(&answer(name, value), now).map(|wait| wait.as_millis());
        assert_eq!(told("retry-after-ms", "1500"), Some(1500));
        assert_eq!(told("Retry-After", "7"), Some(7000));
        assert_eq!(told("retry-after", "Fri, 27 Nov 2026 12:00:30 GMT"), Some(30_000));
        assert_eq!(told("retry-after", "Fri, 27 Nov 2026 11:59:30 GMT"), Some(0));
        assert_eq!(told("x-ratelimit-reset", "1795780812"), Some(12_000));
        assert_eq!(told("retry-after", "soon"), None);
        assert_eq!(told("x-ratelimit-reset", "12"), None);
    }

    #[test]
    fn what_never_left_is_tried_three_times() {
        let mut attempts = Attempts::default();
        let waits = [0; 3].map(|_| attempts.after_failure(0.0).map(|wait| wait.as_millis()));
        assert_eq!(waits, [Some(500), Some(1000), None]);
    }

    #[test]
    fn a_turn_is_waited_for_within_limits() {
        let minute = Duration::from_secs(60);
        let mut attempts = Attempts::default();
        assert_eq!(attempts.after_denial(Some(minute * 3), 0.0), None);
        let mut attempts = Attempts::default();
        for _ in 0..10 {
            assert_eq!(attempts.after_denial(Some(minute), 0.0), Some(minute));
        }
        assert_eq!(attempts.after_denial(Some(minute), 0.0), None);
    }
}
