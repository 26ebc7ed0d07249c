//! Golden keys, and what counts: every field changes its key or is named as inert.

use super::fixture::{PathsAsContent, bought_asset, path, svg_asset};
use super::*;
use crate::base::Scalar;
use crate::graph::action::ActionKind;
use crate::spec::op::{Check, Fallback, GenerateOp, Level, ProcessOp, Source, Step};
use crate::spec::{AssetSpec, Pick};

fn wanted(spec: &AssetSpec) -> crate::base::ActionKey {
    Wanted::of(spec, &PathsAsContent).key
}

fn definition(spec: &AssetSpec) -> crate::base::ActionKey {
    Definition::of(spec, &PathsAsContent).key
}

/// A change here makes assets of every project stale: raise `KEY_SCHEMA` and keep the old function.
#[test]
fn golden_keys() {
    let keys = [
        wanted(&svg_asset("coin")),
        definition(&svg_asset("coin")),
        wanted(&bought_asset("coin", "a glowing coin")),
    ];
    insta::assert_debug_snapshot!(keys, @"
    [
        b3:985acf9a89c83fd8789ea8dff737b10a185c7d46de94669ea0785d2279297ba0,
        b3:dd4bdb170745fc437b41dc686be76a37d52d9b459a5362d3bdfb40bd18735a85,
        b3:a3a62b4736fa7269b9860ed70a302de44aea99c38186b648b3f08b8382f5fbef,
    ]
    ");
}

#[test]
fn the_fields_that_explain_are_the_fields_that_count() {
    let fields = Wanted::of(&bought_asset("coin", "a glowing coin"), &PathsAsContent).fields;
    insta::assert_debug_snapshot!(fields, @r#"
    FieldList {
        fields: [
            (
                "generation.type",
                "image",
            ),
            (
                "generation.provider",
                "openai",
            ),
            (
                "generation.model",
                "dall-e-3",
            ),
            (
                "prompt",
                "a glowing coin",
            ),
            (
                "prompt.parameters.size",
                "1024x1024",
            ),
        ],
        notes: [
            (
                "prompt.base",
                "a glowing coin",
            ),
        ],
    }
    "#);
}

#[test]
fn what_counts_changes_the_wanted_key() {
    let base = bought_asset("coin", "a glowing coin");
    let change = |edit: &dyn Fn(&mut crate::spec::op::Request)| {
        let mut spec = base.clone();
        let GenerateOp::Request(request) = &mut spec.generate else { unreachable!("it is one") };
        edit(request);
        wanted(&spec)
    };
    let changed = [
        change(&|r| r.family = "other".into()),
        change(&|r| r.engine = Some("x".into())),
        change(&|r| r.model = None),
        change(&|r| r.mode = Some(crate::base::AudioMode::Sfx)),
        change(&|r| r.prompt.text = "a dull coin".into()),
        change(&|r| r.negative = Some("text".into())),
        change(&|r| drop(r.parameters.insert("seed".into(), Scalar::Integer(7)))),
        change(&|r| r.references.push(Source::File(path("art/pose.png")))),
        change(&|r| r.references.push(Source::Asset { id: "hero".into(), processed: false })),
    ];
    let distinct: std::collections::BTreeSet<_> =
        changed.into_iter().chain([wanted(&base)]).collect();
    assert_eq!(distinct.len(), changed.len() + 1);
    let inert = [
        change(&|r| r.provider = "openai".into()),
        change(&|r| {
            r.fallback.push(Fallback {
                provider: "firefly".into(),
                model: None,
                parameters: Default::default(),
            });
        }),
        change(&|r| r.prompt.parts.clear()),
    ];
    assert!(inert.iter().all(|key| *key == wanted(&base)));
}

#[test]
fn id_selection_and_metadata_never_count() {
    let base = bought_asset("coin", "a glowing coin");
    let mut other = base.clone();
    other.id = "token".to_owned();
    other.selection.variations = 4;
    other.selection.pick = Pick::Human;
    other.metadata.tags.push("gold".to_owned());
    other.observability.track_cost = false;
    assert_eq!(wanted(&other), wanted(&base));
    assert_eq!(definition(&other), definition(&base));
    other.selection.take = 2;
    assert_ne!(wanted(&other), wanted(&base));
}

#[test]
fn a_check_changes_the_definition_and_not_the_process_key() {
    let mut base = svg_asset("coin");
    base.steps.push(Step::Validate(vec![Check::HasAlpha]));
    let mut other = base.clone();
    other.steps[1] = Step::Validate(vec![Check::NotBlank]);
    let raw = crate::base::Digest::of(b"raw");
    let process = |spec: &AssetSpec| key::process_key(spec, &PathsAsContent, &raw, None, "1");
    assert_ne!(definition(&other), definition(&base));
    assert_eq!(process(&other), process(&base));
}

#[test]
fn a_moved_source_changes_nothing_and_edited_content_does() {
    struct OneContent(&'static [u8]);
    impl InputDigests for OneContent {
        fn file(&self, _: &crate::base::RelPath) -> Option<crate::base::Digest> {
            Some(crate::base::Digest::of(self.0))
        }
        fn asset(&self, _: &str, _: bool) -> Option<String> {
            None
        }
        fn group(&self, _: &str) -> Option<crate::base::Digest> {
            None
        }
    }
    let (here, there) = (svg_asset("coin"), svg_asset("token"));
    assert_eq!(Wanted::of(&here, &OneContent(b"a")).key, Wanted::of(&there, &OneContent(b"a")).key);
    assert_ne!(Wanted::of(&here, &OneContent(b"a")).key, Wanted::of(&here, &OneContent(b"b")).key);
}

#[test]
fn variations_get_an_action_each_and_a_select() {
    let mut spec = bought_asset("coin", "a glowing coin");
    spec.selection.variations = 3;
    let graph = lower(&[spec], |_| Some(Extent::WHOLE));
    let kinds: Vec<_> =
        graph.chains[&AssetIndex(0)].iter().map(|&id| graph.nodes[id].kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["generate", "generate", "generate", "select", "process", "validate", "integrate"]
    );
}

#[test]
fn a_reference_is_an_edge_between_chains() {
    let sheet = bought_asset("sheet", "a hero sheet");
    let mut pose = bought_asset("pose", "the hero jumps");
    let GenerateOp::Request(request) = &mut pose.generate else { unreachable!("it is one") };
    request.references.push(Source::Asset { id: "sheet".into(), processed: true });
    let graph = lower(&[sheet, pose], |_| Some(Extent::WHOLE));
    let from = graph.find(AssetIndex(0), ActionKind::Process).expect("every chain has one");
    let to = graph.find(AssetIndex(1), ActionKind::Generate).expect("every chain has one");
    assert!(graph.nodes.contains_edge(from, to));
}

#[test]
fn sounds_of_a_group_wait_for_each_other_and_bought_ones_come_in_a_row() {
    let in_group = |mut spec: AssetSpec| {
        let (target, group) = (Level::Peak(-6.0), Some("jumps".to_owned()));
        let normalize = ProcessOp::Normalize { target, ceiling_db: -1.0, group };
        spec.steps = vec![Step::Process(normalize)];
        spec
    };
    let has = |assets: &[AssetSpec], extent: Extent, from: ActionKind| {
        let graph = lower(assets, |_| Some(extent));
        let from = graph.find(AssetIndex(0), from).expect("every chain has one");
        let to = graph.find(AssetIndex(1), ActionKind::Process).expect("every chain has one");
        graph.nodes.contains_edge(from, to)
    };
    let free = [in_group(svg_asset("hop")), in_group(svg_asset("leap"))];
    let mixed = [in_group(svg_asset("hop")), in_group(bought_asset("pop", "a pop"))];
    assert!(has(&free, Extent::WHOLE, ActionKind::Generate));
    assert!(!has(&free, Extent::WHOLE, ActionKind::Process));
    assert!(has(&mixed, Extent::WHOLE, ActionKind::Process));
    let stand_in = Extent { in_group: false, ..Extent::WHOLE };
    assert!(!has(&mixed, stand_in, ActionKind::Generate));
}

#[test]
fn the_graph_is_drawn_in_every_format() {
    let assets = [svg_asset("coin")];
    let graph = lower(&assets, |_| Some(Extent::WHOLE));
    insta::assert_snapshot!(render::dot(&graph, &assets), @r#"
    digraph assetbuild {
      rankdir=LR;
      node [shape=box];
      subgraph "cluster_coin" { label="coin";
        a0 [label="generate"];
        a1 [label="process"];
        a2 [label="validate"];
        a3 [label="integrate"];
      }
      a0 -> a1;
      a1 -> a2;
      a2 -> a3;
    }
    "#);
    insta::assert_snapshot!(render::mermaid(&graph, &assets), @r#"
    flowchart LR
      subgraph s0["coin"]
        a0["generate"]
        a1["process"]
        a2["validate"]
        a3["integrate"]
      end
      a0 --> a1
      a1 --> a2
      a2 --> a3
    "#);
    let svg = render::svg(&graph, &assets);
    assert!(svg.starts_with("<svg") && svg.matches("<rect").count() == 4, "{svg}");
    assert_eq!(render::json(&graph, &assets)["edges"].as_array().map(Vec::len), Some(3));
}
