//! Warns of models that are about to end.

use std::collections::BTreeMap;

use crate::base::{Diagnostic, Diagnostics, Span};
use crate::catalog;
use crate::config::Config;
use crate::spec::AssetSpec;
use crate::spec::op::GenerateOp;

/// How many days before its end a model is warned of.
const NOTICE_DAYS: i32 = 90;

/// A model that assets ask for and that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The model.
    pub model: String,
    /// Days until then, at least 1.
    pub days_left: i32,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// What its provider suggests instead.
    pub replacement: Option<String>,
    /// How many assets ask for it.
    pub assets: usize,
    /// The first place that names it.
    pub place: Span,
}

impl Ending {
    /// What happens when, for people.
    pub fn message(&self) -> String {
        let when = match self.days_left {
            1 => "tomorrow".to_owned(),
            days => format!("in {days} days"),
        };
        let assets = match self.assets {
            1 => "1 asset asks".to_owned(),
            count => format!("{count} assets ask"),
        };
        let Self { model, date, .. } = self;
        format!("the model `{model}` ends {when}, on {date}; {assets} for it")
    }
}

/// Every model that assets ask for and that ends within 90 days of `today` (`YYYY-MM-DD`, UTC).
pub fn endings<'a>(
    assets: impl IntoIterator<Item = &'a AssetSpec>,
    config: &Config,
    today: &str,
) -> Vec<Ending> {
    let mut asked: BTreeMap<(&str, &str), (Span, usize)> = BTreeMap::new();
    for asset in assets {
        let GenerateOp::Request(request) = &asset.generate else { continue };
        let wanted = request.wanted();
        let default =
            || catalog::default_model(wanted.provider, wanted.engine, wanted.media, wanted.mode);
        let Some(mut model) = wanted.model.or_else(default) else { continue };
        for _ in &config.retired_models {
            model = config.retired_models.get(model).map_or(model, String::as_str);
        }
        let place = asset.origins.find("generation.model").map_or(asset.span, |(span, _)| span);
        let (first, count) = asked.entry((&request.family, model)).or_insert((place, 0));
        *first = (*first).min(place);
        *count += 1;
    }
    let ending = |((family, model), (place, assets)): ((&str, &str), (Span, usize))| {
        let end = catalog::retirement(family, model, today)?;
        let days_left = end.days_left.filter(|days| (1..=NOTICE_DAYS).contains(days))?;
        let (date, replacement) = (end.date.unwrap_or_default(), end.replacement);
        Some(Ending { model: model.to_owned(), days_left, date, replacement, assets, place })
    };
    asked.into_iter().filter_map(ending).collect()
}

/// A warning for each of them, at the first place that names it.
pub fn warn_of_ends<'a>(
    assets: impl IntoIterator<Item = &'a AssetSpec>,
    config: &Config,
    today: &str,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for ending in endings(assets, config, today) {
        let help = match &ending.replacement {
            Some(next) => format!(
                "buy what is missing before, or let another one stand in: \
                 retired_models: {{ {}: {next} }}",
                ending.model
            ),
            None => "buy what is missing before".to_owned(),
        };
        let warning = Diagnostic::warning("plan::model_ends", ending.message());
        diagnostics.push(warning.at(ending.place, "").help(help));
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::fixture::bought_asset;

    fn warnings(models: &[Option<&str>], config: &Config, today: &str) -> Vec<String> {
        let assets: Vec<AssetSpec> = models
            .iter()
            .map(|model| {
                let mut asset = bought_asset("coin", "A coin");
                if let GenerateOp::Request(request) = &mut asset.generate {
                    request.provider = "openai".to_owned();
                    request.family = "openai".to_owned();
                    request.model = model.map(str::to_owned);
                }
                asset
            })
            .collect();
        let all = warn_of_ends(&assets, config, today).into_sorted();
        all.into_iter()
            .map(|found| format!("{}\n{}", found.message, found.help.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_model_is_warned_of_once_in_its_last_90_days() {
        let mini = Some("gpt-image-1-mini");
        let config = Config::default();
        assert_eq!(warnings(&[mini], &config, "2026-09-01"), [""; 0], "91 days before");
        assert_eq!(warnings(&[mini], &config, "2026-09-02").len(), 1, "90 days before");
        assert_eq!(warnings(&[mini], &config, "2026-12-01"), [""; 0], "retired is the plan's word");
        assert_eq!(warnings(&[None], &config, "2026-11-30"), [""; 0], "the default is sold");
        assert_eq!(
            warnings(&[mini, mini, None], &config, "2026-11-30"),
            ["the model `gpt-image-1-mini` ends tomorrow, on 2026-12-01; 2 assets ask for it\n\
              buy what is missing before, or let another one stand in: \
              retired_models: { gpt-image-1-mini: gpt-image-2 }"]
        );
    }

    #[test]
    fn the_stand_in_is_what_counts() {
        let mut config = Config::default();
        let mini = "gpt-image-1-mini".to_owned();
        config.retired_models.insert("dall-e-3".to_owned(), mini.clone());
        let found = warnings(&[Some("dall-e-3")], &config, "2026-11-23");
        assert!(found[0].starts_with("the model `gpt-image-1-mini` ends in 8 days"), "{found:?}");
        config.retired_models.insert(mini, "gpt-image-2".to_owned());
        assert_eq!(warnings(&[Some("dall-e-3")], &config, "2026-11-23"), [""; 0]);
    }
}
