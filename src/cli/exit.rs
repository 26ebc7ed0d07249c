//! Exit codes: what scripts may rely on.

/// How a run ended, as a process tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Built, or fresh, or nothing selected changed.
    Success = 0,
    /// An action failed or was rejected.
    Failed = 1,
    /// A usage, spec, config or lock error.
    Invalid = 2,
    /// `check` found something that is not fresh, or `plan --detailed-exitcode` work to do.
    NotFresh = 3,
    /// The budget or a person refused a purchase, or a raw is missing.
    Refused = 4,
    /// A provider, a key or a tool is unavailable.
    Unavailable = 5,
    /// A selected asset has a purchase with unknown outcome.
    UnknownPurchase = 6,
    /// A mistake of this program.
    Internal = 7,
    /// Ctrl-C; 128 and the number of the signal.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, the worst first. An interrupted run ends with 130 whatever it met before, as
    /// shells expect, unless this program itself is broken.
    pub const BY_SEVERITY: [Self; 9] = [
        Self::Internal,
        Self::Interrupted,
        Self::Invalid,
        Self::UnknownPurchase,
        Self::Refused,
        Self::Unavailable,
        Self::Failed,
        Self::NotFresh,
        Self::Success,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The worse of two.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        Self::worst_of([self, other])
    }

    /// The worst of all; success if there is none.
    pub fn worst_of(codes: impl IntoIterator<Item = Self>) -> Self {
        codes.into_iter().min_by_key(|code| code.rank()).unwrap_or(Self::Success)
    }

    fn rank(self) -> usize {
        Self::BY_SEVERITY
            .into_iter()
            .position(|code| code == self)
            .expect("every code has its place")
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_documented_one() {
        let numbers = ExitCode::BY_SEVERITY.map(ExitCode::code);
        assert_eq!(numbers, [7, 130, 2, 6, 4, 5, 1, 3, 0]);
    }

    #[test]
    fn the_worst_wins_in_any_order() {
        use ExitCode::{Failed, Invalid, NotFresh, Refused, Success, Unavailable};
        assert_eq!(NotFresh.worst(Failed), Failed);
        assert_eq!(Failed.worst(NotFresh), Failed);
        assert_eq!(ExitCode::worst_of([Success, Unavailable, Refused, Failed]), Refused);
        assert_eq!(ExitCode::worst_of([Refused, Invalid]), Invalid);
        assert_eq!(ExitCode::worst_of([]), Success);
    }
}
