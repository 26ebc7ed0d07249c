//! Prices of known requests.

use super::*;
use crate::base::units::MicroUsd;
use crate::catalog::price::estimate;

fn usd(low: i64, high: i64) -> PriceRange {
    PriceRange { low: Some(low), high: Some(high), unit: PriceUnit::Usd }
}

#[test]
fn prices_of_known_requests() {
    let plain = Overrides::default();
    let mini = Request {
        model: Some("gpt-image-1-mini"),
        ..image("openai", &[("size", text("1024x1024")), ("quality", text("low"))])
    };
    // 27 bytes of prompt are 4 to 14 tokens at $2 a million; $0.005 and 5 % on both sides.
    assert_eq!(price(&mini.sent(mini.model), &plain), usd(4_757, 5_280));
    let high = image("openai", &[("size", text("1024x1024")), ("quality", text("high"))]);
    assert_eq!(price(&high.sent(None), &plain), usd(50_065, 55_388));
    let sd = image("stable-diffusion", &[]);
    assert_eq!(price(&sd.sent(None), &plain), usd(65_000, 65_000));
    let jump = sound("elevenlabs", None, &[("duration_seconds", Scalar::Number(0.5))]).sent(None);
    let credits =
        PriceRange { low: Some(10_000_000), high: Some(20_000_000), unit: PriceUnit::Credits };
    assert_eq!(price(&jump, &plain), credits);
    let rate = Overrides { usd_per_1000_credits: Some(MicroUsd(220_000)), ..plain };
    assert_eq!(price(&jump, &rate), usd(2_200, 4_400));
    let speech = sound("elevenlabs", Some(AudioMode::Speech), &[("voice", text("v"))]).sent(None);
    assert_eq!(price(&speech, &plain).high, Some(27_000_000));
    let local = Request {
        engine: Some("automatic1111"),
        model: Some("sd15"),
        ..image("stable-diffusion", &[])
    };
    let sent = local.with(|wanted| {
        resolve(
            wanted,
            &Target { provider: local.provider, engine: local.engine, model: local.model },
        )
    });
    assert_eq!(price(&sent.expect("any checkpoint is taken"), &plain), usd(0, 0));
}

#[test]
fn auto_is_priced_at_its_maximum() {
    let plain = Overrides::default();
    let dearest =
        image("openai", &[("size", text("1536x1024")), ("quality", text("high"))]).sent(None);
    let cheapest =
        image("openai", &[("size", text("1024x1024")), ("quality", text("low"))]).sent(None);
    let auto = price(&image("openai", &[]).sent(None), &plain);
    assert_eq!(auto.high, price(&dearest, &plain).high);
    assert_eq!(auto.low, price(&cheapest, &plain).low);
}

#[test]
fn an_unknown_price_is_never_zero() {
    let plain = Overrides::default();
    let firefly = image("firefly", &[]).sent(None);
    let range = price(&firefly, &plain);
    assert_eq!((range.low, range.high), (None, None));
    let own = Overrides { per_request: Some(MicroUsd(40_000)), ..plain };
    assert_eq!(price(&firefly, &own), usd(40_000, 40_000));
    let flare =
        |parameters| Request { model: Some("gpt-image-2.5-flare"), ..image("openai", parameters) };
    let complex = flare(&[("complexity", text("high"))]);
    let range = price(&complex.sent(complex.model), &plain);
    assert!(range.low.is_some() && range.high.is_none(), "{range:?}");
    let stranger = Sent { model: "gone".to_owned(), ..firefly };
    assert_eq!(price(&Sent { family: "nobody".to_owned(), ..stranger }, &plain).high, None);
}

#[test]
fn a_price_grows_with_references_and_pixels() {
    let at = |size: &str, references| {
        let request = Request {
            references,
            ..image("openai", &[("size", text(size)), ("quality", text("high"))])
        };
        price(&request.sent(None), &Overrides::default()).high.expect("a known price")
    };
    assert!(at("1024x1024", 0) < at("1024x1024", 1));
    assert!(at("1024x1024", 0) * 7 < at("3840x2160", 0));
}

#[test]
fn reported_usage_is_the_cost() {
    let plain = Overrides::default();
    let sent = image("openai", &[]).sent(None);
    let tokens = Usage::Tokens { text_in: 100, image_in: 0, out: 1756 };
    assert_eq!(cost(&sent, tokens, &plain), Some((53_180, PriceUnit::Usd)));
    assert_eq!(cost(&sent, Usage::GpuMillis(5), &plain), None);
    let sfx = sound("elevenlabs", None, &[]).sent(None);
    let credits = Usage::CreditMicros(100_000_000);
    assert_eq!(cost(&sfx, credits, &plain), Some((100_000_000, PriceUnit::Credits)));
    let rate = Overrides { usd_per_1000_credits: Some(MicroUsd(220_000)), ..plain };
    assert_eq!(cost(&sfx, credits, &rate), Some((22_000, PriceUnit::Usd)));
    let stability = image("stable-diffusion", &[]).sent(None);
    assert_eq!(
        cost(&stability, Usage::CreditMicros(6_500_000), &plain),
        Some((65_000, PriceUnit::Usd))
    );
}

#[test]
fn hardware_time_is_priced_once_its_rate_is_known() {
    let musicgen = model("musicgen", "meta/musicgen").expect("a row");
    assert_eq!(estimate(musicgen, &bare(musicgen)).high, None);
    let formula = "kind = \"gpu_seconds\"\nusd_per_second = \"0.0014\"\nseconds = [10, 60]";
    let price = toml::from_str(formula).expect("a formula");
    let known = Model { price, ..musicgen.clone() };
    assert_eq!(estimate(&known, &bare(&known)), usd(14_000, 84_000));
}
