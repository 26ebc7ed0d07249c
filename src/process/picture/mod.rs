//! Pictures between two steps, and the files that they become.

mod alpha;
#[cfg(feature = "avif")]
mod avif;
mod checkerboard;
mod decode;
mod encode;
mod error;
mod geometry;
mod glow;
mod measure;
mod png;
mod profile;
mod quantize;
mod resize;
#[cfg(test)]
mod sample_files;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod tests;
mod watermark;
mod webp;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Encoding, Facts, Image, MediaKind, Raw, RelPath};
use crate::process::picture::measure::Measured;
use crate::process::{Job, ProcessError};
use crate::spec::op::{OutputFile, ProcessOp, Step};

pub use decode::DecodeError;
pub use encode::EncodeError;
pub use error::{OpError, Size};
pub use webp::WebpError;

/// Version of the code that turns pixels into files.
pub(super) const ENCODERS: &str = "image 2";

/// Whether this version can write pictures in an encoding.
pub(super) fn can_encode(encoding: Encoding) -> bool {
    match encoding {
        Encoding::Png | Encoding::Webp | Encoding::Jpeg => true,
        Encoding::Avif => cfg!(feature = "avif"),
        _ => false,
    }
}

/// A picture between two steps.
pub(super) struct Work<'a> {
    raw: &'a Raw,
    steps: &'a [Step],
    sources: &'a BTreeMap<RelPath, Arc<[u8]>>,
    /// The pixels; none for a file that is not made of pixels.
    picture: Option<Measured<'a>>,
    /// Whether a step changed the pixels.
    changed: bool,
    /// The size that the picture should have now.
    expected: Option<(u32, u32)>,
    variants: Option<BTreeMap<&'a str, Measured<'a>>>,
}

impl<'a> Work<'a> {
    pub(super) fn start(job: &Job<'a>) -> Result<Self, ProcessError> {
        let raw = job.raw;
        let picture = match raw {
            Raw::Image(image) => Some(Cow::Borrowed(image)),
            Raw::Audio(_) => None,
            Raw::File(bytes, encoding) => match decode::decode(bytes, *encoding) {
                Ok(image) => Some(Cow::Owned(image)),
                // Such a file can still be passed on as it is.
                Err(DecodeError::NotRaster(_) | DecodeError::NoDecoder(_)) => None,
                Err(error) => return Err(error.into()),
            },
        };
        let picture = picture.map(Measured::new);
        let Job { steps, requested: expected, sources, .. } = *job;
        Ok(Self { raw, steps, sources, picture, changed: false, expected, variants: None })
    }

    pub(super) fn run(&mut self, step: usize, op: &'a ProcessOp) -> Result<(), ProcessError> {
        let name = op.name();
        let Some(picture) = self.picture.as_ref().map(Measured::image) else {
            return Err(self.no_pixels().into());
        };
        if self.variants.is_some() {
            return Err(ProcessError::AfterVariants { step, name });
        }
        let failed = |source| ProcessError::Op { step, name, source };
        let changed = match *op {
            ProcessOp::Resize { size, method, fit } => resize::resize(picture, size, method, fit),
            ProcessOp::Crop { x, y, width, height } => {
                geometry::crop(picture, geometry::Rect { x, y, width, height })
            }
            ProcessOp::Pad { size, color } => geometry::pad(picture, size, color),
            ProcessOp::Trim { threshold, margin } => geometry::trim(picture, threshold, margin),
            ProcessOp::KeyBackground { color, tolerance } => {
                alpha::key_background(picture, color, tolerance)
            }
            ProcessOp::Outline { width, color } => Ok(alpha::outline(picture, width, color)),
            ProcessOp::Variants { ref scale, method } => {
                let mut variants = BTreeMap::new();
                for (variant, &size) in scale {
                    let scaled = resize::resize(picture, size, method, None).map_err(failed)?;
                    let scaled = Cow::Owned(scaled.unwrap_or_else(|| picture.clone()));
                    variants.insert(variant.as_str(), Measured::new(scaled));
                }
                self.variants = Some(variants);
                return Ok(());
            }
            ProcessOp::Compress { .. } | ProcessOp::Convert { .. } => Ok(None),
            ProcessOp::Quantize { colors, dither } => {
                Ok(quantize::quantize(picture, colors, dither))
            }
            ProcessOp::Glow { radius, color } => Ok(glow::glow(picture, radius, color)),
            ProcessOp::Watermark { ref source, opacity, ref position } => {
                let bytes = self.sources.get(source).map(|bytes| &**bytes);
                watermark::read_mark(source, bytes)
                    .and_then(|mark| watermark::watermark(picture, &mark, opacity, position))
            }
            ProcessOp::Normalize { .. }
            | ProcessOp::TrimSilence { .. }
            | ProcessOp::Fade { .. }
            | ProcessOp::Cut { .. }
            | ProcessOp::Loop { .. }
            | ProcessOp::Resample { .. }
            | ProcessOp::Channels { .. } => {
                return Err(ProcessError::WrongMedia { step, name, found: MediaKind::Image });
            }
        };
        if let Some(changed) = changed.map_err(failed)? {
            self.picture = Some(Measured::new(Cow::Owned(changed)));
            self.changed = true;
        }
        match *op {
            ProcessOp::Resize { size, .. } | ProcessOp::Pad { size, .. } => {
                self.expected = Some(size);
            }
            ProcessOp::Crop { width, height, .. } => self.expected = Some((width, height)),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn measure(&self) -> Facts {
        self.facts(self.picture.as_ref())
    }

    fn facts(&self, picture: Option<&Measured<'_>>) -> Facts {
        match picture {
            Some(picture) => Facts::Image(picture.facts(self.expected)),
            None => Facts::Opaque { encoding: self.raw_encoding() },
        }
    }

    /// The pixels that `file` holds; none if it is not made of pixels.
    fn picture_of(&self, file: &OutputFile) -> Result<Option<&Measured<'a>>, ProcessError> {
        let Some(variant) = &file.variant else { return Ok(self.picture.as_ref()) };
        let made = self.variants.as_ref().and_then(|variants| variants.get(variant.as_str()));
        made.map(Some).ok_or_else(|| ProcessError::UnknownVariant {
            path: file.path.clone(),
            variant: variant.clone(),
        })
    }

    /// The bytes of `file`, and what it holds.
    pub(super) fn encode(&self, file: &OutputFile) -> Result<(Vec<u8>, Facts), ProcessError> {
        let picture = self.picture_of(file)?;
        let bytes = self.bytes_of(file, picture.map(Measured::image))?;
        Ok((bytes, self.facts(picture)))
    }

    fn bytes_of(
        &self,
        file: &OutputFile,
        picture: Option<&Image>,
    ) -> Result<Vec<u8>, ProcessError> {
        let settings = encode::Settings::of(self.steps, file.encoding);
        let untouched = match self.raw {
            Raw::File(bytes, encoding)
                if *encoding == file.encoding && !self.changed && file.variant.is_none() =>
            {
                Some(bytes)
            }
            _ => None,
        };
        if let Some(bytes) = untouched
            && settings.leave_alone(file.encoding)
        {
            return Ok(bytes.to_vec());
        }
        let failed = |source| ProcessError::Encode { path: file.path.clone(), source };
        let Some(picture) = picture else { return Err(self.no_pixels().into()) };
        let encoded = encode::encode(picture, file.encoding, settings).map_err(failed)?;
        // Another effort cannot change the picture, so the smaller file of the two is right.
        match untouched {
            Some(bytes) if file.encoding == Encoding::Png && bytes.len() <= encoded.len() => {
                Ok(bytes.to_vec())
            }
            _ => Ok(encoded),
        }
    }

    fn no_pixels(&self) -> DecodeError {
        match self.raw_encoding() {
            Encoding::Avif => DecodeError::NoDecoder(Encoding::Avif),
            encoding => DecodeError::NotRaster(encoding),
        }
    }

    /// The encoding of the raw file; that of drawn pixels stands in for them.
    fn raw_encoding(&self) -> Encoding {
        match self.raw {
            Raw::File(_, encoding) => *encoding,
            Raw::Image(_) | Raw::Audio(_) => Encoding::Png,
        }
    }
}
