//! Which specs are read again when something that they share is edited.

use super::*;

const NONE: [&str; 0] = [];
const GEM: &str = "template: stone
parameters: [{ name: tone, type: string }]
generation: { type: image, provider: svg, source: gem.svg, size: 8x8 }
";

/// `coin` by itself, `ruby` and `opal` by the template `stone`, `wave` by the template `blank`, and
/// `hero`.
fn project() -> Project {
    let project = Project::new();
    project.remove("specs/gem.yaml");
    project.write("Assetfile.yaml", "version: \"1.0\"\nstyles: { night: night.md, day: day.md }\n");
    project.write("night.md", "Dark.\n");
    project.write("day.md", "Bright.\n");
    project.write("specs/kinds.yaml", GEM);
    project.write("specs/ruby.yaml", "use: stone\nid: ruby\ntone: deep\n");
    project.write("specs/opal.yaml", "use: stone\nid: opal\ntone: pale\n");
    project.write(
        "specs/other.yaml",
        "template: blank\ngeneration: { type: image, provider: placeholder, size: 4x4 }\n---\n\
         use: blank\nid: wave\n",
    );
    project.write(
        "specs/hero.yaml",
        "id: hero\ngeneration: { type: image, provider: placeholder, size: 4x4 }\n",
    );
    settle(&project);
    project
}

/// As `project`, where `hero` asks a provider with the style `night`, and its old file is kept.
fn project_with_request() -> Project {
    let project = project();
    project.write(
        "specs/hero.yaml",
        "id: hero\ngeneration: { type: image, provider: openai }\n\
         prompt: { base: A hero, styles: [night] }\n",
    );
    maintain::keep(&project.open(), &project.prepare(), "it will do").expect("it was built");
    settle(&project);
    project
}

/// Builds until nothing is left to do and every file is older than the record.
fn settle(project: &Project) {
    while !awake(project).is_empty() || project.prepare().loaded.asleep.is_none() {
        assert!(!project.build(|| {}).failed());
    }
}

/// Ids of the assets that were loaded, sorted.
fn awake(project: &Project) -> Vec<String> {
    let prepared = project.prepare();
    let mut ids: Vec<String> =
        prepared.loaded.assets.iter().map(|asset| asset.id.clone()).collect();
    ids.sort();
    ids
}

/// Builds what changed and compares with a build from nothing.
fn build_and_compare(project: &Project) {
    settle(project);
    let root = project.0.path();
    let outcome = || {
        let mut files = vec![project.read("assetbuild.lock"), project.read("assets/manifest.json")];
        for id in ["coin", "ruby", "opal", "wave", "hero"] {
            files.extend(fs::read(root.join(format!("assets/{id}.png"))));
        }
        files
    };
    let left = outcome();
    fs::remove_dir_all(root.join(".assetcache")).expect("a cache");
    fs::remove_dir_all(root.join("assets")).expect("assets");
    fs::remove_file(root.join("assetbuild.lock")).expect("a lock");
    settle(project);
    assert!(left == outcome(), "it differs from a build from nothing");
}

#[test]
fn a_template_wakes_those_that_use_it() {
    let project = project();
    project.write("specs/kinds.yaml", &GEM.replace("8x8", "9x9"));
    assert_eq!(awake(&project), ["opal", "ruby"]);
    build_and_compare(&project);
    // What is beside a template in its file is read with it.
    project.write(
        "specs/other.yaml",
        "template: blank\ngeneration: { type: image, provider: placeholder, size: 6x6 }\n---\n\
         use: blank\nid: wave\n",
    );
    assert_eq!(awake(&project), ["wave"]);
    build_and_compare(&project);
}

#[test]
fn a_template_that_moves_to_another_file_stays_what_it_is() {
    let project = project();
    project.write("specs/a.yaml", GEM);
    let duplicate = project.prepare();
    assert!(duplicate.has_errors(), "two templates of a name");
    project.remove("specs/kinds.yaml");
    assert_eq!(awake(&project), ["opal", "ruby"]);
    settle(&project);
    project.write("specs/a.yaml", &GEM.replace("8x8", "9x9"));
    assert_eq!(awake(&project), ["opal", "ruby"]);
    build_and_compare(&project);
}

#[test]
fn a_template_that_is_gone_or_renamed_is_missed_by_those_that_use_it() {
    let project = project();
    let missed = |prepared: &Prepared| {
        let found = prepared.loaded.diagnostics.iter();
        found.filter(|one| one.code == "spec::unknown_template").count()
    };
    project.remove("specs/kinds.yaml");
    assert_eq!(missed(&project.prepare()), 2);
    project.write("specs/kinds.yaml", &GEM.replace("stone", "rock"));
    assert_eq!(missed(&project.prepare()), 2);
    project.write("specs/kinds.yaml", GEM);
    assert_eq!(awake(&project), NONE);
}

#[test]
fn a_template_that_nobody_uses_wakes_nobody() {
    let project = project();
    project.write("specs/more.yaml", &GEM.replace("stone", "rock"));
    assert_eq!(awake(&project), NONE);
    settle(&project);
    project.write("specs/more.yaml", &GEM.replace("stone", "cliff"));
    assert_eq!(awake(&project), NONE);
    settle(&project);
    project.write("specs/coin.yaml", "use: cliff\nid: coin\ntone: grey\n");
    assert_eq!(awake(&project), ["coin"]);
    project.remove("specs/more.yaml");
    assert!(project.prepare().has_errors(), "coin has no template");
    project.write("specs/more.yaml", &GEM.replace("stone", "cliff"));
    build_and_compare(&project);
}

#[test]
fn a_style_wakes_those_that_name_it() {
    let project = project_with_request();
    project.write("day.md", "Very bright.\n");
    assert_eq!(awake(&project), NONE);
    project.write("night.md", "Very dark.\n");
    assert_eq!(awake(&project), ["hero"]);
    assert_eq!(project.state("hero"), Some(State::Blocked), "it has no key to be bought with");
    project.write("night.md", "Dark.\n");
    settle(&project);
    // That one is missing is told whoever uses it.
    project.remove("day.md");
    assert!(project.prepare().has_errors());
}

#[test]
fn a_font_wakes_drawings() {
    let project = project();
    let font = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/generate/fonts");
        fs::read(format!("{folder}/{name}")).expect("a shipped font")
    };
    let text = "version: \"1.0\"\nstyles: { night: night.md, day: day.md }\nfonts: [own.otf]\n";
    project.write("Assetfile.yaml", text);
    fs::write(project.0.path().join("own.otf"), font("Karla-Regular.otf")).expect("writable");
    settle(&project);
    let mut other = font("Karla-Regular.otf");
    other.push(0);
    fs::write(project.0.path().join("own.otf"), other).expect("writable");
    assert_eq!(awake(&project), ["coin", "opal", "ruby"]);
    build_and_compare(&project);
    project.remove("own.otf");
    assert!(project.prepare().has_errors());
}

#[test]
fn a_setting_that_is_of_no_concern_to_assets_wakes_nobody() {
    let project = project();
    let text = String::from_utf8(project.read("Assetfile.yaml")).expect("text");
    project.write("Assetfile.yaml", &format!("{text}budget: {{ daily: 5.00 }}\n"));
    assert_eq!(awake(&project), NONE);
    project.build(|| {});
    let record = project.open().record().expect("a record");
    let recorded = record.inputs_at("Assetfile.yaml").next().expect("it was read").recorded;
    assert_eq!(recorded.digest, Digest::of(&project.read("Assetfile.yaml")));
    // One that is not known is told.
    project.write("Assetfile.yaml", &format!("{text}bugdet: {{ daily: 5.00 }}\n"));
    assert!(project.prepare().has_errors());
    project.write("Assetfile.yaml", &format!("{text}budget: {{ providers: {{ opnai: {{}} }} }}\n"));
    assert!(project.prepare().has_errors());
    // One that concerns them is seen to.
    let sizes = "defaults: { image: { post_processing: [{ action: resize, dimensions: 2x2 }] } }\n";
    project.write("Assetfile.yaml", &format!("{text}{sizes}"));
    assert_eq!(awake(&project), ["coin", "hero", "opal", "ruby", "wave"]);
    build_and_compare(&project);
}

#[test]
fn an_entry_that_somebody_edits_wakes_its_asset() {
    let project = project();
    let manifest = String::from_utf8(project.read("assets/manifest.json")).expect("text");
    // Another person's entry.
    let entry = "\"coin\": {";
    assert!(manifest.contains(entry), "{manifest}");
    let with_hand = manifest.replace(entry, &format!("\"hand\": {{ \"by\": \"hand\" }},\n{entry}"));
    project.write("assets/manifest.json", &with_hand);
    assert_eq!(awake(&project), NONE);
    settle(&project);
    assert_eq!(project.read("assets/manifest.json"), with_hand.as_bytes());
    project.write("assets/manifest.json", &with_hand.replace("coin.png", "other.png"));
    assert_eq!(awake(&project), ["coin"]);
    assert_eq!(project.state("coin"), Some(State::Drifted));
    project.build(|| {});
    assert_eq!(awake(&project), ["coin"], "it is told every time");
    project.write("assets/manifest.json", &manifest);
    settle(&project);
    project.remove("assets/manifest.json");
    assert_eq!(awake(&project), ["coin", "hero", "opal", "ruby", "wave"]);
    build_and_compare(&project);
}

#[test]
fn mistakes_in_what_concerns_no_asset_are_told_all_the_same() {
    let project = project();
    let text = String::from_utf8(project.read("Assetfile.yaml")).expect("text");
    let codes = |text: &str| {
        project.write("Assetfile.yaml", text);
        let prepared = project.prepare();
        prepared.loaded.diagnostics.iter().map(|one| one.code).collect::<Vec<_>>()
    };
    assert_eq!(
        codes(&format!("{text}retired_models: {{ dall-e-3: gpt-imag-2 }}\n")),
        ["config::unknown_model"]
    );
    assert_eq!(codes(&text), NONE);
    // Styles that nothing uses.
    let root = project.0.path();
    fs::write(root.join("day.md"), b"caf\xe9").expect("writable");
    assert_eq!(codes(&text), ["yaml::encoding"]);
    project.write("day.md", "Another day.\n");
    project.build(|| {});
    let record = project.open().record().expect("a record");
    let recorded = record.inputs_at("day.md").next().expect("it was read").recorded;
    assert_eq!(recorded.digest, Digest::of(b"Another day.\n"), "it is not read again each time");
    // A second template of a name has other parameters.
    let other = GEM.replace("name: tone", "name: hue");
    project.write("specs/a.yaml", &other);
    let found = codes(&text).len();
    fs::remove_dir_all(root.join(".assetcache")).expect("a cache");
    assert_eq!((found, codes(&text).len()), (3, 3), "as many as without a record");
}
