//! What specs say of programs, and what is wrong with it.

use super::{COPY, picture, project};

fn mistakes(generation: &str) -> String {
    let project = project(COPY, "");
    project.write("art/make.sh", "#!/bin/sh\ncp art/coin.png out.png\n");
    project.write(
        "specs/coin.yaml",
        format!("id: coin\ngeneration: {{ type: image, provider: command, {generation} }}\n"),
    );
    let output = project.run(&[]);
    assert_eq!(output.code, 2, "{}", project.shown(&output));
    assert!(!project.has(".assetcache/tmp"), "nothing ran");
    output.stderr
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let cases = [
        ("run: [], output: out.png", "`run` names no program", "write `run: [program, argument]`"),
        (
            "run: [\"\"], output: out.png",
            "`run` names no program",
            "write `run: [program, argument]`",
        ),
        (
            "output: out.png",
            "the provider `command` needs `run`",
            "write `run: [program, argument]`",
        ),
        ("run: [cp]", "the provider `command` needs `output`", "write `output: out.png`"),
        (
            "run: [\"cp a b\"], output: out.png",
            "there is no program `cp a b`",
            "`run: [cp, a, b]`: there is no shell",
        ),
        (
            "run: [./art/make.sh], output: out.png",
            "the program `./art/make.sh` is not among its inputs",
            "add it to `inputs`",
        ),
        (
            "run: [cp], inputs: [art/coin.png], output: art/coin.png",
            "the output `art/coin.png` is in the way of the input `art/coin.png`",
            "write the output to another path",
        ),
        (
            "run: [cp], inputs: [art/coin.png], output: art",
            "is in the way of the input",
            "another path",
        ),
        ("run: [cp], output: ../out.png", "../out.png", ""),
        (
            "run: [cp], output: out.png, timeout: 0",
            "the timeout allows no time",
            "write `timeout: 600 s`",
        ),
        ("run: [cp], output: out.png, max_output_mb: 0", "max_output_mb", ""),
        (
            "run: [cp], output: out.png, version: []",
            "`version` names no program",
            "write `version: [program",
        ),
        ("run: [cp], output: out.png, time_out: 3", "timeout", ""),
    ];
    for (generation, message, help) in cases {
        let shown = mistakes(generation).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(message) && shown.contains(help), "{generation}\n{shown}");
    }
}

#[test]
fn programs_and_files_may_have_any_name() {
    let project = project(COPY, "");
    let script = "#!/bin/sh\ncp \"$1\" \"$2\"\n";
    project.write("tools/my tool ü.sh", script);
    project.write("art/münze 1.png", picture([9, 9, 9, 255]));
    project.write(
        "specs/coin.yaml",
        "id: coin\ngeneration:\n  type: image\n  provider: command\n  exact: true\n  \
         run: [\"./tools/my tool ü.sh\", \"art/münze 1.png\", \"ergebnis ß.png\"]\n  \
         inputs: [\"tools/my tool ü.sh\", \"art/münze 1.png\"]\n  output: \"ergebnis ß.png\"\n",
    );
    project.succeed(&[]);
    assert!(project.has("assets/coin.png"));
    project.succeed(&["--check"]);
}

#[test]
fn a_changed_input_is_named_and_its_program_runs_again() {
    let project = project(COPY, "exact: true\ntimeout: 30 s\nmax_output_mb: 1");
    project.succeed(&[]);
    let before = project.read_bytes("assets/coin.png");
    project.edit("specs/coin.yaml", "timeout: 30 s", "timeout: 1000 s");
    project.edit("specs/coin.yaml", "max_output_mb: 1", "max_output_mb: 2");
    project.succeed(&["--check"]);
    project.write("art/coin.png", picture([1, 2, 3, 255]));
    let plan = project.run(&["--plan"]);
    assert!(plan.stdout.contains("generation.inputs[0] changed"), "{}", plan.stdout);
    project.succeed(&[]);
    assert_ne!(project.read_bytes("assets/coin.png"), before);
    project.remove("art/coin.png");
    let output = project.run(&[]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("art/coin.png is not there"), "{}", output.stderr);
}
