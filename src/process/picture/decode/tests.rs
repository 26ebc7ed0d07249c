//! What is read from files: every format and its variants, colours, limits, and damage.

use moxcms::ColorProfile;
use png::{BitDepth, ColorType};

use super::*;
use crate::process::picture::geometry;
use crate::process::picture::sample_files::{self, READABLE, file};
use crate::process::picture::samples::{Random, noise, solid, sprite};

#[test]
fn every_raster_format_is_read() {
    let mut image = solid(7, 5, [200, 30, 40, 255]);
    geometry::place(&solid(3, 2, [20, 230, 40, 255]), &mut image, (2, 1));
    for encoding in READABLE {
        let decoded = decode(&file(&image, encoding), encoding).expect("a good file");
        assert_eq!((decoded.width, decoded.height), (7, 5), "{encoding:?}");
        if !matches!(encoding, Encoding::Webp | Encoding::Jpeg) {
            assert_eq!(decoded, image, "{encoding:?}");
        }
    }
}

#[test]
fn the_content_counts_more_than_the_name() {
    let image = sprite(9, 7);
    for encoding in [Encoding::Png, Encoding::Gif, Encoding::Bmp] {
        let image =
            if encoding == Encoding::Gif { solid(9, 7, [1, 2, 3, 255]) } else { image.clone() };
        let bytes = file(&image, encoding);
        for named in READABLE {
            assert_eq!(decode(&bytes, named).expect("a good file"), image, "{encoding:?}");
        }
    }
}

#[test]
fn the_first_frame_of_an_animation_is_taken() {
    let first = solid(6, 5, [200, 0, 0, 255]);
    let frames = [first.clone(), solid(6, 5, [0, 200, 0, 255]), solid(6, 5, [0, 0, 200, 255])];
    for (bytes, encoding) in [
        (sample_files::animated_png(&frames), Encoding::Png),
        (sample_files::animated_gif(&frames), Encoding::Gif),
        (sample_files::animated_webp(&frames), Encoding::Webp),
    ] {
        let found = decode(&bytes, encoding).expect("a good file");
        assert_eq!(found, first, "{encoding:?}");
    }
}

#[test]
fn interlaced_pictures_are_read() {
    for (width, height) in [(1, 1), (3, 2), (8, 8), (19, 13)] {
        let image = noise(width, height, 6);
        let png = sample_files::interlaced_png(&image);
        assert_eq!(decode(&png, Encoding::Png).expect("a good file"), image);
    }
}

fn png_of(color: ColorType, depth: BitDepth, samples: &[u8], size: (u32, u32)) -> Image {
    let palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    let palette = (color == ColorType::Indexed).then_some(&palette[..]);
    let png = sample_files::png(size, color, depth, palette, None, samples);
    decode(&png, Encoding::Png).expect("a good file")
}

#[test]
fn palettes_and_greys_of_any_depth_are_expanded() {
    let of = |color, depth, samples| png_of(color, depth, samples, (4, 1)).pixels;
    let grey = |values: [u8; 4]| values.map(|v| [v, v, v, 255]).concat();
    assert_eq!(of(ColorType::Grayscale, BitDepth::One, &[0b1010_0000]), grey([255, 0, 255, 0]));
    assert_eq!(of(ColorType::Grayscale, BitDepth::Two, &[0b0001_1011]), grey([0, 85, 170, 255]));
    assert_eq!(of(ColorType::Grayscale, BitDepth::Four, &[0x01, 0xef]), grey([0, 17, 238, 255]));
    assert_eq!(
        of(ColorType::Grayscale, BitDepth::Eight, &[0, 1, 254, 255]),
        grey([0, 1, 254, 255])
    );
    let first_two = [[10, 20, 30, 255], [40, 50, 60, 255], [70, 80, 90, 255], [10, 20, 30, 255]];
    let indexed = of(ColorType::Indexed, BitDepth::Two, &[0b0001_1000]);
    assert_eq!(indexed, first_two.concat());
    let with_alpha = of(ColorType::GrayscaleAlpha, BitDepth::Eight, &[9, 8, 7, 6, 5, 4, 3, 2]);
    assert_eq!(with_alpha, [[9, 9, 9, 8], [7, 7, 7, 6], [5, 5, 5, 4], [3, 3, 3, 2]].concat());
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    for start in (0..=0xffff_u16).step_by(4) {
        // Every 16-bit value once, in order: its 8 bits are the nearest of 257 steps.
        let values: [u16; 4] = std::array::from_fn(|at| start + at as u16);
        let samples: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        let found = png_of(ColorType::Rgba, BitDepth::Sixteen, &samples, (1, 1)).pixels;
        let wanted = values.map(|value| ((u32::from(value) + 128) / 257) as u8);
        assert_eq!(found, wanted, "{values:x?}");
    }
}

#[test]
fn every_orientation_is_turned_upright() {
    // Four quarters of their own brightness, on whole blocks so that JPEG keeps them.
    let (width, height) = (32, 16);
    let mut image = solid(width, height, [20, 20, 20, 255]);
    for (grey, x, y) in [(90, 16, 0), (160, 0, 8), (230, 16, 8)] {
        geometry::place(&solid(16, 8, [grey, grey, grey, 255]), &mut image, (x, y));
    }
    let jpeg = file(&image, Encoding::Jpeg);
    // The quarters at upper left, upper right, lower left, lower right of the upright picture.
    for (orientation, wanted) in [
        (1, [20, 90, 160, 230]),
        (2, [90, 20, 230, 160]),
        (3, [230, 160, 90, 20]),
        (4, [160, 230, 20, 90]),
        (5, [20, 160, 90, 230]),
        (6, [160, 20, 230, 90]),
        (7, [230, 90, 160, 20]),
        (8, [90, 230, 20, 160]),
    ] {
        let turned = sample_files::turned_jpeg(&jpeg, orientation);
        let found = decode(&turned, Encoding::Jpeg).expect("a good file");
        let upright = if orientation < 5 { (width, height) } else { (height, width) };
        assert_eq!((found.width, found.height), upright, "orientation {orientation}");
        let places = [(1, 1), (3, 1), (1, 3), (3, 3)];
        for ((x, y), wanted) in places.into_iter().zip(wanted) {
            let (x, y) = (found.width * x / 4, found.height * y / 4);
            let grey = found.pixels[(y * found.width + x) as usize * 4];
            assert!(grey.abs_diff(wanted) < 6, "orientation {orientation}: {grey}, not {wanted}");
        }
    }
}

#[test]
fn progressive_and_four_colour_photos_are_read() {
    for progressive in [false, true] {
        // Y Cb Cr of a red; C M Y K of an orange at three quarters of its brightness.
        for (samples, wanted) in [
            (&[76, 85, 255][..], [254, 0, 0]),
            (&[255, 128, 0, 191][..], [191, 96, 0]),
            (&[99], [99; 3]),
        ] {
            let jpeg = sample_files::flat_jpeg(samples, progressive);
            let found = decode(&jpeg, Encoding::Jpeg).expect("a good file");
            assert_eq!((found.width, found.height), (8, 8));
            for pixel in found.pixels.chunks_exact(4) {
                let close = pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 3);
                assert!(close, "{samples:?}: {pixel:?}, not {wanted:?}");
            }
        }
    }
}

fn profile(profile: &ColorProfile) -> Option<Vec<u8>> {
    Some(profile.encode().expect("a whole profile"))
}

/// Colours, and what they are in sRGB, computed from the primaries and curves of the standards.
const ADOBE_RGB: [([u8; 3], [f64; 3]); 4] = [
    ([100, 150, 200], [65.98, 151.41, 203.10]),
    ([180, 140, 90], [194.64, 141.27, 86.46]),
    ([128, 128, 128], [129.03, 129.03, 129.03]),
    ([200, 120, 130], [223.76, 120.82, 131.50]),
];
const DISPLAY_P3: [([u8; 3], [f64; 3]); 4] = [
    ([100, 150, 200], [83.47, 151.66, 204.60]),
    ([180, 140, 90], [187.53, 137.98, 81.20]),
    ([90, 160, 110], [60.66, 162.14, 105.12]),
    ([200, 120, 130], [212.98, 115.00, 128.87]),
];

fn assert_near(found: &[u8], wanted: [f64; 3], most: f64) {
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((f64::from(*found) - wanted).abs() <= most, "{found}, not {wanted}");
    }
}

#[test]
fn tagged_colours_become_srgb() {
    for (tag, colors) in
        [(ColorProfile::new_adobe_rgb(), ADOBE_RGB), (ColorProfile::new_display_p3(), DISPLAY_P3)]
    {
        for ([r, g, b], wanted) in colors {
            let samples = [r, g, b, 77];
            let png = sample_files::png(
                (1, 1),
                ColorType::Rgba,
                BitDepth::Eight,
                None,
                profile(&tag),
                &samples,
            );
            let found = decode(&png, Encoding::Png).expect("a good file").pixels;
            assert_near(&found, wanted, 1.0);
            assert_eq!(found[3], 77, "alpha is no colour");

            let deep = samples.map(|value| [value, value]).concat();
            let png = sample_files::png(
                (1, 1),
                ColorType::Rgba,
                BitDepth::Sixteen,
                None,
                profile(&tag),
                &deep,
            );
            let found = decode(&png, Encoding::Png).expect("a good file").pixels;
            assert_near(&found, wanted, 0.6);
            assert_eq!(found[3], 77);

            let photo = solid(16, 16, [r, g, b, 255]);
            let jpeg = sample_files::jpeg_with_profile(&photo, profile(&tag).expect("encoded"));
            let found = decode(&jpeg, Encoding::Jpeg).expect("a good file").pixels;
            assert_near(&found, wanted, 3.0);
        }
    }
}

#[test]
fn tagged_greys_become_srgb() {
    let tag = ColorProfile::new_gray_with_gamma(1.8);
    for (grey, wanted) in [(0, 0.0), (40, 53.03), (128, 146.41), (200, 210.19), (255, 255.0)] {
        let png = |depth, samples: &[u8]| {
            let color = ColorType::GrayscaleAlpha;
            let png = sample_files::png((1, 1), color, depth, None, profile(&tag), samples);
            decode(&png, Encoding::Png).expect("a good file").pixels
        };
        for found in
            [png(BitDepth::Eight, &[grey, 200]), png(BitDepth::Sixteen, &[grey, grey, 200, 200])]
        {
            assert_near(&found, [wanted; 3], 1.0);
            assert_eq!(found[3], 200);
        }
    }
}

#[test]
fn pixels_that_are_srgb_or_have_an_unusable_profile_stay_as_they_are() {
    let image = noise(12, 9, 2);
    let tags = [
        profile(&ColorProfile::new_srgb()),
        profile(&ColorProfile::new_gray_with_gamma(1.8)),
        Some(b"not a profile".to_vec()),
        None,
    ];
    for tag in tags {
        let png =
            sample_files::png((12, 9), ColorType::Rgba, BitDepth::Eight, None, tag, &image.pixels);
        assert_eq!(decode(&png, Encoding::Png).expect("a good file"), image);
    }
}

#[test]
fn huge_headers_are_refused_before_their_pixels() {
    let mut png = file(&solid(1, 1, [0; 4]), Encoding::Png);
    png[16..20].copy_from_slice(&30_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&30_000u32.to_be_bytes());
    let mut crc = libdeflater::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let mut bmp = file(&solid(1, 1, [0; 4]), Encoding::Bmp);
    bmp[18..22].copy_from_slice(&30_000u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&30_000u32.to_le_bytes());
    let mut gif = file(&solid(1, 1, [0; 4]), Encoding::Gif);
    gif[6..10].fill(0xff);
    for (bytes, encoding) in [(png, Encoding::Png), (bmp, Encoding::Bmp), (gif, Encoding::Gif)] {
        let error = decode(&bytes, encoding).expect_err("too many pixels");
        assert!(matches!(error, DecodeError::TooManyPixels { .. }), "{encoding:?}: {error:?}");
    }
}

#[test]
fn a_picture_without_pixels_is_refused() {
    let mut gif = file(&solid(3, 2, [0; 4]), Encoding::Gif);
    gif[8..10].fill(0);
    let error = decode(&gif, Encoding::Gif).expect_err("no rows");
    assert_eq!(error.to_string(), "the picture is 3x0: there is no pixel in it");
}

#[test]
fn a_file_of_too_many_bytes_is_refused() {
    let bytes = vec![0; MAX_FILE_BYTES as usize + 1];
    let error = decode(&bytes, Encoding::Png).expect_err("too large");
    assert_eq!(error.to_string(), "the file has 268435457 bytes; at most 268435456 are decoded");
}

#[test]
fn what_follows_a_jpeg_does_not_matter() {
    let image = solid(9, 9, [90, 90, 90, 255]);
    let jpeg = file(&image, Encoding::Jpeg);
    let trailed = [&jpeg, &b"\xff\xda trailer"[..]].concat();
    assert!(decode(&trailed, Encoding::Jpeg).is_ok());
    // A thumbnail with an end of its own does not make up for the picture's.
    let size = u16::try_from(jpeg.len() + 2).expect("small").to_be_bytes();
    let cut = [&jpeg[..2], b"\xff\xe2", &size, &jpeg, &jpeg[2..jpeg.len() - 2]].concat();
    let error = decode(&cut, Encoding::Jpeg).expect_err("no end");
    assert_eq!(error.to_string(), "the jpg file is cut off");
}

#[test]
fn cut_off_files_are_errors() {
    let mut image = noise(24, 16, 8);
    image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    for encoding in READABLE {
        let bytes = file(&image, encoding);
        let whole = decode(&bytes, encoding).expect("a good file");
        for end in 0..bytes.len() {
            // The decoder may see that only the trailer is missing; a wrong picture it must not
            // give.
            if let Ok(decoded) = decode(&bytes[..end], encoding) {
                assert_eq!(decoded, whole, "{encoding:?} cut at {end} of {}", bytes.len());
            }
        }
        assert!(decode(&bytes[..bytes.len() / 2], encoding).is_err(), "{encoding:?}");
        assert!(decode(&[], encoding).is_err(), "{encoding:?}");
    }
}

#[test]
fn damaged_files_never_panic() {
    let mut random = Random::new(20);
    let images = [sprite(20, 14), noise(9, 9, 3)];
    for encoding in READABLE {
        for image in &images {
            let mut image = image.clone();
            image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
            let good = file(&image, encoding);
            for _ in 0..300 {
                let mut bytes = good.clone();
                for _ in 0..=random.below(4) {
                    let at = random.below(bytes.len().min(200));
                    bytes[at] = random.next() as u8;
                }
                if random.below(4) == 0 {
                    bytes.truncate(random.below(bytes.len()) + 1);
                }
                if let Ok(decoded) = decode(&bytes, encoding) {
                    let count = decoded.width as usize * decoded.height as usize * 4;
                    assert_eq!(decoded.pixels.len(), count);
                }
            }
        }
    }
}

#[test]
fn a_panic_of_a_decoder_is_an_error_of_the_file() {
    let result: Result<(), _> = or_gave_up(Encoding::Png, || panic!("a slip in an index"));
    let message = result.expect_err("no picture").to_string();
    assert_eq!(message, "the png file is damaged: its decoder gave up");
}
