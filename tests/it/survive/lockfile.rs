//! Locks and manifests that merges, other versions and people left behind.

use super::random::Random;
use super::world::check_outputs;
use super::{rounds, seed};
use crate::support::Project;

const LOCK: &str = "assetbuild.lock";
const MANIFEST: &str = "assets/manifest.json";

#[test]
fn a_lock_that_is_cut_off_is_told_and_never_written() {
    let mut random = Random::new(seed(31));
    let project = built();
    let whole = project.read(LOCK);
    let mut told = 0;
    for _ in 0..rounds(30) {
        let mut at = random.below(whole.len());
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        let cut = &whole[..at];
        project.write(LOCK, cut);
        let check = project.run(&["--check"]);
        match check.code {
            // A cut that no reader can see leaves fewer blocks.
            3 => project.write(LOCK, &whole),
            2 => {
                told += 1;
                assert!(check.stderr.contains(LOCK), "{}", project.shown(&check));
                for arguments in
                    [&[][..], &["--plan"], &["prune"], &["keep", "coin", "--reason", "x"]]
                {
                    let output = project.run(arguments);
                    assert_eq!(output.code, 2, "{arguments:?}, {}", project.shown(&output));
                    assert_eq!(project.read(LOCK), cut, "{arguments:?}");
                }
            }
            _ => panic!("cut at {at}: {}", project.shown(&check)),
        }
        project.write(LOCK, &whole);
    }
    assert!(told > 0, "some cuts show");
    project.succeed(&["--check"]);
}

#[test]
fn a_lock_that_is_no_text_is_told_and_never_written() {
    for garbage in [&b"\xff\xfe\x00\x01"[..], b"\0\0\0\0\0\0\0\0", b"{}", b"<html>", b"version ="] {
        let project = built();
        project.write(LOCK, garbage);
        for arguments in [&[][..], &["--check"], &["--plan"], &["unpin", "coin"]] {
            let output = project.run(arguments);
            assert_eq!(output.code, 2, "{arguments:?}, {}", project.shown(&output));
            assert!(output.stderr.contains(LOCK), "{}", project.shown(&output));
            assert_eq!(project.read_bytes(LOCK), garbage);
        }
    }
}

#[test]
fn a_lock_of_a_newer_version_is_never_written() {
    let project = built();
    project.edit(LOCK, "version = 1", "version = 2");
    let newer = project.read(LOCK);
    project.edit("specs/coin.yaml", "8x8", "16x16");
    for arguments in [&[][..], &["--check"], &["--plan"], &["prune"], &["adopt", "coin"]] {
        let output = project.run(arguments);
        assert_eq!(output.code, 2, "{arguments:?}, {}", project.shown(&output));
        assert!(output.stderr.contains("version"), "{}", project.shown(&output));
        assert_eq!(project.read(LOCK), newer);
    }
}

#[test]
fn a_lock_with_a_byte_order_mark_or_other_line_ends_is_read() {
    let project = built();
    let plain = project.read(LOCK);
    for other in [plain.replace('\n', "\r\n"), format!("\u{feff}{plain}")] {
        project.write(LOCK, &other);
        project.succeed(&["--check"]);
        project.edit("specs/coin.yaml", "8x8", "16x16");
        project.succeed(&[]);
        project.succeed(&["--check"]);
        assert_eq!(check_outputs_of(&project.read(LOCK)), check_outputs_of(&plain));
        project.edit("specs/coin.yaml", "16x16", "8x8");
        project.succeed(&[]);
    }
}

#[test]
fn conflict_markers_are_resolved_by_the_next_build() {
    let project = built();
    let ours = project.read(LOCK);
    project.edit("specs/coin.yaml", "8x8", "16x16");
    project.succeed(&[]);
    let theirs = project.read(LOCK);
    let conflicted = conflict(&ours, &theirs);
    assert!(conflicted.contains("<<<<<<<"));
    project.write(LOCK, &conflicted);
    assert_eq!(project.run(&["--check"]).code, 3, "markers are not fresh");
    assert_eq!(project.read(LOCK), conflicted, "a check writes nothing");
    project.succeed(&[]);
    assert_eq!(project.read(LOCK), theirs);
    project.succeed(&["--check"]);

    project.write(LOCK, conflict(&theirs, &ours));
    project.succeed(&[]);
    assert_eq!(project.read(LOCK), theirs, "whichever side it stands on");
}

#[test]
fn conflict_markers_of_added_neighbours_keep_both() {
    let project = built();
    let base = project.read(LOCK);
    let spec =
        "defaults:\n  generation: { type: image, provider: placeholder, size: 8x8 }\nspecs:\n";
    project.write("specs/more.yaml", format!("{spec}  - {{ id: one }}\n"));
    project.succeed(&[]);
    let ours = project.read(LOCK);
    project.write(LOCK, &base);
    for path in ["assets/one.png", MANIFEST] {
        project.remove(path);
    }
    project.write("specs/more.yaml", format!("{spec}  - {{ id: two }}\n"));
    project.succeed(&[]);
    let theirs = project.read(LOCK);
    project.write("specs/more.yaml", format!("{spec}  - {{ id: one }}\n  - {{ id: two }}\n"));
    project.write(LOCK, conflict(&ours, &theirs));
    project.succeed(&[]);
    project.succeed(&["--check"]);
    let lock = project.read(LOCK);
    assert!(lock.contains("[asset.one]") && lock.contains("[asset.two]"), "{lock}");
    assert!(!lock.contains("<<<<"), "{lock}");
    assert_eq!(check_outputs(&project).len(), 4);
}

#[test]
fn a_manifest_that_is_no_json_is_told_and_kept() {
    for garbage in ["", "{", "[]", "null", "{\"assets\": 3}", "<<<<<<< ours\n{}\n", "\u{0}"] {
        let project = built();
        project.write(MANIFEST, garbage);
        project.edit("specs/coin.yaml", "8x8", "16x16");
        let check = project.run(&["--check"]);
        assert!([2, 3].contains(&check.code), "{garbage:?}: {}", project.shown(&check));
        let output = project.run(&[]);
        assert!([1, 2].contains(&output.code), "{garbage:?}: {}", project.shown(&output));
        assert!(output.stderr.contains("manifest"), "{garbage:?}: {}", project.shown(&output));
        assert_eq!(project.read(MANIFEST), garbage);
        project.remove(MANIFEST);
        project.succeed(&[]);
        project.succeed(&["--check"]);
    }
}

#[test]
fn a_manifest_keeps_its_byte_order_mark_line_ends_and_comments() {
    let texts = [
        "\u{feff}{\r\n\t\"assets\": {\r\n\t\t// mine\r\n\t}\r\n}\r\n",
        "{ // first\n  \"assets\": { \"images\": { \"hand\": { \"path\": \"h.png\" }, }, },\n}",
    ];
    for text in texts {
        let project = built();
        project.write(MANIFEST, text);
        project.succeed(&[]);
        let written = project.read(MANIFEST);
        assert_eq!(written.starts_with('\u{feff}'), text.starts_with('\u{feff}'));
        let bare = written.matches('\n').count() - written.matches("\r\n").count();
        assert_eq!(bare == 0, text.contains("\r\n"), "{written:?}");
        for part in ["// mine", "// first", "\"hand\": { \"path\": \"h.png\" }"] {
            assert_eq!(written.contains(part), text.contains(part), "{written:?}");
        }
        project.succeed(&["--check"]);
    }
}

/// A project with two small assets, built.
fn built() -> Project {
    let specs = "defaults:\n  generation: { type: image, provider: placeholder }\n\
                 specs:\n  - { id: coin, generation: { size: 8x8 } }\n\
                 \x20 - { id: gem, generation: { size: 9x9 } }\n";
    let project =
        Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/coin.yaml", specs)]);
    project.succeed(&[]);
    project
}

/// Paths of the outputs that a lock names.
fn check_outputs_of(lock: &str) -> Vec<&str> {
    lock.lines()
        .filter(|line| line.contains("assets/"))
        .filter_map(|line| line.split(' ').nth(2))
        .collect()
}

/// Two texts as git merges them: lines that differ between markers.
fn conflict(ours: &str, theirs: &str) -> String {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let head = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let rest = ours.len().min(theirs.len()) - head;
    let tail = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(rest);
    let join = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    format!(
        "{}<<<<<<< HEAD\n{}=======\n{}>>>>>>> branch\n{}",
        join(&ours[..head]),
        join(&ours[head..ours.len() - tail]),
        join(&theirs[head..theirs.len() - tail]),
        join(&ours[ours.len() - tail..]),
    )
}
