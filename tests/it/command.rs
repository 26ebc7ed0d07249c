//! `provider: command`: programs in folders of their own, and what becomes of their results.
#![cfg(unix)]

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use crate::sample;
use crate::support::Project;

mod hostile;
mod purchase;
mod specs;
mod stop;

/// A project with a picture, a sound, and one asset that a shell script makes.
///
/// `more`: further keys of `generation`, a line each.
fn project(script: &str, more: &str) -> Project {
    let project = Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n")]);
    project.write("art/coin.png", picture([250, 200, 0, 255]));
    project.write("art/beep.wav", sample::tone());
    project.write("specs/coin.yaml", spec(script, more));
    project
}

fn spec(script: &str, more: &str) -> String {
    let indented = |text: &str, by: usize| -> String {
        text.lines().map(|line| format!("{}{}\n", " ".repeat(by), line.trim())).collect()
    };
    format!(
        "id: coin\ngeneration:\n  type: image\n  provider: command\n  inputs: [art/coin.png]\n  \
         output: out.png\n{}  run:\n    - sh\n    - -c\n    - |\n{}",
        indented(more, 2),
        indented(script, 6)
    )
}

/// What a good program does.
const COPY: &str = "cp art/coin.png out.png";

/// A picture of 8x8 pixels.
fn picture(pixel: [u8; 4]) -> Vec<u8> {
    sample::picture(8, pixel)
}

/// Builds, expects that it fails, and gives what it says.
fn failure(script: &str, more: &str) -> String {
    let project = project(script, more);
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(!project.has("assets/coin.png"));
    assert_nothing_left(&project);
    project.filtered(&output.stderr)
}

/// Asserts that no program's folder and no lock of a slot is left.
fn assert_nothing_left(project: &Project) {
    for folder in [".assetcache/tmp", ".assetcache/slots"] {
        let entries = std::fs::read_dir(project.path(folder)).into_iter().flatten();
        let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        assert!(names.is_empty(), "{folder} holds {names:?}");
    }
}

/// A script that notes in `runs` that it ran, and then does `then`.
fn counted(project: &Project, then: &str) -> String {
    format!("echo run >> '{}'\n{then}", project.path("runs").display())
}

/// How often a counted script ran.
fn runs(project: &Project) -> usize {
    if project.has("runs") { project.read("runs").lines().count() } else { 0 }
}

/// A pipe that a script writes to, at a path outside of its folder. Reading it to its end waits for
/// the end of everything that holds it open.
struct Pipe(std::path::PathBuf);

impl Pipe {
    fn new(project: &Project, name: &str) -> Self {
        let path = project.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        Self(path)
    }

    /// Waits until somebody writes to it.
    fn open(&self) -> File {
        File::open(&self.0).expect("a pipe")
    }

    /// The next line.
    fn line(file: &mut File) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while file.read(&mut byte).expect("a pipe") == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("text")
    }

    /// Everything until nobody holds it any more.
    fn rest(mut file: File) -> String {
        let mut text = String::new();
        file.read_to_string(&mut text).expect("a pipe");
        text
    }
}

fn start(project: &Project, arguments: &[&str]) -> Child {
    let mut command = project.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

#[test]
fn a_program_makes_a_picture_or_a_sound() {
    let project = project(COPY, "exact: true");
    project.write(
        "specs/beep.yaml",
        "id: beep\ngeneration: { type: audio, provider: command, run: [cp, art/beep.wav, \
         made/beep.wav], inputs: [art/beep.wav, made/.keep], output: made/beep.wav }\n\
         integration: { output_path: assets/beep.wav }\n",
    );
    project.write("made/.keep", "");
    project.succeed(&[]);
    assert!(project.read_bytes("assets/coin.png").starts_with(b"\x89PNG"));
    assert_eq!(project.read_bytes("assets/beep.wav"), sample::tone());
    project.succeed(&["--check"]);
    assert_nothing_left(&project);
}

#[test]
fn a_program_sees_its_inputs_and_nothing_else() {
    let project = project("find . | sort >&2; env >&2; exit 1", "env: [GIVEN]");
    let project = project.variable("GIVEN", "yes").variable("OTHER_SETTING", "no");
    project.write("art/unrelated.txt", "x");
    let output = project.run(&[]);
    let shown = project.filtered(&output.stderr);
    let lines: Vec<&str> =
        shown.lines().filter_map(|line| line.trim().strip_prefix("| ")).collect();
    let (files, mut variables): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.starts_with('.'));
    assert_eq!(files, [".", "./art", "./art/coin.png"], "{shown}");
    variables.retain(|line| !line.starts_with("PATH=") && !line.starts_with("PWD="));
    variables.retain(|line| {
        !["OLDPWD", "SHLVL", "_"]
            .iter()
            .any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    });
    variables.sort_unstable();
    let expected = [
        "GIVEN=[redacted]",
        "HOME=home",
        "LANG=C.UTF-8",
        "SOURCE_DATE_EPOCH=315532800",
        "TMPDIR=temp",
        "TZ=UTC",
    ];
    let expected = expected.map(|line| line.replace("[redacted]", "yes"));
    // A variation's number is for programs that may make others each time.
    variables.retain(|line| !line.starts_with("ASSETBUILD_VARIATION="));
    assert_eq!(variables, expected, "{shown}");
}

#[test]
fn a_project_that_is_fresh_runs_no_program() {
    let project = project("", "");
    let script = counted(&project, COPY);
    let probe =
        format!("version: [sh, -c, \"echo probe >> '{}'\"]", project.path("runs").display());
    for exact in ["exact: true", "exact: false"] {
        project.write("specs/coin.yaml", spec(&script, &format!("{exact}\n{probe}")));
        for arguments in [&["--plan"][..], &["--check"], &["--explain", "coin"]] {
            project.run(arguments);
            assert_eq!(runs(&project), 0, "{arguments:?}");
        }
        project.succeed(&[]);
        assert_eq!(runs(&project), 2);
        project.remove("runs");
        for arguments in [&[][..], &["--plan"], &["--check"], &["--explain", "coin"]] {
            project.succeed(arguments);
            assert_eq!(runs(&project), 0, "{arguments:?}");
        }
    }
}

#[test]
fn a_program_that_is_not_installed_blocks_its_asset_only() {
    let project = project(COPY, "exact: true");
    project.write(
        "specs/other.yaml",
        "id: other\ngeneration: { type: image, provider: command, run: [no-such-program], output: \
         out.png }\n",
    );
    let output = project.run(&["--plan"]);
    assert!(output.stdout.contains("! other  blocked: there is no program `no-such-program`"));
    let output = project.run(&[]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(output.stderr.contains("there is no program `no-such-program` on PATH"));
    assert!(project.has("assets/coin.png"));
    // Who has no such program can still check what others made with it.
    project.remove("specs/other.yaml");
    let project = project.variable("PATH", "/nowhere");
    project.succeed(&["--check"]);
    project.succeed(&[]);
}

#[test]
fn the_result_of_an_exact_program_is_made_once() {
    let project = project("", "");
    let script = counted(&project, COPY);
    let steps = |size: &str| {
        let more = "exact: true\nversion: [cat, /dev/null]";
        let spec = spec(&script, more);
        format!("{spec}post_processing: [{{ action: resize, dimensions: {size} }}]\n")
    };
    for size in ["4x4", "2x2", "4x4"] {
        project.write("specs/coin.yaml", steps(size));
        project.succeed(&[]);
    }
    assert_eq!(runs(&project), 1, "other steps take the same material");
    std::fs::remove_dir_all(project.path(".assetcache")).expect("a cache");
    project.succeed(&["--check"]);
    project.write("specs/coin.yaml", steps("2x2"));
    project.succeed(&[]);
    assert_eq!(runs(&project), 2, "without a cache it is made again");
    project.succeed(&["--refresh"]);
    assert_eq!(runs(&project), 3);
}

#[test]
fn another_version_of_an_exact_program_makes_its_own_result() {
    let project = project("", "");
    let script = counted(&project, COPY);
    project.write("tool-version", "one\n");
    let tool = project.path("tool-version").display().to_string();
    let write = |size: &str, exact: bool| {
        let spec = spec(&script, &format!("exact: {exact}\nversion: [cat, '{tool}']"));
        let steps = format!("post_processing: [{{ action: resize, dimensions: {size} }}]\n");
        project.write("specs/coin.yaml", spec + &steps);
    };
    write("4x4", true);
    project.succeed(&[]);
    assert!(project.read("assetbuild.lock").contains("[\"sh\", \"one\"]"));
    project.write("tool-version", "two\n");
    project.succeed(&["--check"]);
    project.succeed(&[]);
    assert_eq!(runs(&project), 1, "a new version alone makes nothing stale");
    write("2x2", true);
    project.succeed(&[]);
    assert_eq!(runs(&project), 2, "the result of another version is not taken");
    assert!(project.read("assetbuild.lock").contains("[\"sh\", \"two\"]"));

    write("2x2", false);
    project.succeed(&[]);
    assert_eq!(runs(&project), 3);
    project.write("tool-version", "three\n");
    write("4x4", false);
    project.succeed(&[]);
    assert_eq!(runs(&project), 3, "what cannot be made again is not");
}

#[test]
fn a_program_that_only_claims_to_be_exact_is_found_out() {
    let project = project("", "");
    let script = format!(
        "printf x >> '{0}'\ncp art/coin.png out.png\ncat '{0}' >> out.png",
        project.path("count").display()
    );
    project.write("specs/coin.yaml", spec(&script, "exact: true"));
    project.succeed(&[]);
    // Results stay known, the material is gone.
    std::fs::remove_dir_all(project.path(".assetcache/derived")).expect("a cache");
    project.remove("assets/coin.png");
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("`sh` made something else than before"), "{}", output.stderr);
    project.succeed(&["--refresh"]);
}
