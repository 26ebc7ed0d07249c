//! The fuzz targets' checks on files that they start from, and on random damage to each.
//!
//! `ASSETBUILD_SOAK=N` damages every file N times. fuzz/README.md: the same checks under libFuzzer,
//! which finds what chance does not.

use std::fs;
use std::path::{Path, PathBuf};

use assetbuild::base::Encoding;

use fuzz::Outcome;

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stderr, reason = "the targets use more of it")]
mod fuzz;

/// A target's check of some bytes.
type Check = fn(&[u8]) -> Outcome;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn soak(usual: u64) -> u64 {
    std::env::var("ASSETBUILD_SOAK").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// All files below `folders`, which end in `end`, in a fixed order.
fn files(folders: &[&str], end: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> =
        folders.iter().map(|folder| Path::new(ROOT).join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).expect("a folder of this repository");
            open.extend(inside.map(|entry| entry.expect("an entry").path()));
        } else if path.to_string_lossy().ends_with(end) {
            let bytes = fs::read(&path).expect("a file of this repository");
            found.push((path, bytes));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no file below {folders:?}");
    found
}

/// Checks every file and `rounds` damaged copies of it; gives how many whole ones could be used.
fn replay(files: &[(PathBuf, Vec<u8>)], rounds: u64, check: Check) -> usize {
    let mut read = 0;
    for (at, (path, bytes)) in files.iter().enumerate() {
        let outcome = check(bytes);
        assert_ne!(outcome, Outcome::Skipped, "{}", path.display());
        read += usize::from(outcome == Outcome::Read);
        for round in 0..rounds {
            check(&damaged(bytes, (at as u64) << 32 | round));
        }
    }
    read
}

/// A copy with up to four pieces changed, cut out, doubled, or set to a telling value.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % limit.max(1)
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=below(4) {
        let at = below(bytes.len());
        let end = (at + 1 + below(16)).min(bytes.len());
        match below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let value = [0, 0xff, 0x7f, 0x80][below(4)];
                bytes[at..end].fill(value);
            }
            _ if bytes.is_empty() => {}
            _ => bytes[at] ^= 1 << below(8),
        }
    }
    bytes
}

#[test]
fn damaged_pictures_are_read_or_refused() {
    let targets: [(&str, Check, usize); 6] = [
        ("fuzz/seeds/png", |bytes| fuzz::picture::check(bytes, Encoding::Png), 12),
        ("fuzz/seeds/jpeg", |bytes| fuzz::picture::check(bytes, Encoding::Jpeg), 8),
        ("fuzz/seeds/webp", |bytes| fuzz::picture::check(bytes, Encoding::Webp), 6),
        ("fuzz/seeds/gif", |bytes| fuzz::picture::check(bytes, Encoding::Gif), 3),
        ("fuzz/seeds/bmp", |bytes| fuzz::picture::check(bytes, Encoding::Bmp), 4),
        ("fuzz/seeds/tga", |bytes| fuzz::picture::check(bytes, Encoding::Tga), 4),
    ];
    for (folder, check, usable) in targets {
        assert_eq!(replay(&files(&[folder], ""), soak(60), check), usable, "{folder}");
    }
}

#[test]
fn damaged_sounds_are_read_or_refused() {
    let targets: [(&str, Check, usize); 5] = [
        ("fuzz/seeds/mp3", |bytes| fuzz::sound::check(bytes, Encoding::Mp3), 2),
        ("fuzz/seeds/wav", |bytes| fuzz::sound::check(bytes, Encoding::Wav), 6),
        ("fuzz/seeds/flac", |bytes| fuzz::sound::check(bytes, Encoding::Flac), 2),
        ("fuzz/seeds/vorbis", |bytes| fuzz::sound::check(bytes, Encoding::Ogg), 2),
        ("fuzz/seeds/opus", |bytes| fuzz::sound::check(bytes, Encoding::Opus), 2),
    ];
    for (folder, check, usable) in targets {
        assert_eq!(replay(&files(&[folder], ""), soak(30), check), usable, "{folder}");
    }
}

#[test]
fn damaged_drawings_are_drawn_or_refused() {
    let drawings = files(&["fuzz/seeds/svg", "art"], ".svg");
    assert!(replay(&drawings, soak(10), fuzz::drawing::check) > 30);
}

#[test]
fn damaged_specs_are_read_or_refused_with_places() {
    let specs = files(&["fuzz/seeds/yaml", "specs", "tests/cases/spec"], ".yaml");
    assert!(replay(&specs, soak(20), fuzz::spec::check) > 10);
}

#[test]
fn damaged_locks_are_read_or_refused() {
    let locks = files(&["fuzz/seeds/lock", "assetbuild.lock"], "");
    assert_eq!(replay(&locks, soak(40), fuzz::lock::check), locks.len());
}
