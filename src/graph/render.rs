//! The graph as text and as a picture: Graphviz dot, Mermaid, JSON, SVG.

use std::fmt::Write as _;

use petgraph::visit::EdgeRef;
use serde_json::json;

use crate::graph::action::{ActionGraph, ActionId, ActionKind, AssetIndex};
use crate::spec::AssetSpec;

/// Graphviz' dot, one cluster per asset.
pub fn dot(graph: &ActionGraph, assets: &[AssetSpec]) -> String {
    let mut out = String::from("digraph assetbuild {\n  rankdir=LR;\n  node [shape=box];\n");
    for (&asset, chain) in &graph.chains {
        let id = &asset.of(assets).id;
        writeln_in(&mut out, format_args!("  subgraph \"cluster_{id}\" {{ label=\"{id}\";"));
        for &action in chain {
            let (index, label) = (action.index(), label(graph, action));
            writeln_in(&mut out, format_args!("    a{index} [label=\"{label}\"];"));
        }
        out.push_str("  }\n");
    }
    for edge in graph.nodes.edge_references() {
        let (from, to) = (edge.source().index(), edge.target().index());
        writeln_in(&mut out, format_args!("  a{from} -> a{to};"));
    }
    out.push_str("}\n");
    out
}

/// Mermaid's flowchart, one subgraph per asset.
pub fn mermaid(graph: &ActionGraph, assets: &[AssetSpec]) -> String {
    let mut out = String::from("flowchart LR\n");
    for (&asset, chain) in &graph.chains {
        let id = &asset.of(assets).id;
        writeln_in(&mut out, format_args!("  subgraph s{}[\"{id}\"]", asset.0));
        for &action in chain {
            let (index, label) = (action.index(), label(graph, action));
            writeln_in(&mut out, format_args!("    a{index}[\"{label}\"]"));
        }
        out.push_str("  end\n");
    }
    for edge in graph.nodes.edge_references() {
        let (from, to) = (edge.source().index(), edge.target().index());
        writeln_in(&mut out, format_args!("  a{from} --> a{to}"));
    }
    out
}

/// The document `assetbuild.graph/1`: actions and edges.
pub fn json(graph: &ActionGraph, assets: &[AssetSpec]) -> serde_json::Value {
    let actions: Vec<_> = graph
        .nodes
        .node_indices()
        .map(|id| {
            let action = &graph.nodes[id];
            json!({
                "action": id.index(),
                "asset": action.asset.of(assets).id,
                "kind": action.kind.as_str(),
                "variation": action.variation,
            })
        })
        .collect();
    let edges: Vec<_> = graph
        .nodes
        .edge_references()
        .map(|edge| json!({ "from": edge.source().index(), "to": edge.target().index() }))
        .collect();
    json!({ "schema": "assetbuild.graph/1", "actions": actions, "edges": edges })
}

const COLUMN: usize = 150;
const ROW: usize = 44;
const BOX: (usize, usize) = (120, 28);
const MARGIN: usize = 16;
const NAME_WIDTH: usize = 220;

/// A picture: a row per asset (and per further variation), a column per kind of action.
pub fn svg(graph: &ActionGraph, assets: &[AssetSpec]) -> String {
    let mut places = vec![(0, 0); graph.nodes.node_count()];
    let mut body = String::new();
    let mut row = 0;
    for (&asset, chain) in &graph.chains {
        let y = MARGIN + row * ROW + BOX.1 / 2;
        let name = escape(&asset.of(assets).id);
        writeln_in(&mut body, format_args!("<text x=\"{MARGIN}\" y=\"{}\">{name}</text>", y + 5));
        let mut rows = 1;
        for &id in chain {
            let action = &graph.nodes[id];
            let column = ActionKind::ALL.iter().position(|kind| *kind == action.kind).unwrap_or(0);
            let line = action.variation as usize;
            rows = rows.max(line + 1);
            places[id.index()] = (NAME_WIDTH + column * COLUMN, MARGIN + (row + line) * ROW);
        }
        row += rows;
    }
    for edge in graph.nodes.edge_references() {
        let (from, to) = (places[edge.source().index()], places[edge.target().index()]);
        let (x1, y1) = (from.0 + BOX.0, from.1 + BOX.1 / 2);
        let (x2, y2) = (to.0, to.1 + BOX.1 / 2);
        let bend = (x1 + x2) / 2;
        writeln_in(
            &mut body,
            format_args!("<path d=\"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}\"/>"),
        );
    }
    for id in graph.nodes.node_indices() {
        let (x, y) = places[id.index()];
        let kind = graph.nodes[id].kind.as_str();
        let text = escape(&label(graph, id));
        let (width, height) = BOX;
        writeln_in(
            &mut body,
            format_args!(
                "<rect class=\"{kind}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                x + width / 2,
                y + height / 2 + 5
            ),
        );
    }
    let width = NAME_WIDTH + ActionKind::ALL.len() * COLUMN + MARGIN;
    let height = 2 * MARGIN + row.max(1) * ROW;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<style>path{{fill:none;stroke:#789}}\
         rect{{fill:#eef;stroke:#456}}.generate{{fill:#fe9}}.integrate{{fill:#cec}}</style>\n\
         {body}</svg>\n"
    )
}

fn label(graph: &ActionGraph, id: ActionId) -> String {
    let action = &graph.nodes[id];
    match has_variations(graph, action.asset) && action.kind == ActionKind::Generate {
        true => format!("{} {}", action.kind.as_str(), action.variation),
        false => action.kind.as_str().to_owned(),
    }
}

fn has_variations(graph: &ActionGraph, asset: AssetIndex) -> bool {
    graph.find(asset, ActionKind::Select).is_some()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn writeln_in(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("writing to a String cannot fail");
}
