//! Parser events become trees: anchors are shared, merge keys resolved, duplicates reported, limits
//! kept, and a broken document does not cost the others.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag, options};

use crate::base::{Diagnostic, Diagnostics, FileId, Span};
use crate::yaml::tree::{Entry, Kind, Style, Value, Via};
use crate::yaml::{MAX_ALIASED_NODES, MAX_ALIASES, MAX_DEPTH, MAX_ERRORS, hints, merge};

/// Reads all documents of a file; empty ones give nothing. What is broken is reported, and left
/// out as narrowly as possible: an entry for a bad value, a document for bad syntax.
pub fn read(file: FileId, text: &str, via: Via, diagnostics: &mut Diagnostics) -> Vec<Value> {
    let mut reader = Reader {
        file,
        text,
        via,
        anchors: HashMap::new(),
        stack: Vec::new(),
        aliases: 0,
        aliased_nodes: 0,
        errors: 0,
        diagnostics,
        pending: None,
        current: None,
        stopped: false,
    };
    reader.run()
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    via: Via,
    /// Finished anchored values with their number of nodes and depth.
    anchors: HashMap<usize, Built>,
    stack: Vec<Frame>,
    aliases: usize,
    aliased_nodes: usize,
    errors: usize,
    diagnostics: &'a mut Diagnostics,
    /// A finding that a syntax error right after it may say better.
    pending: Option<Diagnostic>,
    /// The root of the document that is being read; it counts once the document ends.
    current: Option<Value>,
    stopped: bool,
}

/// A finished value with what the limits need to know about it.
#[derive(Clone)]
struct Built {
    value: Value,
    nodes: usize,
    depth: usize,
    /// False for a written nothing: `key:` without a value.
    written: bool,
}

struct Frame {
    start: u32,
    end: u32,
    flow: bool,
    anchor: usize,
    nodes: usize,
    depth: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Map { entries: Vec<Entry>, key: Option<Option<(Arc<str>, Span, bool)>>, merges: Vec<Value> },
}

impl Reader<'_> {
    fn run(&mut self) -> Vec<Value> {
        let options = options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        let mut documents = Vec::new();
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => {
                    self.flush();
                    let start = span.start.byte_offset().unwrap_or(0);
                    let end = span.end.byte_offset().unwrap_or(start);
                    let tag = span.tag_span().and_then(|span| span.byte_range());
                    let here = self.span(start, end);
                    self.tag(event.tag(), tag.map_or(here, |tag| self.span(tag.start, tag.end)));
                    if is_placeholder(&event) && self.text[start..].starts_with("{{") {
                        match skip_flow_map(&mut parser) {
                            Some(end) => self.placeholder(start, end),
                            None => continue,
                        }
                    } else {
                        self.event(event, here, &mut documents);
                    }
                }
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(self.text.len());
                    let finding = hints::syntax(self.file, self.text, at, &error);
                    if self.pending.as_ref().is_some_and(|earlier| earlier.code != finding.code) {
                        self.flush();
                    }
                    self.pending = None;
                    self.report(finding);
                    self.stack.clear();
                    self.current = None;
                    if !matches!(parser.proceed_next_document(), Ok(true)) {
                        break;
                    }
                }
            }
            if self.stopped {
                break;
            }
        }
        self.flush();
        documents
    }

    fn flush(&mut self) {
        if let Some(finding) = self.pending.take() {
            self.report(finding);
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span, documents: &mut Vec<Value>) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let built = self.scalar(text, style, span, tag.as_deref());
                self.anchor(anchor, &built);
                self.add(built);
            }
            Event::Alias(id) => {
                let built = self.alias(id, span);
                self.add(built);
            }
            Event::UnresolvedAlias(name) => {
                self.report(hints::unknown_alias(&name, span));
                self.add(self.leaf(Kind::Null, span, true));
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(style, anchor, span, Content::List(Vec::new()));
            }
            Event::MappingStart(style, anchor, _) => {
                let content = Content::Map { entries: Vec::new(), key: None, merges: Vec::new() };
                self.open(style, anchor, span, content);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.stack.pop().expect("the parser balances starts and ends");
                let anchor = frame.anchor;
                let built = self.close(frame, span);
                self.anchor(anchor, &built);
                self.add(built);
            }
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::DocumentEnd => documents.extend(self.current.take()),
            _ => {}
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        span: Span,
        tag: Option<&Tag>,
    ) -> Built {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let style = match style {
            ScalarStyle::Plain if is_text => Style::Quoted,
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let is_null = style == Style::Plain && matches!(&*text, "~" | "null" | "Null" | "NULL");
        let written = span.start != span.end || style != Style::Plain;
        let span = if style == Style::Block { self.trimmed(span) } else { span };
        let kind = if is_null || !written {
            Kind::Null
        } else {
            Kind::Scalar { text: text.into(), style }
        };
        self.leaf(kind, span, written)
    }

    fn alias(&mut self, id: usize, span: Span) -> Built {
        self.aliases += 1;
        let Some(target) = self.anchors.get(&id).cloned() else {
            self.report(
                Diagnostic::error("yaml::recursive_alias", "an alias inside its own anchor")
                    .at(span, "this would contain itself"),
            );
            return self.leaf(Kind::Null, span, true);
        };
        self.aliased_nodes += target.nodes;
        if self.aliases > MAX_ALIASES || self.aliased_nodes > MAX_ALIASED_NODES {
            self.stop(
                Diagnostic::error("yaml::too_many_aliases", "aliases make this file too large")
                    .at(span, "reading stopped here")
                    .help(format!(
                        "at most {MAX_ALIASES} aliases, which add at most {MAX_ALIASED_NODES} values"
                    )),
            );
        }
        target
    }

    fn placeholder(&mut self, start: usize, end: usize) {
        let span = self.span(start, end);
        self.pending = Some(hints::unquoted_placeholder(span, &self.text[start..end]));
        let text = self.text[start..end].to_owned();
        let kind = Kind::Scalar { text: text.into(), style: Style::Quoted };
        self.add(self.leaf(kind, span, true));
    }

    fn open(&mut self, style: StructureStyle, anchor: usize, span: Span, content: Content) {
        let flow = style == StructureStyle::Flow;
        self.stack.push(Frame {
            start: span.start,
            end: span.start,
            flow,
            anchor,
            nodes: 1,
            depth: 1,
            content,
        });
    }

    /// Gives a finished value to the collection around it, or makes it a document.
    fn add(&mut self, built: Built) {
        let depth = self.stack.len();
        let Some(frame) = self.stack.last_mut() else {
            if built.written && built.value.kind != Kind::Null {
                self.current = Some(built.value);
            }
            return;
        };
        frame.nodes += built.nodes;
        frame.depth = frame.depth.max(built.depth + 1);
        let too_deep = depth + built.depth > MAX_DEPTH;
        let span = built.value.span;
        frame.end = frame.end.max(span.end);
        let mut problem = None;
        match &mut frame.content {
            Content::List(items) => {
                if built.written {
                    items.push(built.value);
                } else {
                    let at = Span { start: span.start.saturating_sub(1), ..span };
                    problem = Some(no_value("an item of this list", at, None));
                }
            }
            Content::Map { entries, key, merges } => match key.take() {
                None => match &built.value.kind {
                    Kind::Scalar { text, style } => {
                        *key = Some(Some((text.clone(), span, *style == Style::Plain)));
                    }
                    Kind::Null if built.written => {
                        let name = self.text.get(span.range()).unwrap_or("~");
                        *key = Some(Some((name.into(), span, true)));
                    }
                    _ => {
                        *key = Some(None);
                        problem = Some(
                            Diagnostic::error("yaml::key", "a key must be a word")
                                .at(span, "this is no word"),
                        );
                    }
                },
                Some(None) => {}
                Some(Some((name, key_span, plain))) => {
                    if plain && &*name == "<<" {
                        match merge::sources(&built.value) {
                            _ if built.value.kind == Kind::Null => {}
                            Some(sources) => merges.extend(sources),
                            None => problem = Some(merge::refusal(span)),
                        }
                    } else if built.written {
                        entries.push(Entry { key: name, key_span, value: built.value });
                    } else {
                        let help = hints::comment_as_value(self.text, key_span);
                        problem = Some(no_value(&format!("`{name}`"), key_span, help));
                    }
                }
            },
        }
        if let Some(problem) = problem {
            self.report(problem);
        }
        if too_deep {
            self.stop(
                Diagnostic::error("yaml::too_deep", "values are nested too deep")
                    .at(span, "reading stopped here")
                    .help(format!("at most {MAX_DEPTH} levels")),
            );
        }
    }

    fn close(&mut self, frame: Frame, end: Span) -> Built {
        let Frame { start, flow, mut nodes, depth, content, .. } = frame;
        let end = if flow { end.end } else { frame.end };
        let kind = match content {
            Content::List(items) => Kind::List(items.into()),
            Content::Map { entries, merges, .. } => {
                let own = merge::unique(entries, &mut |finding| self.report(finding));
                let (entries, added) = merge::merge(own, &merges);
                nodes += added;
                Kind::Map(entries.into())
            }
        };
        let value = Value { kind, span: self.span(start as usize, end as usize), via: self.via };
        Built { value, nodes, depth, written: true }
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) {
        const KNOWN: [&str; 7] = ["str", "int", "float", "bool", "null", "seq", "map"];
        if let Some(tag) = tag
            && !KNOWN.iter().any(|name| tag.is_yaml_core_schema_tag(name))
            && tag.original() != "!"
        {
            self.report(
                Diagnostic::error("yaml::unknown_tag", format!("unknown tag `{}`", tag.original()))
                    .at(span, "")
                    .help("tags mean nothing here; if the `!` belongs to the text, quote the text"),
            );
        }
    }

    fn anchor(&mut self, id: usize, built: &Built) {
        if id != 0 {
            self.anchors.insert(id, built.clone());
        }
    }

    fn leaf(&self, kind: Kind, span: Span, written: bool) -> Built {
        Built { value: Value { kind, span, via: self.via }, nodes: 1, depth: 0, written }
    }

    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or("");
        let end = span.start + u32_of(text.trim_end().len());
        Span { end: end.max(span.start), ..span }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: u32_of(start), end: u32_of(end.max(start)) }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.errors += 1;
        if self.errors <= MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        } else {
            self.stopped = true;
        }
    }

    fn stop(&mut self, diagnostic: Diagnostic) {
        if !self.stopped {
            self.report(diagnostic);
            self.stopped = true;
        }
    }
}

fn u32_of(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

fn is_placeholder(event: &Event<'_>) -> bool {
    matches!(event, Event::MappingStart(StructureStyle::Flow, ..))
}

/// Reads past the flow map that was just opened; the offset behind it, or none if it is broken.
fn skip_flow_map<'a>(parser: &mut Parser<'a, granit_parser::StrInput<'a>>) -> Option<usize> {
    let mut open = 1;
    loop {
        // An error stays with the parser and is returned again by the caller's next read.
        parser.peek()?.ok()?;
        let (event, span) = parser.next_event()?.ok()?;
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => open += 1,
            Event::MappingEnd | Event::SequenceEnd => open -= 1,
            _ => {}
        }
        if open == 0 {
            return span.end.byte_offset();
        }
    }
}

fn no_value(what: &str, span: Span, help: Option<String>) -> Diagnostic {
    Diagnostic::error("yaml::no_value", format!("{what} has no value"))
        .at(span, "nothing follows")
        .help(help.unwrap_or_else(|| "write a value, or delete the line".to_owned()))
}

#[cfg(test)]
mod tests;
