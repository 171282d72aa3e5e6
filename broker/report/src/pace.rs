//! How far agents get by themselves: the time between interventions, the actions a person's instruction sets off, and how
//! often a turn is interrupted; with the tokens that it took.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use tollgate_ledger::record::{Decider, Decision, Event, Outcome, Record, Told};

use crate::rate::Rate;

/// Interventions that lie less than this apart, in milliseconds, are one.
const MERGED: i64 = 60_000;

/// Runs of agents, and sessions that clients' hooks told of, that are still being read.
#[derive(Debug, Default)]
pub(crate) struct Lives(BTreeMap<String, Life>);

/// One run or session.
#[derive(Debug, Default)]
struct Life {
    agent: bool,
    /// A hook is a process of its own each time, so that only the wall clock goes on between them.
    session: bool,
    first: i64,
    last: Stamp,
    /// When people were waited for: from, to.
    waits: Vec<(Stamp, Stamp)>,
    interventions: Vec<Stamp>,
    interrupts: u64,
    /// Actions before the first instruction, and after each.
    stretches: Vec<u64>,
    tokens: (u64, u64),
}

/// A moment in milliseconds on both clocks: Unix time, and since the run's beginning.
#[derive(Debug, Clone, Copy, Default)]
struct Stamp {
    at: i64,
    mono: i64,
}

/// What runs of agents and sessions tell together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pace {
    /// Milliseconds in which nobody was waited for.
    pub active: i64,
    /// Answers, interrupts, and instructions after the first.
    pub interventions: u64,
    /// Active milliseconds from a beginning or an intervention to the next, in rising order.
    pub gaps: Vec<i64>,
    /// Actions after each instruction.
    pub stretches: Vec<u64>,
    /// Turns that a person broke off.
    pub interrupts: u64,
    /// Tokens that clients told of.
    pub tokens: Tokens,
}

/// Tokens of models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Read by the model.
    pub input: u64,
    /// Written by it.
    pub output: u64,
}

impl Lives {
    /// Takes the next record; those of tests of attention are not to come here.
    pub(crate) fn take(&mut self, record: &Record) {
        let life = self.0.entry(record.run.clone()).or_insert_with(|| Life { first: record.at, ..Life::default() });
        let now = Stamp { at: record.at, mono: i64::try_from(record.mono).unwrap_or(i64::MAX) };
        life.last = Stamp { at: life.last.at.max(now.at), mono: life.last.mono.max(now.mono) };
        match &record.event {
            Event::RunStarted(started) => life.agent = started.agent,
            Event::ActionStarted { .. } => life.acts(),
            Event::Decided { decision, .. } => life.decided(now, decision),
            Event::Hook { told, .. } => life.told(now, told),
            Event::Step { .. }
            | Event::Reached { .. }
            | Event::Asked { .. }
            | Event::Reviewed { .. }
            | Event::Joined { .. }
            | Event::Revoked { .. }
            | Event::Denied { .. }
            | Event::Refused { .. }
            | Event::Tampered { .. }
            | Event::Escalated { .. }
            | Event::EscalationEnded { .. }
            | Event::ActionEnded { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    /// Of all that began at `since` or later.
    pub(crate) fn finish(self, since: Option<i64>) -> Pace {
        let mut pace = Pace::default();
        for life in self.0.into_values().filter(|life| life.agent && since.is_none_or(|since| life.first >= since)) {
            life.add_to(&mut pace);
        }
        pace.gaps.sort_unstable();
        pace
    }
}

impl Life {
    fn acts(&mut self) {
        if let Some(stretch) = self.stretches.last_mut() {
            *stretch += 1;
        }
    }

    fn decided(&mut self, now: Stamp, decision: &Decision) {
        let answered =
            matches!(decision.outcome, Outcome::Allowed | Outcome::Denied) && decision.decider == Decider::Human;
        if answered {
            self.interventions.push(now);
        }
        if answered || decision.outcome == Outcome::Expired {
            let waited = i64::try_from(decision.waited).unwrap_or(i64::MAX);
            let since = Stamp { at: now.at.saturating_sub(waited), mono: now.mono.saturating_sub(waited) };
            self.waits.push((since, now));
        }
    }

    fn told(&mut self, now: Stamp, told: &Told) {
        self.session = true;
        match told {
            // Any other is an action of this session, which has begun by itself.
            Told::Called { action: 0, .. } => self.acts(),
            Told::Prompt { .. } => {
                if !self.stretches.is_empty() {
                    self.interventions.push(now);
                }
                self.stretches.push(0);
            }
            Told::Interrupted => {
                self.interrupts += 1;
                self.interventions.push(now);
            }
            Told::Tokens { input, output } => {
                self.tokens.0 = self.tokens.0.saturating_add(*input);
                self.tokens.1 = self.tokens.1.saturating_add(*output);
            }
            Told::Called { .. }
            | Told::Began { .. }
            | Told::Ended { .. }
            | Told::Result { .. }
            | Told::Compacted
            | Told::Stopped => {}
        }
    }

    fn add_to(self, pace: &mut Pace) {
        let clock = |stamp: Stamp| if self.session { stamp.at.saturating_sub(self.first) } else { stamp.mono };
        let waits = union(self.waits.iter().map(|(from, to)| (clock(*from).max(0), clock(*to))).collect());
        let active = |until: i64| until - waits.iter().map(|(from, to)| (until.min(*to) - from).max(0)).sum::<i64>();
        let mut times: Vec<i64> = self.interventions.iter().map(|stamp| clock(*stamp)).collect();
        times.sort_unstable();
        let mut before = None;
        let mut from = 0;
        for time in times {
            let is_new = before.replace(time).is_none_or(|before| time - before >= MERGED);
            if is_new {
                pace.interventions += 1;
                pace.gaps.push(active(time) - from);
            }
            from = active(time);
        }
        pace.active = pace.active.saturating_add(active(clock(self.last)));
        pace.stretches.extend(self.stretches);
        pace.interrupts += self.interrupts;
        pace.tokens.input = pace.tokens.input.saturating_add(self.tokens.0);
        pace.tokens.output = pace.tokens.output.saturating_add(self.tokens.1);
    }
}

/// The same stretches of time, none of which meets another.
fn union(mut all: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    all.sort_unstable();
    let mut apart: Vec<(i64, i64)> = Vec::with_capacity(all.len());
    for (from, to) in all {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

impl Pace {
    /// Active seconds for each intervention, with the exact Poisson interval (Garwood 1936), 95 %. Without an intervention
    /// only the lower bound is known: a third of the time (the rule of three).
    #[allow(clippy::cast_precision_loss, reason = "seconds and counts far below 2^53")]
    fn between(&self) -> Value {
        let (seconds, n) = (self.active as f64 / 1000.0, self.interventions);
        let (value, low, high) = if n == 0 {
            (None, (self.active > 0).then_some(seconds / 3.0), None)
        } else {
            let (fewest, most) = poisson(n);
            (Some(seconds / n as f64), Some(seconds / most), Some(seconds / fewest))
        };
        let gap = |share| quantile(&self.gaps, share).map(|gap| gap as f64 / 1000.0);
        json!({
            "value": value, "n": n, "low": low, "high": high, "active_seconds": seconds,
            "gap_median": gap(0.5), "gap_p95": gap(0.95), "gaps": self.gaps.len(),
        })
    }

    /// Actions for each instruction that a client's hooks told of.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn per_instruction(&self) -> Value {
        let mut sorted = self.stretches.clone();
        sorted.sort_unstable();
        let n = sorted.len();
        let value = (n > 0).then(|| sorted.iter().sum::<u64>() as f64 / n as f64);
        json!({"value": value, "n": n, "median": quantile(&sorted, 0.5)})
    }

    /// Turns that a person broke off, of all that an instruction began.
    fn interrupted(&self) -> Rate {
        let turns = self.stretches.len() as u64;
        Rate::of(self.interrupts.min(turns), turns)
    }

    /// By their names in `metrics`.
    pub(crate) fn metrics(&self) -> [(&'static str, Value); 4] {
        [
            ("mean_time_between_interventions", self.between()),
            ("actions_per_instruction", self.per_instruction()),
            ("interrupt_rate", json!(self.interrupted())),
            ("tokens", json!(self.tokens)),
        ]
    }
}

/// The nearest-rank quantile of what is sorted.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

/// The means of a Poisson distribution between which `n` events lie with 95 %.
fn poisson(n: u64) -> (f64, f64) {
    (root(|mean| 1.0 - at_most(n - 1, mean), 0.025, n), root(|mean| 1.0 - at_most(n, mean), 0.975, n))
}

/// Where a share that rises with the mean has this value.
#[allow(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn root(share: impl Fn(f64) -> f64, value: f64, n: u64) -> f64 {
    let mean = n as f64;
    let (mut low, mut high) = (0.0, mean + 10.0 * mean.sqrt() + 10.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if share(middle) < value { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The chance of at most `n` events.
#[allow(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn at_most(n: u64, mean: f64) -> f64 {
    let mut log = -mean;
    let mut sum = log.exp();
    for k in 1..=n {
        log += (mean / k as f64).ln();
        sum += log.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Garwood's table, to four digits.
    #[test]
    fn intervals_are_garwoods() {
        for (n, fewest, most) in
            [(1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904), (100, 81.3640, 121.6271)]
        {
            let (low, high) = poisson(n);
            assert!((low - fewest).abs() < 5e-4 && (high - most).abs() < 5e-4, "{n}: {low} to {high}");
        }
    }

    #[test]
    fn stretches_that_meet_are_one() {
        assert_eq!(union(vec![(5, 9), (0, 3), (2, 4), (9, 10)]), [(0, 4), (5, 10)]);
    }
}
