//! The forms that clients take, as they were measured; Codex's by the schemas that its binary carries.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_hooks::{Client, Deed, Event, Moment, Reply, Rewritable, Ruling};

thread_local! {
    static SCHEMAS: RefCell<BTreeMap<&'static str, Value>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether an answer has its client's form, and says what the ruling says.
pub(crate) fn holds(client: Client, event: &Event, (ruling, reply): (&Ruling, &Reply), at: &str) {
    assert_eq!(reply.code, 0, "{at}");
    assert!(reply.stderr.is_empty(), "{at}");
    if matches!(event.moment, Moment::Told(_)) {
        assert!(reply.stdout.is_empty() || client == Client::Cursor, "{at}");
        return;
    }
    if reply.stdout.is_empty() {
        // Silence lets through, so it says nothing but that.
        let fine = matches!(ruling, Ruling::Pass)
            || (matches!(event.moment, Moment::Permission(_)) && matches!(ruling, Ruling::HandOver { .. }));
        assert!(fine, "{at}");
        return;
    }
    let text = std::str::from_utf8(&reply.stdout).unwrap();
    assert!(text.ends_with('\n') && !text.trim_end().contains('\n'), "one line: {at}");
    let said: Value = serde_json::from_str(text).unwrap();
    if client == Client::Codex {
        let name = if matches!(event.moment, Moment::Before(_)) { "pre-tool-use" } else { "permission-request" };
        let schema = SCHEMAS.with(|known| known.borrow_mut().entry(name).or_insert_with(|| schema(name)).clone());
        fits(&said, &schema, (&schema, at));
    }
    if client == Client::Codex && matches!((ruling, &event.moment), (Ruling::Allow { .. }, Moment::Before(_))) {
        // It takes no plain yes.
        assert_eq!(said, Value::Object(Map::new()), "{at}");
        return;
    }
    let (word, reason) = word(client, event, &said);
    match ruling {
        Ruling::Deny { .. } => {
            assert_eq!(word, "no", "{at}");
            assert!(!reason.trim().is_empty(), "{at}");
        }
        Ruling::Allow { .. } => assert_eq!(word, "yes", "{at}"),
        Ruling::Rewrite { text, .. } => {
            assert!(word == "no" || said.to_string().contains(text), "{at}");
            assert!(word == "no" || takes_another(client, event), "what can't be rewritten is refused: {at}");
        }
        Ruling::HandOver { .. } => assert!(word == "ask" || word == "no", "{at}"),
        // The generic dialect has no silence.
        Ruling::Pass => assert!(word != "ask" || client == Client::Generic, "{at}"),
    }
    if client == Client::Codex {
        assert_ne!(word, "ask", "it would let through: {at}");
    }
}

/// Whether the client runs another text than its own.
fn takes_another(client: Client, event: &Event) -> bool {
    let call = match &event.moment {
        Moment::Before(call) => call,
        Moment::Permission(call) if client == Client::Generic => call,
        Moment::Permission(_) | Moment::Told(_) => return false,
    };
    client != Client::QwenCode && matches!(call.deed, Deed::Shell { rewritable: Rewritable::Yes, .. })
}

/// Yes, no or ask, and the reason.
fn word(client: Client, event: &Event, said: &Value) -> (&'static str, String) {
    let permission = matches!(event.moment, Moment::Permission(_));
    let specific = &said["hookSpecificOutput"];
    let (word, reason) = match client {
        Client::Copilot if permission => (&said["behavior"], &said["message"]),
        Client::Copilot if event.name == "preToolUse" => {
            (&said["permissionDecision"], &said["permissionDecisionReason"])
        }
        Client::GeminiCli | Client::Opencode => (&said["decision"], &said["reason"]),
        Client::Cursor => (&said["permission"], &said["agent_message"]),
        Client::Generic => (&said["verdict"], &said["reason"]),
        _ if permission => (&specific["decision"]["behavior"], &specific["decision"]["message"]),
        Client::ClaudeCode | Client::Codex | Client::QwenCode | Client::Copilot => {
            assert_eq!(specific["hookEventName"], "PreToolUse");
            (&specific["permissionDecision"], &specific["permissionDecisionReason"])
        }
    };
    let word = match word.as_str().unwrap_or_else(|| panic!("no word in {said}")) {
        "allow" => "yes",
        "deny" => "no",
        "ask" => "ask",
        other => panic!("unknown word {other} in {said}"),
    };
    (word, reason.as_str().unwrap_or_default().to_owned())
}

fn schema(name: &str) -> Value {
    let file = format!("../../tests/hooks/schemas/codex/{name}.command.output.schema.json");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The part of JSON Schema that these files use.
fn fits(value: &Value, schema: &Value, (root, at): (&Value, &str)) {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(value, &root["definitions"][name.strip_prefix("#/definitions/").unwrap()], (root, at));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(value, part, (root, at));
    }
    if let Some(list) = schema["enum"].as_array() {
        assert!(list.contains(value), "{value} is none of {list:?}: {at}");
    }
    if !schema["const"].is_null() {
        assert_eq!(*value, schema["const"], "{at}");
    }
    match schema["type"].as_str() {
        Some("object") => {
            let map = value.as_object().unwrap_or_else(|| panic!("no object: {at}"));
            for key in schema["required"].as_array().into_iter().flatten() {
                assert!(map.contains_key(key.as_str().unwrap()), "{key} is missing: {at}");
            }
            for (key, value) in map {
                let known = &schema["properties"][key];
                assert!(!known.is_null(), "{key} is not known: {at}");
                fits(value, known, (root, at));
            }
        }
        Some("string") => assert!(value.is_string(), "{at}"),
        Some("boolean") => assert!(value.is_boolean(), "{at}"),
        Some(other) => panic!("type {other}"),
        None => {}
    }
}
