//! Every model of the catalogue, bought from the simulator: the bill lies within the plan.

use std::collections::BTreeMap;

use assetbuild::base::MediaKind;
use assetbuild::catalog::{Catalog, Model, State};
use serde_json::Value;

use super::bank::Bank;
use super::{json, project};

/// Specs for a model: each quality that it takes, in its first and its last size.
pub(super) fn specs(model: &Model, number: usize) -> Vec<String> {
    let word = |name: &str| -> Vec<Option<String>> {
        let values = model.parameters.get(name).map(|parameter| parameter.values.clone());
        match values {
            Some(values) if !values.is_empty() => {
                let mut words: Vec<_> =
                    values.into_iter().map(|value| Some(value.canonical())).collect();
                if name == "size" && words.len() > 2 {
                    words.drain(1..words.len() - 1);
                }
                words
            }
            _ => vec![None],
        }
    };
    let id = match model.id.as_str() {
        "*" if model.media == MediaKind::Image => "acme/flux".to_owned(),
        "*" => "acme/tone".to_owned(),
        id => id.to_owned(),
    };
    let mode = model.modes.first().map(|mode| format!(", mode: {}", mode.as_str()));
    let kind = format!("type: {}, ", model.media.as_str());
    let mut all = Vec::new();
    for (place, (quality, size)) in word("quality")
        .iter()
        .flat_map(|q| word("size").into_iter().map(move |s| (q, s)))
        .enumerate()
    {
        let mut parameters: Vec<String> = Vec::new();
        parameters.extend(quality.as_ref().map(|quality| format!("quality: {quality}")));
        parameters.extend(size.map(|size| format!("size: {size}")));
        for (name, parameter) in &model.parameters {
            if parameter.required {
                let value = match name.as_str() {
                    // Only edits need it.
                    "strength" => continue,
                    "voice" => "v1",
                    _ => "abc",
                };
                parameters.push(format!("{name}: {value}"));
            }
        }
        all.push(format!(
            "- id: m{number}-{place}\n  generation: {{ {kind}provider: {}, model: \"{id}\"{} }}\n  \
             prompt: {{ base: A thing {number}, parameters: {{ {} }} }}\n",
            model.family,
            mode.as_deref().unwrap_or(""),
            parameters.join(", ")
        ));
    }
    all
}

#[test]
fn the_bill_lies_within_the_plan_for_every_model() {
    let bank = Bank::open(&[]);
    let mut text = String::new();
    let mut models = 0;
    for (number, model) in Catalog::shipped().models.iter().enumerate() {
        // Local servers cost nothing, and what is not sold cannot be bought.
        let is_sold = model.state != State::Retired;
        let is_remote = !["automatic1111", "comfyui"].contains(&model.engine.as_str());
        let is_paid = !["svg", "synth", "placeholder", "command", "file", "manual"]
            .contains(&model.family.as_str());
        // The others take the same requests, or their user's own.
        let mut providers = Catalog::shipped().providers.iter();
        let is_usual = providers.any(|provider| {
            provider.family == model.family
                && provider.engines.first().is_some_and(|engine| engine.name == model.engine)
        });
        if is_sold && is_remote && is_paid && is_usual {
            models += 1;
            text += &specs(model, number).concat();
        }
    }
    assert!(models > 20, "{models} models");
    let settings = format!(
        "  bark: {{ base_url: \"{0}\" }}\n  musicgen: {{ base_url: \"{0}\" }}\n",
        bank.url("/replicate/v1")
    );
    let project = project(&bank, &settings, &text);
    // The shipped prices are what is tried here.
    let assetfile = project.read("Assetfile.yaml");
    let assetfile = assetfile.replace(", prices: { gpt-image-2: 0.30 }", "");
    let assetfile = assetfile.replace(", prices: { image3: 0.05 }", "");
    // And nobody has to wait for a turn.
    let fast = ", requests_per_minute: 100000 }\n";
    project.write("Assetfile.yaml", assetfile.replace(" }\n", fast));

    let plan = json(&project.succeed(&["--plan", "--format", "json"]));
    let mut ranges: BTreeMap<String, (Option<i64>, Option<i64>)> = BTreeMap::new();
    for asset in plan["assets"].as_array().expect("a list") {
        let cost = &asset["actions"][0]["cost"];
        let range = (cost["low_micros"].as_i64(), cost["high_micros"].as_i64());
        ranges.insert(asset["id"].as_str().expect("an id").to_owned(), range);
    }
    let built = project.run(&["--spend", "900", "-j", "8"]);
    assert_eq!(built.code, 0, "{}", project.shown(&built));

    let ledger = json(&project.succeed(&["ledger", "--format", "json"]));
    let entries = ledger["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), ranges.len());
    let billed: BTreeMap<String, i64> = bank.billed().into_iter().collect();
    let mut priced = 0;
    for entry in entries {
        let bill = billed[entry["purchase"].as_str().expect("an id")];
        let (low, high) = ranges[entry["asset"].as_str().expect("an asset")];
        priced += usize::from(high.is_some());
        assert!(high.is_none_or(|high| bill <= high), "{bill} above {high:?}: {entry}");
        assert!(low.is_none_or(|low| bill >= low), "{bill} below {low:?}: {entry}");
        if entry["cost_micros"] != Value::Null {
            assert_eq!(entry["cost_micros"], bill, "{entry}");
        }
    }
    assert!(priced > 20, "{priced} with a price");
}
