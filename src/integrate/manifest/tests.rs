//! Manifest edits as a person would see them in a diff.

use serde_json::json;

use super::*;
use crate::integrate::value_digest;

fn section(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

fn put(place: &str, key: &str, value: Value) -> Operation {
    Operation::Upsert { section: section(place), key: key.to_owned(), value, owned: None }
}

fn change(place: &str, key: &str, value: Value, old: &Value) -> Operation {
    let owned = Some(value_digest(old));
    Operation::Upsert { section: section(place), key: key.to_owned(), value, owned }
}

fn remove(place: &str, key: &str, old: &Value) -> Operation {
    Operation::Remove { section: section(place), key: key.to_owned(), owned: value_digest(old) }
}

/// Edits without problems, and checks that the same edit again changes nothing.
fn done(text: &str, operations: &[Operation]) -> String {
    let edited = edit(text, operations).expect("the manifest is readable");
    assert_eq!(edit_known(text, operations).as_ref(), Ok(&edited), "both ways are one");
    assert_eq!(edited.problems, []);
    let again = edit(&edited.text, operations).expect("it still is");
    assert_eq!((again.text.as_str(), again.changed), (edited.text.as_str(), 0), "twice is once");
    edited.text
}

fn problem(text: &str, operation: Operation) -> EntryProblem {
    let edited = edit(text, std::slice::from_ref(&operation)).expect("the manifest is readable");
    assert_eq!(edit_known(text, &[operation]).as_ref(), Ok(&edited), "both ways are one");
    assert_eq!(edited.text, text);
    assert_eq!(edited.changed, 0);
    edited.problems.into_iter().next().expect("a problem").1
}

const GAME: &str = r#"{
  "version": "3",   // bumped by hand
  "assets": {
    /* pictures */
    "images": {
      "hero": { "type": "image", "path": "images/hero.png" }, // the star
      "logo": {
        "type": "multiResolution",
        "variants": {
          "1x": {"png": "l.png", "size": {"png": "3KB"}}
        }
      }
    },
    "audio": {
      "sfx": {
        "land": [
          {
            "key": "sfxLand1", 
            "path": "a.mp3"
          }
        ]
      },
      "music": {}
    }
  },
  "loader": [1,2,   3]
}
"#;

#[test]
fn new_keys_follow_their_siblings() {
    let edited = done(
        GAME,
        &[
            put("images", "genCoin", json!({"type": "image", "path": "c.png"})),
            put("audio.sfx.land", "sfxLand2", json!({"path": "b.mp3"})),
            put("audio.sfx.jump", "sfxJump1", json!({"path": "j.mp3"})),
            put("audio.music", "theme", json!({"path": "t.mp3"})),
        ],
    );
    let expected = GAME
        .replace(
            "        }\n      }\n    },\n",
            "        }\n      },\n      \"genCoin\": {\n        \"type\": \"image\",\n        \"path\": \"c.png\"\n      }\n    },\n",
        )
        .replace(
            "\"a.mp3\"\n          }\n        ]\n",
            "\"a.mp3\"\n          },\n          {\n            \"key\": \"sfxLand2\",\n            \"path\": \"b.mp3\"\n          }\n        ],\n        \"jump\": [\n          {\n            \"key\": \"sfxJump1\",\n            \"path\": \"j.mp3\"\n          }\n        ]\n",
        )
        .replace(
            "\"music\": {}",
            "\"music\": {\n        \"theme\": {\n          \"path\": \"t.mp3\"\n        }\n      }",
        );
    assert_eq!(edited, expected);
}

#[test]
fn sorted_siblings_stay_sorted() {
    let text = "{\"assets\": {\"images\": {\n\t// first\n\t\"b\": 1, // one\n\t\"d\": 2,\n\t\"da\": 2\n}}}\n";
    let edited = done(
        text,
        &[put("images", "e", json!(5)), put("images", "a", json!(3)), put("images", "c", json!(4))],
    );
    assert_eq!(
        edited,
        "{\"assets\": {\"images\": {\n\t\"a\": 3,\n\t// first\n\t\"b\": 1, // one\n\t\"c\": 4,\n\t\"d\": 2,\n\t\"da\": 2,\n\t\"e\": 5\n}}}\n"
    );
}

#[test]
fn a_new_entry_looks_like_its_neighbour() {
    let text = "{\n  \"assets\": {\n    \"images\": {\n      \"a\": {\"x\": 1}\n    }\n  }\n}\n";
    let edited = done(text, &[put("images", "b", json!({"y": [1, 2]}))]);
    assert_eq!(edited, text.replace("1}\n", "1},\n      \"b\": {\"y\": [1, 2]}\n"));
    let spaced = text.replace("{\"x\": 1}", "{ \"x\": 1 }");
    let edited = done(&spaced, &[put("images", "b", json!({"y": 2}))]);
    assert_eq!(edited, spaced.replace("1 }\n", "1 },\n      \"b\": { \"y\": 2 }\n"));
}

#[test]
fn one_line_files_stay_on_one_line() {
    let text = "{\"assets\":{\"images\":{\"a\":1,\"b\":2,\"c\":3}}}";
    let one = |key: &str, value: i64| remove("images", key, &json!(value));
    assert_eq!(done(text, &[put("images", "d", json!(4))]), text.replace("3}", "3, \"d\": 4}"));
    assert_eq!(
        done(text, &[put("images", "A", json!(4))]),
        text.replace("{\"a\"", "{\"A\": 4, \"a\"")
    );
    assert_eq!(done(text, &[one("a", 1)]), "{\"assets\":{\"images\":{\"b\":2,\"c\":3}}}");
    assert_eq!(done(text, &[one("b", 2)]), "{\"assets\":{\"images\":{\"a\":1,\"c\":3}}}");
    assert_eq!(done(text, &[one("c", 3)]), "{\"assets\":{\"images\":{\"a\":1,\"b\":2}}}");
    assert_eq!(done(text, &[one("a", 1), one("b", 2)]), "{\"assets\":{\"images\":{\"c\":3}}}");
    assert_eq!(done(text, &[one("b", 2), one("c", 3)]), "{\"assets\":{\"images\":{\"a\":1}}}");
    assert_eq!(
        done(text, &[one("a", 1), one("b", 2), one("c", 3)]),
        "{\"assets\":{\"images\":{}}}"
    );
}

#[test]
fn an_owned_entry_changes_field_by_field() {
    let old = json!({"type": "image", "path": "images/hero.png"});
    let new = json!({"path": "images/hero2.png", "type": "image", "frames": [1]});
    let edited = done(GAME, &[change("images", "hero", new, &old)]);
    assert_eq!(edited, GAME.replace("hero.png\" }", "hero2.png\", \"frames\": [1] }"));
    let old = json!({"path": "a.mp3"});
    let edited = done(GAME, &[change("audio.sfx.land", "sfxLand1", json!({"url": "b"}), &old)]);
    assert_eq!(edited, GAME.replace("\"path\": \"a.mp3\"", "\"url\": \"b\""));
    let old = json!({"type": "multiResolution", "variants": {"1x": {"png": "l.png", "size": {"png": "3KB"}}}});
    let new = json!({"type": "multiResolution", "variants": {"1x": {"png": "m.png", "size": 7}}});
    let edited = done(GAME, &[change("images", "logo", new, &old)]);
    assert_eq!(
        edited,
        GAME.replace("l.png\", \"size\": {\"png\": \"3KB\"}", "m.png\", \"size\": 7")
    );
}

#[test]
fn removal_takes_the_lines_and_leaves_the_comments() {
    let hero = json!({"type": "image", "path": "images/hero.png"});
    let edited = done(GAME, &[remove("images", "hero", &hero)]);
    assert_eq!(
        edited,
        GAME.replace("{ \"type\": \"image\", \"path\": \"images/hero.png\" }, // the", "// the")
            .replace("\"hero\": ", "")
    );
    let land = json!({"path": "a.mp3"});
    let edited = done(GAME, &[remove("audio.sfx.land", "sfxLand1", &land)]);
    let list = "[\n          {\n            \"key\": \"sfxLand1\", \n            \"path\": \"a.mp3\"\n          }\n        ]";
    assert_eq!(edited, GAME.replace(list, "[]"));
    // What is not there needs no removal.
    assert_eq!(done(GAME, &[remove("images", "gone", &land), remove("no.such", "x", &land)]), GAME);
}

#[test]
fn every_mix_of_removals_and_additions_is_json_again() {
    for trailing in ["", ","] {
        for style in ["lines", "crlf", "inline", "comments"] {
            for mask in 0..16_u32 {
                let keys = ["a", "b", "c", "d"];
                let items: Vec<String> = keys.iter().map(|key| format!("\"{key}\": 1")).collect();
                let text = match style {
                    "inline" => format!("{{\"assets\": {{ {}{trailing} }}}}", items.join(", ")),
                    "comments" => format!(
                        "{{\n  \"assets\": {{ // o\n    {}{trailing} // l\n    // end\n  }}\n}}\n",
                        items.join(", // x, y\n    /* z */ ")
                    ),
                    _ => format!(
                        "{{\n  \"assets\": {{\n    {}{trailing}\n  }}\n}}\n",
                        items.join(",\n    ")
                    ),
                };
                let text = if style == "crlf" { text.replace('\n', "\r\n") } else { text };
                let mut operations = Vec::new();
                for (bit, key) in keys.iter().enumerate() {
                    if mask & (1 << bit) != 0 {
                        operations.push(Operation::Remove {
                            section: Vec::new(),
                            key: (*key).to_owned(),
                            owned: value_digest(&json!(1)),
                        });
                    }
                }
                for new in [&[][..], &["A"], &["bb"], &["z"], &["A", "bb", "bc", "z"]] {
                    let mut operations = operations.clone();
                    operations.extend(new.iter().map(|key| Operation::Upsert {
                        section: Vec::new(),
                        key: (*key).to_owned(),
                        value: json!({"x": 2}),
                        owned: None,
                    }));
                    let edited = done(&text, &operations);
                    let comments =
                        |text: &str| text.matches("//").count() + text.matches("/*").count();
                    assert_eq!(comments(&edited), comments(&text), "{edited}");
                    assert_eq!(edited.contains("\r\n"), style == "crlf");
                    if style == "crlf" {
                        assert!(!edited.replace("\r\n", "").contains(['\n', '\r']), "{edited:?}");
                    }
                    if matches!(style, "lines" | "crlf") {
                        assert!(edited.lines().all(|line| !line.trim().is_empty()), "{edited}");
                        let kept = mask != 15 || !new.is_empty();
                        let last = edited.lines().rev().nth(2).expect("a last entry");
                        assert_eq!(last.ends_with(','), !trailing.is_empty() && kept, "{edited}");
                    }
                }
            }
        }
    }
}

#[test]
fn marks_tabs_and_missing_files_are_fine() {
    let value = json!({"path": "c.png"});
    let fresh = "{\n  \"assets\": {\n    \"images\": {\n      \"c\": {\n        \"path\": \"c.png\"\n      }\n    }\n  }\n}\n";
    for empty in ["", "\n", "{}\n", "{ }\n"] {
        assert_eq!(done(empty, &[put("images", "c", value.clone())]), fresh, "{empty:?}");
    }
    assert_eq!(
        done("// ours\n", &[put("images", "c", value.clone())]),
        format!("// ours\n{fresh}")
    );
    let bom = "\u{feff}{\r\n\t\"assets\": {\r\n\t\t\"images\": {}\r\n\t}\r\n}";
    assert_eq!(
        done(bom, &[put("images", "c", value)]),
        bom.replace("{}", "{\r\n\t\t\t\"c\": {\r\n\t\t\t\t\"path\": \"c.png\"\r\n\t\t\t}\r\n\t\t}")
    );
    let commented = "{\n  \"assets\": {\n    // none yet\n  }\n}\n";
    assert_eq!(
        done(commented, &[put("images", "c", json!(1))]),
        "{\n  \"assets\": {\n    // none yet\n    \"images\": {\n      \"c\": 1\n    }\n  }\n}\n"
    );
}

#[test]
fn nothing_to_do_changes_no_byte() {
    let value = json!({"path": "images/hero.png", "type": "image"});
    assert_eq!(done(GAME, &[put("images", "hero", value)]), GAME);
    assert_eq!(done("", &[]), "");
}

#[test]
fn what_a_person_wrote_is_kept_and_reported() {
    let value = json!({"path": "x"});
    assert_eq!(
        problem(GAME, change("images", "hero", value.clone(), &json!({"path": "old"}))),
        EntryProblem::Conflict { key: "hero".to_owned(), line: 6 }
    );
    assert_eq!(
        problem(GAME, remove("images", "hero", &json!({"path": "old"}))),
        EntryProblem::Conflict { key: "hero".to_owned(), line: 6 }
    );
    assert_eq!(
        problem(GAME, put("images", "hero", value.clone())),
        EntryProblem::Foreign { key: "hero".to_owned(), line: 6 }
    );
    assert_eq!(
        problem(GAME, put("audio.sfx.land", "sfxLand1", value)),
        EntryProblem::Foreign { key: "sfxLand1".to_owned(), line: 17 }
    );
}

#[test]
fn sections_that_cannot_hold_an_entry_are_reported() {
    let shape = |section: &str, key: &str, line| EntryProblem::Shape {
        section: section.to_owned(),
        key: key.to_owned(),
        line,
    };
    let text = "{\n\"assets\": {\n\"images\": 7,\n\"list\": []}}";
    assert_eq!(problem(text, put("images", "a", json!(1))), shape("assets.images", "a", 3));
    assert_eq!(problem(text, put("list.deep", "a", json!(1))), shape("assets.list", "a", 4));
    let text = "{\"assets\": []}";
    assert_eq!(problem(text, put("images", "a", json!(1))), shape("assets", "a", 1));
    let both = [put("audio.sfx.jump", "a", json!({})), put("audio.sfx.jump.big", "b", json!({}))];
    let edited = edit("{}", &both).expect("readable");
    assert_eq!(edited.problems, [(1, shape("assets.audio.sfx.jump.big", "b", 0))]);
}

#[test]
fn an_entry_is_no_section_at_the_same_time() {
    let text = "{\n\"assets\": {\"images\": {\n\"ui\": {\"path\": \"ui.png\"}}}}";
    let ui = json!({"path": "ui.png"});
    let section = "assets.images.ui".to_owned();
    let shape = |line| EntryProblem::Shape { section: section.clone(), key: "ok".to_owned(), line };
    let button = put("images.ui", "ok", json!({"path": "ok.png"}));

    let edited = edit(text, &[remove("images", "ui", &ui), button.clone()]).expect("readable");
    assert_eq!(edited.text, "{\n\"assets\": {\"images\": {}}}");
    assert_eq!(edited.problems, [(1, shape(3))]);
    // The next run finds the place free.
    done(&edited.text, std::slice::from_ref(&button));

    let changed = change("images", "ui", json!({"path": "ui.webp"}), &ui);
    let edited = edit(text, &[button.clone(), changed]).expect("readable");
    assert_eq!(edited.text, text.replace("ui.png", "ui.webp"));
    assert_eq!(edited.problems, [(0, shape(3))]);

    let edited = edit("{\"assets\": {\"images\": {}}}", &[put("images", "ui", ui), button]);
    let edited = edited.expect("readable");
    assert_eq!(edited.text, "{\"assets\": {\"images\": {\"ui\": { \"path\": \"ui.png\" }}}}");
    assert_eq!(edited.problems, [(1, shape(0))]);
}

#[test]
fn edits_that_overlap_give_no_text() {
    let cut = |range| layout::Edit { range, text: String::new() };
    assert_eq!(layout::apply("abcd", vec![cut(2..4), cut(0..1)]).as_deref(), Some("b"));
    assert_eq!(layout::apply("abcd", vec![cut(2..4), cut(0..3)]), None);
}

#[test]
fn keys_that_stand_twice_are_reported_where_they_matter() {
    let text = "{\n\"x\": 1, \"x\": 2,\n\"assets\": {\"images\": {\"a\": 1,\n\"a\": 2}}}";
    let twice = |key: &str, line| EntryProblem::Duplicate { key: key.to_owned(), line };
    assert_eq!(problem(text, put("images", "a", json!(1))), twice("a", 4));
    let text = "{\"assets\": {\"images\": {},\n\"images\": {}}}";
    assert_eq!(problem(text, put("images", "a", json!(1))), twice("images", 2));
    let text = "{\"assets\": {\"l\": [{\"key\": \"a\"},\n{\"key\": \"a\"}]}}";
    assert_eq!(problem(text, put("l", "a", json!({}))), twice("a", 2));
}

#[test]
fn an_entry_passes_from_one_asset_to_another() {
    let hero = json!({"type": "image", "path": "images/hero.png"});
    let new = json!({"type": "image", "path": "images/heroine.png"});
    let edited = done(GAME, &[put("images", "hero", new.clone()), remove("images", "hero", &hero)]);
    assert_eq!(edited, GAME.replace("hero.png", "heroine.png"));
    let edited = edit("", &[put("images", "a", json!(1)), put("images", "a", json!(2))]);
    let contested = EntryProblem::Contested { key: "a".to_owned() };
    assert_eq!(edited.expect("readable").problems, [(1, contested)]);
}

#[test]
fn unreadable_manifests_are_errors_with_a_line() {
    let error = |text: &str| edit(text, &[]).expect_err("unreadable");
    assert!(matches!(error("{\n\"assets\": {\n"), ManifestError::Syntax { .. }));
    assert!(matches!(error("{\n\"a\": tru\n}"), ManifestError::Syntax { line: 2, .. }));
    assert!(matches!(error("{} {}"), ManifestError::Syntax { line: 1, .. }));
    assert_eq!(error("[]"), ManifestError::NotAnObject);
    assert_eq!(read_entries("7"), Err(ManifestError::NotAnObject));
    assert!(matches!(error(&"[".repeat(100_000)), ManifestError::Syntax { .. }));
}

#[test]
fn entries_are_found_in_maps_and_lists() {
    let manifest = read_entries(GAME).expect("readable");
    let find = |place: &str, key: &str| find_entry(&manifest, &section(place), key);
    assert_eq!(find("images", "hero"), Some(json!({"type": "image", "path": "images/hero.png"})));
    assert_eq!(find("audio.sfx.land", "sfxLand1"), Some(json!({"path": "a.mp3"})));
    assert_eq!(find("audio.sfx.land", "x"), None);
    assert_eq!(find("no.such", "x"), None);
    assert_eq!(read_entries("\u{feff}"), Ok(json!({})));
}

#[test]
fn ten_thousand_entries_are_edited_in_one_pass() {
    let value = |n: usize| json!({"type": "image", "path": format!("images/e{n}.png"), "n": n});
    let key = |n: usize| format!("entry{n:05}");
    let all: Vec<Operation> = (0..10_000).map(|n| put("images", &key(n), value(n))).collect();
    let text = done("{\n  \"name\": \"game\"\n}\n", &all);
    assert_eq!(text.lines().count(), 7 + 10_000 * 5);
    let changes: Vec<Operation> = (0..10_000)
        .map(|n| match n % 3 {
            0 => change("images", &key(n), value(n + 1), &value(n)),
            1 => remove("images", &key(n), &value(n)),
            _ => put("images", &format!("{}b", key(n)), value(n)),
        })
        .collect();
    let edited = done(&text, &changes);
    assert_eq!(edited.lines().count(), 7 + 10_000 * 5);
    let manifest = read_entries(&edited).expect("readable");
    let images = manifest["assets"]["images"].as_object().expect("a map");
    assert!(images.keys().is_sorted());
    assert_eq!(images["entry00003"], value(4));
}
