//! Spec files and the Assetfile.
#![no_main]

use assetbuild_fuzz::{Outcome, spec};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match spec::check(bytes) {
        Outcome::Skipped => Corpus::Reject,
        Outcome::Refused | Outcome::Read => Corpus::Keep,
    }
});
