//! Full disks, limits on file sizes, and folders that must not be written.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skip;
use super::world::{check_outputs, read_json};
use crate::support::{Output, Project};

const ASSETS: usize = 8;

#[test]
fn a_full_disk_breaks_nothing_and_the_next_build_goes_on() {
    let project = Project::empty();
    let Some(_mount) = Mount::small(&project.root(), "3m") else {
        return skip("a small file system cannot be mounted here");
    };
    write(&project);
    project.succeed(&[]);
    let mut failed = 0;
    for (round, kilobytes) in [0, 4, 8, 16, 32, 64, 96, 128, 160, 200].into_iter().enumerate() {
        // Other colours are other bytes of every file.
        set_colour(&project, round);
        fill(&project, kilobytes);
        let output = project.run(&[]);
        check_after_failure(&project, &output, &format!("{kilobytes} kB free"));
        failed += usize::from(output.code == 1);
        if output.code == 1 {
            assert!(output.stderr.to_lowercase().contains("space"), "{}", project.shown(&output));
        }
        project.remove("filler");
        project.succeed(&[]);
        check_whole(&project);
    }
    assert!(failed > 0, "the disk was full at least once");
}

#[test]
fn a_limit_on_file_sizes_breaks_nothing() {
    let mut failed = 0;
    for blocks in [0, 1, 2, 4, 8, 16, 64, 130, 140, 200] {
        let project = Project::empty();
        write(&project);
        if blocks % 4 == 0 {
            project.succeed(&[]);
            set_colour(&project, 5);
        }
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\"");
        let output = run_by(&project, &["sh", "-c", &script], &[]);
        check_after_failure(&project, &output, &format!("{blocks} blocks"));
        failed += usize::from(output.code == 1);
        project.succeed(&[]);
        check_whole(&project);
    }
    assert!(failed > 2, "{failed} builds met the limit");
}

#[test]
fn a_folder_that_must_not_be_written_is_told_and_nothing_breaks() {
    let project = Project::empty();
    write(&project);
    let Some(user) = User::new(&project) else {
        return skip("nobody's rights cannot be taken on here");
    };
    assert_eq!(user.run(&project, &[]).code, 0);
    set_colour(&project, 1);
    let folder = project.path("assets/images");
    set_mode(&folder, 0o555);
    let lock = project.read("assetbuild.lock");
    let output = user.run(&project, &[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("read-only"), "{}", project.shown(&output));
    assert_eq!(project.read("assetbuild.lock"), lock);
    check_outputs(&project);
    assert_eq!(user.run(&project, &["--check"]).code, 3);
    set_mode(&folder, 0o755);
    assert_eq!(user.run(&project, &[]).code, 0);
    check_whole(&project);
}

#[test]
fn a_lock_or_manifest_folder_that_must_not_be_written_is_told() {
    for (folder, mode) in [("", 0o555), ("assets", 0o555), (".assetcache", 0o555)] {
        let project = Project::empty();
        write(&project);
        let Some(user) = User::new(&project) else {
            return skip("nobody's rights cannot be taken on here");
        };
        assert_eq!(user.run(&project, &[]).code, 0);
        set_colour(&project, 1);
        set_mode(&project.path(folder), mode);
        let output = user.run(&project, &[]);
        // In the cache everything that has to be written is there already.
        let is_told = output.code == 1 && output.stderr.contains("ermission denied");
        assert!(is_told || output.code == 0, "{folder:?}: {}", project.shown(&output));
        assert!(!output.stderr.contains("panicked"), "{}", project.shown(&output));
        let check = user.run(&project, &["--check"]);
        let is_fine = output.code == 0 || folder == ".assetcache";
        assert!(check.code == 3 || is_fine && check.code == 0, "{}", project.shown(&check));
        set_mode(&project.path(folder), 0o755);
        assert_eq!(user.run(&project, &[]).code, 0);
        check_whole(&project);
    }
}

#[test]
fn a_project_that_must_not_be_written_can_be_checked_and_planned() {
    let project = Project::empty();
    write(&project);
    let Some(user) = User::new(&project) else {
        return skip("nobody's rights cannot be taken on here");
    };
    assert_eq!(user.run(&project, &[]).code, 0);
    fs::remove_dir_all(project.path(".assetcache")).expect("removable");
    set_mode(&project.root(), 0o555);
    for (arguments, code) in [(&["--check"][..], 0), (&["--plan"], 0), (&[], 0)] {
        let output = user.run(&project, arguments);
        assert_eq!(output.code, code, "{arguments:?}: {}", project.shown(&output));
    }
    set_mode(&project.root(), 0o755);
}

fn write(project: &Project) {
    project.write("Assetfile.yaml", "version: \"1.0\"\n");
    project.write("assets/manifest.json", "{ \"assets\": {}, \"mine\": true }\n");
    set_colour(project, 0);
}

fn set_colour(project: &Project, round: usize) {
    let mut noise = super::random::Random::new(u64::try_from(round).expect("small"));
    let points: String = (0..600)
        .map(|_| {
            let (x, y, fill) = (noise.below(90), noise.below(90), noise.below(0xff_ffff));
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"9\" height=\"9\" fill=\"#{fill:06x}\"/>")
        })
        .collect();
    let drawing = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 100\">{points}\
         <circle r=\"20\" fill=\"{{{{fill}}}}\"/></svg>"
    );
    project.write("art/noise.svg", drawing);
    let mut specs = "defaults:\n  generation: { type: image, provider: svg, \
                     source: art/noise.svg, size: 96x96 }\n\
                     \x20 integration: { manifest_path: \"images/{{id|snake}}.png\" }\nspecs:\n"
        .to_owned();
    for number in 0..ASSETS {
        specs += &format!(
            "  - {{ id: noise-{number}, generation: {{ vars: {{ fill: \"#{number:03}\" }} }} }}\n"
        );
    }
    project.write("specs/noise.yaml", specs);
}

/// Whatever happened: no crash, no broken file, and nothing that a person wrote is lost.
fn check_after_failure(project: &Project, output: &Output, what: &str) {
    assert!([0, 1].contains(&output.code), "{what}: {}", project.shown(output));
    assert!(!output.stderr.contains("panicked"), "{what}: {}", project.shown(output));
    assert_eq!(read_json(project)["mine"], true, "{what}");
    let check = project.run(&["--check"]);
    // What fails after publishing costs time only: the project is fresh then.
    let expected = if output.code == 0 { &[0][..] } else { &[0, 3] };
    assert!(expected.contains(&check.code), "{what}: {}", project.shown(&check));
    if project.has("assetbuild.lock") && !project.has(".assetcache/runs/redo.json") {
        check_outputs(project);
    }
}

fn check_whole(project: &Project) {
    project.succeed(&["--check"]);
    assert_eq!(check_outputs(project).len(), ASSETS);
    let files = project.files("assets");
    assert_eq!(files.len(), ASSETS + 1, "no temp file is left: {files:?}");
    assert!(!project.has(".assetcache/runs/redo.json"));
}

/// Leaves `kilobytes` free on a small file system.
pub(crate) fn fill(project: &Project, kilobytes: usize) {
    use std::io::Write as _;
    let mut file = fs::File::create(project.path("filler")).expect("a file");
    let mut size = 0_u64;
    while file.write_all(&[0; 4096]).is_ok() {
        size += 4096;
    }
    let free = u64::try_from(kilobytes).expect("small") * 1024;
    file.set_len(size.saturating_sub(free)).expect("it shrinks");
}

/// A small file system, until it is dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn small(place: &Path, size: &str) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(place);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success()).then(|| Self(place.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Someone whom file modes bind: this user, or nobody if this is root.
struct User {
    prefix: Vec<&'static str>,
}

impl User {
    fn new(project: &Project) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return Some(Self { prefix: Vec::new() });
        }
        let parent = project.root().parent()?.to_owned();
        set_mode(&parent, 0o755);
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(&parent).status();
        owned.ok().filter(|status| status.success())?;
        let prefix = vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let user = Self { prefix };
        let mut trial = Command::new(user.prefix[0]);
        trial.args(&user.prefix[1..]).arg(project.command(&[]).get_program()).arg("--version");
        let trial = trial.stdout(Stdio::null()).stderr(Stdio::null()).status();
        trial.is_ok_and(|status| status.success()).then_some(user)
    }

    fn run(&self, project: &Project, arguments: &[&str]) -> Output {
        run_by(project, &self.prefix, arguments)
    }
}

/// Runs the binary by another program.
fn run_by(project: &Project, prefix: &[&str], arguments: &[&str]) -> Output {
    let plain = project.command(arguments);
    let Some((program, rest)) = prefix.split_first() else { return project.run(arguments) };
    let mut command = Command::new(program);
    command.args(rest).arg(plain.get_program()).args(arguments);
    command.current_dir(project.root()).stdin(Stdio::null()).env_clear();
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let output = command.output().expect("it runs");
    Output {
        code: output.status.code().unwrap_or_else(|| panic!("{prefix:?}: {}", output.status)),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}
