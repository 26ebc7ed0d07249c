//! What PNG files keep, which form they take, and that effort pays.

use super::*;
use crate::base::Encoding;
use crate::process::picture::decode::decode;
use crate::process::picture::samples::{noise, solid, sprite};

/// The colour type and depth in the header.
fn form(png: &[u8]) -> (u8, u8) {
    (png[25], png[24])
}

/// A picture whose pixels take turns with these colours in an irregular order.
fn speckled(colors: &[[u8; 4]], width: u32, height: u32) -> Image {
    let mut image = solid(width, height, colors[0]);
    let choices = noise(width, height, 5).pixels;
    for (at, pixel) in image.pixels.chunks_exact_mut(4).enumerate() {
        let choice = if at < colors.len() { at } else { usize::from(choices[at]) };
        pixel.copy_from_slice(&colors[choice % colors.len()]);
    }
    image
}

fn colors(count: usize, alpha: impl Fn(usize) -> u8) -> Vec<[u8; 4]> {
    (0..count).map(|n| [n as u8, 255 - n as u8, (n * 7) as u8, alpha(n)]).collect()
}

fn greys(values: &[u8], alpha: u8) -> Vec<[u8; 4]> {
    values.iter().map(|&value| [value, value, value, alpha]).collect()
}

#[test]
fn every_effort_keeps_every_pixel() {
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (33, 17)] {
        for image in [
            noise(width, height, 3),
            sprite(width, height),
            speckled(&colors(5, |n| n as u8 * 60), width, height),
            speckled(&greys(&[0, 85, 255], 255), width, height),
            solid(width, height, [9, 8, 7, 0]),
        ] {
            for effort in [0, 1, 2, 3, 4, 5, 6, 255] {
                let decoded = decode(&encode_png(&image, effort), Encoding::Png);
                assert_eq!(decoded.expect("our own file"), image, "effort {effort}");
            }
        }
    }
}

#[test]
fn every_form_keeps_every_pixel() {
    let all_greys: Vec<u8> = (0..=255).collect();
    // Large enough that a palette or fewer bits pay, and with widths that leave bits over.
    for (wanted, colors) in [
        ((0, 1), greys(&[0, 255], 255)),
        ((0, 2), greys(&[0, 85, 170, 255], 255)),
        ((0, 4), greys(&[0, 17, 34, 51, 68, 85, 102, 119, 255], 255)),
        ((0, 8), greys(&all_greys, 255)),
        ((3, 1), colors(2, |_| 255)),
        ((3, 2), colors(4, |_| 255)),
        ((3, 4), colors(16, |n| n as u8 * 17)),
        ((3, 8), colors(17, |_| 255)),
        ((3, 8), colors(256, |n| n as u8)),
    ] {
        let image = speckled(&colors, 301, 211);
        for effort in [DEFAULT_EFFORT, 4] {
            let png = encode_png(&image, effort);
            assert_eq!(form(&png), wanted, "{} colours, effort {effort}", colors.len());
            assert_eq!(decode(&png, Encoding::Png).expect("our own file"), image);
        }
    }
    for (wanted, image) in [
        ((6, 8), noise(60, 60, 1)),
        ((2, 8), opaque(noise(60, 60, 1))),
        ((4, 8), grey(noise(60, 60, 1))),
    ] {
        let png = encode_png(&image, DEFAULT_EFFORT);
        assert_eq!(form(&png), wanted);
        assert_eq!(decode(&png, Encoding::Png).expect("our own file"), image);
    }
}

fn opaque(mut image: Image) -> Image {
    image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    image
}

fn grey(mut image: Image) -> Image {
    image.pixels.chunks_exact_mut(4).for_each(|pixel| (pixel[1], pixel[2]) = (pixel[0], pixel[0]));
    image
}

#[test]
fn a_tiny_picture_pays_for_no_palette() {
    // A palette of 64 colours takes 192 bytes, the pixels 256.
    let image = noise(8, 8, 2);
    let png = encode_png(&image, DEFAULT_EFFORT);
    assert_eq!(form(&png), (6, 8));
}

#[test]
fn more_effort_is_not_larger() {
    let soft = sprite(200, 160);
    let few = speckled(&colors(40, |n| if n < 9 { n as u8 } else { 255 }), 200, 160);
    for image in [soft, few] {
        let sizes: Vec<_> = (0..=6).map(|effort| encode_png(&image, effort).len()).collect();
        assert!(sizes[6] <= sizes[4] && sizes[4] <= sizes[2] && sizes[2] <= sizes[0], "{sizes:?}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let image = sprite(120, 90);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| [2, 4, 6].map(|effort| encode_png(&image, effort)))
    };
    assert_eq!(run(1), run(8));
}
