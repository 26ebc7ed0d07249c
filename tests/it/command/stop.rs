//! Ctrl-C, `kill -9` and a second build while a program runs.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::{COPY, Pipe, assert_nothing_left, counted, project, runs, spec, start};
use crate::support::Project;

/// A project whose program says that it runs, waits to be let go, and would say that it survived.
fn slow_project() -> (Project, Pipe, Pipe) {
    let project = project("", "");
    let (said, go) = (Pipe::new(&project, "said"), Pipe::new(&project, "go"));
    let script = format!(
        "exec 9>'{}'\necho begun >&9\nread word < '{}'\necho \"$word\" >&9\n{COPY}",
        said.0.display(),
        go.0.display()
    );
    project.write("specs/coin.yaml", spec(&counted(&project, &script), ""));
    (project, said, go)
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).expect("the child lives");
}

#[test]
fn the_first_interrupt_lets_a_program_finish() {
    let (project, said, go) = slow_project();
    let mut child = start(&project, &[]);
    let mut words = said.open();
    assert_eq!(Pipe::line(&mut words), "begun");
    interrupt(&child);
    let mut notices = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    assert!(notices.next().expect("a line").expect("text").contains("finishing what was begun"));
    std::fs::write(&go.0, "go\n").expect("a pipe");
    assert_eq!(Pipe::rest(words), "go\n");
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    assert!(project.has("assets/coin.png"), "what was made is published");
    assert_nothing_left(&project);
    project.succeed(&["--check"]);
}

#[test]
fn the_second_interrupt_ends_the_program() {
    let (project, said, go) = slow_project();
    let mut child = start(&project, &[]);
    let mut words = said.open();
    assert_eq!(Pipe::line(&mut words), "begun");
    // Opens when the program reads, which then waits for a word.
    let held = File::options().write(true).open(&go.0).expect("a pipe");
    interrupt(&child);
    let mut notices = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    assert!(notices.next().expect("a line").expect("text").contains("finishing what was begun"));
    interrupt(&child);
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    drop(held);
    assert_eq!(Pipe::rest(words), "", "nothing that it started goes on");
    finish_after_all(&project, &["failed", "settled"]);
}

#[test]
fn the_next_build_cleans_up_after_one_that_was_killed() {
    let (project, said, go) = slow_project();
    let mut child = start(&project, &[]);
    let mut words = said.open();
    assert_eq!(Pipe::line(&mut words), "begun");
    // Opens when the program reads, which then waits for a word.
    let held = File::options().write(true).open(&go.0).expect("a pipe");
    child.kill().expect("the child lives");
    child.wait().expect("a child");
    let left = std::fs::read_dir(project.path(".assetcache/tmp")).expect("a folder").count();
    assert_eq!(left, 1, "nobody could clean up");
    finish_after_all(&project, &["failed", "settled"]);
    drop(held);
    if cfg!(target_os = "linux") {
        assert_eq!(Pipe::rest(words), "", "the program was ended");
    }
}

/// Builds with a program that does not wait, and looks at what the journal says.
fn finish_after_all(project: &Project, states: &[&str]) {
    // The same request: what changes is a file outside of it.
    let go = project.path("go");
    std::fs::remove_file(&go).expect("a pipe");
    std::fs::remove_file(project.path("said")).expect("a pipe");
    std::fs::write(&go, "go\n").expect("a file");
    assert_eq!(project.run(&["--check"]).code, 3);
    project.succeed(&[]);
    project.succeed(&["--check"]);
    assert_nothing_left(project);
    assert_eq!(runs(project), 2);
    let mut found: Vec<String> = project
        .files(".assetcache/paid/purchases")
        .iter()
        .filter(|path| path.ends_with(".toml"))
        .map(|path| {
            let receipt: toml::Table = project.read(path).parse().expect("TOML");
            receipt["state"].as_str().expect("a state").to_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, states);
}

#[test]
fn two_builds_at_once_run_a_program_once() {
    let (project, said, go) = slow_project();
    let first = start(&project, &[]);
    let mut words = said.open();
    assert_eq!(Pipe::line(&mut words), "begun");
    let mut second = start(&project, &["--format", "ndjson"]);
    let mut events = BufReader::new(second.stdout.take().expect("it is piped")).lines();
    let started = events.any(|line| line.expect("text").contains("action_started"));
    assert!(started, "the second build is at work");
    std::fs::write(&go.0, "go\n").expect("a pipe");
    assert_eq!(Pipe::rest(words), "go\n");
    for child in [first, second] {
        let output = child.wait_with_output().expect("a child");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(runs(&project), 1);
    assert_eq!(project.read("assetbuild.lock").matches("provider = \"command\"").count(), 1);
    project.succeed(&["--check"]);
    assert_nothing_left(&project);
}
