//! The folder of purchase files: the truth about money.
//!
//! Every change is on disk before this module returns, and replaces the file in one step.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::purchase::durable::{self, Existing, WriteError};
use crate::purchase::id::PurchaseId;
use crate::purchase::record::{DecodeError, Purchase};
use crate::purchase::state::{Change, IllegalChange, State};

/// What git shall not see of a committed paid folder.
const GITIGNORE: &str = "/.lock\n.tmp-*\n";

/// The purchase files of a project.
#[derive(Debug, Clone)]
pub struct Journal {
    paid_dir: PathBuf,
    /// Closed purchases that were read: they never change again. Clones share them.
    closed: Arc<Mutex<BTreeMap<PurchaseId, Purchase>>>,
}

/// A purchase file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The lock that keeps writers apart cannot be taken.
    #[error("failed to lock `{}`", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file's content makes no sense, or a newer tool wrote it.
    #[error("failed to use `{}`", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// The file holds another purchase than its name says.
    #[error("`{}` holds purchase {found}", path.display())]
    Renamed {
        /// The file.
        path: PathBuf,
        /// The purchase that it holds.
        found: PurchaseId,
    },
    /// The change does not lead on.
    #[error("failed to change purchase {id}")]
    Illegal {
        /// The purchase.
        id: PurchaseId,
        /// Why.
        #[source]
        source: IllegalChange,
    },
}

/// All purchases of a folder, and the files that are broken.
#[derive(Debug, Default)]
pub struct Listing {
    /// Purchases by the time of their reservation, then by id.
    pub purchases: Vec<Purchase>,
    /// What could not be read, by file name.
    pub problems: Vec<Problem>,
}

/// A file in the folder that is no readable purchase.
#[derive(Debug)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub error: JournalError,
}

impl Journal {
    /// The journal below `paid_dir`; nothing is touched until the first write.
    pub fn new(paid_dir: &Path) -> Self {
        Self { paid_dir: paid_dir.to_owned(), closed: Arc::default() }
    }

    /// Writes a new purchase, on disk when this returns.
    ///
    /// # Errors
    /// `Content` if the purchase is not complete for its state or not `reserved`, `Write` if the
    /// file is there already or cannot be written.
    pub fn reserve(&self, purchase: &Purchase) -> Result<(), JournalError> {
        let path = self.path(&purchase.id);
        let wrong = |source| JournalError::Content { path: path.clone(), source };
        if purchase.state != State::Reserved {
            return Err(wrong(DecodeError::Invalid("state")));
        }
        Purchase::decode(&purchase.encode()).map_err(wrong)?;
        self.prepare()?;
        durable::write(&path, purchase.encode().as_bytes(), Existing::Keep)?;
        Ok(())
    }

    /// Writes new purchases, all of them or none, if `admit` lets them pass that sees everything on
    /// record; nobody else writes meanwhile, so that two processes never both see the same money.
    ///
    /// # Errors
    /// As for `reserve`; none of them is reserved then, or its run has to be over to release it.
    pub fn reserve_together<R>(
        &self,
        mut purchases: Vec<Purchase>,
        admit: impl FnOnce(&mut [Purchase], &[Purchase]) -> Result<(), R>,
    ) -> Result<Result<(), R>, JournalError> {
        self.prepare()?;
        let _lock = self.lock()?;
        if let Err(refusal) = admit(&mut purchases, &self.read_all()?.purchases) {
            return Ok(Err(refusal));
        }
        for (number, purchase) in purchases.iter().enumerate() {
            if let Err(error) = self.reserve(purchase) {
                for reserved in &purchases[..number] {
                    // No request has left. What stays is released once this run is over.
                    let _ = fs::remove_file(self.path(&reserved.id));
                }
                return Err(error);
            }
        }
        Ok(Ok(()))
    }

    /// Applies a change to a purchase and returns the purchase as it is on disk then.
    ///
    /// The file is read anew under a lock, so of two writers one wins and the other one sees that
    /// its change does not lead on.
    ///
    /// # Errors
    /// `Illegal` if the change does not lead on, the others if the file cannot be read or written.
    pub fn change(&self, id: &PurchaseId, change: &Change) -> Result<Purchase, JournalError> {
        self.prepare()?;
        let _lock = self.lock()?;
        let path = self.path(id);
        let next = self
            .read(id)?
            .changed(change)
            .map_err(|source| JournalError::Illegal { id: id.clone(), source })?;
        // What would not be read again is not written.
        Purchase::decode(&next.encode())
            .map_err(|source| JournalError::Content { path: path.clone(), source })?;
        durable::write(&path, next.encode().as_bytes(), Existing::Replace)?;
        Ok(next)
    }

    /// Reads one purchase.
    ///
    /// # Errors
    /// If the file is not there, cannot be read, or makes no sense.
    pub fn read(&self, id: &PurchaseId) -> Result<Purchase, JournalError> {
        let path = self.path(id);
        let text = fs::read_to_string(&path)
            .map_err(|source| JournalError::Read { path: path.clone(), source })?;
        let purchase = Purchase::decode(&text)
            .map_err(|source| JournalError::Content { path: path.clone(), source })?;
        if purchase.id == *id {
            Ok(purchase)
        } else {
            Err(JournalError::Renamed { path, found: purchase.id })
        }
    }

    /// Reads all purchases; a broken file is a problem beside the others, never instead of them.
    ///
    /// # Errors
    /// `Read` if the folder is there and cannot be listed.
    pub fn read_all(&self) -> Result<Listing, JournalError> {
        let folder = self.folder();
        let failed = |source| JournalError::Read { path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listing::default()),
            entries => entries.map_err(failed)?,
        };
        let mut listing = Listing::default();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Temporary files of a crash, and what editors and git leave.
            let Some(stem) = name.strip_suffix(".toml").filter(|_| !name.starts_with('.')) else {
                continue;
            };
            let read = match stem.parse::<PurchaseId>() {
                Ok(id) => self.read_unless_closed(&id),
                Err(_) => Err(JournalError::Content {
                    path: path.clone(),
                    source: DecodeError::Invalid("id"),
                }),
            };
            match read {
                Ok(purchase) => listing.purchases.push(purchase),
                Err(error) => listing.problems.push(Problem { path, error }),
            }
        }
        listing.purchases.sort_by(|a, b| (&a.reserved_at, &a.id).cmp(&(&b.reserved_at, &b.id)));
        listing.problems.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }

    fn read_unless_closed(&self, id: &PurchaseId) -> Result<Purchase, JournalError> {
        if let Some(known) = self.closed().get(id) {
            return Ok(known.clone());
        }
        let purchase = self.read(id)?;
        if purchase.state.is_final() {
            self.closed().insert(id.clone(), purchase.clone());
        }
        Ok(purchase)
    }

    fn closed(&self) -> MutexGuard<'_, BTreeMap<PurchaseId, Purchase>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a copy of a purchase into the second home.
    ///
    /// # Errors
    /// `WriteError` if it cannot be written; the purchase itself is safe.
    pub fn copy_to(&self, second_home: &Path, purchase: &Purchase) -> Result<(), WriteError> {
        let path = Self::new(second_home).path(&purchase.id);
        durable::write(&path, purchase.encode().as_bytes(), Existing::Replace)
    }

    /// Whether anything was ever recorded here.
    pub fn exists(&self) -> bool {
        self.folder().is_dir()
    }

    /// Records a receipt that only the second home had.
    ///
    /// # Errors
    /// `JournalError` if it cannot be written.
    pub fn bring_back(&self, receipt: &Purchase) -> Result<(), JournalError> {
        self.prepare()?;
        let path = self.path(&receipt.id);
        Ok(durable::write(&path, receipt.encode().as_bytes(), Existing::Replace)?)
    }

    fn folder(&self) -> PathBuf {
        self.paid_dir.join("purchases")
    }

    fn path(&self, id: &PurchaseId) -> PathBuf {
        self.folder().join(format!("{id}.toml"))
    }

    /// Makes the folder known to git as what it is, before anything else is written.
    fn prepare(&self) -> Result<(), JournalError> {
        let path = self.paid_dir.join(".gitignore");
        if path.exists() {
            return Ok(());
        }
        match durable::write(&path, GITIGNORE.as_bytes(), Existing::Keep) {
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => Ok(result?),
        }
    }

    /// Keeps other writers away until it is dropped. The lock dies with its process.
    fn lock(&self) -> Result<File, JournalError> {
        let path = self.paid_dir.join(".lock");
        let failed = |source| JournalError::Lock { path: path.clone(), source };
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}
