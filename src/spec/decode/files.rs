//! Files that a spec names: one that is not there gets a warning where it is named.

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, RelPath, Span};
use crate::spec::decode::Input;
use crate::spec::expand::Used;
use crate::spec::op::{GenerateOp, Step};
use crate::yaml::Value;

/// Looks for the files that the asset's actions read, but for those that a person will deliver.
pub(super) fn check(
    input: &Input<'_>,
    generate: Option<&GenerateOp>,
    steps: &[(Step, Span)],
    used: &mut Used,
    diagnostics: &mut Diagnostics,
) {
    let sources = match generate {
        Some(GenerateOp::Manual(_)) | None => Vec::new(),
        Some(op) => op.inputs(),
    };
    let marks = steps.iter().filter_map(|(step, _)| step.op()?.source());
    for path in sources.into_iter().chain(marks) {
        // What stands in such a path was reported.
        if path.as_str().contains("{{") {
            continue;
        }
        used.files.insert(path.clone());
        if input.context.listing.exists(path) {
            continue;
        }
        let named = ["generation", "post_processing"]
            .iter()
            .find_map(|section| find(input.tree().get(section)?, path));
        diagnostics.push(
            Diagnostic::warning("spec::missing_file", format!("there is no file {path}"))
                .at(named.unwrap_or(input.merged.span), "")
                .help(near(input, path)),
        );
    }
}

fn find(value: &Value, path: &RelPath) -> Option<Span> {
    if let Some(text) = value.text() {
        let same = RelPath::new(text).is_ok_and(|written| written == *path);
        return same.then_some(value.span);
    }
    let inner = value.entries().iter().map(|entry| &entry.value).chain(value.items());
    inner.into_iter().find_map(|value| find(value, path))
}

fn near(input: &Input<'_>, path: &RelPath) -> String {
    let glob = path.parent().map_or_else(|| "*".to_owned(), |folder| format!("{folder}/*"));
    let siblings = input.context.listing.matching(&glob);
    match did_you_mean(path.as_str(), siblings.iter().map(RelPath::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "paths are relative to the project's root".to_owned(),
    }
}
