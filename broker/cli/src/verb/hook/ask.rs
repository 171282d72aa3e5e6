//! A question while the client waits: this process itself holds it, in the same queue as those of a run.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_ledger::record::{self, Decider, Decision, Outcome};
use tollgate_policy::Policy;
use tollgate_policy::question::{Answer, Approval, Question, Scope};
use tollgate_wire::ask::{Asker, Ended};
use tollgate_wire::neutral;

use super::scene::Scene;
use super::weigh::Weighed;
use super::{evidence, refusal};
use crate::failure::Failure;
use crate::verb::run::{asker, deadline, fresh_id};

/// How a question ended.
#[derive(Debug)]
pub(super) enum Answered {
    /// It may go on.
    Yes,
    /// It must not; what the agent reads.
    No(String),
}

/// Asks, unless it was approved for this session before.
pub(super) fn ask(scene: &Scene, action: u64, one: &Weighed) -> Result<Answered, Failure> {
    let digest = Policy::digest_of(&one.action);
    let question = question(scene, one, digest)?;
    scene.durable(record::Event::Asked { action, question: question.clone() })?;
    if let Some(granted) = scene.session.granted(&question.digest, crate::time::now())? {
        let decision = Decision {
            outcome: Outcome::Allowed,
            decider: Decider::Grant,
            by: String::new(),
            channel: String::new(),
            scope: String::new(),
            reason: format!("approved in {}", granted.question),
            waited: 0,
        };
        decided(scene, action, (&question, decision))?;
        return Ok(Answered::Yes);
    }
    let begun = Instant::now();
    let ended = wait(scene, &question);
    let waited = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (decision, answered) = conclude(scene, (&question, one), ended, waited);
    decided(scene, action, (&question, decision))?;
    Ok(answered)
}

fn question(scene: &Scene, one: &Weighed, digest: String) -> Result<Question, Failure> {
    let run = fresh_id()?;
    let asked_at = crate::time::now();
    let patience = deadline(&scene.policy).min(scene.wait);
    let client = vec![
        ("client".to_owned(), scene.client.name().to_owned()),
        ("session".to_owned(), scene.session.run.clone()),
    ];
    Ok(Question {
        id: format!("{run}-1"),
        run,
        action: one.action.clone(),
        digest,
        verdict: one.verdict.clone(),
        lineage: vec![scene.client.name().to_owned()],
        evidence: client.into_iter().chain(one.evidence.iter().cloned()).collect(),
        asked_at,
        deadline: asked_at.saturating_add(i64::try_from(patience.as_millis()).unwrap_or(i64::MAX)),
    })
}

/// The end of a question, or why nobody could be asked.
fn wait(scene: &Scene, question: &Question) -> Result<Ended, String> {
    let sockets = scene.places.sockets();
    let mut queue = asker((&question.run, sockets), &scene.policy, scene.wanted.unattended);
    queue.raise(question.clone()).map_err(|unasked| unasked.to_string())?;
    let left = question.deadline.saturating_sub(question.asked_at);
    // One second more: the queue keeps the deadline, this is for a queue that died.
    let end = Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or_default()) + Duration::from_secs(1);
    loop {
        if let Some(ended) = queue.take().into_iter().next() {
            return Ok(ended);
        }
        let rest = end.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(Ended::Expired { question: question.id.clone() });
        }
        let timeout = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
        let Some(bell) = queue.wakes() else { return Err("nobody can be asked".to_owned()) };
        match poll(&mut [PollFd::new(bell, PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(format!("can't wait for an answer: {errno}")),
        }
    }
}

fn conclude(
    scene: &Scene,
    (question, one): (&Question, &Weighed),
    ended: Result<Ended, String>,
    waited: u64,
) -> (Decision, Answered) {
    let none = |outcome, reason: String| Decision {
        outcome,
        decider: Decider::Policy,
        by: String::new(),
        channel: String::new(),
        scope: String::new(),
        reason,
        waited,
    };
    let what = evidence::brief(&one.action);
    let asks = evidence::why(&one.verdict.reason);
    match ended {
        Ok(Ended::Answered(approval)) => answered(scene, (question, &what), &approval, waited),
        Ok(Ended::Expired { .. }) => {
            let why = format!("it needs approval ({asks}), and nobody answered within {} s", (waited + 500) / 1000);
            let next = "asked; retry with the same call when a person is there to answer (`tollgate approvals list`)";
            (none(Outcome::Expired, "nobody answered".to_owned()), Answered::No(refusal(&what, &why, next)))
        }
        Err(why) => {
            let next = "do without it, or tell the person that it needs their approval";
            let text = refusal(&what, &format!("it needs approval ({asks}): {why}"), next);
            (none(Outcome::Denied, why), Answered::No(text))
        }
    }
}

fn answered(
    scene: &Scene,
    (question, what): (&Question, &str),
    approval: &Approval,
    waited: u64,
) -> (Decision, Answered) {
    let refused = |why: &str| Answered::No(refusal(what, why, "do it another way; asking again for the same needs a new reason"));
    let kept = match &approval.answer {
        Answer::Deny => {
            let word = if approval.reason.is_empty() { String::new() } else { format!(": {}", neutral::short(&approval.reason, 2000)) };
            (Outcome::Denied, String::new(), refused(&format!("a person said no{word}")))
        }
        Answer::Approve(scope) => match scene.session.grant(&question.digest, (&question.id, scope)) {
            Ok(()) => (Outcome::Allowed, named(scope), Answered::Yes),
            Err(failure) => (Outcome::Denied, named(scope), refused(&failure.text)),
        },
    };
    let (outcome, scope, answer) = kept;
    let decision = Decision {
        outcome,
        decider: Decider::Human,
        by: approval.by.clone(),
        channel: approval.channel.clone(),
        scope,
        reason: approval.reason.clone(),
        waited,
    };
    (decision, answer)
}

fn named(scope: &Scope) -> String {
    match scope {
        Scope::Once => "once".to_owned(),
        Scope::Run => "run".to_owned(),
        Scope::Until(until) => format!("until={until}"),
        Scope::Prefix(words) => format!("prefix={}", words.join(" ")),
    }
}

fn decided(scene: &Scene, action: u64, (question, decision): (&Question, Decision)) -> Result<(), Failure> {
    scene.durable(record::Event::Decided { action, question: question.id.clone(), decision })
}
