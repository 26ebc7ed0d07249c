//! Finds whom a request goes to: provider, engine and model.

use crate::base::diagnostic::did_you_mean;
use crate::base::{AudioMode, MediaKind};
use crate::catalog::data::Catalog;
use crate::catalog::model::{Model, Provider, State};
use crate::catalog::request::{Issue, Target, Wanted};

/// The provider, the model's row and the model's exact id.
pub(super) fn find_target<'a>(
    catalog: &'static Catalog,
    wanted: &Wanted<'_>,
    target: &Target<'a>,
) -> Result<(&'static Provider, &'static Model, &'a str), Vec<Issue>>
where
    'static: 'a,
{
    let issue = |field: &str, message: String, help: Option<String>| {
        vec![Issue { field: field.to_owned(), message, help }]
    };
    let Some(provider) = catalog.find_provider(target.provider) else {
        let names = || catalog.providers.iter().map(|provider| provider.name.as_str());
        let help = match did_you_mean(target.provider, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("providers: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("no provider is called `{}`", target.provider);
        return Err(issue("generation.provider", message, Some(help)));
    };
    if !provider.media.contains(&wanted.media) {
        let message = format!("`{}` makes no {}", provider.name, kind(wanted.media, wanted.mode));
        return Err(issue("generation.provider", message, Some(others(catalog, wanted))));
    }
    if provider.offline {
        let message = format!("`{}` makes assets without a request", provider.name);
        return Err(issue("generation.provider", message, None));
    }
    let Some(engine) = provider.engine(target.engine) else {
        let names: Vec<&str> = provider.engines.iter().map(|engine| engine.name.as_str()).collect();
        let message =
            format!("`{}` has no engine `{}`", provider.name, target.engine.unwrap_or_default());
        return Err(issue(
            "generation.engine",
            message,
            Some(format!("engines: {}", names.join(", "))),
        ));
    };
    let default =
        || catalog.default_model(&provider.name, Some(&engine.name), wanted.media, wanted.mode);
    let Some(id) = target.model.or_else(default) else {
        // A provider with a default for another kind of sound cannot make this kind at all.
        let other_kind = catalog.models.iter().find(|model| {
            model.family == provider.family
                && model.engine == engine.name
                && model.media == wanted.media
                && model.default
        });
        if let Some(model) = other_kind {
            return Err(vec![wrong_kind(catalog, wanted, model, &model.id)]);
        }
        let message = format!("`{}` needs a model", provider.name);
        let setting = if engine.local { "checkpoint" } else { "model" };
        let help = format!(
            "name it with `generation.model`, or `{setting}` of the provider in the Assetfile"
        );
        return Err(issue("generation.model", message, Some(help)));
    };
    let Some(model) = catalog.find_model(&provider.family, &engine.name, wanted.media, id) else {
        let ids: Vec<&str> = catalog
            .models
            .iter()
            .filter(|model| model.family == provider.family && model.engine == engine.name)
            .filter(|model| model.state != State::Retired)
            .map(|model| model.id.as_str())
            .collect();
        let known = format!("models: {}", ids.join(", "));
        let help = match did_you_mean(id, ids.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? {known}"),
            None => known,
        };
        let message = format!("`{}` has no model `{id}`", provider.name);
        return Err(issue("generation.model", message, Some(help)));
    };
    Ok((provider, model, id))
}

/// The issue that a model makes another kind of asset.
pub(super) fn wrong_kind(catalog: &Catalog, wanted: &Wanted<'_>, model: &Model, id: &str) -> Issue {
    let modes: Vec<&str> = model.modes.iter().map(|mode| mode.as_str()).collect();
    let help = match (wanted.media, model.media) {
        (MediaKind::Audio, MediaKind::Audio) => {
            format!("write `mode: {}`, or another provider", modes.join("` or `mode: "))
        }
        _ => others(catalog, wanted),
    };
    Issue {
        field: "generation.model".to_owned(),
        message: format!("{id} makes no {}", kind(wanted.media, wanted.mode)),
        help: Some(help),
    }
}

fn others(catalog: &Catalog, wanted: &Wanted<'_>) -> String {
    let names: Vec<&str> = catalog
        .providers
        .iter()
        .filter(|provider| provider.media.contains(&wanted.media))
        .map(|provider| provider.name.as_str())
        .collect();
    format!("providers that make {}: {}", kind(wanted.media, None), names.join(", "))
}

fn kind(media: MediaKind, mode: Option<AudioMode>) -> &'static str {
    match (media, mode) {
        (MediaKind::Image, _) => "pictures",
        (MediaKind::Audio, None) => "sounds",
        (MediaKind::Audio, Some(AudioMode::Sfx)) => "sound effects",
        (MediaKind::Audio, Some(AudioMode::Music)) => "music",
        (MediaKind::Audio, Some(AudioMode::Speech)) => "speech",
    }
}
