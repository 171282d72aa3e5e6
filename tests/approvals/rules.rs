//! A change of policy as a person sees it before it counts: what it says, and which decisions of the past would be others.
//! And what is told of questions that are closed.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_tests::page::Page;
use tollgate_tests::{Scene, cases};

use crate::RULES;

cases! { everywhere: a_rule_is_shown_and_never_written a_floor_is_not_opened_by_a_rule trust_says_what_it_changes
closed_ones_are_told }

/// A question about a name that no rule speaks of, denied.
fn denied(scene: &Scene) -> Value {
    let running = scene.job::<&str, _>(&[], &["bash", "-c", "exec 3<>/dev/tcp/build.example/8080; true"]).start();
    let question = scene.question();
    scene.answer("deny", &question, &["--reason", "not now"]).ended(0);
    running.end();
    question
}

fn json(outcome: &tollgate_tests::Outcome) -> Value {
    serde_json::from_str(&outcome.out).unwrap_or_else(|e| panic!("{e}: {outcome}"))
}

fn a_rule_is_shown_and_never_written(scene: &Scene) {
    let question = denied(scene);
    let id = question["id"].as_str().unwrap();
    let shown = scene.verb(&["approvals", "rule", id]).end();
    shown.ended(0);
    for line in [
        "+ names = [\"build.example\"]",
        "+ ports = [8080]",
        "ask -> allow  1 x  connect to build.example:8080",
        "1 looser",
    ] {
        assert!(shown.out.contains(line), "no {line}: {shown}");
    }
    assert!(!scene.home.join(".config/tollgate/policy.toml").exists(), "it was written");
    let rule = json(&scene.verb(&["approvals", "rule", id, "--json"]).end());
    assert_eq!((&rule["replay"]["looser"], &rule["replay"]["stricter"]), (&1.into(), &0.into()), "{rule}");
    let no = json(&scene.verb(&["approvals", "rule", id, "--effect", "deny", "--json"]).end());
    assert_eq!((&no["replay"]["looser"], &no["replay"]["stricter"]), (&0.into(), &1.into()), "{no}");
    let page = Page::open(scene).get(&format!("/q/{id}/rule"));
    assert!(
        page.status == 200 && page.body.contains("build.example") && page.body.contains("1 looser"),
        "{}",
        page.body
    );
    // What is shown is what counts, once it is added.
    let file = scene.file(scene.path().join("added.toml"), rule["toml"].as_str().unwrap());
    scene.verb(&["policy", "check", file.to_str().unwrap()]).end().ended(0);
    let words = ["bash", "-c", "exec 3<>/dev/tcp/build.example/8080; true"];
    scene.job(&[Path::new("--policy"), &file], &words).end();
    assert_eq!(scene.events("asked"), 1, "it is asked about all the same");
    scene.verb(&["approvals", "rule", "none-1"]).end().ended(1).told("there is no open question");
}

fn a_floor_is_not_opened_by_a_rule(scene: &Scene) {
    let policy = scene.policy(RULES);
    let running = scene.job(&[Path::new("--policy"), &policy], &["factor", "6"]).start();
    let question = scene.question();
    let shown = scene.verb(&["approvals", "rule", question["id"].as_str().unwrap()]).end();
    shown.ended(0);
    assert!(shown.out.contains("asks whatever you allow") && shown.out.contains(" 0 looser"), "{shown}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}

fn trust_says_what_it_changes(scene: &Scene) {
    denied(scene);
    scene.folder(scene.workspace.join(".tollgate"));
    let file = scene.workspace.join(".tollgate/policy.toml");
    let rule = |port: u16| {
        let text = "version = 1\n[[net]]\neffect = \"allow\"\nnames = [\"build.example\"]\nbecause = \"x\"\n";
        scene.file(&file, format!("{text}ports = [{port}]\nmatches = [\"build.example:{port}\"]\n"));
    };
    rule(8080);
    let trusted = json(&scene.verb(&["policy", "trust", "--json"]).end());
    assert_eq!((&trusted["replay"]["looser"], &trusted["changed"]), (&1.into(), &Value::Null), "{trusted}");
    rule(9090);
    let changed = scene.verb(&["policy", "trust", "--dry-run"]).end();
    changed.ended(0);
    for line in ["- net: allow", "ports [8080]", "+ net: allow", "ports [9090]", " 0 looser"] {
        changed.told(line);
    }
}

fn closed_ones_are_told(scene: &Scene) {
    let policy = scene.policy(RULES);
    let words = ["bash", "-c", "factor 6; until test -e go; do sleep 0.1; done; factor 6"];
    let running = scene.job(&[Path::new("--policy"), &policy], &words).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    let again = scene.answer("deny", &question, &[]);
    again.ended(1).told("it was approved by");
    let begun = Instant::now();
    while !scene.verb(&["approvals", "grants"]).end().out.contains("exactly `factor 6`") {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "no grant stands: {}",
            scene.verb(&["approvals", "grants"]).end()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(json(&scene.verb(&["approvals", "grants", "--json"]).end())[0]["what"], "factor 6");
    scene.file(scene.workspace.join("go"), "");
    running.end().ended(0);
    let shown = scene.verb(&["approvals", "show", id]).end();
    shown.ended(0);
    assert!(shown.out.contains("approved by") && shown.out.contains("hard sums"), "{shown}");
    let shown = json(&scene.verb(&["approvals", "show", id, "--json"]).end());
    assert_eq!((&shown["id"], &shown["decision"]["outcome"]), (&id.into(), &"allowed".into()), "{shown}");
}
