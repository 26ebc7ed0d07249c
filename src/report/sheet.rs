//! A contact sheet: published pictures and the waveforms of sounds in rows, so that a person sees all
//! of a project at a glance.

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};

/// Width of a sheet, in pixels.
const WIDTH: u32 = 1280;

/// Height of a row, in pixels: larger pictures are scaled down to it.
pub const ROW: u32 = 96;

/// Height of a row of results that a person chooses from, in pixels.
pub const LARGE: u32 = 288;

/// Height of the line with the number above a result, in pixels.
const LABEL: u32 = 32;

const NUMBER: Rgba<u8> = Rgba([235, 235, 240, 255]);
/// Checks reject the result.
const REJECTED: Rgba<u8> = Rgba([235, 110, 100, 255]);

/// Rows of the digits 0 to 9, three pixels wide: the highest of three bits is the left one.
const DIGITS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 3, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 1, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

/// Size of a pixel of a digit.
const DOT: u32 = 4;

/// Distance between pictures and to the edges, in pixels.
const GAP: u32 = 12;

const BACKGROUND: Rgba<u8> = Rgba([44, 48, 66, 255]);

/// Columns of a waveform for a second of sound.
pub const COLUMNS_PER_SECOND: u32 = 120;

/// Columns of the widest waveform: longer sounds are drawn narrower.
const MOST_COLUMNS: usize = 600;

const WAVE_BACKGROUND: Rgba<u8> = Rgba([54, 59, 80, 255]);
const WAVE_MIDDLE: Rgba<u8> = Rgba([84, 92, 120, 255]);
const WAVE: Rgba<u8> = Rgba([132, 204, 190, 255]);
/// Full scale or more.
const WAVE_CLIPPED: Rgba<u8> = Rgba([235, 110, 100, 255]);

/// Draws a sound, as wide as it is long and as high as a row: full scale touches both edges.
///
/// `ranges`: the lowest and highest sample of each of `COLUMNS_PER_SECOND` stretches per second.
pub fn waveform(ranges: &[[f32; 2]]) -> RgbaImage {
    let together = ranges.len().div_ceil(MOST_COLUMNS).max(1);
    let columns: Vec<[f32; 2]> = ranges
        .chunks(together)
        .map(|some| some.iter().fold(some[0], |[low, high], [l, h]| [low.min(*l), high.max(*h)]))
        .collect();
    let mut picture = RgbaImage::from_pixel(columns.len().max(1) as u32, ROW, WAVE_BACKGROUND);
    let row_of = |sample: f32| {
        let share = f64::from(1.0 - sample.clamp(-1.0, 1.0)) / 2.0;
        (share * f64::from(ROW - 1)).round() as u32
    };
    for (x, [low, high]) in (0..).zip(columns) {
        picture.put_pixel(x, row_of(0.0), WAVE_MIDDLE);
        let color = if low <= -1.0 || high >= 1.0 { WAVE_CLIPPED } else { WAVE };
        if low != 0.0 || high != 0.0 {
            (row_of(high)..=row_of(low)).for_each(|y| picture.put_pixel(x, y, color));
        }
    }
    picture
}

/// Puts pictures side by side in rows of a height, in their order; none for no pictures.
///
/// Larger ones are scaled down to the height of a row, smaller ones keep their pixels.
pub fn compose(pictures: &[RgbaImage], row: u32) -> Option<RgbaImage> {
    let fitted: Vec<RgbaImage> = pictures.iter().map(|picture| fit(picture, row)).collect();
    let places = place(&fitted, row);
    let bottom = places.iter().map(|(_, y)| y + row).max()?;
    let mut sheet = RgbaImage::from_pixel(WIDTH, bottom + GAP, BACKGROUND);
    for (picture, (x, y)) in fitted.iter().zip(places) {
        let lift = row - picture.height();
        imageops::overlay(&mut sheet, picture, x.into(), (y + lift / 2).into());
    }
    Some(sheet)
}

/// A picture with its number above it, red and struck through if checks reject it.
pub fn numbered(picture: &RgbaImage, number: usize, is_rejected: bool) -> RgbaImage {
    let picture = fit(picture, LARGE - LABEL);
    let text = number.to_string();
    let width_of_text = 4 * DOT * u32::try_from(text.len()).unwrap_or(1);
    let width = picture.width().max(width_of_text + 2 * DOT);
    let mut cell = RgbaImage::from_pixel(width, LARGE, WAVE_BACKGROUND);
    let color = if is_rejected { REJECTED } else { NUMBER };
    let mut dot = |x: u32, y: u32, width: u32| {
        for (dx, dy) in (0..width).flat_map(|dx| (0..DOT).map(move |dy| (dx, dy))) {
            if x + dx < cell.width() {
                cell.put_pixel(x + dx, y + dy, color);
            }
        }
    };
    for (place, digit) in (0..).zip(text.bytes().map(|digit| DIGITS[usize::from(digit - b'0')])) {
        for (y, row) in (0..).zip(digit) {
            for x in (0..3).filter(|x| row >> (2 - x) & 1 == 1) {
                dot(DOT * (1 + 4 * place + x), DOT * (1 + y), DOT);
            }
        }
    }
    if is_rejected {
        dot(0, 3 * DOT, width_of_text + DOT);
    }
    let (left, room) = ((width - picture.width()) / 2, LARGE - LABEL - picture.height());
    imageops::overlay(&mut cell, &picture, left.into(), (LABEL + room / 2).into());
    cell
}

fn fit(picture: &RgbaImage, row: u32) -> RgbaImage {
    let (width, height) = picture.dimensions();
    let most = WIDTH - 2 * GAP;
    let scale = f64::min(f64::from(row) / f64::from(height), f64::from(most) / f64::from(width));
    if scale >= 1.0 {
        return picture.clone();
    }
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    imageops::resize(picture, scaled(width), scaled(height).min(row), FilterType::Triangle)
}

/// Left upper corners of the row cells.
fn place(pictures: &[RgbaImage], row: u32) -> Vec<(u32, u32)> {
    let (mut x, mut y) = (GAP, GAP);
    let mut places = Vec::new();
    for picture in pictures {
        if x > GAP && x + picture.width() + GAP > WIDTH {
            (x, y) = (GAP, y + row + GAP);
        }
        places.push((x, y));
        x += picture.width() + GAP;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, red: u8) -> RgbaImage {
        RgbaImage::from_pixel(width, height, Rgba([red, 0, 0, 255]))
    }

    #[test]
    fn small_pictures_keep_their_pixels_and_large_ones_fit_their_row() {
        let sheet =
            compose(&[plain(10, 10, 200), plain(512, 256, 100)], ROW).expect("two pictures");
        assert_eq!(sheet.dimensions(), (WIDTH, ROW + 2 * GAP));
        let row_middle = GAP + ROW / 2;
        assert_eq!(sheet.get_pixel(GAP + 5, row_middle).0, [200, 0, 0, 255]);
        assert_eq!(sheet.get_pixel(GAP + 10 + GAP + 1, row_middle).0, [100, 0, 0, 255]);
        assert_eq!(sheet.get_pixel(GAP + 10 + GAP + 192 + 1, row_middle), &BACKGROUND);
    }

    #[test]
    fn a_full_row_is_followed_by_another() {
        let sheet = compose(&vec![plain(192, 96, 9); 7], ROW).expect("seven pictures");
        assert_eq!(sheet.height(), 2 * (ROW + GAP) + GAP);
    }

    #[test]
    fn waveforms_are_as_wide_as_the_sound_is_long_and_as_high_as_it_is_loud() {
        let second = COLUMNS_PER_SECOND as usize;
        let quiet = waveform(&vec![[-0.5, 0.5]; second]);
        assert_eq!(quiet.dimensions(), (COLUMNS_PER_SECOND, ROW));
        let painted = quiet.enumerate_pixels().filter(|(x, _, pixel)| *x == 7 && **pixel == WAVE);
        assert_eq!(painted.count(), ROW as usize / 2);
        let silent = waveform(&[[0.0, 0.0]]);
        assert!(silent.pixels().all(|pixel| [WAVE_BACKGROUND, WAVE_MIDDLE].contains(pixel)));
        let loud = waveform(&[[-1.0, 0.2], [-0.2, 0.2]]);
        assert_eq!((loud.get_pixel(0, ROW - 1), loud.get_pixel(1, 48)), (&WAVE_CLIPPED, &WAVE));
    }

    #[test]
    fn a_long_sound_is_drawn_narrower_and_keeps_its_peaks() {
        let mut hour = vec![[0.0, 0.0]; 3_600 * COLUMNS_PER_SECOND as usize];
        hour[200_000] = [-0.9, 0.9];
        let picture = waveform(&hour);
        assert!(picture.width() as usize <= MOST_COLUMNS);
        assert!(picture.pixels().any(|pixel| *pixel == WAVE));
        assert_eq!(waveform(&[]).width(), 1);
    }

    #[test]
    fn a_result_has_its_number_above_it_in_red_if_it_is_rejected() {
        let cell = numbered(&plain(512, 512, 9), 1, false);
        assert_eq!(cell.dimensions(), (LARGE - LABEL, LARGE));
        // The foot of the 1.
        assert_eq!(cell.get_pixel(DOT, 5 * DOT), &NUMBER);
        assert_eq!(cell.get_pixel(DOT, DOT), &WAVE_BACKGROUND);
        assert_eq!(cell.get_pixel(100, LABEL).0, [9, 0, 0, 255]);
        let rejected = numbered(&plain(4, 4, 9), 27, true);
        assert!(rejected.pixels().any(|pixel| *pixel == REJECTED));
        assert!(rejected.width() >= 8 * DOT);
    }

    #[test]
    fn a_very_wide_picture_fits_and_nothing_gives_nothing() {
        assert_eq!(compose(&[plain(4000, 2, 1)], ROW).map(|s| s.width()), Some(WIDTH));
        assert_eq!(compose(&[], ROW), None);
    }
}
