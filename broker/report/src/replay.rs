//! What was decided before, in order: to be judged again under another policy, and to learn from.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use tollgate_ledger::record::{Decision, Event, Outcome, Record, RunStarted};
use tollgate_ledger::{Fault, Reader, list};
use tollgate_policy::action::Action;
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::{Effect, Reason, Verdict};
use tollgate_policy::{Grants, Policy, Subject};
use tollgate_wire::card;

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

/// Like decisions that would be others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was said.
    pub before: Effect,
    /// What would be said.
    pub after: Effect,
    /// The action in one line.
    pub what: String,
    /// Why it would be.
    pub reason: Reason,
    /// How many.
    pub count: usize,
    /// How many were asked and approved.
    pub approved: usize,
    /// In which runs.
    pub runs: Vec<String>,
}

/// Makes the policy that a run which began so would have.
pub type Make<'a, E> = &'a dyn Fn(&RunStarted) -> Result<Policy, E>;

/// What would be decided otherwise at `now` (Unix milliseconds), most frequent first, and how many were judged. Without a
/// `before` it is what was said then.
///
/// # Errors
/// Where a policy can't be made.
pub fn differ<E>(
    story: &Story,
    (before, after): (Option<Make<'_, E>>, Make<'_, E>),
    now: i64,
) -> Result<(Vec<Change>, usize), E> {
    let mut policies: BTreeMap<(AbsPath, Vec<String>), (Option<Policy>, Policy)> = BTreeMap::new();
    let mut changes: BTreeMap<(Effect, Effect, String), Change> = BTreeMap::new();
    let mut judged = 0_usize;
    for past in &story.past {
        let Some(started) = story.runs.get(&past.run) else { continue };
        let key = (started.workspace.clone(), started.profiles.clone());
        if !policies.contains_key(&key) {
            policies.insert(key.clone(), (before.map(|make| make(started)).transpose()?, after(started)?));
        }
        let Some((before, after)) = policies.get(&key) else { continue };
        judged += 1;
        let subject = Subject { run: past.run.clone(), ..Subject::default() };
        let judge = |policy: &Policy| policy.judge(&subject, &past.action, &Grants::default(), now);
        let then = before.as_ref().map_or(past.before.effect, |policy| judge(policy).effect);
        let verdict = judge(after);
        if verdict.effect != then {
            note(&mut changes, (past, then), verdict);
        }
    }
    let mut changes: Vec<Change> = changes.into_values().collect();
    changes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
    Ok((changes, judged))
}

fn note(changes: &mut BTreeMap<(Effect, Effect, String), Change>, (past, before): (&Past, Effect), verdict: Verdict) {
    let (what, after) = (card::what(&past.action), verdict.effect);
    let (reason, none) = (verdict.reason, Vec::new);
    let change = changes.entry((before, after, what.clone())).or_insert_with(|| Change {
        before,
        after,
        what,
        reason,
        count: 0,
        approved: 0,
        runs: none(),
    });
    change.count += 1;
    change.approved += usize::from(past.decision.as_ref().is_some_and(|d| d.outcome == Outcome::Allowed));
    if !change.runs.contains(&past.run) {
        change.runs.push(past.run.clone());
    }
}
