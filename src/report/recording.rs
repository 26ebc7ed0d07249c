//! For the tests of reporters: a recorded run, and a sink whose text can be read back.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::base::Scalar;
use crate::catalog::PriceUnit;
use crate::event::{ActionKind, Event, Offer, Outcome, Summary};
use crate::report::Sink;

/// A run of three assets: one is built, one fails, one is skipped because of it.
pub(super) fn small_run() -> Vec<Event> {
    let coin = "sprite-coin";
    let spikes = "sprite-spikes";
    vec![
        Event::StepFinished { step: "plan", started: micros(1_000), took: micros(2_500) },
        Event::RunStarted { assets: 4, actions: [3, 0, 3, 3, 0] },
        started(coin, ActionKind::Generate, "svg", 0, 4_000),
        started(spikes, ActionKind::Generate, "svg", 1, 4_100),
        finished(coin, ActionKind::Generate, "svg", 0, Outcome::Ran, 4_000, 12_000),
        started(coin, ActionKind::Process, "resize, convert", 0, 16_100),
        finished(
            spikes,
            ActionKind::Generate,
            "svg",
            1,
            Outcome::Failed("no closing tag\nat art/spikes.svg:3".into()),
            4_100,
            15_000,
        ),
        finished(
            "hero",
            ActionKind::Process,
            "trim",
            1,
            Outcome::Skipped(spikes.into()),
            19_100,
            0,
        ),
        finished("hero", ActionKind::Validate, "", 1, Outcome::Skipped(spikes.into()), 19_100, 0),
        finished(coin, ActionKind::Process, "resize, convert", 0, Outcome::Cached, 16_100, 300),
        Event::Measured {
            asset: coin.into(),
            figures: vec![
                ("width".into(), Scalar::Integer(128)),
                ("alpha_share".into(), Scalar::Number(0.25)),
            ],
        },
        Event::AssetBuilt { asset: coin.into(), cached: false, took: micros(12_400) },
        Event::Warning {
            asset: Some("sprite-logo".into()),
            message: "waits for art/sprite-logo.png".into(),
        },
        Event::Published {
            asset: coin.into(),
            path: "assets/images/sprite_coin.png".into(),
            size: 2_345,
        },
        Event::ManifestUpdated { entries: 1 },
        Event::RunFinished {
            summary: Summary {
                assets: 4,
                built: 1,
                failed: 1,
                skipped: 1,
                held: 1,
                ran: [1, 0, 0, 0, 0],
                cached: [0, 0, 1, 0, 0],
                published: 1,
                took: micros(31_000),
                ..Summary::default()
            },
        },
    ]
}

/// Text that a reporter wrote.
#[derive(Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// A sink that keeps what is written.
    pub(super) fn sink(&self) -> Sink {
        Box::new(self.clone())
    }

    /// A sink that refuses everything, like the pipe of a reader that went away.
    pub(super) fn closed() -> Sink {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        Box::new(Closed)
    }

    /// What was written.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("UTF-8")
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn started(
    asset: &str,
    kind: ActionKind,
    detail: &str,
    worker: usize,
    at: u64,
) -> Event {
    Event::ActionStarted {
        asset: asset.into(),
        kind,
        detail: detail.into(),
        worker,
        at: micros(at),
    }
}

pub(super) fn finished(
    asset: &str,
    kind: ActionKind,
    detail: &str,
    worker: usize,
    outcome: Outcome,
    started: u64,
    took: u64,
) -> Event {
    Event::ActionFinished {
        asset: asset.into(),
        kind,
        detail: detail.into(),
        worker,
        outcome,
        started: micros(started),
        took: micros(took),
    }
}

pub(super) fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// What only a watch tells.
pub(super) fn small_watch() -> Vec<Event> {
    let offer = Offer {
        asset: "sky".into(),
        provider: "openai".into(),
        model: "gpt-image-2".into(),
        count: 1,
        high_micros: Some(20_000),
        unit: PriceUnit::Usd,
    };
    let mistake = json!({ "code": "spec::unknown_key", "severity": "error" });
    vec![
        Event::Changed { paths: vec!["specs/coins.yaml".into()] },
        Event::Mistakes { diagnostics: vec![mistake] },
        Event::Held { assets: vec![(Some("hero".into()), "waits for art/hero.png".into())] },
        Event::Waiting { offers: vec![offer] },
        Event::Idle,
    ]
}
