//! Colors of human output: a few named styles that are empty when color is off.

use std::fmt;

/// Paints words, or leaves them plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    color: bool,
}

impl Palette {
    /// A palette that paints only if `color`.
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    /// Whether it paints.
    pub fn is_colored(self) -> bool {
        self.color
    }

    /// What failed: bold red.
    pub fn error(self, text: impl fmt::Display) -> String {
        self.paint("1;31", text)
    }

    /// What to look at: bold yellow.
    pub fn warning(self, text: impl fmt::Display) -> String {
        self.paint("1;33", text)
    }

    /// What was done: bold green.
    pub fn done(self, text: impl fmt::Display) -> String {
        self.paint("1;32", text)
    }

    /// What may be skipped while reading.
    pub fn dim(self, text: impl fmt::Display) -> String {
        self.paint("2", text)
    }

    /// Names that the eye looks for.
    pub fn bold(self, text: impl fmt::Display) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: impl fmt::Display) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_color_no_escape_is_written() {
        assert_eq!(Palette::new(false).error("error"), "error");
        assert_eq!(Palette::new(true).error("error"), "\x1b[1;31merror\x1b[0m");
    }
}
