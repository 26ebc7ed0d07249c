//! Mistakes while a watch looks on: what has none goes on, and nothing is lost.

use serde_json::Value;

use crate::money;
use crate::money::bank::Bank;
use crate::watch::{Watch, built, project, spec};

/// Codes of the mistakes that were told last; none if nothing was told of mistakes.
fn mistakes(told: &[Value]) -> Option<Vec<&str>> {
    let last = told.iter().rev().find_map(|event| event["diagnostics"].as_array())?;
    Some(last.iter().filter_map(|one| one["code"].as_str()).collect())
}

#[test]
fn a_mistake_is_shown_the_last_good_build_stays_and_mending_it_goes_on() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let before = project.read_bytes("assets/coin.png");
    project.edit("specs/coin.yaml", "provider: svg", "provider: svgg");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec!["spec::unknown_word"]), vec![]));
    assert_eq!(project.read_bytes("assets/coin.png"), before);
    // What else is saved meanwhile is built.
    project.edit("specs/gem.yaml", "8x8", "9x9");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (None, vec!["gem".to_owned()]), "told once");
    project.edit("specs/coin.yaml", "8x8", "7x7");
    assert_eq!(built(&watch.settle(&project)), [""; 0]);
    project.edit("specs/coin.yaml", "provider: svgg", "provider: svg");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec!["coin".to_owned()]));
    // What everything depends on is mended first, and nothing is forgotten meanwhile.
    project.write("Assetfile.yaml", "version: [\n");
    assert_eq!(mistakes(&watch.settle(&project)).map(|all| all.len()), Some(1));
    project.edit("specs/gem.yaml", "9x9", "8x8");
    assert_eq!(built(&watch.settle(&project)), [""; 0]);
    project.write("Assetfile.yaml", "version: \"1.0\"\nassets_dir: public\n");
    assert_eq!(built(&watch.settle(&project)), ["coin", "gem"]);
    assert!(project.has("public/coin.png"));
    let (code, said) = watch.end();
    assert_eq!((code, said.matches("mended").count()), (Some(130), 2), "{said}");
}

#[test]
fn a_spec_with_a_mistake_keeps_nothing_else_from_being_built() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let coin = project.read_bytes("assets/coin.png");
    // Both in one burst.
    project.edit("specs/coin.yaml", "8x8", "wide");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    // New files, one of them with a mistake.
    project.write("specs/more/bad.yaml", spec("bad", "tall"));
    project.write("specs/more/star.yaml", spec("star", "8x8"));
    let told = watch.settle(&project);
    let codes = mistakes(&told).expect("another one");
    assert_eq!((codes.len(), built(&told)), (2, vec!["star".to_owned()]));
    project.edit("specs/more/star.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["star"]);
    // A mistake between two files.
    project.write("specs/more/twin.yaml", spec("gem", "8x8"));
    project.edit("specs/more/star.yaml", "9x9", "8x8");
    let told = watch.settle(&project);
    let codes = mistakes(&told).expect("another one");
    assert_eq!((codes.len(), built(&told)), (3, vec!["star".to_owned()]));
    project.remove("specs/more/twin.yaml");
    // What it is drawn from changes, and all of that is seen to when it is mended.
    project.edit("art/dot.svg", "red", "blue");
    watch.settle(&project);
    assert_eq!(project.read_bytes("assets/coin.png"), coin);
    project.edit("specs/more/bad.yaml", "tall", "8x8");
    project.edit("specs/coin.yaml", "wide", "8x8");
    assert_eq!(mistakes(&watch.settle(&project)), Some(vec![]));
    assert!(project.succeed(&[]).stderr.contains("nothing to do: 4 assets"));
}

#[test]
fn a_drawing_that_changes_there_and_back_beside_a_mistake_is_drawn_as_it_is() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let first = project.read_bytes("assets/gem.png");
    project.edit("specs/coin.yaml", "8x8", "wide");
    watch.settle(&project);
    project.edit("art/dot.svg", "red", "blue");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    project.edit("art/dot.svg", "blue", "red");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    assert!(project.read_bytes("assets/gem.png") == first);
    project.edit("art/dot.svg", "red", "blue");
    watch.settle(&project);
    project.edit("specs/coin.yaml", "wide", "8x8");
    assert_eq!(built(&watch.settle(&project)), ["coin"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    assert!(project.read_bytes("assets/coin.png") != first);
}

#[test]
fn a_mistake_from_before_the_watch_keeps_nothing_else_from_being_built() {
    let project = project();
    project.succeed(&[]);
    project.edit("specs/coin.yaml", "8x8", "wide");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    let before = project.read_bytes("assets/gem.png");
    let mut watch = Watch::start(&project, &[]);
    assert!(project.read_bytes("assets/gem.png") != before);
    project.remove("assets/coin.png");
    watch.settle(&project);
    // Its spec says what it is only when it is mended; a build says so too.
    assert!(!project.has("assets/coin.png"));
    let build = project.run(&[]);
    assert!(build.stderr.contains("wide"), "{}", build.stderr);
    project.edit("specs/coin.yaml", "wide", "8x8");
    assert_eq!(built(&watch.settle(&project)), ["coin"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

fn paid(id: &str) -> String {
    format!("id: {id}\ngeneration: {{ type: image, provider: openai }}\nprompt: A {id}\n")
}

fn messages(told: &[Value]) -> Vec<&str> {
    told.iter().filter_map(|event| event["message"].as_str()).collect()
}

#[test]
fn beside_a_mistake_and_a_block_without_a_spec_things_are_bought_and_built() {
    let bank = Bank::open(&[]);
    let project = money::project(&bank, "", "[]\n");
    project.write("specs/a.yaml", "id: a\ngeneration: { type: image, provider: placeholder }\n");
    project.write("specs/b.yaml", "id: b\ngeneration: { type: image, provider: placeholder }\n");
    project.write("specs/c.yaml", "id: c\ngeneration: { type: image, provider: placeholder }\n");
    let mut watch = Watch::start(&project, &["--spend", "2"]);
    project.remove("specs/c.yaml");
    project.edit("specs/a.yaml", "placeholder", "placeholder, size: wide");
    watch.settle(&project);
    project.write("specs/sky.yaml", paid("sky"));
    let told = watch.until(|event| event["event"] == "asset_built");
    assert_eq!(built(&told), ["sky"], "{told:#?}");
    assert_eq!(bank.bill().0, 1);
    watch.settle(&project);
    // The lock is another one by now.
    project.edit("specs/b.yaml", "placeholder", "placeholder, size: 9x9");
    let told = watch.settle(&project);
    assert_eq!(built(&told), ["b"], "{told:#?}");
    project.edit("specs/a.yaml", "wide", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["a"]);
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn what_is_in_a_file_with_a_mistake_is_not_taken_for_gone() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let coin = project.read_bytes("assets/coin.png");
    // Moved, with a slip, and another asset that asks for the same picture.
    let text = project.read("specs/coin.yaml");
    project.write("specs/money.yaml", text.replace("8x8", "wide"));
    project.remove("specs/coin.yaml");
    project.write("specs/copy.yaml", text.replace("id: coin", "id: copy"));
    assert_eq!(built(&watch.settle(&project)), ["copy"]);
    assert_eq!(project.read_bytes("assets/coin.png"), coin);
    assert!(project.read("assetbuild.lock").contains("[asset.coin]"));
    project.edit("specs/money.yaml", "wide", "8x8");
    watch.settle(&project);
    assert!(project.succeed(&[]).stderr.contains("nothing to do: 3 assets"));
    project.succeed(&["--check"]);
}

#[test]
fn a_project_that_cannot_be_read_is_told_each_time_and_so_is_its_mending() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let lock = project.read("assetbuild.lock");
    for _ in 0..2 {
        project.write("assetbuild.lock", format!("{lock}garbage\n[asset.\n"));
        assert_eq!(mistakes(&watch.settle(&project)), Some(vec!["watch::unreadable"]));
        project.write("assetbuild.lock", &lock);
        assert_eq!(mistakes(&watch.settle(&project)), Some(vec![]));
    }
    let (_, said) = watch.end();
    assert_eq!(said.matches("mended").count(), 2, "{said}");
}

#[test]
fn where_the_rest_cannot_be_told_apart_it_says_that_nothing_is_built() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    project.write("Assetfile.yaml", "version: \"1.0\"\nassets_dri: public\n");
    let told = watch.settle(&project);
    assert_eq!(messages(&told), ["nothing is built while these mistakes stand"], "{told:#?}");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    let told = watch.settle(&project);
    assert!(built(&told).is_empty() && messages(&told).is_empty(), "once: {told:#?}");
    project.write("Assetfile.yaml", "version: \"1.0\"\n");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
}

#[test]
fn a_warning_stands_until_its_spec_is_saved() {
    let project = project();
    let text = "use: dot\neach: { files: \"art/*.txt\" }\n";
    let template = "template: dot\nid: \"dot-{{stem}}\"\n\
        generation: { type: image, provider: placeholder }\n";
    project.write("specs/dot.yaml", template);
    project.write("specs/dots.yaml", text);
    let mut watch = Watch::start(&project, &[]);
    project.edit("specs/gem.yaml", "8x8", "9x9");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (None, vec!["gem".to_owned()]), "{told:#?}");
    project.write("specs/dots.yaml", "[]\n");
    assert_eq!(mistakes(&watch.settle(&project)), Some(vec![]));
}

#[test]
fn a_new_folder_is_followed_before_anything_is_in_it() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    std::fs::create_dir(project.path("specs/new")).expect("it is new");
    watch.settle(&project);
    project.edit("specs/gem.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    project.write("specs/new/star.yaml", spec("star", "8x8"));
    assert_eq!(built(&watch.settle(&project)), ["star"]);
}

#[test]
fn a_spec_file_that_is_no_text_keeps_nothing_else_from_being_built() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let coin = project.read_bytes("assets/coin.png");
    project.write("specs/coin.yaml", b"id: coin\nname: caf\xe9\n");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec!["yaml::encoding"]), vec!["gem".into()]));
    assert!(project.read_bytes("assets/coin.png") == coin);
    project.write("specs/coin.yaml", spec("coin", "7x7"));
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec!["coin".into()]));
}

#[test]
fn an_assetfile_that_is_away_for_a_moment_is_a_mistake_and_then_read_again() {
    let project = project();
    let sizes = "defaults: { image: { post_processing: [{ action: resize, dimensions: 4x4 }] } }\n";
    project.write("Assetfile.yaml", format!("version: \"1.0\"\n{sizes}"));
    let mut watch = Watch::start(&project, &[]);
    let coin = project.read_bytes("assets/coin.png");
    project.remove("Assetfile.yaml");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec!["config::missing_file"]), vec![]));
    project.write("Assetfile.yaml", "version: \"1.0\"\n");
    assert_eq!(built(&watch.settle(&project)), ["coin", "gem"]);
    assert!(project.read_bytes("assets/coin.png") != coin);
    project.write("Assetfile.yaml", format!("version: \"1.0\"\n{sizes}"));
    assert_eq!(built(&watch.settle(&project)), ["coin", "gem"]);
    watch.end();
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    assert!(project.read_bytes("assets/coin.png") == coin);
}

#[test]
fn an_assetfile_that_comes_while_a_watch_looks_on_is_read() {
    let project = project();
    project.remove("Assetfile.yaml");
    let mut watch = Watch::start(&project, &[]);
    project.write("Assetfile.yaml", "version: \"1.0\"\nassets_dir: game\nmanifest: game/m.json\n");
    assert_eq!(built(&watch.settle(&project)), ["coin", "gem"]);
    assert!(project.has("game/coin.png"));
    project.write("Assetfile.yaml", "nonsense: [");
    assert_eq!(mistakes(&watch.settle(&project)).map(|all| all.len()), Some(1));
    watch.end();
    assert_eq!(project.run(&[]).code, 2);
}

#[test]
fn a_font_that_is_none_is_told_once_with_its_place() {
    let project = project();
    let font = concat!(env!("CARGO_MANIFEST_DIR"), "/src/generate/fonts/Karla-Regular.otf");
    let font = std::fs::read(font).expect("the shipped font");
    project.write("art/own.otf", &font);
    project.write("Assetfile.yaml", "version: \"1.0\"\nfonts: [art/own.otf]\n");
    let mut watch = Watch::start(&project, &[]);
    project.write("art/own.otf", "garbage");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec!["config::bad_font"]), vec![]));
    assert_eq!(mistakes(&watch.settle(&project)), None, "once");
    insta::assert_snapshot!(project.run(&[]).stderr.trim_end(), @r#"
    config::bad_font

      × art/own.otf is not a TrueType or OpenType font
       ╭─[Assetfile.yaml:2:9]
     1 │ version: "1.0"
     2 │ fonts: [art/own.otf]
       ·         ───────────
       ╰────
      help: put another file there, or take it out of `fonts`

    1 error
    "#);
    project.write("art/own.otf", &font);
    assert_eq!(mistakes(&watch.settle(&project)), Some(vec![]));
    let (_, said) = watch.end();
    assert_eq!(said.matches("mended").count(), 1, "{said}");
}

#[test]
fn a_manifest_that_is_none_is_told_once_and_nothing_is_built() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    let manifest = project.read("assets/manifest.json");
    project.write("assets/manifest.json", "<<<<<<< HEAD\n{}\n");
    let mut told = watch.settle(&project);
    project.edit("specs/gem.yaml", "8x8", "9x9");
    told.extend(watch.settle(&project));
    assert_eq!((mistakes(&told), built(&told)), (Some(vec!["watch::unreadable"]), vec![]));
    let still = |message: &&&str| message.contains("nothing is built");
    assert_eq!(messages(&told).iter().filter(still).count(), 1, "{told:#?}");
    project.write("assets/manifest.json", manifest);
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec!["gem".into()]));
    let (_, said) = watch.end();
    assert_eq!(said.matches("mended").count(), 1, "{said}");
}

#[test]
fn a_warning_about_a_place_in_a_template_goes_when_what_it_is_about_is_there() {
    let project = project();
    let template = "template: stone\nparameters: [{ name: tone, type: string }]\n\
                    generation: { type: image, provider: svg, source: art/s.svg, size: 8x8 }\n";
    project.write("specs/stone.yaml", template);
    project.write("specs/opal.yaml", "use: stone\nid: opal\ntone: pale\n");
    project.write("art/s.svg", project.read("art/dot.svg"));
    let mut watch = Watch::start(&project, &[]);
    project.remove("art/s.svg");
    assert_eq!(mistakes(&watch.settle(&project)), Some(vec!["spec::missing_file"]));
    project.write("art/s.svg", project.read("art/dot.svg").replace("red", "blue"));
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec!["opal".into()]));
}

#[test]
fn a_template_with_a_mistake_keeps_nothing_from_being_built_that_does_not_use_it() {
    let project = project();
    let template = "template: stone\nparameters: [{ name: size, type: string }]\n\
                    generation: { type: image, provider: svg, source: art/dot.svg, size: \"{{size}}\" }\n";
    project.write("specs/stone.yaml", template);
    project.write("specs/opal.yaml", "use: stone\nid: opal\nsize: 8x8\n");
    let mut watch = Watch::start(&project, &[]);
    project.write("specs/stone.yaml", template.replace("svg,", "svgg,"));
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec!["spec::unknown_word"]), vec![]));
    // Neither what uses it is built, nor what begins to use it; all else is.
    project.edit("specs/opal.yaml", "8x8", "9x9");
    project.write("specs/ruby.yaml", "use: stone\nid: ruby\nsize: 8x8\n");
    project.edit("specs/gem.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    project.write("specs/stone.yaml", "template: stone\nid: [\n");
    project.edit("specs/gem.yaml", "9x9", "7x7");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told).map(|all| all.len()), built(&told)), (Some(1), vec!["gem".into()]));
    project.remove("specs/stone.yaml");
    let told = watch.settle(&project);
    let missed = ["spec::unknown_template"; 2];
    assert_eq!((mistakes(&told), built(&told)), (Some(missed.to_vec()), vec![]));
    project.write("specs/other.yaml", template);
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec!["opal".into(), "ruby".into()]));
    assert!(project.succeed(&[]).stderr.contains("nothing to do: 4 assets"));
}

#[test]
fn what_is_pulled_beside_a_mistake_is_seen_to() {
    let (project, other) = (project(), project());
    project.write("assets/manifest.json", "{\n  \"assets\": {}\n}\n");
    let mut watch = Watch::start(&project, &[]);
    for path in ["assetbuild.lock", "assets/manifest.json"] {
        other.write(path, project.read_bytes(path));
    }
    // Somebody else changes one asset, adds one, and has one whose spec is not pulled.
    other.edit("specs/gem.yaml", "8x8", "9x9");
    other.write("specs/star.yaml", spec("star", "8x8"));
    other.write("specs/moon.yaml", spec("moon", "8x8"));
    other.succeed(&[]);
    project.edit("specs/coin.yaml", "8x8", "wide");
    watch.settle(&project);
    for path in ["specs/gem.yaml", "specs/star.yaml"] {
        project.write(path, other.read(path));
    }
    for path in other.files("assets").into_iter().chain(["assetbuild.lock".to_owned()]) {
        project.write(&path, other.read_bytes(&path));
    }
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (None, vec![]));
    // It goes on with what was pulled.
    project.edit("specs/star.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["star"]);
    project.edit("specs/coin.yaml", "wide", "8x8");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec![]));
    assert_eq!(watch.end().1.matches("nothing is built").count(), 0);
    assert_eq!(project.run(&["--check"]).code, 3, "moon is left over");
    project.succeed(&["prune"]);
    assert_eq!(project.run(&["--check"]).code, 0);
}

const STONE: &str = "template: stone\nparameters: [{ name: size, type: string }]\n\
                     generation: { type: image, provider: svg, source: art/dot.svg, \
                     size: \"{{size}}\" }\n\
                     post_processing: [{ action: resize, dimensions: 4x4 }]\n";

#[test]
fn a_template_is_saved_beside_a_user_with_a_mistake_and_a_group() {
    let project = project();
    project.write("specs/stone.yaml", STONE);
    project.write("specs/opal.yaml", "use: stone\nid: opal\nsize: 8x8\n");
    project.write("specs/ruby.yaml", "use: stone\nid: ruby\nsize: 8x8\n");
    // One that has no asset.
    let none = "use: stone\nid: \"none-{{stem}}\"\nsize: 8x8\neach: { files: \"art/none*.svg\" }\n";
    project.write("specs/none.yaml", none);
    for id in ["low", "high"] {
        let sound = format!(
            "id: {id}\ngeneration: {{ type: audio, provider: synth, preset: coin }}\n\
             post_processing: [{{ action: normalize, lufs: -14, group: tones }}]\n"
        );
        project.write(&format!("specs/{id}.yaml"), sound);
    }
    let mut watch = Watch::start(&project, &[]);
    project.write("specs/ruby.yaml", "use: stone\nid: ruby\nsize: 8x8\nnonsense: 1\n");
    project.write("specs/none.yaml", format!("{none}nonsense: 1\n"));
    watch.settle(&project);
    project.write("specs/stone.yaml", STONE.replace("4x4", "5x5"));
    assert_eq!(built(&watch.settle(&project)), ["opal"]);
    project.write("art/none1.svg", project.read("art/dot.svg"));
    watch.settle(&project);
    project.write("specs/none.yaml", none);
    assert_eq!(built(&watch.settle(&project)), ["none-none1"]);
    project.write("specs/ruby.yaml", "use: stone\nid: ruby\nsize: 8x8\n");
    assert_eq!(built(&watch.settle(&project)), ["ruby"]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn other_templates_of_a_file_that_uses_a_broken_one_go_on() {
    let project = project();
    project.write("specs/stone.yaml", STONE);
    let other = STONE.replace("stone", "other");
    let both = format!("{other}---\nuse: stone\nid: opal\nsize: 8x8\n");
    project.write("specs/both.yaml", &both);
    project.write("specs/ruby.yaml", "use: other\nid: ruby\nsize: 8x8\n");
    let mut watch = Watch::start(&project, &[]);
    project.write("specs/stone.yaml", "template: stone\nid: [\n");
    watch.settle(&project);
    project.write("specs/ruby.yaml", "use: other\nid: ruby\nsize: 9x9\n");
    assert_eq!(built(&watch.settle(&project)), ["ruby"]);
    project.write("specs/both.yaml", both.replace("4x4", "5x5"));
    assert_eq!(built(&watch.settle(&project)), ["ruby"]);
    project.write("specs/stone.yaml", STONE);
    assert_eq!(built(&watch.settle(&project)), [""; 0]);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn a_new_spec_with_a_mistake_in_a_new_folder_is_not_forgotten() {
    let project = project();
    let mut watch = Watch::start(&project, &[]);
    project.write("specs/sub/star.yaml", spec("star", "wide"));
    assert_eq!(mistakes(&watch.settle(&project)), Some(vec!["spec::wrong_type"]));
    project.edit("art/dot.svg", "red", "blue");
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (None, vec!["coin".into(), "gem".into()]));
    project.write("specs/sub/star.yaml", spec("star", "8x8"));
    let told = watch.settle(&project);
    assert_eq!((mistakes(&told), built(&told)), (Some(vec![]), vec!["star".into()]));
}

#[test]
fn an_entry_is_missed_that_went_while_its_spec_moved_to_a_file_with_a_mistake() {
    let project = project();
    project
        .write("specs/pair.yaml", format!("{}---\n{}", spec("opal", "8x8"), spec("ruby", "8x8")));
    let mut watch = Watch::start(&project, &[]);
    let coin = spec("coin", "8x8");
    project.write("specs/pair.yaml", spec("ruby", "8x8"));
    project.write("specs/coin.yaml", format!("{coin}---\n{}---\nid: [\n", spec("opal", "8x8")));
    watch.settle(&project);
    let mut manifest: Value =
        serde_json::from_str(&project.read("assets/manifest.json")).expect("JSON");
    let entries = manifest["assets"]["images"].as_object_mut().expect("entries");
    assert!(entries.remove("opal").is_some(), "{entries:?}");
    project.write("assets/manifest.json", serde_json::to_string_pretty(&manifest).expect("JSON"));
    watch.settle(&project);
    project.write("specs/coin.yaml", format!("{coin}---\n{}", spec("opal", "8x8")));
    watch.settle(&project);
    assert!(project.read("assets/manifest.json").contains("\"opal\""));
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn what_is_left_over_is_still_taken_over_after_a_mistake() {
    let project = project();
    project.write("specs/old.yaml", spec("old", "8x8"));
    project.succeed(&[]);
    project.remove("specs/old.yaml");
    project.succeed(&[]);
    let mut watch = Watch::start(&project, &[]);
    project.write("specs/bad.yaml", spec("bad", "tall"));
    watch.settle(&project);
    project.edit("specs/gem.yaml", "8x8", "9x9");
    assert_eq!(built(&watch.settle(&project)), ["gem"]);
    project.remove("specs/bad.yaml");
    assert_eq!(mistakes(&watch.settle(&project)), Some(vec![]));
    let taking = format!("{}integration: {{ manifest_path: old.png }}\n", spec("coin", "6x6"));
    project.write("specs/coin.yaml", taking);
    let told = watch.settle(&project);
    assert_eq!((messages(&told), built(&told)), (vec![], vec!["coin".to_owned()]));
}
