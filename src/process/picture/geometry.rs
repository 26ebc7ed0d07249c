//! What moves the edges of a picture and leaves its pixels alone: crop, pad, trim.

use crate::base::Image;
use crate::process::picture::decode::MAX_PIXELS;
use crate::process::picture::{OpError, Size};

/// Most pixels along one side.
pub(super) const MAX_SIDE: u32 = 16_384;

/// Checks that a picture of `size` can be made.
///
/// # Errors
/// `OpError::Size` if a side is zero or too long, or there are too many pixels.
pub(super) fn check_size(size: (u32, u32)) -> Result<(), OpError> {
    let pixels = u64::from(size.0) * u64::from(size.1);
    if pixels == 0 || size.0.max(size.1) > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(OpError::Size(size.into()));
    }
    Ok(())
}

/// A picture of nothing.
pub(super) fn transparent(size: (u32, u32)) -> Image {
    Image { width: size.0, height: size.1, pixels: vec![0; size.0 as usize * size.1 as usize * 4] }
}

/// Copies `image` over `canvas` with its upper left corner `at`; it must fit.
pub(super) fn place(image: &Image, canvas: &mut Image, at: (u32, u32)) {
    let (row, canvas_row) = (image.width as usize * 4, canvas.width as usize * 4);
    let start = at.1 as usize * canvas_row + at.0 as usize * 4;
    for (from, to) in
        image.pixels.chunks_exact(row).zip(canvas.pixels[start..].chunks_mut(canvas_row))
    {
        to[..row].copy_from_slice(from);
    }
}

/// A rectangle of whole pixels, not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Cuts `rect` out of `image`; none if that is all of it.
///
/// # Errors
/// `OpError::Outside` unless the rectangle lies inside and has pixels.
pub(super) fn crop(image: &Image, rect: Rect) -> Result<Option<Image>, OpError> {
    let inside = |start: u32, length: u32, all: u32| {
        length > 0 && start.checked_add(length).is_some_and(|end| end <= all)
    };
    if !inside(rect.x, rect.width, image.width) || !inside(rect.y, rect.height, image.height) {
        return Err(OpError::Outside {
            x: rect.x,
            y: rect.y,
            part: (rect.width, rect.height).into(),
            found: Size::of(image),
        });
    }
    if (rect.width, rect.height) == (image.width, image.height) {
        return Ok(None);
    }
    let (row, part) = (image.width as usize * 4, rect.width as usize * 4);
    let left = rect.x as usize * 4;
    let pixels = image
        .pixels
        .chunks_exact(row)
        .skip(rect.y as usize)
        .take(rect.height as usize)
        .flat_map(|row| &row[left..left + part])
        .copied()
        .collect();
    Ok(Some(Image { width: rect.width, height: rect.height, pixels }))
}

/// Puts `image` in the middle of a canvas of `size` and `color`; none if it has that size.
///
/// An odd pixel goes to the right and to the bottom. The picture's own transparent pixels stay.
///
/// # Errors
/// `OpError::PadShrinks` if the canvas is smaller than the picture on either side.
pub(super) fn pad(
    image: &Image,
    size: (u32, u32),
    color: [u8; 4],
) -> Result<Option<Image>, OpError> {
    check_size(size)?;
    if size.0 < image.width || size.1 < image.height {
        return Err(OpError::PadShrinks { found: Size::of(image), wanted: size.into() });
    }
    if size == (image.width, image.height) {
        return Ok(None);
    }
    let mut canvas = transparent(size);
    if color != [0; 4] {
        canvas.pixels.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&color));
    }
    place(image, &mut canvas, ((size.0 - image.width) / 2, (size.1 - image.height) / 2));
    Ok(Some(canvas))
}

/// Cuts off the rows and columns at the edges whose alpha is at most `threshold`, but keeps up to
/// `margin` of them; none if there is nothing to cut.
///
/// # Errors
/// `OpError::NothingLeft` if no pixel has more alpha than that.
pub(super) fn trim(image: &Image, threshold: u8, margin: u32) -> Result<Option<Image>, OpError> {
    let rect = bounds(image, threshold).ok_or(OpError::NothingLeft { threshold })?;
    let left = rect.x.saturating_sub(margin);
    let top = rect.y.saturating_sub(margin);
    let right = (rect.x + rect.width).saturating_add(margin).min(image.width);
    let bottom = (rect.y + rect.height).saturating_add(margin).min(image.height);
    crop(image, Rect { x: left, y: top, width: right - left, height: bottom - top })
}

/// The smallest rectangle with all pixels whose alpha is above `threshold`.
pub(super) fn bounds(image: &Image, threshold: u8) -> Option<Rect> {
    let (mut left, mut right) = (u32::MAX, 0);
    let (mut top, mut bottom) = (u32::MAX, 0);
    for (y, row) in (0..).zip(image.pixels.chunks_exact(image.width as usize * 4)) {
        let seen = |pixel: &[u8]| pixel[3] > threshold;
        let Some(first) = row.chunks_exact(4).position(seen) else { continue };
        let last = row.chunks_exact(4).rposition(seen).expect("there is a first one");
        left = left.min(first as u32);
        right = right.max(last as u32);
        top = top.min(y);
        bottom = y;
    }
    (top != u32::MAX).then(|| Rect {
        x: left,
        y: top,
        width: right - left + 1,
        height: bottom - top + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::samples::{noise, solid};

    fn spot(width: u32, height: u32, x: u32, y: u32) -> Image {
        let mut image = transparent((width, height));
        place(&solid(1, 1, [1, 2, 3, 200]), &mut image, (x, y));
        image
    }

    #[test]
    fn a_crop_keeps_its_rectangle() {
        let image = noise(5, 4, 1);
        let rect = Rect { x: 1, y: 2, width: 3, height: 2 };
        let part = crop(&image, rect).expect("inside").expect("a change");
        assert_eq!((part.width, part.height), (3, 2));
        assert_eq!(part.pixels[..12], image.pixels[44..56]);
        let whole = Rect { x: 0, y: 0, width: 5, height: 4 };
        assert_eq!(crop(&image, whole).expect("inside"), None);
    }

    #[test]
    fn a_crop_outside_is_an_error_with_both_sizes() {
        let image = noise(5, 4, 1);
        for (x, y, width, height) in
            [(0, 0, 6, 4), (5, 0, 1, 1), (0, 0, 0, 4), (u32::MAX, 0, 2, 1), (0, 3, 1, 2)]
        {
            let error = crop(&image, Rect { x, y, width, height }).expect_err("outside");
            assert!(error.to_string().contains("5x4"), "{error}");
        }
    }

    #[test]
    fn padding_centers_and_fills() {
        let image = solid(2, 2, [9, 9, 9, 255]);
        let padded = pad(&image, (5, 4), [1, 2, 3, 4]).expect("larger").expect("a change");
        let pixel = |x: usize, y: usize| padded.pixels[(y * 5 + x) * 4..][..4].to_vec();
        assert_eq!(pixel(0, 0), [1, 2, 3, 4]);
        assert_eq!(pixel(1, 1), [9, 9, 9, 255]);
        assert_eq!(pixel(2, 2), [9, 9, 9, 255]);
        assert_eq!(pixel(3, 2), [1, 2, 3, 4]);
        assert_eq!(pad(&image, (2, 2), [1; 4]).expect("the same size"), None);
        let error = pad(&image, (1, 9), [0; 4]).expect_err("smaller");
        assert_eq!(error.to_string(), "the picture is 2x2 and does not fit into 1x9");
    }

    #[test]
    fn trimming_keeps_a_margin_inside_the_picture() {
        let image = spot(9, 7, 4, 1);
        let size = |threshold, margin| {
            trim(&image, threshold, margin)
                .map(|image| image.map(|image| (image.width, image.height)))
        };
        assert_eq!(size(0, 0).expect("a spot"), Some((1, 1)));
        assert_eq!(size(0, 2).expect("a spot"), Some((5, 4)));
        assert_eq!(size(0, u32::MAX).expect("a spot"), None);
        assert_eq!(size(199, 0).expect("a spot"), Some((1, 1)));
        assert!(matches!(size(200, 0), Err(OpError::NothingLeft { threshold: 200 })));
    }

    #[test]
    fn bounds_of_the_corners_are_everything() {
        let mut image = spot(6, 5, 0, 4);
        place(&solid(1, 1, [1; 4]), &mut image, (5, 0));
        assert_eq!(bounds(&image, 0), Some(Rect { x: 0, y: 0, width: 6, height: 5 }));
        assert_eq!(bounds(&transparent((3, 3)), 0), None);
    }
}
