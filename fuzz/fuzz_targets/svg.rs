//! SVG drawings.
#![no_main]

use assetbuild_fuzz::{Outcome, drawing};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match drawing::check(bytes) {
        Outcome::Skipped => Corpus::Reject,
        Outcome::Refused | Outcome::Read => Corpus::Keep,
    }
});
