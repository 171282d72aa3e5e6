//! What goes back to a client: two streams and an exit code, built whole.

use serde_json::Value;

/// What is to be said about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may go on as it is.
    Allow {
        /// Why, for who reads the client's log.
        reason: String,
    },
    /// It may go on with this command line instead of its own.
    Rewrite {
        /// The command line.
        text: String,
        /// Why.
        reason: String,
    },
    /// It must not go on.
    Deny {
        /// Why, and what to do next; for the agent.
        reason: String,
    },
    /// The client's own person decides at the client's own prompt.
    HandOver {
        /// Why it is asked.
        reason: String,
    },
    /// Nothing is said: the client does what it would do without a hook.
    Pass,
}

/// An answer, as the process that is the hook gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// All of stdout; to be written with one `write(2)`.
    pub stdout: Vec<u8>,
    /// All of stderr.
    pub stderr: Vec<u8>,
    /// The exit code.
    pub code: u8,
}

impl Reply {
    /// The one no that all clients honour whatever the event: code 2, a reason on stderr, nothing on stdout.
    #[must_use]
    pub fn no(reason: &str) -> Self {
        let reason = if reason.trim().is_empty() { "refused" } else { reason };
        Self { stdout: Vec::new(), stderr: format!("{reason}\n").into_bytes(), code: 2 }
    }

    /// Nothing, and success.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { stdout: Vec::new(), stderr: Vec::new(), code: 0 }
    }

    /// One JSON object, and success.
    pub(crate) fn json(value: &Value) -> Self {
        Self { stdout: format!("{value}\n").into_bytes(), stderr: Vec::new(), code: 0 }
    }
}
