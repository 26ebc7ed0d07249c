//! Which folders have to be watched: those of everything that a project is made of, and those that
//! its globs were listed in. Folders, not files: editors replace files.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cache::snapshot::Snapshot;
use crate::pipeline::load::{Loaded, inputs_of};
use crate::pipeline::touched::folder_of;

/// The folders of a project at the end of its last run, of which this is the record: watched before
/// anything is looked at, they need not be looked at twice.
pub fn recorded_folders(root: &Path, record: &Snapshot) -> BTreeSet<String> {
    let mut folders = Folders::default();
    folders.add_recorded(record);
    folders.that_are_there(root)
}

/// The folders of a project, relative to its root; in the place of one that is not there stands the
/// nearest one above.
pub fn folders_of(root: &Path, loaded: &Loaded) -> BTreeSet<String> {
    let mut folders = Folders::default();
    if let Some(asleep) = &loaded.asleep {
        folders.add_recorded(&asleep.snapshot);
    }
    folders.add_awake(loaded);
    folders.that_are_there(root)
}

/// The folders of what is awake in a project: what sleeps is where it was before.
pub fn folders_of_awake(root: &Path, loaded: &Loaded) -> BTreeSet<String> {
    let mut folders = Folders::default();
    folders.add_awake(loaded);
    folders.that_are_there(root)
}

#[derive(Default)]
struct Folders {
    all: BTreeSet<String>,
    /// Files of one folder come in a row.
    last: String,
}

impl Folders {
    fn add_recorded(&mut self, snapshot: &Snapshot) {
        snapshot.dirs().for_each(|dir| self.add(dir.path));
        snapshot.inputs().for_each(|input| self.add(folder_of(input.path)));
        snapshot.outputs().for_each(|output| self.add(folder_of(output.path)));
    }

    fn add_awake(&mut self, loaded: &Loaded) {
        for (_, dirs) in &loaded.listings {
            dirs.iter().for_each(|dir| self.add(&dir.path));
        }
        // Listed again, with another outcome.
        let relisted = loaded.asleep.iter().flat_map(|asleep| asleep.relisted.values());
        relisted.flatten().for_each(|dir| self.add(&dir.path));
        for asset in &loaded.assets {
            self.add(folder_of(asset.file.as_str()));
            for (path, _) in inputs_of(asset) {
                self.add(folder_of(path.as_str()));
            }
            asset.publish.files.iter().for_each(|file| self.add(folder_of(file.path.as_str())));
        }
        let config = &loaded.config;
        let named = config.styles.values().chain(&config.fonts).chain(&config.env_file);
        for path in named.chain([&config.manifest]) {
            self.add(folder_of(path.as_str()));
        }
    }

    /// With the folders above them: one that is moved takes those in it along, and only the folder
    /// above it tells.
    fn that_are_there(&self, root: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::from([String::new()]);
        for folder in &self.all {
            let mut folder = nearest(root, folder);
            while found.insert(folder.to_owned()) {
                folder = folder_of(folder);
            }
        }
        found
    }

    fn add(&mut self, folder: &str) {
        if folder != self.last {
            folder.clone_into(&mut self.last);
            self.all.insert(folder.to_owned());
        }
    }
}

fn nearest<'a>(root: &Path, folder: &'a str) -> &'a str {
    let mut folder = folder;
    while !folder.is_empty() && !root.join(folder).is_dir() {
        folder = folder_of(folder);
    }
    folder
}
