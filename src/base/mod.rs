//! The words that all layers share: digests, sources and spans, diagnostics, paths, units, media.
//!
//! Nothing here touches the disk, the network, the clock or the environment.

pub mod diagnostic;
pub mod digest;
pub mod facts;
pub mod fields;
mod figures;
pub mod guarded;
pub mod media;
pub mod path;
pub mod raw;
pub mod scalar;
pub mod source;
pub mod units;

pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub use digest::{ActionKey, Digest};
pub use facts::{AudioFacts, FactSheet, Facts, FileFacts, ImageFacts};
pub use fields::{FieldList, FieldSink, KeyHasher};
pub use guarded::{guarded, in_guarded_work};
pub use media::{Audio, AudioMode, Encoding, Image, MediaKind};
pub use path::RelPath;
pub use raw::Raw;
pub use scalar::Scalar;
pub use source::{FileId, SourceMap, Span};
