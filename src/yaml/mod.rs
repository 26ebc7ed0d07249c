//! YAML text becomes a spanned tree, and trees are checked against tables of keys.
//!
//! Parser events never leave `read`. Types come from the tables, never from the text: a scalar
//! keeps its source text. Why this parser, and the limits: docs/design/yaml.md.

mod check;
mod hints;
mod merge;
mod read;
mod scalar;
pub mod schema;
mod text;
mod tree;

pub use check::{Checker, Codes};
pub use read::read;
pub use scalar::{
    parse_bitrate, parse_bytes, parse_color, parse_decibel, parse_hertz, parse_integer,
    parse_number, parse_seconds, parse_size,
};
pub use text::{TextError, decode_text};
pub use tree::{Entry, Kind, Style, Value, Via};

/// Bytes of a file that is read.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Levels of nesting, aliases followed.
pub const MAX_DEPTH: usize = 64;
/// Aliases in a file.
pub const MAX_ALIASES: usize = 500;
/// Nodes that aliases and merge keys add to a file; what is written is bounded by its bytes.
pub const MAX_ALIASED_NODES: usize = 20_000;
/// Diagnostics about the syntax of one file.
pub const MAX_ERRORS: usize = 100;
