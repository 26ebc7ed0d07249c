//! Panics of the renderer and the sound decoders are caught by the library, so they must not end a
//! fuzz run.

use std::collections::BTreeSet;
use std::panic;
use std::sync::{Mutex, Once, PoisonError};

static PLACES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Puts a hook in place of libFuzzer's, which aborts: each place that panics is told once. A panic
/// that nobody catches still ends the run.
pub fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
            if places.insert(place) {
                eprintln!("panic: {info}");
            }
        }));
    });
}
