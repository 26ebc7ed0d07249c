//! A cache that is broken, gone, or something else: it is made again, and said so if that matters.

use std::fs;

use super::random::Random;
use super::world::check_outputs;
use super::{rounds, seed};
use crate::support::{Output, Project};

const STATE: &str = ".assetcache/state.redb";
const COIN: &str = "assets/coin.png";

#[test]
fn a_database_that_is_none_is_made_again() {
    for garbage in [&b""[..], b"x", b"no database\n", &[0; 4096], &[0xff; 70_000]] {
        let project = built();
        project.write(STATE, garbage);
        let output = rebuild(&project);
        if !garbage.is_empty() {
            assert!(said_so(&output), "{} bytes: {}", garbage.len(), project.shown(&output));
        }
        check_whole(&project);
    }
}

#[test]
fn a_folder_in_the_databases_place_is_moved_aside() {
    let project = built();
    project.remove(STATE);
    project.write(".assetcache/state.redb/file", "mine");
    let output = rebuild(&project);
    assert!(said_so(&output), "{}", project.shown(&output));
    check_whole(&project);
}

#[test]
fn a_database_that_is_cut_off_or_overwritten_is_made_again_or_read() {
    let mut random = Random::new(seed(21));
    let project = built();
    let whole = project.read_bytes(STATE);
    for round in 0..rounds(12) {
        let mut broken = whole.clone();
        let at = random.below(broken.len());
        match round % 3 {
            0 => broken.truncate(at),
            1 => {
                let end = broken.len().min(at + 1 + random.below(5000));
                broken[at..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
            }
            _ => broken[at] ^= 1 << random.below(8),
        }
        project.write(STATE, &broken);
        if random.once_in(2) {
            // As a writer leaves it that died.
            project.write(".assetcache/state.unclean", "");
        }
        let output = rebuild(&project);
        assert!(!output.stderr.contains("panicked"), "{}", project.shown(&output));
        check_whole(&project);
    }
}

#[test]
fn a_damaged_or_missing_blob_is_made_again() {
    let damages: [fn(&std::path::Path); 4] = [
        |path| fs::write(path, "").expect("writable"),
        |path| {
            let bytes = fs::read(path).expect("readable");
            fs::write(path, &bytes[..bytes.len() / 2]).expect("writable");
        },
        |path| {
            let mut bytes = fs::read(path).expect("readable");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).expect("writable");
        },
        |path| fs::remove_file(path).expect("removable"),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let project = built();
        let before = project.read_bytes(COIN);
        for path in blobs(&project) {
            fs::remove_file(project.path(COIN)).ok();
            damage(&project.path(&path));
        }
        let output = project.run(&[]);
        assert_eq!(output.code, 0, "damage {number}: {}", project.shown(&output));
        assert!(project.read_bytes(COIN) == before, "damage {number}");
        check_whole(&project);
    }
}

#[test]
fn a_broken_record_of_the_last_run_is_not_believed() {
    let mut random = Random::new(seed(22));
    let project = built();
    let path = ".assetcache/snapshot";
    for round in 0..rounds(12) {
        project.succeed(&[]);
        let mut bytes = if project.has(path) { project.read_bytes(path) } else { Vec::new() };
        let at = random.below(bytes.len().max(1));
        match round % 4 {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 => bytes = vec![0xff; 500],
            _ => bytes.extend_from_slice(b"more"),
        }
        project.write(path, &bytes);
        project.remove(COIN);
        assert_eq!(project.run(&["--check"]).code, 3, "round {round}: the coin is missing");
        rebuild(&project);
        check_whole(&project);
    }
    project.remove(path);
    project.write(".assetcache/snapshot/file", "a folder");
    rebuild(&project);
    check_whole(&project);
}

#[test]
fn other_things_in_the_places_of_the_cache_are_a_clear_error_or_harmless() {
    for path in [".assetcache/clock", ".assetcache/derived/CACHEDIR.TAG", ".assetcache/.gitignore"]
    {
        let project = built();
        fs::remove_file(project.path(path)).ok();
        project.write(&format!("{path}/file"), "a folder");
        rebuild(&project);
        check_whole(&project);
    }
    for path in [".assetcache/runs", ".assetcache/derived", ".assetcache/integrate.lock"] {
        let project = built();
        if fs::remove_dir_all(project.path(path)).is_err() {
            project.remove(path);
            project.write(&format!("{path}/file"), "a folder");
        } else {
            project.write(path, "a file");
        }
        project.edit("specs/coin.yaml", "8x8", "16x16");
        let output = project.run(&[]);
        let name = path.rsplit('/').next().expect("a name");
        assert!(
            output.code == 0 || output.code == 1 && output.stderr.contains(name),
            "{path}: {}",
            project.shown(&output)
        );
        if output.code == 1 {
            fs::remove_dir_all(project.path(".assetcache")).expect("removable");
            project.succeed(&[]);
        }
        check_whole(&project);
    }
}

#[test]
fn a_file_or_a_link_in_the_caches_place_is_a_clear_error() {
    let project = built();
    fs::remove_dir_all(project.path(".assetcache")).expect("removable");
    project.write(".assetcache", "mine");
    project.succeed(&["--check"]);
    project.edit("specs/coin.yaml", "8x8", "16x16");
    assert_eq!(project.run(&["--check"]).code, 3);
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains(".assetcache"), "{}", project.shown(&output));
    assert_eq!(project.read(".assetcache"), "mine");
    assert_eq!(check_outputs(&project).len(), 2);
    project.remove(".assetcache");
    project.succeed(&[]);
    check_whole(&project);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_in_the_caches_place_is_a_clear_error() {
    let project = built();
    fs::remove_dir_all(project.path(".assetcache")).expect("removable");
    std::os::unix::fs::symlink("/nowhere/at/all", project.path(".assetcache")).expect("a link");
    project.edit("specs/coin.yaml", "8x8", "16x16");
    assert_eq!(project.run(&["--check"]).code, 3);
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains(".assetcache"), "{}", project.shown(&output));
}

#[test]
fn the_cache_may_be_deleted_while_a_build_runs() {
    for round in 0..rounds(6) {
        let project = crowded();
        let mut child = super::kill::start_build(&project);
        let cache = project.path(".assetcache");
        while child.try_wait().expect("a child").is_none() {
            fs::remove_dir_all(&cache).ok();
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        let code = child.wait().expect("a child").code();
        assert!([Some(0), Some(1)].contains(&code), "round {round}: {code:?}");
        let check = project.run(&["--check"]);
        assert!([0, 3].contains(&check.code), "{}", project.shown(&check));
        project.succeed(&[]);
        check_whole(&project);
    }
}

#[test]
fn a_project_without_its_cache_is_fresh_and_builds_nothing() {
    let project = built();
    fs::remove_dir_all(project.path(".assetcache")).expect("removable");
    project.succeed(&["--check"]);
    assert_eq!(project.actions(&[]), [""; 0]);
}

/// A project with two small assets, built.
fn built() -> Project {
    let specs = "defaults:\n  generation: { type: image, provider: placeholder }\n\
                 specs:\n  - { id: coin, generation: { size: 8x8 } }\n\
                 \x20 - { id: gem, generation: { size: 9x9 } }\n";
    let project =
        Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/coin.yaml", specs)]);
    project.succeed(&[]);
    project
}

/// A project with many assets, not built.
fn crowded() -> Project {
    let mut specs =
        "defaults:\n  generation: { type: image, provider: placeholder, size: 200x200 }\nspecs:\n"
            .to_owned();
    for number in 0..30 {
        specs += &format!("  - {{ id: tile-{number} }}\n");
    }
    Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/tiles.yaml", &specs)])
}

/// Changes a size to and fro, and builds.
fn rebuild(project: &Project) -> Output {
    let spec = project.read("specs/coin.yaml");
    let (from, to) = if spec.contains("8x8") { ("8x8", "16x16") } else { ("16x16", "8x8") };
    project.edit("specs/coin.yaml", from, to);
    project.succeed(&[])
}

fn said_so(output: &Output) -> bool {
    output.stderr.contains("database was made again")
}

fn blobs(project: &Project) -> Vec<String> {
    let files = project.files(".assetcache/derived");
    files.into_iter().filter(|path| path.len() > 80).collect()
}

fn check_whole(project: &Project) {
    let check = project.run(&["--check"]);
    assert_eq!(check.code, 0, "{}", project.shown(&check));
    let outputs = check_outputs(project);
    assert_eq!(project.files("assets").len(), outputs.len() + 1, "{:?}", project.files("assets"));
    let again = project.run(&[]);
    assert_eq!(again.code, 0, "{}", project.shown(&again));
}
