//! `post_processing`: every step and check to its op, and what fits which media.

use std::collections::BTreeMap;

use crate::base::{Encoding, MediaKind, RelPath, Span};
use crate::spec::decode::{Input, checks};
use crate::spec::op::{Fit, GenerateOp, Level, ProcessOp, ResizeMethod, Step};
use crate::yaml::{self, Checker, Value};

/// Steps of pictures and of sounds; those in neither list fit both.
const IMAGE_STEPS: [&str; 10] = [
    "resize",
    "pad",
    "trim",
    "key_background",
    "quantize",
    "outline",
    "glow",
    "watermark",
    "compress",
    "variants",
];
const AUDIO_STEPS: [&str; 6] =
    ["normalize", "trim_silence", "fade", "loop", "resample", "channels"];
/// The steps that can be decoded, with the places of their `action`.
pub(super) fn steps(
    input: &Input<'_>,
    media: Option<MediaKind>,
    checker: &mut Checker<'_>,
) -> Vec<(Step, Span)> {
    let items = input.tree().get("post_processing").map_or(&[][..], Value::items);
    let groups = items.iter().filter_map(|item| item.get("group"));
    for second in groups.skip(1) {
        let help = "keep one of them; a sound belongs to one group";
        checker.wrong_value("a second `group` in one list of steps", second.span, help);
    }
    items
        .iter()
        .filter_map(|item| {
            let action = item.get("action")?;
            let name = action.text()?;
            let mut reader = Reader { item, name, span: action.span, media, checker };
            reader.fits_media();
            Some((reader.step()?, action.span))
        })
        .collect()
}

/// Reports a resize that would change the known aspect ratio without saying how.
pub(super) fn sizes(
    input: &Input<'_>,
    generate: Option<&GenerateOp>,
    steps: &[(Step, Span)],
    checker: &mut Checker<'_>,
) {
    let requested = match generate {
        Some(GenerateOp::Request(request)) => {
            request.parameters.get("size").and_then(|size| yaml::parse_size(&size.canonical()))
        }
        Some(GenerateOp::Svg(drawing)) => drawing.size,
        Some(GenerateOp::Manual(file)) => file.brief.size,
        _ => None,
    };
    let mut size = requested;
    let items = input.tree().get("post_processing").map_or(&[][..], Value::items);
    for (step, action) in steps {
        let Step::Process(op) = step else { continue };
        match op {
            ProcessOp::Resize { size: new, fit: None, .. } => {
                if let Some(old) = size
                    && u64::from(old.0) * u64::from(new.1) != u64::from(new.0) * u64::from(old.1)
                {
                    let span = items
                        .iter()
                        .find(|item| item.get("action").is_some_and(|a| a.span == *action))
                        .and_then(|item| item.get("dimensions"))
                        .map_or(*action, |dimensions| dimensions.span);
                    checker.wrong_value(
                        format!(
                            "resizing {}x{} to {}x{} changes the aspect ratio",
                            old.0, old.1, new.0, new.1
                        ),
                        span,
                        "say how: `fit: contain`, `fit: cover` or `fit: fill`",
                    );
                }
                size = Some(*new);
            }
            ProcessOp::Resize { size: new, .. } | ProcessOp::Pad { size: new, .. } => {
                size = Some(*new);
            }
            ProcessOp::Crop { width, height, .. } => size = Some((*width, *height)),
            ProcessOp::Trim { .. } | ProcessOp::Outline { .. } | ProcessOp::Glow { .. } => {
                size = None;
            }
            _ => {}
        }
    }
}

struct Reader<'a, 'c, 'd> {
    item: &'a Value,
    name: &'a str,
    span: Span,
    media: Option<MediaKind>,
    checker: &'c mut Checker<'d>,
}

impl Reader<'_, '_, '_> {
    fn step(&mut self) -> Option<Step> {
        if self.name == "validate" {
            let checks = self.need("checks", "write `checks: [has_alpha]`")?;
            let checks = checks
                .items()
                .iter()
                .filter_map(|check| checks::check(check, self.media, self.checker))
                .collect();
            return Some(Step::Validate(checks));
        }
        self.process().map(Step::Process)
    }

    fn process(&mut self) -> Option<ProcessOp> {
        Some(match self.name {
            "resize" => ProcessOp::Resize {
                size: self.need_size("dimensions")?,
                method: self.method(),
                fit: match self.word("fit") {
                    Some("contain") => Some(Fit::Contain),
                    Some("cover") => Some(Fit::Cover),
                    Some("fill") => Some(Fit::Fill),
                    _ => None,
                },
            },
            "crop" if self.media == Some(MediaKind::Audio) => {
                self.only(&["from", "to"], "a sound is cut with `from` and `to`, in seconds");
                let (from, to) = (self.seconds("from").unwrap_or(0.0), self.seconds("to"));
                if to.is_some_and(|to| to <= from) {
                    let help = "write the end after the start";
                    self.checker.wrong_value("this crop keeps nothing", self.span, help);
                }
                ProcessOp::Cut { from, to }
            }
            "crop" => {
                let help = "a picture is cut with `x`, `y`, `width` and `height`, in pixels";
                self.only(&["x", "y", "width", "height"], help);
                ProcessOp::Crop {
                    x: self.small("x").unwrap_or(0),
                    y: self.small("y").unwrap_or(0),
                    width: self.need_small("width")?,
                    height: self.need_small("height")?,
                }
            }
            "pad" => ProcessOp::Pad {
                size: self.need_size("dimensions")?,
                color: self.color("color").unwrap_or([0; 4]),
            },
            "trim" => ProcessOp::Trim {
                threshold: self.byte("threshold").unwrap_or(0),
                margin: self.small("margin").unwrap_or(0),
            },
            "key_background" => ProcessOp::KeyBackground {
                color: self.color("color").map(|[r, g, b, _]| [r, g, b]),
                tolerance: self.byte("tolerance").unwrap_or(24),
            },
            "quantize" => ProcessOp::Quantize {
                colors: self.small("colors").and_then(|n| u16::try_from(n).ok()).unwrap_or(256),
                dither: self.word("dither") != Some("false"),
            },
            "outline" => ProcessOp::Outline {
                width: self.small("width").unwrap_or(1),
                color: self.color("color").unwrap_or([0, 0, 0, 255]),
            },
            "glow" => ProcessOp::Glow {
                radius: self.small("radius").unwrap_or(8),
                color: self.color("color").unwrap_or([255; 4]),
            },
            "watermark" => ProcessOp::Watermark {
                source: RelPath::new(self.need("source", "name the picture")?.text()?).ok()?,
                opacity: self.word("opacity").and_then(yaml::parse_number).unwrap_or(1.0),
                position: self.word("position").unwrap_or("bottom-right").to_owned(),
            },
            "compress" => ProcessOp::Compress { level: self.byte("level").unwrap_or(4) },
            "variants" => ProcessOp::Variants { scale: self.scale()?, method: self.method() },
            "convert" => ProcessOp::Convert {
                formats: self.formats(),
                quality: self.byte("quality"),
                lossless: self.word("lossless") == Some("true"),
                bitrate: self.word("bitrate").and_then(yaml::parse_bitrate),
            },
            "normalize" => ProcessOp::Normalize {
                target: self.target()?,
                ceiling_db: self.decibel("ceiling").unwrap_or(-1.0),
                group: self.word("group").map(str::to_owned),
            },
            "trim_silence" => {
                ProcessOp::TrimSilence { threshold_db: self.decibel("threshold").unwrap_or(-40.0) }
            }
            "fade" => {
                let (into, out) = (self.seconds("in"), self.seconds("out"));
                if into.is_none() && out.is_none() {
                    let help = "write `in: 0.01` or `out: 0.1`, in seconds";
                    self.checker.missing("a fade without a length", self.span, help);
                }
                ProcessOp::Fade { in_seconds: into.unwrap_or(0.0), out_seconds: out.unwrap_or(0.0) }
            }
            "loop" => {
                ProcessOp::Loop { crossfade_seconds: self.seconds("crossfade").unwrap_or(0.05) }
            }
            "resample" => ProcessOp::Resample {
                rate: yaml::parse_hertz(self.need("rate", "write `rate: 44100`")?.text()?)?,
            },
            "channels" => {
                ProcessOp::Channels { count: u16::try_from(self.need_small("count")?).ok()? }
            }
            _ => return None,
        })
    }

    fn fits_media(&mut self) {
        let lists = (&IMAGE_STEPS[..], &AUDIO_STEPS[..]);
        checks::fits_media((self.name, "step"), self.span, self.media, lists, self.checker);
    }

    /// Reports keys of the action that belong to the other media.
    fn only(&mut self, keys: &[&str], help: &str) {
        for entry in self.item.entries() {
            if &*entry.key != "action" && !keys.contains(&&*entry.key) {
                let message = format!("`{}` does not fit here", entry.key);
                self.checker.wrong_value(message, entry.key_span, help);
            }
        }
    }

    fn formats(&mut self) -> Vec<Encoding> {
        let items = self.item.get("formats").map_or(&[][..], Value::one_or_more);
        let mut formats = Vec::new();
        for item in items {
            if let Some(encoding) = item.text().and_then(Encoding::from_extension) {
                checks::encoding_fits(encoding, self.media, item.span, self.checker);
                if !formats.contains(&encoding) {
                    formats.push(encoding);
                }
            }
        }
        formats
    }

    fn scale(&mut self) -> Option<BTreeMap<String, (u32, u32)>> {
        let value = self.need("scale", "write `scale: { 1x: 512x512, 2x: 1024x1024 }`")?;
        let mut scale = BTreeMap::new();
        if value.is_map() && value.entries().is_empty() {
            let help = "write `scale: { 1x: 512x512, 2x: 1024x1024 }`";
            self.checker.wrong_value("`scale` names no sizes", value.span, help);
        }
        for entry in value.entries() {
            if !entry.key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                self.checker.wrong_value(
                    format!("`{}` cannot end a file name", entry.key),
                    entry.key_span,
                    "use letters, digits, `_` and `-`",
                );
            } else if let Some(size) = entry.value.text().and_then(yaml::parse_size) {
                scale.insert(entry.key.to_string(), size);
            }
        }
        (!scale.is_empty()).then_some(scale)
    }

    fn target(&mut self) -> Option<Level> {
        for key in ["peak", "lufs", "ceiling"] {
            let written = self.item.get(key).map(|value| value.span);
            if let (Some(level), Some(span)) = (self.decibel(key), written)
                && !(-70.0..=0.0).contains(&level)
            {
                let near = -level.abs().min(70.0);
                let help = format!("levels are below full scale; did you mean {near}?");
                self.checker.wrong_value(format!("`{key}` cannot be {level}"), span, help);
            }
        }
        match (self.decibel("peak"), self.decibel("lufs")) {
            (Some(peak), None) => Some(Level::Peak(peak)),
            (None, Some(lufs)) => Some(Level::Lufs(lufs)),
            (Some(_), Some(_)) => {
                let help = "keep one of them";
                self.checker.wrong_value("`peak` and `lufs` in one step", self.span, help);
                None
            }
            (None, None) => {
                if self.item.get("peak").is_none() && self.item.get("lufs").is_none() {
                    let help = "write `peak: -1.0 dB` or `lufs: -16`";
                    self.checker.missing("`normalize` has no target", self.span, help);
                }
                None
            }
        }
    }

    fn method(&self) -> ResizeMethod {
        match self.word("method") {
            Some("nearest") => ResizeMethod::Nearest,
            Some("bilinear") => ResizeMethod::Bilinear,
            Some("bicubic") => ResizeMethod::Bicubic,
            _ => ResizeMethod::Lanczos,
        }
    }

    fn need(&mut self, key: &str, help: &str) -> Option<Value> {
        let value = self.item.get(key).cloned();
        if value.is_none() {
            let message = format!("`{}` has no `{key}`", self.name);
            self.checker.missing(message, self.span, help);
        }
        value
    }

    fn need_size(&mut self, key: &str) -> Option<(u32, u32)> {
        yaml::parse_size(self.need(key, "write `dimensions: 128x128`")?.text()?)
    }

    fn need_small(&mut self, key: &str) -> Option<u32> {
        let value = self.need(key, &format!("write `{key}: …` with a number"))?;
        value.text().and_then(yaml::parse_integer).and_then(|number| u32::try_from(number).ok())
    }

    fn word(&self, key: &str) -> Option<&str> {
        self.item.get_text(key)
    }

    fn small(&self, key: &str) -> Option<u32> {
        self.word(key).and_then(yaml::parse_integer).and_then(|number| u32::try_from(number).ok())
    }

    fn byte(&self, key: &str) -> Option<u8> {
        self.small(key).and_then(|number| u8::try_from(number).ok())
    }

    fn color(&self, key: &str) -> Option<[u8; 4]> {
        self.word(key).and_then(yaml::parse_color)
    }

    fn decibel(&self, key: &str) -> Option<f64> {
        self.word(key).and_then(yaml::parse_decibel)
    }

    fn seconds(&self, key: &str) -> Option<f64> {
        self.word(key).and_then(yaml::parse_seconds)
    }
}
