//! What the system tells of real folders.

use std::fs;

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A watched project folder with `specs` in it.
fn watched() -> (tempfile::TempDir, Watcher, Waker) {
    let dir = tempfile::tempdir().expect("a temp folder");
    fs::create_dir(dir.path().join("specs")).expect("it is new");
    let (mut watcher, waker) = Watcher::begin(dir.path()).expect("it can be watched");
    let added = follow(&mut watcher, &["specs"]);
    assert_eq!(added.paths().collect::<Vec<_>>(), ["specs"]);
    (dir, watcher, waker)
}

fn follow(watcher: &mut Watcher, names: &[&str]) -> Touched {
    let wanted = names.iter().map(|name| (*name).to_owned()).chain([String::new()]).collect();
    let (added, failed) = watcher.follow(&wanted);
    assert!(failed.is_none(), "{failed:?}");
    added
}

/// Waits until a path was touched.
fn wait_for(watcher: &mut Watcher, path: &str) {
    loop {
        match watcher.next(LONG) {
            Change::Paths(touched) if touched.concerns(path) => return,
            Change::Anything => panic!("nothing happened at {path}"),
            _ => {}
        }
    }
}

#[test]
fn every_way_to_save_a_file_is_seen() {
    let (dir, mut watcher, _) = watched();
    let path = dir.path().join("specs/a.yaml");
    fs::write(&path, "a").expect("in place");
    wait_for(&mut watcher, "specs/a.yaml");
    fs::write(dir.path().join("specs/.a.yaml.swp"), "b").expect("beside it");
    fs::rename(dir.path().join("specs/.a.yaml.swp"), &path).expect("over it");
    wait_for(&mut watcher, "specs/a.yaml");
    fs::remove_file(&path).expect("it is there");
    wait_for(&mut watcher, "specs/a.yaml");
    fs::write(&path, "c").expect("anew");
    wait_for(&mut watcher, "specs/a.yaml");
    fs::write(dir.path().join("Assetfile.yaml"), "").expect("in the root");
    wait_for(&mut watcher, "Assetfile.yaml");
}

#[test]
fn a_folder_that_comes_again_is_watched_again() {
    let (dir, mut watcher, _) = watched();
    let specs = dir.path().join("specs");
    for round in 0..3 {
        match round {
            0 => fs::remove_dir(&specs).expect("it is empty"),
            _ => fs::rename(&specs, dir.path().join(format!("old-{round}"))).expect("moved"),
        }
        wait_for(&mut watcher, "specs");
        fs::create_dir(&specs).expect("it went");
        wait_for(&mut watcher, "specs");
        let added = follow(&mut watcher, &["specs"]);
        assert_eq!(added.paths().len(), 1, "it is another folder");
        fs::write(specs.join("a.yaml"), "a").expect("in it");
        wait_for(&mut watcher, "specs/a.yaml");
    }
}

#[test]
fn a_folder_that_is_not_there_is_left_out_and_one_that_is_not_wanted_forgotten() {
    let (dir, mut watcher, waker) = watched();
    let added = follow(&mut watcher, &["art"]);
    assert!(added.is_empty());
    fs::write(dir.path().join("specs/a.yaml"), "a").expect("nobody looks");
    waker.wake();
    // What was seen before it was forgotten comes first.
    while watcher.next(LONG) != Change::Woken {}
}

#[test]
fn it_is_time_to_look_when_nothing_was_seen_for_long() {
    let (_dir, mut watcher, _waker) = watched();
    let none = Duration::from_millis(1);
    // What making the folder left behind comes first.
    while watcher.next(none) != Change::Anything {}
}

#[cfg(unix)]
#[test]
fn a_folder_with_two_names_is_told_by_both() {
    let (dir, mut watcher, _waker) = watched();
    std::os::unix::fs::symlink("specs", dir.path().join("linked")).expect("a link");
    follow(&mut watcher, &["specs", "linked"]);
    fs::write(dir.path().join("specs/a.yaml"), "a").expect("in place");
    loop {
        let Change::Paths(touched) = watcher.next(LONG) else { panic!("nothing was seen") };
        if touched.concerns("specs/a.yaml") {
            assert!(touched.concerns("linked/a.yaml"), "{touched:?}");
            return;
        }
    }
}

#[cfg(unix)]
#[test]
fn what_its_own_words_go_to_is_no_news() {
    let (dir, mut watcher, waker) = watched();
    let log = dir.path().join("watch.log");
    fs::write(&log, "a").expect("in the root");
    watcher.ignore(identity_of(&log));
    fs::write(&log, "b").expect("in the root");
    fs::write(dir.path().join("specs/a.yaml"), "a").expect("in place");
    loop {
        let Change::Paths(touched) = watcher.next(LONG) else { panic!("nothing was seen") };
        assert!(!touched.concerns("watch.log"), "{touched:?}");
        if touched.concerns("specs/a.yaml") {
            break;
        }
    }
    fs::write(&log, "c").expect("in the root");
    waker.wake();
    assert_eq!(watcher.next(LONG), Change::Woken);
}
