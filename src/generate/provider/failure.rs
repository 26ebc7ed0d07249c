//! Why a request gave nothing, by what it means for the money.

/// Why there is no result. `words`: the provider's own, redacted, or what the network said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The request never left, or was turned away for the moment: nothing is billed.
    #[error("the provider cannot be reached: {words}")]
    Down {
        /// Why.
        words: String,
    },
    /// The provider will not make this: asking again changes nothing.
    #[error("refused by the provider: {words}")]
    Refused {
        /// Its words.
        words: String,
        /// Whether it may be billed all the same.
        may_be_billed: bool,
    },
    /// The provider does not understand the request: a mistake of the spec or of this program.
    #[error("the provider does not accept the request: {words}")]
    Rejected {
        /// Its words.
        words: String,
    },
    /// The credentials are wrong, or do not suffice.
    #[error("the provider does not accept the key: {words}")]
    Unauthorized {
        /// Its words.
        words: String,
    },
    /// The account has no money or credits left.
    #[error("the provider's account is out of money: {words}")]
    NoMoney {
        /// Its words.
        words: String,
    },
    /// The run was stopped while it waited for its turn: nothing is billed.
    #[error("stopped before the request was accepted")]
    Stopped,
    /// The provider works on it, or is done and cannot be reached for the result: a later run asks
    /// about the job that is on record.
    #[error("the provider still has it: {words}")]
    Running {
        /// What happened.
        words: String,
    },
    /// The request left, and whether it is billed is not known.
    #[error("nobody knows whether it was billed: {words}")]
    Uncertain {
        /// What happened.
        words: String,
        /// What came of the answer, to be kept.
        kept: Vec<u8>,
    },
}

impl Failure {
    /// An outcome that nobody knows, with nothing to keep.
    pub fn uncertain(words: impl Into<String>) -> Self {
        Self::Uncertain { words: words.into(), kept: Vec::new() }
    }

    /// What a failure to ask about a job means for the job: nothing, unless the provider says that
    /// there is none.
    pub(super) fn of_job(self) -> Self {
        match self {
            Self::Rejected { words } => Self::uncertain(words),
            other => Self::Running { words: other.to_string() },
        }
    }

    /// What a failure to fetch a result means where no job is on record: nobody knows.
    pub(super) fn for_good(self) -> Self {
        match self {
            Self::Running { words } => Self::uncertain(words),
            other => other,
        }
    }

    /// Whether the provider is not to be asked again in this run.
    pub fn stops_provider(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::NoMoney { .. })
    }
}
