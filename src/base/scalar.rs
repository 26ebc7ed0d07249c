//! Typed scalar values of parameters: what a schema made of a word in a spec.

/// A parameter's value with the type that the schema gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text, an enum's word, a size such as `1024x1024`.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number; finite.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Scalar {
    /// The canonical text: what keys and explanations show.
    pub fn canonical(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
        }
    }
}
