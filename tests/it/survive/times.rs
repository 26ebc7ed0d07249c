//! Times that lie: clocks that jump, tools that set times back, edits within one tick.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::support::Project;

const YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
const FILES: [&str; 5] =
    ["specs/dot.yaml", "art/dot.svg", "assets/dot.png", "assets/manifest.json", "assetbuild.lock"];

#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
    for path in ["specs/dot.yaml", "art/dot.svg"] {
        let project = built();
        project.succeed(&[]);
        let time = modified(&project, path);
        project.edit(path, "111111", "222222");
        set_modified(&project, path, time);
        assert_eq!(project.run(&["--check"]).code, 3, "{path}");
        project.succeed(&[]);
        project.succeed(&["--check"]);
    }
    let project = built();
    project.succeed(&[]);
    let time = modified(&project, "assets/dot.png");
    let mut bytes = project.read_bytes("assets/dot.png");
    *bytes.last_mut().expect("a picture has bytes") ^= 1;
    project.write("assets/dot.png", &bytes);
    set_modified(&project, "assets/dot.png", time);
    assert_eq!(project.run(&["--check"]).code, 3, "an edited picture is seen");
    assert_eq!(project.run(&[]).code, 1);
    assert!(project.read_bytes("assets/dot.png") == bytes, "and kept");
}

#[test]
fn files_from_the_future_and_the_past_are_no_reason_to_build() {
    let project = built();
    for time in [SystemTime::now() + YEARS, SystemTime::now() - YEARS, SystemTime::UNIX_EPOCH] {
        for path in FILES.iter().chain(&[".assetcache/clock", ".assetcache/snapshot"]) {
            if project.has(path) {
                set_modified(&project, path, time);
            }
        }
        project.succeed(&["--check"]);
        assert_eq!(project.actions(&[]), [""; 0]);
        project.edit("specs/dot.yaml", "111111", "333333");
        assert_eq!(project.run(&["--check"]).code, 3);
        project.succeed(&[]);
        project.edit("specs/dot.yaml", "333333", "111111");
        project.succeed(&[]);
        project.succeed(&["--check"]);
    }
}

#[test]
fn edits_within_one_tick_of_the_clock_are_seen() {
    let project = built();
    for round in 0..super::rounds(20) {
        let (from, to) = match round % 2 {
            0 => ("111111", "222222"),
            _ => ("222222", "111111"),
        };
        project.edit("specs/dot.yaml", from, to);
        project.succeed(&[]);
        // At once, of the same size, and before the next tick.
        project.edit("specs/dot.yaml", to, from);
        assert_eq!(project.run(&["--check"]).code, 3, "round {round}");
        project.edit("specs/dot.yaml", from, to);
        project.succeed(&["--check"]);
    }
}

#[test]
fn a_touched_project_builds_nothing() {
    let project = built();
    for path in FILES {
        let bytes = project.read_bytes(path);
        fs::remove_file(project.path(path)).expect("removable");
        project.write(path, bytes);
    }
    project.succeed(&["--check"]);
    assert_eq!(project.actions(&[]), [""; 0]);
}

fn built() -> Project {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        (
            "specs/dot.yaml",
            "id: dot\ngeneration: { type: image, provider: svg, source: art/dot.svg, size: 9x9, \
             vars: { fill: \"#111111\" } }\n",
        ),
        (
            "art/dot.svg",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">\
             <rect width=\"9\" height=\"9\" fill=\"{{fill}}\"/>\
             <rect width=\"3\" height=\"3\" fill=\"#111111\"/></svg>",
        ),
    ]);
    project.succeed(&[]);
    project
}

fn modified(project: &Project, path: &str) -> SystemTime {
    let metadata = fs::metadata(project.path(path)).expect("it is there");
    metadata.modified().expect("files have times here")
}

fn set_modified(project: &Project, path: &str, time: SystemTime) {
    let file = File::options().write(true).open(project.path(path)).expect("writable");
    file.set_modified(time).expect("times can be set");
}
