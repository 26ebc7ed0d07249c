//! Several builds of one project at once.

use std::process::{Child, Output, Stdio};

use super::world::World;
use super::{rounds, seed, tell};

#[test]
fn builds_of_one_tree_at_once_agree() {
    let (rounds, seed) = (rounds(4), seed(11));
    let mut world = World::new(seed, 14);
    for round in 0..rounds {
        (0..3).for_each(|_| {
            world.edit_spec_or_source();
        });
        let builds = start_builds(&mut world);
        for (arguments, output) in ends(builds) {
            let errors = String::from_utf8_lossy(&output.stderr);
            // Two assets exchanged their places, and only one of them was selected.
            let waits = !arguments.is_empty() && errors.contains("belongs to");
            let code = output.status.code();
            assert!(
                code == Some(0) || waits && code == Some(1),
                "seed {seed}, round {round}, {arguments:?}\n{errors}"
            );
        }
        world.settle();
    }
    world.check_like_from_scratch();
}

#[test]
fn edits_between_builds_that_run_at_once_end_well() {
    let (rounds, seed) = (rounds(4), seed(12));
    let mut world = World::new(seed, 14);
    let mut codes = [0; 3];
    for round in 0..rounds {
        let mut builds = Vec::new();
        for _ in 0..3 {
            let edit = world.edit_spec_or_source();
            for (arguments, child) in start_builds(&mut world) {
                builds.push(([arguments, vec![edit.to_owned()]].concat(), child));
            }
        }
        for (arguments, output) in ends(builds) {
            // A spec may be read while it is written, and what a build saw may be old by the
            // time it publishes: then it says so. It never ends in any other way.
            let code = output.status.code().and_then(|code| usize::try_from(code).ok());
            let count = code.and_then(|code| codes.get_mut(code));
            let errors = String::from_utf8_lossy(&output.stderr);
            *count.unwrap_or_else(|| {
                panic!("seed {seed}, round {round}, {arguments:?}: {}\n{errors}", output.status)
            }) += 1;
            assert!(!errors.contains("panicked"), "{errors}");
        }
        world.settle();
    }
    world.check_like_from_scratch();
    tell(&format!("seed {seed}: {codes:?} builds ended with 0, 1, 2"));
}

type Started = Vec<(Vec<String>, Child)>;

/// Two to six builds, of everything or of a few assets.
fn start_builds(world: &mut World) -> Started {
    let count = 2 + world.random.below(5);
    let ids = world.ids();
    (0..count)
        .map(|_| {
            let named = [0, 0, 1, 4][world.random.below(4)];
            let arguments: Vec<String> =
                (0..named).map(|_| world.random.pick(&ids).clone()).collect();
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut command = world.project.command(&words);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            (arguments, command.spawn().expect("the binary runs"))
        })
        .collect()
}

fn ends(builds: Started) -> Vec<(Vec<String>, Output)> {
    let end = |child: Child| child.wait_with_output().expect("a child");
    builds.into_iter().map(|(arguments, child)| (arguments, end(child))).collect()
}
