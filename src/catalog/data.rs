//! Reads the data files that ship with the tool into one catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::base::{AudioMode, MediaKind};
use crate::catalog::model::{Model, Provider};
use crate::catalog::parameter::{Parameter, ParameterType};
use crate::catalog::rows::{File, Rows};

const SHIPPED: &[(&str, &str)] = &[
    ("openai", include_str!("data/openai.toml")),
    ("stable-diffusion", include_str!("data/stable-diffusion.toml")),
    ("firefly", include_str!("data/firefly.toml")),
    ("elevenlabs", include_str!("data/elevenlabs.toml")),
    ("open-models", include_str!("data/open-models.toml")),
    OFFLINE,
    ("translations", include_str!("data/translations.toml")),
];

const OFFLINE: (&str, &str) = ("offline", include_str!("data/offline.toml"));

/// All providers, models and translations.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// Providers in the order of the files.
    pub providers: Vec<Provider>,
    /// Models in the order of the files.
    pub models: Vec<Model>,
    /// Translations in the order in which they are tried.
    pub translations: Vec<TranslationRule>,
    advice: BTreeMap<(String, String), String>,
}

/// What a translation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranslationAction {
    /// Sends `to` as the value.
    Replace,
    /// Sends nothing.
    Drop,
    /// Sends the size's ratio as the parameter `to`, unless that is set.
    Ratio,
    /// Sends the smallest value that the model takes.
    Raise,
}

/// One row of the table of translations.
#[derive(Debug, Clone, PartialEq)]
pub struct TranslationRule {
    /// The parameter.
    pub parameter: String,
    /// The value that it applies to; none for every value.
    pub from: Option<String>,
    /// What it does.
    pub action: TranslationAction,
    /// The value or parameter that it leads to.
    pub to: Option<String>,
    /// Whether it applies only outside of the provider family that the spec names.
    pub elsewhere: bool,
    /// Type of a parameter that no model takes.
    pub kind: Option<ParameterType>,
    /// Why, for people.
    pub why: String,
}

/// What is wrong with a data file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is not TOML of the expected form.
    #[error("data file `{file}` cannot be read")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A row says something that makes no sense.
    #[error("data file `{file}`, `{row}`: {problem}")]
    Row {
        /// The file.
        file: String,
        /// The provider, model or set.
        row: String,
        /// What is wrong.
        problem: String,
    },
}

impl Catalog {
    /// The catalogue that ships with the tool.
    pub fn shipped() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(|| Self::parse(SHIPPED).expect("the shipped data files are tested"))
    }

    /// The part of it that is about providers without a network, which is read in no time.
    pub(super) fn offline() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(|| Self::parse(&[OFFLINE]).expect("the shipped data files are tested"))
    }

    /// Reads data files: name and text.
    ///
    /// # Errors
    /// `DataError` for the first file or row that makes no sense.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, DataError> {
        let mut catalog = Self {
            providers: Vec::new(),
            models: Vec::new(),
            translations: Vec::new(),
            advice: BTreeMap::new(),
        };
        let mut seen = BTreeSet::new();
        for (name, text) in files {
            let file: File = toml::from_str(text).map_err(|source| DataError::Syntax {
                file: (*name).to_owned(),
                source: Box::new(source),
            })?;
            let rows = Rows { name, file: &file };
            if file.sources.is_empty() && !file.model.is_empty() {
                return Err(rows.error("sources", "facts about models need a source"));
            }
            for row in &file.provider {
                catalog.providers.push(rows.provider(row)?);
            }
            for row in &file.model {
                let model = rows.model(row)?;
                let key =
                    (model.family.clone(), model.engine.clone(), model.media, model.id.clone());
                if !seen.insert(key) {
                    return Err(rows.error(&model.id, "it is listed twice"));
                }
                catalog.models.push(model);
            }
            for row in &file.translation {
                catalog.translations.push(rows.translation(row)?);
            }
            let families: BTreeSet<&String> = file.provider.iter().map(|row| &row.family).collect();
            for family in families {
                for (parameter, help) in &file.advice {
                    catalog.advice.insert((family.clone(), parameter.clone()), help.clone());
                }
            }
        }
        Ok(catalog)
    }

    /// The provider that specs call `name`.
    pub fn find_provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The row of a model behind an engine, else the engine's row for any model.
    pub fn find_model(
        &self,
        family: &str,
        engine: &str,
        media: MediaKind,
        id: &str,
    ) -> Option<&Model> {
        let of_engine = |model: &&Model| model.family == family && model.engine == engine;
        let exact = self.models.iter().filter(of_engine).find(|model| model.is_called(id));
        exact.or_else(|| {
            self.models
                .iter()
                .filter(of_engine)
                .find(|model| model.is_any() && model.media == media)
        })
    }

    /// The model that is asked when nobody names one.
    pub fn default_model(
        &self,
        provider: &str,
        engine: Option<&str>,
        media: MediaKind,
        mode: Option<AudioMode>,
    ) -> Option<&str> {
        let provider = self.find_provider(provider)?;
        if let Some(model) = &provider.model {
            return Some(model);
        }
        let engine = provider.engine(engine)?;
        self.models
            .iter()
            .find(|model| {
                model.default
                    && model.family == provider.family
                    && model.engine == engine.name
                    && model.makes(media, mode)
            })
            .map(|model| model.id.as_str())
    }

    /// A parameter as a model of a provider's family takes it, else as any other model does.
    pub(super) fn find_parameter(&self, provider: &str, parameter: &str) -> Option<&Parameter> {
        let family = self.find_provider(provider).map(|provider| provider.family.as_str());
        let of = |family: Option<&str>| {
            self.models
                .iter()
                .filter(|model| family.is_none_or(|family| model.family == family))
                .find_map(|model| model.parameters.get(parameter))
        };
        of(family.or(Some(""))).or_else(|| of(None))
    }

    /// The type of a parameter for a provider, else for any.
    pub fn parameter_type(&self, provider: &str, parameter: &str) -> Option<ParameterType> {
        let translated = || {
            self.translations
                .iter()
                .filter(|rule| rule.parameter == parameter)
                .find_map(|rule| rule.kind)
        };
        let found = self.find_parameter(provider, parameter).map(|parameter| parameter.kind);
        found.or_else(translated)
    }

    /// What to write instead of a parameter that a family does not take.
    pub(super) fn advice(&self, family: &str, parameter: &str) -> Option<&str> {
        self.advice.get(&(family.to_owned(), parameter.to_owned())).map(String::as_str)
    }
}
