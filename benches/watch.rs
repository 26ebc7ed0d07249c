//! From a save to the published file, or to the manifest, while a watch looks on.
//!
//! `cargo bench --bench watch` prints the tables of docs/benchmarks.md. `BENCH_SIZES=1000,10000` chooses
//! the sizes, `BENCH_SAVES=200` how often a spec is saved. The chain's own work is trivial; what is
//! measured is everything else: the system's event, the quiet after it, the build. Between two saves it
//! waits until the watch is idle.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

mod chains;

use chains::{spec, spec_path, write_assetbuild_project};

const ASSETBUILD: &str = env!("CARGO_BIN_EXE_assetbuild");

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let sizes = std::env::var("BENCH_SIZES").unwrap_or_else(|_| "100,1000,10000".to_owned());
    let saves = std::env::var("BENCH_SAVES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let sizes: Vec<usize> = sizes
        .split(',')
        .map(|n| n.trim().parse().expect("BENCH_SIZES is a list of numbers"))
        .collect();
    say("| specs | saved | p50 ms | p99 ms | worst ms |");
    say("| --- | --- | --- | --- | --- |");
    let mut about: Vec<String> = Vec::new();
    for size in sizes {
        let project = Project::new(size);
        let watch = Watch::start(project.dir.path());
        for kind in [Kind::Colour, Kind::Entry, Kind::BesideMistake, Kind::Template] {
            say(&project.row(&watch, kind, saves));
        }
        about.push(project.about(&watch));
    }
    say("");
    say("| specs | start ms | no-op ms | idle CPU ms in 5 s | peak MiB |");
    say("| --- | --- | --- | --- | --- |");
    about.iter().for_each(|line| say(line));
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(line: &str) {
    println!("{line}");
}

/// What is saved.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Another colour: another picture under the same manifest entry.
    Colour,
    /// Another description: the same picture under another manifest entry.
    Entry,
    /// Another colour while another spec has a mistake.
    BesideMistake,
    /// Another colour in a template that one spec uses.
    Template,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Colour => "a colour → the picture",
            Self::Entry => "a description → the manifest",
            Self::BesideMistake => "a colour beside a mistake → the picture",
            Self::Template => "a template → the picture of the spec that uses it",
        }
    }
}

struct Project {
    dir: tempfile::TempDir,
    size: usize,
    noop_ms: f64,
    start_ms: f64,
}

impl Project {
    fn new(size: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        write_assetbuild_project(dir.path(), size);
        // The first run builds, the second settles files that are younger than the record.
        let noops: Vec<f64> = (0..9).map(|_| noop(dir.path())).collect();
        let start = |_| {
            let begun = Instant::now();
            let watch = Watch::start(dir.path());
            let took = begun.elapsed().as_secs_f64() * 1e3;
            drop(watch);
            took
        };
        let starts: Vec<f64> = (0..7).map(start).collect();
        Self { size, noop_ms: median(noops[2..].to_vec()), start_ms: median(starts), dir }
    }

    fn row(&self, watch: &Watch, kind: Kind, saves: usize) -> String {
        let Self { dir, size, .. } = self;
        let mistake = spec_path(dir.path(), size / 2);
        let good = fs::read_to_string(&mistake).expect("a spec can be read");
        if kind == Kind::BesideMistake {
            fs::write(&mistake, good.replace("nearest", "nearer")).expect("it can be written");
            watch.wait_until_quiet();
        }
        let template = dir.path().join("specs/shade.yaml");
        if kind == Kind::Template {
            let user = "use: shade\nid: shaded\nintegration: { manifest_path: shaded.png }\n";
            fs::write(dir.path().join("specs/shaded.yaml"), user).expect("it can be written");
            fs::write(&template, shade(0)).expect("it can be written");
            watch.wait_until_quiet();
        }
        let indices = (1..).map(|n| (n * 7919) % size).filter(|index| *index != size / 2);
        let mut took: Vec<f64> = Vec::new();
        for (save, index) in indices.take(saves).enumerate() {
            let picture = format!("assets/images/{:03}/sprite_{index:06}.png", index / 500);
            let mut saved = spec_path(dir.path(), index);
            let (text, output) = match kind {
                Kind::Colour => (spec(index, save + 1), picture),
                Kind::BesideMistake => (spec(index, saves + save + 1), picture),
                Kind::Template => {
                    saved.clone_from(&template);
                    (shade(save + 1), "assets/shaded.png".to_owned())
                }
                Kind::Entry => {
                    let text = fs::read_to_string(&saved).expect("a spec can be read");
                    let other = format!("of the benchmark, take {save}");
                    (text.replace("of the benchmark", &other), "assets/manifest.json".to_owned())
                }
            };
            let output = dir.path().join(output);
            let before = identity(&output);
            let begun = Instant::now();
            fs::write(saved, text).expect("it can be written");
            while identity(&output) == before {
                thread::sleep(Duration::from_micros(100));
            }
            took.push(begun.elapsed().as_secs_f64() * 1e3);
            watch.wait_until_quiet();
        }
        fs::write(&mistake, good).expect("it can be written");
        watch.wait_until_quiet();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
        let name = kind.name();
        format!("| {size} | {name} | {:.1} | {:.1} | {:.1} |", at(0.5), at(0.99), at(1.0))
    }

    fn about(&self, watch: &Watch) -> String {
        // What it does after the last save is no idleness.
        thread::sleep(Duration::from_secs(1));
        let cpu = watch.cpu_ms();
        thread::sleep(Duration::from_secs(5));
        let idle = watch.cpu_ms().zip(cpu).map(|(after, before)| after - before);
        let shown =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.0}"));
        let (idle, peak) = (shown(idle), shown(watch.peak_mib()));
        let Self { size, start_ms, noop_ms, .. } = self;
        format!("| {size} | {start_ms:.1} | {noop_ms:.1} | {idle} | {peak} |")
    }
}

/// The text of a template with a colour of its own.
fn shade(number: usize) -> String {
    let colour = (number * 104_729) % 0x100_0000;
    format!(
        "template: shade\n\
         generation:\n  type: image\n  provider: svg\n  source: art/dot.svg\n  size: 2x2\n  \
         vars: {{ fill: \"#{colour:06x}\" }}\n"
    )
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(ASSETBUILD);
    command.current_dir(dir).env("ASSETBUILD_STORE", "off");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Wall time of a build in milliseconds.
fn noop(dir: &Path) -> f64 {
    let begun = Instant::now();
    let status = command(dir).status().expect("it can be started");
    assert!(status.success(), "it failed: {status}");
    begun.elapsed().as_secs_f64() * 1e3
}

/// What a new file in the place of another one has of its own.
fn identity(path: &PathBuf) -> Option<(u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.modified().ok()?))
}

/// A watch; ended when dropped.
struct Watch {
    process: Child,
    idle: Receiver<()>,
}

impl Watch {
    /// Starts it and waits until it is idle.
    fn start(dir: &Path) -> Self {
        let mut process = command(dir)
            .args(["--watch", "--format", "ndjson"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let (sender, idle) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("\"event\":\"idle\"") {
                    // The last ones are for nobody.
                    let _ = sender.send(());
                }
            }
        });
        idle.recv().expect("it becomes idle");
        Self { process, idle }
    }

    /// Waits until nothing was told for a while: its own files are seen to as well.
    fn wait_until_quiet(&self) {
        while self.idle.recv_timeout(Duration::from_millis(60)).is_ok() {}
    }

    /// Processor time so far, where the system tells.
    fn cpu_ms(&self) -> Option<f64> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some((ticks(11)? + ticks(12)?) * 1e3 / TICKS_PER_SECOND)
    }

    fn peak_mib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
