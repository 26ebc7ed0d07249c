//! Band-limited change of the sample rate.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::base::Audio;
use crate::process::sound::error::SoundError;

/// Frames that are transformed at once, about.
const CHUNK: usize = 4_096;

/// The sound at `rate` hertz: no delay, and as long as before to the nearest frame.
///
/// # Errors
/// `SoundError` if the rates have no common grid that a transform could cover.
pub(super) fn resample(audio: &Audio, rate: u32) -> Result<Audio, SoundError> {
    let unable = |reason: String| SoundError::Resample { from: audio.rate, to: rate, reason };
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let (from, to) = (audio.rate as usize, rate as usize);
    let mut resampler = Fft::<f32>::new(from, to, chunk_of(from, to), channels, FixedSync::Both)
        .map_err(|error| unable(error.to_string()))?;
    let room = resampler.process_all_needed_output_len(frames);
    let mut samples = vec![0.0; room * channels];
    let input = InterleavedSlice::new(&audio.samples, channels, frames)
        .map_err(|error| unable(error.to_string()))?;
    let mut output = InterleavedSlice::new_mut(&mut samples, channels, room)
        .map_err(|error| unable(error.to_string()))?;
    let (_, made) = resampler
        .process_all_into_buffer(&input, &mut output, frames, None)
        .map_err(|error| unable(error.to_string()))?;
    let wanted = scaled(frames, audio.rate, rate);
    samples.truncate(made.min(wanted) * channels);
    samples.resize(wanted * channels, 0.0);
    Ok(Audio { rate, channels: audio.channels, samples })
}

/// Frames of a transform: a multiple of the smallest grid of both rates, and an even one, since half of
/// it is the delay that is taken away.
fn chunk_of(from: usize, to: usize) -> usize {
    let grid = from / greatest_common_divisor(from, to);
    let count = CHUNK.div_ceil(grid);
    grid * count.next_multiple_of(2)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A length in frames at another rate, to the nearest frame and at least one.
fn scaled(frames: usize, from: u32, to: u32) -> usize {
    let (frames, from, to) = (frames as u128, u128::from(from), u128::from(to));
    let scaled = (frames * to + from / 2) / from;
    usize::try_from(scaled).unwrap_or(usize::MAX).max(1)
}
