//! SVG drawings.
#![no_main]

use assetbuild_fuzz::{Outcome, drawing, quiet};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    quiet::note_panics();
    match drawing::check(bytes) {
        Outcome::Skipped => Corpus::Reject,
        Outcome::Refused | Outcome::Read => Corpus::Keep,
    }
});
