//! Who is asked: URL, credentials and limits of one service, from settings and environment.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::units::Secret;
use crate::catalog::Engine;
use crate::generate::provider::{Pace, Provider};

/// Seconds until a request is given up when the user does not say: the longest that the vendors'
/// own clients wait.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Variables that may hold keys: those of the environment, then those of the project's `env_file`.
#[derive(Debug, Clone, Default)]
pub struct Credentials(BTreeMap<String, Secret>);

impl Credentials {
    /// The variables of an environment.
    pub fn new<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let secret = |(name, value): (&str, &str)| (name.to_owned(), Secret::new(value.to_owned()));
        Self(variables.into_iter().map(secret).collect())
    }

    /// The same with what a file of `NAME=value` lines has beyond it. Comments, empty lines, `export`
    /// and quotes around a value are understood; a variable of the environment wins.
    ///
    /// # Errors
    /// `AccountError::EnvFile` with the number of the first line that is none of these.
    pub fn with_file(mut self, text: &str) -> Result<Self, AccountError> {
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) =
                line.split_once('=').ok_or(AccountError::EnvFile { line: number })?;
            let (name, value) = (name.trim(), unquoted(value.trim()));
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(AccountError::EnvFile { line: number });
            }
            // A variable that is set to nothing is as good as none.
            if self.get(name).is_none() {
                self.0.insert(name.to_owned(), Secret::new(value.to_owned()));
            }
        }
        Ok(self)
    }

    /// Every variable, to know what must not be shown.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }

    /// A variable that is set to something.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name).filter(|value| !value.expose().trim().is_empty())
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

/// What the project's file says about a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// Prefix of the URLs.
    pub base_url: Option<&'a str>,
    /// Variable with the key, in place of the usual one.
    pub api_key_env: Option<&'a str>,
    /// Program that does the work on this machine, in place of the usual one.
    pub program: Option<&'a str>,
    /// Seconds until a request is given up.
    pub timeout_seconds: Option<u32>,
    /// Requests in flight at once.
    pub concurrency: Option<u32>,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub struct Account {
    /// Engine of the catalogue.
    pub engine: String,
    /// Program that does the work on this machine, in place of a service.
    pub program: Option<String>,
    /// Prefix of the URLs, without a slash at its end; empty for a program.
    pub base_url: String,
    /// Whether that prefix is the user's own.
    pub is_own_url: bool,
    /// Credentials in the order of the catalogue.
    pub keys: Vec<Secret>,
    /// When a request is given up.
    pub timeout: Duration,
    /// How fast it may be asked.
    pub pace: Pace,
}

/// A service cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// A variable with a credential is not set.
    #[error("{variable} is not set: put the key of `{provider}` there")]
    NoKey {
        /// Name in the spec.
        provider: String,
        /// The variable.
        variable: String,
    },
    /// Its URL is nowhere.
    #[error("`{provider}` needs a `base_url` in the Assetfile")]
    NoUrl {
        /// Name in the spec.
        provider: String,
    },
    /// Its URL cannot be used.
    #[error("`base_url: {url}` of `{provider}` is no http or https URL")]
    BadUrl {
        /// Name in the spec.
        provider: String,
        /// The URL.
        url: String,
    },
    /// The program that does the work is not there.
    #[error("there is no program `{program}`, which `{provider}` runs: name one with `python`")]
    NoProgram {
        /// Name in the spec.
        provider: String,
        /// As it is looked for.
        program: String,
    },
    /// A line of the `env_file` makes no sense.
    #[error("line {line} is not NAME=value")]
    EnvFile {
        /// Its number, from 1.
        line: usize,
    },
}

impl Account {
    /// The account that requests of a provider, as specs call it, go through.
    ///
    /// # Errors
    /// `AccountError` if URL or key is missing or the URL is none.
    pub fn new(
        name: &str,
        engine: &Engine,
        provider: &dyn Provider,
        settings: &Settings<'_>,
        credentials: &Credentials,
    ) -> Result<Self, AccountError> {
        let program = provider.program().map(|usual| settings.program.unwrap_or(usual).to_owned());
        let url = match program {
            Some(_) => "",
            None => url_of(name, provider, settings)?,
        };
        let mut keys = Vec::new();
        for (number, usual) in engine.key_env.iter().enumerate() {
            let variable = settings.api_key_env.filter(|_| number == 0).unwrap_or(usual);
            let key = credentials.get(variable).ok_or_else(|| AccountError::NoKey {
                provider: name.to_owned(),
                variable: variable.to_owned(),
            })?;
            keys.push(key.clone());
        }
        let usual = provider.pace();
        Ok(Self {
            engine: engine.name.clone(),
            program,
            base_url: url.trim_end_matches('/').to_owned(),
            is_own_url: settings.base_url.is_some(),
            keys,
            timeout: settings
                .timeout_seconds
                .map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.into())),
            pace: Pace {
                concurrency: settings.concurrency.unwrap_or(usual.concurrency).max(1),
                per_minute: settings.requests_per_minute.or(usual.per_minute),
            },
        })
    }

    /// The first credential.
    pub(super) fn key(&self) -> &Secret {
        self.keys.first().expect("an engine with credentials has one")
    }

    /// A URL below the prefix.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

fn url_of<'a>(
    name: &str,
    provider: &dyn Provider,
    settings: &Settings<'a>,
) -> Result<&'a str, AccountError> {
    let url = settings.base_url.or(provider.base_url());
    let url = url.ok_or_else(|| AccountError::NoUrl { provider: name.to_owned() })?;
    match is_url(url) {
        true => Ok(url),
        false => Err(AccountError::BadUrl { provider: name.to_owned(), url: url.to_owned() }),
    }
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::provider::by_engine;

    fn engine(key_env: &[&str]) -> Engine {
        let key_env = key_env.iter().map(|&name| name.to_owned()).collect();
        Engine { name: "openai".to_owned(), key_env, local: false }
    }

    fn account(settings: &Settings<'_>, keys: &Credentials) -> Result<Account, AccountError> {
        let provider = by_engine("openai").expect("it is one");
        Account::new("openai", &engine(&["OPENAI_API_KEY"]), provider, settings, keys)
    }

    #[test]
    fn a_key_is_looked_for_where_the_settings_say() {
        let keys = Credentials::new([("OPENAI_API_KEY", "one"), ("MINE", "two"), ("EMPTY", " ")]);
        let of = |api_key_env| account(&Settings { api_key_env, ..Settings::default() }, &keys);
        assert_eq!(of(None).expect("a key").key().expose(), "one");
        assert_eq!(of(Some("MINE")).expect("a key").key().expose(), "two");
        let error = of(Some("EMPTY")).expect_err("it holds nothing");
        assert_eq!(error.to_string(), "EMPTY is not set: put the key of `openai` there");
    }

    #[test]
    fn a_url_is_the_users_or_the_usual_one() {
        let keys = Credentials::new([("OPENAI_API_KEY", "one")]);
        let of = |base_url| account(&Settings { base_url, ..Settings::default() }, &keys);
        let own = of(Some("http://127.0.0.1:9/v1/")).expect("a URL");
        assert_eq!(
            (own.url("/images"), own.is_own_url),
            ("http://127.0.0.1:9/v1/images".to_owned(), true)
        );
        assert!(!of(None).expect("a URL").is_own_url);
        assert!(matches!(of(Some("ftp://x")), Err(AccountError::BadUrl { .. })));
    }

    #[test]
    fn a_file_of_variables_is_read_and_the_environment_wins() {
        let text = "\u{feff}# keys\n\nA=1\nexport B=\"two words\"\r\nC = 'x'\n";
        let keys = Credentials::new([("A", "0"), ("B", "")]).with_file(text).expect("a good file");
        let value = |name| keys.get(name).map(Secret::expose);
        assert_eq!([value("A"), value("B"), value("C")], [Some("0"), Some("two words"), Some("x")]);
        let broken = Credentials::default().with_file("A=1\nOPENAI_API_KEY sk-1\n");
        assert_eq!(broken.expect_err("line 2").to_string(), "line 2 is not NAME=value");
    }

    #[test]
    fn no_credential_is_printed() {
        let keys = Credentials::new([("OPENAI_API_KEY", "sk-123456")]);
        let account = account(&Settings::default(), &keys).expect("a key");
        assert!(!format!("{keys:?} {account:?}").contains("sk-123456"));
    }
}
