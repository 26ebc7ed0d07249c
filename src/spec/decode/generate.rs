//! `generation`: provider, media, and the op that makes the raw material.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::{AudioMode, Diagnostic, Encoding, MediaKind, RelPath, Span};
use crate::catalog::{self, Target};
use crate::spec::decode::{
    Input, Provider, issues, media_word, parameters, prompt, provider_name, synth,
};
use crate::spec::expand::Used;
use crate::spec::keys::GENERATION;
use crate::spec::op::{
    Brief, CommandRun, Edit, Fallback, FallbackOn, GenerateOp, ManualFile, Notes, Placeholder,
    Request, Source, SvgDrawing, SynthSound, Track,
};
use crate::spec::providers::{self, ProviderKind};
use crate::yaml::{self, Checker, Value};

/// The provider that the spec names.
pub(super) fn provider(input: &Input<'_>, checker: &mut Checker<'_>) -> Option<Provider> {
    let Some(name) = provider_name(input) else {
        if input.tree().get("generation").is_some_and(|generation| !generation.is_map()) {
            return None;
        }
        let span =
            input.tree().entry("generation").map_or(input.merged.span, |entry| entry.key_span);
        let defaults = input.context.defaults;
        let has_defaults = defaults.image.is_some() || defaults.audio.is_some();
        let help = match input.merged.media {
            None if has_defaults => {
                "write `type: image` or `type: audio`: the Assetfile has defaults by type"
            }
            _ => "write `generation: { provider: placeholder }`, or another provider",
        };
        checker.missing("nothing says who makes this asset", span, help);
        return None;
    };
    let found = providers::find(name.text()?);
    if found.is_none() {
        checker.unknown_word("provider", name.text()?, name.span, providers::names());
    }
    found
}

/// Whether the asset is a picture or a sound.
pub(super) fn media(
    input: &Input<'_>,
    provider: Option<Provider>,
    checker: &mut Checker<'_>,
) -> Option<MediaKind> {
    let word = input.section("generation").and_then(|generation| generation.get("type"));
    let media = match word.and_then(Value::text) {
        Some("image") => Some(MediaKind::Image),
        Some("audio") => Some(MediaKind::Audio),
        _ => input.merged.media,
    };
    let Some(provider) = provider else { return media };
    let media = media.or(match provider.media {
        [only] => Some(*only),
        _ => None,
    });
    match media {
        None if word.is_none() => {
            let span = provider_name(input).map_or(input.merged.span, |name| name.span);
            checker.missing(
                format!("`{}` makes images and sounds", provider.name),
                span,
                "write `type: image` or `type: audio`",
            );
        }
        Some(media) if !provider.media.contains(&media) => {
            let fitting = providers::names().filter(|name| {
                providers::find(name).is_some_and(|provider| provider.media.contains(&media))
            });
            let span = word.or(provider_name(input)).map_or(input.merged.span, |value| value.span);
            checker.wrong_value(
                format!("`{}` cannot make {}", provider.name, media_word(media)),
                span,
                format!("providers that can: {}", fitting.collect::<Vec<_>>().join(", ")),
            );
        }
        _ => {}
    }
    media
}

/// The op; `encoding` is that of the main file.
pub(super) fn generate(
    input: &Input<'_>,
    provider: Provider,
    media: MediaKind,
    encoding: Option<Encoding>,
    used: &mut Used,
    checker: &mut Checker<'_>,
) -> Option<GenerateOp> {
    let generation = input.section("generation")?;
    for entry in generation.entries() {
        let known = GENERATION.iter().any(|key| key.name == &*entry.key);
        if known && !providers::fits(provider.kind, &entry.key) {
            let fitting = GENERATION
                .iter()
                .map(|key| key.name)
                .filter(|key| providers::fits(provider.kind, key))
                .collect::<Vec<_>>();
            checker.diagnostics.push(
                Diagnostic::error(
                    "spec::misplaced_key",
                    format!("`{}` means nothing to the provider `{}`", entry.key, provider.name),
                )
                .at(entry.key_span, "")
                .help(format!("its keys: {}", fitting.join(", "))),
            );
        }
    }
    let mut reader = Reader { input, generation, provider, media, checker };
    match provider.kind {
        ProviderKind::Request => {
            reader.request(used).map(|request| GenerateOp::Request(Box::new(request)))
        }
        ProviderKind::Svg => {
            let source = reader.need_path("source", "write `source: art/drawing.svg`")?;
            Some(GenerateOp::Svg(SvgDrawing {
                source,
                size: generation.get_text("size").and_then(yaml::parse_size),
                vars: texts(generation.get("vars")),
            }))
        }
        ProviderKind::Synth => reader.synth().map(GenerateOp::Synth),
        ProviderKind::Placeholder => Some(GenerateOp::Placeholder(reader.placeholder())),
        ProviderKind::File => {
            reader.need_path("source", "write `source: art/file.png`").map(GenerateOp::File)
        }
        ProviderKind::Manual => {
            let source = match generation.get("source") {
                Some(source) => RelPath::new(source.text()?).ok()?,
                None => {
                    let extension = encoding.unwrap_or(match media {
                        MediaKind::Image => Encoding::Png,
                        MediaKind::Audio => Encoding::Wav,
                    });
                    let name = format!("art/{}.{}", input.merged.id, extension.extension());
                    RelPath::new(&name).ok()?
                }
            };
            Some(GenerateOp::Manual(ManualFile { source, brief: reader.brief(used) }))
        }
        ProviderKind::Command => reader.command().map(GenerateOp::Command),
    }
}

struct Reader<'a, 'c, 'd> {
    input: &'a Input<'a>,
    generation: &'a Value,
    provider: Provider,
    media: MediaKind,
    checker: &'c mut Checker<'d>,
}

impl Reader<'_, '_, '_> {
    fn request(&mut self, used: &mut Used) -> Option<Request> {
        let config = self.input.context.config;
        let addressee = self.provider.addressee(config, self.generation.get_text("model"));
        let provider = self.provider.name;
        let parameters =
            parameters::parameters(self.input, self.generation, provider, self.checker);
        let mode = self.mode();
        let target = Target {
            provider,
            engine: addressee.engine.as_deref(),
            model: addressee.model.as_deref(),
        };
        let edit = self.edit();
        let (prompt, negative) = prompt::prompt(
            self.input,
            catalog::has_negative_field(&target, self.media, mode),
            self.media,
            self.generation.get("edit").and_then(|edit| edit.get("prompt")),
            used,
            self.checker,
        );
        let has_prompt = prompt.is_some();
        let fallback = self.fallback();
        let files = parameters::files(provider, &parameters);
        let files = files.chain(
            fallback
                .iter()
                .flat_map(|fallback| parameters::files(&fallback.provider, &fallback.parameters)),
        );
        let files = files.collect();
        let request = Request {
            provider: self.provider.name.to_owned(),
            family: self.provider.family.to_owned(),
            engine: addressee.engine.clone(),
            model: addressee.model.clone(),
            media: self.media,
            mode,
            prompt: prompt.unwrap_or_default(),
            negative,
            parameters,
            files,
            references: self.references(),
            edit,
            fallback,
            fallback_on: self.fallback_on(),
        };
        if self.provider.media.contains(&self.media) {
            issues::report(self.input, self.provider, &addressee, &request, self.checker);
        }
        has_prompt.then_some(request)
    }

    fn mode(&mut self) -> Option<AudioMode> {
        let written = self.generation.entry("mode");
        if self.media == MediaKind::Image {
            if let Some(entry) = written.filter(|entry| !entry.value.via.is_default()) {
                let help = "delete it; only sounds have a mode";
                self.checker.wrong_value("`mode` does not fit an image", entry.key_span, help);
            }
            return None;
        }
        match written.and_then(|entry| entry.value.text()) {
            Some("music") => Some(AudioMode::Music),
            Some("speech") => Some(AudioMode::Speech),
            _ => Some(AudioMode::Sfx),
        }
    }

    fn references(&mut self) -> Vec<Source> {
        let items = self.generation.get("reference").map_or(&[][..], Value::one_or_more);
        items.iter().filter_map(|item| self.source(item)).collect()
    }

    fn edit(&mut self) -> Option<Edit> {
        let edit = self.generation.entry("edit").filter(|edit| edit.value.is_map())?;
        let Some(image) = edit.value.get("image") else {
            let help = "write `image: { asset: id }` or `image: art/picture.png`";
            self.checker.missing("`edit` has no `image`", edit.key_span, help);
            return None;
        };
        let image = self.source(image)?;
        let mask = edit.value.get("mask").and_then(|mask| self.source(mask));
        Some(Edit { image, mask })
    }

    /// A file or another asset.
    fn source(&mut self, value: &Value) -> Option<Source> {
        if let Some(text) = value.text() {
            return RelPath::new(text).ok().map(Source::File);
        }
        match (value.get("asset"), value.get_text("file")) {
            (Some(asset), None) => {
                let id = asset.text()?.to_owned();
                if id == self.input.merged.id {
                    let help = "name another asset";
                    self.checker.wrong_value("an asset cannot refer to itself", asset.span, help);
                }
                let processed = value.get_text("stage") == Some("processed");
                Some(Source::Asset { id, processed })
            }
            (None, Some(file)) => {
                if let Some(stage) = value.entry("stage") {
                    let help = "delete it; only assets have stages";
                    self.checker.wrong_value("a file has no `stage`", stage.key_span, help);
                }
                RelPath::new(file).ok().map(Source::File)
            }
            (both, _) => {
                let message = match both {
                    Some(_) => "both `asset` and `file`",
                    None => "neither `asset` nor `file`",
                };
                let help = "write `{ asset: id }` or `{ file: art/picture.png }`";
                self.checker.wrong_value(message, value.span, help);
                None
            }
        }
    }

    fn fallback(&mut self) -> Vec<Fallback> {
        let items = self.generation.get("fallback").map_or(&[][..], Value::one_or_more);
        let mut all: Vec<Fallback> = Vec::new();
        for item in items {
            let name = if item.is_map() { item.get("provider") } else { Some(item) };
            let Some(name) = name else {
                let help = "write `provider: stable-diffusion`";
                self.checker.missing("a fallback has no `provider`", item.span, help);
                continue;
            };
            let Some(text) = name.text() else { continue };
            self.check_fallback(text, name.span, &all);
            let named = item.get_text("model");
            let config = self.input.context.config;
            all.push(Fallback {
                provider: text.to_owned(),
                model: providers::find(text)
                    .and_then(|provider| provider.addressee(config, named).model),
                parameters: parameters::scalars(item.get("parameters"), Some(text)),
            });
        }
        all
    }

    fn fallback_on(&mut self) -> Vec<FallbackOn> {
        let items = self.generation.get("fallback_on").map_or(&[][..], Value::one_or_more);
        let words = FallbackOn::WORDS.into_iter().zip(FallbackOn::ALL);
        let named = |item: &Value| {
            let text = item.text()?;
            words.clone().find(|(word, _)| *word == text).map(|(_, on)| on)
        };
        items.iter().filter_map(named).collect()
    }

    fn check_fallback(&mut self, name: &str, span: Span, before: &[Fallback]) {
        let candidates = providers::names().filter(|name| {
            providers::find(name).is_some_and(|provider| {
                matches!(provider.kind, ProviderKind::Request | ProviderKind::Manual)
            })
        });
        let help = format!("one of: {}", candidates.clone().collect::<Vec<_>>().join(", "));
        match providers::find(name) {
            None => self.checker.unknown_word("provider", name, span, candidates),
            Some(_) if !candidates.clone().any(|candidate| candidate == name) => {
                self.checker.wrong_value(format!("`{name}` cannot be a fallback"), span, help);
            }
            Some(found) if !found.media.contains(&self.media) => {
                let message = format!("`{name}` cannot make {}", media_word(self.media));
                self.checker.wrong_value(message, span, help);
            }
            Some(found) => {
                let again = before.iter().any(|fallback| fallback.provider == name);
                if found.name == self.provider.name || again {
                    let help = "name another provider, or delete it";
                    let message = format!("`{name}` takes over from itself");
                    self.checker.wrong_value(message, span, help);
                }
            }
        }
    }

    fn synth(&mut self) -> Option<SynthSound> {
        let preset = self.need("preset", "write `preset: jump`")?;
        let name = preset.text()?.to_owned();
        let seed = self.generation.get_text("seed").and_then(yaml::parse_integer);
        let duration_seconds = self.duration();
        let tracks = self.tracks();
        let is_song = name == SynthSound::SONG;
        if let Some(parameters) = self.generation.get("parameters") {
            synth::check_parameters(&name, parameters, self.checker);
        }
        if let Some(written) = self.generation.get("tracks").filter(|_| is_song) {
            synth::check_length(&tracks, self.generation, written, self.checker);
        }
        match (is_song, self.generation.entry("tracks")) {
            (true, None) => {
                let help = "write `tracks: [{ instrument: lead, notes: \"C5 E5 G5 -\" }]`";
                self.checker.missing("a song has no `tracks`", preset.span, help);
            }
            (false, Some(entry)) => {
                let help = "write `preset: song`, or delete the tracks";
                let message = format!("the preset `{name}` plays no tracks");
                self.checker.wrong_value(message, entry.key_span, help);
            }
            _ => {}
        }
        if let (Some(seconds), Some(written)) =
            (duration_seconds, self.generation.get("duration_seconds"))
        {
            let most = SynthSound::MAX_EFFECT_SECONDS;
            if is_song {
                let help = "delete it: a song is as long as its notes and its `tempo` say";
                self.checker.wrong_value("a song has no `duration_seconds`", written.span, help);
            } else if !(0.001..=most).contains(&seconds) {
                let message = format!("a synthesized sound cannot last {seconds} s");
                let help = format!("write 0.001 to {most} s, or use the preset `song`");
                self.checker.wrong_value(message, written.span, help);
            }
        }
        Some(SynthSound {
            preset: name,
            seed: seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(0),
            duration_seconds,
            parameters: parameters::scalars(self.generation.get("parameters"), None),
            tracks,
        })
    }

    fn tracks(&mut self) -> Vec<Track> {
        let written = self.generation.get("tracks").map_or(&[][..], Value::items);
        let mut tracks = Vec::new();
        for item in written {
            let number = |key| item.get_text(key).and_then(yaml::parse_number);
            let (instrument, notes) = (item.get("instrument"), item.get("notes"));
            let (Some(instrument), Some(notes)) = (instrument, notes) else {
                let missing = if instrument.is_none() { "instrument" } else { "notes" };
                let help = "write `{ instrument: lead, notes: \"C5 E5 G5 -\" }`";
                self.checker.missing(format!("a track has no `{missing}`"), item.span, help);
                continue;
            };
            let (Some(instrument), Some(text)) = (instrument.text(), notes.text()) else {
                continue;
            };
            if let Err(error) = Notes::parse(text) {
                let help = "notes stand apart by spaces: \"C4 E4 - .\"";
                self.checker.wrong_value(error.to_string(), notes.span, help);
            }
            tracks.push(Track {
                instrument: instrument.to_owned(),
                notes: text.split_whitespace().collect::<Vec<_>>().join(" "),
                volume: number("volume").unwrap_or(0.7),
                pan: number("pan").unwrap_or(0.0),
            });
        }
        tracks
    }

    fn placeholder(&mut self) -> Placeholder {
        Placeholder {
            label: self.input.merged.id.clone(),
            size: self.wished_size().unwrap_or((256, 256)),
            media: self.media,
            duration_seconds: self.wished_duration().unwrap_or(1.0),
        }
    }

    fn brief(&mut self, used: &mut Used) -> Brief {
        // A file needs no prompt, so one that is not there is no mistake.
        let prompt = self.input.tree().entry("prompt").and_then(|_| {
            prompt::prompt(self.input, false, self.media, None, used, self.checker).0
        });
        Brief { size: self.wished_size(), duration_seconds: self.wished_duration(), prompt }
    }

    /// The size that `generation` or, as for a paid provider, the prompt's parameters ask for.
    fn wished_size(&self) -> Option<(u32, u32)> {
        let written = self.generation.get_text("size");
        written.or_else(|| self.prompt_parameter("size")).and_then(yaml::parse_size)
    }

    /// As `wished_size`, in seconds.
    fn wished_duration(&self) -> Option<f64> {
        self.duration().or_else(|| yaml::parse_seconds(self.prompt_parameter("duration_seconds")?))
    }

    fn prompt_parameter(&self, name: &str) -> Option<&str> {
        self.input.section("prompt")?.get("parameters")?.get_text(name)
    }

    fn command(&mut self) -> Option<CommandRun> {
        let run = self.need("run", "write `run: [program, argument]`");
        let output = self.need_path("output", "write `output: out.png`");
        let run = run?;
        let inputs: Vec<RelPath> = {
            let items = self.generation.get("inputs").map_or(&[][..], Value::items);
            items.iter().filter_map(|item| RelPath::new(item.text()?).ok()).collect()
        };
        for key in ["run", "version"] {
            if let Some(words) = self.generation.get(key).cloned() {
                self.check_words(key, &words, &inputs);
            }
        }
        let output = output?;
        self.check_output(&output, &inputs);
        let (timeout, max_output) = self.limits()?;
        Some(CommandRun {
            run: words(Some(&run)),
            inputs,
            output,
            version: words(self.generation.get("version")),
            exact: self.generation.get_text("exact") == Some("true"),
            env: words(self.generation.get("env")),
            timeout,
            max_output,
            media: self.media,
        })
    }

    /// A program's name is there, and is an input if it has a folder.
    fn check_words(&mut self, key: &str, words: &Value, inputs: &[RelPath]) {
        let Some(first) = words.items().first() else {
            let help = format!("write `{key}: [program, argument]`");
            self.checker.wrong_value(format!("`{key}` names no program"), words.span, help);
            return;
        };
        let Some(name) = first.text() else { return };
        if name.trim().is_empty() {
            let help = format!("write `{key}: [program, argument]`");
            self.checker.wrong_value(format!("`{key}` names no program"), first.span, help);
        } else if name.contains('/') && !name.starts_with('/') {
            let path = RelPath::new(name.strip_prefix("./").unwrap_or(name));
            if !path.as_ref().is_ok_and(|path| inputs.contains(path)) {
                let help = "add it to `inputs`: a program sees nothing else of the project";
                let message = format!("the program `{name}` is not among its inputs");
                self.checker.wrong_value(message, first.span, help);
            }
        } else if words.items().len() == 1 && name.contains(' ') {
            let split: Vec<&str> = name.split_whitespace().collect();
            let help =
                format!("write one word each, `{key}: [{}]`: there is no shell", split.join(", "));
            self.checker.wrong_value(format!("there is no program `{name}`"), first.span, help);
        }
    }

    fn check_output(&mut self, output: &RelPath, inputs: &[RelPath]) {
        let below = |outer: &RelPath, inner: &RelPath| {
            inner.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let meets =
            |input: &RelPath| input == output || below(input, output) || below(output, input);
        if let Some(input) = inputs.iter().find(|input| meets(input)) {
            let span =
                self.generation.get("output").map_or(self.generation.span, |value| value.span);
            let message = format!("the output `{output}` is in the way of the input `{input}`");
            self.checker.wrong_value(message, span, "write the output to another path");
        }
    }

    /// Time and bytes that a program may take.
    fn limits(&mut self) -> Option<(Duration, u64)> {
        let mebibytes = self.generation.get_text("max_output_mb").and_then(yaml::parse_integer);
        let mebibytes = mebibytes.and_then(|count| u64::try_from(count).ok());
        let max_output = mebibytes.unwrap_or(CommandRun::USUAL_MAX_OUTPUT_MB) << 20;
        let Some(value) = self.generation.get("timeout") else {
            return Some((Duration::from_secs(CommandRun::USUAL_TIMEOUT), max_output));
        };
        let seconds = yaml::parse_seconds(value.text()?)?;
        match Duration::try_from_secs_f64(seconds) {
            Ok(timeout) if !timeout.is_zero() => Some((timeout, max_output)),
            _ => {
                let help = "write `timeout: 600 s`";
                let message = "the timeout allows no time";
                self.checker.wrong_value(message, value.span, help);
                None
            }
        }
    }

    fn duration(&self) -> Option<f64> {
        self.generation.get_text("duration_seconds").and_then(yaml::parse_seconds)
    }

    fn need(&mut self, key: &str, help: &str) -> Option<Value> {
        let value = self.generation.get(key).cloned();
        if value.is_none() {
            let span = provider_name(self.input).map_or(self.input.merged.span, |name| name.span);
            let message = format!("the provider `{}` needs `{key}`", self.provider.name);
            self.checker.missing(message, span, help);
        }
        value
    }

    fn need_path(&mut self, key: &str, help: &str) -> Option<RelPath> {
        RelPath::new(self.need(key, help)?.text()?).ok()
    }
}

fn words(value: Option<&Value>) -> Vec<String> {
    let items = value.map_or(&[][..], Value::items);
    items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
}

fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    value
        .map_or(&[][..], Value::entries)
        .iter()
        .filter_map(|entry| Some((entry.key.to_string(), entry.value.text()?.to_owned())))
        .collect()
}
