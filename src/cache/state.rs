//! The database `.assetcache/state.redb`: opening it, replacing it when it is damaged, and one
//! transaction at a time. Several processes have it open at once.
//!
//! All of it can be made again from files, so a damaged database is moved aside and a new one
//! begun, but only while no other process uses it. Tables and their versions are specified in
//! docs/design/cache-format.md.

use std::any::Any;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redb::{
    ConcurrencyMode, Database, ReadTransaction, ReadableDatabase as _, TableDefinition, TableError,
    WriteTransaction,
};

use crate::base::guarded;
use crate::cache::dir::{CacheDir, CacheDirError, unique_name};
use crate::cache::runs::{RunError, lock_error, open_lock_file};

/// Version of the tables below and of what their rows hold.
pub const STATE_FORMAT: u64 = 1;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const ACTIONS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("actions");
pub(super) const TRACES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("traces");
pub(super) const BLOB_ACCESS: TableDefinition<'_, &[u8; 32], u64> =
    TableDefinition::new("blob_access");

const FORMAT_KEY: &str = "format";

/// Bytes of pages that redb keeps in memory; its default of 1 GiB is more than a build may use.
const PAGE_CACHE: usize = 64 << 20;

/// How long a rebuild waits for processes that are just about to find the same damage.
const REBUILD_TRIES: u32 = 25;
const REBUILD_PAUSE: Duration = Duration::from_millis(20);

/// The open database.
pub struct State {
    db: Contained<Database>,
    cache: CacheDir,
    /// Held shared while the database is open; a rebuild takes it alone.
    in_use: File,
    /// Whether this process has said that it writes.
    writes: AtomicBool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// What a person or a layer above should know about an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateNotice {
    /// There was no database: sums and rows have to be read from the files that they mirror.
    Created,
    /// The database could not be used; it was moved aside and an empty one begun.
    Rebuilt {
        /// Why.
        reason: RebuildReason,
    },
}

/// Why a database could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebuildReason {
    /// The file is not a database, or something that is no file was in its place.
    #[error("it is not a database")]
    Foreign,
    /// The file is a database with damage.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Another version of the tool wrote it.
    #[error("its tables have version {found}, this tool writes {STATE_FORMAT}")]
    Format {
        /// The version in the file.
        found: u64,
    },
    /// A person asked for it, or an earlier run found damage.
    #[error("a rebuild was asked for")]
    Requested,
}

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The cache folder cannot be prepared.
    #[error(transparent)]
    Dir(#[from] CacheDirError),
    /// The lock beside the database cannot be used.
    #[error(transparent)]
    Lock(#[from] RunError),
    /// The file cannot be read or written.
    #[error("use the database `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file system or platform cannot lock parts of a file.
    #[error("share the database `{path}`: this file system cannot lock parts of a file")]
    LocksUnsupported {
        /// The file.
        path: PathBuf,
    },
    /// A process has the database open that does not share it.
    #[error("open the database `{path}`: another program has it open for itself")]
    NotShared {
        /// The file.
        path: PathBuf,
    },
    /// A version of the tool with another locking protocol has the database open.
    #[error("open the database `{path}`: another version of assetbuild is running")]
    OtherVersionRunning {
        /// The file.
        path: PathBuf,
    },
    /// The database must be rebuilt, and another process still uses it.
    #[error("rebuild the database `{path}` ({reason}) while another run uses it")]
    RebuildBlocked {
        /// The file.
        path: PathBuf,
        /// Why it must be rebuilt.
        reason: RebuildReason,
    },
    /// Damage was met after opening; the next opening rebuilds the database.
    #[error("read the database `{path}`: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What redb said.
        reason: String,
    },
    /// Any other failure of the database.
    #[error("use the database")]
    Redb(#[source] Box<redb::Error>),
}

impl State {
    /// Opens the database of a project, and begins a new one where there is none or where it
    /// cannot be used.
    ///
    /// # Errors
    /// `StateError`; `RebuildBlocked` when the database is unusable and another process still
    /// works with it.
    pub fn open(cache: &CacheDir) -> Result<(Self, Option<StateNotice>), StateError> {
        cache.ensure()?;
        let path = cache.state();
        let lock_path = cache.path().join("state.lock");
        let in_use = open_lock_file(&lock_path)?;
        let on_lock = |source| StateError::Lock(lock_error(&lock_path, source));
        let mut rebuilt = None;
        if unclean_marker(cache).exists() && in_use.try_lock().is_ok() {
            // A writer died, and nobody is left who knows the file to be whole: read all of it.
            if let Opened::Unusable(reason) = open_database(&path, &damage_marker(cache), true)? {
                move_aside(cache)
                    .map_err(|source| StateError::Io { path: path.clone(), source })?;
                rebuilt = Some(reason);
            }
            let marker = unclean_marker(cache);
            ignore_missing(fs::remove_file(&marker))
                .map_err(|source| StateError::Io { path: marker, source })?;
            in_use.unlock().map_err(on_lock)?;
        }
        loop {
            in_use.lock_shared().map_err(on_lock)?;
            let reason = match open_database(&path, &damage_marker(cache), false)? {
                Opened::Ready { db, created } => {
                    let created = created.then_some(StateNotice::Created);
                    let notice = rebuilt.map(|reason| StateNotice::Rebuilt { reason });
                    let writes = AtomicBool::new(false);
                    let state = Self { db, cache: cache.clone(), in_use, writes };
                    return Ok((state, notice.or(created)));
                }
                Opened::Unusable(reason) => reason,
            };
            // A shared lock cannot become an exclusive one everywhere without letting go of it.
            in_use.unlock().map_err(on_lock)?;
            if !lock_alone(&in_use).map_err(on_lock)? {
                return Err(StateError::RebuildBlocked { path, reason });
            }
            // Another process may have rebuilt it meanwhile: then there is nothing to move.
            if let Opened::Unusable(reason) = open_database(&path, &damage_marker(cache), false)? {
                move_aside(cache)
                    .map_err(|source| StateError::Io { path: path.clone(), source })?;
                rebuilt = Some(reason);
            }
            in_use.unlock().map_err(on_lock)?;
        }
    }

    /// Moves the database aside and begins an empty one: what `store rebuild` does before the
    /// layers above fill it from their files.
    ///
    /// # Errors
    /// As `open`.
    pub fn rebuild(cache: &CacheDir) -> Result<(Self, Option<StateNotice>), StateError> {
        cache.ensure()?;
        let marker = damage_marker(cache);
        fs::write(&marker, "").map_err(|source| StateError::Io { path: marker.clone(), source })?;
        Self::open(cache)
    }

    /// Begins a read transaction: a view of the last commit.
    pub(super) fn begin_read(&self) -> Result<Contained<ReadTransaction>, StateError> {
        self.guard(|| Ok(Contained::new(self.db.begin_read()?)))
    }

    /// Begins the write transaction; waits while another process or thread has one.
    pub(super) fn begin_write(&self) -> Result<Contained<WriteTransaction>, StateError> {
        if !self.writes.swap(true, Ordering::Relaxed) {
            let marker = unclean_marker(&self.cache);
            fs::write(&marker, "").map_err(|source| StateError::Io { path: marker, source })?;
        }
        self.guard(|| Ok(Contained::new(self.db.begin_write()?)))
    }

    /// Commits: durable, and visible to other processes from then on.
    ///
    /// redb refuses commits without a sync in this mode (`NonDurableCommitUnsupported`), so many
    /// free rows share one commit instead.
    pub(super) fn commit(
        &self,
        transaction: Contained<WriteTransaction>,
    ) -> Result<(), StateError> {
        self.guard(|| Ok(transaction.take().commit()?))
    }

    /// Runs one piece of database work; damage is noted on disk, so the next opening rebuilds.
    ///
    /// redb promises errors for damage only where it verifies the whole file, and that would read
    /// all of it at every start. Elsewhere it may panic, which counts as damage here.
    pub(super) fn guard<T>(
        &self,
        work: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        let reason = match guarded(work) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => match damage_of(&error) {
                Some(reason) => reason,
                None => return Err(world_error(&self.cache.state(), error)),
            },
            Err(panic) => panic_text(&*panic),
        };
        // If the note cannot be written, the next run meets the same damage and says so again.
        let _ = fs::write(damage_marker(&self.cache), &reason);
        Err(StateError::Damaged { path: self.cache.state(), reason })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.db.close();
        // The last writer to leave says that all went well. If that fails, the next one to open
        // the database reads all of it, which is slow and harmless.
        if *self.writes.get_mut() && self.in_use.unlock().is_ok() && self.in_use.try_lock().is_ok()
        {
            let _ = fs::remove_file(unclean_marker(&self.cache));
        }
    }
}

enum Opened {
    Ready { db: Contained<Database>, created: bool },
    Unusable(RebuildReason),
}

fn open_database(path: &Path, marker: &Path, verify: bool) -> Result<Opened, StateError> {
    if marker.exists() {
        let reason = fs::read_to_string(marker).unwrap_or_default();
        return Ok(Opened::Unusable(if reason.is_empty() {
            RebuildReason::Requested
        } else {
            RebuildReason::Damaged(reason)
        }));
    }
    let opened = guarded(|| {
        let mut builder = Database::builder();
        builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(PAGE_CACHE);
        builder.set_check_integrity_on_open(verify);
        let db = Contained::new(builder.create(path)?);
        let found = read_format(&db)?;
        if found.is_none() {
            create_tables(&db)?;
        }
        Ok((db, found))
    });
    let unusable = |reason| Ok(Opened::Unusable(reason));
    match opened {
        Ok(Ok((db, None))) => Ok(Opened::Ready { db, created: true }),
        Ok(Ok((db, Some(STATE_FORMAT)))) => Ok(Opened::Ready { db, created: false }),
        Ok(Ok((_, Some(found)))) => unusable(RebuildReason::Format { found }),
        Ok(Err(error)) => classify(path, error).map(Opened::Unusable),
        Err(panic) => unusable(RebuildReason::Damaged(panic_text(&*panic))),
    }
}

/// Tells an unusable file from a failure of the world around it.
fn classify(path: &Path, error: redb::Error) -> Result<RebuildReason, StateError> {
    match &error {
        redb::Error::Io(source) if source.kind() == ErrorKind::InvalidData || path.is_dir() => {
            Ok(RebuildReason::Foreign)
        }
        error_in_file => match damage_of(error_in_file) {
            Some(reason) => Ok(RebuildReason::Damaged(reason)),
            None => Err(world_error(path, error)),
        },
    }
}

/// What is wrong with the file, if that is what an error says. Tables of unexpected names or types
/// are damage too: the format was checked before.
fn damage_of(error: &redb::Error) -> Option<String> {
    match error {
        redb::Error::Corrupted(reason) => Some(reason.clone()),
        redb::Error::Io(source) => {
            (source.kind() == ErrorKind::UnexpectedEof).then(|| source.to_string())
        }
        redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TransactionPoisoned => Some(error.to_string()),
        _ => None,
    }
}

/// An error that is not the file's fault.
fn world_error(path: &Path, error: redb::Error) -> StateError {
    let path = path.to_owned();
    match error {
        redb::Error::Io(source) => StateError::Io { path, source },
        redb::Error::Unsupported => StateError::LocksUnsupported { path },
        redb::Error::DatabaseAlreadyOpen => StateError::NotShared { path },
        redb::Error::LockProtocolMismatch => StateError::OtherVersionRunning { path },
        error => StateError::Redb(Box::new(error)),
    }
}

/// The version of the tables; none if there are no tables yet.
fn read_format(db: &Database) -> Result<Option<u64>, redb::Error> {
    match db.begin_read()?.open_table(META) {
        Ok(meta) => Ok(Some(meta.get(FORMAT_KEY)?.map_or(0, |row| row.value()))),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn create_tables(db: &Database) -> Result<(), redb::Error> {
    let transaction = Contained::new(db.begin_write()?);
    // Two processes may both have found no tables; the second one finds its work done.
    transaction.open_table(META)?.insert(FORMAT_KEY, STATE_FORMAT)?;
    transaction.open_table(ACTIONS)?;
    transaction.open_table(TRACES)?;
    transaction.open_table(BLOB_ACCESS)?;
    Ok(transaction.take().commit()?)
}

/// Whether the lock could be taken alone, after a short wait for those who only look.
fn lock_alone(lock: &File) -> io::Result<bool> {
    for attempt in 0..REBUILD_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if attempt + 1 < REBUILD_TRIES => {
                thread::sleep(REBUILD_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

/// Keeps the unusable database as `state-….old`, the last one only.
fn move_aside(cache: &CacheDir) -> io::Result<()> {
    for entry in fs::read_dir(cache.path())? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if name.starts_with("state-") && name.ends_with(".old") && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    let aside = cache.path().join(format!("state-{}.old", unique_name()));
    ignore_missing(fs::rename(cache.state(), aside))?;
    ignore_missing(fs::remove_file(damage_marker(cache)))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Its presence says that the database is to be rebuilt; its text says why.
fn damage_marker(cache: &CacheDir) -> PathBuf {
    cache.path().join("state.damaged")
}

/// Its presence says that a process wrote and has not closed the database yet, or died.
fn unclean_marker(cache: &CacheDir) -> PathBuf {
    cache.path().join("state.unclean")
}

/// A database or transaction whose destructor may panic on damage, as it does after a panic inside
/// it: that is contained here, since it would end the process during an unwinding.
pub(super) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    fn new(value: T) -> Self {
        Self(Some(value))
    }

    fn close(&mut self) {
        let value = self.0.take();
        // Whatever this meets was met, and noted, by the work before it.
        let _ = guarded(|| drop(value));
    }

    fn take(mut self) -> T {
        self.0.take().expect("only a drop or this takes the value")
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only a drop or `take` takes the value")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        self.close();
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the database code panicked").to_owned()
}

#[cfg(test)]
mod tests;
