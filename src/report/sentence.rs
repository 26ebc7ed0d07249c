//! Events as lines for people: what the terminal and the plain lines have in common.

use std::collections::BTreeSet;
use std::fmt;

use crate::base::units::MicroUsd;
use crate::catalog::PriceUnit;
use crate::event::{ActionKind, Event, Outcome};
use crate::report::summary::{count, duration, line};
use crate::report::{Palette, Verbosity};

/// Turns events into lines; remembers what it already said.
#[derive(Debug)]
pub(super) struct Narrator {
    verbosity: Verbosity,
    palette: Palette,
    names_built: bool,
    skipped: BTreeSet<String>,
    spent: Spent,
}

/// What was bought so far.
#[derive(Debug, Default)]
struct Spent {
    count: usize,
    usd_micros: i64,
    credit_micros: i64,
    has_unknown: bool,
}

impl Spent {
    fn add(&mut self, micros: Option<i64>, unit: PriceUnit) {
        self.count += 1;
        match (micros, unit) {
            (None, _) => self.has_unknown = true,
            (Some(micros), PriceUnit::Usd) => self.usd_micros += micros,
            (Some(micros), PriceUnit::Credits) => self.credit_micros += micros,
        }
    }
}

impl fmt::Display for Spent {
    /// `; bought 4 for $0.21`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return Ok(());
        }
        let mut sums = Vec::new();
        if self.usd_micros > 0 {
            sums.push(amount(self.usd_micros, PriceUnit::Usd));
        }
        if self.credit_micros > 0 {
            sums.push(amount(self.credit_micros, PriceUnit::Credits));
        }
        if self.has_unknown {
            sums.push("an unknown price".to_owned());
        }
        if sums.is_empty() {
            sums.push("nothing".to_owned());
        }
        write!(f, "; bought {} for {}", self.count, sums.join(" and "))
    }
}

/// An amount as the lock has it, for people.
pub(crate) fn amount_of(micros: Option<i64>, unit: &str) -> String {
    let unit =
        if unit == PriceUnit::Credits.as_str() { PriceUnit::Credits } else { PriceUnit::Usd };
    micros.map_or_else(|| "price unknown".to_owned(), |micros| amount(micros, unit))
}

/// `$0.053`, `120 credits`.
pub(crate) fn amount(micros: i64, unit: PriceUnit) -> String {
    match unit {
        PriceUnit::Usd => MicroUsd(micros).to_string(),
        PriceUnit::Credits => {
            let (whole, part) = (micros / 1_000_000, micros.rem_euclid(1_000_000));
            let part = format!("{part:06}");
            match part.trim_end_matches('0') {
                "" => format!("{whole} credits"),
                part => format!("{whole}.{part} credits"),
            }
        }
    }
}

impl Narrator {
    /// A narrator; `names_built` asks for a line per built asset at normal verbosity.
    pub(super) fn new(verbosity: Verbosity, palette: Palette, names_built: bool) -> Self {
        Self { verbosity, palette, names_built, skipped: BTreeSet::new(), spent: Spent::default() }
    }

    /// The text for an event, without a final line break; none if it is not worth a line.
    pub(super) fn tell(&mut self, event: &Event) -> Option<String> {
        let palette = self.palette;
        let normal = self.verbosity >= Verbosity::Normal;
        let verbose = self.verbosity >= Verbosity::Verbose;
        match event {
            Event::ActionFinished { asset, kind, detail, outcome, took, .. } => match outcome {
                Outcome::Failed(message) => Some(self.failure(asset, *kind, message)),
                Outcome::Skipped(cause) => (normal && self.skipped.insert(asset.clone()))
                    .then(|| format!("skipped {}: {cause} failed", palette.bold(asset))),
                Outcome::Ran | Outcome::Cached if verbose => {
                    let how = match outcome {
                        Outcome::Cached => "from cache".to_owned(),
                        _ => duration(*took),
                    };
                    let detail =
                        if detail.is_empty() { String::new() } else { format!(" {detail}") };
                    let kind = kind.as_str();
                    Some(palette.dim(format!("{kind} {asset}{detail} ({how})")))
                }
                Outcome::Ran | Outcome::Cached | Outcome::Cancelled => None,
            },
            Event::AssetBuilt { asset, cached, took } => {
                let wanted = if self.names_built { normal } else { verbose };
                let how = if *cached { "from cache".to_owned() } else { duration(*took) };
                wanted.then(|| {
                    let how = palette.dim(format!("({how})"));
                    format!("{} {asset} {how}", palette.done("built"))
                })
            }
            Event::Bought { asset, model, cost_micros, unit, is_reported, .. } => {
                self.spent.add(*cost_micros, *unit);
                normal.then(|| {
                    let about = if *is_reported { "" } else { "at most " };
                    let cost = cost_micros.map_or_else(
                        || "price unknown".to_owned(),
                        |micros| format!("{about}{}", amount(micros, *unit)),
                    );
                    format!("{} {asset}: {model}, {cost}", palette.done("bought"))
                })
            }
            Event::Fallback { asset, from, to, why } => normal.then(|| {
                let text = format!("{asset}: {to} takes over from {from}: {why}");
                indented(&palette.warning("warning"), &text)
            }),
            Event::Variations { asset, count, folder, waits } => normal.then(|| match waits {
                true => format!(
                    "{asset}: {count} results in {folder}; pick one: assetbuild pick {asset} N"
                ),
                false => format!("{asset}: {count} results in {folder}"),
            }),
            Event::Published { path, size, .. } => {
                verbose.then(|| palette.dim(format!("published {path} ({})", bytes(*size))))
            }
            Event::ManifestUpdated { entries } => verbose.then(|| {
                let entries = match entries {
                    1 => "1 entry".to_owned(),
                    entries => format!("{entries} entries"),
                };
                palette.dim(format!("manifest updated: {entries}"))
            }),
            Event::Changed { paths } => verbose.then(|| {
                let what = match paths.len() {
                    0 => "anything".to_owned(),
                    _ => paths.join(", "),
                };
                palette.dim(format!("changed: {what}"))
            }),
            // People are shown these in another form.
            Event::Mistakes { .. } | Event::Held { .. } | Event::Waiting { .. } => None,
            Event::Idle => None,
            Event::StepFinished { step, took, .. } => {
                verbose.then(|| palette.dim(format!("{step} took {}", duration(*took))))
            }
            Event::Warning { asset, message } => normal.then(|| {
                let about = asset.as_ref().map_or(String::new(), |asset| format!("{asset}: "));
                indented(&palette.warning("warning"), &format!("{about}{message}"))
            }),
            Event::RunFinished { summary } => {
                let text = format!("{}{}", line(summary), self.spent);
                let painted = match (summary.failed > 0, summary.interrupted) {
                    (true, _) => palette.error(text),
                    (false, true) => palette.warning(text),
                    (false, false) => palette.done(text),
                };
                Some(painted)
            }
            Event::RunStarted { assets, actions } => verbose.then(|| {
                let actions = count(actions.iter().sum(), "action");
                palette.dim(format!("{} selected, up to {actions} to run", count(*assets, "asset")))
            }),
            Event::ActionStarted { .. } | Event::Measured { .. } => None,
        }
    }

    fn failure(&self, asset: &str, kind: ActionKind, message: &str) -> String {
        let what = self.palette.bold(format!("{} {asset}", kind.as_str()));
        indented(&self.palette.error("error"), &format!("{what}: {message}"))
    }
}

/// `head: text`, with the further lines of `text` indented below it.
fn indented(head: &str, text: &str) -> String {
    format!("{head}: {}", text.trim_end().replace('\n', "\n  "))
}

/// A file size in decimal units.
fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{:.1} kB", size as f64 / 1e3),
        _ => format!("{:.1} MB", size as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(12_340), "12.3 kB");
        assert_eq!(bytes(2_500_000), "2.5 MB");
    }

    #[test]
    fn a_long_message_is_indented_below_its_first_line() {
        assert_eq!(indented("error", "first\nsecond\n"), "error: first\n  second");
    }
}
