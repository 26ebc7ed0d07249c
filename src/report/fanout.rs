//! One reporter that forwards to several, in order.

use crate::event::{Event, Reporter};

/// Forwards every event to all of its reporters; an empty one is silent.
#[derive(Default)]
pub struct Fanout(Vec<Box<dyn Reporter>>);

impl Fanout {
    /// Adds a reader.
    pub fn push(&mut self, reporter: impl Reporter + 'static) {
        self.0.push(Box::new(reporter));
    }
}

impl Reporter for Fanout {
    fn report(&self, event: &Event) {
        for reporter in &self.0 {
            reporter.report(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counter(Arc<AtomicUsize>);

    impl Reporter for Counter {
        fn report(&self, _: &Event) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_reader_gets_every_event() {
        let count = Arc::new(AtomicUsize::new(0));
        let mut fanout = Fanout::default();
        fanout.push(Counter(count.clone()));
        fanout.push(Counter(count.clone()));
        fanout.report(&Event::ManifestUpdated { entries: 1 });
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
