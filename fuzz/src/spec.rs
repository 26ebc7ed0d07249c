//! Spec files and the Assetfile: findings that point into the text, and expansion to its end.

use std::collections::BTreeMap;

use assetbuild::base::{Diagnostics, RelPath, SourceMap};
use assetbuild::spec::{Context, Hidden, Listing, Templates, expand, parse};
use assetbuild::{config, yaml};

use super::{Outcome, check_message};

/// Reads `bytes` as an Assetfile, and as a spec file of a project with that Assetfile.
pub fn check(bytes: &[u8]) -> Outcome {
    let text = match yaml::decode_text(bytes) {
        Ok(text) => text,
        Err(error) => {
            check_message(&error);
            return Outcome::Refused;
        }
    };
    let mut sources = SourceMap::default();
    let file = sources.add(RelPath::new("specs/a.yaml").expect("a plain path"), text);
    let loaded = config::load(&sources, Some(file));
    let (spec, found) = parse(&sources, file);
    let files = [spec];
    let (templates, collected) = Templates::collect(&files, Hidden::default());
    let context = Context {
        config: &loaded.config,
        defaults: &loaded.defaults,
        templates: &templates,
        styles: &BTreeMap::from([("pixel".to_owned(), "Pixel art.".to_owned())]),
        listing: &Three,
    };
    let expansion = expand(&files[0], &context);
    let refused = found.has_errors() || expansion.diagnostics.has_errors();
    for found in [loaded.diagnostics, found, collected, expansion.diagnostics] {
        check_findings(found, &sources);
    }
    if refused { Outcome::Refused } else { Outcome::Read }
}

fn check_findings(found: Diagnostics, sources: &SourceMap) {
    for finding in found.into_sorted() {
        assert!(!finding.message.trim().is_empty() && finding.code.contains("::"), "{finding:?}");
        for label in &finding.labels {
            let text = &sources.file(label.span.file).text;
            assert!(text.get(label.span.range()).is_some(), "not inside the text: {finding:?}");
        }
    }
}

/// A project of three files.
struct Three;

impl Listing for Three {
    fn matching(&self, _: &str) -> Vec<RelPath> {
        let paths = ["art/a.svg", "art/b.svg", "art/deep/c.png"];
        paths.into_iter().map(|path| RelPath::new(path).expect("a plain path")).collect()
    }

    fn exists(&self, path: &RelPath) -> bool {
        path.as_str().len().is_multiple_of(2)
    }
}
