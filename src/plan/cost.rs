//! The price of an action, as a range: known bounds, or honestly unknown.

use std::fmt;

use serde_json::{Value, json};

use crate::base::units::MicroUsd;

/// What an action may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Least, in micro-units; none if unknown.
    pub low_micros: Option<i64>,
    /// Most, in micro-units; none if unknown.
    pub high_micros: Option<i64>,
    /// `USD` or `credits`.
    pub unit: String,
}

impl Cost {
    /// The sum of two costs of one unit; unknown if either is.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let add = |a: Option<i64>, b: Option<i64>| Some(a?.saturating_add(b?));
        Self {
            low_micros: add(self.low_micros, other.low_micros),
            high_micros: add(self.high_micros, other.high_micros),
            unit: self.unit.clone(),
        }
    }

    /// The object in JSON documents.
    pub fn to_json(&self) -> Value {
        json!({ "low_micros": self.low_micros, "high_micros": self.high_micros, "unit": self.unit })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low_micros, self.high_micros) {
            (Some(low), Some(high)) if self.unit == "USD" && low == high => {
                write!(f, "{}", MicroUsd(high))
            }
            (Some(low), Some(high)) if self.unit == "USD" => {
                let high = MicroUsd(high).to_string();
                write!(f, "{}–{}", MicroUsd(low), high.trim_start_matches('$'))
            }
            (_, Some(high)) if self.unit == "USD" => write!(f, "at most {}", MicroUsd(high)),
            (_, Some(high)) => write!(f, "at most {} {}", high / 1_000_000, self.unit),
            (_, None) => write!(f, "price unknown"),
        }
    }
}
