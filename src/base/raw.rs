//! Raw material: what a generate action gives to the process action.

use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::media::{Audio, Encoding, Image, MediaKind};

/// Raw material of an asset: drawn pixels, synthesized samples, or a file as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// Pixels in the canonical form.
    Image(Image),
    /// Samples in the canonical form.
    Audio(Audio),
    /// A whole file, never rewritten.
    File(Arc<[u8]>, Encoding),
}

impl Raw {
    /// The digest of a canonical form: for a file its bytes, else a domain tag, the shape and the
    /// pixels or samples, all little-endian; docs/design/pixels.md has the layout.
    ///
    /// Free material is identified by this instead of by an encoded file, so that a better encoder
    /// makes nothing stale.
    pub fn digest(&self) -> Digest {
        match self {
            Self::File(bytes, _) => Digest::of(bytes),
            Self::Image(image) => {
                let mut canonical = Canonical::new(b"assetbuild image 1\0");
                canonical.write(&image.width.to_le_bytes());
                canonical.write(&image.height.to_le_bytes());
                canonical.write(&image.pixels);
                canonical.finish()
            }
            Self::Audio(audio) => {
                let mut canonical = Canonical::new(b"assetbuild audio 1\0");
                canonical.write(&audio.rate.to_le_bytes());
                canonical.write(&audio.channels.to_le_bytes());
                for sample in &audio.samples {
                    canonical.write(&sample.to_le_bytes());
                }
                canonical.finish()
            }
        }
    }

    /// Whether this is a picture or a sound.
    pub fn media(&self) -> MediaKind {
        match self {
            Self::Image(_) => MediaKind::Image,
            Self::Audio(_) => MediaKind::Audio,
            Self::File(_, encoding) => encoding.media(),
        }
    }
}

/// Hashes a canonical form without building it in memory.
struct Canonical {
    hasher: blake3::Hasher,
    size: u64,
}

impl Canonical {
    fn new(domain: &[u8]) -> Self {
        let mut canonical = Self { hasher: blake3::Hasher::new(), size: 0 };
        canonical.write(domain);
        canonical
    }

    fn write(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn finish(&self) -> Digest {
        Digest { hash: *self.hasher.finalize().as_bytes(), size: self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_pixels_in_another_shape_are_another_picture() {
        let image = |width, height| Raw::Image(Image { width, height, pixels: vec![7; 8] });
        assert_ne!(image(1, 2).digest(), image(2, 1).digest());
        assert_eq!(image(1, 2).digest(), image(1, 2).digest());
        assert_eq!(image(1, 2).digest().size, 19 + 8 + 8);
    }

    #[test]
    fn a_file_is_its_bytes() {
        let raw = Raw::File(Arc::from(&b"OggS"[..]), Encoding::Ogg);
        assert_eq!(raw.digest(), Digest::of(b"OggS"));
        assert_eq!(raw.media(), MediaKind::Audio);
    }

    #[test]
    fn samples_are_hashed_by_their_bits() {
        let audio = |sample| Raw::Audio(Audio { rate: 44_100, channels: 1, samples: vec![sample] });
        assert_ne!(audio(0.0).digest(), audio(-0.0).digest());
    }
}
