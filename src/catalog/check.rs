//! Checks a wanted request against what its provider and model take.

use crate::catalog::data::Catalog;
use crate::catalog::model::{Model, State};
use crate::catalog::request::{Issue, Target, Wanted};
use crate::catalog::resolve::fit;
use crate::catalog::target::find_target;

/// Everything in the request that its provider does not take, with the allowed values.
///
/// Translations are no issues. A retired model is none either: such a request is good for what was
/// bought, and what is bought next is its stand-in, so what either of the two takes is fine.
pub fn check(wanted: &Wanted<'_>) -> Vec<Issue> {
    let catalog = Catalog::shipped();
    let target = Target { provider: wanted.provider, engine: wanted.engine, model: wanted.model };
    let (provider, model, id) = match find_target(catalog, wanted, &target) {
        Ok(found) => found,
        Err(issues) => return issues,
    };
    let (_, issues) = fit(catalog, wanted, provider, model, id);
    if model.state != State::Retired {
        return issues;
    }
    let Some(stand_in) = stand_in(catalog, model) else { return issues };
    let (_, next) = fit(catalog, wanted, provider, stand_in, &stand_in.id);
    let refused_by_both = |issue: &Issue| issues.iter().any(|other| other.field == issue.field);
    next.into_iter().filter(refused_by_both).collect()
}

/// The model that is bought in place of a retired one: the first of its line that is sold.
fn stand_in<'a>(catalog: &'a Catalog, retired: &Model) -> Option<&'a Model> {
    let mut replacement = retired.replacement.clone();
    // As many steps as there are models, so that a circle in the data ends.
    for _ in &catalog.models {
        let id = replacement?;
        let model = catalog.find_model(&retired.family, &retired.engine, retired.media, &id)?;
        if model.state != State::Retired {
            return Some(model);
        }
        replacement = model.replacement.clone();
    }
    None
}
