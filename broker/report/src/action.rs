//! One action and the path it took: the unit of every share.

use std::collections::BTreeMap;

use tollgate_ledger::record::{Decider, Decision, Outcome};
use tollgate_policy::verdict::Effect;

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// It stayed in the sandbox and nothing was refused.
    SandboxOk,
    /// The boundary refused something, and nobody was asked.
    SandboxRefused,
    /// Somebody or something was asked, and all questions were allowed.
    EscalatedAllowed,
    /// Somebody or something was asked, and at least one question was not allowed.
    EscalatedDenied,
    /// A rule said deny, or the process changed what had been judged; nobody was asked.
    PolicyDenied,
    /// It ran without walls, because the configuration said so; nobody was asked and no rule said deny.
    Unsandboxed,
}

/// One action, its retries included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// How it ended: the last attempt's path.
    pub path: Path,
    /// Whether a rule of class `read` says that it only reads.
    pub read_only: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// What was asked, by question id.
    pub(crate) questions: BTreeMap<String, Asked>,
}

/// A moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) run: u32,
    pub(crate) at: i64,
    pub(crate) mono: u64,
}

impl Moment {
    /// Whether `later` is at most `window` milliseconds after this. Within a run the monotonic clock tells, between
    /// runs the wall clock; if that stepped back, it is not.
    pub(crate) fn is_within(self, window: u64, later: Self) -> bool {
        let passed = if self.run == later.run {
            later.mono.checked_sub(self.mono)
        } else {
            later.at.checked_sub(self.at).and_then(|ms| u64::try_from(ms).ok())
        };
        passed.is_some_and(|ms| ms <= window)
    }
}

/// One start of a command, before retries are put together.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) started: Moment,
    /// Commands with the same number have the same argv, working directory and workspace.
    pub(crate) effects: u32,
    pub(crate) read_only: bool,
    pub(crate) walls: Walls,
    pub(crate) refused: Option<Moment>,
    pub(crate) denied: bool,
    pub(crate) questions: BTreeMap<String, Asked>,
}

/// Whether a run had walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walls {
    Sandbox,
    None,
}

/// A question and its decisions, in order: the last one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) effect: Effect,
    pub(crate) attended: bool,
    pub(crate) decisions: Vec<Decision>,
}

impl Attempt {
    /// The first of these that holds: a question not allowed, a question, a denial, a refusal, none of them.
    pub(crate) fn path(&self) -> Path {
        if self.questions.values().any(|q| q.outcome() != Some(Outcome::Allowed)) {
            Path::EscalatedDenied
        } else if !self.questions.is_empty() {
            Path::EscalatedAllowed
        } else if self.denied {
            Path::PolicyDenied
        } else if self.walls == Walls::None {
            Path::Unsandboxed
        } else if self.refused.is_some() {
            Path::SandboxRefused
        } else {
            Path::SandboxOk
        }
    }
}

impl Asked {
    /// The decision that counts.
    pub(crate) fn last(&self) -> Option<&Decision> {
        self.decisions.last()
    }

    /// How it ended; none while it is open, or if the run was killed before.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.last().map(|d| d.outcome)
    }

    /// Whether it was put to a person: one decided, or was waited for, or is.
    pub(crate) fn reached_human(&self) -> bool {
        let silent = |d: &Decision| d.outcome == Outcome::Expired && self.attended;
        let open = self.decisions.is_empty() && self.attended && self.effect == Effect::Ask;
        open || self.decisions.iter().any(|d| d.decider == Decider::Human || silent(d))
    }
}
