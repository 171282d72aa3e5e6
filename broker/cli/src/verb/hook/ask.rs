//! A question while the client waits: this process itself holds it, in the same queue as those of a run.

use std::time::Instant;

use tollgate_ledger::record::{self, Decider, Decision, Outcome};
use tollgate_policy::evidence::Section;
use tollgate_policy::grant::Grant;
use tollgate_policy::question::{Answer, Approval, Offers, Question, Scope};
use tollgate_wire::neutral;

use super::scene::Scene;
use super::session::Standing;
use super::wait::{self, End};
use super::weigh::Weighed;
use super::{evidence, refusal};
use crate::failure::Failure;
use crate::layers::Layers;
use crate::verb::run::{About, asker, deadline, fresh_id};

/// How a question ended.
#[derive(Debug)]
pub(super) enum Answered {
    /// It may go on; what that opens for the run that it becomes, where it becomes one.
    Yes(Option<Box<Grant>>),
    /// It must not; what the agent reads.
    No(String),
}

/// Asks, unless it was answered for this session before.
pub(super) fn ask(scene: &Scene, action: u64, one: &Weighed) -> Result<Answered, Failure> {
    // read again, as it is for who is asked only: the call that this becomes shows the same
    let sources = Layers::gather(&scene.wanted, scene.ground.workspace.as_path())?.sources().to_vec();
    let about = About { ground: Some(&scene.ground), sources: Some(&sources), unattended: scene.wanted.unattended };
    let run = fresh_id()?;
    let mut queue = asker((&run, scene.places.sockets()), &scene.policy, &about);
    let question = wait::prepared(scene, queue.as_mut(), question(scene, &run, one));
    scene.durable(record::Event::Asked { action, question: question.clone() })?;
    let yes = |by: &str| Answered::Yes(scene.policy.grant_ahead(&question, by).map(Box::new));
    let what = evidence::attempt(&one.action);
    match scene.session.standing(scene, &question)? {
        Standing::Open => {}
        Standing::Granted(before) => {
            let decision = decision(Outcome::Allowed, Decider::Grant, format!("approved in {before}"));
            decided(scene, action, (&question, decision))?;
            return Ok(yes(&before));
        }
        Standing::Denied(why) => {
            let decision = decision(Outcome::Denied, Decider::Human, why.to_owned());
            decided(scene, action, (&question, decision))?;
            return Ok(Answered::No(refusal(&what, why, "do it another way, or end the session")));
        }
    }
    let begun = Instant::now();
    let ended = wait::answer(scene, queue.as_mut(), (action, &question))?;
    let waited = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (decision, answered) = conclude(scene, (&question, one), ended, waited);
    decided(scene, action, (&question, Decision { waited, ..decision }))?;
    Ok(answered)
}

fn decision(outcome: Outcome, decider: Decider, reason: String) -> Decision {
    let none = String::new;
    Decision { outcome, decider, by: none(), channel: none(), scope: none(), reason, waited: 0, seen: None }
}

fn question(scene: &Scene, run: &str, one: &Weighed) -> Question {
    let asked_at = crate::time::now();
    let patience = deadline(&scene.policy).min(scene.patience());
    let client = [Section::note("client", scene.client.name()), Section::note("session", scene.session.run.clone())];
    let new = Question::new(&format!("{run}-1"), run, one.action.clone(), one.verdict.clone());
    let mut question = Question {
        lineage: vec![scene.client.name().to_owned()],
        evidence: client.into_iter().chain(one.evidence.iter().cloned()).collect(),
        asked_at,
        deadline: asked_at.saturating_add(i64::try_from(patience.as_millis()).unwrap_or(i64::MAX)),
        offers: Offers { lasting: true, ..Offers::default() },
        ..new
    };
    scene.policy.assess(&mut question);
    question.seal(&scene.policy.digest());
    question
}

fn conclude(
    scene: &Scene,
    (question, one): (&Question, &Weighed),
    ended: Result<End, String>,
    waited: u64,
) -> (Decision, Answered) {
    let what = evidence::attempt(&one.action);
    let asks = evidence::why(&one.verdict.reason);
    match ended {
        Ok(End::Answered(approval)) => answered(scene, (question, &what), &approval),
        Ok(End::Reviewed(by, why)) => {
            let next = "do it another way, or tell the person what you need and why";
            let decision = Decision { by, ..decision(Outcome::Denied, Decider::Reviewer, why.clone()) };
            (decision, Answered::No(refusal(&what, &format!("the reviewer said no: {why}"), next)))
        }
        Ok(End::Expired) => {
            let why = format!("it needs approval ({asks}), and nobody answered within {} s", (waited + 500) / 1000);
            let next = "asked; retry with the same call when a person is there to answer (`tollgate approvals list`)";
            (
                decision(Outcome::Expired, Decider::Human, "nobody answered in time".to_owned()),
                Answered::No(refusal(&what, &why, next)),
            )
        }
        Err(why) => {
            let next = "do without it, or tell the person that it needs their approval";
            let text = refusal(&what, &format!("it needs approval ({asks}): {why}"), next);
            (decision(Outcome::Denied, Decider::Policy, why), Answered::No(text))
        }
    }
}

fn answered(scene: &Scene, (question, what): (&Question, &str), approval: &Approval) -> (Decision, Answered) {
    let next = "do it another way; asking again for the same needs a new reason";
    let no = |why: &str| (Outcome::Denied, String::new(), Answered::No(refusal(what, why, next)));
    let (outcome, scope, answer) = match (&approval.answer, scene.session.keep(scene, (question, approval))) {
        (_, Err(failure)) => no(&failure.text),
        (Answer::Approve(scope), Ok(())) => {
            let ahead = scene.policy.grant_ahead(question, &approval.by);
            (Outcome::Allowed, named(scope), Answered::Yes(ahead.map(Box::new)))
        }
        (Answer::Deny | Answer::DenyRun | Answer::StopRun, Ok(())) if approval.reason.is_empty() => {
            no("a person said no")
        }
        (Answer::Deny | Answer::DenyRun | Answer::StopRun, Ok(())) => {
            no(&format!("a person said no: {}", neutral::short(&approval.reason, 2000)))
        }
    };
    let (by, channel) = (approval.by.clone(), approval.channel.clone());
    (Decision { by, channel, scope, ..decision(outcome, Decider::Human, approval.reason.clone()) }, answer)
}

fn named(scope: &Scope) -> String {
    match scope {
        Scope::Once => "once".to_owned(),
        Scope::Run => "run".to_owned(),
        Scope::Until(until) => format!("until={until}"),
        Scope::Uses(uses) => format!("uses={uses}"),
        Scope::Prefix(words) => format!("prefix={}", words.join(" ")),
    }
}

fn decided(scene: &Scene, action: u64, (question, decision): (&Question, Decision)) -> Result<(), Failure> {
    scene.durable(record::Event::Decided { action, question: question.id.clone(), decision })
}
