//! Facts: the measurements that process takes where a `validate` stands, and of finished files.
//!
//! They are kept as JSON in the action result, so checks run again without decoding anything.
//! Field by field: docs/design/pixels.md.

use serde::{Deserialize, Serialize};

use crate::base::media::Encoding;
use crate::base::path::RelPath;

/// The name and version of the JSON form.
pub const FACTS_SCHEMA: &str = "assetbuild.facts/2";

/// Everything that was measured while an asset was processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactSheet {
    schema: String,
    /// One for each `validate` step, in their order.
    pub checkpoints: Vec<Facts>,
    /// One for each finished file, main file first.
    pub files: Vec<FileFacts>,
}

impl FactSheet {
    /// Collects facts.
    pub fn new(checkpoints: Vec<Facts>, files: Vec<FileFacts>) -> Self {
        Self { schema: FACTS_SCHEMA.to_owned(), checkpoints, files }
    }

    /// The same facts for an asset whose files lie elsewhere: who asks for the same bytes shares one
    /// action result, whatever the files are called. `paths`: main file first.
    #[must_use]
    pub fn named<'a>(mut self, paths: impl IntoIterator<Item = &'a RelPath>) -> Self {
        for (file, path) in self.files.iter_mut().zip(paths) {
            file.path = path.clone();
        }
        self
    }

    /// The JSON form: one line, fixed field order.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("facts hold nothing that JSON cannot")
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// `FactsError` for anything that this version did not write.
    pub fn from_json(json: &str) -> Result<Self, FactsError> {
        let sheet: Self = serde_json::from_str(json)?;
        if sheet.schema == FACTS_SCHEMA { Ok(sheet) } else { Err(FactsError::Schema(sheet.schema)) }
    }
}

/// Why recorded facts cannot be used; the asset is processed again.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Not the JSON that this version writes.
    #[error("recorded facts cannot be read")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("recorded facts have the form `{0}`, not `{FACTS_SCHEMA}`")]
    Schema(String),
}

/// What was measured at one place in the list of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Facts {
    /// Of a picture.
    Image(ImageFacts),
    /// Of a sound.
    Audio(AudioFacts),
    /// Of a file that is passed on without being decoded.
    Opaque {
        /// Its encoding.
        #[serde(with = "encoding_word")]
        encoding: Encoding,
    },
}

/// Measurements of a picture. Integers only, so that they are the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFacts {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Lowest alpha, 0..=255.
    pub alpha_min: u8,
    /// Sum of all alpha values.
    pub alpha_sum: u64,
    /// Pixels with an alpha below 255.
    pub transparent: u64,
    /// Whether transparency seems to be drawn as a grid of two greys.
    pub checkerboard: bool,
    /// Whether all pixels look the same.
    pub blank: bool,
    /// Variance of the brightness's second derivative over what is visible, in 0..=255 steps squared:
    /// large where edges are sharp.
    pub sharpness: u32,
    /// The size that the picture should have here: that of the last resize, pad or crop, else the
    /// requested one.
    pub expected: Option<(u32, u32)>,
}

impl ImageFacts {
    /// The share of the picture that is covered, 0.0..=1.0.
    pub fn coverage(&self) -> f64 {
        self.alpha_sum as f64 / (255.0 * self.pixels() as f64)
    }

    /// Number of pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Measurements of a sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioFacts {
    /// Frames per second, in hertz.
    pub rate: u32,
    /// Channels per frame.
    pub channels: u16,
    /// Length in frames.
    pub frames: u64,
    /// Largest absolute sample; full scale is 1.0.
    pub peak: f32,
    /// Largest absolute value between samples too, by four-fold oversampling.
    pub true_peak: f32,
    /// Most samples of one channel in a row at full scale.
    pub clipped_run: u64,
    /// Integrated loudness in hundredths of a LUFS; none below 400 ms and for silence.
    pub loudness: Option<i32>,
    /// Largest mean of a channel's samples, in -1.0..=1.0.
    pub dc_offset: f32,
    /// How much larger the step from the last frame to the first is than the largest one between
    /// other frames near both ends; up to 1.0 a loop does not click.
    pub seam: f32,
}

impl AudioFacts {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.rate)
    }
}

/// Measurements of a finished file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Path relative to the project root.
    #[serde(with = "path_text")]
    pub path: RelPath,
    /// Its encoding.
    #[serde(with = "encoding_word")]
    pub encoding: Encoding,
    /// Bytes.
    pub size: u64,
    /// What it holds, measured before it was encoded.
    pub material: Facts,
}

impl FileFacts {
    /// Width and height in pixels of a picture that was decoded or drawn.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        match &self.material {
            Facts::Image(image) => Some((image.width, image.height)),
            Facts::Audio(_) | Facts::Opaque { .. } => None,
        }
    }
}

mod encoding_word {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::base::media::Encoding;

    pub(super) fn serialize<S: Serializer>(encoding: &Encoding, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(encoding.extension())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Encoding, D::Error> {
        let word = String::deserialize(from)?;
        Encoding::from_extension(&word)
            .ok_or_else(|| D::Error::custom(format!("`{word}` is no encoding")))
    }
}

mod path_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::base::path::RelPath;

    pub(super) fn serialize<S: Serializer>(path: &RelPath, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(path.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RelPath, D::Error> {
        let text = String::deserialize(from)?;
        RelPath::new(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> FactSheet {
        let image = ImageFacts {
            width: 2,
            height: 1,
            alpha_min: 0,
            alpha_sum: 255,
            transparent: 1,
            checkerboard: false,
            blank: false,
            sharpness: 7,
            expected: Some((2, 1)),
        };
        let audio = AudioFacts {
            rate: 44_100,
            channels: 1,
            frames: 22_050,
            peak: 0.1,
            true_peak: 0.125,
            clipped_run: 0,
            loudness: Some(-2_310),
            dc_offset: 0.0,
            seam: 0.5,
        };
        let file = FileFacts {
            path: RelPath::new("assets/coin.jpg").expect("a plain path"),
            encoding: Encoding::Jpeg,
            size: 12,
            material: Facts::Image(image.clone()),
        };
        let opaque = Facts::Opaque { encoding: Encoding::Svg };
        FactSheet::new(vec![Facts::Image(image), Facts::Audio(audio), opaque], vec![file])
    }

    #[test]
    fn json_survives_a_round_trip_and_is_stable() {
        let json = sheet().to_json();
        assert_eq!(FactSheet::from_json(&json).expect("our own JSON"), sheet());
        insta::assert_snapshot!(json, @r#"{"schema":"assetbuild.facts/2","checkpoints":[{"image":{"width":2,"height":1,"alpha_min":0,"alpha_sum":255,"transparent":1,"checkerboard":false,"blank":false,"sharpness":7,"expected":[2,1]}},{"audio":{"rate":44100,"channels":1,"frames":22050,"peak":0.1,"true_peak":0.125,"clipped_run":0,"loudness":-2310,"dc_offset":0.0,"seam":0.5}},{"opaque":{"encoding":"svg"}}],"files":[{"path":"assets/coin.jpg","encoding":"jpg","size":12,"material":{"image":{"width":2,"height":1,"alpha_min":0,"alpha_sum":255,"transparent":1,"checkerboard":false,"blank":false,"sharpness":7,"expected":[2,1]}}}]}"#);
    }

    #[test]
    fn another_version_is_refused() {
        let newer = sheet().to_json().replace("facts/2", "facts/3");
        assert!(matches!(FactSheet::from_json(&newer), Err(FactsError::Schema(_))));
        let unknown = sheet().to_json().replace("\"size\"", "\"length\"");
        assert!(matches!(FactSheet::from_json(&unknown), Err(FactsError::Json(_))));
    }

    #[test]
    fn coverage_and_length_are_derived() {
        let sheet = sheet();
        let (Facts::Image(image), Facts::Audio(audio)) =
            (&sheet.checkpoints[0], &sheet.checkpoints[1])
        else {
            panic!("the order of the sheet above");
        };
        assert!((image.coverage() - 0.5).abs() < 1e-12);
        assert!((audio.seconds() - 0.5).abs() < 1e-12);
    }
}
