//! Formulas of prices as the data files write them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::units::MicroUsd;

/// What a price counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum PriceUnit {
    /// US dollars.
    #[default]
    #[serde(rename = "USD")]
    Usd,
    /// The provider's own credits.
    #[serde(rename = "credits")]
    Credits,
}

impl PriceUnit {
    /// The word in the lock, receipts and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Credits => "credits",
        }
    }
}

/// Millionths, written in data files as a decimal text such as `"0.04"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Micros(pub i64);

impl TryFrom<String> for Micros {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        MicroUsd::parse(&text)
            .map(|MicroUsd(micros)| Self(micros))
            .ok_or_else(|| format!("`{text}` is not a decimal amount"))
    }
}

/// How a model is priced. Amounts are millionths; the margin widens estimates on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Formula {
    /// A price list by quality and size, and input tokens where they are billed too.
    PerImage {
        /// Dollars by quality and size.
        usd: BTreeMap<String, BTreeMap<String, Micros>>,
        /// Per cent.
        margin_percent: i64,
        /// Dollars per million tokens of the prompt.
        text_in_usd_per_million: Option<Micros>,
        /// Dollars per million tokens of pictures sent.
        image_in_usd_per_million: Option<Micros>,
        /// Dollars per million tokens of the result, for settling.
        image_out_usd_per_million: Option<Micros>,
        /// Fewest and most tokens of a picture sent.
        reference_tokens: Option<(i64, i64)>,
    },
    /// Tokens in and out.
    Tokens {
        /// Output tokens by quality and size; other sizes in proportion to 1024x1024.
        output_tokens: BTreeMap<String, BTreeMap<String, i64>>,
        /// Per cent.
        margin_percent: i64,
        /// Dollars per million tokens of the prompt.
        text_in_usd_per_million: Micros,
        /// Dollars per million tokens of pictures sent.
        image_in_usd_per_million: Micros,
        /// Dollars per million tokens of the result.
        image_out_usd_per_million: Micros,
        /// Fewest and most tokens of a picture sent.
        reference_tokens: (i64, i64),
        /// Parameters whose effect on the price is unknown: set, there is no upper bound.
        #[serde(default)]
        unpriced: Vec<String>,
    },
    /// Credits for each success, at a fixed rate in dollars.
    PerCall {
        /// Credits.
        credits: Micros,
        /// Dollars a credit.
        usd_per_credit: Micros,
    },
    /// Credits by the length of the result.
    PerSecond {
        /// Fewest and most credits a second.
        credits_per_second: (Micros, Micros),
        /// Fewest and most credits when the model decides the length.
        credits_without_duration: (Micros, Micros),
    },
    /// Credits by the length of the prompt.
    PerCharacter {
        /// Credits a character.
        credits_per_character: Micros,
    },
    /// Time on the provider's hardware.
    GpuSeconds {
        /// Dollars a second, if known.
        usd_per_second: Option<Micros>,
        /// Shortest and longest run in seconds, if known.
        seconds: Option<(i64, i64)>,
    },
    /// The user's own hardware.
    Free,
    /// Nobody publishes it.
    Unknown {
        /// What is billed.
        #[serde(default)]
        unit: PriceUnit,
    },
}
