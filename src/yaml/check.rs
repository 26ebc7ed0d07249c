//! Checks a tree against a table of keys and reports every mistake, so that decoders can take what
//! they find and skip what is not there.

use crate::base::diagnostic::did_you_mean;
use crate::base::units::MicroUsd;
use crate::base::{Diagnostic, Diagnostics, RelPath, Span};
use crate::yaml::scalar::{
    parse_bitrate, parse_color, parse_decibel, parse_hertz, parse_integer, parse_number,
    parse_seconds, parse_size,
};
use crate::yaml::schema::{Key, Shape};
use crate::yaml::tree::{Entry, Kind, Style, Value};

/// The codes that a layer reports its findings under.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// A key that the table does not have.
    pub unknown_key: &'static str,
    /// A word that is not among the allowed ones.
    pub unknown_word: &'static str,
    /// A list where a map is needed, text where a number is, and so on.
    pub wrong_type: &'static str,
    /// A value of the right type that cannot be.
    pub wrong_value: &'static str,
    /// A key that must be there.
    pub missing_key: &'static str,
}

/// Checks values and collects what is wrong.
pub struct Checker<'a> {
    /// Codes of the layer.
    pub codes: &'static Codes,
    /// Where findings go.
    pub diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
    /// Checks the value of `entry`; says whether it can be used.
    pub fn entry(&mut self, entry: &Entry, shape: &Shape) -> bool {
        self.value(&entry.key, &entry.value, shape)
    }

    /// Checks the entries of a map against a table.
    pub fn map(&mut self, name: &str, value: &Value, keys: &'static [Key]) -> bool {
        let mut good = true;
        for entry in value.entries() {
            match keys.iter().find(|key| key.name == &*entry.key) {
                Some(_) if entry.value.kind == Kind::Null => {}
                Some(key) => good &= self.entry(entry, &key.shape),
                None => {
                    self.unknown_key(name, entry, keys.iter().map(|key| key.name));
                    good = false;
                }
            }
        }
        good
    }

    /// Reports a key that is not among `known`.
    pub fn unknown_key<'k>(
        &mut self,
        parent: &str,
        entry: &Entry,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        let place = if parent.is_empty() { String::new() } else { format!(" in `{parent}`") };
        let help = match did_you_mean(&entry.key, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("keys here: {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.diagnostics.push(
            Diagnostic::error(
                self.codes.unknown_key,
                format!("unknown key `{}`{place}", entry.key),
            )
            .at(entry.key_span, "")
            .help(help),
        );
    }

    /// Reports a word that is not among `known`.
    pub fn unknown_word<'k>(
        &mut self,
        what: &str,
        word: &str,
        span: Span,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        let help = match did_you_mean(word, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.diagnostics.push(
            Diagnostic::error(self.codes.unknown_word, format!("unknown {what} `{word}`"))
                .at(span, "")
                .help(help),
        );
    }

    /// Reports a value of the right type that cannot be.
    pub fn wrong_value(&mut self, message: impl Into<String>, span: Span, help: impl Into<String>) {
        self.diagnostics
            .push(Diagnostic::error(self.codes.wrong_value, message).at(span, "").help(help));
    }

    /// Reports a key that must be there; `span` is the key or place of its parent.
    pub fn missing(&mut self, message: impl Into<String>, span: Span, help: impl Into<String>) {
        self.diagnostics
            .push(Diagnostic::error(self.codes.missing_key, message).at(span, "").help(help));
    }

    fn wrong_type(&mut self, name: &str, value: &Value, needed: &str, help: String) -> bool {
        let written = match &value.kind {
            Kind::Scalar { text, .. } if text.chars().count() <= 40 => format!("`{text}`"),
            _ => value.describe().to_owned(),
        };
        self.diagnostics.push(
            Diagnostic::error(
                self.codes.wrong_type,
                format!("`{name}` needs {needed}, not {written}"),
            )
            .at(value.span, "")
            .help(help),
        );
        false
    }

    /// Checks a value that messages call `name`; says whether it can be used.
    pub fn value(&mut self, name: &str, value: &Value, shape: &Shape) -> bool {
        match shape {
            Shape::Any => true,
            Shape::Nothing => {
                self.wrong_type(name, value, "no argument", format!("write `{name}` alone"))
            }
            Shape::Either(shapes) => {
                let fits = shapes.iter().find(|shape| fits_form(shape, value));
                match fits {
                    Some(shape) => self.value(name, value, shape),
                    None => self.needs(name, value, shape),
                }
            }
            Shape::Map(keys) => match value.kind {
                Kind::Map(_) => self.map(name, value, keys),
                _ => self.needs(name, value, shape),
            },
            Shape::Open(keys, other) => match &value.kind {
                Kind::Map(entries) => entries
                    .iter()
                    .filter(|entry| entry.value.kind != Kind::Null)
                    .fold(true, |good, entry| {
                        let known = keys.iter().find(|key| key.name == &*entry.key);
                        good & self.entry(entry, known.map_or(*other, |key| &key.shape))
                    }),
                _ => self.needs(name, value, shape),
            },
            Shape::MapOf(item) => match &value.kind {
                Kind::Map(entries) => entries
                    .iter()
                    .filter(|entry| entry.value.kind != Kind::Null)
                    .fold(true, |good, entry| good & self.entry(entry, item)),
                _ => self.needs(name, value, shape),
            },
            Shape::List(item) => match &value.kind {
                Kind::List(items) => self.items(name, items, item),
                _ if fits_form(item, value) => self.wrong_type(
                    name,
                    value,
                    "a list",
                    format!("write it in brackets: `{name}: [...]`"),
                ),
                _ => self.needs(name, value, shape),
            },
            Shape::Items(item) => match &value.kind {
                Kind::List(items) => self.items(name, items, item),
                _ => self.value(name, value, item),
            },
            Shape::Exactly(count, item) => match &value.kind {
                Kind::List(items) if items.len() == *count => self.items(name, items, item),
                _ => self.needs(name, value, shape),
            },
            Shape::Tagged(tag, variants) => self.tagged(name, value, tag, variants),
            Shape::Flag(words) => self.flag(name, value, words),
            scalar => match &value.kind {
                Kind::Scalar { text, style } => self.scalar(name, value, text, *style, scalar),
                _ => self.needs(name, value, shape),
            },
        }
    }

    fn needs(&mut self, name: &str, value: &Value, shape: &Shape) -> bool {
        let needed = match shape {
            Shape::Word(_) => "a word".to_owned(),
            shape => shape.describe(),
        };
        let help = match shape {
            Shape::Map(keys) | Shape::Open(keys, _) if !keys.is_empty() => {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                format!("write a map; its keys: {}", names.join(", "))
            }
            shape => format!("write {}", shape.describe()),
        };
        self.wrong_type(name, value, &needed, help)
    }

    fn items(&mut self, name: &str, items: &[Value], shape: &Shape) -> bool {
        items.iter().fold(true, |good, item| good & self.value(name, item, shape))
    }

    fn tagged(
        &mut self,
        name: &str,
        value: &Value,
        tag: &str,
        variants: &'static [(&'static str, &'static [Key])],
    ) -> bool {
        if !value.is_map() {
            let help = match value.text() {
                Some(word) if variants.iter().any(|(name, _)| *name == word) => {
                    format!("write `{{ {tag}: {word} }}`")
                }
                _ => format!("write a map with `{tag}`"),
            };
            return self.wrong_type(name, value, "a map", help);
        }
        let Some(word) = value.get(tag) else {
            let mut known = variants.iter().map(|(word, _)| *word);
            let near = value.entries().iter().find(|entry| known.any(|word| word == &*entry.key));
            let help = match near {
                Some(entry) => format!("write `{tag}: {}`", entry.key),
                None => format!(
                    "one of: {}",
                    variants.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
                ),
            };
            self.missing(format!("an entry of `{name}` has no `{tag}`"), value.span, help);
            return false;
        };
        let text = word.text().unwrap_or_default();
        match variants.iter().find(|(name, _)| *name == text) {
            Some((_, keys)) => {
                let mut good = true;
                for entry in value.entries().iter().filter(|entry| &*entry.key != tag) {
                    match keys.iter().find(|key| key.name == &*entry.key) {
                        Some(_) if entry.value.kind == Kind::Null => {}
                        Some(key) => good &= self.entry(entry, &key.shape),
                        None => {
                            self.unknown_key(text, entry, keys.iter().map(|key| key.name));
                            good = false;
                        }
                    }
                }
                good
            }
            None => {
                self.unknown_word(tag, text, word.span, variants.iter().map(|(name, _)| *name));
                false
            }
        }
    }

    fn flag(&mut self, name: &str, value: &Value, words: &'static [Key]) -> bool {
        let singular = name.strip_suffix('s').unwrap_or(name);
        match &value.kind {
            Kind::Scalar { text, .. } => match words.iter().find(|key| key.is(text)) {
                Some(Key { shape: Shape::Nothing, .. }) => true,
                Some(key) => {
                    let needed = key.shape.describe();
                    let help = format!("write `{text}: …` with {needed}");
                    self.missing(format!("`{text}` needs {needed}"), value.span, help);
                    false
                }
                None => {
                    self.unknown_word(singular, text, value.span, words.iter().map(|key| key.name));
                    false
                }
            },
            Kind::Map(entries) if entries.len() == 1 => {
                let entry = &entries[0];
                match words.iter().find(|key| key.is(&entry.key)) {
                    Some(key) => self.entry(entry, &key.shape),
                    None => {
                        self.unknown_word(
                            singular,
                            &entry.key,
                            entry.key_span,
                            words.iter().map(|key| key.name),
                        );
                        false
                    }
                }
            }
            _ => self.needs(name, value, &Shape::Flag(words)),
        }
    }

    fn scalar(
        &mut self,
        name: &str,
        value: &Value,
        text: &str,
        style: Style,
        shape: &Shape,
    ) -> bool {
        let quoted = style != Style::Plain;
        let good = match shape {
            Shape::Text => true,
            Shape::Word(words) => {
                if words.contains(&text) {
                    return true;
                }
                self.unknown_word(name, text, value.span, words.iter().copied());
                return false;
            }
            Shape::Boolean => !quoted && matches!(text, "true" | "false"),
            Shape::Integer(min, max) => match parse_integer(text) {
                Some(number) if !quoted && (*min..=*max).contains(&number) => true,
                Some(_) if !quoted => return self.out_of_range(name, value, text, shape),
                _ => false,
            },
            Shape::Number(min, max) => match parse_number(text) {
                Some(number) if !quoted && (*min..=*max).contains(&number) => true,
                Some(_) if !quoted => return self.out_of_range(name, value, text, shape),
                _ => false,
            },
            Shape::Size => parse_size(text).is_some(),
            Shape::Color => parse_color(text).is_some(),
            Shape::Decibel => parse_decibel(text).is_some(),
            Shape::Bitrate => parse_bitrate(text).is_some(),
            Shape::Seconds => parse_seconds(text).is_some(),
            Shape::Hertz => parse_hertz(text).is_some(),
            Shape::Money => MicroUsd::parse(text).is_some(),
            Shape::Path => match RelPath::new(text) {
                Ok(_) => true,
                Err(error) => {
                    self.wrong_value(
                        format!("`{name}` is no path inside the project: `{text}`"),
                        value.span,
                        error.to_string(),
                    );
                    return false;
                }
            },
            _ => false,
        };
        good || self.wrong_type(name, value, &needed(shape), scalar_help(text, quoted, shape))
    }

    fn out_of_range(&mut self, name: &str, value: &Value, text: &str, shape: &Shape) -> bool {
        let help = format!("write {}", shape.describe());
        self.wrong_value(format!("`{name}` cannot be {text}"), value.span, help);
        false
    }
}

fn needed(shape: &Shape) -> String {
    match shape {
        Shape::Integer(..) => "a whole number".to_owned(),
        Shape::Number(..) => "a number".to_owned(),
        shape => shape.describe(),
    }
}

fn scalar_help(text: &str, quoted: bool, shape: &Shape) -> String {
    let lower = text.to_ascii_lowercase();
    match shape {
        Shape::Boolean if matches!(lower.as_str(), "yes" | "on" | "y" | "true" | "1") => {
            "write `true`".to_owned()
        }
        Shape::Boolean if matches!(lower.as_str(), "no" | "off" | "n" | "false" | "0") => {
            "write `false`".to_owned()
        }
        Shape::Size if parse_integer(text).is_some() => format!("write `{text}x{text}`"),
        Shape::Integer(..) | Shape::Number(..) if quoted && parse_number(text).is_some() => {
            format!("write {text} without quotes")
        }
        Shape::Bitrate if parse_integer(text).is_some() => format!("write `{text}k`"),
        shape => format!("write {}", shape.describe()),
    }
}

fn fits_form(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Map(_) | Shape::MapOf(_) | Shape::Open(..) | Shape::Tagged(..) => value.is_map(),
        Shape::List(_) | Shape::Exactly(..) => matches!(value.kind, Kind::List(_)),
        Shape::Items(item) => matches!(value.kind, Kind::List(_)) || fits_form(item, value),
        Shape::Flag(_) => !matches!(value.kind, Kind::List(_)),
        Shape::Either(shapes) => shapes.iter().any(|shape| fits_form(shape, value)),
        _ => value.text().is_some(),
    }
}
