//! The tables of every key of spec files, but for steps and checks. What is checked, the reference
//! and the editor schema all come from here.

use crate::spec::op::FallbackOn;
use crate::spec::step_keys::STEPS;
use crate::spec::synth_keys;
use crate::yaml::schema::Shape::{
    Any, Boolean, Either, Integer, Items, List, Map, MapOf, Number, Open, Path, Seconds, Size,
    Tagged, Text, Word,
};
use crate::yaml::schema::Stale::{Inner, No, Processing, Publishing, Request};
use crate::yaml::schema::{Key, Shape};

const COUNT: Shape = Integer(1, 1000);

/// Keys of a spec.
pub(super) const SPEC: &[Key] = &[
    Key::new("version", Text, No, "version of the format: \"1.0\"").or("1.0"),
    Key::new("id", Text, No, "name of the asset, unique in the project; required"),
    Key::new(
        "metadata",
        Open(METADATA, &Any),
        No,
        "what people say about it; only `gameContext` and what the prompt uses \
         through `{{metadata.x}}` reach the request",
    ),
    Key::new("generation", Map(GENERATION), Inner, "what makes the raw material"),
    Key::new(
        "prompt",
        Either(&[Text, Map(PROMPT)]),
        Inner,
        "what is asked for; text alone is `base`",
    ),
    Key::new(
        "post_processing",
        List(&Tagged("action", STEPS)),
        Processing,
        "steps between raw material and finished files, in their order",
    ),
    Key::new("integration", Map(INTEGRATION), Publishing, "where the results go"),
    Key::new("observability", Map(OBSERVABILITY), No, "what is logged and measured"),
    Key::new("variations", COUNT, No, "short for `generation.variations`"),
    Key::new("pick", Word(PICKS), No, "short for `generation.pick`"),
    Key::new("take", COUNT, Request, "short for `generation.take`"),
    Key::new("on_reject", Map(ON_REJECT), No, "short for `generation.on_reject`"),
    Key::new(
        "reference",
        Items(&Either(REFERENCE_FORMS)),
        Request,
        "short for `generation.reference`",
    ),
    Key::new("edit", Map(EDIT), Request, "short for `generation.edit`"),
];

/// Keys that only an instance of a template has.
pub(super) const INSTANCE: &[Key] = &[
    Key::new("use", Text, Inner, "name of the template; required"),
    Key::new("with", MapOf(&Any), Inner, "values of parameters; they may also stand beside `use`"),
    Key::new(
        "matrix",
        MapOf(&Any),
        Inner,
        "parameter to list of values: every combination is an asset",
    ),
    Key::new("exclude", List(&MapOf(&Text)), Inner, "combinations that are left out"),
    Key::new(
        "each",
        Either(&[List(&MapOf(&Any)), Map(EACH)]),
        Inner,
        "rows of values, or `files:` with a glob that gives `{{path}}` and `{{stem}}`",
    ),
    Key::new("output_name", Text, Publishing, "stem of the file and key in the manifest"),
];

const EACH: &[Key] = &[Key::new("files", Text, Inner, "glob of files; one asset for each")];

/// Keys that only a template has.
pub(super) const TEMPLATE: &[Key] = &[
    Key::new("template", Text, Inner, "name of the template; required"),
    Key::new("parameters", List(&Map(PARAMETER)), Inner, "its parameters"),
];

/// Keys of a template's parameter.
pub(super) const PARAMETER: &[Key] = &[
    Key::new("name", Text, Inner, "its name; required"),
    Key::new(
        "type",
        Word(&["enum", "string", "integer", "number", "boolean"]),
        Inner,
        "type of its values",
    )
    .or("string"),
    Key::new("values", List(&Text), Inner, "the allowed values; required for `enum`"),
    Key::new("default", Text, Inner, "its value if an instance sets none"),
    Key::new("min", Number(f64::NEG_INFINITY, f64::INFINITY), Inner, "smallest value"),
    Key::new("max", Number(f64::NEG_INFINITY, f64::INFINITY), Inner, "largest value"),
    Key::new("description", Text, No, "what it is, for people"),
];

/// Keys at the top of a file with several specs.
pub(super) const FILE: &[Key] = &[
    Key::new("version", Text, No, "version of the format: \"1.0\"").or("1.0"),
    Key::new(
        "defaults",
        MapOf(&Any),
        Inner,
        "merged under every spec of the document; standing alone, under those of the \
         documents after it",
    ),
    Key::new("specs", List(&Any), Inner, "specs, instances and templates"),
];

/// Keys of `metadata` with a meaning; others are free.
pub(super) const METADATA: &[Key] = &[
    Key::new(
        "category",
        Text,
        Publishing,
        "category; the default manifest section of sounds ends with it",
    ),
    Key::new("tags", Items(&Text), No, "tags to select by"),
    Key::new("phase", Integer(i64::MIN, i64::MAX), No, "lower phases are bought first"),
    Key::new(
        "priority",
        Integer(i64::MIN, i64::MAX),
        No,
        "within a phase, lower ones are bought first",
    ),
    Key::new("gameContext", Text, Request, "ends the prompt as `Game context: …`"),
    Key::new("name", Text, No, "name for people"),
    Key::new("created", Text, No, "date, for people"),
    Key::new("author", Text, No, "author, for people"),
];

/// Keys of `generation`; which of them fit depends on the provider.
pub(super) const GENERATION: &[Key] = &[
    Key::new("type", Word(&["image", "audio"]), Request, "kind of asset")
        .or("what the provider makes"),
    Key::new("provider", Text, Request, "who makes it; required"),
    Key::new("model", Text, Request, "exact model").or("the Assetfile's, else the provider's"),
    Key::new("mode", Word(&["sfx", "music", "speech"]), Request, "kind of sound").or("sfx"),
    Key::new(
        "fallback",
        Items(&Either(&[Text, Map(FALLBACK)])),
        No,
        "who takes over when the provider is down; `manual` waits for a person",
    ),
    Key::new(
        "fallback_on",
        Items(&Word(&FallbackOn::WORDS)),
        No,
        "when else it does: `refusal`, `missing-key`",
    ),
    Key::new(
        "variations",
        COUNT,
        No,
        "how many results are wanted; also written `n` or `n_variations`, here or in \
         `prompt.parameters`",
    )
    .or("1"),
    Key::new("n", COUNT, No, "same as `variations`"),
    Key::new("n_variations", COUNT, No, "same as `variations`"),
    Key::new("pick", Word(PICKS), No, "who picks among variations").or("auto"),
    Key::new("take", COUNT, Request, "equal requests share a purchase unless they differ here")
        .or("1"),
    Key::new("on_reject", Map(ON_REJECT), No, "what happens when every variation fails a check"),
    Key::new(
        "reference",
        Items(&Either(REFERENCE_FORMS)),
        Request,
        "pictures that the result shall resemble",
    ),
    Key::new("edit", Map(EDIT), Request, "edits a picture instead of making a new one"),
    Key::new(
        "duration_seconds",
        Seconds,
        Request,
        "length of a sound; same as in `prompt.parameters`",
    ),
    Key::new(
        "seed",
        Integer(0, i64::MAX),
        Request,
        "seed; same as in `prompt.parameters`; variation i uses seed + i",
    ),
    Key::new("source", Path, Request, "svg, file, manual: the file that is taken")
        .or("manual: art/{id}.{ext}"),
    Key::new("size", Size, Request, "svg, placeholder: width and height; manual: for people")
        .or("the drawing's own; that of the prompt"),
    Key::new("vars", MapOf(&Text), Request, "svg: text for `{{name}}` in the drawing"),
    Key::new(
        "preset",
        Word(synth_keys::PRESETS),
        Request,
        "synth: the sound to start from; required",
    ),
    Key::new(
        "parameters",
        Map(synth_keys::PARAMETERS),
        Request,
        "synth: values that replace the preset's",
    ),
    Key::new("tracks", List(&Map(synth_keys::TRACK)), Request, "synth: what a song plays"),
    Key::new("run", List(&Text), Request, "command: program and arguments, no shell; required"),
    Key::new("inputs", List(&Path), Request, "command: files that it reads"),
    Key::new("output", Path, Request, "command: file that it writes; required"),
    Key::new("version", List(&Text), No, "command: program and arguments that print its version"),
    Key::new("exact", Boolean, Request, "command: whether equal inputs always give equal bytes")
        .or("false"),
    Key::new(
        "env",
        List(&Text),
        Request,
        "command: names of environment variables that the program gets; their values do not count",
    )
    .or("none but PATH and a few fixed ones"),
    Key::new("timeout", Seconds, No, "command: time after which the program is ended").or("600 s"),
    Key::new(
        "max_output_mb",
        Integer(1, 1_048_576),
        No,
        "command: mebibytes that the program may write before it is ended",
    )
    .or("512"),
];

const PICKS: &[&str] = &["auto", "human"];

const ON_REJECT: &[Key] =
    &[Key::new("redraw", Integer(0, 100), No, "how many more may be bought").or("0")];

const FALLBACK: &[Key] = &[
    Key::new("provider", Text, No, "who takes over; required"),
    Key::new("model", Text, No, "its model"),
    Key::new("parameters", Open(PARAMETERS, &Text), No, "parameters that replace the request's"),
];

const REFERENCE_FORMS: &[Shape] = &[Map(REFERENCE)];

/// Keys of a reference: an asset or a file.
pub(super) const REFERENCE: &[Key] = &[
    Key::new("asset", Text, Request, "id of another asset"),
    Key::new("stage", Word(&["raw", "processed"]), Request, "which result of the asset").or("raw"),
    Key::new("file", Path, Request, "a file of the project"),
];

const EDIT: &[Key] = &[
    Key::new("image", Either(&[Path, Map(REFERENCE)]), Request, "the picture; required"),
    Key::new(
        "mask",
        Either(&[Path, Map(REFERENCE)]),
        Request,
        "transparent where the picture may change",
    ),
    Key::new("prompt", Text, Request, "same as `prompt.base`"),
];

/// Keys of `prompt`.
pub(super) const PROMPT: &[Key] = &[
    Key::new("base", Text, Request, "what is asked for; required"),
    Key::new("style", Text, Request, "added as `Style: …`"),
    Key::new("details", Text, Request, "added as `Details: …`"),
    Key::new(
        "negative",
        Text,
        Request,
        "what to avoid: the provider's own field, else added as `Avoid: …`",
    ),
    Key::new(
        "templates",
        MapOf(&Text),
        Request,
        "in templates: value of a parameter to text; that of the value in use is \
         added after `base`",
    ),
    Key::new(
        "styles",
        Items(&Text),
        Request,
        "names of the Assetfile's `styles` whose texts end the prompt",
    ),
    Key::new(
        "parameters",
        Open(PARAMETERS, &Text),
        Request,
        "parameters of the request; which ones exist depends on provider and model",
    ),
];

/// Parameters that several providers know, with their types. Others take the type that their text
/// has: `true` and `false`, whole numbers, numbers, text.
pub(super) const PARAMETERS: &[Key] = &[
    Key::new("size", Text, Request, "size of the raw picture, such as `1024x1024`, or `auto`"),
    Key::new("aspect_ratio", Text, Request, "shape of the raw picture, such as \"16:9\""),
    Key::new("quality", Text, Request, "quality in the provider's words"),
    Key::new("style", Text, Request, "style in the provider's words"),
    Key::new("style_preset", Text, Request, "style in the provider's words"),
    Key::new("background", Text, Request, "`transparent`, `opaque` or `auto`"),
    Key::new("moderation", Text, Request, "strictness of the provider's filter"),
    Key::new("output_format", Text, Request, "encoding of the raw result"),
    Key::new("seed", Integer(0, i64::MAX), Request, "seed; variation i uses seed + i"),
    Key::new("steps", Integer(1, 1000), Request, "steps of a diffusion model"),
    Key::new("cfg_scale", Number(0.0, 100.0), Request, "how strictly the prompt is followed"),
    Key::new(
        "strength",
        Number(0.0, 1.0),
        Request,
        "how far the result may leave the input picture",
    ),
    Key::new("temperature", Number(0.0, 10.0), Request, "randomness of a sampled model"),
    Key::new("prompt_influence", Number(0.0, 1.0), Request, "how strictly the prompt is followed"),
    Key::new("duration_seconds", Seconds, Request, "length of a sound"),
    Key::new("loop", Boolean, Request, "whether the sound shall loop"),
    Key::new("voice", Text, Request, "voice of speech"),
    Key::new("variations", COUNT, No, "same as `generation.variations`"),
    Key::new("n", COUNT, No, "same as `generation.variations`"),
    Key::new("n_variations", COUNT, No, "same as `generation.variations`"),
];

/// Keys of `integration`.
pub(super) const INTEGRATION: &[Key] = &[
    Key::new("manifest_key", Text, Publishing, "key of the manifest entry")
        .or("the id in camelCase"),
    Key::new(
        "manifest_path",
        Text,
        Publishing,
        "main file, below `assets_dir`; its extension decides the encoding",
    )
    .or("{folder under specs}/{id}.{png or ogg}"),
    Key::new(
        "output_path",
        Text,
        Publishing,
        "main file, from the root: the other way to write `manifest_path`",
    ),
    Key::new(
        "naming_pattern",
        Text,
        Publishing,
        "main file in the folder of its section; its stem is the key",
    ),
    Key::new(
        "manifest_type",
        Word(&["image", "spritesheet", "atlasXML", "audio", "multiResolution"]),
        Publishing,
        "`type` of the entry",
    )
    .or("image, audio, or multiResolution with `variants`"),
    Key::new(
        "manifest_section",
        Text,
        Publishing,
        "where the entry stands, such as `audio.sfx.jump`",
    )
    .or("images, audio.sfx.{category}, audio.music"),
    Key::new("description", Text, Publishing, "what the entry is, for people"),
    Key::new("description_pattern", Text, Publishing, "same as `description`"),
    Key::new(
        "manifest_fields",
        MapOf(&Any),
        Publishing,
        "literal fields of the entry: `{ frameWidth: 64 }`",
    ),
];

/// Keys of `observability`.
pub(super) const OBSERVABILITY: &[Key] = &[
    Key::new("track_cost", Boolean, No, "whether costs are logged").or("true"),
    Key::new("track_quality", Boolean, No, "whether quality figures are logged").or("true"),
    Key::new("track_performance", Boolean, No, "whether durations are logged").or("true"),
    Key::new(
        "log_level",
        Word(&["dev", "info", "warn", "error"]),
        No,
        "lowest level that is logged",
    )
    .or("info"),
    Key::new("sampling_rate", Number(0.0, 1.0), No, "share of `dev` events that is logged").or("1"),
];
