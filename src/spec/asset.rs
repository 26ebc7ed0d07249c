//! An expanded asset: the unit that the graph is made of.

use std::collections::BTreeMap;

use crate::base::{MediaKind, RelPath, Span};
use crate::spec::op::{GenerateOp, Publish, Step};
use crate::yaml::Via;

/// One asset after templates, matrices and defaults: nothing is left to look up.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetSpec {
    /// Unique in the project.
    pub id: String,
    /// The spec file that the asset was written in.
    pub file: RelPath,
    /// Where the id or the instance stands.
    pub span: Span,
    /// Picture or sound.
    pub media: MediaKind,
    /// What people say about it; only what the prompt uses reaches a key.
    pub metadata: Metadata,
    /// What makes the raw material.
    pub generate: GenerateOp,
    /// How many raws, and which one is used.
    pub selection: Selection,
    /// The steps in the order written.
    pub steps: Vec<Step>,
    /// Where the results go.
    pub publish: Publish,
    /// What is logged and measured.
    pub observability: Observability,
    /// Where each field was written, by its path in the spec (`generation.size`,
    /// `post_processing[1].dimensions`), with what brought it in.
    pub origins: Origins,
}

/// Facts about an asset that select and order it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Category, such as `particles`.
    pub category: Option<String>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Phase: lower ones are bought first.
    pub phase: Option<i64>,
    /// Priority: lower ones are bought first.
    pub priority: Option<i64>,
    /// Everything else that was written, as text.
    pub other: BTreeMap<String, String>,
}

/// How many results are asked for, and which one is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Number of variations, at least 1; never part of a key.
    pub variations: u32,
    /// Who picks.
    pub pick: Pick,
    /// Assets with equal requests share one purchase unless they differ here; 1 by default.
    pub take: u32,
    /// How many more may be bought after a rejection.
    pub redraw: u32,
}

impl Default for Selection {
    fn default() -> Self {
        Self { variations: 1, pick: Pick::Auto, take: 1, redraw: 0 }
    }
}

/// Who picks among variations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first that passes, in a fixed order.
    Auto,
    /// A person.
    Human,
    /// Nobody: results are bought to be looked at. No spec says so.
    Nobody,
}

/// What is logged and measured about an asset; never part of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observability {
    /// Whether costs are logged.
    pub track_cost: bool,
    /// Whether quality figures are measured and logged.
    pub track_quality: bool,
    /// Whether durations are logged.
    pub track_performance: bool,
    /// Lowest level that is logged.
    pub log_level: LogLevel,
    /// Share of `dev` events that is logged, 0.0..=1.0.
    pub sampling_rate: f64,
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            track_cost: true,
            track_quality: true,
            track_performance: true,
            log_level: LogLevel::Info,
            sampling_rate: 1.0,
        }
    }
}

/// Log levels of `observability.log_level`, most talkative first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every step.
    Dev,
    /// What happened.
    Info,
    /// What to look at.
    Warn,
    /// What failed.
    Error,
}

/// Field paths to the place where the value was written, sorted by path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origins(pub BTreeMap<String, (Span, Via)>);

impl Origins {
    /// The place of the field or of its nearest parent that has one.
    pub fn find(&self, path: &str) -> Option<(Span, Via)> {
        let mut path = path;
        loop {
            if let Some(&found) = self.0.get(path) {
                return Some(found);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}
