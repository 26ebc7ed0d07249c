//! `--check` on a fresh clone, against hashing the files that it has to compare.
//!
//! `cargo bench --bench check` prints the table of docs/benchmarks.md. `BENCH_SIZES=1000` chooses the
//! numbers of assets, `BENCH_RUNS=9` the runs of each command. Each asset is a picture of 100 KB that is
//! published as it is, so a clone holds it twice, as source and as output. There is no cache and no
//! record of an earlier run. The peer is `b2sum` over the same files, in as many processes as there are
//! processors; the two run in turn, and the ratio is that of the medians.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

const ASSETBUILD: &str = env!("CARGO_BIN_EXE_assetbuild");

/// Pixels of a side: of noise, these are about 100 KB.
const SIDE: u32 = 160;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let sizes = std::env::var("BENCH_SIZES").unwrap_or_else(|_| "1000".to_owned());
    let runs = std::env::var("BENCH_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(9);
    say("| assets | MB | check ms | b2sum ms | ratio |");
    say("| --- | --- | --- | --- | --- |");
    for size in sizes.split(',') {
        say(&row(size.trim().parse().expect("BENCH_SIZES is a list of numbers"), runs));
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(line: &str) {
    println!("{line}");
}

fn row(size: usize, runs: usize) -> String {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let files = write_project(dir.path(), size);
    time(assetbuild(dir.path(), &["-q"]));
    fs::remove_dir_all(dir.path().join(".assetcache")).expect("a build makes a cache");
    let bytes: u64 = files
        .iter()
        .map(|file| fs::metadata(dir.path().join(file)).expect("it was built").len())
        .sum();
    let (mut check, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        check.push(time(assetbuild(dir.path(), &["--check"]).env("CI", "1")));
        peer.push(time_digests(dir.path(), &files));
    }
    let (check, peer) = (median(check), median(peer));
    let megabytes = bytes as f64 / 1e6;
    format!("| {size} | {megabytes:.0} | {check:.0} | {peer:.0} | {:.2} |", check / peer)
}

/// Writes specs and sources; gives the paths of all sources and published files.
fn write_project(root: &Path, size: usize) -> Vec<String> {
    for folder in ["specs", "art"] {
        fs::create_dir(root.join(folder)).expect("a folder can be made");
    }
    fs::write(root.join("Assetfile.yaml"), "version: \"1.0\"\n").expect("a file can be written");
    let mut seed = 1_u64;
    let mut files = Vec::new();
    for number in 0..size {
        let source = format!("art/{number:05}.png");
        fs::write(root.join(&source), noise(&mut seed)).expect("a picture can be written");
        let spec = format!(
            "id: picture-{number:05}\n\
             generation: {{ type: image, provider: file, source: {source} }}\n\
             post_processing: [{{ action: validate, checks: [not_blank] }}]\n\
             integration: {{ manifest_path: {number:05}.png }}\n"
        );
        fs::write(root.join(format!("specs/{number:05}.yaml")), spec).expect("a spec");
        files.extend([source, format!("assets/{number:05}.png")]);
    }
    files
}

/// A picture that cannot be compressed.
fn noise(seed: &mut u64) -> Vec<u8> {
    let mut next = || {
        *seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (*seed >> 56) as u8
    };
    let pixels: Vec<u8> = (0..SIDE * SIDE * 4).map(|_| next()).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("memory");
    writer.write_image_data(&pixels).expect("memory");
    drop(writer);
    bytes
}

fn assetbuild(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(ASSETBUILD);
    command.args(arguments).current_dir(root).env("ASSETBUILD_STORE", "off");
    command
}

/// Wall time of a successful run, in milliseconds.
fn time(mut command: impl std::borrow::BorrowMut<Command>) -> f64 {
    let command = command.borrow_mut();
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let start = Instant::now();
    let status = command.status().expect("the command can be started");
    let took = start.elapsed().as_secs_f64() * 1e3;
    assert!(status.success(), "{command:?} failed: {status}");
    took
}

/// As `time`, for the peer.
fn time_digests(root: &Path, files: &[String]) -> f64 {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let peers: Vec<_> = files
        .chunks(files.len().div_ceil(processors))
        .map(|some| {
            let mut command = Command::new("xargs");
            command.args(["-0", "b2sum"]).current_dir(root);
            command.stdin(Stdio::piped()).stdout(Stdio::null());
            let mut peer = command.spawn().expect("xargs and b2sum are installed");
            let mut names = peer.stdin.take().expect("it is piped");
            names.write_all(some.join("\0").as_bytes()).expect("it reads names");
            peer
        })
        .collect();
    for mut peer in peers {
        assert!(peer.wait().expect("it was started").success(), "b2sum failed");
    }
    start.elapsed().as_secs_f64() * 1e3
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
