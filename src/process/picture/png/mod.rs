//! PNG encoding: the smallest form of the samples, row filters, and one deflate stream.
//!
//! Faster and smaller than the usual encoders' defaults: docs/design/pixels.md has the numbers. No
//! metadata is written; every pixel is kept, also the colour of transparent ones.

mod filter;
mod palette;
mod samples;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use libdeflater::{CompressionLvl, Compressor, Crc};
use rayon::prelude::*;

use crate::base::Image;
use filter::{Strategy, filter_rows};
use palette::{Order, Survey};
use samples::Samples;

/// Effort without a `compress` step.
pub(super) const DEFAULT_EFFORT: u8 = 2;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Deflate level for each effort, 0..=6.
const DEFLATE_LEVELS: [i32; 7] = [1, 3, 5, 6, 9, 11, 12];

/// From this effort on many forms and filters are tried instead of the likely ones,
const TRYING_EFFORT: u8 = 4;

/// each at this deflate level, and the best of them are packed at the effort's own.
const TRYING_LEVEL: i32 = 5;

/// How many are packed so, for each effort.
const FINALISTS: [usize; 7] = [1, 1, 1, 1, 1, 2, 3];

/// Up to this many bytes of pixels a few attempts cost a millisecond or two.
const SMALL: usize = 256 << 10;

/// Encodes `image` losslessly.
///
/// `effort`: 0..=6, larger is capped; higher is slower and usually smaller. The same picture and
/// effort give the same bytes.
pub(super) fn encode_png(image: &Image, effort: u8) -> Vec<u8> {
    let effort = effort.min(6);
    let survey = Survey::of(image);
    let attempts = if effort >= TRYING_EFFORT {
        let all = all_attempts(image, &survey);
        best_of(all, FINALISTS[usize::from(effort)])
    } else {
        likely_attempts(image, &survey)
    };
    let level = DEFLATE_LEVELS[usize::from(effort)];
    let files: Vec<Vec<u8>> =
        attempts.into_par_iter().map(|attempt| attempt.file(image, level)).collect();
    files.into_iter().min_by_key(Vec::len).expect("there is a form for every picture")
}

/// A form of the samples and a choice of filters.
#[derive(Clone)]
struct Attempt {
    samples: Arc<Samples>,
    strategy: Strategy,
}

/// What is nearly always best, and for small pictures also what is best often.
fn likely_attempts(image: &Image, survey: &Survey) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut attempt = |samples: &Arc<Samples>, strategy| {
        attempts.push(Attempt { samples: samples.clone(), strategy });
    };
    let is_small = image.pixels.len() <= SMALL;
    let palette = survey.palette(Order::Brightness);
    if palette.is_none() || survey.is_grey || is_small {
        let direct = Arc::new(Samples::direct(image, survey));
        attempt(&direct, Strategy::LeastSum);
        if is_small {
            attempt(&direct, Strategy::Always(0));
        }
    }
    if let Some(palette) = palette {
        let indexed = Arc::new(Samples::indexed(image, palette));
        attempt(&indexed, Strategy::Always(0));
        if is_small {
            attempt(&indexed, Strategy::LeastSum);
        }
    }
    attempts
}

/// Every form under every choice of filters that is ever best.
fn all_attempts(image: &Image, survey: &Survey) -> Vec<Attempt> {
    let orders = [Order::Brightness, Order::Frequency, Order::Appearance];
    let palettes = orders.into_iter().filter_map(|order| survey.palette(order));
    let indexed = palettes.map(|palette| Samples::indexed(image, palette));
    let forms = std::iter::once(Samples::direct(image, survey)).chain(indexed);
    let strategies = [
        Strategy::LeastSum,
        Strategy::Always(0),
        Strategy::Always(1),
        Strategy::Always(2),
        Strategy::Always(4),
        Strategy::LeastEntropy,
        Strategy::FewestPairs,
    ];
    forms
        .map(Arc::new)
        .flat_map(|samples| {
            strategies.map(|strategy| Attempt { samples: samples.clone(), strategy })
        })
        .collect()
}

/// The `count` attempts that are smallest at a quick level, the first of equals.
fn best_of(attempts: Vec<Attempt>, count: usize) -> Vec<Attempt> {
    let mut sized: Vec<(usize, Attempt)> = attempts
        .into_par_iter()
        .map(|attempt| (attempt.packed(TRYING_LEVEL).len() + attempt.palette_size(), attempt))
        .collect();
    sized.sort_by_key(|(size, _)| *size);
    sized.into_iter().take(count).map(|(_, attempt)| attempt).collect()
}

impl Attempt {
    fn packed(&self, level: i32) -> Vec<u8> {
        deflate(&filter_rows(&self.samples, self.strategy), level)
    }

    /// About as many bytes as the palette takes.
    fn palette_size(&self) -> usize {
        let palette = &self.samples.palette;
        palette.len() * 3 + palette.iter().filter(|color| color[3] < 255).count()
    }

    /// The whole file.
    fn file(&self, image: &Image, level: i32) -> Vec<u8> {
        let Samples { color, depth, ref palette, .. } = *self.samples;
        let packed = self.packed(level);
        let mut header = [0; 13];
        header[..4].copy_from_slice(&image.width.to_be_bytes());
        header[4..8].copy_from_slice(&image.height.to_be_bytes());
        header[8..10].copy_from_slice(&[depth, color]);
        let mut png = Vec::with_capacity(packed.len() + palette.len() * 4 + 96);
        png.extend_from_slice(SIGNATURE);
        write_chunk(&mut png, b"IHDR", &header);
        if !palette.is_empty() {
            let colors: Vec<u8> = palette.iter().flat_map(|color| &color[..3]).copied().collect();
            write_chunk(&mut png, b"PLTE", &colors);
        }
        let alphas: Vec<u8> =
            palette.iter().map(|color| color[3]).take_while(|&alpha| alpha < 255).collect();
        if !alphas.is_empty() {
            write_chunk(&mut png, b"tRNS", &alphas);
        }
        write_chunk(&mut png, b"IDAT", &packed);
        write_chunk(&mut png, b"IEND", &[]);
        png
    }
}

fn deflate(data: &[u8], level: i32) -> Vec<u8> {
    let level = CompressionLvl::new(level).expect("the table holds levels that libdeflate has");
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.zlib_compress_bound(data.len())];
    let size = compressor.zlib_compress(data, &mut packed).expect("the bound leaves enough room");
    packed.truncate(size);
    packed
}

fn write_chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let size = u32::try_from(data.len()).expect("a picture within the pixel limit");
    png.extend_from_slice(&size.to_be_bytes());
    png.extend_from_slice(kind);
    png.extend_from_slice(data);
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    png.extend_from_slice(&crc.sum().to_be_bytes());
}
