//! What is known about providers and their models: parameters, translations, prices, dates.
//!
//! Facts are dated data in `data/*.toml`, field by field in docs/design/catalog.md; the functions
//! here are pure. Nothing knows specs, files, keys of actions or the clock: a date arrives as a value.

pub mod check;
mod data;
pub mod date;
pub mod formula;
pub mod model;
pub mod order;
pub mod parameter;
pub mod price;
pub mod request;
pub mod resolve;
mod rows;
mod target;

pub use check::check;
pub use data::{Catalog, DataError, TranslationAction, TranslationRule};
pub use date::{Retirement, retirement};
pub use formula::{Formula, PriceUnit};
pub use model::{Engine, Model, Provider, SeedSupport, State};
pub use order::{Obstacle, Order, order};
pub use parameter::{EditUse, Must, Need, Parameter, ParameterType, SizeRule};
pub use price::{Overrides, PriceRange, Usage, cost, price};
pub use request::{Issue, Sent, Target, Translation, Wanted, write_fields};
pub use resolve::{has_negative_field, resolve};

use crate::base::{AudioMode, MediaKind, Scalar};

/// The provider that specs call `name`.
pub fn find_provider(name: &str) -> Option<&'static Provider> {
    let offline = Catalog::offline().find_provider(name);
    offline.or_else(|| Catalog::shipped().find_provider(name))
}

/// Variables that hold keys of providers.
pub fn key_variables() -> impl Iterator<Item = &'static str> {
    let engines = Catalog::shipped().providers.iter().flat_map(|provider| &provider.engines);
    engines.flat_map(|engine| &engine.key_env).map(String::as_str)
}

/// Names of all providers, as specs write them, in the order of the data files.
pub fn provider_names() -> impl Iterator<Item = &'static str> {
    Catalog::shipped().providers.iter().map(|provider| provider.name.as_str())
}

/// The row of a model or of one of its snapshots, of any engine of the family; no wildcard row.
pub fn model(family: &str, id: &str) -> Option<&'static Model> {
    Catalog::shipped().models.iter().find(|model| model.family == family && model.is_called(id))
}

/// The row of a model behind one engine; a wildcard row if the engine takes any model.
pub fn find_model(
    family: &str,
    engine: &str,
    media: MediaKind,
    id: &str,
) -> Option<&'static Model> {
    Catalog::shipped().find_model(family, engine, media, id)
}

/// The model that is asked when nobody names one; none where one must be named.
pub fn default_model(
    provider: &str,
    engine: Option<&str>,
    media: MediaKind,
    mode: Option<AudioMode>,
) -> Option<&'static str> {
    Catalog::shipped().default_model(provider, engine, media, mode)
}

/// The type that a parameter has for a provider, else for any other provider; none if no provider
/// has a parameter of that name.
///
/// A spec's decoder types the value with it, so that [`check()`] can say who does take it.
pub fn parameter_type(provider: &str, parameter: &str) -> Option<ParameterType> {
    Catalog::shipped().parameter_type(provider, parameter)
}

/// Whether a parameter's value names a file of the project, whose content is sent.
pub fn is_file(provider: &str, parameter: &str, value: &Scalar) -> bool {
    let catalog = Catalog::shipped();
    let Some(provider) = catalog.find_provider(provider) else { return false };
    let mut models = catalog.models.iter().filter(|model| model.family == provider.family);
    models.any(|model| model.parameters.get(parameter).is_some_and(|own| own.is_file(value)))
}

/// The table of translations that [`resolve()`] applies, in its order.
pub fn translation_rules() -> &'static [TranslationRule] {
    &Catalog::shipped().translations
}

#[cfg(test)]
mod tests;
