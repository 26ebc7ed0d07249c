//! What has to be told, or done, at every run, although nothing changed.

use super::*;

const LISTED: &str = "template: drawn
id: \"{{stem}}\"
generation: { type: image, provider: placeholder, size: 4x4 }
---
use: drawn
each: { files: \"art/*.svg\" }
";

/// Builds until nothing is left to do and every file is older than the record.
fn settle(project: &Project) {
    assert!(!project.build(|| {}).failed());
    while awake(&project.prepare()) != Some(vec![]) {
        assert!(!project.build(|| {}).failed());
    }
}

/// Ids of the assets that were loaded; none if everything was, for want of a record.
fn awake(prepared: &Prepared) -> Option<Vec<&str>> {
    prepared.loaded.asleep.as_ref()?;
    Some(prepared.loaded.assets.iter().map(|asset| asset.id.as_str()).collect())
}

/// As `prepare`, for somebody who tells what is left of assets that are gone.
fn look(project: &Project) -> Prepared {
    project.prepare_from(LastRun { finds_orphans: true, ..LastRun::compared(Digest::of(PROGRAM)) })
}

fn left_over(prepared: &Prepared) -> Option<Vec<(&str, &str)>> {
    let files = prepared.orphans.as_ref()?.files.iter();
    Some(files.map(|(path, id)| (path.as_str(), id.as_str())).collect())
}

#[test]
fn what_is_left_of_an_asset_is_found_when_somebody_asks_and_wakes_nobody() {
    let project = Project::new();
    settle(&project);
    project.remove("specs/gem.yaml");
    settle(&project);
    let idle = project.prepare();
    assert_eq!((awake(&idle), left_over(&idle)), (Some(vec![]), None));
    let asked = look(&project);
    let gem = vec![("assets/gem.png", "gem")];
    assert_eq!((awake(&asked), left_over(&asked)), (Some(vec![]), Some(gem.clone())));

    // A change looks for it, since it might take over what is left.
    project.draw("coin", GREEN);
    let changed = project.prepare();
    assert_eq!((awake(&changed), left_over(&changed)), (Some(vec!["coin"]), Some(gem)));
    settle(&project);
    assert_eq!(left_over(&look(&project)).map(|left| left.len()), Some(1));
    assert_eq!(awake(&project.prepare()), Some(vec![]));
}

#[test]
fn an_asset_takes_over_what_is_left_of_one_that_is_gone() {
    let project = Project::new();
    settle(&project);
    let spec = String::from_utf8(project.read("specs/gem.yaml")).expect("text");
    project.remove("specs/gem.yaml");
    settle(&project);
    project.write("specs/gem.yaml", &spec);
    let back = project.prepare();
    assert_eq!((awake(&back), left_over(&back)), (Some(vec!["gem"]), Some(vec![])));
    assert_eq!(project.state("gem"), Some(State::Fresh));
    settle(&project);
    assert_eq!((awake(&look(&project)), left_over(&look(&project))), (Some(vec![]), None));

    project.remove("specs/gem.yaml");
    settle(&project);
    project.write("specs/stone.yaml", &spec.replace("id: gem", "id: stone"));
    assert_eq!(awake(&project.prepare()), Some(vec!["stone"]));
    settle(&project);
    assert_eq!(left_over(&look(&project)), None, "its block has the new name");
    assert!(!project.0.path().join("assets/gem.png").exists());
}

#[test]
fn a_file_with_a_warning_is_read_by_every_run_and_no_other() {
    let project = Project::new();
    project.write("specs/listed.yaml", LISTED);
    settle(&project);
    let codes = |prepared: &Prepared| {
        let found = prepared.loaded.diagnostics.iter();
        found.map(|diagnostic| diagnostic.code).collect::<Vec<_>>()
    };
    let warned = project.prepare();
    assert_eq!(codes(&warned), ["spec::no_files"]);
    assert!(warned.loaded.units.keys().map(RelPath::as_str).eq(["specs/listed.yaml"]));
    assert_eq!(awake(&warned), Some(vec![]));
    assert!(project.build(|| {}).run.is_none(), "nothing was done");

    fs::create_dir(project.0.path().join("art")).expect("writable");
    project.write("art/ruby.svg", "<svg/>");
    assert_eq!(awake(&project.prepare()), Some(vec!["ruby"]));
    settle(&project);
    let mended = project.prepare();
    assert_eq!((codes(&mended), awake(&mended)), (vec![], Some(vec![])));
    assert!(mended.loaded.units.is_empty(), "nothing is read any more");
}

#[test]
fn what_an_asset_was_to_take_over_and_could_not_is_left_over() {
    let project = Project::new();
    settle(&project);
    let spec = String::from_utf8(project.read("specs/gem.yaml")).expect("text");
    project.write("specs/gem.yaml", &spec.replace("id: gem", "id: stone"));
    project.write("assets/stone.png", "a file of somebody else");
    for _ in 0..2 {
        assert!(project.build(|| {}).failed());
        assert_eq!(left_over(&look(&project)), Some(vec![]), "stone is to have it");
    }
    project.remove("specs/gem.yaml");
    let asked = look(&project);
    assert_eq!(
        (awake(&asked), left_over(&asked)),
        (Some(vec![]), Some(vec![("assets/gem.png", "gem")]))
    );
}
