//! Prices of requests as a plan shows them.

use super::*;
use crate::base::units::MicroUsd;
use crate::base::{MediaKind, Scalar};
use crate::config::ProviderConfig;
use crate::graph::fixture::bought_asset;

const TODAY: &str = "2026-11-23";

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn request(provider: &str, model: Option<&str>, parameters: &[(&str, Scalar)]) -> Request {
    let GenerateOp::Request(request) = bought_asset("coin", "A coin").generate else {
        unreachable!("the fixture is bought")
    };
    Request {
        provider: provider.to_owned(),
        family: catalog::find_provider(provider).expect("a known provider").family.clone(),
        model: model.map(str::to_owned),
        parameters: parameters.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        ..*request
    }
}

fn high() -> Request {
    request("openai", None, &[("size", text("1024x1024")), ("quality", text("high"))])
}

fn fallback(provider: &str) -> Fallback {
    Fallback { provider: provider.to_owned(), model: None, parameters: BTreeMap::new() }
}

fn shown(request: &Request, config: &Config) -> String {
    let quote = quote(request, config, TODAY).expect("a model that takes the request");
    let mut shown = format!("{} {} {}", quote.provider, quote.model, quote.cost);
    if let Some(retired) = &quote.in_place_of {
        shown += &format!(" in place of {retired}");
    }
    if quote.is_suggestion {
        shown += " (suggested)";
    }
    for note in &quote.notes {
        shown += &format!("\n{note}");
    }
    shown
}

fn cost(low: Option<i64>, high: Option<i64>, unit: &str) -> Cost {
    Cost { low_micros: low, high_micros: high, unit: unit.to_owned() }
}

#[test]
fn costs_are_rounded_outwards_and_unknown_is_said() {
    let usd = |low, high| cost(low, high, "USD").to_string();
    assert_eq!(usd(Some(200_260), Some(221_552)), "$0.20–0.23");
    assert_eq!(usd(Some(65_000), Some(65_000)), "$0.065");
    assert_eq!(usd(Some(50_065), Some(55_388)), "$0.050–0.056");
    assert_eq!(usd(Some(2_200), Some(4_400)), "$0.0022–0.0044");
    assert_eq!(usd(Some(40_000), Some(40_000)), "$0.04");
    assert_eq!(usd(Some(0), Some(0)), "$0.00");
    assert_eq!(usd(Some(0), Some(7)), "$0.000000–0.000007");
    assert_eq!(usd(Some(12_000_000), Some(12_000_001)), "$12.00–12.01");
    assert_eq!(usd(Some(200_260), None), "at least $0.20");
    assert_eq!(usd(None, Some(221_552)), "at most $0.23");
    assert_eq!(usd(None, None), "price unknown");
    let credits = |low, high| cost(low, high, "credits").to_string();
    assert_eq!(credits(Some(10_000_000), Some(20_500_000)), "10–21 credits");
    assert_eq!(credits(Some(27_000_000), Some(27_000_000)), "27 credits");
    assert_eq!(cost(Some(1), Some(20_500_000), "credits").at_most(), "at most 21 credits");
    assert_eq!(cost(Some(1), None, "USD").at_most(), "price unknown");
}

#[test]
fn a_request_is_priced_by_the_catalogue_or_the_assetfile() {
    let mut config = Config::default();
    insta::assert_snapshot!(shown(&high(), &config), @"openai gpt-image-2 $0.050–0.056");
    let own = ProviderConfig {
        prices: BTreeMap::from([("gpt-image-2".to_owned(), MicroUsd(40_000))]),
        ..ProviderConfig::default()
    };
    config.providers.insert("openai".to_owned(), own);
    insta::assert_snapshot!(shown(&high(), &config), @"openai gpt-image-2 $0.04");
    let sound = Request { media: MediaKind::Audio, ..request("elevenlabs", None, &[]) };
    insta::assert_snapshot!(shown(&sound, &config), @"elevenlabs eleven_text_to_sound_v2 100–200 credits");
    let rate = ProviderConfig {
        usd_per_1000_credits: Some(MicroUsd(220_000)),
        ..ProviderConfig::default()
    };
    config.providers.insert("elevenlabs".to_owned(), rate);
    insta::assert_snapshot!(shown(&sound, &config), @"elevenlabs eleven_text_to_sound_v2 $0.022–0.044");
    insta::assert_snapshot!(shown(&request("firefly", None, &[]), &config), @"firefly image3 price unknown");
}

#[test]
fn a_retired_model_is_priced_as_its_stand_in() {
    let dall_e = request("dalle-3", Some("dall-e-3"), &[("quality", text("hd"))]);
    let mut config = Config::default();
    insta::assert_snapshot!(shown(&dall_e, &config), @"openai gpt-image-2 $0.050–0.083 in place of dall-e-3 (suggested)");
    config.retired_models.insert("dall-e-3".to_owned(), "gpt-image-2.5-flare".to_owned());
    insta::assert_snapshot!(shown(&dall_e, &config), @"openai gpt-image-2.5-flare $0.050–0.083 in place of dall-e-3");
    let refused = request("dalle-3", Some("dall-e-3"), &[("quality", text("ultra"))]);
    assert_eq!(quote(&refused, &config, TODAY), None);
}

#[test]
fn the_dearest_fallback_is_in_the_upper_bound() {
    let config = Config::default();
    let mut asked = high();
    asked.fallback = vec![fallback("stable-diffusion"), fallback("manual"), fallback("firefly")];
    insta::assert_snapshot!(shown(&asked, &config), @r#"
    openai gpt-image-2 $0.050–0.065
    fallback firefly: nobody publishes a price of image3, so it buys only with --spend
    "#);
    asked.parameters.insert("background".to_owned(), text("transparent"));
    insta::assert_snapshot!(shown(&asked, &config), @r#"
    openai gpt-image-2 $0.050–0.056
    fallback stable-diffusion is unavailable: sd3.5-large takes no `background`
    fallback firefly is unavailable: image3 takes no `background`
    "#);
    let mut sound = Request {
        media: MediaKind::Audio,
        fallback: vec![fallback("bark")],
        ..request("elevenlabs", None, &[])
    };
    insta::assert_snapshot!(shown(&sound, &config), @r#"
    elevenlabs eleven_text_to_sound_v2 100–200 credits
    fallback bark: nobody publishes a price of suno-ai/bark, so it buys only with --spend
    "#);
    sound.provider = "bark".to_owned();
    sound.family = "bark".to_owned();
    sound.fallback = vec![fallback("elevenlabs")];
    insta::assert_snapshot!(shown(&sound, &config), @r#"
    bark suno-ai/bark price unknown
    fallback elevenlabs costs 100–200 credits instead
    "#);
}

#[test]
fn redraws_are_in_the_upper_bound_only() {
    let quote = Quote { redraws: 2, ..quote(&high(), &Config::default(), TODAY).expect("priced") };
    let (one, total) = (&quote.cost, quote.total(4));
    assert_eq!(total.low_micros, one.low_micros.map(|low| low * 4));
    assert_eq!(total.high_micros, one.high_micros.map(|high| high * 6));
}
