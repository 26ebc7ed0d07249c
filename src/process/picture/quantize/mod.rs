//! Reducing colours: a palette by cuts and k-means, then every pixel to its nearest entry.
//!
//! Colours are compared in OKLab with premultiplied alpha (`space.rs`), so that what is hardly
//! visible counts little and equal distances look equal. All arithmetic is IEEE sums, products and
//! roots in a fixed order: the same picture gives the same bytes everywhere.

mod dither;
mod palette;
mod space;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::base::Image;
use palette::Palette;
use space::Space;

const TRANSPARENT: u32 = 0;

/// Reduces `image` to at most `colors` colours with their alpha, 2..=256; none if it has no more.
///
/// Pixels without alpha stay without, share one entry of the palette and lose their hidden colour;
/// opaque pixels stay opaque as long as any entry is. `dither` spreads what rounding to the palette
/// changes over the neighbours.
pub(super) fn quantize(image: &Image, colors: u16, dither: bool) -> Option<Image> {
    let pixels: Vec<u32> = image.pixels.chunks_exact(4).map(visible_color).collect();
    let counts = count_colors(&pixels);
    let wanted = usize::from(colors.clamp(2, 256));
    let reduced = if counts.len() <= wanted {
        pixels
    } else {
        reduce(&pixels, &counts, image.width as usize, wanted, dither)
    };
    let pixels = reduced.into_iter().flat_map(u32::to_be_bytes).collect();
    let quantized = Image { width: image.width, height: image.height, pixels };
    (quantized != *image).then_some(quantized)
}

/// The pixel's R, G, B, A from the highest byte down; all zero if it cannot be seen.
fn visible_color(pixel: &[u8]) -> u32 {
    match *pixel {
        [r, g, b, a] if a > 0 => u32::from_be_bytes([r, g, b, a]),
        _ => TRANSPARENT,
    }
}

/// Every colour and how often it occurs, in ascending order.
fn count_colors(pixels: &[u32]) -> Vec<(u32, u32)> {
    let mut sorted = pixels.to_vec();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.map(|run| (run[0], u32::try_from(run.len()).expect("within the pixel limit"))).collect()
}

fn reduce(
    pixels: &[u32],
    counts: &[(u32, u32)],
    width: usize,
    wanted: usize,
    dither: bool,
) -> Vec<u32> {
    let space = Space::new();
    let palette = Palette::choose(&space, counts, wanted);
    // Looked up, never iterated: the order of the map reaches nothing.
    let known: HashMap<u32, (space::Point, usize)> = counts
        .iter()
        .map(|&(color, _)| {
            let point = space.point(color);
            (color, (point, palette.nearest(color, &point)))
        })
        .collect();
    if dither {
        return dither::dither(pixels, width, &palette, &known);
    }
    pixels.iter().map(|color| palette.color(known[color].1)).collect()
}
