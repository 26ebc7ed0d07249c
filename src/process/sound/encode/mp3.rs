//! MP3 at a constant bitrate, with the tag that lets players drop the encoder's delay.

use rusty_mp3::{Error, Mp3Encoder, Mp3EncoderConfig};

use crate::base::{Audio, Encoding};
use crate::process::sound::encode::{failed, nearest_rate};
use crate::process::sound::error::SoundEncodeError;

/// The rates of layer III, in hertz, and those at which frames are short and bitrates low.
const RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const LOW_RATE: u32 = 24_000;

pub(super) fn encode(audio: &Audio, bitrate: Option<u32>) -> Result<Vec<u8>, SoundEncodeError> {
    let encoding = Encoding::Mp3;
    let rate = audio.rate;
    if !RATES.contains(&rate) {
        let nearest = nearest_rate(rate, &RATES);
        return Err(SoundEncodeError::Rate { encoding, rate, nearest });
    }
    let range = if rate <= LOW_RATE { (8_000, 160_000) } else { (32_000, 320_000) };
    if let Some(bitrate) = bitrate.filter(|bitrate| !(range.0..=range.1).contains(bitrate)) {
        let channels = audio.channels;
        return Err(SoundEncodeError::Bitrate { encoding, rate, channels, bitrate, range });
    }
    let usual = if rate <= LOW_RATE { 64_000 } else { 96_000 } * u32::from(audio.channels);
    let bitrate_kbps = bitrate.unwrap_or(usual.min(range.1)) / 1_000;
    let mut encoder = Mp3Encoder::new(Mp3EncoderConfig { bitrate_kbps, vbr_quality: None });
    encoder
        .push_pcm_f32(&audio.samples, audio.channels, rate)
        .map_err(|error| failed(encoding, error))?;
    encoder.finish();
    let mut file = Vec::new();
    loop {
        match encoder.next_packet() {
            Ok(packet) => file.extend_from_slice(&packet),
            Err(Error::Eof) => return Ok(file),
            Err(error) => return Err(failed(encoding, error)),
        }
    }
}
