//! Stand-ins for what is not bought: a coloured field with the id on it, or a quiet tone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::{Audio, Digest, Image, MediaKind, Raw};
use crate::generate::fonts::FontSet;
use crate::generate::svg;
use crate::spec::op::Placeholder;

/// Why a stand-in cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlaceholderError {
    /// The picture cannot be drawn, by its size.
    #[error("a picture of {width}x{height} cannot be drawn")]
    Size {
        /// Columns asked for.
        width: u32,
        /// Rows asked for.
        height: u32,
    },
    /// The sound cannot be as long.
    #[error("a sound of {0} seconds cannot be made; at most {MAX_SECONDS}")]
    Duration(f64),
}

/// Longest sound.
const MAX_SECONDS: f64 = 3600.0;

/// Frames per second of a sound.
const RATE: u32 = 44_100;

/// Samples of one period: 441 Hz, so that a period is a whole number of samples.
const PERIOD: usize = 100;

/// Amplitude: -30 dBFS, quiet beside finished sounds but not silent.
const AMPLITUDE: f64 = 0.031_622_776_601_683_8;

/// Frames of the fades that keep both ends from clicking: 10 ms.
const FADE: usize = 441;

/// Makes a stand-in of the right size or length; the same label always looks the same.
pub(super) fn make(placeholder: &Placeholder) -> Result<Raw, PlaceholderError> {
    match placeholder.media {
        MediaKind::Image => draw(placeholder).map(Raw::Image),
        MediaKind::Audio => hum(placeholder.duration_seconds).map(Raw::Audio),
    }
}

fn draw(placeholder: &Placeholder) -> Result<Image, PlaceholderError> {
    let (width, height) = placeholder.size;
    let size_error = PlaceholderError::Size { width, height };
    if width == 0 || height == 0 {
        return Err(size_error);
    }
    let drawing = drawing(&placeholder.label, width, height);
    // The shipped font alone: a project's fonts must not change its stand-ins.
    svg::draw(drawing.as_bytes(), Some((width, height)), &BTreeMap::new(), &FontSet::shipped())
        .map_err(|_| size_error)
}

/// The picture as SVG: a field, a border, and the label where it can be read.
fn drawing(label: &str, width: u32, height: u32) -> String {
    let [r, g, b] = color_of(label);
    // Rec. 601 luma in thousandths decides between black and white.
    let luma = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    let ink = if luma > 140_000 { "#000" } else { "#fff" };
    let border = f64::from((width.min(height) / 24).clamp(1, 8));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>"
    );
    if width.min(height) > 2 {
        let _ = write!(
            svg,
            "<rect x=\"{0}\" y=\"{0}\" width=\"{1}\" height=\"{2}\" fill=\"none\" \
             stroke=\"{ink}\" stroke-opacity=\"0.6\" stroke-width=\"{border}\"/>",
            border / 2.0,
            f64::from(width) - border,
            f64::from(height) - border,
        );
    }
    let (lines, font_size) = fit_text(label, width, height);
    if font_size >= 5.0 {
        let line_height = font_size * 1.15;
        let first = (f64::from(height) - line_height * lines.len() as f64) / 2.0 + font_size * 0.85;
        for (index, line) in lines.iter().enumerate() {
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\" font-size=\"{font_size}\" text-anchor=\"middle\" \
                 fill=\"{ink}\">{}</text>",
                f64::from(width) / 2.0,
                first + line_height * index as f64,
                svg::escape(line),
            );
        }
    }
    svg + "</svg>"
}

/// The label in the number of lines that lets its letters be largest, and their size in pixels.
///
/// Lines break after `-` and `_`; letters count 0.6 of their height, a little more than Karla's.
fn fit_text(label: &str, width: u32, height: u32) -> (Vec<String>, f64) {
    let words: Vec<&str> = label.split_inclusive(['-', '_']).collect();
    let mut best = (Vec::new(), 0.0);
    for count in 1..=words.len().min(8) {
        let longest_allowed = label.chars().count().div_ceil(count);
        let mut lines: Vec<String> = vec![String::new()];
        for word in &words {
            let line = lines.last_mut().expect("there is always one");
            let together = line.chars().count() + word.chars().count();
            if !line.is_empty() && together > longest_allowed {
                lines.push((*word).to_owned());
            } else {
                line.push_str(word);
            }
        }
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(1);
        let by_width = f64::from(width) * 0.88 / (0.6 * longest as f64);
        let by_height = f64::from(height) * 0.8 / (1.15 * lines.len() as f64);
        let size = by_width.min(by_height).min(48.0);
        if size > best.1 {
            best = (lines, size);
        }
    }
    best
}

/// A colour of middle brightness whose hue comes from the label's hash.
fn color_of(label: &str) -> [u8; 3] {
    let hash = Digest::of(label.as_bytes()).hash;
    let hue = u32::from(u16::from_le_bytes([hash[0], hash[1]])) % 1536;
    let rise = (hue % 256) as u8;
    let pure = match hue / 256 {
        0 => [255, rise, 0],
        1 => [255 - rise, 255, 0],
        2 => [0, 255, rise],
        3 => [0, 255 - rise, 255],
        4 => [rise, 0, 255],
        _ => [255, 0, 255 - rise],
    };
    pure.map(|channel| 70 + (u16::from(channel) * 130 / 255) as u8)
}

/// A sine of 441 Hz with short fades.
fn hum(seconds: f64) -> Result<Audio, PlaceholderError> {
    if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
        return Err(PlaceholderError::Duration(seconds));
    }
    let frames = ((seconds * f64::from(RATE)).round() as usize).max(1);
    let period = sine_period();
    let fade = FADE.min(frames / 2);
    let samples = (0..frames)
        .map(|frame| {
            let from_end = frame.min(frames - 1 - frame);
            let gain = if from_end < fade { from_end as f64 / fade as f64 } else { 1.0 };
            (period[frame % PERIOD] * gain * AMPLITUDE) as f32
        })
        .collect();
    Ok(Audio { rate: RATE, channels: 1, samples })
}

/// One period of a sine, from sums and products only: `sin` differs between platforms, these do
/// not. `sin(n + 1) = 2 cos(w) sin(n) - sin(n - 1)`.
fn sine_period() -> [f64; PERIOD] {
    /// cos and sin of 2π/100.
    const COS: f64 = 0.998_026_728_428_271_6;
    const SIN: f64 = 0.062_790_519_529_313_37;
    let mut sine = [0.0; PERIOD];
    sine[1] = SIN;
    for n in 2..PERIOD {
        sine[n] = 2.0 * COS * sine[n - 1] - sine[n - 2];
    }
    sine
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(label: &str, width: u32, height: u32) -> Result<Image, PlaceholderError> {
        let placeholder = Placeholder {
            label: label.to_owned(),
            size: (width, height),
            media: MediaKind::Image,
            duration_seconds: 0.0,
        };
        match make(&placeholder)? {
            Raw::Image(image) => Ok(image),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_picture_has_the_size_and_no_transparency() {
        for (width, height) in [(1, 1), (1, 40), (3, 3), (64, 64), (300, 40), (17, 256)] {
            let image = picture("sprite-coin-spinning", width, height).expect("a size");
            assert_eq!((image.width, image.height), (width, height));
            assert!(image.pixels.chunks_exact(4).all(|pixel| pixel[3] == 255));
        }
    }

    #[test]
    fn two_ids_look_different_and_one_the_same() {
        let image = |label| Raw::Image(picture(label, 64, 64).expect("a size")).digest();
        assert_eq!(image("coin"), image("coin"));
        assert_ne!(image("coin"), image("spikes"));
        insta::assert_snapshot!(&image("sprite-coin").hex()[..16], @"91a77b31c052dcab");
    }

    #[test]
    fn the_id_is_drawn_and_escaped() {
        let with = picture("a<&>\"b", 128, 64).expect("a size");
        let corner: Vec<u8> = with.pixels[(64 * 6 + 6) * 4..][..4].to_vec();
        let inked = with.pixels.chunks_exact(4).filter(|pixel| **pixel != *corner).count();
        assert!(inked > 500, "{inked}");
    }

    #[test]
    fn long_ids_break_after_hyphens() {
        let (lines, size) = fit_text("sprite-coin-spinning", 64, 64);
        assert_eq!(lines, ["sprite-", "coin-", "spinning"]);
        assert!(size > 10.0);
        assert_eq!(fit_text("coin", 640, 64).0, ["coin"]);
        assert_eq!(fit_text("", 64, 64).0.concat(), "");
    }

    #[test]
    fn impossible_sizes_are_errors() {
        for (width, height) in [(0, 4), (4, 0), (16_385, 4), (16_384, 16_384)] {
            let error = picture("coin", width, height).expect_err("no such picture");
            assert_eq!(error.to_string(), format!("a picture of {width}x{height} cannot be drawn"));
        }
    }

    #[test]
    fn a_sound_is_quiet_and_as_long_as_asked() {
        let audio = hum(0.5).expect("half a second");
        assert_eq!((audio.rate, audio.channels, audio.samples.len()), (44_100, 1, 22_050));
        let peak = audio.samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.031..0.032).contains(&peak), "{peak}");
        assert_eq!((audio.samples[0], audio.samples[22_049]), (0.0, 0.0));
        insta::assert_snapshot!(&Raw::Audio(audio).digest().hex()[..16], @"7e84aa7548747d2a");
        assert_eq!(hum(1e-9).expect("short").samples.len(), 1);
    }

    #[test]
    fn the_sine_is_a_sine() {
        for (n, sample) in sine_period().into_iter().enumerate() {
            let wanted = (n as f64 * std::f64::consts::TAU / 100.0).sin();
            assert!((sample - wanted).abs() < 1e-12, "{n}");
        }
    }

    #[test]
    fn impossible_lengths_are_errors() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 3600.1] {
            assert!(matches!(hum(seconds), Err(PlaceholderError::Duration(_))), "{seconds}");
        }
    }
}
