//! A Rust file as the rules see it: lines without comments and tests, and the paths it uses.

/// The text of a file.
pub(crate) struct SourceText {
    /// Path below the project, `/` between parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceText {
    /// A finding as `path:line: text`.
    pub(crate) fn finding(&self, line: usize, text: &str) -> String {
        format!("{}:{line}: {text}", self.path)
    }

    /// Numbers of the lines for which `is_bad` holds.
    pub(crate) fn lines_where(&self, is_bad: impl Fn(&str) -> bool) -> impl Iterator<Item = usize> {
        (1..).zip(self.text.lines()).filter(move |(_, line)| is_bad(line)).map(|(number, _)| number)
    }

    /// The top-level module: `graph` for `src/graph/key.rs` and `event` for `src/event.rs`; none
    /// for the crate's roots.
    pub(crate) fn module(&self) -> Option<&str> {
        let path = self.path.strip_prefix("src/")?;
        let module = path.split('/').next()?.trim_end_matches(".rs");
        (!matches!(module, "lib" | "main")).then_some(module)
    }

    /// Lines of code with their numbers: comments are cut, and `#[cfg(test)]` items left out unless
    /// `with_tests`.
    pub(crate) fn code(&self, with_tests: bool) -> Vec<(usize, &str)> {
        let mut code = Vec::new();
        let mut lines = (1..).zip(self.text.lines());
        while let Some((number, line)) = lines.next() {
            if !with_tests && line.trim() == "#[cfg(test)]" {
                let column = indent(line);
                // rustfmt ends an item at the column where it began.
                let ends = |line: &str| indent(line) == column && line.ends_with(['}', ';']);
                let _item = lines.by_ref().find(|(_, line)| ends(line));
                continue;
            }
            code.push((number, without_comment(line)));
        }
        code
    }

    /// Every path that is used, with its line: groups of `use` are expanded, other code is searched
    /// for words with `::`.
    pub(crate) fn paths(&self, with_tests: bool) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut statement: Option<(usize, String)> = None;
        for (number, line) in self.code(with_tests) {
            let trimmed = line.trim();
            let opens = trimmed.strip_prefix("pub(crate) ").or(trimmed.strip_prefix("pub(super) "));
            let opens = opens.or(trimmed.strip_prefix("pub ")).unwrap_or(trimmed);
            if let Some((_, text)) = &mut statement {
                text.push_str(trimmed);
            } else if let Some(tree) = opens.strip_prefix("use ") {
                statement = Some((number, tree.to_owned()));
            } else {
                found.extend(words(line).map(|word| (number, word.to_owned())));
            }
            if let Some((start, text)) = statement.take_if(|(_, text)| text.ends_with(';')) {
                let mut paths = Vec::new();
                expand("", text.trim_end_matches(';'), &mut paths);
                found.extend(paths.into_iter().map(|path| (start, path)));
            }
        }
        found
    }

    /// Files, without extension for their submodules, that `#[cfg(test)] mod name;` declares here.
    pub(crate) fn test_files(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let folder = match stem.rsplit_once('/') {
            Some((folder, "mod" | "lib" | "main")) => folder,
            _ => stem,
        };
        let lines: Vec<&str> = self.text.lines().map(str::trim).collect();
        lines
            .windows(2)
            .filter(|pair| pair[0] == "#[cfg(test)]")
            .filter_map(|pair| pair[1].strip_prefix("mod ")?.strip_suffix(';'))
            .flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}")])
            .collect()
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn without_comment(line: &str) -> &str {
    let is_comment = line.trim_start().starts_with("//");
    let end = if is_comment { Some(0) } else { line.find(" // ") };
    end.map_or(line, |end| &line[..end])
}

/// Words of letters, digits, `_`, `::` and a final `!`.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '!')))
        .map(|word| word.trim_start_matches([':', '!']).trim_end_matches(':'))
        .filter(|word| word.contains("::") || word.ends_with('!'))
}

/// Writes the paths of a `use` tree: `std::{fs, io::{self, Write}}` names three.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim().trim_end_matches("::self");
        let joined = if path == "self" { prefix.trim_end_matches("::") } else { "" };
        paths.push(if joined.is_empty() { format!("{prefix}{path}") } else { joined.to_owned() });
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = tree[open + 1..].trim_end_matches(|c: char| c.is_whitespace());
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start) = (0_i32, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&prefix, &inner[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn groups_are_expanded() {
    let source = SourceText {
        path: "src/a/b.rs".into(),
        text: "//! x\nuse std::{\n    fs,\n    io::{self, Write as _},\n};\n\
               fn f() { let x = crate::lock::read(); } // crate::cli\n/// [`crate::cli`]\n"
            .into(),
    };
    let paths: Vec<String> = source.paths(true).into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, ["std::fs", "std::io", "std::io::Write", "crate::lock::read"]);
    assert_eq!(source.module(), Some("a"));
}

#[test]
fn tests_are_left_out() {
    let source = SourceText {
        path: "src/a/mod.rs".into(),
        text: "use std::fs;\n#[cfg(test)]\nmod recording;\n\nuse std::io;\n#[cfg(test)]\nmod tests {\n    \
               use std::env;\n}\nuse std::net;\n"
            .into(),
    };
    let paths: Vec<(usize, String)> = source.paths(false);
    let expected = [(1, "std::fs"), (5, "std::io"), (10, "std::net")];
    assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
    assert_eq!(source.test_files(), ["src/a/recording.rs", "src/a/recording"]);
}
