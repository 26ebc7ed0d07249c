//! Reads the Assetfile: checked against its table of keys, then taken apart.

use std::collections::BTreeMap;

use globset::Glob;

use crate::base::units::MicroUsd;
use crate::base::{Diagnostic, Diagnostics, Digest, FileId, RelPath, SourceMap, Span};
use crate::config::concern;
use crate::config::keys::ASSETFILE;
use crate::config::model::{
    Budget, Config, ConstantsTarget, Hooks, PaidInWatch, ProviderConfig, Remote, UnboughtCheck,
    UntilBought,
};
use crate::yaml::{self, Checker, Codes, Value, Via};

const CODES: Codes = Codes {
    unknown_key: "config::unknown_key",
    unknown_word: "config::unknown_word",
    wrong_type: "config::wrong_type",
    wrong_value: "config::wrong_value",
    missing_key: "config::missing_key",
};

/// What the Assetfile says, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, defaults filled in.
    pub config: Config,
    /// Trees that are merged under specs.
    pub defaults: ProjectDefaults,
    /// Provider names under `providers` and `budget.providers`, for those who know providers.
    pub provider_names: Vec<(String, Span)>,
    /// Everything that results depend on: with the same one, no asset is another one.
    pub concern: Digest,
    /// What is wrong.
    pub diagnostics: Diagnostics,
}

impl Default for Loaded {
    fn default() -> Self {
        Self {
            config: Config::default(),
            defaults: ProjectDefaults::default(),
            provider_names: Vec::new(),
            concern: concern::of_nothing(),
            diagnostics: Diagnostics::default(),
        }
    }
}

/// What the Assetfile brings into specs: its `defaults`, merged under every spec of a type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectDefaults {
    /// Under image specs.
    pub image: Option<Value>,
    /// Under audio specs.
    pub audio: Option<Value>,
    /// The whole file as it was written: where its settings stand.
    pub written: Option<Value>,
}

/// Reads the Assetfile; without one, every setting has its default.
pub fn load(sources: &SourceMap, file: Option<FileId>) -> Loaded {
    let mut loaded = Loaded::default();
    let Some(file) = file else { return loaded };
    let text = &sources.file(file).text;
    let documents = yaml::read(file, text, Via::Spec, &mut loaded.diagnostics);
    let start = Span { file, start: 0, end: 0 };
    match documents.as_slice() {
        [root] if root.is_map() => take(root, &mut loaded),
        [] if loaded.diagnostics.has_errors() => {}
        [] => no_version(start, &mut loaded.diagnostics),
        [other] => loaded.diagnostics.push(
            Diagnostic::error(CODES.wrong_type, "the Assetfile needs a map of settings")
                .at(other.span, "")
                .help("start with `version: \"1.0\"`"),
        ),
        [_, second, ..] => loaded.diagnostics.push(
            Diagnostic::error("config::documents", "the Assetfile has more than one document")
                .at(second.span, "the second one")
                .help("remove the `---` between them"),
        ),
    }
    loaded
}

fn take(root: &Value, loaded: &mut Loaded) {
    let mut reader =
        Reader { checker: Checker { codes: &CODES, diagnostics: &mut loaded.diagnostics } };
    reader.checker.map("", root, ASSETFILE);
    version(root, reader.checker.diagnostics);
    let config = &mut loaded.config;
    config.project = text(root, "project");
    if let Some(specs) = root.get("specs") {
        config.specs = reader.globs(specs);
    }
    set(&mut config.assets_dir, path(root, "assets_dir"));
    set(&mut config.manifest, path(root, "manifest"));
    config.styles = map_of(root.get("styles"), |value| RelPath::new(value.text()?).ok());
    if root.get_text("until_bought") == Some("placeholder") {
        config.until_bought = UntilBought::Placeholder;
    }
    config.retired_models =
        map_of(root.get("retired_models"), |value| value.text().map(str::to_owned));
    config.providers = map_of(root.get("providers"), |value| Some(provider(value)));
    if let Some(value) = root.get("budget") {
        config.budget = budget(value);
    }
    set(&mut config.ask_above, money(root, "ask_above"));
    set(&mut config.paid_dir, path(root, "paid_dir"));
    config.env_file = path(root, "env_file");
    config.fonts = list(root.get("fonts"), |value| RelPath::new(value.text()?).ok());
    if root.get("check").and_then(|check| check.get_text("unbought")) == Some("warn") {
        config.check_unbought = UnboughtCheck::Warn;
    }
    set(&mut config.paid_in_watch, reader.paid_in_watch(root));
    config.constants = reader.constants(root);
    config.hooks = Hooks { after_integrate: reader.programs(root) };
    config.remote = reader.remote(root);
    loaded.provider_names =
        [root.get("providers"), root.get("budget").and_then(|b| b.get("providers"))]
            .into_iter()
            .flatten()
            .flat_map(|value| value.entries())
            .map(|entry| (entry.key.to_string(), entry.key_span))
            .collect();
    loaded.concern = concern::digest(root);
    let defaults = |media| {
        let value = root.get("defaults")?.get(media)?;
        value.is_map().then(|| value.via(Via::ProjectDefaults))
    };
    loaded.defaults = ProjectDefaults {
        image: defaults("image"),
        audio: defaults("audio"),
        written: Some(root.clone()),
    };
}

fn version(root: &Value, diagnostics: &mut Diagnostics) {
    match root.get("version") {
        None => no_version(Span { end: root.span.start, ..root.span }, diagnostics),
        Some(value) if matches!(value.text(), Some("1.0" | "1")) => {}
        Some(value) => diagnostics.push(
            Diagnostic::error("config::version", "an unknown version of the Assetfile")
                .at(value.span, "")
                .help("this tool reads version: \"1.0\""),
        ),
    }
}

fn no_version(span: Span, diagnostics: &mut Diagnostics) {
    diagnostics.push(
        Diagnostic::error(CODES.missing_key, "the Assetfile has no `version`")
            .at(span, "")
            .help("write `version: \"1.0\"` in its first line"),
    );
}

struct Reader<'a> {
    checker: Checker<'a>,
}

impl Reader<'_> {
    fn globs(&mut self, value: &Value) -> Vec<String> {
        let mut globs = Vec::new();
        if value.one_or_more().is_empty() {
            self.checker.wrong_value(
                "`specs` names no files",
                value.span,
                "write `[specs/**/*.yaml]`, or leave it out",
            );
        }
        for item in value.one_or_more() {
            let Some(text) = item.text() else { continue };
            if text.starts_with('/') || text.split('/').any(|name| name == "..") {
                self.checker.wrong_value(
                    format!("`{text}` leads out of the project"),
                    item.span,
                    "write a glob relative to the project's root, such as specs/**/*.yaml",
                );
                continue;
            }
            match Glob::new(text) {
                Ok(_) => globs.push(text.to_owned()),
                Err(error) => self.checker.wrong_value(
                    format!("`{text}` is no glob"),
                    item.span,
                    error.kind().to_string(),
                ),
            }
        }
        globs
    }

    fn paid_in_watch(&mut self, root: &Value) -> Option<PaidInWatch> {
        let value = root.get("paid_in_watch")?;
        match value.text()? {
            "ask" => Some(PaidInWatch::Ask),
            "never" => Some(PaidInWatch::Never),
            text => {
                let amount = MicroUsd::parse(text).map(PaidInWatch::UpTo);
                if amount.is_none() {
                    self.checker.wrong_value(
                        format!("`paid_in_watch` cannot be `{text}`"),
                        value.span,
                        "write `ask`, `never`, or dollars such as `2.00`",
                    );
                }
                amount
            }
        }
    }

    fn constants(&mut self, root: &Value) -> Vec<ConstantsTarget> {
        let mut targets = Vec::new();
        for item in root.get("constants").map_or(&[][..], Value::items) {
            if !item.is_map() {
                continue;
            }
            for key in ["language", "path"] {
                if item.get(key).is_none() {
                    self.checker.missing(
                        format!("an entry of `constants` has no `{key}`"),
                        item.span,
                        "write `{ language: js, path: src/Assets.js }`",
                    );
                }
            }
            let template = path(item, "template");
            let is_template = item.get_text("language") == Some("template");
            if is_template && template.is_none() {
                self.checker.missing(
                    "`language: template` needs a `template`",
                    item.span,
                    "name the template file: `template: tools/constants.tmpl`",
                );
            }
            if let (Some(language), Some(path)) = (text(item, "language"), path(item, "path")) {
                targets.push(ConstantsTarget { language, path, template });
            }
        }
        targets
    }

    fn programs(&mut self, root: &Value) -> Vec<Vec<String>> {
        let value = root.get("hooks").and_then(|hooks| hooks.get("after_integrate"));
        list(value, |program| {
            let words = list(Some(program), |word| word.text().map(str::to_owned));
            if words.is_empty() && program.items().is_empty() && program.text().is_none() {
                self.checker.wrong_value(
                    "a hook names no program",
                    program.span,
                    "write `[program, argument, …]`",
                );
            }
            (!words.is_empty()).then_some(words)
        })
    }

    fn remote(&mut self, root: &Value) -> Option<Remote> {
        let entry = root.entry("remote").filter(|entry| entry.value.is_map())?;
        match (text(&entry.value, "dir"), text(&entry.value, "endpoint")) {
            (Some(dir), None) => Some(Remote::Dir(dir)),
            (None, Some(endpoint)) => Some(Remote::Endpoint(endpoint)),
            (Some(_), Some(_)) => {
                self.checker.wrong_value(
                    "`remote` has both `dir` and `endpoint`",
                    entry.key_span,
                    "keep one of them",
                );
                None
            }
            (None, None) => {
                self.checker.missing(
                    "`remote` names no place",
                    entry.key_span,
                    "write `dir: …` or `endpoint: …`",
                );
                None
            }
        }
    }
}

fn provider(value: &Value) -> ProviderConfig {
    let number = |key| value.get_text(key).and_then(yaml::parse_integer);
    let small = |key| number(key).and_then(|number| u32::try_from(number).ok());
    ProviderConfig {
        concurrency: small("concurrency"),
        requests_per_minute: small("requests_per_minute"),
        api_key_env: text(value, "api_key_env"),
        base_url: text(value, "base_url"),
        model: text(value, "model"),
        engine: text(value, "engine"),
        checkpoint: text(value, "checkpoint"),
        python: text(value, "python"),
        timeout_seconds: value
            .get_text("timeout")
            .and_then(yaml::parse_seconds)
            .map(|seconds| seconds.ceil().clamp(1.0, 86_400.0) as u32),
        prices: map_of(value.get("prices"), |price| MicroUsd::parse(price.text()?)),
        reserve_credits: number("reserve_credits").and_then(|number| u64::try_from(number).ok()),
        usd_per_1000_credits: money(value, "usd_per_1000_credits"),
    }
}

fn budget(value: &Value) -> Budget {
    Budget {
        per_run: money(value, "per_run"),
        daily: money(value, "daily"),
        monthly: money(value, "monthly"),
        providers: map_of(value.get("providers"), |value| Some(budget(value))),
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get_text(key).map(str::to_owned)
}

fn path(value: &Value, key: &str) -> Option<RelPath> {
    RelPath::new(value.get_text(key)?).ok()
}

fn money(value: &Value, key: &str) -> Option<MicroUsd> {
    MicroUsd::parse(value.get_text(key)?)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn list<T>(value: Option<&Value>, take: impl FnMut(&Value) -> Option<T>) -> Vec<T> {
    value.map_or(&[][..], Value::items).iter().filter_map(take).collect()
}

fn map_of<T>(value: Option<&Value>, take: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
    value
        .map_or(&[][..], Value::entries)
        .iter()
        .filter_map(|entry| Some((entry.key.to_string(), take(&entry.value)?)))
        .collect()
}

#[cfg(test)]
mod tests;
