//! Questions as they lie before a person: like ones in one pile, each with its verb and with as much friction as its
//! risk is worth. The same for the page and the terminal.

use std::collections::HashMap;
use std::time::Duration;

use tollgate_policy::action::{Access, Action, Target};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::evidence::Section;
use tollgate_policy::question::{Question, Risk};

use crate::card;

/// Classes of which each question is looked at by itself.
const ALONE: [&str; 6] = ["publish", "destructive", "credential", "privilege", "persistence", "policy"];

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
    let removes =
        |section: &Section| matches!(section, Section::File(file) if file.would != "write" && file.would != "create");
    let alone = ALONE.contains(&class)
        || question.evidence.iter().any(removes)
        || question.risk == Risk::High
        || question.approvers.needed > 1
        || question.canary
        || Friction::of(question).is_any();
    (!alone).then(|| {
        let rule = &question.verdict.reason;
        let root = if question.group.is_empty() { root(&question.action) } else { question.group.clone() };
        let parts = [question.run.as_str(), class, &rule.file, &rule.line.to_string(), &root];
        let mut key = sha256_hex(parts.map(|part| format!("{}:{part}", part.len())).concat().as_bytes());
        key.truncate(32);
        key
    })
}

/// What like questions have in common: the domain, the folder, the program.
fn root(action: &Action) -> String {
    match action {
        Action::Exec(exec) => {
            let program = exec.image.executable.as_ref().map(|path| path.as_path().display().to_string());
            format!("exec {}", program.unwrap_or_default())
        }
        Action::Path(access) => {
            let folder = access.path.as_path().parent().map(|folder| folder.display().to_string());
            format!("path {:?} {}", access.access, folder.unwrap_or_default())
        }
        Action::Connect(connect) => match &connect.target {
            Target::Name(name) => {
                let labels: Vec<&str> = name.rsplit('.').take(2).collect();
                format!("name {labels:?} {}", connect.port)
            }
            target @ (Target::Address(_) | Target::Unix(_) | Target::Abstract(_)) => format!("{target:?}"),
        },
        Action::Call(call) => format!("call {}", call.name),
        Action::Tool(tool) => format!("tool {} {}", tool.server, tool.tool),
    }
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
        (Some("policy"), _) => "Change the policy",
        (_, Action::Exec(_)) => "Run",
        (_, Action::Path(path)) => match path.access {
            Access::Read => "Read",
            Access::Write => "Write",
        },
        (_, Action::Connect(_)) => "Connect to",
        (_, Action::Call(_)) => "Call",
        (_, Action::Tool(_)) => "Use tool",
    }
}

/// What the verb is about, in one line of neutral text; a verb of its own is not said twice.
#[must_use]
pub fn object(question: &Question) -> String {
    let what = card::what(&question.action);
    let verb = verb(question).to_lowercase();
    let bare = what.strip_prefix(&verb).and_then(|rest| rest.strip_prefix(' ')).map(str::to_owned);
    if matches!(question.action, Action::Exec(_)) { what } else { bare.unwrap_or(what) }
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
    use tollgate_policy::action::Connect;
    use tollgate_policy::evidence::File;
    use tollgate_policy::verdict::{Effect, Reason, Verdict};

    type Change = fn(&mut Question);

    fn connect(name: &str) -> Action {
        Action::Connect(Connect { target: Target::Name(name.to_owned()), port: 443 })
    }

    fn question(id: u32, group: &str, class: Option<&str>) -> Question {
        let action = connect(&format!("h{id}.example"));
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
        let mut gone = [question(1, "g", None), question(2, "g", None)];
        for question in &mut gone {
            question.evidence = vec![Section::File(File { would: "remove".into(), ..File::default() })];
        }
        assert_eq!(sizes(&gone), [1, 1]);
        // Without a group of their own, the same domain, folder or program makes them alike.
        let plain = [question(1, "", None), question(2, "", None)];
        assert_eq!(sizes(&plain), [1, 1]);
        let mut same = plain.map(|question| Question { action: connect("a.example.com"), ..question });
        same[0].action = connect("b.example.com");
        assert_eq!(sizes(&same), [2]);
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
