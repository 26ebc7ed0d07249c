//! How good what the tools made is.

use std::path::Path;
use std::process::Command;

/// PSNR of both tools' resized PNG files against a resize in 64-bit floating point.
pub(crate) fn resized(place: &Path) -> String {
    let source = open(&place.join("ours/art/f0.png"));
    let (ours, peer) = (open(&place.join("ours/assets/f0.png")), open(&place.join("peer/f0.png")));
    let ideal = lanczos(&source, ours.width() as usize);
    format!("PSNR {:.1} dB, peer {:.1} dB", psnr(&ideal, &ours), psnr(&ideal, &peer))
}

/// PSNR of both tools' WebP files against the source.
pub(crate) fn webp(place: &Path) -> String {
    let source = premultiplied(&open(&place.join("ours/art/f0.png")));
    let of = |path: &str| psnr(&source, &open(&place.join(path)));
    format!("PSNR {:.1} dB, peer {:.1} dB", of("ours/assets/f0.webp"), of("peer/f0.webp"))
}

fn open(path: &Path) -> image::RgbaImage {
    let picture = image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    picture.to_rgba8()
}

/// Colours times alpha, and alpha, in 0..=255: what is seen.
fn premultiplied(picture: &image::RgbaImage) -> Vec<f64> {
    let pixels = picture.pixels();
    pixels
        .flat_map(|pixel| {
            let [r, g, b, a] = pixel.0.map(f64::from);
            [r * a / 255.0, g * a / 255.0, b * a / 255.0, a]
        })
        .collect()
}

fn psnr(ideal: &[f64], picture: &image::RgbaImage) -> f64 {
    let found = premultiplied(picture);
    let error: f64 = ideal.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * ideal.len() as f64 / error).log10()
}

/// A square picture at another side, by Lanczos with three lobes.
fn lanczos(picture: &image::RgbaImage, to: usize) -> Vec<f64> {
    let from = picture.width() as usize;
    let source = premultiplied(picture);
    let scale = from as f64 / to as f64;
    let sinc = |x: f64| {
        if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
    };
    let weights: Vec<(usize, Vec<f64>)> = (0..to)
        .map(|place| {
            let centre = (place as f64 + 0.5) * scale;
            let start = (centre - 3.0 * scale).floor().max(0.0) as usize;
            let end = ((centre + 3.0 * scale).ceil() as usize).min(from);
            let all: Vec<f64> = (start..end)
                .map(|at| {
                    let x = (at as f64 + 0.5 - centre) / scale;
                    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
                })
                .collect();
            let total: f64 = all.iter().sum();
            (start, all.into_iter().map(|weight| weight / total).collect())
        })
        .collect();
    let mut rows = vec![0.0; from * to * 4];
    for y in 0..from {
        for (x, (start, all)) in weights.iter().enumerate() {
            for (at, weight) in all.iter().enumerate() {
                for channel in 0..4 {
                    rows[(y * to + x) * 4 + channel] +=
                        weight * source[(y * from + start + at) * 4 + channel];
                }
            }
        }
    }
    let mut out = vec![0.0; to * to * 4];
    for (y, (start, all)) in weights.iter().enumerate() {
        for (at, weight) in all.iter().enumerate() {
            for place in 0..to * 4 {
                out[y * to * 4 + place] += weight * rows[(start + at) * to * 4 + place];
            }
        }
    }
    out.into_iter().map(|value| value.clamp(0.0, 255.0)).collect()
}

/// Loudness and true peak of a file, as ffmpeg measures them.
pub(crate) fn loudness(path: &Path) -> String {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-i"])
        .arg(path)
        .args(["-af", "ebur128=peak=true", "-f", "null", "-"])
        .output();
    let Ok(output) = output else { return "not measured".to_owned() };
    let text = String::from_utf8_lossy(&output.stderr);
    let summary = text.rsplit("Summary:").next().unwrap_or_default();
    let after = |name: &str| {
        let line = summary.lines().find(|line| line.trim().starts_with(name))?;
        Some(line.trim().trim_start_matches(name).trim().to_owned())
    };
    match (after("I:"), after("Peak:")) {
        (Some(loudness), Some(peak)) => format!("{loudness}, {peak}"),
        _ => "not measured".to_owned(),
    }
}
