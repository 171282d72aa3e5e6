//! What a question shows of secrets: which a command outside could read, by name, what it prints and for how long that counts;
//! never a secret itself.

use serde_json::Value;
use tollgate_tests::{Scene, cases};

cases! { everywhere: of_a_command_that_prints_credentials of_a_command_under_a_wider_profile }

/// Text of all facts of a kind.
fn facts(question: &Value, kind: &str) -> String {
    let all = question["evidence"].as_array().unwrap().iter().filter(|fact| fact["kind"] == kind);
    all.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A home with keys, and what they hold.
fn keys(scene: &Scene) {
    scene.folder(scene.home.join(".ssh"));
    for name in ["id_ed25519", "id_ed25519.pub", "known_hosts", "config"] {
        scene.file(scene.home.join(".ssh").join(name), "hunter2hunter2");
    }
    scene.file(scene.home.join(".git-credentials"), "https://ann:hunter2hunter2@example.com");
}

fn asked(scene: &Scene, words: &[&str]) -> (Value, String) {
    let running = scene.job::<&str, _>(&[], words).env("GITHUB_TOKEN", "hunter2hunter2").start();
    let question = scene.question();
    let shown = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    shown.ended(0);
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
    let told = format!("{question}{shown}");
    assert!(!told.contains("hunter2"), "a secret is shown: {told}");
    (question, shown.out)
}

fn secrets_are_named(question: &Value, shown: &str) {
    let paths = facts(question, "readable");
    for name in ["/.ssh/id_ed25519\"", "/.git-credentials\""] {
        assert!(paths.contains(name), "no {name}: {paths}");
    }
    assert!(!paths.contains(".pub") && !paths.contains("known_hosts"), "that is no secret: {paths}");
    let notes = facts(question, "note");
    assert!(notes.contains("GITHUB_TOKEN"), "{notes}");
    for fact in ["can read", "id_ed25519", "secrets it gets", "GITHUB_TOKEN", "variables"] {
        assert!(shown.contains(fact), "no {fact}: {shown}");
    }
}

fn of_a_command_that_prints_credentials(scene: &Scene) {
    keys(scene);
    let (question, shown) = asked(scene, &["git", "credential", "fill"]);
    assert_eq!((&question["verdict"]["class"], &question["risk"]), (&"credential".into(), &"high".into()));
    secrets_are_named(&question, &shown);
    assert!(shown.contains("they go to") && shown.contains("for how long"), "{shown}");
    assert_eq!(question["group"], Value::Null, "it is never one of a group: {question}");
}

fn of_a_command_under_a_wider_profile(scene: &Scene) {
    keys(scene);
    // A repository that lies elsewhere: what only lies in the workspace is pushed inside.
    let mut command = scene.command("/bin/bash");
    command.args(["-c", "git init -q . && git remote add origin https://git.example/x.git"]);
    tollgate_tests::Job::new(command).end().ended(0);
    let (question, shown) = asked(scene, &["git", "push", "origin", "HEAD"]);
    secrets_are_named(&question, &shown);
    assert!(!shown.contains("they go to"), "{shown}");
}
