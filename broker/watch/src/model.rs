//! What is on the screen, and what is meant to happen. Time is passed in.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tollgate_policy::question::{Answer, Question, Scope, Seen};
use tollgate_wire::card::{self, Row};
use tollgate_wire::inbox::Look;
use tollgate_wire::neutral;
use tollgate_wire::pile::{Friction, Pile, piles};

/// How long a message stays.
const MESSAGE: Duration = Duration::from_secs(8);

/// All that is known.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) look: Look,
    /// The row that is chosen in the list.
    pub(crate) at: usize,
    pub(crate) place: Place,
    message: Option<(String, Instant)>,
}

/// Where one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The list.
    List,
    /// A pile of like questions: its key, the row, and those that were switched off.
    Pile { key: String, at: usize, off: BTreeSet<String> },
    /// One question.
    Question(Reading),
}

/// A question that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// As it was shown: what is answered is this, and nothing that came later.
    pub(crate) question: Box<Question>,
    pub(crate) since: Instant,
    pub(crate) scroll: u16,
    pub(crate) prompt: Prompt,
}

/// What is being asked back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Nothing.
    None,
    /// The ways to approve for longer.
    Longer,
    /// The target's name, before this approval.
    Name { typed: String, scope: Scope },
    /// A word to the agent, with a denial.
    Word { typed: String },
    /// Whether the run is to be stopped.
    Stop,
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Give these answers; each to a question as it was shown.
    Give(Vec<Given>),
    /// Note that a question is read: its run and id.
    Open(String, String),
    /// Stop for a while, as a shell's job.
    Suspend,
    /// Leave.
    Quit,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) run: String,
    pub(crate) question: String,
    pub(crate) digest: String,
    pub(crate) answer: Answer,
    pub(crate) word: String,
    pub(crate) seen: Seen,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { look: Look::default(), at: 0, place: Place::List, message: None }
    }

    pub(crate) fn piles(&self) -> Vec<Pile<'_>> {
        piles(&self.look.questions)
    }

    /// The questions of a pile.
    pub(crate) fn pile(&self, key: &str) -> Vec<&Question> {
        let found = self.piles().into_iter().find(|pile| !key.is_empty() && pile.key == key);
        found.map(|pile| pile.questions).unwrap_or_default()
    }

    /// Takes news: what is chosen stays chosen; a question that is gone or changed is said to be.
    pub(crate) fn news(&mut self, look: Look, now: Instant) {
        let chosen = self.piles().get(self.at).and_then(|pile| pile.questions.first().map(|q| q.id.clone()));
        self.look = look;
        let piles = self.piles();
        let holds = |pile: &Pile<'_>| pile.questions.iter().any(|q| Some(&q.id) == chosen.as_ref());
        let at = piles.iter().position(holds).unwrap_or(self.at).min(piles.len().saturating_sub(1));
        self.at = at;
        let left = match &self.place {
            Place::List => None,
            Place::Pile { key, .. } => self.pile(key).is_empty().then_some("these are no longer open"),
            Place::Question(reading) => {
                let same = |q: &&Question| q.id == reading.question.id;
                match self.look.questions.iter().find(same) {
                    // a run that could not be asked just now has not closed it
                    None if !self.look.faults.is_empty() => None,
                    None => Some("the question is no longer open"),
                    Some(now) if now.digest != reading.question.digest => Some("the question has changed: look again"),
                    Some(_) => None,
                }
            }
        };
        if let Some(why) = left {
            self.place = Place::List;
            self.say(why, now);
        }
    }

    pub(crate) fn say(&mut self, text: &str, now: Instant) {
        self.message = Some((neutral::short(text, 300), now));
    }

    pub(crate) fn message(&self, now: Instant) -> Option<&str> {
        let (text, since) = self.message.as_ref()?;
        (now.saturating_duration_since(*since) < MESSAGE).then_some(text.as_str())
    }
}

impl Reading {
    pub(crate) fn of(question: &Question, now: Instant) -> Self {
        Self { question: Box::new(question.clone()), since: now, scroll: 0, prompt: Prompt::None }
    }

    /// How long until yes is possible.
    pub(crate) fn rest(&self, now: Instant) -> Duration {
        Friction::of(&self.question).pause.saturating_sub(now.saturating_duration_since(self.since))
    }

    /// The answer to what is being read.
    pub(crate) fn give(&self, answer: Answer, word: &str, now: Instant) -> Given {
        let shown = now.saturating_duration_since(self.since).as_millis();
        let question = &self.question;
        Given {
            run: question.run.clone(),
            question: question.id.clone(),
            digest: question.digest.clone(),
            answer,
            word: word.to_owned(),
            seen: Seen { waiting: question.waiting, shown: u64::try_from(shown).ok(), opened: Some(true) },
        }
    }

    /// All that is known of it, in rows.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = card::action(&self.question.action);
        rows.extend(card::reason(&self.question));
        rows.extend(card::evidence(&self.question));
        rows
    }

    /// The ways to approve for longer, in the order of their digits.
    pub(crate) fn longer(&self, wall: i64) -> Vec<(String, Scope, Vec<String>)> {
        let offers = &self.question.offers;
        let mut ways = Vec::new();
        if offers.lasting {
            ways.push(("exactly this, for the rest of the run".to_owned(), Scope::Run, Vec::new()));
            let half = wall.saturating_add(30 * 60_000);
            ways.push(("exactly this, for 30 minutes".to_owned(), Scope::Until(half), Vec::new()));
            ways.push(("exactly this, 5 times".to_owned(), Scope::Uses(5), Vec::new()));
        }
        for offer in offers.prefixes.iter().take(6) {
            let words = neutral::short_command(offer.words.iter().map(String::as_bytes), 60);
            let covers = offer.covers.iter().take(3).map(|line| format!("covers {}", neutral::short_quoted(line, 70)));
            let spares = offer.spares.iter().take(3).map(|line| format!("not {}", neutral::short_quoted(line, 70)));
            let scope = Scope::Prefix(offer.words.clone());
            ways.push((format!("all that begins with {words}"), scope, covers.chain(spares).collect()));
        }
        ways
    }
}
