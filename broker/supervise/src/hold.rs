//! Questions: calls that wait for an answer, and what becomes of them.

use tollgate_deputy::Prepared;
use tollgate_hands::Crossing;
use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_policy::action::Action;
use tollgate_policy::digest::digest_of;
use tollgate_policy::evidence::Section;
use tollgate_policy::question::{Answer, Approval, Question, Scope};
use tollgate_policy::verdict::{Effect, Verdict};
use tollgate_sys::leave::Leave;
use tollgate_sys::notify::Notification;
use tollgate_wire::ask::Ended;

use crate::drafts::Finished;
use crate::evidence;
use crate::exec::{Judged, why};
use crate::gate::Gate;
use crate::join::Connecting;
use crate::merge::Joint;
use crate::net;
use crate::record::now;

/// Why a question beyond the run's budget of open ones is refused.
const TOO_MANY: &str = "too many questions of this run are open";

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
    /// The question that was put about it, once it was.
    pub(crate) question: Option<Box<Question>>,
    /// The digest of its draft: what is identical to it waits with it.
    pub(crate) draft: String,
    /// Of a call on names, what stands there as it was shown.
    pub(crate) stake: Vec<Section>,
}

impl Held {
    pub(crate) fn new(call: Notification, action: u64, about: (Action, String), verdict: Verdict, then: Then) -> Self {
        let (what, shown) = about;
        Self { call, action, what, shown, verdict, then, question: None, draft: String::new(), stake: Vec::new() }
    }

    /// What would be run outside.
    pub(crate) fn outside(&self) -> Option<&Prepared> {
        match &self.then {
            Then::Exec(judged) => judged.outside.as_deref(),
            Then::Connect(_) | Then::Carry(_) | Then::Write(_) | Then::Draft(_) | Then::Request(..) => None,
        }
    }

    /// Whether it is to be answered though nobody inside waits for it.
    pub(crate) fn stands_alone(&self) -> bool {
        matches!(&self.then, Then::Draft(finished) if finished.stands_alone())
    }
}

/// What is done after a yes.
#[derive(Debug)]
pub(crate) enum Then {
    /// The exec goes on to its exec stop.
    Exec(Box<Judged>),
    /// The caller's socket is connected.
    Connect(Connecting),
    /// The caller's socket was connected to the relay already, which carries it.
    Carry(Leave),
    /// The program that asked goes on, and says so; with what the agent gave as its reason.
    Request(Box<Judged>, String),
    /// The path call is done.
    Write(Box<Crossing>),
    /// What was written into a draft is put in place.
    Draft(Box<Finished>),
}

/// An answered question, before it takes effect.
pub(crate) struct Closed {
    pub(crate) id: String,
    pub(crate) decision: Decision,
}

impl Gate<'_> {
    /// A crossing: its evidence is collected, where that takes time; then a grant of this run covers it, or it is a
    /// question.
    pub(crate) fn cross_with(&mut self, mut held: Held) {
        held.stake = self.stake(&held).unwrap_or_default();
        let question = self.drafted(&held);
        // what was written already waits alone: it is put in place, or not
        if !matches!(held.then, Then::Draft(_)) {
            held.draft.clone_from(&question.digest);
        }
        let Some(held) = self.join(held) else { return };
        if self.is_prepared(&held, &question) {
            self.run.asker.prepare(question.clone());
            self.wait_for(question.id, held);
        } else {
            self.go_on(held, question);
        }
    }

    /// Whether evidence is collected: a person or reviewer is to see it, or a grant is held to it.
    fn is_prepared(&mut self, held: &Held, question: &Question) -> bool {
        let asks = self.run.policy.review(&question.verdict).effect == Effect::Ask;
        let open = self.held.len() < self.most_open() && !self.denied.contains(&question.bound.action);
        let granted = self.covering(held, question).is_some() && !self.run.asker.binds(question);
        asks && open && !granted && self.run.asker.prepares(question)
    }

    fn wait_for(&mut self, id: String, mut held: Held) {
        self.begin_early(&mut held);
        self.held.insert(id, held);
    }

    fn most_open(&self) -> usize {
        usize::try_from(self.run.policy.open_questions()).unwrap_or(usize::MAX)
    }

    /// The evidence for a question is there.
    fn ready(&mut self, question: Question) {
        if let Some(held) = self.held.remove(&question.id) {
            let question = self.sealed(&held, question);
            self.go_on(held, question);
        }
    }

    fn go_on(&mut self, held: Held, question: Question) {
        if self.write_question(&held, &question).is_err() {
            return self.refuse(&held.call, libc::EPERM);
        }
        if self.denied.contains(&question.bound.action) {
            let decision = decided(Outcome::Denied, Decider::Human, "denied before, for the rest of the run");
            return self.close(held, Closed { id: question.id, decision });
        }
        match self.covering(&held, &question) {
            Some(grant) => {
                self.grants.spend(&grant);
                self.run.asker.granted(self.grants.all());
                let decision = decided(Outcome::Allowed, Decider::Grant, &format!("approved in {grant}"));
                self.close(held, Closed { id: question.id, decision });
            }
            None => self.put(held, question),
        }
    }

    /// The question whose answer covers this one, if a grant that stands does: the same action, evidence and policy, or
    /// a prefix.
    fn covering(&mut self, held: &Held, question: &Question) -> Option<String> {
        for revoked in self.run.asker.revoked() {
            self.grants.revoke(&revoked.question);
            if let Err(unwritten) = self.pen.group(Event::Revoked { question: revoked.question, by: revoked.by }) {
                self.broken(unwritten);
            }
        }
        // all that an exec would run has to be covered, not its first name only
        if let Then::Exec(judged) = &held.then
            && self.verdict(&judged.program.execs, &self.grants).effect != Effect::Allow
        {
            return None;
        }
        self.run.policy.answered(&self.run.subject, question, &self.grants, now()).map(|grant| grant.question.clone())
    }

    /// Puts the question: to the risk table where the verdict is review, to people where it is ask.
    fn put(&mut self, mut held: Held, question: Question) {
        let id = question.id.clone();
        let reviewed = self.run.policy.review_question(&question);
        if reviewed.effect != Effect::Deny && self.run.asker.reviews() && self.held.len() < self.most_open() {
            held.question = Some(Box::new(question.clone()));
            self.wait_for(id, held);
            return self.run.asker.review(question);
        }
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
        self.ask_after(held, question, None);
    }

    /// Asks people; `failed` says why the reviewer before them came to nothing.
    pub(crate) fn ask_after(&mut self, mut held: Held, question: Question, failed: Option<String>) {
        let id = question.id.clone();
        held.question = Some(Box::new(question.clone()));
        if self.held.len() >= self.most_open() {
            let decision = decided(Outcome::Denied, Decider::Policy, TOO_MANY);
            return self.close(held, Closed { id, decision });
        }
        match self.run.asker.raise(question) {
            Ok(()) => {
                self.pen.waits();
                if let Some(put) = &held.question {
                    self.test_attention(put, held.action);
                }
                self.wait_for(id, held);
            }
            Err(unasked) => {
                let decision = match failed {
                    Some(why) => decided(Outcome::ReviewFailed, Decider::Reviewer, &format!("{why}; {unasked}")),
                    None => decided(Outcome::Expired, Decider::Policy, &unasked.to_string()),
                };
                self.close(held, Closed { id, decision });
            }
        }
    }

    /// The question, with what is at hand.
    fn drafted(&mut self, held: &Held) -> Question {
        self.ending.questions += 1;
        let asked_at = now();
        let wait = i64::try_from(self.run.deadline.as_millis()).unwrap_or(i64::MAX);
        let id = format!("{}-{}", self.run.id, self.ending.questions);
        let question = Question {
            lineage: self.tree.lineage(held.call.tid),
            evidence: self.evidence(held),
            asked_at,
            deadline: asked_at.saturating_add(wait),
            ..Question::new(&id, &self.run.id, held.what.clone(), held.verdict.clone())
        };
        self.sealed(held, question)
    }

    /// Writes the question down.
    fn write_question(&mut self, held: &Held, question: &Question) -> Result<(), ()> {
        let event = Event::Asked { action: held.action, question: question.clone() };
        self.pen.durable(event).map_err(|unwritten| self.broken(unwritten))?;
        self.pen.asks(&question.id);
        Ok(())
    }

    /// Bound to what it says, to what the gate holds it to, and to the policy.
    fn sealed(&self, held: &Held, mut question: Question) -> Question {
        question.bound.held = match &held.then {
            Then::Draft(finished) => finished.digest(),
            Then::Exec(_) | Then::Connect(_) | Then::Carry(_) | Then::Write(_) | Then::Request(..) => {
                held.outside().map(Prepared::digest).unwrap_or_default()
            }
        };
        self.run.policy.assess(&mut question);
        question.seal(&self.run.started.policy);
        question
    }

    /// Facts for a question; of a connection also what could leave through it.
    fn evidence(&mut self, held: &Held) -> Vec<Section> {
        if let Then::Draft(finished) = &held.then {
            return finished.evidence();
        }
        let mut facts = evidence::of(held);
        if let Then::Write(crossing) = &held.then {
            evidence::says(&mut facts, crossing);
            facts.extend(held.stake.iter().cloned());
        }
        if let Then::Request(_, says) = &held.then
            && !says.is_empty()
        {
            facts.push(Section::Says { text: says.clone() });
        }
        if matches!(held.what, Action::Connect(_)) {
            facts.push(Section::note("can read", net::readable(self.run.boundary)));
        }
        facts
    }

    pub(crate) fn take_answers(&mut self) {
        for ended in self.run.asker.take() {
            match ended {
                Ended::Ready(question) => self.ready(*question),
                Ended::Reviewed { question, review } => self.reviewed(question, &review),
                Ended::Answered(approval) if self.test_answered(&approval) => {}
                Ended::Answered(approval) => self.answered(approval),
                Ended::Expired { question } if self.test_expired(&question) => {}
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
        // the answer is for what was asked, or it is none
        let same = held.question.as_ref().is_some_and(|question| question.digest == approval.digest);
        let (outcome, scope) = match &approval.answer {
            Answer::Approve(scope) if same => (Outcome::Allowed, shown(scope)),
            Answer::Approve(_) | Answer::Deny | Answer::DenyRun | Answer::StopRun => (Outcome::Denied, String::new()),
        };
        if outcome == Outcome::Allowed {
            self.remember(&held, &approval);
        }
        let stops = approval.answer == Answer::StopRun;
        if approval.answer == Answer::DenyRun {
            self.denied.insert(digest_of(&held.what));
        }
        let decision = Decision {
            scope,
            by: approval.by,
            channel: approval.channel,
            seen: Some(approval.seen),
            ..decided(outcome, Decider::Human, &approval.reason)
        };
        self.close(held, Closed { id: approval.question, decision });
        if stops {
            self.ending.stopped.get_or_insert_with(|| "a person stopped the run".to_owned());
            self.end_everything();
        }
    }

    /// Keeps what a wider approval opened. One that can't be kept still stands for this once.
    fn remember(&mut self, held: &Held, approval: &Approval) {
        let Some(question) = &held.question else { return };
        let asks_ahead = matches!(held.then, Then::Request(..));
        if approval.answer == Answer::Approve(Scope::Once) && !asks_ahead {
            return;
        }
        if let Ok(Some(grant)) = self.run.policy.grant(question, approval, now()) {
            self.grants.add(grant);
            // this attempt is the first of its uses, unless it only asked
            if !asks_ahead {
                self.grants.spend(&question.id);
            }
            self.run.asker.granted(self.grants.all());
        }
    }

    /// The end of a question: durable, then it takes effect.
    pub(crate) fn close(&mut self, held: Held, closed: Closed) {
        let Closed { id, mut decision } = closed;
        if self.held.is_empty() {
            self.pen.goes_on();
        }
        decision.waited = self.pen.asked_for(&id);
        let (outcome, told) = (decision.outcome, words(&decision));
        let end = Joint::of(&decision);
        let event = Event::Decided { action: held.action, question: id.clone(), decision };
        if let Err(unwritten) = self.pen.durable(event) {
            self.broken(unwritten);
            return self.refuse(&held.call, libc::EPERM);
        }
        self.take_effect(held, (&id, outcome), &told);
        self.end_joined(&id, &end, &told);
    }

    /// What an end means for one attempt.
    pub(crate) fn take_effect(&mut self, held: Held, (id, outcome): (&str, Outcome), told: &str) {
        match outcome {
            Outcome::Allowed if !self.stands_as_shown(&held) => self.turned_off(&held),
            Outcome::Allowed => match held.then {
                Then::Draft(_) => self.put_on(held),
                Then::Exec(judged) => self.let_on(&held.call, *judged, Some(id.to_owned())),
                Then::Request(judged, _) => self.let_on(&held.call, *judged, None),
                Then::Connect(_) | Then::Carry(_) => self.connect_on(held),
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
                if let Then::Draft(finished) = &held.then {
                    self.denied_writes.insert(finished.path().clone());
                }
                let reason = format!("{}; {told}", why(&held.verdict));
                let next = match outcome {
                    // nobody said no: it may be asked again
                    Outcome::Expired => self.next_or_ask(next(outcome), &held.what),
                    Outcome::Denied if told.ends_with(TOO_MANY) => NEXT_FULL.to_owned(),
                    Outcome::Allowed | Outcome::Denied | Outcome::ReviewFailed | Outcome::Aborted => {
                        next(outcome).to_owned()
                    }
                };
                self.say(held.call.tid, &held.shown, &reason, &next);
                self.not_started(&format!("{}: {reason}", held.shown));
                self.send_back(&held);
            }
            Outcome::Aborted => self.send_back(&held),
        }
    }

    /// A held call fails; one that only ends a draft goes on without it.
    fn send_back(&self, held: &Held) {
        match &held.then {
            Then::Draft(finished) => self.not_put(&held.call, finished),
            Then::Exec(_) | Then::Connect(_) | Then::Carry(_) | Then::Write(_) | Then::Request(..) => {
                self.refuse(&held.call, libc::EPERM);
            }
        }
    }

    /// Closes questions whose callers have gone.
    pub(crate) fn look_over(&mut self) {
        let gone: Vec<String> =
            self.held.iter().filter(|(_, held)| !self.still_stands(held)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.abort(&id, "its process ended");
        }
    }

    pub(crate) fn close_all(&mut self, why: &str) {
        self.end_tests(why);
        let open: Vec<String> = self.held.keys().cloned().collect();
        for id in open {
            self.abort(&id, why);
        }
    }

    fn abort(&mut self, id: &str, why: &str) {
        if let Some(held) = self.held.remove(id) {
            self.run.asker.withdraw(id);
            if held.question.is_none() {
                // it was never put: its evidence was not there yet
                self.send_back(&held);
                return self.put_joined_again(id);
            }
            let decision = decided(Outcome::Aborted, Decider::Policy, why);
            self.close(held, Closed { id: id.to_owned(), decision });
        }
    }
}

pub(crate) fn decided(outcome: Outcome, decider: Decider, reason: &str) -> Decision {
    Decision {
        outcome,
        decider,
        by: String::new(),
        channel: String::new(),
        scope: String::new(),
        reason: reason.to_owned(),
        waited: 0,
        seen: None,
    }
}

fn shown(scope: &Scope) -> String {
    match scope {
        Scope::Once => "once".into(),
        Scope::Run => "run".into(),
        Scope::Until(at) => format!("until={at}"),
        Scope::Uses(count) => format!("uses={count}"),
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

/// What an agent is told that asks for more than a person can read.
const NEXT_FULL: &str = "hold back: wait until some are answered before asking for more, and ask for less at a time";

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
