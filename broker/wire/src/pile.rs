//! Questions as they lie before a person: like ones in one pile, each with its verb and with as much friction as its
//! risk is worth. The same for the page and the terminal.

use std::collections::HashMap;
use std::time::Duration;

use tollgate_policy::action::{Access, Action};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::question::{Question, Risk};

/// Classes of which each question is looked at by itself.
const ALONE: [&str; 5] = ["publish", "destructive", "credential", "privilege", "persistence"];

/// For how long a question of high risk is on screen before yes is possible, where the question doesn't say.
const PAUSE: Duration = Duration::from_millis(1500);

/// It is never longer: friction that is only a nuisance is clicked away.
const LONGEST: Duration = Duration::from_secs(5);

/// What is put in the way of a quick yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Friction {
    /// How long it is on screen before yes is possible.
    pub pause: Duration,
    /// What has to be typed; empty for nothing.
    pub confirm: String,
}

impl Friction {
    /// Nothing for most questions.
    #[must_use]
    pub fn of(question: &Question) -> Self {
        let said = Duration::from_millis(question.offers.pause).min(LONGEST);
        let pause = if question.risk == Risk::High { said.max(PAUSE) } else { said };
        Self { pause, confirm: question.offers.confirm.clone() }
    }

    /// Whether there is any.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.pause.is_zero() || !self.confirm.is_empty()
    }

    /// Whether a yes is possible: it was on screen long enough, and the words were typed.
    #[must_use]
    pub fn is_met(&self, shown: Duration, typed: &str) -> bool {
        shown >= self.pause && typed.trim() == self.confirm.trim()
    }
}

/// One question, or several like ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pile<'a> {
    /// A name for it, in hex: the same as long as the same kind of question is meant; empty for a single one.
    pub key: String,
    /// Its questions, oldest first; never none.
    pub questions: Vec<&'a Question>,
}

/// Puts like questions together, in the order in which the first of each pile was asked.
#[must_use]
pub fn piles(questions: &[Question]) -> Vec<Pile<'_>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut piles: Vec<Pile<'_>> = Vec::new();
    for question in questions {
        let key = key(question);
        let place = key.as_ref().and_then(|key| places.get(key)).copied();
        if let Some(pile) = place.and_then(|place| piles.get_mut(place)) {
            pile.questions.push(question);
            continue;
        }
        if let Some(key) = &key {
            places.insert(key.clone(), piles.len());
        }
        piles.push(Pile { key: key.unwrap_or_default(), questions: vec![question] });
    }
    for pile in piles.iter_mut().filter(|pile| pile.questions.len() == 1) {
        pile.key.clear();
    }
    piles
}

/// What a question may share a pile by; none where it is to be looked at by itself.
fn key(question: &Question) -> Option<String> {
    let class = question.verdict.class.as_deref().unwrap_or_default();
    let alone = question.group.is_empty()
        || ALONE.contains(&class)
        || question.risk == Risk::High
        || question.approvers.needed > 1
        || question.canary
        || Friction::of(question).is_any();
    (!alone).then(|| {
        let rule = &question.verdict.reason;
        let parts = [question.run.as_str(), class, &rule.file, &rule.line.to_string(), &question.group];
        let mut key = sha256_hex(parts.map(|part| format!("{}:{part}", part.len())).concat().as_bytes());
        key.truncate(32);
        key
    })
}

/// The verb before the object, by class.
#[must_use]
pub fn verb(question: &Question) -> &'static str {
    match (question.verdict.class.as_deref(), &question.action) {
        (Some("publish"), _) => "Publish",
        (Some("destructive"), _) => "Destroy",
        (Some("credential"), _) => "Use a credential",
        (Some("install"), _) => "Install",
        (Some("privilege"), _) => "Gain rights",
        (Some("persistence"), _) => "Make it stay",
        (_, Action::Exec(_)) => "Run",
        (_, Action::Path(path)) => match path.access {
            Access::Read => "Read",
            Access::Write => "Write",
        },
        (_, Action::Connect(_)) => "Connect to",
        (_, Action::Call(_)) => "Call",
        (_, Action::Tool(_)) => "Use the tool",
    }
}

/// What is left until a deadline: `4m 12s`; `over` where it has passed. Both in Unix milliseconds.
#[must_use]
pub fn left(until: i64, now: i64) -> String {
    let seconds = until.saturating_sub(now).div_euclid(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        _ if seconds < 0 => "over".to_owned(),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_policy::action::{Connect, Target};
    use tollgate_policy::verdict::{Effect, Reason, Verdict};

    type Change = fn(&mut Question);

    fn question(id: u32, group: &str, class: Option<&str>) -> Question {
        let action = Action::Connect(Connect { target: Target::Name(format!("h{id}.example")), port: 443 });
        let reason = Reason { file: "policy.toml".into(), line: 3, because: "x".into() };
        let verdict = Verdict { effect: Effect::Ask, reason, class: class.map(str::to_owned), profile: None };
        let mut question = Question::new(&format!("r-{id}"), "r", action, verdict);
        group.clone_into(&mut question.group);
        question
    }

    fn sizes(questions: &[Question]) -> Vec<usize> {
        piles(questions).iter().map(|pile| pile.questions.len()).collect()
    }

    #[test]
    fn like_ones_lie_together() {
        let mut all: Vec<Question> = (0..40).map(|n| question(n, "network|3|example", Some("network"))).collect();
        all.insert(7, question(99, "network|3|other", Some("network")));
        assert_eq!(sizes(&all), [40, 1]);
        assert!(piles(&all).iter().all(|pile| pile.key.is_empty() == (pile.questions.len() == 1)));
    }

    #[test]
    fn what_matters_lies_alone() {
        for class in ALONE {
            let two = [question(1, "g", Some(class)), question(2, "g", Some(class))];
            assert_eq!(sizes(&two), [1, 1], "{class}");
        }
        let plain = [question(1, "", None), question(2, "", None)];
        assert_eq!(sizes(&plain), [1, 1]);
        let changes: [Change; 6] = [
            |q| q.risk = Risk::High,
            |q| q.approvers.needed = 2,
            |q| q.offers.pause = 500,
            |q| q.offers.confirm = "x".into(),
            |q| q.canary = true,
            |q| q.run = "other".into(),
        ];
        for change in changes {
            let mut two = [question(1, "g", None), question(2, "g", None)];
            assert_eq!(sizes(&two), [2]);
            two.iter_mut().take(1).for_each(change);
            assert_eq!(sizes(&two), [1, 1]);
        }
    }

    #[test]
    fn friction_only_where_it_pays() {
        let mut plain = question(1, "", None);
        assert!(!Friction::of(&plain).is_any());
        plain.risk = Risk::High;
        plain.offers.confirm = "origin".into();
        let friction = Friction::of(&plain);
        let table = [
            (2000, "origin", true),
            (2000, " origin ", true),
            (2000, "", false),
            (2000, "Origin", false),
            (100, "origin", false),
        ];
        for (shown, typed, met) in table {
            assert_eq!(friction.is_met(Duration::from_millis(shown), typed), met, "{shown} {typed}");
        }
    }

    #[test]
    fn what_is_left() {
        let table = [(0, "0s"), (12_999, "12s"), (252_000, "4m 12s"), (7_500_000, "2h 5m"), (-1, "over")];
        for (until, expected) in table {
            assert_eq!(left(until, 0), expected);
        }
    }
}
