//! Requests and replies on a run's socket. The peer's uid comes from the socket, never from a message.

use serde::{Deserialize, Serialize};
use tollgate_policy::question::{Answer, Question};

/// The protocol's version; another one is refused with a reason.
pub const VERSION: u32 = 1;

/// What an approver's program sends: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// The run's answer token: a secret in a file that no boundary lets be read.
    pub token: String,
    /// What is wanted.
    pub ask: Ask,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// All open questions.
    List,
    /// Answer one, as it was seen.
    Answer {
        /// The question's id.
        question: String,
        /// The digest that was shown.
        digest: String,
        /// Yes or no.
        answer: Answer,
        /// `cli`, `watch`, `web`.
        channel: String,
        /// A word to the agent.
        reason: String,
    },
}

/// What comes back: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The open questions.
    Questions(Vec<Question>),
    /// The answer was taken.
    Taken,
    /// It was not, and why (unknown, already answered by …, expired, digest differs, scope not possible).
    Refused(String),
}
