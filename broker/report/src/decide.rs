//! Metric 2: who decided what was escalated.

use tollgate_ledger::record::{Decider, Decision, Outcome};

use crate::action::{Action, Asked};
use crate::rate::Rate;
use crate::report::{Agreement, Deciders, Human, Split};

fn questions(actions: &[Action]) -> impl Iterator<Item = &Asked> {
    actions.iter().flat_map(|a| a.questions.values())
}

/// Approvals and denials by decider; what was not decided apart. Of several decisions on one question the last counts.
pub(crate) fn deciders(actions: &[Action]) -> Deciders {
    let mut deciders = Deciders::default();
    for question in questions(actions) {
        match question.last() {
            None => deciders.open += 1,
            Some(decision) => count(&mut deciders, decision),
        }
    }
    deciders
}

fn count(deciders: &mut Deciders, decision: &Decision) {
    let split = match decision.decider {
        Decider::Policy => &mut deciders.policy,
        Decider::Grant => &mut deciders.grant,
        Decider::Reviewer => &mut deciders.reviewer,
        Decider::Human => &mut deciders.human,
    };
    match decision.outcome {
        Outcome::Allowed => split.allowed += 1,
        Outcome::Denied => split.denied += 1,
        Outcome::Expired => deciders.expired += 1,
        Outcome::ReviewFailed => deciders.review_failed += 1,
        Outcome::Aborted => deciders.aborted += 1,
    }
}

/// Approved without a person, of all that was decided without a person.
pub(crate) fn auto_approved(deciders: &Deciders) -> Rate {
    let automatic = [deciders.policy, deciders.grant, deciders.reviewer];
    Rate::of(automatic.iter().map(|s| s.allowed).sum(), automatic.iter().map(Split::all).sum())
}

/// Actions for which a person was asked, of all.
pub(crate) fn human_stop(actions: &[Action]) -> Rate {
    Rate::of(human(actions).actions, actions.len() as u64)
}

/// What it cost people.
pub(crate) fn human(actions: &[Action]) -> Human {
    let mut waited: Vec<u64> =
        questions(actions).filter_map(Asked::last).filter(|d| answered(d)).map(|d| d.waited).collect();
    Human {
        asked: questions(actions).filter(|q| q.reached_human()).count() as u64,
        actions: actions.iter().filter(|a| a.questions.values().any(Asked::reached_human)).count() as u64,
        answered: waited.len() as u64,
        median_seconds: median_seconds(&mut waited),
    }
}

fn answered(decision: &Decision) -> bool {
    decision.decider == Decider::Human && matches!(decision.outcome, Outcome::Allowed | Outcome::Denied)
}

/// The middle of an odd number of times, the mean of the two in the middle of an even one.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of a wait are far below 2^53")]
fn median_seconds(waited: &mut [u64]) -> Option<f64> {
    waited.sort_unstable();
    let high = *waited.get(waited.len() / 2)?;
    let low = *waited.get((waited.len() - 1) / 2)?;
    Some((low as f64 + high as f64) / 2000.0)
}

/// Questions on which both the reviewer and a person spoke, and on how many they said the same.
pub(crate) fn agreement(actions: &[Action]) -> Agreement {
    let mut agreement = Agreement::default();
    for question in questions(actions) {
        let said = |decider| {
            let spoken =
                |d: &&Decision| d.decider == decider && matches!(d.outcome, Outcome::Allowed | Outcome::Denied);
            question.decisions.iter().rev().find(spoken).map(|d| d.outcome)
        };
        if let (Some(reviewer), Some(human)) = (said(Decider::Reviewer), said(Decider::Human)) {
            agreement.n += 1;
            agreement.agreed += u64::from(reviewer == human);
        }
    }
    agreement
}
