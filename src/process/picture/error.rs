//! Why a step cannot do what it says with a picture.

use std::fmt;

use crate::base::{Image, RelPath};
use crate::process::picture::{DecodeError, decode, geometry};

/// Why a step cannot do what it says with a picture.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// No picture can have this size.
    #[error(
        "a picture of {0} cannot be made; sides are 1 to {max} and pixels at most {pixels}",
        max = geometry::MAX_SIDE,
        pixels = decode::MAX_PIXELS
    )]
    Size(Size),
    /// The aspect ratio changes and no fit says how.
    #[error("the picture is {found} and would become {wanted}, which is another aspect ratio")]
    Aspect {
        /// Size of the picture.
        found: Size,
        /// Size asked for.
        wanted: Size,
    },
    /// A rectangle does not lie inside the picture.
    #[error("the part of {part} at {x},{y} does not lie inside the picture of {found}")]
    Outside {
        /// Left edge.
        x: u32,
        /// Upper edge.
        y: u32,
        /// Size of the rectangle.
        part: Size,
        /// Size of the picture.
        found: Size,
    },
    /// The canvas is smaller than the picture.
    #[error("the picture is {found} and does not fit into {wanted}")]
    PadShrinks {
        /// Size of the picture.
        found: Size,
        /// Size asked for.
        wanted: Size,
    },
    /// Every pixel would be cut off.
    #[error("no pixel has an alpha above {threshold}, so nothing would be left")]
    NothingLeft {
        /// The step's threshold.
        threshold: u8,
    },
    /// The corners have no common colour.
    #[error(
        "the corners are {} and {}, which is more than the tolerance of {tolerance} apart",
        hex(.first),
        hex(.other)
    )]
    NoBackground {
        /// The first corner's colour.
        first: [u8; 3],
        /// The colour that differs.
        other: [u8; 3],
        /// The step's tolerance.
        tolerance: u8,
    },
    /// A watermark is larger than the picture.
    #[error(
        "the watermark is {mark} and does not fit on the picture of {picture}; use a smaller one, \
         or put `watermark` before the `resize`"
    )]
    MarkTooLarge {
        /// Size of the watermark.
        mark: Size,
        /// Size of the picture.
        picture: Size,
    },
    /// The content of a file that a step names is not at hand.
    #[error("the content of {0} was not read")]
    NotRead(RelPath),
    /// A file that a step names is no picture.
    #[error(
        "{path} cannot be put on the picture; a watermark is a PNG, JPEG, WebP, GIF, BMP or TGA file"
    )]
    Source {
        /// The file.
        path: RelPath,
        /// Why it cannot be decoded.
        #[source]
        source: DecodeError,
    },
}

/// Width and height in pixels, written `32x48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(u32, u32);

impl Size {
    pub(super) fn of(image: &Image) -> Self {
        Self(image.width, image.height)
    }
}

impl From<(u32, u32)> for Size {
    fn from((width, height): (u32, u32)) -> Self {
        Self(width, height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.0, self.1)
    }
}

fn hex(color: &[u8; 3]) -> String {
    format!("#{:02x}{:02x}{:02x}", color[0], color[1], color[2])
}
