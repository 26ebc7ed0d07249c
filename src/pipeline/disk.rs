//! The project's files as bodies of actions read them: what was planned, or an error.

use std::io;
use std::sync::Arc;

use crate::base::{Digest, RelPath};
use crate::cache::{Content, FileError};
use crate::config::Config;
use crate::generate::{Commands, FontSet, InputError, Inputs};
use crate::pipeline::build::BuildError;
use crate::pipeline::session::Session;
use crate::pipeline::table::{FileTable, Learned, input_content};

/// The fonts of the settings, as they were planned.
pub(super) fn load_fonts(
    session: &Session,
    config: &Config,
    table: &FileTable,
) -> Result<FontSet, BuildError> {
    let mut fonts = Vec::new();
    for path in &config.fonts {
        let (bytes, _) = session.files().read(path)?;
        let planned = table.get(path, Content::Bytes).and_then(Learned::digest);
        if planned.is_some_and(|digest| digest != Digest::of(&bytes)) {
            return Err(FileError::Changing { path: path.to_string() }.into());
        }
        fonts.push((path.clone(), Arc::from(bytes)));
    }
    Ok(FontSet::new(fonts)?)
}

/// The project's files, for generate bodies.
pub(super) struct Disk<'a> {
    pub(super) session: &'a Session,
    pub(super) table: &'a FileTable,
    pub(super) fonts: &'a FontSet,
    pub(super) commands: &'a Commands,
}

impl Inputs for Disk<'_> {
    fn read(&self, path: &RelPath) -> Result<Arc<[u8]>, InputError> {
        match self.session.files().read(path) {
            Ok((bytes, _)) => {
                // The keys speak of the content that was planned for: another one must not be
                // recorded under them.
                let content = input_content(path);
                let planned = self.table.get(path, content).and_then(Learned::digest);
                let is_planned = planned.is_none_or(|digest| digest == content.digest(&bytes));
                if is_planned { Ok(Arc::from(bytes)) } else { Err(InputError::Changed) }
            }
            Err(FileError::Missing { .. }) => Err(InputError::NotFound),
            Err(FileError::Io { source, .. }) => Err(InputError::Read(source)),
            Err(error) => Err(InputError::Read(io::Error::other(error))),
        }
    }

    fn fonts(&self) -> &FontSet {
        self.fonts
    }

    fn commands(&self) -> &Commands {
        self.commands
    }
}
