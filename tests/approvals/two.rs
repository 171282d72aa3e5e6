//! As much friction as a question is worth: none for most, a pause and the target's name for what is grave, two people where
//! a class asks for it.

use std::process::Command;

use serde_json::Value;
use tollgate_tests::{Job, Outcome, Scene, cases, skip};

use crate::RULES;

cases! { everywhere: two_people_have_to_agree most_questions_have_no_friction }

pub(crate) fn of_root(scene: &Scene, verb: &str, question: &Value, more: &[&str]) -> Outcome {
    let mut command = Command::new(scene.tollgate());
    command.args(["approvals", verb, question["id"].as_str().unwrap()]).args(more);
    command.env("TOLLGATE_STATE_DIR", &scene.state).env_remove("XDG_RUNTIME_DIR");
    Job::new(command).end()
}

fn two_people_have_to_agree(scene: &Scene) {
    let text = RULES.replacen("because = \"hard sums\"", "class = \"publish\"\nbecause = \"hard sums\"", 1);
    let policy = scene.policy(&format!("[approvals]\ntwo = [\"publish\"]\n{text}"));
    let running =
        scene.job(&["--policy", policy.to_str().unwrap()], &["sh", "-c", "factor 6; echo rc=$? # x\n"]).start();
    let question = scene.question();
    let shown = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(shown.out.contains("2 people have to agree; agreed: nobody yet"), "{shown}");
    assert_eq!(question["offers"]["lasting"], false, "{question}");
    let longer = scene.answer("approve", &question, &["--scope", "run"]);
    assert!(!longer.status.success(), "{longer}");
    let first = scene.answer("approve", &question, &[]);
    first.ended(0);
    assert!(first.out.contains("1 more must agree"), "{first}");
    let again = scene.answer("approve", &question, &[]);
    assert!(!again.status.success() && again.err.contains("has agreed already"), "{again}");
    assert_eq!(scene.questions().len(), 1, "one is not enough");
    if !nix::unistd::geteuid().is_root() || scene.setting.uid().is_root() {
        scene.answer("deny", &question, &[]).ended(0);
        let outcome = running.end();
        assert!(!outcome.out.contains("2 3"), "{outcome}");
        return skip("needs root, to be the second person");
    }
    let second = of_root(scene, "approve", &question, &[]);
    second.ended(0);
    running.end().printed("6: 2 3\nrc=0\n");
    let report = scene.report();
    assert_eq!(report["deciders"]["human"], 1, "{report}");
}

fn most_questions_have_no_friction(scene: &Scene) {
    let policy = scene.policy(RULES);
    let running = scene
        .job(&["--policy", policy.to_str().unwrap()], &["sh", "-c", "factor 6; factor 7 & factor 8 & wait\n"])
        .start();
    let question = scene.question();
    assert_eq!((&question["offers"]["pause"], &question["offers"]["confirm"]), (&0.into(), &Value::Null), "{question}");
    assert_eq!(question["risk"], "medium");
    scene.answer("deny", &question, &[]).ended(0);
    let two = crate::open(scene, 2);
    assert_eq!(two[0]["group"], two[1]["group"], "like ones are of one group");
    assert!(two[0]["group"].as_str().is_some_and(|group| group.contains("factor")), "{two:?}");
    for question in &two {
        scene.answer("deny", question, &[]).ended(0);
    }
    running.end();
}
