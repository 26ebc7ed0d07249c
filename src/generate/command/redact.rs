//! Keeps secrets out of what is shown of a program's words.

use std::collections::BTreeSet;

use crate::catalog;
use crate::generate::command::capture::Text;
use crate::generate::command::programs::Programs;

/// What stands in a secret's place.
const MASK: &str = "[redacted]";

/// Shorter values are words that may stand anywhere, and no keys.
const SHORTEST: usize = 6;

/// Lines that are shown at most.
const LINES: usize = 20;

/// Parts of the names of variables that hold secrets.
const SECRET_WORDS: [&str; 7] =
    ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH"];

/// Variables that hold secrets whatever they are called: keys of providers.
#[derive(Debug, Clone, Default)]
pub struct SecretNames {
    own: Vec<String>,
}

impl SecretNames {
    /// `own`: those that the project itself names.
    pub fn new(own: impl IntoIterator<Item = String>) -> Self {
        Self { own: own.into_iter().collect() }
    }

    /// With those of all providers that there are, which a run without programs need not know.
    pub fn all(&self) -> impl Iterator<Item = String> {
        catalog::key_variables().map(str::to_owned).chain(self.own.iter().cloned())
    }
}

/// Values that are not shown, the longest first: one may be the beginning of another.
#[derive(Clone)]
pub(in crate::generate) struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// The values of these variables and of all whose names sound like secrets.
    pub(in crate::generate) fn of<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        names: impl IntoIterator<Item = String>,
    ) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        let is_secret = |name: &str| {
            let upper = name.to_ascii_uppercase();
            names.contains(name) || SECRET_WORDS.iter().any(|word| upper.contains(word))
        };
        let found = variables.into_iter().filter(|(name, _)| is_secret(name));
        let found = found.map(|(_, value)| value);
        Self::sorted(found.map(str::to_owned).collect())
    }

    /// These and the values of the variables that a program was given.
    pub(super) fn with(&self, programs: &Programs, names: &[String]) -> Self {
        let is_given = |name: &str| names.iter().any(|given| given == name);
        let given = programs.texts().filter(|(name, _)| is_given(name)).map(|(_, value)| value);
        Self::sorted(self.0.iter().cloned().chain(given.map(str::to_owned)).collect())
    }

    fn sorted(mut all: Vec<String>) -> Self {
        all = all.iter().map(|value| value.trim().to_owned()).collect();
        all.retain(|value| value.len() >= SHORTEST);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self(all)
    }

    /// A text without the secrets.
    pub(in crate::generate) fn mask(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| text.replace(secret, MASK);
        self.0.iter().fold(text.to_owned(), hide)
    }

    /// The last lines of a text without the secrets.
    pub(super) fn hide(&self, said: &Text) -> String {
        let mut text = said.text.clone();
        if said.is_cut {
            // What is left of a secret that the cut went through is no longer known as one.
            let longest = self.0.first().map_or(0, String::len);
            let start = (longest..text.len()).find(|&at| text.is_char_boundary(at));
            text.drain(..start.unwrap_or(text.len()));
        }
        let text = self.mask(&text);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let first = lines.len().saturating_sub(LINES);
        let shown = lines[first..].iter().map(|line| shorten(line)).collect::<Vec<_>>().join("\n");
        if first > 0 || said.is_cut { format!("…\n{shown}") } else { shown }
    }
}

/// The end of a line that nobody would read as a whole.
fn shorten(line: &str) -> String {
    const WIDEST: usize = 300;
    let count = line.chars().count();
    match count > WIDEST {
        true => format!("…{}", line.chars().skip(count - WIDEST).collect::<String>()),
        false => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let programs = Programs::new([
            ("OPENAI_API_KEY".into(), "sk-1234567890".into()),
            ("GITHUB_TOKEN".into(), "sk-1234567890-longer".into()),
            ("STUDIO".into(), "lighthouse".into()),
            ("MY_TOKEN".into(), "on".into()),
        ]);
        Secrets::of(programs.texts(), []).with(&programs, &["STUDIO".to_owned()])
    }

    fn hide(text: &str, is_cut: bool) -> String {
        secrets().hide(&Text { text: text.to_owned(), is_cut })
    }

    #[test]
    fn secrets_are_masked_and_common_words_are_not() {
        let shown = hide("a sk-1234567890-longer b sk-1234567890 lighthouse on\n", false);
        assert_eq!(shown, "a [redacted] b [redacted] [redacted] on");
        assert!(!format!("{:?}", secrets()).contains("sk-"));
    }

    #[test]
    fn half_a_secret_at_a_cut_is_not_shown() {
        let shown = hide(&format!("67890-longer{}the end", " ".repeat(40)), true);
        assert!(!shown.contains("longer") && shown.ends_with("the end"), "{shown}");
        assert_eq!(hide("7890", true), "…\n");
    }

    #[test]
    fn the_last_lines_are_shown() {
        let text: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let shown = hide(&text, false);
        assert_eq!(shown.lines().count(), LINES + 1);
        assert!(shown.starts_with("…\nline 80\n") && shown.ends_with("line 99"), "{shown}");
        assert_eq!(hide(&"x".repeat(5000), false).chars().count(), 301);
    }
}
