//! Measures sounds where a `validate` stands, and what finished files hold.

use crate::base::{Audio, AudioFacts};

/// Measures a sound.
pub(super) fn measure_audio(audio: &Audio) -> AudioFacts {
    let channels = usize::from(audio.channels);
    let mut runs = vec![0; channels];
    let (mut peak, mut clipped_run) = (0.0f32, 0);
    for frame in audio.samples.chunks_exact(channels) {
        for (run, sample) in runs.iter_mut().zip(frame) {
            peak = peak.max(sample.abs());
            *run = if sample.abs() >= 1.0 { *run + 1 } else { 0 };
            clipped_run = clipped_run.max(*run);
        }
    }
    AudioFacts {
        rate: audio.rate,
        channels: audio.channels,
        frames: (audio.samples.len() / channels) as u64,
        peak,
        true_peak: peak,
        clipped_run,
        loudness: None,
        dc_offset: 0.0,
        seam: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_samples_are_counted_by_channel() {
        let samples = vec![1.0, 0.1, -1.0, 0.2, 1.0, 1.0, 0.5, 1.0];
        let facts = measure_audio(&Audio { rate: 8_000, channels: 2, samples });
        assert_eq!((facts.frames, facts.clipped_run, facts.peak), (4, 3, 1.0));
        assert!((facts.seconds() - 0.0005).abs() < 1e-12);
    }
}
