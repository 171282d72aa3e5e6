//! The person at the other terminal: sees what is open, answers through `tollgate approvals`.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Outcome, Scene};

impl Scene {
    /// The questions that are open now, as `approvals list --json` gives them.
    pub fn questions(&self) -> Vec<Value> {
        let list = self.verb(&["approvals", "list", "--json"]).end();
        list.ended(0);
        match serde_json::from_str(&list.out).unwrap() {
            Value::Array(questions) => questions,
            Value::Object(mut map) => match map.remove("questions") {
                Some(Value::Array(questions)) => questions,
                other => panic!("no questions in {other:?}"),
            },
            other => panic!("no list: {other}"),
        }
    }

    /// Waits until one is open.
    pub fn question(&self) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(question) = self.questions().into_iter().next() {
                return question;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "no question was asked");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Approves or denies a question, with further options.
    pub fn answer(&self, verb: &str, question: &Value, options: &[&str]) -> Outcome {
        let id = question.get("id").and_then(Value::as_str).unwrap();
        let words: Vec<&str> = ["approvals", verb, id].iter().chain(options).copied().collect();
        self.verb(&words).end()
    }

    /// Approves it once, with the name that it asks for, if any.
    pub fn approve(&self, question: &Value) -> Outcome {
        let name = question.pointer("/offers/confirm").and_then(Value::as_str).unwrap_or_default();
        let confirm = ["--confirm", name];
        self.answer("approve", question, if name.is_empty() { &[] } else { &confirm })
    }
}
