//! `--watch`, as a designer sees it: what is saved is published, and nothing else happens.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::support::Project;

/// A watch at work; ended when dropped.
pub(crate) struct Watch {
    process: Child,
    events: Receiver<Value>,
    said: Option<JoinHandle<String>>,
    looks: usize,
}

impl Watch {
    /// Starts a watch and waits until it has built what there is.
    pub(crate) fn start(project: &Project, arguments: &[&str]) -> Self {
        let mut process = project
            .command(&[arguments, &["--watch", "--format", "ndjson"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("an object on a line");
                // A test that is over needs no more of them.
                let _ = sender.send(event);
            }
        });
        let mut stderr = process.stderr.take().expect("a pipe");
        // All that it says is read, so that it never waits for a reader.
        let said = thread::spawn(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said).expect("text");
            said
        });
        let watch = Self { process, events, said: Some(said), looks: 0 };
        watch.until(|event| event["event"] == "idle");
        watch
    }

    /// Everything that is told until it has seen to all changes that were made before.
    pub(crate) fn settle(&mut self, project: &Project) -> Vec<Value> {
        self.looks += 1;
        // Changes are told in the order in which they were made, and this is one.
        let look = format!(".look-{}", self.looks);
        project.write(&look, "");
        let sees = |event: &Value| {
            let paths = event["paths"].as_array();
            paths.is_some_and(|paths| paths.iter().any(|path| *path == *look))
        };
        let mut told = self.until(sees);
        told.extend(self.until(|event| event["event"] == "idle"));
        project.remove(&look);
        told
    }

    /// Everything that is told until something is.
    pub(crate) fn until(&self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut told = Vec::new();
        loop {
            let next = self.events.recv_timeout(Duration::from_secs(60));
            told.push(next.unwrap_or_else(|error| panic!("{error}: {told:#?}")));
            if is_last(&told[told.len() - 1]) {
                return told;
            }
        }
    }

    /// Ends it as Ctrl-C does; its exit code and what it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let id = self.process.id().to_string();
        let killed = std::process::Command::new("kill").args(["-INT", &id]).status();
        assert!(killed.expect("kill runs").success());
        let code = self.process.wait().expect("it ends").code();
        let said = self.said.take().expect("it is ended once");
        (code, said.join().expect("it reads to the end"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ids of the assets that were built, sorted.
pub(crate) fn built(told: &[Value]) -> Vec<String> {
    let built = told.iter().filter(|event| event["event"] == "asset_built");
    let mut ids: Vec<String> =
        built.map(|event| event["asset"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

const DOT: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\">\
    <rect width=\"1\" height=\"1\" fill=\"red\"/></svg>";

pub(crate) fn spec(id: &str, size: &str) -> String {
    format!(
        "id: {id}\ngeneration: {{ type: image, provider: svg, source: art/dot.svg, size: {size} }}\n"
    )
}

pub(crate) fn project() -> Project {
    Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("art/dot.svg", DOT),
        ("specs/coin.yaml", &spec("coin", "8x8")),
        ("specs/gem.yaml", &spec("gem", "8x8")),
    ])
}

#[test]
fn what_is_saved_is_published_and_nothing_else_is_built() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    assert!(project.has("assets/coin.png") && project.has("assets/gem.png"));
    assert_eq!(built(&watch.settle(&project)), [""; 0], "its own files are no news");
    let before = project.read_bytes("assets/coin.png");
    project.edit("specs/coin.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["coin"]);
    assert!(project.read_bytes("assets/coin.png") != before);
    project.edit("art/dot.svg", "red", "blue");
    assert_eq!(built(&watch.settle(&project)), ["coin", "gem"]);
    project.write("specs/new/deep/star.yaml", spec("star", "8x8"));
    assert_eq!(built(&watch.settle(&project)), ["star"]);
    project.edit("specs/new/deep/star.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["star"], "the new folder is watched");
    project.remove("assets/gem.png");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    assert_eq!(watch.end().0, Some(130));
    project.succeed(&["--check"]);
}

#[test]
fn what_others_do_meanwhile_is_seen_and_not_done_again() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    // As after a pull: specs, lock, files and manifest are those of somebody else.
    let other = self::project();
    other.edit("specs/coin.yaml", "8x8", "16x16");
    other.succeed(&[]);
    for path in ["assets/coin.png", "assets/manifest.json", "assetbuild.lock", "specs/coin.yaml"] {
        project.write(path, other.read_bytes(path));
    }
    watch.settle(&project);
    assert_eq!(project.read("assetbuild.lock"), other.read("assetbuild.lock"));
    project.succeed(&["--check"]);
    // A removed cache is made again.
    std::fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    assert!(built(&watch.settle(&project)).contains(&"gem".to_owned()));
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn a_lock_with_a_conflict_keeps_it_alive() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let lock = project.read("assetbuild.lock");
    project.write("assetbuild.lock", format!("<<<<<<< ours\n{lock}"));
    watch.settle(&project);
    project.write("assetbuild.lock", &lock);
    project.edit("specs/gem.yaml", "8x8", "9x9");
    assert!(built(&watch.settle(&project)).contains(&"gem".to_owned()));
    project.succeed(&["--check"]);
}

#[test]
fn nothing_is_bought_without_a_word() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    project.write(
        "specs/sky.yaml",
        "id: sky\ngeneration: { type: image, provider: openai }\nprompt: A sky\n",
    );
    let told = watch.settle(&project);
    let held = told.iter().filter(|event| event["event"] == "warning");
    assert_eq!(held.count(), 1, "{told:#?}");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    let told = watch.settle(&project);
    assert_eq!(built(&told), ["gem"]);
    assert!(told.iter().all(|event| event["event"] != "warning"), "it is told once: {told:#?}");
}

#[test]
fn two_watches_and_a_build_beside_each_other_leave_one_result() {
    let project = project();
    let (mut one, mut other) = (Watch::start(&project, &[]), Watch::start(&project, &[]));
    for round in 0..5 {
        let size = format!("{0}x{0}", 10 + round);
        project.write("specs/coin.yaml", spec("coin", &size));
        let beside = project.run(&[]);
        assert_eq!(beside.code, 0, "{}", project.shown(&beside));
        one.settle(&project);
        other.settle(&project);
        assert!(project.succeed(&[]).stderr.contains("nothing to do"));
        project.succeed(&["--check"]);
    }
}

#[test]
fn a_change_of_thousands_of_files_is_one_build() {
    let project = project();
    let many = |size: &str| {
        for number in 0..60 {
            let ids = (0..20).map(|row| {
                format!(
                    "- {{ id: dot-{number}-{row}, generation: {{ type: \
                image, provider: svg, source: art/dot.svg, size: {size} }} }}\n"
                )
            });
            project.write(&format!("specs/many/{number}.yaml"), ids.collect::<String>());
        }
    };
    many("2x2");
    let mut watch = Watch::start(&project, &[]);
    many("3x3");
    let told = watch.settle(&project);
    assert_eq!(built(&told).len(), 1200, "each once");
    std::fs::remove_dir_all(project.path("specs/many")).expect("it is there");
    watch.settle(&project);
    let left = project.run(&["prune", "--dry-run"]);
    assert_eq!(left.code, 0, "{}", project.shown(&left));
    project.succeed(&["prune"]);
    assert_eq!(built(&watch.settle(&project)), [""; 0]);
    project.succeed(&["--check"]);
}

#[test]
fn what_failed_is_tried_again_when_it_is_touched_and_not_with_every_save() {
    let project = project();
    let runs = project.path("runs").display().to_string();
    project.write(
        "specs/bad.yaml",
        format!(
            "id: bad\ngeneration: {{ type: image, provider: command, output: out.png, \
             run: [sh, -c, \"echo run >> '{runs}'; exit 1\"] }}\n"
        ),
    );
    let mut watch = Watch::start(&project, &[]);
    let runs = || project.read("runs").lines().count();
    assert_eq!(runs(), 1);
    for size in ["9x9", "10x10", "11x11"] {
        project.write("specs/coin.yaml", spec("coin", size));
        assert_eq!(built(&watch.settle(&project)), ["coin"]);
    }
    assert_eq!(runs(), 1, "it is as it was");
    project.write("specs/bad.yaml", project.read("specs/bad.yaml"));
    watch.settle(&project);
    assert_eq!(runs(), 2, "somebody wants it tried again");
    project.edit("specs/bad.yaml", "exit 1", "exit 2");
    watch.settle(&project);
    assert_eq!(runs(), 3, "it is another one");
}

#[test]
fn what_failed_and_was_made_by_somebody_else_has_failed_no_more() {
    let project = project();
    let flag = project.path("flag");
    project.write(
        "specs/picky.yaml",
        format!(
            "id: picky\ngeneration: {{ type: image, provider: command, output: out.png, \
             run: [sh, -c, \"cp '{}' out.png\"] }}\n",
            flag.display()
        ),
    );
    let mut watch = Watch::start(&project, &[]);
    project.write("flag", project.read_bytes("assets/coin.png"));
    project.succeed(&[]);
    watch.settle(&project);
    project.remove("assets/picky.png");
    assert_eq!(built(&watch.settle(&project)), ["picky"]);
}

#[test]
fn what_stood_in_the_way_is_gone_and_the_file_is_published() {
    let project = project();
    project.write("assets/star.png", "somebody's own");
    let mut watch = Watch::start(&project, &[]);
    project.write("specs/star.yaml", spec("star", "8x8"));
    watch.settle(&project);
    assert_eq!(project.read("assets/star.png"), "somebody's own");
    project.remove("assets/star.png");
    watch.settle(&project);
    assert!(project.has("assets/star.png"));
    project.succeed(&["--check"]);
}

/// Saves a file as different editors do.
fn save(project: &Project, path: &str, text: &str, way: usize) {
    let at = |end: &str| project.path(&format!("{path}{end}"));
    let rename = |from: &str, to: &str| std::fs::rename(at(from), at(to)).expect("it is there");
    match way {
        // In place, as most do.
        0 => project.write(path, text),
        // Beside it, then over it.
        1 => {
            project.write(&format!("{path}.tmp"), text);
            rename(".tmp", "");
        }
        // The old one becomes a backup, which goes when the new one is there.
        2 => {
            rename("", "~");
            project.write(path, text);
            project.remove(&format!("{path}~"));
        }
        // Two renames.
        3 => {
            project.write(&format!("{path}___tmp___"), text);
            rename("", "___old___");
            rename("___tmp___", "");
            project.remove(&format!("{path}___old___"));
        }
        // Deleted and made anew.
        4 => {
            project.remove(path);
            project.write(path, text);
        }
        // Emptied, then written in two goes.
        _ => {
            project.write(path, "");
            project.write(path, &text[..text.len() / 2]);
            project.write(path, text);
        }
    }
}

#[test]
fn every_way_to_save_a_spec_is_one_build_of_it() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    for (way, size) in ["9x9", "10x10", "11x11", "12x12", "13x13", "14x14"].iter().enumerate() {
        save(&project, "specs/coin.yaml", &spec("coin", size), way);
        let told = watch.settle(&project);
        assert_eq!(built(&told), ["coin"], "way {way}: {told:#?}");
        project.succeed(&["--check"]);
    }
    // Two edits within one tick of the clock.
    for round in 0..20 {
        project.write("specs/gem.yaml", spec("gem", &format!("{0}x{0}", 20 + round)));
        project.write("specs/gem.yaml", spec("gem", &format!("{0}x{0}", 50 + round)));
        watch.settle(&project);
        assert!(project.succeed(&[]).stderr.contains("nothing to do"), "round {round}");
    }
}

#[cfg(unix)]
#[test]
fn folders_that_are_linked_or_moved_are_followed() {
    let project = project();
    project.write("shared/a.yaml", spec("star", "8x8"));
    std::os::unix::fs::symlink("../shared", project.path("specs/linked")).expect("a link");
    let mut watch = Watch::start(&project, &[]);
    let has_star = project.has("assets/linked/star.png") || project.has("assets/star.png");
    assert!(has_star, "{:?}", project.files("assets"));
    project.write("shared/a.yaml", spec("star", "9x9"));
    assert_eq!(built(&watch.settle(&project)), ["star"]);
    // A folder with specs in it is moved, and one of them saved at its new place.
    project.write("specs/old/sun.yaml", spec("sun", "8x8"));
    assert_eq!(built(&watch.settle(&project)), ["sun"]);
    std::fs::rename(project.path("specs/old"), project.path("specs/new")).expect("it is there");
    watch.settle(&project);
    project.write("specs/new/sun.yaml", spec("sun", "9x9"));
    assert_eq!(built(&watch.settle(&project)), ["sun"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn a_folder_that_takes_others_along_is_followed_and_so_is_one_in_its_place() {
    let project = project();
    let spec = |size: &str| {
        format!(
            "id: deep\ngeneration: {{ type: image, provider: svg, source: art/a/b/dot.svg, \
             size: {size} }}\n"
        )
    };
    project.write("art/a/b/dot.svg", DOT);
    project.write("specs/deep.yaml", spec("8x8"));
    let mut watch = Watch::start(&project, &[]);
    std::fs::rename(project.path("art/a"), project.path("art/old")).expect("it is there");
    watch.settle(&project);
    project.write("art/a/b/dot.svg", DOT.replace("red", "blue"));
    assert_eq!(built(&watch.settle(&project)), ["deep"]);
    project.write("art/a/b/dot.svg", DOT.replace("red", "green"));
    assert_eq!(built(&watch.settle(&project)), ["deep"]);
    project.write("art/old/b/dot.svg", DOT.replace("red", "black"));
    assert_eq!(built(&watch.settle(&project)), [""; 0], "it is another file now");
}

#[cfg(unix)]
#[test]
fn a_folder_with_two_names_is_seen_by_both() {
    let project = project();
    project.write("lib/dot.svg", DOT);
    std::os::unix::fs::symlink("lib", project.path("linked")).expect("a link");
    for (id, folder) in [("one", "lib"), ("two", "linked")] {
        let spec = spec(id, "8x8").replace("art/dot.svg", &format!("{folder}/dot.svg"));
        project.write(&format!("specs/{id}.yaml"), spec);
    }
    let mut watch = Watch::start(&project, &[]);
    for (path, color) in [("lib/dot.svg", "blue"), ("linked/dot.svg", "green")] {
        project.write(path, DOT.replace("red", color));
        assert_eq!(built(&watch.settle(&project)), ["one", "two"], "{path}");
    }
}

#[test]
fn an_entry_that_was_edited_by_hand_is_not_built_with_every_save() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    project.edit("assets/manifest.json", "coin.png", "mine.png");
    watch.settle(&project);
    for size in ["9x9", "10x10"] {
        project.write("specs/gem.yaml", spec("gem", size));
        assert_eq!(built(&watch.settle(&project)), ["gem"]);
    }
    assert!(project.read("assets/manifest.json").contains("mine.png"), "it is kept");
    project.edit("assets/manifest.json", "mine.png", "coin.png");
    watch.settle(&project);
    project.succeed(&["--check"]);
}

#[test]
fn a_conflict_in_the_lock_is_resolved_aloud() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let lock = project.read("assetbuild.lock");
    let at = lock.find("[asset.gem]").expect("its block");
    let (rest, block) = lock.split_at(at);
    let other = block.replace("wanted = \"", "wanted = \"00");
    let conflict = format!("{rest}<<<<<<< ours\n{block}=======\n{other}>>>>>>> theirs\n");
    project.write("assetbuild.lock", conflict);
    let told = watch.settle(&project);
    let is_told = |event: &Value| {
        event["message"].as_str().is_some_and(|text| text.contains("merge conflicts"))
    };
    let resolved = !project.read("assetbuild.lock").contains("<<<<<<<");
    assert_eq!(told.iter().any(is_told), resolved, "{told:#?}");
}

#[test]
fn a_project_that_cannot_be_read_at_first_is_built_when_it_can() {
    let project = project();
    project.write("assets/manifest.json/not-a-file", "");
    let mut watch = Watch::start(&project, &[]);
    std::fs::remove_dir_all(project.path("assets/manifest.json")).expect("it is there");
    // Nobody knows the folders yet: it looks again by itself.
    let told = watch.until(|event| event["event"] == "run_finished");
    assert_eq!(built(&told), ["coin", "gem"]);
    project.write("specs/gem.yaml", spec("gem", "9x9"));
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
}
