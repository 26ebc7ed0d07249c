//! The request as the user's files say it, and as a provider gets it.

use std::collections::BTreeMap;

use crate::base::{AudioMode, FieldSink, MediaKind, Scalar};

/// A request as the user's files say it, after expansion.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Name in the spec, such as `dalle-3`.
    pub provider: &'a str,
    /// The provider family, such as `openai`.
    pub family: &'a str,
    /// The engine, if the files name one.
    pub engine: Option<&'a str>,
    /// The model, if the files name one.
    pub model: Option<&'a str>,
    /// Picture or sound.
    pub media: MediaKind,
    /// Kind of sound; an effect if none.
    pub mode: Option<AudioMode>,
    /// The final prompt text.
    pub prompt: &'a str,
    /// What to avoid, unless the prompt text says it already.
    pub negative: Option<&'a str>,
    /// Every parameter that was set.
    pub parameters: &'a BTreeMap<String, Scalar>,
    /// Number of pictures that the result shall resemble.
    pub references: usize,
    /// Whether an existing picture is edited.
    pub edit: bool,
    /// Whether the edit has a mask.
    pub mask: bool,
}

/// Whom a request is resolved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Name of the provider.
    pub provider: &'a str,
    /// The engine; the provider's default if none.
    pub engine: Option<&'a str>,
    /// The model; the engine's default if none.
    pub model: Option<&'a str>,
}

/// Something in a request that a provider does not take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issue {
    /// The field in the spec, such as `prompt.parameters.size`.
    pub field: String,
    /// What is wrong: a lower-case fragment without a final period.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A change that resolving made to what the user wrote; always shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The field in the spec.
    pub field: String,
    /// What was written.
    pub from: String,
    /// What is sent instead; none if it is not sent.
    pub to: Option<String>,
    /// Why.
    pub why: String,
}

/// The fully resolved request for one provider and model, defaults written out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Name of the provider asked.
    pub provider: String,
    /// Its family.
    pub family: String,
    /// The engine behind it.
    pub engine: String,
    /// Exact model.
    pub model: String,
    /// Picture or sound.
    pub media: MediaKind,
    /// Kind of sound; none for pictures.
    pub mode: Option<AudioMode>,
    /// Prompt text, with what to avoid where there is no field for it.
    pub prompt: String,
    /// What to avoid, where there is a field for it.
    pub negative: Option<String>,
    /// Every parameter by its name in specs, defaults included.
    pub parameters: BTreeMap<String, Scalar>,
    /// Number of pictures to resemble; their digests are the caller's key fields.
    pub references: usize,
    /// Whether a picture is edited.
    pub edit: bool,
    /// Whether the edit has a mask.
    pub mask: bool,
    /// What was changed on the way; not part of the request.
    pub translations: Vec<Translation>,
}

impl Sent {
    /// A request for a picture that says no more than whom it goes to.
    pub fn addressed(family: &str, engine: &str, model: &str) -> Self {
        Self {
            provider: family.to_owned(),
            family: family.to_owned(),
            engine: engine.to_owned(),
            model: model.to_owned(),
            media: MediaKind::Image,
            mode: None,
            prompt: String::new(),
            negative: None,
            parameters: BTreeMap::new(),
            references: 0,
            edit: false,
            mask: false,
            translations: Vec::new(),
        }
    }

    /// A parameter's text, if it is set to one.
    pub fn text(&self, parameter: &str) -> Option<&str> {
        match self.parameters.get(parameter) {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The seed of a variation: the one that was set plus the variation's index.
    pub fn seed(&self, variation: u32) -> Option<i64> {
        match self.parameters.get("seed") {
            Some(Scalar::Integer(seed)) => seed.checked_add(i64::from(variation)),
            _ => None,
        }
    }
}

/// Writes the key fields of a resolved request in their fixed order.
///
/// The digests of references, edited picture and mask are written by the caller, who knows them.
/// `content` gives the identity of a file that a parameter's text names, if it names one.
pub fn write_fields(
    sent: &Sent,
    content: &dyn Fn(&str) -> Option<String>,
    sink: &mut dyn FieldSink,
) {
    // Destructured so that a new field is a decision here. The provider's name does not count
    // (aliases share a family), and translations only explain.
    let Sent {
        provider: _,
        family,
        engine,
        model,
        media,
        mode,
        prompt,
        negative,
        parameters,
        references,
        edit,
        mask,
        translations: _,
    } = sent;
    sink.field("generation.type", media.as_str());
    if let Some(mode) = mode {
        sink.field("generation.mode", mode.as_str());
    }
    sink.field("generation.provider", family);
    sink.field("generation.engine", engine);
    sink.field("generation.model", model);
    sink.field("prompt", prompt);
    if let Some(negative) = negative {
        sink.field("prompt.negative", negative);
    }
    for (name, value) in parameters {
        let text = value.canonical();
        let identity = content(&text).unwrap_or(text);
        sink.field(&format!("prompt.parameters.{name}"), &identity);
    }
    sink.field("reference", &references.to_string());
    sink.field("edit", if *edit { "true" } else { "false" });
    sink.field("edit.mask", if *mask { "true" } else { "false" });
}
