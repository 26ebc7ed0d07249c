//! Bodies of process actions: raw material becomes finished files, and the facts that checks need.
//!
//! One action per asset and one function per op. What pixels are, which encoders write them and
//! why: docs/design/pixels.md.

mod alpha;
mod checkerboard;
mod decode;
mod encode;
mod error;
mod geometry;
mod measure;
mod png;
mod resize;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod webp;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::base::{Encoding, Facts, FileFacts, Image, MediaKind, Raw};
use crate::spec::op::{OutputFile, ProcessOp, Step};

pub use decode::DecodeError;
pub use encode::EncodeError;
pub use error::{OpError, ProcessError, Size};
pub use webp::WebpError;

/// Versions of the code that turns pixels into files: part of every process key, so a better encoder
/// makes finished files again and buys nothing.
pub const ENCODERS: &str = "image 1";

/// What a process action gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    /// The files asked for, in their order.
    pub files: Vec<Encoded>,
    /// One for each `validate` step, in their order.
    pub checkpoints: Vec<Facts>,
    /// What the files are, in their order.
    pub finals: Vec<FileFacts>,
}

/// The bytes of one finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Whether this version cannot run `op`; `process` refuses such a list before it does anything.
pub fn unsupported(op: &ProcessOp) -> bool {
    match op {
        ProcessOp::Resize { .. }
        | ProcessOp::Crop { .. }
        | ProcessOp::Pad { .. }
        | ProcessOp::Trim { .. }
        | ProcessOp::KeyBackground { .. }
        | ProcessOp::Outline { .. }
        | ProcessOp::Compress { .. }
        | ProcessOp::Variants { .. }
        | ProcessOp::Convert { .. } => false,
        ProcessOp::Quantize { .. }
        | ProcessOp::Glow { .. }
        | ProcessOp::Watermark { .. }
        | ProcessOp::Normalize { .. }
        | ProcessOp::TrimSilence { .. }
        | ProcessOp::Fade { .. }
        | ProcessOp::Cut { .. }
        | ProcessOp::Loop { .. }
        | ProcessOp::Resample { .. }
        | ProcessOp::Channels { .. } => true,
    }
}

/// Whether this version can write files of an encoding.
pub fn can_encode(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Png | Encoding::Webp | Encoding::Jpeg)
}

/// Runs `steps` on `raw` and encodes `files`, measuring where a `validate` stands.
///
/// `requested`: width and height that were asked of the generator, if any. A file whose encoding
/// the raw file has already, and whose pixels no step changed, gets the raw bytes untouched.
///
/// # Errors
/// `ProcessError`, at the first thing that cannot be done.
pub fn process(
    raw: &Raw,
    requested: Option<(u32, u32)>,
    steps: &[Step],
    files: &[OutputFile],
) -> Result<Processed, ProcessError> {
    refuse_unsupported(steps)?;
    let mut work = Work::start(raw, requested)?;
    let mut checkpoints = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Process(op) => work.run(index, op)?,
            Step::Validate(_) => checkpoints.push(work.measure()),
        }
    }
    let mut processed = Processed { files: Vec::new(), checkpoints, finals: Vec::new() };
    for file in files {
        let picture = work.picture_of(file)?;
        let bytes = work.encode(file, picture, steps)?;
        processed.finals.push(FileFacts {
            path: file.path.clone(),
            encoding: file.encoding,
            size: bytes.len() as u64,
            width: picture.map(|picture| picture.width),
            height: picture.map(|picture| picture.height),
        });
        processed.files.push(Encoded { bytes });
    }
    Ok(processed)
}

fn refuse_unsupported(steps: &[Step]) -> Result<(), ProcessError> {
    for (step, entry) in steps.iter().enumerate() {
        if let Step::Process(op) = entry
            && unsupported(op)
        {
            return Err(ProcessError::Unsupported { step, name: op.name() });
        }
    }
    Ok(())
}

/// The material between two steps.
struct Work<'a> {
    raw: &'a Raw,
    /// The pixels; none for a sound or a file that is not made of pixels.
    picture: Option<Cow<'a, Image>>,
    /// Whether a step changed the pixels.
    changed: bool,
    /// The size that the picture should have now.
    expected: Option<(u32, u32)>,
    variants: Option<BTreeMap<&'a str, Image>>,
}

impl<'a> Work<'a> {
    fn start(raw: &'a Raw, requested: Option<(u32, u32)>) -> Result<Self, ProcessError> {
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
        Ok(Self { raw, picture, changed: false, expected: requested, variants: None })
    }

    fn run(&mut self, step: usize, op: &'a ProcessOp) -> Result<(), ProcessError> {
        // How files are encoded; read when they are.
        if matches!(op, ProcessOp::Convert { .. } | ProcessOp::Compress { .. }) {
            return Ok(());
        }
        let name = op.name();
        let Some(picture) = &self.picture else {
            return Err(match self.raw {
                Raw::File(_, encoding) if encoding.media() == MediaKind::Image => {
                    no_pixels(*encoding).into()
                }
                _ => ProcessError::WrongMedia { step, name },
            });
        };
        if self.variants.is_some() {
            return Err(ProcessError::AfterVariants { step, name });
        }
        let failed = |source| ProcessError::Op { step, name, source };
        if let ProcessOp::Variants { scale, method } = op {
            let mut variants = BTreeMap::new();
            for (variant, &size) in scale {
                let scaled = resize::resize(picture, size, *method, None).map_err(failed)?;
                variants.insert(variant.as_str(), scaled.unwrap_or_else(|| (**picture).clone()));
            }
            self.variants = Some(variants);
            return Ok(());
        }
        if let Some(changed) = change(picture, op).map_err(failed)? {
            self.picture = Some(Cow::Owned(changed));
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

    fn measure(&self) -> Facts {
        match (&self.picture, self.raw) {
            (Some(picture), _) => Facts::Image(measure::measure_image(picture, self.expected)),
            (None, Raw::Audio(audio)) => Facts::Audio(measure::measure_audio(audio)),
            (None, Raw::File(_, encoding)) => Facts::Opaque { encoding: *encoding },
            (None, Raw::Image(image)) => Facts::Image(measure::measure_image(image, self.expected)),
        }
    }

    /// The pixels that `file` holds; none if it is not made of pixels.
    fn picture_of(&self, file: &OutputFile) -> Result<Option<&Image>, ProcessError> {
        let Some(variant) = &file.variant else { return Ok(self.picture.as_deref()) };
        let made = self.variants.as_ref().and_then(|variants| variants.get(variant.as_str()));
        made.map(Some).ok_or_else(|| ProcessError::UnknownVariant {
            path: file.path.clone(),
            variant: variant.clone(),
        })
    }

    /// The bytes of `file`, which holds `picture`.
    fn encode(
        &self,
        file: &OutputFile,
        picture: Option<&Image>,
        steps: &[Step],
    ) -> Result<Vec<u8>, ProcessError> {
        let settings = encode::Settings::of(steps, file.encoding);
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
        let Some(picture) = picture else {
            return Err(match self.raw {
                Raw::File(_, encoding) => no_pixels(*encoding).into(),
                Raw::Audio(_) | Raw::Image(_) => failed(EncodeError::NoEncoder(file.encoding)),
            });
        };
        let encoded = encode::encode(picture, file.encoding, settings).map_err(failed)?;
        // Another effort cannot change the picture, so the smaller file of the two is right.
        match untouched {
            Some(bytes) if file.encoding == Encoding::Png && bytes.len() <= encoded.len() => {
                Ok(bytes.to_vec())
            }
            _ => Ok(encoded),
        }
    }
}

/// Runs the one op; none if it changes no pixel.
fn change(picture: &Image, op: &ProcessOp) -> Result<Option<Image>, OpError> {
    match *op {
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
        // These change no pixel of the picture itself.
        ProcessOp::Compress { .. } | ProcessOp::Variants { .. } | ProcessOp::Convert { .. } => {
            Ok(None)
        }
        // These were refused before the first step.
        ProcessOp::Quantize { .. }
        | ProcessOp::Glow { .. }
        | ProcessOp::Watermark { .. }
        | ProcessOp::Normalize { .. }
        | ProcessOp::TrimSilence { .. }
        | ProcessOp::Fade { .. }
        | ProcessOp::Cut { .. }
        | ProcessOp::Loop { .. }
        | ProcessOp::Resample { .. }
        | ProcessOp::Channels { .. } => Ok(None),
    }
}

fn no_pixels(encoding: Encoding) -> DecodeError {
    match encoding {
        Encoding::Avif => DecodeError::NoDecoder(encoding),
        _ => DecodeError::NotRaster(encoding),
    }
}
