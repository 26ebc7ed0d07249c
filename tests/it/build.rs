//! Building from nothing: files, manifest, lock, and what a person is told.

use crate::sample::{self, items};
use crate::support::Project;

#[test]
fn a_first_build_writes_files_manifest_and_lock() {
    let project = items();
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    built coin ([TIME])
    built gem ([TIME])
    built 2 of 2 assets: 2 generated, 2 processed, 2 files published in [TIME]
    ");
    assert_eq!(
        project.files("assets"),
        ["assets/images/coin.png", "assets/images/gem.png", "assets/manifest.json"]
    );
    insta::assert_snapshot!(project.read("assets/manifest.json"), @r#"
    {
      "assets": {
        "images": {
          "genCoin": {
            "type": "image",
            "path": "images/coin.png"
          },
          "genGem": {
            "type": "image",
            "path": "images/gem.png"
          }
        }
      }
    }
    "#);
    let lock = project.read("assetbuild.lock");
    assert!(lock.starts_with("version = 1\n\n[asset.coin]\n"), "{lock}");
    assert!(!lock.contains(&*project.root().to_string_lossy()));
    assert_eq!(size(&project, "assets/images/coin.png"), (16, 16));
}

#[test]
fn two_checkouts_build_the_same_bytes() {
    let (one, two) = (sample::built_items(), sample::built_items());
    for path in ["assetbuild.lock", "assets/manifest.json", "assets/images/coin.png"] {
        assert_eq!(one.read_bytes(path), two.read_bytes(path), "{path}");
    }
}

#[test]
fn one_worker_and_many_build_the_same_bytes() {
    let (one, many) = (items(), items());
    one.succeed(&["-j", "1"]);
    many.succeed(&["-j", "8"]);
    for path in ["assetbuild.lock", "assets/manifest.json", "assets/images/gem.png"] {
        assert_eq!(one.read_bytes(path), many.read_bytes(path), "{path}");
    }
}

#[test]
fn a_plan_says_what_a_build_would_do_and_does_nothing() {
    let project = items();
    let output = project.succeed(&["--plan"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    + coin  free: svg  → assets/images/coin.png  genCoin
    + gem  free: svg  → assets/images/gem.png  genGem
      0 fresh.  2 to build: 2 generate, 2 process, 2 validate, 2 integrate.  Nothing to buy.
    ----- stderr -----
    ");
    assert_eq!(project.files("assets"), [""; 0]);
    assert!(!project.has("assetbuild.lock"));
    assert!(!project.has(".assetcache"));
}

#[test]
fn detailed_exit_code_tells_work_from_none() {
    let project = items();
    assert_eq!(project.run(&["--plan"]).code, 0);
    assert_eq!(project.run(&["--plan", "--detailed-exitcode"]).code, 3);
    project.succeed(&[]);
    assert_eq!(project.run(&["--plan", "--detailed-exitcode"]).code, 0);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).code, 0);
}

#[test]
fn a_failed_asset_does_not_stop_the_others() {
    let project = items();
    project.write("art/gem.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><oops></svg>");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: generate gem: failed to draw art/gem.svg: it is not well-formed XML: expected 'oops' tag, not 'svg' at 1:47
    built coin ([TIME])
    built 1 of 2 assets: 1 generated, 1 processed, 1 file published in [TIME]; 1 failed
    ");
    assert!(project.has("assets/images/coin.png"));
    assert!(!project.has("assets/images/gem.png"));
    project.write("art/gem.svg", sample::GEM);
    assert_eq!(
        project.actions(&[]),
        ["generate gem: ran", "integrate gem: ran", "process gem: ran", "validate gem: ran"]
    );
}

#[test]
fn fail_fast_starts_nothing_after_the_first_failure() {
    let project = items();
    project.write("art/coin.svg", "no drawing");
    let output = project.run(&["--fail-fast", "-j", "1"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(!project.has("assets/images/gem.png"), "{}", project.shown(&output));
    let output = project.run(&["-j", "1"]);
    assert_eq!(output.code, 1);
    assert!(project.has("assets/images/gem.png"));
}

#[test]
fn a_failed_check_rejects_the_result_and_keeps_the_published_one() {
    let project = sample::built_items();
    let before = project.read_bytes("assets/images/coin.png");
    project.edit("specs/items.yaml", "checks: [has_alpha]", "checks: [no_alpha]");
    let output = project.run(&["coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: validate coin: rejected by no_alpha: found 166 transparent pixels of 256 (lowest alpha 0), wanted none
    built 0 of 1 asset: 1 generated (from cache), 1 processed (from cache) in [TIME]; 1 failed
    ");
    assert_eq!(project.read_bytes("assets/images/coin.png"), before);
}

#[test]
fn conversions_and_variants_are_files_of_one_entry() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/coin.svg", sample::COIN),
        (
            "specs/logo.yaml",
            r#"id: logo
generation: { type: image, provider: svg, source: art/coin.svg, size: 64x64 }
post_processing:
  - { action: variants, scale: { 1x: 32x32, 2x: 64x64 } }
  - { action: convert, formats: [png, webp], quality: 80 }
integration: { manifest_path: ui/logo.png, manifest_key: logo, manifest_type: multiResolution }
"#,
        ),
    ]);
    project.succeed(&[]);
    insta::assert_snapshot!(project.files("assets").join("\n"), @r"
    assets/manifest.json
    assets/ui/logo@1x.png
    assets/ui/logo@1x.webp
    assets/ui/logo@2x.png
    assets/ui/logo@2x.webp
    ");
    insta::assert_snapshot!(project.read("assets/manifest.json"), @r#"
    {
      "assets": {
        "images": {
          "logo": {
            "type": "multiResolution",
            "variants": {
              "1x": {
                "png": "ui/logo@1x.png",
                "webp": "ui/logo@1x.webp",
                "dimensions": "32x32"
              },
              "2x": {
                "png": "ui/logo@2x.png",
                "webp": "ui/logo@2x.webp",
                "dimensions": "64x64"
              }
            }
          }
        }
      }
    }
    "#);
    assert_eq!(size(&project, "assets/ui/logo@1x.png"), (32, 32));
    assert_eq!(size(&project, "assets/ui/logo@2x.png"), (64, 64));
    assert_eq!(project.actions(&[]), [""; 0]);
}

#[test]
fn spaces_and_other_scripts_in_paths_are_fine() {
    let project = Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\nspecs: [\"my specs/**/*.yaml\"]\n"),
        ("art/gold coin/münze 硬币.svg", sample::COIN),
        (
            "my specs/größe.yaml",
            "id: coin\ngeneration: { type: image, provider: svg, source: \"art/gold coin/münze 硬币.svg\", size: 8x8 }\nintegration: { manifest_path: \"bilder/große münze.png\" }\n",
        ),
    ]);
    project.succeed(&[]);
    assert!(project.has("assets/bilder/große münze.png"));
    assert_eq!(project.actions(&[]), [""; 0]);
    assert_eq!(project.run(&["--check"]).code, 0);
    assert_eq!(project.actions(&["my specs/größe.yaml", "--refresh"]).len(), 4);
}

#[test]
fn line_ends_and_byte_order_marks_of_editors_change_nothing() {
    let project = sample::built_items();
    for path in ["Assetfile.yaml", "specs/items.yaml", "art/coin.svg"] {
        let text = project.read(path).replace('\n', "\r\n");
        let bom = if path.ends_with("yaml") { "\u{feff}" } else { "" };
        project.write(path, format!("{bom}{text}"));
    }
    assert_eq!(project.actions(&[]), [""; 0]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

#[cfg(unix)]
#[test]
fn a_symlink_that_leaves_the_project_is_refused() {
    let project = items();
    let outside = project.root().parent().expect("a parent").join("outside");
    std::fs::create_dir(&outside).expect("a folder beside the project");
    std::fs::create_dir(project.path("assets")).expect("a new folder");
    std::os::unix::fs::symlink(&outside, project.path("assets/images")).expect("a link");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    warning: coin: `assets/images/coin.png` leads out of the project through a symbolic link
    warning: gem: `assets/images/gem.png` leads out of the project through a symbolic link
    built 0 of 2 assets: 2 generated, 2 processed in [TIME]; 2 failed
    ");
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
}

#[cfg(unix)]
#[test]
fn a_source_behind_a_symlink_that_leaves_the_project_is_refused() {
    let project = items();
    let outside = project.root().parent().expect("a parent").join("secret.svg");
    std::fs::write(&outside, sample::COIN).expect("a file beside the project");
    project.remove("art/coin.svg");
    std::os::unix::fs::symlink(&outside, project.path("art/coin.svg")).expect("a link");
    let output = project.run(&["coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    spec::missing_file

      ⚠ there is no file art/coin.svg
       ╭─[specs/items.yaml:8:39]
     7 │ specs:
     8 │   - { id: coin, generation: { source: art/coin.svg } }
       ·                                       ────────────
     9 │   - { id: gem, generation: { source: art/gem.svg } }
       ╰────
      help: paths are relative to the project's root

    1 warning
    warning: coin: blocked: failed to read `art/coin.svg`: it leads to `[TEMP]/secret.svg`, outside the project
    built nothing: 1 held ([TIME])
    ");
    assert!(!project.has("assets/images/coin.png"));
}

#[test]
fn the_project_is_found_from_a_folder_inside_of_it() {
    let project = items();
    project.succeed(&["-C", "art"]);
    assert!(project.has("assets/images/coin.png"));
    let output = Project::empty().run(&[]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!(output.stderr, @"error: no Assetfile.yaml and no specs folder here or in a folder above; start one with `assetbuild init`");
}

#[test]
fn another_assetfile_can_be_named() {
    let project = items();
    project.write("other.yaml", "version: \"1.0\"\nassets_dir: out\nmanifest: out/list.json\n");
    project.succeed(&["--assetfile", "other.yaml"]);
    assert_eq!(
        project.files("out"),
        ["out/images/coin.png", "out/images/gem.png", "out/list.json"]
    );
    let output = project.run(&["--assetfile", "none.yaml"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no project file at `none.yaml`
    ");
}

#[test]
fn a_project_without_an_assetfile_works() {
    let project = items();
    project.remove("Assetfile.yaml");
    project.succeed(&[]);
    assert!(project.has("assets/images/coin.png"));
}

/// Width and height of a PNG.
fn size(project: &Project, path: &str) -> (u32, u32) {
    let bytes = project.read_bytes(path);
    assert_eq!(&bytes[1..4], b"PNG", "{path}");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    (number(16), number(20))
}
