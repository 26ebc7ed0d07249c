//! Providers and models as the catalogue knows them.

use std::collections::BTreeMap;

use crate::base::{AudioMode, MediaKind};
use crate::catalog::formula::Formula;
use crate::catalog::parameter::Parameter;

/// A name that specs give as `provider`.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The name.
    pub name: String,
    /// The provider that this is another name of.
    pub alias_of: Option<String>,
    /// The model that the name stands for.
    pub model: Option<String>,
    /// What keys call it: aliases share a family.
    pub family: String,
    /// Its name for people.
    pub title: String,
    /// What it makes.
    pub media: Vec<MediaKind>,
    /// Whether it works without network and model.
    pub offline: bool,
    /// What can stand behind the name, the default first; empty for offline providers.
    pub engines: Vec<Engine>,
}

impl Provider {
    /// The engine of that name; the default one without a name.
    pub fn engine(&self, name: Option<&str>) -> Option<&Engine> {
        match name {
            Some(name) => self.engines.iter().find(|engine| engine.name == name),
            None => self.engines.first(),
        }
    }
}

/// A service or server behind a provider's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its name in the Assetfile.
    pub name: String,
    /// Environment variables with its credentials.
    pub key_env: Vec<String>,
    /// Whether it runs on the user's own machine and costs nothing.
    pub local: bool,
}

/// Whether a model was sold on the day of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is sold.
    Current,
    /// It is sold, and its end is announced.
    Deprecated,
    /// It is not sold any more.
    Retired,
}

/// What a seed does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedSupport {
    /// No seed is taken.
    None,
    /// A seed is taken, and similar results are likely.
    Hint,
    /// A seed is taken, and gives the same bytes again.
    Exact,
}

/// What is known about one model behind one engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Exact id as it is sent; `*` for any model of an engine.
    pub id: String,
    /// Dated ids of the same model.
    pub snapshots: Vec<String>,
    /// Provider family.
    pub family: String,
    /// Engine.
    pub engine: String,
    /// State on the day of the data.
    pub state: State,
    /// Day of its end, `YYYY-MM-DD`, announced or past.
    pub shutdown: Option<String>,
    /// The model that takes its place.
    pub replacement: Option<String>,
    /// Whether it is asked when nobody names a model.
    pub default: bool,
    /// What it makes.
    pub media: MediaKind,
    /// Kinds of sound it makes; empty for pictures.
    pub modes: Vec<AudioMode>,
    /// Parameters by their names in specs.
    pub parameters: BTreeMap<String, Parameter>,
    /// Whether it takes parameters that are not listed.
    pub open_parameters: bool,
    /// Whether it draws transparency.
    pub alpha: bool,
    /// What a seed does.
    pub seed: SeedSupport,
    /// Most pictures that a request can refer to, an edited one included.
    pub references_max: usize,
    /// Whether it edits a picture.
    pub edits: bool,
    /// Whether an edit can be masked.
    pub mask: bool,
    /// Whether a request starts a job that is asked about later.
    pub job: bool,
    /// Longest prompt in characters, if known.
    pub prompt_max: Option<usize>,
    /// Whether it has a field for what to avoid.
    pub negative: bool,
    /// How a request is priced.
    pub price: Formula,
    /// Day on which these facts were collected, `YYYY-MM-DD`.
    pub as_of: String,
}

impl Model {
    /// Whether `id` names this model or one of its snapshots.
    pub fn is_called(&self, id: &str) -> bool {
        (self.id == id && !self.is_any()) || self.snapshots.iter().any(|snapshot| snapshot == id)
    }

    /// Whether the row stands for any model of its engine.
    pub fn is_any(&self) -> bool {
        self.id == "*"
    }

    /// Whether the model makes this kind of asset; sound of no stated kind is an effect.
    pub fn makes(&self, media: MediaKind, mode: Option<AudioMode>) -> bool {
        self.media == media
            && (media == MediaKind::Image || self.modes.contains(&mode.unwrap_or(AudioMode::Sfx)))
    }
}
