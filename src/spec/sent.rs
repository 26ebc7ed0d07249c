//! What providers would get of a request: its own, and those that take over.

use crate::catalog::{self, Sent, Target, Translation};
use crate::config::Config;
use crate::spec::op::{Fallback, Request};

/// The request as a fallback gets it on `today` (`YYYY-MM-DD`, UTC).
///
/// # Errors
/// Why the fallback is unavailable, for people.
pub fn sent_to_fallback(
    request: &Request,
    fallback: &Fallback,
    config: &Config,
    today: &str,
) -> Result<Sent, String> {
    let mut parameters = request.parameters.clone();
    parameters.extend(fallback.parameters.iter().map(|(k, v)| (k.clone(), v.clone())));
    let wanted = catalog::Wanted { parameters: &parameters, ..request.wanted() };
    let name = fallback.provider.as_str();
    let family = catalog::find_provider(name).map_or(name, |provider| &provider.family);
    let engine = config.provider_setting(name, family, |settings| settings.engine.clone());
    let target =
        Target { provider: name, engine: engine.as_deref(), model: fallback.model.as_deref() };
    let sent = catalog::resolve(&wanted, &target).map_err(|issues| {
        let issues: Vec<String> = issues.into_iter().map(|issue| issue.message).collect();
        issues.join("; ")
    })?;
    match catalog::retirement(family, &sent.model, today) {
        Some(end) if end.retired => Err(format!("{} is retired", sent.model)),
        _ => Ok(sent),
    }
}

/// A line for the provider and one for each fallback: model, parameters, and what was changed.
pub(super) fn describe(request: &Request, config: &Config, today: &str) -> Vec<String> {
    let mut lines = Vec::new();
    match catalog::order(&request.wanted(), &config.retired_models, today) {
        Ok(order) => {
            let mut to = format!("sent to {} {}", order.sent.family, order.sent.model);
            if let Some(retired) = &order.in_place_of {
                to += &format!(" in place of {retired}");
            }
            lines.push(format!("{to}: {}", changes(request, &order.sent)));
        }
        Err(obstacle) => lines.push(format!("not sent: {}", obstacle.describe())),
    }
    for fallback in &request.fallback {
        let name = &fallback.provider;
        if name == "manual" {
            lines.push("fallback manual: a person".to_owned());
            continue;
        }
        lines.push(match sent_to_fallback(request, fallback, config, today) {
            Ok(sent) => format!("fallback {name} {}: {}", sent.model, changes(request, &sent)),
            Err(why) => format!("fallback {name} is unavailable: {why}"),
        });
    }
    lines
}

/// Every parameter that is sent, with what it was before; those that nobody set come last.
fn changes(request: &Request, sent: &Sent) -> String {
    let mut parts = Vec::new();
    let mut translated = Vec::new();
    for (name, value) in &sent.parameters {
        let value = value.canonical();
        let made_of = sent.translations.iter().find_map(|translation| {
            let Translation { field, from, to, .. } = translation;
            let source = field.strip_prefix("prompt.parameters.")?;
            match to.as_deref()? {
                to if source == name && to == value => Some(format!("{from} → {value}")),
                to if to == format!("{name}: {value}") => Some(format!("from {source} {from}")),
                _ => None,
            }
        });
        if let Some(made_of) = made_of {
            parts.push(format!("{name} {value} ({made_of})"));
            translated.push(name);
        } else if request.parameters.contains_key(name) {
            parts.push(format!("{name} {value}"));
        }
    }
    for Translation { field, to, .. } in &sent.translations {
        if to.is_none() {
            let name = field.strip_prefix("prompt.parameters.").unwrap_or(field);
            parts.push(format!("{name} not sent"));
        } else if field == "prompt.negative" {
            parts.push("negative as `Avoid: …` in the prompt".to_owned());
        }
    }
    let defaults: Vec<String> = sent
        .parameters
        .iter()
        .filter(|(name, _)| !request.parameters.contains_key(*name) && !translated.contains(name))
        .map(|(name, value)| format!("{name} {}", value.canonical()))
        .collect();
    if !defaults.is_empty() {
        parts.push(format!("by default {}", defaults.join(", ")));
    }
    match parts.is_empty() {
        true => "the prompt alone".to_owned(),
        false => parts.join(", "),
    }
}
