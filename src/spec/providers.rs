//! Providers as specs see them: the catalogue's rows, how each of them makes things, and what the
//! Assetfile settles for it.

use crate::base::MediaKind;
use crate::catalog;
use crate::config::Config;

/// A provider of the catalogue with the way in which it makes things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    /// The provider that the name belongs to.
    pub(super) family: &'static str,
    /// The model that an alias stands for.
    pub(super) model: Option<&'static str>,
    pub(super) media: &'static [MediaKind],
    pub(super) kind: ProviderKind,
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

/// Providers that need no request, by name.
const OFFLINE: [(&str, ProviderKind); 6] = [
    ("svg", ProviderKind::Svg),
    ("synth", ProviderKind::Synth),
    ("placeholder", ProviderKind::Placeholder),
    ("file", ProviderKind::File),
    ("manual", ProviderKind::Manual),
    ("command", ProviderKind::Command),
];

/// The provider of a name in specs.
pub(super) fn find(name: &str) -> Option<Provider> {
    let row = catalog::find_provider(name)?;
    let kind = if row.offline {
        OFFLINE.iter().find(|(name, _)| *name == row.name)?.1
    } else {
        ProviderKind::Request
    };
    Some(Provider {
        name: &row.name,
        family: &row.family,
        model: row.model.as_deref(),
        media: &row.media,
        kind,
    })
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    catalog::Catalog::shipped().providers.iter().map(|provider| provider.name.as_str())
}

/// What the user's files say about whom a request goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addressee {
    pub(super) engine: Option<String>,
    pub(super) model: Option<String>,
    /// The Assetfile's provider and key that named the model, if it did.
    pub(super) model_setting: Option<(&'static str, &'static str)>,
    /// The Assetfile's name under which a `checkpoint` stands that the engine has no use for.
    pub(super) idle_checkpoint: Option<&'static str>,
}

impl Provider {
    /// Engine and model of a request: what the spec names, else what the Assetfile says under the
    /// provider's own name, else what an alias stands for, else what it says of the family.
    pub(super) fn addressee(&self, config: &Config, named: Option<&str>) -> Addressee {
        let engine = config.provider_setting(self.name, self.family, |s| s.engine.clone());
        let is_local = catalog::find_provider(self.name)
            .and_then(|row| row.engine(engine.as_deref()))
            .is_some_and(|engine| engine.local);
        let mut addressee =
            Addressee { engine, model: None, model_setting: None, idle_checkpoint: None };
        let scopes = [self.name, self.family];
        let scopes = if self.name == self.family { &scopes[..1] } else { &scopes[..] };
        for &scope in scopes {
            let Some(settings) = config.providers.get(scope) else { continue };
            if settings.checkpoint.is_some() && !is_local {
                addressee.idle_checkpoint.get_or_insert(scope);
            }
            let is_alias = scope != self.name && self.model.is_some();
            let checkpoint = settings.checkpoint.as_ref().filter(|_| is_local);
            let found = checkpoint
                .map(|checkpoint| (checkpoint, "checkpoint"))
                .or_else(|| settings.model.as_ref().map(|model| (model, "model")));
            if let Some((model, key)) = found
                && addressee.model.is_none()
                && !is_alias
            {
                addressee.model = Some(model.clone());
                addressee.model_setting = Some((scope, key));
            }
        }
        if let Some(named) = named {
            addressee.model = Some(named.to_owned());
            addressee.model_setting = None;
        } else if addressee.model.is_none() {
            addressee.model = self.model.map(str::to_owned);
        }
        addressee
    }
}

/// Whether a key of `generation` means something to this kind of provider.
pub(super) fn fits(kind: ProviderKind, key: &str) -> bool {
    use ProviderKind::{Command, File, Manual, Placeholder, Request, Svg, Synth};
    match key {
        "type" | "provider" | "mode" => true,
        "variations" | "n" | "n_variations" | "pick" | "take" | "on_reject" => {
            matches!(kind, Request | Command | Placeholder)
        }
        "model" | "fallback" | "fallback_on" | "reference" | "edit" => {
            matches!(kind, Request | Placeholder)
        }
        "seed" => matches!(kind, Request | Synth | Placeholder),
        "duration_seconds" => matches!(kind, Request | Synth | Placeholder | Manual),
        "source" => matches!(kind, Svg | File | Manual),
        "size" => matches!(kind, Svg | Placeholder | Manual),
        "vars" => kind == Svg,
        "preset" | "parameters" | "tracks" => kind == Synth,
        "run" | "inputs" | "output" | "version" | "exact" | "env" | "timeout" | "max_output_mb" => {
            kind == Command
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProviderConfig;

    #[test]
    fn every_provider_of_the_catalogue_is_known() {
        for name in names() {
            assert!(find(name).is_some(), "{name}");
        }
    }

    fn addressee(name: &str, settings: &[(&str, ProviderConfig)], named: Option<&str>) -> String {
        let mut config = Config::default();
        for (name, settings) in settings {
            config.providers.insert((*name).to_owned(), settings.clone());
        }
        let found = find(name).expect("a known name").addressee(&config, named);
        format!(
            "{} {} {}",
            found.engine.as_deref().unwrap_or("-"),
            found.model.as_deref().unwrap_or("-"),
            found.model_setting.map_or("-".to_owned(), |(name, key)| format!("{name}.{key}")),
        )
    }

    #[test]
    fn the_nearest_name_decides_on_engine_and_model() {
        let model =
            |model: &str| ProviderConfig { model: Some(model.into()), ..ProviderConfig::default() };
        let local = ProviderConfig {
            engine: Some("comfyui".into()),
            checkpoint: Some("sdxl".into()),
            ..model("core")
        };
        let openai = [("openai", model("a"))];
        assert_eq!(addressee("openai", &[], None), "- - -");
        assert_eq!(addressee("openai", &openai, None), "- a openai.model");
        assert_eq!(addressee("openai", &openai, Some("b")), "- b -");
        assert_eq!(addressee("dalle-3", &openai, None), "- dall-e-3 -");
        let alias = [("dalle-3", model("c")), openai[0].clone()];
        assert_eq!(addressee("dalle-3", &alias, None), "- c dalle-3.model");
        let local = [("stable-diffusion", local)];
        let expected = "comfyui sdxl stable-diffusion.checkpoint";
        assert_eq!(addressee("stable-diffusion", &local, None), expected);
    }
}
