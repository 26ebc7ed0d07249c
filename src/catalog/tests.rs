//! Requests of real specs resolve as the design says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::base::{FieldList, FieldSink, KeyHasher, Scalar};

mod prices;
mod shipped;

/// A request whose parts a test changes.
#[derive(Clone)]
struct Request {
    provider: &'static str,
    engine: Option<&'static str>,
    model: Option<&'static str>,
    media: MediaKind,
    mode: Option<AudioMode>,
    prompt: String,
    negative: Option<&'static str>,
    parameters: BTreeMap<String, Scalar>,
    references: usize,
    edit: bool,
    mask: bool,
}

fn image(provider: &'static str, parameters: &[(&str, Scalar)]) -> Request {
    Request {
        provider,
        engine: None,
        model: find_provider(provider).and_then(|provider| provider.model.as_deref()),
        media: MediaKind::Image,
        mode: None,
        prompt: "Glowing coin with an emblem".to_owned(),
        negative: None,
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        references: 0,
        edit: false,
        mask: false,
    }
}

fn sound(
    provider: &'static str,
    mode: Option<AudioMode>,
    parameters: &[(&str, Scalar)],
) -> Request {
    Request { media: MediaKind::Audio, mode, ..image(provider, parameters) }
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

impl Request {
    fn with<T>(&self, f: impl FnOnce(&Wanted<'_>) -> T) -> T {
        let family = find_provider(self.provider).map_or("", |provider| &provider.family);
        f(&Wanted {
            provider: self.provider,
            family,
            engine: self.engine,
            model: self.model,
            media: self.media,
            mode: self.mode,
            prompt: &self.prompt,
            negative: self.negative,
            parameters: &self.parameters,
            references: self.references,
            edit: self.edit,
            mask: self.mask,
        })
    }

    fn check(&self) -> Vec<Issue> {
        self.with(check)
    }

    fn resolve(&self, provider: &str, model: Option<&str>) -> Result<Sent, Vec<Issue>> {
        self.with(|wanted| resolve(wanted, &Target { provider, engine: None, model }))
    }

    fn sent(&self, model: Option<&str>) -> Sent {
        self.resolve(self.provider, model).expect("the target takes the request")
    }
}

/// Every field that would be sent, and every translation, as lines.
fn lines(sent: &Sent) -> String {
    let mut list = FieldList::default();
    write_fields(sent, &|_| None, &mut list);
    let mut out = String::new();
    for (path, value) in &list.fields {
        writeln!(out, "{path} = {value}").expect("writing to text");
    }
    for Translation { field, from, to, .. } in &sent.translations {
        writeln!(out, "  {field}: {from} -> {}", to.as_deref().unwrap_or("not sent"))
            .expect("writing to text");
    }
    out
}

fn report(issues: &[Issue]) -> String {
    let line = |issue: &Issue| {
        format!(
            "{}: {}\n  hint: {}\n",
            issue.field,
            issue.message,
            issue.help.as_deref().unwrap_or("-")
        )
    };
    issues.iter().map(line).collect()
}

/// A request to a model with no parameters.
fn bare(model: &Model) -> Sent {
    Sent {
        provider: model.family.clone(),
        family: model.family.clone(),
        engine: model.engine.clone(),
        model: model.id.clone(),
        media: model.media,
        mode: model.modes.first().copied(),
        prompt: "a coin".to_owned(),
        negative: None,
        parameters: BTreeMap::new(),
        references: 0,
        edit: false,
        mask: false,
        translations: Vec::new(),
    }
}

// Resolving: the combinations of the first user's specs.

#[test]
fn a_sprite_for_dall_e_3_is_wanted_without_issues_and_translated_for_its_stand_in() {
    let request = image(
        "dalle-3",
        &[
            ("size", text("1024x1024")),
            ("quality", text("hd")),
            ("style", text("vivid")),
            ("background", text("transparent")),
            ("n", Scalar::Integer(1)),
        ],
    );
    assert_eq!(request.check(), []);
    insta::assert_snapshot!(lines(&request.sent(Some("gpt-image-2"))), @r"
    generation.type = image
    generation.provider = openai
    generation.engine = openai
    generation.model = gpt-image-2
    prompt = Glowing coin with an emblem
    prompt.parameters.background = transparent
    prompt.parameters.moderation = auto
    prompt.parameters.output_format = png
    prompt.parameters.quality = high
    prompt.parameters.size = 1024x1024
    reference = 0
    edit = false
    edit.mask = false
      prompt.parameters.n: 1 -> not sent
      prompt.parameters.quality: hd -> high
      prompt.parameters.style: vivid -> not sent
    ");
}

#[test]
fn every_parameter_set_of_the_first_users_specs_checks_cleanly() {
    for quality in ["high", "hd", "standard", "medium", "low", "auto"] {
        for style in ["vivid", "natural"] {
            for size in ["1024x1024", "1792x1024", "1024x1792", "1536x1024"] {
                let request = image(
                    "dalle-3",
                    &[
                        ("size", text(size)),
                        ("quality", text(quality)),
                        ("style", text(style)),
                        ("n_variations", Scalar::Integer(4)),
                        ("background", text("transparent")),
                    ],
                );
                assert_eq!(request.check(), [], "{quality} {style} {size}");
                request.sent(Some("gpt-image-2"));
            }
        }
    }
    // The seed's template: an effect that falls back to another family.
    assert!(sound("elevenlabs", None, &[]).resolve("bark", None).is_ok());
    let jump =
        [("duration_seconds", Scalar::Number(0.3)), ("prompt_influence", Scalar::Number(0.35))];
    assert_eq!(sound("elevenlabs", None, &jump).check(), []);
}

#[test]
fn high_is_hd_for_a_model_that_says_so() {
    let request = image("dalle-3", &[("quality", text("high"))]);
    let sent = request.sent(None);
    assert_eq!((sent.model.as_str(), sent.text("quality")), ("dall-e-3", Some("hd")));
}

#[test]
fn a_short_sound_is_raised_to_what_the_model_makes() {
    let request = sound(
        "elevenlabs",
        None,
        &[("duration_seconds", Scalar::Number(0.3)), ("prompt_influence", Scalar::Number(0.35))],
    );
    insta::assert_snapshot!(lines(&request.sent(None)), @r"
    generation.type = audio
    generation.mode = sfx
    generation.provider = elevenlabs
    generation.engine = elevenlabs
    generation.model = eleven_text_to_sound_v2
    prompt = Glowing coin with an emblem
    prompt.parameters.duration_seconds = 0.5
    prompt.parameters.loop = false
    prompt.parameters.output_format = mp3_44100_128
    prompt.parameters.prompt_influence = 0.35
    reference = 0
    edit = false
    edit.mask = false
      prompt.parameters.duration_seconds: 0.3 -> 0.5
    ");
}

#[test]
fn a_fallback_gets_what_it_can_be_told() {
    let mut request = image("dalle-3", &[("size", text("1024x1536")), ("quality", text("high"))]);
    request.negative = Some("text, watermark");
    let sent = request.resolve("stable-diffusion", None).expect("all can be translated");
    insta::assert_snapshot!(lines(&sent), @r"
    generation.type = image
    generation.provider = stable-diffusion
    generation.engine = stability
    generation.model = sd3.5-large
    prompt = Glowing coin with an emblem
    prompt.negative = text, watermark
    prompt.parameters.aspect_ratio = 2:3
    prompt.parameters.cfg_scale = 4
    prompt.parameters.output_format = png
    reference = 0
    edit = false
    edit.mask = false
      prompt.parameters.quality: high -> not sent
      prompt.parameters.size: 1024x1536 -> aspect_ratio: 2:3
    ");
}

#[test]
fn a_ratio_that_was_set_beats_the_one_of_the_size() {
    let request = image("openai", &[("size", text("1000x1001")), ("aspect_ratio", text("1:1"))]);
    let sent = request.resolve("stable-diffusion", None).expect("the size is not sent");
    assert_eq!(sent.text("aspect_ratio"), Some("1:1"));
    assert_eq!(sent.translations.len(), 1);
}

#[test]
fn what_a_fallback_cannot_be_told_makes_it_unavailable() {
    let request =
        image("dalle-3", &[("size", text("1024x1024")), ("background", text("transparent"))]);
    let issues = request.resolve("stable-diffusion", None).expect_err("no transparency");
    assert_eq!(
        report(&issues),
        "prompt.parameters.background: sd3.5-large takes no `background`\n  hint: these models draw no transparency; `key_background` makes a plain background transparent\n"
    );
    let odd = image("dalle-3", &[("size", text("1792x1024"))]);
    assert!(odd.resolve("stable-diffusion", None).is_err(), "7:4 is no ratio of the model");
    let loops = sound("elevenlabs", None, &[("duration_seconds", Scalar::Number(4.0))]);
    assert!(loops.resolve("bark", None).is_err(), "bark takes no duration");
}

#[test]
fn what_to_avoid_ends_the_prompt_where_there_is_no_field() {
    let mut request = image("openai", &[]);
    request.negative = Some(" text ");
    let sent = request.sent(None);
    assert_eq!(sent.prompt, "Glowing coin with an emblem\n\nAvoid: text");
    assert_eq!(sent.negative, None);
    let hosted = request.resolve("firefly", None).expect("firefly has a field");
    assert_eq!(
        (hosted.prompt.as_str(), hosted.negative.as_deref()),
        ("Glowing coin with an emblem", Some(" text "))
    );
    let target = |provider| Target { provider, engine: None, model: None };
    assert!(has_negative_field(&target("stable-diffusion"), MediaKind::Image, None));
    assert!(!has_negative_field(&target("dalle-3"), MediaKind::Image, None));
    assert!(!has_negative_field(&target("nobody"), MediaKind::Image, None));
}

// Checking: what a model cannot take.

#[test]
fn all_issues_come_at_once_with_what_to_write() {
    let request = image(
        "openai",
        &[
            ("size", text("1000x1000")),
            ("seed", Scalar::Integer(7)),
            ("qualty", text("high")),
            ("quality", text("hihg")),
            ("background", text("transparent")),
            ("output_format", text("jpeg")),
            ("output_compression", Scalar::Integer(101)),
        ],
    );
    insta::assert_snapshot!(report(&request.check()), @r"
    prompt.parameters.output_compression: `output_compression: 101` does not fit gpt-image-2: it is too large
      hint: allowed: 0 to 100
    prompt.parameters.quality: `quality: hihg` does not fit gpt-image-2: it is not among the values taken
      hint: did you mean `high`? allowed: auto, low, medium, high
    prompt.parameters.qualty: gpt-image-2 takes no `qualty`
      hint: did you mean `quality`? it takes: background, moderation, output_compression, output_format, quality, size
    prompt.parameters.seed: gpt-image-2 takes no `seed`
      hint: results of OpenAI's models differ each time; `variations: 4` buys four to choose from
    prompt.parameters.size: `size: 1000x1000` does not fit gpt-image-2: both sides must be divisible by 16
      hint: did you mean `1008x1008`? allowed: auto, 1024x1024, 1536x1024, 1024x1536, any WxH divisible by 16 from 1:3 to 3:1 up to 3840x2160
    prompt.parameters.background: `background: transparent` does not go with `output_format: jpeg`
      hint: `output_format` must be png or webp
    ");
}

#[test]
fn sounds_out_of_range_and_of_the_wrong_kind_are_issues() {
    let long =
        sound("elevenlabs", Some(AudioMode::Sfx), &[("duration_seconds", Scalar::Number(99.0))]);
    assert_eq!(
        report(&long.check()),
        "prompt.parameters.duration_seconds: `duration_seconds: 99` does not fit eleven_text_to_sound_v2: it is too large\n  hint: allowed: 0.5 to 30\n"
    );
    let none = sound("elevenlabs", None, &[("duration_seconds", Scalar::Number(0.0))]);
    assert_eq!(none.check().len(), 1, "nothing is no short sound");
    let music = sound("bark", Some(AudioMode::Music), &[]);
    assert_eq!(
        report(&music.check()),
        "generation.model: suno-ai/bark makes no music\n  hint: write `mode: sfx` or `mode: speech`, or another provider\n"
    );
    let speech = sound("elevenlabs", Some(AudioMode::Speech), &[]);
    assert_eq!(
        report(&speech.check()),
        "prompt.parameters.voice: eleven_multilingual_v2 needs `voice`\n  hint: write `voice` below `prompt.parameters`: text\n"
    );
    assert_eq!(sound("openai", None, &[]).check()[0].message, "`openai` makes no sounds");
    let whole =
        sound("musicgen", Some(AudioMode::Music), &[("duration_seconds", Scalar::Number(5.0))]);
    assert_eq!(whole.sent(None).parameters["duration_seconds"], Scalar::Integer(5));
}

#[test]
fn unknown_names_are_suggested() {
    let cases = [
        (
            Request { provider: "opnai", ..image("openai", &[]) },
            "generation.provider",
            "did you mean `openai`?",
        ),
        (
            Request { model: Some("gpt-image2"), ..image("openai", &[]) },
            "generation.model",
            "did you mean `gpt-image-2`?",
        ),
        (
            Request { engine: Some("webui"), ..image("stable-diffusion", &[]) },
            "generation.engine",
            "engines: stability, automatic1111, comfyui",
        ),
        (
            Request { engine: Some("automatic1111"), ..image("stable-diffusion", &[]) },
            "generation.model",
            "name it with `generation.model`, or `checkpoint`",
        ),
        (image("replicate", &[]), "generation.model", "name it with `generation.model`"),
    ];
    for (request, field, help) in cases {
        let issues = request.check();
        assert_eq!(issues.len(), 1, "{issues:?}");
        assert_eq!(issues[0].field, field);
        let given = issues[0].help.as_deref().unwrap_or_default();
        assert!(given.starts_with(help), "{given}");
    }
    assert_eq!(image("svg", &[]).check()[0].message, "`svg` makes assets without a request");
}

#[test]
fn open_hosts_take_any_parameter() {
    let request = Request {
        model: Some("someone/pixel-artist"),
        ..image("replicate", &[("palette", text("nes")), ("n", Scalar::Integer(2))])
    };
    assert_eq!(request.check(), []);
    assert_eq!(request.sent(request.model).parameters.len(), 2);
}

#[test]
fn pictures_are_counted_and_edits_need_a_model_that_edits() {
    let with = |provider, references, edit, mask| Request {
        references,
        edit,
        mask,
        ..image(provider, &[])
    };
    assert_eq!(with("openai", 16, false, false).check(), []);
    assert_eq!(with("openai", 15, true, true).check(), []);
    assert_eq!(
        report(&with("openai", 16, true, false).check()),
        "reference: gpt-image-2 takes at most 15 references, not 16\n  hint: leave `reference` out\n"
    );
    assert_eq!(
        report(&with("firefly", 2, true, true).check()),
        "reference: image3 takes no references\n  \
         hint: leave `reference` out, or name a provider with a model for it: openai, \
         stable-diffusion, replicate\n\
         edit: image3 edits no pictures\n  \
         hint: leave `edit` out, or name a provider with a model for it: openai, \
         stable-diffusion, replicate\n"
    );
    let masked = with("stable-diffusion", 0, true, true).check();
    let fields: Vec<&str> = masked.iter().map(|issue| issue.field.as_str()).collect();
    assert_eq!(fields, ["prompt.parameters.strength", "edit.mask"]);
    let sent = with("openai", 1, false, false).sent(None);
    assert!(!sent.parameters.contains_key("moderation"), "a setting of requests without pictures");
    let strength = image("stable-diffusion", &[("strength", Scalar::Number(0.5))]);
    assert_eq!(
        strength.check()[0].message,
        "sd3.5-large takes `strength` only together with a picture"
    );
    let ratio = Request {
        edit: true,
        ..image(
            "stable-diffusion",
            &[("strength", Scalar::Number(0.5)), ("aspect_ratio", text("1:1"))],
        )
    };
    assert_eq!(
        ratio.check()[0].message,
        "sd3.5-large takes no `aspect_ratio` together with a picture"
    );
}

#[test]
fn prompts_are_measured_in_characters_with_what_is_appended() {
    let mut request = image("openai", &[]);
    request.prompt = "é".repeat(32_000);
    assert_eq!(request.check(), []);
    request.negative = Some("text");
    assert_eq!(request.check()[0].field, "prompt");
    request.prompt = "  ".to_owned();
    request.negative = None;
    assert_eq!(request.check()[0].message, "gpt-image-2 needs a prompt");
}

// Keys.

#[test]
fn an_alias_and_its_family_send_the_same_request() {
    let key = |sent: &Sent| {
        let mut hasher = KeyHasher::new("test");
        write_fields(sent, &|_| None, &mut hasher);
        hasher.finish()
    };
    let alias = image("dalle-3", &[("quality", text("hd"))]).sent(Some("gpt-image-2"));
    let plain = image("openai", &[("quality", text("high"))]).sent(None);
    assert_eq!(key(&alias), key(&plain));
    let other = image("openai", &[("quality", text("low"))]).sent(None);
    assert_ne!(key(&other), key(&plain));
    struct Count(usize);
    impl FieldSink for Count {
        fn field(&mut self, _: &str, _: &str) {
            self.0 += 1;
        }
        fn note(&mut self, _: &str, _: &str) {}
    }
    let mut count = Count(0);
    write_fields(&plain, &|_| None, &mut count);
    assert_eq!(count.0, 5 + plain.parameters.len() + 3);
}

#[test]
fn a_seed_counts_up_with_the_variation() {
    let request = image("stable-diffusion", &[("seed", Scalar::Integer(41))]);
    assert_eq!(request.sent(None).seed(1), Some(42));
    assert_eq!(image("openai", &[]).sent(None).seed(1), None);
    assert!(
        !image("stable-diffusion", &[("seed", Scalar::Integer(0))]).check().is_empty(),
        "0 means random"
    );
}
