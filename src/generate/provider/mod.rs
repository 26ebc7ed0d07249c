//! Providers behind a network: a resolved request becomes HTTP calls, and their answer raw bytes.
//!
//! One file for each service, over one thin layer (`http.rs`). Nothing here knows a key, a journal,
//! a budget or a terminal; what is on record of a request is told through [`Progress`] before the
//! next call leaves. Design note: docs/design/providers.md.

mod account;
mod automatic1111;
mod comfyui;
mod elevenlabs;
mod failure;
mod firefly;
mod http;
mod huggingface;
mod json;
mod local;
mod openai;
mod pace;
mod replicate;
mod retry;
mod stability;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Encoding, MediaKind};
use crate::catalog::{Sent, Usage};
use crate::generate::file;

pub use account::{Account, AccountError, Credentials, Settings};
pub use failure::Failure;
pub use http::{Http, HttpError};
pub use local::Runners;

/// A service that makes pictures or sounds.
pub trait Provider: Sync + std::fmt::Debug {
    /// Prefix of its URLs, if it has a usual one.
    fn base_url(&self) -> Option<&'static str>;

    /// Program that does the work on this machine, in place of a service with a URL.
    fn program(&self) -> Option<&'static str> {
        None
    }

    /// How fast it may be asked when the user does not say.
    fn pace(&self) -> Pace {
        Pace { concurrency: 4, per_minute: None }
    }

    /// Asks for one picture or sound, and waits for it.
    ///
    /// # Errors
    /// `Failure`, which says whether anything can have been billed.
    fn generate(&self, call: &Call<'_>, http: &Http) -> Result<Delivered, Failure>;

    /// Credits that the account has left; none if the service has none, or does not tell.
    ///
    /// # Errors
    /// `Failure`; nothing is billed by asking.
    fn credits_left(&self, _call: &Call<'_>, _http: &Http) -> Result<Option<i64>, Failure> {
        Ok(None)
    }

    /// Waits for a job that an earlier run began.
    ///
    /// # Errors
    /// `Failure` as for a new one; `Uncertain` if the service has no jobs.
    fn resume(&self, _job: &str, _call: &Call<'_>, _http: &Http) -> Result<Delivered, Failure> {
        Err(Failure::uncertain("the provider cannot be asked about an earlier request"))
    }

    /// Gives up a job, and waits until it has ended.
    ///
    /// # Errors
    /// `Failure`; `Rejected` if the service has no jobs, or none that can be given up.
    fn cancel(&self, _job: &str, _call: &Call<'_>, _http: &Http) -> Result<Canceled, Failure> {
        Err(Failure::Rejected { words: "its jobs cannot be given up from here".to_owned() })
    }
}

/// What became of a job that was to be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceled {
    /// It ended without a result; what it did until then may be billed.
    Ended,
    /// It was finished already: its result can be had.
    Finished,
}

/// How fast a service may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests in flight at once, at least 1.
    pub concurrency: u32,
    /// Requests a minute, if they are limited.
    pub per_minute: Option<u32>,
}

/// One request for one picture or sound.
pub struct Call<'a> {
    /// The resolved request.
    pub sent: &'a Sent,
    /// Seed of this variation, where the model takes one.
    pub seed: Option<i64>,
    /// Files that go with it.
    pub attached: &'a Attached,
    /// The same for all attempts; also the id of the purchase.
    pub idempotency_key: &'a str,
    /// Who is asked, and with which credentials.
    pub account: &'a Account,
    /// The programs that do the work on this machine.
    pub runners: &'a Runners,
    /// Hears what must be on record.
    pub progress: &'a dyn Progress,
}

/// Files that go with a request.
#[derive(Debug, Clone, Default)]
pub struct Attached {
    /// What the result shall resemble.
    pub references: Vec<Picture>,
    /// What is edited.
    pub edited: Option<Picture>,
    /// Where it may be changed.
    pub mask: Option<Picture>,
    /// Content of the files that parameters name, by the parameters' names.
    pub files: BTreeMap<String, Arc<[u8]>>,
}

/// A picture as bytes.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The file.
    pub bytes: Arc<[u8]>,
    /// What it is.
    pub encoding: Encoding,
}

impl Picture {
    /// Its type in HTTP.
    fn mime(&self) -> &'static str {
        match self.encoding {
            Encoding::Jpeg => "image/jpeg",
            Encoding::Webp => "image/webp",
            _ => "image/png",
        }
    }

    /// The picture as a field of a form.
    fn field(&self, name: &str) -> http::Field {
        let name = format!("{name}.{}", self.encoding.extension());
        http::Field::File { bytes: self.bytes.to_vec(), name, mime: self.mime() }
    }
}

/// Whoever keeps record of a request while it is on its way.
pub trait Progress: Sync {
    /// Notes the provider's id of the request or its job; it is on disk when this returns.
    ///
    /// # Errors
    /// The cause as text, if it cannot be noted. The request goes on.
    fn identify(&self, request_id: Option<&str>, job_id: Option<&str>) -> Result<(), String>;

    /// Waits; false if the run is to stop, which ends the wait at once.
    fn pause(&self, duration: Duration) -> bool;
}

/// What a provider gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// What they are.
    pub encoding: Encoding,
    /// Model that made them, if the answer says so.
    pub model_used: Option<String>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// Seed that was used.
    pub seed: Option<i64>,
    /// The prompt as the provider changed it.
    pub revised_prompt: Option<String>,
    /// What the answer says about the price.
    pub usage: Option<Usage>,
}

impl Delivered {
    /// Bytes that must be a picture or sound of the kind that was asked for.
    ///
    /// # Errors
    /// `Uncertain` with the bytes kept if they are something else: they may be billed.
    fn new(bytes: Vec<u8>, media: MediaKind) -> Result<Self, Failure> {
        match file::sniff(&bytes).filter(|encoding| encoding.media() == media) {
            Some(encoding) => Ok(Self {
                bytes,
                encoding,
                model_used: None,
                request_id: None,
                seed: None,
                revised_prompt: None,
                usage: None,
            }),
            None => {
                let what = match media {
                    MediaKind::Image => "picture",
                    MediaKind::Audio => "sound",
                };
                let words = match bytes.len() {
                    0 => format!("the provider sent no {what}"),
                    size => format!("the provider sent {size} bytes that are no {what}"),
                };
                Err(Failure::Uncertain { words, kept: bytes })
            }
        }
    }
}

/// The service behind an engine of the catalogue.
pub fn by_engine(engine: &str) -> Option<&'static dyn Provider> {
    Some(match engine {
        "openai" => &openai::OpenAi,
        "stability" => &stability::Stability,
        "automatic1111" => &automatic1111::Automatic1111,
        "comfyui" => &comfyui::ComfyUi,
        "firefly" => &firefly::Firefly,
        "elevenlabs" => &elevenlabs::ElevenLabs,
        "replicate" => &replicate::Replicate,
        "huggingface" => &huggingface::HuggingFace,
        "local" => &local::Local,
        _ => return None,
    })
}
