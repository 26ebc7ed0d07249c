//! What goes wrong: at a given request, or with a probability.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Digest;

/// A way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Too many requests; nothing is billed.
    Busy,
    /// The server breaks before it begins; nothing is billed.
    Broken,
    /// The server breaks after it billed.
    BilledBroken,
    /// The connection is cut after it billed.
    Reset,
    /// Half of the result, billed.
    Truncate,
    /// The provider refuses; nothing is billed.
    Refuse,
    /// Success with something that is no result, billed.
    Garbage,
    /// The result comes slowly, billed.
    Slow,
    /// A whole result with nothing in it, billed: checks reject it.
    Blank,
}

impl FaultKind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Busy, "429"),
        (Self::Broken, "500"),
        (Self::BilledBroken, "billed-500"),
        (Self::Reset, "reset"),
        (Self::Truncate, "truncate"),
        (Self::Refuse, "refuse"),
        (Self::Garbage, "garbage"),
        (Self::Slow, "slow"),
        (Self::Blank, "blank"),
    ];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, word)| word)
    }

    /// Whether the result is billed all the same.
    pub(super) fn is_billed(self) -> bool {
        !matches!(self, Self::Busy | Self::Broken | Self::Refuse)
    }
}

/// A fault and when it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// When.
    pub when: When,
}

/// When a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At the request of this number, from 1.
    At(u64),
    /// In so many of a hundred requests.
    Percent(u64),
}

/// A text that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no fault: write KIND@N for the Nth request or KIND=PERCENT, with a kind of {kinds}",
    kinds = FaultKind::ALL.map(|(_, word)| word).join(", ")
)]
pub struct FaultParseError(String);

impl FromStr for Fault {
    type Err = FaultParseError;

    fn from_str(text: &str) -> Result<Self, FaultParseError> {
        let wrong = || FaultParseError(text.to_owned());
        let (word, when) = match (text.split_once('@'), text.split_once('=')) {
            (Some((word, number)), _) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                (word, When::At(number.ok_or_else(wrong)?))
            }
            (_, Some((word, percent))) => {
                let percent = percent.trim_end_matches('%').parse().ok();
                (word, When::Percent(percent.filter(|p| *p <= 100).ok_or_else(wrong)?))
            }
            _ => return Err(wrong()),
        };
        let found = FaultKind::ALL.into_iter().find(|(_, known)| *known == word);
        Ok(Self { kind: found.ok_or_else(wrong)?.0, when })
    }
}

/// Decides for each request in turn.
pub(super) struct Faults {
    faults: Vec<Fault>,
    seed: u64,
    count: AtomicU64,
}

impl Faults {
    pub(super) fn new(faults: &[Fault], seed: u64) -> Self {
        Self { faults: faults.to_vec(), seed, count: AtomicU64::new(0) }
    }

    /// What happens to the next request, if anything.
    pub(super) fn next(&self) -> Option<FaultKind> {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let happens = |(place, fault): (usize, &Fault)| match fault.when {
            When::At(at) => at == number,
            When::Percent(percent) => {
                let text = format!("{} {number} {place}", self.seed);
                let digest = Digest::of(text.as_bytes()).hex();
                let drawn = u64::from_str_radix(&digest[..8], 16).unwrap_or(0) % 100;
                drawn < percent
            }
        };
        self.faults.iter().enumerate().find(|entry| happens(*entry)).map(|(_, fault)| fault.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_others_are_told() {
        let fault = |text: &str| text.parse::<Fault>();
        let reset = Fault { kind: FaultKind::Reset, when: When::At(3) };
        assert_eq!(fault("reset@3"), Ok(reset));
        let busy = Fault { kind: FaultKind::Busy, when: When::Percent(20) };
        assert_eq!(fault("429=20%"), Ok(busy));
        for wrong in ["reset", "reset@0", "429=101", "fire=5", "=5"] {
            assert!(fault(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_happens_at_its_request_or_about_as_often_as_it_should() {
        let at: Fault = "reset@2".parse().expect("a fault");
        let faults = Faults::new(&[at], 1);
        assert_eq!(
            [faults.next(), faults.next(), faults.next()],
            [None, Some(FaultKind::Reset), None]
        );
        let often: Fault = "429=25".parse().expect("a fault");
        let faults = Faults::new(&[often], 7);
        let hits = (0..1000).filter(|_| faults.next().is_some()).count();
        assert!((180..320).contains(&hits), "{hits}");
    }
}
