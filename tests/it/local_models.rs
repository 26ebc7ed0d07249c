//! Models on this machine: a Python that is asked in JSON lines, and all that may go wrong with it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::sample;
use crate::support::Project;
use crate::survive::skip;

/// Two sounds of one model, and one of another.
const THREE: &str = "defaults: { generation: { type: audio } }\nspecs:\n  \
    - { id: cave, generation: { provider: musicgen }, prompt: { base: Drips, parameters: { seed: 1 } } }\n  \
    - { id: wood, generation: { provider: musicgen }, prompt: { base: Birds, parameters: { seed: 2 } } }\n  \
    - { id: hello, generation: { provider: bark, mode: speech }, prompt: Hello }\n";

/// A project whose Python is a shell script: it notes that it was started and what it was asked.
///
/// `answer`: what it does with a request in `$line` and the file to write in `$output`.
fn project(start: &str, answer: &str) -> Project {
    let assetfile = "version: \"1.0\"\nproviders:\n  \
        musicgen: { engine: local, python: tools/python, timeout: 2 s }\n  \
        bark: { engine: local, python: tools/python, timeout: 2 s }\n";
    let project = Project::with(&[("Assetfile.yaml", assetfile), ("specs/a.yaml", THREE)]);
    project.write("tools/tone.wav", sample::tone());
    project.write(
        "tools/python",
        format!(
            "#!/bin/sh\necho started >> asked\n{start}\nwhile read -r line; do\n  \
             echo \"$line\" >> asked\n  \
             output=$(echo \"$line\" | sed 's/.*\"output\":\"\\([^\"]*\\)\".*/\\1/')\n  \
             {answer}\ndone\n"
        ),
    );
    let script = fs::Permissions::from_mode(0o755);
    fs::set_permissions(project.path("tools/python"), script).expect("our own file");
    project
}

const READY: &str = r#"echo '{"is":"ready"}'"#;

const MAKE: &str =
    r#"echo '{"is":"loaded"}'; cp tools/tone.wav "$output"; echo '{"is":"written"}'"#;

/// How often the program was started.
fn starts(project: &Project) -> usize {
    project.read("asked").lines().filter(|line| *line == "started").count()
}

/// Builds, expects that nothing can be had, and gives what is said of one sound.
fn unavailable(project: &Project) -> String {
    let output = project.run(&["cave"]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(!project.has("assets/cave.ogg"));
    assert!(project.files(".assetcache/tmp").is_empty());
    let lines = output.stderr.lines().find_map(|line| line.strip_prefix("error: generate cave: "));
    lines.expect("a line about it").to_owned()
}

#[test]
fn one_python_makes_all_sounds_of_a_run_and_each_is_made_once() {
    let project = project(READY, MAKE);
    project.succeed(&[]);
    for path in ["assets/cave.ogg", "assets/wood.ogg", "assets/hello.ogg"] {
        assert!(project.has(path), "{path}");
    }
    assert_eq!(starts(&project), 1);
    let asked = project.read("asked");
    let cave = asked.lines().find(|line| line.contains("Drips")).expect("it was asked for");
    let cave: serde_json::Value = serde_json::from_str(cave).expect("a line of JSON");
    assert_eq!(cave["model"], "facebook/musicgen-small");
    assert_eq!((&cave["family"], &cave["seed"]), (&"musicgen".into(), &1.into()));
    assert_eq!(cave["parameters"]["duration_seconds"], 8);

    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
    fs::remove_dir_all(project.path(".assetcache/derived")).expect("a folder of ours");
    project.remove("assets/cave.ogg");
    project.succeed(&[]);
    assert_eq!(starts(&project), 1, "what was made is kept like what was bought");
    let ledger = project.succeed(&["ledger"]).stdout;
    assert!(ledger.ends_with("3 bought for $0.00\n"), "{ledger}");
}

#[test]
fn what_python_lacks_is_told_with_the_command_that_installs_it() {
    let start = r#"echo '{"is":"error","of":"setup","words":"No module named torch"}'; exit 0"#;
    let project = project(start, MAKE);
    let output = project.run(&[]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert_eq!(starts(&project), 1, "it is not tried again for every sound");
    let said = unavailable(&project);
    assert!(said.contains("No module named torch; install what it needs: "), "{said}");
    assert!(said.ends_with("tools/python -m pip install torch transformers"), "{said}");
}

#[test]
fn a_python_that_ends_says_why() {
    let died = "echo 'out of memory' >&2; exit 3";
    let said = unavailable(&project(READY, died));
    assert!(said.ends_with("Python ended with exit status: 3: out of memory"), "{said}");
    let said = unavailable(&project(died, MAKE));
    assert!(said.ends_with("Python ended with exit status: 3: out of memory"), "{said}");
    let said = unavailable(&project(READY, "kill -SEGV $$"));
    assert!(said.ends_with("Python was ended by SIGSEGV"), "{said}");
    // The others get a new one.
    let project = project(READY, &format!("case $line in *Drips*) exit 1;; esac; {MAKE}"));
    let output = project.run(&[]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(project.has("assets/wood.ogg") && project.has("assets/hello.ogg"));
}

#[test]
fn one_that_takes_too_long_is_ended() {
    let project = project(READY, r#"echo '{"is":"loaded"}'; echo $$ > number; exec sleep 600"#);
    let said = unavailable(&project);
    assert!(said.ends_with("no sound within 2 s; `timeout` allows more"), "{said}");
    let number = project.read("number");
    assert!(!Path::new(&format!("/proc/{}", number.trim())).exists());
}

#[test]
fn models_and_requests_that_do_not_work_are_told_in_pythons_words() {
    let error =
        |of: &str, words: &str| format!(r#"echo '{{"is":"error","of":"{of}","words":"{words}"}}'"#);
    let said = unavailable(&project(READY, &error("model", "no such model")));
    assert!(said.ends_with("no such model"), "{said}");
    let loaded = r#"echo '{"is":"loaded"}'; "#;
    let project = project(READY, &(loaded.to_owned() + &error("request", "too long")));
    let output = project.run(&["cave"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("does not accept the request: too long"), "{}", output.stderr);
}

#[test]
fn answers_that_are_none_are_no_sounds() {
    let said = unavailable(&project(READY, "echo hello"));
    assert!(said.contains("answered with something else: \"hello"), "{said}");
    let said = unavailable(&project(r#"echo '{"is":"written"}'"#, MAKE));
    assert!(said.contains("answered with something else: Written"), "{said}");
    let nothing = r#"echo '{"is":"loaded"}'; echo '{"is":"written"}'"#;
    let said = unavailable(&project(READY, nothing));
    assert!(said.contains("its sound cannot be read"), "{said}");
    let noise = r#"echo '{"is":"loaded"}'; echo noise > "$output"; echo '{"is":"written"}'"#;
    let project = project(READY, noise);
    let output = project.run(&["cave"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("6 bytes that are no sound"), "{}", output.stderr);
}

#[test]
fn a_plan_says_that_there_is_no_python() {
    let project = project(READY, MAKE);
    project.edit(
        "Assetfile.yaml",
        "musicgen: { engine: local, python: tools/python",
        "musicgen: { engine: local, python: no/python",
    );
    let plan = project.succeed(&["--plan"]).stdout;
    let why = "there is no program `no/python`, which `musicgen` runs: name one with `python`";
    assert!(plan.contains(why), "{plan}");
    let output = project.run(&[]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(project.has("assets/hello.ogg"), "the others are built");
}

#[test]
fn python_gets_no_keys_but_the_hubs() {
    let project = project("env > environment\necho '{\"is\":\"ready\"}'", MAKE)
        .variable("OPENAI_API_KEY", "sk-secret-1")
        .variable("HF_TOKEN", "hf-secret-2")
        .variable("CUDA_VISIBLE_DEVICES", "1");
    project.succeed(&[]);
    let environment = project.read("environment");
    assert!(!environment.contains("sk-secret-1"));
    assert!(environment.contains("HF_TOKEN=hf-secret-2"));
    assert!(environment.contains("CUDA_VISIBLE_DEVICES=1"));
}

/// The script that ships with the tool, in a Python that has transformers, with tiny models whose
/// weights are random: `ASSETBUILD_PYTHON` names it.
#[test]
fn transformers_make_sounds_that_a_seed_repeats() {
    let Ok(python) = std::env::var("ASSETBUILD_PYTHON") else {
        return skip("ASSETBUILD_PYTHON names no Python with torch and transformers");
    };
    let project = project(READY, MAKE);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/local_models/tiny.py");
    let made = Command::new(&python).arg(script).arg(project.path("models")).output();
    let made = made.expect("ASSETBUILD_PYTHON can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let assetfile = format!(
        "version: \"1.0\"\nproviders:\n  \
         musicgen: {{ engine: local, python: {python}, checkpoint: models/musicgen }}\n  \
         bark: {{ engine: local, python: {python}, checkpoint: models/bark }}\n"
    );
    project.write("Assetfile.yaml", assetfile);
    project.edit(
        "specs/a.yaml",
        "prompt: Hello",
        "prompt: { base: Hello, parameters: { seed: 3 } }",
    );
    project.edit("specs/a.yaml", "{ seed: 1 }", "{ seed: 1, duration_seconds: 1 }");
    project.edit("specs/a.yaml", "{ seed: 2 }", "{ seed: 2, duration_seconds: 1, top_p: 0.9 }");
    project.succeed(&[]);
    let raws = || {
        let lock = project.read("assetbuild.lock");
        let raws = lock.lines().filter(|line| line.starts_with("raw = "));
        raws.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = raws();
    assert_eq!(first.len(), 3);
    // The same again, as if nothing had ever been made.
    for folder in [".assetcache", "assets"] {
        fs::remove_dir_all(project.path(folder)).expect("a folder of ours");
    }
    project.remove("assetbuild.lock");
    let project = project.variable("ASSETBUILD_STORE", "off");
    project.succeed(&[]);
    let lock = project.read("assetbuild.lock");
    assert!(first.iter().all(|raw| lock.contains(raw)), "{first:?}\n{lock}");

    project.edit("specs/a.yaml", "prompt: { base: Hello", "prompt: { base: Bye");
    project.edit("Assetfile.yaml", "models/bark", "models/none");
    let output = project.run(&[]);
    assert_eq!(output.code, 5, "{}", project.shown(&output));
    assert!(output.stderr.contains("models/none"), "{}", output.stderr);
}
