//! A contact sheet: published pictures in rows, so that a person sees all of a project at a glance.

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};

/// Width of a sheet, in pixels.
const WIDTH: u32 = 1280;

/// Height of a row, in pixels: larger pictures are scaled down to it.
const ROW: u32 = 96;

/// Distance between pictures and to the edges, in pixels.
const GAP: u32 = 12;

const BACKGROUND: Rgba<u8> = Rgba([44, 48, 66, 255]);

/// Puts pictures side by side in rows, in their order; none for no pictures.
///
/// Larger ones are scaled down to the height of a row, smaller ones keep their pixels.
pub fn compose(pictures: &[RgbaImage]) -> Option<RgbaImage> {
    let fitted: Vec<RgbaImage> = pictures.iter().map(fit).collect();
    let places = place(&fitted);
    let bottom = places.iter().map(|(_, y)| y + ROW).max()?;
    let mut sheet = RgbaImage::from_pixel(WIDTH, bottom + GAP, BACKGROUND);
    for (picture, (x, y)) in fitted.iter().zip(places) {
        let lift = ROW - picture.height();
        imageops::overlay(&mut sheet, picture, x.into(), (y + lift / 2).into());
    }
    Some(sheet)
}

fn fit(picture: &RgbaImage) -> RgbaImage {
    let (width, height) = picture.dimensions();
    let most = WIDTH - 2 * GAP;
    let scale = f64::min(f64::from(ROW) / f64::from(height), f64::from(most) / f64::from(width));
    if scale >= 1.0 {
        return picture.clone();
    }
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    imageops::resize(picture, scaled(width), scaled(height).min(ROW), FilterType::Triangle)
}

/// Left upper corners of the row cells.
fn place(pictures: &[RgbaImage]) -> Vec<(u32, u32)> {
    let (mut x, mut y) = (GAP, GAP);
    let mut places = Vec::new();
    for picture in pictures {
        if x > GAP && x + picture.width() + GAP > WIDTH {
            (x, y) = (GAP, y + ROW + GAP);
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
        let sheet = compose(&[plain(10, 10, 200), plain(512, 256, 100)]).expect("two pictures");
        assert_eq!(sheet.dimensions(), (WIDTH, ROW + 2 * GAP));
        let row_middle = GAP + ROW / 2;
        assert_eq!(sheet.get_pixel(GAP + 5, row_middle).0, [200, 0, 0, 255]);
        assert_eq!(sheet.get_pixel(GAP + 10 + GAP + 1, row_middle).0, [100, 0, 0, 255]);
        assert_eq!(sheet.get_pixel(GAP + 10 + GAP + 192 + 1, row_middle), &BACKGROUND);
    }

    #[test]
    fn a_full_row_is_followed_by_another() {
        let sheet = compose(&vec![plain(192, 96, 9); 7]).expect("seven pictures");
        assert_eq!(sheet.height(), 2 * (ROW + GAP) + GAP);
    }

    #[test]
    fn a_very_wide_picture_fits_and_nothing_gives_nothing() {
        assert_eq!(compose(&[plain(4000, 2, 1)]).map(|s| s.width()), Some(WIDTH));
        assert_eq!(compose(&[]), None);
    }
}
