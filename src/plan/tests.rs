//! What an asset's state is and why, for every cause.

use std::collections::BTreeMap;

use super::*;
use crate::graph::fixture::{PathsAsContent, bought_asset, path, svg_asset};
use crate::lock::{FieldDigests, Kept};
use crate::spec::op::{Check, GenerateOp, ProcessOp, ResizeMethod, Step};

/// A world in which everything stands as the last build left it, but for what a test changes.
#[derive(Default)]
struct Fake {
    blocks: BTreeMap<String, Block>,
    files: BTreeMap<RelPath, FileState>,
    history: BTreeMap<String, FieldList>,
    restorable: bool,
    unavailable: Option<Availability>,
    placeholders: bool,
    entry: Option<EntryState>,
    raws: Vec<Digest>,
}

impl World for Fake {
    fn on_record(&self, _: &ActionKey) -> Vec<OnRecord> {
        Vec::new()
    }

    fn block(&self, id: &str) -> Option<Block> {
        self.blocks.get(id).cloned()
    }
    fn renamed_from(&self, wanted: &ActionKey) -> Option<Block> {
        self.blocks.values().find(|block| block.wanted == *wanted).cloned()
    }
    fn published(&self, path: &RelPath, _: &Digest) -> FileState {
        self.files.get(path).cloned().unwrap_or(FileState::Absent)
    }
    fn can_restore(&self, _: &Digest) -> bool {
        self.restorable
    }
    fn is_built(&self, id: &str) -> bool {
        self.blocks.contains_key(id)
    }
    fn has_raw(&self, digest: &Digest) -> bool {
        self.raws.contains(digest)
    }
    fn history(&self, id: &str) -> Option<FieldList> {
        self.history.get(id).cloned()
    }
    fn availability(&self, _: &AssetSpec) -> Availability {
        self.unavailable.clone().unwrap_or(Availability::Ready)
    }
    fn can_stand_in(&self, _: &AssetSpec) -> bool {
        let is_processable = !matches!(
            self.unavailable,
            Some(Availability::Unavailable(ReasonCode::StepMissing, _))
        );
        self.placeholders && is_processable
    }
    fn entry(&self, _: &Block) -> EntryState {
        self.entry.unwrap_or(EntryState::Stands)
    }
}

fn keys(spec: &AssetSpec) -> Keys {
    Keys {
        wanted: Wanted::of(spec, &PathsAsContent),
        definition: Definition::of(spec, &PathsAsContent),
    }
}

/// The world right after `spec` was built.
fn built(spec: &AssetSpec) -> Fake {
    let keys = keys(spec);
    let fields = [&keys.wanted.fields, &keys.definition.fields];
    let mut history = FieldList::default();
    for list in fields {
        history.fields.extend(list.fields.iter().cloned());
        history.notes.extend(list.notes.iter().cloned());
    }
    let content = Digest::of(b"png");
    let block = Block {
        id: spec.id.clone(),
        schema: crate::graph::KEY_SCHEMA,
        wanted: keys.wanted.key,
        fields: FieldDigests::of(history.fields.iter().map(|(p, v)| (&**p, &**v))),
        definition: keys.definition.key,
        raw: None,
        purchases: Vec::new(),
        pick: None,
        kept: Vec::new(),
        outputs: vec![(spec.publish.path.clone(), content)],
        adopted: false,
        provisional: false,
        entry: None,
        tools: Vec::new(),
    };
    Fake {
        blocks: [(spec.id.clone(), block)].into(),
        files: [(spec.publish.path.clone(), FileState::Present(content))].into(),
        history: [(spec.id.clone(), history)].into(),
        ..Fake::default()
    }
}

fn assess_in(world: &Fake, spec: &AssetSpec) -> AssetPlan {
    assess(AssetIndex(0), spec, &keys(spec), world, Policy::default())
}

fn messages(plan: &AssetPlan) -> Vec<&str> {
    plan.reasons.iter().map(|reason| reason.message.as_str()).collect()
}

fn states(plan: &AssetPlan) -> String {
    let words: Vec<_> = plan.actions.iter().map(|action| action.state.as_str()).collect();
    words.join(" ")
}

#[test]
fn an_unchanged_asset_is_fresh() {
    let spec = svg_asset("coin");
    let plan = assess_in(&built(&spec), &spec);
    assert_eq!((plan.state, plan.work), (State::Fresh, Work::Nothing));
    assert_eq!(states(&plan), "fresh fresh fresh fresh");
}

#[test]
fn a_new_asset_runs_its_whole_chain() {
    let plan = assess_in(&Fake::default(), &svg_asset("coin"));
    assert_eq!((plan.state, plan.work), (State::Missing, Work::Chain));
    assert_eq!(messages(&plan), ["never built"]);
    assert_eq!(states(&plan), "dirty dirty dirty dirty");
}

#[test]
fn a_changed_step_names_the_field_and_both_values() {
    let mut spec = svg_asset("coin");
    let world = built(&spec);
    let resize = ProcessOp::Resize { size: (48, 48), method: ResizeMethod::Lanczos, fit: None };
    spec.steps[0] = Step::Process(resize);
    let plan = assess_in(&world, &spec);
    assert_eq!(plan.state, State::Stale);
    assert_eq!(
        messages(&plan),
        ["resize dimensions changed: 32x32 → 48x48", "resize fit removed: contain"]
    );
    assert_eq!(states(&plan), "fresh dirty pending pending");
}

#[test]
fn without_history_the_field_is_still_named() {
    let mut spec = svg_asset("coin");
    let mut world = built(&spec);
    world.history.clear();
    let GenerateOp::Svg(drawing) = &mut spec.generate else { unreachable!("it is one") };
    drawing.vars.insert("fill".to_owned(), "#c00".to_owned());
    let plan = assess_in(&world, &spec);
    assert_eq!(messages(&plan), ["generation.vars.fill changed: now #c00"]);
    assert_eq!(states(&plan), "dirty pending pending pending");
}

#[test]
fn a_prompt_change_is_explained_by_its_part() {
    let world = built(&bought_asset("coin", "a glowing coin"));
    let plan = assess_in(&world, &bought_asset("coin", "a dull coin"));
    assert_eq!(messages(&plan), ["prompt.base changed: \"a glowing coin\" → \"a dull coin\""]);
}

#[test]
fn an_added_check_validates_and_nothing_more() {
    let mut spec = svg_asset("coin");
    spec.steps.push(Step::Validate(vec![Check::HasAlpha]));
    let world = built(&spec);
    spec.steps[1] = Step::Validate(vec![Check::HasAlpha, Check::NotBlank]);
    let plan = assess_in(&world, &spec);
    assert_eq!(messages(&plan), ["check not_blank added"]);
    assert_eq!(states(&plan), "fresh fresh dirty pending");
}

#[test]
fn a_deleted_file_is_restored_from_the_cache_when_it_can_be() {
    let spec = svg_asset("coin");
    let mut world = built(&spec);
    world.files.clear();
    world.restorable = true;
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, states(&plan).as_str()), (State::Missing, "fresh fresh fresh dirty"));
    world.restorable = false;
    assert_eq!(states(&assess_in(&world, &spec)), "fresh dirty dirty dirty");
}

#[test]
fn an_edited_file_is_kept_unless_the_user_says_otherwise() {
    let spec = svg_asset("coin");
    let mut world = built(&spec);
    world.files.insert(spec.publish.path.clone(), FileState::Present(Digest::of(b"mine")));
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Drifted, Work::Nothing));
    assert_eq!(messages(&plan), ["assets/images/coin.png was edited by hand"]);
    let policy = Policy { overwrite_drifted: true, ..Policy::default() };
    let plan = assess(AssetIndex(0), &spec, &keys(&spec), &world, policy);
    assert_eq!(plan.work, Work::Chain);
}

#[test]
fn an_lfs_pointer_is_no_edit() {
    let spec = svg_asset("coin");
    let mut world = built(&spec);
    world.files.insert(spec.publish.path.clone(), FileState::LfsPointer);
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Missing, Work::Nothing));
    assert!(plan.reasons[0].message.ends_with("run git lfs pull"));
}

#[test]
fn a_renamed_asset_takes_its_block_over() {
    let mut spec = svg_asset("coin");
    let world = built(&spec);
    spec.id = "token".to_owned();
    let plan = assess_in(&world, &spec);
    assert_eq!(plan.block_id.as_deref(), Some("coin"));
    assert_eq!(messages(&plan), ["renamed from `coin`"]);
    assert_eq!(states(&plan), "fresh fresh fresh dirty");
}

#[test]
fn a_kept_result_is_good_for_the_new_request() {
    let mut spec = svg_asset("coin");
    let mut world = built(&spec);
    let GenerateOp::Svg(drawing) = &mut spec.generate else { unreachable!("it is one") };
    drawing.size = Some((128, 128));
    let kept = Kept { wanted: keys(&spec).wanted.key, reason: "looks the same".to_owned() };
    world.blocks.get_mut("coin").expect("it was built").kept.push(kept);
    assert_eq!(assess_in(&world, &spec).state, State::Fresh);
}

#[test]
fn a_kept_drawing_is_no_longer_unbought_until_something_has_to_run() {
    let mut world = built(&svg_asset("coin"));
    let mut spec = bought_asset("coin", "a glowing coin");
    let why = "provider `dalle-3` is not part of this build".to_owned();
    world.unavailable = Some(Availability::Unavailable(ReasonCode::ProviderMissing, why));
    let block = world.blocks.get_mut("coin").expect("it was built");
    block.definition = keys(&spec).definition.key;
    block.kept.push(Kept { wanted: keys(&spec).wanted.key, reason: "will do".to_owned() });
    assert_eq!(assess_in(&world, &spec).state, State::Fresh);
    spec.steps.push(Step::Validate(vec![Check::NotBlank]));
    spec.steps.insert(
        0,
        Step::Process(ProcessOp::Resize { size: (8, 8), method: ResizeMethod::Lanczos, fit: None }),
    );
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Blocked, Work::Nothing));
    let block = world.blocks.get_mut("coin").expect("it was built");
    block.provisional = true;
    assert_eq!(assess_in(&world, &spec).state, State::Blocked);
}

#[test]
fn an_adopted_file_stays_whatever_the_spec_says() {
    let mut spec = svg_asset("coin");
    let mut world = built(&spec);
    world.blocks.get_mut("coin").expect("it was built").adopted = true;
    spec.steps.clear();
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Fresh, Work::Nothing));
    assert!(!plan.reasons.is_empty(), "later changes are shown");
    spec.publish.path = path("assets/elsewhere/coin.png");
    spec.publish.files[0].path = spec.publish.path.clone();
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Fresh, Work::Nothing));
    assert!(messages(&plan).iter().any(|message| message.starts_with("integration.path changed")));
}

#[test]
fn an_unbought_asset_is_blocked_without_its_provider() {
    let spec = bought_asset("coin", "a glowing coin");
    let why = "provider `dalle-3` is not part of this build".to_owned();
    let mut world = Fake {
        unavailable: Some(Availability::Unavailable(ReasonCode::ProviderMissing, why)),
        ..Fake::default()
    };
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Blocked, Work::Nothing));
    assert_eq!(states(&plan), "blocked blocked blocked blocked");
    world.placeholders = true;
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Blocked, Work::Placeholder));
    assert!(plan.actions.iter().all(|action| !action.paid));
    let why = "the step `normalize` is not part of this version".to_owned();
    world.unavailable = Some(Availability::Unavailable(ReasonCode::StepMissing, why));
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Blocked, Work::Nothing), "nor for a placeholder");
}

#[test]
fn a_bought_asset_needs_its_raw_only_when_something_runs() {
    let mut spec = bought_asset("coin", "a glowing coin");
    let mut world = built(&spec);
    let raw = Digest::of(b"raw");
    let block = world.blocks.get_mut("coin").expect("it was built");
    block.raw = Some(raw);
    block.purchases.push(crate::lock::Purchase {
        id: "0011223344556677".to_owned(),
        wanted: block.wanted,
        sent: block.wanted,
        index: 0,
        raw,
        provider: "openai".to_owned(),
        model: "dall-e-3".to_owned(),
        model_used: None,
        cost_micros: Some(40_000),
        unit: "USD".to_owned(),
        date: "2026-03-01".to_owned(),
        extra: false,
    });
    let unavailable = Availability::Unavailable(ReasonCode::ModelRetired, "retired".to_owned());
    world.unavailable = Some(unavailable);
    assert_eq!(assess_in(&world, &spec).state, State::Fresh);
    spec.steps.clear();
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::MissingRaw, Work::Nothing));
    world.raws.push(raw);
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Stale, Work::Chain));
}

#[test]
fn a_manual_asset_waits_for_its_file() {
    let spec = svg_asset("coin");
    let world =
        Fake { unavailable: Some(Availability::WaitsFor(path("art/coin.png"))), ..Fake::default() };
    let plan = assess_in(&world, &spec);
    assert_eq!(messages(&plan), ["waits for a person to put art/coin.png there"]);
    assert_eq!((plan.state, plan.work), (State::Waiting, Work::Nothing));
}

#[test]
fn a_lost_manifest_entry_is_written_again() {
    let spec = svg_asset("coin");
    let mut world = built(&spec);
    world.entry = Some(EntryState::Gone);
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, states(&plan).as_str()), (State::Missing, "fresh fresh fresh dirty"));
}

#[test]
fn an_edited_manifest_entry_is_drift_and_nothing_is_bought_for_it() {
    let spec = svg_asset("coin");
    let mut world = built(&spec);
    world.entry = Some(EntryState::Edited);
    let plan = assess_in(&world, &spec);
    assert_eq!((plan.state, plan.work), (State::Drifted, Work::Chain));
    assert_eq!(plan.reasons[0].code, ReasonCode::EntryEdited);
    let mut world = built(&bought_asset("coin", "a glowing coin"));
    world.entry = Some(EntryState::Edited);
    let plan = assess_in(&world, &bought_asset("coin", "a dull coin"));
    assert_eq!((plan.state, plan.work), (State::Drifted, Work::Nothing));
}

#[test]
fn a_reference_to_something_unbuilt_is_named() {
    let mut spec = bought_asset("pose", "the hero jumps");
    let GenerateOp::Request(request) = &mut spec.generate else { unreachable!("it is one") };
    let sheet = crate::spec::op::Source::Asset { id: "sheet".to_owned(), processed: false };
    request.references.push(sheet);
    let mut world = built(&bought_asset("sheet", "a hero sheet"));
    world.blocks.clear();
    let plan = assess_in(&world, &spec);
    assert!(messages(&plan).contains(&"it refers to `sheet`, which is not built"));
    assert_eq!(assess_in(&built(&bought_asset("sheet", "a hero sheet")), &spec).reasons.len(), 1);
}
