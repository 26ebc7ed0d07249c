//! Bodies of validate actions: facts become findings.
//!
//! A pure function of what process measured, so that loosening a check decodes nothing.

mod audio;
mod file;
mod image;
#[cfg(test)]
mod tests;

use crate::base::{Facts, FileFacts};
use crate::spec::op::{Check, Step};

/// A check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check's word in specs.
    pub check: &'static str,
    /// Index of its `validate` step in the list of steps.
    pub step: usize,
    /// What was found and what was wanted: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Findings in one line.
pub fn list(findings: &[Finding]) -> String {
    let texts: Vec<String> =
        findings.iter().map(|finding| format!("{}: {}", finding.check, finding.message)).collect();
    format!("rejected by {}", texts.join("; "))
}

/// Why a check did not pass: what was found and wanted, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Runs all checks of `steps`; no finding means that the asset passed.
///
/// `checkpoints`: the facts of each `validate` step, in their order, as process measured them.
/// Checks of pixels and samples look at these; checks of the encoding look at every file.
pub fn validate(steps: &[Step], checkpoints: &[Facts], files: &[FileFacts]) -> Vec<Finding> {
    let validations = steps.iter().enumerate().filter_map(|(index, step)| match step {
        Step::Validate(checks) => Some((index, checks)),
        Step::Process(_) => None,
    });
    let mut findings = Vec::new();
    for (place, (step, checks)) in validations.enumerate() {
        for check in checks {
            let failures = if check.is_about_files() {
                files.iter().filter_map(|facts| file::check(check, facts)).collect()
            } else {
                Vec::from_iter(check_material(check, checkpoints.get(place)))
            };
            findings.extend(failures.into_iter().map(|Failure { message, help }| Finding {
                check: check.name(),
                step,
                message,
                help,
            }));
        }
    }
    findings
}

fn check_material(check: &Check, facts: Option<&Facts>) -> Option<Failure> {
    match facts {
        Some(Facts::Image(facts)) => image::check(check, facts),
        Some(Facts::Audio(facts)) => audio::check(check, facts),
        Some(Facts::Opaque { encoding }) => Some(Failure::new(format!(
            "the {} file is passed on without being decoded, so nothing was measured",
            encoding.extension()
        ))),
        // A check that could not look must not pass.
        None => Some(Failure::new("nothing was measured here")),
    }
}
