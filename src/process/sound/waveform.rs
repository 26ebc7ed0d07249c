//! Waveforms: what of a sound can be drawn.

use crate::base::Audio;

/// The lowest and the highest sample of each of a sound's columns, all channels together; a column is
/// a stretch of one in `per_second` of a second, the last one may be shorter.
pub(super) fn ranges(audio: &Audio, per_second: u32) -> Vec<[f32; 2]> {
    let channels = usize::from(audio.channels);
    let frames = audio.samples.len() / channels;
    let columns = (frames as u64 * u64::from(per_second)).div_ceil(u64::from(audio.rate));
    let start = |column: u64| {
        let frame = column * u64::from(audio.rate) / u64::from(per_second);
        (frame as usize).min(frames) * channels
    };
    let range = |column| {
        let stretch = &audio.samples[start(column)..start(column + 1)];
        // More columns than frames: a column without one shows the frame before it.
        let stretch = if stretch.is_empty() {
            &audio.samples[start(column)..(start(column) + channels).min(audio.samples.len())]
        } else {
            stretch
        };
        let lowest = stretch.iter().copied().reduce(f32::min).unwrap_or(0.0);
        let highest = stretch.iter().copied().reduce(f32::max).unwrap_or(0.0);
        [lowest, highest]
    };
    (0..columns).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stereo(samples: &[f32]) -> Audio {
        Audio { rate: 8_000, channels: 2, samples: samples.to_vec() }
    }

    #[test]
    fn columns_cover_the_sound_and_all_channels() {
        let mut samples = vec![0.0; 2 * 12_000];
        samples[0] = 0.5;
        samples[2 * 4_000 + 1] = -0.25;
        *samples.last_mut().expect("not empty") = 0.75;
        let found = ranges(&stereo(&samples), 2);
        assert_eq!(found, [[0.0, 0.5], [-0.25, 0.0], [0.0, 0.75]]);
    }

    #[test]
    fn an_incomplete_column_counts_and_no_sound_has_none() {
        assert_eq!(ranges(&stereo(&[0.25; 2 * 4_001]), 2), [[0.25, 0.25]; 2]);
        assert_eq!(ranges(&stereo(&[]), 2), [[0.0; 2]; 0]);
    }

    #[test]
    fn more_columns_than_frames_show_each_frame_several_times() {
        let found = ranges(&stereo(&[0.5, 0.25, -0.5, -0.25]), 16_000);
        assert_eq!(found, [[0.25, 0.5], [0.25, 0.5], [-0.5, -0.25], [-0.5, -0.25]]);
    }
}
