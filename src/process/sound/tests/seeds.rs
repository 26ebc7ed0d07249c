//! Small sounds of every kind as starting points for fuzzing: `UPDATE_SEEDS=1` writes them below
//! fuzz/seeds.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::*;
use crate::process::sound::decode::decode;
use crate::process::sound::encode::encode;

#[test]
fn seeds_are_good_files() {
    for (target, encoding, frames) in [
        ("wav", Encoding::Wav, 200),
        ("flac", Encoding::Flac, 600),
        ("mp3", Encoding::Mp3, 3_000),
        ("vorbis", Encoding::Ogg, 700),
        ("opus", Encoding::Opus, 2_000),
    ] {
        for (name, rate, channels) in [("mono", 8_000, 1), ("stereo", 44_100, 2)] {
            let bytes = encode(&triangles(rate, channels, frames), encoding, None);
            check(target, name, encoding, &bytes.expect("a plain sound"));
        }
    }
    for (name, bits, format, channels) in [
        ("float", 32, SampleFormat::Float, 1),
        ("bytes", 8, SampleFormat::Int, 2),
        ("deep", 24, SampleFormat::Int, 6),
        ("deepest", 32, SampleFormat::Int, 1),
    ] {
        check("wav", name, Encoding::Wav, &wav(bits, format, channels));
    }
}

fn check(target: &str, name: &str, encoding: Encoding, bytes: &[u8]) {
    decode(bytes, encoding).unwrap_or_else(|error| panic!("{target}/{name}: {error}"));
    crate::process::keep_seed(target, name, bytes);
}

fn wav(bits_per_sample: u16, sample_format: SampleFormat, channels: u16) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let spec = WavSpec { channels, sample_rate: 22_050, bits_per_sample, sample_format };
    let mut writer = WavWriter::new(&mut bytes, spec).expect("memory");
    for at in 0..60 * i32::from(channels) {
        match sample_format {
            SampleFormat::Float => writer.write_sample(at as f32 / 100.0).expect("memory"),
            SampleFormat::Int => writer.write_sample(at % 100).expect("memory"),
        }
    }
    writer.finalize().expect("memory");
    bytes.into_inner()
}
