//! Ogg Vorbis.

use std::num::{NonZeroU8, NonZeroU32};

use vorbis_rs::{VorbisBitrateManagementStrategy as Strategy, VorbisEncoderBuilder};

use crate::base::{Audio, Encoding};
use crate::process::sound::encode::{failed, nearest_rate};
use crate::process::sound::error::SoundEncodeError;

/// Unique within a file is all that a serial has to be.
const SERIAL: i32 = 1;
/// The quality without a bitrate: about 160 kbit/s for stereo at 44.1 kHz.
const QUALITY: f32 = 0.5;
/// The rates that the encoder is tuned for, in hertz.
const RATES: (u32, u32) = (8_000, 96_000);
/// Frames that the encoder gets at once.
const BLOCK: usize = 4_096;

pub(super) fn encode(audio: &Audio, bitrate: Option<u32>) -> Result<Vec<u8>, SoundEncodeError> {
    let encoding = Encoding::Ogg;
    let rate = audio.rate;
    if !(RATES.0..=RATES.1).contains(&rate) {
        let nearest = nearest_rate(rate, &[RATES.0, RATES.1]);
        return Err(SoundEncodeError::Rate { encoding, rate, nearest });
    }
    let strategy = match bitrate.and_then(NonZeroU32::new) {
        Some(target_bitrate) => Strategy::Vbr { target_bitrate },
        None => Strategy::QualityVbr { target_quality: QUALITY },
    };
    let channels = u8::try_from(audio.channels).ok().and_then(NonZeroU8::new);
    let channels = channels.expect("one or two channels");
    let frequency = NonZeroU32::new(rate).expect("it is in range");
    let mut builder =
        VorbisEncoderBuilder::new_with_serial(frequency, channels, Vec::new(), SERIAL);
    builder.bitrate_management_strategy(strategy);
    let mut encoder = builder.build().map_err(|error| match bitrate {
        Some(bitrate) => {
            let range = bitrates(rate, audio.channels);
            SoundEncodeError::Bitrate { encoding, rate, channels: audio.channels, bitrate, range }
        }
        None => failed(encoding, error),
    })?;
    let count = usize::from(audio.channels);
    let mut planes = vec![Vec::with_capacity(BLOCK); count];
    for block in audio.samples.chunks(BLOCK * count) {
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.clear();
            plane.extend(block.iter().skip(channel).step_by(count));
        }
        encoder.encode_audio_block(&planes).map_err(|error| failed(encoding, error))?;
    }
    encoder.finish().map_err(|error| failed(encoding, error))
}

/// Lowest and highest bitrate that the encoder has a mode for, in bits per second.
fn bitrates(rate: u32, channels: u16) -> (u32, u32) {
    // From libvorbis' rate tables, per channel of a coupled pair.
    let per_channel = match rate {
        ..9_000 => (6_000, 32_000),
        9_000..15_000 => (8_000, 44_000),
        15_000..19_000 => (12_000, 86_000),
        19_000..26_000 => (15_000, 86_000),
        26_000..40_000 => (22_500, 190_000),
        40_000..50_000 => (22_500, 250_000),
        _ => (32_000, 256_000),
    };
    let channels = u32::from(channels);
    (per_channel.0 * channels, per_channel.1 * channels)
}
