//! The reference's part about providers, models, their parameters and translations, written from
//! the catalogue.

use std::fmt::Write as _;

use crate::base::{AudioMode, MediaKind};
use crate::catalog::{Catalog, EditUse, Engine, Model, Parameter, Provider, State};

/// Sections for providers that take requests, then the table of translations.
pub(super) fn write(out: &mut String) {
    out.push_str(
        "\n### Providers, models and their parameters\n\nWhat each model takes below \
         `prompt.parameters`; a value that it does not take is an error before anything is\n\
         bought. The facts are dated data that ship with the tool.\n",
    );
    let catalog = Catalog::shipped();
    for provider in catalog.providers.iter().filter(|provider| !provider.offline) {
        match &provider.alias_of {
            Some(of) => {
                let model = provider.model.as_deref().unwrap_or_default();
                let _ = write!(
                    out,
                    "\n#### {}\n\nAnother name of `{of}`, with `model: {model}`.\n",
                    provider.name
                );
            }
            None => section(out, catalog, provider),
        }
    }
    translations(out, catalog);
}

fn section(out: &mut String, catalog: &Catalog, provider: &Provider) {
    let media: Vec<&str> = provider.media.iter().map(|media| media.as_str()).collect();
    let _ = write!(out, "\n#### {}\n\n{}: {}.", provider.name, provider.title, media.join(", "));
    for (at, engine) in provider.engines.iter().enumerate() {
        let _ = write!(out, "{}", credentials(engine, at == 0, provider.engines.len() == 1));
    }
    out.push('\n');
    for engine in &provider.engines {
        let models: Vec<&Model> = catalog
            .models
            .iter()
            .filter(|model| model.family == provider.family && model.engine == engine.name)
            .collect();
        let mut shown: Vec<&Model> = Vec::new();
        for model in models.iter().filter(|model| model.state != State::Retired) {
            let same = |other: &&Model| {
                other.parameters == model.parameters
                    && other.open_parameters == model.open_parameters
                    && (other.media, &other.modes) == (model.media, &model.modes)
            };
            if shown.iter().any(same) {
                continue;
            }
            let group: Vec<&Model> = models
                .iter()
                .copied()
                .filter(|other| other.state != State::Retired && same(other))
                .collect();
            shown.push(model);
            let engine = Some(engine.name.as_str()).filter(|_| provider.engines.len() > 1);
            let named = |other: &&Model| !other.is_any() && other.media == model.media;
            parameters(out, engine, &group, models.iter().any(named));
        }
        let retired: Vec<String> = models
            .iter()
            .filter(|model| model.state == State::Retired)
            .map(|model| {
                let since = model.shutdown.as_deref().unwrap_or("an unknown day");
                let next = model.replacement.as_deref().unwrap_or("none");
                format!("`{}` since {since} (next: `{next}`)", model.id)
            })
            .collect();
        if !retired.is_empty() {
            let _ = write!(out, "\nRetired: {}.\n", retired.join(", "));
        }
    }
}

fn credentials(engine: &Engine, is_default: bool, is_only: bool) -> String {
    let needs = match (engine.local, engine.key_env.as_slice()) {
        (true, _) => "a local server or runner, at no price".to_owned(),
        (false, []) => "no key".to_owned(),
        (false, keys) => format!("key in `{}`", keys.join("` and `")),
    };
    match (is_only, is_default) {
        (true, _) => format!(" Needs its {needs}."),
        (false, true) => format!(" Engine `{}` (default): {needs}.", engine.name),
        (false, false) => format!(" Engine `{}`: {needs}.", engine.name),
    }
}

fn parameters(out: &mut String, engine: Option<&str>, group: &[&Model], has_named: bool) {
    let names: Vec<String> = group
        .iter()
        .map(|model| match (model.is_any(), model.default, &model.shutdown) {
            (true, _, _) if has_named => "any other model".to_owned(),
            (true, _, _) => "any model".to_owned(),
            (_, true, _) => format!("`{}` (default)", model.id),
            (_, _, Some(date)) => format!("`{}` (until {date})", model.id),
            _ => format!("`{}`", model.id),
        })
        .collect();
    let first = group[0];
    let kind = match first.media {
        MediaKind::Image => " (image)".to_owned(),
        MediaKind::Audio => {
            let modes: Vec<&str> = first.modes.iter().copied().map(AudioMode::as_str).collect();
            format!(" ({})", modes.join(", "))
        }
    };
    let engine = engine.map_or_else(String::new, |engine| format!("`{engine}`: "));
    let _ = write!(out, "\n{engine}{}{kind}", names.join(", "));
    if first.open_parameters {
        out.push_str(": takes any parameter\n");
    } else {
        out.push_str(":\n");
    }
    if first.parameters.is_empty() {
        return;
    }
    out.push_str("\n| parameter | values | default |\n| --- | --- | --- |\n");
    for (name, parameter) in &first.parameters {
        let _ = writeln!(out, "| `{name}` | {} | {} |", values(parameter), default(parameter));
    }
}

fn values(parameter: &Parameter) -> String {
    let mut text = parameter.allowed();
    match parameter.edit {
        EditUse::Either => {}
        EditUse::Only => text += "; only with `edit` or `reference`",
        EditUse::Never => text += "; not with `edit` or `reference`",
    }
    for need in &parameter.needs {
        let asking = need.value.as_ref().map(|value| format!("{} ", value.canonical()));
        let asking = asking.unwrap_or_default();
        let _ = write!(text, "; {asking}needs `{}` {}", need.parameter, need.must.describe());
    }
    if !parameter.replaces.is_empty() {
        let names: Vec<String> =
            parameter.replaces.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(text, "; a file takes the place of {}", names.join(", "));
    }
    text
}

fn default(parameter: &Parameter) -> String {
    match (&parameter.default, parameter.required) {
        (Some(value), _) => format!("`{}`", value.canonical()),
        (None, true) => "required".to_owned(),
        (None, false) => "–".to_owned(),
    }
}

fn translations(out: &mut String, catalog: &Catalog) {
    out.push_str(
        "\n### Translations\n\nWhere a model does not take a parameter as it is written, the first \
         row that makes it fit is applied, and\n`expand` shows it. What no row covers is an error; \
         for a fallback it means that the fallback is unavailable.\n\n\
         | parameter | written | sent | where | why |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in &catalog.translations {
        use crate::catalog::TranslationAction::{Drop, Raise, Ratio, Replace};
        let to = rule.to.as_deref().unwrap_or_default();
        let sent = match rule.action {
            Replace => format!("`{to}`"),
            Drop => "nothing".to_owned(),
            Ratio => format!("its ratio as `{to}`"),
            Raise => "the smallest value that is taken".to_owned(),
        };
        let from = rule.from.as_ref().map_or("any".to_owned(), |from| format!("`{from}`"));
        let place = if rule.elsewhere { "fallbacks of another provider" } else { "everywhere" };
        let _ =
            writeln!(out, "| `{}` | {from} | {sent} | {place} | {} |", rule.parameter, rule.why);
    }
    out.push_str(
        "| `prompt.negative` | any | `Avoid: …` at the end of the prompt | models without a field for \
         it | the prompt says it |\n",
    );
}
