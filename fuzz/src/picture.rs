//! Raster files: limits kept, measurements that fit together, and a round trip through PNG.

use std::collections::BTreeMap;
use std::io::Cursor;

use assetbuild::base::{Encoding, Facts, ImageFacts, Raw, RelPath};
use assetbuild::process::{Job, ProcessError, Processed, process};
use assetbuild::spec::op::{OutputFile, ProcessOp, Step};
use image::{ImageFormat, ImageReader};

use super::{Outcome, check_message};

/// Most pixels that the library decodes; what it says in its errors.
const MAX_PIXELS: u64 = 100_000_000;

/// Most pixels that are decoded here: larger ones are fine, but take a target's time.
const PATIENCE: u64 = 4 << 20;

/// Most pixels that are also written and read again.
const SMALL: u64 = 1 << 14;

/// Decodes `bytes`, which are called `encoding`.
pub fn check(bytes: &[u8], encoding: Encoding) -> Outcome {
    if Encoding::sniff(bytes).is_some_and(|found| found != encoding) {
        return Outcome::Skipped;
    }
    let stated = stated_pixels(bytes, encoding);
    if stated.is_some_and(|pixels| (PATIENCE..=MAX_PIXELS).contains(&pixels)) {
        return Outcome::Skipped;
    }
    let is_small = stated.is_some_and(|pixels| pixels <= SMALL);
    let raw = Raw::File(bytes.into(), encoding);
    let done = match run(&raw, is_small) {
        Ok(done) => done,
        Err(error) => {
            check_message(&error);
            return Outcome::Refused;
        }
    };
    assert!(stated.is_none_or(|pixels| pixels <= MAX_PIXELS), "over the limit: {stated:?} pixels");
    let facts = image_facts(&done.checkpoints[0]);
    check_facts(facts);
    if let Some(stated) = stated {
        assert_eq!(facts.pixels(), stated, "{facts:?} is not what the header says");
    }
    if is_small {
        let again = Raw::File(done.files[0].bytes.as_slice().into(), Encoding::Png);
        let again = run(&again, false).expect("our own file is read");
        assert_eq!(image_facts(&again.checkpoints[0]), facts, "other pixels after a round trip");
    }
    Outcome::Read
}

/// Measures the picture; `and_write`: and packs it as a PNG without effort.
fn run(raw: &Raw, and_write: bool) -> Result<Processed, ProcessError> {
    let steps = [Step::Validate(Vec::new()), Step::Process(ProcessOp::Compress { level: 0 })];
    let path = RelPath::new("a.png").expect("a plain path");
    let file = OutputFile { path, encoding: Encoding::Png, variant: None };
    let (sources, gains) = (BTreeMap::new(), BTreeMap::new());
    process(&Job {
        raw,
        requested: None,
        steps: &steps,
        files: if and_write { std::slice::from_ref(&file) } else { &[] },
        sources: &sources,
        gains: &gains,
    })
}

fn image_facts(facts: &Facts) -> &ImageFacts {
    match facts {
        Facts::Image(facts) => facts,
        other => panic!("a raster file gave {other:?}"),
    }
}

fn check_facts(facts: &ImageFacts) {
    let pixels = facts.pixels();
    assert!((1..=MAX_PIXELS).contains(&pixels), "{facts:?}");
    assert!(facts.transparent <= pixels && facts.alpha_sum <= pixels * 255, "{facts:?}");
    assert!(facts.alpha_sum >= pixels * u64::from(facts.alpha_min), "{facts:?}");
    assert_eq!(facts.transparent == 0, facts.alpha_min == 255, "{facts:?}");
}

/// The number of pixels that the header says, if it can be read.
fn stated_pixels(bytes: &[u8], encoding: Encoding) -> Option<u64> {
    let format = ImageFormat::from_extension(encoding.extension())?;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader.into_dimensions().ok()?;
    Some(u64::from(width) * u64::from(height))
}
