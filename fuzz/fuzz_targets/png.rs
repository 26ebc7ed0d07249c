//! PNG files.
#![no_main]

use assetbuild::base::Encoding;
use assetbuild_fuzz::{Outcome, picture};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match picture::check(bytes, Encoding::Png) {
        Outcome::Skipped => Corpus::Reject,
        Outcome::Refused | Outcome::Read => Corpus::Keep,
    }
});
