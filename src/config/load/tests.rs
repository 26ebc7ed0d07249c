//! Assetfiles in, settings and findings out.

use super::*;
use crate::base::Severity;

fn check(text: &str) -> (Loaded, Vec<String>) {
    let mut sources = SourceMap::default();
    let file = sources.add(RelPath::new("Assetfile.yaml").expect("a plain path"), text);
    let loaded = load(&sources, Some(file));
    let found = loaded.diagnostics.clone().into_sorted();
    let found = found
        .iter()
        .map(|found| {
            assert_eq!(found.severity, Severity::Error);
            let span = found.labels[0].span;
            let help = found.help.as_deref().unwrap_or_default();
            format!("{} {}: {} ({help})", sources.line_column(span).0, found.code, found.message)
        })
        .collect();
    (loaded, found)
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a plain path")
}

#[test]
fn every_setting_reaches_the_config() {
    let (loaded, found) = check(
        r#"
version: "1.0"
project: lantern-run
specs: [specs/**/*.yaml, "more/*.yaml"]
assets_dir: public/assets
manifest: public/manifest.json
styles: { base: style.md, night: styles/night.md }
defaults:
  image: { generation: { provider: openai } }
until_bought: placeholder
retired_models: { dall-e-3: gpt-image-2 }
providers:
  openai: { concurrency: 4, requests_per_minute: 50, api_key_env: MY_KEY, model: gpt-image-2, timeout: 90 s, prices: { gpt-image-2: 0.21 } }
  elevenlabs: { reserve_credits: 5000, usd_per_1000_credits: 0.22 }
  stable-diffusion: { engine: automatic1111, base_url: "http://127.0.0.1:7860", checkpoint: sd3.5_large }
budget: { per_run: 5.00, daily: 20, monthly: 100.000001, providers: { openai: { monthly: 60.00 } } }
ask_above: 0.50
paid_dir: purchases
env_file: .env
fonts: [art/font.ttf]
check: { unbought: warn }
paid_in_watch: 2.00
constants: [{ language: js, path: src/Assets.js }, { language: template, path: src/a.go, template: a.tmpl }]
hooks: { after_integrate: [[npm, run, build-assets]] }
remote: { dir: /mnt/studio/assets }
"#,
    );
    assert_eq!(found, [""; 0]);
    let config = loaded.config;
    assert_eq!(config.project.as_deref(), Some("lantern-run"));
    assert_eq!(config.specs, ["specs/**/*.yaml", "more/*.yaml"]);
    assert_eq!(
        (config.assets_dir, config.manifest),
        (path("public/assets"), path("public/manifest.json"))
    );
    assert_eq!(config.styles["night"], path("styles/night.md"));
    assert_eq!(config.until_bought, UntilBought::Placeholder);
    assert_eq!(config.retired_models["dall-e-3"], "gpt-image-2");
    let openai = &config.providers["openai"];
    assert_eq!((openai.concurrency, openai.requests_per_minute), (Some(4), Some(50)));
    assert_eq!(
        (openai.timeout_seconds, openai.prices["gpt-image-2"]),
        (Some(90), MicroUsd(210_000))
    );
    let elevenlabs = &config.providers["elevenlabs"];
    assert_eq!(elevenlabs.reserve_credits, Some(5000));
    assert_eq!(elevenlabs.usd_per_1000_credits, Some(MicroUsd(220_000)));
    let local = &config.providers["stable-diffusion"];
    assert_eq!(local.checkpoint.as_deref(), Some("sd3.5_large"));
    assert_eq!(config.budget.monthly, Some(MicroUsd(100_000_001)));
    assert_eq!(config.budget.providers["openai"].monthly, Some(MicroUsd(60_000_000)));
    assert_eq!(config.ask_above, MicroUsd(500_000));
    assert_eq!((config.paid_dir, config.env_file), (path("purchases"), Some(path(".env"))));
    assert_eq!(config.check_unbought, UnboughtCheck::Warn);
    assert_eq!(config.paid_in_watch, PaidInWatch::UpTo(MicroUsd(2_000_000)));
    assert_eq!(config.constants[1].template, Some(path("a.tmpl")));
    assert_eq!(config.hooks.after_integrate, [["npm", "run", "build-assets"]]);
    assert_eq!(config.remote, Some(Remote::Dir("/mnt/studio/assets".to_owned())));
    let image = loaded.defaults.image.expect("image defaults");
    assert_eq!(image.get("generation").and_then(|g| g.get_text("provider")), Some("openai"));
    assert_eq!(image.via, Via::ProjectDefaults);
    assert_eq!(loaded.defaults.audio, None);
    let names: Vec<&str> = loaded.provider_names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["openai", "elevenlabs", "stable-diffusion", "openai"]);
}

#[test]
fn without_an_assetfile_every_setting_has_its_default() {
    let loaded = load(&SourceMap::default(), None);
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.diagnostics.is_empty());
    assert_eq!(check("version: 1.0\n").0.config, Config::default());
}

#[test]
fn all_mistakes_are_reported_with_what_to_write() {
    let (_, found) = check(
        "project: x
spces: [a]
specs: ['a{']
assets_dir: ../out
until_bought: later
budget: { daily: 5.0000001, monthy: 3 }
ask_above: -1
paid_in_watch: sometimes
constants: [{ language: perl }, { language: template, path: a }]
hooks: { after_integrate: [npm, []] }
remote: { dir: a, endpoint: b }
providers: { openai: { concurrency: 0, reserve_credits: many } }
check: fail
defaults: { image: 3, video: {} }
",
    );
    insta::assert_snapshot!(found.join("\n"), @r#"
    1 config::missing_key: the Assetfile has no `version` (write `version: "1.0"` in its first line)
    2 config::unknown_key: unknown key `spces` (did you mean `specs`?)
    3 config::wrong_value: `a{` is no glob (unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?))
    4 config::wrong_value: `assets_dir` is no path inside the project: `../out` (a path with `..` leaves the project)
    5 config::unknown_word: unknown until_bought `later` (one of: nothing, placeholder)
    6 config::wrong_type: `daily` needs dollars such as `5.00`, not `5.0000001` (write dollars such as `5.00`)
    6 config::unknown_key: unknown key `monthy` in `budget` (did you mean `monthly`?)
    7 config::wrong_type: `ask_above` needs dollars such as `5.00`, not `-1` (write dollars such as `5.00`)
    8 config::wrong_value: `paid_in_watch` cannot be `sometimes` (write `ask`, `never`, or dollars such as `2.00`)
    9 config::missing_key: an entry of `constants` has no `path` (write `{ language: js, path: src/Assets.js }`)
    9 config::unknown_word: unknown language `perl` (one of: js, ts, rust, csharp, gdscript, template)
    9 config::missing_key: `language: template` needs a `template` (name the template file: `template: tools/constants.tmpl`)
    10 config::wrong_type: `after_integrate` needs a list, not `npm` (write it in brackets: `after_integrate: [...]`)
    10 config::wrong_value: a hook names no program (write `[program, argument, …]`)
    11 config::wrong_value: `remote` has both `dir` and `endpoint` (keep one of them)
    12 config::wrong_value: `concurrency` cannot be 0 (write a whole number from 1)
    12 config::wrong_type: `reserve_credits` needs a whole number, not `many` (write a whole number from 0)
    13 config::wrong_type: `check` needs a map, not `fail` (write a map; its keys: unbought)
    14 config::wrong_type: `image` needs a map, not `3` (write a map)
    14 config::unknown_key: unknown key `video` in `defaults` (keys here: image, audio)
    "#);
}

#[test]
fn the_file_as_a_whole_must_be_one_map_with_a_known_version() {
    let cases = [
        (
            "",
            "1 config::missing_key: the Assetfile has no `version` (write `version: \"1.0\"` in its first line)",
        ),
        (
            "- a\n",
            "1 config::wrong_type: the Assetfile needs a map of settings (start with `version: \"1.0\"`)",
        ),
        (
            "version: 1.0\n---\na: 1\n",
            "3 config::documents: the Assetfile has more than one document (remove the `---` between them)",
        ),
        (
            "version: 2.0\n",
            "1 config::version: an unknown version of the Assetfile (this tool reads version: \"1.0\")",
        ),
        (
            "version: 1.0\nremote: {}\n",
            "2 config::missing_key: `remote` names no place (write `dir: …` or `endpoint: …`)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(check(text).1, [expected], "{text:?}");
    }
}

#[test]
fn only_what_results_depend_on_concerns_them() {
    let base = "version: \"1.0\"\nspecs: [a/*.yaml]\nstyles: { base: a.md }\n\
                defaults: { image: { generation: { provider: svg } } }\n\
                providers: { openai: { model: gpt-image-2, timeout: 5 s } }\n\
                budget: { daily: 5.00 }\n";
    let concern = |from: &str, to: &str| {
        let text = base.replace(from, to);
        assert!(text != base || from == to, "nothing was replaced");
        let (loaded, found) = check(&text);
        assert_eq!(found, [""; 0], "{text}");
        loaded.concern
    };
    let same = concern("", "");
    let of_no_concern = [
        ("daily: 5.00", "daily: 6.00"),
        ("timeout: 5 s", "timeout: 9 s, concurrency: 2"),
        ("version", "# A comment.\nproject: other\nversion"),
        ("budget", "ask_above: 1.00\nhooks: { after_integrate: [[true]] }\nbudget"),
        ("{ daily: 5.00 }", "{}"),
    ];
    for (from, to) in of_no_concern {
        assert_eq!(concern(from, to), same, "{to}");
    }
    let of_concern = [
        ("a/*.yaml", "b/*.yaml"),
        ("base: a.md", "base: b.md"),
        ("base: a.md", "night: a.md"),
        ("provider: svg", "provider: \"svg\""),
        ("provider: svg", "provider: file"),
        ("image: {", "audio: {"),
        ("model: gpt-image-2", "model: gpt-image-1"),
        ("model: gpt-image-2, ", ""),
        ("openai:", "stability:"),
        ("budget", "assets_dir: game\nbudget"),
        ("budget", "fonts: [a.otf]\nbudget"),
    ];
    let mut all = vec![same];
    for (from, to) in of_concern {
        let concern = concern(from, to);
        assert!(!all.contains(&concern), "{to}");
        all.push(concern);
    }
    assert!(!all.contains(&load(&SourceMap::default(), None).concern));
}

#[test]
fn globs_of_specs_stay_in_the_project() {
    let found = |specs: &str| check(&format!("version: \"1.0\"\nspecs: {specs}\n")).1.join("\n");
    insta::assert_snapshot!(found("[/art/*.yaml, ../*.yaml, a/../b.yaml, ok/..x.yaml]"), @r"
    2 config::wrong_value: `/art/*.yaml` leads out of the project (write a glob relative to the project's root, such as specs/**/*.yaml)
    2 config::wrong_value: `../*.yaml` leads out of the project (write a glob relative to the project's root, such as specs/**/*.yaml)
    2 config::wrong_value: `a/../b.yaml` leads out of the project (write a glob relative to the project's root, such as specs/**/*.yaml)
    ");
    insta::assert_snapshot!(found("[]"), @"2 config::wrong_value: `specs` names no files (write `[specs/**/*.yaml]`, or leave it out)");
}
