//! Checks of published files.

use crate::base::{FileFacts, MediaKind};
use crate::spec::op::Check;
use crate::validate::Failure;

/// Headers and tables that even a tiny picture may need.
const HEADER_BYTES: u64 = 4 << 10;

/// Most bytes of a drawing or a file whose pixels are not known.
const MAX_OTHER_BYTES: u64 = 4 << 20;

/// Most bytes of a sound: six minutes of 16-bit stereo.
const MAX_SOUND_BYTES: u64 = 64 << 20;

/// Runs one check on a file; none if it passes.
pub(super) fn check(check: &Check, facts: &FileFacts) -> Option<Failure> {
    let path = &facts.path;
    match check {
        Check::Format(wanted) => (facts.encoding != *wanted).then(|| {
            let (found, wanted) = (facts.encoding.extension(), wanted.extension());
            Failure::new(format!("{path} is {found}, wanted {wanted}"))
                .help(format!("the path's extension decides: `.{wanted}`"))
        }),
        Check::FileSizeUnder(limit) => (facts.size >= *limit).then(|| {
            Failure::new(format!("{path} has {} bytes, wanted fewer than {limit}", facts.size))
        }),
        Check::FileSizeReasonable => {
            let most = most_bytes(facts);
            if facts.size == 0 {
                Some(Failure::new(format!("{path} is empty")))
            } else if facts.size > most {
                let message = format!("{path} has {} bytes, wanted at most {most}", facts.size);
                Some(Failure::new(message))
            } else {
                None
            }
        }
        Check::Bitrate(wanted) => Some(Failure::new(match facts.encoding.media() {
            MediaKind::Image => format!("{path} is a picture; it has no bitrate"),
            MediaKind::Audio => {
                format!("this version does not measure the bitrate of {path}, wanted {wanted}")
            }
        })),
        Check::HasAlpha
        | Check::NoAlpha
        | Check::DimensionsMatch
        | Check::IsPowerOfTwo
        | Check::NotBlank
        | Check::DurationRange { .. }
        | Check::NoClipping
        | Check::NotSilent
        | Check::Loudness { .. }
        | Check::LoopSeam
        | Check::SampleRate(_)
        | Check::Channels(_) => None,
    }
}

/// What a file of this kind needs at most: for pixels, what they take unpacked.
fn most_bytes(facts: &FileFacts) -> u64 {
    match facts.dimensions() {
        Some((width, height)) => u64::from(width) * u64::from(height) * 4 + HEADER_BYTES,
        _ if facts.encoding.media() == MediaKind::Audio => MAX_SOUND_BYTES,
        _ => MAX_OTHER_BYTES,
    }
}
