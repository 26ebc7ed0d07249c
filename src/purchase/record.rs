//! One purchase as a TOML file: read strictly, written with what a newer tool added kept.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::base::{ActionKey, Digest};
use crate::catalog::PriceUnit;
use crate::purchase::id::PurchaseId;
use crate::purchase::state::State;

/// Version of the format that this tool writes.
pub const VERSION: i64 = 1;

/// Where a cost is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// The price table.
    Estimated,
    /// The provider's answer.
    Reported,
    /// Nothing.
    Unknown,
}

impl Basis {
    /// The word in files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Reported => "reported",
            Self::Unknown => "unknown",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Estimated, Self::Reported, Self::Unknown]
            .into_iter()
            .find(|basis| basis.as_str() == word)
    }
}

/// Everything that is known about one purchase. Field by field: docs/design/purchase-journal.md.
#[derive(Debug, Clone, PartialEq)]
pub struct Purchase {
    /// Its id.
    pub id: PurchaseId,
    /// How far it is.
    pub state: State,
    /// Id of the run that made it.
    pub run: String,
    /// Who made the run, as git names them.
    pub buyer: Option<String>,
    /// Ids of the assets that it is for.
    pub assets: Vec<String>,
    /// Key of the wanted request.
    pub wanted: ActionKey,
    /// Key of the resolved request: purchases are filed under it.
    pub sent: ActionKey,
    /// Variation index, from 0.
    pub index: u32,
    /// Whether it was bought beyond the variations asked for.
    pub extra: bool,
    /// Provider asked.
    pub provider: String,
    /// Model asked.
    pub model: String,
    /// Model that answered.
    pub model_used: Option<String>,
    /// Key that all attempts carry.
    pub idempotency_key: Option<String>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// The provider's id of the job.
    pub job_id: Option<String>,
    /// Seed sent or reported.
    pub seed: Option<i64>,
    /// The prompt as the provider changed it.
    pub revised_prompt: Option<String>,
    /// The provider's words of refusal, or why the outcome is unknown.
    pub refusal: Option<String>,
    /// The raw bytes.
    pub raw: Option<Digest>,
    /// Extension of the raw file.
    pub extension: Option<String>,
    /// What amounts count.
    pub unit: PriceUnit,
    /// Upper bound that was reserved, in millionths; none if unknown.
    pub estimated_micros: Option<i64>,
    /// Cost in millionths; none if unknown.
    pub cost_micros: Option<i64>,
    /// Where the cost is known from.
    pub basis: Basis,
    /// When it was reserved, RFC 3339 in UTC; decides its day and month.
    pub reserved_at: String,
    /// When the request was about to leave.
    pub submitted_at: Option<String>,
    /// When the raw bytes were on disk.
    pub received_at: Option<String>,
    /// When it became settled, failed, released, unknown or lost.
    pub closed_at: Option<String>,
    /// Keys that this version does not know, kept as they are.
    pub other: Table,
}

/// A text is not a purchase file that this version can read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// It is cut off or no TOML.
    #[error("it is not TOML: {0}")]
    Syntax(String),
    /// A newer tool wrote it.
    #[error("it has version {0}, and this tool reads up to {VERSION}")]
    NewerVersion(i64),
    /// A key is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A key has a value that makes no sense.
    #[error("`{0}` has a value that makes no sense")]
    Invalid(&'static str),
    /// The state asks for a key that is not there.
    #[error("it is {} without `{key}`", state.as_str())]
    Incomplete {
        /// The state.
        state: State,
        /// The key.
        key: &'static str,
    },
}

impl Purchase {
    /// The most that a provider can have billed for it, in millionths of its unit; none if nobody knows
    /// its price: what was set aside then is the user's bound, and no price.
    pub fn most_micros(&self) -> Option<i64> {
        self.estimated_micros.filter(|_| self.basis != Basis::Unknown)
    }

    /// Reads a purchase file.
    ///
    /// # Errors
    /// `DecodeError` for the first thing that makes no sense.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| DecodeError::Syntax(error.message().to_owned()))?;
        let mut keys = Keys(table);
        let version = keys.integer("version")?.ok_or(DecodeError::Missing("version"))?;
        if version > VERSION {
            return Err(DecodeError::NewerVersion(version));
        }
        if version < 1 {
            return Err(DecodeError::Invalid("version"));
        }
        let purchase = Self {
            id: keys.parsed("id", |text| text.parse().ok())?,
            state: keys.parsed("state", State::parse)?,
            run: keys.required("run")?,
            buyer: keys.text("buyer")?,
            assets: keys.texts("assets")?,
            wanted: keys.parsed("wanted", |text| text.parse().ok())?,
            sent: keys.parsed("sent", |text| text.parse().ok())?,
            index: keys
                .integer("index")?
                .ok_or(DecodeError::Missing("index"))?
                .try_into()
                .map_err(|_| DecodeError::Invalid("index"))?,
            extra: keys.boolean("extra")?.unwrap_or(false),
            provider: keys.required("provider")?,
            model: keys.required("model")?,
            model_used: keys.text("model_used")?,
            idempotency_key: keys.text("idempotency_key")?,
            request_id: keys.text("request_id")?,
            job_id: keys.text("job_id")?,
            seed: keys.integer("seed")?,
            revised_prompt: keys.text("revised_prompt")?,
            refusal: keys.text("refusal")?,
            raw: keys.optional("raw", |text| text.parse().ok())?,
            extension: keys.optional("extension", |text| {
                crate::purchase::raw::is_extension(text).then(|| text.to_owned())
            })?,
            unit: keys.parsed("unit", parse_unit)?,
            estimated_micros: keys.amount("estimated_micros")?,
            cost_micros: keys.amount("cost_micros")?,
            basis: keys.parsed("basis", Basis::parse)?,
            reserved_at: keys.time("reserved_at")?.ok_or(DecodeError::Missing("reserved_at"))?,
            submitted_at: keys.time("submitted_at")?,
            received_at: keys.time("received_at")?,
            closed_at: keys.time("closed_at")?,
            other: keys.0,
        };
        purchase.check_complete()?;
        Ok(purchase)
    }

    /// The text of the purchase file.
    pub fn encode(&self) -> String {
        // Destructured so that a new field cannot be forgotten.
        let Self {
            id,
            state,
            run,
            buyer,
            assets,
            wanted,
            sent,
            index,
            extra,
            provider,
            model,
            model_used,
            idempotency_key,
            request_id,
            job_id,
            seed,
            revised_prompt,
            refusal,
            raw,
            extension,
            unit,
            estimated_micros,
            cost_micros,
            basis,
            reserved_at,
            submitted_at,
            received_at,
            closed_at,
            other,
        } = self;
        let text = |text: &str| Some(quoted(text));
        let maybe = |text: &Option<String>| text.as_deref().map(quoted);
        let assets: Vec<String> = assets.iter().map(|id| quoted(id)).collect();
        let rows: [(&str, Option<String>); 29] = [
            ("version", Some(VERSION.to_string())),
            ("id", text(id.as_str())),
            ("state", text(state.as_str())),
            ("run", text(run)),
            ("buyer", maybe(buyer)),
            ("assets", Some(format!("[{}]", assets.join(", ")))),
            ("wanted", text(&wanted.to_string())),
            ("sent", text(&sent.to_string())),
            ("index", Some(index.to_string())),
            ("extra", extra.then(|| "true".to_owned())),
            ("provider", text(provider)),
            ("model", text(model)),
            ("model_used", maybe(model_used)),
            ("idempotency_key", maybe(idempotency_key)),
            ("request_id", maybe(request_id)),
            ("job_id", maybe(job_id)),
            ("seed", seed.map(|seed| seed.to_string())),
            ("revised_prompt", maybe(revised_prompt)),
            ("refusal", maybe(refusal)),
            ("raw", raw.map(|raw| quoted(&raw.to_string()))),
            ("extension", maybe(extension)),
            ("unit", text(unit.as_str())),
            ("estimated_micros", estimated_micros.map(|micros| micros.to_string())),
            ("cost_micros", cost_micros.map(|micros| micros.to_string())),
            ("basis", text(basis.as_str())),
            ("reserved_at", text(reserved_at)),
            ("submitted_at", maybe(submitted_at)),
            ("received_at", maybe(received_at)),
            ("closed_at", maybe(closed_at)),
        ];
        let mut out = String::new();
        for (key, value) in rows {
            if let Some(value) = value {
                writeln!(out, "{key} = {value}").expect("writing to text does not fail");
            }
        }
        // Their own order is lost, but plain keys come before tables, so all of it can follow.
        out.push_str(&other.to_string());
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// What each state must know.
    pub(super) fn check_complete(&self) -> Result<(), DecodeError> {
        let incomplete = |key| Err(DecodeError::Incomplete { state: self.state, key });
        let has_left = !matches!(self.state, State::Reserved | State::Released);
        let has_raw = matches!(self.state, State::Received | State::Settled);
        if has_left && self.submitted_at.is_none() {
            incomplete("submitted_at")
        } else if has_left && self.idempotency_key.is_none() {
            incomplete("idempotency_key")
        } else if has_raw && self.raw.is_none() {
            incomplete("raw")
        } else if self.raw.is_some() && self.extension.is_none() {
            incomplete("extension")
        } else if has_raw && self.received_at.is_none() {
            incomplete("received_at")
        } else if (self.state.is_final() || self.state == State::Unknown)
            && self.closed_at.is_none()
        {
            incomplete("closed_at")
        } else if self.basis != Basis::Unknown
            && self.state == State::Settled
            && self.cost_micros.is_none()
        {
            incomplete("cost_micros")
        } else {
            Ok(())
        }
    }
}

/// A text as a TOML string on one line, so that a checkout's line ends cannot change it.
///
/// JSON's escapes are TOML's, but for the one control character that JSON leaves as it is.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn parse_unit(word: &str) -> Option<PriceUnit> {
    [PriceUnit::Usd, PriceUnit::Credits].into_iter().find(|unit| unit.as_str() == word)
}

/// Takes known keys out of a table; what is left is unknown.
struct Keys(Table);

impl Keys {
    fn text(&mut self, key: &'static str) -> Result<Option<String>, DecodeError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(DecodeError::Invalid(key)),
        }
    }

    fn required(&mut self, key: &'static str) -> Result<String, DecodeError> {
        self.text(key)?.ok_or(DecodeError::Missing(key))
    }

    fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or(DecodeError::Invalid(key)),
        }
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        self.optional(key, parse)?.ok_or(DecodeError::Missing(key))
    }

    fn time(&mut self, key: &'static str) -> Result<Option<String>, DecodeError> {
        self.optional(key, |text| is_utc_time(text).then(|| text.to_owned()))
    }

    fn integer(&mut self, key: &'static str) -> Result<Option<i64>, DecodeError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(number)),
            Some(_) => Err(DecodeError::Invalid(key)),
        }
    }

    fn amount(&mut self, key: &'static str) -> Result<Option<i64>, DecodeError> {
        match self.integer(key)? {
            Some(micros) if micros < 0 => Err(DecodeError::Invalid(key)),
            amount => Ok(amount),
        }
    }

    fn boolean(&mut self, key: &'static str) -> Result<Option<bool>, DecodeError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::Boolean(value)) => Ok(Some(value)),
            Some(_) => Err(DecodeError::Invalid(key)),
        }
    }

    fn texts(&mut self, key: &'static str) -> Result<Vec<String>, DecodeError> {
        let Some(Value::Array(items)) = self.0.remove(key) else {
            return Err(DecodeError::Missing(key));
        };
        let text = |item| match item {
            Value::String(text) => Ok(text),
            _ => Err(DecodeError::Invalid(key)),
        };
        items.into_iter().map(text).collect()
    }
}

/// Whether a text is an RFC 3339 time in UTC: its first ten characters are the day then.
pub(super) fn is_utc_time(text: &str) -> bool {
    text.ends_with('Z') && text.get(10..11) == Some("T") && text.parse::<jiff::Timestamp>().is_ok()
}
