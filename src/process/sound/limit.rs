//! A look-ahead limiter for true peaks.
//!
//! The gain of a frame is a smooth curve below what every frame within the look-ahead needs, so it is
//! down before a peak comes and no sample passes the ceiling. All channels get the same gain.

use std::collections::VecDeque;

use rayon::prelude::*;

use crate::base::Audio;

/// Seconds in which the gain goes down.
const LOOK_AHEAD: f64 = 0.005;
/// Seconds in which it comes back by two thirds.
const RELEASE: f64 = 0.06;

/// Frames whose peaks are looked for at once.
const PIECE: usize = 1 << 16;

/// A sound, and how high it goes where.
pub(super) struct Limiter<'a> {
    audio: &'a Audio,
    /// For each frame the largest absolute value of all channels at it and on the way to the next.
    peaks: Vec<f32>,
}

impl<'a> Limiter<'a> {
    pub(super) fn new(audio: &'a Audio) -> Self {
        let mut peaks = vec![0.0; audio.samples.len() / usize::from(audio.channels)];
        let pieces = peaks.par_chunks_mut(PIECE).enumerate();
        pieces.for_each(|(index, peaks)| find_peaks(audio, index * PIECE, peaks));
        Self { audio, peaks }
    }

    /// Amplifies by the factor `gain` and holds what lies between samples under `ceiling`, nearly:
    /// moving the gain moves those values a little.
    pub(super) fn limit(&self, gain: f64, ceiling: f64) -> Audio {
        let Audio { rate, channels, .. } = *self.audio;
        let reach = ((LOOK_AHEAD * f64::from(rate)) as usize).max(2);
        let needed = |peak: &f32| (ceiling / (f64::from(*peak) * gain)).min(1.0) as f32;
        let mut curve: Vec<f32> = self.peaks.iter().map(needed).collect();
        lowest_within(&mut curve, reach);
        release(&mut curve, rate);
        // Two averages over half of the reach each stay within what the minimum covers.
        average(&mut curve, reach / 2);
        average(&mut curve, reach / 2);
        let mut samples = Vec::with_capacity(self.audio.samples.len());
        let frames = self.audio.samples.chunks_exact(usize::from(channels));
        for (frame, limited) in frames.zip(curve) {
            let factor = (gain * f64::from(limited)) as f32;
            samples.extend(frame.iter().map(|sample| sample * factor));
        }
        Audio { rate, channels, samples }
    }
}

/// The peaks of the frames from `start` on.
fn find_peaks(audio: &Audio, start: usize, peaks: &mut [f32]) {
    let channels = usize::from(audio.channels);
    let mut plane = Vec::with_capacity(peaks.len() + 2 * SIDE);
    for channel in 0..channels {
        // With what reaches into the values between: silence before the sound and after it.
        plane.clear();
        let places = start as isize - SIDE as isize + 1..(start + peaks.len() + SIDE) as isize;
        plane.extend(places.map(|place| {
            let frame = usize::try_from(place).ok();
            let sample = frame.and_then(|frame| audio.samples.get(frame * channels + channel));
            sample.copied().unwrap_or(0.0)
        }));
        for (peak, around) in peaks.iter_mut().zip(plane.windows(2 * SIDE)) {
            *peak = peak.max(peak_between(around.try_into().expect("windows have this size")));
        }
    }
}

/// Taps on each side of the point between two samples.
const SIDE: usize = 6;
/// What the samples around give to the points a quarter, a half and three quarters of the way to the
/// next one: a sinc under a Hann window over twelve samples, in the manner of ITU-R BS.1770, annex 2.
const BETWEEN: [[f32; 2 * SIDE]; 3] = [
    [
        -0.003_795, 0.014_175, -0.034_630, 0.073_268, -0.164_139, 0.897_104, 0.290_377, -0.106_961,
        0.050_721, -0.022_830, 0.007_982, -0.001_272,
    ],
    [
        -0.003_314, 0.015_275, -0.039_987, 0.086_227, -0.185_502, 0.627_302, 0.627_302, -0.185_502,
        0.086_227, -0.039_987, 0.015_275, -0.003_314,
    ],
    [
        -0.001_272, 0.007_982, -0.022_830, 0.050_721, -0.106_961, 0.290_377, 0.897_104, -0.164_139,
        0.073_268, -0.034_630, 0.014_175, -0.003_795,
    ],
];

/// The largest absolute value at a sample, the `SIDE`th of those around it, and on the way to the next.
fn peak_between(around: &[f32; 2 * SIDE]) -> f32 {
    let mut peak = around[SIDE - 1].abs();
    for taps in &BETWEEN {
        let value: f32 = taps.iter().zip(around).map(|(tap, sample)| tap * sample).sum();
        peak = peak.max(value.abs());
    }
    peak
}

/// Puts the lowest value within `reach` places on both sides in each place.
fn lowest_within(values: &mut [f32], reach: usize) {
    // Candidates with their places, their values rising.
    let mut candidates: VecDeque<(usize, f32)> = VecDeque::new();
    let mut next = 0;
    for at in 0..values.len() {
        while next < values.len().min(at + reach + 1) {
            let value = values[next];
            while candidates.back().is_some_and(|(_, last)| *last >= value) {
                candidates.pop_back();
            }
            candidates.push_back((next, value));
            next += 1;
        }
        while candidates.front().is_some_and(|(place, _)| place + reach < at) {
            candidates.pop_front();
        }
        values[at] = candidates[0].1;
    }
}

/// Lets the curve rise slowly.
fn release(curve: &mut [f32], rate: u32) {
    let share = 1.0 / (RELEASE * f64::from(rate)).max(1.0);
    let mut last = 1.0;
    for value in curve {
        last = f64::from(*value).min(last + (1.0 - last) * share);
        *value = last as f32;
    }
}

/// Puts the mean within `reach` places on both sides in each place; beyond the ends the curve goes on
/// as it begins and ends.
fn average(curve: &mut [f32], reach: usize) {
    let (Some(&first), Some(&last)) = (curve.first(), curve.last()) else { return };
    let width = (2 * reach + 1) as f64;
    let ahead = |curve: &[f32], place: usize| f64::from(curve.get(place).copied().unwrap_or(last));
    let mut sum = f64::from(first) * reach as f64;
    sum += (0..=reach).map(|place| ahead(curve, place)).sum::<f64>();
    // What stood in the last places, which are overwritten.
    let mut behind = VecDeque::with_capacity(reach + 1);
    for at in 0..curve.len() {
        behind.push_back(curve[at]);
        let leaves = if at < reach { Some(first) } else { behind.pop_front() };
        curve[at] = (sum / width) as f32;
        sum += ahead(curve, at + reach + 1) - f64::from(leaves.unwrap_or(first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values without a pattern, 0.0..1.0.
    fn scattered(count: usize) -> Vec<f32> {
        (0..count).map(|n| (n * 7_919 % 1_009) as f32 / 1_009.0).collect()
    }

    fn around(values: &[f32], at: usize, reach: usize) -> Vec<f32> {
        let places = at as isize - reach as isize..=(at + reach) as isize;
        let last = values.len() as isize - 1;
        places.map(|place| values[place.clamp(0, last) as usize]).collect()
    }

    #[test]
    fn lowest_and_mean_are_those_of_what_is_around() {
        for (count, reach) in [(1, 2), (3, 5), (50, 4), (200, 60)] {
            let values = scattered(count);
            let (mut lowest, mut means) = (values.clone(), values.clone());
            lowest_within(&mut lowest, reach);
            average(&mut means, reach);
            for at in 0..count {
                let near = around(&values, at, reach);
                let expected = near.iter().copied().fold(f32::INFINITY, f32::min);
                assert_eq!(lowest[at], expected, "{count} values, reach {reach}, at {at}");
                let expected = near.iter().sum::<f32>() / near.len() as f32;
                assert!((means[at] - expected).abs() < 1e-5, "{count}, {reach}, at {at}");
            }
        }
        average(&mut [], 3);
    }

    #[test]
    fn peaks_are_the_same_wherever_a_sound_is_cut_into_pieces() {
        let peaks_around = |start: usize| {
            let mut samples = vec![0.0; 2 * (2 * PIECE + 100)];
            let burst = scattered(2 * 40);
            samples[2 * start..2 * start + burst.len()].copy_from_slice(&burst);
            let audio = Audio { rate: 44_100, channels: 2, samples };
            Limiter::new(&audio).peaks[start - 20..start + 60].to_vec()
        };
        let expected = peaks_around(1_000);
        assert!(expected[..10].iter().all(|peak| *peak == 0.0));
        assert!(expected.iter().any(|peak| *peak > 0.9));
        for start in [PIECE - 45, PIECE - 20, PIECE - 1, PIECE, PIECE + 3, 2 * PIECE - 7] {
            assert_eq!(peaks_around(start), expected, "at frame {start}");
        }
    }

    #[test]
    fn what_is_low_enough_stays_as_it_is_and_an_empty_sound_is_one() {
        let audio = Audio { rate: 8_000, channels: 1, samples: scattered(500) };
        assert_eq!(Limiter::new(&audio).limit(1.0, 4.0), audio);
        let empty = Audio { rate: 8_000, channels: 1, samples: Vec::new() };
        assert_eq!(Limiter::new(&empty).limit(2.0, 0.5), empty);
    }
}
