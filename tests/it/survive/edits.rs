//! Random edits: what a build leaves after any history equals what it makes from nothing.

use super::world::World;
use super::{rounds, seed, tell};
use crate::support::Project;

#[test]
fn incremental_builds_equal_builds_from_scratch() {
    let (rounds, seed) = (rounds(25), seed(1));
    let mut world = World::new(seed, 10);
    world.settle();
    for round in 0..rounds {
        let edits = 1 + world.random.below(4);
        let done: Vec<&str> = (0..edits).map(|_| world.edit()).collect();
        if world.random.once_in(4) {
            // Only a part is built at first.
            let id = world.random.clone().pick(&world.ids()).clone();
            let output = world.project.run(&[&id]);
            assert!([0, 1].contains(&output.code), "{}", world.project.shown(&output));
            world.check_kept(&output);
        }
        tell(&format!("seed {seed}, round {round}: {}", done.join(", ")));
        world.settle();
        world.check_like_from_scratch();
    }
}

const COIN: &str = "id: coin\ngeneration: { type: image, provider: placeholder, size: 8x8 }\n";

#[test]
fn an_edited_entry_of_a_renamed_asset_stays_and_the_new_one_is_owned() {
    let project = Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n")]);
    // A size only: the drawing of a placeholder depends on the id.
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><rect width=\"1\" height=\"1\"/></svg>";
    project.write("art/dot.svg", svg);
    let spec =
        "id: dot\ngeneration: { type: image, provider: svg, source: art/dot.svg, size: 8x8 }\n";
    project.write("specs/dot.yaml", spec);
    project.succeed(&[]);
    project.edit("assets/manifest.json", "dot.png", "mine.png");
    project.edit("specs/dot.yaml", "id: dot", "id: spot");
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    let manifest = project.read("assets/manifest.json");
    assert!(manifest.contains("mine.png") && manifest.contains("spot.png"), "{manifest}");
    assert!(project.read("assetbuild.lock").contains("\"spot\""), "the new entry is owned");
    project.succeed(&[]);
    project.remove("specs/dot.yaml");
    project.succeed(&["prune"]);
    let manifest = project.read("assets/manifest.json");
    assert!(manifest.contains("mine.png") && !manifest.contains("spot.png"), "{manifest}");
}

#[test]
fn an_entry_of_a_person_in_the_place_of_an_assets_is_told_at_every_build() {
    let project =
        Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/coin.yaml", COIN)]);
    let manifest = "{ \"assets\": { \"images\": { \"coin\": { \"path\": \"mine.png\" } } } }";
    project.write("assets/manifest.json", manifest);
    for _ in 0..2 {
        let output = project.run(&[]);
        assert_eq!(output.code, 1, "{}", project.shown(&output));
        assert_eq!(project.read("assets/manifest.json"), manifest);
        assert_eq!(project.run(&["--check"]).code, 3);
    }
    project.write("assets/manifest.json", "{}");
    project.succeed(&[]);
    project.succeed(&["--check"]);
}

#[test]
fn a_place_that_a_removed_asset_leaves_is_taken_after_a_build_of_something_else() {
    let spec = |id: &str, size: &str| {
        format!(
            "id: {id}\ngeneration: {{ type: image, provider: placeholder, size: {size} }}\n\
             integration: {{ manifest_path: images/place.png }}\n"
        )
    };
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/coin.yaml", COIN),
        ("specs/place.yaml", &spec("before", "8x8")),
    ]);
    project.succeed(&[]);
    project.write("specs/place.yaml", spec("after", "9x9"));
    project.edit("specs/coin.yaml", "8x8", "9x9");
    project.succeed(&["coin"]);
    project.succeed(&[]);
    project.succeed(&["prune"]);
    project.succeed(&["--check"]);
    assert!(!project.read("assetbuild.lock").contains("before"), "the old block gave way");
    assert!(project.has("assets/images/place.png"), "the file is the new asset's");
}

#[test]
fn an_entry_that_was_missing_when_something_else_was_built_is_written() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/coin.yaml", COIN),
        ("specs/gem.yaml", &COIN.replace("coin", "gem")),
    ]);
    project.succeed(&[]);
    project.write("assets/manifest.json", "{}");
    project.edit("specs/coin.yaml", "8x8", "9x9");
    project.succeed(&["coin"]);
    assert_eq!(project.run(&["--check"]).code, 3);
    project.succeed(&[]);
    assert!(project.read("assets/manifest.json").contains("gem.png"));
}
