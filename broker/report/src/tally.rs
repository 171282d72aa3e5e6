//! From records to actions: takes one record after the other, puts retries together at the end.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use tollgate_ledger::record::{Event, Record, RunStarted};
use tollgate_ledger::{Fault, Reader, list};
use tollgate_policy::boundary::Feature;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

use crate::action::{Action, Asked, Attempt, Moment, Path, Walls};
use crate::health::Health;
use crate::pace::Lives;
use crate::report::Report;
use crate::reviews::Reviews;

/// A retry comes at most this long after the refusal, in milliseconds.
const RETRY: u64 = 5 * 60 * 1000;

/// What is reported on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Actions that began at this Unix time in milliseconds or later.
    pub since: Option<i64>,
    /// Actions of this run.
    pub run: Option<String>,
}

/// The report over a ledger.
///
/// # Errors
/// [`Fault`] where the ledger can't be read.
pub fn over(ledger: &Reader, filter: Filter) -> Result<Report, Fault> {
    // Not by `since`: an action's run may have begun before.
    let records = list::Filter { run: filter.run.clone(), ..list::Filter::default() };
    let mut tally = Tally::new(filter);
    ledger.each(&records, |_, record| {
        tally.take(record);
        ControlFlow::Continue(())
    })?;
    Ok(tally.finish())
}

/// Actions in the making.
#[derive(Debug, Default)]
pub struct Tally {
    filter: Filter,
    runs: Vec<Run>,
    run_numbers: HashMap<String, u32>,
    effects: HashMap<(Vec<Raw>, AbsPath, Option<AbsPath>), u32>,
    attempts: Vec<Attempt>,
    /// Where the attempt of a run's action is; none for one that the filter leaves out.
    places: HashMap<(u32, u64), Option<usize>>,
    unattributed: u64,
    health: Health,
    reviews: Reviews,
    lives: Lives,
    /// Tests of attention: they count for approvers and for nothing else.
    tests: BTreeSet<String>,
}

/// What a run's beginning said.
#[derive(Debug)]
struct Run {
    workspace: Option<AbsPath>,
    walls: Walls,
    attended: bool,
    /// The action of another run that its first action is.
    of: Option<(u32, u64)>,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Takes the next record, in the ledger's order.
    pub fn take(&mut self, record: Record) {
        if self.filter.run.as_ref().is_some_and(|run| *run != record.run) {
            return;
        }
        let is_test = matches!(&record.event, Event::Decided { question, .. } if self.tests.contains(question));
        if !is_test {
            self.lives.take(&record);
        }
        let run = self.run_number(&record.run);
        let now = Moment { run, at: record.at, mono: record.mono };
        match record.event {
            Event::RunStarted(started) => self.begin_run(run, started),
            Event::ActionStarted { action, argv, cwd, read_only } => {
                let effects = self.effects(argv, cwd, run);
                self.begin_action(action, now, effects, read_only);
            }
            Event::Asked { question, .. } if question.canary => {
                self.health.asked(&question);
                self.tests.insert(question.id);
            }
            Event::Decided { question, decision, .. } if self.tests.contains(&question) => {
                self.health.decided(record.at, &question, &decision);
            }
            Event::Asked { action, question } => {
                self.health.asked(&question);
                let attended = self.run(run).is_some_and(|r| r.attended);
                let asked = Asked { effect: question.verdict.effect, attended, decisions: Vec::new() };
                self.with(run, action, |a| {
                    a.questions.entry(question.id).or_insert(asked);
                });
            }
            Event::Decided { action, question, decision } => {
                self.health.decided(record.at, &question, &decision);
                self.decide(run, action, (&question, decision));
            }
            Event::Denied { action, .. } | Event::Tampered { action, .. } => {
                self.with(run, action, |a| a.denied = true);
            }
            Event::Refused { action, .. } => self.with(run, action, |a| a.refused = Some(now)),
            Event::Reviewed { review, .. } => self.reviews.take(&review),
            Event::Step { .. }
            | Event::Reached { .. }
            | Event::Joined { .. }
            | Event::Revoked { .. }
            | Event::Escalated { .. }
            | Event::EscalationEnded { .. }
            | Event::ActionEnded { .. }
            | Event::Hook { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    /// Puts retries together and reports.
    #[must_use]
    pub fn finish(self) -> Report {
        let runs: BTreeSet<u32> = self.attempts.iter().map(|a| a.started.run).collect();
        let (unattributed, approvers) = (self.unattributed, self.health.finish());
        let (reviews, pace) = (self.reviews.finish(), self.lives.finish(self.filter.since));
        Report { runs: runs.len() as u64, unattributed, approvers, reviews, pace, ..Report::of(&merge(self.attempts)) }
    }

    fn run_number(&mut self, run: &str) -> u32 {
        if let Some(number) = self.run_numbers.get(run) {
            return *number;
        }
        let number = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        self.run_numbers.insert(run.to_owned(), number);
        // Until its beginning says more, nothing good is believed of a run.
        self.runs.push(Run { workspace: None, walls: Walls::None, attended: false, of: None });
        number
    }

    fn run(&self, number: u32) -> Option<&Run> {
        self.runs.get(usize::try_from(number).ok()?)
    }

    fn begin_run(&mut self, number: u32, started: RunStarted) {
        // A run has walls if both hold: one without the other leaves files or calls open.
        let held = |feature| started.enforced.held.contains(&feature);
        let walls = if held(Feature::LandlockFiles) && held(Feature::Seccomp) { Walls::Sandbox } else { Walls::None };
        let of = started.of.map(|of| (self.run_number(&of.run), of.action));
        let run = usize::try_from(number).ok().and_then(|n| self.runs.get_mut(n));
        if let Some(run) = run {
            *run = Run { workspace: Some(started.workspace), walls, attended: !started.unattended, of };
        }
    }

    fn effects(&mut self, argv: Vec<Raw>, cwd: AbsPath, run: u32) -> u32 {
        let workspace = self.run(run).and_then(|r| r.workspace.clone());
        let next = u32::try_from(self.effects.len()).unwrap_or(u32::MAX);
        *self.effects.entry((argv, cwd, workspace)).or_insert(next)
    }

    fn begin_action(&mut self, action: u64, started: Moment, effects: u32, read_only: bool) {
        let run = usize::try_from(started.run).ok().and_then(|n| self.runs.get_mut(n));
        let of = run.and_then(|run| run.of.take());
        let walls = self.run(started.run).map_or(Walls::None, |r| r.walls);
        // A call that was asked about in its client's session, and goes on here: one action.
        if let Some(Some(place)) = of.and_then(|of| self.places.get(&of)).copied() {
            self.places.insert((started.run, action), Some(place));
            if let Some(attempt) = self.attempts.get_mut(place) {
                attempt.walls = walls;
            }
            return;
        }
        let wanted = self.filter.since.is_none_or(|since| started.at >= since);
        self.places.insert((started.run, action), wanted.then_some(self.attempts.len()));
        if wanted {
            let questions = std::collections::BTreeMap::new();
            self.attempts.push(Attempt { started, effects, read_only, walls, refused: None, denied: false, questions });
        }
    }

    fn decide(&mut self, run: u32, action: u64, (id, decision): (&str, tollgate_ledger::record::Decision)) {
        let mut known = false;
        self.with(run, action, |a| {
            if let Some(asked) = a.questions.get_mut(id) {
                asked.decisions.push(decision);
                known = true;
            } else {
                known = false;
            }
        });
        self.unattributed += u64::from(!known && self.places.get(&(run, action)).is_some_and(Option::is_some));
    }

    fn with(&mut self, run: u32, action: u64, change: impl FnOnce(&mut Attempt)) {
        match self.places.get(&(run, action)) {
            Some(Some(place)) => {
                if let Some(attempt) = self.attempts.get_mut(*place) {
                    change(attempt);
                }
            }
            // Its action began before `since`.
            Some(None) => {}
            None => self.unattributed += 1,
        }
    }
}

/// An attempt on the same effects soon after the boundary refused the one before is the same action, and its path
/// is the action's. What a rule or a person refused stays an action of its own.
fn merge(attempts: Vec<Attempt>) -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::with_capacity(attempts.len());
    // By effects: the last action and the moment when the boundary refused it.
    let mut refused: HashMap<u32, (usize, Moment)> = HashMap::new();
    for attempt in attempts {
        let before = refused.remove(&attempt.effects).filter(|(_, when)| when.is_within(RETRY, attempt.started));
        let path = attempt.path();
        let tried = before.and_then(|(place, _)| actions.get(place)).map_or(0, |a| a.attempts);
        let action = Action { path, read_only: attempt.read_only, attempts: tried + 1, questions: attempt.questions };
        let known = before.and_then(|(place, _)| actions.get_mut(place).map(|old| (place, old)));
        let place = if let Some((place, old)) = known {
            *old = action;
            place
        } else {
            actions.push(action);
            actions.len() - 1
        };
        if let (Path::SandboxRefused, Some(when)) = (path, attempt.refused) {
            refused.insert(attempt.effects, (place, when));
        }
    }
    actions
}
