//! `integration`: the published files and the manifest entry, or the rules for where things go.

use crate::base::{Diagnostic, Encoding, MediaKind, RelPath, Span};
use crate::spec::decode::{Input, media_word};
use crate::spec::op::{ManifestEntry, OutputFile, ProcessOp, Publish, Step};
use crate::spec::words;
use crate::yaml::{self, Checker, Kind, Style, Value};

/// Formats that assets are published in.
const IMAGE_FORMATS: &str = "png, webp, jpg, avif";
const AUDIO_FORMATS: &str = "ogg, mp3, opus, flac, wav";

/// Where the results go.
pub(super) fn publish(
    input: &Input<'_>,
    media: MediaKind,
    steps: &[(Step, Span)],
    checker: &mut Checker<'_>,
) -> Option<Publish> {
    let mut reader = Reader { input, section: input.section("integration"), media, steps, checker };
    let section = reader.manifest_section();
    let place = reader.path(&section);
    let encoding = place.as_ref().and_then(|(path, _)| reader.encoding(path));
    let key = reader.key(place.as_ref().and_then(|(_, stem)| stem.as_deref()));
    let (description, fields) = (reader.description(), reader.fields());
    let ((path, _), encoding) = (place?, encoding?);
    let files = reader.files(&path, encoding);
    let has_variants = files.iter().any(|file| file.variant.is_some());
    let entry = ManifestEntry {
        key: key?,
        kind: reader.text("manifest_type").unwrap_or_else(|| {
            let kind = if has_variants { "multiResolution" } else { media.as_str() };
            kind.to_owned()
        }),
        description,
        fields,
        section,
    };
    let path = files.first().map_or(path, |file| file.path.clone());
    Some(Publish { path, files, entry })
}

struct Reader<'a, 'c, 'd> {
    input: &'a Input<'a>,
    section: Option<&'a Value>,
    media: MediaKind,
    steps: &'a [(Step, Span)],
    checker: &'c mut Checker<'d>,
}

impl<'a> Reader<'a, '_, '_> {
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.section.and_then(|section| section.get(key))
    }

    fn text(&self, key: &str) -> Option<String> {
        self.value(key).and_then(Value::text).map(str::to_owned)
    }

    fn manifest_section(&mut self) -> Vec<String> {
        if let Some(value) = self.value("manifest_section")
            && let Some(text) = value.text()
        {
            let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
            if parts.iter().any(|part| part.trim().is_empty()) {
                self.checker.wrong_value(
                    format!("`{text}` cannot be a section"),
                    value.span,
                    "write words between dots, such as `audio.sfx.jump`",
                );
            }
            return parts;
        }
        let generation = self.input.section("generation");
        let mode = generation.and_then(|generation| generation.get_text("mode"));
        let category =
            self.input.section("metadata").and_then(|metadata| metadata.get_text("category"));
        let parts: &[&str] = match (self.media, mode) {
            (MediaKind::Image, _) => &["images"],
            (MediaKind::Audio, Some("music")) => &["audio", "music"],
            (MediaKind::Audio, Some("speech")) => &["audio", "sfx", category.unwrap_or("speech")],
            (MediaKind::Audio, _) => &["audio", "sfx", category.unwrap_or("general")],
        };
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    /// The main file, and the stem that a naming pattern or output name makes the key.
    fn path(&mut self, section: &[String]) -> Option<(RelPath, Option<String>)> {
        let assets = &self.input.context.config.assets_dir;
        let output_name = self.input.merged.output_name.as_ref().and_then(Value::text);
        let rename = |path: RelPath| match (output_name, path.extension()) {
            (Some(name), Some(extension)) => {
                let file = format!("{name}.{extension}");
                (path.with_file_name(&file), Some(name.to_owned()))
            }
            _ => (path, None),
        };
        let below = self
            .value("manifest_path")
            .and_then(|value| Some((self.checked(value)?.below(assets), value.span)));
        let from_root =
            self.value("output_path").and_then(|value| Some((self.checked(value)?, value.span)));
        let pattern = self.value("naming_pattern").and_then(|value| {
            let folder = section.join("/");
            let path = RelPath::new(&format!("{folder}/{}", self.checked(value)?)).ok()?;
            Some((path.below(assets), value.span))
        });
        if let Some((path, span)) = &from_root
            && path.strip(assets).is_none()
        {
            self.checker.wrong_value(
                format!("`{path}` is outside `{assets}`"),
                *span,
                format!("published files stay below `assets_dir`: write `{assets}/…`"),
            );
            return None;
        }
        let written: Vec<&(RelPath, Span)> = [&below, &from_root].into_iter().flatten().collect();
        if let [(first, one), (second, other)] = written.as_slice()
            && first != second
        {
            self.checker.diagnostics.push(
                Diagnostic::error(
                    "spec::disagreement",
                    "`manifest_path` and `output_path` name different files",
                )
                .at(*other, format!("{second}"))
                .at(*one, format!("{first}"))
                .help("keep one of them; `manifest_path` is below `assets_dir`"),
            );
        }
        if let Some((path, _)) = written.first() {
            return Some(rename(path.clone()));
        }
        if let Some((path, _)) = pattern {
            let (path, name) = rename(path);
            let stem = name.unwrap_or_else(|| path.stem().to_owned());
            return Some((path, Some(stem)));
        }
        let bad = |key| self.value(key).is_some();
        if bad("manifest_path") || bad("output_path") || bad("naming_pattern") {
            return None;
        }
        Some(rename(self.default_path()?))
    }

    fn checked(&mut self, value: &Value) -> Option<RelPath> {
        // A placeholder that could not be filled was reported where it stands.
        let text = value.text().filter(|text| !text.contains("{{"))?;
        match RelPath::new(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.checker.wrong_value(
                    format!("`{text}` is no path inside the project"),
                    value.span,
                    error.to_string(),
                );
                None
            }
        }
    }

    /// `{folder under specs}/{id}.{ext}` below the assets folder.
    fn default_path(&self) -> Option<RelPath> {
        let encoding = self.formats().next().unwrap_or(match self.media {
            MediaKind::Image => Encoding::Png,
            MediaKind::Audio => Encoding::Ogg,
        });
        let name = format!("{}.{}", self.input.merged.id, encoding.extension());
        let folder = folder_under_specs(self.input.file, &self.input.context.config.specs);
        let name = RelPath::new(&name).ok()?;
        let below = match folder {
            Some(folder) => name.below(&folder),
            None => name,
        };
        Some(below.below(&self.input.context.config.assets_dir))
    }

    fn encoding(&mut self, path: &RelPath) -> Option<Encoding> {
        let span = ["manifest_path", "output_path", "naming_pattern"]
            .into_iter()
            .find_map(|key| self.value(key))
            .map_or(self.input.merged.span, |value| value.span);
        let formats = match self.media {
            MediaKind::Image => IMAGE_FORMATS,
            MediaKind::Audio => AUDIO_FORMATS,
        };
        let help = format!("end the path with one of: {formats}");
        let Some(encoding) = path.extension().and_then(Encoding::from_extension) else {
            self.checker.wrong_value(format!("`{path}` has no known extension"), span, help);
            return None;
        };
        let source = self
            .input
            .section("generation")
            .and_then(|generation| generation.get_text("source"))
            .is_some_and(|source| source.to_ascii_lowercase().ends_with(".svg"));
        let writable = match encoding {
            Encoding::Gif | Encoding::Bmp | Encoding::Tga => false,
            // An SVG is published as it is; nothing is ever encoded as one.
            Encoding::Svg => source && self.steps.is_empty(),
            _ => true,
        };
        if encoding.media() != self.media {
            let message =
                format!("`{}` does not hold {}", encoding.extension(), media_word(self.media));
            self.checker.wrong_value(message, span, help);
            return None;
        }
        if !writable {
            let message = format!("`{}` files are not written", encoding.extension());
            self.checker.wrong_value(message, span, help);
            return None;
        }
        Some(encoding)
    }

    fn formats(&self) -> impl Iterator<Item = Encoding> {
        self.steps
            .iter()
            .flat_map(|(step, _)| match step {
                Step::Process(ProcessOp::Convert { formats, .. }) => formats.as_slice(),
                _ => &[],
            })
            .copied()
    }

    /// The main file, then siblings in other encodings; all of them for each variant, smallest
    /// first.
    fn files(&self, path: &RelPath, main: Encoding) -> Vec<OutputFile> {
        let mut encodings = vec![main];
        for encoding in self.formats() {
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
        }
        let mut variants: Vec<(&str, (u32, u32))> = self
            .steps
            .iter()
            .flat_map(|(step, _)| match step {
                Step::Process(ProcessOp::Variants { scale, .. }) => {
                    scale.iter().map(|(name, size)| (name.as_str(), *size)).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        variants
            .sort_by_key(|&(name, (width, height))| (u64::from(width) * u64::from(height), name));
        let place = |stem: &str, encoding: Encoding| {
            let extension = match path.extension() {
                Some(extension) if encoding == main => extension,
                _ => encoding.extension(),
            };
            path.with_file_name(&format!("{stem}.{extension}"))
        };
        if variants.is_empty() {
            return encodings
                .into_iter()
                .map(|encoding| OutputFile {
                    path: place(path.stem(), encoding),
                    encoding,
                    variant: None,
                })
                .collect();
        }
        let mut files = Vec::new();
        for (name, _) in variants {
            let stem = format!("{}@{name}", path.stem());
            files.extend(encodings.iter().map(|&encoding| OutputFile {
                path: place(&stem, encoding),
                encoding,
                variant: Some(name.to_owned()),
            }));
        }
        files
    }

    fn key(&mut self, stem: Option<&str>) -> Option<String> {
        let Some(value) = self.value("manifest_key") else {
            let id = &self.input.merged.id;
            return Some(stem.map_or_else(|| words::camel(id), str::to_owned));
        };
        let text = value.text()?;
        let good = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !good {
            self.checker.wrong_value(
                format!("`{text}` cannot be a manifest key"),
                value.span,
                "start with a letter; then letters, digits, `_`, `-` and `.`",
            );
        }
        Some(text.to_owned())
    }

    fn description(&mut self) -> Option<String> {
        let (one, other) = (self.value("description"), self.value("description_pattern"));
        if let (Some(one), Some(other)) = (one, other)
            && one.text() != other.text()
        {
            self.checker.diagnostics.push(
                Diagnostic::error("spec::disagreement", "two descriptions that differ")
                    .at(other.span, "here")
                    .at(one.span, "and here")
                    .help("keep one of them"),
            );
        }
        one.or(other).and_then(Value::text).map(|text| text.trim().to_owned())
    }

    fn fields(&mut self) -> Vec<(String, serde_json::Value)> {
        const OURS: [&str; 5] = ["key", "type", "path", "variants", "description"];
        let entries = self.value("manifest_fields").map_or(&[][..], Value::entries);
        for entry in entries.iter().filter(|entry| OURS.contains(&&*entry.key)) {
            self.checker.wrong_value(
                format!("`manifest_fields` cannot set `{}`", entry.key),
                entry.key_span,
                "the tool writes it; see `manifest_type`, `manifest_path` and `description`",
            );
        }
        entries.iter().map(|entry| (entry.key.to_string(), json(&entry.value))).collect()
    }
}

/// The folder of a spec file below the part of its glob that has no wildcard.
fn folder_under_specs(file: &RelPath, globs: &[String]) -> Option<RelPath> {
    let folder = file.parent()?;
    let root = globs
        .iter()
        .filter_map(|glob| {
            let fixed: Vec<&str> =
                glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
            RelPath::new(&fixed.join("/")).ok()
        })
        .filter(|root| folder == *root || folder.strip(root).is_some())
        .max_by_key(|root| root.as_str().len());
    match root {
        Some(root) => folder.strip(&root),
        None => Some(folder),
    }
}

/// A literal field: plain numbers, booleans and nulls keep their type.
fn json(value: &Value) -> serde_json::Value {
    match &value.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => {
            entries.iter().map(|entry| (entry.key.to_string(), json(&entry.value))).collect()
        }
        Kind::Scalar { text, style: Style::Plain } => match &**text {
            "true" => true.into(),
            "false" => false.into(),
            text => match (yaml::parse_integer(text), yaml::parse_number(text)) {
                (Some(number), _) => number.into(),
                (None, Some(number)) => number.into(),
                _ => text.into(),
            },
        },
        Kind::Scalar { text, .. } => text.trim_end_matches('\n').into(),
    }
}
