//! What was decided before, in order: to be judged again under another policy, and to learn from.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use tollgate_ledger::record::{Decision, Event, Record, RunStarted};
use tollgate_ledger::{Fault, Reader, list};
use tollgate_policy::action::Action;
use tollgate_policy::verdict::{Effect, Verdict};

use crate::tally::Filter;

/// One action that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its run.
    pub run: String,
    /// What was attempted.
    pub action: Action,
    /// What policy said then.
    pub before: Verdict,
    /// The question, where it was asked.
    pub question: Option<String>,
    /// How the question ended; none where it was not asked, or never ended.
    pub decision: Option<Decision>,
}

/// Runs, and what was judged in them.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// How each run began, by its id.
    pub runs: BTreeMap<String, RunStarted>,
    /// In the ledger's order.
    pub past: Vec<Past>,
    asked: HashMap<String, usize>,
}

/// The story of a ledger.
///
/// # Errors
/// [`Fault`] where the ledger can't be read.
pub fn story(ledger: &Reader, filter: &Filter) -> Result<Story, Fault> {
    let records = list::Filter { run: filter.run.clone(), ..list::Filter::default() };
    let mut story = Story::default();
    ledger.each(&records, |_, record| {
        story.take(record, filter.since);
        ControlFlow::Continue(())
    })?;
    Ok(story)
}

impl Story {
    /// Takes the next record; what is older than `since` only tells how its run began.
    pub fn take(&mut self, record: Record, since: Option<i64>) {
        let Record { at, run, event, .. } = record;
        let wanted = since.is_none_or(|since| at >= since);
        match event {
            Event::RunStarted(started) => {
                self.runs.insert(run, started);
            }
            // One that was asked about before is known from its question.
            Event::Step { exec, verdict, .. } if wanted && verdict.effect == Effect::Allow => {
                self.add(run, Action::Exec(exec), verdict);
            }
            Event::Reached { connect, verdict, .. } if wanted && verdict.effect == Effect::Allow => {
                self.add(run, Action::Connect(connect), verdict);
            }
            Event::Denied { what, verdict, .. } if wanted => self.add(run, what, verdict),
            Event::Asked { question, .. } if wanted => {
                self.asked.insert(question.id.clone(), self.past.len());
                self.add(run, question.action, question.verdict);
                if let Some(past) = self.past.last_mut() {
                    past.question = Some(question.id);
                }
            }
            Event::Decided { question, decision, .. } => {
                let past = self.asked.get(&question).and_then(|at| self.past.get_mut(*at));
                if let Some(past) = past {
                    past.decision = Some(decision);
                }
            }
            Event::Step { .. }
            | Event::Reached { .. }
            | Event::Denied { .. }
            | Event::Asked { .. }
            | Event::ActionStarted { .. }
            | Event::Reviewed { .. }
            | Event::Joined { .. }
            | Event::Revoked { .. }
            | Event::Refused { .. }
            | Event::Tampered { .. }
            | Event::Escalated { .. }
            | Event::EscalationEnded { .. }
            | Event::Hook { .. }
            | Event::ActionEnded { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    fn add(&mut self, run: String, action: Action, before: Verdict) {
        self.past.push(Past { run, action, before, question: None, decision: None });
    }
}
