//! The shipped data is consistent.

use std::collections::BTreeSet;

use super::*;
use crate::catalog::price::estimate;

#[test]
fn every_row_of_every_model_is_consistent() {
    let catalog = Catalog::shipped();
    assert!(catalog.models.len() > 30);
    for model in &catalog.models {
        let id = &model.id;
        let provider =
            catalog.providers.iter().find(|provider| provider.family == model.family).expect(id);
        assert!(provider.media.contains(&model.media), "{id}: its provider makes other media");
        assert_eq!(
            model.modes.is_empty(),
            model.media == MediaKind::Image,
            "{id}: modes belong to sounds"
        );
        for date in model.shutdown.iter().chain([&model.as_of]) {
            assert!(date.parse::<jiff::civil::Date>().is_ok(), "{id}: {date}");
        }
        match model.state {
            State::Current => {
                assert_eq!((&model.shutdown, &model.replacement), (&None, &None), "{id}")
            }
            State::Deprecated | State::Retired => {
                assert!(model.shutdown.is_some(), "{id}: an end has a day");
                let next = model.replacement.as_deref().expect(id);
                let next = catalog
                    .find_model(&model.family, &model.engine, model.media, next)
                    .expect(next);
                assert_ne!(next.id, *id);
                assert_eq!(next.state, State::Current, "{id}: its stand-in is sold");
            }
        }
        if let Some(date) = &model.shutdown {
            assert_eq!(*date <= model.as_of, model.state == State::Retired, "{id}: {date}");
        }
        assert!(!model.default || model.state == State::Current, "{id}: a default is sold");
        assert!(!model.mask || model.edits, "{id}: a mask is for edits");
        assert_eq!(
            model.parameters.contains_key("seed") || model.open_parameters,
            model.seed != SeedSupport::None,
            "{id}: its seed is a parameter"
        );
        for (name, parameter) in &model.parameters {
            assert!(!(parameter.required && parameter.default.is_some()), "{id}.{name}");
            assert!(
                parameter.min.zip(parameter.max).is_none_or(|(min, max)| min < max),
                "{id}.{name}"
            );
            for value in parameter.values.iter().chain(&parameter.default) {
                assert!(parameter.accept(value).is_ok(), "{id}.{name}: {value:?}");
            }
            for need in &parameter.needs {
                let other = &model.parameters[&need.parameter];
                if let Must::BeAmong(values) = &need.must {
                    assert!(values.iter().all(|value| other.accept(value).is_ok()), "{id}.{name}");
                }
            }
        }
    }
}

#[test]
fn a_parameter_has_one_type_for_each_provider() {
    for provider in &Catalog::shipped().providers {
        let models =
            Catalog::shipped().models.iter().filter(|model| model.family == provider.family);
        for (name, parameter) in models.flat_map(|model| &model.parameters) {
            assert_eq!(
                parameter_type(&provider.name, name),
                Some(parameter.kind),
                "{}: {name}",
                provider.name
            );
        }
    }
}

#[test]
fn names_and_defaults_are_unique() {
    let names: Vec<&str> = provider_names().collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let mut defaults = BTreeSet::new();
    for model in Catalog::shipped().models.iter().filter(|model| model.default) {
        let modes = if model.modes.is_empty() {
            vec![None]
        } else {
            model.modes.iter().copied().map(Some).collect()
        };
        for mode in modes {
            assert!(
                defaults.insert((&model.family, &model.engine, model.media, mode)),
                "{}",
                model.id
            );
        }
    }
    for provider in &Catalog::shipped().providers {
        if let Some(original) = &provider.alias_of {
            let original = find_provider(original).expect("an alias names a provider");
            assert_eq!(original.family, provider.family);
            let id = provider.model.as_deref().expect("an alias names a model");
            assert!(model(&provider.family, id).is_some());
        }
    }
}

#[test]
fn every_row_of_the_translation_table_can_apply() {
    let models = &Catalog::shipped().models;
    for rule in translation_rules() {
        let row = format!("{} {:?}", rule.parameter, rule.from);
        match rule.action {
            TranslationAction::Replace => {
                let to = text(rule.to.as_deref().expect(&row));
                let takes = |model: &Model| {
                    model.parameters.get(&rule.parameter).is_some_and(|p| p.accept(&to).is_ok())
                };
                assert!(models.iter().any(takes), "{row}");
            }
            TranslationAction::Ratio => {
                let to = rule.to.as_deref().expect(&row);
                assert!(models.iter().any(|model| model.parameters.contains_key(to)), "{row}");
            }
            TranslationAction::Raise => {
                let has = |model: &Model| {
                    model.parameters.get(&rule.parameter).is_some_and(|p| p.min.is_some())
                };
                assert!(models.iter().any(has), "{row}");
            }
            TranslationAction::Drop => {
                assert!(
                    models.iter().any(|model| !model.parameters.contains_key(&rule.parameter)),
                    "{row}"
                );
            }
        }
        assert!(parameter_type("openai", &rule.parameter).is_some(), "{row}: it can be typed");
    }
}

#[test]
fn every_allowed_quality_and_size_has_an_ordered_price() {
    let mut priced = 0;
    for model in &Catalog::shipped().models {
        let values = |name: &str| match model.parameters.get(name) {
            Some(parameter) if parameter.size.is_some() => {
                let extra = ["16x16", "3840x1280", "1280x3840", "2160x2160", "816x816"].map(text);
                let extra = extra.into_iter().filter(|size| parameter.accept(size).is_ok());
                parameter.values.iter().cloned().chain(extra).map(Some).collect::<Vec<_>>()
            }
            Some(parameter) if !parameter.values.is_empty() => {
                parameter.values.iter().cloned().map(Some).collect()
            }
            _ => vec![None],
        };
        for quality in values("quality") {
            for size in values("size") {
                for pictures in [0, 1] {
                    let mut sent = bare(model);
                    sent.references = pictures;
                    sent.parameters
                        .extend(quality.clone().map(|value| ("quality".to_owned(), value)));
                    sent.parameters.extend(size.clone().map(|value| ("size".to_owned(), value)));
                    let range = estimate(model, &sent);
                    let what = format!("{} {quality:?} {size:?} {range:?}", model.id);
                    match (range.low, range.high) {
                        (Some(low), Some(high)) => {
                            assert!(0 <= low && low <= high, "{what}");
                            assert_eq!(
                                high == 0,
                                model.price == Formula::Free,
                                "{what}: only one's own machine is free"
                            );
                            priced += 1;
                        }
                        (low, None) => assert_eq!(low, None, "{what}"),
                        (None, Some(_)) => panic!("{what}: an upper bound without a lower one"),
                    }
                }
            }
        }
    }
    assert!(priced > 300, "{priced}");
}

#[test]
fn broken_data_is_refused_with_its_row() {
    let file = |model: &str| {
        let head = "as_of = \"2026-01-01\"\nsources = [\"a test\"]\n[[provider]]\nname = \"p\"\nfamily = \"p\"\ntitle = \"P\"\nmedia = [\"image\"]\nengines = [{ name = \"p\" }]\n";
        let model = format!(
            "{head}[[model]]\nid = \"m\"\nstate = \"current\"\nmedia = \"image\"\nseed = \"none\"\n{model}"
        );
        Catalog::parse(&[("test", &model)]).map(|_| ()).map_err(|error| error.to_string())
    };
    let price = "price = { kind = \"free\" }\n";
    assert_eq!(file(price), Ok(()));
    for (extra, problem) in [
        ("sets = [\"none\"]", "no set `none`"),
        ("family = \"q\"", "its family has no provider"),
        ("engine = \"q\"", "its engine is not listed"),
        (
            "parameters.q = { type = \"integer\", default = \"x\" }",
            "parameter `q`: a value has another type",
        ),
        (
            "parameters.q = { type = \"text\", values = [\"a\"], default = \"b\" }",
            "parameter `q`: its default is not taken",
        ),
        (
            "parameters.s = { type = \"text\", size = { multiple = 16, max_ratio = 3, max = \"big\" } }",
            "parameter `s`: `max` is not a size",
        ),
        (
            "parameters.s = { type = \"text\", size = { multiple = 0, max_ratio = 3, max = \"8x8\" } }",
            "parameter `s`: its size rule takes nothing",
        ),
    ] {
        let error = file(&format!("{price}{extra}\n")).expect_err(extra);
        assert_eq!(error, format!("data file `test`, `m`: {problem}"));
    }
    let unsourced = "as_of = \"2026-01-01\"\n[[model]]\nid = \"m\"\nstate = \"current\"\nmedia = \"image\"\nseed = \"none\"\nprice = { kind = \"free\" }\n";
    let error = Catalog::parse(&[("test", unsourced)]).expect_err("no source");
    assert_eq!(error.to_string(), "data file `test`, `sources`: facts about models need a source");
    let twice = format!(
        "{price}[[model]]\nid = \"m\"\nstate = \"current\"\nmedia = \"image\"\nseed = \"none\"\n{price}"
    );
    assert_eq!(file(&twice), Err("data file `test`, `m`: it is listed twice".to_owned()));
    for syntax in [
        "price = { kind = \"per_call\", credits = \"1e3\", usd_per_credit = \"1\" }",
        "price = { kind = \"barter\" }",
        "colour = 1",
    ] {
        assert_eq!(file(syntax), Err("data file `test` cannot be read".to_owned()), "{syntax}");
    }
}
