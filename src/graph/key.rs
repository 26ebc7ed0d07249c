//! What an asset's keys are made of: the table of what counts and what does not.
//!
//! | counts, in `wanted` | counts, in `definition` | never counts |
//! | --- | --- | --- |
//! | media type and mode | every step and check | id, tags, other metadata |
//! | provider family, engine, model as written | paths and encodings of the files | fallback, stand-ins |
//! | final prompt text, negative prompt | manifest section, key, type, fields | number of variations, who picks |
//! | every parameter that was set | | price, budget, timeouts, URL, secrets |
//! | references, masks and files by recipe or content | sounds of the same group, up to their `normalize` | observability, version of the tool |
//!
//! Every struct is taken apart without `..`, so a new field cannot be forgotten. Golden keys are in
//! the tests: a change there is a decision, since it makes every user's assets stale.

use std::fmt::Write as _;

use crate::base::{ActionKey, Digest, FieldList, FieldSink, KeyHasher, RelPath};
use crate::catalog::{self, Sent};
use crate::spec::AssetSpec;
use crate::spec::op::{
    Check, CommandRun, Edit, GenerateOp, GroupGain, Level, ManifestEntry, ManualFile, OutputFile,
    Placeholder, ProcessOp, Publish, Request, Source, Step, SvgDrawing, SynthSound, Track,
};

/// Version of the functions below, recorded in every lock block.
pub const KEY_SCHEMA: u32 = 1;

const WANTED_DOMAIN: &str = "assetbuild wanted 1";
const DEFINITION_DOMAIN: &str = "assetbuild definition 1";
const PROCESS_DOMAIN: &str = "assetbuild process 1";
const SENT_DOMAIN: &str = "assetbuild sent 1";
const COMMAND_DOMAIN: &str = "assetbuild command 1";
const LEVEL_DOMAIN: &str = "assetbuild level 1";
const SHARE_DOMAIN: &str = "assetbuild group share 1";

/// Identities of what an action reads, so that keys stay a pure function.
pub trait InputDigests {
    /// Digest of a file of the project, text with LF line ends; none if it cannot be read.
    fn file(&self, path: &RelPath) -> Option<Digest>;

    /// Identity of another asset as a reference: its recipe, and the chosen raw if it is paid; none
    /// if the asset is not built yet.
    fn asset(&self, id: &str, processed: bool) -> Option<String>;

    /// Identity of a group of sounds: of the material that is measured for their common gain; none
    /// if nothing of it is there yet.
    fn group(&self, name: &str) -> Option<Digest>;

    /// Digest of the project's own fonts, which drawings may set text in; none if it has none.
    fn fonts(&self) -> Option<Digest> {
        None
    }
}

/// The wanted request of an asset: its key and the fields that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The wanted key.
    pub key: ActionKey,
    /// Its fields, for `explain`.
    pub fields: FieldList,
}

impl Wanted {
    /// Computes the wanted key of `spec`.
    pub fn of(spec: &AssetSpec, inputs: &dyn InputDigests) -> Self {
        let (key, fields) = hash(WANTED_DOMAIN, |sink| write_wanted(spec, inputs, sink));
        Self { key, fields }
    }
}

/// The definition of an asset's process, validate and integrate actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The definition key.
    pub key: ActionKey,
    /// Its fields, for `explain`.
    pub fields: FieldList,
}

impl Definition {
    /// Computes the definition key of `spec`.
    pub fn of(spec: &AssetSpec, inputs: &dyn InputDigests) -> Self {
        let (key, fields) = hash(DEFINITION_DOMAIN, |sink| {
            let asked = match &spec.generate {
                // Nothing else says what a person was asked for.
                GenerateOp::Manual(file) => file.brief.size,
                _ => None,
            };
            write_steps(&spec.steps, asked, inputs, sink);
            if let Some(gain) = GroupGain::of(&spec.steps) {
                let path = format!("post_processing[{}].group.sounds", gain.step);
                let identity = inputs.group(gain.group).map(|digest| digest.to_string());
                sink.field(&path, identity.as_deref().unwrap_or("pending"));
            }
            write_publish(&spec.publish, sink);
        });
        Self { key, fields }
    }
}

/// The key of an asset's process action: its steps, where checks look, the encodings of its files,
/// the raw material, and the gain in dB of its group. `encoders` names the versions of the encoders
/// that write the files.
pub fn process_key(
    spec: &AssetSpec,
    inputs: &dyn InputDigests,
    raw: &Digest,
    gain: Option<f64>,
    encoders: &str,
) -> ActionKey {
    let mut sink = KeyHasher::new(PROCESS_DOMAIN);
    sink.field("raw", &raw.to_string());
    sink.field("encoders", encoders);
    if let Some(gain) = gain {
        sink.field("gain", &gain.to_string());
    }
    if let Some((width, height)) = requested_size(spec) {
        sink.field("requested", &format!("{width}x{height}"));
    }
    for (index, step) in spec.steps.iter().enumerate() {
        match step {
            Step::Process(op) => write_process(index, op, inputs, &mut sink),
            // Which facts are measured depends on where a check stands, not on what it asks.
            Step::Validate(_) => sink.field(&format!("post_processing[{index}]"), "validate"),
        }
    }
    for file in &spec.publish.files {
        let OutputFile { path: _, encoding, variant } = file;
        sink.field("file", encoding.extension());
        sink.field("variant", variant.as_deref().unwrap_or(""));
    }
    sink.finish()
}

/// The key of a resolved request, under which what it gives is filed.
pub fn sent_key(sent: &Sent, spec: &AssetSpec, inputs: &dyn InputDigests) -> ActionKey {
    let mut sink = KeyHasher::new(SENT_DOMAIN);
    let files = match &spec.generate {
        GenerateOp::Request(request) => Some(&request.files),
        _ => None,
    };
    let content = |text: &str| {
        let path = files?.get(text)?;
        Some(inputs.file(path).map_or_else(|| "missing".to_owned(), |digest| digest.to_string()))
    };
    catalog::write_fields(sent, &content, &mut sink);
    if let GenerateOp::Request(request) = &spec.generate {
        write_sources(&request.references, request.edit.as_ref(), inputs, &mut sink);
    }
    write_take(spec, &mut sink);
    sink.finish()
}

/// The key of what an exact program makes: the wanted key, and what the program says about its
/// version, if it is asked.
pub fn command_key(wanted: &ActionKey, version: Option<&str>) -> ActionKey {
    let Some(version) = version else { return *wanted };
    let mut sink = KeyHasher::new(COMMAND_DOMAIN);
    sink.field("wanted", &wanted.to_string());
    sink.field("version", version);
    sink.finish()
}

/// The key of a sound's share in the level of its group: the steps before the `normalize`, and the
/// raw material. `encoders` is that of the process key.
pub fn level_key(
    before: &[Step],
    inputs: &dyn InputDigests,
    raw: &Digest,
    encoders: &str,
) -> ActionKey {
    let mut sink = KeyHasher::new(LEVEL_DOMAIN);
    sink.field("raw", &raw.to_string());
    sink.field("encoders", encoders);
    write_ops(before, inputs, &mut sink);
    sink.finish()
}

/// What a sound gives to its group, for the definition of all sounds of it: the steps before the
/// `normalize`, and the identity of its raw material.
pub fn group_share(before: &[Step], inputs: &dyn InputDigests, raw: &str) -> ActionKey {
    let mut sink = KeyHasher::new(SHARE_DOMAIN);
    sink.field("raw", raw);
    write_ops(before, inputs, &mut sink);
    sink.finish()
}

/// The size in pixels that the spec asks its generator for, if it asks for one.
pub fn requested_size(spec: &AssetSpec) -> Option<(u32, u32)> {
    match &spec.generate {
        GenerateOp::Request(request) => {
            let text = request.parameters.get("size")?.canonical();
            let (width, height) = text.split_once('x')?;
            Some((width.parse().ok()?, height.parse().ok()?))
        }
        GenerateOp::Svg(drawing) => drawing.size,
        GenerateOp::Placeholder(placeholder) => Some(placeholder.size),
        GenerateOp::Manual(file) => file.brief.size,
        GenerateOp::Synth(_) | GenerateOp::File(_) | GenerateOp::Command(_) => None,
    }
}

fn hash(domain: &str, write: impl Fn(&mut dyn FieldSink)) -> (ActionKey, FieldList) {
    let mut hasher = KeyHasher::new(domain);
    write(&mut hasher);
    let mut fields = FieldList::default();
    write(&mut fields);
    (hasher.finish(), fields)
}

fn write_wanted(spec: &AssetSpec, inputs: &dyn InputDigests, sink: &mut dyn FieldSink) {
    sink.field("generation.type", spec.media.as_str());
    match &spec.generate {
        GenerateOp::Request(request) => write_request(request, inputs, sink),
        GenerateOp::Svg(drawing) => {
            let SvgDrawing { source, size, vars } = drawing;
            sink.field("generation.provider", "svg");
            write_file("generation.source", source, inputs, sink);
            write_size("generation.size", *size, sink);
            for (name, value) in vars {
                sink.field(&format!("generation.vars.{name}"), value);
            }
            if let Some(fonts) = inputs.fonts() {
                sink.field("generation.fonts", &fonts.to_string());
            }
        }
        GenerateOp::Synth(sound) => {
            let SynthSound { preset, seed, duration_seconds, parameters, tracks } = sound;
            sink.field("generation.provider", "synth");
            sink.field("generation.preset", preset);
            sink.field("generation.seed", &seed.to_string());
            if let Some(seconds) = duration_seconds {
                sink.field("generation.duration_seconds", &seconds.to_string());
            }
            for (name, value) in parameters {
                sink.field(&format!("generation.parameters.{name}"), &value.canonical());
            }
            for (index, track) in tracks.iter().enumerate() {
                let Track { instrument, notes, volume, pan } = track;
                let mut put = |name: &str, value: &str| {
                    sink.field(&format!("generation.tracks[{index}].{name}"), value);
                };
                put("instrument", instrument);
                put("notes", notes);
                put("volume", &volume.to_string());
                put("pan", &pan.to_string());
            }
        }
        GenerateOp::Placeholder(placeholder) => write_placeholder(placeholder, sink),
        GenerateOp::File(source) => {
            sink.field("generation.provider", "file");
            write_file("generation.source", source, inputs, sink);
        }
        GenerateOp::Manual(ManualFile { source, brief: _ }) => {
            sink.field("generation.provider", "manual");
            write_file("generation.source", source, inputs, sink);
        }
        GenerateOp::Command(run) => {
            let CommandRun {
                run,
                inputs: files,
                output,
                // What it prints is noted with the result and decides on cached ones.
                version: _,
                exact,
                env,
                timeout: _,
                max_output: _,
                media: _,
            } = run;
            sink.field("generation.provider", "command");
            write_list("generation.run", run, sink);
            for (index, file) in files.iter().enumerate() {
                // A program sees the names of its inputs, so they count beside the content.
                sink.field(&format!("generation.inputs[{index}].path"), file.as_str());
                write_file(&format!("generation.inputs[{index}]"), file, inputs, sink);
            }
            sink.field("generation.output", output.as_str());
            write_list("generation.env", env, sink);
            sink.field("generation.exact", &exact.to_string());
        }
    }
    write_take(spec, sink);
}

fn write_take(spec: &AssetSpec, sink: &mut dyn FieldSink) {
    if spec.selection.take != 1 {
        sink.field("generation.take", &spec.selection.take.to_string());
    }
}

fn write_request(request: &Request, inputs: &dyn InputDigests, sink: &mut dyn FieldSink) {
    let Request {
        provider: _,
        family,
        engine,
        model,
        media: _,
        mode,
        prompt,
        negative,
        parameters,
        files,
        references,
        edit,
        fallback: _,
        fallback_on: _,
    } = request;
    sink.field("generation.provider", family);
    if let Some(engine) = engine {
        sink.field("generation.engine", engine);
    }
    if let Some(model) = model {
        sink.field("generation.model", model);
    }
    if let Some(mode) = mode {
        sink.field("generation.mode", mode.as_str());
    }
    sink.field("prompt", &prompt.text);
    for (name, text) in &prompt.parts {
        sink.note(&format!("prompt.{name}"), text);
    }
    if let Some(negative) = negative {
        sink.field("prompt.negative", negative);
    }
    for (name, value) in parameters {
        let (path, text) = (format!("prompt.parameters.{name}"), value.canonical());
        match files.get(&text) {
            Some(file) => write_file(&path, file, inputs, sink),
            None => sink.field(&path, &text),
        }
    }
    write_sources(references, edit.as_ref(), inputs, sink);
}

fn write_sources(
    references: &[Source],
    edit: Option<&Edit>,
    inputs: &dyn InputDigests,
    sink: &mut dyn FieldSink,
) {
    for (index, source) in references.iter().enumerate() {
        write_source(&format!("generation.reference[{index}]"), source, inputs, sink);
    }
    if let Some(Edit { image, mask }) = edit {
        write_source("generation.edit.image", image, inputs, sink);
        if let Some(mask) = mask {
            write_source("generation.edit.mask", mask, inputs, sink);
        }
    }
}

fn write_placeholder(placeholder: &Placeholder, sink: &mut dyn FieldSink) {
    let Placeholder { label, size, media: _, duration_seconds } = placeholder;
    sink.field("generation.provider", "placeholder");
    sink.field("generation.label", label);
    write_size("generation.size", Some(*size), sink);
    sink.field("generation.duration_seconds", &duration_seconds.to_string());
}

fn write_source(path: &str, source: &Source, inputs: &dyn InputDigests, sink: &mut dyn FieldSink) {
    match source {
        Source::File(file) => write_file(path, file, inputs, sink),
        Source::Asset { id, processed } => {
            let identity = inputs.asset(id, *processed);
            sink.field(path, identity.as_deref().unwrap_or("pending"));
        }
    }
}

fn write_file(path: &str, file: &RelPath, inputs: &dyn InputDigests, sink: &mut dyn FieldSink) {
    // The content counts, not the name: a moved source changes nothing.
    match inputs.file(file) {
        Some(digest) => sink.field(path, &digest.to_string()),
        None => sink.field(path, "missing"),
    }
    sink.note(&format!("{path}.path"), file.as_str());
}

fn write_size(path: &str, size: Option<(u32, u32)>, sink: &mut dyn FieldSink) {
    if let Some((width, height)) = size {
        sink.field(path, &format!("{width}x{height}"));
    }
}

fn write_list(path: &str, items: &[String], sink: &mut dyn FieldSink) {
    for (index, item) in items.iter().enumerate() {
        sink.field(&format!("{path}[{index}]"), item);
    }
}

/// `asked`: the size that a check measures by, where the wanted key does not tell it.
fn write_steps(
    steps: &[Step],
    asked: Option<(u32, u32)>,
    inputs: &dyn InputDigests,
    sink: &mut dyn FieldSink,
) {
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Process(op) => write_process(index, op, inputs, sink),
            Step::Validate(checks) => {
                sink.field(&format!("post_processing[{index}].action"), "validate");
                for check in checks {
                    let path = format!("post_processing[{index}].checks.{}", check.name());
                    match (check, asked) {
                        (Check::DimensionsMatch, Some((width, height))) => {
                            sink.field(&path, &format!("{width}x{height}"));
                        }
                        _ => sink.field(&path, &check_argument(check)),
                    }
                }
            }
        }
    }
}

/// The steps that change the material; those that only look leave a sound as it is.
fn write_ops(steps: &[Step], inputs: &dyn InputDigests, sink: &mut dyn FieldSink) {
    for (index, op) in steps.iter().filter_map(Step::op).enumerate() {
        write_process(index, op, inputs, sink);
    }
}

fn write_process(
    index: usize,
    op: &ProcessOp,
    inputs: &dyn InputDigests,
    sink: &mut dyn FieldSink,
) {
    let base = format!("post_processing[{index}]");
    let mut put = |name: &str, value: String| sink.field(&format!("{base}.{name}"), &value);
    put("action", op.name().to_owned());
    match op {
        ProcessOp::Resize { size, method, fit } => {
            put("dimensions", format!("{}x{}", size.0, size.1));
            put("method", method.as_str().to_owned());
            if let Some(fit) = fit {
                put("fit", fit.as_str().to_owned());
            }
        }
        ProcessOp::Crop { x, y, width, height } => {
            put("x", x.to_string());
            put("y", y.to_string());
            put("width", width.to_string());
            put("height", height.to_string());
        }
        ProcessOp::Pad { size, color } => {
            put("dimensions", format!("{}x{}", size.0, size.1));
            put("color", hex_color(color));
        }
        ProcessOp::Trim { threshold, margin } => {
            put("threshold", threshold.to_string());
            put("margin", margin.to_string());
        }
        ProcessOp::KeyBackground { color, tolerance } => {
            put("color", color.map_or_else(|| "corners".to_owned(), |color| hex_color(&color)));
            put("tolerance", tolerance.to_string());
        }
        ProcessOp::Quantize { colors, dither } => {
            put("colors", colors.to_string());
            put("dither", dither.to_string());
        }
        ProcessOp::Outline { width, color } => {
            put("width", width.to_string());
            put("color", hex_color(color));
        }
        ProcessOp::Glow { radius, color } => {
            put("radius", radius.to_string());
            put("color", hex_color(color));
        }
        ProcessOp::Watermark { source, opacity, position } => {
            put("opacity", opacity.to_string());
            put("position", position.clone());
            write_file(&format!("{base}.source"), source, inputs, sink);
        }
        ProcessOp::Compress { level } => put("level", level.to_string()),
        ProcessOp::Variants { scale, method } => {
            for (name, (width, height)) in scale {
                put(&format!("scale.{name}"), format!("{width}x{height}"));
            }
            put("method", method.as_str().to_owned());
        }
        ProcessOp::Convert { formats, quality, lossless, bitrate } => {
            let words: Vec<&str> = formats.iter().map(|format| format.extension()).collect();
            put("formats", words.join(","));
            if let Some(quality) = quality {
                put("quality", quality.to_string());
            }
            put("lossless", lossless.to_string());
            if let Some(bitrate) = bitrate {
                put("bitrate", bitrate.to_string());
            }
        }
        ProcessOp::Normalize { target, ceiling_db, group } => {
            match target {
                Level::Peak(db) => put("peak", db.to_string()),
                Level::Lufs(lufs) => put("lufs", lufs.to_string()),
            }
            put("ceiling", ceiling_db.to_string());
            if let Some(group) = group {
                put("group", group.clone());
            }
        }
        ProcessOp::TrimSilence { threshold_db } => put("threshold", threshold_db.to_string()),
        ProcessOp::Fade { in_seconds, out_seconds } => {
            put("in", in_seconds.to_string());
            put("out", out_seconds.to_string());
        }
        ProcessOp::Cut { from, to } => {
            put("from", from.to_string());
            if let Some(to) = to {
                put("to", to.to_string());
            }
        }
        ProcessOp::Loop { crossfade_seconds } => put("crossfade", crossfade_seconds.to_string()),
        ProcessOp::Resample { rate } => put("rate", rate.to_string()),
        ProcessOp::Channels { count } => put("count", count.to_string()),
    }
}

fn check_argument(check: &Check) -> String {
    match check {
        Check::HasAlpha
        | Check::NoAlpha
        | Check::DimensionsMatch
        | Check::IsPowerOfTwo
        | Check::NotBlank
        | Check::NoClipping
        | Check::NotSilent
        | Check::LoopSeam
        | Check::FileSizeReasonable => String::new(),
        Check::DurationRange { min, max } => format!("{min}..{max}"),
        Check::Loudness { target, tolerance } => format!("{target}±{tolerance}"),
        Check::SampleRate(rate) => rate.to_string(),
        Check::Channels(count) => count.to_string(),
        Check::Format(encoding) => encoding.extension().to_owned(),
        Check::Bitrate(rate) => rate.to_string(),
        Check::FileSizeUnder(bytes) => bytes.to_string(),
    }
}

fn write_publish(publish: &Publish, sink: &mut dyn FieldSink) {
    let Publish { path, files, entry } = publish;
    sink.field("integration.path", path.as_str());
    for file in files.iter().skip(1) {
        let OutputFile { path, encoding: _, variant: _ } = file;
        sink.field("integration.file", path.as_str());
    }
    let ManifestEntry { section, key, kind, description, fields } = entry;
    sink.field("integration.manifest_section", &section.join("."));
    sink.field("integration.manifest_key", key);
    sink.field("integration.manifest_type", kind);
    if let Some(description) = description {
        sink.field("integration.description", description);
    }
    for (name, value) in fields {
        sink.field(&format!("integration.manifest_fields.{name}"), &value.to_string());
    }
}

fn hex_color(color: &[u8]) -> String {
    color.iter().fold("#".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
