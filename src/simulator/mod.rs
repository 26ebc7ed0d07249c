//! Serves the protocols of the paid providers on this machine, with prices and with faults.
//!
//! What it makes are coloured discs and tones, what it bills is play money: teams try their budgets
//! on it, and the tests count there what was really bought. Nothing of it is used in a build.

mod bill;
mod elevenlabs;
mod exchange;
mod faults;
mod firefly;
mod huggingface;
mod local;
mod media;
mod openai;
mod replicate;
mod server;
mod stability;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use bill::{Bill, Entry};
pub use faults::{Fault, FaultKind, FaultParseError};

use crate::simulator::exchange::{Reply, Request};
use crate::simulator::faults::Faults;

/// How the simulator behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// How long each result takes.
    pub latency: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Number that random faults are drawn from.
    pub seed: u64,
    /// Millionths of a dollar after which accounts are empty.
    pub quota_micros: Option<i64>,
}

/// Hears what the simulator does; called from its threads.
pub trait Listener: Send + Sync + 'static {
    /// It accepts connections now, below this URL.
    fn listening(&self, url: &str);
    /// Something was billed.
    fn billed(&self, entry: &Entry, total_micros: i64);
    /// A fault was played.
    fn fault(&self, kind: FaultKind, path: &str);
}

/// Serves until the process ends.
///
/// # Errors
/// If the port cannot be used.
pub fn serve(options: Options, listener: impl Listener) -> io::Result<()> {
    server::serve(Simulator::new(options, Box::new(listener)))
}

/// Providers as the simulator knows them: the first part of a path.
pub const PREFIXES: [(&str, &str); 8] = [
    ("openai", "/openai/v1"),
    ("stable-diffusion", "/stability"),
    ("firefly", "/firefly"),
    ("elevenlabs", "/elevenlabs"),
    ("replicate", "/replicate/v1"),
    ("huggingface", "/huggingface"),
    ("bark", "/replicate/v1"),
    ("musicgen", "/replicate/v1"),
];

struct Simulator {
    options: Options,
    faults: Faults,
    bill: Mutex<Bill>,
    jobs: Mutex<BTreeMap<String, Job>>,
    next: AtomicU64,
    listener: Box<dyn Listener>,
}

/// Work that is asked about later.
struct Job {
    /// How often one still has to ask.
    polls: u32,
    result: Value,
    file: Vec<u8>,
}

impl Simulator {
    fn new(options: Options, listener: Box<dyn Listener>) -> Self {
        Self {
            faults: Faults::new(&options.faults, options.seed),
            options,
            bill: Mutex::default(),
            jobs: Mutex::default(),
            next: AtomicU64::new(1),
            listener,
        }
    }

    fn bill(&self) -> MutexGuard<'_, Bill> {
        self.bill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Whether the account is empty.
    fn is_broke(&self) -> bool {
        self.options.quota_micros.is_some_and(|quota| self.bill().total_micros() >= quota)
    }

    fn charge(&self, entry: Entry) {
        let mut bill = self.bill();
        bill.add(entry.clone());
        let total = bill.total_micros();
        drop(bill);
        self.listener.billed(&entry, total);
    }

    /// The answer to a request.
    fn answer(&self, request: &Request) -> Reply {
        let path = request.path.as_str();
        let below = |prefix: &str| path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
        if path == "/_bill" {
            return Reply::json(200, &self.bill().to_json());
        }
        if let Some(rest) = below("/openai/v1") {
            return openai::answer(self, request, rest);
        }
        if let Some(rest) = below("/stability") {
            return stability::answer(self, request, rest);
        }
        if let Some(rest) = below("/elevenlabs") {
            return elevenlabs::answer(self, request, rest);
        }
        if let Some(rest) = below("/replicate/v1") {
            return replicate::answer(self, request, rest);
        }
        if let Some(rest) = below("/firefly") {
            return firefly::answer(self, request, rest, true);
        }
        if let Some(rest) = below("/firefly-sync") {
            return firefly::answer(self, request, rest, false);
        }
        if path == "/huggingface" || below("/huggingface").is_some() {
            return huggingface::answer(self, request);
        }
        if let Some(rest) = below("/automatic1111").or_else(|| below("/comfyui")) {
            return local::answer(self, request, rest);
        }
        Reply::text(404, "the simulator serves nothing here")
    }
}
