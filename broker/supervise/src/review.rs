//! What the automatic reviewer says of a question, and what follows from it.

use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_policy::evidence::Section;
use tollgate_policy::review::{Opinion, Review};
use tollgate_policy::verdict::Effect;

use crate::gate::Gate;
use crate::hold::{Closed, decided};

impl Gate<'_> {
    /// The reviewer has looked at a question: the stricter of table and reviewer holds.
    pub(crate) fn reviewed(&mut self, id: String, review: &Review) {
        let Some(mut held) = self.held.remove(&id) else { return };
        let Some(mut question) = held.question.take() else { return self.refuse(&held.call, libc::EPERM) };
        let event = Event::Reviewed { action: held.action, question: id.clone(), review: review.clone() };
        if let Err(unwritten) = self.pen.durable(event) {
            self.broken(unwritten);
            return self.refuse(&held.call, libc::EPERM);
        }
        let table = self.run.policy.review_question(&question).effect;
        let by = Decision { by: review.by.clone(), ..decided(Outcome::Allowed, Decider::Reviewer, &said(review)) };
        match review.effective(table) {
            Effect::Allow => self.close(held, Closed { id, decision: by }),
            Effect::Deny => {
                self.close(held, Closed { id, decision: Decision { outcome: Outcome::Denied, ..by } });
                if let Opinion::Stop(why) = &review.opinion {
                    self.ending.stopped.get_or_insert_with(|| format!("the reviewer stopped it: {why}"));
                    self.end_everything();
                }
            }
            Effect::Review | Effect::Ask => {
                question.evidence.push(shown_review(review));
                let failed = matches!(review.opinion, Opinion::Failed(_)).then(|| said(review));
                self.ask_after(held, *question, failed);
            }
        }
    }
}

/// What a reviewer said, for the record and the agent: codes, not its prose.
fn said(review: &Review) -> String {
    match &review.opinion {
        Opinion::Verdict(effect) if review.codes.is_empty() => format!("{effect} by {}", review.by),
        Opinion::Verdict(effect) => format!("{effect} by {} ({})", review.by, review.codes.join(", ")),
        Opinion::Failed(why) => format!("the reviewer {} failed: {why}", review.by),
        Opinion::Open(why) | Opinion::Stop(why) => format!("the reviewer {} is not asked: {why}", review.by),
    }
}

fn shown_review(review: &Review) -> Section {
    let (verdict, why) = match &review.opinion {
        Opinion::Verdict(effect) => (effect.to_string(), review.rationale.clone()),
        Opinion::Failed(why) => ("review_failed".to_owned(), why.clone()),
        Opinion::Open(why) | Opinion::Stop(why) => ("not reviewed".to_owned(), why.clone()),
    };
    Section::Review { by: review.by.clone(), verdict, rationale: why, codes: review.codes.clone() }
}
