//! The samples that a PNG holds: as few bits per pixel as the picture's colours need.

use crate::base::Image;
use crate::process::picture::png::palette::{ColorIndex, Survey};

/// Samples in the form of a file, before filters.
pub(super) struct Samples {
    /// Colour type of the header.
    pub(super) color: u8,
    /// Bits per sample.
    pub(super) depth: u8,
    /// RGBA of each index; empty without indices.
    pub(super) palette: Vec<[u8; 4]>,
    /// Rows from the top, each begun on a byte of its own.
    pub(super) rows: Vec<u8>,
    /// Bytes per row.
    pub(super) stride: usize,
    /// Bytes to the pixel before, at least 1.
    pub(super) distance: usize,
}

impl Samples {
    /// One sample per channel: grey, grey and alpha, RGB or RGBA; channels that say nothing are
    /// left out.
    pub(super) fn direct(image: &Image, survey: &Survey) -> Self {
        let pixels = image.pixels.chunks_exact(4);
        match (survey.is_grey, survey.is_opaque) {
            (true, true) => {
                let greys: Vec<u8> = pixels.map(|pixel| pixel[0]).collect();
                let depth = grey_depth(&greys);
                let values = greys.into_iter().map(|grey| grey >> (8 - depth)).collect();
                Self::packed(0, depth, Vec::new(), values, image.width)
            }
            (true, false) => {
                let rows = pixels.flat_map(|pixel| [pixel[0], pixel[3]]).collect();
                Self::bytes(4, 2, rows, image.width)
            }
            (false, true) => {
                let mut rows = Vec::with_capacity(image.pixels.len() / 4 * 3);
                for pixel in pixels {
                    rows.extend_from_slice(&pixel[..3]);
                }
                Self::bytes(2, 3, rows, image.width)
            }
            (false, false) => Self::bytes(6, 4, image.pixels.clone(), image.width),
        }
    }

    /// Indices into `palette`, which holds every colour of the picture.
    pub(super) fn indexed(image: &Image, palette: Vec<[u8; 4]>) -> Self {
        let index = ColorIndex::of(&palette);
        let values = image.pixels.chunks_exact(4).map(|pixel| index.get(pixel)).collect();
        let depth = match palette.len() {
            0..=2 => 1,
            3..=4 => 2,
            5..=16 => 4,
            _ => 8,
        };
        Self::packed(3, depth, palette, values, image.width)
    }

    fn bytes(color: u8, channels: usize, rows: Vec<u8>, width: u32) -> Self {
        let stride = width as usize * channels;
        Self { color, depth: 8, palette: Vec::new(), rows, stride, distance: channels }
    }

    /// One sample of `depth` bits per pixel.
    fn packed(color: u8, depth: u8, palette: Vec<[u8; 4]>, values: Vec<u8>, width: u32) -> Self {
        let per_byte = 8 / usize::from(depth);
        let width = width as usize;
        let stride = width.div_ceil(per_byte);
        let rows = if depth == 8 {
            values
        } else {
            let pack = |values: &[u8]| {
                let packed = values.iter().fold(0, |byte, value| byte << depth | value);
                // A row's last byte is filled from the left.
                packed << (usize::from(depth) * (per_byte - values.len()))
            };
            values.chunks_exact(width).flat_map(|row| row.chunks(per_byte).map(pack)).collect()
        };
        Self { color, depth, palette, rows, stride, distance: 1 }
    }
}

/// The fewest bits that hold these greys: 1, 2, 4 or 8.
fn grey_depth(greys: &[u8]) -> u8 {
    // With so many bits, grey levels are this far apart.
    let steps = [(1, 255), (2, 85), (4, 17)];
    let fits = |step| greys.iter().all(|grey| grey % step == 0);
    steps.into_iter().find(|&(_, step)| fits(step)).map_or(8, |(depth, _)| depth)
}
