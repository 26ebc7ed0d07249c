//! Plans of purchases, for people and as JSON.

use super::*;
use crate::base::RelPath;
use crate::graph::AssetIndex;
use crate::graph::fixture::bought_asset;
use crate::plan::{PlannedAction, Quote};

fn asset(id: &str, variations: u32) -> AssetSpec {
    let mut asset = bought_asset(id, "A coin");
    asset.selection.variations = variations;
    asset.publish.path = RelPath::new(&format!("assets/{id}.png")).expect("a good path");
    asset.publish.entry.key = id.to_owned();
    asset
}

fn plan(number: u32, asset: &AssetSpec, work: Work, quote: Quote) -> AssetPlan {
    let state = match work {
        Work::Nothing => ActionState::Blocked,
        _ => ActionState::Dirty,
    };
    let paid = work != Work::Placeholder;
    let cost = Some(quote.cost.clone()).filter(|_| paid);
    let generate = |variation| PlannedAction {
        kind: ActionKind::Generate,
        variation,
        state,
        paid,
        cost: cost.clone(),
    };
    AssetPlan {
        asset: AssetIndex(number),
        state: if work == Work::Chain { State::Missing } else { State::Blocked },
        reasons: vec![Reason::new(crate::plan::ReasonCode::NeverBuilt, "never built")],
        actions: (0..asset.selection.variations).map(generate).collect(),
        work,
        quote: Some(quote),
        block_id: None,
    }
}

fn quote(model: &str, low: Option<i64>, high: Option<i64>, unit: &str) -> Quote {
    Quote {
        provider: "openai".to_owned(),
        model: model.to_owned(),
        in_place_of: None,
        is_suggestion: false,
        cost: Cost { low_micros: low, high_micros: high, unit: unit.to_owned() },
        redraws: 0,
        notes: Vec::new(),
    }
}

fn with_view<T>(plans: &[AssetPlan], assets: &[AssetSpec], show: impl Fn(&PlanView<'_>) -> T) -> T {
    let sources = SourceMap::default();
    show(&PlanView {
        caps: &[],
        sources: &sources,
        assets,
        plans,
        known_fresh: &[],
        orphans: &[],
        quality: &BTreeMap::new(),
    })
}

#[test]
fn purchases_show_model_and_price_and_only_dirty_ones_count() {
    let assets = [asset("coin", 4), asset("jump", 1), asset("sky", 2), asset("box", 3)];
    let stand_in = Quote {
        in_place_of: Some("dall-e-3".to_owned()),
        redraws: 1,
        notes: vec!["fallback bark is unavailable".to_owned()],
        ..quote("gpt-image-2", Some(50_065), Some(55_388), "USD")
    };
    let sound = quote("sfx", Some(10_000_000), Some(20_000_000), "credits");
    let suggested = Quote { is_suggestion: true, ..stand_in.clone() };
    let plans = [
        plan(0, &assets[0], Work::Chain, stand_in),
        plan(1, &assets[1], Work::Chain, sound),
        plan(2, &assets[2], Work::Nothing, suggested),
        plan(3, &assets[3], Work::Placeholder, quote("flare", Some(1_000), None, "USD")),
    ];
    insta::assert_snapshot!(with_view(&plans, &assets, human), @"
    + coin  buy 4 × gpt-image-2 in place of dall-e-3  $0.20–0.28  → assets/coin.png  coin
        fallback bark is unavailable
    + jump  buy 1 × sfx  10–20 credits  → assets/jump.png  jump
    ! sky  blocked: never built
        would buy 2 × gpt-image-2 in place of dall-e-3  $0.10–0.17, once it stands in
        fallback bark is unavailable
    ~ box  placeholder (never built)  → assets/box.png  box
        would buy 3 × flare  at least $0.0030
      0 fresh.  3 to build: 8 generate.  1 blocked.  Buy 5: at most $0.28, at most 20 credits.
    ");
    let document = with_view(&plans, &assets, plan_json);
    let totals = &document["totals"];
    insta::assert_snapshot!(totals["cost"], @r#"{"low_micros":200260,"high_micros":276940,"unit":"USD"}"#);
    insta::assert_snapshot!(totals["other"], @r#"[{"low_micros":10000000,"high_micros":20000000,"unit":"credits"}]"#);
    assert_eq!(totals["paid"], 5);
    insta::assert_snapshot!(document["assets"][1]["actions"][0], @r#"{"kind":"generate","provider":"dalle-3","model":"gpt-image-2","variation":0,"state":"dirty","paid":true,"cost":{"low_micros":50065,"high_micros":55388,"unit":"USD"}}"#);
    let blocked = document["assets"].as_array().expect("a list").iter().find(|a| a["id"] == "sky");
    insta::assert_snapshot!(blocked.expect("the asset is there")["quote"], @r#"{"provider":"openai","model":"gpt-image-2","in_place_of":"dall-e-3","suggested":true,"variations":2,"cost":{"low_micros":100130,"high_micros":166164,"unit":"USD"},"notes":["fallback bark is unavailable"]}"#);
}

#[test]
fn an_unknown_price_makes_the_total_unknown() {
    let assets = [asset("coin", 1), asset("jump", 1)];
    let plans = [
        plan(0, &assets[0], Work::Chain, quote("gpt-image-2", Some(1), Some(2), "USD")),
        plan(1, &assets[1], Work::Chain, quote("image3", None, None, "USD")),
    ];
    let text = with_view(&plans, &assets, human);
    assert!(text.ends_with("Buy 2: price unknown.\n"), "{text}");
    let document = with_view(&plans, &assets, plan_json);
    assert_eq!(
        document["totals"]["cost"],
        json!({ "low_micros": null, "high_micros": null, "unit": "USD" })
    );
}
