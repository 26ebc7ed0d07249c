//! Which assets a command is about: ids, globs, spec files, tags, phases.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};

use crate::base::diagnostic::did_you_mean;

/// What the user named; empty means everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Ids, globs over ids, or paths of spec files.
    pub names: Vec<String>,
    /// Assets with any of these tags.
    pub tags: Vec<String>,
    /// Assets of any of these phases.
    pub phases: Vec<i64>,
    /// Spec and source files that changed since a revision, when the user asked for those.
    pub changed_files: Option<BTreeSet<String>>,
}

/// What a selection looks at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The asset's id.
    pub id: &'a str,
    /// Its spec file, relative to the root.
    pub file: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// Its phase.
    pub phase: Option<i64>,
    /// Files that it is made from.
    pub inputs: &'a [String],
}

/// A name that selects nothing: never everything, never silently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No asset has this id, and no spec file this path.
    #[error("no asset and no spec file is named `{name}`{}", hint(.suggestion))]
    Unknown {
        /// What was written.
        name: String,
        /// The nearest id.
        suggestion: Option<String>,
    },
    /// The pattern is not a glob.
    #[error("`{name}` is not a pattern: {reason}")]
    BadPattern {
        /// What was written.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Names, tags and phases together leave nothing.
    #[error("no asset has {0}")]
    Nothing(String),
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

impl Selection {
    /// Whether nothing was named: every asset is meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an asset may be among those that the names select; tags and phases only restrict.
    pub fn may_name(&self, id: &str, file: &str) -> bool {
        self.names.is_empty()
            || self.names.iter().any(|name| {
                let glob = matcher(name).ok().flatten();
                id == name
                    || file == name.trim_start_matches("./")
                    || glob.is_some_and(|glob| glob.is_match(id))
            })
    }

    /// The places of the selected candidates.
    ///
    /// # Errors
    /// `SelectError` if any of the names, or all conditions together, match nothing. Only
    /// `changed_files` may match nothing: no change is an answer.
    pub fn apply(&self, candidates: &[Candidate<'_>]) -> Result<Vec<usize>, SelectError> {
        let mut chosen: Vec<bool> = vec![self.names.is_empty(); candidates.len()];
        for name in &self.names {
            let matcher = matcher(name)?;
            let mut any = false;
            for (candidate, chosen) in candidates.iter().zip(&mut chosen) {
                let hit = candidate.id == name
                    || candidate.file == name.trim_start_matches("./")
                    || matcher.as_ref().is_some_and(|glob| glob.is_match(candidate.id));
                *chosen |= hit;
                any |= hit;
            }
            if !any {
                let ids = candidates.iter().map(|candidate| candidate.id);
                let suggestion = did_you_mean(name, ids).map(str::to_owned);
                return Err(SelectError::Unknown { name: name.clone(), suggestion });
            }
        }
        self.restrict(candidates, &mut chosen)?;
        Ok(chosen.iter().enumerate().filter(|(_, hit)| **hit).map(|(index, _)| index).collect())
    }

    fn restrict(
        &self,
        candidates: &[Candidate<'_>],
        chosen: &mut [bool],
    ) -> Result<(), SelectError> {
        let mut keep = |what: String, test: &dyn Fn(&Candidate<'_>) -> bool| {
            for (candidate, chosen) in candidates.iter().zip(chosen.iter_mut()) {
                *chosen &= test(candidate);
            }
            if chosen.contains(&true) { Ok(()) } else { Err(SelectError::Nothing(what)) }
        };
        if !self.tags.is_empty() {
            keep(format!("the tag {}", self.tags.join(" or ")), &|candidate| {
                self.tags.iter().any(|tag| candidate.tags.contains(tag))
            })?;
        }
        if !self.phases.is_empty() {
            let phases: Vec<String> = self.phases.iter().map(i64::to_string).collect();
            keep(format!("phase {}", phases.join(" or ")), &|candidate| {
                candidate.phase.is_some_and(|phase| self.phases.contains(&phase))
            })?;
        }
        if let Some(changed) = &self.changed_files {
            for (candidate, chosen) in candidates.iter().zip(chosen.iter_mut()) {
                *chosen &= changed.contains(candidate.file)
                    || candidate.inputs.iter().any(|input| changed.contains(input));
            }
        }
        Ok(())
    }
}

fn matcher(name: &str) -> Result<Option<GlobMatcher>, SelectError> {
    if !name.contains(['*', '?', '[', '{']) {
        return Ok(None);
    }
    let error = |error: globset::Error| SelectError::BadPattern {
        name: name.to_owned(),
        reason: error.kind().to_string(),
    };
    Ok(Some(Glob::new(name).map_err(error)?.compile_matcher()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(tags: &[String]) -> Vec<Candidate<'_>> {
        let entry = |id, file, phase| Candidate { id, file, tags, phase, inputs: &[] };
        vec![
            entry("sprite-coin", "specs/sprites.yaml", Some(1)),
            entry("sprite-spikes", "specs/sprites.yaml", Some(2)),
            entry("sky", "specs/backdrops.yaml", None),
        ]
    }

    fn names(names: &[&str]) -> Selection {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Selection { names, ..Selection::default() }
    }

    #[test]
    fn ids_globs_and_spec_files_select() {
        let all = candidates(&[]);
        assert_eq!(names(&[]).apply(&all), Ok(vec![0, 1, 2]));
        assert_eq!(names(&["sky"]).apply(&all), Ok(vec![2]));
        assert_eq!(names(&["sprite-*"]).apply(&all), Ok(vec![0, 1]));
        assert_eq!(names(&["./specs/sprites.yaml", "sky"]).apply(&all), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_name_that_selects_nothing_is_an_error_with_a_suggestion() {
        let error = names(&["sprite_coin"]).apply(&candidates(&[])).expect_err("no such id");
        insta::assert_snapshot!(error, @"no asset and no spec file is named `sprite_coin`; did you mean `sprite-coin`?");
        let error = names(&["x[", "sky"]).apply(&candidates(&[])).expect_err("no pattern");
        assert!(matches!(error, SelectError::BadPattern { .. }));
    }

    #[test]
    fn tags_and_phases_restrict() {
        let tags = ["gold".to_owned()];
        let mut selection = Selection { phases: vec![2], ..Selection::default() };
        assert_eq!(selection.apply(&candidates(&tags)), Ok(vec![1]));
        selection.tags.push("silver".to_owned());
        let error = selection.apply(&candidates(&tags)).expect_err("no such tag");
        assert_eq!(error.to_string(), "no asset has the tag silver");
    }

    #[test]
    fn no_changed_file_selects_nothing_and_is_no_error() {
        let selection = Selection { changed_files: Some(BTreeSet::new()), ..Selection::default() };
        assert_eq!(selection.apply(&candidates(&[])), Ok(Vec::new()));
    }
}
