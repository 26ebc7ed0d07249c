//! Small pictures of every kind as starting points for fuzzing: `UPDATE_SEEDS=1` writes them below
//! fuzz/seeds.

use ::png::{BitDepth, ColorType};
use image::codecs::{bmp::BmpEncoder, tga::TgaEncoder};
use image::{ExtendedColorType, ImageEncoder};
use moxcms::ColorProfile;

use super::sample_files::{
    animated_gif, animated_png, animated_webp, file, flat_jpeg, interlaced_png, jpeg_with_profile,
    png, turned_jpeg,
};
use super::samples::{noise, solid, sprite};
use super::*;

/// Names and files.
pub(super) type Seeds = Vec<(&'static str, Vec<u8>)>;

/// By name of the fuzz target.
pub(super) fn all() -> [(&'static str, Encoding, Seeds); 6] {
    [
        ("png", Encoding::Png, pngs()),
        ("jpeg", Encoding::Jpeg, jpegs()),
        ("webp", Encoding::Webp, webps()),
        ("gif", Encoding::Gif, gifs()),
        ("bmp", Encoding::Bmp, bmps()),
        ("tga", Encoding::Tga, tgas()),
    ]
}

#[test]
fn seeds_are_good_files() {
    for (target, encoding, files) in all() {
        for (name, bytes) in files {
            let decoded = decode::decode(&bytes, encoding);
            decoded.unwrap_or_else(|error| panic!("{target}/{name}: {error:?}"));
            crate::process::keep_seed(target, name, &bytes);
        }
    }
}

fn opaque(mut image: Image) -> Image {
    image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    image
}

fn profile(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().expect("a whole profile")
}

fn pngs() -> Seeds {
    let palette: Vec<u8> = (10..22).collect();
    let of = |color, depth, profile, samples: &[u8]| {
        let palette = (color == ColorType::Indexed).then_some(&palette[..]);
        png((4, 2), color, depth, palette, profile, samples)
    };
    let grey = profile(&ColorProfile::new_gray_with_gamma(1.8));
    let wide = profile(&ColorProfile::new_display_p3());
    let deep: Vec<u8> = (0..64).map(|at| at * 3).collect();
    vec![
        ("sprite", file(&sprite(13, 9), Encoding::Png)),
        ("noise", file(&noise(5, 4, 1), Encoding::Png)),
        ("few_colours", file(&solid(17, 3, [9, 8, 7, 100]), Encoding::Png)),
        ("interlaced", interlaced_png(&noise(9, 5, 2))),
        ("animated", animated_png(&[solid(4, 3, [200, 0, 0, 255]), noise(4, 3, 3)])),
        ("palette", of(ColorType::Indexed, BitDepth::Two, None, &[0b0001_1011, 0b1110_0100])),
        ("bits", of(ColorType::Grayscale, BitDepth::One, None, &[0xa0, 0x50])),
        ("deep", of(ColorType::Rgba, BitDepth::Sixteen, None, &deep)),
        ("deep_wide", of(ColorType::Rgba, BitDepth::Sixteen, Some(wide.clone()), &deep)),
        ("wide", of(ColorType::Rgb, BitDepth::Eight, Some(wide), &deep[..24])),
        ("grey", of(ColorType::Grayscale, BitDepth::Eight, Some(grey.clone()), &deep[..8])),
        ("deep_grey", of(ColorType::GrayscaleAlpha, BitDepth::Sixteen, Some(grey), &deep[..32])),
    ]
}

fn jpegs() -> Seeds {
    let photo = opaque(sprite(19, 11));
    let wide = profile(&ColorProfile::new_adobe_rgb());
    vec![
        ("photo", file(&photo, Encoding::Jpeg)),
        ("turned", turned_jpeg(&file(&photo, Encoding::Jpeg), 6)),
        ("wide", jpeg_with_profile(&photo, wide)),
        ("grey", flat_jpeg(&[99], false)),
        ("colour", flat_jpeg(&[76, 85, 255], false)),
        ("four_colours", flat_jpeg(&[255, 128, 0, 191], false)),
        ("progressive", flat_jpeg(&[76, 85, 255], true)),
        ("progressive_four", flat_jpeg(&[255, 128, 0, 191], true)),
    ]
}

fn webps() -> Seeds {
    let lossless = |image: &Image| {
        webp::encode_webp(image, webp::WebpMode::Lossless).expect("a small picture")
    };
    vec![
        ("sprite", file(&sprite(20, 14), Encoding::Webp)),
        ("opaque", file(&opaque(sprite(33, 18)), Encoding::Webp)),
        ("noise", lossless(&noise(7, 5, 1))),
        ("lossless", lossless(&sprite(24, 16))),
        ("few_colours", lossless(&solid(9, 9, [1, 2, 3, 255]))),
        ("animated", animated_webp(&[solid(4, 3, [200, 0, 0, 255]), noise(4, 3, 3)])),
    ]
}

fn gifs() -> Seeds {
    vec![
        ("solid", file(&solid(9, 5, [1, 2, 3, 255]), Encoding::Gif)),
        ("sprite", file(&sprite(12, 9), Encoding::Gif)),
        ("animated", animated_gif(&[solid(4, 3, [200, 0, 0, 255]), opaque(noise(4, 3, 3))])),
    ]
}

const FEWER: [(&str, ExtendedColorType, usize); 3] = [
    ("grey", ExtendedColorType::L8, 1),
    ("grey_alpha", ExtendedColorType::La8, 2),
    ("rgb", ExtendedColorType::Rgb8, 3),
];

fn bmps() -> Seeds {
    let mut seeds = vec![("rgba", file(&sprite(7, 5), Encoding::Bmp))];
    for (name, color, channels) in FEWER {
        let mut bytes = Vec::new();
        let samples = &noise(5, 3, 1).pixels[..15 * channels];
        BmpEncoder::new(&mut bytes).write_image(samples, 5, 3, color).expect("memory");
        seeds.push((name, bytes));
    }
    seeds
}

fn tgas() -> Seeds {
    let mut seeds = vec![("rgba", file(&sprite(7, 5), Encoding::Tga))];
    for (name, color, channels) in FEWER {
        let mut bytes = Vec::new();
        let samples = &noise(5, 3, 1).pixels[..15 * channels];
        let encoder = TgaEncoder::new(&mut bytes).disable_rle();
        encoder.write_image(samples, 5, 3, color).expect("memory");
        seeds.push((name, bytes));
    }
    seeds
}
