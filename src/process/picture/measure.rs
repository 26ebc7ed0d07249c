//! Measures pictures where a `validate` stands, and what finished files hold.

use crate::base::{Image, ImageFacts};
use crate::process::picture::checkerboard::has_drawn_checkerboard;

/// Measures a picture; `expected` is the size that it should have.
pub(super) fn measure_image(image: &Image, expected: Option<(u32, u32)>) -> ImageFacts {
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
        sharpness: 0,
        expected,
    }
}

/// Whether nothing can be seen in `image`: one colour, or only transparent pixels of any colour.
fn is_blank(image: &Image) -> bool {
    let (first, _) = image.pixels.split_at(4);
    image.pixels.chunks_exact(4).all(|pixel| pixel == first)
        || image.pixels.chunks_exact(4).all(|pixel| pixel[3] == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::geometry::{place, transparent};
    use crate::process::picture::samples::solid;

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
