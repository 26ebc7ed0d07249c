//! Finished files: which encoder, with which settings, and when raw bytes pass through untouched.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use crate::base::{Encoding, Image};
use crate::process::picture::png::{DEFAULT_EFFORT, encode_png};
use crate::process::picture::webp::{self, WebpError, WebpMode, encode_webp};
use crate::process::picture::{Size, geometry};
use crate::spec::op::{ProcessOp, Step};

/// Quality of lossy files when nobody says: that of the usual export dialogs.
const DEFAULT_QUALITY: u8 = 90;

/// Why pixels did not become a file.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// This version has no encoder.
    #[error("{}", crate::process::cannot_encode(*.0))]
    NoEncoder(Encoding),
    /// The encoding cannot hold a picture of that size.
    #[error("the picture is {found}; {} holds at most {most} pixels a side", .encoding.extension())]
    TooLarge {
        /// The encoding.
        encoding: Encoding,
        /// The picture's size.
        found: Size,
        /// Longest side.
        most: u32,
    },
    /// Transparent pixels would be lost.
    #[error("the picture has transparent pixels, which {} cannot hold", .0.extension())]
    LosesAlpha(Encoding),
    /// libwebp failed.
    #[error("the webp file could not be encoded")]
    Webp(#[from] WebpError),
    /// The JPEG encoder failed.
    #[error("the jpg file could not be encoded")]
    Jpeg(#[from] image::ImageError),
    /// The AVIF encoder failed.
    #[cfg(feature = "avif")]
    #[error("the avif file could not be encoded")]
    Avif(#[from] ravif::Error),
}

/// How files of one encoding are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Settings {
    quality: Option<u8>,
    lossless: bool,
    /// Effort of the PNG encoder, from `compress`.
    effort: Option<u8>,
}

impl Settings {
    /// What the `convert` and `compress` steps say about `encoding`; later steps win.
    ///
    /// A `convert` without formats speaks of all files.
    pub(super) fn of(steps: &[Step], encoding: Encoding) -> Self {
        let mut settings = Self::default();
        for step in steps {
            match step {
                Step::Process(ProcessOp::Convert { formats, quality, lossless, .. })
                    if formats.is_empty() || formats.contains(&encoding) =>
                {
                    settings.quality = quality.or(settings.quality);
                    settings.lossless |= *lossless;
                }
                Step::Process(ProcessOp::Compress { level }) => settings.effort = Some(*level),
                _ => {}
            }
        }
        settings
    }

    /// Whether bytes of `encoding` may stay as they are: nothing here would change them.
    pub(super) fn leave_alone(self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Png => self.effort.is_none(),
            Encoding::Webp => self.quality.is_none() && !self.lossless,
            Encoding::Jpeg => self.quality.is_none(),
            _ => true,
        }
    }
}

/// Encodes `image`.
///
/// # Errors
/// `EncodeError` if there is no encoder, or the encoding cannot hold the picture.
pub(super) fn encode(
    image: &Image,
    encoding: Encoding,
    settings: Settings,
) -> Result<Vec<u8>, EncodeError> {
    let quality = settings.quality.unwrap_or(DEFAULT_QUALITY).clamp(1, 100);
    let at_most = |most: u32| {
        if image.width.max(image.height) > most {
            return Err(EncodeError::TooLarge { encoding, found: Size::of(image), most });
        }
        Ok(())
    };
    match encoding {
        Encoding::Png => Ok(encode_png(image, settings.effort.unwrap_or(DEFAULT_EFFORT))),
        Encoding::Webp => {
            at_most(webp::MAX_SIDE)?;
            let mode =
                if settings.lossless { WebpMode::Lossless } else { WebpMode::Lossy(quality) };
            Ok(encode_webp(image, mode)?)
        }
        Encoding::Jpeg => {
            at_most(geometry::MAX_SIDE)?;
            encode_jpeg(image, quality)
        }
        #[cfg(feature = "avif")]
        Encoding::Avif => Ok(crate::process::picture::avif::encode_avif(image, quality)?),
        #[cfg(not(feature = "avif"))]
        Encoding::Avif => Err(EncodeError::NoEncoder(encoding)),
        Encoding::Gif
        | Encoding::Bmp
        | Encoding::Tga
        | Encoding::Svg
        | Encoding::Ogg
        | Encoding::Mp3
        | Encoding::Opus
        | Encoding::Flac
        | Encoding::Wav => Err(EncodeError::NoEncoder(encoding)),
    }
}

fn encode_jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let mut rgb = Vec::with_capacity(image.pixels.len() / 4 * 3);
    for pixel in image.pixels.chunks_exact(4) {
        if pixel[3] != 255 {
            return Err(EncodeError::LosesAlpha(Encoding::Jpeg));
        }
        rgb.extend_from_slice(&pixel[..3]);
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality).encode(
        &rgb,
        image.width,
        image.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::process::picture::decode::decode;
    use crate::process::picture::samples::{noise, solid, sprite};

    fn opaque(width: u32, height: u32) -> Image {
        let mut image = sprite(width, height);
        image.pixels.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        image
    }

    #[test]
    fn files_are_golden() {
        let image = opaque(64, 48);
        let digests: Vec<_> = [Encoding::Png, Encoding::Webp, Encoding::Jpeg]
            .into_iter()
            .map(|encoding| {
                let file = encode(&image, encoding, Settings::default()).expect("small");
                format!("{} {}", encoding.extension(), &Digest::of(&file).hex()[..16])
            })
            .collect();
        insta::assert_snapshot!(digests.join("\n"), @r"
    png 239b9e94c660c237
    webp 9d5d8ea2cd10b398
    jpg be1e7a070ed477cf
    ");
    }

    #[test]
    fn jpeg_keeps_the_picture_and_refuses_alpha() {
        let image = opaque(64, 48);
        let jpeg = encode(&image, Encoding::Jpeg, Settings::default()).expect("opaque");
        let decoded = decode(&jpeg, Encoding::Jpeg).expect("our own file");
        let error: u64 = decoded
            .pixels
            .iter()
            .zip(&image.pixels)
            .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
            .sum();
        assert!(error / (decoded.pixels.len() as u64) < 30, "mean squared error");
        let error = encode(&sprite(8, 8), Encoding::Jpeg, Settings::default()).expect_err("alpha");
        assert_eq!(error.to_string(), "the picture has transparent pixels, which jpg cannot hold");
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let image = solid(1, 1, [0, 0, 0, 255]);
        for encoding in Encoding::ALL {
            let written = encode(&image, encoding, Settings::default());
            let is_picture = encoding.media() == crate::base::MediaKind::Image;
            let can = is_picture && crate::process::can_encode(encoding);
            assert_eq!(written.is_ok(), can, "{encoding:?}");
        }
        let error = EncodeError::NoEncoder(Encoding::Gif).to_string();
        assert_eq!(error, "gif files cannot be written by this version");
        let error = EncodeError::NoEncoder(Encoding::Avif).to_string();
        assert_eq!(
            error,
            "this build of assetbuild cannot write avif files; one made by `cargo install --features avif` can"
        );
        let wide = solid(16_384, 1, [0, 0, 0, 255]);
        let error = encode(&wide, Encoding::Webp, Settings::default()).expect_err("too wide");
        assert_eq!(
            error.to_string(),
            "the picture is 16384x1; webp holds at most 16383 pixels a side"
        );
        assert!(encode(&wide, Encoding::Jpeg, Settings::default()).is_ok());
    }

    #[test]
    fn steps_speak_of_their_formats_and_later_ones_win() {
        let convert = |formats: &[Encoding], quality, lossless| {
            Step::Process(ProcessOp::Convert {
                formats: formats.to_vec(),
                quality,
                lossless,
                bitrate: None,
            })
        };
        let steps = [
            convert(&[], Some(70), false),
            convert(&[Encoding::Webp], Some(80), true),
            Step::Process(ProcessOp::Compress { level: 6 }),
            Step::Validate(Vec::new()),
        ];
        let webp = Settings::of(&steps, Encoding::Webp);
        assert_eq!(webp, Settings { quality: Some(80), lossless: true, effort: Some(6) });
        let jpeg = Settings::of(&steps, Encoding::Jpeg);
        assert_eq!(jpeg, Settings { quality: Some(70), lossless: false, effort: Some(6) });
        assert!(!webp.leave_alone(Encoding::Webp) && !jpeg.leave_alone(Encoding::Png));
        let plain = Settings::of(&steps[2..], Encoding::Jpeg);
        assert!(plain.leave_alone(Encoding::Jpeg) && !plain.leave_alone(Encoding::Png));
    }

    #[test]
    fn quality_changes_the_size() {
        let image = opaque(64, 64);
        let size = |encoding, quality| {
            let settings = Settings { quality: Some(quality), ..Settings::default() };
            encode(&image, encoding, settings).expect("small").len()
        };
        for encoding in [Encoding::Webp, Encoding::Jpeg] {
            assert!(size(encoding, 20) < size(encoding, 95), "{encoding:?}");
        }
        let lossless = Settings { lossless: true, ..Settings::default() };
        let noise = noise(16, 16, 4);
        let webp = encode(&noise, Encoding::Webp, lossless).expect("small");
        assert_eq!(decode(&webp, Encoding::Webp).expect("our own file"), noise);
    }
}
