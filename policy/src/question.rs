//! What is put to an approver, and the one answer it gets.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::verdict::Verdict;

/// A question: self-contained, with a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Short, unique over all runs: `RUN-N`.
    pub id: String,
    /// The run that asks.
    pub run: String,
    /// What is attempted.
    pub action: Action,
    /// SHA-256 of the canonical action, hex: an answer is bound to it.
    pub digest: String,
    /// What the judge said.
    pub verdict: Verdict,
    /// Commands that led here, outermost first, each an argv shown as one line.
    pub lineage: Vec<String>,
    /// Facts that the broker collected itself: label and text.
    pub evidence: Vec<(String, String)>,
    /// Unix time in milliseconds when it was asked.
    pub asked_at: i64,
    /// Unix time in milliseconds after which silence refuses.
    pub deadline: i64,
}

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
}

/// Yes or no, and how wide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Approved, within the scope.
    Approve(Scope),
    /// Refused by a person.
    Deny,
}

/// How wide an approval is; never wider than its question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This one attempt.
    Once,
    /// This exact action (digest) for the rest of the run.
    Run,
    /// This exact action (digest) until a Unix time in milliseconds, within the run.
    Until(i64),
    /// Commands of the run whose argv starts with these words. Never for shells, interpreters, runners, wrappers.
    Prefix(Vec<String>),
}
