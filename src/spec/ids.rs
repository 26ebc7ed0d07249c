//! Ids: what they may be, and the ids of instances that set none.

use crate::spec::placeholder::Binding;
use crate::spec::template::Template;
use crate::spec::words;
use crate::yaml::{Checker, Kind, Value};

/// Template and slugs of the given parameters, in their declared order.
pub(super) fn derived(template: &Template, given: &[Binding]) -> String {
    let mut parts = vec![template.name.clone()];
    let declared = template.parameters.iter().filter_map(|parameter| {
        given.iter().find(|binding| binding.name == parameter.name)?.value.text().map(words::slug)
    });
    parts.extend(declared.filter(|slug| !slug.is_empty()));
    if parts.len() == 1 {
        let stem = given.iter().find(|binding| binding.name == "stem");
        parts.extend(stem.and_then(|stem| stem.value.text()).map(words::slug));
    }
    parts.join("-")
}

/// Checks an id: letters, digits, `.`, `_` and `-`, the first a letter or digit.
pub(super) fn check(id: &Value, checker: &mut Checker<'_>) -> bool {
    let Kind::Scalar { text, .. } = &id.kind else {
        checker.wrong_value("an `id` is a word", id.span, "write `id: some-name`");
        return false;
    };
    if text.contains("{{") {
        // A placeholder that could not be filled was reported where it stands.
        return false;
    }
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !good {
        let slug = words::slug(text);
        let help = if slug.is_empty() {
            "use letters, digits, `.`, `_` and `-`".to_owned()
        } else {
            format!("write `{slug}`: letters, digits, `.`, `_` and `-`")
        };
        checker.wrong_value(format!("`{text}` cannot be an id"), id.span, help);
    } else if COMMANDS.contains(&&**text) {
        checker.wrong_value(
            format!("the id `{text}` is a command's name"),
            id.span,
            format!("`assetbuild {text}` would run the command; write `{text}-asset`"),
        );
        return false;
    }
    good
}

/// Words that mean something else on the command line.
const COMMANDS: [&str; 30] = [
    "adopt",
    "build",
    "check",
    "completions",
    "doctor",
    "expand",
    "explain",
    "gc",
    "graph",
    "help",
    "import",
    "init",
    "keep",
    "ledger",
    "man",
    "migrate",
    "new",
    "pick",
    "plan",
    "prune",
    "recover",
    "report",
    "reroll",
    "review",
    "schema",
    "simulator",
    "status",
    "store",
    "unpin",
    "watch",
];
