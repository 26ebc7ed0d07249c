//! The filters of placeholders: letter cases, slugs, padding and letters.

use unicode_normalization::UnicodeNormalization;

/// Names of all filters.
pub(super) const FILTERS: [&str; 8] =
    ["slug", "upper", "lower", "camel", "pascal", "snake", "pad", "letter"];

/// Applies a filter; `argument` is the number of `pad(2)`.
///
/// # Errors
/// What the filter needs, for people.
pub(super) fn apply(filter: &str, argument: Option<&str>, text: &str) -> Result<String, String> {
    if argument.is_some() && filter != "pad" {
        return Err(format!("`{filter}` takes no argument"));
    }
    match filter {
        "slug" => Ok(slug(text)),
        "upper" => Ok(text.to_uppercase()),
        "lower" => Ok(text.to_lowercase()),
        "camel" => Ok(camel(text)),
        "pascal" => Ok(pascal(text)),
        "snake" => Ok(words(text).join("_").to_lowercase()),
        "pad" => {
            let width = argument.and_then(|width| width.parse::<usize>().ok());
            let width = width.filter(|width| (1..=20).contains(width));
            let width = width.ok_or("`pad` takes a number of digits: `pad(2)`")?;
            Ok(format!("{text:0>width$}"))
        }
        "letter" => {
            let number = text.parse::<usize>().ok().and_then(letter);
            number.ok_or_else(|| format!("`letter` takes a number from 1, not `{text}`"))
        }
        _ => Err(format!("unknown filter `{filter}`")),
    }
}

/// Lower-case ASCII words joined by `-`; accents are dropped.
pub(super) fn slug(text: &str) -> String {
    let ascii: String = text.nfd().filter(|c| c.is_ascii()).collect();
    words(&ascii).join("-").to_lowercase()
}

/// `sprite-coin` as `spriteCoin`.
pub(super) fn camel(text: &str) -> String {
    let words = words(text);
    let Some((first, rest)) = words.split_first() else { return String::new() };
    join(std::iter::once(first.to_lowercase()).chain(rest.iter().map(|word| capital(word))))
}

/// 1 as `A`, 26 as `Z`, 27 as `AA`; none for 0.
pub(super) fn letter(number: usize) -> Option<String> {
    let mut rest = number;
    let mut letters = Vec::new();
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).ok()?));
        rest = (rest - 1) / 26;
    }
    (number > 0).then(|| letters.into_iter().rev().collect())
}

fn pascal(text: &str) -> String {
    join(words(text).into_iter().map(capital))
}

/// Joins words; `1` and `12` stay apart as `1_12`, or they would be `11` and `2` as well.
fn join(words: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    for word in words {
        if out.ends_with(|c: char| c.is_ascii_digit())
            && word.starts_with(|c: char| c.is_ascii_digit())
        {
            out.push('_');
        }
        out.push_str(&word);
    }
    out
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Splits at everything that is no letter or digit, and between a lower-case and a capital letter.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for part in text.split(|c: char| !c.is_alphanumeric()) {
        let mut start = 0;
        let mut was_lower = false;
        for (at, c) in part.char_indices() {
            if was_lower && c.is_uppercase() {
                words.push(&part[start..at]);
                start = at;
            }
            was_lower = c.is_lowercase();
        }
        if start < part.len() {
            words.push(&part[start..]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_change_the_form_of_words() {
        let cases = [
            ("snake", None, "sprite-coin", "sprite_coin"),
            ("pascal", None, "sprite-coin", "SpriteCoin"),
            ("camel", None, "test-jump-sfx-01", "testJumpSfx01"),
            ("camel", None, "backdropProteinSky", "backdropProteinSky"),
            ("camel", None, "tile-1-12", "tile1_12"),
            ("slug", None, "Énergie  Burst!", "energie-burst"),
            ("upper", None, "a1", "A1"),
            ("lower", None, "A1", "a1"),
            ("pad", Some("3"), "7", "007"),
            ("letter", None, "2", "B"),
            ("letter", None, "28", "AB"),
        ];
        for (filter, argument, text, expected) in cases {
            assert_eq!(apply(filter, argument, text).as_deref(), Ok(expected), "{filter} {text}");
        }
    }

    #[test]
    fn a_filter_says_what_it_needs() {
        assert!(apply("pad", None, "7").is_err());
        assert!(apply("letter", None, "x").is_err());
        assert!(apply("letter", None, "0").is_err());
        assert!(apply("snake", Some("2"), "x").is_err());
        assert!(apply("reverse", None, "x").is_err());
    }
}
