//! Several results for one asset: which there are, how they look, and a person's pick among them.
//! Numbers, order and rules: docs/design/selection.md.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use image::{ImageFormat, RgbaImage};
use rayon::prelude::*;

use crate::base::{ActionKey, Digest, Encoding, MediaKind, Raw, RelPath};
use crate::execute::variations::in_order;
use crate::execute::{record_of, with_causes};
use crate::graph::AssetIndex;
use crate::graph::key::requested_size;
use crate::lock::{self, LockFile};
use crate::pipeline::prepare::Prepared;
use crate::pipeline::purchases::Known;
use crate::pipeline::session::Session;
use crate::plan;
use crate::process::{self, Job};
use crate::purchase::{Journal, JournalError, RawStore, State};
use crate::report::sheet;
use crate::spec::AssetSpec;
use crate::spec::op::{GroupGain, ProcessOp, Step};
use crate::validate;

/// The file with all results of an asset side by side.
const SHEET: &str = "sheet.png";

/// Everything that was bought for the request that an asset has now, in the order in which it is
/// numbered from 0: the variations, then what was bought beyond them.
///
/// # Errors
/// If the journal cannot be read.
pub fn candidates(
    session: &Session,
    prepared: &Prepared,
    asset: AssetIndex,
) -> Result<Vec<lock::Purchase>, JournalError> {
    let own = asset.of(&prepared.plans).block_id.as_deref();
    let own = own.unwrap_or(&asset.of(&prepared.loaded.assets).id);
    let wanted = asset.of(&prepared.keys).wanted.key;
    let mut all = on_lock(&prepared.lock, own, &wanted);
    let journal = Journal::new(&prepared.loaded.config.paid_dir.under(session.root()));
    let is_one = |purchase: &crate::purchase::Purchase| {
        purchase.wanted == wanted && purchase.state == State::Settled
    };
    for purchase in journal.read_all()?.purchases.iter().filter(|one| is_one(one)) {
        all.extend(record_of(purchase));
    }
    Ok(numbered(all))
}

/// What the lock knows for a request.
pub(super) fn on_lock(lock: &LockFile, own: &str, wanted: &ActionKey) -> Vec<lock::Purchase> {
    let Known { variations, extras } = Known::of(lock, own, wanted);
    variations.into_iter().chain(extras).collect()
}

/// Each result once, in order.
pub(super) fn numbered(mut purchases: Vec<lock::Purchase>) -> Vec<lock::Purchase> {
    in_order(&mut purchases);
    purchases.dedup_by(|a, b| a.id == b.id);
    purchases
}

/// The result that a person means: its number, its purchase, or the beginning of its bytes' digest.
pub fn find<'a>(candidates: &'a [lock::Purchase], which: &str) -> Option<&'a lock::Purchase> {
    if let Ok(number) = which.parse::<usize>()
        && let Some(found) = candidates.get(number)
    {
        return Some(found);
    }
    let prefix = which.trim_start_matches("b3:");
    let is_it = |one: &&lock::Purchase| {
        one.id == which || (prefix.len() >= 8 && one.raw.to_string()[3..].starts_with(prefix))
    };
    let mut found = candidates.iter().filter(is_it);
    found.next().filter(|_| found.next().is_none())
}

/// Assets that refer to one, and would be bought again if another result of it were picked.
pub fn dependents(prepared: &Prepared, id: &str) -> Vec<AssetIndex> {
    let assets = (0..).map(AssetIndex).zip(&prepared.loaded.assets);
    let refers = |spec: &AssetSpec| {
        let mut named = crate::graph::lower::referenced(&spec.generate).into_iter();
        named.any(|(name, _)| name == id)
    };
    assets.filter(|(_, spec)| refers(spec)).map(|(asset, _)| asset).collect()
}

/// Fresh sounds that share a gain with an asset: another result of it makes them anew, for nothing.
pub fn companions(prepared: &Prepared, asset: AssetIndex) -> Vec<String> {
    let group = |spec: &AssetSpec| GroupGain::of(&spec.steps).map(|gain| gain.group.to_owned());
    let own = group(asset.of(&prepared.loaded.assets));
    let all = (0..).map(AssetIndex).zip(&prepared.loaded.assets);
    let is_one = |(other, spec): &(AssetIndex, &AssetSpec)| {
        own.is_some()
            && *other != asset
            && group(spec) == own
            && other.of(&prepared.plans).state == plan::State::Fresh
    };
    all.filter(is_one).map(|(_, spec)| spec.id.clone()).collect()
}

/// One result as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its number.
    pub number: usize,
    /// Its facts.
    pub purchase: lock::Purchase,
    /// The processed file; none if it cannot be made.
    pub file: Option<PathBuf>,
    /// Why checks reject it, or why it cannot be processed.
    pub objection: Option<String>,
}

/// The folder that shows the results of an asset.
pub fn folder(session: &Session, id: &str) -> PathBuf {
    session.cache().review().join(id)
}

/// Writes every result as its spec processes it, and all of them on one sheet; what was there before
/// is replaced. A sound of a group is shown at a level of its own.
///
/// # Errors
/// If the folder cannot be written.
pub fn show(
    session: &Session,
    raws: &RawStore,
    spec: &AssetSpec,
    candidates: &[lock::Purchase],
) -> io::Result<Vec<Shown>> {
    let folder = folder(session, &spec.id);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&folder)?,
    }
    let made: Vec<(Shown, Option<RgbaImage>)> = candidates
        .par_iter()
        .enumerate()
        .map(|(number, purchase)| {
            let mut shown =
                Shown { number, purchase: purchase.clone(), file: None, objection: None };
            let picture = match make(session, raws, spec, &purchase.raw) {
                Ok((bytes, encoding, objection)) => {
                    let file = folder.join(format!("{number}.{}", encoding.extension()));
                    fs::write(&file, &bytes)?;
                    shown.objection = objection;
                    shown.file = Some(file);
                    draw(&bytes, encoding)
                }
                Err(why) => {
                    shown.objection = Some(why);
                    None
                }
            };
            Ok((shown, picture))
        })
        .collect::<io::Result<_>>()?;
    let cells: Vec<RgbaImage> = made
        .iter()
        .filter_map(|(shown, picture)| {
            let is_rejected = shown.objection.is_some();
            Some(sheet::numbered(picture.as_ref()?, shown.number, is_rejected))
        })
        .collect();
    if let Some(sheet) = sheet::compose(&cells, sheet::LARGE) {
        let path = folder.join(SHEET);
        sheet.save_with_format(path, ImageFormat::Png).map_err(io::Error::other)?;
    }
    Ok(made.into_iter().map(|(shown, _)| shown).collect())
}

/// The main file from one raw, and why checks reject it.
fn make(
    session: &Session,
    raws: &RawStore,
    spec: &AssetSpec,
    raw: &Digest,
) -> Result<(Vec<u8>, Encoding, Option<String>), String> {
    let found = raws.get(*raw).map_err(|error| with_causes(&error))?;
    let bytes: Arc<[u8]> = match found {
        Ok(found) => found.bytes.into(),
        Err(_) => return Err("its bytes are in none of the stores".to_owned()),
    };
    let usual = match spec.media {
        MediaKind::Image => Encoding::Png,
        MediaKind::Audio => Encoding::Wav,
    };
    let encoding = Encoding::sniff(&bytes).unwrap_or(usual);
    let mut sources: BTreeMap<RelPath, Arc<[u8]>> = BTreeMap::new();
    for path in spec.steps.iter().filter_map(|step| step.op()?.source()) {
        let (read, _) = session.files().read(path).map_err(|error| with_causes(&error))?;
        sources.insert(path.clone(), read.into());
    }
    let mut steps = spec.steps.clone();
    for step in &mut steps {
        if let Step::Process(ProcessOp::Normalize { group, .. }) = step {
            *group = None;
        }
    }
    let main = &spec.publish.files[..1];
    let processed = process::process(&Job {
        raw: &Raw::File(bytes, encoding),
        requested: requested_size(spec),
        steps: &steps,
        files: main,
        sources: &sources,
        gains: &BTreeMap::new(),
    });
    let mut processed = processed.map_err(|error| with_causes(&error))?;
    let findings = validate::validate(&steps, &processed.checkpoints, &processed.finals);
    let objection = (!findings.is_empty()).then(|| validate::list(&findings));
    let file = processed.files.pop().ok_or("its steps make no file")?;
    Ok((file.bytes, main[0].encoding, objection))
}

fn draw(bytes: &[u8], encoding: Encoding) -> Option<RgbaImage> {
    match encoding.media() {
        MediaKind::Image => image::load_from_memory(bytes).ok().map(|picture| picture.to_rgba8()),
        MediaKind::Audio => {
            let ranges = process::waveform(bytes, encoding, sheet::COLUMNS_PER_SECOND).ok()?;
            Some(sheet::waveform(&ranges))
        }
    }
}
