//! Pictures and sounds to work on, the same in every run.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::process::Command;

use image::{ExtendedColorType, ImageEncoder as _};

/// A generator of the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// The pixels of a sprite such as an image model gives: soft shading, hard edges, grain, round alpha.
pub(crate) fn sprite(side: u32, seed: usize) -> Vec<u8> {
    let mut dice = Dice(seed as u64 + 1);
    let circles: Vec<[f64; 6]> = (0..24)
        .map(|_| {
            [
                dice.next(),
                dice.next(),
                0.03 + 0.15 * dice.next(),
                dice.next(),
                dice.next(),
                dice.next(),
            ]
        })
        .collect();
    let mut pixels = Vec::with_capacity((side * side * 4) as usize);
    for y in 0..side {
        for x in 0..side {
            let (u, v) = (f64::from(x) / f64::from(side), f64::from(y) / f64::from(side));
            let mut color = [0.2 + 0.5 * u, 0.3 + 0.4 * v, 0.6 - 0.3 * u * v];
            for [cx, cy, radius, r, g, b] in &circles {
                let distance = ((u - cx).powi(2) + (v - cy).powi(2)).sqrt() / radius;
                if distance < 1.0 {
                    let light = 1.0 - 0.6 * distance * distance;
                    color = [r * light, g * light, b * light];
                }
            }
            let grain = (dice.next() - 0.5) * 0.02;
            let edge = ((u - 0.5).powi(2) + (v - 0.5).powi(2)).sqrt();
            let alpha = ((0.48 - edge) * 120.0).clamp(0.0, 1.0);
            for value in color {
                pixels.push(((value + grain).clamp(0.0, 1.0) * 255.0).round() as u8);
            }
            pixels.push((alpha * 255.0).round() as u8);
        }
    }
    pixels
}

/// `f0.png`, `f1.png`, …
pub(crate) fn pictures(dir: &Path, side: u32, count: usize) {
    for index in 0..count {
        let mut file = Vec::new();
        image::codecs::png::PngEncoder::new(&mut file)
            .write_image(&sprite(side, index), side, side, ExtendedColorType::Rgba8)
            .expect("pixels of that size");
        fs::write(dir.join(format!("f{index}.png")), file).expect("a file can be written");
    }
}

/// `f0.wav`, … of stereo at 44.1 kHz: chords that swell over soft noise, silent at both ends.
pub(crate) fn sounds(dir: &Path, extension: &str, count: usize, seconds: f64) {
    for index in 0..count {
        let mut dice = Dice(index as u64 + 7);
        let frames = (44_100.0 * seconds) as u32;
        let base = 110.0 * 2f64.powf((index % 24) as f64 / 12.0);
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let wav = dir.join(format!("f{index}.wav"));
        let mut writer = hound::WavWriter::create(&wav, spec).expect("a file can be made");
        for frame in 0..frames {
            let t = f64::from(frame) / 44_100.0;
            let place = f64::from(frame) / f64::from(frames);
            let envelope =
                (place * 20.0 - 1.0).clamp(0.0, 1.0) * ((1.0 - place) * 20.0 - 1.0).clamp(0.0, 1.0);
            let beat = 0.6 + 0.4 * (TAU * 2.0 * t).sin();
            for side in 0..2 {
                let shift = 1.0 + 0.002 * f64::from(side);
                let chord: f64 = [1.0, 1.25, 1.5, 2.0, 3.0]
                    .iter()
                    .map(|ratio| (TAU * base * ratio * shift * t).sin() / (ratio + 1.0))
                    .sum();
                let sample = envelope * (0.25 * beat * chord + 0.03 * (dice.next() - 0.5));
                writer.write_sample((sample * 32_767.0) as i16).expect("a file can be written");
            }
        }
        writer.finalize().expect("a file can be written");
        if extension == "mp3" {
            let mp3 = dir.join(format!("f{index}.mp3"));
            let made = Command::new("ffmpeg")
                .args(["-v", "error", "-y", "-nostdin", "-i"])
                .arg(&wav)
                .args(["-c:a", "libmp3lame", "-b:a", "192k"])
                .arg(&mp3)
                .status();
            assert!(made.is_ok_and(|status| status.success()), "this workload needs ffmpeg");
            fs::remove_file(&wav).expect("it was just written");
        }
    }
}
