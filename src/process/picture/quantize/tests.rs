//! What quantizing keeps, and how well.

use std::collections::BTreeSet;

use super::*;
use crate::base::Raw;
use crate::process::picture::geometry::{place, transparent};
use crate::process::picture::samples::{noise, solid, sprite};

fn colors_of(image: &Image) -> BTreeSet<[u8; 4]> {
    image.pixels.chunks_exact(4).map(|pixel| pixel.try_into().expect("four channels")).collect()
}

/// A smooth picture of many colours.
fn meadow(width: u32, height: u32) -> Image {
    let mut image = solid(width, height, [0, 0, 0, 255]);
    for (at, pixel) in (0..).zip(image.pixels.chunks_exact_mut(4)) {
        let (x, y) = (at % width * 255 / width, at / width * 255 / height);
        pixel[..3].copy_from_slice(&[x as u8, ((x + y) / 2) as u8, (255 - y) as u8]);
    }
    image
}

/// Peak signal to noise ratio of the visible colours, in dB.
fn psnr(a: &Image, b: &Image) -> f64 {
    let squares: f64 =
        a.pixels.iter().zip(&b.pixels).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.pixels.len() as f64 / squares.max(1e-9)).log10()
}

#[test]
fn there_are_no_more_colours_than_asked_for() {
    for image in [meadow(40, 30), noise(30, 30, 1), sprite(50, 40)] {
        for colors in [2, 3, 5, 16, 100, 256] {
            for dither in [false, true] {
                let found =
                    quantize(&image, colors, dither).map_or(0, |image| colors_of(&image).len());
                assert!((1..=usize::from(colors)).contains(&found), "{colors} gave {found}");
            }
        }
    }
}

#[test]
fn few_colours_are_left_as_they_are() {
    let mut image = solid(8, 8, [10, 20, 30, 255]);
    place(&solid(3, 3, [200, 10, 10, 77]), &mut image, (2, 2));
    assert_eq!(quantize(&image, 2, true), None);
    assert_eq!(quantize(&solid(1, 1, [1, 2, 3, 4]), 2, true), None);
}

#[test]
fn exact_palettes_are_found() {
    let mut image = solid(64, 64, [10, 20, 30, 255]);
    let colors: Vec<[u8; 4]> =
        (0..32_u8).map(|n| [n * 8, 255 - n * 7, n.wrapping_mul(37), 255]).collect();
    for (at, pixel) in image.pixels.chunks_exact_mut(4).enumerate() {
        pixel.copy_from_slice(&colors[at % 32]);
    }
    // One colour too many: the two that are most alike become one, the others stay.
    image.pixels[..4].copy_from_slice(&[8, 248, 38, 255]);
    let quantized = quantize(&image, 32, false).expect("33 colours");
    let kept = colors.iter().filter(|color| colors_of(&quantized).contains(*color)).count();
    assert!(kept >= 31, "{kept} of 32 colours are exact");
}

#[test]
fn transparent_pixels_stay_so_and_opaque_ones_too() {
    let mut image = transparent((64, 48));
    place(&sprite(40, 40), &mut image, (10, 4));
    image.pixels[..3].fill(99);
    for dither in [false, true] {
        let quantized = quantize(&image, 8, dither).expect("many colours");
        for (found, wanted) in quantized.pixels.chunks_exact(4).zip(image.pixels.chunks_exact(4)) {
            match wanted[3] {
                0 => assert_eq!(found, [0; 4]),
                255 => assert_eq!(found[3], 255),
                _ => {}
            }
        }
    }
    let hidden = quantize(&solid(3, 3, [9, 9, 9, 0]), 2, false).expect("a hidden colour");
    assert_eq!(hidden.pixels, [0; 36]);
}

#[test]
fn a_smooth_picture_keeps_its_look() {
    let image = meadow(160, 120);
    let sharp = quantize(&image, 256, false).expect("many colours");
    assert!(psnr(&image, &sharp) > 36.0, "{}", psnr(&image, &sharp));
    let few = quantize(&image, 16, false).expect("many colours");
    assert!(psnr(&image, &few) > 23.0, "{}", psnr(&image, &few));
}

#[test]
fn dithering_keeps_the_mean_of_a_neighbourhood() {
    let mut ramp = solid(64, 64, [0, 0, 0, 255]);
    for (at, pixel) in ramp.pixels.chunks_exact_mut(4).enumerate() {
        pixel[..3].fill((at % 64 * 4) as u8);
    }
    let error = |dither| {
        let quantized = quantize(&ramp, 4, dither).expect("64 greys");
        // Mean brightness of each column, which is one grey.
        (0..64_usize)
            .map(|x| {
                let column = (0..64).map(|y| f64::from(quantized.pixels[(y * 64 + x) * 4]));
                (column.sum::<f64>() / 64.0 - x as f64 * 4.0).abs()
            })
            .sum::<f64>()
            / 64.0
    };
    // The ends of the ramp lie outside of the palette, which no pattern can make up for.
    let (dithered, plain) = (error(true), error(false));
    assert!(dithered < 7.0 && plain > 2.0 * dithered, "{dithered} against {plain}");
}

#[test]
fn quantized_pixels_are_golden() {
    let short = |image: Image| Raw::Image(image).digest().hex()[..16].to_owned();
    let digests: Vec<String> = [(2, false), (16, true), (64, false), (256, true)]
        .into_iter()
        .map(|(colors, dither)| short(quantize(&noise(48, 40, 7), colors, dither).expect("noise")))
        .collect();
    insta::assert_snapshot!(digests.join(" "), @"71701e5effec9498 2421153215074ca7 e15436c70fbc21e1 11cd076ac1f6ff54");
}
