//! Parsers of argument values.

use std::num::NonZeroUsize;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::base::units::MicroUsd;
use crate::event::ActionKind;

/// An amount such as `5` or `2.50`.
pub(super) fn usd(text: &str) -> Result<MicroUsd, String> {
    MicroUsd::parse(text)
        .ok_or_else(|| "write dollars with up to six decimals, such as 2.50".into())
}

/// A number of actions at once.
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a whole number above 0".into())
}

/// A number of bytes: `500000`, `500k`, `500M`, `2G` (decimal) or `2GiB` (binary).
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("write a whole number with k, M or G, such as 500M".into()),
    };
    let number: u64 =
        number.parse().map_err(|_| "write a whole number with k, M or G, such as 500M")?;
    number.checked_mul(factor).ok_or_else(|| "the size is too large".into())
}

/// `name=value`; the value may be empty and may hold further `=`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".into()),
    }
}

/// The word of an action kind.
pub(super) fn action_kind() -> impl TypedValueParser<Value = ActionKind> {
    PossibleValuesParser::new(ActionKind::ALL.map(ActionKind::as_str)).map(|word| {
        ActionKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .expect("only words of kinds are accepted")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_unless_they_say_otherwise() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("500M"), Ok(500_000_000));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        for text in ["", "M", "-1", "1.5G", "1T", "99999999999G"] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_assignment_needs_a_name() {
        assert_eq!(assignment("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(assignment("a="), Ok(("a".into(), String::new())));
        assert!(assignment("=b").is_err());
        assert!(assignment("a").is_err());
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(usd("2.50"), Ok(MicroUsd(2_500_000)));
        assert!(usd("-1").is_err());
    }
}
