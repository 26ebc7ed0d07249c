//! Outlines of manifests that were made at random: edits by them are the same as by a parser.

use serde_json::{Value, json};

use super::*;
use crate::integrate::manifest::{
    ManifestError, Operation, Wanted, edit, edit_known, edit_outlined, find_entry, read_entries,
    split_bom,
};
use crate::integrate::value_digest;

/// A small generator, so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// How a manifest looks, apart from what it says.
#[derive(Clone, Copy)]
enum Look {
    /// Two spaces, one member a line.
    Neat,
    /// Everything in one line.
    Dense,
    /// Comments and blanks between any two tokens.
    Odd,
}

const KEYS: [&str; 9] = ["a", "b", "c", "key", "k\"]", "\\", "ü", "a\u{301}/*", "//"];
/// Keys that lead to sections, by depth.
const SECTIONS: [&[&str]; 4] = [&["assets"], &["images", "audio"], &["sfx", "a"], &["land", "b"]];
const SCALARS: [&str; 12] = [
    "1",
    "-0.5e+3",
    "12345678901234567890",
    "true",
    "null",
    "\"\"",
    "\"images/a.png\"",
    "\"}],{[\"",
    "\"\\\\\"",
    "\"\\\"}\\\\\\\"\"",
    "\"// \u{e9} /*\"",
    "\"\\u00e9\\n\"",
];
const TRIVIA: &[&str] = &[
    "",
    "",
    "",
    " ",
    " ",
    "\n",
    "\n  ",
    "\r\n",
    "\t",
    "/* } \" */",
    "// ] \"\n",
    "/**/",
    "\u{a0}",
    "// \u{e9} \\\r\n\t",
];

/// Writes manifests.
struct Writer {
    random: Random,
    look: Look,
    text: String,
    /// Whether a key stands twice in a map.
    has_twins: bool,
}

impl Writer {
    fn gap(&mut self, depth: usize, breaks: bool) {
        match self.look {
            Look::Odd => {
                let trivia = self.random.of(TRIVIA);
                self.text.push_str(trivia);
            }
            Look::Neat if breaks => {
                self.text.push('\n');
                self.text.push_str(&"  ".repeat(depth));
            }
            Look::Neat | Look::Dense => {}
        }
    }

    fn key(&mut self, key: &str) {
        let quoted = json::quote(key);
        let letter = key.chars().next().expect("it is not empty");
        if letter.is_ascii_lowercase() && self.random.below(6) == 0 {
            let escaped = format!("\\u{:04x}", u32::from(letter));
            self.text.push_str(&quoted.replacen(letter, &escaped, 1));
        } else {
            self.text.push_str(&quoted);
        }
    }

    fn members(&mut self, depth: usize, brackets: [char; 2], count: usize, item: &mut Item<'_>) {
        self.text.push(brackets[0]);
        for index in 0..count {
            self.gap(depth + 1, true);
            item(self, index);
            self.gap(depth + 1, false);
            if index + 1 < count || self.random.below(4) == 0 {
                self.text.push(',');
            }
        }
        self.gap(depth, count > 0);
        self.text.push(brackets[1]);
    }

    fn map(&mut self, depth: usize, keys: &[&str]) {
        for (index, key) in keys.iter().enumerate() {
            self.has_twins |= keys[..index].contains(key);
        }
        self.members(depth, ['{', '}'], keys.len(), &mut |writer, index| {
            writer.key(keys[index]);
            writer.gap(depth, false);
            writer.text.push(':');
            writer.gap(depth, false);
            let is_section = SECTIONS.get(depth).is_some_and(|names| names.contains(&keys[index]));
            if is_section && writer.random.below(8) > 0 {
                writer.section(depth + 1);
            } else {
                writer.value(depth + 1);
            }
        });
    }

    fn section(&mut self, depth: usize) {
        if depth > 1 && self.random.below(4) == 0 {
            let count = self.random.below(4);
            return self
                .members(depth, ['[', ']'], count, &mut |writer, _| writer.value(depth + 1));
        }
        let keys = self.keys(depth);
        self.map(depth, &keys);
    }

    fn keys(&mut self, depth: usize) -> Vec<&'static str> {
        let sections = SECTIONS.get(depth).copied().unwrap_or_default();
        let mut keys: Vec<&str> =
            sections.iter().copied().filter(|_| self.random.below(4) > 0).collect();
        for key in KEYS {
            if self.random.below(3) == 0 && !keys.contains(&key) {
                let place = self.random.below(keys.len() + 1);
                keys.insert(place, key);
            }
        }
        if self.random.below(20) == 0 && !keys.is_empty() {
            keys.push(keys[0]);
        }
        if self.random.below(2) == 0 {
            keys.sort_unstable();
        }
        keys
    }

    fn value(&mut self, depth: usize) {
        match self.random.below(if depth > 6 { 4 } else { 7 }) {
            0..4 => {
                let scalar = self.random.of(&SCALARS);
                self.text.push_str(scalar);
            }
            4 => {
                let count = self.random.below(3);
                self.members(depth, ['[', ']'], count, &mut |writer, _| writer.value(depth + 1));
            }
            _ => {
                let count = self.random.below(4);
                let mut keys: Vec<&str> = (0..count).map(|_| self.random.of(&KEYS)).collect();
                if self.random.below(40) > 0 {
                    keys.sort_unstable();
                    keys.dedup();
                }
                self.map(depth.max(SECTIONS.len()), &keys);
            }
        }
    }

    fn operation(&mut self, manifest: &Value) -> Operation {
        let depth = self.random.below(SECTIONS.len());
        let section: Vec<String> =
            (1..=depth.max(1)).map(|depth| self.random.of(SECTIONS[depth]).to_owned()).collect();
        let key = self.random.of(&KEYS).to_owned();
        let present = find_entry(manifest, &section, &key);
        let owned = match self.random.below(4) {
            0 => value_digest(&json!("another")),
            _ => value_digest(&present.unwrap_or_default()),
        };
        if self.random.below(3) == 0 {
            return Operation::Remove { section, key, owned };
        }
        let values =
            [json!({"path": "b/\"}.png", "n": 2}), json!([1, {"a": {}}]), json!("{"), json!({})];
        let value = values[self.random.below(values.len())].clone();
        let owned = (self.random.below(4) > 0).then_some(owned);
        Operation::Upsert { section, key, value, owned }
    }
}

/// Writes one member.
type Item<'a> = dyn FnMut(&mut Writer, usize) + 'a;

/// A manifest, changes of it, and whether a key stands twice in it.
fn made(seed: u64) -> (String, Vec<Operation>, bool) {
    let mut random = Random(seed);
    let look = random.of(&[Look::Neat, Look::Neat, Look::Dense, Look::Odd]);
    let mut writer = Writer { random, look, text: String::new(), has_twins: false };
    if writer.random.below(8) == 0 {
        writer.text.push('\u{feff}');
    }
    writer.gap(0, false);
    writer.section(0);
    writer.gap(0, false);
    if writer.random.below(4) == 0 {
        writer.text = writer.text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    let manifest = read_entries(&writer.text).expect("the writer writes JSON");
    let count = 1 + writer.random.below(4);
    let operations = (0..count).map(|_| writer.operation(&manifest)).collect();
    (writer.text, operations, writer.has_twins)
}

#[test]
fn edits_by_an_outline_are_those_by_a_parser() {
    let (mut changed, mut refused) = (0, 0);
    for seed in 0..6_000 {
        let (text, operations, has_twins) = made(seed);
        let told = || format!("seed {seed}: {operations:?}\n{text}");
        let full = edit(&text, &operations).expect("the writer writes JSON");
        match edit_outlined(&text, &operations) {
            None => assert!(has_twins, "{}", told()),
            Some(outlined) => assert_eq!(outlined, full, "{}", told()),
        }
        changed += usize::from(full.changed > 0);
        refused += usize::from(!full.problems.is_empty());
        assert_eq!(edit_known(&text, &operations), Ok(full), "{}", told());
    }
    assert!(changed > 2_000 && refused > 500, "{changed} changed, {refused} refused");
}

/// The value of an outline; none if what stands in it as its text is not JSON.
fn completed(text: &str, node: &ast::Value<'_>) -> Option<Value> {
    match node {
        ast::Value::Object(object) => {
            let members = object.properties.iter().map(|property| {
                Some((property.name.as_str().to_owned(), completed(text, &property.value)?))
            });
            members.collect::<Option<_>>().map(Value::Object)
        }
        ast::Value::StringLit(raw) if raw.value == text[raw.range.start..raw.range.end] => {
            json::parse(&raw.value).ok()?.as_ref().map(json::to_value)
        }
        parsed => Some(json::to_value(parsed)),
    }
}

#[test]
fn an_outline_is_json_if_its_values_are() {
    const SLIPS: [&str; 12] = ["", "\"", ",", "}", "{", "]", ":", "/", "\\", "x", "\u{e9}", "*"];
    let (mut whole, mut broken) = (0, 0);
    for seed in 0..20_000 {
        let (text, operations, _) = made(seed % 4_000);
        let mut random = Random(seed);
        let mut text = split_bom(&text).1.to_owned();
        let place = random.below(text.len());
        let end = text.ceil_char_boundary(place + random.below(2));
        text.replace_range(text.floor_char_boundary(place)..end, random.of(&SLIPS));
        let root = outline(&text, &Wanted::of(&operations).tree);
        let Some(value) = root.and_then(|root| completed(&text, &root)) else {
            broken += 1;
            continue;
        };
        let parsed = json::parse(&text).ok().flatten().as_ref().map(json::to_value);
        assert_eq!(parsed, Some(value), "seed {seed}\n{text}");
        whole += 1;
    }
    assert!(whole > 1_000 && broken > 5_000, "{whole} whole, {broken} broken");
}

#[test]
fn what_no_change_names_is_not_read() {
    let text = "{\"mine\": {?}, \"assets\": {\"images\": {\"a\": tru, \"b\": 1}, \"list\": [}}}";
    let put = |key: &str| Operation::Upsert {
        section: vec!["images".to_owned()],
        key: key.to_owned(),
        value: json!(2),
        owned: Some(value_digest(&json!(1))),
    };
    let edited = edit_known(text, &[put("b"), put("c")]).expect("readable as far as it is read");
    assert_eq!(edited.text, text.replace("\"b\": 1", "\"b\": 2, \"c\": 2"));
    assert!(matches!(edit_known(text, &[put("a")]), Err(ManifestError::Syntax { .. })));
}

#[test]
fn what_takes_a_parser_is_left_to_it() {
    let tree = Tree::default();
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(outline(&nested(DEEPEST - 1), &tree).is_some());
    let others =
        ["", "// none", "[]", "7", "{} {}", "{\"a\": 1", "{\"a\" 1}", "{,}", "{\"a\": 1,,}"];
    let others = others.map(str::to_owned).into_iter();
    for text in others.chain([nested(DEEPEST), "{\"a\": 1, \"a\": 1}".to_owned()]) {
        assert!(outline(&text, &tree).is_none(), "{text}");
        assert_eq!(edit_known(&text, &[]), edit(&text, &[]), "{text}");
    }
}
