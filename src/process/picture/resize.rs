//! Scaling: premultiplied RGBA8 in integer arithmetic, the same bytes on every processor.

use fast_image_resize::images::{Image as Buffer, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::base::Image;
use crate::process::picture::geometry::{check_size, place, transparent};
use crate::process::picture::{OpError, Size};
use crate::spec::op::{Fit, ResizeMethod};

/// Scales `image` to `size`; none if it has that size already.
///
/// Without `fit` the aspect ratio must stay the same, up to the rounding of one pixel.
///
/// # Errors
/// `OpError::Aspect` if it changes and no fit says how; `OpError::Size` for an unusable size.
pub(super) fn resize(
    image: &Image,
    size: (u32, u32),
    method: ResizeMethod,
    fit: Option<Fit>,
) -> Result<Option<Image>, OpError> {
    check_size(size)?;
    let own = (image.width, image.height);
    if own == size {
        return Ok(None);
    }
    let whole = Part { left: 0.0, top: 0.0, width: f64::from(own.0), height: f64::from(own.1) };
    if keeps_aspect(own, size) {
        return Ok(Some(scale(image, whole, size, method)));
    }
    match fit {
        None => Err(OpError::Aspect { found: Size::of(image), wanted: size.into() }),
        Some(Fit::Fill) => Ok(Some(scale(image, whole, size, method))),
        Some(Fit::Contain) => {
            let inner = scale(image, whole, contained(own, size), method);
            let mut canvas = transparent(size);
            let (x, y) = ((size.0 - inner.width) / 2, (size.1 - inner.height) / 2);
            place(&inner, &mut canvas, (x, y));
            Ok(Some(canvas))
        }
        Some(Fit::Cover) => Ok(Some(scale(image, covering_part(own, size), size, method))),
    }
}

/// A rectangle of the source, in pixels.
struct Part {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// Whether scaling `from` to `to` distorts by less than the rounding of one pixel.
fn keeps_aspect(from: (u32, u32), to: (u32, u32)) -> bool {
    let (w, h, to_w, to_h) =
        (u64::from(from.0), u64::from(from.1), u64::from(to.0), u64::from(to.1));
    let difference = (w * to_h).abs_diff(h * to_w);
    difference < w || difference < h
}

/// The largest size of `from`'s aspect ratio that fits inside `to`, at least one pixel each way.
fn contained(from: (u32, u32), to: (u32, u32)) -> (u32, u32) {
    let (w, h, to_w, to_h) =
        (u64::from(from.0), u64::from(from.1), u64::from(to.0), u64::from(to.1));
    let rounded = |amount: u64, by: u64, most: u32| {
        u32::try_from((amount * 2 + by) / (by * 2)).unwrap_or(most).clamp(1, most)
    };
    if w * to_h > h * to_w {
        (to.0, rounded(h * to_w, w, to.1))
    } else {
        (rounded(w * to_h, h, to.0), to.1)
    }
}

/// The largest part of `from`, in its middle, that has `to`'s aspect ratio.
fn covering_part(from: (u32, u32), to: (u32, u32)) -> Part {
    let (w, h) = (f64::from(from.0), f64::from(from.1));
    let (to_w, to_h) = (f64::from(to.0), f64::from(to.1));
    let (width, height) =
        if w * to_h > h * to_w { (h * to_w / to_h, h) } else { (w, w * to_h / to_w) };
    Part { left: (w - width) / 2.0, top: (h - height) / 2.0, width, height }
}

fn scale(image: &Image, part: Part, size: (u32, u32), method: ResizeMethod) -> Image {
    let algorithm = match method {
        ResizeMethod::Nearest => ResizeAlg::Nearest,
        ResizeMethod::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        ResizeMethod::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
        ResizeMethod::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
    };
    let options = ResizeOptions::new()
        .resize_alg(algorithm)
        .crop(part.left, part.top, part.width, part.height)
        // Nearest copies pixels; premultiplying would only lose colour under low alpha.
        .use_alpha(method != ResizeMethod::Nearest);
    let source = ImageRef::new(image.width, image.height, &image.pixels, PixelType::U8x4)
        .expect("a picture holds width * height * 4 bytes");
    let mut target = Buffer::new(size.0, size.1, PixelType::U8x4);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("both are RGBA8 and the part lies inside the source");
    Image { width: size.0, height: size.1, pixels: target.into_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Raw;
    use crate::process::picture::samples::{noise, solid, sprite};

    const METHODS: [ResizeMethod; 4] = [
        ResizeMethod::Nearest,
        ResizeMethod::Bilinear,
        ResizeMethod::Bicubic,
        ResizeMethod::Lanczos,
    ];

    fn resized(image: &Image, size: (u32, u32), method: ResizeMethod, fit: Option<Fit>) -> Image {
        resize(image, size, method, fit).expect("a usable size").expect("a change")
    }

    #[test]
    fn each_filter_gives_its_golden_pixels() {
        let image = noise(37, 23, 11);
        let digests: Vec<_> = METHODS
            .iter()
            .map(|&method| {
                let down = resized(&image, (16, 9), method, Some(Fit::Fill));
                let up = resized(&image, (64, 41), method, Some(Fit::Fill));
                let short = |image| Raw::Image(image).digest().hex()[..16].to_owned();
                format!("{} {} {}", method.as_str(), short(down), short(up))
            })
            .collect();
        insta::assert_snapshot!(digests.join("\n"), @r"
    nearest e5762ef7009383db 5dc9a21860209729
    bilinear f632c47a13a641f4 abccb2806dad4be4
    bicubic a500e42a92b2ab9f f211a66d7ab27d0f
    lanczos 2f3e426249c80501 39a409e1d62f3fdb
    ");
    }

    #[test]
    fn colour_does_not_bleed_out_of_transparent_pixels() {
        let mut image = solid(8, 8, [255, 0, 0, 255]);
        for pixel in image.pixels.chunks_exact_mut(8) {
            pixel[..4].copy_from_slice(&[0, 255, 0, 0]);
        }
        for method in &METHODS[1..] {
            let half = resized(&image, (4, 4), *method, None);
            for pixel in half.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
                assert_eq!(pixel[1], 0, "{method:?}: no green");
            }
        }
    }

    #[test]
    fn a_changed_aspect_ratio_needs_a_fit() {
        let image = solid(100, 50, [9, 9, 9, 255]);
        let error = resize(&image, (64, 64), ResizeMethod::Lanczos, None).expect_err("distorts");
        assert_eq!(
            error.to_string(),
            "the picture is 100x50 and would become 64x64, which is another aspect ratio"
        );
    }

    #[test]
    fn a_pixel_of_rounding_is_not_another_aspect_ratio() {
        let image = solid(1000, 667, [9, 9, 9, 255]);
        assert_eq!(resized(&image, (500, 333), ResizeMethod::Bilinear, None).height, 333);
        assert_eq!(resized(&image, (500, 334), ResizeMethod::Bilinear, None).height, 334);
        assert!(resize(&image, (500, 340), ResizeMethod::Bilinear, None).is_err());
    }

    #[test]
    fn contain_adds_transparent_bars_and_cover_cuts() {
        let image = solid(40, 20, [200, 0, 0, 255]);
        let contained = resized(&image, (20, 20), ResizeMethod::Lanczos, Some(Fit::Contain));
        assert_eq!((contained.width, contained.height), (20, 20));
        let row = |image: &Image, y: usize| image.pixels[y * 80..y * 80 + 4].to_vec();
        assert_eq!(row(&contained, 4), [0, 0, 0, 0]);
        assert_eq!(row(&contained, 5), [200, 0, 0, 255]);
        assert_eq!(row(&contained, 14), [200, 0, 0, 255]);
        assert_eq!(row(&contained, 15), [0, 0, 0, 0]);

        let mut halves = solid(40, 20, [0, 0, 0, 255]);
        for row in halves.pixels.chunks_exact_mut(160) {
            row[..40].copy_from_slice(&[255; 40]);
            row[120..].copy_from_slice(&[255; 40]);
        }
        let covered = resized(&halves, (20, 20), ResizeMethod::Nearest, Some(Fit::Cover));
        assert!(covered.pixels.chunks_exact(4).all(|pixel| pixel == [0, 0, 0, 255]));
    }

    #[test]
    fn thin_pictures_keep_a_pixel() {
        let thin = resized(&noise(1, 500, 2), (10, 10), ResizeMethod::Lanczos, Some(Fit::Contain));
        assert_eq!((thin.width, thin.height), (10, 10));
        assert!(thin.pixels.chunks_exact(4).any(|pixel| pixel[3] > 0));
        for size in [(1, 1), (1, 7), (7, 1)] {
            for method in METHODS {
                let image = resized(&sprite(13, 5), size, method, Some(Fit::Fill));
                assert_eq!((image.width, image.height), size);
            }
        }
    }

    #[test]
    fn the_same_size_is_no_change_and_no_size_is_an_error() {
        let image = sprite(8, 8);
        assert_eq!(resize(&image, (8, 8), ResizeMethod::Lanczos, None).expect("a size"), None);
        for size in [(0, 8), (8, 0), (16_385, 1), (16_000, 16_000)] {
            let error = resize(&image, size, ResizeMethod::Lanczos, Some(Fit::Fill));
            assert!(matches!(error, Err(OpError::Size(_))), "{size:?}");
        }
    }
}
