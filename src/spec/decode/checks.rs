//! The checks of `validate` steps.

use crate::base::{Encoding, MediaKind, Span};
use crate::spec::decode::media_word;
use crate::spec::op::Check;
use crate::yaml::{self, Checker, Value};

const IMAGE_CHECKS: [&str; 5] =
    ["has_alpha", "no_alpha", "dimensions_match", "is_power_of_two", "not_blank"];
const AUDIO_CHECKS: [&str; 8] = [
    "duration_range",
    "no_clipping",
    "not_silent",
    "loudness",
    "loop_seam",
    "sample_rate",
    "channels",
    "bitrate",
];

/// The check that `value` names; what does not fit is reported.
pub(super) fn check(
    value: &Value,
    media: Option<MediaKind>,
    checker: &mut Checker<'_>,
) -> Option<Check> {
    let (name, argument, span) = match value.text() {
        Some(name) => (name, None, value.span),
        None => {
            let entry = value.entries().first()?;
            (&*entry.key, Some(&entry.value), entry.key_span)
        }
    };
    let lists = (&IMAGE_CHECKS[..], &AUDIO_CHECKS[..]);
    fits_media((name, "check"), span, media, lists, checker);
    let text = argument.and_then(Value::text);
    Some(match name {
        "has_alpha" => Check::HasAlpha,
        "no_alpha" => Check::NoAlpha,
        "dimensions_match" => Check::DimensionsMatch,
        "is_power_of_two" => Check::IsPowerOfTwo,
        "not_blank" => Check::NotBlank,
        "no_clipping" => Check::NoClipping,
        "not_silent" => Check::NotSilent,
        "loop_seam" => Check::LoopSeam,
        "file_size_reasonable" => Check::FileSizeReasonable,
        "duration_range" => {
            let [min, max] = argument?.items() else { return None };
            let seconds = |value: &Value| yaml::parse_seconds(value.text()?);
            let (min, max) = (seconds(min)?, seconds(max)?);
            if min > max {
                let help = format!("write `[{max}, {min}]`");
                checker.wrong_value("this range is empty", argument?.span, help);
            }
            Check::DurationRange { min, max }
        }
        "loudness" => {
            let argument = argument?;
            let (target, tolerance) = match argument.is_map() {
                true => (argument.get_text("target"), argument.get_text("tolerance")),
                false => (argument.text(), None),
            };
            if target.is_none() {
                let help = "write `target: -16 LUFS`";
                checker.missing("`loudness` has no `target`", argument.span, help);
            }
            Check::Loudness {
                target: yaml::parse_decibel(target?)?,
                tolerance: tolerance.and_then(yaml::parse_decibel).unwrap_or(1.0),
            }
        }
        "sample_rate" => Check::SampleRate(yaml::parse_hertz(text?)?),
        "channels" => Check::Channels(text?.parse().ok()?),
        "format" => {
            let encoding = Encoding::from_extension(text?)?;
            encoding_fits(encoding, media, argument?.span, checker);
            Check::Format(encoding)
        }
        "bitrate" => Check::Bitrate(yaml::parse_bitrate(text?)?),
        _ => {
            let size = name.strip_prefix("file_size_under_")?;
            let bytes = yaml::parse_bytes(size);
            if bytes.is_none() {
                checker.wrong_value(
                    format!("`{name}` names no size"),
                    span,
                    "write `file_size_under_2mb` or `file_size_under_500kb`",
                );
            }
            Check::FileSizeUnder(bytes?)
        }
    })
}

/// Reports a step or check (name and kind) of the other media.
pub(super) fn fits_media(
    (name, what): (&str, &str),
    span: Span,
    media: Option<MediaKind>,
    (images, sounds): (&[&str], &[&str]),
    checker: &mut Checker<'_>,
) {
    let wrong = match media {
        Some(MediaKind::Image) => sounds.contains(&name),
        Some(MediaKind::Audio) => images.contains(&name),
        None => false,
    };
    if let (true, Some(media)) = (wrong, media) {
        checker.wrong_value(
            format!("the {what} `{name}` does not fit {}", media_word(media)),
            span,
            format!("delete it, or change `generation.type`; this is {}", media_word(media)),
        );
    }
}

/// Reports an encoding that does not hold the media.
pub(super) fn encoding_fits(
    encoding: Encoding,
    media: Option<MediaKind>,
    span: Span,
    checker: &mut Checker<'_>,
) {
    if let Some(media) = media
        && encoding.media() != media
    {
        checker.wrong_value(
            format!("`{}` does not hold {}", encoding.extension(), media_word(media)),
            span,
            match media {
                MediaKind::Image => "one of: png, webp, jpg, avif",
                MediaKind::Audio => "one of: ogg, mp3, opus, flac, wav",
            },
        );
    }
}
