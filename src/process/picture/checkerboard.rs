//! Recognizes transparency that was drawn: the grey grid of image editors, as opaque pixels.
//!
//! Image models draw it when they are asked for transparency that they cannot give.

use crate::base::Image;
use crate::process::picture::geometry::{Rect, bounds};

/// Smallest side of a picture that is looked at; below it a grid and a texture look the same.
const MIN_SIDE: u32 = 16;

/// Largest difference of the channels of a pixel that counts as grey.
const MAX_CHROMA: u8 = 16;

/// Lowest alpha that counts as opaque; lossy files blur it a little.
const MIN_ALPHA: u8 = 250;

/// Whether a regular grid of two greys runs along at least two sides of what is visible.
///
/// Two sides, since the object may touch the others; what is visible, since a resize may have
/// added real transparency around the drawn one. Inside that the grid leaves no transparency: a
/// chequered floor with cut-out corners is a picture.
pub(super) fn has_drawn_checkerboard(image: &Image) -> bool {
    let Some(rect) = bounds(image, 0) else { return false };
    if rect.width < MIN_SIDE || rect.height < MIN_SIDE {
        return false;
    }
    if real_transparency(image, rect) > 0.02 {
        return false;
    }
    let sides = [Side::Top, Side::Bottom, Side::Left, Side::Right];
    let gridded = sides.into_iter().filter(|side| {
        let (length, depth) = match side {
            Side::Top | Side::Bottom => (rect.width, rect.height),
            Side::Left | Side::Right => (rect.height, rect.width),
        };
        let line =
            |depth| (0..length).map(|along| grey(image, side.place(rect, along, depth))).collect();
        is_gridded(&line, depth)
    });
    gridded.count() >= 2
}

/// The share of pixels in `rect` that are transparent.
fn real_transparency(image: &Image, rect: Rect) -> f64 {
    let row = image.width as usize * 4;
    let (left, right) = (rect.x as usize * 4, (rect.x + rect.width) as usize * 4);
    let rows = image.pixels.chunks_exact(row).skip(rect.y as usize).take(rect.height as usize);
    let transparent = rows
        .flat_map(|row| row[left..right].chunks_exact(4))
        .filter(|pixel| pixel[3] < MIN_ALPHA)
        .count();
    transparent as f64 / (f64::from(rect.width) * f64::from(rect.height))
}

/// A side of a rectangle.
#[derive(Clone, Copy)]
enum Side {
    Top,
    Bottom,
    Left,
    Right,
}

impl Side {
    /// The pixel that is `along` from the side's start and `depth` inwards.
    fn place(self, rect: Rect, along: u32, depth: u32) -> (u32, u32) {
        let Rect { x, y, width, height } = rect;
        match self {
            Self::Top => (x + along, y + depth),
            Self::Bottom => (x + along, y + height - 1 - depth),
            Self::Left => (x + depth, y + along),
            Self::Right => (x + width - 1 - depth, y + along),
        }
    }
}

/// The brightness of an opaque grey pixel.
fn grey(image: &Image, (x, y): (u32, u32)) -> Option<u8> {
    let at = (y as usize * image.width as usize + x as usize) * 4;
    let [r, g, b, a] = [0, 1, 2, 3].map(|channel| image.pixels[at + channel]);
    (a >= MIN_ALPHA && r.max(g).max(b) - r.min(g).min(b) <= MAX_CHROMA).then_some(g)
}

/// Whether the line next to a side alternates between two greys in cells of one length, and the
/// line one cell further in alternates the other way round.
fn is_gridded(line: &dyn Fn(u32) -> Vec<Option<u8>>, depth: u32) -> bool {
    // The outermost line is often an artefact of scaling, so the second one is used.
    let outer = line(1);
    let Some(middle) = split_of_two_tones(&outer) else { return false };
    let Some(cell) = regular_cell(&outer, middle) else { return false };
    if 1 + cell >= depth {
        return false;
    }
    let inner = line(1 + cell);
    let pairs = outer.iter().zip(&inner).filter_map(|(&a, &b)| Some((a?, b?)));
    let (mut both, mut opposite) = (0usize, 0usize);
    for (a, b) in pairs {
        both += 1;
        opposite += usize::from((a > middle) != (b > middle));
    }
    both * 2 >= outer.len() && opposite * 5 >= both * 4
}

/// The brightness between the two tones, if most of the line is grey and near one of them.
fn split_of_two_tones(line: &[Option<u8>]) -> Option<u8> {
    let greys: Vec<u32> = line.iter().filter_map(|grey| grey.map(u32::from)).collect();
    if greys.len() * 5 < line.len() * 4 {
        return None;
    }
    let mean = |values: &mut dyn Iterator<Item = u32>| {
        let (sum, count) = values.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / count)
    };
    let (mut low, mut high) = (*greys.iter().min()?, *greys.iter().max()?);
    // Two means in one dimension; four rounds settle on anything that is two tones.
    for _ in 0..4 {
        let middle = (low + high) / 2;
        low = mean(&mut greys.iter().copied().filter(|&grey| grey <= middle))?;
        high = mean(&mut greys.iter().copied().filter(|&grey| grey > middle))?;
    }
    if high < low + 8 {
        return None;
    }
    let near = ((high - low) / 4).max(3);
    let tight =
        greys.iter().filter(|&&grey| grey.abs_diff(low) <= near || grey.abs_diff(high) <= near);
    let middle = u8::try_from((low + high) / 2).expect("a mean of bytes");
    (tight.count() * 10 >= greys.len() * 7).then_some(middle)
}

/// The length of the cells, if at least four whole ones follow each other and most are equal.
fn regular_cell(line: &[Option<u8>], middle: u8) -> Option<u32> {
    let classes: Vec<Option<bool>> =
        line.iter().map(|grey| grey.map(|grey| grey > middle)).collect();
    let runs: Vec<(bool, usize)> =
        classes.chunk_by(|a, b| a == b).map(|run| (run[0].is_some(), run.len())).collect();
    // A whole cell lies between two others; what borders on something else may be cut.
    let mut whole: Vec<usize> = runs
        .windows(3)
        .filter(|runs| runs.iter().all(|(is_grey, _)| *is_grey))
        .map(|runs| runs[1].1)
        .collect();
    if whole.len() < 4 {
        return None;
    }
    whole.sort_unstable();
    let cell = whole[whole.len() / 2];
    let regular = whole.iter().filter(|&&run| run.abs_diff(cell) <= (cell / 5).max(1)).count();
    (cell >= 2 && regular * 5 >= whole.len() * 4).then_some(cell as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::picture::geometry::{place, transparent};
    use crate::process::picture::samples::{noise, solid, sprite};

    fn grid(side: u32, cell: u32, greys: [u8; 2], phase: u32) -> Image {
        let mut image = solid(side, side, [0, 0, 0, 255]);
        for y in 0..side {
            for x in 0..side {
                let class = ((x + phase) / cell + (y + phase) / cell) % 2;
                let at = (y * side + x) as usize * 4;
                image.pixels[at..at + 3].fill(greys[class as usize]);
            }
        }
        image
    }

    #[test]
    fn grids_of_any_cell_and_tone_are_recognized() {
        for (cell, greys, phase) in
            [(8, [255, 204], 0), (16, [255, 255 - 10], 5), (10, [102, 153], 3), (5, [200, 230], 1)]
        {
            let mut image = grid(128, cell, greys, phase);
            place(&solid(60, 100, [180, 20, 20, 255]), &mut image, (34, 28));
            assert!(has_drawn_checkerboard(&image), "cell {cell}, greys {greys:?}");
        }
    }

    #[test]
    fn a_noisy_grid_is_recognized() {
        let mut image = grid(160, 16, [250, 205], 4);
        for (pixel, noise) in image.pixels.chunks_exact_mut(4).zip(noise(160, 160, 9).pixels) {
            pixel[..3].iter_mut().for_each(|channel| *channel = channel.saturating_sub(noise % 7));
        }
        assert!(has_drawn_checkerboard(&image));
    }

    #[test]
    fn a_grid_inside_real_transparency_is_recognized() {
        let mut image = transparent((128, 200));
        place(&grid(128, 8, [255, 204], 0), &mut image, (0, 36));
        assert!(has_drawn_checkerboard(&image));
    }

    #[test]
    fn a_chequered_object_with_real_transparency_is_a_picture() {
        let mut floor = grid(128, 8, [255, 204], 0);
        for (at, pixel) in floor.pixels.chunks_exact_mut(4).enumerate() {
            let (x, y) = (at as i32 % 128 - 64, at as i32 / 128 - 64);
            if x.abs() + y.abs() > 100 {
                pixel.fill(0);
            }
        }
        assert!(!has_drawn_checkerboard(&floor));
    }

    #[test]
    fn other_pictures_are_not_grids() {
        let mut stripes = solid(64, 64, [255, 255, 255, 255]);
        for (x, pixel) in stripes.pixels.chunks_exact_mut(4).enumerate() {
            if x % 64 / 8 % 2 == 0 {
                pixel[..3].fill(200);
            }
        }
        let mut gradient = solid(64, 64, [0, 0, 0, 255]);
        for (at, pixel) in gradient.pixels.chunks_exact_mut(4).enumerate() {
            pixel[..3].fill((at % 64 * 4) as u8);
        }
        let mut coloured = grid(64, 8, [255, 204], 0);
        coloured.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[0] /= 2);
        for image in [
            stripes,
            gradient,
            coloured,
            noise(64, 64, 1),
            sprite(64, 64),
            solid(64, 64, [200, 200, 200, 255]),
            transparent((64, 64)),
            grid(12, 3, [255, 204], 0),
            solid(1, 1, [0; 4]),
        ] {
            assert!(!has_drawn_checkerboard(&image), "{image:?}");
        }
    }
}
