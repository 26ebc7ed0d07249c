//! What is bought on a given day: the request as it would be sent, to the model that is wanted or
//! to the one that the user lets stand in for it.

use std::collections::BTreeMap;

use crate::catalog::data::Catalog;
use crate::catalog::date::retirement;
use crate::catalog::request::{Issue, Sent, Target, Wanted};
use crate::catalog::resolve::resolve;

/// A request that can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The request.
    pub sent: Sent,
    /// The model that was wanted, if another one stands in for it.
    pub in_place_of: Option<String>,
}

/// Why nothing can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The model is retired, and nobody named a stand-in.
    Retired {
        /// The model.
        model: String,
        /// Day of its end, if known.
        date: Option<String>,
        /// A model of its line that is sold, if the catalogue knows one.
        replacement: Option<String>,
    },
    /// The model does not take the request.
    Refused {
        /// The model.
        model: String,
        /// What it does not take.
        issues: Vec<Issue>,
    },
}

impl Obstacle {
    /// The cause for people, with the way out.
    pub fn describe(&self) -> String {
        match self {
            Self::Retired { model, date, replacement } => {
                let mut text = format!("the model `{model}` is retired");
                if let Some(date) = date {
                    text += &format!(" since {date}");
                }
                if let Some(replacement) = replacement {
                    text +=
                        &format!("; name a stand-in: retired_models: {{ {model}: {replacement} }}");
                }
                text
            }
            Self::Refused { model, issues } => {
                let issues: Vec<&str> = issues.iter().map(|issue| &*issue.message).collect();
                format!("`{model}` does not take the request: {}", issues.join("; "))
            }
        }
    }
}

/// The request as it is sent on `today` (`YYYY-MM-DD`, UTC).
///
/// `stand_ins`: models and what the user buys in their place, whether or not they are retired.
///
/// # Errors
/// `Obstacle` if the model is retired without stand-in, or does not take the request.
pub fn order(
    wanted: &Wanted<'_>,
    stand_ins: &BTreeMap<String, String>,
    today: &str,
) -> Result<Order, Obstacle> {
    let target = Target { provider: wanted.provider, engine: wanted.engine, model: wanted.model };
    let default = || {
        Catalog::shipped().default_model(wanted.provider, wanted.engine, wanted.media, wanted.mode)
    };
    let Some(asked) = wanted.model.or_else(default) else {
        let model = wanted.provider.to_owned();
        return resolve(wanted, &target)
            .map(|sent| Order { sent, in_place_of: None })
            .map_err(|issues| Obstacle::Refused { model, issues });
    };
    let mut model = asked;
    // As many steps as there are stand-ins, so that a circle ends.
    for _ in stand_ins {
        let Some(next) = stand_ins.get(model) else { break };
        model = next;
    }
    let end = retirement(wanted.family, model, today).filter(|end| end.retired);
    if let Some(end) = end {
        let replacement = replacement(wanted.family, model, today);
        return Err(Obstacle::Retired { model: model.to_owned(), date: end.date, replacement });
    }
    let sent = resolve(wanted, &Target { model: Some(model), ..target })
        .map_err(|issues| Obstacle::Refused { model: model.to_owned(), issues })?;
    Ok(Order { sent, in_place_of: (model != asked).then(|| asked.to_owned()) })
}

/// The first model of a retired one's line that is sold on that day.
fn replacement(family: &str, retired: &str, today: &str) -> Option<String> {
    let mut model = retired.to_owned();
    for _ in &Catalog::shipped().models {
        model = retirement(family, &model, today)?.replacement?;
        if !retirement(family, &model, today).is_some_and(|end| end.retired) {
            return Some(model);
        }
    }
    None
}
