//! The Assetfile and the files that it names: styles and fonts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Diagnostic, Digest, FileId, RelPath, SourceMap, Span};
use crate::cache::{FileError, Stat};
use crate::config::{self, Config, ProjectDefaults};
use crate::execute::with_causes;
use crate::generate::FontSet;
use crate::pipeline::load::Reader;
use crate::pipeline::session::Session;
use crate::spec;
use crate::yaml::{self, Value};

/// What the Assetfile and the files that it names say.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) concern: Digest,
    pub(super) defaults: ProjectDefaults,
    pub(super) styles: BTreeMap<String, String>,
}

/// What the Assetfile says, with all mistakes that it has by itself.
fn read_assetfile(sources: &SourceMap, file: Option<FileId>) -> config::Loaded {
    let mut loaded = config::load(sources, file);
    let names = loaded.provider_names.iter().map(|(name, span)| (name.as_str(), *span));
    loaded.diagnostics.extend(spec::check_provider_names(names));
    loaded.diagnostics.extend(spec::check_model_names(&loaded.defaults));
    loaded
}

/// The Assetfile as it is now, and what in it concerns assets; none if it cannot be read, or has
/// mistakes or warnings, which have to be told.
pub(super) fn settings_now(session: &Session) -> Option<(Digest, Digest, Stat)> {
    let assetfile = session.assetfile();
    let (bytes, stat) = session.files().read(assetfile).ok()?;
    let text = yaml::decode_text(&bytes).ok()?;
    let content = Digest::of_text(&text);
    let mut sources = SourceMap::default();
    let file = sources.add(assetfile.clone(), text);
    let config::Loaded { concern, diagnostics, .. } = read_assetfile(&sources, Some(file));
    diagnostics.is_empty().then_some((concern, content, stat))
}

/// A template or style as it is now; none if it is no text.
pub(super) fn text_now(session: &Session, path: &RelPath) -> Option<(Digest, Stat)> {
    let (bytes, stat) = session.files().read(path).ok()?;
    Some((Digest::of_text(&yaml::decode_text(&bytes).ok()?), stat))
}

/// A font as it is now; none if it is none.
pub(super) fn font_now(session: &Session, path: &RelPath) -> Option<(Digest, Stat)> {
    let (bytes, stat) = session.files().read(path).ok()?;
    let digest = Digest::of(&bytes);
    FontSet::new([(path.clone(), Arc::from(bytes))]).ok()?;
    Some((digest, stat))
}

/// The Assetfile as it was written, to tell where in it a path stands.
#[derive(Clone, Copy)]
struct Places<'a>(Option<&'a Value>);

impl Places<'_> {
    fn of_style(self, name: &str) -> Option<Span> {
        Some(self.0?.get("styles")?.get(name)?.span)
    }

    fn of_font(self, path: &str) -> Option<Span> {
        let fonts = self.0?.get("fonts")?.items();
        Some(fonts.iter().find(|font| font.text() == Some(path))?.span)
    }
}

impl Reader<'_> {
    pub(super) fn settings(&mut self) -> Settings {
        let assetfile = self.read_text(self.session.assetfile());
        self.check_presence(assetfile);
        let config::Loaded { config, defaults, concern, diagnostics, .. } =
            read_assetfile(&self.sources, assetfile);
        self.diagnostics.extend(diagnostics);
        let places = Places(defaults.written.as_ref());
        let styles = self.read_styles(&config, places);
        self.check_fonts(&config, places);
        Settings { config, concern, defaults, styles }
    }

    /// Tells of an Assetfile that was there in the beginning and is gone: everything would be built as if
    /// it said nothing.
    fn check_presence(&mut self, found: Option<FileId>) {
        let assetfile = self.session.assetfile();
        let is_gone = found.is_none() && self.sources.find(assetfile).is_none();
        if is_gone && self.session.had_assetfile() {
            self.diagnostics.push(
                Diagnostic::error("config::missing_file", format!("{assetfile} is gone"))
                    .help("write it again; assetbuild started anew builds without one"),
            );
        }
    }

    fn read_styles(&mut self, config: &Config, places: Places<'_>) -> BTreeMap<String, String> {
        let mut styles = BTreeMap::new();
        for (name, path) in &config.styles {
            match self.read_text(path) {
                Some(id) => {
                    styles.insert(name.clone(), self.sources.file(id).text.to_string());
                }
                // Why it could not be read was told.
                None if self.sources.find(path).is_some() => {}
                None => {
                    let message = format!("the style `{name}` names {path}, which is not there");
                    let found = Diagnostic::error("config::missing_file", message)
                        .help("write the file, or take the style out of `styles`");
                    self.push_at(found, places.of_style(name));
                }
            }
        }
        styles
    }

    fn check_fonts(&mut self, config: &Config, places: Places<'_>) {
        for path in &config.fonts {
            if self.files.stat(path).is_ok_and(|stat| self.session.is_font(path, stat)) {
                continue;
            }
            let found = match self.files.read(path) {
                Err(FileError::Missing { .. }) => Diagnostic::error(
                    "config::missing_file",
                    format!("`fonts` names {path}, which is not there"),
                )
                .help("put the file there, or take it out of `fonts`"),
                Err(error) => Diagnostic::error(
                    "config::unreadable_file",
                    format!("failed to {}", with_causes(&error)),
                )
                .help("make it readable, or take it out of `fonts`"),
                Ok((bytes, stat)) => match FontSet::new([(path.clone(), Arc::from(bytes))]) {
                    Ok(_) => {
                        self.session.keep_font(path, stat);
                        continue;
                    }
                    Err(error) => Diagnostic::error("config::bad_font", error.to_string())
                        .help("put another file there, or take it out of `fonts`"),
                },
            };
            self.push_at(found, places.of_font(path.as_str()));
        }
    }

    fn push_at(&mut self, found: Diagnostic, place: Option<Span>) {
        self.diagnostics.push(match place {
            Some(span) => found.at(span, ""),
            None => found,
        });
    }
}
