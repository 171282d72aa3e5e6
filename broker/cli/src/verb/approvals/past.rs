//! Questions that are closed, as the ledger tells of them: what was asked, and what came of it.

use std::time::Duration;

use tollgate_ledger::record::{Decider, Decision, Event, Outcome as Ended};
use tollgate_ledger::{Filter, Reader};
use tollgate_policy::question::Question;
use tollgate_wire::neutral;

use crate::{place, time};

/// A question that was asked, and how it ended.
pub(super) struct Past {
    pub(super) question: Question,
    /// When, in Unix milliseconds, and how; none while that is not written.
    pub(super) decision: Option<(i64, Decision)>,
}

/// How often, and how long between, an answer that was just given is waited for: it is written before it counts.
const LOOKS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(50);

/// The same, once its end is written, if that comes soon.
pub(super) fn ended(id: &str) -> Option<Past> {
    for _ in 1..LOOKS {
        let past = of(id)?;
        if past.decision.is_some() {
            return Some(past);
        }
        std::thread::sleep(BETWEEN);
    }
    of(id)
}

/// The question of this name; none where the ledger knows of none.
pub(super) fn of(id: &str) -> Option<Past> {
    let (run, _) = id.rsplit_once('-')?;
    let reader = Reader::open(&place::places().ok()?.state).ok()?;
    let filter = Filter { run: Some(run.to_owned()), ..Filter::default() };
    let mut past: Option<Past> = None;
    for entry in reader.list(&filter).ok()? {
        let at = entry.record.at;
        if let Event::Asked { question, .. } = entry.record.event {
            if question.id == id {
                past = Some(Past { question, decision: None });
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

impl Past {
    /// `denied by ann (uid 1000) through cli, 2030-01-31T12:00:00Z: not today`
    pub(super) fn end(&self) -> Option<String> {
        let (at, decision) = self.decision.as_ref()?;
        let word = match decision.outcome {
            Ended::Allowed => "approved",
            Ended::Denied => "denied",
            Ended::Expired => "expired",
            Ended::ReviewFailed => "refused, as its review failed",
            Ended::Aborted => "withdrawn",
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
        Some(format!("{word}{by}{through}, {}{because}", time::shown(*at)))
    }
}
