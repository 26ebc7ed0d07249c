//! What a drawing takes to draw: an upper bound, before anything is allocated.
//!
//! Groups with opacity, masks, clips and filters are drawn on layers of their own, and patterns on
//! tiles. The renderer lets a layer be 25 times the canvas and a tile be anything.

use std::cell::Cell;

use resvg::usvg::{Group, Mask, Node, Paint, Path, Transform, Tree};

use crate::generate::svg::{MAX_NODES, SvgError};

/// Most pixels of all canvases, layers and tiles that are held at once: 2 GiB.
pub(super) const MAX_HELD_PIXELS: f64 = (512 << 20) as f64;

/// Checks that drawing `tree` on a canvas of `size` stays within the limit.
///
/// # Errors
/// `SvgError::TooMuchMemory` if it may not, `SvgError::TooMuchWork` if it draws too many groups.
pub(super) fn check_memory(tree: &Tree, size: (u32, u32)) -> Result<(), SvgError> {
    let canvas = f64::from(size.0) * f64::from(size.1);
    let scale = Transform::from_scale(
        size.0 as f32 / tree.size().width(),
        size.1 as f32 / tree.size().height(),
    );
    Walk { canvas, scale, groups: Cell::new(0) }.group(tree.root(), canvas)
}

struct Walk {
    /// Pixels of the canvas.
    canvas: f64,
    /// From the drawing's units to the canvas.
    scale: Transform,
    /// Groups seen so far. Masks, clips and patterns are shared, so a short drawing can refer to
    /// them more often than anyone can wait for.
    groups: Cell<u32>,
}

impl Walk {
    /// `held`: pixels that are allocated while this group is drawn.
    fn group(&self, group: &Group, held: f64) -> Result<(), SvgError> {
        self.groups.set(self.groups.get() + 1);
        if self.groups.get() > MAX_NODES {
            return Err(SvgError::TooMuchWork);
        }
        let mut held = held;
        if group.should_isolate() {
            let bounds = group.abs_layer_bounding_box();
            let (sx, sy) = self.scale.get_scale();
            let area = f64::from(bounds.width() * sx) * f64::from(bounds.height() * sy);
            // Filters keep their input and result, masks and clips a second layer.
            let layers = 1.0
                + 2.0 * f64::from(u8::from(!group.filters().is_empty()))
                + f64::from(u8::from(group.mask().is_some()))
                + f64::from(u8::from(group.clip_path().is_some()));
            held = self.hold(held, layers * area.min(25.0 * self.canvas))?;
        }
        if let Some(mask) = group.mask() {
            self.mask(mask, held)?;
        }
        if let Some(clip) = group.clip_path() {
            self.group(clip.root(), held)?;
        }
        for node in group.children() {
            match node {
                Node::Group(group) => self.group(group, held)?,
                Node::Text(text) => self.group(text.flattened(), held)?,
                Node::Path(path) => self.path(path, held)?,
                // Decoded within a limit of its own when the drawing was read.
                Node::Image(_) => {}
            }
        }
        Ok(())
    }

    fn mask(&self, mask: &Mask, held: f64) -> Result<(), SvgError> {
        let held = self.hold(held, self.canvas)?;
        if let Some(mask) = mask.mask() {
            self.mask(mask, held)?;
        }
        self.group(mask.root(), held)
    }

    fn path(&self, path: &Path, held: f64) -> Result<(), SvgError> {
        let fill = path.fill().map(|fill| fill.paint());
        for paint in fill.into_iter().chain(path.stroke().map(|stroke| stroke.paint())) {
            let Paint::Pattern(pattern) = paint else { continue };
            let transform =
                self.scale.pre_concat(path.abs_transform()).pre_concat(pattern.transform());
            let (sx, sy) = transform.get_scale();
            let rect = pattern.rect();
            let tile = f64::from(rect.width() * sx) * f64::from(rect.height() * sy);
            let held = self.hold(held, tile)?;
            self.group(pattern.root(), held)?;
        }
        Ok(())
    }

    fn hold(&self, held: f64, more: f64) -> Result<f64, SvgError> {
        let held = held + more;
        // Written so that a size that is no number is refused.
        if held <= MAX_HELD_PIXELS { Ok(held) } else { Err(SvgError::TooMuchMemory) }
    }
}
