//! What the simulator makes: a disc in a colour of the prompt, a tone in a pitch of it.

use std::collections::BTreeMap;
use std::f32::consts::TAU;

use crate::base::{Audio, Digest, Encoding, Image, Raw, RelPath};
use crate::process::{self, Job};
use crate::spec::op::OutputFile;

/// In the number of a result: it has nothing in it.
pub(super) const BLANK: u64 = 1 << 63;

/// A picture of `width` × `height` pixels. `number` makes each one another.
pub(super) fn picture(
    prompt: &str,
    number: u64,
    (width, height): (u32, u32),
    is_transparent: bool,
    encoding: Encoding,
) -> Vec<u8> {
    let digest = Digest::of(format!("{prompt} {number}").as_bytes()).hex();
    let part = |at: usize| u8::from_str_radix(&digest[at..at + 2], 16).unwrap_or(128);
    let (ground, disc) = ([part(0), part(2), part(4), 255], [part(6), part(8), part(10), 255]);
    let ground = if is_transparent { [0; 4] } else { ground };
    let (middle_x, middle_y) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let share = if number & BLANK == 0 { 0.8 } else { 0.0 };
    let radius = middle_x.min(middle_y) * share;
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = (f64::from(x) + 0.5 - middle_x, f64::from(y) + 0.5 - middle_y);
            let inside = dx * dx + dy * dy < radius * radius;
            pixels.extend_from_slice(if inside { &disc } else { &ground });
        }
    }
    encode(&Raw::Image(Image { width, height, pixels }), encoding)
}

/// A tone of `seconds`.
pub(super) fn sound(prompt: &str, number: u64, seconds: f64, encoding: Encoding) -> Vec<u8> {
    const RATE: u32 = 44_100;
    let digest = Digest::of(format!("{prompt} {number}").as_bytes()).hex();
    let drawn = u16::from_str_radix(&digest[..4], 16).unwrap_or(0);
    let pitch = 220.0 + f32::from(drawn % 660);
    let volume = if number & BLANK == 0 { 0.5 } else { 0.0 };
    let frames = (seconds.clamp(0.05, 600.0) * f64::from(RATE)) as u32;
    let samples = (0..frames)
        .map(|frame| {
            let fade = (1.0 - frame as f32 / frames as f32).sqrt();
            volume * fade * (TAU * pitch * (frame as f32 / RATE as f32)).sin()
        })
        .collect();
    encode(&Raw::Audio(Audio { rate: RATE, channels: 1, samples }), encoding)
}

fn encode(raw: &Raw, encoding: Encoding) -> Vec<u8> {
    let path = RelPath::new("result").expect("a plain path");
    let files = [OutputFile { path, encoding, variant: None }];
    let (sources, gains) = (BTreeMap::new(), BTreeMap::new());
    let job =
        Job { raw, requested: None, steps: &[], files: &files, sources: &sources, gains: &gains };
    let processed = process::process(&job).expect("plain material can be encoded");
    processed.files.into_iter().next().map(|file| file.bytes).unwrap_or_default()
}
