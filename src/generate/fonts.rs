//! Fonts for text in drawings: those of the project and the one that ships with the tool.
//!
//! The system's fonts are never used: the same drawing looks the same on every machine.

use std::sync::Arc;

use resvg::usvg::fontdb::{Database, Source};

use crate::base::{Digest, RelPath};

/// Karla, a sans-serif by the Karla Project Authors, under the SIL Open Font License 1.1
/// (`fonts/Karla-OFL.txt`).
const SHIPPED: &[u8] = include_bytes!("fonts/Karla-Regular.otf");

/// The family that text is set in when its own is not there.
const SHIPPED_FAMILY: &str = "Karla";

/// The fonts of a project, and the shipped one.
#[derive(Debug, Clone)]
pub struct FontSet {
    database: Arc<Database>,
    digest: Digest,
}

/// Why a font file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FontError {
    /// There is no TrueType or OpenType font in it.
    #[error("{0} is not a TrueType or OpenType font")]
    NotAFont(RelPath),
}

impl FontSet {
    /// Only the font that ships with the tool.
    pub fn shipped() -> Self {
        Self::new([]).expect("no file can be wrong where there is none")
    }

    /// The fonts in `files` and the shipped one. Of two fonts with one name the first is used.
    ///
    /// # Errors
    /// `FontError` for a file without a font.
    pub fn new(files: impl IntoIterator<Item = (RelPath, Arc<[u8]>)>) -> Result<Self, FontError> {
        let mut database = Database::new();
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        for (path, bytes) in files {
            let digest = Digest::of(&bytes);
            hasher.update(&digest.hash);
            size += digest.size;
            if database.load_font_source(Source::Binary(Arc::new(bytes))).is_empty() {
                return Err(FontError::NotAFont(path));
            }
        }
        database.load_font_source(Source::Binary(Arc::new(SHIPPED)));
        database.set_serif_family(SHIPPED_FAMILY);
        database.set_sans_serif_family(SHIPPED_FAMILY);
        database.set_cursive_family(SHIPPED_FAMILY);
        database.set_fantasy_family(SHIPPED_FAMILY);
        database.set_monospace_family(SHIPPED_FAMILY);
        hasher.update(&Digest::of(SHIPPED).hash);
        let digest = Digest { hash: *hasher.finalize().as_bytes(), size };
        Ok(Self { database: Arc::new(database), digest })
    }

    /// Identifies all fonts and their order, for keys of what is drawn with them.
    ///
    /// The size is that of the project's font files.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The fonts as the renderer wants them.
    pub(super) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (RelPath, Arc<[u8]>) {
        (RelPath::new(name).expect("a plain path"), Arc::from(bytes))
    }

    #[test]
    fn the_shipped_font_is_there_and_only_it() {
        let fonts = FontSet::shipped();
        let names: Vec<_> =
            fonts.database().faces().map(|face| face.families[0].0.clone()).collect();
        assert_eq!(names, [SHIPPED_FAMILY]);
    }

    #[test]
    fn project_fonts_change_the_digest() {
        let fonts = FontSet::new([file("art/a.otf", SHIPPED)]).expect("a font");
        assert_ne!(fonts.digest(), FontSet::shipped().digest());
        assert_eq!(fonts.database().len(), 2);
    }

    #[test]
    fn what_is_no_font_is_an_error() {
        for bytes in [&b""[..], b"hello", &SHIPPED[..100]] {
            let error = FontSet::new([file("art/a.otf", bytes)]).expect_err("no font");
            assert_eq!(error.to_string(), "art/a.otf is not a TrueType or OpenType font");
        }
    }
}
