//! Quality figures of finished files: what people read of the facts.

use crate::base::facts::{AudioFacts, Facts, FileFacts, ImageFacts};
use crate::base::scalar::Scalar;

impl FileFacts {
    /// Names and values, for logs and JSON; docs/design/events.md lists them.
    pub fn figures(&self) -> Vec<(String, Scalar)> {
        let mut figures = vec![
            ("path".to_owned(), Scalar::Text(self.path.to_string())),
            ("size".to_owned(), Scalar::Integer(self.size.cast_signed())),
        ];
        let mut put = |name: &str, value| figures.push((name.to_owned(), value));
        match &self.material {
            Facts::Image(image) => {
                put("width", Scalar::Integer(image.width.into()));
                put("height", Scalar::Integer(image.height.into()));
                put("alpha_coverage", rounded(image.coverage(), 4));
                put("sharpness", Scalar::Integer(image.sharpness.into()));
            }
            Facts::Audio(audio) => {
                put("seconds", rounded(audio.seconds(), 4));
                put("sample_rate", Scalar::Integer(audio.rate.into()));
                put("channels", Scalar::Integer(audio.channels.into()));
                let mut level = |name: &str, amplitude| {
                    if let Some(db) = decibels(amplitude) {
                        put(name, rounded(db, 2));
                    }
                };
                level("peak_dbfs", audio.peak);
                level("true_peak_dbtp", audio.true_peak);
                if let Some(hundredths) = audio.loudness {
                    put("loudness_lufs", rounded(f64::from(hundredths) / 100.0, 2));
                }
                put("dc_offset", rounded(audio.dc_offset.into(), 6));
            }
            Facts::Opaque { .. } => {}
        }
        figures
    }

    /// The same on one line, for people.
    pub fn summary(&self) -> String {
        let material = match &self.material {
            Facts::Image(image) => summary_of_image(image),
            Facts::Audio(audio) => summary_of_audio(audio),
            Facts::Opaque { .. } => "not decoded".to_owned(),
        };
        format!("{material}, {} bytes", self.size)
    }
}

fn summary_of_image(image: &ImageFacts) -> String {
    let ImageFacts { width, height, sharpness, .. } = image;
    let covered = image.coverage() * 100.0;
    format!("{width}x{height}, {covered:.1} % covered, sharpness {sharpness}")
}

fn summary_of_audio(audio: &AudioFacts) -> String {
    let level = |amplitude, unit: &str| match decibels(amplitude) {
        Some(db) => format!("{db:.1} {unit}"),
        None => "silent".to_owned(),
    };
    let channels = if audio.channels == 1 {
        "mono".to_owned()
    } else {
        format!("{} channels", audio.channels)
    };
    let loudness = match audio.loudness {
        Some(hundredths) => format!("{:.1} LUFS", f64::from(hundredths) / 100.0),
        None => "no loudness".to_owned(),
    };
    format!(
        "{:.2} s, {} Hz, {channels}, peak {}, true peak {}, {loudness}, offset {:.4}",
        audio.seconds(),
        audio.rate,
        level(audio.peak, "dBFS"),
        level(audio.true_peak, "dBTP"),
        audio.dc_offset,
    )
}

/// An amplitude in dB under full scale; none for silence.
fn decibels(amplitude: f32) -> Option<f64> {
    (amplitude > 0.0).then(|| 20.0 * f64::from(amplitude).log10())
}

fn rounded(value: f64, places: i32) -> Scalar {
    let scale = 10f64.powi(places);
    Scalar::Number((value * scale).round() / scale)
}
