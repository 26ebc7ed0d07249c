//! Pictures against sharp, sounds against ffmpeg and SoX: real specs, a cold cache, whole processes.
//!
//! `cargo bench --bench media` prints the tables of docs/benchmarks.md. `BENCH_RUNS=5` sets the runs of
//! each command, `BENCH_ONLY=I1,A2` chooses workloads, `BENCH_SHARP=DIR` names a folder in which
//! `npm install sharp` was run. Tools run in turn, A B A B; ratios are of the medians. A peer that is not
//! installed is said to be skipped. Inputs are made here, so nothing is downloaded.

mod inputs;
mod quality;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const ASSETBUILD: &str = env!("CARGO_BIN_EXE_assetbuild");

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runs = std::env::var("BENCH_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let only = std::env::var("BENCH_ONLY").ok();
    let is_wanted = |name: &str| {
        only.as_ref().is_none_or(|only| only.split(',').any(|wanted| wanted.trim() == name))
    };
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    say(
        "| workload | ours ms | peer | peer ms | times faster | our bytes | peer's bytes | quality |",
    );
    say("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let workloads: [(&str, Make); 7] = [
        ("I1", i1),
        ("I2", i2),
        ("I3", i3),
        ("A1", a1),
        ("A2", a2),
        ("A3w", a3_wav),
        ("A3o", a3_opus),
    ];
    for (name, make) in workloads {
        if is_wanted(name) {
            let place = dir.path().join(name);
            fs::create_dir_all(place.join("ours/art")).expect("a folder can be made");
            compare(&make(&place), &place, runs);
        }
    }
    if is_wanted("M1") {
        memory(dir.path());
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Makes a workload's inputs and spec in a folder.
type Make = fn(&Path) -> Workload;

/// One job, done by this tool and by others.
struct Workload {
    name: &'static str,
    /// Name and script of each peer; scripts run in the folder `peer`, with the inputs in `../ours/art`.
    peers: Vec<(&'static str, Script)>,
    /// Compares what the tools made; the folder of the workload.
    quality: fn(&Path) -> String,
}

enum Script {
    Shell(String),
    Node(String),
}

impl Script {
    /// The command, if what runs it is installed.
    fn command(&self, dir: &Path) -> Option<Command> {
        let mut command = match self {
            Self::Shell(script) => {
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                command
            }
            Self::Node(script) => {
                let sharp = PathBuf::from(std::env::var_os("BENCH_SHARP")?);
                let mut command = Command::new("node");
                command.args(["-e", script]).env("NODE_PATH", sharp.join("node_modules"));
                command
            }
        };
        command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Some(command)
    }
}

fn compare(workload: &Workload, place: &Path, runs: usize) {
    let (ours, peer) = (place.join("ours"), place.join("peer"));
    for (name, script) in &workload.peers {
        let (mut our_times, mut peer_times) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            clean(&ours, &["assets", ".assetcache", "assetbuild.lock"]);
            our_times.push(time(&mut assetbuild(&ours)));
            clean(place, &["peer"]);
            fs::create_dir(&peer).expect("a folder can be made");
            let Some(mut command) = script.command(&peer) else { break };
            peer_times.push(time(&mut command));
        }
        if peer_times.is_empty() {
            let ours = median(our_times);
            say(&format!(
                "| {} | {ours:.0} | {name} | skipped: not installed | | | | |",
                workload.name
            ));
            continue;
        }
        let (our_time, peer_time) = (median(our_times), median(peer_times));
        say(&format!(
            "| {} | {our_time:.0} | {name} | {peer_time:.0} | {:.2} | {} | {} | {} |",
            workload.name,
            peer_time / our_time,
            sizes(&ours.join("assets")),
            sizes(&peer),
            (workload.quality)(place)
        ));
    }
}

fn clean(dir: &Path, names: &[&str]) {
    for name in names {
        let path = dir.join(name);
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        let _ = removed;
    }
}

fn assetbuild(dir: &Path) -> Command {
    let mut command = Command::new(ASSETBUILD);
    command.arg("-q").current_dir(dir).env("ASSETBUILD_STORE", "off").stdin(Stdio::null());
    command.stdout(Stdio::null());
    command
}

/// Wall time of a successful run, in milliseconds.
fn time(command: &mut Command) -> f64 {
    let start = Instant::now();
    let status = command.status().expect("the command can be started");
    let took = start.elapsed().as_secs_f64() * 1e3;
    assert!(status.success(), "{command:?} failed: {status}");
    took
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Bytes of the files below a folder by extension.
fn sizes(dir: &Path) -> String {
    let mut by_extension = std::collections::BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(extension) = path.extension().and_then(|text| text.to_str())
                && extension != "json"
            {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                *by_extension.entry(extension.to_owned()).or_insert(0) += size;
            }
        }
    }
    let texts =
        by_extension.iter().map(|(extension, size)| format!("{extension} {}k", size / 1024));
    texts.collect::<Vec<_>>().join(", ")
}

fn write_project(place: &Path, spec: &str) {
    let ours = place.join("ours");
    fs::create_dir_all(ours.join("specs")).expect("a folder can be made");
    fs::write(ours.join("Assetfile.yaml"), "version: \"1.0\"\n").expect("a file can be written");
    fs::write(ours.join("specs/all.yaml"), spec).expect("a file can be written");
}

/// Specs `f0`, `f1`, … with the same steps.
fn specs(media: &str, count: usize, source: &str, main: &str, steps: &str) -> String {
    let mut text = format!(
        "defaults:\n  generation: {{ type: {media}, provider: file, source: \"art/{{{{id}}}}.{source}\" }}\n  \
         post_processing:\n{steps}  integration: {{ manifest_path: \"{{{{id}}}}.{main}\" }}\nspecs:\n"
    );
    for index in 0..count {
        text.push_str(&format!("  - {{ id: f{index} }}\n"));
    }
    text
}

fn pictures(place: &Path, side: u32, resize: Option<u32>) -> Workload {
    const COUNT: usize = 50;
    inputs::pictures(&place.join("ours/art"), side, COUNT);
    let mut steps = String::new();
    if let Some(side) = resize {
        steps.push_str(&format!("    - {{ action: resize, dimensions: {side}x{side} }}\n"));
    }
    steps.push_str("    - { action: convert, formats: [webp], quality: 90 }\n");
    write_project(place, &specs("image", COUNT, "png", "png", &steps));
    let resized = resize.map_or(String::new(), |side| format!(".resize({side}, {side})"));
    let script = format!(
        "const sharp = require('sharp'); const all = []; for (let i = 0; i < {COUNT}; i++) {{ \
         const s = sharp(`../ours/art/f${{i}}.png`){resized}; \
         all.push(s.clone().png().toFile(`f${{i}}.png`), s.clone().webp({{ quality: 90 }}).toFile(`f${{i}}.webp`)); }} \
         Promise.all(all).catch(e => {{ console.error(e); process.exit(1) }});"
    );
    let quality = if resize.is_some() { quality::resized } else { quality::webp };
    Workload { name: "", peers: vec![("sharp", Script::Node(script))], quality }
}

fn i1(place: &Path) -> Workload {
    Workload { name: "I1: 50 × 1024² → 32² → PNG + WebP", ..pictures(place, 1024, Some(32)) }
}

fn i2(place: &Path) -> Workload {
    Workload { name: "I2: 50 × 1024² → PNG + WebP", ..pictures(place, 1024, None) }
}

fn i3(place: &Path) -> Workload {
    Workload {
        name: "I3: 50 × 2048² → 512² → PNG + WebP", ..pictures(place, 2048, Some(512))
    }
}

fn a1(place: &Path) -> Workload {
    const COUNT: usize = 100;
    inputs::sounds(&place.join("ours/art"), "mp3", COUNT, 0.5);
    let steps = "    - { action: normalize, peak: -1 dB }\n    - { action: trim_silence, threshold: -40 dB }\n    - { action: convert, bitrate: 192k }\n";
    write_project(place, &specs("audio", COUNT, "mp3", "ogg", steps));
    let ffmpeg = format!(
        "i=0; while [ $i -lt {COUNT} ]; do f=../ours/art/f$i.mp3; \
         v=$(ffmpeg -hide_banner -nostdin -i $f -af volumedetect -f null - 2>&1 | sed -n 's/.*max_volume: \\(.*\\) dB/\\1/p'); \
         g=$(echo \"-1 - $v\" | bc); \
         ffmpeg -v error -y -nostdin -i $f -af \"volume=${{g}}dB,silenceremove=start_periods=1:start_threshold=-40dB,areverse,silenceremove=start_periods=1:start_threshold=-40dB,areverse\" \
         -c:a libvorbis -b:a 192k f$i.ogg || exit 1; i=$((i+1)); done"
    );
    let sox = format!(
        "i=0; while [ $i -lt {COUNT} ]; do sox ../ours/art/f$i.mp3 -C 6 f$i.ogg norm -1 \
         silence 1 0 -40d reverse silence 1 0 -40d reverse || exit 1; i=$((i+1)); done"
    );
    Workload {
        name: "A1: 100 × 0.5 s MP3 → peak → trim → Vorbis 192k",
        peers: vec![("ffmpeg", Script::Shell(ffmpeg)), ("sox", Script::Shell(sox))],
        quality: |_| String::new(),
    }
}

fn a2(place: &Path) -> Workload {
    inputs::sounds(&place.join("ours/art"), "mp3", 1, 60.0);
    let steps = "    - { action: normalize, lufs: -16, ceiling: -1 }\n    - { action: convert, bitrate: 256k }\n";
    write_project(place, &specs("audio", 1, "mp3", "ogg", steps));
    let ffmpeg = "f=../ours/art/f0.mp3; \
        j=$(ffmpeg -hide_banner -nostdin -i $f -af loudnorm=I=-16:TP=-1:print_format=json -f null - 2>&1 | sed -n '/^{/,/^}/p'); \
        g() { printf '%s' \"$j\" | sed -n \"s/.*\\\"$1\\\" : \\\"\\(.*\\)\\\".*/\\1/p\"; }; \
        ffmpeg -v error -y -nostdin -i $f -af \"loudnorm=I=-16:TP=-1:measured_I=$(g input_i):measured_TP=$(g input_tp):measured_LRA=$(g input_lra):measured_thresh=$(g input_thresh):linear=true\" \
        -ar 44100 -c:a libvorbis -b:a 256k f0.ogg";
    Workload {
        name: "A2: 60 s MP3 → −16 LUFS → Vorbis 256k",
        peers: vec![("ffmpeg two-pass", Script::Shell(ffmpeg.to_owned()))],
        quality: |place| {
            let levels = |path: &str| quality::loudness(&place.join(path));
            format!("ours {}; peer {}", levels("ours/assets/f0.ogg"), levels("peer/f0.ogg"))
        },
    }
}

fn a3(place: &Path, steps: &str, main: &str, script: &str) -> Vec<(&'static str, Script)> {
    inputs::sounds(&place.join("ours/art"), "wav", 1, 60.0);
    write_project(place, &specs("audio", 1, "wav", main, steps));
    vec![(
        "ffmpeg",
        Script::Shell(format!("ffmpeg -v error -y -nostdin -i ../ours/art/f0.wav {script}")),
    )]
}

fn a3_wav(place: &Path) -> Workload {
    let steps = "    - { action: resample, rate: 48000 }\n";
    let peers = a3(place, steps, "wav", "-ar 48000 f0.wav");
    Workload { name: "A3w: 60 s 44.1 kHz → 48 kHz WAV", peers, quality: |_| String::new() }
}

fn a3_opus(place: &Path) -> Workload {
    let steps = "    - { action: convert, bitrate: 128k }\n";
    let peers = a3(place, steps, "opus", "-c:a libopus -b:a 128k f0.opus");
    Workload { name: "A3o: 60 s WAV → Opus 128k", peers, quality: |_| String::new() }
}

/// Peak memory while many large pictures pass.
fn memory(dir: &Path) {
    let count = std::env::var("BENCH_PICTURES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let place = dir.join("M1");
    fs::create_dir_all(place.join("ours/art")).expect("a folder can be made");
    inputs::pictures(&place.join("ours/art"), 2048, 1);
    let steps = "    - { action: resize, dimensions: 512x512 }\n    - { action: convert, formats: [webp] }\n";
    let spec = specs("image", count, "png", "png", steps).replace("art/{{id}}.png", "art/f0.png");
    // The same drawing for all, but another size each: nothing may come from the cache.
    write_project(&place, &spec.replace("512x512", "\"{{metadata.side}}x{{metadata.side}}\""));
    let path = place.join("ours/specs/all.yaml");
    let mut text = fs::read_to_string(&path).expect("it was just written");
    for index in 0..count {
        let side = 256 + index;
        text = text.replace(
            &format!("  - {{ id: f{index} }}\n"),
            &format!("  - {{ id: f{index}, metadata: {{ side: {side} }} }}\n"),
        );
    }
    fs::write(&path, text).expect("a file can be written");
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%M", ASSETBUILD, "-q"])
        .current_dir(place.join("ours"))
        .env("ASSETBUILD_STORE", "off")
        .output();
    let Ok(output) = output else {
        say("M1 skipped: needs GNU time");
        return;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let kib: f64 =
        text.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(f64::NAN);
    say(&format!(
        "\nM1: {count} pictures of 2048² pass through; peak memory {:.0} MiB",
        kib / 1024.0
    ));
}
