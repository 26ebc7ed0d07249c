//! `{{name}}` in a drawing: replaced by values, strictly.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::diagnostic;
use crate::generate::svg::SvgError;

/// Puts the escaped values of `vars` in place of their placeholders.
///
/// # Errors
/// `SvgError` for a placeholder without a variable, and for a variable without a placeholder.
pub(super) fn substitute(text: &str, vars: &BTreeMap<String, String>) -> Result<String, SvgError> {
    let mut result = String::with_capacity(text.len());
    let mut used = BTreeSet::new();
    let mut unknown = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        result.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        let name = rest.find("}}").map(|end| rest[..end].trim());
        let Some(name) = name.filter(|name| is_name(name)) else {
            let shown = rest.lines().next().unwrap_or_default().chars().take(24).collect();
            return Err(SvgError::BadPlaceholder(shown));
        };
        rest = &rest[rest.find("}}").expect("it was found above") + 2..];
        match vars.get(name) {
            Some(value) => {
                used.insert(name);
                result.push_str(&escape(value));
            }
            None => unknown.push(name),
        }
    }
    result.push_str(rest);
    if let Some(&name) = unknown.first() {
        let unused = vars.keys().map(String::as_str).filter(|var| !used.contains(var));
        let near = diagnostic::did_you_mean(name, unused).map(str::to_owned);
        return Err(SvgError::UnknownVariable { name: name.to_owned(), near });
    }
    if let Some(name) = vars.keys().find(|name| !used.contains(name.as_str())) {
        let near = diagnostic::did_you_mean(name, used).map(str::to_owned);
        return Err(SvgError::UnusedVariable { name: name.clone(), near });
    }
    Ok(result)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

/// `text` as XML content that is also safe between quotes.
pub(in crate::generate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(text: &str, vars: &[(&str, &str)]) -> Result<String, String> {
        let vars =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        substitute(text, &vars).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_escaped_and_not_read_again() {
        let text = "<a b='{{x}}'>{{ y-1 }}{{x}}</a>";
        assert_eq!(
            substituted(text, &[("x", "\"<&>'"), ("y-1", "{{x}}")]).as_deref(),
            Ok("<a b='&quot;&lt;&amp;&gt;&apos;'>{{x}}&quot;&lt;&amp;&gt;&apos;</a>")
        );
        assert_eq!(substituted("{ a }}", &[]).as_deref(), Ok("{ a }}"));
    }

    #[test]
    fn mistakes_are_named_with_what_was_meant() {
        let cases = [
            (
                "{{fil}}",
                &[("fill", "#fc0")][..],
                "`{{fil}}` has no value in `vars`; did you mean `fill`?",
            ),
            ("{{a}} {{b}}", &[("a", "1")], "`{{b}}` has no value in `vars`"),
            ("<svg/>", &[("fill", "red")], "the drawing does not use the variable `fill`"),
            (
                "{{fill}}",
                &[("fill", "red"), ("fil", "red")],
                "the drawing does not use the variable `fil`; did you mean `fill`?",
            ),
            ("a{{fill}", &[("fill", "red")], "`{{fill}` is not a placeholder; write `{{name}}`"),
            ("{{a b}}", &[], "`{{a b}}` is not a placeholder; write `{{name}}`"),
        ];
        for (text, vars, message) in cases {
            assert_eq!(substituted(text, vars), Err(message.to_owned()), "{text}");
        }
    }
}
