//! A project on disk, opened: where its files are and what stands in its cache folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::{Digest, RelPath};
use crate::cache::{CacheDir, Cas as _, FileError, LocalCas, ProjectFiles};
use crate::generate::Programs;
use crate::pipeline::kept::Kept;
use crate::purchase::RawStore;

/// The name of the project file.
pub const ASSETFILE: &str = "Assetfile.yaml";

/// The name of the lockfile.
pub const LOCKFILE: &str = "assetbuild.lock";

/// The lockfile's path inside of the project.
pub(super) fn lock_path() -> RelPath {
    RelPath::new(LOCKFILE).expect("a literal path inside the project")
}

/// An opened project.
#[derive(Debug)]
pub struct Session {
    root: PathBuf,
    assetfile: RelPath,
    has_assetfile: bool,
    files: ProjectFiles,
    cache: CacheDir,
    second_home: Option<PathBuf>,
    programs: Programs,
    kept: Kept,
}

/// The project cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no project file and no spec folder from here up.
    #[error(
        "no {ASSETFILE} and no specs folder here or in a folder above; start one with `assetbuild init`"
    )]
    NoProject,
    /// The project file that the user named is not there.
    #[error("there is no project file at `{0}`")]
    NoAssetfile(RelPath),
    /// The folder cannot be read.
    #[error("failed to open the project")]
    Files(#[from] FileError),
}

impl Session {
    /// Opens the project in `start` or the nearest folder above that has one.
    ///
    /// `assetfile`: the project file relative to `start`, if the user named one; then `start` is
    /// the root. `second_home`: the folder for second copies of what was bought, if it is on.
    ///
    /// # Errors
    /// `OpenError` if there is no project.
    pub fn open(
        start: &Path,
        assetfile: Option<&RelPath>,
        second_home: Option<PathBuf>,
    ) -> Result<Self, OpenError> {
        let default = RelPath::new(ASSETFILE).expect("a literal path inside the project");
        let (root, assetfile) = match assetfile {
            Some(named) if !named.under(start).is_file() => {
                return Err(OpenError::NoAssetfile(named.clone()));
            }
            Some(named) => (start.to_owned(), named.clone()),
            None => (find_root(start).ok_or(OpenError::NoProject)?, default),
        };
        let files = ProjectFiles::open(&root)?;
        let has_assetfile = assetfile.under(&root).is_file();
        let cache = CacheDir::of_project(&root);
        let (programs, kept) = (Programs::default(), Kept::default());
        Ok(Self { root, assetfile, has_assetfile, files, cache, second_home, programs, kept })
    }

    /// The same project with the programs of this machine.
    #[must_use]
    pub fn with_programs(self, programs: Programs) -> Self {
        Self { programs, ..self }
    }

    /// The programs of this machine.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The folder for second copies of what was bought, if it is on.
    pub fn second_home(&self) -> Option<&Path> {
        self.second_home.as_deref()
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project file.
    pub fn assetfile(&self) -> &RelPath {
        &self.assetfile
    }

    /// Whether the project file was there when the project was opened.
    pub(super) fn had_assetfile(&self) -> bool {
        self.has_assetfile
    }

    /// What the outcome of a run depends on beside the files that it read: `program`, and which
    /// project file it was, if there was one.
    pub fn environment(&self, program: &Digest) -> Digest {
        let Self { assetfile, has_assetfile, .. } = self;
        Digest::of(format!("{program} {has_assetfile} {assetfile}").as_bytes())
    }

    /// Readable files below the root.
    pub fn files(&self) -> &ProjectFiles {
        &self.files
    }

    /// The cache folder.
    pub fn cache(&self) -> &CacheDir {
        &self.cache
    }

    /// Bought raw material, in the project's folder for it and in the second home.
    pub fn raws(&self, paid_dir: &RelPath) -> RawStore {
        RawStore::new(&paid_dir.under(&self.root), self.second_home.as_deref())
    }

    /// Where the lockfile is.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join(LOCKFILE)
    }

    /// The same project with what a watch keeps from one run to the next.
    #[must_use]
    pub fn for_watch(self) -> Self {
        Self { kept: Kept::for_watch(), ..self }
    }

    /// What it has read and may use again.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }
}

/// The bytes of a finished file: made by a build, or adopted and kept like what was bought.
pub(super) fn finished_file(
    cas: &LocalCas,
    raws: &RawStore,
    digest: &Digest,
) -> io::Result<Vec<u8>> {
    if let Some(bytes) = cas.get(digest).map_err(io::Error::other)? {
        return Ok(bytes);
    }
    let raw = raws.get(*digest).map_err(io::Error::other)?;
    let missing = |_| io::Error::new(io::ErrorKind::NotFound, "the blob is in no store");
    raw.map(|raw| raw.bytes).map_err(missing)
}

fn find_root(start: &Path) -> Option<PathBuf> {
    let start = std::path::absolute(start).ok()?;
    let with_assetfile = start.ancestors().find(|dir| dir.join(ASSETFILE).is_file());
    // A project with only specs works, but is not guessed from a folder above.
    let found = with_assetfile.or_else(|| start.join("specs").is_dir().then_some(&*start));
    found.map(Path::to_owned)
}
