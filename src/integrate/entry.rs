//! The JSON value of an asset's manifest entry: a pure function of the spec, the published files
//! and the purchase, so it changes only when one of them does.

use serde_json::{Map, Number, Value};

use crate::base::RelPath;
use crate::lock::Purchase;
use crate::spec::op::{ManifestEntry, OutputFile};

/// A file that the entry speaks of.
#[derive(Debug, Clone, Copy)]
pub struct EntryFile<'a> {
    /// Path, encoding and variant.
    pub file: &'a OutputFile,
    /// Width and height in pixels of a picture, if known.
    pub dimensions: Option<(u32, u32)>,
}

/// The entry's value: type, path or variants, description, provenance, literal fields.
///
/// `files`: main file first. Paths are written relative to `assets_dir`; one that lies outside of
/// it stays relative to the project. With variants the entry lists every variant's encodings and
/// size instead of one path. `receipt` is the purchase that the files were made from; without one
/// nothing is said about provenance. A literal field wins over a derived one of the same name.
pub fn entry_value(
    entry: &ManifestEntry,
    files: &[EntryFile<'_>],
    assets_dir: &RelPath,
    receipt: Option<&Purchase>,
) -> Value {
    let relative = |path: &RelPath| {
        Value::String(path.strip(assets_dir).as_ref().unwrap_or(path).as_str().to_owned())
    };
    let mut fields = Map::new();
    fields.insert("type".to_owned(), entry.kind.clone().into());
    if files.iter().any(|file| file.file.variant.is_some()) {
        let mut variants = Map::new();
        for EntryFile { file, dimensions } in files {
            let Some(name) = &file.variant else { continue };
            let variant = variants.entry(name.clone()).or_insert_with(|| Map::new().into());
            let Value::Object(variant) = variant else { continue };
            let sized = variant.shift_remove("dimensions");
            variant.insert(extension(&file.path), relative(&file.path));
            let size = dimensions.map(|(width, height)| format!("{width}x{height}").into());
            if let Some(size) = sized.or(size) {
                variant.insert("dimensions".to_owned(), size);
            }
        }
        fields.insert("variants".to_owned(), variants.into());
    } else if let Some(main) = files.first() {
        fields.insert("path".to_owned(), relative(&main.file.path));
    }
    if let Some(description) = &entry.description {
        fields.insert("description".to_owned(), description.clone().into());
    }
    if let Some(receipt) = receipt {
        fields.insert("aiGenerated".to_owned(), true.into());
        fields.insert("aiProvider".to_owned(), receipt.provider.clone().into());
        if let Some(cost) = receipt.cost_micros {
            fields.insert("aiCost".to_owned(), units(cost));
        }
        fields.insert("generatedDate".to_owned(), receipt.date.clone().into());
    }
    for (name, value) in &entry.fields {
        fields.insert(name.clone(), value.clone());
    }
    fields.into()
}

fn extension(path: &RelPath) -> String {
    path.extension().unwrap_or("file").to_owned()
}

/// Micro-units as a JSON number of whole units.
fn units(micros: i64) -> Value {
    if micros % 1_000_000 == 0 {
        return (micros / 1_000_000).into();
    }
    let sign = if micros < 0 { "-" } else { "" };
    let size = micros.unsigned_abs();
    // Through the decimal text, so that 0.21 is the double that reads 0.21.
    let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
    text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::{ActionKey, Digest, Encoding};

    fn path(text: &str) -> RelPath {
        RelPath::new(text).expect("a path inside")
    }

    fn file(text: &str, encoding: Encoding, variant: Option<&str>) -> OutputFile {
        OutputFile { path: path(text), encoding, variant: variant.map(str::to_owned) }
    }

    fn entry(kind: &str) -> ManifestEntry {
        ManifestEntry {
            section: vec!["images".to_owned()],
            key: "coin".to_owned(),
            kind: kind.to_owned(),
            description: Some("A coin".to_owned()),
            fields: vec![("frameWidth".to_owned(), json!(64))],
        }
    }

    fn receipt(cost_micros: Option<i64>) -> Purchase {
        Purchase {
            id: "0011223344556677".to_owned(),
            wanted: ActionKey([0; 32]),
            sent: ActionKey([0; 32]),
            index: 0,
            raw: Digest::of(b""),
            provider: "openai".to_owned(),
            model: "m".to_owned(),
            model_used: None,
            cost_micros,
            unit: "USD".to_owned(),
            date: "2026-11-01".to_owned(),
            extra: false,
        }
    }

    #[test]
    fn the_main_file_is_listed_relative_to_the_assets_folder() {
        let files = [
            file("assets/images/coin.png", Encoding::Png, None),
            file("assets/images/coin.webp", Encoding::Webp, None),
        ];
        let files = files.each_ref().map(|file| EntryFile { file, dimensions: Some((8, 8)) });
        let value = entry_value(&entry("spritesheet"), &files, &path("assets"), None);
        assert_eq!(
            value.to_string(),
            r#"{"type":"spritesheet","path":"images/coin.png","description":"A coin","frameWidth":64}"#
        );
        let outside = entry_value(&entry("image"), &files, &path("public"), None);
        assert_eq!(outside["path"], "assets/images/coin.png");
    }

    #[test]
    fn variants_list_their_encodings_and_size() {
        let files = [
            (file("assets/l@1x.png", Encoding::Png, Some("1x")), Some((512, 512))),
            (file("assets/l@2x.png", Encoding::Png, Some("2x")), Some((1024, 1024))),
            (file("assets/l@1x.webp", Encoding::Webp, Some("1x")), None),
        ];
        let files =
            files.each_ref().map(|(file, dimensions)| EntryFile { file, dimensions: *dimensions });
        let value = entry_value(&entry("multiResolution"), &files, &path("assets"), None);
        assert_eq!(
            value["variants"].to_string(),
            r#"{"1x":{"png":"l@1x.png","webp":"l@1x.webp","dimensions":"512x512"},"2x":{"png":"l@2x.png","dimensions":"1024x1024"}}"#
        );
        assert_eq!(value.get("path"), None);
    }

    #[test]
    fn provenance_comes_from_the_receipt_and_literal_fields_win() {
        let files = [file("assets/coin.png", Encoding::Png, None)];
        let files = files.each_ref().map(|file| EntryFile { file, dimensions: None });
        let mut entry = entry("image");
        entry.fields = vec![("aiProvider".to_owned(), json!("us"))];
        let value = entry_value(&entry, &files, &path("assets"), Some(&receipt(Some(210_000))));
        assert_eq!(value["aiGenerated"], true);
        assert_eq!(value["aiProvider"], "us");
        assert_eq!(value["aiCost"].to_string(), "0.21");
        assert_eq!(value["generatedDate"], "2026-11-01");
        let value = entry_value(&entry, &files, &path("assets"), Some(&receipt(None)));
        assert_eq!(value.get("aiCost"), None);
        assert_eq!(units(100_000_000).to_string(), "100");
        assert_eq!(units(-1_500_000).to_string(), "-1.5");
    }
}
