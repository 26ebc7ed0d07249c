//! What must hold between files: every id, path and manifest key has one owner, and references
//! lead to assets without going round.

use std::collections::{BTreeMap, HashMap};

use crate::base::diagnostic::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, RelPath, Span};
use crate::spec::AssetSpec;
use crate::spec::op::{GenerateOp, Source};

/// What one asset claims for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its id.
    pub id: String,
    /// The spec file that it is written in.
    pub spec: RelPath,
    /// Where; none for a file that did not change and was not loaded.
    pub span: Option<Span>,
    /// The files that it publishes.
    pub outputs: Vec<RelPath>,
    /// Section and key of its manifest entry.
    pub entry: (Vec<String>, String),
}

impl Claim {
    /// The claim of an expanded asset.
    pub fn of(asset: &AssetSpec) -> Self {
        Self {
            id: asset.id.clone(),
            spec: asset.file.clone(),
            span: Some(asset.span),
            outputs: asset.publish.files.iter().map(|file| file.path.clone()).collect(),
            entry: (asset.publish.entry.section.clone(), asset.publish.entry.key.clone()),
        }
    }
}

/// Reports ids, output paths and manifest keys with two owners, and paths that are one file on
/// systems that do not tell capitals apart.
pub fn check_unique(claims: impl IntoIterator<Item = Claim>) -> Diagnostics {
    let claims: Vec<Claim> = claims.into_iter().collect();
    let mut diagnostics = Diagnostics::default();
    let mut ids: HashMap<&str, &Claim> = HashMap::new();
    let mut paths: HashMap<String, (&RelPath, &Claim)> = HashMap::new();
    let mut entries: HashMap<(&[String], &str), &Claim> = HashMap::new();
    for claim in &claims {
        if let Some(first) = ids.insert(&claim.id, claim) {
            ids.insert(&claim.id, first);
            diagnostics.push(
                twice(
                    "spec::duplicate_id",
                    format!("two assets have the id `{}`", claim.id),
                    claim,
                    first,
                )
                .help("rename one of them"),
            );
            // Paths and keys derive from the id; that they collide too is the same mistake.
            continue;
        }
        for path in &claim.outputs {
            let folded = path.as_str().to_lowercase();
            let Some(&(other, first)) = paths.get(&folded) else {
                paths.insert(folded, (path, claim));
                continue;
            };
            let (message, help) = if other == path {
                (
                    format!("`{}` and `{}` publish the same file: {path}", first.id, claim.id),
                    "give one of them another `manifest_path`",
                )
            } else {
                (
                    format!("{other} and {path} differ only in capitals"),
                    "many systems keep them in one file; rename one of them",
                )
            };
            diagnostics.push(twice("spec::duplicate_path", message, claim, first).help(help));
        }
        let (section, key) = (&claim.entry.0, &claim.entry.1);
        if let Some(first) = entries.insert((section, key), claim) {
            let place = section.join(".");
            let message = format!(
                "`{}` and `{}` have the manifest key `{key}` in {place}",
                first.id, claim.id
            );
            diagnostics.push(
                twice("spec::duplicate_key", message, claim, first)
                    .help("give one of them another `manifest_key`"),
            );
        }
    }
    diagnostics
}

fn twice(code: &'static str, message: String, claim: &Claim, first: &Claim) -> Diagnostic {
    let unloaded = [claim, first].into_iter().find(|claim| claim.span.is_none());
    let message = match unloaded {
        Some(other) => format!("{message} (`{}` in {})", other.id, other.spec),
        None => message,
    };
    let mut diagnostic = Diagnostic::error(code, message);
    let texts = if claim.span.is_some() && first.span.is_some() {
        ["again here", "first here"]
    } else {
        ["here", "here"]
    };
    for (claim, text) in [claim, first].into_iter().zip(texts) {
        if let Some(span) = claim.span {
            diagnostic = diagnostic.at(span, text);
        }
    }
    diagnostic
}

/// An asset and the assets that it refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetReferences {
    /// Its id.
    pub id: String,
    /// Its spec file.
    pub spec: RelPath,
    /// Ids that it refers to, with the place where known.
    pub targets: Vec<(String, Option<Span>)>,
}

impl AssetReferences {
    /// The references of an expanded asset.
    pub fn of(asset: &AssetSpec) -> Self {
        let mut targets = Vec::new();
        if let GenerateOp::Request(request) = &asset.generate {
            let place = |path: String| asset.origins.find(&path).map(|(span, _)| span);
            for (at, source) in request.references.iter().enumerate() {
                if let Source::Asset { id, .. } = source {
                    let listed = place(format!("generation.reference[{at}].asset"));
                    targets.push((id.clone(), listed));
                }
            }
            if let Some(edit) = &request.edit {
                let sources = [("image", Some(&edit.image)), ("mask", edit.mask.as_ref())];
                for (name, source) in sources {
                    if let Some(id) = source.and_then(Source::asset) {
                        let place = place(format!("generation.edit.{name}.asset"));
                        targets.push((id.to_owned(), place));
                    }
                }
            }
        }
        Self { id: asset.id.clone(), spec: asset.file.clone(), targets }
    }
}

/// Reports references to assets that do not exist, and assets that refer to themselves through
/// others.
pub fn check_references(assets: impl IntoIterator<Item = AssetReferences>) -> Diagnostics {
    let assets: BTreeMap<String, AssetReferences> =
        assets.into_iter().map(|asset| (asset.id.clone(), asset)).collect();
    let mut diagnostics = Diagnostics::default();
    for asset in assets.values() {
        for (target, span) in &asset.targets {
            if assets.contains_key(target) {
                continue;
            }
            let message = match span {
                Some(_) => format!("no asset has the id `{target}`"),
                None => format!("no asset has the id `{target}` ({} refers to it)", asset.spec),
            };
            let near = did_you_mean(target, assets.keys().map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name the id of a spec of this project".to_owned(),
            };
            let diagnostic = Diagnostic::error("spec::unknown_asset", message).help(help);
            diagnostics.push(match span {
                Some(span) => diagnostic.at(*span, ""),
                None => diagnostic,
            });
        }
    }
    cycles(&assets, &mut diagnostics);
    diagnostics
}

/// Walks with a stack of its own: a chain may be as long as the project has assets.
fn cycles(assets: &BTreeMap<String, AssetReferences>, diagnostics: &mut Diagnostics) {
    let mut done: HashMap<&str, bool> = HashMap::new();
    for start in assets.keys() {
        if done.contains_key(start.as_str()) {
            continue;
        }
        let mut stack: Vec<(&str, usize)> = vec![(start, 0)];
        done.insert(start, false);
        while let Some((id, next)) = stack.pop() {
            let targets = assets.get(id).map_or(&[][..], |asset| asset.targets.as_slice());
            let Some((target, span)) = targets.get(next) else {
                done.insert(id, true);
                continue;
            };
            stack.push((id, next + 1));
            match done.get(target.as_str()) {
                Some(true) => {}
                Some(false) => {
                    let from = stack.iter().position(|(id, _)| *id == target).unwrap_or(0);
                    let round: Vec<&str> = stack[from..].iter().map(|(id, _)| *id).collect();
                    let message = format!("references go round: {} → {target}", round.join(" → "));
                    let diagnostic = Diagnostic::error("spec::reference_cycle", message)
                        .help("remove one of these references");
                    diagnostics.push(match span {
                        Some(span) => diagnostic.at(*span, "closes the circle"),
                        None => diagnostic,
                    });
                }
                None => {
                    if let Some((id, _)) = assets.get_key_value(target.as_str()) {
                        done.insert(id, false);
                        stack.push((id, 0));
                    }
                }
            }
        }
    }
}

/// Reports provider names of the Assetfile that no provider has.
pub fn check_provider_names<'a>(names: impl IntoIterator<Item = (&'a str, Span)>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (name, span) in names {
        if super::providers::find(name).is_none() {
            let known = super::providers::names();
            let help = match did_you_mean(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("providers: {}", known.collect::<Vec<_>>().join(", ")),
            };
            diagnostics.push(
                Diagnostic::error("config::unknown_provider", format!("unknown provider `{name}`"))
                    .at(span, "")
                    .help(help),
            );
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests;
