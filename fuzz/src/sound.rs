//! Sound files: limits kept, and figures that are numbers.

use std::collections::BTreeMap;

use assetbuild::base::{AudioFacts, Encoding, Facts, Raw, RelPath};
use assetbuild::process::{Job, process};
use assetbuild::spec::op::{OutputFile, Step};

use super::{Outcome, check_message};

/// What the library says in its errors.
const MAX_CHANNELS: u16 = 8;
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;
const MAX_SAMPLES: u64 = 1 << 29;
const MAX_AMPLITUDE: f32 = 1e6;

/// Most bytes of a WAV file beside its samples.
const WAV_HEAD: u64 = 128;

/// Decodes `bytes`, which are called `encoding`.
pub fn check(bytes: &[u8], encoding: Encoding) -> Outcome {
    let mut bytes = bytes.to_vec();
    if bytes.starts_with(b"OggS") {
        mend_ogg(&mut bytes);
    }
    if Encoding::sniff(&bytes).is_some_and(|found| found != encoding) {
        return Outcome::Skipped;
    }
    let raw = Raw::File(bytes.as_slice().into(), encoding);
    let path = RelPath::new("a.wav").expect("a plain path");
    let file = OutputFile { path, encoding: Encoding::Wav, variant: None };
    let (sources, gains) = (BTreeMap::new(), BTreeMap::new());
    let done = process(&Job {
        raw: &raw,
        requested: None,
        steps: &[Step::Validate(Vec::new())],
        files: &[file],
        sources: &sources,
        gains: &gains,
    });
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            check_message(&error);
            return Outcome::Refused;
        }
    };
    let Facts::Audio(facts) = &done.checkpoints[0] else { panic!("a sound, not a picture") };
    check_facts(facts);
    let written = done.files[0].bytes.len() as u64;
    if encoding == Encoding::Wav {
        assert_eq!(done.files[0].bytes, bytes, "a WAV file is passed on as it is");
    } else {
        let samples = facts.frames * u64::from(facts.channels) * 2;
        assert!((samples..samples + WAV_HEAD).contains(&written), "{written} bytes of {facts:?}");
    }
    Outcome::Read
}

fn check_facts(facts: &AudioFacts) {
    assert!((1..=MAX_CHANNELS).contains(&facts.channels), "{facts:?}");
    assert!(RATES.contains(&facts.rate), "{facts:?}");
    assert!(facts.frames > 0, "{facts:?}");
    assert!(facts.frames * u64::from(facts.channels) <= MAX_SAMPLES, "{facts:?}");
    for figure in [facts.peak, facts.true_peak, facts.dc_offset, facts.seam] {
        assert!(figure.is_finite() && figure >= 0.0, "{facts:?}");
    }
    assert!(facts.peak <= MAX_AMPLITUDE && facts.peak <= facts.true_peak, "{facts:?}");
    assert!(facts.dc_offset <= facts.peak * 1.001, "{facts:?}");
    assert!(facts.clipped_run <= facts.frames, "{facts:?}");
}

/// Gives every page the checksum of its content: a mutation never guesses it.
///
/// Source: RFC 3533, section 6 (the page header).
fn mend_ogg(bytes: &mut [u8]) {
    let mut at = 0;
    while bytes.get(at..at + 4) == Some(b"OggS") {
        let Some(segments) = bytes.get(at + 26).map(|count| usize::from(*count)) else { return };
        let Some(table) = bytes.get(at + 27..at + 27 + segments) else { return };
        let body: usize = table.iter().map(|length| usize::from(*length)).sum();
        let Some(page) = bytes.get_mut(at..at + 27 + segments + body) else { return };
        page[22..26].fill(0);
        let sum = ogg_crc(page).to_le_bytes();
        page[22..26].copy_from_slice(&sum);
        at += page.len();
    }
}

fn ogg_crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum: u32, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}
