//! What the front end must know about providers: their names, families, media, and which keys of
//! `generation` fit them.

use crate::base::MediaKind;

/// A provider as far as specs are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    /// The provider that the name belongs to.
    pub(super) family: &'static str,
    /// The model that an alias stands for.
    pub(super) model: Option<&'static str>,
    pub(super) media: &'static [MediaKind],
    pub(super) kind: ProviderKind,
    /// Whether requests have a field for what to avoid.
    pub(super) takes_negative: bool,
}

/// How a provider makes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderKind {
    Request,
    Svg,
    Synth,
    Placeholder,
    File,
    Manual,
    Command,
}

const IMAGE: &[MediaKind] = &[MediaKind::Image];
const AUDIO: &[MediaKind] = &[MediaKind::Audio];
const BOTH: &[MediaKind] = &[MediaKind::Image, MediaKind::Audio];

const fn paid(
    name: &'static str,
    family: &'static str,
    model: Option<&'static str>,
    media: &'static [MediaKind],
    takes_negative: bool,
) -> Provider {
    Provider { name, family, model, media, kind: ProviderKind::Request, takes_negative }
}

const fn offline(name: &'static str, media: &'static [MediaKind], kind: ProviderKind) -> Provider {
    Provider { name, family: name, model: None, media, kind, takes_negative: false }
}

const PROVIDERS: &[Provider] = &[
    paid("openai", "openai", None, IMAGE, false),
    paid("dalle-3", "openai", Some("dall-e-3"), IMAGE, false),
    paid("stable-diffusion", "stable-diffusion", None, IMAGE, true),
    paid("firefly", "firefly", None, IMAGE, true),
    paid("elevenlabs", "elevenlabs", None, AUDIO, false),
    paid("bark", "bark", None, AUDIO, false),
    paid("musicgen", "musicgen", None, AUDIO, false),
    paid("replicate", "replicate", None, BOTH, false),
    paid("huggingface", "huggingface", None, BOTH, false),
    offline("svg", IMAGE, ProviderKind::Svg),
    offline("synth", AUDIO, ProviderKind::Synth),
    offline("placeholder", BOTH, ProviderKind::Placeholder),
    offline("file", BOTH, ProviderKind::File),
    offline("manual", BOTH, ProviderKind::Manual),
    offline("command", BOTH, ProviderKind::Command),
];

/// The provider of a name in specs.
pub(super) fn find(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    PROVIDERS.iter().map(|provider| provider.name)
}

/// Whether a key of `generation` means something to this kind of provider.
pub(super) fn fits(kind: ProviderKind, key: &str) -> bool {
    use ProviderKind::{Command, File, Manual, Placeholder, Request, Svg, Synth};
    match key {
        "type" | "provider" | "mode" => true,
        "variations" | "n" | "n_variations" | "pick" | "take" | "on_reject" => {
            matches!(kind, Request | Command | Placeholder)
        }
        "model" | "fallback" | "reference" | "edit" => matches!(kind, Request | Placeholder),
        "seed" => matches!(kind, Request | Synth | Placeholder),
        "duration_seconds" => matches!(kind, Request | Synth | Placeholder),
        "source" => matches!(kind, Svg | File | Manual),
        "size" => matches!(kind, Svg | Placeholder),
        "vars" => kind == Svg,
        "preset" | "parameters" => kind == Synth,
        "run" | "inputs" | "output" | "version" | "exact" => kind == Command,
        _ => false,
    }
}
