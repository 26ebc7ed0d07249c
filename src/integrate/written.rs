//! What became of a file of the tool's own: the digest of a large one may still be on its way.

use std::fs::Metadata;
use std::io;
use std::thread::JoinHandle;

use crate::base::Digest;

/// A file as it was written.
#[derive(Debug)]
pub struct Written {
    metadata: Metadata,
    digest: FileDigest,
}

/// The digest of a file that was written.
#[derive(Debug)]
pub(super) enum FileDigest {
    Known(Digest),
    /// Another thread reads the file.
    Coming(JoinHandle<io::Result<Digest>>),
}

impl Written {
    /// `metadata`: from after the last byte was written.
    pub(super) fn new(metadata: Metadata, digest: FileDigest) -> Self {
        Self { metadata, digest }
    }

    /// What the system said of the file before it was put in place, which changes no more than the time of
    /// its inode.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Waits for its digest.
    ///
    /// # Errors
    /// Why it could not be read.
    pub fn digest(self) -> io::Result<Digest> {
        match self.digest {
            FileDigest::Known(digest) => Ok(digest),
            FileDigest::Coming(digest) => {
                digest.join().unwrap_or_else(|_| Err(io::Error::other("the reader panicked")))
            }
        }
    }
}
