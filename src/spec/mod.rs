//! Step 2: spec files and templates become fully expanded assets.
//!
//! [`parse()`] takes a file apart, [`expand()`] merges its layers, fills placeholders and decodes the
//! result; [`check_unique`], [`check_references`] and [`check_groups`] look across files. The rules of the language
//! are in docs/design/spec-language.md.

pub mod asset;
mod decode;
mod expand;
mod groups;
mod ids;
mod instance;
mod keys;
mod layer;
mod model_names;
pub mod op;
mod parse;
mod placeholder;
mod providers;
mod reference;
mod render;
mod schema;
mod sent;
mod step_keys;
mod synth_keys;
mod template;
mod unique;
mod words;

pub use crate::yaml::Via;
pub use asset::{AssetSpec, LogLevel, Metadata, Observability, Origins, Pick, Selection};
pub use expand::{Context, Expansion, Listing, Used, expand};
pub use groups::check_groups;
pub use model_names::check_model_names;
pub use parse::{SpecFile, parse};
pub use reference::reference_markdown;
pub use render::render_expansion;
pub use schema::{assetfile_schema_json, schema_json};
pub use sent::sent_to_fallback;
pub use template::{Hidden, Template, Templates};
pub use unique::{AssetReferences, Claim, check_provider_names, check_references, check_unique};

use crate::yaml::Codes;

const CODES: Codes = Codes {
    unknown_key: "spec::unknown_key",
    unknown_word: "spec::unknown_word",
    wrong_type: "spec::wrong_type",
    wrong_value: "spec::wrong_value",
    missing_key: "spec::missing_key",
};

#[cfg(test)]
mod tests;
