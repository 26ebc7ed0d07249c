//! Tests of the renderings.

use super::*;
use crate::base::RelPath;

const PLAIN: Drawing = Drawing { color: false, width: 80 };

fn sources() -> SourceMap {
    let mut sources = SourceMap::default();
    let path = |text: &str| RelPath::new(text).expect("a path inside");
    sources.add(
        path("specs/sprites.yaml"),
        "specs:\n  - id: sprite-coin\n    prompt: \"コイン 金貨\"\n    sise: 64x64 # コイン\n",
    );
    sources.add(path("specs/templates/jump.yaml"), "template: jump\nsize: {{sise}}\n");
    sources
}

/// The span of the first `text` in a file.
fn span(sources: &SourceMap, file: u32, text: &str) -> Span {
    let file = FileId(file);
    let start = sources.file(file).text.find(text).expect("the text is there");
    let at = |offset: usize| u32::try_from(offset).expect("a short file");
    Span { file, start: at(start), end: at(start + text.len()) }
}

fn unknown_key(sources: &SourceMap) -> Diagnostic {
    Diagnostic::error("spec::unknown_key", "unknown key `sise`")
        .at(span(sources, 0, "sise"), "no such key")
        .help("write `size`")
}

#[test]
fn people_see_the_line_the_words_under_it_and_the_help() {
    let sources = sources();
    let text = render_human(&[unknown_key(&sources)], &sources, PLAIN);
    insta::assert_snapshot!(text, @r#"
    spec::unknown_key

      × unknown key `sise`
       ╭─[specs/sprites.yaml:4:5]
     3 │     prompt: "コイン 金貨"
     4 │     sise: 64x64 # コイン
       ·     ──┬─
       ·       ╰── no such key
       ╰────
      help: write `size`

    1 error
    "#);
}

#[test]
fn wide_characters_keep_the_marks_below_their_words() {
    let sources = sources();
    let diagnostic = Diagnostic::warning("spec::prompt", "this prompt has no verb")
        .at(span(&sources, 0, "金貨"), "here");
    insta::assert_snapshot!(render_human(&[diagnostic], &sources, PLAIN), @r#"
    spec::prompt

      ⚠ this prompt has no verb
       ╭─[specs/sprites.yaml:3:18]
     2 │   - id: sprite-coin
     3 │     prompt: "コイン 金貨"
       ·                     ──┬─
       ·                       ╰── here
     4 │     sise: 64x64 # コイン
       ╰────

    1 warning
    "#);
}

#[test]
fn a_second_file_is_drawn_below_the_first() {
    let sources = sources();
    let diagnostic = unknown_key(&sources)
        .at(span(&sources, 0, "sprite-coin"), "in this spec")
        .at(span(&sources, 1, "{{sise}}"), "used here");
    insta::assert_snapshot!(render_human(&[diagnostic], &sources, PLAIN), @r#"
    spec::unknown_key

      × unknown key `sise`
       ╭─[specs/sprites.yaml:4:5]
     1 │ specs:
     2 │   - id: sprite-coin
       ·         ─────┬─────
       ·              ╰── in this spec
     3 │     prompt: "コイン 金貨"
     4 │     sise: 64x64 # コイン
       ·     ──┬─
       ·       ╰── no such key
       ╰────
      help: write `size`
      ☞ see also specs/templates/jump.yaml
       ╭─[specs/templates/jump.yaml:2:7]
     1 │ template: jump
     2 │ size: {{sise}}
       ·       ────┬───
       ·           ╰── used here
       ╰────

    1 error
    "#);
}

#[test]
fn without_a_file_there_is_only_the_message() {
    let diagnostic = Diagnostic::error("config::missing", "no Assetfile.yaml was found")
        .help("run `assetbuild init`");
    insta::assert_snapshot!(render_human(&[diagnostic], &SourceMap::default(), PLAIN), @"
    config::missing

      × no Assetfile.yaml was found
      help: run `assetbuild init`

    1 error
    ");
}

#[test]
fn a_narrow_terminal_wraps_the_message() {
    let sources = sources();
    let diagnostic = Diagnostic::error(
        "spec::unknown_key",
        "unknown key `sise` in the entry of a list whose name is rather long",
    )
    .at(span(&sources, 0, "sise"), "no such key");
    let text = render_human(&[diagnostic], &sources, Drawing { color: false, width: 10 });
    let width = text.lines().map(|line| line.chars().count()).max();
    assert!(width <= Some(NARROWEST + 2), "{width:?}\n{text}");
}

#[test]
fn color_is_written_only_when_chosen() {
    let sources = sources();
    let text =
        |color| render_human(&[unknown_key(&sources)], &sources, Drawing { color, width: 80 });
    assert!(text(true).contains('\x1b'));
    assert!(!text(false).contains('\x1b'));
}

#[test]
fn people_are_not_flooded() {
    let many: Vec<Diagnostic> = (0..LIMIT + 3)
        .map(|number| Diagnostic::error("spec::unknown_key", format!("mistake {number}")))
        .collect();
    let text = render_human(&many, &SourceMap::default(), PLAIN);
    assert_eq!(text.matches("mistake").count(), LIMIT);
    assert!(text.ends_with("and 3 more\n53 errors\n"), "{text}");
    let json = to_json(&many, &SourceMap::default());
    assert_eq!(json.as_array().map(Vec::len), Some(LIMIT + 3));
}

#[test]
fn programs_get_every_place() {
    let sources = sources();
    let diagnostic = unknown_key(&sources).at(span(&sources, 1, "{{sise}}"), "used here");
    insta::assert_snapshot!(format!("{:#}", to_json(&[diagnostic], &sources)));
    let nowhere = Diagnostic::warning("config::x", "something");
    assert_eq!(to_json(&[nowhere], &sources)[0]["file"], Value::Null);
}

#[test]
fn github_gets_errors_first_and_ten_of_a_kind() {
    let sources = sources();
    let mut all = vec![Diagnostic::warning("spec::prompt", "100% of it\nis odd")];
    all.extend((0..12).map(|_| unknown_key(&sources)));
    let text = render_github(&all, &sources);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(
        lines[0],
        "::error file=specs/sprites.yaml,line=4,col=5,endColumn=9,\
         title=spec%3A%3Aunknown_key::unknown key `sise`%0Ahelp: write `size`"
    );
    assert_eq!(lines[10], "::warning title=spec%3A%3Aprompt::100%25 of it%0Ais odd");
}

#[test]
fn a_place_at_the_end_of_a_file_is_drawn() {
    let sources = sources();
    let end = u32::try_from(sources.file(FileId(0)).text.len()).expect("a short file");
    let span = Span { file: FileId(0), start: end, end };
    let diagnostic = Diagnostic::error("spec::missing_key", "a key is missing").at(span, "here");
    let text = render_human(&[diagnostic], &sources, PLAIN);
    assert!(text.contains("here"), "{text}");
}

#[test]
fn an_empty_file_is_named_and_nothing_is_drawn() {
    let mut sources = sources();
    let file = sources.add(RelPath::new("specs/empty.yaml").expect("a path inside"), "");
    let span = Span { file, start: 0, end: 0 };
    let diagnostic = Diagnostic::error("spec::empty", "a spec file is empty").at(span, "");
    let text = render_human(&[diagnostic], &sources, PLAIN);
    assert!(text.contains("[specs/empty.yaml:1:1]"), "{text}");
}

#[test]
fn a_place_of_many_lines_shows_its_first_one() {
    let sources = sources();
    let all = sources.file(FileId(0)).text.len();
    let span = Span { file: FileId(0), start: 0, end: u32::try_from(all).expect("a short file") };
    let diagnostic = Diagnostic::error("spec::missing_key", "a key is missing").at(span, "here");
    let text = render_human(std::slice::from_ref(&diagnostic), &sources, PLAIN);
    assert!(text.contains("specs:") && !text.contains("sise"), "{text}");
    assert_eq!(to_json(&[diagnostic], &sources)[0]["end_line"], 5);
}

#[test]
fn every_format_has_its_stream() {
    let sources = sources();
    let written = |diagnostic: Diagnostic, format: OutputFormat| {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        write(&[diagnostic], &sources, (format, PLAIN), &mut stdout, &mut stderr)
            .expect("memory takes all");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (text(stdout), text(stderr))
    };
    let error = || unknown_key(&sources);
    let warning = || Diagnostic::warning("spec::prompt", "this prompt has no verb");

    let (stdout, stderr) = written(error(), OutputFormat::Human);
    assert!(stdout.is_empty() && stderr.contains("unknown key"), "{stdout}{stderr}");

    let (stdout, stderr) = written(error(), OutputFormat::Json);
    let document: Value = serde_json::from_str(&stdout).expect("one document");
    assert_eq!(document["schema"], SCHEMA);
    assert_eq!(document["diagnostics"][0]["code"], "spec::unknown_key");
    assert!(stderr.is_empty(), "{stderr}");

    let (stdout, stderr) = written(warning(), OutputFormat::Json);
    assert!(stdout.is_empty() && stderr.contains("no verb"), "{stdout}{stderr}");

    let (stdout, stderr) = written(warning(), OutputFormat::Ndjson);
    assert!(stdout.lines().count() == 1 && stderr.is_empty(), "{stdout}{stderr}");

    let (stdout, stderr) = written(error(), OutputFormat::Github);
    assert!(stdout.starts_with("::error ") && stderr.contains("unknown key"), "{stdout}{stderr}");
}

#[test]
fn nothing_is_shown_that_a_terminal_obeys() {
    let text = "a\u{1b}[2J\u{9b}\u{7f}\tb\r\n";
    assert_eq!(visible(text), "a?[2J\u{bf}?\tb\r\n");
    assert_eq!(visible(text).len(), text.len());
    assert!(matches!(visible("plain: é\n"), Cow::Borrowed(_)));
}
