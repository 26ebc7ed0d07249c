//! Files that the tests of this layer read: by encoders where there are some, else byte by byte.

use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::{bmp::BmpEncoder, jpeg::JpegEncoder, tga::TgaEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::base::{Encoding, Image};
use crate::process::picture::encode;
use crate::process::picture::webp::{WebpMode, encode_webp};

/// The encodings that pictures are read from.
pub(super) const READABLE: [Encoding; 6] =
    [Encoding::Png, Encoding::Webp, Encoding::Jpeg, Encoding::Gif, Encoding::Bmp, Encoding::Tga];

/// A file that holds `image`.
pub(super) fn file(image: &Image, encoding: Encoding) -> Vec<u8> {
    let settings = encode::Settings::default();
    let mut bytes = Vec::new();
    let (w, h) = (image.width, image.height);
    match encoding {
        Encoding::Gif => GifEncoder::new(&mut bytes)
            .encode(&image.pixels, w, h, ExtendedColorType::Rgba8)
            .expect("memory"),
        Encoding::Bmp => BmpEncoder::new(&mut bytes)
            .write_image(&image.pixels, w, h, ExtendedColorType::Rgba8)
            .expect("memory"),
        Encoding::Tga => TgaEncoder::new(&mut bytes)
            .write_image(&image.pixels, w, h, ExtendedColorType::Rgba8)
            .expect("memory"),
        _ => return encode::encode(image, encoding, settings).expect("a writable picture"),
    }
    bytes
}

/// A PNG of 8 or 16-bit samples as they stand in the file, with an ICC profile if there is one.
pub(super) fn png(
    size: (u32, u32),
    color: png::ColorType,
    depth: png::BitDepth,
    palette: Option<&[u8]>,
    profile: Option<Vec<u8>>,
    samples: &[u8],
) -> Vec<u8> {
    let mut info = png::Info::with_size(size.0, size.1);
    info.color_type = color;
    info.bit_depth = depth;
    info.palette = palette.map(|palette| palette.to_vec().into());
    info.icc_profile = profile.map(Into::into);
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).expect("a valid header");
    let mut writer = encoder.write_header().expect("memory");
    writer.write_image_data(samples).expect("memory");
    writer.finish().expect("memory");
    bytes
}

/// An animated PNG: each picture is a frame.
pub(super) fn animated_png(frames: &[Image]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frames[0].width, frames[0].height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(frames.len() as u32, 0).expect("frames");
    let mut writer = encoder.write_header().expect("memory");
    for frame in frames {
        writer.write_image_data(&frame.pixels).expect("memory");
    }
    writer.finish().expect("memory");
    bytes
}

/// An animated GIF: each picture is a frame.
pub(super) fn animated_gif(frames: &[Image]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).expect("memory");
    for frame in frames {
        encoder
            .encode(&frame.pixels, frame.width, frame.height, ExtendedColorType::Rgba8)
            .expect("memory");
    }
    drop(encoder);
    bytes
}

/// An animated WebP, lossless: each picture is a frame.
///
/// Source: WebP Container Specification, "Extended File Format".
pub(super) fn animated_webp(frames: &[Image]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let padding = &[0][..data.len() % 2];
        [kind, &(data.len() as u32).to_le_bytes()[..], data, padding].concat()
    };
    let u24 = |value: u32| value.to_le_bytes()[..3].to_vec();
    let (width, height) = (u24(frames[0].width - 1), u24(frames[0].height - 1));
    let flags: u32 = 0x02 | 0x10;
    let mut body = b"WEBP".to_vec();
    body.extend(chunk(b"VP8X", &[&flags.to_le_bytes()[..], &width, &height].concat()));
    body.extend(chunk(b"ANIM", &[0; 6]));
    // Frames replace each other: the decoder's blending takes one off opaque colours.
    let replace = 0x02;
    for frame in frames {
        let still = encode_webp(frame, WebpMode::Lossless).expect("small");
        let head =
            [u24(0), u24(0), width.clone(), height.clone(), u24(100), vec![replace]].concat();
        body.extend(chunk(b"ANMF", &[head, still[12..].to_vec()].concat()));
    }
    chunk(b"RIFF", &body)
}

/// An interlaced PNG of RGBA8.
///
/// Source: PNG specification, third edition, 8.1 (the seven passes of Adam7).
pub(super) fn interlaced_png(image: &Image) -> Vec<u8> {
    const PASSES: [(u32, u32, u32, u32); 7] = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, top, across, down) in PASSES {
        for y in (top..image.height).step_by(down as usize) {
            let row: Vec<u8> = (left..image.width)
                .step_by(across as usize)
                .flat_map(|x| &image.pixels[(y * image.width + x) as usize * 4..][..4])
                .copied()
                .collect();
            if !row.is_empty() {
                rows.push(0);
                rows.extend(row);
            }
        }
    }
    let mut packer = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut packed = vec![0; packer.zlib_compress_bound(rows.len())];
    let length = packer.zlib_compress(&rows, &mut packed).expect("room");
    let (width, height) = (image.width.to_be_bytes(), image.height.to_be_bytes());
    let header = [&width[..], &height, &[8, 6, 0, 0, 1]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header[..]), (b"IDAT", &packed[..length]), (b"IEND", &[])] {
        png.extend((data.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(data);
        let mut crc = libdeflater::Crc::new();
        crc.update(kind);
        crc.update(data);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

/// A JPEG with an ICC profile.
pub(super) fn jpeg_with_profile(image: &Image, profile: Vec<u8>) -> Vec<u8> {
    let rgb: Vec<u8> =
        image.pixels.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    encoder.set_icc_profile(profile).expect("a small profile");
    encoder.write_image(&rgb, image.width, image.height, ExtendedColorType::Rgb8).expect("memory");
    bytes
}

/// `jpeg` with an EXIF segment whose only entry is this orientation, 1..=8.
pub(super) fn turned_jpeg(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = *b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    exif[25] = orientation;
    let size = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &size, &exif, &jpeg[2..]].concat()
}

/// A JPEG of 8x8 pixels of one colour, given as its samples in the file: three are Y Cb Cr, four
/// are C M Y K inverted, as Adobe writes them.
///
/// Source: ITU-T T.81, B.2 (segments), F.1.2 (coding of the one coefficient that is not zero).
pub(super) fn flat_jpeg(samples: &[u8], progressive: bool) -> Vec<u8> {
    let count = samples.len() as u8;
    let mut bytes = b"\xff\xd8".to_vec();
    let mut segment = |marker: u8, data: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend((data.len() as u16 + 2).to_be_bytes());
        bytes.extend(data);
    };
    if count == 4 {
        segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
    }
    // Steps of 8: the constant coefficient, eight times the sample, counts in whole samples.
    segment(0xdb, &[&[0][..], &[8; 64]].concat());
    let component = |id: u8| [id, 0x11, 0];
    let components: Vec<u8> = (1..=count).flat_map(component).collect();
    let start = if progressive { 0xc2 } else { 0xc0 };
    segment(start, &[&[8, 0, 8, 0, 8, count][..], &components].concat());
    // Twelve sizes of the first coefficient, each with a code of four bits; and "no more".
    let lengths = |at: usize, many: u8| {
        let mut lengths = [0; 16];
        lengths[at - 1] = many;
        lengths
    };
    let sizes: Vec<u8> = (0..12).collect();
    segment(0xc4, &[&[0][..], &lengths(4, 12), &sizes].concat());
    segment(0xc4, &[&[0x10][..], &lengths(1, 1), &[0]].concat());
    let scanned: Vec<u8> = (1..=count).flat_map(|id| [id, 0]).collect();
    let last = if progressive { 0 } else { 63 };
    segment(0xda, &[&[count][..], &scanned, &[0, last, 0]].concat());
    let mut bits = String::new();
    for &sample in samples {
        let value = i32::from(sample) - 128;
        let size = 32 - value.unsigned_abs().leading_zeros();
        let coded = if value < 0 { value + (1 << size) - 1 } else { value };
        bits += &format!("{size:04b}");
        if size > 0 {
            bits += &format!("{coded:0width$b}", width = size as usize);
        }
        if !progressive {
            bits += "0";
        }
    }
    while !bits.len().is_multiple_of(8) {
        bits += "1";
    }
    for byte in bits.as_bytes().chunks_exact(8) {
        let byte = byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
        bytes.push(byte);
        if byte == 0xff {
            bytes.push(0);
        }
    }
    bytes.extend(b"\xff\xd9");
    bytes
}
