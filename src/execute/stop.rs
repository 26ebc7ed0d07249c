//! The wish to stop: raised by Ctrl-C.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A flag that every part of a run can see; once raised it stays so.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    is_raised: Mutex<bool>,
    raised: Condvar,
}

impl StopSignal {
    /// Asks the run to start nothing more; what runs is finished.
    pub fn raise(&self) {
        *self.0.is_raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.raised.notify_all();
    }

    /// Whether somebody asked.
    pub fn is_raised(&self) -> bool {
        *self.0.is_raised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until somebody asks; whether somebody did.
    pub fn wait(&self, duration: Duration) -> bool {
        let flag = self.0.is_raised.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.raised.wait_timeout_while(flag, duration, |raised| !*raised);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_wait_ends_when_somebody_asks() {
        let stop = StopSignal::default();
        assert!(!stop.wait(Duration::from_millis(1)));
        let waiting = stop.clone();
        let waiter = thread::spawn(move || waiting.wait(Duration::from_secs(600)));
        stop.raise();
        assert!(waiter.join().expect("it does not panic"));
        assert!(stop.is_raised() && stop.wait(Duration::from_secs(600)));
    }
}
