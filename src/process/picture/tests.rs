//! Whole step lists, broken files and threads.

use std::sync::Arc;

use super::sample_files::file;
use super::samples::{noise, solid, sprite};
use super::*;
use crate::base::{Digest, RelPath};
use crate::process::{Processed, process as run_job};
use crate::spec::op::{Check, Fit, ResizeMethod};

fn process(
    raw: &Raw,
    requested: Option<(u32, u32)>,
    steps: &[Step],
    files: &[OutputFile],
) -> Result<Processed, ProcessError> {
    run_job(&Job {
        raw,
        requested,
        steps,
        files,
        sources: &BTreeMap::new(),
        gains: &BTreeMap::new(),
    })
}

fn output(path: &str) -> OutputFile {
    let path = RelPath::new(path).expect("a plain path");
    let encoding = Encoding::from_extension(path.extension().expect("an extension"));
    OutputFile { path, encoding: encoding.expect("a known one"), variant: None }
}

fn raw_file(bytes: &[u8], encoding: Encoding) -> Raw {
    Raw::File(Arc::from(bytes), encoding)
}

fn resize_to(size: (u32, u32), fit: Option<Fit>) -> Step {
    Step::Process(ProcessOp::Resize { size, method: ResizeMethod::Lanczos, fit })
}

fn convert(quality: Option<u8>) -> Step {
    let op = ProcessOp::Convert { formats: Vec::new(), quality, lossless: false, bitrate: None };
    Step::Process(op)
}

fn png_raw(image: &Image) -> Raw {
    raw_file(&file(image, Encoding::Png), Encoding::Png)
}

#[test]
fn a_sprite_is_trimmed_scaled_and_written_twice() {
    let mut image = geometry::transparent((64, 64));
    geometry::place(&sprite(40, 20), &mut image, (10, 30));
    let steps = [
        Step::Validate(vec![Check::HasAlpha]),
        Step::Process(ProcessOp::Trim { threshold: 0, margin: 0 }),
        resize_to((32, 32), Some(Fit::Contain)),
        Step::Validate(vec![Check::DimensionsMatch]),
    ];
    let files = [output("assets/coin.png"), output("assets/coin.webp")];
    let done = process(&Raw::Image(image), Some((64, 64)), &steps, &files).expect("a sprite");

    let facts: Vec<_> = done
        .checkpoints
        .iter()
        .map(|facts| match facts {
            Facts::Image(facts) => (facts.width, facts.height, facts.expected),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(facts, [(64, 64, Some((64, 64))), (32, 32, Some((32, 32)))]);
    for (file, facts) in done.files.iter().zip(&done.finals) {
        assert_eq!(Encoding::sniff(&file.bytes), Some(facts.encoding));
        assert_eq!(facts.size, file.bytes.len() as u64);
        assert_eq!(facts.dimensions(), Some((32, 32)));
    }
    let png = decode::decode(&done.files[0].bytes, Encoding::Png).expect("our own file");
    assert_eq!(geometry::bounds(&png, 0).map(|rect| rect.width), Some(32));
}

#[test]
fn whole_step_lists_are_golden() {
    let steps = [
        Step::Process(ProcessOp::KeyBackground { color: None, tolerance: 8 }),
        Step::Process(ProcessOp::Trim { threshold: 4, margin: 1 }),
        resize_to((24, 24), Some(Fit::Contain)),
        Step::Process(ProcessOp::Pad { size: (32, 32), color: [0; 4] }),
        Step::Process(ProcessOp::Outline { width: 2, color: [20, 20, 40, 255] }),
    ];
    let mut image = solid(48, 40, [240, 240, 240, 255]);
    geometry::place(&solid(20, 12, [200, 40, 40, 255]), &mut image, (9, 11));
    let files = [output("a.png"), output("a.webp")];
    let done = process(&png_raw(&image), None, &steps, &files).expect("a plain background");
    let digests: Vec<_> =
        done.files.iter().map(|file| Digest::of(&file.bytes).hex()[..16].to_owned()).collect();
    insta::assert_snapshot!(digests.join(" "), @"12ba84092d602ff5 282a520643f6a437");
}

#[test]
fn a_soft_light_and_few_colours_are_golden() {
    let steps = [
        Step::Process(ProcessOp::Glow { radius: 5, color: [255, 180, 40, 200] }),
        Step::Process(ProcessOp::Quantize { colors: 12, dither: true }),
    ];
    let files = [output("a.png"), output("a.webp")];
    let done = process(&png_raw(&sprite(40, 30)), None, &steps, &files).expect("works");
    let digests: Vec<_> =
        done.files.iter().map(|file| Digest::of(&file.bytes).hex()[..16].to_owned()).collect();
    insta::assert_snapshot!(digests.join(" "), @"8ec36d0c7878dd9f 041f1a87fa493bfa");
}

#[test]
fn a_watermark_comes_from_the_projects_files() {
    let path = RelPath::new("art/logo.png").expect("a plain path");
    let watermark = Step::Process(ProcessOp::Watermark {
        source: path.clone(),
        opacity: 1.0,
        position: "top-left".to_owned(),
    });
    let run = |logo: &Image| {
        let logo: Arc<[u8]> = Arc::from(file(logo, Encoding::Png));
        run_job(&Job {
            raw: &Raw::Image(solid(8, 8, [9, 9, 9, 255])),
            requested: None,
            steps: std::slice::from_ref(&watermark),
            files: &[output("a.png")],
            sources: &BTreeMap::from([(path.clone(), logo)]),
            gains: &BTreeMap::new(),
        })
    };
    let done = run(&solid(2, 2, [200, 0, 0, 255])).expect("a small logo");
    let marked = decode::decode(&done.files[0].bytes, Encoding::Png).expect("our own file");
    assert_eq!(marked.pixels[..4], [200, 0, 0, 255]);
    assert_eq!(marked.pixels[8..12], [9, 9, 9, 255]);
    let error = run(&sprite(9, 2)).expect_err("too wide");
    assert!(matches!(
        error,
        ProcessError::Op { step: 0, name: "watermark", source: OpError::MarkTooLarge { .. } }
    ));
}

#[test]
fn one_thread_and_eight_give_the_same_bytes() {
    let steps = [
        resize_to((33, 21), Some(Fit::Cover)),
        Step::Process(ProcessOp::Quantize { colors: 24, dither: true }),
        Step::Process(ProcessOp::Glow { radius: 3, color: [255, 220, 90, 200] }),
        convert(Some(80)),
    ];
    let files = [output("a.png"), output("a.webp"), output("a.jpg")];
    let raws: Vec<_> = (0..16)
        .map(|seed| {
            let mut image = noise(50, 40, seed);
            image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
            Raw::Image(image)
        })
        .collect();
    let run = |raw: &Raw| process(raw, None, &steps, &files).expect("opaque pictures").files;
    let alone: Vec<_> = raws.iter().map(run).collect();
    let together: Vec<Vec<_>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..8)
            .map(|thread| {
                let raws = raws.iter().skip(thread).step_by(8);
                scope.spawn(move || raws.map(run).collect::<Vec<_>>())
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
    });
    for (index, files) in alone.iter().enumerate() {
        assert_eq!(*files, together[index % 8][index / 8]);
    }
}

#[test]
fn raw_bytes_pass_through_untouched() {
    let image = sprite(16, 16);
    let no_change = [
        resize_to((16, 16), None),
        Step::Process(ProcessOp::Crop { x: 0, y: 0, width: 16, height: 16 }),
        Step::Process(ProcessOp::Pad { size: (16, 16), color: [0; 4] }),
        convert(None),
    ];
    for encoding in [Encoding::Png, Encoding::Webp, Encoding::Gif, Encoding::Bmp] {
        let bytes = file(&image, encoding);
        let raw = raw_file(&bytes, encoding);
        let file = output(&format!("a.{}", encoding.extension()));
        let done = process(&raw, None, &no_change, std::slice::from_ref(&file)).expect("as it is");
        assert_eq!(done.files[0].bytes, bytes);
        assert_eq!(done.finals[0].dimensions(), Some((16, 16)));
    }
    let raw = raw_file(&file(&image, Encoding::Webp), Encoding::Webp);
    let done = process(&raw, None, &[convert(Some(5))], &[output("a.webp")]).expect("encoded");
    assert_ne!(raw, raw_file(&done.files[0].bytes, Encoding::Webp));
}

#[test]
fn compressing_never_makes_a_file_larger() {
    let image = sprite(60, 60);
    let compress = |level| [Step::Process(ProcessOp::Compress { level })];
    let small = raw_file(&png::encode_png(&image, 6), Encoding::Png);
    let done = process(&small, None, &compress(0), &[output("a.png")]).expect("a picture");
    assert_eq!(raw_file(&done.files[0].bytes, Encoding::Png), small);
    let large = png::encode_png(&noise(60, 60, 1), 0);
    let raw = raw_file(&large, Encoding::Png);
    let done = process(&raw, None, &compress(6), &[output("a.png")]).expect("a picture");
    assert!(done.files[0].bytes.len() <= large.len());
}

#[test]
fn variants_are_made_from_the_picture_where_they_stand() {
    let scale = BTreeMap::from([("1x".to_owned(), (16, 16)), ("2x".to_owned(), (32, 32))]);
    let variants = Step::Process(ProcessOp::Variants { scale, method: ResizeMethod::Lanczos });
    let steps = [resize_to((32, 32), None), variants.clone()];
    let variant = |name: &str| OutputFile {
        variant: Some(name.to_owned()),
        ..output(&format!("a@{name}.png"))
    };
    let files = [variant("1x"), variant("2x"), output("a.png")];
    let done = process(&Raw::Image(sprite(64, 64)), None, &steps, &files).expect("square");
    let widths: Vec<_> =
        done.finals.iter().map(|facts| facts.dimensions().map(|(width, _)| width)).collect();
    assert_eq!(widths, [Some(16), Some(32), Some(32)]);
    assert_eq!(done.files[1], done.files[2]);

    let error = process(&Raw::Image(sprite(64, 64)), None, &steps, &[variant("3x")]);
    assert!(matches!(error, Err(ProcessError::UnknownVariant { .. })));
    let late = [variants, resize_to((8, 8), None)];
    let error = process(&Raw::Image(sprite(64, 64)), None, &late, &[]).expect_err("too late");
    assert!(matches!(error, ProcessError::AfterVariants { step: 1, name: "resize" }));
    let error = process(&Raw::Image(sprite(64, 32)), None, &late, &[]).expect_err("not square");
    assert!(matches!(
        error,
        ProcessError::Op { step: 0, name: "variants", source: OpError::Aspect { .. } }
    ));
}

#[test]
fn drawings_are_passed_on_or_refused() {
    let steps = [resize_to((8, 8), None)];
    let svg = raw_file(b"<svg/>", Encoding::Svg);
    assert!(process(&svg, None, &[], &[output("a.svg")]).is_ok());
    for steps in [&steps[..], &[]] {
        let error = process(&svg, None, steps, &[output("a.png")]).expect_err("not pixels");
        assert!(matches!(error, ProcessError::Decode(DecodeError::NotRaster(Encoding::Svg))));
    }
    let validate = Step::Validate(Vec::new());
    let done = process(&svg, None, &[validate], &[output("a.svg")]).expect("as it is");
    assert_eq!(done.files[0].bytes, b"<svg/>");
    assert_eq!(done.checkpoints, [Facts::Opaque { encoding: Encoding::Svg }]);
    assert_eq!(done.finals[0].dimensions(), None);
    let avif = raw_file(b"\0\0\0 ftypavif", Encoding::Avif);
    let error = process(&avif, None, &steps, &[]).expect_err("no decoder");
    assert!(matches!(error, ProcessError::Decode(DecodeError::NoDecoder(Encoding::Avif))));
}
