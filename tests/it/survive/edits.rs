//! Random edits: what a build leaves after any history equals what it makes from nothing.

use super::world::World;
use super::{rounds, seed, tell};

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
