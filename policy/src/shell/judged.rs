//! What policy says about a text as a whole.

use super::reading::{From, Reading, Span};
use crate::action::Exec;
use crate::grant::Grants;
use crate::policy::Policy;
use crate::profile::document::ProgramLine;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// How the text would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Inside a boundary: the gate judges what it does once more.
    Contained,
    /// Outside: this is the last look.
    Bare,
}

/// Who would run a text, where and when. Nothing here is looked up.
#[derive(Debug)]
pub struct Occasion<'a> {
    /// Who acts.
    pub subject: &'a Subject,
    /// What was approved before.
    pub grants: &'a Grants,
    /// Unix time in milliseconds.
    pub now_ms: i64,
    /// Where it would run.
    pub from: &'a From,
    /// How it would run.
    pub stance: Stance,
}

/// What policy says about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The strictest of what is said of its parts.
    pub verdict: Verdict,
    /// What decided, in the text; none where it is the text as a whole.
    pub span: Option<Span>,
    /// Commands of a contained text that surely run and about which a rule asks, in the order in which they are written.
    pub asking: Vec<Asking>,
    /// What was read.
    pub reading: Reading,
}

/// A command about which a rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The command, as far as the text tells: the executable is only where one of that name usually lies.
    pub exec: Exec,
    /// What the rule says.
    pub verdict: Verdict,
    /// Where it stands.
    pub span: Span,
    /// Whether the text tells each of its words, and where it would run.
    pub is_known: bool,
}

impl Judged {
    /// Whether a part of the text was not understood.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        !self.reading.opaque.is_empty()
    }
}

impl Policy {
    /// Reads a text as bash would, seeing through the wrappers and interpreters that the policy's `[[program]]` tables list.
    #[must_use]
    pub fn read_text(&self, text: &str, from: &From) -> Reading {
        let lines: Vec<&ProgramLine> = self.programs().collect();
        super::walk::read(text, from, super::table::Table::new(&lines))
    }

    /// What policy concludes about a text. Total: any text gets a verdict.
    #[must_use]
    pub fn judge_text(&self, text: &str, occasion: &Occasion<'_>) -> Judged {
        let lines: Vec<&ProgramLine> = self.programs().collect();
        let table = super::table::Table::new(&lines);
        let reading = super::walk::read(text, occasion.from, table);
        let (verdict, span, asking) =
            super::weigh::weigh(&super::weigh::Scales { policy: self, occasion, table, text }, &reading);
        Judged { verdict, span, asking, reading }
    }
}
