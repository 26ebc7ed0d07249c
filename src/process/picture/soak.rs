//! Random lists of steps on random pictures, and files of every kind that were damaged on their way.
//!
//! `ASSETBUILD_SOAK=N` tries N lists, and N damages of every file.

use std::sync::Arc;

use super::sample_files::{READABLE, file, png};
use super::samples::{Random, noise, solid, sprite};
use super::*;
use crate::base::ImageFacts;
use crate::process::{Processed, process};
use crate::spec::op::{Fit, ResizeMethod};

const MARK: &str = "art/mark.png";
const MARK_SIZE: (u32, u32) = (5, 3);

fn rounds(usual: u64) -> u64 {
    std::env::var("ASSETBUILD_SOAK").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

fn color(random: &mut Random) -> [u8; 4] {
    let alpha = [0, 1, 127, 254, 255, 255][random.below(6)];
    [random.next() as u8, random.next() as u8, random.next() as u8, alpha]
}

/// Material of a size that is often an edge case.
fn any_raw(random: &mut Random) -> (Raw, (u32, u32)) {
    let side = |random: &mut Random| [1, 1, 2, 3, 7, 16, 31, 64, 129][random.below(9)];
    let size @ (width, height) = (side(random), side(random));
    let mut image = match random.below(6) {
        0 => solid(width, height, color(random)),
        1 => sprite(width, height),
        2 => geometry::transparent(size),
        3 => {
            // A thing on a plain background.
            let mut image = solid(width, height, [250, 250, 250, 255]);
            let inner = solid(width.div_ceil(3), height.div_ceil(3), color(random));
            geometry::place(&inner, &mut image, (width / 3, height / 3));
            image
        }
        _ => noise(width, height, random.next()),
    };
    if random.below(3) == 0 {
        image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    }
    let raw = match random.below(9) {
        0 => {
            // 16 bits a sample, the lower ones random.
            let low = |high: &u8| [*high, random.next() as u8];
            let samples: Vec<u8> = image.pixels.iter().flat_map(low).collect();
            let (color, depth) = (::png::ColorType::Rgba, ::png::BitDepth::Sixteen);
            Raw::File(png(size, color, depth, None, None, &samples).into(), Encoding::Png)
        }
        at @ 1..=6 => {
            let encoding = READABLE[at - 1];
            if matches!(encoding, Encoding::Jpeg) {
                image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
            }
            Raw::File(file(&image, encoding).into(), encoding)
        }
        _ => Raw::Image(image),
    };
    (raw, size)
}

/// What a step makes of a picture.
enum Promise {
    /// Exactly this size, and no error.
    Size(u32, u32),
    /// This size or an error.
    SizeOrError(u32, u32),
    /// At most this size, or an error.
    SmallerOrError(u32, u32),
    Error,
}

fn any_step(random: &mut Random, now: (u32, u32)) -> ProcessOp {
    let size = |random: &mut Random| {
        let around = |random: &mut Random, side: u32| match random.below(6) {
            0 => 1,
            1 => side,
            2 => side.div_ceil(2),
            3 => side.saturating_mul(2).min(200),
            _ => 1 + random.below(90) as u32,
        };
        (around(random, now.0), around(random, now.1))
    };
    match random.below(12) {
        0 | 1 => ProcessOp::Resize {
            size: size(random),
            method: method(random),
            fit: [None, Some(Fit::Contain), Some(Fit::Cover), Some(Fit::Fill)][random.below(4)],
        },
        2 => {
            let (width, height) = size(random);
            let (x, y) = (random.below(40) as u32, random.below(40) as u32);
            if random.below(6) == 0 {
                return ProcessOp::Crop { x, y, width, height };
            }
            // Inside of the picture.
            let (x, y) = (x % now.0, y % now.1);
            ProcessOp::Crop { x, y, width: width.min(now.0 - x), height: height.min(now.1 - y) }
        }
        3 => {
            let (width, height) = size(random);
            let add = if random.below(5) == 0 { (0, 0) } else { now };
            ProcessOp::Pad { size: (add.0 + width, add.1 + height), color: color(random) }
        }
        4 => ProcessOp::Trim {
            threshold: [0, 0, 1, 128, 254][random.below(5)],
            margin: [0, 0, 1, 5, 32_768][random.below(5)],
        },
        5 => {
            let [r, g, b, a] = color(random);
            let tolerance = [0, 8, 24, 255][random.below(4)];
            ProcessOp::KeyBackground { color: (a < 255).then_some([r, g, b]), tolerance }
        }
        6 => ProcessOp::Quantize {
            colors: [2, 3, 16, 255, 256][random.below(5)],
            dither: random.below(2) == 0,
        },
        7 => ProcessOp::Outline { width: [1, 2, 9, 256][random.below(4)], color: color(random) },
        8 => ProcessOp::Glow { radius: [1, 2, 8, 512][random.below(4)], color: color(random) },
        9 => ProcessOp::Watermark {
            source: path(MARK),
            opacity: random.below(5) as f64 / 4.0,
            position: ["top-left", "center", "right", "bottom"][random.below(4)].to_owned(),
        },
        10 => ProcessOp::Compress { level: random.below(7) as u8 },
        _ => ProcessOp::Convert {
            formats: Vec::new(),
            quality: (random.below(3) > 0).then(|| 1 + random.below(100) as u8),
            lossless: random.below(3) == 0,
            bitrate: None,
        },
    }
}

fn method(random: &mut Random) -> ResizeMethod {
    use ResizeMethod::{Bicubic, Bilinear, Lanczos, Nearest};
    [Nearest, Bilinear, Bicubic, Lanczos][random.below(4)]
}

fn promise(op: &ProcessOp, (width, height): (u32, u32)) -> Promise {
    match *op {
        ProcessOp::Resize { size, fit: None, .. } => Promise::SizeOrError(size.0, size.1),
        ProcessOp::Resize { size, .. } => Promise::Size(size.0, size.1),
        ProcessOp::Crop { x, y, width: w, height: h } if x + w <= width && y + h <= height => {
            Promise::Size(w, h)
        }
        ProcessOp::Crop { .. } => Promise::Error,
        ProcessOp::Pad { size, .. } if size.0 >= width && size.1 >= height => {
            Promise::Size(size.0, size.1)
        }
        ProcessOp::Pad { .. } => Promise::Error,
        ProcessOp::Trim { .. } => Promise::SmallerOrError(width, height),
        ProcessOp::KeyBackground { color: None, .. } => Promise::SizeOrError(width, height),
        ProcessOp::Watermark { .. } if width < MARK_SIZE.0 || height < MARK_SIZE.1 => {
            Promise::Error
        }
        _ => Promise::Size(width, height),
    }
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a plain path")
}

fn output(name: &str, variant: Option<&str>) -> OutputFile {
    let path = path(name);
    let encoding = path.extension().and_then(Encoding::from_extension).expect("a known one");
    OutputFile { path, encoding, variant: variant.map(str::to_owned) }
}

fn run(raw: &Raw, steps: &[Step], files: &[OutputFile]) -> Result<Processed, ProcessError> {
    let mark: Arc<[u8]> = file(&sprite(MARK_SIZE.0, MARK_SIZE.1), Encoding::Png).into();
    let (sources, gains) = (BTreeMap::from([(path(MARK), mark)]), BTreeMap::new());
    process(&Job { raw, requested: None, steps, files, sources: &sources, gains: &gains })
}

fn facts(facts: &Facts) -> &ImageFacts {
    match facts {
        Facts::Image(facts) => facts,
        other => panic!("a picture gave {other:?}"),
    }
}

fn assert_speaks(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        assert!(!error.to_string().is_empty(), "{error:?}");
        cause = error.source();
    }
}

/// Runs one more step at a time, so that each sees the size that the steps before it gave.
#[test]
fn every_step_keeps_its_promise_about_the_size() {
    let (mut worked, mut failed) = (0, 0);
    for seed in 0..rounds(250) {
        let mut random = Random::new(seed);
        let (raw, mut now) = any_raw(&mut random);
        let mut steps = Vec::new();
        for _ in 0..1 + random.below(6) {
            let op = any_step(&mut random, now);
            let promised = promise(&op, now);
            steps.push(Step::Process(op));
            steps.push(Step::Validate(Vec::new()));
            let told = || format!("seed {seed}: {raw:?} {now:?} {steps:?}");
            match run(&raw, &steps, &[]) {
                Ok(done) => {
                    worked += 1;
                    let found = facts(done.checkpoints.last().expect("a checkpoint"));
                    let found = (found.width, found.height);
                    match promised {
                        Promise::Size(width, height) | Promise::SizeOrError(width, height) => {
                            assert_eq!(found, (width, height), "{}", told());
                        }
                        Promise::SmallerOrError(width, height) => {
                            let smaller = found.0 <= width && found.1 <= height;
                            assert!(smaller && found.0 * found.1 > 0, "{found:?} {}", told());
                        }
                        Promise::Error => panic!("an error was due: {}", told()),
                    }
                    now = found;
                }
                Err(error) => {
                    failed += 1;
                    assert_speaks(&error);
                    assert!(!matches!(promised, Promise::Size(..)), "{error:?} {}", told());
                    // The list goes on without it.
                    steps.truncate(steps.len() - 2);
                }
            }
        }
        check_files(&raw, steps, now, &mut random);
    }
    assert!(worked > failed && failed > 0, "{worked} steps worked, {failed} failed");
}

/// Whole lists: files of the size and pixels that were measured, the same ones every time.
fn check_files(raw: &Raw, mut steps: Vec<Step>, now: (u32, u32), random: &mut Random) {
    let mut files = vec![output("a.png", None), output("a.webp", None)];
    let mut sizes = vec![now; 2];
    if random.below(3) == 0 {
        let scale: BTreeMap<_, _> =
            [("1x", now), ("2x", (now.0 * 2, now.1 * 2))].map(|(n, s)| (n.to_owned(), s)).into();
        for (name, size) in &scale {
            files.push(output(&format!("a@{name}.png"), Some(name)));
            sizes.push(*size);
        }
        steps.push(Step::Process(ProcessOp::Variants { scale, method: method(random) }));
    }
    let told = || format!("{raw:?} {steps:?}");
    let done = run(raw, &steps, &files).unwrap_or_else(|error| panic!("{error:?}: {}", told()));
    assert_eq!(done, run(raw, &steps, &files).expect("as before"), "{}", told());
    for (((file, bytes), facts_of), size) in
        files.iter().zip(&done.files).zip(&done.finals).zip(sizes)
    {
        assert_eq!(facts_of.dimensions(), Some(size), "{}", told());
        let written = decode::decode(&bytes.bytes, file.encoding).expect("our own file");
        assert_eq!((written.width, written.height), size, "{}", told());
        if file.encoding == Encoding::Png {
            let expected = facts(&facts_of.material).expected;
            let found = Measured::new(Cow::Borrowed(&written)).facts(expected);
            assert_eq!(found, *facts(&facts_of.material), "{}", told());
        }
    }
    // A JPEG file takes all of them but those with transparency, and says so.
    let opaque = facts(&done.finals[0].material).transparent == 0;
    match run(raw, &steps, &[output("a.jpg", None)]) {
        Ok(_) => assert!(opaque || matches!(raw, Raw::File(_, Encoding::Jpeg)), "{}", told()),
        Err(error) => {
            assert_speaks(&error);
            assert!(!opaque, "{error:?}: {}", told());
        }
    }
}

#[test]
fn damaged_files_are_errors_or_pictures() {
    let (mut read, mut refused) = (0, 0);
    for (target, encoding, files) in seeds::all() {
        for (name, whole) in files {
            for seed in 0..rounds(60) {
                let mut random = Random::new(seed);
                let mut bytes = whole.clone();
                for _ in 0..random.below(6) {
                    let at = random.below(bytes.len());
                    // Headers are where damage does most.
                    let at = if random.below(2) == 0 { at } else { at % 64 };
                    match random.below(3) {
                        0 => bytes[at] = [0, 1, 127, 128, 255][random.below(5)],
                        _ => bytes[at] ^= 1 << random.below(8),
                    }
                }
                if random.below(3) == 0 {
                    bytes.truncate(random.below(bytes.len() + 1));
                }
                let first = decode::decode(&bytes, encoding);
                let again = decode::decode(&bytes, encoding);
                let told = format!("{target}/{name} seed {seed}");
                match first {
                    Ok(image) => {
                        read += 1;
                        let pixels = u64::from(image.width) * u64::from(image.height);
                        assert!((1..=decode::MAX_PIXELS).contains(&pixels), "{told}");
                        assert_eq!(image.pixels.len() as u64, pixels * 4, "{told}");
                        assert_eq!(again.ok(), Some(image), "{told}: other pixels");
                    }
                    Err(error) => {
                        refused += 1;
                        assert_speaks(&error);
                        assert!(again.is_err(), "{told}: an error only once");
                    }
                }
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} were read, {refused} refused");
}
