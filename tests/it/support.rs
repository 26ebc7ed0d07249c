//! A project in a temp folder, and the real binary run in it with nothing from the outside.
#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A temp folder with a project in `project/` and a home beside it; deleted when dropped.
pub(crate) struct Project {
    dir: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

/// What a run wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// A project without files.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a temp folder");
        let project = Self { dir, variables: BTreeMap::new() };
        fs::create_dir(project.root()).expect("an empty temp folder");
        fs::create_dir(project.home()).expect("an empty temp folder");
        project
    }

    /// A project with these files: path and text.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let project = Self::empty();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The project's root.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// The place of a file of the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file, and the folders that it needs.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("folders in the temp folder");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// A file's text.
    pub(crate) fn read(&self, path: &str) -> String {
        String::from_utf8(self.read_bytes(path)).expect("a text file")
    }

    /// A file's bytes.
    pub(crate) fn read_bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replaces the one occurrence of `from` in a file.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in {path}:\n{text}");
        self.write(path, text.replacen(from, to, 1));
    }

    /// Deletes a file.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Whether something is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// All files below a folder, relative to the project, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.path(folder), &self.root(), &mut files);
        files.sort();
        files
    }

    /// Sets a variable for the runs that follow.
    #[must_use]
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs `assetbuild` with arguments in the project's root.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("the binary runs");
        Output {
            code: output.status.code().expect("the run was not killed"),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Runs `assetbuild` and expects success.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}\n{}", self.shown(&output));
        output
    }

    /// Runs `assetbuild` and tells which actions it finished, as `generate coin: ran`, sorted.
    pub(crate) fn actions(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(&[arguments, &["--format", "ndjson"]].concat());
        finished_actions(&output.stdout)
    }

    /// A command for `assetbuild` in this project, for tests that feed or stop it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assetbuild"));
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null()).env_clear();
        // Programs on Windows do not start without these.
        for name in ["SystemRoot", "PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", self.home()).env("XDG_DATA_HOME", self.home().join("data"));
        command.envs(&self.variables);
        command
    }

    /// A run as a snapshot shows it: code, stdout and stderr, with what differs between runs and
    /// machines replaced.
    pub(crate) fn shown(&self, output: &Output) -> String {
        let mut text = format!("exit code: {}\n", output.code);
        for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let stream = self.filtered(stream);
            text.push_str(&format!("----- {name} -----\n{stream}"));
            if !stream.is_empty() && !stream.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }

    /// `text` with the project's path, durations and the version replaced.
    pub(crate) fn filtered(&self, text: &str) -> String {
        let mut text = text.replace("\r\n", "\n");
        let real = fs::canonicalize(self.root()).expect("the root is there");
        for path in [real, self.root()] {
            text = text.replace(&path.to_string_lossy().into_owned(), "[PROJECT]");
            let beside = path.parent().expect("the project is in a temp folder");
            text = text.replace(&beside.to_string_lossy().into_owned(), "[TEMP]");
        }
        text = text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
        without_durations(&text)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }
}

fn collect(folder: &Path, root: &Path, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, root, files);
        } else {
            let path = path.strip_prefix(root).expect("a path of the project");
            files.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// The finished actions of an event stream, sorted: threads finish them in any order.
fn finished_actions(events: &str) -> Vec<String> {
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or("?").to_owned();
    let mut actions: Vec<String> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .filter(|event: &Value| event["event"] == "action_finished")
        .map(|event| {
            let [kind, asset, outcome] =
                ["kind", "asset", "outcome"].map(|name| word(&event, name));
            format!("{kind} {asset}: {outcome}")
        })
        .collect();
    actions.sort();
    actions
}

/// `3 ms`, `0.21 s` and `2 min 05 s` become `[TIME]`.
fn without_durations(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        shown.push_str(before);
        let end = number.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(number.len());
        let (digits, after) = number.split_at(end);
        let unit = [" ms", " s", " min"].into_iter().find(|unit| {
            after.strip_prefix(unit).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        let stands_alone = !before.ends_with(char::is_alphanumeric);
        match unit {
            Some(unit) if stands_alone => {
                shown.push_str("[TIME]");
                rest = &after[unit.len()..];
            }
            _ => {
                shown.push_str(digits);
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown.replace("[TIME] [TIME]", "[TIME]")
}

#[test]
fn durations_are_replaced_and_other_numbers_stay() {
    assert_eq!(without_durations("46 assets in 0.21 s; (3 ms)"), "46 assets in [TIME]; ([TIME])");
    assert_eq!(without_durations("2 min 05 s, 4 s2, 128x128"), "[TIME], 4 s2, 128x128");
}

#[test]
fn finished_actions_are_sorted() {
    let events = concat!(
        r#"{"event":"run_started"}"#,
        "\n",
        r#"{"event":"action_finished","kind":"process","asset":"b","outcome":"cached"}"#,
        "\n",
        r#"{"event":"action_finished","kind":"generate","asset":"b","outcome":"ran"}"#,
        "\n"
    );
    assert_eq!(finished_actions(events), ["generate b: ran", "process b: cached"]);
}

#[test]
fn files_are_written_edited_and_listed() {
    let project = Project::with(&[("specs/b.yaml", "id: b\n"), ("specs/sub/a.yaml", "id: a\n")]);
    project.edit("specs/b.yaml", "id: b", "id: c");
    assert_eq!(project.read("specs/b.yaml"), "id: c\n");
    assert_eq!(project.files("specs"), ["specs/b.yaml", "specs/sub/a.yaml"]);
    project.remove("specs/b.yaml");
    assert!(!project.has("specs/b.yaml"));
    let path = project.path("specs").to_string_lossy().into_owned();
    assert_eq!(project.filtered(&format!("{path} took 4 ms")), "[PROJECT]/specs took [TIME]");
}
