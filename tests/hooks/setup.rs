//! `tollgate hook install`: what is installed refuses whatever happens to the program, and is taken out without a trace.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tollgate_tests::{Job, Outcome, Scene, cases};

cases! { user: installed_and_taken_out the_line_refuses_whatever_happens foreign_settings_stay status_tries_it
status_says_what_is_wrong a_plugin_is_tried_too }

const FILES: [(&str, &str); 6] = [
    ("claude-code", ".claude/settings.json"),
    ("codex", ".codex/hooks.json"),
    ("gemini-cli", ".gemini/settings.json"),
    ("qwen-code", ".qwen/settings.json"),
    ("copilot", ".copilot/hooks/tollgate.json"),
    ("cursor", ".cursor/hooks.json"),
];

fn verb(scene: &Scene, words: &[&str]) -> Outcome {
    scene.verb(words).env("HOME", home(scene)).end()
}

fn home(scene: &Scene) -> PathBuf {
    let home = scene.path().join("home-of-hooks");
    if !home.exists() {
        scene.folder(&home);
    }
    home
}

fn installed_and_taken_out(scene: &Scene) {
    for (client, file) in FILES {
        let path = home(scene).join(file);
        let dry = verb(scene, &["hook", "install", client, "--user", "--dry-run"]);
        dry.ended(0);
        assert!(dry.out.contains("+++") && !path.exists(), "{dry}");
        verb(scene, &["hook", "install", client, "--user"]).ended(0);
        let once = fs::read(&path).unwrap();
        verb(scene, &["hook", "install", client, "--user"]).ended(0);
        assert_eq!(fs::read(&path).unwrap(), once, "twice is once");
        verb(scene, &["hook", "uninstall", client, "--user"]).ended(0);
        assert!(!path.exists() && !path.parent().unwrap().exists(), "nothing is left of {client}");
    }
}

fn foreign_settings_stay(scene: &Scene) {
    let text = "// mine\n{ \"theme\": \"dark\", /* x */ \"hooks\": { \"PreToolUse\": [] }, }\n";
    for (client, file) in FILES.into_iter().filter(|(client, _)| *client != "copilot") {
        let path = home(scene).join(file);
        scene.folder(path.parent().unwrap());
        scene.file(&path, text);
        verb(scene, &["hook", "install", client, "--user"]).ended(0);
        let there = fs::read_to_string(&path).unwrap();
        assert!(there.contains("// mine") && there.contains("/* x */") && there.contains(" hook "), "{there}");
        verb(scene, &["hook", "uninstall", client, "--user"]).ended(0);
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "byte for byte");
        // Changed by its owner since: what is ours is taken out, what is theirs stays.
        verb(scene, &["hook", "install", client, "--user"]).ended(0);
        let changed = fs::read_to_string(&path).unwrap().replace("dark", "light");
        scene.file(&path, &changed);
        verb(scene, &["hook", "uninstall", client, "--user"]).ended(0);
        let left = fs::read_to_string(&path).unwrap();
        assert!(left.contains("light") && !left.contains("tollgate"), "{left}");
    }
    let path = home(scene).join(".claude/settings.json");
    scene.file(&path, "{ broken");
    let refused = verb(scene, &["hook", "install", "claude-code", "--user"]);
    refused.ended(1);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ broken");
}

/// The gate's command line, as it is configured.
fn line(scene: &Scene, client: &str, file: &str) -> String {
    verb(scene, &["hook", "install", client, "--user"]).ended(0);
    let text = fs::read_to_string(home(scene).join(file)).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let hooks = value["hooks"].as_object().unwrap();
    let gate = ["PreToolUse", "BeforeTool", "preToolUse"].iter().find_map(|name| hooks.get(*name)).unwrap();
    let hook = if gate[0]["hooks"].is_array() { &gate[0]["hooks"][0] } else { &gate[0] };
    hook["command"].as_str().or(hook["bash"].as_str()).unwrap().to_owned()
}

fn the_line_refuses_whatever_happens(scene: &Scene) {
    let program = scene.tollgate();
    let program = program.to_str().unwrap();
    let fails = |name: &str, text: &str| {
        scene.script(scene.workspace.join(name), &format!("#!/bin/sh\n{text}\n")).to_str().unwrap().to_owned()
    };
    let broken = [
        "/nowhere/tollgate".to_owned(),
        fails("killed", "kill -9 $$"),
        fails("hangs", "exec sleep 60"),
        fails("fails", "exit 1"),
        fails("silent", "exit 2"),
        fails("other", "exit 127"),
        fails("says-nothing", "exit 0"),
        fails("babbles", "echo ok"),
        fails("is-cut-short", "printf '{\"decision\": \"al'"),
    ];
    for (client, file) in FILES {
        // The same line, with less patience.
        let line = line(scene, client, file).replace(" -k 1 55 ", " -k 1 1 ");
        assert!(line.contains(program), "{line}");
        for other in &broken {
            let mut command = scene.command("/bin/sh");
            command.args(["-c", &line.replace(program, other)]);
            let outcome = Job::new(command).input("{}").end();
            outcome.ended(2);
            // Codex, Gemini and Qwen go on where there is a code and no word.
            assert!(outcome.out.is_empty() && outcome.err.contains("tollgate: refused"), "{outcome}");
        }
        let mut command = scene.command("/bin/sh");
        command.args(["-c", &line]);
        let outcome = Job::new(command).input("{}").end();
        outcome.ended(2);
        assert!(outcome.err.starts_with("tollgate: refused"), "{outcome}");
    }
}

fn status_tries_it(scene: &Scene) {
    for (client, file) in FILES {
        let before = verb(scene, &["hook", "status", client, "--json"]);
        before.ended(1);
        verb(scene, &["hook", "install", client, "--user"]).ended(0);
        let works = verb(scene, &["hook", "status", client, "--json"]);
        works.ended(0);
        let value: Value = serde_json::from_str(&works.out).unwrap();
        assert_eq!(value["works"], true, "{works}");
        let path = home(scene).join(file);
        let text = fs::read_to_string(&path).unwrap();
        scene.file(&path, text.replace(" hook ", " hook-gone hook "));
        let broken = verb(scene, &["hook", "status", client, "--json"]);
        broken.ended(1);
        assert!(broken.out.contains("\"works\": false"), "{broken}");
    }
}

/// Why the hooks set up for a person don't work; empty if they do.
fn fault(scene: &Scene, client: &str) -> String {
    let status = verb(scene, &["hook", "status", client, "--json"]);
    let value: Value = serde_json::from_str(&status.out).unwrap_or_else(|_| panic!("{status}"));
    let place = value["places"].as_array().unwrap().iter().find(|place| place["reach"] == "user").unwrap();
    assert_eq!(place["works"], value["works"], "{status}");
    status.ended(i32::from(place["works"] != true));
    place["why"].as_str().unwrap_or_default().to_owned()
}

fn status_says_what_is_wrong(scene: &Scene) {
    let program = scene.tollgate();
    let program = program.to_str().unwrap();
    for (client, file) in FILES {
        verb(scene, &["hook", "install", client, "--user"]).ended(0);
        let path = home(scene).join(file);
        let text = fs::read_to_string(&path).unwrap();
        let fails = |name: &str, text: &str| {
            scene.script(scene.workspace.join(name), &format!("#!/bin/sh\n{text}\n")).to_str().unwrap().to_owned()
        };
        for (other, why) in [
            ("/nowhere/tollgate".to_owned(), "No such file"),
            (fails("killed-tollgate", "kill -9 $$"), "want of a good answer"),
            (fails("hanging-tollgate", "exec sleep 60"), "want of a good answer"),
            (fails("babbling-tollgate", "echo '{}'"), "exit status"),
        ] {
            scene.file(&path, text.replace(program, &other).replace(" -k 1 55 ", " -k 1 1 "));
            let said = fault(scene, client);
            assert!(said.contains(why), "{client}, {other}: {said}");
        }
        // A call that this client asks about has no hook any more.
        let last = ["PermissionRequest", "permissionRequest", "beforeReadFile"];
        if let Some(gate) = last.iter().find(|gate| text.contains(&format!("\"{gate}\""))) {
            scene.file(&path, text.replace(&format!("\"{gate}\""), "\"Gone\""));
            assert_eq!(fault(scene, client), format!("no hook is set up for {gate}"));
        }
        scene.file(&path, &text);
        assert_eq!(fault(scene, client), "", "{client}");
    }
    // A repository, or the person, switches them off.
    for (client, file, text) in [
        ("claude-code", ".claude/settings.local.json", "{ \"disableAllHooks\": true, }"),
        ("gemini-cli", ".gemini/settings.json", "// x\n{\"hooksConfig\": {\"enabled\": false}}"),
        ("qwen-code", ".qwen/settings.json", "{\"disableAllHooks\": true}"),
        ("copilot", ".github/copilot/settings.json", "{\"disableAllHooks\": true}"),
        ("codex", ".codex/config.toml", "[features]\nhooks = false\n"),
    ] {
        let path = scene.workspace.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let said = fault(scene, client);
        assert!(said.contains("switches all hooks off") && said.contains(file), "{client}: {said}");
        fs::write(&path, text.replace("true", "null").replace("false", "true")).unwrap();
        assert_eq!(fault(scene, client), "", "{client}");
    }
}

fn a_plugin_is_tried_too(scene: &Scene) {
    let path = home(scene).join(".config/opencode/plugin/tollgate.js");
    verb(scene, &["hook", "install", "opencode", "--user", "--profile", "ci"]).ended(0);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("const WORDS = [\"hook\",\"opencode\",\"--wait\",\"45\",\"--profile\",\"ci\"]"), "{text}");
    assert_eq!(fault(scene, "opencode"), "");
    let named = serde_json::json!(scene.tollgate()).to_string();
    for (script, why) in [("exec sleep 60", "no answer within"), ("kill -9 $$", ""), ("echo x", "exit status")] {
        let other = scene.script(scene.workspace.join("tollgate-other"), &format!("#!/bin/sh\n{script}\n"));
        scene.file(&path, text.replace(&named, &serde_json::json!(other).to_string()));
        let said = fault(scene, "opencode");
        assert!(!said.is_empty() && said.contains(why), "{script}: {said}");
    }
    verb(scene, &["hook", "uninstall", "opencode", "--user"]).ended(0);
    assert!(!path.exists());
}
