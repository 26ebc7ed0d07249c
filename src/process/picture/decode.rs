//! Decoding raster files to canonical pixels, under limits that hold before anything is allocated.
//!
//! Why these decoders, and what happens to 16-bit samples and orientation: docs/design/pixels.md.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::base::{Encoding, Image, guarded};
use crate::process::picture::profile;

/// Most pixels of a picture that is decoded or made.
pub(super) const MAX_PIXELS: u64 = 100_000_000;

/// Most bytes of a file that is decoded.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;

/// Bytes of the widest pixel that a decoder gives: 16-bit RGBA.
const MAX_PIXEL_BYTES: u64 = 8;

/// What a decoder may allocate beside its output: palettes, profiles, a row or a frame.
const DECODER_SLACK: u64 = 64 << 20;

/// What to do with a drawing instead.
fn drawn(encoding: Encoding) -> &'static str {
    if encoding == Encoding::Svg { "; `provider: svg` draws them" } else { "" }
}

/// Why a file did not become pixels.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It holds a drawing or a sound.
    #[error("{} files are not made of pixels{}", .0.extension(), drawn(*.0))]
    NotRaster(Encoding),
    /// The format is known, but this version has no decoder for it.
    #[error("{} files cannot be decoded by this version", .0.extension())]
    NoDecoder(Encoding),
    /// It has too many pixels.
    #[error("the picture is {width}x{height}; at most {MAX_PIXELS} pixels are decoded")]
    TooManyPixels {
        /// Columns, as the header says.
        width: u32,
        /// Rows, as the header says.
        height: u32,
    },
    /// Its header says that it has no columns or no rows.
    #[error("the picture is {width}x{height}: there is no pixel in it")]
    NoPixels {
        /// Columns, as the header says.
        width: u32,
        /// Rows, as the header says.
        height: u32,
    },
    /// It has too many bytes, or needs too much memory to decode.
    #[error("the file has {0} bytes; at most {MAX_FILE_BYTES} are decoded")]
    TooManyBytes(u64),
    /// Its last part is missing.
    #[error("the {} file is cut off", .0.extension())]
    CutOff(Encoding),
    /// The decoder met what it was not prepared for.
    #[error("the {} file is damaged: its decoder gave up", .0.extension())]
    GaveUp(Encoding),
    /// The decoder refused it.
    #[error("the {} file is damaged", .encoding.extension())]
    Damaged {
        /// Its encoding.
        encoding: Encoding,
        /// What the decoder said.
        #[source]
        source: ImageError,
    },
}

/// Decodes `bytes` to RGBA8 in sRGB; the first frame of an animation, turned as its EXIF data says.
///
/// `encoding`: what the file is called; what its first bytes say counts more.
///
/// # Errors
/// `DecodeError` for what is no raster file, is damaged, or exceeds a limit.
pub(super) fn decode(bytes: &[u8], encoding: Encoding) -> Result<Image, DecodeError> {
    let encoding = Encoding::sniff(bytes).unwrap_or(encoding);
    // The decoders are other people's code, and files come from strangers.
    or_gave_up(encoding, || decode_sniffed(bytes, encoding))
}

fn or_gave_up<T>(
    encoding: Encoding,
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    guarded(decode).unwrap_or(Err(DecodeError::GaveUp(encoding)))
}

fn decode_sniffed(bytes: &[u8], encoding: Encoding) -> Result<Image, DecodeError> {
    let format = raster_format(encoding)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DecodeError::TooManyBytes(bytes.len() as u64));
    }
    if encoding == Encoding::Jpeg && !has_end(bytes) {
        return Err(DecodeError::CutOff(encoding));
    }
    let damaged = |source| DecodeError::Damaged { encoding, source };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(at_most(MAX_PIXELS * MAX_PIXEL_BYTES));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DecodeError::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 {
        return Err(DecodeError::NoPixels { width, height });
    }
    // Twice its output, since a frame of an animation is decoded beside its canvas.
    decoder.set_limits(at_most(decoder.total_bytes() * 2)).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let profile = decoder.icc_profile().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    let rgba = profile::into_srgb(picture, profile.as_deref());
    Ok(Image { width: rgba.width(), height: rgba.height(), pixels: rgba.into_raw() })
}

/// Limits for a decoder whose output takes `bytes`.
fn at_most(bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes + DECODER_SLACK);
    limits
}

fn raster_format(encoding: Encoding) -> Result<ImageFormat, DecodeError> {
    match encoding {
        Encoding::Png => Ok(ImageFormat::Png),
        Encoding::Webp => Ok(ImageFormat::WebP),
        Encoding::Jpeg => Ok(ImageFormat::Jpeg),
        Encoding::Gif => Ok(ImageFormat::Gif),
        Encoding::Bmp => Ok(ImageFormat::Bmp),
        Encoding::Tga => Ok(ImageFormat::Tga),
        Encoding::Avif => Err(DecodeError::NoDecoder(encoding)),
        Encoding::Svg
        | Encoding::Ogg
        | Encoding::Mp3
        | Encoding::Opus
        | Encoding::Flac
        | Encoding::Wav => Err(DecodeError::NotRaster(encoding)),
    }
}

/// Whether an end marker follows the first scan of a JPEG.
///
/// The decoder fills missing rows with grey instead of failing. Segments before the scan are
/// skipped by their lengths, since a thumbnail in them has an end marker of its own; inside a scan
/// 0xff is followed by 0 or a restart marker, so the end marker cannot be picture data.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        match marker {
            0xda => return memchr::memmem::find(&bytes[at..], b"\xff\xd9").is_some(),
            // A fill byte.
            0xff => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}

#[cfg(test)]
mod tests;
