//! The style guide's rules as tests: layers, what a module may touch, and how files look.
//!
//! The layer table is read from ARCHITECTURE.md, so document and code cannot disagree.

mod layers;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use layers::Layers;
use source::SourceText;

/// Lines that a source file may have; its seam is looked for much earlier.
const LONGEST: usize = 600;
/// Lists of cases may be longer than code that has to be understood whole.
const LONGEST_TEST: usize = 800;

#[test]
fn modules_import_only_downwards() {
    let layers = layers();
    report(rust_sources("src").iter().flat_map(|source| layers.check_imports(source)));
}

#[test]
fn modules_touch_only_what_the_table_says() {
    let layers = layers();
    let sources = rust_sources("src");
    let tests: Vec<String> = sources.iter().flat_map(SourceText::test_files).collect();
    let shipped = sources.iter().filter(|source| {
        !tests
            .iter()
            .any(|test| source.path == *test || source.path.starts_with(&format!("{test}/")))
    });
    report(shipped.flat_map(|source| layers.check_touches(source)));
}

#[test]
fn files_open_with_a_description_and_stay_short() {
    let sources = rust_sources("src").into_iter().chain(rust_sources("tests"));
    report(sources.flat_map(|source| {
        let mut findings = Vec::new();
        if !source.text.starts_with("//! ") {
            findings.push(source.finding(1, "a file opens with `//!`: what it is responsible for"));
        }
        let lines = source.text.lines().count();
        let is_test = source.path.starts_with("tests/") || source.path.ends_with("tests.rs");
        if lines > if is_test { LONGEST_TEST } else { LONGEST } {
            let text = format!("{lines} lines are too many; look for the seam");
            findings.push(source.finding(lines, &text));
        }
        findings
    }));
}

#[test]
fn modules_are_named_for_what_they_know() {
    const VAGUE: [&str; 7] = ["util", "utils", "common", "types", "errors", "helpers", "misc"];
    report(rust_sources("src").iter().chain(&rust_sources("tests")).flat_map(|source| {
        let parts = source.path.trim_end_matches(".rs").split('/');
        parts
            .filter(|part| VAGUE.contains(part))
            .map(|part| source.finding(1, &format!("`{part}` says nothing about the module")))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn a_todo_names_its_issue() {
    let word = ["TO", "DO"].concat();
    report(rust_sources("src").iter().chain(&rust_sources("tests")).flat_map(|source| {
        source
            .lines_where(|line| {
                line.match_indices(&word).any(|(at, _)| !line[at + word.len()..].starts_with("(#"))
            })
            .map(|line| source.finding(line, "a to-do without the number of its issue"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let banned = [["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"]];
    let banned = banned.map(|parts| parts.concat());
    let mut files: Vec<PathBuf> = ["src", "tests", "docs", "specs"]
        .iter()
        .flat_map(|folder| files_below(&root().join(folder)))
        .collect();
    files.extend(files_in(&root()));
    let sources = files.iter().filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        Some(SourceText { path: relative(path), text })
    });
    report(sources.flat_map(|source| {
        source
            .lines_where(|line| banned.iter().any(|word| line.contains(word.as_str())))
            .map(|line| source.finding(line, "an absolute path of one machine"))
            .collect::<Vec<_>>()
    }));
}

fn layers() -> Layers {
    Layers::parse(&read("ARCHITECTURE.md"))
}

fn report(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rust_sources(folder: &str) -> Vec<SourceText> {
    files_below(&root().join(folder))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| SourceText {
            text: fs::read_to_string(&path).expect("Rust files are text"),
            path: relative(&path),
        })
        .collect()
}

/// The path below the project, with `/` on every system.
fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("a path of the project");
    path.to_string_lossy().replace('\\', "/")
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    // In a worktree `.git` is a file, and it is not the project's.
    files.retain(|path| path.file_name().is_some_and(|name| name != ".git"));
    files.sort();
    files
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_in(folder);
    if let Ok(entries) = fs::read_dir(folder) {
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        for path in paths.filter(|path| path.is_dir()) {
            files.extend(files_below(&path));
        }
    }
    files.sort();
    files
}
