//! Random edits and mistakes while a watch looks on: it leaves nothing for a build to do.

use std::collections::BTreeMap;

use super::world::World;
use super::{rounds, seed, tell};
use crate::support::Project;
use crate::watch::Watch;

/// The lock, the manifest and all published files.
fn outcome(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut paths = project.files("assets");
    paths.push("assetbuild.lock".to_owned());
    let read = |path: String| {
        let bytes = project.read_bytes(&path);
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn a_watch_leaves_what_a_build_from_scratch_makes() {
    let (rounds, seed) = (rounds(10), seed(3));
    let mut world = World::new(seed, 10);
    let mut watch = Watch::start(&world.project, &[]);
    for round in 0..rounds {
        let edits = 1 + world.random.below(4);
        let mut done: Vec<&str> = (0..edits).map(|_| world.edit()).collect();
        let is_spoiled = world.random.below(2) == 0;
        if is_spoiled {
            done.push("spoil a spec");
            world.spoil_spec();
        }
        tell(&format!("seed {seed}, round {round}: {}", done.join(", ")));
        watch.settle(&world.project);
        if is_spoiled {
            let beside = world.edit_beside_specs();
            tell(&format!("seed {seed}, round {round}: {beside}, mend the spec"));
            watch.settle(&world.project);
            world.mend_specs();
            watch.settle(&world.project);
        }
        let left = outcome(&world.project);
        let build = world.project.run(&[]);
        let made = outcome(&world.project);
        for (path, bytes) in &made {
            assert!(left.get(path) == Some(bytes), "{path}\n{}", world.project.shown(&build));
        }
        assert_eq!(left.len(), made.len());
        world.check_kept(&build);
        world.settle();
        world.check_like_from_scratch();
        // Somebody else built meanwhile.
        watch.settle(&world.project);
    }
}
