//! Identical attempts that wait for one answer: one question, however often it is tried.

use tollgate_ledger::record::{Decision, Event, Outcome};

use crate::gate::Gate;
use crate::hold::{Held, Then};

/// How many attempts of a run may wait beside those whose questions are open.
const JOINED: usize = 1000;

/// What the end of a question means for those that waited with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joint {
    outcome: Outcome,
    /// How many of them were said to wait when it was approved once; none: an approval for longer covers all.
    covered: Option<usize>,
}

impl Joint {
    pub(crate) fn of(decision: &Decision) -> Self {
        let seen = decision.seen.map_or(1, |seen| seen.waiting);
        let once = decision.scope.is_empty() || decision.scope == "once";
        let others = usize::try_from(seen.saturating_sub(1)).unwrap_or(0);
        Self { outcome: decision.outcome, covered: once.then_some(others) }
    }
}

impl Gate<'_> {
    /// Lets an attempt wait with an identical one; gives it back where there is none.
    pub(crate) fn join(&mut self, mut held: Held) -> Option<Held> {
        if held.draft.is_empty() {
            return Some(held);
        }
        let Some(id) = self.held.iter().find(|(_, open)| open.draft == held.draft).map(|(id, _)| id.clone()) else {
            return Some(held);
        };
        let waiting: usize = self.joined.values().map(Vec::len).sum();
        if waiting >= JOINED {
            self.refuse(&held.call, libc::EPERM);
            return None;
        }
        let (action, pid) = (held.action, held.call.tid.unsigned_abs());
        if let Err(unwritten) = self.pen.durable(Event::Joined { action, pid, question: id.clone() }) {
            self.broken(unwritten);
            self.refuse(&held.call, libc::EPERM);
            return None;
        }
        self.begin_early(&mut held);
        let others = self.joined.entry(id.clone()).or_default();
        others.push(held);
        let count = u32::try_from(others.len() + 1).unwrap_or(u32::MAX);
        self.run.asker.joined(&id, count);
        None
    }

    /// The end of a question, for those that waited with it. An approval for once covers as many as its approver saw; the
    /// rest is asked again.
    pub(crate) fn end_joined(&mut self, id: &str, end: &Joint, told: &str) {
        let Some(mut others) = self.joined.remove(id) else { return };
        let again = match (end.outcome, end.covered) {
            (Outcome::Allowed, Some(covered)) => others.split_off(covered.min(others.len())),
            (Outcome::Allowed, None) | (Outcome::Aborted, _) => std::mem::take(&mut others),
            (Outcome::Denied | Outcome::Expired | Outcome::ReviewFailed, _) => Vec::new(),
        };
        for held in others.into_iter().filter(|held| self.still_stands(held)).collect::<Vec<_>>() {
            self.take_effect(held, (id, end.outcome), told);
        }
        self.put_again(again);
    }

    /// The attempt that was to be asked about has gone before it was: those that waited with it are asked about.
    pub(crate) fn put_joined_again(&mut self, id: &str) {
        let others = self.joined.remove(id).unwrap_or_default();
        self.put_again(others);
    }

    fn put_again(&mut self, others: Vec<Held>) {
        for held in others {
            if self.still_stands(&held) {
                self.cross_with(held);
            }
        }
    }

    /// Whether somebody still waits for what comes of it, or it is to be answered though nobody does.
    pub(crate) fn still_stands(&self, held: &Held) -> bool {
        if let Then::Carry(leave) = &held.then {
            return leave.is_awaited();
        }
        held.stands_alone() || self.listener.as_ref().is_some_and(|listener| listener.is_valid(held.call.id))
    }
}
