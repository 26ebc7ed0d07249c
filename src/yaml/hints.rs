//! Help for the mistakes that people make in YAML: the parser says where it gave up, these rules
//! look at the text around that place and say what to type.

use granit_parser::{ErrorKind, ScanError};

use crate::base::{Diagnostic, FileId, Span};

/// The finding for a syntax error at byte `at`.
pub(super) fn syntax(file: FileId, text: &str, at: usize, error: &ScanError) -> Diagnostic {
    let at = floor_char(text, at.min(text.len()));
    let span = |start: usize, end: usize| Span {
        file,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
    };
    let here = span(at, text[at..].chars().next().map_or(at, |c| at + c.len_utf8()));
    let line = Line::around(text, at);
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return Diagnostic::error("yaml::too_deep", "values are nested too deep")
            .at(here, "")
            .help(format!("at most {} levels", crate::yaml::MAX_DEPTH));
    }
    if let Some((start, end)) = line.placeholder() {
        return unquoted_placeholder(span(start, end), &text[start..end]);
    }
    if let Some((start, end)) = line.placeholder_at(at) {
        let message = "a value with `{{` in it needs quotes inside of `{ }` and `[ ]`";
        return Diagnostic::error("yaml::unquoted_placeholder", message)
            .at(span(start, end), "YAML reads the braces as a map")
            .help(format!("write \"{}\"", &text[start..end]));
    }
    // A value may go on in the next line, so an error there is noticed at the end of this one.
    let next = text[at..].find('\n').map(|length| Line::around(text, at + length + 1));
    for line in std::iter::once(&line).chain(&next) {
        if line.indent().contains('\t') {
            return Diagnostic::error("yaml::tab", "a tab in the indentation")
                .at(span(line.start, line.start + line.indent().len()), "")
                .help("indent with spaces");
        }
    }
    if let Some((start, end, sign)) = line.reserved_start() {
        return Diagnostic::error("yaml::reserved", format!("a value cannot start with `{sign}`"))
            .at(span(start, end), "")
            .help("put it in quotes");
    }
    if let Some((start, end)) = line.colon_in_value() {
        return Diagnostic::error("yaml::colon", "a second `: ` in one line")
            .at(span(start, end), "this text has a colon in it")
            .help("put the text in quotes");
    }
    let escape = matches!(
        error.kind(),
        ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidUnicodeEscape
    );
    if escape {
        return Diagnostic::error("yaml::escape", "an unknown escape after `\\`")
            .at(here, "")
            .help("in single quotes a `\\` is just a `\\`; in paths write `/`");
    }
    // `a:1` is text; the parser notices one line later, at what follows.
    for line in [Some(line), line.previous()].into_iter().flatten() {
        if let Some((start, end, fixed)) = line.missing_space() {
            return Diagnostic::error("yaml::missing_space", "no space after the colon")
                .at(span(start, end), "this is text, not a key with a value")
                .help(format!("write `{fixed}`"));
        }
    }
    for line in [Some(line), line.previous()].into_iter().flatten() {
        if let Some((start, end)) = line.hash_value() {
            let word = &text[start..end];
            return Diagnostic::error("yaml::comment", "a value that starts with `#` is a comment")
                .at(span(start, end), "")
                .help(format!("write \"{word}\" in quotes"));
        }
    }
    let message = error.info();
    Diagnostic::error("yaml::syntax", lower_first(message.trim_end_matches('.'))).at(here, "")
}

/// The finding for `{{name}}` outside quotes, which YAML reads as a map in a map.
pub(super) fn unquoted_placeholder(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error("yaml::unquoted_placeholder", "a value that starts with `{{` needs quotes")
        .at(span, "YAML reads this as a map")
        .help(format!("write \"{text}\", with the quotes around the whole value"))
}

/// The finding for `*name` without `&name` before it.
pub(super) fn unknown_alias(name: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("yaml::unknown_alias", format!("no anchor `&{name}`"))
        .at(span, "a value that starts with `*` is an alias");
    if name.contains(['.', '/', '*']) {
        diagnostic.help(format!("a glob needs quotes: \"*{name}\""))
    } else {
        diagnostic.help("define it before its use, or put the text in quotes")
    }
}

/// Help for a key whose value is a comment, such as `fill: #fc0`.
pub(super) fn comment_as_value(text: &str, key: Span) -> Option<String> {
    let rest = text.get(key.end as usize..)?.lines().next()?;
    let rest = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?.trim();
    let word = rest.strip_prefix('#').filter(|word| !word.starts_with([' ', '#']))?;
    let word = word.split([',', '}', ' ']).next().unwrap_or(word);
    (!word.is_empty()).then(|| format!("`#` starts a comment; write \"#{word}\" in quotes"))
}

/// One line of the text.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    start: usize,
    content: &'a str,
}

impl<'a> Line<'a> {
    fn around(text: &'a str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        Self { text, start, content: text[start..end].trim_end_matches('\r') }
    }

    /// The nearest line before this one that is not blank.
    fn previous(self) -> Option<Self> {
        let mut line = self;
        loop {
            line = Self::around(self.text, line.start.checked_sub(1)?);
            if !line.content.trim().is_empty() {
                return Some(line);
            }
        }
    }

    fn indent(&self) -> &'a str {
        &self.content[..self.content.len() - self.content.trim_start().len()]
    }

    /// Offset and text of the value after `key: ` or `- `, comments included.
    fn value(&self) -> Option<(usize, &'a str)> {
        let mut rest = self.content.trim_start();
        while let Some(item) = rest.strip_prefix("- ") {
            rest = item.trim_start();
        }
        let value = match rest.find(": ") {
            Some(colon) if is_word(&rest[..colon]) => rest[colon + 2..].trim_start(),
            _ if rest.len() < self.content.trim_start().len() => rest,
            _ => return None,
        };
        Some((self.start + self.content.len() - value.len(), value))
    }

    fn placeholder(&self) -> Option<(usize, usize)> {
        let (start, value) = self.value()?;
        value.starts_with("{{").then(|| (start, start + value.trim_end().len()))
    }

    /// The plain value around a `{{name}}` that begins near `at`.
    fn placeholder_at(&self, at: usize) -> Option<(usize, usize)> {
        let at = at.checked_sub(self.start)?;
        let opened = self.content.match_indices("{{").map(|(found, _)| found);
        let opened = opened.filter(|found| at.abs_diff(*found) <= 2).last()?;
        let closed = opened + self.content[opened..].find("}}")? + 2;
        let start =
            self.content[..opened].rfind([' ', ',', '{', '[']).map_or(0, |before| before + 1);
        let rest = &self.content[closed..];
        let end = closed + rest.find([',', ' ', '}', ']']).unwrap_or(rest.len());
        (start < opened).then(|| (self.start + start, self.start + end))
    }

    fn reserved_start(&self) -> Option<(usize, usize, char)> {
        let (start, value) = self.value()?;
        let sign = value.chars().next().filter(|&c| matches!(c, '@' | '`' | '%'))?;
        Some((start, start + value.trim_end().len(), sign))
    }

    fn colon_in_value(&self) -> Option<(usize, usize)> {
        let (start, value) = self.value()?;
        let plain = !value.starts_with(['"', '\'', '{', '[', '|', '>', '&', '*', '!']);
        (plain && value.contains(": ")).then(|| (start, start + value.trim_end().len()))
    }

    /// `#word` right after a colon.
    fn hash_value(&self) -> Option<(usize, usize)> {
        let at = self.content.find(": #")? + 2;
        let word = self.content[at..].split([' ', ',', '}', ']']).next()?;
        (word.len() > 1).then(|| (self.start + at, self.start + at + word.len()))
    }

    fn missing_space(&self) -> Option<(usize, usize, String)> {
        let word = self.content.trim_start().trim_start_matches("- ").trim();
        let (key, value) = word.split_once(':')?;
        let fits = is_word(key) && !value.is_empty() && !value.starts_with([' ', '/', '\t']);
        let start = self.start + self.content.find(word)?;
        fits.then(|| (start, start + word.len(), format!("{key}: {value}")))
    }
}

fn is_word(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn floor_char(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
