//! Draws the project's SVG files, from their bytes and the given fonts alone.
//!
//! Nothing is fetched: what a drawing refers to must be inside it. The limits keep a hostile file
//! from using more than a bounded amount of memory: docs/design/pixels.md.

mod memory;
mod safety;
mod vars;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use image::{ImageDecoder, ImageReader};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, ImageHrefResolver, ImageKind, Options, Tree, roxmltree};

use crate::base::{Encoding, Image, guarded};
use crate::generate::fonts::FontSet;

pub(super) use vars::escape;

/// Most bytes of a drawing, before and after its entities are expanded.
const MAX_BYTES: usize = 16 << 20;

/// Most pixels along one side.
const MAX_SIDE: u32 = 16_384;

/// Most pixels of a drawing or of a picture inside it: 8192 by 8192.
const MAX_PIXELS: u64 = 64 << 20;

/// Most elements and texts.
const MAX_NODES: u32 = 1_000_000;

/// Why a file cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum SvgError {
    /// The file is too large, or would become so.
    #[error("it has {found} bytes with its entities; at most {MAX_BYTES} are read")]
    TooLarge {
        /// Bytes.
        found: usize,
    },
    /// The file is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// A placeholder names no variable.
    #[error("`{{{{{name}}}}}` has no value in `vars`{}", did_you_mean(.near))]
    UnknownVariable {
        /// The name in the drawing.
        name: String,
        /// The variable that was meant, perhaps.
        near: Option<String>,
    },
    /// A variable is not used.
    #[error("the drawing does not use the variable `{name}`{}", did_you_mean(.near))]
    UnusedVariable {
        /// The name in the spec.
        name: String,
        /// The placeholder that was meant, perhaps.
        near: Option<String>,
    },
    /// What stands between `{{` and `}}` is no name.
    #[error("`{{{{{0}` is not a placeholder; write `{{{{name}}}}`")]
    BadPlaceholder(String),
    /// The drawing refers to something outside.
    #[error("<{element}> refers to `{reference}`; nothing outside the drawing is read")]
    External {
        /// The element, or the markup, that refers to it.
        element: String,
        /// What it refers to.
        reference: String,
    },
    /// An entity is made of entities.
    #[error("the entity `{0}` refers to other entities")]
    NestedEntity(String),
    /// Elements are nested too deeply.
    #[error("its elements are nested more than {} deep", safety::MAX_DEPTH)]
    TooDeep,
    /// The file is not XML.
    #[error("it is not well-formed XML")]
    Xml(#[from] roxmltree::Error),
    /// The file is not an SVG drawing.
    #[error("it is not a drawing")]
    NotADrawing(#[from] usvg::Error),
    /// A picture inside the drawing is broken, too large or not a picture.
    #[error("a picture inside the drawing cannot be used: {0}")]
    Embedded(String),
    /// Its layers and patterns would take too much memory.
    #[error("its layers and patterns take more than 2 GiB at this size")]
    TooMuchMemory,
    /// Its patterns, masks and clips are made of each other too often.
    #[error("its patterns, masks and clips draw more than {MAX_NODES} groups")]
    TooMuchWork,
    /// The renderer panicked.
    #[error("the renderer gave up on it; numbers far outside of the drawing are a usual cause")]
    Renderer,
    /// The drawing does not say how large it is.
    #[error("it has no size; add a viewBox, or a width and a height in pixels, to <svg>")]
    NoSize,
    /// The size asked for is zero or too large.
    #[error("it cannot be drawn at {width}x{height}")]
    Size {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The size asked for has another aspect ratio.
    #[error(
        "the drawing is {}x{}, which is another aspect ratio than the size {}x{}",
        .drawing.0, .drawing.1, .wanted.0, .wanted.1
    )]
    Aspect {
        /// Width and height that the drawing says.
        drawing: (f32, f32),
        /// Size asked for.
        wanted: (u32, u32),
    },
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Draws `bytes` at `size`, or at the drawing's own size, with `vars` in place of `{{name}}`.
///
/// # Errors
/// `SvgError` for what is not a drawing, refers to the outside, or exceeds a limit.
pub(super) fn draw(
    bytes: &[u8],
    size: Option<(u32, u32)>,
    vars: &BTreeMap<String, String>,
    fonts: &FontSet,
) -> Result<Image, SvgError> {
    if bytes.len() > MAX_BYTES {
        return Err(SvgError::TooLarge { found: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| SvgError::NotText)?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let text = vars::substitute(&text, vars)?;
    safety::check_entities(&text)?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        ..roxmltree::ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(&text, options)?;
    safety::check_references(&document)?;
    check_size(&document)?;
    // The renderer is other people's code, and its arithmetic has corners that no check before it
    // knows: a slip there must not end the build.
    let render = || render(&parse(&document, fonts)?, size);
    guarded(render).unwrap_or(Err(SvgError::Renderer))
}

/// Checks that the root says how large the drawing is; the renderer would take the bounds of what
/// is drawn, so that a moved circle would scale everything.
fn check_size(document: &roxmltree::Document<'_>) -> Result<(), SvgError> {
    let root = document.root_element();
    let absolute = |name| root.attribute(name).is_some_and(|length| !length.ends_with('%'));
    let has_size = root.has_attribute("viewBox") || (absolute("width") && absolute("height"));
    // What is no drawing at all is told by the parser.
    if root.tag_name().name() == "svg" && !has_size { Err(SvgError::NoSize) } else { Ok(()) }
}

fn parse(document: &roxmltree::Document<'_>, fonts: &FontSet) -> Result<Tree, SvgError> {
    let broken: Mutex<Option<SvgError>> = Mutex::new(None);
    let note = |error| {
        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        None
    };
    let options = Options {
        font_family: "Karla".to_owned(),
        fontdb: fonts.database(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, data, _| match embedded(data) {
                Ok(picture) => Some(picture),
                Err(error) => note(error),
            }),
            resolve_string: Box::new(|href, _| {
                note(SvgError::External { element: "image".to_owned(), reference: href.to_owned() })
            }),
        },
        ..Options::default()
    };
    let tree = Tree::from_xmltree(document, &options)?;
    drop(options);
    match broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(tree),
    }
}

/// Checks a picture inside the drawing; the renderer would leave out a broken one without a word.
fn embedded(data: Arc<Vec<u8>>) -> Result<ImageKind, SvgError> {
    let kind: fn(Arc<Vec<u8>>) -> ImageKind = match Encoding::sniff(&data) {
        Some(Encoding::Png) => ImageKind::PNG,
        Some(Encoding::Jpeg) => ImageKind::JPEG,
        Some(Encoding::Gif) => ImageKind::GIF,
        Some(Encoding::Webp) => ImageKind::WEBP,
        _ => return Err(SvgError::Embedded("it is not a png, jpg, gif or webp".to_owned())),
    };
    let broken = |error: image::ImageError| SvgError::Embedded(error.to_string());
    let reader = ImageReader::new(Cursor::new(data.as_slice()))
        .with_guessed_format()
        .map_err(|error| SvgError::Embedded(error.to_string()))?;
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(SvgError::Embedded(format!(
            "it is {width}x{height}, more than {MAX_PIXELS} pixels"
        )));
    }
    image::DynamicImage::from_decoder(decoder).map_err(broken)?;
    Ok(kind(data))
}

fn render(tree: &Tree, size: Option<(u32, u32)>) -> Result<Image, SvgError> {
    let own = (tree.size().width(), tree.size().height());
    let (width, height) = match size {
        Some(size) => size,
        // Saturates, so a size beyond every limit is refused below.
        None => ((own.0.round() as u32).max(1), (own.1.round() as u32).max(1)),
    };
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || width.max(height) > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(SvgError::Size { width, height });
    }
    if size.is_some() && !keeps_aspect(own, (width, height)) {
        return Err(SvgError::Aspect { drawing: own, wanted: (width, height) });
    }
    memory::check_memory(tree, (width, height))?;
    let mut pixmap = Pixmap::new(width, height).ok_or(SvgError::Size { width, height })?;
    let scale = Transform::from_scale(width as f32 / own.0, height as f32 / own.1);
    resvg::render(tree, scale, &mut pixmap.as_mut());
    Ok(Image { width, height, pixels: pixmap.take_demultiplied() })
}

/// Whether drawing `own` at `size` distorts by less than the rounding of one pixel.
fn keeps_aspect(own: (f32, f32), size: (u32, u32)) -> bool {
    let (w, h) = (f64::from(own.0), f64::from(own.1));
    let (to_w, to_h) = (f64::from(size.0), f64::from(size.1));
    (to_h - to_w * h / w).abs() < 1.0 || (to_w - to_h * w / h).abs() < 1.0
}

#[cfg(test)]
mod tests;
