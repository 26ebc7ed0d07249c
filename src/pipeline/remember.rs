//! Writes what the next run may rely on: every file that this one looked at, and every asset with
//! its keys, its files and its state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::{Digest, RelPath};
use crate::cache::snapshot::{NewAsset, Role, SnapshotError, SnapshotWriter, Summary};
use crate::cache::{Content, Recorded, Stamp};
use crate::graph::lower::referenced;
use crate::pipeline::load::{Asleep, Loaded, SECTION_SEPARATOR, Unit, inputs_of};
use crate::pipeline::prepare::Prepared;
use crate::pipeline::recall::{SNAPSHOT_SCHEMA, state_code};
use crate::pipeline::session::{LOCKFILE, Session};
use crate::pipeline::table::Learned;
use crate::plan::State;
use crate::spec::AssetSpec;

/// What a run knows at its end.
pub struct Ending<'a> {
    /// The project as it was assessed.
    pub prepared: &'a Prepared,
    /// Published files and states of the assets that were built, by id.
    pub built: &'a BTreeMap<String, Vec<(RelPath, Digest)>>,
    /// Everything outside of files that the outcome depends on.
    pub environment: Digest,
    /// The moment after the last file was written.
    pub stamp: Stamp,
}

/// Writes the record of a run that ended without errors.
///
/// # Errors
/// `SnapshotError`; the next run then loads the whole project.
pub fn remember(session: &Session, ending: &Ending<'_>) -> Result<(), SnapshotError> {
    let Ending { prepared, environment, stamp, .. } = *ending;
    let loaded = &prepared.loaded;
    let lock = RelPath::new(LOCKFILE).expect("a literal path inside the project");
    let read = |path: &RelPath| record_now(session, path, Content::Bytes, stamp);
    let manifest = read(&loaded.config.manifest);
    let mut writer = SnapshotWriter::new(Summary {
        schema: SNAPSHOT_SCHEMA,
        stamp,
        config: environment,
        all_fresh: false,
        has_problems: !loaded.diagnostics.is_empty() || !prepared.orphans.is_empty(),
        lock: read(&lock),
        manifest,
        purchases: None,
    });
    let mut inputs = Inputs { numbers: HashMap::new(), prepared, writer: &mut writer };
    if let Some(recorded) = manifest {
        inputs.add_recorded(&loaded.config.manifest, Role::Other, Content::Bytes, recorded);
    }
    inputs.add(session.assetfile(), Role::Assetfile, Content::Text);
    for path in loaded.config.styles.values() {
        inputs.add(path, Role::Style, Content::Text);
    }
    for path in &loaded.config.fonts {
        inputs.add(path, Role::Other, Content::Bytes);
    }
    for (glob, dirs) in &loaded.listings {
        for dir in dirs {
            inputs.writer.dir(&dir.path, &glob.name(), &dir.stat);
        }
    }
    let mut by_file: BTreeMap<&RelPath, Vec<usize>> = BTreeMap::new();
    for (number, asset) in loaded.assets.iter().enumerate() {
        by_file.entry(&asset.file).or_default().push(number);
    }
    for (path, unit) in &loaded.units {
        let Some(number) = inputs.add(path, Role::Spec, Content::Text) else { continue };
        if !unit.templates.is_empty() {
            inputs.add(path, Role::Template, Content::Text);
        }
        inputs.writer.spec(number, &[], has_globs(unit));
        for &asset in by_file.get(path).into_iter().flatten() {
            write_awake(session, ending, asset, &mut inputs);
        }
    }
    if let Some(asleep) = &loaded.asleep {
        let names: BTreeSet<String> = loaded.listings.iter().map(|(glob, _)| glob.name()).collect();
        write_listings(asleep, &names, &mut inputs);
        write_asleep(asleep, &mut inputs);
    }
    writer.save(session.cache())
}

fn has_globs(unit: &Unit) -> bool {
    !unit.used.globs.is_empty()
}

/// Inputs by path and role, each recorded once.
struct Inputs<'a> {
    numbers: HashMap<(String, Role), u32>,
    prepared: &'a Prepared,
    writer: &'a mut SnapshotWriter,
}

impl Inputs<'_> {
    fn add(&mut self, path: &RelPath, role: Role, content: Content) -> Option<u32> {
        let Some(Learned::File(recorded)) = self.prepared.table.get(path, content) else {
            return None;
        };
        Some(self.add_recorded(path, role, content, *recorded))
    }

    fn add_recorded(
        &mut self,
        path: &RelPath,
        role: Role,
        content: Content,
        recorded: Recorded,
    ) -> u32 {
        self.add_text(path.as_str(), role, content, recorded)
    }

    fn add_text(&mut self, path: &str, role: Role, content: Content, recorded: Recorded) -> u32 {
        if let Some(&number) = self.numbers.get(&(path.to_owned(), role)) {
            return number;
        }
        let number = self.writer.input(path, role, content, recorded);
        self.numbers.insert((path.to_owned(), role), number);
        number
    }
}

/// The file as it is now, with the moment that its stat is compared with.
fn record_now(
    session: &Session,
    path: &RelPath,
    content: Content,
    stamp: Stamp,
) -> Option<Recorded> {
    let (digest, stat) = session.files().digest(path, content).ok()?;
    Some(Recorded { stat, digest, racy: stat.is_racy(stamp) })
}

fn write_awake(session: &Session, ending: &Ending<'_>, number: usize, inputs: &mut Inputs<'_>) {
    let Prepared { loaded, table, keys, plans, .. } = ending.prepared;
    let asset: &AssetSpec = &loaded.assets[number];
    let built = ending.built.get(&asset.id);
    let sources: Vec<u32> = inputs_of(asset)
        .into_iter()
        .filter_map(|(path, content)| inputs.add(&path, Role::Source, content))
        .collect();
    let state = if built.is_some() { State::Fresh } else { plans[number].state };
    let references: Vec<&str> = referenced(&asset.generate).iter().map(|(id, _)| *id).collect();
    let tags: Vec<&str> = asset.metadata.tags.iter().map(String::as_str).collect();
    let outputs: Vec<(RelPath, Option<Recorded>)> = match built {
        // What was just written is read back: an edit between our rename and now must show.
        Some(files) => files
            .iter()
            .map(|(path, _)| {
                (path.clone(), record_now(session, path, Content::Bytes, ending.stamp))
            })
            .collect(),
        None => asset
            .publish
            .files
            .iter()
            .map(|file| match table.get(&file.path, Content::Bytes) {
                Some(Learned::File(recorded)) => (file.path.clone(), Some(*recorded)),
                _ => (file.path.clone(), None),
            })
            .collect(),
    };
    let is_whole = match built {
        Some(files) => outputs.iter().zip(files).all(|((_, recorded), (_, digest))| {
            recorded.is_some_and(|recorded| recorded.digest == *digest)
        }),
        None => outputs.iter().all(|(_, recorded)| recorded.is_some()),
    };
    let state = if is_whole { state } else { State::Missing };
    inputs.writer.asset(&NewAsset {
        id: &asset.id,
        media: asset.media,
        tags: &tags,
        phase: asset.metadata.phase,
        section: &asset.publish.entry.section.join(&SECTION_SEPARATOR.to_string()),
        key: &asset.publish.entry.key,
        state: state_code(state),
        wanted: keys[number].wanted.key,
        definition: keys[number].definition.key,
        sources: &sources,
        references: &references,
    });
    for (path, recorded) in outputs {
        if let Some(recorded) = recorded {
            inputs.writer.output(path.as_str(), &recorded);
        }
    }
}

/// Records the folders of globs that nobody listed for an awake file.
fn write_listings(asleep: &Asleep, listed: &BTreeSet<String>, inputs: &mut Inputs<'_>) {
    let relisted = asleep.relisted.iter().filter(|(name, _)| !listed.contains(*name));
    for (name, dirs) in relisted {
        for dir in dirs {
            inputs.writer.dir(&dir.path, name, &dir.stat);
        }
    }
    for dir in asleep.snapshot.dirs() {
        if !listed.contains(dir.glob) && !asleep.relisted.contains_key(dir.glob) {
            inputs.writer.dir(dir.path, dir.glob, &dir.stat);
        }
    }
}

/// Copies the records of assets that slept through the run.
fn write_asleep(asleep: &Asleep, inputs: &mut Inputs<'_>) {
    let old = &asleep.snapshot;
    let current = |path: &str, content: Content, recorded: Recorded| {
        if asleep.settled.is_empty() {
            return recorded;
        }
        let path = RelPath::new(path).ok();
        let found = path.and_then(|path| asleep.settled.get(&(path, content)));
        found.copied().unwrap_or(recorded)
    };
    let mut copies: HashMap<u32, u32> = HashMap::new();
    let mut copy = |inputs: &mut Inputs<'_>, number: u32| {
        if let Some(&number) = copies.get(&number) {
            return Some(number);
        }
        let input = old.input(number)?;
        let recorded = current(input.path, input.content, input.recorded);
        let new = inputs.writer.input(input.path, input.role, input.content, recorded);
        copies.insert(number, new);
        Some(new)
    };
    // What concerns no spec file alone is recorded again from the old record where it was not read.
    for input in old.inputs() {
        let concerns_all =
            matches!(input.role, Role::Assetfile | Role::Template | Role::Style | Role::Other);
        if concerns_all && !inputs.numbers.contains_key(&(input.path.to_owned(), input.role)) {
            copy(inputs, input.number);
        }
    }
    for file in asleep.files() {
        let Some(number) = file.input().and_then(|input| copy(inputs, input.number)) else {
            continue;
        };
        inputs.writer.spec(number, &[], file.has_globs());
        for asset in file.assets() {
            let sources: Vec<u32> =
                asset.sources().filter_map(|number| copy(inputs, number)).collect();
            let tags: Vec<&str> = asset.tags().collect();
            let references: Vec<&str> = asset.references().collect();
            inputs.writer.asset(&NewAsset {
                id: asset.id(),
                media: asset.media(),
                tags: &tags,
                phase: asset.phase(),
                section: asset.section(),
                key: asset.key(),
                state: asset.state(),
                wanted: asset.wanted(),
                definition: asset.definition(),
                sources: &sources,
                references: &references,
            });
            for output in asset.outputs() {
                let recorded = current(output.path, Content::Bytes, output.recorded);
                inputs.writer.output(output.path, &recorded);
            }
        }
    }
}

/// Whether anything about a project is worth recording: a project with errors is not.
pub fn is_worth_remembering(loaded: &Loaded) -> bool {
    !loaded.diagnostics.has_errors()
}
