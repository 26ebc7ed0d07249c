//! What a stream of this process can show: whether it is a terminal, its colors and its width.

use std::ffi::OsString;
use std::io::IsTerminal;

use crate::cli::args::{ColorChoice, Global};
use crate::cli::diagnostics::Drawing;
use crate::report::Palette;

/// Columns of text that no terminal wraps.
const UNKNOWN_WIDTH: usize = 100;

/// What a stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether the stream is a terminal that can move its cursor.
    pub is_terminal: bool,
    /// Whether to write colors.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

impl Terminal {
    /// What stderr can show, after the options and the environment had their say.
    pub fn stderr(global: &Global) -> Self {
        let stderr = std::io::stderr();
        let size = terminal_size::terminal_size_of(&stderr);
        let width = size.map(|(width, _)| usize::from(width.0));
        Self::of(global.color, stderr.is_terminal(), width, |name| std::env::var_os(name))
    }

    /// What stdout can show.
    pub fn stdout(global: &Global) -> Self {
        let stdout = std::io::stdout();
        let size = terminal_size::terminal_size_of(&stdout);
        let width = size.map(|(width, _)| usize::from(width.0));
        Self::of(global.color, stdout.is_terminal(), width, |name| std::env::var_os(name))
    }

    /// How diagnostics are drawn there.
    pub fn drawing(self) -> Drawing {
        Drawing { color: self.color, width: self.width }
    }

    /// The colors of lines written there.
    pub fn palette(self) -> Palette {
        Palette::new(self.color)
    }

    fn of(
        choice: ColorChoice,
        is_terminal: bool,
        width: Option<usize>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        // A CI log may be a terminal by its looks; nobody watches a bar there.
        let is_ci = variable("CI").is_some_and(|value| !value.is_empty() && value != "false");
        Self {
            is_terminal: is_terminal && !is_dumb && !is_ci,
            color: choice.is_colored(is_terminal, &variable),
            // A serial line reports a width of 0.
            width: width.filter(|&width| width > 0).unwrap_or(UNKNOWN_WIDTH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(is_terminal: bool, width: Option<usize>, variables: &[(&str, &str)]) -> Terminal {
        Terminal::of(ColorChoice::Auto, is_terminal, width, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn a_terminal_has_color_progress_and_its_own_width() {
        let expected = Terminal { is_terminal: true, color: true, width: 72 };
        assert_eq!(of(true, Some(72), &[("TERM", "xterm")]), expected);
    }

    #[test]
    fn pipes_dumb_terminals_and_ci_have_no_progress() {
        assert!(!of(false, None, &[]).is_terminal);
        assert!(!of(true, Some(80), &[("TERM", "dumb")]).is_terminal);
        assert!(!of(true, Some(80), &[("CI", "true")]).is_terminal);
        assert!(of(true, Some(80), &[("CI", "false")]).is_terminal);
    }

    #[test]
    fn an_unknown_width_is_a_readable_one() {
        assert_eq!(of(false, None, &[]).width, UNKNOWN_WIDTH);
        assert_eq!(of(true, Some(0), &[]).width, UNKNOWN_WIDTH);
    }
}
