//! Measures pictures where a `validate` stands, and what finished files hold.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::base::{Image, ImageFacts};
use crate::process::picture::checkerboard::has_drawn_checkerboard;

/// A picture, measured at most once however many files hold it.
pub(super) struct Measured<'a> {
    image: Cow<'a, Image>,
    facts: OnceLock<ImageFacts>,
}

impl<'a> Measured<'a> {
    pub(super) fn new(image: Cow<'a, Image>) -> Self {
        Self { image, facts: OnceLock::new() }
    }

    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// What is measured; `expected` is the size that the picture should have.
    pub(super) fn facts(&self, expected: Option<(u32, u32)>) -> ImageFacts {
        let facts = self.facts.get_or_init(|| measure_image(&self.image, None));
        ImageFacts { expected, ..facts.clone() }
    }
}

/// Measures a picture; `expected` is the size that it should have.
fn measure_image(image: &Image, expected: Option<(u32, u32)>) -> ImageFacts {
    let mut alpha_min = 255;
    let mut alpha_sum = 0;
    let mut transparent = 0;
    for pixel in image.pixels.chunks_exact(4) {
        alpha_min = alpha_min.min(pixel[3]);
        alpha_sum += u64::from(pixel[3]);
        transparent += u64::from(pixel[3] < 255);
    }
    ImageFacts {
        width: image.width,
        height: image.height,
        alpha_min,
        alpha_sum,
        transparent,
        checkerboard: has_drawn_checkerboard(image),
        blank: is_blank(image),
        sharpness: sharpness(image),
        expected,
    }
}

/// Whether nothing can be seen in `image`: one colour, or only transparent pixels of any colour.
fn is_blank(image: &Image) -> bool {
    let (first, _) = image.pixels.split_at(4);
    image.pixels.chunks_exact(4).all(|pixel| pixel == first)
        || image.pixels.chunks_exact(4).all(|pixel| pixel[3] == 0)
}

/// Lowest alpha of a pixel whose brightness counts.
const VISIBLE: u8 = 128;

/// The variance of the brightness's Laplacian, in steps of 0..=255 squared, rounded.
///
/// Only pixels count that are visible on their own and whose four neighbours are: neither the
/// outline of a sprite nor the picture's edge says how sharp it is. 0 if there are none.
///
/// Source: Pech-Pacheco and others, Diatom autofocusing in brightfield microscopy.
fn sharpness(image: &Image) -> u32 {
    let width = image.width as usize;
    let lumas: Vec<i32> = image.pixels.chunks_exact(4).map(luma).collect();
    let (mut count, mut sum, mut squares) = (0_i128, 0_i128, 0_i128);
    let rows: Vec<&[i32]> = lumas.chunks_exact(width).collect();
    for rows in rows.windows(3) {
        let (above, row, below) = (rows[0], rows[1], rows[2]);
        let (mut row_sum, mut row_squares) = (0_i64, 0_i64);
        for x in 1..width.saturating_sub(1) {
            let around = [above[x], below[x], row[x - 1], row[x + 1]];
            if row[x] == HIDDEN || around.contains(&HIDDEN) {
                continue;
            }
            let laplacian = i64::from(around.iter().sum::<i32>() - 4 * row[x]);
            count += 1;
            row_sum += laplacian;
            row_squares += laplacian * laplacian;
        }
        sum += i128::from(row_sum);
        squares += i128::from(row_squares);
    }
    if count == 0 {
        return 0;
    }
    let variance = (squares * count - sum * sum + count * count / 2) / (count * count);
    u32::try_from(variance).expect("at most 1020 steps squared")
}

/// Stands for the brightness of a pixel that does not count.
const HIDDEN: i32 = -1;

/// The brightness, 0..=255, by the weights of ITU-R BT.709 in 256ths.
fn luma(pixel: &[u8]) -> i32 {
    match *pixel {
        [r, g, b, a] if a >= VISIBLE => {
            (54 * i32::from(r) + 183 * i32::from(g) + 19 * i32::from(b) + 128) / 256
        }
        _ => HIDDEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::geometry::{place, transparent};
    use crate::process::picture::resize::resize;
    use crate::process::picture::samples::solid;
    use crate::spec::op::ResizeMethod;

    #[test]
    fn alpha_is_counted() {
        let mut image = transparent((4, 2));
        place(&solid(2, 2, [5, 5, 5, 255]), &mut image, (0, 0));
        place(&solid(1, 1, [5, 5, 5, 51]), &mut image, (3, 1));
        let facts = measure_image(&image, Some((4, 4)));
        assert_eq!((facts.width, facts.height, facts.expected), (4, 2, Some((4, 4))));
        assert_eq!((facts.alpha_min, facts.transparent), (0, 4));
        assert_eq!(facts.alpha_sum, 4 * 255 + 51);
        assert!((facts.coverage() - 0.525).abs() < 1e-9);
        assert!(!facts.blank && !facts.checkerboard);
    }

    /// Stripes of two greys, `wide` pixels each.
    fn stripes(wide: u32) -> Image {
        let mut image = solid(64, 64, [100, 100, 100, 255]);
        for (at, pixel) in (0..).zip(image.pixels.chunks_exact_mut(4)) {
            if at % 64 / wide % 2 == 1 {
                pixel[..3].fill(140);
            }
        }
        image
    }

    #[test]
    fn sharpness_is_the_variance_of_the_laplacian() {
        // Every pixel differs from both its neighbours by 40: the Laplacian is 80 or -80.
        assert_eq!(sharpness(&stripes(1)), 6_400);
        // 31 stripes of two columns inside: each column has one neighbour that differs.
        assert_eq!(sharpness(&stripes(2)), 1_600);
        assert_eq!(sharpness(&solid(9, 9, [80, 90, 100, 255])), 0);
        assert_eq!(sharpness(&solid(2, 9, [80, 90, 100, 255])), 0, "no pixel has four neighbours");
        assert_eq!(sharpness(&solid(9, 1, [80, 90, 100, 255])), 0);
    }

    #[test]
    fn a_blurred_picture_is_less_sharp() {
        let image = stripes(4);
        let half = resize(&image, (32, 32), ResizeMethod::Bilinear, None).expect("a size");
        let blurred = resize(&half.expect("smaller"), (64, 64), ResizeMethod::Bilinear, None);
        let blurred = blurred.expect("a size").expect("larger");
        assert!(sharpness(&blurred) * 3 < sharpness(&image));
    }

    #[test]
    fn the_outline_of_a_sprite_is_not_sharpness() {
        let mut image = transparent((40, 40));
        place(&solid(20, 20, [250, 10, 10, 255]), &mut image, (10, 10));
        assert_eq!(sharpness(&image), 0);
        let mut sprite = transparent((84, 84));
        place(&stripes(2), &mut sprite, (10, 10));
        assert_eq!(sharpness(&sprite), 1_600);
    }

    #[test]
    fn one_colour_and_no_colour_are_blank() {
        assert!(measure_image(&solid(3, 3, [9, 8, 7, 255]), None).blank);
        let mut image = solid(3, 3, [9, 8, 7, 0]);
        image.pixels[0] = 200;
        assert!(measure_image(&image, None).blank, "a colour that nobody sees");
        image.pixels[3] = 1;
        assert!(!measure_image(&image, None).blank);
    }
}
