//! Checks of published files.

use crate::base::{Encoding, Facts, FileFacts, MediaKind};
use crate::spec::op::Check;
use crate::validate::Failure;

/// Headers and tables that even a tiny picture may need.
const HEADER_BYTES: u64 = 4 << 10;

/// Most bytes of a drawing or a file whose pixels are not known.
const MAX_OTHER_BYTES: u64 = 4 << 20;

/// Most bytes of a sound: six minutes of 16-bit stereo.
const MAX_SOUND_BYTES: u64 = 64 << 20;

/// Tables at the start of a sound file, which weigh much in short ones.
const SOUND_HEADER_BYTES: u64 = 6 << 10;

/// How far from a bitrate a file may be.
const BITRATE_TOLERANCE: f64 = 0.15;

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
        Check::Bitrate(wanted) => bitrate(*wanted, facts),
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

/// Compares the bits per second of a sound with those that are wanted.
///
/// Encoders of variable bitrate use fewer for simple sounds, so only those of constant bitrate are held
/// to a lower bound.
fn bitrate(wanted: u32, facts: &FileFacts) -> Option<Failure> {
    let path = &facts.path;
    let Facts::Audio(sound) = &facts.material else {
        let kind = if facts.encoding.media() == MediaKind::Image { "picture" } else { "file" };
        return Some(Failure::new(format!("{path} is a {kind} without a bitrate")));
    };
    let bits = |bytes: u64| bytes as f64 * 8.0 / sound.seconds();
    let (most, least) = (bits(facts.size.saturating_sub(SOUND_HEADER_BYTES)), bits(facts.size));
    let wanted_bits = f64::from(wanted);
    let is_constant = facts.encoding == Encoding::Mp3;
    let is_wrong = most > wanted_bits * (1.0 + BITRATE_TOLERANCE)
        || is_constant && least < wanted_bits * (1.0 - BITRATE_TOLERANCE);
    is_wrong.then(|| {
        let (found, wanted) = (least / 1_000.0, wanted / 1_000);
        Failure::new(format!("{path} has {found:.0} kbit/s, wanted {wanted}"))
            .help(format!("add `{{ action: convert, bitrate: {wanted}k }}`"))
    })
}

/// What a file of this kind needs at most: for pixels, what they take unpacked.
fn most_bytes(facts: &FileFacts) -> u64 {
    match facts.dimensions() {
        Some((width, height)) => u64::from(width) * u64::from(height) * 4 + HEADER_BYTES,
        _ if facts.encoding.media() == MediaKind::Audio => MAX_SOUND_BYTES,
        _ => MAX_OTHER_BYTES,
    }
}
