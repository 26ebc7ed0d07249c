//! Streams, formats, colors, logs, exit codes: what scripts and terminals see.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::sample::{self, built_items, items};
use crate::support::Project;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() {
    let project = items();
    assert_eq!(project.succeed(&[]).stdout, "");
    for arguments in
        [&["--plan"][..], &["--check"], &["--explain", "coin"], &["expand", "coin"], &["graph"]]
    {
        let output = project.succeed(arguments);
        assert_ne!(output.stdout, "", "{arguments:?}");
        assert_eq!(output.stderr, "", "{arguments:?}");
    }
}

#[test]
fn quiet_says_only_the_summary_and_what_failed() {
    let project = items();
    project.write("art/gem.svg", "no drawing");
    let output = project.run(&["-q"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: generate gem: failed to draw art/gem.svg: it is not well-formed XML: unknown token at 1:1
    built 1 of 2 assets: 1 generated, 1 processed, 1 file published in [TIME]; 1 failed
    ");
    let output = project.succeed(&["-q", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    nothing to do: 1 asset is fresh ([TIME])
    ");
}

#[test]
fn verbose_names_every_action() {
    let project = items();
    let output = project.succeed(&["-v", "-j", "1", "coin"]);
    insta::assert_snapshot!(project.shown(&output), @"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    1 asset selected, up to 4 actions to run
    generate coin svg ([TIME])
    process coin resize ([TIME])
    validate coin ([TIME])
    integrate coin assets/images/coin.png ([TIME])
    published assets/images/coin.png (318 B)
    manifest updated: 1 entry
    built coin ([TIME])
    load took [TIME]
    inputs took [TIME]
    lock took [TIME]
    plan took [TIME]
    open took [TIME]
    execute took [TIME]
    publish took [TIME]
    results took [TIME]
    record took [TIME]
    built 1 of 1 asset: 1 generated, 1 processed, 1 file published in [TIME]
    ");
}

#[test]
fn a_build_as_json_is_one_document() {
    let project = items();
    project.write("art/gem.svg", "no drawing");
    let output = project.run(&["--format", "json"]);
    assert_eq!(output.code, 1);
    let mut document = json(&output.stdout);
    assert!(document["duration_ms"].as_f64().is_some_and(|took| took > 0.0));
    document["duration_ms"] = Value::Null;
    insta::assert_snapshot!(format!("{document:#}"), @r#"
    {
      "schema": "assetbuild.build/1",
      "assets": 2,
      "fresh": 0,
      "built": 1,
      "failed": 1,
      "skipped": 0,
      "held": 0,
      "ran": {
        "generate": 1,
        "select": 0,
        "process": 1,
        "validate": 1,
        "integrate": 1
      },
      "cached": {
        "generate": 0,
        "select": 0,
        "process": 0,
        "validate": 0,
        "integrate": 0
      },
      "published": 1,
      "interrupted": false,
      "duration_ms": null,
      "failures": [
        {
          "asset": "gem",
          "kind": "generate",
          "message": "failed to draw art/gem.svg: it is not well-formed XML: unknown token at 1:1"
        }
      ],
      "warnings": []
    }
    "#);
}

#[test]
fn a_build_as_ndjson_is_an_object_per_line() {
    let project = items();
    let output = project.succeed(&["--format", "ndjson"]);
    let events: Vec<Value> = output.stdout.lines().map(json).collect();
    assert!(events.iter().all(|event| event["schema"] == "assetbuild.event/1"));
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events[0]["event"], "run_started");
    assert_eq!(events[events.len() - 1]["event"], "run_finished");
    let published = events.iter().filter(|event| event["event"] == "published").count();
    assert_eq!(published, 2);
}

#[test]
fn a_plan_as_json_has_the_documented_fields() {
    let project = built_items();
    project.edit("specs/items.yaml", "source: art/coin.svg", "source: art/coin.svg, size: 64x64");
    project
        .write("specs/hero.yaml", sample::PAID.replace("id: hero\n", "id: hero\nvariations: 2\n"));
    let document = json(&project.succeed(&["--plan", "--format", "json"]).stdout);
    insta::assert_snapshot!(format!("{document:#}"), @r#"
    {
      "schema": "assetbuild.plan/1",
      "assets": [
        {
          "id": "coin",
          "state": "stale",
          "reasons": [
            {
              "code": "field-changed",
              "field": "generation.size",
              "old": "32x32",
              "new": "64x64",
              "message": "generation.size changed: 32x32 → 64x64",
              "file": "specs/items.yaml",
              "line": 8,
              "column": 59
            }
          ],
          "outputs": [
            "assets/images/coin.png"
          ],
          "actions": [
            {
              "kind": "generate",
              "provider": "svg",
              "model": null,
              "variation": 0,
              "state": "dirty",
              "paid": false,
              "cost": null
            },
            {
              "kind": "process",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "pending",
              "paid": false,
              "cost": null
            },
            {
              "kind": "validate",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "pending",
              "paid": false,
              "cost": null
            },
            {
              "kind": "integrate",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "pending",
              "paid": false,
              "cost": null
            }
          ],
          "quote": null
        },
        {
          "id": "gem",
          "state": "fresh",
          "reasons": [],
          "outputs": [
            "assets/images/gem.png"
          ],
          "actions": [
            {
              "kind": "generate",
              "provider": "svg",
              "model": null,
              "variation": 0,
              "state": "fresh",
              "paid": false,
              "cost": null
            },
            {
              "kind": "process",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "fresh",
              "paid": false,
              "cost": null
            },
            {
              "kind": "validate",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "fresh",
              "paid": false,
              "cost": null
            },
            {
              "kind": "integrate",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "fresh",
              "paid": false,
              "cost": null
            }
          ],
          "quote": null
        },
        {
          "id": "hero",
          "state": "blocked",
          "reasons": [
            {
              "code": "key-missing",
              "message": "OPENAI_API_KEY is not set: put the key of `openai` there"
            },
            {
              "code": "never-built",
              "message": "never built"
            }
          ],
          "outputs": [
            "assets/hero.png"
          ],
          "actions": [
            {
              "kind": "generate",
              "provider": "openai",
              "model": "gpt-image-2",
              "variation": 0,
              "state": "blocked",
              "paid": true,
              "cost": {
                "low_micros": 5590,
                "high_micros": 55346,
                "unit": "USD"
              }
            },
            {
              "kind": "generate",
              "provider": "openai",
              "model": "gpt-image-2",
              "variation": 1,
              "state": "blocked",
              "paid": true,
              "cost": {
                "low_micros": 5590,
                "high_micros": 55346,
                "unit": "USD"
              }
            },
            {
              "kind": "select",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "blocked",
              "paid": false,
              "cost": null
            },
            {
              "kind": "process",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "blocked",
              "paid": false,
              "cost": null
            },
            {
              "kind": "validate",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "blocked",
              "paid": false,
              "cost": null
            },
            {
              "kind": "integrate",
              "provider": null,
              "model": null,
              "variation": 0,
              "state": "blocked",
              "paid": false,
              "cost": null
            }
          ],
          "quote": {
            "provider": "openai",
            "model": "gpt-image-2",
            "in_place_of": null,
            "suggested": false,
            "variations": 2,
            "cost": {
              "low_micros": 11180,
              "high_micros": 110692,
              "unit": "USD"
            },
            "notes": []
          }
        }
      ],
      "orphans": [],
      "totals": {
        "actions": {
          "generate": 1,
          "select": 0,
          "process": 0,
          "validate": 0,
          "integrate": 0
        },
        "paid": 0,
        "cost": {
          "low_micros": 0,
          "high_micros": 0,
          "unit": "USD"
        },
        "other": []
      },
      "caps": []
    }
    "#);
}

#[test]
fn diagnostics_come_as_json_annotations_and_text() {
    let project = items();
    project.edit("specs/items.yaml", "dimensions: 16x16", "dimensoins: 16x16");
    let output = project.run(&["--plan"]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    spec::missing_key

      × `resize` has no `dimensions`
       ╭─[specs/items.yaml:4:17]
     3 │   post_processing:
     4 │     - { action: resize, dimensoins: 16x16 }
       ·                 ──────
     5 │     - { action: validate, checks: [has_alpha] }
       ╰────
      help: write `dimensions: 128x128`

    spec::unknown_key

      × unknown key `dimensoins` in `resize`
       ╭─[specs/items.yaml:4:25]
     3 │   post_processing:
     4 │     - { action: resize, dimensoins: 16x16 }
       ·                         ──────────
     5 │     - { action: validate, checks: [has_alpha] }
       ╰────
      help: did you mean `dimensions`?

    2 errors
    ");
    let output = project.run(&["--plan", "--format", "json"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!(format!("{:#}", json(&output.stdout)), @r#"
    {
      "schema": "assetbuild.diagnostics/1",
      "diagnostics": [
        {
          "code": "spec::missing_key",
          "severity": "error",
          "message": "`resize` has no `dimensions`",
          "file": "specs/items.yaml",
          "line": 4,
          "column": 17,
          "end_line": 4,
          "end_column": 23,
          "help": "write `dimensions: 128x128`",
          "labels": [
            {
              "file": "specs/items.yaml",
              "line": 4,
              "column": 17,
              "end_line": 4,
              "end_column": 23,
              "text": ""
            }
          ]
        },
        {
          "code": "spec::unknown_key",
          "severity": "error",
          "message": "unknown key `dimensoins` in `resize`",
          "file": "specs/items.yaml",
          "line": 4,
          "column": 25,
          "end_line": 4,
          "end_column": 35,
          "help": "did you mean `dimensions`?",
          "labels": [
            {
              "file": "specs/items.yaml",
              "line": 4,
              "column": 25,
              "end_line": 4,
              "end_column": 35,
              "text": ""
            }
          ]
        }
      ]
    }
    "#);
    let output = project.run(&["--plan", "--format", "github"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!(output.stdout, @r"
    ::error file=specs/items.yaml,line=4,col=17,endColumn=23,title=spec%3A%3Amissing_key::`resize` has no `dimensions`%0Ahelp: write `dimensions: 128x128`
    ::error file=specs/items.yaml,line=4,col=25,endColumn=35,title=spec%3A%3Aunknown_key::unknown key `dimensoins` in `resize`%0Ahelp: did you mean `dimensions`?
    ");
}

#[test]
fn failures_are_annotations_on_github() {
    let project = items();
    project.write("art/gem.svg", "no drawing");
    let output = project.run(&["--format", "github"]);
    assert_eq!(output.code, 1);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ::error title=generate gem::failed to draw art/gem.svg: it is not well-formed XML: unknown token at 1:1
    ----- stderr -----
    error: generate gem: failed to draw art/gem.svg: it is not well-formed XML: unknown token at 1:1
    built coin ([TIME])
    built 1 of 2 assets: 1 generated, 1 processed, 1 file published in [TIME]; 1 failed
    ");
}

#[test]
fn colors_are_a_matter_of_terminal_variables_and_flag() {
    let has_colors = |output: &crate::support::Output| output.stderr.contains("\u{1b}[");
    assert!(!has_colors(&items().run(&[])));
    assert!(has_colors(&items().run(&["--color", "always"])));
    assert!(has_colors(&items().variable("CLICOLOR_FORCE", "1").run(&[])));
    let both = items().variable("CLICOLOR_FORCE", "1").variable("NO_COLOR", "1");
    assert!(!has_colors(&both.run(&[])));
    assert!(!has_colors(&items().variable("CLICOLOR_FORCE", "1").run(&["--color", "never"])));
    assert!(!has_colors(&items().variable("NO_COLOR", "1").run(&["--help"])));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let project = built_items();
    for index in 0..3000 {
        project.write(
            &format!("specs/many/{index}.yaml"),
            format!(
                "id: box-{index}\ngeneration: {{ type: image, provider: placeholder, size: 8x8 }}\n"
            ),
        );
    }
    for arguments in [&["--plan"][..], &["--plan", "--format", "json"], &["graph"], &["expand"]] {
        let mut command = project.command(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut line = [0; 8];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut line).expect("some output");
        drop(stdout);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_trace_is_a_timeline_of_the_run() {
    let project = items();
    project.succeed(&["--trace", "trace.json"]);
    let trace = json(&project.read("trace.json"));
    let events = trace["traceEvents"].as_array().or_else(|| trace.as_array()).expect("events");
    let names: Vec<&str> = events.iter().filter_map(|event| event["name"].as_str()).collect();
    assert!(names.iter().any(|name| name.contains("coin")), "{names:?}");
    let output = project.run(&["--trace", "no/such/folder/trace.json"]);
    assert_ne!(output.code, 0);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error: failed to create no/such/folder/trace.json: No such file or directory (os error 2)
    ");
}

#[test]
fn a_structured_log_takes_the_place_of_talk() {
    let project = items();
    let output = project.succeed(&["--log-format", "json"]);
    let records: Vec<Value> = output.stderr.lines().map(json).collect();
    let names: Vec<&str> = records.iter().filter_map(|record| record["event"].as_str()).collect();
    for name in ["ASSET_GENERATION_START", "MANIFEST_UPDATED", "BUILD_FINISHED"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(records.iter().all(|record| record["subsystem"].is_string()), "{records:?}");
}

#[test]
fn usage_errors_exit_with_two() {
    let project = items();
    for arguments in [
        &["--no-such-flag"][..],
        &["--format", "xml"],
        &["-j", "0"],
        &["--spend", "much"],
        &["--release"],
        &["--detailed-exitcode"],
        &["--plan", "--check"],
        &["prune", "coin"],
        &["expand", "--nope"],
    ] {
        let output = project.run(arguments);
        assert_eq!(output.code, 2, "{arguments:?}\n{}", project.shown(&output));
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
}

#[test]
fn the_worst_of_several_ends_gives_the_exit_code() {
    let project = items();
    project.write("art/gem.svg", "no drawing");
    assert_eq!(project.run(&[]).code, 1);
    project.write("specs/hero.yaml", sample::PAID);
    assert_eq!(project.run(&[]).code, 5, "blocked is worse than failed");
    assert_eq!(project.run(&["coin"]).code, 0);
    assert_eq!(project.run(&["gem"]).code, 1);
    assert_eq!(project.run(&["hero"]).code, 5);
    project.write("specs/wrong.yaml", "id: wrong\n");
    assert_eq!(project.run(&["coin"]).code, 2, "errors in specs come before everything");
}

#[test]
fn a_missing_source_is_a_failure_and_no_missing_provider() {
    let project = items();
    project.remove("art/gem.svg");
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    spec::missing_file

      ⚠ there is no file art/gem.svg
       ╭─[specs/items.yaml:9:38]
     8 │   - { id: coin, generation: { source: art/coin.svg } }
     9 │   - { id: gem, generation: { source: art/gem.svg } }
       ·                                      ───────────
       ╰────
      help: did you mean art/coin.svg?

    1 warning
    warning: gem: blocked: art/gem.svg is not there
    built coin ([TIME])
    built 1 of 2 assets: 1 generated, 1 processed, 1 file published in [TIME]; 1 held
    ");
    assert!(project.has("assets/images/coin.png"));
}

#[test]
fn paid_assets_are_blocked_until_there_is_a_provider() {
    let project = Project::with(&[
        ("Assetfile.yaml", sample::ASSETFILE),
        ("art/coin.svg", sample::COIN),
        ("art/gem.svg", sample::GEM),
        ("specs/items.yaml", sample::ITEMS),
        ("specs/hero.yaml", sample::PAID),
    ]);
    let output = project.run(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 5
    ----- stdout -----
    ----- stderr -----
    warning: hero: blocked: OPENAI_API_KEY is not set: put the key of `openai` there
    built coin ([TIME])
    built gem ([TIME])
    built 2 of 3 assets: 2 generated, 2 processed, 2 files published in [TIME]; 1 held
    ");
    project.write("Assetfile.yaml", "version: \"1.0\"\nuntil_bought: placeholder\n");
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ hero  placeholder (OPENAI_API_KEY is not set: put the key of `openai` there)  → assets/hero.png  hero
        would buy 1 × gpt-image-2  $0.005–0.056
      2 fresh.  1 to build: 1 generate, 1 process, 1 validate, 1 integrate.  Nothing to buy.
    ");
    let output = project.succeed(&[]);
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    a placeholder stands in for an asset that is not there yet
    built hero ([TIME])
    built 1 of 3 assets: 1 generated, 1 processed, 1 file published in [TIME]; 2 fresh
    ");
    assert_eq!(project.actions(&[]), [""; 0]);
    assert_eq!(project.run(&["--check", "--release"]).code, 3);
}

#[test]
fn the_version_and_help_are_data() {
    let project = Project::empty();
    assert!(project.succeed(&["--version"]).stdout.starts_with("assetbuild "));
    let help = project.succeed(&["--help"]);
    assert!(help.stdout.contains("Everyday"), "{}", help.stdout);
    assert_eq!(help.stderr, "");
    assert!(project.succeed(&["completions", "bash"]).stdout.contains("assetbuild"));
    assert!(project.succeed(&["man"]).stdout.starts_with(".ie"), "a roff page");
    for file in ["spec", "assetfile"] {
        let schema = json(&project.succeed(&["schema", file]).stdout);
        assert!(schema["$schema"].is_string(), "{file}");
    }
}
