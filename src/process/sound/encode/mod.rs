//! Samples to files. Every encoder gives the same bytes for the same samples, on any number of
//! threads: serial numbers are fixed, and nothing is stamped with a name or a time.

mod flac;
mod mp3;
mod opus;
mod vorbis;
mod wav;

use crate::base::{Audio, Encoding};
use crate::process::sound::error::SoundEncodeError;

/// Encodes a sound; `bitrate` in bits per second counts for lossy formats.
pub(super) fn encode(
    audio: &Audio,
    encoding: Encoding,
    bitrate: Option<u32>,
) -> Result<Vec<u8>, SoundEncodeError> {
    if audio.channels > 2 && encoding != Encoding::Wav {
        return Err(SoundEncodeError::Channels { encoding, channels: audio.channels });
    }
    match encoding {
        Encoding::Wav => wav::encode(audio),
        Encoding::Flac => flac::encode(audio),
        Encoding::Ogg => vorbis::encode(audio, bitrate),
        Encoding::Mp3 => mp3::encode(audio, bitrate),
        Encoding::Opus => opus::encode(audio, bitrate),
        _ => unreachable!("the encodings of pictures are decoded as pictures"),
    }
}

/// The rate of a list that is nearest above, or the highest one.
fn nearest_rate(rate: u32, rates: &[u32]) -> u32 {
    let above = rates.iter().copied().filter(|other| *other >= rate).min();
    above.or(rates.iter().copied().max()).unwrap_or(rate)
}

/// A sample as a 16-bit integer, to the nearest one; full scale is 32768, as decoders have it.
fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}

fn failed(encoding: Encoding, reason: impl ToString) -> SoundEncodeError {
    SoundEncodeError::Encoder { encoding, reason: reason.to_string() }
}
