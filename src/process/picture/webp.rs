//! WebP encoding by libwebp: the one file with unsafe code, since its encoder has a C interface.
//!
//! One thread, method 4, runtime dispatch limited to what is always there: the same picture and
//! options give the same bytes.
#![expect(unsafe_code, reason = "libwebp is a C library and its binding adds no safe layer")]

use std::mem::MaybeUninit;

use libwebp_sys as ffi;

use crate::base::Image;

/// Most pixels along one side, by the format.
pub(super) const MAX_SIDE: u32 = 16_383;

/// How a WebP file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebpMode {
    /// Quality 1..=100.
    Lossy(u8),
    /// Every pixel is kept, also the colour of transparent ones.
    Lossless,
}

/// libwebp's own words for why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libwebp failed with {0:?}")]
pub struct WebpError(ffi::WebPEncodingError);

/// Encodes `image`, whose sides are at most [`MAX_SIDE`].
///
/// # Errors
/// `WebpError` if libwebp runs out of memory or the file out of its 4 GiB.
pub(super) fn encode_webp(image: &Image, mode: WebpMode) -> Result<Vec<u8>, WebpError> {
    let invalid = WebpError(ffi::WebPEncodingError::VP8_ENC_ERROR_INVALID_CONFIGURATION);
    let mut config = ffi::WebPConfig::new().map_err(|()| invalid)?;
    config.method = 4;
    config.thread_level = 0;
    match mode {
        WebpMode::Lossy(quality) => config.quality = f32::from(quality),
        WebpMode::Lossless => {
            config.lossless = 1;
            config.exact = 1;
            // For lossless files this is effort; 75 is the library's own default.
            config.quality = 75.0;
        }
    }
    let side = |length: u32| {
        i32::try_from(length)
            .map_err(|_| WebpError(ffi::WebPEncodingError::VP8_ENC_ERROR_BAD_DIMENSION))
    };
    let mut picture = ffi::WebPPicture::new().map_err(|()| invalid)?;
    picture.use_argb = i32::from(mode == WebpMode::Lossless);
    picture.width = side(image.width)?;
    picture.height = side(image.height)?;
    assert_eq!(image.pixels.len(), image.width as usize * image.height as usize * 4);

    let mut writer = MaybeUninit::<ffi::WebPMemoryWriter>::uninit();
    // SAFETY: `WebPMemoryWriterInit` fills the whole struct. The import reads `height` rows of
    // `width * 4` bytes, which the assertion above has counted. `writer` and `picture` stay where
    // they are until both are freed, and `mem` holds `size` written bytes after a success.
    unsafe {
        ffi::WebPMemoryWriterInit(writer.as_mut_ptr());
        picture.writer = Some(ffi::WebPMemoryWrite);
        picture.custom_ptr = writer.as_mut_ptr().cast();
        let imported =
            ffi::WebPPictureImportRGBA(&mut picture, image.pixels.as_ptr(), picture.width * 4);
        let encoded = imported != 0 && ffi::WebPEncode(&config, &mut picture) != 0;
        let mut writer = writer.assume_init();
        let result = if encoded {
            Ok(std::slice::from_raw_parts(writer.mem, writer.size).to_vec())
        } else {
            Err(WebpError(picture.error_code))
        };
        ffi::WebPPictureFree(&mut picture);
        ffi::WebPMemoryWriterClear(&mut writer);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Encoding};
    use crate::process::picture::decode::decode;
    use crate::process::picture::samples::{noise, solid, sprite};

    #[test]
    fn lossless_keeps_every_pixel() {
        for image in [noise(31, 17, 5), noise(1, 1, 5), sprite(40, 30), solid(3, 9, [7, 8, 9, 0])] {
            let webp = encode_webp(&image, WebpMode::Lossless).expect("small");
            assert_eq!(decode(&webp, Encoding::Webp).expect("our own file"), image);
        }
    }

    #[test]
    fn lossy_keeps_size_and_alpha_and_nearly_the_colour() {
        let image = sprite(64, 48);
        let webp = encode_webp(&image, WebpMode::Lossy(90)).expect("small");
        let decoded = decode(&webp, Encoding::Webp).expect("our own file");
        assert_eq!((decoded.width, decoded.height), (64, 48));
        for (found, wanted) in decoded.pixels.chunks_exact(4).zip(image.pixels.chunks_exact(4)) {
            assert_eq!(found[3], wanted[3]);
            if wanted[3] == 255 {
                assert!(found.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) < 60));
            }
        }
        let rough = encode_webp(&image, WebpMode::Lossy(10)).expect("small");
        assert!(rough.len() < webp.len());
    }

    #[test]
    fn files_are_golden() {
        let hex = |mode| {
            let webp = encode_webp(&sprite(64, 48), mode).expect("small");
            Digest::of(&webp).to_string()[..19].to_owned()
        };
        insta::assert_snapshot!(hex(WebpMode::Lossy(90)), @"b3:bc06040b11596503");
        insta::assert_snapshot!(hex(WebpMode::Lossless), @"b3:3cb5df00877af1ec");
    }

    #[test]
    fn a_side_that_the_format_cannot_hold_is_refused() {
        let wide = solid(MAX_SIDE + 1, 1, [0, 0, 0, 255]);
        let error = encode_webp(&wide, WebpMode::Lossy(90)).expect_err("too wide");
        assert_eq!(error.to_string(), "libwebp failed with VP8_ENC_ERROR_BAD_DIMENSION");
    }
}
