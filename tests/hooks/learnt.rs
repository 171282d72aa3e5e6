//! What the ledger of hooks and runs teaches: other decisions under another policy, and what people always say.

use serde_json::{Value, json};
use tollgate_tests::{Outcome, Scene, cases};

use crate::{answer, call, hook, mcp, said};

cases! { both: replayed suggested }

fn told(outcome: &Outcome) -> Value {
    outcome.ended(0);
    serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("no JSON: {outcome}"))
}

fn replayed(scene: &Scene) {
    scene.run(&["/bin/sh", "-c", "seq 3; seq 4; factor 6"]).ended(0);
    assert_eq!(
        said(&answer(scene, "claude-code", &call(scene, "Write", &json!({ "file_path": "a", "content": "x" })))).0,
        "allow"
    );
    let replay = |words: &[&str]| {
        let words: Vec<&str> = ["policy", "replay", "--json"].iter().chain(words).copied().collect();
        told(&scene.verb(&words).end())
    };
    let same = replay(&[]);
    assert_eq!(same["changed"], 0, "{same}");
    assert!(same["decisions"].as_u64().unwrap() >= 4, "{same}");
    let stricter = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"seq\"]\nbecause = \"no numbers\"\nmatches = [\"seq 3\"]\nspares = [\"factor 6\"]\n",
    );
    let other = replay(&["--policy", stricter.to_str().unwrap()]);
    assert_eq!((&other["changed"], &other["stricter"], &other["looser"]), (&json!(2), &json!(2), &json!(0)), "{other}");
    assert_eq!(other["changes"][0]["after"], "deny");
    assert_eq!(other["changes"][0]["reason"]["because"], "no numbers");
    // and back: what was refused then would be let through
    let words = ["run", "--policy", stricter.to_str().unwrap(), "--", "/bin/sh", "-c", "seq 5; true"];
    scene.verb(&words).end().ended(0).told("no numbers");
    let looser = replay(&[]);
    assert_eq!((&looser["looser"], &looser["stricter"]), (&json!(1), &json!(0)), "{looser}");
    let since = told(&scene.verb(&["policy", "replay", "--json", "--since", "2090-01-01T00:00:00Z"]).end());
    assert_eq!(since["decisions"], 0);
    let text = scene.verb(&["policy", "replay", "--policy", stricter.to_str().unwrap()]).end();
    assert!(text.out.contains("allow -> deny"), "{text}");
}

fn suggested(scene: &Scene) {
    for _ in 0..3 {
        let running = hook(scene, &["claude-code", "--wait", "40"], mcp(scene).to_string()).start();
        let question = scene.question();
        scene.answer("approve", &question, &[]).ended(0);
        assert_eq!(said(&running.end()).0, "allow");
    }
    let suggest = told(&scene.verb(&["policy", "suggest", "--json"]).end());
    let all = suggest["suggestions"].as_array().unwrap();
    let tool = all.iter().find(|one| one["what"] == "use demo/add").unwrap_or_else(|| panic!("{suggest}"));
    assert_eq!((&tool["direction"], &tool["changes"]), (&json!("loosen"), &json!(3)), "{tool}");
    // The suggestion is a policy that does what it says.
    let policy = scene.policy(tool["toml"].as_str().unwrap());
    let policy = policy.to_str().unwrap();
    assert_eq!(
        said(&hook(scene, &["claude-code", "--policy", policy, "--wait", "1"], mcp(scene).to_string()).end()).0,
        "allow"
    );
    let replay = told(&scene.verb(&["policy", "replay", "--json", "--policy", policy]).end());
    assert_eq!(replay["looser"], 3, "{replay}");
    // Once somebody said no, it is no habit.
    let running = hook(scene, &["claude-code", "--wait", "40"], mcp(scene).to_string()).start();
    let question = scene.question();
    scene.answer("deny", &question, &[]).ended(0);
    assert_eq!(said(&running.end()).0, "deny");
    let suggest = told(&scene.verb(&["policy", "suggest", "--json"]).end());
    assert!(suggest["suggestions"].as_array().unwrap().iter().all(|one| one["what"] != "use demo/add"), "{suggest}");
}
