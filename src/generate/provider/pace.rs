//! How often a service is asked: a bucket of requests that fills up again with time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets by what they limit, such as `openai/gpt-image-2`.
#[derive(Debug, Default)]
pub(super) struct Buckets(Mutex<BTreeMap<String, Instant>>);

impl Buckets {
    /// Takes the next free moment of a bucket and tells how long it is until then.
    ///
    /// Requests of one bucket leave at least a minute divided by `per_minute` apart.
    pub(super) fn take(&self, name: &str, per_minute: u32, now: Instant) -> Duration {
        let gap = Duration::from_secs(60) / per_minute.max(1);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = buckets.entry(name.to_owned()).or_insert(now);
        let turn = (*next).max(now);
        *next = turn + gap;
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_leave_apart_and_other_buckets_do_not_matter() {
        let (buckets, now) = (Buckets::default(), Instant::now());
        let seconds =
            |name, after| buckets.take(name, 4, now + Duration::from_secs(after)).as_secs();
        assert_eq!([seconds("a", 0), seconds("a", 0), seconds("b", 0)], [0, 15, 0]);
        // A minute later there is no queue any more.
        assert_eq!([seconds("a", 60), seconds("a", 61)], [0, 14]);
    }
}
