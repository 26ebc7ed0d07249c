//! Step 3: assets become a graph of keyed actions.
//!
//! Knows neither lock nor cache: what an action is and what its key is made of, not whether it has
//! to run. Design note: docs/design/action-keys.md.

pub mod action;
pub mod key;
pub mod lower;
pub mod render;

pub use action::{Action, ActionGraph, ActionId, AssetIndex};
pub use key::{Definition, InputDigests, KEY_SCHEMA, Wanted};
pub use lower::{Extent, lower};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
