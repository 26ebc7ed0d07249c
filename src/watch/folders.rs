//! Which folders have to be watched: those of everything that a project is made of, and those that
//! its globs were listed in. Folders, not files: editors replace files.

use std::collections::BTreeSet;
use std::path::Path;

use crate::pipeline::load::{Loaded, inputs_of};
use crate::pipeline::touched::folder_of;

/// The folders of a project, relative to its root; in the place of one that is not there stands the
/// nearest one above.
pub fn folders_of(root: &Path, loaded: &Loaded) -> BTreeSet<String> {
    let mut folders = Folders::default();
    if let Some(asleep) = &loaded.asleep {
        asleep.snapshot.dirs().for_each(|dir| folders.add(dir.path));
        asleep.snapshot.inputs().for_each(|input| folders.add(folder_of(input.path)));
        asleep.snapshot.outputs().for_each(|output| folders.add(folder_of(output.path)));
    }
    for (_, dirs) in &loaded.listings {
        dirs.iter().for_each(|dir| folders.add(&dir.path));
    }
    for asset in &loaded.assets {
        folders.add(folder_of(asset.file.as_str()));
        for (path, _) in inputs_of(asset) {
            folders.add(folder_of(path.as_str()));
        }
        asset.publish.files.iter().for_each(|file| folders.add(folder_of(file.path.as_str())));
    }
    let config = &loaded.config;
    let named = config.styles.values().chain(&config.fonts).chain(&config.env_file);
    for path in named.chain([&config.manifest]) {
        folders.add(folder_of(path.as_str()));
    }
    let mut found: BTreeSet<String> =
        folders.all.iter().map(|folder| nearest(root, folder).to_owned()).collect();
    found.insert(String::new());
    found
}

#[derive(Default)]
struct Folders {
    all: BTreeSet<String>,
    /// Files of one folder come in a row.
    last: String,
}

impl Folders {
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
