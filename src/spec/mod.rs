//! Step 2: spec files and templates become fully expanded assets.

pub mod asset;
pub mod op;

pub use asset::{AssetSpec, LogLevel, Metadata, Observability, Origins, Pick, Selection, Via};
