//! Tests of attention: opted in, announced, not to be told from other questions, and without any effect.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_tests::{Scene, cases};

use crate::{RULES, open, records};

cases! { everywhere: one_of_fifty_is_a_test none_without_opting_in }

/// So many questions, all at once.
const MANY: usize = 60;

fn ask(scene: &Scene, policy: &str, count: usize) -> tollgate_tests::job::Running {
    let policy = scene.policy(policy);
    let text = format!("for i in {{1..{count}}}; do factor $i & done; wait");
    let job = scene.job(&["--policy", policy.to_str().unwrap()], &["bash", "-c", &text]);
    job.deadline(Duration::from_mins(4)).start()
}

/// Approves all that is open, until so many were; what was said to each.
fn approve_all(scene: &Scene, count: usize) -> Vec<(Value, String)> {
    let (begun, mut done, mut said) = (Instant::now(), BTreeSet::new(), Vec::new());
    while said.len() < count {
        assert!(begun.elapsed() < Duration::from_mins(3), "{} of {count} were asked", said.len());
        for question in open(scene, 1) {
            if done.insert(question["id"].to_string()) {
                let outcome = scene.answer("approve", &question, &[]);
                outcome.ended(0);
                said.push((question, outcome.out));
            }
        }
    }
    said
}

fn one_of_fifty_is_a_test(scene: &Scene) {
    let running = ask(scene, &format!("[approvals]\ncanaries = 2\nopen = 100\n{RULES}"), MANY);
    let said = approve_all(scene, MANY + 1);
    assert!(said.iter().all(|(question, _)| question["canary"] == Value::Null), "it is marked");
    assert!(said.iter().all(|(question, _)| question["tests"] == 2), "tests are not announced");
    let tests: Vec<&(Value, String)> = said.iter().filter(|(_, said)| said.contains("a test of attention")).collect();
    assert_eq!(tests.len(), 1, "{tests:?}");
    assert!(!tests[0].0["action"].to_string().contains("factor"), "{tests:?}");
    let outcome = running.end();
    assert_eq!(outcome.out.lines().count(), MANY, "{outcome}");
    let asked = records(scene, "asked");
    let marked: Vec<&Value> = asked.iter().filter(|one| one["question"]["canary"] == true).collect();
    assert_eq!(marked.len(), 1);
    let id = &marked[0]["question"]["id"];
    let ends: Vec<Value> = records(scene, "decided").into_iter().filter(|one| one["question"] == *id).collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    let report = scene.report();
    assert_eq!((&report["human"]["asked"], &report["deciders"]["human"]), (&MANY.into(), &MANY.into()), "{report}");
    let health = &report["approver_health"][0];
    assert_eq!(
        (&health["canaries_missed"]["value"], &health["canaries_missed"]["n"]),
        (&1.0.into(), &1.into()),
        "{health}"
    );
    assert_eq!(health["approved"]["n"], MANY, "it counts for nothing else: {health}");
    assert_eq!(health["always_approved"][0]["times"], MANY, "{health}");
    let text = scene.verb(&["report"]).end();
    assert!(text.out.contains("tests of attention, missed") && text.out.contains("would have spared it"), "{text}");
    scene.verifies();
}

fn none_without_opting_in(scene: &Scene) {
    let running = ask(scene, RULES, 5);
    let said = approve_all(scene, 5);
    assert!(said.iter().all(|(question, _)| question["tests"] == Value::Null));
    running.end();
    assert_eq!(scene.events("asked"), 5);
}
