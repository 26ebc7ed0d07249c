//! Selected assets that a build cannot make fresh: what is said of them, and what that means for the
//! exit code.

use crate::cli::exit::ExitCode;
use crate::event::Event;
use crate::pipeline::Prepared;
use crate::plan::{AssetPlan, ReasonCode, State, Work};
use crate::report::Format;

/// Selected assets that a build cannot make fresh.
pub(super) fn held(prepared: &Prepared) -> Vec<AssetPlan> {
    let is_held = |plan: &AssetPlan| plan.state != State::Fresh && plan.work == Work::Nothing;
    prepared.selected_plans().into_iter().filter(is_held).collect()
}

/// Why assets are not built. People are told once what holds for many, programs of each.
pub(super) fn warnings(held: &[AssetPlan], prepared: &Prepared, format: Format) -> Vec<Event> {
    const MOST: usize = 5;
    let mut by_message: Vec<(String, Vec<String>)> = Vec::new();
    for plan in held {
        let reasons: Vec<&str> = plan.shown_reasons().map(|reason| &*reason.message).collect();
        let message = format!("{}: {}", plan.state.as_str(), reasons.join("; "));
        let id = plan.asset.of(&prepared.loaded.assets).id.clone();
        match by_message.iter_mut().find(|(known, _)| *known == message) {
            Some((_, ids)) => ids.push(id),
            None => by_message.push((message, vec![id])),
        }
    }
    let tell = |(message, ids): (String, Vec<String>)| match format {
        Format::Human if ids.len() > MOST => {
            let (shown, rest) = (ids[..MOST - 2].join(", "), ids.len() + 2 - MOST);
            let message = format!("{shown} and {rest} more: {message}");
            vec![Event::Warning { asset: None, message }]
        }
        _ => {
            let each = |id| Event::Warning { asset: Some(id), message: message.clone() };
            ids.into_iter().map(each).collect()
        }
    };
    by_message.into_iter().flat_map(tell).collect()
}

/// Whether a placeholder does until somebody buys or delivers; a wrong input is told all the same.
pub(super) fn is_stood_in(plan: &AssetPlan) -> bool {
    has(plan, ReasonCode::Placeholder) && !has(plan, ReasonCode::InputMissing)
}

/// The ways out for what was edited by hand, each named once.
pub(super) fn drift_hints(prepared: &Prepared) -> Vec<&'static str> {
    let plans = prepared.selected_plans();
    let any = |code| plans.iter().any(|plan| has(plan, code));
    let is_held = held(prepared).iter().any(|plan| plan.state == State::Drifted);
    let mut hints = Vec::new();
    if is_held && any(ReasonCode::OutputEdited) {
        hints.push(
            "`assetbuild adopt ID` makes an edited file the finished one, \
             --overwrite-drifted replaces it",
        );
    }
    if any(ReasonCode::EntryEdited) {
        hints.push(
            "fields of your own belong into `integration.manifest_fields`; \
             an entry that you delete is written again",
        );
    }
    hints
}

pub(super) fn held_code(prepared: &Prepared) -> ExitCode {
    ExitCode::worst_of(held(prepared).iter().map(|plan| match plan.state {
        State::Unknown => ExitCode::UnknownPurchase,
        State::MissingRaw => ExitCode::Refused,
        State::Blocked if has(plan, ReasonCode::OverBudget) => ExitCode::Refused,
        State::Blocked if is_stood_in(plan) => ExitCode::Success,
        State::Blocked if has(plan, ReasonCode::NotApproved) => ExitCode::Refused,
        // A mistake in a path, or a file that is not checked in: no provider helps.
        State::Blocked if has(plan, ReasonCode::InputMissing) => ExitCode::Failed,
        State::Blocked => ExitCode::Unavailable,
        // The old result stays until the person delivers.
        State::Missing | State::Stale if is_waiting(plan) => ExitCode::Success,
        State::Waiting | State::Provisional | State::Pending => ExitCode::Success,
        State::Fresh => ExitCode::Success,
        State::Invalid => ExitCode::Invalid,
        State::Drifted | State::Missing | State::Stale => ExitCode::Failed,
    }))
}

/// Whether a person, or an asset before it, has to be waited for.
fn is_waiting(plan: &AssetPlan) -> bool {
    use ReasonCode::{ReferencePending, WaitingForFile, WaitingForPick};
    [WaitingForFile, WaitingForPick, ReferencePending].into_iter().any(|code| has(plan, code))
}

pub(super) fn has(plan: &AssetPlan, code: ReasonCode) -> bool {
    plan.reasons.iter().any(|reason| reason.code == code)
}
