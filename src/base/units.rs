//! Units that must not be mixed up: money in integer micros, and secrets that never print.

use std::fmt;

/// Millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MicroUsd(pub i64);

impl MicroUsd {
    /// Reads a decimal amount of dollars with at most six places, such as `5.00`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().strip_prefix('$').unwrap_or(text.trim());
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && part.is_empty())
            || !digits(whole)
            || !digits(part)
            || part.len() > 6
        {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let part: i64 = format!("{part:0<6}").parse().ok()?;
        whole.checked_mul(1_000_000)?.checked_add(part).map(Self)
    }
}

impl fmt::Display for MicroUsd {
    /// Dollars with at least two places, and as many more as the amount needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        let part = format!("{:06}", micros % 1_000_000);
        let part = part.trim_end_matches('0');
        write!(f, "{sign}${}.{part:0<2}", micros / 1_000_000)
    }
}

/// A credential: it can be used, but not printed, hashed or stored.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The credential itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_written_without_floats() {
        assert_eq!(MicroUsd::parse("5.00"), Some(MicroUsd(5_000_000)));
        assert_eq!(MicroUsd::parse("0.000001"), Some(MicroUsd(1)));
        assert_eq!(MicroUsd::parse("$20"), Some(MicroUsd(20_000_000)));
        assert_eq!(MicroUsd(210_000).to_string(), "$0.21");
        assert_eq!(MicroUsd(1_234_567).to_string(), "$1.234567");
        for text in ["", ".", "-1", "1e3", "0.0000001", "99999999999999999"] {
            assert_eq!(MicroUsd::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_secret_never_prints() {
        assert!(!format!("{:?}", Secret::new("sk-123".into())).contains("sk-123"));
    }
}
