//! Moves specs to another model: which texts have to change, and what buying with it costs.
//!
//! Only text is edited, where a value is written: comments, order and layout stay. What was bought is
//! not touched; the old result stays live until the new one is there, and `keep` keeps it for good.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::base::{FileId, RelPath, SourceMap, Span};
use crate::catalog::{self, Catalog, PriceRange, Sent};
use crate::integrate::publish::{self, PublishError};
use crate::pipeline::prepare::{self, PrepareError, Prepared};
use crate::pipeline::purchases::{Withheld, overrides};
use crate::pipeline::session::Session;
use crate::spec::op::{GenerateOp, Request};
use crate::spec::{AssetSpec, Pick};

/// Days before its end from which a model is one to move away from.
const NOTICE_DAYS: i32 = 90;

/// Nothing can be moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No provider has the model.
    #[error("no provider has a model `{model}`{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    Unknown {
        /// What was typed.
        model: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// It is not sold any more.
    #[error("the model `{0}` is retired itself")]
    Retired(String),
    /// A file changed since it was read, or cannot be read.
    #[error("{0} changed while its specs were read; run it again")]
    Changed(RelPath),
    /// A file cannot be written.
    #[error("failed to write a spec")]
    Write(#[from] PublishError),
}

/// An asset that is moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Its id.
    pub id: String,
    /// The model that it asked for.
    pub from: String,
    /// Results to buy.
    pub count: u32,
    /// What one of them costs.
    pub price: PriceRange,
    /// The asset as it would be, for a trial: a person looks at the results, and nobody takes over.
    pub on_trial: AssetSpec,
}

/// What a move takes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Migration {
    /// Assets that are moved.
    pub moved: Vec<Moved>,
    /// Assets that are not, and why.
    pub left: Vec<(String, String)>,
    /// Files with their new texts.
    pub files: Vec<(RelPath, String)>,
    /// Changed lines: file, line number from 1, old lines, new lines.
    pub changes: Vec<Change>,
}

/// Lines that change together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: RelPath,
    /// Number of the first line, from 1.
    pub line: usize,
    /// The lines as they are.
    pub old: Vec<String>,
    /// The lines as they would be.
    pub new: Vec<String>,
}

type Edits = BTreeMap<FileId, BTreeMap<(usize, usize), String>>;

/// Plans the move of the selected assets to `model`; without `all` only of those whose model has ended
/// or is about to.
///
/// # Errors
/// `MigrateError` if nobody sells the model.
pub fn plan(
    prepared: &Prepared,
    model: &str,
    all: bool,
    today: &str,
) -> Result<Migration, MigrateError> {
    let families = families_of(model, today)?;
    let mut migration = Migration::default();
    let mut edits = Edits::new();
    for &asset in &prepared.selected {
        let spec = asset.of(&prepared.loaded.assets);
        let GenerateOp::Request(request) = &spec.generate else { continue };
        let Some(from) = model_of(request).filter(|from| *from != model) else { continue };
        let is_ending = catalog::retirement(&request.family, from, today).is_some_and(|end| {
            end.retired || end.days_left.is_some_and(|days| days <= NOTICE_DAYS)
        });
        if !families.contains(&request.family) || !(all || is_ending) {
            continue;
        }
        let stand_ins = BTreeMap::from([(from.to_owned(), model.to_owned())]);
        let moved = catalog::order(&request.wanted(), &stand_ins, today)
            .map_err(|obstacle| obstacle.describe())
            .and_then(|order| {
                add_edits(&prepared.loaded.sources, spec, request, model, &order.sent, &mut edits)?;
                Ok(order.sent)
            });
        match moved {
            Ok(sent) => migration.moved.push(Moved {
                id: spec.id.clone(),
                from: from.to_owned(),
                count: spec.selection.variations,
                price: catalog::price(&sent, &overrides(&prepared.loaded.config, &sent)),
                on_trial: on_trial(spec, request, &sent),
            }),
            Err(why) => migration.left.push((spec.id.clone(), why)),
        }
    }
    for (file, edits) in edits {
        let source = prepared.loaded.sources.file(file);
        let mut text = source.text.to_string();
        for ((start, end), new) in edits.iter().rev() {
            text.replace_range(*start..*end, new);
        }
        migration.changes.extend(changes(&source.path, &source.text, &text));
        migration.files.push((source.path.clone(), text));
    }
    Ok(migration)
}

/// What the asset is once its texts are changed, but that its results wait for a person.
fn on_trial(spec: &AssetSpec, request: &Request, sent: &Sent) -> AssetSpec {
    let mut moved = request.clone();
    moved.provider.clone_from(&request.family);
    moved.model = Some(sent.model.clone());
    moved.fallback.clear();
    for translation in &sent.translations {
        let Some(name) = translation.field.strip_prefix("prompt.parameters.") else { continue };
        moved.parameters.remove(name);
        if translation.to.is_some()
            && let Some(value) = sent.parameters.get(name)
        {
            moved.parameters.insert(name.to_owned(), value.clone());
        }
    }
    let mut spec = spec.clone();
    spec.generate = GenerateOp::Request(Box::new(moved));
    spec.selection.pick = Pick::Nobody;
    spec
}

/// Assesses a prepared project once more with these assets as they would be after the move.
///
/// # Errors
/// As for `prepare`.
pub fn assess_trial(
    session: &Session,
    request: &crate::pipeline::Request<'_>,
    prepared: &mut Prepared,
    moved: &[Moved],
) -> Result<(), PrepareError> {
    for one in moved {
        let mut assets = prepared.loaded.assets.iter_mut();
        if let Some(asset) = assets.find(|asset| asset.id == one.id) {
            *asset = one.on_trial.clone();
        }
    }
    prepare::withhold(session, request, prepared, &Withheld::new())
}

/// Writes the new texts, unless a file is not what was read.
///
/// # Errors
/// `MigrateError`; files before the one in question are written then.
pub fn apply(
    session: &Session,
    sources: &SourceMap,
    migration: &Migration,
) -> Result<(), MigrateError> {
    for (path, _) in &migration.files {
        let known = sources.find(path).map(|id| sources.file(id).text.as_bytes().to_vec());
        let now = session.files().read(path).ok().map(|(bytes, _)| bytes);
        if known != now {
            return Err(MigrateError::Changed(path.clone()));
        }
    }
    for (path, text) in &migration.files {
        publish::write_file(session.root(), path, text.as_bytes())?;
    }
    Ok(())
}

/// Families that sell a model.
fn families_of(model: &str, today: &str) -> Result<Vec<String>, MigrateError> {
    let models = &Catalog::shipped().models;
    let is_sold =
        |family: &str| !catalog::retirement(family, model, today).is_some_and(|end| end.retired);
    let of_name = models.iter().filter(|row| row.is_called(model));
    let (sold, ended): (Vec<_>, Vec<_>) =
        of_name.map(|row| row.family.clone()).partition(|family| is_sold(family));
    match (sold.is_empty(), ended.is_empty()) {
        (false, _) => Ok(sold),
        (true, false) => Err(MigrateError::Retired(model.to_owned())),
        (true, true) => {
            let names = models.iter().map(|row| row.id.as_str());
            let hint = crate::base::diagnostic::did_you_mean(model, names).map(str::to_owned);
            Err(MigrateError::Unknown { model: model.to_owned(), hint })
        }
    }
}

fn model_of(request: &Request) -> Option<&str> {
    let wanted = request.wanted();
    let default =
        || catalog::default_model(wanted.provider, wanted.engine, wanted.media, wanted.mode);
    request.model.as_deref().or_else(default)
}

/// Adds what has to change for one asset, or says why that cannot be done here.
fn add_edits(
    sources: &SourceMap,
    spec: &AssetSpec,
    request: &Request,
    model: &str,
    sent: &Sent,
    edits: &mut Edits,
) -> Result<(), String> {
    let mut own: Vec<(Span, Range<usize>, String)> = Vec::new();
    let span_of = |path: &str| spec.origins.0.get(path).map(|(span, _)| *span);
    match (span_of("generation.model"), span_of("generation.provider")) {
        (Some(span), _) => own.push((span, span.range(), model.to_owned())),
        // The provider's name says which model, or its own choice is left: write it beside the name.
        (None, Some(span)) => {
            let text = &sources.file(span.file).text;
            let new = beside_provider(text, span, &request.family, model);
            own.push((span, span.range(), new));
        }
        (None, None) => return Err("its model is written nowhere in its spec".to_owned()),
    }
    for translation in &sent.translations {
        let Some(span) = span_of(&translation.field) else { continue };
        let text = &sources.file(span.file).text;
        own.push(match &translation.to {
            Some(to) => (span, span.range(), to.clone()),
            None => (span, removal(text, span.range()), String::new()),
        });
    }
    for (span, _, _) in &own {
        if sources.snippet(*span).contains("{{") {
            let place = sources.place(*span);
            return Err(format!(
                "{place} is made from a parameter of its template; edit it by hand"
            ));
        }
    }
    for (span, range, new) in own {
        let of_file = edits.entry(span.file).or_default();
        let known = of_file.entry((range.start, range.end)).or_insert_with(|| new.clone());
        if *known != new {
            return Err(format!("{} stands for something else as well", sources.place(span)));
        }
    }
    Ok(())
}

/// `provider: openai` with the model beside it, in the layout of the place.
fn beside_provider(text: &str, span: Span, family: &str, model: &str) -> String {
    let start = span.range().start;
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..start];
    let is_block = before.trim_start().trim_start_matches("- ").starts_with("provider:")
        && !before.contains('{');
    match is_block {
        true => {
            let indent = before.len() - before.trim_start().trim_start_matches("- ").len();
            format!("{family}\n{}model: {model}", " ".repeat(indent))
        }
        false => format!("{family}, model: {model}"),
    }
}

/// The range of a whole entry whose value has a range: its line, or its part of a map in braces.
fn removal(text: &str, value: Range<usize>) -> Range<usize> {
    let key_end = text[..value.start].trim_end().trim_end_matches(':').len();
    let is_key = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '"';
    let key_start = text[..key_end].trim_end_matches(is_key).len();
    let line_start = text[..key_start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[value.end..].find('\n').map_or(text.len(), |at| value.end + at + 1);
    let is_alone = text[line_start..key_start].trim().is_empty()
        && !text[value.end..line_end].trim_start().starts_with([',', '}']);
    if is_alone {
        return line_start..line_end;
    }
    let after = &text[value.end..];
    let rest = after.trim_start_matches([' ', '\n']);
    if let Some(rest) = rest.strip_prefix(',') {
        let end = text.len() - rest.trim_start_matches(' ').len();
        return key_start..end;
    }
    let before = text[..key_start].trim_end();
    let start = before.strip_suffix(',').map_or(key_start, str::len);
    start..value.end
}

/// The lines in which two texts differ; both have few lines, and most of them are equal.
fn changes(path: &RelPath, old: &str, new: &str) -> Vec<Change> {
    let old: Vec<&str> = old.lines().collect();
    let mut rest: Vec<&str> = new.lines().collect();
    rest.reverse();
    let mut all: Vec<Change> = Vec::new();
    let mut place = 0;
    while place < old.len() {
        if rest.last() == old.get(place) {
            rest.pop();
            place += 1;
            continue;
        }
        // The nearest old line that the new text has again.
        let next = (place..old.len()).find_map(|at| {
            let ahead = rest.iter().rev().take(8).position(|line| line == &old[at])?;
            Some((at, ahead))
        });
        let (at, ahead) = next.unwrap_or((old.len(), rest.len()));
        let new = rest.split_off(rest.len() - ahead);
        let owned = |line: &&str| (*line).to_owned();
        all.push(Change {
            path: path.clone(),
            line: place + 1,
            old: old[place..at].iter().map(owned).collect(),
            new: new.iter().rev().map(owned).collect(),
        });
        place = at;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn removed(text: &str, value: &str, expected: &str) {
        let start = text.find(value).expect("it is there");
        let range = removal(text, start..start + value.len());
        let mut left = text.to_owned();
        left.replace_range(range, "");
        assert_eq!(left, expected);
    }

    #[test]
    fn an_entry_goes_with_its_comma_or_its_line() {
        removed("{ style: vivid, size: 1 }", "vivid", "{ size: 1 }");
        removed("{ size: 1, style: vivid }", "vivid", "{ size: 1 }");
        removed("{ a: 1, style: vivid, b: 2 }", "vivid", "{ a: 1, b: 2 }");
        removed("{ style: vivid }", "vivid", "{  }");
        removed("p:\n  style: vivid # loud\n  size: 1\n", "vivid", "p:\n  size: 1\n");
    }

    #[test]
    fn changed_lines_are_shown_with_their_number() {
        let path = RelPath::new("specs/a.yaml").expect("a path");
        let found = changes(&path, "a\nb\nc\nd\n", "a\nB\nb2\nc\n");
        let shown: Vec<_> = found.iter().map(|one| (one.line, &one.old, &one.new)).collect();
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            shown,
            [(2, &text(&["b"]), &text(&["B", "b2"])), (4, &text(&["d"]), &text(&[]))]
        );
    }
}
