//! Questions under attack and under load: reviewers that fail or lie, floods, answers to something else, hostile text; and
//! what an agent may ask for itself. Each through the whole program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attention;
mod changed;
mod channels;
mod desktop;
mod facts;
mod grave;
mod many;
mod notices;
mod proposals;
mod requests;
mod reviewers;
mod rules;
mod text;
mod two;

use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_tests::Scene;

/// A program that is asked about, another that the table refuses, two that it leaves to reviewers.
pub(crate) const RULES: &str = r#"
[[command]]
effect = "ask"
program = ["factor"]
because = "hard sums"
matches = ["factor 6"]

[[command]]
effect = "review"
program = ["seq"]
class = "read"
because = "counting"
matches = ["seq 3"]

[[command]]
effect = "review"
program = ["expr"]
class = "install"
because = "sums with words"
matches = ["expr 1"]

[[command]]
effect = "review"
program = ["tac"]
class = "persistence"
because = "backwards"
matches = ["tac x"]
"#;

/// Waits until so many questions are open, and gives them.
pub(crate) fn open(scene: &Scene, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let questions = scene.questions();
        if questions.len() >= count {
            return questions;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{} of {count} questions are open", questions.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The ledger's records of one event.
pub(crate) fn records(scene: &Scene, event: &str) -> Vec<Value> {
    let record = |line: &Value| -> Option<Value> {
        let inner = [line, &line["record"]].into_iter().find(|value| value.get("event").is_some());
        let text = line["record"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        inner.cloned().or(text)
    };
    let all = scene.ledger();
    all.iter().filter_map(record).filter(|record| record["event"] == event).collect()
}
