//! The tricky inputs of YAML: spans, anchors, merge keys, recovery and limits.

use super::*;
use crate::base::{RelPath, SourceMap};

/// The tree as one line of JSON-like text, and codes with the text that they point to.
fn check(text: &str) -> (String, Vec<String>) {
    let mut sources = SourceMap::default();
    let path = RelPath::new("a.yaml").expect("a plain path");
    let file = sources.add(path, text);
    let mut diagnostics = Diagnostics::default();
    let documents = read(file, text, Via::Spec, &mut diagnostics);
    for document in &documents {
        assert_spans(document, text);
    }
    let shown: Vec<String> = documents.iter().map(show).collect();
    let codes = diagnostics
        .into_sorted()
        .iter()
        .map(|found| format!("{} {:?}", found.code, sources.snippet(found.labels[0].span)))
        .collect();
    (shown.join(" --- "), codes)
}

fn show(value: &Value) -> String {
    match &value.kind {
        Kind::Null => "~".to_owned(),
        Kind::Scalar { text, .. } => text.replace('\n', "\\n"),
        Kind::List(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
        }
        Kind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}: {}", entry.key, show(&entry.value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A plain scalar's span covers its text; no span ends in blanks.
fn assert_spans(value: &Value, text: &str) {
    let snippet = text.get(value.span.range()).expect("spans are on character borders");
    if let Kind::Scalar { text, style: Style::Plain } = &value.kind
        && !text.contains(' ')
    {
        assert_eq!(snippet, &**text);
    }
    assert_eq!(snippet.trim_end(), snippet);
    value.items().iter().for_each(|item| assert_spans(item, text));
    value.entries().iter().for_each(|entry| assert_spans(&entry.value, text));
}

fn tree(text: &str) -> String {
    let (tree, codes) = check(text);
    assert!(codes.is_empty(), "{codes:?}");
    tree
}

fn codes(text: &str) -> Vec<String> {
    check(text).1
}

#[test]
fn scalars_keep_the_text_that_was_written() {
    assert_eq!(
        tree("a: 1.10\nb: 007\nc: no\nd: 2025-11-01\ne: 192k\nf: ~\ng: ''\n"),
        "{a: 1.10, b: 007, c: no, d: 2025-11-01, e: 192k, f: ~, g: }"
    );
    assert_eq!(
        tree("a: |\n  x\n  y\n\nb: >\n  x\n  y\n\nc: 1\n"),
        "{a: x\\ny\\n, b: x y\\n, c: 1}"
    );
    assert_eq!(tree("a: \"\\u00e9\\n\"\n"), "{a: é\\n}");
}

#[test]
fn spans_are_bytes_with_wide_characters_marks_and_all_line_ends() {
    assert_eq!(
        tree("\u{feff}id: münze-🎮\r\nname: 日本\r\nlast: é\r\n"),
        "{id: münze-🎮, name: 日本, last: é}"
    );
    assert_eq!(tree("text: |\r\n  a\r\n  b\r\n"), "{text: a\\nb\\n}");
}

#[test]
fn anchors_are_shared_and_own_keys_win_over_merged_ones() {
    assert_eq!(tree("a: &x { p: 1, q: 2 }\nb: *x\n"), "{a: {p: 1, q: 2}, b: {p: 1, q: 2}}");
    assert_eq!(
        tree("a: &x { p: 1, q: 2 }\nb: &y { q: 3, r: 4 }\nc: { q: 9, <<: [*x, *y] }\n"),
        "{a: {p: 1, q: 2}, b: {q: 3, r: 4}, c: {q: 9, p: 1, r: 4}}"
    );
    assert_eq!(tree("a: { \"<<\": 3 }\n"), "{a: {<<: 3}}");
    assert_eq!(tree("a: &x 1\nb: &x 2\nc: *x\n"), "{a: 1, b: 2, c: 2}");
}

#[test]
fn bad_aliases_and_merges_are_reported_where_they_stand() {
    assert_eq!(codes("a: &g { <<: *g, b: 1 }\n"), ["yaml::recursive_alias \"*g\""]);
    assert_eq!(codes("a: { <<: 3 }\n"), ["yaml::merge \"3\""]);
    assert_eq!(
        codes("a: *x\nb: *y\n"),
        ["yaml::unknown_alias \"*x\"", "yaml::unknown_alias \"*y\""]
    );
    assert_eq!(codes("a: &x 1\n---\nb: *x\n"), ["yaml::unknown_alias \"*x\""]);
}

#[test]
fn repeated_keys_are_reported_at_any_depth_and_the_first_stays() {
    let (tree, codes) = check("a: { b: 1, b: 2 }\nc: 3\na: 4\n");
    assert_eq!(tree, "{a: {b: 1}, c: 3}");
    assert_eq!(codes, ["yaml::duplicate_key \"b\"", "yaml::duplicate_key \"a\""]);
    let many: String = (0..40).map(|n| format!("k{n}: {n}\n")).collect();
    assert_eq!(self::codes(&format!("{many}k7: x\n")), ["yaml::duplicate_key \"k7\""]);
}

#[test]
fn a_broken_document_does_not_cost_the_others() {
    let (tree, codes) = check("a: 1\n---\nb: [\n---\nc: 3\n---\nd: e: f\n---\ng: 4\n");
    assert_eq!(tree, "{a: 1} --- {c: 3} --- {g: 4}");
    assert_eq!(codes.len(), 2, "{codes:?}");
}

#[test]
fn empty_documents_give_nothing() {
    assert_eq!(tree(""), "");
    assert_eq!(tree("# only a comment\n"), "");
    assert_eq!(tree("---\n---\na: 1\n"), "{a: 1}");
}

#[test]
fn tags_of_yaml_itself_are_known_and_others_are_not() {
    assert_eq!(tree("a: !!str 007\nb: !!int 3\n"), "{a: 007, b: 3}");
    assert_eq!(codes("a: !include x.yaml\n"), ["yaml::unknown_tag \"!include\""]);
}

#[test]
fn keys_are_words() {
    assert_eq!(codes("[a, b]: 1\n"), ["yaml::key \"[a, b]\""]);
    assert_eq!(tree("~: 1\n"), "{~: 1}");
}

#[test]
fn limits_stop_reading() {
    let bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(1..9)
            .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")))
            .collect::<String>();
    assert_eq!(codes(&bomb).len(), 1);
    assert!(codes(&bomb)[0].starts_with("yaml::too_many_aliases"), "{:?}", codes(&bomb));

    let aliases = format!("a: &a 1\nb: [{}]\n", vec!["*a"; MAX_ALIASES + 1].join(", "));
    assert_eq!(codes(&aliases), ["yaml::too_many_aliases \"*a\""]);

    for deep in ["[".repeat(5_000), "- ".repeat(5_000) + "x", "{a: ".repeat(5_000)] {
        let codes = codes(&deep);
        assert_eq!(codes.len(), 1, "{codes:?}");
        assert!(codes[0].starts_with("yaml::too_deep"), "{codes:?}");
    }
    let chain = "x0: &x0 { a: 1 }\n".to_owned()
        + &(1..100).map(|n| format!("x{n}: &x{n} {{ b: *x{} }}\n", n - 1)).collect::<String>();
    assert!(codes(&chain)[0].starts_with("yaml::too_deep"), "{:?}", codes(&chain));

    let broken = "a: [\n---\n".repeat(3 * MAX_ERRORS);
    assert_eq!(codes(&broken).len(), MAX_ERRORS);
}

#[test]
fn mistakes_in_lists_and_after_comments_are_found() {
    assert_eq!(codes("a: [{{x}}, {{y}}]\n").len(), 2);
    assert_eq!(codes("- {{x}}\n"), ["yaml::unquoted_placeholder \"{{x}}\""]);
    assert_eq!(
        codes("a: { path: shots/{{id}}.png, b: 1 }\n"),
        ["yaml::unquoted_placeholder \"shots/{{id}}.png\""]
    );
    assert_eq!(codes("a: [one, of-{{id}}]\n"), ["yaml::unquoted_placeholder \"of-{{id}}\""]);
    assert_eq!(codes("- {{x}} and more\n"), ["yaml::unquoted_placeholder \"{{x}} and more\""]);
    assert_eq!(codes("a:\n  -\n  - b\n").len(), 1);
    assert_eq!(codes("a: `x`\n"), ["yaml::reserved \"`x`\""]);
    assert_eq!(codes("a: %x\n"), ["yaml::reserved \"%x\""]);
    assert_eq!(codes("a:1\nb: 2\n"), ["yaml::missing_space \"a:1\""]);
}
