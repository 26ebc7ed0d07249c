//! AVIF encoding by ravif, in builds with the `avif` feature.

use ravif::{Encoder, Img, RGBA8};

use crate::base::Image;

/// 1..=10, higher is faster and gives larger files.
const SPEED: u8 = 6;

/// Encodes `image` with a quality of 1..=100, for colour and alpha.
///
/// One thread: the number of threads decides how the picture is cut into tiles, and with that the
/// bytes.
///
/// # Errors
/// What ravif says, if it runs out of memory.
pub(super) fn encode_avif(image: &Image, quality: u8) -> Result<Vec<u8>, ravif::Error> {
    let pixels: Vec<RGBA8> =
        image.pixels.chunks_exact(4).map(|p| RGBA8::new(p[0], p[1], p[2], p[3])).collect();
    let encoded = Encoder::new()
        .with_quality(f32::from(quality))
        .with_alpha_quality(f32::from(quality))
        .with_speed(SPEED)
        .with_num_threads(Some(1))
        .encode_rgba(Img::new(&pixels, image.width as usize, image.height as usize))?;
    Ok(encoded.avif_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Encoding;
    use crate::process::picture::samples::{noise, sprite};

    #[test]
    fn files_are_avif_and_the_same_every_time() {
        for image in [sprite(48, 32), noise(1, 1, 1), noise(3, 17, 2)] {
            let avif = encode_avif(&image, 80).expect("small");
            assert_eq!(Encoding::sniff(&avif), Some(Encoding::Avif));
            let size = [image.width.to_be_bytes(), image.height.to_be_bytes()].concat();
            // The property `ispe` holds the size after its version and flags.
            let at = memchr::memmem::find(&avif, b"ispe").expect("a size") + 8;
            assert_eq!(avif[at..at + 8], size);
            let again = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("four");
            assert_eq!(again.install(|| encode_avif(&image, 80)).expect("small"), avif);
        }
    }

    #[test]
    fn quality_changes_the_size() {
        let size = |quality| encode_avif(&noise(64, 64, 3), quality).expect("small").len();
        assert!(size(30) < size(90));
    }
}
