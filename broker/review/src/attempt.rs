//! One try at getting an answer.

/// What a try brought.
pub(crate) struct Reply {
    /// The answer's text, or why there is none.
    pub(crate) text: Result<String, Fault>,
    /// Tokens sent and received, as far as they are told.
    pub(crate) tokens: (u64, u64),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) why: String,
    pub(crate) again: Again,
}

/// Whether another try could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    Yes,
    No,
}

impl Reply {
    pub(crate) fn failed(why: impl Into<String>, again: Again) -> Self {
        Self { text: Err(Fault { why: why.into(), again }), tokens: (0, 0) }
    }
}
