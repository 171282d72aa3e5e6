//! Files of every kind: foreign settings and comments stay, twice is once, and taking out gives back what was there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use super::*;

fn homes() -> Homes<'static> {
    Homes { home: Path::new("/h"), project: Path::new("/p"), root: Path::new("/"), variable: &|_| None }
}

fn settings() -> impl Iterator<Item = Setting> {
    let reaches = [Reach::Managed, Reach::User, Reach::Project];
    Client::ALL.into_iter().flat_map(move |client| reaches.map(|reach| setting(client, reach, &homes()))).flatten()
}

fn line(client: Client) -> Line {
    Line::new(client, "/opt/my tools/tollgate", "/usr/bin/timeout")
}

const JSON: &str = r#"// mine
{
  "theme": "dark", /* kept */
  "hooks": {
    // another's
    "PreToolUse": [{ "matcher": "Bash", "hooks": [{ "type": "command", "command": "lint" }] }],
    "preToolUse": [{ "command": "lint" }],
  },
}
"#;

const TOML: &str = "# mine\nallow_managed_hooks_only = true # kept\n\n[features]\nweb = true\n\n[[hooks.PreToolUse]]\nmatcher = \"Bash\"\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"lint\"\n";

#[test]
fn what_is_foreign_stays() {
    for setting in settings().filter(|setting| setting.form != Form::Plugin) {
        let before = if setting.form == Form::Json { JSON } else { TOML };
        let line = line(setting.client);
        let after = added(&setting, Some(before), &line).unwrap();
        for kept in
            before.lines().filter(|line| line.contains("kept") || line.contains("mine") || line.contains("lint"))
        {
            assert!(
                after.contains(kept.trim().trim_end_matches([',', ']'])),
                "{setting:?}: {kept} is gone from\n{after}"
            );
        }
        let there = found(&setting, &after).unwrap();
        assert_eq!(there.len(), events(setting.client).len(), "{setting:?}\n{after}");
        assert_eq!(added(&setting, Some(&after), &line).unwrap(), after, "twice is once");
        let other = Line::new(setting.client, "/new/tollgate", "/usr/bin/timeout");
        let moved = added(&setting, Some(&after), &other).unwrap();
        assert_eq!(found(&setting, &moved).unwrap().len(), there.len(), "another path replaces it\n{moved}");
        let gone = removed(&setting, &after).unwrap();
        assert!(found(&setting, &gone).unwrap().is_empty() && gone.contains("lint") && gone.contains("mine"), "{gone}");
    }
}

#[test]
fn new_files_are_what_the_client_reads() {
    for setting in settings().filter(|setting| setting.form == Form::Json) {
        let text = added(&setting, None, &line(setting.client)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (event, kind) in events(setting.client) {
            let entry = &value["hooks"][event][0];
            let hook = if entry["hooks"].is_array() { &entry["hooks"][0] } else { entry };
            let command = hook["command"].as_str().or(hook["bash"].as_str()).unwrap();
            assert!(entry.get("matcher").is_none(), "all tools");
            let start = if *kind == Kind::Gate { "answer=$(" } else { "" };
            let start = format!("{start}/usr/bin/timeout -k 1 55 '/opt/my tools/tollgate' hook ");
            assert!(command.starts_with(&start), "{command}");
            assert_eq!(command.ends_with("exit 2; }"), *kind == Kind::Gate, "{command}");
            let patience = if setting.client == Client::GeminiCli { 60_000 } else { 60 };
            let timeout = hook.get("timeout").or(hook.get("timeoutSec")).unwrap();
            assert_eq!(*timeout, patience, "above that of the command line");
        }
        if setting.client == Client::GeminiCli && setting.reach == Reach::Managed {
            assert_eq!(value["hooksConfig"]["enabled"], true);
        }
    }
}

#[test]
fn files_that_cannot_be_changed_say_why() {
    let claude = setting(Client::ClaudeCode, Reach::User, &homes()).unwrap();
    for (text, why) in [
        ("[]", "it is no JSON object"),
        ("{", "it is no JSON"),
        ("{\"hooks\": []}", "its `hooks` is no object"),
        ("{\"hooks\": {\"PreToolUse\": {}}}", "its `hooks.PreToolUse` is no list"),
        ("{a: 1}", "it is no JSON"),
    ] {
        let fault = added(&claude, Some(text), &line(Client::ClaudeCode)).unwrap_err();
        assert!(fault.0.starts_with(why), "{text}: {fault}");
    }
    let codex = setting(Client::Codex, Reach::Managed, &homes()).unwrap();
    let fault = added(&codex, Some("hooks = 1"), &line(Client::Codex)).unwrap_err();
    assert_eq!(fault.0, "its `hooks` is no table");
}

#[test]
fn the_plugin_names_the_program() {
    let setting = setting(Client::Opencode, Reach::User, &homes()).unwrap();
    let text = added(&setting, None, &line(Client::Opencode)).unwrap();
    assert!(text.contains("const PROGRAM = \"/opt/my tools/tollgate\"\n"), "{text}");
    assert_eq!(added(&setting, Some(&text), &line(Client::Opencode)).unwrap(), text);
    assert_eq!(removed(&setting, &text).unwrap(), "");
}
