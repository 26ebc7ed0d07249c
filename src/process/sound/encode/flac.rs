//! FLAC, 16 bits.

use flacenc::component::BitRepr as _;
use flacenc::error::Verify as _;

use crate::base::{Audio, Encoding};
use crate::process::sound::encode::{failed, nearest_rate, to_i16};
use crate::process::sound::error::SoundEncodeError;

/// The highest rate that the encoder writes, in hertz.
const MAX_RATE: u32 = 96_000;

pub(super) fn encode(audio: &Audio) -> Result<Vec<u8>, SoundEncodeError> {
    let encoding = Encoding::Flac;
    if audio.rate > MAX_RATE {
        let nearest = nearest_rate(audio.rate, &[MAX_RATE]);
        return Err(SoundEncodeError::Rate { encoding, rate: audio.rate, nearest });
    }
    let mut config = flacenc::config::Encoder::default();
    // Siblings and other assets are encoded at the same time as it is.
    config.multithread = false;
    let config = config.into_verified().map_err(|(_, error)| failed(encoding, error))?;
    let samples: Vec<i32> = audio.samples.iter().map(|sample| i32::from(to_i16(*sample))).collect();
    let rate = usize::try_from(audio.rate).expect("a rate fits");
    let source =
        flacenc::source::MemSource::from_samples(&samples, usize::from(audio.channels), 16, rate);
    let mut stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size)
        .map_err(|error| failed(encoding, error))?;
    // RFC 9639, 8.2: the last block, which may be shorter, does not count.
    stream
        .stream_info_mut()
        .set_block_sizes(config.block_size, config.block_size)
        .map_err(|error| failed(encoding, error))?;
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).map_err(|error| failed(encoding, error))?;
    Ok(sink.into_inner())
}
