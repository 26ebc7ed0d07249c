//! Assets for the tests of graph, plan and execute.

use std::collections::BTreeMap;

use crate::base::{Digest, Encoding, FileId, MediaKind, RelPath, Scalar, Span};
use crate::graph::key::InputDigests;
use crate::spec::op::{
    Fit, GenerateOp, ManifestEntry, OutputFile, ProcessOp, Prompt, Publish, Request, ResizeMethod,
    Step, SvgDrawing,
};
use crate::spec::{AssetSpec, Metadata, Observability, Origins, Selection};

/// Input digests of a project in which every file has its own path as content.
pub(crate) struct PathsAsContent;

impl InputDigests for PathsAsContent {
    fn file(&self, path: &RelPath) -> Option<Digest> {
        Some(Digest::of(path.as_str().as_bytes()))
    }
    fn asset(&self, id: &str, processed: bool) -> Option<String> {
        Some(format!("{id}/{processed}"))
    }
    fn group(&self, name: &str) -> Option<Digest> {
        Some(Digest::of(name.as_bytes()))
    }
}

pub(crate) fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a literal path inside the project")
}

/// An SVG drawing of 64x64, resized to 32x32.
pub(crate) fn svg_asset(id: &str) -> AssetSpec {
    let target = path(&format!("assets/images/{id}.png"));
    let generate = GenerateOp::Svg(SvgDrawing {
        source: path(&format!("art/{id}.svg")),
        size: Some((64, 64)),
        vars: BTreeMap::from([("fill".to_owned(), "#fc0".to_owned())]),
    });
    let resize = ProcessOp::Resize {
        size: (32, 32),
        method: ResizeMethod::Lanczos,
        fit: Some(Fit::Contain),
    };
    AssetSpec {
        id: id.to_owned(),
        file: path("specs/sprites.yaml"),
        span: Span { file: FileId(0), start: 0, end: 0 },
        media: MediaKind::Image,
        metadata: Metadata::default(),
        generate,
        selection: Selection::default(),
        steps: vec![Step::Process(resize)],
        publish: Publish {
            path: target.clone(),
            files: vec![OutputFile { path: target, encoding: Encoding::Png, variant: None }],
            entry: ManifestEntry {
                section: vec!["images".to_owned()],
                key: id.to_owned(),
                kind: "image".to_owned(),
                description: None,
                fields: Vec::new(),
            },
        },
        observability: Observability::default(),
        origins: Origins::default(),
    }
}

/// The same asset, bought instead of drawn.
pub(crate) fn bought_asset(id: &str, prompt: &str) -> AssetSpec {
    let request = Request {
        provider: "dalle-3".to_owned(),
        family: "openai".to_owned(),
        engine: None,
        model: Some("dall-e-3".to_owned()),
        media: MediaKind::Image,
        mode: None,
        prompt: Prompt {
            text: prompt.to_owned(),
            parts: vec![("base".to_owned(), prompt.to_owned())],
        },
        negative: None,
        parameters: BTreeMap::from([("size".to_owned(), Scalar::Text("1024x1024".to_owned()))]),
        files: BTreeMap::new(),
        references: Vec::new(),
        edit: None,
        fallback: Vec::new(),
        fallback_on: Vec::new(),
    };
    AssetSpec { generate: GenerateOp::Request(Box::new(request)), ..svg_asset(id) }
}
