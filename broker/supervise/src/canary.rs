//! Tests of attention (`tollgate_wire::canary`), put beside the questions of a run. Only where a policy opts in; announced with each
//! question; at most two of a hundred. Nothing waits for their answer, so nothing can come of it.

use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_policy::action::Action;
use tollgate_policy::evidence::{Destination, Section};
use tollgate_policy::grant::Grants;
use tollgate_policy::question::{Approval, Question};
use tollgate_policy::verdict::Effect;
use tollgate_wire::canary::temptations;

use crate::evidence;
use crate::gate::Gate;
use crate::hold::decided;
use crate::record::now;

impl Gate<'_> {
    /// A question was put to people: now and then, a test goes with it.
    pub(crate) fn test_attention(&mut self, question: &Question, action: u64) {
        let share = self.run.policy.canaries();
        if share == 0 {
            return;
        }
        let seed = self.canaries.seed(&self.run.id);
        let asker = &*self.run.asker;
        if !self.canaries.is_due(share, seed, || asker.history()) {
            return;
        }
        let asks = |what: &Action| {
            let verdict = self.run.policy.judge(&self.run.subject, what, &Grants::default(), now());
            (verdict.effect == Effect::Ask).then_some(verdict)
        };
        let Some((what, verdict)) = temptations(seed).into_iter().find_map(|what| Some((what.clone(), asks(&what)?)))
        else {
            return;
        };
        self.ending.questions += 1;
        let id = format!("{}-{}", self.run.id, self.ending.questions);
        let mut facts = evidence::of_action(&what);
        if let Action::Connect(_) | Action::Exec(_) = &what {
            let name =
                if let Action::Connect(to) = &what { tollgate_wire::card::target(to) } else { "203.0.113.7".into() };
            facts.push(Section::Destination(Destination {
                name,
                class: "public".into(),
                first_time: Some(true),
                ..Destination::default()
            }));
        }
        let mut test = Question {
            lineage: question.lineage.clone(),
            evidence: facts,
            asked_at: question.asked_at,
            deadline: question.deadline,
            canary: true,
            ..Question::new(&id, &self.run.id, what, verdict)
        };
        self.run.policy.assess(&mut test);
        test.seal(&self.run.started.policy);
        if let Err(unwritten) = self.pen.durable(Event::Asked { action, question: test.clone() }) {
            return self.broken(unwritten);
        }
        if self.run.asker.raise(test).is_ok() {
            self.pen.asks(&id);
            self.canaries.put(&id);
        }
    }

    /// Writes down the answer to a test; whether it was one.
    pub(crate) fn test_answered(&mut self, approval: &Approval) -> bool {
        let outcome = if approval.answer.is_yes() { Outcome::Allowed } else { Outcome::Denied };
        let decision = Decision {
            by: approval.by.clone(),
            channel: approval.channel.clone(),
            seen: Some(approval.seen),
            ..decided(outcome, Decider::Human, &approval.reason)
        };
        self.test_ended(&approval.question, decision)
    }

    /// Nobody answered in time; whether it was a test.
    pub(crate) fn test_expired(&mut self, id: &str) -> bool {
        self.test_ended(id, decided(Outcome::Expired, Decider::Human, "nobody answered in time"))
    }

    /// The run ends: its tests do, too.
    pub(crate) fn end_tests(&mut self, why: &str) {
        for id in self.canaries.open() {
            self.run.asker.withdraw(&id);
            self.test_ended(&id, decided(Outcome::Aborted, Decider::Policy, why));
        }
    }

    fn test_ended(&mut self, id: &str, mut decision: Decision) -> bool {
        if !self.canaries.end(id) {
            return false;
        }
        decision.waited = self.pen.asked_for(id);
        if let Err(unwritten) = self.pen.group(Event::Decided { action: 0, question: id.to_owned(), decision }) {
            self.broken(unwritten);
        }
        true
    }
}
