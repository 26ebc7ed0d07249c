//! SVG drawings: pixels of the size asked for, whatever the drawing says.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use assetbuild::base::{Image, MediaKind, Raw, RelPath};
use assetbuild::generate::{
    Commands, FontSet, GenerateError, InputError, Inputs, Programs, SecretNames, SvgError, generate,
};
use assetbuild::spec::op::{GenerateOp, SvgDrawing};

use super::{Outcome, check_message};

/// The longer side of what is drawn: a large canvas only takes time.
const SIDE: u32 = 48;

/// Draws `bytes` small.
pub fn check(bytes: &[u8]) -> Outcome {
    let size = (SIDE, SIDE);
    let drawn = match draw(bytes, size) {
        // Not square: once more in a size that fits, which the error tells.
        Err(GenerateError::Svg { source: SvgError::Aspect { drawing, .. }, .. }) => {
            let size = fitting(drawing);
            draw(bytes, size).map(|image| (image, size))
        }
        other => other.map(|image| (image, size)),
    };
    match drawn {
        Ok((image, size)) => {
            assert_eq!((image.width, image.height), size);
            assert_eq!(image.pixels.len(), size.0 as usize * size.1 as usize * 4);
            Outcome::Read
        }
        Err(error) => {
            check_message(&error);
            Outcome::Refused
        }
    }
}

fn fitting((width, height): (f32, f32)) -> (u32, u32) {
    let scale = SIDE as f32 / width.max(height);
    (((width * scale).round() as u32).max(1), ((height * scale).round() as u32).max(1))
}

fn draw(bytes: &[u8], size: (u32, u32)) -> Result<Image, GenerateError> {
    let source = RelPath::new("a.svg").expect("a plain path");
    let op = GenerateOp::Svg(SvgDrawing { source, size: Some(size), vars: BTreeMap::new() });
    match generate(&op, MediaKind::Image, &OneFile(bytes))? {
        Raw::Image(image) => Ok(image),
        other => panic!("a drawing gave {other:?}"),
    }
}

/// A project whose every file is the same.
struct OneFile<'a>(&'a [u8]);

impl Inputs for OneFile<'_> {
    fn read(&self, _: &RelPath) -> Result<Arc<[u8]>, InputError> {
        Ok(self.0.into())
    }

    fn fonts(&self) -> &FontSet {
        static FONTS: OnceLock<FontSet> = OnceLock::new();
        FONTS.get_or_init(FontSet::shipped)
    }

    fn commands(&self) -> &Commands {
        static COMMANDS: OnceLock<Commands> = OnceLock::new();
        COMMANDS.get_or_init(|| {
            Commands::new(Programs::default(), "unused".into(), "0", SecretNames::default())
        })
    }
}
