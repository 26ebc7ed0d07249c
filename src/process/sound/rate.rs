//! Band-limited change of the sample rate.

use std::error::Error;

use audioadapter_buffers::direct::SequentialSlice;
use rayon::prelude::*;
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
    let channels = usize::from(audio.channels);
    let planes = (0..channels).into_par_iter().map(|channel| {
        let plane: Vec<f32> =
            audio.samples.iter().skip(channel).step_by(channels).copied().collect();
        resample_plane(&plane, audio.rate, rate)
    });
    let planes = planes.collect::<Result<Vec<_>, _>>().map_err(|error| SoundError::Resample {
        from: audio.rate,
        to: rate,
        reason: error.to_string(),
    })?;
    let mut samples = vec![0.0; planes[0].len() * channels];
    for (channel, plane) in planes.iter().enumerate() {
        let places = samples.iter_mut().skip(channel).step_by(channels);
        places.zip(plane).for_each(|(place, sample)| *place = *sample);
    }
    Ok(Audio { rate, channels: audio.channels, samples })
}

fn resample_plane(
    plane: &[f32],
    from: u32,
    to: u32,
) -> Result<Vec<f32>, Box<dyn Error + Send + Sync>> {
    let wanted = scaled(plane.len(), from, to);
    let (from, to) = (from as usize, to as usize);
    let mut resampler = Fft::<f32>::new(from, to, chunk_of(from, to), 1, FixedSync::Both)?;
    let room = resampler.process_all_needed_output_len(plane.len());
    let mut samples = vec![0.0; room];
    let input = SequentialSlice::new(plane, 1, plane.len())?;
    let mut output = SequentialSlice::new_mut(&mut samples, 1, room)?;
    let (_, made) = resampler.process_all_into_buffer(&input, &mut output, plane.len(), None)?;
    samples.truncate(made.min(wanted));
    samples.resize(wanted, 0.0);
    Ok(samples)
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
