//! Turns a wanted request into the one that a provider and model get, or says what does not fit.
//!
//! All changes come from one table (`data/translations.toml`) and are listed in the result.

use std::collections::BTreeMap;

use crate::base::diagnostic::did_you_mean;
use crate::base::{AudioMode, MediaKind, Scalar};
use crate::catalog::data::{Catalog, TranslationAction, TranslationRule};
use crate::catalog::model::{Model, Provider, State};
use crate::catalog::parameter::{EditUse, Refusal, as_number, parse_size};
use crate::catalog::request::{Issue, Sent, Target, Translation, Wanted};
use crate::catalog::target::{find_target, wrong_kind};

/// The request as `target` gets it: translated, with all defaults written out.
///
/// # Errors
/// Every field that the target does not take and no translation covers.
pub fn resolve(wanted: &Wanted<'_>, target: &Target<'_>) -> Result<Sent, Vec<Issue>> {
    let (provider, model, id) = find_target(Catalog::shipped(), wanted, target)?;
    let (sent, issues) = fit(Catalog::shipped(), wanted, provider, model, id);
    if issues.is_empty() { Ok(sent) } else { Err(issues) }
}

/// Whether a model has a field for what to avoid; where it has none, the prompt must say it.
pub fn has_negative_field(target: &Target<'_>, media: MediaKind, mode: Option<AudioMode>) -> bool {
    let catalog = Catalog::shipped();
    let find = || {
        let provider = catalog.find_provider(target.provider)?;
        let engine = provider.engine(target.engine)?;
        let id = target
            .model
            .or_else(|| catalog.default_model(target.provider, target.engine, media, mode))?;
        catalog.find_model(&provider.family, &engine.name, media, id)
    };
    find().is_some_and(|model| model.negative)
}

/// The request in the model's terms, and everything in it that does not fit.
pub(super) fn fit(
    catalog: &Catalog,
    wanted: &Wanted<'_>,
    provider: &Provider,
    model: &Model,
    id: &str,
) -> (Sent, Vec<Issue>) {
    let mut issues = Vec::new();
    let mut translations = Vec::new();
    if !model.makes(wanted.media, wanted.mode) {
        issues.push(wrong_kind(catalog, wanted, model, id));
    }
    let plan = replacing(model, wanted.parameters);
    let is_replaced =
        |name: &str| plan.is_some_and(|(_, replaced)| replaced.iter().any(|one| one == name));
    let (prompt, negative) = match is_replaced("prompt") {
        true => (String::new(), None),
        false => fit_prompt(wanted, model, id, &mut translations, &mut issues),
    };
    if let Some((by, _)) = plan {
        translations.extend(left_out(wanted, by, is_replaced));
    }
    let has_picture = wanted.edit || wanted.references > 0;
    let mut parameters = BTreeMap::new();
    for (name, value) in wanted.parameters.iter().filter(|(name, _)| !is_replaced(name)) {
        match take(model, name, value, has_picture) {
            Ok(value) => {
                parameters.insert(name.clone(), value);
            }
            Err(refusal) => match translate(catalog, wanted, model, name, value, has_picture) {
                Some((rule, sent)) => {
                    translations.push(Translation {
                        field: format!("prompt.parameters.{name}"),
                        from: value.canonical(),
                        to: sent.as_ref().map(|(target, value)| {
                            if target == name {
                                value.canonical()
                            } else {
                                format!("{target}: {}", value.canonical())
                            }
                        }),
                        why: rule.why.clone(),
                    });
                    parameters.extend(sent);
                }
                None => issues.push(refusal.issue(catalog, model, id, name, value)),
            },
        }
    }
    add_defaults(model, id, has_picture, &mut parameters, &mut issues);
    parameters.retain(|name, _| !is_replaced(name));
    check_needs(model, &parameters, &mut issues);
    check_pictures(catalog, wanted, model, id, &mut issues);
    let sent = Sent {
        provider: provider.name.clone(),
        family: provider.family.clone(),
        engine: model.engine.clone(),
        model: id.to_owned(),
        media: wanted.media,
        mode: match wanted.media {
            MediaKind::Image => None,
            MediaKind::Audio => Some(wanted.mode.unwrap_or(AudioMode::Sfx)),
        },
        prompt,
        negative,
        parameters,
        references: wanted.references,
        edit: wanted.edit,
        mask: wanted.mask,
        translations,
    };
    (sent, issues)
}

/// A parameter whose file takes the place of others, and their names.
fn replacing<'a>(
    model: &'a Model,
    parameters: &BTreeMap<String, Scalar>,
) -> Option<(&'a str, &'a [String])> {
    let mut files = model.parameters.iter().filter(|(_, parameter)| !parameter.replaces.is_empty());
    let (name, parameter) = files.find(|(name, parameter)| {
        parameters.get(*name).is_some_and(|value| parameter.is_file(value))
    })?;
    Some((name, &parameter.replaces))
}

/// What the user wrote and `by` takes the place of.
fn left_out(wanted: &Wanted<'_>, by: &str, is_replaced: impl Fn(&str) -> bool) -> Vec<Translation> {
    let left_out = |field: String, from: String| Translation {
        field,
        from,
        to: None,
        why: format!("`{by}` takes its place"),
    };
    let prompt = [("prompt", Some(wanted.prompt)), ("prompt.negative", wanted.negative)];
    let prompt = prompt.into_iter().filter(|_| is_replaced("prompt"));
    let prompt =
        prompt.filter_map(|(field, text)| Some(left_out(field.to_owned(), text?.to_owned())));
    let parameters = wanted.parameters.iter().filter(|(name, _)| is_replaced(name));
    let parameters = parameters
        .map(|(name, value)| left_out(format!("prompt.parameters.{name}"), value.canonical()));
    prompt.chain(parameters).collect()
}

fn fit_prompt(
    wanted: &Wanted<'_>,
    model: &Model,
    id: &str,
    translations: &mut Vec<Translation>,
    issues: &mut Vec<Issue>,
) -> (String, Option<String>) {
    let mut prompt = wanted.prompt.to_owned();
    let mut negative = wanted.negative.filter(|text| !text.trim().is_empty()).map(str::to_owned);
    if prompt.trim().is_empty() {
        issues.push(Issue {
            field: "prompt".to_owned(),
            message: format!("{id} needs a prompt"),
            help: Some("write `prompt: …` with what the asset shows".to_owned()),
        });
    }
    if !model.negative
        && let Some(text) = negative.take()
    {
        let avoid = format!("Avoid: {}", text.trim());
        prompt = if prompt.trim().is_empty() {
            avoid.clone()
        } else {
            format!("{}\n\n{avoid}", prompt.trim_end())
        };
        translations.push(Translation {
            field: "prompt.negative".to_owned(),
            from: text,
            to: Some(avoid),
            why: "the model has no field for it, so the prompt says it".to_owned(),
        });
    }
    if let Some(max) = model.prompt_max {
        for (field, text) in [("prompt", Some(&prompt)), ("prompt.negative", negative.as_ref())] {
            let length = text.map_or(0, |text| text.chars().count());
            if length > max {
                issues.push(Issue {
                    field: field.to_owned(),
                    message: format!("{id} takes at most {max} characters, this text has {length}"),
                    help: Some("shorten the prompt or the styles that end it".to_owned()),
                });
            }
        }
    }
    (prompt, negative)
}

/// Why a model does not take a parameter.
enum Refused {
    Unknown,
    NotWithPicture,
    OnlyWithPicture,
    Value(Refusal),
}

impl Refused {
    fn issue(
        self,
        catalog: &Catalog,
        model: &Model,
        id: &str,
        name: &str,
        value: &Scalar,
    ) -> Issue {
        let (message, help) = match self {
            Self::Unknown => {
                let names = || model.parameters.keys().map(String::as_str);
                let taken = format!("it takes: {}", names().collect::<Vec<_>>().join(", "));
                let help = match (catalog.advice(&model.family, name), did_you_mean(name, names()))
                {
                    (Some(advice), _) => advice.to_owned(),
                    (None, Some(meant)) => format!("did you mean `{meant}`? {taken}"),
                    (None, None) => taken,
                };
                (format!("{id} takes no `{name}`"), help)
            }
            Self::NotWithPicture => (
                format!("{id} takes no `{name}` together with a picture"),
                format!("leave `{name}` out, or `edit` and `reference`"),
            ),
            Self::OnlyWithPicture => (
                format!("{id} takes `{name}` only together with a picture"),
                format!("leave `{name}` out, or add `edit`"),
            ),
            Self::Value(refusal) => (
                format!("`{name}: {}` does not fit {id}: {}", value.canonical(), refusal.why),
                refusal.help,
            ),
        };
        Issue { field: format!("prompt.parameters.{name}"), message, help: Some(help) }
    }
}

fn take(model: &Model, name: &str, value: &Scalar, has_picture: bool) -> Result<Scalar, Refused> {
    let Some(parameter) = model.parameters.get(name) else {
        return if model.open_parameters { Ok(value.clone()) } else { Err(Refused::Unknown) };
    };
    match parameter.edit {
        EditUse::Only if !has_picture => Err(Refused::OnlyWithPicture),
        EditUse::Never if has_picture => Err(Refused::NotWithPicture),
        _ => parameter.accept(value).map_err(Refused::Value),
    }
}

/// The first row of the table that makes the parameter acceptable, and what is sent then.
fn translate<'a>(
    catalog: &'a Catalog,
    wanted: &Wanted<'_>,
    model: &Model,
    name: &str,
    value: &Scalar,
    has_picture: bool,
) -> Option<(&'a TranslationRule, Option<(String, Scalar)>)> {
    let text = value.canonical();
    let elsewhere = wanted.family != model.family;
    catalog
        .translations
        .iter()
        .filter(|rule| rule.parameter == name && (elsewhere || !rule.elsewhere))
        .filter(|rule| rule.from.as_ref().is_none_or(|from| *from == text))
        .find_map(|rule| {
            let to = rule.to.as_deref();
            match rule.action {
                TranslationAction::Replace => {
                    let value = Scalar::Text(to?.to_owned());
                    // An open model takes anything, so only a listed parameter is rewritten.
                    model.parameters.get(name)?;
                    let value = take(model, name, &value, has_picture).ok()?;
                    Some((rule, Some((name.to_owned(), value))))
                }
                TranslationAction::Drop => {
                    let droppable = rule.elsewhere || !model.parameters.contains_key(name);
                    droppable.then_some((rule, None))
                }
                TranslationAction::Ratio => {
                    let to = to?;
                    if wanted.parameters.contains_key(to) {
                        return model.parameters.contains_key(to).then_some((rule, None));
                    }
                    let ratio = Scalar::Text(ratio(parse_size(&text)?));
                    model.parameters.get(to)?;
                    let ratio = take(model, to, &ratio, has_picture).ok()?;
                    Some((rule, Some((to.to_owned(), ratio))))
                }
                TranslationAction::Raise => {
                    let parameter = model.parameters.get(name)?;
                    let (number, min) = (as_number(value)?, parameter.min?);
                    let raised = parameter.kind.convert(&Scalar::Number(min))?;
                    (number > 0.0 && number < min).then(|| (rule, Some((name.to_owned(), raised))))
                }
            }
        })
}

fn ratio((width, height): (u32, u32)) -> String {
    let (mut a, mut b) = (width, height);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1);
    format!("{}:{}", width / divisor, height / divisor)
}

fn add_defaults(
    model: &Model,
    id: &str,
    has_picture: bool,
    parameters: &mut BTreeMap<String, Scalar>,
    issues: &mut Vec<Issue>,
) {
    for (name, parameter) in &model.parameters {
        let applies = match parameter.edit {
            EditUse::Either => true,
            EditUse::Only => has_picture,
            EditUse::Never => !has_picture,
        };
        if !applies || parameters.contains_key(name) {
            continue;
        }
        let field = format!("prompt.parameters.{name}");
        match &parameter.default {
            Some(value) => {
                parameters.insert(name.clone(), value.clone());
            }
            None if parameter.required && issues.iter().all(|issue| issue.field != field) => {
                issues.push(Issue {
                    field,
                    message: format!("{id} needs `{name}`"),
                    help: Some(format!(
                        "write `{name}` below `prompt.parameters`: {}",
                        parameter.allowed()
                    )),
                });
            }
            None => {}
        }
    }
}

fn check_needs(model: &Model, parameters: &BTreeMap<String, Scalar>, issues: &mut Vec<Issue>) {
    for (name, parameter) in &model.parameters {
        let Some(value) = parameters.get(name) else { continue };
        for need in &parameter.needs {
            let asks = need.value.as_ref().is_none_or(|asking| asking == value);
            let other = parameters.get(&need.parameter);
            if asks && !need.must.is_met(other) {
                issues.push(Issue {
                    field: format!("prompt.parameters.{name}"),
                    message: match other {
                        Some(other) => format!(
                            "`{name}: {}` does not go with `{}: {}`",
                            value.canonical(),
                            need.parameter,
                            other.canonical()
                        ),
                        None => format!(
                            "`{name}: {}` does not go without `{}`",
                            value.canonical(),
                            need.parameter
                        ),
                    },
                    help: Some(format!("`{}` must be {}", need.parameter, need.must.describe())),
                });
            }
        }
    }
}

fn check_pictures(
    catalog: &Catalog,
    wanted: &Wanted<'_>,
    model: &Model,
    id: &str,
    issues: &mut Vec<Issue>,
) {
    let mut issue = |field: &str, message: String, does: &dyn Fn(&Model) -> bool| {
        let mut families: Vec<&str> = catalog
            .models
            .iter()
            .filter(|model| model.media == wanted.media && model.state == State::Current)
            .filter(|model| does(model))
            .map(|model| model.family.as_str())
            .collect();
        families.dedup();
        let help = match families.as_slice() {
            [] => format!("leave `{field}` out"),
            families => format!(
                "leave `{field}` out, or name a provider with a model for it: {}",
                families.join(", ")
            ),
        };
        issues.push(Issue { field: field.to_owned(), message, help: Some(help) });
    };
    let edited = usize::from(wanted.edit);
    let room = model.references_max.saturating_sub(edited);
    if wanted.references > room {
        let message = match room {
            0 => format!("{id} takes no references"),
            room => format!("{id} takes at most {room} references, not {}", wanted.references),
        };
        issue("reference", message, &|model| model.references_max >= wanted.references + edited);
    }
    if wanted.edit && !model.edits {
        issue("edit", format!("{id} edits no pictures"), &|model| model.edits);
    } else if wanted.mask && !model.mask {
        issue("edit.mask", format!("{id} takes no mask"), &|model| model.mask);
    }
}
