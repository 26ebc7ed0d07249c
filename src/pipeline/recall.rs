//! What the last run left behind, compared with the files as they are now: a build with nothing to
//! do ends here, and one edited spec wakes its own file only.
//!
//! An asset *sleeps* while it was fresh at the end of the last run and nothing that it depends on
//! has changed since; its spec file is not even read. Rules: docs/design/no-op.md.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::base::{Digest, RelPath};
use crate::cache::snapshot::{Asset, Dir, Input, Role, Snapshot, SpecFile};
use crate::cache::{Content, FileError, ListedFile, ProjectFiles, Recorded, Stat};
use crate::pipeline::asleep::{Asleep, Settled};
use crate::pipeline::load::list_matching;
use crate::pipeline::others::{OtherLock, OtherManifest};
use crate::pipeline::record::{SPEC_GLOB, state_code};
use crate::pipeline::request::{LastRun, LeftAlone, OnChange};
use crate::pipeline::session::{LOCKFILE, Session, lock_path};
use crate::pipeline::settings::{font_now, settings_now, text_now};
use crate::pipeline::touched::Touched;
use crate::plan::State;

/// What is known of the last run.
#[derive(Debug)]
pub enum Recalled {
    /// Nothing.
    Nothing,
    /// What its files were; the whole project has to be loaded.
    Files(Arc<Snapshot>),
    /// Which assets sleep.
    Assets(Box<Recall>),
}

/// The last run, as far as it still holds.
#[derive(Debug)]
pub struct Recall {
    /// Spec files that have to be read again, by path; removed ones are not among them.
    pub awake: BTreeSet<RelPath>,
    /// The others, with what was found out on the way.
    pub asleep: Asleep,
    /// The bytes of the lock, if it had to be read, is the recorded one, and is not kept in memory.
    pub lock_bytes: Option<Vec<u8>>,
}

/// What a command wants awake whatever its state.
pub type Wake<'a> = &'a (dyn Fn(&Asset<'_>) -> bool + Sync);

/// Compares the last run with the files.
///
/// `on_change`: is told of a spec or source that is another one before the published files are looked at.
///
/// # Errors
/// `FileError` for folders that cannot be listed.
pub fn recall(
    session: &Session,
    last_run: LastRun<'_>,
    stamp: crate::cache::Stamp,
    wake: Wake<'_>,
    on_change: &OnChange<'_>,
) -> Result<Recalled, FileError> {
    let Some(snapshot) = session.record() else { return Ok(Recalled::Nothing) };
    let environment = session.environment(&last_run.environment);
    let comparison = Comparison::new(session.files(), last_run, &snapshot, stamp, on_change);
    let recalled = compare(session, &snapshot, &environment, comparison, wake)?;
    Ok(recalled.map_or(Recalled::Files(snapshot), |recall| Recalled::Assets(Box::new(recall))))
}

/// Finds what sleeps; none if the whole project has to be loaded.
fn compare(
    session: &Session,
    snapshot: &Arc<Snapshot>,
    environment: &Digest,
    comparison: Comparison<'_>,
    wake: Wake<'_>,
) -> Result<Option<Recall>, FileError> {
    let summary = snapshot.summary();
    // A watch has told the problems before.
    if summary.config != *environment || (summary.has_problems && !comparison.is_watch) {
        return Ok(None);
    }
    let files = session.files();
    let lock = lock_path();
    let suspect = match (summary.lock, files.stat(&lock).ok()) {
        _ if !comparison.may_differ(LOCKFILE) => None,
        (None, None) => None,
        (Some(recorded), now) if recorded.still_holds(now) => None,
        (Some(recorded), Some(_)) => Some(recorded),
        _ => return Ok(None),
    };
    let Some(recorded) = suspect else {
        return compare_files(session, snapshot, comparison, None, wake);
    };
    let stamp = comparison.stamp;
    let now = || {
        let (bytes, digest, stat) = lock_now(session, &lock)?;
        let racy = stat.is_racy(stamp);
        (digest == recorded.digest).then_some((bytes, Recorded { stat, digest, racy }))
    };
    // The old one is in memory in a watch only, where one that differs is most often another one.
    let other = session.kept_lock_of(&recorded.digest).is_some().then(now);
    if let Some(None) = other {
        let Some(other) = OtherLock::compare(session, &recorded, stamp) else { return Ok(None) };
        let wake = |asset: &Asset<'_>| other.changed.contains(asset.id()) || wake(asset);
        let bytes = Some(other.bytes.as_slice());
        let recall = compare_files(session, snapshot, comparison, bytes, &wake)?;
        return Ok(recall.map(|recall| with_other_lock(recall, other)));
    }
    // A lock of megabytes that a run wrote a moment ago is read while the other files are looked at.
    let (lock_as_recorded, compared) = rayon::join(
        || other.unwrap_or_else(now),
        || compare_files(session, snapshot, comparison, None, wake),
    );
    let (Some((lock_bytes, lock)), Some(recall)) = (lock_as_recorded, compared?) else {
        return Ok(None);
    };
    let asleep = Asleep { is_outdated: true, lock: Some(lock), ..recall.asleep };
    Ok(Some(Recall { asleep, lock_bytes, ..recall }))
}

fn with_other_lock(recall: Recall, other: OtherLock) -> Recall {
    let OtherLock { bytes, recorded, changed } = other;
    let snapshot = recall.asleep.snapshot.clone();
    let known: HashSet<&str> = snapshot.assets().map(|asset| asset.id()).collect();
    let other_blocks = changed.into_iter().filter(|id| !known.contains(id.as_str())).collect();
    let asleep = Asleep { is_outdated: true, lock: Some(recorded), other_blocks, ..recall.asleep };
    Recall { asleep, lock_bytes: Some(bytes), ..recall }
}

/// The lock's content and stat, with its bytes if it had to be read.
fn lock_now(session: &Session, lock: &RelPath) -> Option<(Option<Vec<u8>>, Digest, Stat)> {
    let stat = session.files().stat(lock).ok()?;
    if let Some((digest, _)) = session.kept_lock(stat) {
        return Some((None, digest, stat));
    }
    let (bytes, stat) = session.files().read(lock).ok()?;
    let digest = Content::Bytes.digest(&bytes);
    Some((Some(bytes), digest, stat))
}

/// Finds what sleeps if lock and settings are as recorded.
fn compare_files(
    session: &Session,
    snapshot: &Arc<Snapshot>,
    mut comparison: Comparison<'_>,
    lock_bytes: Option<&[u8]>,
    wake: Wake<'_>,
) -> Result<Option<Recall>, FileError> {
    if comparison.finds_assetfile(session, snapshot) {
        return Ok(None);
    }
    let Some(mut found) = compare_inputs(snapshot, &mut comparison) else { return Ok(None) };
    if found.changes_assets {
        (comparison.on_change)();
    }
    if !comparison.settle_shared(session, snapshot, &found) {
        return Ok(None);
    }
    // What a watch told of a file stands.
    if !comparison.is_watch {
        let files = snapshot.specs().enumerate();
        let warned = files.filter(|(_, file)| file.traits().has_warnings);
        found.specs.extend(warned.map(|(place, _)| place));
    }
    let mut meddled = HashSet::new();
    if let Some(path) = &found.manifest {
        let stamp = comparison.stamp;
        let Some(other) = OtherManifest::compare(session, snapshot, path, lock_bytes, stamp) else {
            return Ok(None);
        };
        comparison.settled.insert(path, Content::Bytes, other.recorded);
        meddled = other.changed;
    }
    let wake = &|asset: &Asset<'_>| meddled.contains(&asset.number()) || wake(asset);
    let Some(listed) = compare_listings(snapshot, session.files(), &found, &comparison)? else {
        return Ok(None);
    };
    let Woken { awake: awake_assets, mut stale } =
        find_awake_assets(snapshot, &found, &listed, &mut comparison, wake);
    let mut awake: BTreeSet<RelPath> = listed.added.clone();
    let (mut specs, mut unread) = (Vec::new(), BTreeSet::new());
    for (spec, file) in snapshot.specs().enumerate() {
        let Some(input) = file.input() else { return Ok(None) };
        if listed.removed.contains(input.path) {
            continue;
        }
        let is_changed = found.specs.contains(&spec)
            || found.unread.contains(&spec)
            || (listed.globs_changed && file.traits().has_globs);
        let sleeps_on = comparison.as_recorded.contains(input.path);
        if is_changed && sleeps_on {
            stale.extend(file.assets().map(|asset| asset.number()));
            unread.insert(spec);
        }
        let is_awake = (is_changed && !sleeps_on)
            || (!awake_assets.is_empty()
                && file.assets().any(|asset| awake_assets.contains(&asset.number())));
        if is_awake {
            awake.insert(RelPath::new(input.path).ok().ok_or_else(|| unportable(input.path))?);
        } else {
            specs.push(spec);
        }
    }
    let total = snapshot.specs().len();
    if awake.len() * 2 > total && total > FEW && comparison.as_recorded.is_empty() {
        return Ok(None);
    }
    let is_known = |path: &&str| snapshot.inputs_at(path).any(|input| input.role == Role::Spec);
    let hides_assets = !comparison.as_recorded.iter().all(is_known);
    let Comparison { settled, is_outdated, finds_orphans, .. } = comparison;
    let relisted = listed.relisted;
    let is_outdated = is_outdated
        || !(relisted.is_empty() && listed.removed.is_empty())
        || !(stale.is_empty() && unread.is_empty());
    let asleep = Asleep {
        snapshot: snapshot.clone(),
        specs,
        unread,
        stale,
        hides_assets,
        settled,
        relisted,
        is_outdated,
        lock: None,
        other_blocks: BTreeSet::new(),
        has_other_manifest: found.manifest.is_some(),
        finds_orphans: finds_orphans && snapshot.summary().has_orphans,
    };
    Ok(Some(Recall { awake, asleep, lock_bytes: None }))
}

/// Spec files up to which it is not worth asking how many are awake.
const FEW: usize = 16;

fn unportable(path: &str) -> FileError {
    FileError::Missing { path: path.to_owned() }
}

/// Compares recorded files with those on disk, and keeps what it had to read.
struct Comparison<'a> {
    files: &'a ProjectFiles,
    is_watch: bool,
    finds_orphans: bool,
    touched: Option<&'a Touched>,
    /// Spec files whose specs count as recorded.
    as_recorded: HashSet<&'a str>,
    /// Spec files whose templates do.
    without_templates: HashSet<&'a str>,
    stamp: crate::cache::Stamp,
    on_change: &'a OnChange<'a>,
    settled: Settled,
    is_outdated: bool,
}

impl<'a> Comparison<'a> {
    fn new(
        files: &'a ProjectFiles,
        LastRun { since, as_recorded, finds_orphans, .. }: LastRun<'a>,
        record: &Arc<Snapshot>,
        stamp: crate::cache::Stamp,
        on_change: &'a OnChange<'a>,
    ) -> Self {
        let settled = Settled::default();
        let is_watch = since.is_some() || as_recorded.is_some();
        let since = since.filter(|since| Arc::ptr_eq(since.record, record));
        let touched = since.map(|since| since.touched);
        let left_alone = |files: fn(&'a LeftAlone) -> &'a BTreeSet<RelPath>| {
            as_recorded.into_iter().flat_map(files).map(RelPath::as_str).collect()
        };
        let without_templates = left_alone(|left_alone| &left_alone.without_templates);
        let as_recorded = left_alone(|left_alone| &left_alone.specs);
        let is_outdated = false;
        Self {
            files,
            is_watch,
            finds_orphans,
            touched,
            as_recorded,
            without_templates,
            stamp,
            on_change,
            settled,
            is_outdated,
        }
    }

    /// Whether the file at a path may be another one than recorded.
    fn may_differ(&self, path: &str) -> bool {
        self.touched.is_none_or(|touched| touched.concerns(path))
    }

    /// Whether there is an Assetfile by now, and was none.
    fn finds_assetfile(&self, session: &Session, snapshot: &Snapshot) -> bool {
        let path = session.assetfile();
        let mut recorded = snapshot.inputs_at(path.as_str());
        self.may_differ(path.as_str())
            && !recorded.any(|input| input.role == Role::Assetfile)
            && self.files.stat(path).is_ok()
    }

    /// Reads what many specs share, where it is another one than recorded, and notes what it is now: what
    /// uses it is awake. False if what is wrong with it has to be told whether or not anything uses it,
    /// or if the Assetfile says other things that concern assets.
    fn settle_shared(&mut self, session: &Session, snapshot: &Snapshot, found: &Found) -> bool {
        for (path, role) in &found.shared {
            let now = match role {
                Role::Assetfile => settings_now(session)
                    .filter(|(concern, ..)| *concern == snapshot.summary().settings)
                    .map(|(_, digest, stat)| (Content::Text, digest, stat)),
                Role::Template | Role::Style => {
                    text_now(session, path).map(|(digest, stat)| (Content::Text, digest, stat))
                }
                _ => font_now(session, path).map(|(digest, stat)| (Content::Bytes, digest, stat)),
            };
            let Some((content, digest, stat)) = now else {
                // What is wrong with a template is told where its specs are read.
                if *role == Role::Template {
                    continue;
                }
                return false;
            };
            let recorded = Recorded { stat, digest, racy: stat.is_racy(self.stamp) };
            self.settled.insert(path, content, recorded);
        }
        true
    }

    /// Reads suspects; tells of each whether its content is the recorded one.
    fn settle(&mut self, suspects: &[(RelPath, Content, Recorded)]) -> Vec<bool> {
        let wanted: Vec<_> =
            suspects.iter().map(|(path, content, _)| (path.clone(), *content)).collect();
        let read = self.files.digest_many(&wanted);
        let mut same = Vec::with_capacity(suspects.len());
        for ((path, content, recorded), result) in suspects.iter().zip(read) {
            let holds = match result {
                Ok((digest, stat)) if digest == recorded.digest => {
                    let racy = stat.is_racy(self.stamp);
                    let fresh = Recorded { stat, digest, racy };
                    self.settled.insert(path, *content, fresh);
                    true
                }
                _ => false,
            };
            // Either way the record on disk is not what the next run should compare with.
            self.is_outdated = true;
            same.push(holds);
        }
        same
    }
}

/// Numbers of what changed: thousands are looked for in sets that most often hold one.
#[derive(Debug, Default)]
struct Found {
    /// Spec files that are others or use others, and those with warnings, by their place among the spec files.
    specs: BTreeSet<usize>,
    /// Those of them that count as recorded.
    unread: BTreeSet<usize>,
    /// Paths of inputs that are gone.
    gone: HashSet<String>,
    /// Inputs that actions read.
    sources: BTreeSet<u32>,
    /// The Assetfile, templates, styles and fonts that are others.
    shared: Vec<(RelPath, Role)>,
    /// The manifest, if it is another one.
    manifest: Option<RelPath>,
    /// Whether a spec or a source is there that is another one.
    changes_assets: bool,
}

/// Compares all inputs; none if one has no portable path.
fn compare_inputs(snapshot: &Snapshot, comparison: &mut Comparison<'_>) -> Option<Found> {
    let is_compared = |input: &Input<'_>| {
        comparison.may_differ(input.path)
            && match input.role {
                Role::Spec => !comparison.as_recorded.contains(input.path),
                Role::Template => !comparison.without_templates.contains(input.path),
                _ => true,
            }
    };
    let inputs: Vec<Input<'_>> = snapshot.inputs().filter(is_compared).collect();
    let paths: Vec<&str> = inputs.iter().map(|input| input.path).collect();
    let stats = comparison.files.stat_many(&paths);
    let mut suspects = Vec::new();
    let mut numbers = Vec::new();
    let mut found = Found::default();
    let mut changed = BTreeSet::new();
    for (input, stat) in inputs.iter().zip(&stats) {
        match stat {
            stat if input.recorded.still_holds(*stat) => {}
            None => {
                changed.insert(input.number);
                found.gone.insert(input.path.to_owned());
            }
            Some(_) => {
                let path = RelPath::new(input.path).ok()?;
                suspects.push((path, input.content, input.recorded));
                numbers.push(input.number);
            }
        }
    }
    for (number, same) in numbers.into_iter().zip(comparison.settle(&suspects)) {
        if !same {
            changed.insert(number);
        }
    }
    for &number in &changed {
        let input = snapshot.input(number)?;
        let is_there = !found.gone.contains(input.path);
        match input.role {
            Role::Spec => found.changes_assets |= is_there,
            Role::Source => {
                found.changes_assets |= is_there;
                found.sources.insert(number);
            }
            Role::Assetfile | Role::Template | Role::Style | Role::Font => {
                found.shared.push((RelPath::new(input.path).ok()?, input.role));
                // Drawings are made with fonts.
                found.sources.insert(number);
            }
            Role::Manifest => found.manifest = Some(RelPath::new(input.path).ok()?),
        }
    }
    if !changed.is_empty() {
        for (place, file) in snapshot.specs().enumerate() {
            let own = file.input().map(|input| input.number);
            if own.into_iter().chain(file.used()).any(|number| changed.contains(&number)) {
                let path = file.input().map_or("", |input| input.path);
                let is_recorded = comparison.as_recorded.contains(path);
                let places = if is_recorded { &mut found.unread } else { &mut found.specs };
                places.insert(place);
            }
        }
    }
    Some(found)
}

/// What became of the folders that globs were listed in.
#[derive(Debug, Default)]
struct Listed {
    added: BTreeSet<RelPath>,
    removed: HashSet<String>,
    /// Whether a listing that instances take values from may be another one.
    globs_changed: bool,
    relisted: BTreeMap<String, Vec<ListedFile>>,
}

/// Lists again what may have changed; none if a pattern cannot be listed any more.
fn compare_listings(
    snapshot: &Snapshot,
    files: &ProjectFiles,
    found: &Found,
    comparison: &Comparison<'_>,
) -> Result<Option<Listed>, FileError> {
    let mut listed = Listed { removed: found.gone.clone(), ..Listed::default() };
    let may_differ = |dir: &Dir<'_>| {
        comparison.touched.is_none_or(|touched| touched.concerns_names_in(dir.path))
    };
    let dirs: Vec<Dir<'_>> = snapshot.dirs().filter(may_differ).collect();
    let paths: Vec<&str> = dirs.iter().map(|dir| dir.path).collect();
    let stats = files.stat_dirs(&paths);
    let stamp = snapshot.summary().stamp;
    let holds =
        |recorded: &Stat, now: Option<Stat>| now == Some(*recorded) && !recorded.is_racy(stamp);
    let changed: BTreeSet<&str> = dirs
        .iter()
        .zip(stats)
        .filter(|(dir, now)| !holds(&dir.stat, *now))
        .map(|(dir, _)| dir.glob)
        .collect();
    for glob in changed {
        let (pattern, is_spec) = match glob.strip_prefix(SPEC_GLOB) {
            Some(pattern) => (pattern, true),
            None => (glob, false),
        };
        let Ok(now) = list_matching(files, pattern) else { return Ok(None) };
        listed.globs_changed |= !is_spec;
        let mut is_complete = true;
        for (path, _) in now.files.into_iter().filter(|_| is_spec) {
            let is_known = snapshot.inputs_at(path.as_str()).any(|input| input.role == Role::Spec);
            if comparison.as_recorded.contains(path.as_str()) {
                // One that is not there as yet has to be found again.
                is_complete &= is_known;
            } else if !is_known {
                listed.added.insert(path);
            }
        }
        if is_complete {
            listed.relisted.insert(glob.to_owned(), now.dirs);
        }
    }
    Ok(Some(listed))
}

/// Numbers of assets.
struct Woken {
    awake: BTreeSet<u32>,
    /// Those that would be if their spec did not count as recorded.
    stale: HashSet<u32>,
}

fn find_awake_assets(
    snapshot: &Snapshot,
    found: &Found,
    listed: &Listed,
    comparison: &mut Comparison<'_>,
    wake: Wake<'_>,
) -> Woken {
    let mut awake = BTreeSet::new();
    let outputs = snapshot.outputs().map(|output| output.path);
    let paths: Vec<&str> = outputs.filter(|path| comparison.may_differ(path)).collect();
    let stats = comparison.files.stat_many(&paths);
    let mut stats = stats.into_iter();
    let mut suspects = Vec::new();
    let mut owners = Vec::new();
    let fresh = state_code(State::Fresh);
    for asset in snapshot.assets() {
        if asset.state() != fresh || wake(&asset) {
            awake.insert(asset.number());
        }
        if !found.sources.is_empty() && asset.sources().any(|n| found.sources.contains(&n)) {
            awake.insert(asset.number());
        }
        for output in asset.outputs().filter(|output| comparison.may_differ(output.path)) {
            let stat = stats.next().flatten();
            if output.recorded.still_holds(stat) {
                continue;
            }
            match (stat, RelPath::new(output.path)) {
                (Some(_), Ok(path)) => {
                    suspects.push((path, Content::Bytes, output.recorded));
                    owners.push(asset.number());
                }
                _ => drop(awake.insert(asset.number())),
            }
        }
    }
    for (owner, same) in owners.into_iter().zip(comparison.settle(&suspects)) {
        if !same {
            awake.insert(owner);
        }
    }
    let mut stale = as_recorded(snapshot, comparison);
    stale.retain(|number| awake.contains(number));
    awake.retain(|number| !stale.contains(number));
    if !awake.is_empty() || !found.specs.is_empty() || !listed.added.is_empty() {
        wake_relatives(snapshot, found, &mut awake);
    }
    Woken { awake, stale }
}

/// The assets of specs that count as recorded.
fn as_recorded(snapshot: &Snapshot, comparison: &Comparison<'_>) -> HashSet<u32> {
    if comparison.as_recorded.is_empty() {
        return HashSet::new();
    }
    let is_one = |file: &SpecFile<'_>| {
        file.input().is_some_and(|input| comparison.as_recorded.contains(input.path))
    };
    let assets = snapshot.specs().filter(is_one).flat_map(|file| file.assets());
    assets.map(|asset| asset.number()).collect()
}

/// Wakes what refers to awake assets, and what they refer to: their keys need each other.
fn wake_relatives(snapshot: &Snapshot, found: &Found, awake: &mut BTreeSet<u32>) {
    let related: Vec<Asset<'_>> =
        snapshot.assets().filter(|asset| asset.references().len() > 0).collect();
    if related.is_empty() {
        return;
    }
    for (place, file) in snapshot.specs().enumerate() {
        if found.specs.contains(&place) {
            awake.extend(file.assets().map(|asset| asset.number()));
        }
    }
    let number_of: HashMap<&str, u32> =
        snapshot.assets().map(|asset| (asset.id(), asset.number())).collect();
    let mut groups: HashSet<&str> = HashSet::new();
    loop {
        let before = (awake.len(), groups.len());
        for asset in &related {
            let targets: Vec<u32> =
                asset.references().filter_map(|id| number_of.get(id).copied()).collect();
            if awake.contains(&asset.number())
                || targets.iter().any(|number| awake.contains(number))
                || asset.references().any(|name| groups.contains(name))
            {
                awake.insert(asset.number());
                awake.extend(targets);
                groups.extend(asset.references().filter(|name| name.starts_with('@')));
            }
        }
        if (awake.len(), groups.len()) == before {
            return;
        }
    }
}
