//! What refers to an asset that no build can finish now is not bought: its picture would be made from
//! something else than the spec means. What refers to something that is bought first comes after it.

use std::collections::{HashMap, HashSet};

use crate::graph::AssetIndex;
use crate::graph::lower::referenced;
use crate::plan::{ActionState, AssetPlan, Reason, ReasonCode, State, Work};
use crate::spec::AssetSpec;

/// Holds the assets that would be bought although what they refer to waits for a person, or cannot be
/// made. `specs` are those of the plans, in the same order.
pub fn hold_pending(plans: &mut [AssetPlan], specs: &[AssetSpec], selected: &[AssetIndex]) {
    let refers = |spec: &AssetSpec| !referenced(&spec.generate).is_empty();
    if !specs.iter().any(refers) {
        return;
    }
    let selected: HashSet<AssetIndex> = selected.iter().copied().collect();
    let places: HashMap<&str, usize> =
        specs.iter().enumerate().map(|(place, spec)| (&*spec.id, place)).collect();
    // What is held may hold others.
    loop {
        let is_held = |place: usize, spec: &AssetSpec| {
            let is_put_off = plans[place].work == Work::Later;
            let lack_of = |id: &str| {
                let target = &plans[*places.get(id)?];
                lack(target, selected.contains(&target.asset))
            };
            (is_put_off || buys(&plans[place])).then(|| {
                let targets = referenced(&spec.generate).into_iter();
                let mut lacking = targets.filter_map(|(id, _)| Some((id.to_owned(), lack_of(id)?)));
                lacking.find(|(_, lack)| !is_put_off || matches!(lack, Lack::Now(_)))
            })
        };
        let held: Vec<(usize, (String, Lack))> = specs
            .iter()
            .enumerate()
            .filter_map(|(place, spec)| Some((place, is_held(place, spec)??)))
            .collect();
        if held.is_empty() {
            return;
        }
        for (place, (id, lack)) in held {
            match lack {
                Lack::Later => put_off(&mut plans[place], format!("it is bought after `{id}`")),
                Lack::Now(why) => {
                    hold(&mut plans[place], format!("it refers to `{id}`, which {why}"));
                }
            }
        }
    }
}

fn buys(plan: &AssetPlan) -> bool {
    let is_bought = matches!(plan.work, Work::Chain | Work::Variations);
    is_bought && plan.buys() > 0
}

/// What is missing of an asset that another one refers to.
enum Lack {
    /// It will be there in the same run.
    Later,
    /// It will not be, and why.
    Now(&'static str),
}

fn lack(plan: &AssetPlan, is_selected: bool) -> Option<Lack> {
    let now = |why| Some(Lack::Now(why));
    let has = |code| plan.reasons.iter().any(|reason| reason.code == code);
    let is_unbuilt = plan.block_id.is_none() || has(ReasonCode::NeverBuilt);
    match plan.work {
        // What it will be is known when it is there, and so is what is asked for with it.
        Work::Chain if buys(plan) && is_selected => Some(Lack::Later),
        Work::Later if is_selected => Some(Lack::Later),
        Work::Chain if buys(plan) => now("is not bought; build it too"),
        Work::Later => now("is not bought; build it too"),
        Work::Variations if !has(ReasonCode::Reroll) => now("waits for a pick"),
        _ if has(ReasonCode::WaitingForPick) => now("waits for a pick"),
        Work::Nothing if is_unbuilt => now("is not built"),
        Work::Placeholder => now("is not built"),
        Work::Nothing if has(ReasonCode::Placeholder) => now("is not built"),
        _ => None,
    }
}

/// Lets an asset come after another one.
fn put_off(plan: &mut AssetPlan, message: String) {
    plan.work = Work::Later;
    for action in &mut plan.actions {
        if action.state == ActionState::Dirty {
            action.state = ActionState::Pending;
        }
    }
    plan.reasons.retain(|reason| reason.code != ReasonCode::ReferencePending);
    plan.reasons.push(Reason::new(ReasonCode::ReferencePending, message));
}

fn hold(plan: &mut AssetPlan, message: String) {
    plan.work = Work::Nothing;
    for action in &mut plan.actions {
        if action.state != ActionState::Fresh {
            action.state = ActionState::Blocked;
        }
    }
    plan.reasons.retain(|reason| reason.code != ReasonCode::ReferencePending);
    plan.reasons.push(Reason::new(ReasonCode::ReferencePending, message));
    // That it was never built is what the other asset, not this one, will change.
    let is_new = plan.reasons.iter().any(|reason| reason.code == ReasonCode::NeverBuilt);
    if plan.state > State::Pending || (plan.state == State::Missing && is_new) {
        plan.reasons.retain(|reason| reason.code != ReasonCode::NeverBuilt);
        plan.state = State::Pending;
    }
}
