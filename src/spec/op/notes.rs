//! The notes of a track: `C5 E5 G5 - | (A4+C5 .)*2`.

use std::fmt;

/// Notes of one track, at most.
const MAX_STEPS: usize = 100_000;
/// How deep groups may stand in groups.
const MAX_DEPTH: usize = 16;

/// What begins at a step, and for how many steps it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The step, from 0.
    pub start: usize,
    /// Steps, at least 1.
    pub length: usize,
    /// Semitones above A4 (440 Hz), all sounding at once; 0 for a drum's `x`.
    pub keys: Vec<i32>,
}

/// The notes of a text, and its length in steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The notes, in their order.
    pub notes: Vec<Note>,
    /// Steps, rests at the end included.
    pub steps: usize,
}

/// What cannot be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteError {
    /// The word.
    pub word: String,
    /// Why.
    pub reason: &'static str,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.word, self.reason)
    }
}

impl std::error::Error for NoteError {}

impl Notes {
    /// Reads the notes of a track.
    ///
    /// # Errors
    /// `NoteError` for the first word that is no note.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let (flat, rest) = unfold(&words, 0)?;
        if let Some(word) = rest.first() {
            return Err(error(word, "closes a group that was not opened"));
        }
        let mut notes = Self::default();
        for word in flat {
            match word {
                "|" => continue,
                "." => {}
                "-" => match notes.notes.last_mut() {
                    Some(last) if last.start + last.length == notes.steps => last.length += 1,
                    _ => return Err(error(word, "has no note before it to hold")),
                },
                word => {
                    let keys = word.split('+').map(key).collect::<Option<Vec<i32>>>();
                    let keys = keys.ok_or_else(|| {
                        error(
                            word,
                            "is no note; write `C4`, `F#5`, `Bb3`, `C4+E4`, `x`, `-` or `.`",
                        )
                    })?;
                    notes.notes.push(Note { start: notes.steps, length: 1, keys });
                }
            }
            notes.steps += 1;
        }
        if notes.notes.is_empty() {
            return Err(error(text, "plays nothing"));
        }
        Ok(notes)
    }
}

fn error(word: &str, reason: &'static str) -> NoteError {
    NoteError { word: word.to_owned(), reason }
}

/// Writes groups out, up to the end or the parenthesis that closes this one.
fn unfold<'a, 'b>(
    mut words: &'b [&'a str],
    depth: usize,
) -> Result<(Vec<&'a str>, &'b [&'a str]), NoteError> {
    let mut flat = Vec::new();
    while let [word, rest @ ..] = words {
        match *word {
            ")" => return Ok((flat, words)),
            "(" => {
                if depth == MAX_DEPTH {
                    return Err(error(word, "stands in too many other groups"));
                }
                let (group, after) = unfold(rest, depth + 1)?;
                let [_, after @ ..] = after else {
                    return Err(error(word, "opens a group that is not closed"));
                };
                let count = after.first().and_then(|word| word.strip_prefix('*'));
                let times = match count {
                    None => 1,
                    Some(count) => count
                        .parse()
                        .ok()
                        .filter(|times| (1..=10_000).contains(times))
                        .ok_or_else(|| error(after[0], "is no number of rounds; write `*4`"))?,
                };
                words = if count.is_some() { &after[1..] } else { after };
                if flat.len() + group.len().saturating_mul(times) > MAX_STEPS {
                    return Err(error("*", "makes the track too long"));
                }
                for _ in 0..times {
                    flat.extend_from_slice(&group);
                }
            }
            word => {
                flat.push(word);
                words = rest;
            }
        }
    }
    Ok((flat, words))
}

/// Semitones above A4.
fn key(word: &str) -> Option<i32> {
    if word == "x" {
        return Some(0);
    }
    let mut letters = word.chars();
    let tone = match letters.next()?.to_ascii_uppercase() {
        'C' => -9,
        'D' => -7,
        'E' => -5,
        'F' => -4,
        'G' => -2,
        'A' => 0,
        'B' => 2,
        _ => return None,
    };
    let rest = letters.as_str();
    let (shift, octave) = match rest.as_bytes().first()? {
        b'#' => (1, &rest[1..]),
        b'b' => (-1, &rest[1..]),
        _ => (0, rest),
    };
    let octave: i32 = octave.parse().ok().filter(|octave| (0..=8).contains(octave))?;
    Some(tone + shift + 12 * (octave - 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<(usize, usize, Vec<i32>)> {
        let notes = Notes::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        notes.notes.into_iter().map(|note| (note.start, note.length, note.keys)).collect()
    }

    #[test]
    fn notes_rests_and_holds_are_steps() {
        let expected = vec![(0, 2, vec![0]), (3, 1, vec![3, 7]), (4, 3, vec![-14])];
        assert_eq!(parse("A4 - . | C5+E5 G3 - -"), expected);
        assert_eq!(parse("f#5 Bb2"), [(0, 1, vec![9]), (1, 1, vec![-23])]);
        assert_eq!(Notes::parse("x . . .").expect("a drum").steps, 4);
    }

    #[test]
    fn groups_are_repeated() {
        assert_eq!(parse("(x .)*3"), [0, 2, 4].map(|start| (start, 1, vec![0])));
        assert_eq!(Notes::parse("((x .)*2 . )*2 x").expect("nested").steps, 11);
    }

    #[test]
    fn what_is_no_note_is_named() {
        let message = |text| Notes::parse(text).expect_err("not playable").to_string();
        assert_eq!(
            message("C4 H4"),
            "`H4` is no note; write `C4`, `F#5`, `Bb3`, `C4+E4`, `x`, `-` or `.`"
        );
        assert_eq!(message("- C4"), "`-` has no note before it to hold");
        assert_eq!(message(". | ."), "`. | .` plays nothing");
        assert_eq!(message("(x"), "`(` opens a group that is not closed");
        assert_eq!(message("x )"), "`)` closes a group that was not opened");
        assert_eq!(message("(x)*0"), "`*0` is no number of rounds; write `*4`");
        assert_eq!(message("((x)*9999)*9999"), "`*` makes the track too long");
        assert_eq!(
            message("C9"),
            "`C9` is no note; write `C4`, `F#5`, `Bb3`, `C4+E4`, `x`, `-` or `.`"
        );
        let deep = format!("{}x{}", "(".repeat(40), ")".repeat(40));
        assert_eq!(message(&deep), "`(` stands in too many other groups");
    }
}
