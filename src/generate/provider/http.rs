//! The thin layer that all services share: one request, its turn, its attempts, its answer.

use std::future::Future;
use std::sync::Once;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::base::units::Secret;
use crate::generate::command::Secrets;
use crate::generate::provider::json::words;
use crate::generate::provider::pace::Buckets;
use crate::generate::provider::retry::{Attempts, Verdict, told_wait};
use crate::generate::provider::{Call, Credentials, Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is read, in bytes.
const LARGEST: usize = 256 << 20;

/// Sends requests and keeps secrets out of what is said of them.
pub struct Http {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    secrets: Secrets,
    buckets: Buckets,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// Nothing can be sent from this machine.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The system gives no threads or timers.
    #[error("failed to prepare for network requests")]
    Runtime(#[from] std::io::Error),
    /// There are no certificates to trust, or the system's settings make no sense.
    #[error("failed to prepare for secure connections")]
    Client(#[from] reqwest::Error),
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) auth: Auth,
    pub(super) body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Changes nothing at the provider: it may be sent again.
    Get,
    /// May be billed.
    Post,
}

/// Where the credential goes.
#[derive(Debug, Clone)]
pub(super) enum Auth {
    None,
    Bearer(Secret),
    Header(&'static str, Secret),
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Empty,
    Json(Value),
    /// Name and value.
    Form(Vec<(&'static str, String)>),
    /// As they are, of this type.
    Bytes(Vec<u8>, &'static str),
    Parts(Vec<(&'static str, Field)>),
}

/// A field of a multipart body.
#[derive(Debug, Clone)]
pub(super) enum Field {
    Text(String),
    File { bytes: Vec<u8>, name: String, mime: &'static str },
}

impl Ask {
    pub(super) fn post(url: String, auth: Auth, body: Body) -> Self {
        Self { method: Method::Post, url, headers: Vec::new(), auth, body }
    }

    pub(super) fn get(url: String, auth: Auth) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), auth, body: Body::Empty }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    #[cfg(test)]
    pub(super) fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let header = |&(name, value): &(&str, &str)| (name.to_ascii_lowercase(), value.to_owned());
        Self { status, headers: headers.iter().map(header).collect(), body: body.to_vec() }
    }

    /// A header's value; `name` in any case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What the network did instead of answering.
enum Broken {
    /// The request never left.
    NotSent(String),
    /// It left, and this much of an answer came.
    Lost(String, Vec<u8>),
}

impl Http {
    /// A client that shows nothing of the variables with these names, nor of those that sound like
    /// secrets.
    ///
    /// # Errors
    /// `HttpError` if this machine gives no threads, or no certificates.
    pub fn new(
        credentials: &Credentials,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Self, HttpError> {
        static PROVIDER: Once = Once::new();
        // Another part of the process may have chosen one already.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("network")
            .enable_all()
            .build()?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("assetbuild/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A connection that the other side has just closed would look like a request that was
            // lost on its way.
            .pool_max_idle_per_host(0)
            // A redirected request could carry a key to somebody else.
            .redirect(Policy::none())
            .build()?;
        let secrets = Secrets::of(credentials.texts(), names);
        Ok(Self { client, runtime, secrets, buckets: Buckets::default() })
    }

    /// A text without the secrets.
    pub fn mask(&self, text: &str) -> String {
        self.secrets.mask(text)
    }

    /// Sends a request that may be billed, when its turn comes, and again only as long as it was
    /// certainly not accepted. `judge` reads every answer that is no success.
    pub(super) fn buy(
        &self,
        call: &Call<'_>,
        ask: &Ask,
        judge: impl Fn(&Answer) -> Verdict<Failure>,
    ) -> Result<Answer, Failure> {
        let ask = ask.clone().header("idempotency-key", call.idempotency_key);
        let mut attempts = Attempts::default();
        loop {
            self.wait_for_turn(call)?;
            let wait = match self.exchange(&ask, call.account.timeout) {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) => match judge(&answer) {
                    Verdict::Final(failure) => return Err(self.masked(failure)),
                    Verdict::Later(failure, usual) => {
                        let told = told_wait(&answer, Timestamp::now()).or(usual);
                        let wait = attempts.after_denial(told, noise());
                        wait.ok_or_else(|| self.masked(failure))?
                    }
                },
                Err(Broken::NotSent(words)) => {
                    let failure = || Failure::Down { words: self.mask(&words) };
                    attempts.after_failure(noise()).ok_or_else(failure)?
                }
                Err(Broken::Lost(words, kept)) => {
                    return Err(Failure::Uncertain { words: self.mask(&words), kept });
                }
            };
            if !call.progress.pause(wait) {
                return Err(Failure::Stopped);
            }
        }
    }

    /// Sends a request that costs nothing, and again if that may help.
    pub(super) fn ask(
        &self,
        call: &Call<'_>,
        ask: &Ask,
        judge: impl Fn(&Answer) -> Verdict<Failure>,
    ) -> Result<Answer, Failure> {
        let mut attempts = Attempts::default();
        loop {
            let wait = match self.exchange(ask, call.account.timeout) {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) => match judge(&answer) {
                    Verdict::Final(failure) => return Err(self.masked(failure)),
                    Verdict::Later(failure, usual) => {
                        let told = told_wait(&answer, Timestamp::now()).or(usual);
                        let wait = attempts.after_denial(told, noise());
                        wait.ok_or_else(|| self.masked(failure))?
                    }
                },
                Err(Broken::NotSent(words) | Broken::Lost(words, _)) => {
                    let failure = || Failure::Down { words: self.mask(&words) };
                    attempts.after_failure(noise()).ok_or_else(failure)?
                }
            };
            if !call.progress.pause(wait) {
                return Err(Failure::Stopped);
            }
        }
    }

    /// Fetches the result of a job from where the provider says that it lies.
    ///
    /// `hosts`: the provider's own; the key goes to nobody else.
    pub(super) fn fetch(
        &self,
        call: &Call<'_>,
        url: &str,
        hosts: &[&str],
        auth: Auth,
    ) -> Result<Vec<u8>, Failure> {
        self.check_place(call, url, hosts)?;
        let answer = self.ask(call, &Ask::get(url.to_owned(), auth), |answer| {
            let words = words(answer.status, &answer.body);
            match answer.status {
                408 | 429 | 500.. => Verdict::Later(Failure::Down { words }, None),
                _ => Verdict::Final(Failure::uncertain(words)),
            }
        });
        // It is made and paid for, whatever keeps it from coming here.
        answer.map(|answer| answer.body).map_err(|failure| match failure {
            Failure::Uncertain { .. } => failure,
            other => Failure::Running { words: format!("the result cannot be fetched: {other}") },
        })
    }

    /// Refuses an address that is neither below the account's own URL nor, over https, one of the
    /// provider's hosts.
    pub(super) fn check_place(
        &self,
        call: &Call<'_>,
        url: &str,
        hosts: &[&str],
    ) -> Result<(), Failure> {
        let parts = |url: &str| {
            let url = reqwest::Url::parse(url).ok()?;
            let host = url.host_str()?.to_owned();
            Some((url.scheme().to_owned(), host, url.port_or_known_default()?))
        };
        let place = parts(url);
        let is_own = place.is_some() && place == parts(&call.account.base_url);
        let is_theirs = place.is_some_and(|(scheme, host, port)| {
            let ends_with = |own: &&str| host == **own || host.ends_with(&format!(".{own}"));
            scheme == "https" && port == 443 && hosts.iter().any(ends_with)
        });
        match is_own || is_theirs {
            true => Ok(()),
            false => Err(Failure::uncertain(
                "the result lies on a host that is not the provider's; it was not fetched",
            )),
        }
    }

    fn wait_for_turn(&self, call: &Call<'_>) -> Result<(), Failure> {
        let Some(per_minute) = call.account.pace.per_minute else { return Ok(()) };
        let bucket = format!("{}/{}", call.account.engine, call.sent.model);
        let wait = self.buckets.take(&bucket, per_minute, Instant::now());
        match wait.is_zero() || call.progress.pause(wait) {
            true => Ok(()),
            false => Err(Failure::Stopped),
        }
    }

    pub(super) fn masked(&self, failure: Failure) -> Failure {
        let mask = |words: String| self.mask(&words);
        match failure {
            Failure::Down { words } => Failure::Down { words: mask(words) },
            Failure::Refused { words, may_be_billed } => {
                Failure::Refused { words: mask(words), may_be_billed }
            }
            Failure::Rejected { words } => Failure::Rejected { words: mask(words) },
            Failure::Unauthorized { words } => Failure::Unauthorized { words: mask(words) },
            Failure::NoMoney { words } => Failure::NoMoney { words: mask(words) },
            Failure::Uncertain { words, kept } => Failure::Uncertain { words: mask(words), kept },
            Failure::Running { words } => Failure::Running { words: mask(words) },
            Failure::Stopped => Failure::Stopped,
        }
    }

    fn exchange(&self, ask: &Ask, timeout: Duration) -> Result<Answer, Broken> {
        let request = self.request(ask).map_err(|error| Broken::NotSent(causes(&error)))?;
        self.block_on(timeout, async {
            let sent = self.client.execute(request).await;
            let mut response = sent.map_err(|error| {
                let words = causes(&error);
                if error.is_connect() || error.is_builder() {
                    Broken::NotSent(words)
                } else {
                    Broken::Lost(words, Vec::new())
                }
            })?;
            let status = response.status().as_u16();
            let headers = response
                .headers()
                .iter()
                .map(|(name, value)| {
                    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into())
                })
                .collect();
            let mut body = Vec::new();
            loop {
                match response.chunk().await {
                    Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => {
                        body.extend_from_slice(&chunk);
                    }
                    Ok(Some(_)) => {
                        let words = format!("the answer is larger than {LARGEST} bytes");
                        return Err(Broken::Lost(words, body));
                    }
                    Ok(None) => break,
                    Err(error) => return Err(Broken::Lost(causes(&error), body)),
                }
            }
            Ok(Answer { status, headers, body })
        })
    }

    fn block_on(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<Answer, Broken>>,
    ) -> Result<Answer, Broken> {
        self.runtime.block_on(async {
            tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
                let seconds = timeout.as_secs();
                Err(Broken::Lost(format!("no answer within {seconds} s"), Vec::new()))
            })
        })
    }

    fn request(&self, ask: &Ask) -> Result<reqwest::Request, reqwest::Error> {
        let Ask { method, url, headers, auth, body } = ask;
        let mut request = match method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request = match auth {
            Auth::None => request,
            Auth::Bearer(secret) => {
                request.header("authorization", sensitive(&format!("Bearer {}", secret.expose())))
            }
            Auth::Header(name, secret) => request.header(*name, sensitive(secret.expose())),
        };
        request = match body {
            Body::Empty => request,
            Body::Json(value) => {
                request.header("content-type", "application/json").body(value.to_string())
            }
            Body::Form(pairs) => request.form(pairs),
            Body::Bytes(bytes, mime) => request.header("content-type", *mime).body(bytes.clone()),
            Body::Parts(fields) => request.multipart(form(fields)?),
        };
        request.build()
    }
}

fn form(fields: &[(&'static str, Field)]) -> Result<Form, reqwest::Error> {
    let mut form = Form::new();
    for (name, field) in fields {
        form = match field {
            Field::Text(text) => form.text(*name, text.clone()),
            Field::File { bytes, name: file, mime } => {
                let part = Part::bytes(bytes.clone()).file_name(file.clone()).mime_str(mime)?;
                form.part(*name, part)
            }
        };
    }
    Ok(form)
}

/// A header that debugging output leaves out; what no header can hold is sent empty and refused.
fn sensitive(value: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(value.trim()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// An error with its causes, without the URL: it may hold a key.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = match error.downcast_ref::<reqwest::Error>() {
            Some(_) if error.source().is_some() => None,
            _ => Some(error.to_string()),
        };
        texts.extend(text.filter(|text| texts.last() != Some(text)));
        next = error.source();
    }
    texts.join(": ")
}

/// Something between 0 and 1, so that several processes do not ask at the same moment.
fn noise() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
