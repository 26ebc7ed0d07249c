//! `assetbuild.lock`: what every asset wants, which purchase satisfies it, and what was published.
//!
//! Text in, text out: whoever reads and writes the file is above. The format, field by field:
//! docs/design/lockfile.md.

pub mod conflict;
pub mod excerpt;
pub mod fields;
pub mod file;
pub mod model;
mod parse;
pub mod render;
pub mod splice;

pub use conflict::{Ask, BlockFit, Conflicted, Lock, ResolveError, Resolved, Side, read, resolve};
pub use excerpt::{Excerpt, Replacement};
pub use fields::FieldDigests;
pub use file::{LockError, LockFile, VERSION};
pub use model::{Block, Kept, OwnedEntry, Purchase, ValueDigest};
pub use render::render;
pub use splice::Splice;

#[cfg(test)]
mod tests;
