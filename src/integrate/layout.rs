//! Text edits of one JSON container: items are removed and added the way a careful person would,
//! and every byte in between stays. Knows nothing of entries or ownership.

use std::ops::Range;

use crate::integrate::json::Style;

/// Replaces a range of the text; an empty range inserts.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Makes all edits, at one place in the order in which they were made; none if two overlap.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out =
        String::with_capacity(text.len() + edits.iter().map(|e| e.text.len()).sum::<usize>());
    let mut copied = 0;
    for edit in edits {
        out.push_str(text.get(copied..edit.range.start)?);
        out.push_str(&edit.text);
        copied = edit.range.end;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// An object or array in the text.
#[derive(Debug)]
pub(super) struct Container<'t> {
    text: &'t str,
    /// Between the brackets.
    inner: Range<usize>,
    items: Vec<Range<usize>>,
    /// Indentation of items on lines of their own; none if they share a line.
    indent: Option<String>,
}

/// An item to add: after which existing one (none: before the first), and its text.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) after: Option<usize>,
    pub(super) text: String,
}

impl<'t> Container<'t> {
    /// `range` covers the brackets, `items` the members in their order.
    pub(super) fn new(
        text: &'t str,
        range: Range<usize>,
        items: Vec<Range<usize>>,
        style: Style<'_>,
    ) -> Self {
        let inner = range.start + 1..range.end - 1;
        let indent = match items.first() {
            Some(first) => {
                own_line(text, first.start).then(|| indent_at(text, first.start).to_owned())
            }
            // An empty container in a file that has lines opens up.
            None => (text.contains('\n') || inner.is_empty() && range.len() == text.trim().len())
                .then(|| format!("{}{}", indent_at(text, range.start), style.unit)),
        };
        Self { text, inner, items, indent }
    }

    /// Indentation of items on lines of their own; none if they share a line.
    pub(super) fn indent(&self) -> Option<&str> {
        self.indent.as_deref()
    }

    /// Removes some of the items and adds others; `added` is in the order of the result, and only
    /// names items that stay.
    pub(super) fn edit(
        &self,
        removed: &[bool],
        added: &[Added],
        style: Style<'_>,
        edits: &mut Vec<Edit>,
    ) {
        if added.is_empty() && !removed.contains(&true) {
            return;
        }
        if self.items.is_empty() {
            edits.push(self.fill(added, style));
            return;
        }
        let kept = |index: usize| !removed[index];
        let last_kept = (0..self.items.len()).rev().find(|&index| kept(index));
        if last_kept.is_none() && added.is_empty() && self.holds_items_only() {
            edits.push(Edit { range: self.inner.clone(), text: String::new() });
            return;
        }
        let commas: Vec<Option<usize>> =
            self.items.iter().map(|item| self.comma(item.end)).collect();
        let trailing = commas.last().is_some_and(Option::is_some);
        let added_last = added.last().is_some_and(|last| last.after >= last_kept);
        for (index, item) in self.items.iter().enumerate().filter(|(index, _)| kept(*index)) {
            let wanted = trailing || added_last || Some(index) != last_kept;
            match commas[index] {
                None if wanted => {
                    edits.push(Edit { range: item.end..item.end, text: ",".to_owned() });
                }
                Some(at) if !wanted => edits.push(Edit { range: at..at + 1, text: String::new() }),
                _ => {}
            }
        }
        for (index, new) in added.iter().enumerate() {
            let comma = if trailing || !added_last || index + 1 < added.len() { "," } else { "" };
            let (at, text) = match (&self.indent, new.after) {
                (Some(indent), after) => {
                    let at = match after {
                        Some(after) => self.line_end(item_end(&self.items, &commas, after)),
                        None => self.above(self.items[0].start),
                    };
                    (at, format!("{}{indent}{}{comma}", style.eol, new.text))
                }
                (None, Some(after)) => {
                    (item_end(&self.items, &commas, after), format!(" {}{comma}", new.text))
                }
                (None, None) => {
                    let space = if comma.is_empty() { "" } else { " " };
                    (self.items[0].start, format!("{}{comma}{space}", new.text))
                }
            };
            edits.push(Edit { range: at..at, text });
        }
        let mut leading = true;
        for index in 0..self.items.len() {
            if kept(index) {
                leading = false;
            } else {
                let range = self.removal(index, leading, &commas);
                edits.push(Edit { range, text: String::new() });
            }
        }
    }

    /// The first items of an empty container; a comment in it stays above them.
    fn fill(&self, added: &[Added], style: Style<'_>) -> Edit {
        let inner = &self.text[self.inner.clone()];
        let start = self.inner.start + inner.trim_end().len();
        let texts: Vec<&str> = added.iter().map(|new| new.text.as_str()).collect();
        let text = match &self.indent {
            Some(indent) => {
                let separator = format!(",{}{indent}", style.eol);
                let outer = indent_at(self.text, self.inner.start);
                let eol = style.eol;
                format!("{eol}{indent}{}{eol}{outer}", texts.join(&separator))
            }
            None => texts.join(", "),
        };
        Edit { range: start..self.inner.end, text }
    }

    /// What goes when the item goes: its lines if they are its own, else its place in the line.
    fn removal(&self, index: usize, leading: bool, commas: &[Option<usize>]) -> Range<usize> {
        let item = &self.items[index];
        let end = item_end(&self.items, commas, index);
        if self.indent.is_some() {
            let line_end = end + self.text[end..].find('\n').unwrap_or(0);
            let rest = &self.text[end..line_end];
            if own_line(self.text, item.start) && rest.trim().is_empty() {
                let blanks = rest.trim_end_matches('\r').len();
                return line_start_break(self.text, item.start)..end + blanks;
            }
            return item.start..end + blank_len(&self.text[end..]);
        }
        match self.items.get(index + 1) {
            Some(next) if leading => item.start..next.start,
            _ if leading => item.start..end,
            _ => item_end(&self.items, commas, index - 1)..end,
        }
    }

    /// The comma behind an item, past blanks and comments.
    fn comma(&self, at: usize) -> Option<usize> {
        let at = skip_trivia(self.text, at);
        (at < self.inner.end && self.text.as_bytes()[at] == b',').then_some(at)
    }

    /// The end of the line that `at` is on, past comments; `at` itself if something else follows.
    fn line_end(&self, at: usize) -> usize {
        let mut here = at;
        loop {
            here += blank_len(&self.text[here..]);
            let rest = &self.text[here..];
            if rest.starts_with('\n') || rest.starts_with("\r\n") {
                return here;
            } else if rest.starts_with("//") {
                let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
                return here + line.trim_end_matches('\r').len();
            } else if rest.starts_with("/*") {
                here += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else {
                return at;
            }
        }
    }

    /// The end of the line above the item at `start` and above the comment lines on top of it.
    fn above(&self, start: usize) -> usize {
        let mut at = line_start_break(self.text, start);
        loop {
            let line_start = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
            let line = self.text[line_start..at].trim();
            let comment = line.starts_with("//") || line.starts_with("/*") && line.ends_with("*/");
            if !comment || line_start <= self.inner.start {
                return at;
            }
            at = line_start_break(self.text, line_start);
        }
    }

    /// Whether there is nothing but items, commas and blanks between the brackets.
    fn holds_items_only(&self) -> bool {
        let ends = self.items.iter().map(|item| item.end);
        let starts = self.items.iter().map(|item| item.start);
        let gaps = std::iter::once(self.inner.start)
            .chain(ends)
            .zip(starts.chain(std::iter::once(self.inner.end)));
        gaps.into_iter()
            .all(|(from, to)| self.text[from..to].chars().all(|c| c == ',' || c.is_whitespace()))
    }
}

/// The end of an item with its comma.
fn item_end(items: &[Range<usize>], commas: &[Option<usize>], index: usize) -> usize {
    commas[index].map_or(items[index].end, |comma| comma + 1)
}

/// The blanks that the line of `at` begins with.
pub(super) fn indent_at(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start..];
    &line[..blank_len(line)]
}

/// Whether only blanks stand before `at` in its line.
pub(super) fn own_line(text: &str, at: usize) -> bool {
    text[..at].rfind('\n').is_some_and(|line| text[line + 1..at].trim().is_empty())
}

/// The line break before the line of `at`, with its carriage return.
fn line_start_break(text: &str, at: usize) -> usize {
    let newline = text[..at].rfind('\n').expect("an item on its own line has a line above");
    if text[..newline].ends_with('\r') { newline - 1 } else { newline }
}

fn blank_len(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

fn skip_trivia(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else {
            return at;
        }
    }
}
