//! The soft light around what is opaque, and the blur that makes it.

use crate::base::Image;
use crate::process::picture::alpha::put_below;

/// Draws a glow of `color` below the picture; none if there is nothing to draw.
///
/// `radius`: pixels from the edge of what is visible to where the glow ends. It is the picture's
/// alpha, blurred by three boxes (a Gaussian with a standard deviation of about 0.4 radii), so it
/// begins with half of the colour's alpha at a straight edge. The picture keeps its size and the
/// glow ends at its edges: pad first if there is no room.
pub(super) fn glow(image: &Image, radius: u32, color: [u8; 4]) -> Option<Image> {
    if radius == 0 || color[3] == 0 {
        return None;
    }
    let light = blurred_alpha(image, radius as usize);
    let mut glowing = image.clone();
    for (pixel, light) in glowing.pixels.chunks_exact_mut(4).zip(light) {
        let alpha = (u32::from(light) * u32::from(color[3]) + FULL / 2) / FULL;
        if pixel[3] < 255 && alpha > 0 {
            put_below(pixel, [color[0], color[1], color[2], alpha as u8]);
        }
    }
    (glowing != *image).then_some(glowing)
}

/// A covered pixel while it is blurred; 255 is too coarse for six passes.
const FULL: u32 = 65_535;

/// The alpha channel, blurred; 0..=65535, outside of the picture it is 0.
///
/// Source: Wells, Efficient Synthesis of Gaussian Filters by Cascaded Uniform Filters.
fn blurred_alpha(image: &Image, radius: usize) -> Vec<u16> {
    let (width, height) = (image.width as usize, image.height as usize);
    let alpha = image.pixels.chunks_exact(4).map(|pixel| u16::from(pixel[3]) * 257).collect();
    let rows_blurred = blur_rows(alpha, width, radius);
    let columns_blurred = blur_rows(transposed(&rows_blurred, width), height, radius);
    transposed(&columns_blurred, height)
}

/// Blurs every row of `width` values by three boxes that reach `radius` far together.
fn blur_rows(mut values: Vec<u16>, width: usize, radius: usize) -> Vec<u16> {
    let mut source = vec![0; width];
    for row in values.chunks_exact_mut(width) {
        for reach in [radius / 3, (radius + 1) / 3, radius.div_ceil(3)] {
            source.copy_from_slice(row);
            blur_row(&source, reach, row);
        }
    }
    values
}

/// The mean of each value and its `reach` neighbours on both sides, rounded to nearest.
fn blur_row(source: &[u16], reach: usize, blurred: &mut [u16]) {
    let count = 2 * reach as u64 + 1;
    let mut sum: u64 = source.iter().take(reach).map(|&value| u64::from(value)).sum();
    for (at, blurred) in blurred.iter_mut().enumerate() {
        sum += source.get(at + reach).map_or(0, |&value| u64::from(value));
        *blurred = ((sum + count / 2) / count) as u16;
        if let Some(left) = at.checked_sub(reach) {
            sum -= u64::from(source[left]);
        }
    }
}

/// Rows of `width` values as columns.
fn transposed(values: &[u16], width: usize) -> Vec<u16> {
    let mut columns = Vec::with_capacity(values.len());
    for x in 0..width {
        columns.extend(values[x..].iter().step_by(width));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::geometry::{place, transparent};
    use crate::process::picture::samples::{solid, sprite};

    const BLUE: [u8; 4] = [0, 0, 255, 255];

    fn square(side: u32, margin: u32) -> Image {
        let whole = side + 2 * margin;
        let mut image = transparent((whole, whole));
        place(&solid(side, side, [200, 0, 0, 255]), &mut image, (margin, margin));
        image
    }

    fn row(image: &Image, y: u32) -> Vec<[u8; 4]> {
        let width = image.width as usize;
        let pixels = image.pixels.chunks_exact(4).skip(y as usize * width).take(width);
        pixels.map(|pixel| pixel.try_into().expect("four channels")).collect()
    }

    #[test]
    fn the_glow_fades_and_ends_at_its_radius() {
        for radius in [1, 2, 7, 12] {
            let glowing = glow(&square(40, 16), radius, BLUE).expect("room for it");
            let middle = row(&glowing, 36);
            let lit: Vec<u8> = middle[..16].iter().map(|pixel| pixel[3]).collect();
            let dark = 16 - radius as usize;
            assert!(lit[..dark].iter().all(|&alpha| alpha == 0), "{radius}: {lit:?}");
            assert!(lit[dark..].is_sorted(), "{radius}: {lit:?}");
            assert!((80..=127).contains(&lit[15]), "nearly half at the edge: {lit:?}");
            assert!(middle[15][2] == 255 && middle[16] == [200, 0, 0, 255]);
        }
    }

    #[test]
    fn the_glow_is_the_same_on_all_sides() {
        let glowing = glow(&square(9, 9), 6, BLUE).expect("room for it");
        for y in 0..27 {
            let line = row(&glowing, y);
            assert!(line.iter().eq(line.iter().rev()), "row {y}");
            assert_eq!(line, row(&glowing, 26 - y));
            // Rows are blurred and rounded before columns are.
            for (x, pixel) in line.iter().enumerate() {
                assert!(pixel[3].abs_diff(row(&glowing, x as u32)[y as usize][3]) <= 1);
            }
        }
    }

    #[test]
    fn the_blur_is_nearly_gaussian() {
        let mut dot = transparent((41, 41));
        place(&solid(1, 41, [0, 0, 0, 255]), &mut dot, (20, 0));
        let blurred = blurred_alpha(&dot, 12);
        let line = &blurred[20 * 41..21 * 41];
        // Three boxes of nine: the variance of each is (9² - 1) / 12.
        let variance = 20.0_f64;
        // Away from the upper and lower end, where the line stops.
        for (x, &found) in line.iter().enumerate() {
            let distance = (x as f64 - 20.0).powi(2);
            let wanted = 65_535.0 * (-distance / (2.0 * variance)).exp()
                / (2.0 * std::f64::consts::PI * variance).sqrt();
            assert!((f64::from(found) - wanted).abs() < 400.0, "{x}: {found}, wanted {wanted}");
        }
    }

    #[test]
    fn a_glow_of_nothing_is_no_change() {
        assert_eq!(glow(&transparent((9, 9)), 3, BLUE), None);
        assert_eq!(glow(&solid(9, 9, [1, 2, 3, 255]), 3, BLUE), None);
        assert_eq!(glow(&sprite(9, 9), 0, BLUE), None);
        assert_eq!(glow(&sprite(9, 9), 3, [9, 9, 9, 0]), None);
    }

    #[test]
    fn a_radius_beyond_the_picture_is_fine() {
        for (width, height) in [(1, 1), (1, 7), (7, 1)] {
            let mut image = solid(width, height, [9, 9, 9, 100]);
            image.pixels[3] = 255;
            let glowing = glow(&image, 512, BLUE);
            let size = glowing.map(|glowing| (glowing.width, glowing.height));
            assert!(size.is_none_or(|size| size == (width, height)));
        }
    }
}
