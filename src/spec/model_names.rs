//! Checks the models that the Assetfile names in `retired_models` and `prices` against the catalogue.

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, Span};
use crate::catalog::{self, Catalog, Model, State};
use crate::config::ProjectDefaults;
use crate::yaml::Value;

const CODE: &str = "config::unknown_model";

/// Reports stand-ins and priced models that the catalogue does not have.
///
/// Nothing is said of a model that may be one of a host which runs any.
pub fn check_model_names(defaults: &ProjectDefaults) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let Some(written) = &defaults.written else { return diagnostics };
    for entry in written.get("retired_models").map_or(&[][..], Value::entries) {
        let Some(retired) = models().find(|model| model.is_called(&entry.key)) else {
            if let Some(near) = did_you_mean(&entry.key, models().map(|model| &*model.id)) {
                let message = format!("no model is called `{}`", entry.key);
                let help = format!("did you mean `{near}`?");
                diagnostics
                    .push(Diagnostic::error(CODE, message).at(entry.key_span, "").help(help));
            }
            continue;
        };
        if let Some(stand_in) = entry.value.text() {
            check(&retired.family, stand_in, entry.value.span, &mut diagnostics);
        }
    }
    for provider in written.get("providers").map_or(&[][..], Value::entries) {
        let Some(row) = catalog::find_provider(&provider.key) else { continue };
        let runs_any = Catalog::shipped()
            .models
            .iter()
            .any(|model| model.family == row.family && model.is_any());
        let prices = provider.value.get("prices").map_or(&[][..], Value::entries);
        for price in prices.iter().filter(|_| !runs_any) {
            check(&row.family, &price.key, price.key_span, &mut diagnostics);
        }
    }
    diagnostics
}

fn models() -> impl Iterator<Item = &'static Model> {
    Catalog::shipped().models.iter().filter(|model| !model.is_any())
}

fn check(family: &str, id: &str, span: Span, diagnostics: &mut Diagnostics) {
    if catalog::model(family, id).is_some() {
        return;
    }
    let sold: Vec<&str> = models()
        .filter(|model| model.family == family && model.state != State::Retired)
        .map(|model| &*model.id)
        .collect();
    let help = match did_you_mean(id, sold.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("models: {}", sold.join(", ")),
    };
    diagnostics.push(
        Diagnostic::error(CODE, format!("`{family}` has no model `{id}`")).at(span, "").help(help),
    );
}
