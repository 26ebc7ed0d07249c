//! One picture on top of another.

use crate::base::{Encoding, Image, RelPath};
use crate::process::picture::alpha::put_below;
use crate::process::picture::decode::decode;
use crate::process::picture::{OpError, Size};

/// Decodes the project's picture that a watermark step names.
///
/// What it is says its content; only a TGA file, which has no signature, is known by its name.
///
/// # Errors
/// `OpError::NotRead` if its content is not at hand; `OpError::Source` if it is no raster file.
pub(super) fn read_mark(path: &RelPath, bytes: Option<&[u8]>) -> Result<Image, OpError> {
    let bytes = bytes.ok_or_else(|| OpError::NotRead(path.clone()))?;
    let named = path.extension().and_then(Encoding::from_extension);
    let encoding = Encoding::sniff(bytes).or(named).unwrap_or(Encoding::Png);
    decode(bytes, encoding).map_err(|source| OpError::Source { path: path.clone(), source })
}

/// Composes `mark` over `image`; none if that changes no pixel.
///
/// `opacity`: 0.0..=1.0. `position`: the word of the spec, `top-left` to `bottom-right` or
/// `center`; the mark touches the edges that it names and is centred along the others.
///
/// # Errors
/// `OpError::MarkTooLarge` if the mark is wider or higher than the picture.
pub(super) fn watermark(
    image: &Image,
    mark: &Image,
    opacity: f64,
    position: &str,
) -> Result<Option<Image>, OpError> {
    let Some(room) = room_around(image, mark) else {
        return Err(OpError::MarkTooLarge { mark: Size::of(mark), picture: Size::of(image) });
    };
    let (left, top) = corner(room, position);
    let mut marked = image.clone();
    let (row, mark_row) = (image.width as usize * 4, mark.width as usize * 4);
    let rows = marked.pixels.chunks_exact_mut(row).skip(top as usize);
    for (row, mark_row) in rows.zip(mark.pixels.chunks_exact(mark_row)) {
        let pixels = row[left as usize * 4..].chunks_exact_mut(4);
        for (pixel, mark) in pixels.zip(mark_row.chunks_exact(4)) {
            let alpha = (f64::from(mark[3]) * opacity.clamp(0.0, 1.0)).round() as u8;
            if alpha > 0 {
                let mut over = [mark[0], mark[1], mark[2], alpha];
                put_below(&mut over, [pixel[0], pixel[1], pixel[2], pixel[3]]);
                pixel.copy_from_slice(&over);
            }
        }
    }
    Ok((marked != *image).then_some(marked))
}

/// Columns and rows of `image` that `mark` leaves; none if it does not fit.
fn room_around(image: &Image, mark: &Image) -> Option<(u32, u32)> {
    Some((image.width.checked_sub(mark.width)?, image.height.checked_sub(mark.height)?))
}

/// The upper left corner of a mark with that much room; an odd pixel is left below and at the right.
fn corner(room: (u32, u32), position: &str) -> (u32, u32) {
    let along = |room: u32, start: &str, end: &str| {
        if position.split('-').any(|word| word == start) {
            0
        } else if position.split('-').any(|word| word == end) {
            room
        } else {
            room / 2
        }
    };
    (along(room.0, "left", "right"), along(room.1, "top", "bottom"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::DecodeError;
    use crate::process::picture::geometry::transparent;
    use crate::process::picture::png::encode_png;
    use crate::process::picture::samples::{noise, solid, sprite};

    fn pixel(image: &Image, x: u32, y: u32) -> [u8; 4] {
        let at = (y * image.width + x) as usize * 4;
        image.pixels[at..at + 4].try_into().expect("four channels")
    }

    #[test]
    fn each_position_is_where_its_name_says() {
        let mark = solid(1, 1, [255, 0, 0, 255]);
        for (position, x, y) in [
            ("top-left", 0, 0),
            ("top", 2, 0),
            ("top-right", 4, 0),
            ("left", 0, 1),
            ("center", 2, 1),
            ("right", 4, 1),
            ("bottom-left", 0, 3),
            ("bottom", 2, 3),
            ("bottom-right", 4, 3),
        ] {
            let marked = watermark(&transparent((5, 4)), &mark, 1.0, position);
            let marked = marked.expect("it fits").expect("a change");
            assert_eq!(pixel(&marked, x, y), [255, 0, 0, 255], "{position}");
            let others = marked.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 0).count();
            assert_eq!(others, 1, "{position}");
        }
    }

    #[test]
    fn opacity_mixes_the_colours() {
        let image = solid(2, 2, [0, 0, 200, 255]);
        let mark = solid(2, 2, [200, 0, 0, 255]);
        let at = |opacity| watermark(&image, &mark, opacity, "center").expect("it fits");
        assert_eq!(at(0.0), None);
        assert_eq!(pixel(&at(1.0).expect("a change"), 0, 0), [200, 0, 0, 255]);
        assert_eq!(pixel(&at(0.5).expect("a change"), 1, 1), [100, 0, 100, 255]);
        let on_nothing = watermark(&transparent((2, 2)), &mark, 0.5, "center").expect("it fits");
        assert_eq!(pixel(&on_nothing.expect("a change"), 0, 0), [200, 0, 0, 128]);
    }

    #[test]
    fn what_is_transparent_in_the_mark_leaves_the_picture_alone() {
        let image = noise(6, 6, 4);
        let mut mark = transparent((6, 6));
        mark.pixels[..3].fill(255);
        assert_eq!(watermark(&image, &mark, 1.0, "center").expect("it fits"), None);
    }

    #[test]
    fn a_mark_that_is_too_large_is_an_error_with_both_sizes() {
        for (width, height) in [(9, 3), (3, 9)] {
            let mark = sprite(width, height);
            let error = watermark(&sprite(8, 8), &mark, 1.0, "top").expect_err("too large");
            let text = format!(
                "the watermark is {width}x{height} and does not fit on the picture of 8x8; \
                 use a smaller one, or put `watermark` before the `resize`"
            );
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn a_mark_is_read_by_its_content() {
        let png = encode_png(&sprite(4, 3), 0);
        let path = |path| RelPath::new(path).expect("a plain path");
        assert_eq!(read_mark(&path("logo.jpg"), Some(&png)).expect("a PNG"), sprite(4, 3));
        let error = read_mark(&path("art/logo.svg"), Some(b"<svg/>")).expect_err("a drawing");
        assert_eq!(
            error.to_string(),
            "art/logo.svg cannot be put on the picture; a watermark is a PNG, JPEG, WebP, GIF, BMP \
             or TGA file"
        );
        assert!(matches!(error, OpError::Source { source: DecodeError::NotRaster(_), .. }));
        let error = read_mark(&path("logo.png"), Some(b"text")).expect_err("no picture");
        assert!(matches!(error, OpError::Source { source: DecodeError::Damaged { .. }, .. }));
        let error = read_mark(&path("logo.png"), None).expect_err("not read");
        assert_eq!(error.to_string(), "the content of logo.png was not read");
    }
}
