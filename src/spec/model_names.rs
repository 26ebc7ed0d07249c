//! Checks the Assetfile's `retired_models` against the catalogue.

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics};
use crate::catalog::{self, Catalog, State};
use crate::config::ProjectDefaults;

const CODE: &str = "config::unknown_model";

/// Reports stand-ins that the catalogue does not have in the retired model's family.
///
/// A model that the catalogue does not know may be one of an open host; nothing is said of it.
pub fn check_stand_ins(defaults: &ProjectDefaults) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let written = defaults.written.as_ref().and_then(|root| root.get("retired_models"));
    for entry in written.map_or(&[][..], |value| value.entries()) {
        let models = || Catalog::shipped().models.iter().filter(|model| !model.is_any());
        let Some(retired) = models().find(|model| model.is_called(&entry.key)) else {
            if let Some(near) = did_you_mean(&entry.key, models().map(|model| &*model.id)) {
                diagnostics.push(
                    Diagnostic::error(CODE, format!("no model is called `{}`", entry.key))
                        .at(entry.key_span, "")
                        .help(format!("did you mean `{near}`?")),
                );
            }
            continue;
        };
        let Some(stand_in) = entry.value.text() else { continue };
        if catalog::model(&retired.family, stand_in).is_some() {
            continue;
        }
        let sold: Vec<&str> = models()
            .filter(|model| model.family == retired.family && model.state != State::Retired)
            .map(|model| &*model.id)
            .collect();
        let help = match did_you_mean(stand_in, sold.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("models: {}", sold.join(", ")),
        };
        diagnostics.push(
            Diagnostic::error(CODE, format!("`{}` has no model `{stand_in}`", retired.family))
                .at(entry.value.span, "")
                .help(help),
        );
    }
    diagnostics
}
