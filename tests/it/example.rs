//! The example project at the repository root, copied to a temp folder and built there.

use std::fs;
use std::path::Path;

use crate::support::Project;

const FILES: usize = 137;

/// The example as a clone has it before its first build: no cache, nothing generated.
fn example() -> Project {
    let project = Project::empty();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["Assetfile.yaml", "style.md", "specs", "art"] {
        copy(&root.join(part), &project.path(part));
    }
    // The hand-written head of the manifest, as it was before the first build.
    let committed = fs::read_to_string(root.join("assets/manifest.json")).expect("committed");
    let mut manifest: serde_json::Value = serde_json::from_str(&committed).expect("JSON");
    manifest["assets"] = serde_json::json!({});
    project.write("assets/manifest.json", format!("{manifest:#}\n"));
    project
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder in the temp folder");
        for entry in fs::read_dir(from).expect("a folder of the example") {
            let entry = entry.expect("a readable folder");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("a file of the example");
    }
}

#[test]
fn the_example_builds_offline_and_a_second_run_does_nothing() {
    let project = example();
    let output = project.succeed(&["--offline", "--no-spend", "-q"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    built 101 of 101 assets: 101 generated, 101 processed, 137 files published in [TIME]
    ");
    let published = project.files("assets");
    assert_eq!(published.iter().filter(|path| *path != "assets/manifest.json").count(), FILES);
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    nothing to do: 101 assets are fresh ([TIME])
    ");
    assert_eq!(project.actions(&[]), [""; 0]);
    assert_eq!(project.run(&["--check", "--release"]).code, 0);

    // What is committed is what a build makes; the lock has the digests of all pictures.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in ["assetbuild.lock", "assets/manifest.json"] {
        let committed = fs::read_to_string(root.join(path)).expect("committed");
        let committed = committed.replace("\r\n", "\n");
        assert!(committed == project.read(path), "{path} is not what a build makes");
    }
    change_and_restore(&project);
}

/// One changed drawing runs its own chain; going back brings the same bytes from the cache.
fn change_and_restore(project: &Project) {
    let before = project.read_bytes("assets/images/collectibles/star.png");
    let drawing = project.read("art/collectibles/star.svg");
    let circle = "<circle cx=\"48\" cy=\"48\" r=\"40\" fill=\"#fff\"/></svg>";
    project.write("art/collectibles/star.svg", drawing.replacen("</svg>", circle, 1));
    assert_eq!(
        project.actions(&[]),
        ["generate star: ran", "integrate star: ran", "process star: ran", "validate star: ran"]
    );
    assert_ne!(project.read_bytes("assets/images/collectibles/star.png"), before);
    project.write("art/collectibles/star.svg", drawing);
    let ran = project.actions(&[]);
    assert!(!ran.contains(&"process star: ran".to_owned()), "{ran:?}");
    assert_eq!(project.read_bytes("assets/images/collectibles/star.png"), before);
    assert_eq!(project.run(&["--check"]).code, 0);
}
