//! WAV, 16-bit PCM.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::base::{Audio, Encoding};
use crate::process::sound::encode::{failed, to_i16};
use crate::process::sound::error::SoundEncodeError;

/// Bytes that the size field of a RIFF file leaves for samples.
const MOST: usize = u32::MAX as usize - 64;

pub(super) fn encode(audio: &Audio) -> Result<Vec<u8>, SoundEncodeError> {
    let size = audio.samples.len() * 2;
    if size > MOST {
        return Err(SoundEncodeError::TooLarge(Encoding::Wav));
    }
    let failed = |error: hound::Error| failed(Encoding::Wav, error);
    let spec = WavSpec {
        channels: audio.channels,
        sample_rate: audio.rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::with_capacity(size + 64));
    let mut writer = WavWriter::new(&mut file, spec).map_err(failed)?;
    // In pieces: the writer holds what it is given until it is flushed.
    for piece in audio.samples.chunks(1 << 16) {
        let count = u32::try_from(piece.len()).expect("a piece is small");
        let mut samples = writer.get_i16_writer(count);
        piece.iter().for_each(|sample| samples.write_sample(to_i16(*sample)));
        samples.flush().map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    Ok(file.into_inner())
}
