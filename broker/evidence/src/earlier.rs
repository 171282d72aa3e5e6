//! What was decided before in like cases, from the ledger.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use tollgate_ledger::record::{Decider, Event, Outcome};
use tollgate_ledger::{Filter, Reader};
use tollgate_policy::Policy;
use tollgate_policy::action::{Action, Target};
use tollgate_policy::digest::digest_of;
use tollgate_policy::evidence::{Earlier, Like, Section};
use tollgate_policy::question::{Offer, Question};
use tollgate_policy::raw::Raw;
use tollgate_wire::ask::History;
use tollgate_wire::{card, neutral};

use crate::Search;

/// How many records are looked through: the newest.
const RECORDS: usize = 2_000;

/// How many records are looked through for what people were asked.
const HISTORY: usize = 20_000;

/// How many decisions are named.
const SHOWN: usize = 5;

/// Longest prefix that is offered, in characters as it is shown: one that can't be read whole is nobody's to give.
const LONGEST: usize = 100;

/// Examples of a prefix.
const EXAMPLES: usize = 3;

/// Looks up decisions on like actions; of a connection, whether it is the first one there.
pub(crate) fn look(question: &Question, search: &mut Search<'_>) -> Vec<Action> {
    let Some(records) = decided(search) else { return Vec::new() };
    let mut earlier = Earlier::default();
    let digest = digest_of(&question.action);
    for past in &records {
        if !is_like(&past.action, &question.action) {
            continue;
        }
        match past.outcome {
            Outcome::Allowed => earlier.allowed += 1,
            Outcome::Denied => earlier.denied += 1,
            Outcome::Expired | Outcome::ReviewFailed | Outcome::Aborted => earlier.expired += 1,
        }
        if earlier.list.len() < SHOWN {
            let same = digest_of(&past.action) == digest;
            earlier.list.push(past.like(same));
        }
    }
    first_time(&records, question, search);
    if !earlier.list.is_empty() {
        search.add(Section::Earlier(earlier));
    }
    records.into_iter().map(|past| past.action).collect()
}

/// Prefixes that the question may be answered with, longest first, each with examples from the ledger.
pub(crate) fn offers(policy: &Policy, question: &Question, past: &[Action]) -> Vec<Offer> {
    let Action::Exec(exec) = &question.action else { return Vec::new() };
    let text = |count: usize| exec.argv.iter().take(count).map(|word| word.text().map(str::to_owned)).collect();
    let longest = exec.argv.len().saturating_sub(1).min(4);
    let words = (2..=longest).rev().filter_map(text);
    words
        .filter(|words: &Vec<String>| policy.may_be_prefix(&question.action, words) && is_readable(words))
        .map(|words| offer(words, past))
        .collect()
}

fn is_readable(words: &[String]) -> bool {
    neutral::command(words.iter().map(String::as_bytes)).chars().count() <= LONGEST
}

fn offer(words: Vec<String>, past: &[Action]) -> Offer {
    let (mut covers, mut spares) = (Vec::new(), Vec::new());
    for action in past {
        let Action::Exec(exec) = action else { continue };
        // of other programs it covers nothing anyway
        if exec.argv.first().map(Raw::bytes) != words.first().map(String::as_bytes) {
            continue;
        }
        let starts =
            words.len() <= exec.argv.len() && words.iter().zip(&exec.argv).all(|(w, a)| w.as_bytes() == a.bytes());
        let list: &mut Vec<String> = if starts { &mut covers } else { &mut spares };
        let line = card::what(action);
        if list.len() < EXAMPLES && !list.contains(&line) {
            list.push(line);
        }
    }
    Offer { words, covers, spares }
}

/// What people were asked, as far back as the newest records go.
pub(crate) fn history(state: &std::path::Path) -> History {
    let mut history = History::default();
    let Ok(reader) = Reader::open(state) else { return history };
    let (filter, mut tests) = (Filter { limit: Some(HISTORY), ..Filter::default() }, HashSet::new());
    #[allow(clippy::wildcard_enum_match_arm, reason = "all else asks nobody")]
    let read = reader.each(&filter, |_, record| {
        match record.event {
            Event::Asked { question, .. } if question.canary => {
                history.tests += 1;
                tests.insert(question.id);
            }
            Event::Decided { question, decision, .. } if decision.decider == Decider::Human => {
                history.asked += u64::from(!tests.contains(&question));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    // what can't be read counts as nothing asked: then nothing is tested either
    if read.is_ok() { history } else { History::default() }
}

struct Past {
    at: i64,
    question: String,
    action: Action,
    outcome: Outcome,
    by: String,
}

impl Past {
    fn like(&self, same: bool) -> Like {
        let outcome = match self.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Expired => "not answered",
            Outcome::ReviewFailed => "review failed",
            Outcome::Aborted => "withdrawn",
        };
        Like {
            at: self.at,
            question: self.question.clone(),
            outcome: outcome.to_owned(),
            by: self.by.clone(),
            what: card::what(&self.action),
            same,
        }
    }
}

/// Questions with their ends, newest first; none where there is no ledger.
fn decided(search: &Search<'_>) -> Option<Vec<Past>> {
    let reader = Reader::open(&search.by.state).ok()?;
    let (mut asked, mut past): (HashMap<String, Action>, Vec<Past>) = (HashMap::new(), Vec::new());
    let filter = Filter { limit: Some(RECORDS), ..Filter::default() };
    let took = reader.each(&filter, |_, record| {
        match record.event {
            // a test of attention is nothing that was decided
            Event::Asked { question, .. } if question.canary => {}
            Event::Asked { question, .. } => {
                asked.insert(question.id, question.action);
            }
            Event::Decided { question, decision, .. } => {
                if let Some(action) = asked.remove(&question) {
                    let by = match decision.decider {
                        Decider::Policy => "policy".to_owned(),
                        Decider::Grant => "a grant".to_owned(),
                        Decider::Reviewer => "the reviewer".to_owned(),
                        Decider::Human => decision.by,
                    };
                    past.push(Past { at: record.at, question, action, outcome: decision.outcome, by });
                }
            }
            Event::RunStarted(_)
            | Event::ActionStarted { .. }
            | Event::Step { .. }
            | Event::Reached { .. }
            | Event::Reviewed { .. }
            | Event::Joined { .. }
            | Event::Revoked { .. }
            | Event::Denied { .. }
            | Event::Refused { .. }
            | Event::Tampered { .. }
            | Event::Escalated { .. }
            | Event::EscalationEnded { .. }
            | Event::Hook { .. }
            | Event::ActionEnded { .. }
            | Event::RunEnded { .. } => {}
        }
        if search.is_late() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    took.ok()?;
    past.reverse();
    Some(past)
}

/// The same kind of thing: the same program and subcommand, the same path, the same target.
fn is_like(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Exec(one), Action::Exec(other)) => {
            let start = |argv: &[Raw]| -> Vec<Vec<u8>> {
                let plain = argv.iter().skip(1).find(|word| !word.bytes().starts_with(b"-"));
                argv.first().into_iter().chain(plain).map(|word| word.bytes().to_vec()).collect()
            };
            one.image.executable == other.image.executable && start(&one.argv) == start(&other.argv)
        }
        (Action::Path(one), Action::Path(other)) => one == other,
        (Action::Connect(one), Action::Connect(other)) => one == other,
        (Action::Tool(one), Action::Tool(other)) => one == other,
        _ => false,
    }
}

fn first_time(records: &[Past], question: &Question, search: &mut Search<'_>) {
    let Action::Connect(wanted) = &question.action else { return };
    let there = |past: &Past| {
        past.outcome == Outcome::Allowed
            && matches!(&past.action, Action::Connect(connect) if same_place(&connect.target, &wanted.target))
    };
    let first = !records.iter().any(there);
    for section in &mut search.found {
        if let Section::Destination(destination) = section {
            destination.first_time = Some(first);
        }
    }
}

fn same_place(one: &Target, other: &Target) -> bool {
    one == other
}
