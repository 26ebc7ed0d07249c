//! The rows of the data files, and how they become the catalogue's types.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::{AudioMode, MediaKind, Scalar};
use crate::catalog::data::{DataError, TranslationAction, TranslationRule};
use crate::catalog::formula::Formula;
use crate::catalog::model::{Engine, Model, Provider, SeedSupport, State};
use crate::catalog::parameter::{
    EditUse, Must, Need, Parameter, ParameterType, SizeRule, parse_size,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    as_of: String,
    #[serde(default)]
    pub(super) sources: Vec<String>,
    #[serde(default)]
    pub(super) provider: Vec<ProviderRow>,
    #[serde(default)]
    pub(super) advice: BTreeMap<String, String>,
    #[serde(default)]
    sets: BTreeMap<String, BTreeMap<String, ParameterRow>>,
    #[serde(default)]
    pub(super) model: Vec<ModelRow>,
    #[serde(default)]
    pub(super) translation: Vec<TranslationRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderRow {
    name: String,
    alias_of: Option<String>,
    model: Option<String>,
    pub(super) family: String,
    title: String,
    media: Vec<Media>,
    #[serde(default)]
    offline: bool,
    #[serde(default)]
    engines: Vec<EngineRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EngineRow {
    name: String,
    #[serde(default)]
    key_env: Vec<String>,
    #[serde(default)]
    local: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelRow {
    id: String,
    #[serde(default)]
    snapshots: Vec<String>,
    family: Option<String>,
    engine: Option<String>,
    state: StateWord,
    shutdown: Option<String>,
    replacement: Option<String>,
    #[serde(default)]
    default: bool,
    media: Media,
    #[serde(default)]
    modes: Vec<Mode>,
    #[serde(default)]
    sets: Vec<String>,
    #[serde(default)]
    parameters: BTreeMap<String, ParameterRow>,
    #[serde(default)]
    open_parameters: bool,
    #[serde(default)]
    alpha: bool,
    seed: SeedWord,
    #[serde(default)]
    references_max: usize,
    #[serde(default)]
    edits: bool,
    #[serde(default)]
    mask: bool,
    #[serde(default)]
    job: bool,
    prompt_max: Option<usize>,
    #[serde(default)]
    negative: bool,
    price: Formula,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterRow {
    #[serde(rename = "type")]
    kind: TypeWord,
    #[serde(default)]
    values: Vec<toml::Value>,
    min: Option<f64>,
    max: Option<f64>,
    size: Option<SizeRow>,
    default: Option<toml::Value>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    edit: EditWord,
    #[serde(default)]
    needs: Vec<NeedRow>,
    #[serde(default)]
    replaces: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SizeRow {
    multiple: u32,
    max_ratio: u32,
    max: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedRow {
    value: Option<toml::Value>,
    parameter: String,
    #[serde(default)]
    among: Vec<toml::Value>,
    /// In place of `among`: whether the other one is set at all.
    set: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TranslationRow {
    parameter: String,
    from: Option<String>,
    action: TranslationAction,
    to: Option<String>,
    #[serde(default)]
    elsewhere: bool,
    #[serde(rename = "type")]
    kind: Option<TypeWord>,
    why: String,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Media {
    Image,
    Audio,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Sfx,
    Music,
    Speech,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum StateWord {
    Current,
    Deprecated,
    Retired,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum SeedWord {
    None,
    Hint,
    Exact,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum TypeWord {
    Text,
    Integer,
    Number,
    Boolean,
    File,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum EditWord {
    #[default]
    Either,
    Only,
    Never,
}

impl From<Media> for MediaKind {
    fn from(media: Media) -> Self {
        match media {
            Media::Image => Self::Image,
            Media::Audio => Self::Audio,
        }
    }
}

impl From<TypeWord> for ParameterType {
    fn from(word: TypeWord) -> Self {
        match word {
            TypeWord::Text => Self::Text,
            TypeWord::Integer => Self::Integer,
            TypeWord::Number => Self::Number,
            TypeWord::Boolean => Self::Boolean,
            TypeWord::File => Self::File,
        }
    }
}

/// Turns the rows of one file into the types of the catalogue.
pub(super) struct Rows<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a File,
}

impl Rows<'_> {
    pub(super) fn error(&self, row: &str, problem: impl Into<String>) -> DataError {
        DataError::Row { file: self.name.to_owned(), row: row.to_owned(), problem: problem.into() }
    }

    pub(super) fn provider(&self, row: &ProviderRow) -> Result<Provider, DataError> {
        if row.offline != row.engines.is_empty() {
            return Err(self.error(&row.name, "exactly the offline providers have no engine"));
        }
        let engine = |row: &EngineRow| Engine {
            name: row.name.clone(),
            key_env: row.key_env.clone(),
            local: row.local,
        };
        Ok(Provider {
            name: row.name.clone(),
            alias_of: row.alias_of.clone(),
            model: row.model.clone(),
            family: row.family.clone(),
            title: row.title.clone(),
            media: row.media.iter().map(|&media| media.into()).collect(),
            offline: row.offline,
            engines: row.engines.iter().map(engine).collect(),
        })
    }

    pub(super) fn model(&self, row: &ModelRow) -> Result<Model, DataError> {
        let provider = match &row.family {
            Some(family) => self.file.provider.iter().find(|provider| provider.family == *family),
            None => self.file.provider.first(),
        };
        let provider = provider.ok_or_else(|| self.error(&row.id, "its family has no provider"))?;
        let engine = match &row.engine {
            Some(name) => provider.engines.iter().find(|engine| engine.name == *name),
            None if provider.engines.len() > 1 => None,
            None => provider.engines.first(),
        };
        let engine = engine.ok_or_else(|| self.error(&row.id, "its engine is not listed"))?;
        let mut parameters = BTreeMap::new();
        for set in &row.sets {
            let rows = self.file.sets.get(set);
            let rows = rows.ok_or_else(|| self.error(&row.id, format!("no set `{set}`")))?;
            for (name, parameter) in rows {
                parameters.insert(name.clone(), self.parameter(&row.id, name, parameter)?);
            }
        }
        for (name, parameter) in &row.parameters {
            parameters.insert(name.clone(), self.parameter(&row.id, name, parameter)?);
        }
        Ok(Model {
            id: row.id.clone(),
            snapshots: row.snapshots.clone(),
            family: provider.family.clone(),
            engine: engine.name.clone(),
            state: match row.state {
                StateWord::Current => State::Current,
                StateWord::Deprecated => State::Deprecated,
                StateWord::Retired => State::Retired,
            },
            shutdown: row.shutdown.clone(),
            replacement: row.replacement.clone(),
            default: row.default,
            media: row.media.into(),
            modes: row
                .modes
                .iter()
                .map(|mode| match mode {
                    Mode::Sfx => AudioMode::Sfx,
                    Mode::Music => AudioMode::Music,
                    Mode::Speech => AudioMode::Speech,
                })
                .collect(),
            parameters,
            open_parameters: row.open_parameters,
            alpha: row.alpha,
            seed: match row.seed {
                SeedWord::None => SeedSupport::None,
                SeedWord::Hint => SeedSupport::Hint,
                SeedWord::Exact => SeedSupport::Exact,
            },
            references_max: row.references_max,
            edits: row.edits,
            mask: row.mask,
            job: row.job,
            prompt_max: row.prompt_max,
            negative: row.negative,
            price: row.price.clone(),
            as_of: self.file.as_of.clone(),
        })
    }

    fn parameter(
        &self,
        model: &str,
        name: &str,
        row: &ParameterRow,
    ) -> Result<Parameter, DataError> {
        let kind = ParameterType::from(row.kind);
        let error = |problem: &str| self.error(model, format!("parameter `{name}`: {problem}"));
        let typed = |value: &toml::Value| {
            scalar(value)
                .and_then(|value| kind.convert(&value))
                .ok_or_else(|| error("a value has another type"))
        };
        let plain =
            |value: &toml::Value| scalar(value).ok_or_else(|| error("a value is not a scalar"));
        let size = match &row.size {
            None => None,
            Some(SizeRow { multiple, max_ratio, max }) => {
                let max = parse_size(max).ok_or_else(|| error("`max` is not a size"))?;
                if *multiple == 0 || *max_ratio == 0 || max.0 < max.1 {
                    return Err(error("its size rule takes nothing"));
                }
                Some(SizeRule { multiple: *multiple, max_ratio: *max_ratio, max })
            }
        };
        let mut needs = Vec::new();
        for need in &row.needs {
            let must = match (need.set, need.among.as_slice()) {
                (Some(true), []) => Must::BeSet,
                (Some(false), []) => Must::BeAbsent,
                (None, [_, ..]) => {
                    Must::BeAmong(need.among.iter().map(plain).collect::<Result<_, _>>()?)
                }
                _ => return Err(error("a need has either `among` or `set`")),
            };
            let value = need.value.as_ref().map(typed).transpose()?;
            needs.push(Need { value, parameter: need.parameter.clone(), must });
        }
        let parameter = Parameter {
            kind,
            values: row.values.iter().map(typed).collect::<Result<_, _>>()?,
            min: row.min,
            max: row.max,
            size,
            default: row.default.as_ref().map(typed).transpose()?,
            required: row.required,
            edit: match row.edit {
                EditWord::Either => EditUse::Either,
                EditWord::Only => EditUse::Only,
                EditWord::Never => EditUse::Never,
            },
            needs,
            replaces: row.replaces.clone(),
        };
        match &parameter.default {
            Some(value) if parameter.accept(value).is_err() => {
                Err(error("its default is not taken"))
            }
            _ => Ok(parameter),
        }
    }

    pub(super) fn translation(&self, row: &TranslationRow) -> Result<TranslationRule, DataError> {
        let leads = matches!(row.action, TranslationAction::Replace | TranslationAction::Ratio);
        if leads != row.to.is_some() {
            return Err(self.error(&row.parameter, "`to` belongs to `replace` and `ratio`"));
        }
        Ok(TranslationRule {
            parameter: row.parameter.clone(),
            from: row.from.clone(),
            action: row.action,
            to: row.to.clone(),
            elsewhere: row.elsewhere,
            kind: row.kind.map(ParameterType::from),
            why: row.why.clone(),
        })
    }
}

fn scalar(value: &toml::Value) -> Option<Scalar> {
    match value {
        toml::Value::String(text) => Some(Scalar::Text(text.clone())),
        toml::Value::Integer(number) => Some(Scalar::Integer(*number)),
        toml::Value::Float(number) => Some(Scalar::Number(*number)),
        toml::Value::Boolean(value) => Some(Scalar::Boolean(*value)),
        _ => None,
    }
}
