//! The way of a question while the client waits: facts are collected, the reviewer looks, people are asked.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_ledger::record;
use tollgate_policy::action::Action;
use tollgate_policy::evidence::Section;
use tollgate_policy::question::{Approval, Question};
use tollgate_policy::review::{Opinion, Review};
use tollgate_policy::verdict::Effect;
use tollgate_wire::ask::{Asker, Ended};

use super::scene::Scene;
use crate::failure::Failure;

/// Beyond the deadline: the queue keeps that, this is for a queue that died.
const MORE: Duration = Duration::from_secs(1);

/// How a question ended.
#[derive(Debug)]
pub(super) enum End {
    /// A person answered.
    Answered(Approval),
    /// The reviewer said no: who it is, and why.
    Reviewed(String, String),
    /// Nobody answered.
    Expired,
}

/// The question with the facts that are collected for what it is about, sealed anew.
pub(super) fn prepared(scene: &Scene, queue: &mut dyn Asker, question: Question) -> Question {
    if !matches!(question.action, Action::Exec(_)) || !queue.prepares(&question) {
        return question;
    }
    queue.prepare(question.clone());
    let ready = next(queue, until(&question), |ended| match ended {
        Ended::Ready(ready) => Some(*ready),
        Ended::Answered(_) | Ended::Expired { .. } | Ended::Reviewed { .. } => None,
    });
    let missing = || {
        let mut question = question.clone();
        let why = "they were not collected in time".to_owned();
        question.evidence.push(Section::Missing { what: "facts".to_owned(), why });
        question
    };
    let mut question = ready.ok().flatten().unwrap_or_else(missing);
    scene.policy.assess(&mut question);
    question.seal(&scene.policy.digest());
    question
}

/// The end of a question, or why nobody could be asked.
pub(super) fn answer(
    scene: &Scene,
    queue: &mut dyn Asker,
    (action, question): (u64, &Question),
) -> Result<Result<End, String>, Failure> {
    if queue.reviews()
        && let Some(end) = reviewed(scene, queue, (action, question))?
    {
        return Ok(Ok(end));
    }
    if let Err(unasked) = queue.raise(question.clone()) {
        return Ok(Err(unasked.to_string()));
    }
    let ended = next(queue, until(question), |ended| match ended {
        Ended::Answered(approval) => Some(End::Answered(approval)),
        Ended::Expired { .. } => Some(End::Expired),
        Ended::Ready(_) | Ended::Reviewed { .. } => None,
    });
    Ok(ended.map(|end| end.unwrap_or(End::Expired)))
}

/// What the reviewer ends; a person is asked about all else.
fn reviewed(
    scene: &Scene,
    queue: &mut dyn Asker,
    (action, question): (u64, &Question),
) -> Result<Option<End>, Failure> {
    queue.review(question.clone());
    let review = next(queue, until(question), |ended| match ended {
        Ended::Reviewed { review, .. } => Some(*review),
        Ended::Ready(_) | Ended::Answered(_) | Ended::Expired { .. } => None,
    });
    let late = || Review::without("reviewer", Opinion::Failed("it did not answer in time".to_owned()));
    let review = review.ok().flatten().unwrap_or_else(late);
    scene.durable(record::Event::Reviewed { action, question: question.id.clone(), review: review.clone() })?;
    let why = if review.codes.is_empty() { "no reason given".to_owned() } else { review.codes.join(", ") };
    let denied = review.effective(Effect::Ask) == Effect::Deny;
    Ok(denied.then_some(End::Reviewed(review.by, why)))
}

fn until(question: &Question) -> Instant {
    let left = question.deadline.saturating_sub(crate::time::now());
    Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or_default()) + MORE
}

/// The next thing of a kind that the queue tells; none at the end of patience.
fn next<T>(queue: &mut dyn Asker, until: Instant, wanted: impl Fn(Ended) -> Option<T>) -> Result<Option<T>, String> {
    loop {
        if let Some(found) = queue.take().into_iter().find_map(&wanted) {
            return Ok(Some(found));
        }
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(None);
        }
        let timeout = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
        let Some(bell) = queue.wakes() else { return Err("nobody can be asked".to_owned()) };
        match poll(&mut [PollFd::new(bell, PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(format!("can't wait for an answer: {errno}")),
        }
    }
}
