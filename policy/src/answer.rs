//! The one answer that a question gets: yes or no, how wide, and what was seen when it was given.

use serde::{Deserialize, Serialize};

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The question's id.
    pub question: String,
    /// The digest that the approver saw; another one than the question's is no answer.
    pub digest: String,
    /// Yes or no, and how wide.
    pub answer: Answer,
    /// Who answered: the peer's uid and name as the channel proved it.
    pub by: String,
    /// Through which channel: `cli`, `watch`, `web` …
    pub channel: String,
    /// A word to the agent or the record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What was seen.
    #[serde(default)]
    pub seen: Seen,
}

/// What an approver saw before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How many identical attempts were said to wait. A yes for once covers no more than these.
    #[serde(default = "one")]
    pub waiting: u32,
    /// Milliseconds for which it was on screen; none where the channel can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<u64>,
    /// Whether its evidence was opened; none where the channel can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<bool>,
}

fn one() -> u32 {
    1
}

impl Default for Seen {
    fn default() -> Self {
        Self { waiting: 1, shown: None, opened: None }
    }
}

/// Yes or no, and how wide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Approved, within the scope.
    Approve(Scope),
    /// Refused, this once.
    Deny,
    /// Refused, and so is the same action for the rest of the run.
    DenyRun,
    /// Refused, and the run is stopped.
    StopRun,
}

impl Answer {
    /// Whether it is a yes.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Approve(_))
    }
}

/// How wide an approval is; never wider than its question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This one attempt.
    Once,
    /// This exact action, with the same evidence under the same policy, for the rest of the run.
    Run,
    /// The same until a Unix time in milliseconds, within the run.
    Until(i64),
    /// The same, this many times in all, within the run.
    Uses(u32),
    /// Commands of the run whose argv starts with these words. Never for shells, interpreters, runners, wrappers.
    Prefix(Vec<String>),
}
