//! The lock file: what is read is written in a form that gives the same again, and a change touches
//! nothing but its block.

use std::collections::BTreeMap;

use assetbuild::lock::{Block, BlockFit, Lock, LockFile, read, render, resolve};

use super::{Outcome, check_message};

/// Reads `bytes`, with or without conflict markers.
pub fn check(bytes: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(bytes) else { return Outcome::Skipped };
    match read(text) {
        Ok(Lock::Clean(lock)) => check_lock(&lock),
        Ok(Lock::Conflicted(sides)) => {
            check_lock(&sides.ours);
            check_lock(&sides.theirs);
            for (wanted, files) in [(true, true), (true, false), (false, false)] {
                match resolve(&sides, |_, _| BlockFit { wanted, files }) {
                    Ok(resolved) => check_lock(&resolved.lock),
                    Err(error) => check_message(&error),
                }
            }
        }
        Err(error) => {
            check_message(&error);
            return Outcome::Refused;
        }
    }
    Outcome::Read
}

fn check_lock(lock: &LockFile) {
    assert_eq!(lock.splice(&BTreeMap::new()).to_string(), expected(lock), "nothing was changed");
    let ids: Vec<&str> = lock.ids().collect();
    assert_eq!(ids.len(), lock.len());
    for id in ids {
        match lock.get(id).expect("one of its ids") {
            Ok(block) => check_block(lock, id, block),
            Err(error) => check_message(&error),
        }
    }
}

/// A blank text becomes the head of a lock.
fn expected(lock: &LockFile) -> &str {
    match lock.text().trim_start_matches('\u{feff}').trim() {
        "" => "version = 1\n",
        _ => lock.text(),
    }
}

fn check_block(lock: &LockFile, id: &str, block: Block) {
    assert_eq!(block.id, id);
    assert_eq!(Block::parse(&render(&block)).as_ref(), Ok(&block), "written and read again");
    let after = |change: Option<Block>| {
        let changes = BTreeMap::from([(id.to_owned(), change)]);
        LockFile::parse(lock.splice(&changes).to_string()).expect("a changed lock is read")
    };
    let mut changed = block;
    changed.adopted = !changed.adopted;
    let replaced = after(Some(changed.clone()));
    assert_eq!(replaced.get(id), Some(Ok(changed)));
    let removed = after(None);
    assert!(!removed.contains(id));
    for other in lock.ids().filter(|other| *other != id) {
        assert_eq!(replaced.block_text(other), lock.block_text(other), "{other} stays");
        assert_eq!(removed.block_text(other), lock.block_text(other), "{other} stays");
    }
}
