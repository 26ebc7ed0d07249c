//! Prices: one formula per model serves plan, reservation and settlement.
//!
//! Integer millionths of a unit only. What is not known is `None`, never zero.

use std::collections::BTreeMap;

use crate::base::units::MicroUsd;
use crate::catalog::data::Catalog;
use crate::catalog::formula::{Formula, Micros, PriceUnit};
use crate::catalog::model::Model;
use crate::catalog::parameter::{as_number, parse_size};
use crate::catalog::request::Sent;

/// What one request costs, in millionths of `unit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceRange {
    /// At least; none if unknown.
    pub low: Option<i64>,
    /// At most; none if unknown.
    pub high: Option<i64>,
    /// What is counted.
    pub unit: PriceUnit,
}

/// What the user's settings say about prices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Price of a request to this model, replacing the shipped one.
    pub per_request: Option<MicroUsd>,
    /// What a thousand credits cost: turns credits into dollars.
    pub usd_per_1000_credits: Option<MicroUsd>,
}

/// What a provider reports about a finished request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Tokens by kind.
    Tokens {
        /// Tokens of the prompt.
        text_in: i64,
        /// Tokens of pictures that were sent.
        image_in: i64,
        /// Tokens of the result.
        out: i64,
    },
    /// Millionths of a credit.
    CreditMicros(i64),
    /// Milliseconds on the provider's hardware.
    GpuMillis(i64),
}

/// What a request costs before it is sent.
pub fn price(sent: &Sent, overrides: &Overrides) -> PriceRange {
    if let Some(MicroUsd(micros)) = overrides.per_request {
        return PriceRange { low: Some(micros), high: Some(micros), unit: PriceUnit::Usd };
    }
    let model = Catalog::shipped().find_model(&sent.family, &sent.engine, sent.media, &sent.model);
    let unknown = PriceRange { low: None, high: None, unit: PriceUnit::Usd };
    model.map_or(unknown, |model| estimate(model, sent)).in_dollars(overrides)
}

/// What a finished request cost by the provider's own report; none if it cannot be told.
pub fn cost(sent: &Sent, usage: Usage, overrides: &Overrides) -> Option<(i64, PriceUnit)> {
    let model =
        Catalog::shipped().find_model(&sent.family, &sent.engine, sent.media, &sent.model)?;
    let exact = |micros, unit| PriceRange { low: micros, high: micros, unit };
    let range = match (&model.price, usage) {
        (Formula::Free, _) => exact(Some(0), PriceUnit::Usd),
        (
            Formula::Tokens {
                text_in_usd_per_million: text,
                image_in_usd_per_million: image,
                image_out_usd_per_million: result,
                ..
            },
            Usage::Tokens { text_in, image_in, out },
        ) => exact(
            sum_tokens([(text_in, *text), (image_in, *image), (out, *result)]),
            PriceUnit::Usd,
        ),
        (
            Formula::PerImage {
                text_in_usd_per_million: Some(text),
                image_in_usd_per_million: Some(image),
                image_out_usd_per_million: Some(result),
                ..
            },
            Usage::Tokens { text_in, image_in, out },
        ) => exact(
            sum_tokens([(text_in, *text), (image_in, *image), (out, *result)]),
            PriceUnit::Usd,
        ),
        (
            Formula::GpuSeconds { usd_per_second: Some(Micros(rate)), .. },
            Usage::GpuMillis(millis),
        ) => exact(scale_up(millis, *rate, 1000), PriceUnit::Usd),
        (Formula::PerCall { usd_per_credit, .. }, Usage::CreditMicros(credits)) => {
            exact(scale_up(credits, usd_per_credit.0, 1_000_000), PriceUnit::Usd)
        }
        (_, Usage::CreditMicros(credits)) => exact(Some(credits), PriceUnit::Credits),
        _ => return None,
    };
    let range = range.in_dollars(overrides);
    range.high.map(|micros| (micros, range.unit))
}

impl PriceRange {
    fn in_dollars(self, overrides: &Overrides) -> Self {
        match (self.unit, overrides.usd_per_1000_credits) {
            (PriceUnit::Credits, Some(MicroUsd(rate))) => Self {
                low: self.low.and_then(|credits| scale_down(credits, rate, 1_000_000_000)),
                high: self.high.and_then(|credits| scale_up(credits, rate, 1_000_000_000)),
                unit: PriceUnit::Usd,
            },
            _ => self,
        }
    }
}

pub(super) fn estimate(model: &Model, sent: &Sent) -> PriceRange {
    let usd = |low, high| PriceRange { low, high, unit: PriceUnit::Usd };
    let credits = |low, high| PriceRange { low, high, unit: PriceUnit::Credits };
    match &model.price {
        Formula::Free => usd(Some(0), Some(0)),
        Formula::Unknown { unit } => PriceRange { low: None, high: None, unit: *unit },
        Formula::PerCall { credits, usd_per_credit } => usd(
            scale_down(credits.0, usd_per_credit.0, 1_000_000),
            scale_up(credits.0, usd_per_credit.0, 1_000_000),
        ),
        Formula::PerCharacter { credits_per_character } => {
            let characters = i64::try_from(sent.prompt.chars().count()).ok();
            let micros = characters.and_then(|count| count.checked_mul(credits_per_character.0));
            credits(micros, micros)
        }
        Formula::PerSecond {
            credits_per_second: (low, high),
            credits_without_duration: without,
        } => match sent.parameters.get("duration_seconds").and_then(as_number) {
            Some(seconds) => {
                let millis = seconds * 1000.0;
                credits(
                    scale_down(millis.floor() as i64, low.0, 1000),
                    scale_up(millis.ceil() as i64, high.0, 1000),
                )
            }
            None => credits(Some(without.0.0), Some(without.1.0)),
        },
        Formula::GpuSeconds { usd_per_second, seconds } => match (usd_per_second, seconds) {
            (Some(rate), Some((low, high))) => {
                usd(low.checked_mul(rate.0), high.checked_mul(rate.0))
            }
            _ => usd(None, None),
        },
        Formula::PerImage {
            usd: list,
            margin_percent,
            text_in_usd_per_million: text,
            image_in_usd_per_million: image,
            image_out_usd_per_million: _,
            reference_tokens,
        } => {
            let output = bounds(model, sent, list, |sizes, size| {
                sizes.get(&size_text(size)).map(|&Micros(micros)| (micros, micros))
            });
            let none = Micros(0);
            let input = input_tokens(sent, reference_tokens.unwrap_or((0, 0)))
                .priced(text.unwrap_or(none), image.unwrap_or(none));
            widen(output, input, *margin_percent)
        }
        Formula::Tokens {
            output_tokens,
            margin_percent,
            text_in_usd_per_million: text,
            image_in_usd_per_million: image,
            image_out_usd_per_million: result,
            reference_tokens,
            unpriced,
        } => {
            let output = bounds(model, sent, output_tokens, |sizes, size| {
                let tokens = tokens_of_size(sizes, size)?;
                Some((
                    scale_down(tokens, result.0, 1_000_000)?,
                    scale_up(tokens, result.0, 1_000_000)?,
                ))
            });
            let input = input_tokens(sent, *reference_tokens).priced(*text, *image);
            let range = widen(output, input, *margin_percent);
            if unpriced.iter().any(|parameter| sent.parameters.contains_key(parameter)) {
                PriceRange { high: None, ..range }
            } else {
                range
            }
        }
    }
}

/// Cheapest and dearest result over every quality and size that the request leaves open.
///
/// `auto` leaves all listed ones open: the dearest of them is the upper bound.
fn bounds<T>(
    model: &Model,
    sent: &Sent,
    by_quality: &BTreeMap<String, T>,
    price_of: impl Fn(&T, (u32, u32)) -> Option<(i64, i64)>,
) -> (Option<i64>, Option<i64>) {
    let quality = sent.text("quality").filter(|quality| *quality != "auto");
    let sizes: Vec<(u32, u32)> = match sent.text("size").and_then(parse_size) {
        Some(size) => vec![size],
        None => {
            let listed = model.parameters.get("size").map_or(&[][..], |size| &size.values);
            listed.iter().filter_map(|size| parse_size(&size.canonical())).collect()
        }
    };
    let mut prices = Vec::new();
    for (name, row) in by_quality {
        if quality.is_none_or(|quality| quality == name) {
            prices.extend(sizes.iter().map(|&size| price_of(row, size)));
        }
    }
    let low = prices.iter().flatten().map(|(low, _)| *low).min();
    let high = prices.iter().map(|price| price.map(|(_, high)| high)).collect::<Option<Vec<_>>>();
    (low, high.and_then(|prices| prices.into_iter().max()))
}

fn tokens_of_size(sizes: &BTreeMap<String, i64>, size: (u32, u32)) -> Option<i64> {
    if let Some(&tokens) = sizes.get(&size_text(size)) {
        return Some(tokens);
    }
    let pixels = i64::from(size.0) * i64::from(size.1);
    scale_up(*sizes.get("1024x1024")?, pixels, 1024 * 1024)
}

fn size_text((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

/// Fewest and most tokens that prompt and pictures can be.
struct InputTokens {
    text: (i64, i64),
    image: (i64, i64),
}

/// A token of prose is about four bytes; two to six cover every language and mark-up.
fn input_tokens(sent: &Sent, reference: (i64, i64)) -> InputTokens {
    let bytes = i64::try_from(sent.prompt.len()).unwrap_or(i64::MAX / 2);
    let pictures = i64::try_from(sent.references).unwrap_or(i64::MAX) + i64::from(sent.edit);
    InputTokens {
        text: (bytes / 6, bytes / 2 + 1),
        image: (pictures.saturating_mul(reference.0), pictures.saturating_mul(reference.1)),
    }
}

impl InputTokens {
    fn priced(&self, text: Micros, image: Micros) -> (Option<i64>, Option<i64>) {
        let low = || {
            let text = scale_down(self.text.0, text.0, 1_000_000)?;
            text.checked_add(scale_down(self.image.0, image.0, 1_000_000)?)
        };
        let high = || {
            let text = scale_up(self.text.1, text.0, 1_000_000)?;
            text.checked_add(scale_up(self.image.1, image.0, 1_000_000)?)
        };
        (low(), high())
    }
}

fn widen(
    output: (Option<i64>, Option<i64>),
    input: (Option<i64>, Option<i64>),
    margin: i64,
) -> PriceRange {
    let sum = |output: Option<i64>, input: Option<i64>| output?.checked_add(input?);
    PriceRange {
        low: sum(output.0, input.0).and_then(|low| scale_down(low, 100 - margin, 100)),
        high: sum(output.1, input.1).and_then(|high| scale_up(high, 100 + margin, 100)),
        unit: PriceUnit::Usd,
    }
}

fn sum_tokens(parts: [(i64, Micros); 3]) -> Option<i64> {
    let mut total: i128 = 0;
    for (tokens, Micros(rate)) in parts {
        total += i128::from(tokens) * i128::from(rate);
    }
    i64::try_from(ceil_div(total, 1_000_000)).ok()
}

/// `value * factor / divisor`, rounded down.
fn scale_down(value: i64, factor: i64, divisor: i64) -> Option<i64> {
    i64::try_from((i128::from(value) * i128::from(factor)).div_euclid(i128::from(divisor))).ok()
}

/// `value * factor / divisor`, rounded up.
fn scale_up(value: i64, factor: i64, divisor: i64) -> Option<i64> {
    i64::try_from(ceil_div(i128::from(value) * i128::from(factor), i128::from(divisor))).ok()
}

fn ceil_div(value: i128, divisor: i128) -> i128 {
    -(-value).div_euclid(divisor)
}
