//! Bodies of integrate actions: results reach the project's own files.
//!
//! [`commit::commit`] publishes what a run built; a commit that was cut off is completed by
//! [`redo::roll_forward`]. Order, ownership and crashes: docs/design/integrate.md.

pub mod commit;
pub mod entry;
mod json;
mod layout;
pub mod lock_ahead;
pub mod manifest;
pub mod manifest_file;
pub mod outcome;
pub mod prune;
pub mod publish;
pub mod record;
pub mod redo;
mod staged;
pub mod written;

pub use json::value_digest;
