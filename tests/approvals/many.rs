//! Many questions at once: merged, bounded, drained; none is lost, none answered twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use tollgate_tests::{Scene, cases};

use crate::{RULES, open, records};

cases! { everywhere: identical_ones_are_one_question many_runs_are_drained a_flood_is_bounded }

fn identical_ones_are_one_question(scene: &Scene) {
    let policy = scene.policy(RULES);
    let text = "for i in {1..40}; do factor 6 & done; wait; echo over";
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", text]).start();
    let begun = Instant::now();
    let question = loop {
        let questions = open(scene, 1);
        assert_eq!(questions.len(), 1, "identical ones are asked apart");
        if questions[0]["waiting"] == 40 {
            break questions[0].clone();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{} wait", questions[0]["waiting"]);
        std::thread::sleep(Duration::from_millis(50));
    };
    let shown = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(shown.out.contains("40 identical attempts"), "{shown}");
    scene.answer("approve", &question, &[]).ended(0);
    let outcome = running.end();
    assert_eq!(outcome.out.matches("6: 2 3\n").count(), 40, "{outcome}");
    assert_eq!((scene.events("asked"), scene.events("joined"), scene.events("decided")), (1, 39, 1));
    assert_eq!(scene.report()["human"]["asked"], 1);
}

/// Eight runs with six questions each, drained by four people at once.
fn many_runs_are_drained(scene: &Scene) {
    let policy = scene.policy(RULES);
    let options = [Path::new("--policy"), &policy];
    let runs: Vec<_> = (0..8)
        .map(|run| {
            let text = format!("for i in {{{0}..{1}}}; do factor $i & done; wait", run * 10 + 1, run * 10 + 6);
            scene.job(&options, &["bash", "-c", &text]).deadline(Duration::from_mins(3)).start()
        })
        .collect();
    let questions = open(scene, 48);
    let ids: BTreeSet<&str> = questions.iter().map(|question| question["id"].as_str().unwrap()).collect();
    assert_eq!((questions.len(), ids.len()), (48, 48));
    let taken: usize = std::thread::scope(|scope| {
        let person = |turn: usize| {
            let questions = &questions;
            move || {
                // everybody tries each, beginning elsewhere
                let order = questions.iter().cycle().skip(turn * 12).take(24);
                order.filter(|question| scene.answer("approve", question, &[]).status.success()).count()
            }
        };
        let people: Vec<_> = (0..4).map(|turn| scope.spawn(person(turn))).collect();
        people.into_iter().map(|person| person.join().unwrap()).sum()
    });
    assert_eq!(taken, 48, "answers that counted");
    for (run, running) in runs.into_iter().enumerate() {
        let outcome = running.end();
        for number in run * 10 + 1..=run * 10 + 6 {
            let lines = outcome.out.lines().filter(|line| line.starts_with(&format!("{number}:"))).count();
            assert_eq!(lines, 1, "{number}: {outcome}");
        }
    }
    let decided = records(scene, "decided");
    let ends: BTreeSet<String> = decided.iter().map(|one| one["question"].to_string()).collect();
    assert_eq!((decided.len(), ends.len()), (48, 48));
    assert!(scene.questions().is_empty());
    scene.verifies();
}

/// More than a run may ask at a time: the rest is refused at once, told why, and written down; what waits is not touched.
fn a_flood_is_bounded(scene: &Scene) {
    let policy = scene.policy(&format!("[approvals]\nopen = 3\n{RULES}"));
    let text = "for i in 1 2 3; do factor $i & done; until test -e go; do sleep 0.1; done
                for i in {1000..1399}; do factor $i; done 2>err; touch done; wait";
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", text]);
    let running = running.deadline(Duration::from_mins(3)).start();
    let questions = open(scene, 3);
    scene.file(scene.workspace.join("go"), "");
    let begun = Instant::now();
    while !scene.workspace.join("done").exists() {
        assert!(begun.elapsed() < Duration::from_mins(2), "the flood does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(scene.questions().len(), 3, "no more than the budget are open");
    for question in &questions {
        scene.answer("approve", question, &[]).ended(0);
    }
    let outcome = running.end();
    assert_eq!(outcome.out.lines().count(), 3, "{outcome}");
    let told = std::fs::read_to_string(scene.workspace.join("err")).unwrap();
    assert_eq!(told.matches("too many questions of this run are open").count(), 400);
    let report = scene.report();
    assert_eq!((&report["deciders"]["human"], &report["deciders"]["policy"]), (&3.into(), &400.into()), "{report}");
    assert_eq!(scene.events("asked"), 403, "nothing is lost");
}
