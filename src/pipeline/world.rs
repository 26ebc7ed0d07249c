//! The plan's view of the project: lock, published files, stores and what this build can do.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::base::{ActionKey, Digest, Encoding, FieldList, RelPath};
use crate::cache::{Cas, Content, LocalCas};
use crate::catalog;
use crate::config::{Config, UntilBought};
use crate::execute::{Market, Unavailable};
use crate::generate;
use crate::generate::provider::AccountError;
use crate::integrate::manifest::find_entry;
use crate::integrate::value_digest;
use crate::lock::{Block, LockFile};
use crate::pipeline::lazy_state::LazyState;
use crate::pipeline::load::Loaded;
use crate::pipeline::purchases::Withheld;
use crate::pipeline::session::Session;
use crate::pipeline::table::{FileTable, Learned, input_content};
use crate::plan::{Availability, EntryState, FileState, OnRecord, ReasonCode, World};
use crate::process;
use crate::purchase::{Journal, Purchase, PurchaseId, RawStore, State as PurchaseState};
use crate::spec::op::{CommandRun, FallbackOn, GenerateOp, Request};
use crate::spec::{AssetSpec, sent_to_fallback};

/// What the manifest holds.
#[derive(Debug)]
pub enum Manifest {
    /// What the lock says: the last run left it so, and nobody touched it since.
    Unchanged,
    /// These entries; none if there is no manifest.
    Entries(Option<Value>),
}

/// Ids of all assets, awake and asleep; collected when somebody asks.
#[derive(Debug)]
pub struct PresentIds<'a> {
    loaded: &'a Loaded,
    ids: OnceLock<HashSet<&'a str>>,
}

impl<'a> PresentIds<'a> {
    /// The ids of a loaded project.
    pub fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, ids: OnceLock::new() }
    }

    /// Whether a spec gives an asset with this id, or may: none is known to be gone while there are
    /// specs that nobody could read.
    pub fn contains(&self, id: &str) -> bool {
        if self.loaded.asleep.as_ref().is_some_and(|asleep| asleep.hides_assets) {
            return true;
        }
        let collect = || {
            let asleep = self.loaded.asleep.iter().flat_map(|asleep| asleep.assets());
            let awake = self.loaded.assets.iter().map(|asset| asset.id.as_str());
            awake.chain(asleep.map(|asset| asset.id())).collect()
        };
        self.ids.get_or_init(collect).contains(id)
    }
}

/// What stands on disk, as far as a plan asks.
pub struct ProjectWorld<'a> {
    /// The project.
    pub session: &'a Session,
    /// Its settings.
    pub config: &'a Config,
    /// Its lock.
    pub lock: &'a LockFile,
    /// Contents of inputs and published files.
    pub table: &'a FileTable,
    /// What the manifest holds.
    pub manifest: &'a Manifest,
    /// Ids of all assets of the specs.
    pub ids: &'a PresentIds<'a>,
    /// Blobs of finished files, when the plan may count on them.
    pub cas: Option<&'a LocalCas>,
    /// What earlier runs recorded, when the plan may look at it.
    pub state: &'a LazyState,
    /// Bought raw material.
    pub raws: &'a RawStore,
    /// Today in UTC, `YYYY-MM-DD`.
    pub today: &'a str,
    /// Who can be asked for what is bought.
    pub market: &'a Market<'a>,
    /// The journal of purchases.
    pub record: &'a LazyRecord,
    /// Assets that are not bought for.
    pub withheld: &'a Withheld,
}

/// The journal of purchases, read when an asset has to be bought.
#[derive(Debug)]
pub struct LazyRecord {
    journal: Journal,
    second_home: Option<Journal>,
    read: OnceLock<HashMap<ActionKey, Vec<Purchase>>>,
}

impl LazyRecord {
    /// The purchases of a journal, and those that only the second home remembers.
    pub fn new(journal: Journal, second_home: Option<&Path>) -> Self {
        let second_home = second_home.map(Journal::new);
        Self { journal, second_home, read: OnceLock::new() }
    }

    /// What is on record for a request.
    fn of(&self, wanted: &ActionKey, has_raw: impl Fn(&Digest) -> bool) -> Vec<OnRecord> {
        // A journal that cannot be read stops the build when it is to be written.
        let read = || {
            let mut by_wanted: HashMap<ActionKey, Vec<Purchase>> = HashMap::new();
            let mut all = self.journal.read_all().unwrap_or_default().purchases;
            let ids: BTreeSet<PurchaseId> = all.iter().map(|one| one.id.clone()).collect();
            let second = self.second_home.as_ref().and_then(|home| home.read_all().ok());
            let second = second.unwrap_or_default().purchases.into_iter();
            all.extend(
                second.filter(|one| one.state == PurchaseState::Settled && !ids.contains(&one.id)),
            );
            for purchase in all {
                by_wanted.entry(purchase.wanted).or_default().push(purchase);
            }
            by_wanted
        };
        let all = self.read.get_or_init(read).get(wanted);
        let entry = |purchase: &Purchase| {
            let (index, id) = (purchase.index, purchase.id.to_string());
            match (purchase.state, purchase.raw) {
                (PurchaseState::Settled | PurchaseState::Received, Some(raw)) => {
                    has_raw(&raw).then_some(OnRecord::Bought { index })
                }
                // Its job is asked about, which is no purchase.
                (PurchaseState::Submitted, _) if purchase.job_id.is_some() => {
                    Some(OnRecord::Bought { index })
                }
                (PurchaseState::Unknown, _) => {
                    let words = purchase.refusal.clone().unwrap_or_default();
                    Some(OnRecord::Unknown { id, words })
                }
                _ => None,
            }
        };
        all.into_iter().flatten().filter(|purchase| !purchase.extra).filter_map(entry).collect()
    }
}

impl World for ProjectWorld<'_> {
    fn block(&self, id: &str) -> Option<Block> {
        // Unreadable blocks were reported when the lock was read; such an asset is built again.
        self.lock.get(id)?.ok()
    }

    fn renamed_from(&self, wanted: &ActionKey) -> Option<Block> {
        let ids = self.lock.find_by_wanted(wanted);
        let gone = ids.into_iter().find(|id| !self.ids.contains(id))?;
        self.block(gone)
    }

    fn published(&self, path: &RelPath, expected: &Digest) -> FileState {
        match self.table.get(path, Content::Bytes) {
            Some(Learned::File(found)) if found.digest == *expected => {
                FileState::Present(found.digest)
            }
            Some(Learned::File(found)) if self.is_lfs_pointer(path, &found.digest) => {
                FileState::LfsPointer
            }
            Some(Learned::File(found)) => FileState::Present(found.digest),
            Some(Learned::Unreadable(why)) => FileState::Unreadable(why.clone()),
            Some(Learned::Absent) | None => FileState::Absent,
        }
    }

    fn can_restore(&self, digest: &Digest) -> bool {
        self.cas.is_some_and(|cas| cas.contains(digest).unwrap_or(false))
    }

    fn is_built(&self, id: &str) -> bool {
        self.block(id).is_some_and(|block| !block.provisional && !block.outputs.is_empty())
    }

    fn has_raw(&self, digest: &Digest) -> bool {
        self.raws.get(*digest).is_ok_and(|found| found.is_ok())
    }

    fn history(&self, id: &str) -> Option<FieldList> {
        self.state.get()?.trace(id).ok().flatten()
    }

    fn availability(&self, spec: &AssetSpec) -> Availability {
        let source = match &spec.generate {
            GenerateOp::Request(request) => {
                let inputs = spec.generate.inputs().into_iter().map(|path| self.input(path));
                let missing = inputs.into_iter().find(|found| *found != Availability::Ready);
                missing.unwrap_or_else(|| self.provider(&spec.id, request))
            }
            GenerateOp::Svg(drawing) => self.input(&drawing.source),
            GenerateOp::File(source) => self.input(source),
            GenerateOp::Manual(file) => match self.input(&file.source) {
                Availability::InputMissing(path) => Availability::WaitsFor(path),
                other => other,
            },
            GenerateOp::Placeholder(_) | GenerateOp::Synth(_) => Availability::Ready,
            GenerateOp::Command(run) => self.command(run),
        };
        // Who cannot be asked matters more than what could not be done with the answer.
        if matches!(source, Availability::Unavailable(..)) {
            return source;
        }
        match unwritable(spec) {
            Some(encoding) => {
                let why = process::cannot_encode(encoding);
                Availability::Unavailable(ReasonCode::StepMissing, why)
            }
            None => source,
        }
    }

    fn on_record(&self, wanted: &ActionKey) -> Vec<OnRecord> {
        self.record.of(wanted, |raw| self.has_raw(raw))
    }

    fn can_stand_in(&self, spec: &AssetSpec) -> bool {
        let mut files = spec.publish.files.iter();
        self.config.until_bought == UntilBought::Placeholder
            && files.all(|file| process::can_encode(file.encoding))
    }

    fn entry(&self, block: &Block) -> EntryState {
        // A block without an entry is that of an asset whose entry could not be written.
        let Some(entry) = &block.entry else { return EntryState::Gone };
        let Manifest::Entries(entries) = self.manifest else { return EntryState::Stands };
        match entries.as_ref().and_then(|all| find_entry(all, &entry.section, &entry.key)) {
            None => EntryState::Gone,
            Some(value) if value_digest(&value) == entry.value => EntryState::Stands,
            Some(_) => EntryState::Edited,
        }
    }
}

/// An encoding that no file of the asset can get: what is there already may be published as it is,
/// but nothing can be encoded so.
fn unwritable(spec: &AssetSpec) -> Option<Encoding> {
    let is_made = !matches!(spec.generate, GenerateOp::File(_) | GenerateOp::Manual(_));
    let encodings = spec.publish.files.iter().map(|file| file.encoding);
    encodings.filter(|_| is_made).find(|encoding| !process::can_encode(*encoding))
}

impl ProjectWorld<'_> {
    fn input(&self, path: &RelPath) -> Availability {
        match self.table.get(path, input_content(path)) {
            Some(Learned::File(_)) => Availability::Ready,
            Some(Learned::Unreadable(why)) => {
                Availability::Unavailable(ReasonCode::InputMissing, format!("failed to {why}"))
            }
            Some(Learned::Absent) | None => Availability::InputMissing(path.clone()),
        }
    }

    /// Whether a program and its inputs are there; it is not run.
    fn command(&self, run: &CommandRun) -> Availability {
        let inputs = run.inputs.iter().map(|path| self.input(path));
        if let Some(obstacle) = inputs.into_iter().find(|found| *found != Availability::Ready) {
            return obstacle;
        }
        let words = [run.run.first(), run.version.first()].into_iter().flatten();
        let programs = self.session.programs();
        let absent = |word: &&String| {
            generate::program_input(word).is_none() && programs.find(word).is_none()
        };
        match words.into_iter().find(absent) {
            None => Availability::Ready,
            Some(word) => {
                let why = format!("there is no program `{word}` on PATH; install it");
                Availability::Unavailable(ReasonCode::ProgramMissing, why)
            }
        }
    }

    /// Whether a request can be sent today, and may.
    fn provider(&self, id: &str, request: &Request) -> Availability {
        let order = catalog::order(&request.wanted(), &self.config.retired_models, self.today);
        let sent = match order {
            Ok(order) => order.sent,
            Err(obstacle) => {
                return Availability::Unavailable(ReasonCode::ModelRetired, obstacle.describe());
            }
        };
        let found = match self.market.find(&sent) {
            Err(Unavailable::Account(_)) if self.is_replaced(request) => Ok(()),
            found => found.map(drop),
        };
        let (code, why) = match found {
            Err(Unavailable::Account(error @ AccountError::NoProgram { .. })) => {
                (ReasonCode::ProgramMissing, error.to_string())
            }
            Err(Unavailable::Account(error)) => (ReasonCode::KeyMissing, error.to_string()),
            Err(Unavailable::NoService) => {
                let name = &request.provider;
                let why = format!("the provider `{name}` is not part of this version");
                (ReasonCode::ProviderMissing, why)
            }
            Ok(()) => match self.withheld.get(id) {
                Some((code, why)) => (*code, why.clone()),
                None => return Availability::Ready,
            },
        };
        Availability::Unavailable(code, why)
    }

    /// Whether somebody takes over from a provider without a key.
    fn is_replaced(&self, request: &Request) -> bool {
        let mut others = request.fallback.iter().filter_map(|fallback| {
            sent_to_fallback(request, fallback, self.config, self.today).ok()
        });
        request.fallback_on.contains(&FallbackOn::MissingKey)
            && others.any(|sent| self.market.find(&sent).is_ok())
    }

    /// Whether a Git LFS pointer of at most 1 KiB stands in the file's place.
    fn is_lfs_pointer(&self, path: &RelPath, found: &Digest) -> bool {
        const LONGEST: u64 = 1024;
        found.size <= LONGEST
            && self.session.files().read(path).is_ok_and(|(bytes, _)| {
                bytes.starts_with(b"version https://git-lfs.github.com/spec/")
            })
    }
}
