//! Bodies of integrate actions: results reach the project's own files.

mod json;
mod layout;
pub mod manifest;

pub use json::value_digest;
