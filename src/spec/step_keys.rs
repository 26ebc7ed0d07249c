//! The tables of every step of `post_processing` and every check.

use crate::yaml::schema::Shape::{
    Bitrate, Boolean, Color, Decibel, Either, Exactly, Flag, Hertz, Integer, Items, List, Map,
    MapOf, Nothing, Number, Path, Seconds, Size, Text, Word,
};
use crate::yaml::schema::Stale::Processing;
use crate::yaml::schema::{Key, Shape};

const PIXELS: Shape = Integer(0, 32_768);
const METHODS: &[&str] = &["nearest", "bilinear", "bicubic", "lanczos"];
const POSITIONS: &[&str] = &[
    "top-left",
    "top",
    "top-right",
    "left",
    "center",
    "right",
    "bottom-left",
    "bottom",
    "bottom-right",
];
const FORMATS: &[&str] =
    &["png", "webp", "jpg", "jpeg", "avif", "ogg", "mp3", "opus", "flac", "wav"];

/// Steps of `post_processing` by their `action`.
pub(super) const STEPS: &[(&str, &[Key])] = &[
    (
        "resize",
        &[
            Key::new("dimensions", Size, Processing, "new size; required"),
            Key::new("method", Word(METHODS), Processing, "filter").or("lanczos"),
            Key::new(
                "fit",
                Word(&["contain", "cover", "fill"]),
                Processing,
                "what happens when the aspect ratio changes",
            )
            .or("an error then"),
        ],
    ),
    (
        "crop",
        &[
            Key::new("x", PIXELS, Processing, "image: left edge in pixels").or("0"),
            Key::new("y", PIXELS, Processing, "image: upper edge in pixels").or("0"),
            Key::new("width", Integer(1, 32_768), Processing, "image: columns kept; required"),
            Key::new("height", Integer(1, 32_768), Processing, "image: rows kept; required"),
            Key::new("from", Seconds, Processing, "audio: start").or("0"),
            Key::new("to", Seconds, Processing, "audio: end").or("the end"),
        ],
    ),
    (
        "pad",
        &[
            Key::new("dimensions", Size, Processing, "size with the border; required"),
            Key::new("color", Color, Processing, "colour of the border").or("transparent"),
        ],
    ),
    (
        "trim",
        &[
            Key::new(
                "threshold",
                Integer(0, 254),
                Processing,
                "alpha up to this counts as transparent",
            )
            .or("0"),
            Key::new("margin", PIXELS, Processing, "pixels kept on each side").or("0"),
        ],
    ),
    (
        "key_background",
        &[
            Key::new("color", Color, Processing, "colour of the background")
                .or("that of the corners"),
            Key::new(
                "tolerance",
                Integer(0, 255),
                Processing,
                "distance that still counts as background",
            )
            .or("24"),
        ],
    ),
    (
        "quantize",
        &[
            Key::new("colors", Integer(2, 256), Processing, "colours kept").or("256"),
            Key::new("dither", Boolean, Processing, "whether errors are spread").or("true"),
        ],
    ),
    (
        "outline",
        &[
            Key::new("width", Integer(1, 256), Processing, "width in pixels").or("1"),
            Key::new("color", Color, Processing, "its colour").or("black"),
        ],
    ),
    (
        "glow",
        &[
            Key::new("radius", Integer(1, 512), Processing, "radius in pixels").or("8"),
            Key::new("color", Color, Processing, "its colour").or("white"),
        ],
    ),
    (
        "watermark",
        &[
            Key::new("source", Path, Processing, "the picture on top; required"),
            Key::new("opacity", Number(0.0, 1.0), Processing, "its opacity").or("1"),
            Key::new("position", Word(POSITIONS), Processing, "where it stands").or("bottom-right"),
        ],
    ),
    ("compress", &[Key::new("level", Integer(0, 6), Processing, "effort").or("4")]),
    (
        "variants",
        &[
            Key::new(
                "scale",
                MapOf(&Size),
                Processing,
                "suffix to size: `{ 1x: 512x512, 2x: 1024x1024 }`; required",
            ),
            Key::new("method", Word(METHODS), Processing, "filter").or("lanczos"),
        ],
    ),
    (
        "convert",
        &[
            Key::new(
                "formats",
                Items(&Word(FORMATS)),
                Processing,
                "encodings; the main file's comes from its path",
            )
            .or("the main file's"),
            Key::new("quality", Integer(1, 100), Processing, "quality of lossy pictures")
                .or("the encoder's"),
            Key::new("lossless", Boolean, Processing, "whether WebP keeps every pixel").or("false"),
            Key::new("bitrate", Bitrate, Processing, "bits per second of lossy sounds")
                .or("the encoder's"),
        ],
    ),
    (
        "normalize",
        &[
            Key::new("peak", Decibel, Processing, "highest sample in dBFS; this or `lufs`"),
            Key::new("lufs", Decibel, Processing, "integrated loudness in LUFS; this or `peak`"),
            Key::new("ceiling", Decibel, Processing, "highest true peak in dBTP, with `lufs`")
                .or("-1.0 dB"),
            Key::new("group", Text, Processing, "sounds of one group get one gain"),
        ],
    ),
    (
        "trim_silence",
        &[Key::new("threshold", Decibel, Processing, "level below which samples are silence")
            .or("-40 dB")],
    ),
    (
        "fade",
        &[
            Key::new("in", Seconds, Processing, "length at the start").or("0"),
            Key::new("out", Seconds, Processing, "length at the end").or("0"),
        ],
    ),
    ("loop", &[Key::new("crossfade", Seconds, Processing, "length that is faded over").or("0.05")]),
    ("resample", &[Key::new("rate", Hertz, Processing, "new sample rate; required")]),
    (
        "channels",
        &[Key::new("count", Integer(1, 2), Processing, "new number of channels; required")],
    ),
    (
        "validate",
        &[Key::new("checks", List(&Flag(CHECKS)), Processing, "what must hold; required")],
    ),
];

/// Checks of a `validate` step.
pub(super) const CHECKS: &[Key] = &[
    Key::new(
        "has_alpha",
        Nothing,
        Processing,
        "some pixels are transparent; a drawn checkerboard does not count",
    ),
    Key::new("no_alpha", Nothing, Processing, "no pixel is transparent"),
    Key::new(
        "dimensions_match",
        Nothing,
        Processing,
        "the size is that of the last resize, pad or crop, else the requested one",
    ),
    Key::new("is_power_of_two", Nothing, Processing, "width and height are powers of two"),
    Key::new("not_blank", Nothing, Processing, "not all pixels are the same"),
    Key::new(
        "duration_range",
        Exactly(2, &Seconds),
        Processing,
        "the length lies between two values",
    ),
    Key::new("no_clipping", Nothing, Processing, "no samples in a row stand at full scale"),
    Key::new("not_silent", Nothing, Processing, "some sample is louder than -60 dBFS"),
    Key::new(
        "loudness",
        Either(&[Decibel, Map(LOUDNESS)]),
        Processing,
        "integrated loudness lies near a target",
    ),
    Key::new("loop_seam", Nothing, Processing, "the end runs into the start without a click"),
    Key::new("sample_rate", Hertz, Processing, "frames per second"),
    Key::new("channels", Integer(1, 2), Processing, "number of channels"),
    Key::new("format", Word(FORMATS), Processing, "encoding of the published files"),
    Key::new("bitrate", Bitrate, Processing, "bits per second of the published files"),
    Key::new(
        "file_size_reasonable",
        Nothing,
        Processing,
        "files are neither empty nor larger than their kind ever needs",
    ),
    Key::new(
        "file_size_under_*",
        Nothing,
        Processing,
        "files have fewer bytes: `file_size_under_2mb`, `file_size_under_500kb`",
    ),
];

const LOUDNESS: &[Key] = &[
    Key::new("target", Decibel, Processing, "target in LUFS; required"),
    Key::new("tolerance", Decibel, Processing, "largest distance in LU").or("1"),
];
