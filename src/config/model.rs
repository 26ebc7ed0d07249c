//! The typed Assetfile, defaults filled in.

use std::collections::BTreeMap;

use crate::base::RelPath;
use crate::base::units::MicroUsd;

/// Everything that the Assetfile says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Name of the project, for people.
    pub project: Option<String>,
    /// Globs of spec files and templates, relative to the root.
    pub specs: Vec<String>,
    /// Folder of published files.
    pub assets_dir: RelPath,
    /// The manifest.
    pub manifest: RelPath,
    /// Style name to Markdown file; `base` goes to all images.
    pub styles: BTreeMap<String, RelPath>,
    /// What stands in for assets that are not bought or delivered.
    pub until_bought: UntilBought,
    /// Retired model to the model that is bought in its place.
    pub retired_models: BTreeMap<String, String>,
    /// Settings by provider name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Hard caps.
    pub budget: Budget,
    /// A purchase plan above this asks once at a terminal.
    pub ask_above: MicroUsd,
    /// Folder of raws and receipts.
    pub paid_dir: RelPath,
    /// File with environment variables, read only if named.
    pub env_file: Option<RelPath>,
    /// Font files for SVG text.
    pub fonts: Vec<RelPath>,
    /// What `--check` makes of unbought assets.
    pub check_unbought: UnboughtCheck,
    /// What the watch does with paid work.
    pub paid_in_watch: PaidInWatch,
    /// Files of constants to generate.
    pub constants: Vec<ConstantsTarget>,
    /// Programs to run after a build.
    pub hooks: Hooks,
    /// Where results are shared.
    pub remote: Option<Remote>,
}

impl Default for Config {
    fn default() -> Self {
        let path = |text| RelPath::new(text).expect("a literal path inside the project");
        Self {
            project: None,
            specs: vec!["specs/**/*.yaml".to_owned(), "specs/**/*.yml".to_owned()],
            assets_dir: path("assets"),
            manifest: path("assets/manifest.json"),
            styles: BTreeMap::new(),
            until_bought: UntilBought::Nothing,
            retired_models: BTreeMap::new(),
            providers: BTreeMap::new(),
            budget: Budget::default(),
            ask_above: MicroUsd(0),
            paid_dir: path(".assetcache/paid"),
            env_file: None,
            fonts: Vec::new(),
            check_unbought: UnboughtCheck::Fail,
            paid_in_watch: PaidInWatch::Ask,
            constants: Vec::new(),
            hooks: Hooks::default(),
            remote: None,
        }
    }
}

/// What stands in for an asset that is not bought or delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UntilBought {
    /// Nothing: its files are missing.
    Nothing,
    /// A placeholder of the right size or duration.
    Placeholder,
}

/// What `--check` makes of unbought assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnboughtCheck {
    /// They count as not fresh.
    Fail,
    /// They are reported only.
    Warn,
}

/// What the watch does with paid work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidInWatch {
    /// Ask for each.
    Ask,
    /// Never buy.
    Never,
    /// Buy up to an amount.
    UpTo(MicroUsd),
}

/// Settings of one provider; none of them is part of a key but `engine`, `model`, `checkpoint`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderConfig {
    /// Requests in flight at once.
    pub concurrency: Option<u32>,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Environment variable with the key.
    pub api_key_env: Option<String>,
    /// Full URL prefix.
    pub base_url: Option<String>,
    /// Model to use when the spec names none.
    pub model: Option<String>,
    /// Engine behind the name.
    pub engine: Option<String>,
    /// Checkpoint of a local engine.
    pub checkpoint: Option<String>,
    /// Python that the engine `local` runs.
    pub python: Option<String>,
    /// Seconds until a request is given up.
    pub timeout_seconds: Option<u32>,
    /// Price per request in USD, replacing the shipped table: model to price.
    pub prices: BTreeMap<String, MicroUsd>,
    /// Credits that are never spent.
    pub reserve_credits: Option<u64>,
    /// Price of a thousand credits in USD.
    pub usd_per_1000_credits: Option<MicroUsd>,
}

impl Config {
    /// Whether purchases lie where they are committed, and not in the cache that git ignores.
    pub fn is_shared(&self) -> bool {
        !self.paid_dir.as_str().starts_with(".assetcache")
    }

    /// A setting of a provider: under the name that specs use, else under its family's.
    pub fn provider_setting<T>(
        &self,
        name: &str,
        family: &str,
        setting: impl Fn(&ProviderConfig) -> Option<T>,
    ) -> Option<T> {
        let of = |name: &str| self.providers.get(name).and_then(&setting);
        of(name).or_else(|| of(family))
    }
}

/// Hard caps in USD; none means no cap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    /// For one run.
    pub per_run: Option<MicroUsd>,
    /// For a UTC day.
    pub daily: Option<MicroUsd>,
    /// For a UTC month.
    pub monthly: Option<MicroUsd>,
    /// The same by provider.
    pub providers: BTreeMap<String, Budget>,
}

/// One file of constants to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstantsTarget {
    /// Language: `js`, `ts`, `rust`, `csharp`, `gdscript`, or `template`.
    pub language: String,
    /// The file.
    pub path: RelPath,
    /// The user's template, for `language: template`.
    pub template: Option<RelPath>,
}

/// Programs to run, as argument lists without a shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// After files were published.
    pub after_integrate: Vec<Vec<String>>,
}

/// Where results are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A shared folder; may lie outside the project.
    Dir(String),
    /// A Remote Execution API endpoint.
    Endpoint(String),
}
