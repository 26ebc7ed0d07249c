//! Claims and references between files.

use super::*;
use crate::base::FileId;

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a plain path")
}

fn claim(id: &str, output: &str, span: Option<Span>) -> Claim {
    Claim {
        id: id.to_owned(),
        spec: path(&format!("specs/{id}.yaml")),
        span,
        outputs: vec![path(output)],
        entry: (vec!["images".to_owned()], id.to_owned()),
    }
}

#[test]
fn a_claim_of_an_unloaded_file_is_named_by_its_path() {
    let span = Span { file: FileId(0), start: 4, end: 8 };
    let claims = [claim("old", "assets/a.png", None), claim("new", "assets/a.png", Some(span))];
    let found = check_unique(claims).into_sorted();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].message,
        "`old` and `new` publish the same file: assets/a.png (`old` in specs/old.yaml)"
    );
    let labels: Vec<Span> = found[0].labels.iter().map(|label| label.span).collect();
    assert_eq!(labels, [span]);
}

#[test]
fn different_claims_do_not_collide() {
    let claims = [claim("a", "assets/a.png", None), claim("b", "assets/b.png", None)];
    assert!(check_unique(claims).is_empty());
}

fn references(id: &str, targets: &[&str]) -> AssetReferences {
    AssetReferences {
        id: id.to_owned(),
        spec: path("specs/a.yaml"),
        targets: targets.iter().map(|target| ((*target).to_owned(), None)).collect(),
    }
}

#[test]
fn a_diamond_is_no_circle_and_each_circle_is_reported_once() {
    let diamond = [
        references("a", &["b", "c"]),
        references("b", &["d"]),
        references("c", &["d"]),
        references("d", &[]),
    ];
    assert!(check_references(diamond).is_empty());
    let circle = [references("a", &["b"]), references("b", &["c"]), references("c", &["b"])];
    let found = check_references(circle).into_sorted();
    let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(messages, ["references go round: b → c → b"]);
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let chain = (0..50_000).map(|n| references(&format!("a{n:06}"), &[&format!("a{:06}", n + 1)]));
    let found = check_references(chain).into_sorted();
    assert_eq!(found.len(), 1, "only the end of the chain is unknown");
    assert_eq!(found[0].code, "spec::unknown_asset");
}

#[test]
fn unknown_provider_names_of_the_assetfile_are_reported() {
    let span = Span { file: FileId(0), start: 0, end: 1 };
    let found = check_provider_names([("openai", span), ("elevenlab", span)]).into_sorted();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `elevenlabs`?"));
}
