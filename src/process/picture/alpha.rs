//! What reads or writes transparency: key_background, outline.

use crate::base::Image;
use crate::process::picture::OpError;

/// Makes a plain background transparent; none if nothing is.
///
/// With `color` every pixel of that colour goes, as with a green screen. Without it the colour is
/// that of the four corners and only what is connected to the edges goes, so that eyes and teeth
/// of the same colour stay.
///
/// `tolerance`: largest difference of one channel that still counts as background.
///
/// # Errors
/// `OpError::NoBackground` if the corners differ by more than the tolerance.
pub(super) fn key_background(
    image: &Image,
    color: Option<[u8; 3]>,
    tolerance: u8,
) -> Result<Option<Image>, OpError> {
    let mut keyed = image.clone();
    match color {
        Some(color) => {
            for pixel in keyed.pixels.chunks_exact_mut(4) {
                if is_near(pixel, color, tolerance) {
                    pixel.fill(0);
                }
            }
        }
        None => match corner_color(image, tolerance)? {
            Some(color) => clear_from_edges(&mut keyed, color, tolerance),
            None => return Ok(None),
        },
    }
    Ok((keyed != *image).then_some(keyed))
}

fn is_near(pixel: &[u8], color: [u8; 3], tolerance: u8) -> bool {
    pixel.iter().zip(color).all(|(&a, b)| a.abs_diff(b) <= tolerance)
}

/// The colour of the first opaque corner, if the others agree; none if all are transparent.
fn corner_color(image: &Image, tolerance: u8) -> Result<Option<[u8; 3]>, OpError> {
    let last_row = image.pixels.len() - image.width as usize * 4;
    let row_end = image.width as usize * 4 - 4;
    let corners = [0, row_end, last_row, last_row + row_end]
        .map(|at| [0, 1, 2, 3].map(|channel| image.pixels[at + channel]));
    let mut seen = corners.iter().filter(|corner| corner[3] > 0);
    let Some(&[r, g, b, _]) = seen.next() else { return Ok(None) };
    match seen.find(|corner| !is_near(*corner, [r, g, b], tolerance)) {
        Some(&[r2, g2, b2, _]) => {
            Err(OpError::NoBackground { first: [r, g, b], other: [r2, g2, b2], tolerance })
        }
        None => Ok(Some([r, g, b])),
    }
}

/// Clears what is near `color` and connected to an edge over its four sides; transparent pixels
/// count as background.
fn clear_from_edges(image: &mut Image, color: [u8; 3], tolerance: u8) {
    let (width, height) = (image.width as usize, image.height as usize);
    let mut seen = vec![false; width * height];
    let mut open: Vec<usize> = (0..width)
        .flat_map(|x| [x, (height - 1) * width + x])
        .chain((0..height).flat_map(|y| [y * width, y * width + width - 1]))
        .collect();
    while let Some(at) = open.pop() {
        let pixel = &mut image.pixels[at * 4..at * 4 + 4];
        if seen[at] || !(pixel[3] == 0 || is_near(pixel, color, tolerance)) {
            continue;
        }
        seen[at] = true;
        pixel.fill(0);
        let (x, y) = (at % width, at / width);
        if x > 0 {
            open.push(at - 1);
        }
        if x + 1 < width {
            open.push(at + 1);
        }
        if y > 0 {
            open.push(at - width);
        }
        if y + 1 < height {
            open.push(at + width);
        }
    }
}

/// Draws an outline of `width` pixels around everything with an alpha of at least 128; none if
/// there is nothing to draw.
///
/// The outline lies below the picture, its outer edge is smooth, and it ends at the picture's
/// edges: pad first if there is no room.
pub(super) fn outline(image: &Image, width: u32, color: [u8; 4]) -> Option<Image> {
    if width == 0 || color[3] == 0 {
        return None;
    }
    let reach = width as usize + 1;
    let distances = squared_distances(image, reach);
    let mut outlined = image.clone();
    for (pixel, squared) in outlined.pixels.chunks_exact_mut(4).zip(distances) {
        if pixel[3] == 255 {
            continue;
        }
        // Square root, sum and product are exact by IEEE 754, so this is the same everywhere.
        let cover = (f64::from(width) + 1.0 - f64::from(squared).sqrt()).clamp(0.0, 1.0);
        let alpha = (f64::from(color[3]) * cover).round() as u8;
        put_below(pixel, [color[0], color[1], color[2], alpha]);
    }
    (outlined != *image).then_some(outlined)
}

/// For every pixel the squared distance to the nearest solid one, `u32::MAX` beyond `reach`.
///
/// First along columns, then the best column of each row's neighbourhood, in integers.
/// Source: Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions (the separation
/// of axes; with a short reach a scan is faster than their envelope).
fn squared_distances(image: &Image, reach: usize) -> Vec<u32> {
    const FAR: u32 = u32::MAX;
    let (width, height) = (image.width as usize, image.height as usize);
    let solid = |at: usize| image.pixels[at * 4 + 3] >= 128;
    let mut columns = vec![FAR; width * height];
    for (rows, step) in [(0, 1isize), (height - 1, -1)] {
        for x in 0..width {
            let mut distance = FAR;
            let mut y = rows as isize;
            while (0..height as isize).contains(&y) {
                let at = y as usize * width + x;
                distance = if solid(at) { 0 } else { distance.saturating_add(1) };
                columns[at] = columns[at].min(distance);
                y += step;
            }
        }
    }
    let square = |distance: u32| distance.checked_mul(distance).unwrap_or(FAR);
    let mut squared = vec![FAR; width * height];
    for (row, found) in columns.chunks_exact(width).zip(squared.chunks_exact_mut(width)) {
        for (x, found) in found.iter_mut().enumerate() {
            let near = x.saturating_sub(reach)..(x + reach + 1).min(width);
            *found = near
                .clone()
                .zip(&row[near])
                .map(|(other, &column)| {
                    square(x.abs_diff(other) as u32).saturating_add(square(column))
                })
                .min()
                .unwrap_or(FAR);
        }
    }
    squared
}

/// Composes `pixel` over `below`, both straight alpha, rounding to nearest.
pub(super) fn put_below(pixel: &mut [u8], below: [u8; 4]) {
    let top = u32::from(pixel[3]);
    let rest = u32::from(below[3]) * (255 - top);
    // In units of 1/255: alpha is exact until the last division.
    let alpha = top * 255 + rest;
    if alpha == 0 {
        return;
    }
    for (channel, below) in pixel.iter_mut().zip(&below[..3]) {
        let mixed = u32::from(*channel) * top * 255 + u32::from(*below) * rest;
        *channel = ((mixed + alpha / 2) / alpha) as u8;
    }
    pixel[3] = ((alpha + 127) / 255) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::geometry::{place, transparent};
    use crate::process::picture::samples::solid;

    fn pixel(image: &Image, x: u32, y: u32) -> [u8; 4] {
        let at = (y * image.width + x) as usize * 4;
        image.pixels[at..at + 4].try_into().expect("four channels")
    }

    /// A white field with a red ring whose inside is white.
    fn ring() -> Image {
        let mut image = solid(12, 12, [255, 255, 255, 255]);
        place(&solid(6, 6, [200, 0, 0, 255]), &mut image, (3, 3));
        place(&solid(2, 2, [255, 255, 255, 255]), &mut image, (5, 5));
        image
    }

    #[test]
    fn the_background_goes_and_the_enclosed_part_stays() {
        let keyed = key_background(&ring(), None, 10).expect("a background").expect("a change");
        assert_eq!(pixel(&keyed, 0, 0), [0, 0, 0, 0]);
        assert_eq!(pixel(&keyed, 3, 3), [200, 0, 0, 255]);
        assert_eq!(pixel(&keyed, 5, 5), [255, 255, 255, 255]);
    }

    #[test]
    fn a_named_colour_goes_everywhere() {
        let keyed = key_background(&ring(), Some([255, 250, 255]), 5).expect("a colour");
        let keyed = keyed.expect("a change");
        assert_eq!(pixel(&keyed, 5, 5), [0, 0, 0, 0]);
        assert_eq!(pixel(&keyed, 4, 4), [200, 0, 0, 255]);
        assert_eq!(key_background(&ring(), Some([0, 255, 0]), 5).expect("a colour"), None);
    }

    #[test]
    fn corners_that_differ_are_an_error() {
        let mut image = ring();
        place(&solid(1, 1, [0, 0, 255, 255]), &mut image, (11, 11));
        let error = key_background(&image, None, 10).expect_err("two colours");
        assert_eq!(
            error.to_string(),
            "the corners are #ffffff and #0000ff, which is more than the tolerance of 10 apart"
        );
        assert!(key_background(&image, None, 255).is_ok());
    }

    #[test]
    fn what_is_transparent_already_is_no_background_colour() {
        let image = transparent((4, 4));
        assert_eq!(key_background(&image, None, 10).expect("corners agree"), None);
        assert_eq!(
            key_background(&solid(1, 1, [5; 4]), None, 0).expect("one pixel").map(|i| i.pixels),
            Some(vec![0; 4])
        );
    }

    #[test]
    fn an_outline_has_its_width_and_lies_below() {
        let mut image = transparent((15, 15));
        place(&solid(5, 5, [200, 0, 0, 255]), &mut image, (5, 5));
        let outlined = outline(&image, 2, [0, 0, 255, 255]).expect("room for it");
        assert_eq!(pixel(&outlined, 7, 7), [200, 0, 0, 255]);
        assert_eq!(pixel(&outlined, 4, 7), [0, 0, 255, 255]);
        assert_eq!(pixel(&outlined, 3, 7), [0, 0, 255, 255]);
        assert_eq!(pixel(&outlined, 2, 7), [0, 0, 0, 0]);
        assert!((1..255).contains(&pixel(&outlined, 3, 3)[3]), "a smooth corner");
        assert_eq!(pixel(&outlined, 2, 2), [0, 0, 0, 0]);
    }

    #[test]
    fn an_outline_of_nothing_is_no_change() {
        assert_eq!(outline(&transparent((4, 4)), 2, [0, 0, 0, 255]), None);
        assert_eq!(outline(&solid(4, 4, [1, 1, 1, 255]), 2, [0, 0, 0, 255]), None);
        assert_eq!(outline(&ring(), 0, [0, 0, 0, 255]), None);
        assert_eq!(outline(&solid(1, 1, [1, 1, 1, 255]), u32::MAX - 1, [0, 0, 0, 255]), None);
    }

    #[test]
    fn composing_is_exact_at_its_ends() {
        let mut half = [255, 0, 0, 128];
        put_below(&mut half, [0, 0, 255, 255]);
        assert_eq!(half, [128, 0, 127, 255]);
        let mut none = [0, 0, 0, 0];
        put_below(&mut none, [1, 2, 3, 77]);
        assert_eq!(none, [1, 2, 3, 77]);
    }
}
