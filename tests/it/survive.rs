//! What the tool must survive: kills, crowds, broken stores, hostile files and full disks.
//!
//! `ASSETBUILD_SOAK` sets how many rounds the random tests go, `ASSETBUILD_SEED` where they begin.

mod crowd;
pub(crate) mod disk;
mod edits;
mod hostile;
mod interrupt;
mod kill;
mod lockfile;
mod paths;
pub(crate) mod random;
mod stores;
mod times;
mod watching;
mod world;

use std::io::Write as _;

/// Rounds of a random test: few in everyday runs, as many as the variable says in a soak.
pub(crate) fn rounds(usual: usize) -> usize {
    let wanted = std::env::var("ASSETBUILD_SOAK").ok();
    wanted.map_or(usual, |text| text.parse().expect("ASSETBUILD_SOAK is a number"))
}

/// Where the random tests begin; the same seed gives the same edits.
pub(crate) fn seed(usual: u64) -> u64 {
    let wanted = std::env::var("ASSETBUILD_SEED").ok();
    wanted.map_or(usual, |text| text.parse().expect("ASSETBUILD_SEED is a number"))
}

/// Tells why a test could not run here, past the capture of its output.
pub(crate) fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Tells what a soak counted.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
