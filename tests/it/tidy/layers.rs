//! The layer table: who may import whom, and what a module may touch.

use std::collections::{BTreeMap, BTreeSet};

use super::source::SourceText;

/// What touches the world: the word in the table, and the paths that give it away.
const TOUCHES: [(&str, &[&str]); 7] = [
    ("disk", &["std::fs", "rustix::fs", "tempfile"]),
    ("environment", &["std::env"]),
    ("clock", &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"]),
    (
        "terminal",
        &["io::stdout", "io::stderr", "io::stdin", "std::io::IsTerminal", "indicatif", "console"],
    ),
    ("network", &["std::net", "tokio::net", "reqwest", "ureq", "hyper", "tonic"]),
    ("programs", &["process::Command"]),
    ("threads", &["std::thread", "thread::spawn", "thread::scope"]),
];

/// Macros that write past the reporters.
const PRINTING: [&str; 5] = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];

/// The table of ARCHITECTURE.md.
pub(crate) struct Layers(BTreeMap<String, Layer>);

struct Layer {
    rank: u32,
    touches: BTreeSet<String>,
}

impl Layers {
    /// Reads the rows `| rank | modules | may touch |`.
    pub(crate) fn parse(page: &str) -> Self {
        let mut layers = BTreeMap::new();
        for line in page.lines() {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [rank, modules, touches] = cells[..] else { continue };
            let Ok(rank) = rank.parse() else { continue };
            for module in modules.split(',').map(str::trim) {
                let touches = touches_of(module, touches);
                let before = layers.insert(module.to_owned(), Layer { rank, touches });
                assert!(before.is_none(), "{module} is in the table twice");
            }
        }
        assert!(!layers.is_empty(), "the layer table was not found");
        Self(layers)
    }

    /// Imports that do not go downwards.
    pub(crate) fn check_imports(&self, source: &SourceText) -> Vec<String> {
        let Some(module) = source.module() else {
            return Vec::new();
        };
        let Some(own) = self.0.get(module) else {
            return vec![source.finding(1, &format!("`{module}` is not in the layer table"))];
        };
        let mut findings = Vec::new();
        for (line, path) in source.paths(true) {
            let Some(target) =
                path.strip_prefix("crate::").and_then(|rest| rest.split("::").next())
            else {
                continue;
            };
            let goes_down =
                target == module || self.0.get(target).is_some_and(|other| other.rank < own.rank);
            if !goes_down {
                let text = format!("`{module}` (rank {}) imports `{target}`", own.rank);
                findings.push(source.finding(line, &text));
            }
        }
        findings
    }

    /// Uses of disk, clock and so on that the table does not allow, and macros that print.
    pub(crate) fn check_touches(&self, source: &SourceText) -> Vec<String> {
        let none = BTreeSet::new();
        let module = source.module();
        let allowed =
            module.and_then(|module| self.0.get(module)).map_or(&none, |layer| &layer.touches);
        let mut findings = Vec::new();
        for (line, path) in source.paths(false) {
            let touched = TOUCHES.into_iter().filter(|(word, _)| !allowed.contains(*word));
            for (word, signs) in touched {
                if signs.iter().any(|sign| names(&path, sign)) {
                    let module = module.unwrap_or("the crate's root");
                    let text = format!("{module} may not touch {word}: `{path}`");
                    findings.push(source.finding(line, &text));
                }
            }
            if PRINTING.contains(&path.as_str()) {
                findings.push(source.finding(line, &format!("`{path}` writes past the reporters")));
            }
        }
        findings
    }
}

/// What the cell says about one module: `lock, cache: disk; generate: network` or `disk, clock`.
fn touches_of(module: &str, cell: &str) -> BTreeSet<String> {
    let words = |list: &str| {
        let known = |word: &&str| TOUCHES.iter().any(|(touch, _)| touch == word);
        list.split(',').map(str::trim).filter(known).map(str::to_owned).collect()
    };
    if !cell.contains(':') {
        return words(cell);
    }
    cell.split(';')
        .filter_map(|part| part.split_once(':'))
        .filter(|(modules, _)| modules.split(',').any(|name| name.trim() == module))
        .flat_map(|(_, list)| words(list) as BTreeSet<String>)
        .collect()
}

/// Whether `sign` is a run of whole parts of `path`; a crate's name only at its start.
fn names(path: &str, sign: &str) -> bool {
    let is_crate = !sign.contains("::");
    let inside = |at: usize| {
        let before = at == 0 || (!is_crate && path[..at].ends_with("::"));
        let rest = &path[at + sign.len()..];
        before && (rest.is_empty() || rest.starts_with("::"))
    };
    path.match_indices(sign).any(|(at, _)| inside(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
| rank | modules | may touch |
| --- | --- | --- |
| 0 | base | nothing |
| 4 | lock, process | lock: disk |
| 10 | cli | disk, clock |
";

    fn source(path: &str, text: &str) -> SourceText {
        SourceText { path: path.into(), text: text.into() }
    }

    #[test]
    fn an_import_upwards_or_sideways_is_found() {
        let layers = Layers::parse(TABLE);
        let found = |path: &str, text: &str| layers.check_imports(&source(path, text));
        assert_eq!(
            found("src/lock/model.rs", "use crate::{base, process::image};\n"),
            ["src/lock/model.rs:1: `lock` (rank 4) imports `process`"]
        );
        assert_eq!(
            found("src/base/path.rs", "\nfn f() { crate::cli::run() }\n"),
            ["src/base/path.rs:2: `base` (rank 0) imports `cli`"]
        );
        assert_eq!(found("src/cli/mod.rs", "use crate::lock;\nuse crate::cli::args;\n").len(), 0);
        assert_eq!(
            found("src/other.rs", ""),
            ["src/other.rs:1: `other` is not in the layer table"]
        );
    }

    #[test]
    fn a_touch_that_the_table_does_not_allow_is_found() {
        let layers = Layers::parse(TABLE);
        let found = |path: &str, text: &str| layers.check_touches(&source(path, text));
        assert_eq!(
            found("src/process/mod.rs", "use std::{fs, io};\n"),
            ["src/process/mod.rs:1: process may not touch disk: `std::fs`"]
        );
        assert_eq!(
            found("src/lock/mod.rs", "use std::fs::File;\nfn f() { Instant::now() }\n"),
            ["src/lock/mod.rs:2: lock may not touch clock: `Instant::now`"]
        );
        assert_eq!(
            found("src/cli/mod.rs", "use std::env;\nfn f() { eprintln!(\"x\") }\n"),
            [
                "src/cli/mod.rs:1: cli may not touch environment: `std::env`",
                "src/cli/mod.rs:2: `eprintln!` writes past the reporters"
            ]
        );
        let test = "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(found("src/base/mod.rs", test).len(), 0);
        assert_eq!(found("src/base/mod.rs", "// std::fs is not used\n").len(), 0);
    }
}
