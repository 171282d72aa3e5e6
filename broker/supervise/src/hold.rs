//! Questions: calls that wait for an answer, and what becomes of them.

use tollgate_deputy::Prepared;
use tollgate_hands::Crossing;
use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_policy::action::Action;
use tollgate_policy::digest::digest_of;
use tollgate_policy::question::{Answer, Approval, Question, Scope};
use tollgate_policy::verdict::{Effect, Verdict};
use tollgate_sys::notify::Notification;
use tollgate_wire::ask::Ended;

use crate::evidence;
use crate::exec::{Judged, why};
use crate::gate::Gate;
use crate::join::Connecting;
use crate::net;
use crate::record::now;

/// More open questions than a person could answer: further ones are refused at once.
const OPEN: usize = 64;

/// A call that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) call: Notification,
    /// The run's action that it belongs to.
    pub(crate) action: u64,
    /// What is attempted; an answer is bound to its digest.
    pub(crate) what: Action,
    /// The same for an agent's eyes: "to run `x`".
    pub(crate) shown: String,
    pub(crate) verdict: Verdict,
    pub(crate) then: Then,
}

impl Held {
    /// What would be run outside.
    pub(crate) fn outside(&self) -> Option<&Prepared> {
        match &self.then {
            Then::Exec(judged) => judged.outside.as_deref(),
            Then::Connect(_) | Then::Write(_) => None,
        }
    }
}

/// What is done after a yes.
#[derive(Debug)]
pub(crate) enum Then {
    /// The exec goes on to its exec stop.
    Exec(Box<Judged>),
    /// The caller's socket is connected.
    Connect(Connecting),
    /// The path call is done.
    Write(Box<Crossing>),
}

/// An answered question, before it takes effect.
struct Closed {
    id: String,
    decision: Decision,
}

impl Gate<'_> {
    /// A grant of this run covers it: written down as a question that the grant answered.
    pub(crate) fn granted(&mut self, held: Held) {
        let Some(question) = self.write_question(&held) else {
            return self.refuse(&held.call, libc::EPERM);
        };
        let decision = decided(Outcome::Allowed, Decider::Grant, "an approval of this run covers it");
        self.close(held, Closed { id: question.id, decision });
    }

    /// Puts the question: to the risk table where the verdict is review, to people where it is ask.
    pub(crate) fn question(&mut self, held: Held) {
        let Some(question) = self.write_question(&held) else {
            return self.refuse(&held.call, libc::EPERM);
        };
        let id = question.id.clone();
        let reviewed = self.run.policy.review(&held.verdict);
        match reviewed.effect {
            Effect::Allow => {
                let decision = decided(Outcome::Allowed, Decider::Policy, &reviewed.reason.because);
                self.close(held, Closed { id, decision });
            }
            Effect::Deny => {
                let decision = decided(Outcome::Denied, Decider::Policy, &reviewed.reason.because);
                self.close(held, Closed { id, decision });
            }
            Effect::Review | Effect::Ask => self.ask(held, question),
        }
    }

    fn ask(&mut self, held: Held, question: Question) {
        let id = question.id.clone();
        if self.held.len() >= OPEN {
            let decision = decided(Outcome::Denied, Decider::Policy, "too many questions of this run are open");
            return self.close(held, Closed { id, decision });
        }
        match self.run.asker.raise(question) {
            Ok(()) => {
                self.pen.waits();
                self.held.insert(id, held);
            }
            Err(unasked) => {
                let decision = decided(Outcome::Expired, Decider::Policy, &unasked.to_string());
                self.close(held, Closed { id, decision });
            }
        }
    }

    /// Makes the question and writes it down; none if the ledger doesn't take it.
    fn write_question(&mut self, held: &Held) -> Option<Question> {
        self.ending.questions += 1;
        let asked_at = now();
        let wait = i64::try_from(self.run.deadline.as_millis()).unwrap_or(i64::MAX);
        let question = Question {
            id: format!("{}-{}", self.run.id, self.ending.questions),
            run: self.run.id.clone(),
            digest: digest_of(&held.what),
            action: held.what.clone(),
            verdict: held.verdict.clone(),
            lineage: self.tree.lineage(held.call.tid),
            evidence: self.evidence(held),
            asked_at,
            deadline: asked_at.saturating_add(wait),
        };
        let event = Event::Asked { action: held.action, question: question.clone() };
        match self.pen.durable(event) {
            Ok(()) => {
                self.pen.asks(&question.id);
                Some(question)
            }
            Err(unwritten) => {
                self.broken(unwritten);
                None
            }
        }
    }

    /// Facts for a question; of a connection also what could leave through it.
    fn evidence(&self, held: &Held) -> Vec<(String, String)> {
        let mut facts = evidence::of(held);
        if let Then::Write(crossing) = &held.then {
            facts.insert(0, ("would".into(), crossing.words()));
        }
        if matches!(held.what, Action::Connect(_)) {
            facts.push(("can read".into(), net::readable(self.run.boundary)));
        }
        facts
    }

    pub(crate) fn take_answers(&mut self) {
        for ended in self.run.asker.take() {
            match ended {
                Ended::Answered(approval) => self.answered(approval),
                Ended::Expired { question } => {
                    if let Some(held) = self.held.remove(&question) {
                        let decision = decided(Outcome::Expired, Decider::Human, "nobody answered in time");
                        self.close(held, Closed { id: question, decision });
                    }
                }
            }
        }
    }

    fn answered(&mut self, approval: Approval) {
        let Some(held) = self.held.remove(&approval.question) else {
            return;
        };
        // the answer is for the action that is held, or it is none
        let same = digest_of(&held.what) == approval.digest;
        let (outcome, scope) = match &approval.answer {
            Answer::Approve(scope) if same => (Outcome::Allowed, shown(scope)),
            Answer::Approve(_) | Answer::Deny => (Outcome::Denied, String::new()),
        };
        if outcome == Outcome::Allowed {
            self.remember(&held, &approval);
        }
        let decision = Decision {
            scope,
            by: approval.by,
            channel: approval.channel,
            ..decided(outcome, Decider::Human, &approval.reason)
        };
        self.close(held, Closed { id: approval.question, decision });
    }

    /// Keeps what a wider approval opened. One that can't be kept still stands for this once.
    fn remember(&mut self, held: &Held, approval: &Approval) {
        let question = Question {
            id: approval.question.clone(),
            run: self.run.id.clone(),
            digest: digest_of(&held.what),
            action: held.what.clone(),
            verdict: held.verdict.clone(),
            lineage: Vec::new(),
            evidence: Vec::new(),
            asked_at: 0,
            deadline: i64::MAX,
        };
        if let Answer::Approve(Scope::Once) = approval.answer {
            return;
        }
        if let Ok(Some(grant)) = self.run.policy.grant(&question, approval, now()) {
            self.grants.add(grant);
            if let Some(outside) = held.outside() {
                self.opened.insert(outside.digest());
            }
        }
    }

    /// The end of a question: durable, then it takes effect.
    fn close(&mut self, held: Held, closed: Closed) {
        let Closed { id, mut decision } = closed;
        if self.held.is_empty() {
            self.pen.goes_on();
        }
        decision.waited = self.pen.asked_for(&id);
        let (outcome, told) = (decision.outcome, words(&decision));
        let event = Event::Decided { action: held.action, question: id.clone(), decision };
        if let Err(unwritten) = self.pen.durable(event) {
            self.broken(unwritten);
            return self.refuse(&held.call, libc::EPERM);
        }
        match outcome {
            Outcome::Allowed => match held.then {
                Then::Exec(judged) => self.let_on(&held.call, *judged, Some(id)),
                Then::Connect(connecting) => self.connect_on(&held.call, &held.what, connecting),
                Then::Write(crossing) => self.write_on(held.call, &crossing),
            },
            Outcome::Denied | Outcome::Expired | Outcome::ReviewFailed => {
                if let Action::Exec(exec) = &held.what {
                    self.lately.refused(held.call.tid, exec);
                }
                if let Action::Connect(connect) = &held.what {
                    self.net.was_answered(connect, outcome);
                }
                if let Then::Write(crossing) = &held.then {
                    self.deny_again(crossing);
                }
                let reason = format!("{}; {told}", why(&held.verdict));
                self.say(held.call.tid, &held.shown, &reason, next(outcome));
                self.not_started(&format!("{}: {reason}", held.shown));
                self.refuse(&held.call, libc::EPERM);
            }
            Outcome::Aborted => self.refuse(&held.call, libc::EPERM),
        }
    }

    /// Closes questions whose callers have gone.
    pub(crate) fn look_over(&mut self) {
        let Some(listener) = &self.listener else {
            return self.close_all("its process ended");
        };
        let gone: Vec<String> =
            self.held.iter().filter(|(_, held)| !listener.is_valid(held.call.id)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.abort(&id, "its process ended");
        }
    }

    pub(crate) fn close_all(&mut self, why: &str) {
        let open: Vec<String> = self.held.keys().cloned().collect();
        for id in open {
            self.abort(&id, why);
        }
    }

    fn abort(&mut self, id: &str, why: &str) {
        if let Some(held) = self.held.remove(id) {
            self.run.asker.withdraw(id);
            let decision = decided(Outcome::Aborted, Decider::Policy, why);
            self.close(held, Closed { id: id.to_owned(), decision });
        }
    }
}

fn decided(outcome: Outcome, decider: Decider, reason: &str) -> Decision {
    Decision {
        outcome,
        decider,
        by: String::new(),
        channel: String::new(),
        scope: String::new(),
        reason: reason.to_owned(),
        waited: 0,
    }
}

fn shown(scope: &Scope) -> String {
    match scope {
        Scope::Once => "once".into(),
        Scope::Run => "run".into(),
        Scope::Until(at) => format!("until={at}"),
        Scope::Prefix(words) => format!("prefix={}", words.join(" ")),
    }
}

/// How a decision is put to the agent.
fn words(decision: &Decision) -> String {
    let who = match decision.decider {
        Decider::Policy => "policy",
        Decider::Grant => "an earlier approval",
        Decider::Reviewer => "the reviewer",
        Decider::Human => "a person",
    };
    let end = match decision.outcome {
        Outcome::Allowed => format!("allowed by {who}"),
        Outcome::Denied => format!("denied by {who}"),
        Outcome::Expired => "it was asked, and not answered".into(),
        Outcome::ReviewFailed => "the reviewer failed".into(),
        Outcome::Aborted => "the question was withdrawn".into(),
    };
    if decision.reason.is_empty() { end } else { format!("{end}: {}", decision.reason.escape_debug()) }
}

fn next(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Expired | Outcome::ReviewFailed => {
            "nobody said yes: don't repeat it in a loop or look for another way; go on without it, and tell the person that it waits for them"
        }
        Outcome::Denied | Outcome::Allowed | Outcome::Aborted => {
            "the answer was no: don't retry it or look for another way to the same effect; go on without it, or tell the person what you need and why"
        }
    }
}
