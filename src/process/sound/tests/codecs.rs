//! Files to samples and back.

use super::*;
use crate::base::Digest;
use crate::process::sound::decode::decode;
use crate::process::sound::encode::encode;

const LOSSY: [(Encoding, f64); 3] =
    [(Encoding::Ogg, 18.0), (Encoding::Mp3, 18.0), (Encoding::Opus, 12.0)];

fn round_trip(audio: &Audio, encoding: Encoding, bitrate: Option<u32>) -> Audio {
    let bytes = encode(audio, encoding, bitrate).expect("a sound that can be encoded");
    assert_eq!(Encoding::sniff(&bytes), Some(encoding));
    decode(&bytes, encoding).expect("our own file")
}

#[test]
fn lossless_files_hold_every_sample_to_16_bits() {
    for (rate, channels) in [(44_100, 2), (8_000, 1), (48_000, 1), (22_050, 2), (96_000, 2)] {
        let audio = sweep(rate, channels, 0.3);
        for encoding in [Encoding::Wav, Encoding::Flac] {
            let found = round_trip(&audio, encoding, None);
            assert_eq!((found.rate, found.channels), (rate, channels));
            assert_eq!(found.samples.len(), audio.samples.len(), "{encoding:?}");
            let worst = audio.samples.iter().zip(&found.samples).map(|(a, b)| (a - b).abs());
            let worst = worst.fold(0.0, f32::max);
            assert!(worst <= 0.5 / 32_768.0 + 1e-7, "{encoding:?} is off by {worst}");
        }
    }
}

#[test]
fn lossy_files_sound_alike_begin_at_once_and_are_as_long() {
    for (encoding, least) in LOSSY {
        for (rate, channels) in [(44_100, 2), (48_000, 1), (22_050, 1)] {
            let audio = sweep(rate, channels, 1.0);
            let found =
                round_trip(&audio, encoding, Some(if channels == 2 { 192_000 } else { 80_000 }));
            let expected = match encoding {
                Encoding::Opus => after(&audio, &[ProcessOp::Resample { rate: 48_000 }]),
                _ => audio.clone(),
            };
            assert_eq!(found.rate, expected.rate);
            assert_eq!(found.channels, channels);
            assert_eq!(found.samples.len(), expected.samples.len(), "{encoding:?} at {rate}");
            let ratio = snr(&expected.samples, &found.samples);
            assert!(ratio >= least, "{encoding:?} at {rate}: {ratio:.1} dB");
        }
    }
}

#[test]
fn channels_stay_where_they_are() {
    let mut audio = sine(44_100, 2, 440.0, 0.5, 0.5);
    audio.samples.iter_mut().skip(1).step_by(2).for_each(|right| *right = 0.0);
    for encoding in [Encoding::Wav, Encoding::Flac, Encoding::Ogg, Encoding::Mp3, Encoding::Opus] {
        let found = round_trip(&audio, encoding, None);
        let power = |channel: usize| -> f64 {
            found.samples.iter().skip(channel).step_by(2).map(|s| f64::from(*s).powi(2)).sum()
        };
        assert!(power(0) > 1_000.0 * power(1), "{encoding:?}");
    }
}

#[test]
fn a_sound_of_a_few_samples_survives_every_encoder() {
    for encoding in [Encoding::Wav, Encoding::Flac, Encoding::Ogg, Encoding::Mp3, Encoding::Opus] {
        for frames in [1, 2, 63, 700] {
            let audio = triangles(48_000, 1, frames);
            let found = round_trip(&audio, encoding, None);
            assert_eq!(found.samples.len(), frames as usize, "{encoding:?}");
        }
    }
}

#[test]
fn a_bitrate_is_kept_about() {
    let audio = sweep(44_100, 2, 4.0);
    for (encoding, tolerance) in [(Encoding::Mp3, 0.05), (Encoding::Opus, 0.35)] {
        for bitrate in [96_000, 192_000] {
            let bytes = encode(&audio, encoding, Some(bitrate)).expect("a usual bitrate");
            let found = bytes.len() as f64 * 8.0 / 4.0;
            let off = (found / f64::from(bitrate) - 1.0).abs();
            assert!(off < tolerance, "{encoding:?}: {found:.0} instead of {bitrate}");
        }
    }
}

/// A change here makes every sound of every project again: raise `ENCODERS` with it.
#[test]
fn encoders_give_the_same_bytes_on_every_number_of_threads() {
    let audio = triangles(44_100, 2, 20_000);
    let all = || {
        [Encoding::Wav, Encoding::Flac, Encoding::Ogg, Encoding::Mp3, Encoding::Opus].map(
            |encoding| {
                let bytes = encode(&audio, encoding, Some(128_000)).expect("a plain sound");
                format!("{} {}", encoding.extension(), &Digest::of(&bytes).hex()[..16])
            },
        )
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("a small pool");
    let (left, right) = pool.install(|| rayon::join(all, all));
    assert_eq!(left, right);
    assert_eq!(left, all());
    insta::assert_debug_snapshot!(left, @r#"
    [
        "wav d3ad96811c78f4c8",
        "flac 44947da171bbb7f8",
        "ogg d646004df9d5b090",
        "mp3 12e5c2716c0fda20",
        "opus 7b242c3f630e0446",
    ]
    "#);
}

#[test]
fn what_a_file_is_decides_not_its_name() {
    let audio = triangles(48_000, 2, 5_000);
    for encoding in [Encoding::Wav, Encoding::Flac, Encoding::Ogg, Encoding::Mp3, Encoding::Opus] {
        let bytes = encode(&audio, encoding, None).expect("a plain sound");
        for named in [Encoding::Mp3, Encoding::Ogg, Encoding::Wav] {
            let found = decode(&bytes, named).expect("content that is known");
            assert_eq!(found.samples.len(), audio.samples.len(), "{encoding:?} named {named:?}");
        }
    }
}

#[test]
fn wav_files_of_every_sample_format_are_read() {
    let audio = triangles(11_025, 2, 3_000);
    for (bits, format, worst) in [
        (8, hound::SampleFormat::Int, 0.01),
        (16, hound::SampleFormat::Int, 0.0001),
        (24, hound::SampleFormat::Int, 0.000_001),
        (32, hound::SampleFormat::Int, 0.000_001),
        (32, hound::SampleFormat::Float, 0.0),
    ] {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 11_025,
            bits_per_sample: bits,
            sample_format: format,
        };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).expect("a usual format");
        for sample in &audio.samples {
            let full = f64::from(2u32.pow(u32::from(bits) - 1));
            match format {
                hound::SampleFormat::Float => writer.write_sample(*sample),
                hound::SampleFormat::Int => writer.write_sample((f64::from(*sample) * full) as i32),
            }
            .expect("memory");
        }
        writer.finalize().expect("memory");
        let found = decode(&file.into_inner(), Encoding::Wav).expect("a file of another library");
        assert_eq!((found.rate, found.channels), (11_025, 2));
        let off = audio.samples.iter().zip(&found.samples).map(|(a, b)| (a - b).abs());
        let off = off.fold(0.0, f32::max);
        assert!(off <= worst, "{bits} bits {format:?}: {off}");
    }
}

fn float_wav(samples: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("a usual format");
    samples.iter().for_each(|sample| writer.write_sample(*sample).expect("memory"));
    writer.finalize().expect("memory");
    file.into_inner()
}

fn decode_error(bytes: &[u8]) -> String {
    decode(bytes, Encoding::Wav).expect_err("a file that cannot be used").to_string()
}

#[test]
fn what_is_not_a_number_is_an_error_with_its_place() {
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
        let mut samples = vec![0.25; 800];
        samples[400] = odd;
        assert_eq!(
            decode_error(&float_wav(&samples)),
            "the sample at 0.0500 s is no number that can be played"
        );
    }
}

#[test]
fn a_file_without_samples_says_so() {
    assert_eq!(decode_error(&float_wav(&[])), "the file holds no sound: it has no samples");
    let empty = decode(b"", Encoding::Mp3).expect_err("nothing").to_string();
    assert!(empty.starts_with("damaged mp3 file, after 0.00 s: "), "{empty}");
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let audio = sweep(44_100, 2, 1.0);
    for encoding in [Encoding::Wav, Encoding::Flac, Encoding::Ogg, Encoding::Mp3, Encoding::Opus] {
        let bytes = encode(&audio, encoding, None).expect("a plain sound");
        for tenth in [3, 5, 8] {
            let cut = &bytes[..bytes.len() * tenth / 10];
            let error = decode(cut, encoding).expect_err("a file without its end").to_string();
            assert!(
                error.contains("cut off") || error.contains("damaged"),
                "{encoding:?} at {tenth}/10: {error}"
            );
        }
    }
}

#[test]
fn what_a_format_cannot_hold_names_the_step_that_helps() {
    let surround = Raw::Audio(triangles(48_000, 6, 4_800));
    insta::assert_snapshot!(failure(&surround, &[], &[Encoding::Ogg]), @"assets/x.ogg could not be written: ogg files of this tool have one or two channels, not 6; add `{ action: channels, count: 2 }`");
    let odd = Raw::Audio(triangles(7_919, 1, 4_800));
    insta::assert_snapshot!(failure(&odd, &[], &[Encoding::Mp3]), @"assets/x.mp3 could not be written: mp3 files do not have a sample rate of 7919 Hz; add `{ action: resample, rate: 8000 }`");
    let fast = Raw::Audio(triangles(192_000, 1, 4_800));
    insta::assert_snapshot!(failure(&fast, &[], &[Encoding::Flac]), @"assets/x.flac could not be written: flac files do not have a sample rate of 192000 Hz; add `{ action: resample, rate: 96000 }`");
    let convert = |bitrate| ProcessOp::Convert {
        formats: Vec::new(),
        quality: None,
        lossless: false,
        bitrate: Some(bitrate),
    };
    let plain = Raw::Audio(triangles(44_100, 2, 4_800));
    insta::assert_snapshot!(failure(&plain, &[convert(900_000)], &[Encoding::Mp3]), @"assets/x.mp3 could not be written: mp3 at 44100 Hz with 2 channels cannot have 900 kbit/s; choose a bitrate of 32 to 320 kbit/s");
    insta::assert_snapshot!(failure(&plain, &[convert(9_000)], &[Encoding::Ogg]), @"assets/x.ogg could not be written: ogg at 44100 Hz with 2 channels cannot have 9 kbit/s; choose a bitrate of 45 to 500 kbit/s");
    insta::assert_snapshot!(failure(&plain, &[convert(900_000)], &[Encoding::Opus]), @"assets/x.opus could not be written: opus at 48000 Hz with 2 channels cannot have 900 kbit/s; choose a bitrate of 6 to 512 kbit/s");
}

#[test]
fn an_untouched_file_passes_and_a_touched_one_is_encoded() {
    let audio = triangles(44_100, 2, 9_000);
    let bytes = encode(&audio, Encoding::Ogg, None).expect("a plain sound");
    let raw = Raw::File(bytes.clone().into(), Encoding::Ogg);
    let passed = run(&raw, &[], &[Encoding::Ogg, Encoding::Wav]).expect("a plain file");
    assert_eq!(passed.files[0].bytes, bytes);
    assert_eq!(Encoding::sniff(&passed.files[1].bytes), Some(Encoding::Wav));
    let fade = ProcessOp::Fade { in_seconds: 0.01, out_seconds: 0.0 };
    let faded = run(&raw, &[fade], &[Encoding::Ogg]).expect("a plain file");
    assert_ne!(faded.files[0].bytes, bytes);
    // A step that leaves the sound as it is touches nothing.
    let same = run(&raw, &[ProcessOp::Resample { rate: 44_100 }], &[Encoding::Ogg]);
    assert_eq!(same.expect("a plain file").files[0].bytes, bytes);
}
