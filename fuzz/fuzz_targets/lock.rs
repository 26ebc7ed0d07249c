//! The lock file.
#![no_main]

use assetbuild_fuzz::{Outcome, lock};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match lock::check(bytes) {
        Outcome::Skipped => Corpus::Reject,
        Outcome::Refused | Outcome::Read => Corpus::Keep,
    }
});
