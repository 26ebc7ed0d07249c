//! `--watch` in a pseudo-terminal: its screen and its keys.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::money::bank::Bank;
use crate::money::project;
use crate::support::Project;

/// A watch on a terminal of its own; ended when dropped.
struct Terminal {
    process: Child,
    master: File,
    /// Open for as long as the modes are asked for.
    slave: OwnedFd,
    written: Receiver<Vec<u8>>,
    /// Everything since the last wait.
    text: String,
}

impl Terminal {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let slave = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its end");
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("it takes a size");
        let end = || slave.try_clone().expect("another handle");
        let process = project
            .command(&[arguments, &["--watch", "--color", "never"]].concat())
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the binary runs");
        let master = File::from(master);
        let mut reader = master.try_clone().expect("another handle");
        let (sender, written) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                // A test that is over needs no more of it.
                let _ = sender.send(bytes[..count].to_vec());
            }
        });
        Self { process, master, slave, written, text: String::new() }
    }

    /// Waits until the screen says something; everything else that was drawn until then is given.
    fn wait_for(&mut self, words: &str) -> String {
        while !self.text.contains(words) {
            let bytes = self.written.recv_timeout(Duration::from_secs(60));
            let bytes = bytes.unwrap_or_else(|_| panic!("no {words:?} in {}", self.text));
            self.text += &String::from_utf8_lossy(&bytes);
        }
        std::mem::take(&mut self.text)
    }

    fn press(&mut self, key: &str) {
        self.master.write_all(key.as_bytes()).expect("it takes keys");
    }

    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.slave).expect("a terminal").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What was drawn, without the sequences that move the cursor and set colors.
fn plain(text: &str) -> String {
    let text = text.replace('\r', "");
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
    first + &rest.map(|part| part.get(1..).unwrap_or_default()).collect::<String>()
}

fn picture(id: &str) -> String {
    format!(
        "- id: {id}\n  generation: {{ type: image, provider: openai }}\n  \
         prompt: {{ base: A {id}, parameters: {{ size: 64x64, quality: low }} }}\n"
    )
}

#[test]
fn purchases_wait_for_a_key_and_each_is_asked_about() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &["sea", "sky", "sun"].map(picture).concat());
    let mut terminal = Terminal::start(&project, &[]);
    let shown = terminal.wait_for("y buy the first");
    assert!(shown.contains("sea  1 × gpt-image-2  at most $0.30"), "{shown}");
    assert!(terminal.is_raw());
    assert_eq!(bank.bill().0, 0);
    assert!(shown.contains("a buy all for at most $0.90"), "{shown}");
    terminal.press("n");
    terminal.wait_for("sea: blocked: not bought: not now");
    terminal.press("y");
    terminal.wait_for("bought sky");
    terminal.wait_for("y buy it");
    assert!(project.has("assets/sky.png") && !project.has("assets/sea.png"));
    // Another prompt is another request, and the word about the old one is forgotten.
    project.edit("specs/a.yaml", "A sea", "A wide sea");
    terminal.wait_for("sea  1 × gpt-image-2");
    terminal.press("p");
    terminal.wait_for("would buy 1 × gpt-image-2");
    terminal.press("p");
    terminal.wait_for("y buy the first");
    terminal.press("a");
    terminal.wait_for("p plan · q quit");
    while !(project.has("assets/sea.png") && project.has("assets/sun.png")) {
        terminal.wait_for("\u{1b}[H");
    }
    assert_eq!(bank.bill().0, 3);
    terminal.press("q");
    assert_eq!(terminal.process.wait().expect("it ends").code(), Some(0));
    assert!(!terminal.is_raw(), "the terminal is as before");
    project.succeed(&["--check"]);
}

#[test]
fn a_yes_is_about_what_was_shown() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", &picture("sea"));
    let mut terminal = Terminal::start(&project, &[]);
    terminal.wait_for("y buy it");
    // A mistake elsewhere changes nothing about it; while its own spec has one it is not on offer.
    project.write("specs/b.yaml", "id: [\n");
    let shown = terminal.wait_for("one file with mistakes stays as it was");
    assert!(shown.contains("y buy it") || terminal.wait_for("y buy it").contains("sea"), "{shown}");
    project.edit("specs/a.yaml", "provider: openai", "provider: openai, variations: many");
    let shown = terminal.wait_for("2 files with mistakes stay as they were");
    assert!(!shown.contains("y buy it"), "{shown}");
    terminal.press("y");
    project.edit("specs/a.yaml", "variations: many", "variations: 5");
    project.write("specs/b.yaml", "[]\n");
    terminal.wait_for("sea  5 × gpt-image-2  at most $1.50");
    assert_eq!(bank.bill().0, 0);
    drop(terminal);
    // A wish to end that comes before there is a list is heard.
    let mut terminal = Terminal::start(&project, &[]);
    while !terminal.is_raw() {}
    terminal.press("yq");
    assert_eq!(terminal.process.wait().expect("it ends").code(), Some(0));
    assert_eq!(bank.bill().0, 0);
}

#[test]
fn mistakes_stand_on_the_screen_until_they_are_mended() {
    let bank = Bank::open(&[]);
    let spec = "- { id: dot, generation: { type: image, provider: placeholder } }\n";
    let project = project(&bank, "", spec);
    let mut terminal = Terminal::start(&project, &[]);
    terminal.wait_for("built 1 of 1 asset");
    project.edit("specs/a.yaml", "placeholder", "placeholde");
    let shown = terminal.wait_for("did you mean");
    assert!(shown.contains("one file with mistakes stays as it was"), "{shown}");
    project.edit("specs/a.yaml", "placeholde }", "placeholder, size: 9x9 }");
    terminal.wait_for("changed  specs/a.yaml");
    let shown = terminal.wait_for("built    dot");
    assert!(!shown.contains("did you mean"), "{shown}");
    // A smaller window is drawn anew.
    let small = Winsize { ws_row: 12, ws_col: 30, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal.slave, small).expect("it takes a size");
    kill_process(Pid::from_child(&terminal.process), Signal::WINCH).expect("it runs");
    let shown = terminal.wait_for("p plan · q quit");
    let longest = plain(&shown).lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(30), "{shown}");
}

#[test]
fn an_amount_in_the_assetfile_buys_without_a_word_and_never_is_never() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "paid_in_watch: 0.20\n", &picture("sea"));
    let mut terminal = Terminal::start(&project, &[]);
    // A picture is set aside for with 30 cents.
    terminal.wait_for("sea: blocked: not bought");
    project.edit("Assetfile.yaml", "paid_in_watch: 0.20", "paid_in_watch: 0.50");
    terminal.wait_for("bought sea");
    project.edit("Assetfile.yaml", "paid_in_watch: 0.50", "paid_in_watch: never");
    project.write("specs/b.yaml", picture("sky"));
    terminal.wait_for("sky: blocked: not bought: --no-spend");
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn what_is_free_does_not_wait_for_what_is_bought() {
    let bank = Bank::open(&["--latency", "2000"]);
    let dot = "- { id: dot, generation: { type: image, provider: placeholder, size: 8x8 } }\n";
    let project = project(&bank, "", &(picture("sea") + dot));
    let mut terminal = Terminal::start(&project, &[]);
    terminal.wait_for("y buy it");
    terminal.press("y");
    // Its money is set aside before the request leaves.
    while project.files(".assetcache/paid/purchases").is_empty() {}
    for size in ["9x9", "10x10"] {
        let spec = picture("sea") + &dot.replace("8x8", size);
        project.write("specs/a.yaml", spec);
        terminal.wait_for("built    dot");
        assert!(!project.has("assets/sea.png"), "it is still on its way");
    }
    // Another prompt meanwhile is another request; the one that was sent is kept.
    project.write("specs/a.yaml", (picture("sea") + dot).replace("A sea", "A wide sea"));
    terminal.wait_for("y buy it");
    assert_eq!(bank.bill().0, 1);
    let ledger = project.succeed(&["ledger"]).stdout;
    assert!(ledger.contains("sea"), "{ledger}");
    terminal.press("q");
    assert_eq!(terminal.process.wait().expect("it ends").code(), Some(0));
    assert_eq!(bank.bill().0, 1);
}

#[test]
fn what_cannot_be_bought_is_not_tried_over_and_over() {
    let bank = Bank::open(&["--fault", "refuse=100"]);
    let project = project(&bank, "", &picture("sea"));
    let mut terminal = Terminal::start(&project, &["--spend", "5"]);
    terminal.wait_for("sea: blocked: not bought: it failed; save its spec to try it again");
    let tries = || project.files(".assetcache/paid/purchases").len();
    let before = tries();
    project.write("specs/a.yaml", project.read("specs/a.yaml"));
    while tries() == before {}
    terminal.wait_for("it failed; save its spec to try it again");
    assert_eq!((tries(), bank.bill().0), (2 * before, 0));
}
