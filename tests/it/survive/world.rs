//! A project that people edit at random, a model of what it has to become, and the invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Map, Value, json};

use super::random::Random;
use crate::support::{Output, Project};

const MANIFEST: &str = "assets/manifest.json";
const LOCK: &str = "assetbuild.lock";
/// Where the templates may be.
const TEMPLATES: [&str; 2] = ["specs/9.yaml", "specs/+/templates.yaml"];
const FOLDERS: [&str; 4] = ["a", "b/deep", "with space", "ünï/cödé"];

/// One spec, as the model knows it.
#[derive(Debug, Clone)]
struct Item {
    id: String,
    file: usize,
    art: usize,
    fill: u64,
    form: Form,
    size: usize,
    webp: bool,
    /// The published path below `assets/images/`, without extension.
    place: String,
    description: u64,
}

/// How a spec is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// By itself.
    Whole,
    /// By the template that says the size.
    Sized,
    /// By the template that leaves the size to the Assetfile.
    Unsized,
}

/// What many specs share.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// Which of `TEMPLATES` it is.
    templates: usize,
    template_size: usize,
    default_size: usize,
    /// Of no concern to any asset.
    budget: usize,
}

/// A project, what its specs say and what people did to its files.
pub(super) struct World {
    pub(super) project: Project,
    pub(super) random: Random,
    items: Vec<Item>,
    /// How the text of each spec file is written: plain, CRLF, BOM, both.
    styles: [usize; 4],
    art: [u64; 3],
    shared: Shared,
    next_id: usize,
    /// Entries of the manifest that a person wrote.
    foreign: BTreeMap<String, Value>,
    /// Published files that a person edited, with their new bytes.
    edited: BTreeMap<String, Vec<u8>>,
    /// Owned entries that a person edited.
    edited_entries: BTreeMap<String, Value>,
}

impl World {
    pub(super) fn new(seed: u64, items: usize) -> Self {
        let manifest = "{\n  \"version\": 1,\n  \"assets\": {}\n}\n";
        let mut world = Self {
            project: Project::with(&[(MANIFEST, manifest)]),
            random: Random::new(seed),
            items: Vec::new(),
            styles: [0; 4],
            art: [1, 2, 3],
            shared: Shared { templates: 0, template_size: 24, default_size: 20, budget: 5 },
            next_id: 0,
            foreign: BTreeMap::new(),
            edited: BTreeMap::new(),
            edited_entries: BTreeMap::new(),
        };
        (0..items).for_each(|_| world.add_item());
        world.add_foreign_entry();
        world.write_all();
        world
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.items.iter().map(|item| item.id.clone()).collect()
    }

    fn add_item(&mut self) {
        let number = self.next_id;
        self.next_id += 1;
        let random = &mut self.random;
        let folder = *random.pick(&FOLDERS);
        self.items.push(Item {
            id: format!("item-{number}"),
            file: random.below(4),
            art: random.below(3),
            fill: random.next() & 0xff_ffff,
            form: *random.pick(&[Form::Whole, Form::Sized, Form::Unsized]),
            size: [16, 32, 48][random.below(3)],
            webp: random.once_in(3),
            place: format!("{folder}/item_{number}"),
            description: 0,
        });
    }

    /// Makes one edit as a person would, to specs, sources or published files; returns its name.
    pub(super) fn edit(&mut self) -> &'static str {
        match self.random.below(20) {
            0 => {
                self.add_foreign_entry();
                "add an entry by hand"
            }
            1 => self.delete_entry(),
            2 => self.edit_entry(),
            3 | 4 => self.delete_output(),
            5 => self.edit_output(),
            _ => self.edit_spec_or_source(),
        }
    }

    /// Makes one edit to specs or sources; returns its name.
    pub(super) fn edit_spec_or_source(&mut self) -> &'static str {
        match self.random.below(17) {
            at if at == 0 || self.items.len() < 6 => {
                self.add_item();
                self.write_specs();
                "add a spec"
            }
            1 => {
                let index = self.any_item();
                self.items.remove(index);
                self.write_specs();
                "remove a spec"
            }
            2 => {
                let index = self.any_item();
                self.items[index].id = format!("item-{}", self.next_id);
                self.next_id += 1;
                self.write_specs();
                "rename an asset"
            }
            3 => {
                let (a, b) = (self.any_item(), self.any_item());
                let place = self.items[a].place.clone();
                self.items[a].place = std::mem::replace(&mut self.items[b].place, place);
                self.write_specs();
                "swap two places"
            }
            4 => {
                let index = self.any_item();
                let folder = *self.random.pick(&FOLDERS);
                self.items[index].place = format!("{folder}/moved_{}", self.next_id);
                self.next_id += 1;
                self.write_specs();
                "move a file"
            }
            5 => self.edit_drawing(),
            6 => {
                let file = self.random.below(4);
                self.styles[file] = self.random.below(4);
                self.write_specs();
                "change line ends"
            }
            7 => {
                self.write_all();
                "touch everything"
            }
            8..=10 => self.edit_shared(),
            _ => self.edit_spec(),
        }
    }

    fn edit_shared(&mut self) -> &'static str {
        let size = [20, 24, 28][self.random.below(3)];
        let done = match self.random.below(4) {
            0 => {
                self.shared.templates = 1 - self.shared.templates;
                "move the templates"
            }
            1 => {
                self.shared.template_size = size;
                "edit a template"
            }
            2 => {
                self.shared.default_size = size;
                "edit the defaults"
            }
            _ => {
                self.shared.budget += 1;
                "edit the budget"
            }
        };
        self.write_shared();
        done
    }

    fn edit_drawing(&mut self) -> &'static str {
        let art = self.random.below(3);
        self.art[art] = self.random.next() % 100;
        self.write_art();
        "edit a drawing"
    }

    /// Makes one edit that leaves the specs as they are; returns its name.
    pub(super) fn edit_beside_specs(&mut self) -> &'static str {
        match self.random.below(4) {
            0 => self.delete_entry(),
            1 => self.delete_output(),
            _ => self.edit_drawing(),
        }
    }

    /// Puts a mistake into a spec file, which stands until the specs are mended.
    pub(super) fn spoil_spec(&mut self) {
        let path = match self.random.below(5) {
            4 => TEMPLATES[self.shared.templates].to_owned(),
            file => format!("specs/{file}.yaml"),
        };
        let text = if self.project.has(&path) { self.project.read(&path) } else { String::new() };
        self.project.write(&path, format!("{text}\n- id: [\n"));
    }

    /// Takes all mistakes back.
    pub(super) fn mend_specs(&self) {
        self.write_specs();
        self.write_shared();
    }

    fn any_item(&mut self) -> usize {
        self.random.below(self.items.len())
    }

    fn edit_spec(&mut self) -> &'static str {
        let index = self.any_item();
        let fill = self.random.next() & 0xff_ffff;
        let item = &mut self.items[index];
        let done = match fill % 7 {
            0 => {
                item.size = if item.size == 32 { 16 } else { 32 };
                "change a size"
            }
            1 => {
                item.webp = !item.webp;
                "change the encodings"
            }
            2 => {
                item.description += 1;
                "change a description"
            }
            3 => {
                item.form = if item.form == Form::Whole { Form::Sized } else { Form::Whole };
                "write a spec in another way"
            }
            4 => {
                item.file = (item.file + 1) % 4;
                "move a spec to another file"
            }
            _ => {
                item.fill = fill;
                "change a colour"
            }
        };
        self.write_specs();
        done
    }

    fn add_foreign_entry(&mut self) {
        let key = format!("hand{}", self.next_id);
        self.next_id += 1;
        let value = json!({ "path": format!("images/{key}.png"), "by": "hand" });
        self.foreign.insert(key.clone(), value.clone());
        self.change_entries(|entries| {
            entries.insert(key, value);
        });
    }

    /// Deletes an entry that the tool wrote.
    fn delete_entry(&mut self) -> &'static str {
        let Some(key) = self.owned_key() else { return "nothing" };
        self.edited_entries.remove(&key);
        self.change_entries(|entries| {
            entries.shift_remove(&key);
        });
        "delete an entry"
    }

    /// Changes an entry that the tool wrote.
    fn edit_entry(&mut self) -> &'static str {
        let Some(key) = self.owned_key() else { return "nothing" };
        let number = self.random.next();
        let value = json!({ "path": "elsewhere.png", "number": number });
        self.edited_entries.insert(key.clone(), value.clone());
        self.change_entries(|entries| {
            entries.insert(key, value);
        });
        "edit an entry"
    }

    fn owned_key(&mut self) -> Option<String> {
        let entries = self.entries();
        let keys: Vec<&String> =
            entries.keys().filter(|key| !self.foreign.contains_key(*key)).collect();
        (!keys.is_empty()).then(|| (*self.random.pick(&keys)).clone())
    }

    fn delete_output(&mut self) -> &'static str {
        let Some(path) = self.any_output() else { return "nothing" };
        self.edited.remove(&path);
        self.project.remove(&path);
        "delete a file"
    }

    fn edit_output(&mut self) -> &'static str {
        let Some(path) = self.any_output() else { return "nothing" };
        let bytes = format!("edited by hand {}", self.random.next()).into_bytes();
        self.project.write(&path, &bytes);
        self.edited.insert(path, bytes);
        "edit a file"
    }

    /// A published file that is on disk.
    fn any_output(&mut self) -> Option<String> {
        let files: Vec<String> = self
            .project
            .files("assets")
            .into_iter()
            .filter(|path| path.ends_with(".png") || path.ends_with(".webp"))
            .collect();
        (!files.is_empty()).then(|| self.random.pick(&files).clone())
    }

    fn entries(&self) -> Map<String, Value> {
        let manifest = read_json(&self.project);
        let entries = &manifest["assets"]["images"];
        entries.as_object().cloned().unwrap_or_default()
    }

    fn change_entries(&self, change: impl FnOnce(&mut Map<String, Value>)) {
        let mut manifest = read_json(&self.project);
        let assets = manifest["assets"].as_object_mut().expect("the manifest has its shape");
        let entries = assets.entry("images").or_insert_with(|| json!({}));
        change(entries.as_object_mut().expect("images are a map"));
        let text = serde_json::to_string_pretty(&manifest).expect("JSON");
        self.project.write(MANIFEST, text + "\n");
    }

    fn write_all(&self) {
        self.write_shared();
        self.write_specs();
        self.write_art();
    }

    fn write_art(&self) {
        write_art(&self.project, &self.art);
    }

    fn write_shared(&self) {
        let Shared { templates, template_size, .. } = self.shared;
        self.project.write("Assetfile.yaml", self.assetfile());
        let mut text = String::new();
        for (name, size) in [
            ("sized", format!("size: {template_size}x{template_size}, ")),
            ("unsized", String::new()),
        ] {
            text += &format!(
                "template: {name}\n\
                 parameters: [{{ name: art, type: integer }}, {{ name: fill, type: string }}]\n\
                 generation: {{ type: image, provider: svg, source: \"art/{{{{art}}}}.svg\", \
                 {size}vars: {{ fill: \"{{{{fill}}}}\" }} }}\n---\n"
            );
        }
        let text = text.trim_end_matches("---\n");
        self.project.write(TEMPLATES[templates], text);
        if self.project.has(TEMPLATES[1 - templates]) {
            self.project.remove(TEMPLATES[1 - templates]);
        }
    }

    fn assetfile(&self) -> String {
        let Shared { default_size, budget, .. } = self.shared;
        format!(
            "version: \"1.0\"\nproject: survivor\nbudget: {{ daily: {budget} }}\n\
             defaults: {{ image: {{ generation: {{ size: {default_size}x{default_size} }} }} }}\n"
        )
    }

    fn write_specs(&self) {
        for file in 0..4 {
            let path = format!("specs/{file}.yaml");
            let items: Vec<&Item> = self.items.iter().filter(|item| item.file == file).collect();
            if items.is_empty() {
                if self.project.has(&path) {
                    self.project.remove(&path);
                }
                continue;
            }
            self.project.write(&path, spec_text(&items, self.styles[file]));
        }
    }

    /// Builds until people and tool agree, and checks everything that must hold then.
    ///
    /// Edits by hand have to be still there after the first build; then they are taken back.
    pub(super) fn settle(&mut self) {
        let first = self.project.run(&[]);
        let has_edits = !self.edited.is_empty() || !self.edited_entries.is_empty();
        assert!(first.code == 0 || has_edits && first.code == 1, "{}", self.project.shown(&first));
        self.check_kept(&first);
        for path in std::mem::take(&mut self.edited).into_keys() {
            self.project.remove(&path);
        }
        let keys = std::mem::take(&mut self.edited_entries);
        self.change_entries(|entries| entries.retain(|key, _| !keys.contains_key(key)));
        if has_edits {
            // A removal may free a place that another asset waits for, so it takes two.
            self.project.run(&[]);
        }
        self.project.succeed(&["prune"]);
        self.project.succeed(&[]);
        self.check_fresh();
    }

    /// Asserts that nothing that a person wrote was lost.
    pub(super) fn check_kept(&self, output: &Output) {
        for (path, bytes) in &self.edited {
            let found = fs::read(self.project.path(path)).ok();
            let found = found.as_deref().map(String::from_utf8_lossy);
            let expected = String::from_utf8_lossy(bytes);
            assert_eq!(
                found.as_deref(),
                Some(&*expected),
                "{path} was edited by hand\n{}",
                self.project.shown(output)
            );
        }
        let entries = self.entries();
        for (key, value) in self.foreign.iter().chain(&self.edited_entries) {
            assert_eq!(
                entries.get(key),
                Some(value),
                "{key} was written by hand\n{}",
                self.project.shown(output)
            );
        }
    }

    /// Asserts that the project is fresh, whole and clean, as the tool and as the files say.
    pub(super) fn check_fresh(&self) {
        let check = self.project.run(&["--check"]);
        assert_eq!(check.code, 0, "{}", self.project.shown(&check));
        let owned = check_outputs(&self.project);
        let mut expected: BTreeSet<String> = owned.into_keys().collect();
        expected.insert(MANIFEST.to_owned());
        let found: BTreeSet<String> = self.project.files("assets").into_iter().collect();
        assert_eq!(found, expected, "assets/ holds what the lock says and nothing else");
        assert!(!self.project.has(".assetcache/runs/redo.json"), "the redo record is gone");
        let leftovers: Vec<String> = self
            .project
            .files("")
            .into_iter()
            .filter(|path| path.ends_with(".assetbuild"))
            .collect();
        assert_eq!(leftovers, [""; 0], "no temp file is left");
        let entries = self.entries();
        assert_eq!(
            entries.len(),
            self.items.len() + self.foreign.len(),
            "entries of assets and people: {:?}",
            entries.keys().collect::<Vec<_>>()
        );
        for item in &self.items {
            let path = entries[&key_of(&item.id)]["path"].as_str().expect("an entry has a path");
            assert!(self.project.has(&format!("assets/{path}")), "{} has its file", item.id);
            assert_eq!(path, format!("images/{}.png", item.place));
        }
        self.check_kept(&check);
    }

    /// Asserts that a build of the same tree in a new folder gives the same files and lock.
    pub(super) fn check_like_from_scratch(&self) {
        let project = Project::with(&[("Assetfile.yaml", &self.assetfile())]);
        for path in self.project.files("specs") {
            project.write(&path, self.project.read_bytes(&path));
        }
        write_art(&project, &self.art);
        let images: Map<String, Value> = self.foreign.clone().into_iter().collect();
        let manifest = json!({ "version": 1, "assets": { "images": images } });
        project.write(MANIFEST, serde_json::to_string_pretty(&manifest).expect("JSON"));
        project.succeed(&[]);
        same_lines(&self.project.read(LOCK), &project.read(LOCK));
        let files = self.project.files("assets");
        assert_eq!(files, project.files("assets"), "the published files differ");
        for path in files.iter().filter(|path| *path != MANIFEST) {
            assert!(self.project.read_bytes(path) == project.read_bytes(path), "{path} differs");
        }
        assert_eq!(read_json(&self.project), read_json(&project), "the manifests differ");
    }
}

/// Keeps the project of a failed test where `ASSETBUILD_KEEP` says.
impl Drop for World {
    fn drop(&mut self) {
        let Some(target) = std::env::var_os("ASSETBUILD_KEEP") else { return };
        if std::thread::panicking() {
            let root = self.project.root();
            let _ = std::process::Command::new("cp").arg("-a").arg(root).arg(target).status();
        }
    }
}

fn key_of(id: &str) -> String {
    let mut key = "gen".to_owned();
    for word in id.split('-') {
        key += &word[..1].to_uppercase();
        key += &word[1..];
    }
    key
}

fn spec_text(items: &[&Item], style: usize) -> String {
    let mut text = "defaults:\n  generation: { type: image, provider: svg }\nspecs:\n".to_owned();
    for item in items {
        let Item { id, art, fill, form, size, webp, place, description, .. } = item;
        text += &format!("  - id: {id}\n");
        text += &match form {
            Form::Whole => format!(
                "    generation: {{ source: art/{art}.svg, size: {size}x{size}, \
                 vars: {{ fill: \"#{fill:06x}\" }} }}\n"
            ),
            Form::Sized => format!("    use: sized\n    art: {art}\n    fill: \"#{fill:06x}\"\n"),
            Form::Unsized => {
                format!("    use: unsized\n    art: {art}\n    fill: \"#{fill:06x}\"\n")
            }
        };
        if *webp {
            text += "    post_processing: [{ action: convert, formats: [png, webp] }]\n";
        }
        text += &format!(
            "    integration: {{ manifest_path: \"images/{place}.png\", \
             manifest_key: {}, description: \"number {description}\" }}\n",
            key_of(id)
        );
    }
    if style & 1 == 1 {
        text = text.replace('\n', "\r\n");
    }
    if style & 2 == 2 { format!("\u{feff}{text}") } else { text }
}

fn write_art(project: &Project, art: &[u64; 3]) {
    for (number, width) in art.iter().enumerate() {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 100\">\
             <circle cx=\"50\" cy=\"50\" r=\"{}\" fill=\"{{{{fill}}}}\" stroke=\"#123456\" \
             stroke-width=\"{}\"/></svg>\n",
            20 + 10 * number,
            width % 10
        );
        project.write(&format!("art/{number}.svg"), text);
    }
}

/// The manifest of a project.
pub(super) fn read_json(project: &Project) -> Value {
    let text = project.read(MANIFEST);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// Compares every output of the lock with its file; path to digest.
pub(super) fn check_outputs(project: &Project) -> BTreeMap<String, String> {
    let text = project.read(LOCK);
    let lock: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}:\n{text}"));
    let mut outputs = BTreeMap::new();
    let Some(blocks) = lock.get("asset").and_then(toml::Value::as_table) else {
        return outputs;
    };
    for (id, block) in blocks {
        for output in block.get("outputs").and_then(toml::Value::as_array).into_iter().flatten() {
            let line = output.as_str().expect("an output is a text");
            let (path, digest) = line.rsplit_once(' ').expect("path and digest");
            let bytes = fs::read(project.path(path))
                .unwrap_or_else(|error| panic!("{path} of {id} in the lock: {error}"));
            let found = format!("{}/{}", blake3::hash(&bytes).to_hex(), bytes.len());
            assert_eq!(found, digest, "{path} of {id} is what the lock says");
            let before = outputs.insert(path.to_owned(), digest.to_owned());
            assert!(before.is_none(), "{path} stands twice in the lock");
        }
    }
    outputs
}

/// Asserts that two texts are equal, and shows only the lines that differ.
fn same_lines(left: &str, right: &str) {
    let only = |text: &str, other: &str| {
        let lines: BTreeSet<&str> = other.lines().collect();
        let lines = text.lines().filter(|line| !lines.contains(line));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let (here, there) = (only(left, right), only(right, left));
    assert!(left == right, "the locks differ; here:\n{here}\nfrom scratch:\n{there}");
}
