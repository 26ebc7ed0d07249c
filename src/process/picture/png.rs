//! PNG encoding: adaptive row filters and one deflate stream, without metadata.
//!
//! Faster and smaller than the `png` crate's default: docs/design/pixels.md has the numbers.

use libdeflater::{CompressionLvl, Compressor, Crc};

use crate::base::Image;

/// Effort without a `compress` step.
pub(super) const DEFAULT_EFFORT: u8 = 2;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Deflate level for each effort, 0..=6.
const DEFLATE_LEVELS: [i32; 7] = [1, 3, 5, 6, 8, 10, 12];

/// Flat art often deflates better raw, so unfiltered rows are tried too from this effort,
const TRY_UNFILTERED_EFFORT: u8 = 4;

/// and up to this many bytes of pixels, where a second attempt costs about a millisecond.
const TRY_UNFILTERED_BYTES: usize = 256 << 10;

/// Encodes `image` losslessly; the alpha channel is left out when all of it is opaque.
///
/// `effort`: 0..=6, larger is capped; higher is slower and usually smaller. The same picture and
/// effort give the same bytes.
pub(super) fn encode_png(image: &Image, effort: u8) -> Vec<u8> {
    let effort = effort.min(6);
    let (pixels, channels) = drop_opaque_alpha(image);
    let pixels = pixels.as_deref().unwrap_or(&image.pixels);
    let stride = image.width as usize * channels;

    let level = DEFLATE_LEVELS[usize::from(effort)];
    let mut best = deflate(&filter_adaptively(pixels, stride, channels), level);
    if effort >= TRY_UNFILTERED_EFFORT || pixels.len() <= TRY_UNFILTERED_BYTES {
        let unfiltered = deflate(&leave_unfiltered(pixels, stride), level);
        if unfiltered.len() < best.len() {
            best = unfiltered;
        }
    }

    let mut header = [0; 13];
    header[..4].copy_from_slice(&image.width.to_be_bytes());
    header[4..8].copy_from_slice(&image.height.to_be_bytes());
    header[8] = 8;
    header[9] = if channels == 4 { 6 } else { 2 };

    let mut png = Vec::with_capacity(best.len() + 57);
    png.extend_from_slice(SIGNATURE);
    write_chunk(&mut png, b"IHDR", &header);
    write_chunk(&mut png, b"IDAT", &best);
    write_chunk(&mut png, b"IEND", &[]);
    png
}

/// The RGB samples if every pixel is opaque, else none; and the number of channels that are left.
fn drop_opaque_alpha(image: &Image) -> (Option<Vec<u8>>, usize) {
    if image.pixels.chunks_exact(4).any(|pixel| pixel[3] != 255) {
        return (None, 4);
    }
    let mut rgb = Vec::with_capacity(image.pixels.len() / 4 * 3);
    for pixel in image.pixels.chunks_exact(4) {
        rgb.extend_from_slice(&pixel[..3]);
    }
    (Some(rgb), 3)
}

/// Filters every row with the filter whose output has the smallest sum of absolute values.
///
/// Source: PNG specification, third edition, 12.7 (heuristic) and 9.2 (filters).
fn filter_adaptively(pixels: &[u8], stride: usize, channels: usize) -> Vec<u8> {
    let rows = pixels.len() / stride;
    let mut filtered = Vec::with_capacity(rows * (stride + 1));
    let first = vec![0; stride];
    let mut above: &[u8] = &first;
    let mut candidate = vec![0; stride];
    let mut best = vec![0; stride];
    for row in pixels.chunks_exact(stride) {
        best.copy_from_slice(row);
        let (mut best_filter, mut best_cost) = (0, cost(row));
        for filter in 1..=4 {
            apply_filter(filter, row, above, channels, &mut candidate);
            let cost = cost(&candidate);
            if cost < best_cost {
                (best_filter, best_cost) = (filter, cost);
                std::mem::swap(&mut best, &mut candidate);
            }
        }
        filtered.push(best_filter);
        filtered.extend_from_slice(&best);
        above = row;
    }
    filtered
}

fn leave_unfiltered(pixels: &[u8], stride: usize) -> Vec<u8> {
    let mut rows = Vec::with_capacity(pixels.len() + pixels.len() / stride);
    for row in pixels.chunks_exact(stride) {
        rows.push(0);
        rows.extend_from_slice(row);
    }
    rows
}

fn cost(row: &[u8]) -> u64 {
    // Short blocks keep the sum in 32 bits, which compiles to vector instructions.
    row.chunks(1 << 16)
        .map(|block| {
            u64::from(
                block.iter().map(|&byte| u32::from(byte.cast_signed().unsigned_abs())).sum::<u32>(),
            )
        })
        .sum()
}

fn apply_filter(filter: u8, row: &[u8], above: &[u8], channels: usize, out: &mut [u8]) {
    let (head, tail) = out.split_at_mut(channels);
    let (left, above_left) = (&row[..row.len() - channels], &above[..row.len() - channels]);
    let (row_head, row_tail) = row.split_at(channels);
    let (above_head, above_tail) = above.split_at(channels);
    match filter {
        1 => {
            head.copy_from_slice(row_head);
            for ((out, &x), &a) in tail.iter_mut().zip(row_tail).zip(left) {
                *out = x.wrapping_sub(a);
            }
        }
        2 => {
            for ((out, &x), &b) in head.iter_mut().zip(row_head).zip(above_head) {
                *out = x.wrapping_sub(b);
            }
            for ((out, &x), &b) in tail.iter_mut().zip(row_tail).zip(above_tail) {
                *out = x.wrapping_sub(b);
            }
        }
        3 => {
            for ((out, &x), &b) in head.iter_mut().zip(row_head).zip(above_head) {
                *out = x.wrapping_sub(b / 2);
            }
            for (((out, &x), &a), &b) in tail.iter_mut().zip(row_tail).zip(left).zip(above_tail) {
                *out = x.wrapping_sub(((u16::from(a) + u16::from(b)) / 2) as u8);
            }
        }
        _ => {
            for ((out, &x), &b) in head.iter_mut().zip(row_head).zip(above_head) {
                *out = x.wrapping_sub(b);
            }
            for ((((out, &x), &a), &b), &c) in
                tail.iter_mut().zip(row_tail).zip(left).zip(above_tail).zip(above_left)
            {
                *out = x.wrapping_sub(paeth(a, b, c));
            }
        }
    }
}

/// The neighbour (left, above, above left) that is nearest to `a + b - c`.
#[inline]
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (a16, b16, c16) = (i16::from(a), i16::from(b), i16::from(c));
    let to_a = (b16 - c16).abs();
    let to_b = (a16 - c16).abs();
    let to_c = (a16 + b16 - 2 * c16).abs();
    if to_a <= to_b && to_a <= to_c {
        a
    } else if to_b <= to_c {
        b
    } else {
        c
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Encoding;
    use crate::process::picture::decode::decode;
    use crate::process::picture::samples::{noise, sprite};

    #[test]
    fn every_effort_keeps_every_pixel() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (33, 17)] {
            for image in [noise(width, height, 3), sprite(width, height)] {
                for effort in [0, 1, 2, 3, 4, 5, 6, 255] {
                    let decoded = decode(&encode_png(&image, effort), Encoding::Png);
                    assert_eq!(decoded.expect("our own file"), image);
                }
            }
        }
    }

    #[test]
    fn an_opaque_alpha_channel_is_left_out() {
        let mut image = noise(20, 20, 1);
        image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        let png = encode_png(&image, DEFAULT_EFFORT);
        assert_eq!(png[25], 2, "colour type RGB");
        assert_eq!(decode(&png, Encoding::Png).expect("our own file"), image);
        image.pixels[3] = 254;
        assert_eq!(encode_png(&image, DEFAULT_EFFORT)[25], 6, "colour type RGBA");
    }

    #[test]
    fn more_effort_is_not_larger() {
        let image = sprite(200, 160);
        let sizes: Vec<_> = (0..=6).map(|effort| encode_png(&image, effort).len()).collect();
        assert!(sizes[6] <= sizes[2] && sizes[2] <= sizes[0], "{sizes:?}");
    }
}
