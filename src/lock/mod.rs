//! `assetbuild.lock`: what every asset wants, which purchase satisfies it, and what was published.

pub mod model;

pub use model::{Block, Kept, OwnedEntry, Purchase};
