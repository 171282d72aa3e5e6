//! What policy says about a text as a whole.

use super::reading::{From, Opaque, Reading, Span};
use crate::grant::Grants;
use crate::policy::Policy;
use crate::subject::Subject;
use crate::verdict::{Effect, Reason, Verdict};

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
    /// What was read.
    pub reading: Reading,
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
        super::read(text, from)
    }

    /// What policy concludes about a text. Total: any text gets a verdict.
    #[must_use]
    pub fn judge_text(&self, text: &str, occasion: &Occasion<'_>) -> Judged {
        let reading = self.read_text(text, occasion.from);
        let effect = match occasion.stance {
            Stance::Contained => Effect::Allow,
            Stance::Bare => Effect::Ask,
        };
        let opaque = reading.opaque.first();
        let because = opaque.map_or("it is contained", |opaque| opaque.why.text()).to_owned();
        let reason = Reason { file: "default".to_owned(), line: 0, because };
        let span = opaque.map(|Opaque { span, .. }| *span);
        Judged { verdict: Verdict { effect, reason, class: None, profile: None }, span, reading }
    }
}
