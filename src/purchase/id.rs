//! Ids of purchases: random, so that two branches never make the same one.

use std::fmt;
use std::str::FromStr;

/// Names a purchase: 16 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PurchaseId(String);

/// The text is not 16 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a purchase id of 16 lower-case hex digits")]
pub struct ParseIdError(String);

impl PurchaseId {
    /// A new id from the system's source of randomness.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{:016x}", getrandom::u64()?)))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PurchaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PurchaseId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == 16 && digits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseIdError(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_strict() {
        let id = PurchaseId::random().expect("randomness");
        assert_ne!(id, PurchaseId::random().expect("randomness"));
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for text in
            ["", "0123456789abcde", "0123456789abcdeF", "../../etc/passwd", "0123456789abcdef0"]
        {
            assert!(text.parse::<PurchaseId>().is_err(), "{text}");
        }
    }
}
