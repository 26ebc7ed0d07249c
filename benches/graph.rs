//! Graph overhead against ninja: no-op and one-change builds of N four-action chains.
//!
//! `cargo bench --bench graph` prints the table of docs/benchmarks.md. `BENCH_SIZES=1000,10000`
//! chooses the sizes, `BENCH_RUNS=9` the runs of each command. Both tools check the same chains:
//! ours reads N specs and publishes N files; ninja has N sources and four files behind each. Only
//! the ratios count: the two run in turn, A B A B, and each ratio is that of the medians.
//!
//! Ninja's log is written instead of earned: spawning 400,000 commands would only measure `fork`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

mod chains;

use chains::{spec, spec_path, write_assetbuild_project};

const ASSETBUILD: &str = env!("CARGO_BIN_EXE_assetbuild");

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if Command::new("ninja").arg("--version").stdout(Stdio::null()).status().is_err() {
        say("skipped: this benchmark compares with ninja, which is not installed");
        return;
    }
    let sizes = std::env::var("BENCH_SIZES").unwrap_or_else(|_| "1000,10000,100000".to_owned());
    let runs = std::env::var("BENCH_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    say(
        "| chains | no-op ms | ninja ms | ratio | one changed ms | ninja ms | ratio | over no-op ms | peak MiB | ninja MiB |",
    );
    say("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for size in
        sizes.split(',').map(|n| n.trim().parse().expect("BENCH_SIZES is a list of numbers"))
    {
        say(&row(size, runs));
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(line: &str) {
    println!("{line}");
}

fn row(size: usize, runs: usize) -> String {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let (ours, theirs) = (dir.path().join("assetbuild"), dir.path().join("ninja"));
    write_assetbuild_project(&ours, size);
    write_ninja_project(&theirs, size);
    // The first run builds; the second settles the memo of files younger than the state.
    for _ in 0..2 {
        time(&mut assetbuild(&ours));
        time(&mut ninja(&theirs));
    }
    let mut samples: [Vec<f64>; 4] = Default::default();
    for _ in 0..runs {
        samples[0].push(time(&mut assetbuild(&ours)));
        samples[1].push(time(&mut ninja(&theirs)));
    }
    for run in 0..runs {
        fs::write(spec_path(&ours, size / 2), spec(size / 2, run + 1))
            .expect("a spec can be written");
        fs::write(theirs.join(source_name(size / 2)), format!("{run}"))
            .expect("a source can be written");
        samples[2].push(time(&mut assetbuild(&ours)));
        samples[3].push(time(&mut ninja(&theirs)));
    }
    let [noop, ninja_noop, change, ninja_change] = samples.map(median);
    let memory =
        |command: Command| peak_mib(command).map_or("–".to_owned(), |mib| format!("{mib:.0}"));
    format!(
        "| {size} | {noop:.1} | {ninja_noop:.1} | {:.2} | {change:.1} | {ninja_change:.1} | {:.2} | {:.1} | {} | {} |",
        noop / ninja_noop,
        change / ninja_change,
        change - noop,
        memory(assetbuild(&ours)),
        memory(ninja(&theirs)),
    )
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn assetbuild(dir: &Path) -> Command {
    let mut command = Command::new(ASSETBUILD);
    command.current_dir(dir).env("ASSETBUILD_STORE", "off").arg("-q");
    command
}

fn ninja(dir: &Path) -> Command {
    let mut command = Command::new("ninja");
    command.current_dir(dir).arg("--quiet");
    command
}

/// Wall time of a successful run, in milliseconds.
fn time(command: &mut Command) -> f64 {
    command.stdout(Stdio::null()).stdin(Stdio::null());
    let start = Instant::now();
    let status = command.status().expect("the command can be started");
    let took = start.elapsed().as_secs_f64() * 1e3;
    assert!(status.success(), "{command:?} failed: {status}");
    took
}

/// Largest resident set, by GNU time; none where that is not installed.
fn peak_mib(command: Command) -> Option<f64> {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%M"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("both commands have one"))
        .output()
        .ok()?;
    let kib: f64 = String::from_utf8(output.stderr).ok()?.lines().last()?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

const STAGES: [&str; 4] = ["raw", "processed", "checked", "published"];

fn source_name(index: usize) -> String {
    format!("specs/{:03}/spec-{index:06}", index / 500)
}

fn write_ninja_project(dir: &Path, size: usize) {
    let mut build = String::from("rule cp\n  command = cp $in $out\n");
    for folder in ["specs"].iter().chain(&STAGES) {
        for index in 0..size.div_ceil(500) {
            fs::create_dir_all(dir.join(format!("{folder}/{index:03}")))
                .expect("a folder can be made");
        }
    }
    let mut edges = Vec::new();
    for index in 0..size {
        let mut from = source_name(index);
        fs::write(dir.join(&from), "source").expect("a file can be written");
        for stage in STAGES {
            let to = from.replacen(from.split('/').next().expect("a path"), stage, 1);
            fs::write(dir.join(&to), "source").expect("a file can be written");
            writeln!(build, "build {to}: cp {from}").expect("a String can grow");
            edges.push((format!("cp {from} {to}"), to.clone()));
            from = to;
        }
    }
    fs::write(dir.join("build.ninja"), build).expect("a file can be written");
    let mut log = String::from("# ninja log v5\n");
    for (command, output) in edges {
        let modified = fs::metadata(dir.join(&output)).and_then(|meta| meta.modified());
        let stamp = nanoseconds(modified.expect("the file was just written"));
        let hash = murmur_hash_64a(command.as_bytes());
        writeln!(log, "0\t1\t{stamp}\t{output}\t{hash:x}").expect("a String can grow");
    }
    fs::write(dir.join(".ninja_log"), log).expect("a file can be written");
}

fn nanoseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// The hash of a command in version 5 of ninja's log (MurmurHash64A with ninja's seed).
fn murmur_hash_64a(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = 0xDECA_FBAD_DECA_FBAD_u64 ^ (bytes.len() as u64).wrapping_mul(M);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut k = u64::from_le_bytes(chunk.try_into().expect("eight bytes")).wrapping_mul(M);
        k ^= k >> 47;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut tail = [0; 8];
        tail[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(tail)).wrapping_mul(M);
    }
    hash ^= hash >> 47;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 47)
}
