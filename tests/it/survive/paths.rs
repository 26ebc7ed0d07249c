//! Odd paths: links that leave the project, things in a file's place, names in any script.

use std::fs;

use super::world::check_outputs;
use crate::support::Project;

const COIN: &str = "id: coin\ngeneration: { type: image, provider: placeholder, size: 8x8 }\n";

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_out_of_the_project_is_never_written_through() {
        for (link, spec) in [
            ("assets", "images/coin.png"),
            ("assets/images", "images/coin.png"),
            ("assets/images/coin.png", "images/coin.png"),
        ] {
            let project = with_path(spec);
            let outside = tempfile::tempdir().expect("a temp folder");
            let target = match link.ends_with(".png") {
                true => outside.path().join("coin.png"),
                false => outside.path().to_owned(),
            };
            if link.ends_with(".png") {
                fs::write(&target, "outside").expect("writable");
            }
            let place = project.path(link);
            fs::create_dir_all(place.parent().expect("a folder")).expect("writable");
            symlink(&target, &place).expect("a link");
            let output = project.run(&[]);
            assert_eq!(output.code, 1, "{link}: {}", project.shown(&output));
            assert!(output.stderr.contains("out of the project"), "{}", project.shown(&output));
            let names: Vec<_> = fs::read_dir(outside.path()).expect("readable").collect();
            assert_eq!(names.len(), usize::from(link.ends_with(".png")), "{link}: {names:?}");
            if link.ends_with(".png") {
                assert_eq!(fs::read_to_string(&target).expect("readable"), "outside");
            }
            let check = project.run(&["--check"]);
            assert!([2, 3].contains(&check.code), "{link}: {}", project.shown(&check));
        }
    }

    #[test]
    fn a_manifest_or_lock_that_is_a_link_out_of_the_project_is_not_written() {
        for name in ["assets/manifest.json", "assetbuild.lock"] {
            let project = with_path("images/coin.png");
            let outside = tempfile::tempdir().expect("a temp folder");
            let target = outside.path().join("file");
            let text = if name.ends_with("lock") { "version = 1\n" } else { "{}" };
            fs::write(&target, text).expect("writable");
            fs::create_dir_all(project.path("assets")).expect("writable");
            symlink(&target, project.path(name)).expect("a link");
            let output = project.run(&[]);
            assert!([1, 2].contains(&output.code), "{name}: {}", project.shown(&output));
            assert!(output.stderr.contains("out of the project"), "{}", project.shown(&output));
            assert_eq!(fs::read_to_string(&target).expect("readable"), text, "{name}");
        }
    }

    #[test]
    fn a_source_outside_of_the_project_is_refused() {
        for source in ["../outside.png", "/etc/hostname", "art/../../outside.png", "art/link.png"] {
            let spec = format!(
                "id: coin\ngeneration: {{ type: image, provider: file, source: {source} }}\n"
            );
            let project = Project::with(&[
                ("Assetfile.yaml", "version: \"1.0\"\n"),
                ("specs/coin.yaml", &spec),
            ]);
            fs::create_dir_all(project.path("art")).expect("writable");
            symlink("/etc/hostname", project.path("art/link.png")).expect("a link");
            let output = project.run(&[]);
            assert_ne!(output.code, 0, "{source}: {}", project.shown(&output));
            assert!(!project.has("assets/coin.png"), "{source}");
        }
    }

    #[test]
    fn links_in_a_circle_are_survived() {
        let project = with_path("images/coin.png");
        symlink(".", project.path("specs/again")).expect("a link");
        symlink("b", project.path("specs/a")).expect("a link");
        symlink("a", project.path("specs/b")).expect("a link");
        symlink("nowhere.yaml", project.path("specs/gone.yaml")).expect("a link");
        let output = project.run(&[]);
        assert!([0, 2].contains(&output.code), "{}", project.shown(&output));
        assert!(output.stderr.len() < 10_000, "{}", project.shown(&output));
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_does_not_hang() {
        for path in ["specs/pipe.yaml", "assets/coin.png", "assets/manifest.json"] {
            let project = with_path("coin.png");
            fs::create_dir_all(project.path("assets")).expect("writable");
            let made = std::process::Command::new("mkfifo").arg(project.path(path)).status();
            assert!(made.is_ok_and(|status| status.success()), "a pipe");
            let mut child = super::super::kill::start_build(&project);
            let begin = std::time::Instant::now();
            while child.try_wait().expect("a child").is_none() {
                if begin.elapsed() > std::time::Duration::from_secs(20) {
                    child.kill().expect("it lives");
                    child.wait().expect("a child");
                    panic!("{path}: the build waits for a pipe");
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
    }
}

#[test]
fn outputs_outside_of_the_project_are_refused() {
    for path in
        ["../coin.png", "/tmp/coin.png", "images/../../../coin.png", "C:/coin.png", "a\\\\b"]
    {
        let project = with_path(path);
        let output = project.run(&[]);
        assert_eq!(output.code, 2, "{path}: {}", project.shown(&output));
        assert!(!project.has("assetbuild.lock"));
        assert!(!project.root().parent().expect("a parent").join("coin.png").exists());
    }
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nassets_dir: ../elsewhere\n"),
        ("specs/coin.yaml", COIN),
    ]);
    assert_eq!(project.run(&[]).code, 2);
}

#[test]
fn outputs_that_are_files_of_the_project_itself_are_not_overwritten() {
    let precious = [
        ("Assetfile.yaml", "output_path"),
        ("specs/coin.yaml", "output_path"),
        ("assetbuild.lock", "output_path"),
        ("assets/manifest.json", "output_path"),
        (".assetcache/state.redb", "output_path"),
        ("art/mine.png", "output_path"),
    ];
    for (path, key) in precious {
        let spec = format!("{COIN}integration: {{ {key}: {path} }}\n");
        let project = Project::with(&[
            ("Assetfile.yaml", "version: \"1.0\"\n"),
            ("specs/coin.yaml", &spec),
            ("art/mine.png", "mine"),
            ("assets/manifest.json", "{}"),
        ]);
        let before: Vec<Vec<u8>> = ["Assetfile.yaml", "specs/coin.yaml", "art/mine.png"]
            .iter()
            .map(|path| project.read_bytes(path))
            .collect();
        let output = project.run(&[]);
        assert_ne!(output.code, 0, "{path}: {}", project.shown(&output));
        let after: Vec<Vec<u8>> = ["Assetfile.yaml", "specs/coin.yaml", "art/mine.png"]
            .iter()
            .map(|path| project.read_bytes(path))
            .collect();
        assert!(before == after, "{path}");
    }
}

#[test]
fn a_file_in_the_place_of_the_assets_folder_is_told() {
    let project = with_path("images/coin.png");
    project.write("assets", "a file");
    for arguments in [&[][..], &["--check"]] {
        let output = project.run(arguments);
        assert_eq!(output.code, 2, "{}", project.shown(&output));
        assert!(output.stderr.contains("assets"), "{}", project.shown(&output));
        assert_eq!(project.read("assets"), "a file");
    }
    project.remove("assets");
    project.succeed(&[]);
    project.succeed(&["--check"]);
}

#[test]
fn a_folder_in_the_place_of_a_file_is_told() {
    for path in
        ["assets/images/coin.png", "assets/manifest.json", "assetbuild.lock", "specs/x.yaml"]
    {
        let project = with_path("images/coin.png");
        project.write(&format!("{path}/file"), "mine");
        let output = project.run(&[]);
        assert!([0, 1, 2].contains(&output.code), "{path}: {}", project.shown(&output));
        assert_eq!(output.code == 0, path.starts_with("specs"), "{}", project.shown(&output));
        assert_eq!(project.read(&format!("{path}/file")), "mine");
    }
}

#[test]
fn names_of_any_script_and_length_work() {
    let long = "l".repeat(120);
    let names = [
        "with space",
        "ünïcödé",
        "日本語",
        "😀",
        "it's",
        "a&b",
        "100%",
        "{x}",
        "-dash",
        "a,b",
        "#1",
        &long,
    ];
    let mut specs =
        "defaults:\n  generation: { type: image, provider: placeholder, size: 8x8 }\nspecs:\n"
            .to_owned();
    for (number, name) in names.iter().enumerate() {
        let path = serde_json::Value::from(format!("{name}/{name}.png"));
        specs += &format!("  - {{ id: n-{number}, integration: {{ manifest_path: {path} }} }}\n");
    }
    let project = Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n")]);
    project.write("specs/odd näme/☃ [1].yaml", specs);
    project.succeed(&[]);
    project.succeed(&["--check"]);
    assert_eq!(check_outputs(&project).len(), names.len());
    assert_eq!(project.actions(&[]), [""; 0]);
    fs::remove_dir_all(project.path("assets")).expect("removable");
    project.succeed(&[]);
    project.succeed(&["--check"]);
}

#[test]
fn line_ends_and_byte_order_marks_of_specs_and_sources_change_nothing() {
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">\n\
                   <rect width=\"5\" height=\"5\"/>\n</svg>\n";
    let spec = "id: dot\ngeneration: { type: image, provider: svg, source: art/dot.svg, size: 9x9 }\n\
                metadata:\n  description: |\n    two\n    lines\n";
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("specs/dot.yaml", spec),
        ("art/dot.svg", drawing),
    ]);
    project.succeed(&[]);
    let lock = project.read("assetbuild.lock");
    for (path, text) in [
        ("specs/dot.yaml", spec),
        ("art/dot.svg", drawing),
        ("Assetfile.yaml", "version: \"1.0\"\n"),
    ] {
        for changed in
            [text.replace('\n', "\r\n"), format!("\u{feff}{text}"), format!("{text}\n\n")]
        {
            if path.ends_with("svg") && !changed.contains('\r') {
                continue;
            }
            project.write(path, &changed);
            assert_eq!(project.actions(&[]), [""; 0], "{path}: {changed:?}");
            project.succeed(&["--check"]);
        }
    }
    assert_eq!(project.read("assetbuild.lock"), lock);
}

fn with_path(path: &str) -> Project {
    let spec = format!("{COIN}integration: {{ manifest_path: \"{path}\" }}\n");
    Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/coin.yaml", &spec)])
}
