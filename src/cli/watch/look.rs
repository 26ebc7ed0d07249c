//! A look at the project of a watch: what has a mistake in it stays as it was last built, and the
//! rest goes on.

use std::collections::BTreeSet;

use crate::base::{Diagnostic, RelPath, Severity};
use crate::cache::snapshot::{Input, Role};
use crate::pipeline::{self, LastRun, LeftAlone, PrepareError, Prepared, Request, Session};

/// The project as a watch may build it.
pub(super) struct Look {
    /// With the specs that have mistakes as they were at the last run.
    pub(super) prepared: Prepared,
    /// Those specs.
    pub(super) as_recorded: LeftAlone,
}

/// Looks at the project without the mistakes in `mistaken`, which is the project as it is now. None
/// if the rest cannot be told from them: nothing is built then.
///
/// # Errors
/// As for `prepare`.
pub(super) fn beside_mistakes(
    session: &Session,
    request: &Request<'_>,
    mistaken: &Prepared,
) -> Result<Option<Look>, PrepareError> {
    let Some(last_run) = request.last_run else { return Ok(None) };
    let mut as_recorded = LeftAlone::default();
    let mut more = blamed_specs(session, mistaken);
    // A mistake may be between two files, and show in the other one when the first is left alone.
    while !more.is_empty() {
        as_recorded.without_templates.append(&mut more);
        let LeftAlone { specs, without_templates } = &mut as_recorded;
        specs.extend(without_templates.iter().cloned());
        specs.extend(users_of_templates(session, without_templates));
        let last_run = LastRun { as_recorded: Some(&as_recorded), ..last_run };
        let request = Request { last_run: Some(last_run), ..request.clone() };
        let prepared = pipeline::prepare(session, &request)?;
        if !prepared.has_errors() {
            return Ok(Some(Look { prepared, as_recorded }));
        }
        let known = &as_recorded.without_templates;
        more = blamed_specs(session, &prepared).difference(known).cloned().collect();
    }
    Ok(None)
}

/// Spec files that use a template of one of these: nobody knows what they would be.
fn users_of_templates(session: &Session, mistaken: &BTreeSet<RelPath>) -> Vec<RelPath> {
    let Some(record) = session.record() else { return Vec::new() };
    let paths: BTreeSet<&str> = mistaken.iter().map(RelPath::as_str).collect();
    let is_unknown = |input: &Input<'_>| input.role == Role::Template && paths.contains(input.path);
    let unknown: BTreeSet<u32> =
        record.inputs().filter(is_unknown).map(|input| input.number).collect();
    let users = record.specs().filter(|file| file.used().any(|number| unknown.contains(&number)));
    users.filter_map(|file| RelPath::new(file.input()?.path).ok()).collect()
}

/// Files that errors speak of, but for those that everything depends on.
fn blamed_specs(session: &Session, prepared: &Prepared) -> BTreeSet<RelPath> {
    let loaded = &prepared.loaded;
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let labels = loaded.diagnostics.iter().filter(is_error).flat_map(|one| &one.labels);
    let paths = labels.map(|label| &loaded.sources.file(label.span.file).path);
    let concerns_all = |path: &RelPath| {
        path == session.assetfile() || loaded.config.styles.values().any(|style| style == path)
    };
    paths.filter(|path| !concerns_all(path)).cloned().collect()
}
