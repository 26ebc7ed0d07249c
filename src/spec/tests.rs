//! Cases of the spec language: files in, assets and diagnostics out, both as plain text.
//!
//! A case is `tests/cases/spec/NAME.yaml`; lines `#### PATH` start another file of the project, an
//! `Assetfile.yaml` among them, and `.md` files are styles. What it gives stands in `NAME.txt`;
//! `UPDATE_CASES=1` rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use globset::Glob;

use crate::base::{Diagnostic, Diagnostics, RelPath, Severity, SourceMap};
use crate::config;
use crate::spec::op::{GenerateOp, Step};
use crate::spec::{
    AssetReferences, AssetSpec, Claim, Context, Expansion, Hidden, Listing, SpecFile, Templates,
    Via, check_groups, check_model_names, check_references, check_unique, expand, parse,
};

/// A project in memory.
#[derive(Default)]
pub(super) struct Project {
    pub(super) sources: SourceMap,
    pub(super) files: Vec<SpecFile>,
    pub(super) config: config::Loaded,
    pub(super) templates: Templates,
    pub(super) styles: BTreeMap<String, String>,
    listing: Files,
    pub(super) diagnostics: Diagnostics,
}

#[derive(Default)]
struct Files(Vec<RelPath>);

impl Listing for Files {
    fn matching(&self, glob: &str) -> Vec<RelPath> {
        let glob = Glob::new(glob).expect("a good glob in a case").compile_matcher();
        self.0.iter().filter(|path| glob.is_match(path.as_str())).cloned().collect()
    }

    /// Every file is there but those that are called so.
    fn exists(&self, path: &RelPath) -> bool {
        !path.file_name().starts_with("missing")
    }
}

impl Project {
    /// Splits `text` at `#### PATH` lines; what comes first is `name`.
    pub(super) fn new(name: &str, text: &str) -> Self {
        let mut project = Self::default();
        let mut parts: Vec<(String, String)> = vec![(name.to_owned(), String::new())];
        for line in text.split_inclusive('\n') {
            match line.strip_prefix("#### ") {
                Some(path) => parts.push((path.trim().to_owned(), String::new())),
                None => parts.last_mut().expect("never empty").1.push_str(line),
            }
        }
        let mut assetfile = None;
        let mut specs = Vec::new();
        let mut markdown: BTreeMap<RelPath, String> = BTreeMap::new();
        for (path, text) in parts {
            let path = RelPath::new(&path).expect("a good path in a case");
            match path.extension() {
                Some("yaml") if path.as_str() == "Assetfile.yaml" => {
                    assetfile = Some(project.sources.add(path, text));
                }
                Some("yaml") if !text.trim().is_empty() => {
                    specs.push(project.sources.add(path, text));
                }
                Some("md") => {
                    markdown.insert(path, text);
                }
                _ => project.listing.0.push(path),
            }
        }
        project.config = config::load(&project.sources, assetfile);
        project.diagnostics.extend(project.config.diagnostics.clone());
        project.diagnostics.extend(check_model_names(&project.config.defaults));
        for (name, path) in &project.config.config.styles {
            if let Some(text) = markdown.get(path) {
                project.styles.insert(name.clone(), text.clone());
            }
        }
        for id in specs {
            let (file, diagnostics) = parse(&project.sources, id);
            project.files.push(file);
            project.diagnostics.extend(diagnostics);
        }
        let (templates, diagnostics) = Templates::collect(&project.files, Hidden::default());
        project.templates = templates;
        project.diagnostics.extend(diagnostics);
        project
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            config: &self.config.config,
            defaults: &self.config.defaults,
            templates: &self.templates,
            styles: &self.styles,
            listing: &self.listing,
        }
    }

    pub(super) fn expand(&self) -> Vec<Expansion> {
        self.files.iter().map(|file| expand(file, &self.context())).collect()
    }

    /// All assets, and all diagnostics of all steps.
    pub(super) fn run(&self) -> (Vec<AssetSpec>, Vec<Diagnostic>) {
        let mut assets = Vec::new();
        let mut diagnostics = self.diagnostics.clone();
        for expansion in self.expand() {
            assets.extend(expansion.assets);
            diagnostics.extend(expansion.diagnostics);
        }
        diagnostics.extend(check_unique(assets.iter().map(Claim::of)));
        diagnostics.extend(check_references(assets.iter().map(AssetReferences::of)));
        diagnostics.extend(check_groups(&assets));
        (assets, diagnostics.into_sorted())
    }

    pub(super) fn rendered(&self) -> String {
        let (assets, diagnostics) = self.run();
        let mut out = String::new();
        for asset in &assets {
            describe(asset, &mut out);
        }
        if !assets.is_empty() && !diagnostics.is_empty() {
            out.push_str("----\n");
        }
        out.push_str(&render(&self.sources, &diagnostics));
        out
    }
}

/// Diagnostics in a plain format: place, code, message, other places, help.
pub(crate) fn render(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let severity = match diagnostic.severity {
            Severity::Error => "",
            Severity::Warning => " warning",
        };
        let place = |label: &crate::base::Label| {
            let (line, column) = sources.line_column(label.span);
            format!("{}:{line}:{column}", sources.file(label.span.file).path)
        };
        let (first, rest) = match diagnostic.labels.split_first() {
            Some((first, rest)) => (place(first), rest),
            None => ("-".to_owned(), &[][..]),
        };
        let _ = writeln!(out, "{first}{severity} {}: {}", diagnostic.code, diagnostic.message);
        if let Some(label) = diagnostic.labels.first() {
            let snippet = sources.snippet(label.span).lines().next().unwrap_or("").to_owned();
            let _ = writeln!(out, "    at `{snippet}` {}", label.text);
        }
        for label in rest {
            let _ = writeln!(out, "    {} {}", place(label), label.text);
        }
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(out, "    help: {help}");
        }
    }
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
        + if out.is_empty() { "" } else { "\n" }
}

fn describe(asset: &AssetSpec, out: &mut String) {
    let _ = writeln!(out, "{} ({})", asset.id, asset.media.as_str());
    match &asset.generate {
        GenerateOp::Request(request) => {
            let model = request.model.as_deref().unwrap_or("default model");
            let _ = writeln!(out, "  {} {model} {:?}", request.provider, asset.selection);
            for line in request.prompt.text.lines() {
                let _ = writeln!(out, "  | {line}");
            }
            if let Some(negative) = &request.negative {
                let _ = writeln!(out, "  negative {negative}");
            }
            for (name, value) in &request.parameters {
                let _ = writeln!(out, "  {name} = {value:?}");
            }
            for source in &request.references {
                let _ = writeln!(out, "  reference {source:?}");
            }
            if let Some(edit) = &request.edit {
                let _ = writeln!(out, "  {edit:?}");
            }
            for fallback in &request.fallback {
                let _ = writeln!(out, "  fallback {fallback:?}");
            }
        }
        other => {
            let _ = writeln!(out, "  {other:?}");
        }
    }
    for step in &asset.steps {
        let _ = match step {
            Step::Process(op) => writeln!(out, "  - {op:?}"),
            Step::Validate(checks) => writeln!(out, "  - validate {checks:?}"),
        };
    }
    let entry = &asset.publish.entry;
    for file in &asset.publish.files {
        let _ = writeln!(out, "  → {}", file.path);
    }
    let _ = writeln!(out, "  key {} in {} ({})", entry.key, entry.section.join("."), entry.kind);
    if let Some(description) = &entry.description {
        let _ = writeln!(out, "  description {description}");
    }
    for (name, value) in &entry.fields {
        let _ = writeln!(out, "  field {name} = {value}");
    }
    if asset.metadata != crate::spec::Metadata::default() {
        let _ = writeln!(out, "  {:?}", asset.metadata);
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/spec");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of cases is there")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn cases_give_what_stands_beside_them() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for path in cases() {
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let name = path.file_stem().expect("a case has a name").to_string_lossy().into_owned();
        let rendered = Project::new(&format!("specs/{name}.yaml"), &text).rendered();
        let expected_path = path.with_extension("txt");
        if update {
            std::fs::write(&expected_path, &rendered).expect("a writable expectation");
            continue;
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if expected != rendered {
            wrong.push(format!("{name}: expected\n{expected}\ngot\n{rendered}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn origins_name_the_place_and_the_layer_of_each_field() {
    let project = Project::new(
        "specs/a.yaml",
        "defaults:\n  post_processing:\n    - { action: trim }\n    - { action: resize, dimensions: 8x8 }\nspecs:\n  - { id: cup, prompt: A cup, n: 2, generation: { provider: openai } }\n#### Assetfile.yaml\nversion: 1.0\ndefaults: { image: { prompt: { parameters: { size: 64x64 } } } }\n",
    );
    let (assets, diagnostics) = project.run();
    assert_eq!(diagnostics, []);
    let origin = |path: &str| {
        let (span, via) = assets[0].origins.find(path).expect("every field has an origin");
        (project.sources.snippet(span).to_owned(), project.sources.place(span), via)
    };
    let line = |text: &str, place: &str, via| (text.to_owned(), place.to_owned(), via);
    assert_eq!(
        origin("post_processing[1].dimensions"),
        line("8x8", "specs/a.yaml:4", Via::FileDefaults)
    );
    assert_eq!(
        origin("prompt.parameters.size"),
        line("64x64", "Assetfile.yaml:2", Via::ProjectDefaults)
    );
    assert_eq!(origin("prompt.base"), line("A cup", "specs/a.yaml:6", Via::Spec));
    assert_eq!(origin("generation.variations"), line("2", "specs/a.yaml:6", Via::Spec));
    // What nobody wrote is found at its nearest parent.
    assert_eq!(
        origin("post_processing[0].margin").1,
        project.sources.place(assets[0].origins.0["post_processing[0]"].0)
    );
}

#[test]
fn an_expansion_says_what_else_it_depends_on() {
    let project = Project::new(
        "specs/a.yaml",
        "{ use: icon, each: { files: 'art/*.svg' } }\n---\n{ use: nowhere }\n---\n{ id: cup, generation: { provider: openai }, prompt: { base: x, styles: [night] }, reference: { file: art/a.png } }\n#### specs/t.yaml\n{ template: icon, generation: { provider: svg, source: '{{path}}' } }\n#### art/b.svg\n#### Assetfile.yaml\nversion: 1.0\nstyles: { base: b.md, night: n.md }\n",
    );
    let used = project.expand().remove(0).used;
    let words = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    assert_eq!(words(&used.templates), ["icon", "nowhere"]);
    assert_eq!(words(&used.styles), ["base", "night"]);
    assert_eq!(words(&used.globs), ["art/*.svg"]);
    let files: Vec<&str> = used.files.iter().map(RelPath::as_str).collect();
    assert_eq!(files, ["art/a.png", "art/b.svg"]);
}

#[test]
fn one_use_gives_at_most_a_thousand_assets() {
    let list = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let project = |count: usize| {
        Project::new(
            "specs/a.yaml",
            &format!(
                "{{ template: t, parameters: [{{ name: a }}, {{ name: b }}, {{ name: c }}], generation: {{ provider: synth, preset: blip }} }}\n---\n{{ use: t, matrix: {{ a: [{}], b: [{}], c: [x] }} }}\n",
                list(count),
                list(20)
            ),
        )
    };
    let (assets, diagnostics) = project(50).run();
    assert_eq!((assets.len(), diagnostics.len()), (1000, 0));
    let (assets, diagnostics) = project(51).run();
    assert_eq!(assets.len(), 0);
    assert_eq!(diagnostics[0].code, "spec::too_many");
}

#[test]
fn every_known_error_of_a_case_has_help() {
    for path in cases() {
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let (_, diagnostics) = Project::new("specs/case.yaml", &text).run();
        for found in diagnostics.iter().filter(|found| found.code != "yaml::syntax") {
            assert!(found.help.is_some() || found.code.starts_with("yaml::"), "{found:?}");
            assert!(!found.labels.is_empty(), "{found:?}");
            assert!(!found.message.ends_with('.'), "{found:?}");
        }
    }
}
