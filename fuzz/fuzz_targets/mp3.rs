//! MP3 files.
#![no_main]

use assetbuild::base::Encoding;
use assetbuild_fuzz::{Outcome, quiet, sound};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    quiet::note_panics();
    match sound::check(bytes, Encoding::Mp3) {
        Outcome::Skipped => Corpus::Reject,
        Outcome::Refused | Outcome::Read => Corpus::Keep,
    }
});
