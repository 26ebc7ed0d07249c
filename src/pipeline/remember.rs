//! Writes what the next run may rely on: every file that this one looked at, and every asset with
//! its keys, its files and its state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::base::{Digest, RelPath};
use crate::cache::snapshot::{
    Input, Mending, NewAsset, Role, Settle, Snapshot, SnapshotError, SnapshotWriter, SpecTraits,
    Summary,
};
use crate::cache::{Content, Recorded, Stamp};
use crate::graph::AssetIndex;
use crate::pipeline::asleep::Asleep;
use crate::pipeline::load::{Loaded, Unit, inputs_of};
use crate::pipeline::money::has_purchases;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::record::{SNAPSHOT_SCHEMA, relatives, section_name, state_code};
use crate::pipeline::session::Session;
use crate::pipeline::table::Learned;
use crate::plan::{Keys, State};
use crate::spec::{AssetSpec, Used};

/// What a run knows at its end.
pub struct Ending<'a> {
    /// The project as it was assessed.
    pub prepared: &'a Prepared,
    /// How its assets stand after the run.
    pub stand: Stand<'a>,
    /// Everything outside of files that the outcome depends on.
    pub environment: Digest,
    /// The moment after the last file was written.
    pub stamp: Stamp,
    /// The lock as this run left it.
    pub lock: Option<Recorded>,
    /// The manifest as this run left it.
    pub manifest: Option<Recorded>,
    /// Whether the run acquired anything that the lock now names.
    pub has_bought: bool,
}

/// How the assets of a project stand after a run.
#[derive(Debug, Clone, Copy)]
pub struct Stand<'a> {
    /// Their keys.
    pub keys: &'a [Keys],
    /// Published files of those that were built, by id.
    pub built: &'a BTreeMap<String, Vec<(RelPath, Digest)>>,
    /// Those that were fresh before the run and are not any more.
    pub unsettled: &'a BTreeMap<AssetIndex, String>,
}

/// The part of a record that is known before anything runs.
#[derive(Debug)]
pub enum Draft {
    /// The last record as it is, to be mended where it changed.
    Last,
    /// A new one with all assets that sleep.
    New(Box<SnapshotWriter>),
}

impl Draft {
    /// Begins a new record; this may be done while the run goes on.
    pub fn of(loaded: &Loaded) -> Self {
        Self::New(Box::new(write_draft(loaded)))
    }
}

/// Whether the record of the last run is likely to have a place for everything that this one says.
pub fn may_be_mended(loaded: &Loaded) -> bool {
    let Some(asleep) = &loaded.asleep else { return false };
    let last = &asleep.snapshot;
    let is_known = |path: &RelPath| {
        let mut inputs = last.inputs_at(path.as_str());
        inputs.any(|input| input.role == Role::Spec)
    };
    asleep.specs.len() + loaded.units.len() == last.specs().len()
        && loaded.assets.len() + asleep.assets().count() == last.assets().len()
        && loaded.units.keys().all(is_known)
}

fn write_draft(loaded: &Loaded) -> SnapshotWriter {
    let unknown = Summary {
        schema: SNAPSHOT_SCHEMA,
        stamp: Stamp(0),
        config: Digest::of(b""),
        settings: Digest::of(b""),
        has_problems: true,
        has_orphans: true,
        lock: None,
        has_purchases: true,
    };
    let Some(asleep) = &loaded.asleep else { return SnapshotWriter::new(unknown) };
    let mut writer = SnapshotWriter::upon(unknown, &asleep.snapshot);
    write_asleep(asleep, &mut writer);
    writer
}

/// Writes the record of a run that ended without errors, and gives it if it is kept in memory; none if the
/// next run would not use it.
///
/// # Errors
/// `SnapshotError`; the next run then loads the whole project.
pub fn remember(
    session: &Session,
    draft: Draft,
    ending: &Ending<'_>,
) -> Result<Option<Arc<Snapshot>>, SnapshotError> {
    let Ending { prepared, environment, lock, .. } = *ending;
    let loaded = &prepared.loaded;
    let last = loaded.asleep.as_ref().map(|asleep| &asleep.snapshot);
    let recorded = || last.map(|last| last.summary().settings);
    let Some(settings) = loaded.concern.or_else(recorded) else { return Ok(None) };
    let summary = Summary {
        schema: SNAPSHOT_SCHEMA,
        stamp: prepared.table.stamp(),
        config: environment,
        settings,
        has_problems: loaded.has_other_diagnostics()
            || loaded.asleep.as_ref().is_some_and(Asleep::has_problems),
        has_orphans: match &prepared.orphans {
            // Of an id in the lock nobody knows whether it is one of theirs.
            _ if loaded.asleep.as_ref().is_some_and(|asleep| asleep.hides_assets) => true,
            Some(orphans) => orphans.remain(|id| ending.stand.built.contains_key(id)),
            None => last.is_some_and(|last| last.summary().has_orphans),
        },
        lock,
        has_purchases: ending.has_bought
            || match prepared.excerpt.is_some() || prepared.lock.is_empty() {
                true => last.is_some_and(|last| last.summary().has_purchases),
                false => has_purchases(&prepared.lock),
            },
    };
    // Another process may have written a record of its own meanwhile.
    let last = last.filter(|last| session.has_record(last));
    let mut writer = match (draft, &loaded.asleep) {
        (Draft::New(writer), _) => *writer,
        (Draft::Last, Some(asleep)) if last.is_some() => {
            let mending = mend(session, ending, asleep, &summary)?;
            if let Some(mending) = mending {
                let saved = mending.save(session.cache(), summary, session.keeps_records())?;
                return Ok(session.keep_record(saved));
            }
            write_draft(loaded)
        }
        (Draft::Last, _) => write_draft(loaded),
    };
    writer.set_summary(summary);
    let mut inputs = Inputs { numbers: HashMap::new(), prepared, writer: &mut writer };
    write_loaded(session, ending, &mut inputs);
    if let Some(asleep) = &loaded.asleep {
        let names = listed_globs(loaded);
        write_relisted(asleep, &names, &mut inputs);
        write_listings(asleep, &names, &mut inputs);
        write_shared(asleep, &mut inputs);
    }
    let saved = writer.save(session.cache(), last.map(|last| &**last))?;
    Ok(session.keep_record(saved))
}

/// The last record with all that this run says of it; none if it has no place for that.
fn mend<'a>(
    session: &Session,
    ending: &Ending<'_>,
    asleep: &'a Asleep,
    summary: &Summary,
) -> Result<Option<Mending<'a>>, SnapshotError> {
    let loaded = &ending.prepared.loaded;
    let mut writer = SnapshotWriter::new(summary.clone());
    let mut inputs =
        Inputs { numbers: HashMap::new(), prepared: ending.prepared, writer: &mut writer };
    write_loaded(session, ending, &mut inputs);
    write_relisted(asleep, &listed_globs(loaded), &mut inputs);
    let Some(news) = writer.finish()? else { return Ok(None) };

    let last = &asleep.snapshot;
    let mut mending = Mending::of(last);
    if !asleep.settled.is_empty() {
        for input in last.inputs() {
            if let Some(recorded) = asleep.settled.get(input.path, input.content) {
                mending.set_input(input.number, &recorded);
            }
        }
        for (number, output) in (0..).zip(last.outputs()) {
            if let Some(recorded) = asleep.settled.get(output.path, Content::Bytes) {
                mending.set_output(number, &recorded);
            }
        }
    }
    let files = last.specs().enumerate().filter(|(place, _)| asleep.unread.contains(place));
    for input in files.filter_map(|(_, file)| file.input()) {
        mending.set_input(input.number, &unread(&input));
    }
    for &number in &asleep.stale {
        mending.set_state(number, state_code(State::Stale));
    }
    Ok(mending.take(&news, loaded.has_settings()).map(|()| mending))
}

/// Records everything that was loaded, and what it is made of.
fn write_loaded(session: &Session, ending: &Ending<'_>, inputs: &mut Inputs<'_>) {
    let loaded = &ending.prepared.loaded;
    // With nothing awake, the Assetfile was not read: what it names is copied from the old record.
    if loaded.has_settings() {
        write_settings(session, loaded, ending.manifest, inputs);
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
        let used = used_by(unit, loaded, inputs);
        let traits = SpecTraits {
            has_globs: !unit.used.globs.is_empty(),
            has_warnings: loaded.warned.contains(path),
        };
        inputs.writer.spec(number, &used, traits);
        for &asset in by_file.get(path).into_iter().flatten() {
            write_awake(session, ending, asset, inputs);
        }
    }
}

fn write_settings(
    session: &Session,
    loaded: &Loaded,
    manifest: Option<Recorded>,
    inputs: &mut Inputs<'_>,
) {
    if let Some(recorded) = manifest {
        inputs.add_recorded(&loaded.config.manifest, Role::Manifest, Content::Bytes, recorded);
    }
    inputs.add(session.assetfile(), Role::Assetfile, Content::Text);
    for path in loaded.config.styles.values() {
        inputs.add(path, Role::Style, Content::Text);
    }
    for path in &loaded.config.fonts {
        inputs.add(path, Role::Font, Content::Bytes);
    }
}

/// The templates and styles that a spec file uses.
fn used_by(unit: &Unit, loaded: &Loaded, inputs: &mut Inputs<'_>) -> Vec<u32> {
    let Used { templates, styles, .. } = &unit.used;
    let templates = templates.iter().filter_map(|name| loaded.templates.get(name));
    let templates = templates.map(|template| (&template.file, Role::Template));
    let styles = styles.iter().filter_map(|name| loaded.config.styles.get(name));
    let used = templates.chain(styles.map(|path| (path, Role::Style)));
    used.filter_map(|(path, role)| inputs.add(path, role, Content::Text)).collect()
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
        let recorded = self.as_asleep(path, role, content, *recorded);
        Some(self.add_recorded(path, role, content, recorded))
    }

    /// What may be recorded of a file that was another one when it was compared: if something that sleeps
    /// is made from it, the next run has to find a difference.
    fn as_asleep(
        &self,
        path: &RelPath,
        role: Role,
        content: Content,
        recorded: Recorded,
    ) -> Recorded {
        let Some(asleep) = &self.prepared.loaded.asleep else { return recorded };
        let is_it = |input: &Input<'_>| input.role == role && input.content == content;
        let Some(input) = asleep.snapshot.inputs_at(path.as_str()).find(is_it) else {
            return recorded;
        };
        let known = asleep.current(&input);
        let is_made_from = matches!(role, Role::Source | Role::Font);
        if is_made_from && known.digest != recorded.digest && asleep.use_source(input.number) {
            return Recorded { racy: true, ..known };
        }
        recorded
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
    let Prepared { loaded, table, plans, .. } = ending.prepared;
    let Stand { keys, built, unsettled } = ending.stand;
    let asset: &AssetSpec = &loaded.assets[number];
    let built = built.get(&asset.id);
    let mut sources: Vec<u32> = inputs_of(asset)
        .into_iter()
        .filter_map(|(path, content)| inputs.add(&path, Role::Source, content))
        .collect();
    if asset.generate.uses_fonts() {
        let fonts = loaded.config.fonts.iter();
        sources.extend(fonts.filter_map(|path| inputs.add(path, Role::Font, Content::Bytes)));
    }
    let plan = &plans[number];
    let state = match (built, plan.state) {
        (Some(_), _) => State::Fresh,
        _ if unsettled.contains_key(&plan.asset) => State::Stale,
        // An adopted asset whose spec went on has other files than the spec says.
        (None, State::Fresh) if !plan.reasons.is_empty() => State::Stale,
        (None, state) => state,
    };
    let relatives = relatives(asset);
    let references: Vec<&str> = relatives.iter().map(String::as_str).collect();
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
        section: &section_name(&asset.publish.entry.section),
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

/// The globs that were listed for awake files, as the record calls them.
fn listed_globs(loaded: &Loaded) -> BTreeSet<String> {
    loaded.listings.iter().map(|(glob, _)| glob.name()).collect()
}

/// Records the folders of globs that were listed again, but not for an awake file.
fn write_relisted(asleep: &Asleep, listed: &BTreeSet<String>, inputs: &mut Inputs<'_>) {
    let relisted = asleep.relisted.iter().filter(|(name, _)| !listed.contains(*name));
    for (name, dirs) in relisted {
        for dir in dirs {
            inputs.writer.dir(&dir.path, name, &dir.stat);
        }
    }
}

/// Records the folders of globs that nobody listed.
fn write_listings(asleep: &Asleep, listed: &BTreeSet<String>, inputs: &mut Inputs<'_>) {
    for dir in asleep.snapshot.dirs() {
        if !listed.contains(dir.glob) && !asleep.relisted.contains_key(dir.glob) {
            inputs.writer.dir(dir.path, dir.glob, &dir.stat);
        }
    }
}

/// Copies the records of what concerns no spec file alone, where it was not read in this run.
fn write_shared(asleep: &Asleep, inputs: &mut Inputs<'_>) {
    let is_asleep = |path: &str| {
        asleep.files().any(|file| file.input().is_some_and(|input| input.path == path))
    };
    let concerns_all = |input: &Input<'_>| match input.role {
        Role::Assetfile | Role::Style | Role::Font | Role::Manifest => true,
        // Those in awake files are recorded with these, and those in removed ones are no more.
        Role::Template => is_asleep(input.path),
        Role::Spec | Role::Source => false,
    };
    for input in asleep.snapshot.inputs().filter(concerns_all) {
        inputs.add_text(input.path, input.role, input.content, asleep.current(&input));
    }
}

/// What is recorded of a spec file that nobody has read: no file has this content, so the next run finds
/// another one.
fn unread(input: &Input<'_>) -> Recorded {
    let digest = Digest { hash: [0; 32], size: u64::MAX };
    Recorded { racy: true, digest, ..input.recorded }
}

/// Copies the records of assets that slept through the run.
fn write_asleep(asleep: &Asleep, writer: &mut SnapshotWriter) {
    let old = &asleep.snapshot;
    // By the old number, the new one.
    let mut copies: Vec<Option<u32>> = vec![None; old.input_count()];
    let mut copy = |writer: &mut SnapshotWriter, number: u32| {
        let copied = copies.get_mut(number as usize)?;
        if copied.is_none() {
            let input = old.input(number)?;
            let recorded = asleep.current(&input);
            *copied = writer.copy_input(old, number, recorded);
        }
        *copied
    };
    let settled = |path: &str| asleep.settled.get(path, Content::Bytes);
    let settled: Option<Settle<'_>> = (!asleep.settled.is_empty()).then_some(&settled);
    for (&place, file) in asleep.specs.iter().zip(asleep.files()) {
        let Some(input) = file.input() else { continue };
        let number = match asleep.unread.contains(&place) {
            true => Some(writer.input(input.path, Role::Spec, input.content, unread(&input))),
            false => copy(writer, input.number),
        };
        let Some(number) = number else { continue };
        let used: Vec<u32> = file.used().filter_map(|number| copy(writer, number)).collect();
        writer.spec(number, &used, file.traits());
        for asset in file.assets() {
            let sources: Vec<u32> =
                asset.sources().filter_map(|number| copy(writer, number)).collect();
            let state = asleep.stale.contains(&asset.number()).then(|| state_code(State::Stale));
            writer.copy_asset(&asset, &sources, state, settled);
        }
    }
}
