//! Mono and stereo.

use crate::base::Audio;

/// -3 dB, as a factor.
const MINUS_3_DB: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// The sound with one or two channels; none if it has as many already.
///
/// One channel is copied, two become their mean. More are folded down to stereo by ITU-R BS.775: centre
/// and surround at -3 dB, no low frequencies, and all of it quieter by what could add up, so that a
/// sound that does not clip does not begin to.
pub(super) fn convert(audio: &Audio, count: u16) -> Option<Audio> {
    let samples = match (audio.channels, count) {
        (from, to) if from == to => return None,
        (1, _) => audio.samples.iter().flat_map(|sample| [*sample; 2]).collect(),
        (2, _) => mean(&audio.samples),
        (_, 1) => mean(&fold(audio)),
        _ => fold(audio),
    };
    Some(Audio { rate: audio.rate, channels: count, samples })
}

fn mean(stereo: &[f32]) -> Vec<f32> {
    stereo.chunks_exact(2).map(|frame| 0.5 * (frame[0] + frame[1])).collect()
}

/// Three to eight channels in the order of WAV files, as stereo.
fn fold(audio: &Audio) -> Vec<f32> {
    let weights = weights(audio.channels);
    let total: f32 = weights.iter().map(|weight| weight.0).sum();
    let scale = 1.0 / total;
    let mut samples = Vec::with_capacity(audio.samples.len() / weights.len() * 2);
    for frame in audio.samples.chunks_exact(weights.len()) {
        let (mut left, mut right) = (0.0, 0.0);
        for (sample, weight) in frame.iter().zip(weights) {
            left += sample * weight.0;
            right += sample * weight.1;
        }
        samples.extend([left * scale, right * scale]);
    }
    samples
}

/// What each channel gives to left and right.
fn weights(channels: u16) -> &'static [(f32, f32)] {
    const LEFT: (f32, f32) = (1.0, 0.0);
    const RIGHT: (f32, f32) = (0.0, 1.0);
    const CENTRE: (f32, f32) = (MINUS_3_DB, MINUS_3_DB);
    const LOW: (f32, f32) = (0.0, 0.0);
    const BEHIND: (f32, f32) = (0.5, 0.5);
    const SIDE_LEFT: (f32, f32) = (MINUS_3_DB, 0.0);
    const SIDE_RIGHT: (f32, f32) = (0.0, MINUS_3_DB);
    match channels {
        3 => &[LEFT, RIGHT, CENTRE],
        4 => &[LEFT, RIGHT, SIDE_LEFT, SIDE_RIGHT],
        5 => &[LEFT, RIGHT, CENTRE, SIDE_LEFT, SIDE_RIGHT],
        6 => &[LEFT, RIGHT, CENTRE, LOW, SIDE_LEFT, SIDE_RIGHT],
        7 => &[LEFT, RIGHT, CENTRE, LOW, BEHIND, SIDE_LEFT, SIDE_RIGHT],
        _ => &[LEFT, RIGHT, CENTRE, LOW, SIDE_LEFT, SIDE_RIGHT, SIDE_LEFT, SIDE_RIGHT],
    }
}
