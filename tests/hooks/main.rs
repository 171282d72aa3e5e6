//! `tollgate hook` as a whole program: captured payloads in, a client's own words out, and what is then on the disk and in
//! the ledger.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod handed;
mod learnt;
mod setup;

use std::path::Path;

use serde_json::{Value, json};
use tollgate_tests::{Job, Outcome, Scene, cases};

cases! { both: every_shell_call_is_contained contained_calls_run edits_are_judged_by_where_they_lead reads_of_secrets
asked_and_approved asked_and_expired approved_for_the_session refused_for_the_session what_is_told_is_written_down
what_goes_wrong_is_refused silence_is_refused an_invalid_policy_refuses a_session_without_a_ledger_is_refused a_hundred_at_once
fetches_are_connections }

/// Clients with payloads of their own, and the payload of a shell call.
const SHELL_CALLS: [(&str, &str); 7] = [
    ("claude-code", "PreToolUse.Bash"),
    ("codex", "PreToolUse.Bash"),
    ("gemini-cli", "BeforeTool.run_shell_command"),
    ("qwen-code", "PreToolUse.run_shell_command"),
    ("copilot", "preToolUse.bash"),
    ("copilot", "pascal.PreToolUse.Bash"),
    ("opencode", "tool.execute.before.bash"),
];

/// A captured payload, as if it came from the scene's workspace.
fn payload(scene: &Scene, client: &str, name: &str) -> Value {
    let file = format!("hooks/payloads/{client}/{name}.json");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let workspace = scene.workspace.to_str().unwrap();
    let mut value: Value = serde_json::from_str(&text.replace("\"/workspace", &format!("\"{workspace}"))).unwrap();
    if client == "opencode" {
        value["cwd"] = workspace.into();
    }
    value
}

/// A call of Claude Code's in the workspace.
fn call(scene: &Scene, tool: &str, input: &Value) -> Value {
    let mut value = payload(scene, "claude-code", "PreToolUse.Bash");
    value["tool_name"] = tool.into();
    value["tool_input"] = input.clone();
    value
}

fn hook(scene: &Scene, words: &[&str], event: impl AsRef<[u8]>) -> Job {
    let words: Vec<&str> = ["hook"].into_iter().chain(words.iter().copied()).collect();
    scene.verb(&words).input(event.as_ref())
}

fn answer(scene: &Scene, client: &str, event: &Value) -> Outcome {
    hook(scene, &[client, "--wait", "1"], event.to_string()).end()
}

/// `allow`, `deny` or `ask`, the reason, and another command line.
fn said(outcome: &Outcome) -> (String, String, Option<String>) {
    outcome.ended(0);
    let value: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("no JSON: {outcome}"));
    let own = &value["hookSpecificOutput"];
    let first = |list: &[&Value]| list.iter().find_map(|v| v.as_str().map(str::to_owned));
    let word =
        first(&[&own["permissionDecision"], &value["permissionDecision"], &value["decision"], &value["verdict"]]);
    let reason = first(&[&own["permissionDecisionReason"], &value["permissionDecisionReason"], &value["reason"]]);
    let text = first(&[
        &own["updatedInput"]["command"],
        &own["tool_input"]["command"],
        &value["modifiedArgs"]["command"],
        &value["args"]["command"],
        &value["shell"],
    ]);
    (word.unwrap_or_default(), reason.unwrap_or_default(), text)
}

fn is_refused(outcome: &Outcome) -> String {
    let (word, reason, _) = said(outcome);
    assert_eq!(word, "deny", "{outcome}");
    assert!(reason.starts_with("tollgate: refused"), "{outcome}");
    reason
}

fn every_shell_call_is_contained(scene: &Scene) {
    for (client, name) in SHELL_CALLS {
        let outcome = answer(scene, client, &payload(scene, client, name));
        let (word, _, text) = said(&outcome);
        match (client, text) {
            // It can't be rewritten: allowed only if the text alone is harmless, which this is not said to be.
            ("qwen-code", None) => assert!(word == "deny" || word == "allow", "{outcome}"),
            (_, Some(text)) => {
                assert_eq!(word, "allow", "{outcome}");
                assert!(text.contains("'shell'") && text.contains("'touch ran.txt && echo ran-ok'"), "{outcome}");
            }
            (_, None) => panic!("not contained: {outcome}"),
        }
    }
    scene.verifies();
}

/// Runs what a client would run.
fn bash(scene: &Scene, text: &str) -> Outcome {
    let mut command = scene.command("/bin/bash");
    command.args(["-c", text]);
    Job::new(command).end()
}

fn contained_calls_run(scene: &Scene) {
    scene.folder(scene.workspace.join("sub"));
    let table = [
        ("touch made && echo ok", 0, "ok\n"),
        ("exit 7", 7, ""),
        ("cd sub && pwd -P >&2; echo $'it\\'s'", 0, "it's\n"),
        ("touch ~/outside", 1, ""),
    ];
    for (text, code, out) in table {
        let (word, _, text) = said(&answer(scene, "claude-code", &call(scene, "Bash", &json!({ "command": text }))));
        assert_eq!(word, "allow");
        let ran = bash(scene, &text.unwrap());
        ran.ended(code);
        assert_eq!(ran.out, out, "{ran}");
    }
    assert!(scene.workspace.join("made").exists());
    assert!(!scene.path().join("home/outside").exists());
    // A directory that a call begins by changing to is the client's too, which keeps it.
    let (_, _, text) =
        said(&answer(scene, "claude-code", &call(scene, "Bash", &json!({ "command": "cd sub && true" }))));
    let kept = bash(scene, &format!("eval {} && pwd -P", quoted(&text.unwrap())));
    kept.ended(0);
    assert!(kept.out.ends_with("/sub\n"), "{kept}");
    assert!(scene.events("action_started") >= 5, "each is an action");
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn write(scene: &Scene, path: &str) -> Outcome {
    answer(scene, "claude-code", &call(scene, "Write", &json!({ "file_path": path, "content": "x\n" })))
}

fn edits_are_judged_by_where_they_lead(scene: &Scene) {
    scene.folder(scene.workspace.join("src"));
    scene.folder(scene.workspace.join(".git/hooks"));
    std::os::unix::fs::symlink("/etc", scene.workspace.join("etc")).unwrap();
    std::os::unix::fs::symlink("/etc/new", scene.workspace.join("dangling")).unwrap();
    let inside = scene.workspace.join("src/a.rs").to_str().unwrap().to_owned();
    for path in [inside.as_str(), "src/b.rs", "./src/../c", "new/folder/file"] {
        assert_eq!(said(&write(scene, path)).0, "allow", "{path}");
    }
    for path in [
        ".git/hooks/pre-commit",
        "src/../.git/hooks/x",
        ".claude/settings.json",
        "/etc/passwd",
        "etc/passwd",
        "dangling",
        "../outside",
        "~/.bashrc",
        "~root/x",
        "a\u{0}b",
        "",
    ] {
        is_refused(&write(scene, path));
    }
    let state = scene.path().join("state/ledger.sqlite");
    let own = is_refused(&write(scene, state.to_str().unwrap()));
    assert!(own.contains("its own state") || own.contains("needs approval") || own.contains("can't"), "{own}");
    let patch = |text: &str| {
        let mut event = payload(scene, "codex", "PreToolUse.apply_patch");
        event["tool_input"]["command"] = text.into();
        answer(scene, "codex", &event)
    };
    let fine = patch("*** Begin Patch\n*** Add File: ok.txt\n+x\n*** End Patch\n");
    fine.ended(0);
    assert_eq!(fine.out, "{}\n", "a plain yes is none for codex: {fine}");
    is_refused(&patch("*** Begin Patch\n*** Add File: ok.txt\n+x\n*** Add File: .git/hooks/x\n+x\n*** End Patch\n"));
    is_refused(&patch("*** Begin Patch\n*** Update File: ok.txt\n*** Move to: /etc/x\n*** End Patch\n"));
    assert!(scene.events("denied") >= 3);
    scene.verifies();
}

fn reads_of_secrets(scene: &Scene) {
    let read = |path: &str| answer(scene, "claude-code", &call(scene, "Read", &json!({ "file_path": path })));
    assert_eq!(said(&read("README.md")).0, "allow");
    is_refused(&read("~/.ssh/id_ed25519"));
    let search = |path: &str, pattern: &str| {
        answer(scene, "claude-code", &call(scene, "Glob", &json!({ "path": path, "pattern": pattern })))
    };
    assert_eq!(said(&search(".", "**/*.rs")).0, "allow");
    is_refused(&search(".", "/root/**"));
    is_refused(&search(".", "../../**"));
    is_refused(&search("~", "*"));
}

fn mcp(scene: &Scene) -> Value {
    payload(scene, "claude-code", "PreToolUse.mcp__demo__add")
}

fn asked_and_approved(scene: &Scene) {
    let running = hook(scene, &["claude-code", "--wait", "30"], mcp(scene).to_string()).start();
    let question = scene.question();
    let show = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    show.ended(0);
    assert!(show.out.contains("demo") && show.out.contains("claude-code"), "{show}");
    scene.answer("approve", &question, &[]).ended(0);
    assert_eq!(said(&running.end()).0, "allow");
    // Once is once.
    is_refused(&answer(scene, "claude-code", &mcp(scene)));
    assert_eq!((scene.events("asked"), scene.events("decided")), (2, 2));
    scene.verifies();
}

fn asked_and_expired(scene: &Scene) {
    let reason = is_refused(&answer(scene, "claude-code", &mcp(scene)));
    assert!(reason.contains("asked; retry"), "{reason}");
    let unattended = is_refused(&hook(scene, &["claude-code", "--ci"], mcp(scene).to_string()).end());
    assert!(unattended.contains("nobody can be asked"), "{unattended}");
    let handed = hook(scene, &["claude-code", "--prompt"], mcp(scene).to_string()).end();
    assert_eq!(said(&handed).0, "ask", "the client's own prompt");
    let codex = payload(scene, "codex", "PreToolUse.mcp__demo__add");
    is_refused(&hook(scene, &["codex", "--prompt", "--wait", "1"], codex.to_string()).end());
}

fn approved_for_the_session(scene: &Scene) {
    let running = hook(scene, &["claude-code", "--wait", "30"], mcp(scene).to_string()).start();
    let question = scene.question();
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    assert_eq!(said(&running.end()).0, "allow");
    assert_eq!(said(&answer(scene, "claude-code", &mcp(scene))).0, "allow", "it holds in the session");
    let mut other = mcp(scene);
    other["session_id"] = "another".into();
    is_refused(&answer(scene, "claude-code", &other));
    let mut tool = mcp(scene);
    tool["tool_name"] = "mcp__demo__remove".into();
    is_refused(&answer(scene, "claude-code", &tool));
}

fn refused_for_the_session(scene: &Scene) {
    let running = hook(scene, &["claude-code", "--wait", "30"], mcp(scene).to_string()).start();
    let question = scene.question();
    scene.answer("deny", &question, &["--reason", "use the other one"]).ended(0);
    let reason = is_refused(&running.end());
    assert!(reason.contains("use the other one"), "{reason}");
}

fn what_is_told_is_written_down(scene: &Scene) {
    for (client, name) in [
        ("claude-code", "SessionStart"),
        ("claude-code", "UserPromptSubmit"),
        ("claude-code", "PostToolUse.Bash"),
        ("claude-code", "SessionEnd"),
        ("codex", "Interrupt"),
        ("gemini-cli", "AfterModel"),
        ("gemini-cli", "PreCompress"),
    ] {
        let told = answer(scene, client, &payload(scene, client, name));
        told.ended(0);
        assert_eq!(told.out, "", "{told}");
    }
    let whole = scene.ledger().iter().map(ToString::to_string).collect::<String>();
    for word in ["began", "prompt", "do it", "result", "ended", "interrupted", "tokens"] {
        assert!(whole.contains(word), "{word} is missing");
    }
    // Gemini looks whether there is anything to compact in each turn: that is no compaction.
    assert_eq!(scene.events("hook"), 6);
    scene.verifies();
}

const CLIENTS: [&str; 8] =
    ["claude-code", "codex", "gemini-cli", "qwen-code", "copilot", "opencode", "cursor", "generic"];

fn what_goes_wrong_is_refused(scene: &Scene) {
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let deep = payload(scene, "claude-code", "PreToolUse.Bash").to_string().replacen(
        "\"tool_input\":{",
        &format!("\"tool_input\":{{\"x\":{deep},"),
        1,
    );
    assert!(deep.contains("[[["));
    let events: [&[u8]; 9] = [
        b"",
        b"{",
        b"[]",
        b"{\"hook_event_name\":\"PreToolUse\",\"hook_event_name\":\"Stop\"}",
        b"{\"hook_event_name\":\"Unheard\",\"session_id\":\"s\"}",
        b"{\"x\":\"\xff\"}",
        b"{\"hook_event_name\":\"PreToolUse\",\"tool_name\":7,\"tool_input\":{}}",
        huge.as_bytes(),
        deep.as_bytes(),
    ];
    for client in CLIENTS {
        for event in events {
            let outcome = hook(scene, &[client], event).end();
            outcome.ended(2);
            assert!(outcome.out.is_empty() && outcome.err.starts_with("tollgate: refused"), "{client}: {outcome}");
        }
    }
    let nobody = hook(scene, &["nobody"], "{}").end();
    nobody.ended(2);
    assert!(nobody.out.is_empty() && !nobody.err.is_empty(), "{nobody}");
    let long = format!("echo {}", "a".repeat(200_000));
    let reason = is_refused(&answer(scene, "claude-code", &call(scene, "Bash", &json!({ "command": long }))));
    assert!(reason.contains("write it to a file"), "{reason}");
    for tool in ["Unheard", "mcp__x"] {
        is_refused(&answer(scene, "claude-code", &call(scene, tool, &json!({}))));
    }
}

/// A caller that never says what its event is, and hears no timer's signal.
fn silence_is_refused(scene: &Scene) {
    let mut command = scene.command("bash");
    let text = "trap '' ALRM; exec \"$0\" hook claude-code --wait 0 < <(exec sleep 30 2> /dev/null)";
    command.args(["-c", text]).arg(scene.tollgate());
    let outcome = Job::new(command).end();
    outcome.ended(2).printed("").told("no answer in time");
}

fn an_invalid_policy_refuses(scene: &Scene) {
    scene.folder(scene.workspace.join(".tollgate"));
    scene.file(scene.workspace.join(".tollgate/policy.toml"), "version = 1\nnonsense = 2\n");
    for (client, name) in SHELL_CALLS {
        is_refused(&answer(scene, client, &payload(scene, client, name)));
    }
}

fn a_session_without_a_ledger_is_refused(scene: &Scene) {
    let event = payload(scene, "claude-code", "PreToolUse.Bash").to_string();
    let outcome = hook(scene, &["claude-code"], event).env("TOLLGATE_STATE_DIR", "/proc/nowhere").end();
    is_refused(&outcome);
}

fn a_hundred_at_once(scene: &Scene) {
    let event = payload(scene, "claude-code", "PreToolUse.Edit").to_string();
    let running: Vec<_> = (0..100).map(|_| hook(scene, &["claude-code"], &event).start()).collect();
    for one in running {
        assert_eq!(said(&one.end()).0, "allow");
    }
    assert_eq!((scene.events("hook"), scene.events("run_started"), scene.events("action_started")), (100, 1, 100));
    scene.verifies();
}

fn fetches_are_connections(scene: &Scene) {
    let fetch =
        |url: &str| answer(scene, "claude-code", &call(scene, "WebFetch", &json!({ "url": url, "prompt": "x" })));
    let reason = is_refused(&fetch("https://example.com/x"));
    assert!(reason.contains("example.com:443"), "{reason}");
    for url in ["file:///etc/passwd", "https://a.example@evil.example/", "https://0x7f.1/", "nonsense"] {
        is_refused(&fetch(url));
    }
    let policy =
        scene.policy("[[net]]\neffect = \"allow\"\nnames = [\"example.com\"]\nports = [443]\nbecause = \"docs\"\n");
    let event = call(scene, "WebFetch", &json!({ "url": "https://example.com/x", "prompt": "x" })).to_string();
    let allowed = hook(scene, &["claude-code", "--policy", policy.to_str().unwrap()], event).end();
    assert_eq!(said(&allowed).0, "allow", "{allowed}");
}
