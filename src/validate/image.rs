//! Checks of pixels.

use crate::base::ImageFacts;
use crate::spec::op::Check;
use crate::validate::Failure;

/// Runs one check on a picture; none if it passes.
pub(super) fn check(check: &Check, facts: &ImageFacts) -> Option<Failure> {
    match check {
        Check::HasAlpha => has_alpha(facts),
        Check::NoAlpha => no_alpha(facts),
        Check::DimensionsMatch => dimensions_match(facts),
        Check::IsPowerOfTwo => is_power_of_two(facts),
        Check::NotBlank => not_blank(facts),
        Check::DurationRange { .. }
        | Check::NoClipping
        | Check::NotSilent
        | Check::Loudness { .. }
        | Check::LoopSeam
        | Check::SampleRate(_)
        | Check::Channels(_) => {
            Some(Failure::new("this is a check of sounds, and the asset is a picture"))
        }
        Check::Format(_)
        | Check::Bitrate(_)
        | Check::FileSizeReasonable
        | Check::FileSizeUnder(_) => None,
    }
}

fn has_alpha(facts: &ImageFacts) -> Option<Failure> {
    const HELP: &str = "ask for a transparent background, or add `action: key_background`";
    if facts.checkerboard {
        return Some(
            Failure::new(format!(
                "a checkerboard is drawn in place of transparency; {} of {} pixels are transparent",
                facts.transparent,
                facts.pixels()
            ))
            .help("generate it again with a plain background and add `action: key_background`"),
        );
    }
    (facts.transparent == 0).then(|| {
        Failure::new(format!("found 0 transparent pixels of {}, wanted some", facts.pixels()))
            .help(HELP)
    })
}

fn no_alpha(facts: &ImageFacts) -> Option<Failure> {
    (facts.transparent > 0).then(|| {
        Failure::new(format!(
            "found {} transparent pixels of {} (lowest alpha {}), wanted none",
            facts.transparent,
            facts.pixels(),
            facts.alpha_min
        ))
    })
}

fn dimensions_match(facts: &ImageFacts) -> Option<Failure> {
    let (width, height) = (facts.width, facts.height);
    match facts.expected {
        None => Some(
            Failure::new(format!(
                "found {width}x{height}, but no size was requested and no step sets one"
            ))
            .help("add `action: resize` before this check, or remove it"),
        ),
        Some(wanted) if wanted == (width, height) => None,
        Some((wanted_width, wanted_height)) => Some(
            Failure::new(format!("found {width}x{height}, wanted {wanted_width}x{wanted_height}"))
                .help(format!(
                    "add `action: resize` with `dimensions: {wanted_width}x{wanted_height}` before \
                     this check"
                )),
        ),
    }
}

fn is_power_of_two(facts: &ImageFacts) -> Option<Failure> {
    let (width, height) = (facts.width, facts.height);
    if width.is_power_of_two() && height.is_power_of_two() {
        return None;
    }
    let (up_width, up_height) = (width.next_power_of_two(), height.next_power_of_two());
    Some(
        Failure::new(format!("found {width}x{height}, wanted powers of two")).help(format!(
            "the next larger ones are {up_width}x{up_height}: pad or resize to them"
        )),
    )
}

fn not_blank(facts: &ImageFacts) -> Option<Failure> {
    facts.blank.then(|| {
        let what = if facts.alpha_sum == 0 { "transparent" } else { "of one colour" };
        Failure::new(format!("all {} pixels are {what}", facts.pixels()))
    })
}
