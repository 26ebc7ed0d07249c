//! A look-ahead limiter for true peaks.
//!
//! The gain of a frame is a smooth curve below what every frame within the look-ahead needs, so it is
//! down before a peak comes and no sample passes the ceiling. All channels get the same gain.

use crate::base::Audio;

/// Seconds in which the gain goes down.
const LOOK_AHEAD: f64 = 0.005;
/// Seconds in which it comes back by two thirds.
const RELEASE: f64 = 0.06;

/// Amplifies by the factor `gain` and holds what lies between samples under `ceiling`, nearly: moving
/// the gain moves those values a little.
pub(super) fn limit(audio: &Audio, gain: f64, ceiling: f64) -> Audio {
    let channels = usize::from(audio.channels);
    let needed = needed_gains(audio, gain, ceiling);
    let reach = ((LOOK_AHEAD * f64::from(audio.rate)) as usize).max(2);
    let mut curve = lowest_within(&needed, reach);
    release(&mut curve, audio.rate);
    // Two averages over half of the reach each stay within what the minimum covers.
    let curve = average(&average(&curve, reach / 2), reach / 2);
    let frames = audio.samples.chunks_exact(channels).zip(&curve);
    let samples = frames
        .flat_map(|(frame, limited)| {
            let factor = (gain * limited) as f32;
            frame.iter().map(move |sample| sample * factor)
        })
        .collect();
    Audio { rate: audio.rate, channels: audio.channels, samples }
}

/// For each frame the factor, at most 1, that keeps it and what lies after it under the ceiling.
fn needed_gains(audio: &Audio, gain: f64, ceiling: f64) -> Vec<f64> {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let mut peaks = vec![0.0f32; frames];
    let mut plane = Vec::with_capacity(frames);
    for channel in 0..channels {
        plane.clear();
        plane.extend(audio.samples.iter().skip(channel).step_by(channels));
        for (at, peak) in peaks.iter_mut().enumerate() {
            *peak = peak.max(plane_peak(&plane, at));
        }
    }
    peaks.into_iter().map(|peak| (ceiling / (f64::from(peak) * gain)).min(1.0)).collect()
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

/// The largest absolute value at a sample and on the way to the next one.
fn plane_peak(plane: &[f32], at: usize) -> f32 {
    let mut peak = plane[at].abs();
    let start = (at + 1).checked_sub(SIDE);
    let around = start.and_then(|start| plane.get(start..start + 2 * SIDE));
    let padded: [f32; 2 * SIDE];
    let around: &[f32] = match around {
        Some(around) => around,
        None => {
            padded = std::array::from_fn(|tap| {
                let place = (at + 1 + tap).checked_sub(SIDE);
                place.and_then(|place| plane.get(place)).copied().unwrap_or(0.0)
            });
            &padded
        }
    };
    for taps in &BETWEEN {
        let value: f32 = taps.iter().zip(around).map(|(tap, sample)| tap * sample).sum();
        peak = peak.max(value.abs());
    }
    peak
}

/// The lowest value within `reach` places on both sides, for each place.
fn lowest_within(values: &[f64], reach: usize) -> Vec<f64> {
    let mut lowest = Vec::with_capacity(values.len());
    // Places of candidates, their values rising.
    let mut candidates = std::collections::VecDeque::new();
    let mut next = 0;
    for at in 0..values.len() {
        while next < values.len().min(at + reach + 1) {
            while candidates.back().is_some_and(|&place: &usize| values[place] >= values[next]) {
                candidates.pop_back();
            }
            candidates.push_back(next);
            next += 1;
        }
        while candidates.front().is_some_and(|&place| place + reach < at) {
            candidates.pop_front();
        }
        lowest.push(values[candidates[0]]);
    }
    lowest
}

/// Lets the curve rise slowly.
fn release(curve: &mut [f64], rate: u32) {
    let share = 1.0 / (RELEASE * f64::from(rate)).max(1.0);
    let mut last = 1.0;
    for value in curve {
        last = value.min(last + (1.0 - last) * share);
        *value = last;
    }
}

/// The mean within `reach` places on both sides, for each place; beyond the ends the curve goes on as
/// it ends.
fn average(curve: &[f64], reach: usize) -> Vec<f64> {
    let (Some(&first), Some(&last)) = (curve.first(), curve.last()) else { return Vec::new() };
    let at = |place: isize| match usize::try_from(place) {
        Ok(place) => curve.get(place).copied().unwrap_or(last),
        Err(_) => first,
    };
    let (width, side) = (2 * reach + 1, reach as isize);
    let mut sum: f64 = (-side..=side).map(at).sum();
    let mut means = Vec::with_capacity(curve.len());
    for place in 0..curve.len() as isize {
        means.push(sum / width as f64);
        sum += at(place + side + 1) - at(place - side);
    }
    means
}
