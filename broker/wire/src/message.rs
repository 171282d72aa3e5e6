//! Requests and replies on a run's socket. The peer's uid comes from the socket, never from a message.

use serde::{Deserialize, Serialize};
use tollgate_policy::grant::Grant;
use tollgate_policy::question::{Answer, Question, Seen};

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
    /// The open questions, as soon as they are others than at this change; a reply comes after [`WAIT`] at the latest.
    Wait {
        /// [`Reply::News::change`] of the last reply; 0 at first.
        since: u64,
    },
    /// One question, to be looked at in full: noted as opened by who asks.
    Show {
        /// The question's id.
        question: String,
    },
    /// What earlier answers opened and still stands.
    Grants,
    /// Takes such a grant back.
    Revoke {
        /// The id of the question whose answer opened it.
        question: String,
    },
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
        /// What was seen.
        #[serde(default)]
        seen: Seen,
    },
}

/// How long [`Ask::Wait`] waits at most.
pub const WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// What comes back: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The open questions.
    Questions(Vec<Question>),
    /// The open questions, and a number that grows with each change of them.
    News {
        /// To be sent with the next [`Ask::Wait`].
        change: u64,
        /// The open questions, oldest first.
        questions: Vec<Question>,
    },
    /// One question.
    Question(Box<Question>),
    /// What still stands.
    Grants(Vec<Grant>),
    /// The answer was taken.
    Taken,
    /// The answer was taken, and the question was a test of attention: nothing follows from it.
    Test,
    /// The yes was taken, and so many more people have to agree.
    Counted {
        /// How many.
        missing: u8,
    },
    /// It was not, and why (unknown, already answered by …, expired, digest differs, scope not possible).
    Refused(String),
}
