//! Killed builds: whatever moment a build dies at, the next one repairs everything.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::world::{World, check_outputs, read_json};
use super::{rounds, seed, tell};
use crate::support::Project;

/// Builds between two full examinations.
const EVERY: usize = 4;

#[test]
fn a_build_after_kills_at_any_moment_repairs_everything() {
    let (rounds, seed) = (rounds(8), seed(7));
    let mut world = World::new(seed, 16);
    let (mut killed, mut ended, mut with_record) = (0, 0, 0);
    let mut usual = Duration::from_millis(80);
    let began = Instant::now();
    for round in 0..rounds {
        let edits = 1 + world.random.below(6);
        let done: Vec<&str> = (0..edits).map(|_| world.edit()).collect();
        // The first moments of a process are as likely as the last ones.
        let per_mille = u32::try_from(world.random.below(1200)).expect("small");
        let delay = usual * per_mille / 1000;
        let start = Instant::now();
        let mut child = start_build(&world.project);
        thread::sleep(delay);
        let is_dead = kill(&mut child);
        if is_dead {
            killed += 1;
        } else {
            ended += 1;
            // Half of the old value keeps one slow build from stretching all delays.
            usual = (usual + start.elapsed().min(delay)) / 2;
        }
        with_record += usize::from(world.project.has(".assetcache/runs/redo.json"));
        let check = world.project.run(&["--check"]);
        assert!(
            [0, 3].contains(&check.code),
            "round {round}, {done:?}, killed after {delay:?}\n{}",
            world.project.shown(&check)
        );
        world.check_kept(&check);
        if is_dead {
            usual = usual.max(delay + delay / 8);
        }
        if round % EVERY == EVERY - 1 {
            world.settle();
        }
    }
    world.settle();
    world.check_like_from_scratch();
    tell(&format!(
        "seed {seed}: {killed} builds killed, {with_record} of them while they published, \
         {ended} ended before; {:.1} s",
        began.elapsed().as_secs_f64()
    ));
}

#[test]
fn an_entry_that_a_person_writes_after_a_kill_in_the_commit_stays() {
    let mut hits = 0;
    let wanted = rounds(2);
    for attempt in 0..40.max(2 * u32::try_from(wanted).expect("small")) {
        let project = commit_heavy_project();
        if !kill_while_publishing(&project, attempt) {
            continue;
        }
        hits += 1;
        assert_eq!(project.run(&["--check"]).code, 3, "a commit that was cut off is not fresh");
        let mut manifest = read_json(&project);
        manifest["assets"]["images"]["byHand"] = serde_json::json!({ "path": "hand.png" });
        manifest["note"] = "kept".into();
        project.write("assets/manifest.json", format!("{manifest:#}\n"));
        project.succeed(&[]);
        let manifest = read_json(&project);
        assert_eq!(manifest["note"], "kept");
        let images = manifest["assets"]["images"].as_object().expect("a map");
        assert_eq!(images["byHand"]["path"], "hand.png");
        assert_eq!(images.len(), FILES + 1);
        assert_eq!(check_outputs(&project).len(), FILES);
        assert!(!project.has(".assetcache/runs/redo.json"));
        assert_eq!(project.files("assets").len(), FILES + 1, "no temp file is left");
        project.succeed(&["--check"]);
        if hits == wanted {
            break;
        }
    }
    tell(&format!("{hits} builds killed between the redo record and its removal"));
    assert!(hits > 0, "no build was killed while it published");
}

#[test]
fn a_file_that_a_person_writes_after_a_kill_in_the_commit_stays() {
    for attempt in 0..40 {
        let project = commit_heavy_project();
        if !kill_while_publishing(&project, attempt) {
            continue;
        }
        let path = "assets/images/tile_3.png";
        project.write(path, "drawn by hand");
        let output = project.run(&[]);
        assert_eq!(project.read(path), "drawn by hand", "{}", project.shown(&output));
        assert!(output.code == 1, "it is told: {}", project.shown(&output));
        assert!(output.stderr.contains("tile_3.png"), "{}", project.shown(&output));
        let output = project.run(&["--overwrite-drifted"]);
        if output.code != 0 {
            // Nobody had published there yet, so the file is the person's.
            project.remove(path);
            project.succeed(&[]);
        }
        project.succeed(&["--check"]);
        assert_eq!(check_outputs(&project).len(), FILES);
        return;
    }
    panic!("no build was killed while it published");
}

/// Published files of the project below.
const FILES: usize = 30;

/// Many small files, so that publishing takes longer than drawing.
fn commit_heavy_project() -> Project {
    let mut specs = "defaults:\n  generation: { type: image, provider: placeholder, size: 8x8 }\n\
                     \x20 integration: { manifest_path: \"images/{{id|snake}}.png\" }\nspecs:\n"
        .to_owned();
    for number in 0..FILES {
        specs += &format!("  - {{ id: tile-{number} }}\n");
    }
    Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/tiles.yaml", &specs),
        ("assets/manifest.json", "{\n  \"assets\": { \"images\": {} }\n}\n"),
    ])
}

/// Kills a build some time after its redo record appeared; false if it was through by then.
fn kill_while_publishing(project: &Project, attempt: u32) -> bool {
    let record = project.path(".assetcache/runs/redo.json");
    let mut child = start_build(project);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !record.exists() {
        if child.try_wait().expect("a child").is_some() || Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
    }
    thread::sleep(Duration::from_micros(u64::from(attempt * 700 % 9000)));
    kill(&mut child);
    record.exists()
}

pub(super) fn start_build(project: &Project) -> Child {
    let mut command = project.command(&[]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary runs")
}

/// Kills as `kill -9` does; false if the process had ended before.
fn kill(child: &mut Child) -> bool {
    if child.try_wait().expect("a child").is_some() {
        return false;
    }
    child.kill().expect("a child can be killed");
    let status = child.wait().expect("a child");
    status.code().is_none_or(|code| code != 0)
}
