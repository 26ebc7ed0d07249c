//! From a block's text to its model: a strict line reader for the form that `render` writes, and
//! the TOML parser for blocks that a person edited. Both give the same block.

use toml::de::{DeTable, DeValue};

use crate::base::{ActionKey, Digest, RelPath};
use crate::lock::fields::FieldDigests;
use crate::lock::model::{Block, Kept, OwnedEntry, Purchase};
use crate::lock::render;

/// The keys of a block that this version knows.
pub(super) const KNOWN_KEYS: [&str; 12] = [
    "wanted",
    "definition",
    "fields",
    "raw",
    "pick",
    "adopted",
    "provisional",
    "entry",
    "outputs",
    "kept",
    "purchases",
    "tools",
];

/// What is wrong with a block, at a byte of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockError {
    /// Offset in the block's text.
    pub(super) at: usize,
    /// A fragment for people.
    pub(super) message: String,
}

/// Reads one block, header line included.
pub(super) fn parse(text: &str) -> Result<Block, BlockError> {
    match canonical(text) {
        Some(block) => Ok(block),
        None => toml_block(text),
    }
}

// The canonical form.

struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<(&'a str, &'a str)> {
        let end = memchr::memchr(b'\n', self.rest.as_bytes())?;
        let line = &self.rest[..end];
        Some((line.strip_suffix('\r').unwrap_or(line), &self.rest[end + 1..]))
    }

    /// The rest of the line after `prefix`, if the next line begins with it.
    fn take(&mut self, prefix: &str) -> Option<&'a str> {
        let (line, rest) = self.peek()?;
        let value = line.strip_prefix(prefix)?;
        self.rest = rest;
        Some(value)
    }

    /// The lines of a list; empty if the list is not there.
    fn list(&mut self, opening: &str) -> Option<Vec<&'a str>> {
        let mut items = Vec::new();
        if self.take(opening).is_some() {
            while self.take("]").is_none() {
                items.push(self.take("  ")?.strip_suffix(',')?);
            }
        }
        Some(items)
    }
}

/// Reads a block in canonical form; none for everything else, also for what is wrong.
pub(super) fn canonical(text: &str) -> Option<Block> {
    let mut lines = Lines { rest: text };
    let id = lines.take("[asset.")?.strip_suffix(']')?;
    let id = if render::is_bare(id) { id } else { plain(id)? };
    let (schema, wanted) = plain(lines.take("wanted = ")?)?.split_once(':')?;
    let definition = key(plain(lines.take("definition = ")?)?)?;
    let mut block = Block::new(id, schema.parse().ok()?, key(wanted)?, definition);
    if let Some(value) = lines.take("fields = ") {
        block.fields = FieldDigests::parse(plain(value)?).ok()?;
    }
    if let Some(value) = lines.take("raw = ") {
        block.raw = Some(digest(plain(value)?)?);
    }
    if let Some(value) = lines.take("pick = ") {
        block.pick = Some(digest(plain(value)?)?);
    }
    if let Some(value) = lines.take("adopted = ") {
        block.adopted = value.parse().ok()?;
    }
    if let Some(value) = lines.take("provisional = ") {
        block.provisional = value.parse().ok()?;
    }
    if let Some(value) = lines.take("entry = [") {
        let parts: Option<Vec<&str>> = value.strip_suffix(']')?.split(", ").map(plain).collect();
        block.entry = Some(entry(&parts?)?);
    }
    for item in lines.list("outputs = [")? {
        block.outputs.push(output(plain(item)?)?);
    }
    for item in lines.list("kept = [")? {
        let (wanted, reason) =
            item.strip_prefix("{ wanted = ")?.strip_suffix(" }")?.split_once(", reason = ")?;
        block.kept.push(Kept { wanted: key(plain(wanted)?)?, reason: plain(reason)?.to_owned() });
    }
    for item in lines.list("purchases = [")? {
        block.purchases.push(canonical_purchase(item)?);
    }
    for item in lines.list("tools = [")? {
        let (program, version) = item.strip_prefix('[')?.strip_suffix(']')?.split_once(", ")?;
        block.tools.push((plain(program)?.to_owned(), plain(version)?.to_owned()));
    }
    lines.rest.is_empty().then_some(block)
}

fn canonical_purchase(item: &str) -> Option<Purchase> {
    let mut parts = item.strip_prefix("{ ")?.strip_suffix(" }")?.split(", ").peekable();
    let mut next = |name: &str| -> Option<&str> {
        let value = parts.peek()?.strip_prefix(name)?.strip_prefix(" = ")?;
        parts.next();
        Some(value)
    };
    let purchase = Purchase {
        id: plain(next("id")?)?.to_owned(),
        wanted: key(plain(next("wanted")?)?)?,
        sent: key(plain(next("sent")?)?)?,
        index: next("index")?.parse().ok()?,
        raw: digest(plain(next("raw")?)?)?,
        provider: plain(next("provider")?)?.to_owned(),
        model: plain(next("model")?)?.to_owned(),
        model_used: match next("model_used") {
            Some(value) => Some(plain(value)?.to_owned()),
            None => None,
        },
        cost_micros: match next("cost_micros") {
            Some(value) => Some(value.parse().ok()?),
            None => None,
        },
        unit: plain(next("unit")?)?.to_owned(),
        date: plain(next("date")?)?.to_owned(),
        extra: match next("extra") {
            Some(value) => value.parse().ok()?,
            None => false,
        },
    };
    parts.next().is_none().then_some(purchase)
}

/// The content of a quoted string that holds no escape.
fn plain(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr2(b'"', b'\\', inner.as_bytes()).is_none().then_some(inner)
}

// What both forms share.

fn key(hex: &str) -> Option<ActionKey> {
    format!("b3:{hex}").parse().ok()
}

fn digest(text: &str) -> Option<Digest> {
    format!("b3:{text}").parse().ok()
}

fn output(text: &str) -> Option<(RelPath, Digest)> {
    let (path, found) = text.rsplit_once(' ')?;
    Some((RelPath::new(path).ok().filter(|checked| checked.as_str() == path)?, digest(found)?))
}

fn entry(parts: &[&str]) -> Option<OwnedEntry> {
    let [section @ .., key, value] = parts else { return None };
    Some(OwnedEntry {
        section: section.iter().map(|&part| part.to_owned()).collect(),
        key: (*key).to_owned(),
        value: value.parse().ok()?,
    })
}

fn fields(text: &str) -> Option<FieldDigests> {
    FieldDigests::parse(text).ok()
}

// Any TOML.

type Spanned<'a> = toml::Spanned<DeValue<'a>>;

fn toml_block(text: &str) -> Result<Block, BlockError> {
    let (id, table) = block_table(text)?;
    let table = Table { table: &table, at: 0 };
    let (schema, wanted) = table.required("wanted", |value| {
        let (schema, wanted) = string(value)?.split_once(':')?;
        Some((schema.parse().ok()?, key(wanted)?))
    })?;
    let definition = table.required("definition", |value| key(string(value)?))?;
    let mut block = Block::new(id, schema, wanted, definition);
    block.fields = table.optional("fields", |value| fields(string(value)?))?.unwrap_or_default();
    block.raw = table.optional("raw", |value| digest(string(value)?))?;
    block.pick = table.optional("pick", |value| digest(string(value)?))?;
    block.adopted = table.optional("adopted", boolean)?.unwrap_or_default();
    block.provisional = table.optional("provisional", boolean)?.unwrap_or_default();
    block.entry = table.optional("entry", |value| entry(&strings(value)?))?;
    block.outputs = table.list("outputs", |value, at| {
        string(value).and_then(output).ok_or_else(|| malformed("outputs", at))
    })?;
    block.kept = table.list("kept", |value, at| {
        let table = Table::of(value, at).ok_or_else(|| malformed("kept", at))?;
        Ok(Kept {
            wanted: table.required("wanted", |value| key(string(value)?))?,
            reason: table.required("reason", owned)?,
        })
    })?;
    block.purchases = table.list("purchases", |value, at| {
        toml_purchase(&Table::of(value, at).ok_or_else(|| malformed("purchases", at))?)
    })?;
    block.tools = table.list("tools", |value, at| match strings(value).as_deref() {
        Some([program, version]) => Ok(((*program).to_owned(), (*version).to_owned())),
        _ => Err(malformed("tools", at)),
    })?;
    Ok(block)
}

fn toml_purchase(table: &Table<'_, '_>) -> Result<Purchase, BlockError> {
    Ok(Purchase {
        id: table.required("id", owned)?,
        wanted: table.required("wanted", |value| key(string(value)?))?,
        sent: table.required("sent", |value| key(string(value)?))?,
        index: table.required("index", integer)?,
        raw: table.required("raw", |value| digest(string(value)?))?,
        provider: table.required("provider", owned)?,
        model: table.required("model", owned)?,
        model_used: table.optional("model_used", owned)?,
        cost_micros: table.optional("cost_micros", integer)?,
        unit: table.required("unit", owned)?,
        date: table.required("date", owned)?,
        extra: table.optional("extra", boolean)?.unwrap_or_default(),
    })
}

/// The id and the table of a block's text, if it holds exactly one.
pub(super) fn block_table(text: &str) -> Result<(String, DeTable<'_>), BlockError> {
    let root = DeTable::parse(text).map_err(|error| BlockError {
        at: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    let mut found = None;
    for (name, value) in root.into_inner() {
        let at = name.span().start;
        let (true, DeValue::Table(assets)) = (name.get_ref() == "asset", value.into_inner()) else {
            let message = format!("`{}` has no place here", name.get_ref());
            return Err(BlockError { at, message });
        };
        for (id, value) in assets {
            let at = id.span().start;
            let id = id.into_inner().into_owned();
            match value.into_inner() {
                DeValue::Table(table) if found.is_none() => found = Some((id, table)),
                _ => {
                    let message = format!("`asset.{id}` has no place here");
                    return Err(BlockError { at, message });
                }
            }
        }
    }
    found.ok_or(BlockError { at: 0, message: "a table `[asset.ID]` is needed".to_owned() })
}

struct Table<'a, 'i> {
    table: &'a DeTable<'i>,
    at: usize,
}

impl<'a, 'i> Table<'a, 'i> {
    fn of(value: &'a DeValue<'i>, at: usize) -> Option<Self> {
        value.as_table().map(|table| Self { table, at })
    }

    fn get(&self, name: &str) -> Option<&'a Spanned<'i>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&'a DeValue<'i>) -> Option<T>,
    ) -> Result<Option<T>, BlockError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value.get_ref()).map(Some).ok_or_else(|| malformed(name, value.span().start))
    }

    fn required<T>(
        &self,
        name: &str,
        read: impl Fn(&'a DeValue<'i>) -> Option<T>,
    ) -> Result<T, BlockError> {
        let message = || format!("`{name}` is missing");
        self.optional(name, read)?.ok_or_else(|| BlockError { at: self.at, message: message() })
    }

    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&'a DeValue<'i>, usize) -> Result<T, BlockError>,
    ) -> Result<Vec<T>, BlockError> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let items =
            value.get_ref().as_array().ok_or_else(|| malformed(name, value.span().start))?;
        items.iter().map(|item| read(item.get_ref(), item.span().start)).collect()
    }
}

fn malformed(name: &str, at: usize) -> BlockError {
    BlockError { at, message: format!("`{name}` is not of the form that assetbuild writes") }
}

fn string<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    value.as_str()
}

fn owned(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn boolean(value: &DeValue<'_>) -> Option<bool> {
    value.as_bool()
}

fn integer<T: std::str::FromStr>(value: &DeValue<'_>) -> Option<T> {
    value.as_integer()?.as_str().parse().ok()
}

fn strings<'a>(value: &'a DeValue<'_>) -> Option<Vec<&'a str>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str()).collect()
}
