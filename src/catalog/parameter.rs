//! Parameters of models: which values are taken, and how to say so.

use crate::base::{RelPath, Scalar};

/// The type of a parameter's value in specs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterType {
    /// Text, an enum's word, a size.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A file of the project, whose content is sent; or one of the listed words.
    File,
}

impl ParameterType {
    /// How messages call it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::File => "a path inside the project",
        }
    }

    /// The value in this type, if it means the same there: 5.0 is a whole number, 5 a number.
    pub fn convert(self, value: &Scalar) -> Option<Scalar> {
        match (self, value) {
            (Self::Text | Self::File, Scalar::Text(_))
            | (Self::Integer, Scalar::Integer(_))
            | (Self::Number, Scalar::Number(_))
            | (Self::Boolean, Scalar::Boolean(_)) => Some(value.clone()),
            (Self::Number, Scalar::Integer(number)) => Some(Scalar::Number(*number as f64)),
            (Self::Integer, Scalar::Number(number))
                if number.fract() == 0.0 && number.abs() < 2f64.powi(53) =>
            {
                Some(Scalar::Integer(*number as i64))
            }
            _ => None,
        }
    }
}

/// Whether a parameter belongs to requests that come with a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EditUse {
    /// It is taken with and without a picture.
    #[default]
    Either,
    /// Only with a picture to edit or to refer to.
    Only,
    /// Only without one.
    Never,
}

/// What a parameter's value asks of another parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The value that asks; none for every value.
    pub value: Option<Scalar>,
    /// The other parameter.
    pub parameter: String,
    /// What the other one must be.
    pub must: Must,
}

/// What is asked of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Must {
    /// It has one of these values.
    BeAmong(Vec<Scalar>),
    /// It is set, to whatever.
    BeSet,
    /// It is not set.
    BeAbsent,
}

impl Must {
    /// Whether a value, or the lack of one, is what is asked.
    pub fn is_met(&self, value: Option<&Scalar>) -> bool {
        match self {
            Self::BeAmong(values) => value.is_some_and(|value| values.contains(value)),
            Self::BeSet => value.is_some(),
            Self::BeAbsent => value.is_none(),
        }
    }

    /// What is asked, for people: `png or webp`.
    pub fn describe(&self) -> String {
        match self {
            Self::BeAmong(values) => {
                values.iter().map(Scalar::canonical).collect::<Vec<_>>().join(" or ")
            }
            Self::BeSet => "set".to_owned(),
            Self::BeAbsent => "left out".to_owned(),
        }
    }
}

/// A rule for pictures of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRule {
    /// Both sides are divisible by it.
    pub multiple: u32,
    /// The longer side is at most this many times the shorter one.
    pub max_ratio: u32,
    /// Largest longer and shorter side in pixels.
    pub max: (u32, u32),
}

impl SizeRule {
    /// What is wrong with a size, if anything.
    pub fn problem(&self, (width, height): (u32, u32)) -> Option<String> {
        let (long, short) = (width.max(height), width.min(height));
        let Self { multiple, max_ratio, max } = self;
        if short == 0 {
            Some("both sides must be at least 1".to_owned())
        } else if width % multiple != 0 || height % multiple != 0 {
            Some(format!("both sides must be divisible by {multiple}"))
        } else if u64::from(long) > u64::from(short) * u64::from(*max_ratio) {
            Some(format!("one side is more than {max_ratio} times the other"))
        } else if long > max.0 || short > max.1 {
            Some(format!("it is larger than {}x{}", max.0, max.1))
        } else {
            None
        }
    }

    /// A size near to `size` that fits, if rounding is all it takes.
    fn nearest(&self, (width, height): (u32, u32)) -> Option<(u32, u32)> {
        let round = |side: u32| {
            let down = side / self.multiple * self.multiple;
            if side - down >= self.multiple.div_ceil(2) {
                down.checked_add(self.multiple)
            } else {
                Some(down)
            }
        };
        let size = (round(width)?, round(height)?);
        self.problem(size).is_none().then_some(size)
    }
}

/// One parameter of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its type.
    pub kind: ParameterType,
    /// Values taken; empty if no list decides.
    pub values: Vec<Scalar>,
    /// Smallest number taken.
    pub min: Option<f64>,
    /// Largest number taken.
    pub max: Option<f64>,
    /// Sizes taken beside `values`.
    pub size: Option<SizeRule>,
    /// What is sent when nobody sets it; none leaves it out.
    pub default: Option<Scalar>,
    /// Whether it must be set.
    pub required: bool,
    /// Whether it belongs to requests with a picture.
    pub edit: EditUse,
    /// What its values ask of other parameters.
    pub needs: Vec<Need>,
    /// Parameters, and `prompt`, that a file given here takes the place of.
    pub replaces: Vec<String>,
}

/// Why a value is not taken: a message without subject, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `both sides must be divisible by 16`.
    pub why: String,
    /// What to write.
    pub help: String,
}

impl Parameter {
    /// The value as it is sent, in this parameter's type.
    ///
    /// # Errors
    /// `Refusal` with the allowed values.
    pub fn accept(&self, value: &Scalar) -> Result<Scalar, Refusal> {
        let refuse = |why: String| Err(Refusal { why, help: self.help(value) });
        let Some(value) = self.kind.convert(value) else {
            return refuse(format!("it must be {}", self.kind.describe()));
        };
        if self.values.contains(&value) {
            return Ok(value);
        }
        if let Some(rule) = &self.size {
            let text = value.canonical();
            return match parse_size(&text).map(|size| rule.problem(size)) {
                Some(None) => Ok(value),
                Some(Some(problem)) => refuse(problem),
                None => refuse("it is not a size".to_owned()),
            };
        }
        if self.kind == ParameterType::File {
            return match RelPath::new(&value.canonical()) {
                Ok(_) => Ok(value),
                Err(error) => refuse(error.to_string()),
            };
        }
        if !self.values.is_empty() {
            return refuse("it is not among the values taken".to_owned());
        }
        match as_number(&value) {
            Some(number) if !number.is_finite() => refuse("it must be finite".to_owned()),
            Some(number) if self.min.is_some_and(|min| number < min) => {
                refuse("it is too small".to_owned())
            }
            Some(number) if self.max.is_some_and(|max| number > max) => {
                refuse("it is too large".to_owned())
            }
            _ => Ok(value),
        }
    }

    /// What is taken, for people: `auto, low, medium, high`, `0.5 to 30`.
    pub fn allowed(&self) -> String {
        let mut parts: Vec<String> = self.values.iter().map(Scalar::canonical).collect();
        if let Some(SizeRule { multiple, max_ratio, max }) = self.size {
            parts.push(format!(
                "any WxH divisible by {multiple} from 1:{max_ratio} to {max_ratio}:1 up to {}x{}",
                max.0, max.1
            ));
        }
        if self.kind == ParameterType::File && !parts.is_empty() {
            parts.push(self.kind.describe().to_owned());
        }
        if parts.is_empty() {
            match (self.min, self.max) {
                (Some(min), Some(max)) => format!("{min} to {max}"),
                (Some(min), None) => format!("{min} or more"),
                (None, Some(max)) => format!("at most {max}"),
                (None, None) => self.kind.describe().to_owned(),
            }
        } else {
            parts.join(", ")
        }
    }

    /// Whether a value that is taken names a file.
    pub fn is_file(&self, value: &Scalar) -> bool {
        self.kind == ParameterType::File && !self.values.contains(value)
    }

    fn help(&self, value: &Scalar) -> String {
        let allowed = format!("allowed: {}", self.allowed());
        let text = value.canonical();
        let nearest = self
            .size
            .and_then(|rule| rule.nearest(parse_size(&text)?))
            .map(|(width, height)| format!("{width}x{height}"));
        let words: Vec<String> = self.values.iter().map(Scalar::canonical).collect();
        let meant = crate::base::diagnostic::did_you_mean(&text, words.iter().map(String::as_str));
        match nearest.as_deref().or(meant) {
            Some(meant) if meant != text => format!("did you mean `{meant}`? {allowed}"),
            _ => allowed,
        }
    }
}

/// Reads `1024x768`: two whole numbers without leading zeros.
pub fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| {
        let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    Some((side(width)?, side(height)?))
}

/// The number that a value is.
pub(super) fn as_number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Integer(number) => Some(*number as f64),
        Scalar::Number(number) => Some(*number),
        Scalar::Text(_) | Scalar::Boolean(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: SizeRule = SizeRule { multiple: 16, max_ratio: 3, max: (3840, 2160) };

    fn size() -> Parameter {
        Parameter {
            kind: ParameterType::Text,
            values: vec![Scalar::Text("auto".into())],
            min: None,
            max: None,
            size: Some(RULE),
            default: None,
            required: false,
            edit: EditUse::Either,
            needs: Vec::new(),
            replaces: Vec::new(),
        }
    }

    #[test]
    fn sizes_are_read_strictly() {
        assert_eq!(parse_size("1024x768"), Some((1024, 768)));
        for text in
            ["", "x", "1024", "1024x", "01x1", "1024X768", "1x1x1", "-1x1", "0x5", "99999999999x1"]
        {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_size_rule_holds_at_its_edges() {
        for text in ["auto", "16x16", "3840x2160", "2160x3840", "3072x1024", "1024x1536"] {
            assert!(size().accept(&Scalar::Text(text.into())).is_ok(), "{text}");
        }
        for text in ["1000x1000", "3088x1024", "3856x2160", "2176x2176", "AUTO", "12"] {
            assert!(size().accept(&Scalar::Text(text.into())).is_err(), "{text}");
        }
    }

    #[test]
    fn a_near_size_is_suggested() {
        let refusal = size().accept(&Scalar::Text("1000x1000".into())).expect_err("not by 16");
        assert_eq!(refusal.why, "both sides must be divisible by 16");
        assert!(refusal.help.starts_with("did you mean `1008x1008`? allowed: auto, any WxH"));
    }

    #[test]
    fn numbers_change_type_only_without_loss() {
        assert_eq!(ParameterType::Integer.convert(&Scalar::Number(5.0)), Some(Scalar::Integer(5)));
        assert_eq!(ParameterType::Integer.convert(&Scalar::Number(5.5)), None);
        assert_eq!(ParameterType::Number.convert(&Scalar::Integer(5)), Some(Scalar::Number(5.0)));
        assert_eq!(ParameterType::Text.convert(&Scalar::Integer(5)), None);
    }
}
