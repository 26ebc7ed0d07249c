//! Why an asset is not fresh: one code per cause, with the old and the new value.

use crate::base::{FieldList, Span};
use crate::lock::FieldDigests;
use crate::spec::{AssetSpec, Via};

/// The closed list of causes; documented in docs/design/states.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasonCode {
    /// The asset has no block in the lock.
    NeverBuilt,
    /// A key field has another value.
    FieldChanged,
    /// A key field is new.
    FieldAdded,
    /// A key field is gone.
    FieldRemoved,
    /// A published file is gone.
    OutputMissing,
    /// A published file was edited by hand.
    OutputEdited,
    /// A published file is a Git LFS pointer.
    LfsPointer,
    /// A published file cannot be read.
    OutputUnreadable,
    /// The manifest lacks the entry.
    EntryMissing,
    /// The manifest's entry was edited by hand.
    EntryEdited,
    /// The asset has another id than before.
    Renamed,
    /// A file that the asset is made from is not there.
    InputMissing,
    /// A person has to deliver a file.
    WaitingForFile,
    /// A person has to pick among variations.
    WaitingForPick,
    /// A person picked another variation than the published one.
    Picked,
    /// The user asked for one more result.
    Reroll,
    /// The provider is not part of this build of the tool.
    ProviderMissing,
    /// The provider's key is not set.
    KeyMissing,
    /// Nobody agreed to buy it.
    NotApproved,
    /// A budget or the amount that was allowed does not suffice.
    OverBudget,
    /// Nobody knows whether a purchase for it was billed.
    PurchaseUnknown,
    /// More variations are wanted than were bought.
    VariationMissing,
    /// A program is not installed.
    ProgramMissing,
    /// The model is retired and has no stand-in.
    ModelRetired,
    /// A step is not part of this build of the tool.
    StepMissing,
    /// The raw bytes of a purchase are in no store.
    RawMissing,
    /// A placeholder stands in.
    Placeholder,
    /// An asset that is referred to is not built.
    ReferencePending,
    /// The lock had merge conflicts, and neither side fits.
    LockConflict,
}

impl ReasonCode {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverBuilt => "never-built",
            Self::FieldChanged => "field-changed",
            Self::FieldAdded => "field-added",
            Self::FieldRemoved => "field-removed",
            Self::OutputMissing => "output-missing",
            Self::OutputEdited => "output-edited",
            Self::LfsPointer => "lfs-pointer",
            Self::OutputUnreadable => "output-unreadable",
            Self::EntryMissing => "entry-missing",
            Self::EntryEdited => "entry-edited",
            Self::Renamed => "renamed",
            Self::InputMissing => "input-missing",
            Self::WaitingForFile => "waiting-for-file",
            Self::WaitingForPick => "waiting-for-pick",
            Self::Picked => "picked",
            Self::Reroll => "reroll",
            Self::ProviderMissing => "provider-missing",
            Self::KeyMissing => "key-missing",
            Self::NotApproved => "not-approved",
            Self::OverBudget => "over-budget",
            Self::PurchaseUnknown => "purchase-unknown",
            Self::VariationMissing => "variation-missing",
            Self::ProgramMissing => "program-missing",
            Self::ModelRetired => "model-retired",
            Self::StepMissing => "step-missing",
            Self::RawMissing => "raw-missing",
            Self::Placeholder => "placeholder",
            Self::ReferencePending => "reference-pending",
            Self::LockConflict => "lock-conflict",
        }
    }
}

/// One cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// Which.
    pub code: ReasonCode,
    /// Path of the field in the spec, if a field is the cause.
    pub field: Option<String>,
    /// Its value at the last build; none if it had none or nobody recorded it here.
    pub old: Option<String>,
    /// Its value now.
    pub new: Option<String>,
    /// One line for people.
    pub message: String,
    /// Where the field is written, and what brought it in.
    pub place: Option<(Span, Via)>,
}

impl Reason {
    /// A cause that is no field.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, field: None, old: None, new: None, message: message.into(), place: None }
    }
}

/// Names every field in which `now` differs from what the block recorded.
///
/// `past`: the full values of the last build where this checkout recorded them; without them a
/// changed field is named and its old value is not.
pub fn field_reasons(
    spec: &AssetSpec,
    then: &FieldDigests,
    now: &FieldList,
    past: Option<&FieldList>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (path, value) in &now.fields {
        match then.had(path, value) {
            Some(true) => {}
            Some(false) => {
                let old = recorded(past, path, then);
                match changed_parts(path, now, past.filter(|_| old.is_some())) {
                    parts if parts.is_empty() => {
                        reasons.push(changed(spec, path, old, Some(value)));
                    }
                    parts => reasons
                        .extend(parts.into_iter().map(|(p, old, new)| changed(spec, &p, old, new))),
                }
            }
            None => reasons.push(changed_as(ReasonCode::FieldAdded, spec, path, None, Some(value))),
        }
    }
    let is_new = |path: &str| now.fields.iter().any(|(p, _)| p == path);
    let mut gone: Vec<&str> = Vec::new();
    for (path, value) in past.iter().flat_map(|past| &past.fields) {
        if !is_new(path) && then.had(path, value) == Some(true) {
            reasons.push(changed_as(ReasonCode::FieldRemoved, spec, path, Some(value), None));
            gone.push(path);
        }
    }
    let known = now.fields.iter().map(|(path, _)| path.as_str()).chain(gone);
    let unnamed = then.count_beside(known);
    if unnamed > 0 {
        let fields = if unnamed == 1 { "a field was" } else { "some fields were" };
        reasons.push(Reason::new(ReasonCode::FieldRemoved, format!("{fields} removed")));
    }
    reasons
}

fn recorded<'a>(past: Option<&'a FieldList>, path: &str, then: &FieldDigests) -> Option<&'a str> {
    let (_, value) = past?.fields.iter().find(|(p, _)| p == path)?;
    (then.had(path, value) == Some(true)).then_some(value)
}

type Part<'a> = (String, Option<&'a str>, Option<&'a String>);

/// The named parts of a field (`prompt.base` of `prompt`) that differ, if parts were recorded.
fn changed_parts<'a>(path: &str, now: &'a FieldList, past: Option<&'a FieldList>) -> Vec<Part<'a>> {
    let Some(past) = past else { return Vec::new() };
    let is_part = |part: &str| part.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    let find = |list: &'a FieldList, name: &str| {
        list.notes.iter().find(|(path, _)| path == name).map(|(_, value)| value)
    };
    let names = now.notes.iter().chain(&past.notes).map(|(name, _)| name).filter(|n| is_part(n));
    let mut parts: Vec<Part<'a>> = Vec::new();
    for name in names {
        let (old, new) = (find(past, name), find(now, name));
        // The path of a source explains nothing once its content is known to have changed.
        if old != new && !name.ends_with(".path") && !parts.iter().any(|(n, ..)| n == name) {
            parts.push((name.clone(), old.map(String::as_str), new));
        }
    }
    parts
}

fn changed(spec: &AssetSpec, path: &str, old: Option<&str>, new: Option<&String>) -> Reason {
    changed_as(ReasonCode::FieldChanged, spec, path, old, new)
}

fn changed_as(
    code: ReasonCode,
    spec: &AssetSpec,
    path: &str,
    old: Option<&str>,
    new: Option<&String>,
) -> Reason {
    let new = new.map(String::as_str);
    let is_content = |value: &str| value.starts_with("b3:") || value == "missing";
    let name = display_name(spec, path);
    let message = match (code, old, new) {
        (ReasonCode::FieldAdded, _, Some(new)) if is_content(new) || new.is_empty() => {
            format!("{name} added")
        }
        (ReasonCode::FieldAdded, _, Some(new)) => format!("{name} added: {}", quote(new)),
        (ReasonCode::FieldRemoved, Some(old), _) if !is_content(old) && !old.is_empty() => {
            format!("{name} removed: {}", quote(old))
        }
        (ReasonCode::FieldRemoved, ..) => format!("{name} removed"),
        (_, _, Some(new)) if is_content(new) => format!("{name} changed: other content"),
        (_, Some(old), Some(new)) => format!("{name} changed: {} → {}", quote(old), quote(new)),
        (_, None, Some(new)) => format!("{name} changed: now {}", quote(new)),
        _ => format!("{name} changed"),
    };
    Reason {
        code,
        field: Some(path.to_owned()),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
        message,
        place: spec.origins.find(path),
    }
}

/// `resize.dimensions` for `post_processing[1].dimensions`, `check has_alpha` for a check; other
/// paths as they are.
fn display_name(spec: &AssetSpec, path: &str) -> String {
    let step = || {
        let (index, rest) = path.strip_prefix("post_processing[")?.split_once("].")?;
        if let Some(check) = rest.strip_prefix("checks.") {
            return Some(format!("check {check}"));
        }
        match spec.steps.get(index.parse::<usize>().ok()?)? {
            crate::spec::op::Step::Process(op) if rest != "action" => {
                Some(format!("{} {rest}", op.name()))
            }
            _ => Some(format!("step {}", index.parse::<usize>().ok()? + 1)),
        }
    };
    step().unwrap_or_else(|| path.to_owned())
}

/// A value for people: words plain, text in quotes and cut in the middle of nowhere.
pub(super) fn quote(value: &str) -> String {
    const LONGEST: usize = 60;
    let shown = |c| match c {
        '\n' => '⏎',
        '\t' => ' ',
        // An escape sequence would speak to the terminal.
        c if char::is_control(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let one_line: String = value.chars().map(shown).collect();
    let text = if one_line.chars().count() > LONGEST {
        let head: String = one_line.chars().take(LONGEST - 1).collect();
        format!("{head}…")
    } else {
        one_line
    };
    if value.contains(char::is_whitespace) || value.is_empty() {
        format!("\"{text}\"")
    } else {
        text
    }
}
