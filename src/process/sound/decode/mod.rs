//! Files to samples: MP3, WAV, FLAC and Ogg Vorbis through symphonia, Ogg Opus through libopus.
//!
//! What a file is decides its content, not its name. A file that ends before the length that it states,
//! or that the decoder cannot read to its end, is an error: what was paid for must not lose its tail
//! unseen. Nothing is allocated on the word of a header.

mod opus;
mod symphonia;

use crate::base::{Audio, Encoding, guarded};
use crate::process::sound::error::{MAX_CHANNELS, MAX_RATE, MIN_RATE, SoundDecodeError};

/// Samples of all channels, at most: an hour and a half of stereo at 48 kHz, 2 GiB.
const MAX_SAMPLES: usize = 1 << 29;

/// The largest sample of a float file, 120 dB over full scale: sums of more could overflow.
const MAX_AMPLITUDE: f32 = 1e6;

/// Decodes a whole file; `named` is what its name says, for files that do not begin like any format.
pub(super) fn decode(bytes: &[u8], named: Encoding) -> Result<Audio, SoundDecodeError> {
    let encoding = Encoding::sniff(bytes).unwrap_or(named);
    let decode = || match encoding {
        Encoding::Opus => opus::decode(bytes),
        _ => symphonia::decode(bytes, encoding),
    };
    // The decoders are other people's code, and files come from strangers: a slip in an index must
    // not end the build.
    let audio = guarded(decode).unwrap_or_else(|_| {
        let reason = "the decoder gave up".to_owned();
        Err(SoundDecodeError::Malformed { encoding, seconds: 0.0, reason })
    })?;
    if audio.samples.is_empty() {
        return Err(SoundDecodeError::Empty);
    }
    let is_absurd = |sample: &f32| !sample.is_finite() || sample.abs() > MAX_AMPLITUDE;
    if let Some(at) = audio.samples.iter().position(is_absurd) {
        return Err(SoundDecodeError::NotFinite { seconds: seconds(at, &audio) });
    }
    Ok(audio)
}

/// Collects samples within the limits.
struct Collector {
    audio: Audio,
}

impl Collector {
    /// For frames of `channels` samples at `rate` hertz.
    fn new(rate: u32, channels: usize) -> Result<Self, SoundDecodeError> {
        if !(MIN_RATE..=MAX_RATE).contains(&rate) {
            return Err(SoundDecodeError::Rate(rate));
        }
        let count = u16::try_from(channels).ok().filter(|_| channels <= MAX_CHANNELS);
        let channels =
            count.filter(|count| *count > 0).ok_or(SoundDecodeError::Channels(channels))?;
        Ok(Self { audio: Audio { rate, channels, samples: Vec::new() } })
    }

    /// Room for as many frames as the file states, as far as its size makes that credible.
    fn reserve(&mut self, frames: u64, file_size: usize) {
        // No lossy format in use goes below one bit per sample for long.
        let credible = file_size.saturating_mul(8);
        let stated = usize::try_from(frames).unwrap_or(usize::MAX);
        let samples = stated.saturating_mul(usize::from(self.audio.channels));
        self.audio.samples.reserve(samples.min(credible).min(MAX_SAMPLES));
    }

    /// Takes `count` more samples, which `fill` writes.
    fn extend(
        &mut self,
        count: usize,
        fill: impl FnOnce(&mut [f32]),
    ) -> Result<(), SoundDecodeError> {
        let before = self.audio.samples.len();
        if before + count > MAX_SAMPLES {
            return Err(SoundDecodeError::TooLong { limit: MAX_SAMPLES });
        }
        self.audio.samples.resize(before + count, 0.0);
        fill(&mut self.audio.samples[before..]);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        seconds(self.audio.samples.len(), &self.audio)
    }

    fn frames(&self) -> u64 {
        (self.audio.samples.len() / usize::from(self.audio.channels)) as u64
    }
}

/// When a sample is played.
fn seconds(sample: usize, audio: &Audio) -> f64 {
    (sample / usize::from(audio.channels)) as f64 / f64::from(audio.rate)
}
