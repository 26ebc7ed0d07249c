//! Ctrl-C or SIGTERM: once to finish what was begun and publish it, twice to stop at once.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::world::check_outputs;
use crate::support::Project;

const ASSETS: usize = 12;

#[test]
fn the_first_interrupt_finishes_and_publishes_what_was_begun() {
    first_signal(Signal::INT);
}

#[test]
fn a_supervisor_that_ends_the_process_is_heard_as_ctrl_c_is() {
    first_signal(Signal::TERM);
}

fn first_signal(signal: Signal) {
    let project = slow_project();
    let mut child = start(&project, &[]);
    let mut events = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let finished = |line: &String| line.contains("action_finished") && line.contains("process");
    let seen = events.by_ref().map(|line| line.expect("text")).filter(finished).take(2).count();
    assert_eq!(seen, 2, "two assets were finished");
    send(signal, &child);
    let rest: Vec<String> = events.map(|line| line.expect("text")).collect();
    assert_eq!(child.wait().expect("a child").code(), Some(130), "{rest:#?}");

    let published = check_outputs(&project).len();
    assert!((2..ASSETS).contains(&published), "{published} assets are published");
    assert_eq!(project.run(&["--check"]).code, 3);
    let ran = project.actions(&[]);
    let generated = ran.iter().filter(|action| action.starts_with("generate")).count();
    assert_eq!(generated, ASSETS - published, "what was finished is not made again: {ran:#?}");
    project.succeed(&["--check"]);
    assert_eq!(check_outputs(&project).len(), ASSETS);
}

#[test]
fn an_interrupt_is_told_from_a_failure_that_stops_the_run() {
    let project = slow_project();
    let mut child = start(&project, &["--fail-fast"]);
    let mut events = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let seen = events.find(|line| line.as_ref().expect("text").contains("action_finished"));
    assert!(seen.is_some(), "an action was finished");
    interrupt(&child);
    let rest: Vec<String> = events.map(|line| line.expect("text")).collect();
    assert_eq!(child.wait().expect("a child").code(), Some(130), "{rest:#?}");
}

#[test]
fn the_second_interrupt_stops_at_once() {
    let project = slow_project();
    let mut child = start(&project, &[]);
    let mut events = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let started = events.any(|line| line.expect("text").contains("action_started"));
    assert!(started, "work has begun");
    interrupt(&child);
    let mut notices = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut notice = String::new();
    notices.read_line(&mut notice).expect("a line");
    assert!(notice.contains("interrupted"), "{notice}");
    interrupt(&child);
    let stopped = Instant::now();
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    assert!(stopped.elapsed() < Duration::from_secs(2), "it stopped at once");
    let mut rest = String::new();
    notices.read_to_string(&mut rest).expect("text");
    assert!(!rest.contains("panicked"), "{rest}");
    project.succeed(&[]);
    project.succeed(&["--check"]);
    assert_eq!(check_outputs(&project).len(), ASSETS);
}

/// Drawings that take a while each.
fn slow_project() -> Project {
    let circles: String = (0..40)
        .map(|at| {
            format!("<circle cx=\"50\" cy=\"{at}\" r=\"40\" fill=\"url(#g)\" opacity=\"0.1\"/>")
        })
        .collect();
    let drawing = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 100\"><defs>\
         <radialGradient id=\"g\"><stop offset=\"0\" stop-color=\"{{{{fill}}}}\"/>\
         <stop offset=\"1\" stop-color=\"#000\"/></radialGradient></defs>{circles}</svg>"
    );
    let mut specs = "defaults:\n  generation: { type: image, provider: svg, \
                     source: art/slow.svg, size: 700x700 }\nspecs:\n"
        .to_owned();
    for number in 0..ASSETS {
        specs += &format!(
            "  - {{ id: slow-{number}, generation: {{ vars: {{ fill: \"#{number:06x}\" }} }} }}\n"
        );
    }
    Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/slow.yaml", &specs),
        ("art/slow.svg", &drawing),
    ])
}

fn start(project: &Project, more: &[&str]) -> Child {
    let mut command = project.command(&[&["-j", "1", "--format", "ndjson"], more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

fn interrupt(child: &Child) {
    send(Signal::INT, child);
}

fn send(signal: Signal, child: &Child) {
    kill_process(Pid::from_child(child), signal).expect("the child lives");
}
