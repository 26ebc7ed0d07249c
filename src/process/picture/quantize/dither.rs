//! Error diffusion: what a pixel loses, its neighbours get.

use std::collections::HashMap;

use crate::process::picture::quantize::TRANSPARENT;
use crate::process::picture::quantize::palette::Palette;
use crate::process::picture::quantize::space::Point;

/// The share of the error that is spread. A little is dropped, since errors that cannot be paid
/// back, such as those of colours outside of the palette's hull, would grow along the rows.
const SPREAD: f32 = 0.97;

/// The colours of the palette for `pixels`, rows of `width`.
///
/// Rows run alternately to the right and to the left, so that patterns have no direction. What
/// cannot be seen takes no error and gives none. `known`: the place of each colour and its entry.
///
/// Source: Floyd and Steinberg, An Adaptive Algorithm for Spatial Greyscale.
pub(super) fn dither(
    pixels: &[u32],
    width: usize,
    palette: &Palette,
    known: &HashMap<u32, (Point, usize)>,
) -> Vec<u32> {
    let mut dithered = vec![TRANSPARENT; pixels.len()];
    // One more on both sides, so that the ends of rows need no question.
    let mut errors = vec![[0.0; 4]; width + 2];
    let mut below = errors.clone();
    for (y, (row, out)) in pixels.chunks(width).zip(dithered.chunks_mut(width)).enumerate() {
        below.fill([0.0; 4]);
        let is_forward = y % 2 == 0;
        for step in 0..width {
            let x = if is_forward { step } else { width - 1 - step };
            let (color, at) = (row[x], x + 1);
            if color == TRANSPARENT {
                continue;
            }
            let (point, guess) = known[&color];
            let wanted = corrected(&point, &errors[at], color & 0xff == 0xff);
            let entry = palette.nearest_from(guess, color, &wanted);
            out[x] = palette.color(entry);
            let got = palette.point(entry);
            let error: Point =
                std::array::from_fn(|axis| (wanted[axis] - got[axis]) * SPREAD / 16.0);
            let (ahead, behind) = if is_forward { (at + 1, at - 1) } else { (at - 1, at + 1) };
            add(&mut errors[ahead], &error, 7.0);
            add(&mut below[behind], &error, 3.0);
            add(&mut below[at], &error, 5.0);
            add(&mut below[ahead], &error, 1.0);
        }
        std::mem::swap(&mut errors, &mut below);
    }
    dithered
}

/// The colour that makes up for the `error`; an opaque pixel takes none of its alpha.
fn corrected(point: &Point, error: &Point, is_opaque: bool) -> Point {
    let mut wanted: Point = std::array::from_fn(|axis| point[axis] + error[axis]);
    if is_opaque {
        wanted[3] = point[3];
    }
    wanted
}

fn add(sum: &mut Point, error: &Point, sixteenths: f32) {
    for (sum, error) in sum.iter_mut().zip(error) {
        *sum += error * sixteenths;
    }
}
