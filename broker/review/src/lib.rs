//! The reviewer agent: a command, or a model behind an endpoint, that looks at what the table leaves open before a person
//! does. Any one or none; it can only make a verdict stricter ([`Review::effective`]).
//!
//! It sees what the broker collected, marked as untrusted, and never the agent's own words. Everything that goes wrong on
//! the way to its answer is a failed review, never a yes.

mod answer;
mod attempt;
mod budget;
mod command;
mod http;
mod input;
mod mutation;
pub mod trial;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tollgate_policy::action::{Action, Form};
use tollgate_policy::profile::document::Reviewer as Settings;
use tollgate_policy::question::Question;
use tollgate_policy::raw::Raw;
use tollgate_policy::review::{Opinion, Review};
use tollgate_wire::ask::Reviews;

pub use answer::{AnswerFault, SCHEMA as ANSWER_SCHEMA};
pub use input::{Context, SCHEMA as INPUT_SCHEMA, VERSION};
pub use mutation::{MUTATIONS, Mutation};

use crate::budget::Budget;

/// How long a review may take where no layer says, retries included.
const DEADLINE: Duration = Duration::from_secs(20);

/// How many tries there are within the deadline.
const TRIES: u32 = 3;

/// The pause before the second try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// How many verdicts are remembered.
const REMEMBERED: usize = 256;

/// A reviewer of one run.
#[derive(Debug)]
pub struct Reviewer {
    name: String,
    way: Way,
    deadline: Duration,
    context: Context,
    state: Mutex<State>,
}

/// How it is reached.
#[derive(Debug)]
enum Way {
    Command(command::Agent),
    Http(http::Endpoint),
}

#[derive(Debug)]
struct State {
    budget: Budget,
    known: HashMap<String, Review>,
}

impl Reviewer {
    /// The reviewer that a profile describes. `key` gives the value of an environment variable.
    ///
    /// # Errors
    /// Why it can't be used: no key, an address that is no `https` one and not on loopback.
    pub fn new(settings: &Settings, context: Context, key: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let deadline = settings.deadline.map_or(DEADLINE, Duration::from_secs);
        let (name, way) = match (&settings.endpoint, settings.command.first()) {
            (Some(endpoint), _) => {
                let key = settings.key.as_deref().map(|name| {
                    key(name)
                        .filter(|key| !key.is_empty())
                        .ok_or(format!("the variable `{name}` with its key is not set"))
                });
                let model = settings.model.as_deref().unwrap_or_default();
                let dialect = settings.dialect.as_deref().unwrap_or_default();
                let endpoint = http::Endpoint::new((endpoint, dialect), model, key.transpose()?)?;
                (model.to_owned(), Way::Http(endpoint))
            }
            (None, Some(program)) => {
                let words = settings.command.iter().map(ToString::to_string).collect();
                let key = settings.key.as_deref().and_then(|name| Some((name.to_owned(), key(name)?)));
                let name = program.rsplit('/').next().unwrap_or(program).to_owned();
                (name, Way::Command(command::Agent { words, key }))
            }
            (None, None) => return Err("the reviewer has neither a command nor an endpoint".to_owned()),
        };
        let state = Mutex::new(State { budget: Budget::of(settings), known: HashMap::new() });
        Ok(Self { name, way, deadline, context, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // each change is whole before the lock is let go
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for a trial: many dangerous lines one after the other, each of which it is to deny, open no breaker.
    #[must_use]
    pub fn on_trial(self) -> Self {
        self.state().budget.on_trial();
        self
    }

    /// The command's name, or the model's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks at one question.
    #[must_use]
    pub fn look_at(&self, question: &Question) -> Review {
        let key = may_be_reused(question).then(|| self.context.key(&question.digest));
        if let Some(known) = key.as_ref().and_then(|key| self.state().known.get(key).cloned()) {
            return Review { reused: true, tokens: (0, 0), cost: 0, attempts: 0, took: 0, ..known };
        }
        if let Err(opinion) = self.state().budget.take() {
            return Review::without(&self.name, opinion);
        }
        let began = Instant::now();
        let mut review = self.tries(question, began + self.deadline);
        review.took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut state = self.state();
        review.cost = state.budget.spend(&review);
        if let (Some(key), Opinion::Verdict(_)) = (key, &review.opinion)
            && state.known.len() < REMEMBERED
        {
            state.known.insert(key, review.clone());
        }
        review
    }

    fn tries(&self, question: &Question, until: Instant) -> Review {
        let mut review = Review::without(&self.name, Opinion::Failed("it was not reached".to_owned()));
        let mut pause = PAUSE;
        for attempt in 1..=TRIES {
            review.attempts = attempt;
            let asked = input::Asked::new(question, &self.context, until);
            let asked = match asked {
                Ok(asked) => asked,
                Err(e) => {
                    review.opinion = Opinion::Failed(format!("no nonce can be made: {e}"));
                    return review;
                }
            };
            let reply = match &self.way {
                Way::Command(agent) => agent.ask(&asked, until),
                Way::Http(endpoint) => endpoint.ask(&asked, until),
            };
            review.tokens.0 = review.tokens.0.saturating_add(reply.tokens.0);
            review.tokens.1 = review.tokens.1.saturating_add(reply.tokens.1);
            let answered = reply.text.map_err(|fault| (fault.why, fault.again)).and_then(|text| {
                answer::read(&text, &asked.nonce).map_err(|fault| (fault.to_string(), attempt::Again::Yes))
            });
            match answered {
                Ok(answer) => return answer.into_review(review),
                Err((why, again)) => {
                    review.opinion = Opinion::Failed(why);
                    let left = until.saturating_duration_since(Instant::now());
                    if again == attempt::Again::No || left <= pause {
                        return review;
                    }
                }
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        review
    }
}

impl Reviews for Reviewer {
    fn review(&self, question: &Question) -> Review {
        self.look_at(question)
    }
}

/// Whether an identical question may get the same verdict again: never for publishing, deleting, credentials, or code
/// that nobody could read from the command.
fn may_be_reused(question: &Question) -> bool {
    let class = question.verdict.class.as_deref();
    if class.is_none_or(|class| ["publish", "destructive", "credential", "policy"].contains(&class)) {
        return false;
    }
    match &question.action {
        Action::Exec(exec) => {
            let inline = |word: &Raw| word.bytes().starts_with(b"-") && word.bytes().iter().any(|b| b"ce".contains(b));
            exec.image.form == Form::Native && !exec.image.writable && !exec.argv.iter().skip(1).any(inline)
        }
        Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => true,
    }
}

#[cfg(test)]
mod tests;
