//! Programs that do what programs should not.

use std::fs;
use std::process::Command;

use super::{COPY, Pipe, assert_nothing_left, failure, picture, project, start};

fn assert_says(script: &str, more: &str, expected: &str) {
    let shown = failure(script, more);
    let found = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(found.contains(expected), "{script}\n{shown}");
}

#[test]
fn outputs_that_are_none_are_told_apart() {
    let cases = [
        ("true", "`sh` ended without writing out.png"),
        ("cp art/coin.png out.jpg", "ended without writing out.png; it wrote out.jpg"),
        (": > out.png", "`sh` wrote an empty out.png"),
        ("echo hello > out.png", "out.png, which is neither a picture nor a sound"),
        (
            "printf 'OggS and so on' > out.png",
            "wrote out.png as ogg, and the spec says `type: image`",
        ),
        ("ln -s /etc/passwd out.png", "made out.png a link; write a regular file"),
        ("ln -s art/coin.png out.png", "made out.png a link"),
        ("mkdir out.png", "made out.png a folder"),
        ("mkfifo out.png", "made out.png a pipe or a device"),
        ("rm -rf \"$PWD\"", "ended without writing out.png"),
        ("cd ..; rm -rf work; ln -s /etc work", "made its folder a link"),
        ("exit 3", "`sh` ended with exit code 3"),
        ("echo no luck >&2; exit 3", "ended with exit code 3; it printed: | no luck"),
        ("echo only here; exit 1", "ended with exit code 1; it printed: | only here"),
        ("kill -SEGV $$", "`sh` was ended by SIGSEGV"),
        ("kill -KILL $$", "`sh` was ended by SIGKILL"),
    ];
    for (script, expected) in cases {
        assert_says(script, "exact: true", expected);
        assert_says(script, "", expected);
    }
}

#[test]
fn a_folder_on_the_way_is_no_way_out() {
    let project = project("rmdir sub; ln -s /etc sub", "");
    project.edit("specs/coin.yaml", "output: out.png", "output: sub/passwd");
    let output = project.run(&[]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("made sub a link"), "{}", output.stderr);
}

#[test]
fn a_program_that_hangs_is_ended() {
    assert_says(
        "echo waiting; sleep 1000",
        "timeout: 0.2",
        "`sh` was still running after [TIME] and was ended; `timeout` allows more; it printed: | waiting",
    );
    assert_says(
        "trap '' TERM INT; sleep 1000 & wait; wait",
        "timeout: 200 ms",
        "was still running after",
    );
}

#[test]
fn what_outlives_its_program_is_ended_with_it() {
    let project = project("", "");
    let pipe = Pipe::new(&project, "pipe");
    let script = format!(
        "exec 9>'{}'\necho begun >&9\n(sleep 30; echo survived >&9) >/dev/null 2>&1 &\n\
         (trap '' HUP; sleep 30; echo survived >&9) &\n{COPY}",
        pipe.0.display()
    );
    project.write("specs/coin.yaml", super::spec(&script, ""));
    let child = start(&project, &[]);
    assert_eq!(Pipe::rest(pipe.open()), "begun\n");
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_nothing_left(&project);
}

#[test]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn what_leaves_its_group_is_ended_too() {
    if Command::new("setsid").arg("true").status().is_err() {
        eprintln!("skipped: there is no `setsid` here");
        return;
    }
    let project = project("", "");
    let pipe = Pipe::new(&project, "pipe");
    let script = format!(
        "exec 9>'{}'\necho begun >&9\nsetsid sh -c 'sleep 30; echo survived >&9' &\n\
         setsid sh -c 'setsid sh -c \"sleep 30; echo survived >&9\" & exit' \nsleep 1000",
        pipe.0.display()
    );
    project.write("specs/coin.yaml", super::spec(&script, "timeout: 0.5"));
    let child = start(&project, &[]);
    assert_eq!(Pipe::rest(pipe.open()), "begun\n");
    assert_eq!(child.wait_with_output().expect("a child").status.code(), Some(1));
    assert_nothing_left(&project);
}

#[test]
fn a_program_that_fills_the_disk_is_ended() {
    let more = "max_output_mb: 1\ntimeout: 60 s";
    let expected = "`sh` wrote more than 1 MB and was ended; `max_output_mb` allows more";
    for script in [
        "yes > big",
        "yes > \"$TMPDIR/big\"",
        "yes > \"$HOME/big\"",
        "i=0; while :; do : > \"$TMPDIR/$i\"; i=$((i+1)); done",
        // Done before anybody looked.
        "head -c 2000000 /dev/zero > out.png",
    ] {
        assert_says(script, more, expected);
    }
    let project = project("head -c 900000 /dev/zero > scratch; cp art/coin.png out.png", more);
    project.succeed(&[]);
}

#[test]
fn a_flood_of_words_is_bounded() {
    let shown = failure("yes 'all work and no play' | head -c 100000000; exit 1", "");
    let lines = shown.lines().filter(|line| line.contains("| all work")).count();
    assert!((10..=20).contains(&lines), "{lines} lines are shown\n{shown}");
    let project = project(&format!("yes | head -c 100000000\n{COPY}"), "");
    project.succeed(&[]);
}

#[test]
fn garbage_is_shown_as_text() {
    for script in [
        "head -c 50000 /dev/urandom >&2; exit 1",
        "printf '\\033[2J\\033]0;x\\007\\000\\377' >&2; exit 1",
    ] {
        let shown = failure(script, "");
        let odd = shown.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
        assert_eq!(odd, None, "{shown:?}");
    }
}

#[test]
fn secrets_are_not_shown_and_not_written() {
    let secret = "sk-verysecret-0123456789";
    let script = "echo \"key $OPENAI_API_KEY studio $STUDIO\"\n\
                  echo \"key $OPENAI_API_KEY studio $STUDIO\" >&2\nexit 1";
    for probe in [false, true] {
        let words = "env: [OPENAI_API_KEY, STUDIO]";
        let project = match probe {
            false => project(script, words),
            true => project(COPY, &format!("{words}\nversion: [sh, -c, \"echo $OPENAI_API_KEY\"]")),
        };
        let project =
            project.variable("OPENAI_API_KEY", secret).variable("STUDIO", "lighthouse-studio");
        let output = project.run(&["--format", "ndjson", "--trace", "trace.json"]);
        assert_eq!(output.code, i32::from(!probe), "{}", project.shown(&output));
        let told = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(told.contains("[redacted]"), !probe, "{told}");
        for word in [secret, "lighthouse-studio"] {
            assert!(!told.contains(word), "{told}");
            for path in project.files("") {
                let bytes = project.read_bytes(&path);
                let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
                assert!(!found, "{path} holds a secret");
            }
        }
    }
    // What is not declared is not passed on.
    let project = project("test -z \"$OPENAI_API_KEY\" && cp art/coin.png out.png", "");
    project.variable("OPENAI_API_KEY", secret).succeed(&[]);
}

#[test]
fn inputs_are_copies() {
    let script = "chmod u+w art/coin.png; echo spoiled >> art/coin.png\n\
                  cp art/coin.png out.png; rm -rf art; echo stray > ../stray; chmod 000 .";
    let project = project(script, "exact: true");
    project.succeed(&[]);
    assert_eq!(project.read_bytes("art/coin.png"), picture([250, 200, 0, 255]));
    assert_nothing_left(&project);
    assert!(!project.files("").iter().any(|path| path.contains("stray")));
}

#[test]
fn folders_that_a_program_closed_are_removed() {
    let project = project(&format!("mkdir -p a/b; : > a/b/c; chmod 000 a/b a\n{COPY}"), "");
    project.succeed(&[]);
    assert_nothing_left(&project);
}

#[test]
fn nobody_answers_a_program_that_asks() {
    let project = project(&format!("read answer && exit 9\n{COPY}"), "");
    project.succeed(&[]);
}

#[test]
fn a_program_that_cannot_be_started_is_told() {
    let project = project(COPY, "");
    project.write("art/broken.sh", "#!/no/such/interpreter\n");
    project.write("art/garbage", [0_u8, 1, 2, 3]);
    for name in ["broken.sh", "garbage"] {
        project.write(
            "specs/coin.yaml",
            format!(
                "id: coin\ngeneration: {{ type: image, provider: command, run: [./art/{name}], \
                 inputs: [art/{name}], output: out.png }}\n"
            ),
        );
        let output = project.run(&[]);
        assert_eq!(output.code, 1, "{}", project.shown(&output));
        assert!(output.stderr.contains(name), "{}", output.stderr);
    }
    let names = fs::read_dir(project.path(".assetcache/paid/purchases")).expect("receipts");
    assert_eq!(names.count(), 2, "what failed is on record");
}
