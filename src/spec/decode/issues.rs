//! What provider and model do not take of a request, at the places where it was written.

use crate::base::{Diagnostic, Span};
use crate::catalog::{self, Issue};
use crate::spec::asset::Origins;
use crate::spec::decode::{Input, Provider, provider_name};
use crate::spec::op::Request;
use crate::spec::providers::Addressee;
use crate::yaml::{Checker, Value, Via};

const CODE: &str = "spec::bad_parameter";

/// Reports everything in the request that the catalogue knows not to fit.
pub(super) fn report(
    input: &Input<'_>,
    provider: Provider,
    addressee: &Addressee,
    request: &Request,
    checker: &mut Checker<'_>,
) {
    let place = Place { input, provider, addressee };
    if let Some(scope) = addressee.idle_checkpoint {
        checker.diagnostics.push(
            Diagnostic::error(CODE, format!("`{scope}` has no use for a `checkpoint`"))
                .at(place.setting(scope, "checkpoint").unwrap_or(input.merged.span), "")
                .help("name a local `engine` beside it, or write `model`"),
        );
    }
    for issue in catalog::check(&request.wanted()) {
        let (span, is_default) = place.of(&issue);
        // What was reported of a value already needs no second finding.
        let is_known = |known: &Diagnostic| {
            known.code != CODE && known.labels.iter().any(|label| label.span == span)
        };
        let known = checker.diagnostics.iter().any(is_known);
        if known || (issue.field == "prompt" && request.prompt.text.is_empty()) {
            continue;
        }
        let Issue { field, message, help } = issue;
        let way_out = field
            .strip_prefix("prompt.parameters.")
            .filter(|_| is_default)
            .map(|name| format!("`{name}: ~` in a spec takes away what defaults say"));
        let help = [help, way_out].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let diagnostic = Diagnostic::error(CODE, message).at(span, "");
        let diagnostic = if help.is_empty() { diagnostic } else { diagnostic.help(help) };
        checker.diagnostics.push(diagnostic);
    }
}

/// Adds the places of what the Assetfile settles for the request, so that reasons can name them.
pub(super) fn add_settings(input: &Input<'_>, provider: Provider, origins: &mut Origins) {
    let named = input.section("generation").and_then(|generation| generation.get_text("model"));
    let addressee = &provider.addressee(input.context.config, named);
    let place = Place { input, provider, addressee };
    let model = addressee.model_setting.and_then(|(scope, key)| place.setting(scope, key));
    for (path, span) in [("generation.model", model), ("generation.engine", place.engine())] {
        if let Some(span) = span {
            origins.0.insert(path.to_owned(), (span, Via::Spec));
        }
    }
}

struct Place<'a> {
    input: &'a Input<'a>,
    provider: Provider,
    addressee: &'a Addressee,
}

impl Place<'_> {
    /// Where the field of an issue stands, and whether defaults brought it in.
    fn of(&self, issue: &Issue) -> (Span, bool) {
        let field = issue.field.as_str();
        let written = match field {
            "prompt" => self.value("prompt.base").or_else(|| self.value("generation.edit.prompt")),
            "generation.engine" => {
                return (self.engine().unwrap_or_else(|| self.provider_span()), false);
            }
            "generation.model" => match self.addressee.model_setting {
                Some((scope, key)) => {
                    let setting = self.setting(scope, key);
                    return (setting.unwrap_or_else(|| self.provider_span()), false);
                }
                None => self.value(field),
            },
            "reference" | "edit" | "edit.mask" => self.value(&format!("generation.{field}")),
            field => self.value(field).or_else(|| {
                // Seed and duration may stand in `generation` instead.
                let name = field.strip_prefix("prompt.parameters.")?;
                self.value(&format!("generation.{name}"))
            }),
        };
        match written {
            Some(value) => (value.span, value.via.is_default()),
            // What is missing is missed where the provider was chosen.
            None => (self.provider_span(), false),
        }
    }

    fn value(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self.input.tree(), |value, key| value.get(key))
    }

    fn provider_span(&self) -> Span {
        provider_name(self.input).map_or(self.input.merged.span, |name| name.span)
    }

    fn engine(&self) -> Option<Span> {
        let scopes = [self.provider.name, self.provider.family];
        scopes.into_iter().find_map(|scope| self.setting(scope, "engine"))
    }

    /// Where the Assetfile settles something for a provider.
    fn setting(&self, provider: &str, key: &str) -> Option<Span> {
        let written = self.input.context.defaults.written.as_ref()?;
        Some(written.get("providers")?.get(provider)?.get(key)?.span)
    }
}
