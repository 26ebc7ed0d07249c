//! Checks of samples.

use crate::base::AudioFacts;
use crate::spec::op::Check;
use crate::validate::Failure;

/// Samples in a row at full scale that count as clipping; a single peak may be intended.
const CLIPPED_RUN: u64 = 3;

/// Amplitude of -60 dBFS, below which a sound counts as silent.
const SILENCE: f32 = 0.001;

/// How much larger than others the step over the seam of a loop may be: what is heard as a click is
/// far above it.
const SEAM: f32 = 1.5;

fn loudness(target: f64, tolerance: f64, facts: &AudioFacts) -> Option<Failure> {
    let Some(hundredths) = facts.loudness else {
        return Some(Failure::new(format!(
            "found no loudness, wanted {target} LUFS: a sound below 0.4 s, or a silent one, has none"
        )));
    };
    let found = f64::from(hundredths) / 100.0;
    ((found - target).abs() > tolerance).then(|| {
        let message = format!("found {found:.1} LUFS, wanted {target} ± {tolerance} LUFS");
        Failure::new(message).help(format!("add `{{ action: normalize, lufs: {target} }}`"))
    })
}

/// Runs one check on a sound; none if it passes.
pub(super) fn check(check: &Check, facts: &AudioFacts) -> Option<Failure> {
    match check {
        Check::DurationRange { min, max } => {
            let seconds = facts.seconds();
            (!(*min..=*max).contains(&seconds))
                .then(|| Failure::new(format!("found {seconds:.3} s, wanted {min} to {max} s")))
        }
        Check::NoClipping => (facts.clipped_run >= CLIPPED_RUN).then(|| {
            Failure::new(format!(
                "found {} samples in a row at full scale, wanted fewer than {CLIPPED_RUN}",
                facts.clipped_run
            ))
        }),
        Check::NotSilent => (facts.peak <= SILENCE).then(|| {
            let found = if facts.peak > 0.0 {
                format!("{:.1} dBFS", 20.0 * facts.peak.log10())
            } else {
                "silence".to_owned()
            };
            Failure::new(format!("found {found} at the loudest, wanted more than -60 dBFS"))
        }),
        Check::SampleRate(rate) => (facts.rate != *rate)
            .then(|| Failure::new(format!("found {} Hz, wanted {rate} Hz", facts.rate))),
        Check::Channels(count) => (facts.channels != *count)
            .then(|| Failure::new(format!("found {} channels, wanted {count}", facts.channels))),
        Check::Loudness { target, tolerance } => loudness(*target, *tolerance, facts),
        Check::LoopSeam => (facts.seam > SEAM).then(|| {
            Failure::new(format!(
                "the step from the end to the start is {:.1} times the largest one near them, wanted \
                 at most {SEAM}",
                facts.seam
            ))
            .help("add `{ action: loop, crossfade: 0.05 }`")
        }),
        Check::HasAlpha
        | Check::NoAlpha
        | Check::DimensionsMatch
        | Check::IsPowerOfTwo
        | Check::NotBlank => {
            Some(Failure::new("this is a check of pictures, and the asset is a sound"))
        }
        Check::Format(_)
        | Check::Bitrate(_)
        | Check::FileSizeReasonable
        | Check::FileSizeUnder(_) => None,
    }
}
