//! The services that a run may ask: their accounts, their client, and those that turned it away.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::catalog::{self, Sent};
use crate::config::Config;
use crate::execute::fallback::Setback;
use crate::execute::{StopSignal, with_causes};
use crate::generate::SecretNames;
use crate::generate::provider::{
    self, Account, AccountError, Attached, Call, Canceled, Credentials, Http, Progress, Provider,
    Runners, Settings,
};
use crate::purchase::Purchase;

/// Why a request can be sent to nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No service of this version is meant.
    #[error("nobody can be asked")]
    NoService,
    /// Its account cannot be used.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// Who can be asked, and with which credentials.
#[derive(Debug)]
pub struct Market<'a> {
    config: &'a Config,
    credentials: Result<Credentials, AccountError>,
    runners: Runners,
    http: OnceLock<Result<Http, String>>,
    /// Families that are not asked again in this run, and why.
    closed: Mutex<BTreeMap<String, (String, Setback)>>,
    /// Credits that are left on accounts, less what was begun in this run.
    credits: Mutex<BTreeMap<String, Option<i64>>>,
    /// Why nothing at all is bought any more.
    ended: OnceLock<String>,
}

impl<'a> Market<'a> {
    /// The services that the settings, these variables and these programs give access to.
    pub fn new(
        config: &'a Config,
        credentials: Result<Credentials, AccountError>,
        runners: Runners,
    ) -> Self {
        let (http, closed, ended) = (OnceLock::new(), Mutex::default(), OnceLock::new());
        let credits = Mutex::default();
        Self { config, credentials, runners, http, closed, credits, ended }
    }

    /// The service and the account that a resolved request goes to.
    ///
    /// # Errors
    /// `Unavailable`: what keeps it from being asked.
    pub fn find(&self, sent: &Sent) -> Result<(&'static dyn Provider, Account), Unavailable> {
        let provider = provider::by_engine(&sent.engine).ok_or(Unavailable::NoService)?;
        let credentials = self.credentials.as_ref().map_err(Clone::clone)?;
        let row = catalog::find_provider(&sent.provider).ok_or(Unavailable::NoService)?;
        let engine = row.engine(Some(&sent.engine)).ok_or(Unavailable::NoService)?;
        let of = |name: &str| self.config.providers.get(name);
        let settings = [of(&sent.provider), of(&sent.family)];
        let settings = || settings.iter().copied().flatten();
        let settings = Settings {
            base_url: settings().find_map(|own| own.base_url.as_deref()),
            api_key_env: settings().find_map(|own| own.api_key_env.as_deref()),
            program: settings().find_map(|own| own.python.as_deref()),
            timeout_seconds: settings().find_map(|own| own.timeout_seconds),
            concurrency: settings().find_map(|own| own.concurrency),
            requests_per_minute: settings().find_map(|own| own.requests_per_minute),
        };
        let account = Account::new(&sent.provider, engine, provider, &settings, credentials)?;
        if let Some(program) = &account.program
            && self.runners.locate(program).is_none()
        {
            let (provider, program) = (sent.provider.clone(), program.clone());
            return Err(AccountError::NoProgram { provider, program }.into());
        }
        Ok((provider, account))
    }

    /// Gives up the job of a purchase at its provider, and waits until it has ended.
    ///
    /// # Errors
    /// Why it goes on, for people.
    pub fn cancel(&self, purchase: &Purchase, stop: &StopSignal) -> Result<Canceled, String> {
        let job = purchase.job_id.as_deref().ok_or("its provider has no job of it")?;
        let family = &purchase.provider;
        let engine = self.config.provider_setting(family, family, |own| own.engine.clone());
        let engine = catalog::find_provider(family)
            .and_then(|row| row.engine(engine.as_deref()))
            .ok_or_else(|| format!("there is no provider `{family}`"))?;
        let sent = Sent::addressed(family, &engine.name, &purchase.model);
        let (provider, account) = self.find(&sent).map_err(|error| error.to_string())?;
        let attached = Attached::default();
        let call = Call {
            sent: &sent,
            seed: None,
            attached: &attached,
            idempotency_key: purchase.id.as_str(),
            account: &account,
            runners: &self.runners,
            progress: &Unrecorded(stop),
        };
        provider.cancel(job, &call, self.http()?).map_err(|failure| failure.to_string())
    }

    /// The programs that do the work on this machine.
    pub(super) fn runners(&self) -> &Runners {
        &self.runners
    }

    /// The client that requests go through, made when the first one leaves.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub fn http(&self) -> Result<&Http, String> {
        let make = || {
            let credentials = self.credentials.as_ref().map_err(ToString::to_string)?;
            Http::new(credentials, secret_names(self.config).all())
                .map_err(|error| with_causes(&error))
        };
        self.http.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// Asks a family no more in this run.
    pub(super) fn close(&self, family: &str, why: String, setback: Setback) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.entry(family.to_owned()).or_insert((why, setback));
    }

    /// Why a family is not asked any more.
    pub(super) fn closed(&self, family: &str) -> Option<(String, Setback)> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).get(family).cloned()
    }

    /// Takes credits for a request from an account that has a reserve; `left` asks the account what it
    /// has, once in a run.
    ///
    /// # Errors
    /// Why the request is not to be sent.
    pub(super) fn take_credits<E>(
        &self,
        sent: &Sent,
        needed: i64,
        left: impl FnOnce() -> Result<Option<i64>, E>,
    ) -> Result<Result<(), String>, E> {
        let reserve = self
            .config
            .provider_setting(&sent.provider, &sent.family, |settings| settings.reserve_credits);
        let Some(reserve) = reserve else { return Ok(Ok(())) };
        let mut accounts = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        let account = match accounts.get_mut(&sent.family) {
            Some(account) => account,
            None => accounts.entry(sent.family.clone()).or_insert(left()?),
        };
        let Some(credits) = account else { return Ok(Ok(())) };
        let reserve = i64::try_from(reserve).unwrap_or(i64::MAX);
        if credits.saturating_sub(reserve) < needed {
            return Ok(Err(format!(
                "not bought: {} has {credits} credits left, {reserve} of them reserved, and this \
                 takes {needed}",
                sent.family
            )));
        }
        *credits -= needed;
        Ok(Ok(()))
    }

    /// Buys nothing more in this run.
    pub fn end(&self, why: String) {
        // The first reason is the one to tell.
        let _ = self.ended.set(why);
    }

    /// Why nothing more is bought.
    pub fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }
}

/// Waits that end with a wish to stop; nothing is noted.
struct Unrecorded<'a>(&'a StopSignal);

impl Progress for Unrecorded<'_> {
    fn identify(&self, _: Option<&str>, _: Option<&str>) -> Result<(), String> {
        Ok(())
    }

    fn pause(&self, duration: Duration) -> bool {
        !self.0.wait(duration)
    }
}

/// Variables that hold keys of providers.
pub fn secret_names(config: &Config) -> SecretNames {
    let own = config.providers.values().filter_map(|settings| settings.api_key_env.clone());
    SecretNames::new(own)
}
