//! How approvers fare (metric 11): too quick, always yes, evidence unopened, tests missed, yes that was regretted; and the
//! rule that asked most in vain. It measures the load, not the person: the cure is a narrower rule.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use tollgate_ledger::record::{Decider, Decision, Outcome};
use tollgate_policy::question::{Question, Risk};

use tollgate_wire::card;

use crate::noise::{self, Kind, Noise};
use crate::rate::Rate;

/// Only answers of the last thirty days count, from the newest on, in milliseconds.
const DAYS: i64 = 30 * 24 * 3600 * 1000;

/// The reading floor: 1.2 s, and a second for 40 characters, in milliseconds.
const FLOOR: u64 = 1200;
const CHARACTERS: u64 = 40;

/// What is kept of an open question.
#[derive(Debug)]
struct Asked {
    characters: u64,
    grave: bool,
    kind: Kind,
    action: String,
    canary: bool,
}

/// One answer of a person.
#[derive(Debug)]
struct Answer {
    by: String,
    at: i64,
    yes: bool,
    asked: Asked,
    shown: Option<u64>,
    opened: Option<bool>,
}

/// Approvers' answers, while they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Health {
    open: HashMap<String, Asked>,
    answers: Vec<Answer>,
}

/// One approver over thirty days.
#[derive(Debug, Clone, PartialEq)]
pub struct Approver {
    /// Who, as the channel proved it.
    pub by: String,
    /// Answers faster than the reading floor, of those whose time on screen is known.
    pub too_quick: Rate,
    /// Approvals of all answers; its lower bound is what to look at.
    pub approved: Rate,
    /// The longest row of approvals.
    pub streak: u64,
    /// Approvals of high risk whose evidence was never opened, of those where it is known.
    pub unopened: Rate,
    /// Tests of attention that were approved, of all tests.
    pub canaries_missed: Rate,
    /// Actions that were approved, and denied when they came again.
    pub regretted: Rate,
    /// Kinds of questions that were asked at least ten times and always approved, each with the rule that would have spared
    /// the asking.
    pub noise: Vec<Noise>,
}

impl Health {
    pub(crate) fn asked(&mut self, question: &Question) {
        let asked = Asked {
            characters: characters(question),
            grave: question.risk == Risk::High,
            kind: Kind::of(question),
            action: question.bound.action.clone(),
            canary: question.canary,
        };
        self.open.insert(question.id.clone(), asked);
    }

    pub(crate) fn decided(&mut self, at: i64, question: &str, decision: &Decision) {
        let Some(asked) = self.open.remove(question) else { return };
        let answered = matches!(decision.outcome, Outcome::Allowed | Outcome::Denied);
        if decision.decider != Decider::Human || !answered || decision.by.is_empty() {
            return;
        }
        let seen = decision.seen;
        self.answers.push(Answer {
            by: decision.by.clone(),
            at,
            yes: decision.outcome == Outcome::Allowed,
            asked,
            shown: seen.and_then(|seen| seen.shown),
            opened: seen.and_then(|seen| seen.opened),
        });
    }

    /// All approvers, by name.
    pub(crate) fn finish(mut self) -> Vec<Approver> {
        let newest = self.answers.iter().map(|answer| answer.at).max().unwrap_or(0);
        self.answers.retain(|answer| newest.saturating_sub(answer.at) <= DAYS);
        let mut by: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
        for answer in self.answers {
            by.entry(answer.by.clone()).or_default().push(answer);
        }
        by.into_iter().map(|(name, answers)| Approver::of(name, &answers)).collect()
    }
}

impl Approver {
    fn of(by: String, all: &[Answer]) -> Self {
        let tests = || all.iter().filter(|answer| answer.asked.canary);
        // tests count for nothing else
        let real: Vec<&Answer> = all.iter().filter(|answer| !answer.asked.canary).collect();
        let rate = |of: &dyn Fn(&Answer) -> bool, hit: &dyn Fn(&Answer) -> bool| {
            let all = || real.iter().filter(|answer| of(answer));
            Rate::of(count(all().filter(|answer| hit(answer)).count()), count(all().count()))
        };
        let floor = |answer: &Answer| FLOOR.saturating_add(answer.asked.characters.saturating_mul(1000) / CHARACTERS);
        Self {
            too_quick: rate(&|a| a.shown.is_some(), &|a| a.shown.is_some_and(|shown| shown < floor(a))),
            approved: rate(&|_| true, &|a| a.yes),
            streak: streak(&real),
            unopened: rate(&|a| a.yes && a.asked.grave && a.opened.is_some(), &|a| a.opened == Some(false)),
            canaries_missed: Rate::of(count(tests().filter(|a| a.yes).count()), count(tests().count())),
            regretted: regretted(&real),
            noise: noise::of(real.iter().map(|answer| (&answer.asked.kind, answer.yes))),
            by,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "by": self.by,
            "too_quick": self.too_quick,
            "approved": self.approved,
            "longest_streak": self.streak,
            "high_risk_unopened": self.unopened,
            "canaries_missed": self.canaries_missed,
            "regretted": self.regretted,
            "always_approved": self.noise,
        })
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn streak(answers: &[&Answer]) -> u64 {
    let (mut longest, mut now) = (0, 0);
    for answer in answers {
        now = if answer.yes { now + 1 } else { 0 };
        longest = longest.max(now);
    }
    longest
}

/// Of the actions that were approved, those that were denied later.
fn regretted(answers: &[&Answer]) -> Rate {
    let mut approved: BTreeMap<&str, bool> = BTreeMap::new();
    for answer in answers {
        if answer.yes {
            approved.entry(&answer.asked.action).or_insert(false);
        } else if let Some(regretted) = approved.get_mut(answer.asked.action.as_str()) {
            *regretted = true;
        }
    }
    Rate::of(count(approved.values().filter(|regretted| **regretted).count()), count(approved.len()))
}

/// How much there is to read: what a channel shows of it.
fn characters(question: &Question) -> u64 {
    let rows = [card::action(&question.action), card::reason(question), card::evidence(question)];
    rows.iter().flatten().map(|row| row.label.chars().count() + row.text.chars().count()).map(count).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn kind() -> Kind {
        use tollgate_policy::action::{Action, Connect, Target};
        use tollgate_policy::verdict::{Effect, Reason, Verdict};
        let action = Action::Connect(Connect { target: Target::Name("a.example".into()), port: 443 });
        let reason = Reason { file: "p".into(), line: 3, because: "x".into() };
        Kind::of(&Question::new(
            "r-1",
            "r",
            action,
            Verdict { effect: Effect::Ask, reason, class: None, profile: None },
        ))
    }

    fn answer(at: i64, yes: bool, (shown, opened): (Option<u64>, Option<bool>), grave: bool) -> Answer {
        let asked = Asked { characters: 400, grave, kind: kind(), action: "a".into(), canary: false };
        Answer { by: "ann".into(), at, yes, asked, shown, opened }
    }

    #[test]
    fn an_approver_by_hand() {
        // the floor of 400 characters is 1.2 s + 10 s
        let mut answers = vec![
            answer(1, true, (Some(11_199), Some(false)), true),
            answer(2, true, (Some(11_200), Some(true)), true),
            answer(3, true, (None, None), true),
            answer(4, false, (None, None), false),
        ];
        answers.push(Answer {
            asked: Asked { canary: true, ..answer(5, true, (None, None), false).asked },
            ..answer(5, true, (None, None), false)
        });
        let health = Health { open: HashMap::new(), answers };
        let ann = health.finish().pop().unwrap();
        assert_eq!(ann.too_quick, Rate::of(1, 2));
        assert_eq!(ann.approved, Rate::of(3, 4));
        assert_eq!(ann.streak, 3);
        assert_eq!(ann.unopened, Rate::of(1, 2));
        assert_eq!(ann.canaries_missed, Rate::of(1, 1));
        assert_eq!(ann.regretted, Rate::of(1, 1));
        assert!(ann.noise.is_empty());
    }

    #[test]
    fn old_answers_do_not_count_and_noise_is_named() {
        let mut answers = vec![answer(0, false, (None, None), false)];
        answers.extend((0..12).map(|n| answer(DAYS + 1 + n, true, (None, None), false)));
        let ann = Health { open: HashMap::new(), answers }.finish().pop().unwrap();
        assert_eq!(ann.approved, Rate::of(12, 12));
        let noise = ann.noise.iter().map(|one| (one.file.as_str(), one.line, one.times)).collect::<Vec<_>>();
        assert_eq!(noise, [("p", 3, 12)]);
    }
}
