//! The syntax tree of a manifest as far as wanted changes name its parts; everything else stands in
//! it as its text. Reads fast what is known to be well-formed, and gives up on what it does not
//! understand. Knows nothing of ownership. Why that is safe: docs/design/integrate.md.

use std::borrow::Cow;
use std::collections::HashSet;

use jsonc_parser::ast;
use jsonc_parser::common::Range;

use crate::integrate::json;
use crate::integrate::manifest::operation::Tree;

/// Half of what the parser allows: a text that it would refuse as too deep is left to it.
const DEEPEST: usize = 256;

/// The syntax tree of a manifest with the values that a tree of changes leads to; none if it takes a
/// parser to read it: a text that is no object, nests very deeply, or holds a key twice in a map on
/// the way.
///
/// Maps on the way list their members. A named value is parsed, and so is whatever stands on the way
/// and is no map. Any other value is a string literal that holds its text and is not checked. Which
/// of them it is, only the tree of changes and the keys decide: in the outlines of two texts, values
/// without a name are equal if no byte of them differs.
pub(super) fn outline<'t>(text: &'t str, tree: &Tree) -> Option<ast::Value<'t>> {
    let mut scanner = Scanner { text, at: 0, depth: 0 };
    scanner.skip_trivia()?;
    let root = scanner.map(tree)?;
    scanner.skip_trivia()?;
    (scanner.at == text.len()).then_some(root)
}

/// Whether the text of a value is an object that is not empty.
pub(super) fn has_members(text: &str) -> bool {
    let mut scanner = Scanner { text, at: 0, depth: 0 };
    scanner.take(b'{').is_some()
        && scanner.skip_trivia().is_some()
        && scanner.peek().is_some_and(|byte| byte != b'}')
}

/// A place in a text, always between two characters. What reads on gives none if it cannot.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Open brackets.
    depth: usize,
}

impl<'t> Scanner<'t> {
    fn map(&mut self, tree: &Tree) -> Option<ast::Value<'t>> {
        let entries: HashSet<&str> = tree.entries.iter().map(|change| &*change.key).collect();
        let start = self.at;
        let mut properties = Vec::new();
        self.take(b'{')?;
        self.enter()?;
        self.skip_trivia()?;
        while self.peek()? != b'}' {
            let start = self.at;
            let name = self.key()?;
            self.skip_trivia()?;
            self.take(b':')?;
            self.skip_trivia()?;
            let value = match tree.sections.get(&*name.value) {
                _ if entries.contains(&*name.value) => self.parsed()?,
                Some(section) if self.peek()? == b'{' => self.map(section)?,
                Some(_) => self.parsed()?,
                None => self.raw()?,
            };
            let range = Range::new(start, self.at);
            properties.push(ast::ObjectProp {
                range,
                name: ast::ObjectPropName::String(name),
                value,
            });
            self.skip_trivia()?;
            if self.peek()? != b'}' {
                self.take(b',')?;
                self.skip_trivia()?;
            }
        }
        self.take(b'}')?;
        self.depth -= 1;
        let keys: HashSet<&str> =
            properties.iter().map(|property| property.name.as_str()).collect();
        // Of equal keys the last one counts: nobody would compare the first one.
        (keys.len() == properties.len()).then(|| {
            let range = Range::new(start, self.at);
            ast::Value::Object(ast::Object { range, properties })
        })
    }

    fn key(&mut self) -> Option<ast::StringLit<'t>> {
        let start = self.at;
        self.skip_string()?;
        let range = Range::new(start, self.at);
        let quoted = &self.text[start..self.at];
        let inner = &quoted[1..quoted.len() - 1];
        let value = if inner.contains('\\') {
            let ast::Value::StringLit(key) = json::parse(quoted).ok()?? else { return None };
            key.value
        } else {
            Cow::Borrowed(inner)
        };
        Some(ast::StringLit { range, value })
    }

    fn parsed(&mut self) -> Option<ast::Value<'t>> {
        let start = self.at;
        self.skip_value()?;
        let mut value = json::parse(&self.text[start..self.at]).ok()??;
        shift(&mut value, start);
        Some(value)
    }

    fn raw(&mut self) -> Option<ast::Value<'t>> {
        let start = self.at;
        self.skip_value()?;
        let range = Range::new(start, self.at);
        let value = Cow::Borrowed(&self.text[start..self.at]);
        Some(ast::Value::StringLit(ast::StringLit { range, value }))
    }

    fn skip_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' | b'[' => self.skip_nested(),
            _ => self.skip_word(),
        }
    }

    /// To behind the bracket that closes the one here. Which kind it is does not matter: a value
    /// that is not parsed is compared byte by byte with one of a text that is well-formed.
    fn skip_nested(&mut self) -> Option<()> {
        let outside = self.depth;
        loop {
            match self.peek()? {
                b'{' | b'[' => {
                    self.at += 1;
                    self.enter()?;
                }
                b'}' | b']' => {
                    self.at += 1;
                    self.depth -= 1;
                    if self.depth == outside {
                        return Some(());
                    }
                }
                b'"' => self.skip_string()?,
                b'/' => self.skip_comment()?,
                _ => self.skip_plain(),
            }
        }
    }

    /// To the next byte that may begin or end a container, a string or a comment.
    fn skip_plain(&mut self) {
        let plain = |byte: &u8| !matches!(byte, b'{' | b'}' | b'[' | b']' | b'"' | b'/');
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| plain(byte)).count();
    }

    /// A number, `true`, `false` or `null`.
    fn skip_word(&mut self) -> Option<()> {
        let is_word =
            |byte: &u8| matches!(byte, b'+' | b'-' | b'.') || byte.is_ascii_alphanumeric();
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| is_word(byte)).count();
        self.at += length;
        (length > 0).then_some(())
    }

    fn skip_string(&mut self) -> Option<()> {
        self.take(b'"')?;
        let bytes = self.text.as_bytes();
        loop {
            self.at += memchr::memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
            if bytes[self.at] == b'"' {
                self.at += 1;
                return Some(());
            }
            // What is escaped is one character, of which no later byte is a quote.
            self.at += 2;
        }
    }

    /// Past blanks and comments.
    fn skip_trivia(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c) => self.at += 1,
                Some(b'/') => self.skip_comment()?,
                Some(0x80..) => {
                    let rest = &self.text[self.at..];
                    let blanks = rest.len() - rest.trim_start().len();
                    if blanks == 0 {
                        return None;
                    }
                    self.at += blanks;
                }
                _ => return Some(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += match rest.get(1)? {
            b'/' => memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()),
            b'*' => memchr::memmem::find(&rest[2..], b"*/")? + 4,
            _ => return None,
        };
        Some(())
    }

    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= DEEPEST).then_some(())
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// Moves a node that was parsed from a part of the text to its place in the whole.
fn shift(node: &mut ast::Value<'_>, by: usize) {
    let shift_range = |range: &mut Range| {
        range.start += by;
        range.end += by;
    };
    match node {
        ast::Value::StringLit(node) => shift_range(&mut node.range),
        ast::Value::NumberLit(node) => shift_range(&mut node.range),
        ast::Value::BooleanLit(node) => shift_range(&mut node.range),
        ast::Value::NullKeyword(node) => shift_range(&mut node.range),
        ast::Value::Array(array) => {
            shift_range(&mut array.range);
            array.elements.iter_mut().for_each(|element| shift(element, by));
        }
        ast::Value::Object(object) => {
            shift_range(&mut object.range);
            for property in &mut object.properties {
                shift_range(&mut property.range);
                match &mut property.name {
                    ast::ObjectPropName::String(name) => shift_range(&mut name.range),
                    ast::ObjectPropName::Word(name) => shift_range(&mut name.range),
                }
                shift(&mut property.value, by);
            }
        }
    }
}

#[cfg(test)]
mod tests;
