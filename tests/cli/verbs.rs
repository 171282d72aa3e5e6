//! Verbs around policies and runs: trust, lint, import, evidence.

use serde_json::Value;
use tollgate_tests::{Scene, cases};

cases! { both: trusted_as_it_was inside_nothing_is_trusted lint_tells imported_rules_hold evidence_of_a_run }

const GRANT: &str = "version = 1\n[environment]\npass = [\"PROJECT_WORD\"]\n";

fn project(scene: &Scene, text: &str) {
    scene.folder(scene.workspace.join(".tollgate"));
    scene.file(scene.workspace.join(".tollgate/policy.toml"), text);
}

/// What the command sees of a variable that only the project's policy would pass.
fn word(scene: &Scene) -> String {
    let run = scene.job::<&str, &str>(&[], &["sh", "-c", "echo \"<$PROJECT_WORD>\""]).env("PROJECT_WORD", "here").end();
    run.ended(0);
    run.out
}

fn trusted_as_it_was(scene: &Scene) {
    project(scene, GRANT);
    assert_eq!(word(scene), "<>\n", "nobody trusted it");
    scene.verb(&["policy", "trust", "--dry-run"]).end().ended(0).told("pass the variable PROJECT_WORD");
    assert_eq!(word(scene), "<>\n", "looking is not trusting");
    scene.verb(&["policy", "trust"]).end().ended(0);
    assert_eq!(word(scene), "<here>\n");
    let rule = "[[command]]\neffect = \"deny\"\nprogram = [\"id\"]\nbecause = \"no names\"\nmatches = [\"id\"]\nspares = [\"ls\"]\n";
    project(scene, &format!("{GRANT}{rule}"));
    assert_eq!(word(scene), "<>\n", "it has changed");
    assert!(!scene.run(&["id"]).status.success(), "a floor counts whoever says it");
    scene.verb(&["policy", "trust"]).end().ended(0);
    project(scene, GRANT);
    let changed = scene.run(&["id"]);
    changed.ended(122).told("has changed since it was trusted").told("no names");
    let list = scene.verb(&["policy", "trust", "--list", "--json"]).end();
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list[0]["now"], "changed since", "{list}");
    scene.verb(&["policy", "trust"]).end().ended(0);
    assert_eq!(word(scene), "<here>\n");
    scene.verb(&["policy", "trust", "--revoke"]).end().ended(0);
    assert_eq!(word(scene), "<>\n");
    // what can't be read as a policy is trusted by nobody
    project(scene, "version = 1\nefects = 1\n");
    scene.verb(&["policy", "trust"]).end().ended(120);
}

fn inside_nothing_is_trusted(scene: &Scene) {
    project(scene, GRANT);
    let tollgate = scene.tollgate();
    let folder = tollgate.parent().unwrap().display();
    let policy = scene.policy(&format!("[roots]\nexec = [\"{folder}\"]\n"));
    let words = [tollgate.to_str().unwrap(), "policy", "trust"];
    scene.job(&["--policy", policy.to_str().unwrap()], &words).end().ended(122);
    assert_eq!(word(scene), "<>\n");
}

fn lint_tells(scene: &Scene) {
    let wide = "[roots]\nwrite = [\"~\"]\n[environment]\npass = [\"MY_TOKEN\"]\n[[command]]\neffect = \"allow\"\nprogram = [\"bash\"]\nbecause = \"x\"\n\
                [[net]]\neffect = \"allow\"\nnames = [\"*\"]\nbecause = \"all that there is\"\n";
    let policy = scene.policy(wide);
    let lint = scene.verb(&["policy", "lint", policy.to_str().unwrap(), "--json"]).end();
    lint.ended(1);
    let said: Value = serde_json::from_str(&lint.out).unwrap();
    let lints: Vec<&str> = said["findings"].as_array().unwrap().iter().map(|it| it["lint"].as_str().unwrap()).collect();
    for lint in ["wide-root", "passes-secret", "allows-anything", "short-reason", "every-name"] {
        assert!(lints.contains(&lint), "no {lint} in {said}");
    }
    let fine = scene.policy("[[command]]\neffect = \"deny\"\nprogram = [\"id\"]\nbecause = \"who we are is nobody's business\"\nmatches = [\"id\"]\nspares = [\"ls\"]\n");
    scene.verb(&["policy", "lint", fine.to_str().unwrap()]).end().ended(0).printed("");
    let broken = scene.policy("efects = 1\n");
    scene.verb(&["policy", "lint", broken.to_str().unwrap()]).end().ended(120).told("efects");
}

fn imported_rules_hold(scene: &Scene) {
    let settings = r#"{"permissions": {"deny": ["Bash(hostid:*)", "Read(./secret.txt)"], "ask": ["Bash(git push:*)"], "allow": ["Bash(ls:*)"]}}"#;
    let file = scene.file(scene.path().join("settings.json"), settings);
    let import = scene.verb(&["policy", "import", "claude-code", file.to_str().unwrap()]).end();
    import.ended(0).told("3 rules");
    let policy = scene.file(scene.path().join("imported.toml"), &import.out);
    scene.verb(&["policy", "check", policy.to_str().unwrap()]).end().ended(0);
    scene.file(scene.workspace.join("secret.txt"), "the-word");
    let run = scene.job(&["--policy", policy.to_str().unwrap()], &["sh", "-c", "hostid; cat secret.txt"]).end();
    run.told("tollgate: refused to run `hostid`").told("denied in");
    if scene.setting.has_namespaces() {
        run.withheld("the-word");
    }
    let rules =
        scene.file(scene.path().join("r.rules"), "prefix_rule(pattern = [\"hostid\"], decision = \"forbidden\")\n");
    let import = scene.verb(&["policy", "import", "codex", rules.to_str().unwrap()]).end();
    assert!(import.ended(0).out.contains("program = [\"hostid\"]"), "{import}");
    scene.verb(&["policy", "import", "codex", "no-such-file"]).end().ended(1);
}

fn evidence_of_a_run(scene: &Scene) {
    let rule = "[[command]]\neffect = \"deny\"\nprogram = [\"hostid\"]\nbecause = \"no names\"\nmatches = [\"hostid\"]\nspares = [\"ls\"]\n";
    let policy = scene.policy(rule);
    scene.job(&["--policy", policy.to_str().unwrap(), "--name", "one"], &["sh", "-c", "hostid; exit 3"]).end().ended(3);
    scene.run(&["true"]).ended(0);
    let runs = scene.ledger();
    let run =
        runs.iter().find(|line| line["record"]["name"] == "one").unwrap()["record"]["run"].as_str().unwrap().to_owned();
    let json = scene.verb(&["evidence", &run, "--json"]).end();
    let packet: Value = serde_json::from_str(&json.ended(0).out).unwrap();
    assert_eq!(packet["run"], run);
    assert_eq!(packet["started"]["name"], "one");
    assert_eq!(packet["ended"]["record"]["status"], 3, "{packet}");
    assert_eq!(packet["refused"].as_array().unwrap().len(), 1, "{packet}");
    assert!(packet["ledger"]["checkpoint"].as_str().unwrap().contains("tollgate"), "{packet}");
    let text = scene.verb(&["evidence", &run]).end();
    assert!(text.ended(0).out.contains("refused: 1") && text.out.contains("status 3"), "{text}");
    scene.verb(&["evidence", "no-such-run"]).end().ended(1).told("there is no run");
}
