//! A lock of more than a megabyte, of which a build that changes little reads and writes some blocks only:
//! it must end as if all of it had been read.

use std::fmt::Write as _;
use std::fs;

use crate::support::Project;

/// Rows that make the lock large.
const ROWS: usize = 2_600;

const ONE: &str = r##"id: one
generation: { type: image, provider: svg, source: art/dot.svg, size: 2x2, vars: { fill: "#102030" } }
integration: { manifest_key: one, description: "the first" }
"##;

const TWO: &str = r##"defaults: { generation: { type: image, provider: svg, source: art/dot.svg, size: 2x2 } }
specs:
  - { id: two-a, generation: { vars: { fill: "#000001" } } }
  - { id: two-b, generation: { vars: { fill: "#000002" } } }
"##;

fn project() -> Project {
    let mut rows = "defaults: { generation: { type: image, provider: svg, source: art/dot.svg, \
                    size: 2x2 } }\nspecs:\n"
        .to_owned();
    for row in 0..ROWS {
        let _ = writeln!(
            rows,
            "  - {{ id: row-{row:04}, generation: {{ vars: {{ fill: \"#{row:06}\" }} }} }}"
        );
    }
    let dot = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 2 2\">\
               <rect width=\"2\" height=\"2\" fill=\"{{fill}}\"/></svg>\n";
    Project::with(&[
        ("Assetfile.yaml", "version: \"1.0\"\n"),
        ("art/dot.svg", dot),
        ("specs/rows.yaml", &rows),
        ("specs/one.yaml", ONE),
        ("specs/two.yaml", TWO),
    ])
}

/// The same project twice: one goes on with its record, the other has none.
struct Twins([Project; 2]);

impl Twins {
    fn new() -> Self {
        let twins = Self([project(), project()]);
        twins.build("everything");
        let lock = fs::metadata(twins.0[0].path("assetbuild.lock")).expect("a lock");
        assert!(lock.len() > 1 << 20, "{} bytes are no large lock", lock.len());
        twins
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        for project in &self.0 {
            project.edit(path, from, to);
        }
    }

    /// Builds both until there is nothing to do, and compares.
    fn build(&self, what: &str) {
        let [recorded, plain] = &self.0;
        fs::remove_file(plain.path(".assetcache/snapshot")).ok();
        let built = self.0.each_ref().map(|project| project.run(&[]));
        let [one, other] = built.map(|output| (output.code, output.stderr.replace('_', "")));
        assert_eq!(one.0, other.0, "{what}: {} and {}", one.1, other.1);
        for file in ["assetbuild.lock", "assets/manifest.json"] {
            assert!(recorded.read(file) == plain.read(file), "{file} differs after {what}");
        }
        assert_eq!(recorded.files("assets"), plain.files("assets"), "{what}");
        // Nothing that the next build has to do was forgotten, and the record is as if read anew.
        assert_eq!(recorded.run(&["--check"]).code, plain.run(&["--check"]).code, "{what}");
        recorded.run(&[]);
        assert_eq!(recorded.actions(&[]), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn builds_that_read_some_blocks_end_as_those_that_read_all() {
    let twins = Twins::new();
    let edit = |path: &str, from: &str, to: &str, what: &str| {
        twins.edit(path, from, to);
        twins.build(what);
    };
    edit("specs/one.yaml", "#102030", "#405060", "a field");
    edit("specs/one.yaml", "the first", "the very first of all", "a description");
    edit("specs/one.yaml", "size: 2x2,", "size: 4x4,", "a longer block");
    edit("specs/one.yaml", "manifest_key: one", "manifest_key: uno", "another entry");
    let two = "integration: { manifest_path: images/moved.png,";
    edit("specs/one.yaml", "integration: {", two, "another path");
    edit("specs/one.yaml", "id: one", "id: zero", "another id");
    edit("specs/two.yaml", "#000001", "#000003", "one of two in a file");
    edit("specs/two.yaml", "two-b,", "two-c,", "another id beside one that stays");
    let third = "specs:\n  - { id: two-x, generation: { vars: { fill: \"#000004\" } } }\n";
    edit("specs/two.yaml", "specs:\n", third, "one more");
    edit("specs/rows.yaml", "#000777", "#777000", "one of many");
    edit("specs/two.yaml", third, "specs:\n", "one that is gone");
    for project in &twins.0 {
        project.succeed(&["prune"]);
    }
    edit("specs/one.yaml", "#405060", "#405061", "a field after all that");
    for project in &twins.0 {
        fs::write(project.path("assets/images/moved.png"), "by hand").expect("writable");
    }
    edit("specs/one.yaml", "#405061", "#405062", "a file that was edited by hand");
    edit("specs/two.yaml", "#000003", "#000005", "another one beside it");
}

#[test]
fn another_lock_is_not_written_over() {
    let project = project();
    project.succeed(&[]);
    project.succeed(&[]);
    // An older state is checked out, and another spec edited before the next build.
    let (lock, picture) = (project.read("assetbuild.lock"), project.read_bytes("assets/one.png"));
    project.edit("specs/one.yaml", "#102030", "#112233");
    project.succeed(&[]);
    let newer = project.read("assetbuild.lock");
    project.edit("specs/one.yaml", "#112233", "#102030");
    project.write("assetbuild.lock", &lock);
    project.write("assets/one.png", picture);
    project.edit("specs/two.yaml", "#000001", "#00000f");
    project.succeed(&[]);
    let block = |lock: &str, id: &str| {
        let start = lock.find(&format!("[asset.{id}]")).expect("a block");
        lock[start..].split("\n\n").next().expect("a block").to_owned()
    };
    let now = project.read("assetbuild.lock");
    assert_eq!(block(&now, "one"), block(&lock, "one"));
    assert_ne!(block(&now, "one"), block(&newer, "one"));
    assert_ne!(block(&now, "two-a"), block(&lock, "two-a"));
    assert_eq!(now.len(), lock.len());
    assert_eq!(project.run(&["--check"]).code, 0);
}
