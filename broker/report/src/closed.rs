//! Questions that are closed, as the ledger tells of them: what was asked, and what came of it.

use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_ledger::{Filter, Reader};
use tollgate_policy::question::Question;
use tollgate_wire::neutral;

/// A question that was asked, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// As it was asked.
    pub question: Question,
    /// When, in Unix milliseconds, and how; none while that is not written.
    pub decision: Option<(i64, Decision)>,
}

/// The question of this name; none where the ledger knows of none.
#[must_use]
pub fn closed(reader: &Reader, id: &str) -> Option<Closed> {
    let (run, _) = id.rsplit_once('-')?;
    let filter = Filter { run: Some(run.to_owned()), ..Filter::default() };
    let mut past: Option<Closed> = None;
    for entry in reader.list(&filter).ok()? {
        let at = entry.record.at;
        if let Event::Asked { question, .. } = entry.record.event {
            if question.id == id {
                past = Some(Closed { question, decision: None });
            }
        } else if let Event::Decided { question, decision, .. } = entry.record.event
            && question == id
            && let Some(past) = &mut past
        {
            past.decision = Some((at, decision));
        }
    }
    past
}

impl Closed {
    /// `denied by ann (uid 1000) through cli, 2030-01-31T12:00:00Z: not today`, with times as `shown` writes them.
    pub fn end(&self, shown: impl Fn(i64) -> String) -> Option<String> {
        let (at, decision) = self.decision.as_ref()?;
        let word = match decision.outcome {
            Outcome::Allowed => "approved",
            Outcome::Denied => "denied",
            Outcome::Expired => "expired",
            Outcome::ReviewFailed => "refused, as its review failed",
            Outcome::Aborted => "withdrawn",
        };
        let who = match decision.decider {
            Decider::Policy => String::new(),
            Decider::Grant => "an earlier approval".to_owned(),
            Decider::Reviewer => "the reviewer".to_owned(),
            Decider::Human => neutral::short(&decision.by, 60),
        };
        let part = |lead: &str, text: &str| if text.is_empty() { String::new() } else { format!("{lead}{text}") };
        let channel = neutral::short(&decision.channel, 30);
        let reason = neutral::short(&decision.reason, 400);
        let (by, through, because) = (part(" by ", &who), part(" through ", &channel), part(": ", &reason));
        Some(format!("{word}{by}{through}, {}{because}", shown(*at)))
    }
}
