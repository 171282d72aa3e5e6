//! Every payload that was captured from a real client: what is read of it, and that each possible answer has the form
//! that its client takes. `TOLLGATE_BLESS=1` writes `payloads.txt` anew; the diff is for review.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod form;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate_hooks::{Client, Deed, Event, Moment, Note, Reply, Rewritable, Ruling};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hooks/payloads")
}

/// All payloads, by client and file.
fn payloads() -> Vec<(Client, String, Vec<u8>)> {
    let mut all = Vec::new();
    for client in Client::ALL {
        let Ok(list) = std::fs::read_dir(folder().join(client.name())) else { continue };
        for entry in list {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            all.push((client, name, std::fs::read(path).unwrap()));
        }
    }
    all.sort_by_key(|(client, name, _)| (*client, name.clone()));
    all
}

fn deed(deed: &Deed) -> String {
    match deed {
        Deed::Shell { text, cwd, rewritable, .. } => {
            let how = if *rewritable == Rewritable::Yes { "rewritable" } else { "as it is" };
            format!("shell {text:?} in {cwd:?}, {how}")
        }
        Deed::Files(touched) => {
            let one = |touch: &tollgate_hooks::Touch| {
                format!("{:?} {} ({} lines)", touch.access, touch.path, touch.change.lines().count())
            };
            touched.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Deed::Fetch(pages) => format!("fetch {pages:?}"),
        Deed::Tool(names) => format!("tool {names:?}"),
        Deed::Own => "own".to_owned(),
        Deed::Unknown => "unknown".to_owned(),
    }
}

fn told(event: &Event) -> String {
    let moment = match &event.moment {
        Moment::Before(call) => format!("before {} {}: {}", call.tool, call.id, deed(&call.deed)),
        Moment::Permission(call) => format!("permission {} {}: {}", call.tool, call.id, deed(&call.deed)),
        Moment::Told(Note::Prompt(text)) => format!("prompt of {} characters", text.chars().count()),
        Moment::Told(note) => format!("{note:?}"),
    };
    let cwd = event.cwd.as_deref().unwrap_or("-");
    let subagent = event.subagent.as_ref().map_or(String::new(), |agent| format!(" by {agent}"));
    assert!(!event.session.is_empty(), "{event:?}");
    format!("{} in {cwd}{subagent}: {moment}", event.name)
}

#[test]
fn every_captured_payload_is_understood() {
    let mut told_all = String::new();
    for (client, name, bytes) in payloads() {
        let event = client.adapter().read(&bytes, None);
        let line = event.map_or_else(|misread| format!("MISREAD {misread}"), |event| told(&event));
        writeln!(told_all, "{}/{name}\n    {line}", client.name()).unwrap();
    }
    assert!(told_all.lines().count() > 200, "there are payloads");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads.txt");
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        std::fs::write(&path, &told_all).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == told_all, "{} differs:\n{told_all}", path.display());
}

fn rulings() -> [Ruling; 6] {
    let reason = || "because \"of\"\n\u{1b}[31m this".to_owned();
    [
        Ruling::Allow { reason: reason() },
        Ruling::Rewrite { text: "tollgate shell -c 'x'".to_owned(), reason: reason() },
        Ruling::Deny { reason: reason() },
        Ruling::Deny { reason: String::new() },
        Ruling::HandOver { reason: reason() },
        Ruling::Pass,
    ]
}

#[test]
fn every_answer_has_its_clients_form() {
    for (client, name, bytes) in payloads() {
        let event = client.adapter().read(&bytes, None).unwrap();
        for ruling in rulings() {
            let reply = client.adapter().answer(&event, &ruling);
            let at = format!("{}/{name} {ruling:?}\n{}", client.name(), String::from_utf8_lossy(&reply.stdout));
            form::holds(client, &event, (&ruling, &reply), &at);
        }
    }
}

/// What is missing, of another type, or unknown is never let through.
#[test]
fn what_is_not_understood_is_refused() {
    for (client, name, bytes) in payloads() {
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let adapter = client.adapter();
        let waits = matches!(adapter.read(&bytes, None).unwrap().moment, Moment::Before(_) | Moment::Permission(_));
        let twice = String::from_utf8_lossy(&bytes).replacen('{', "{\"cwd\":\"/\",\"cwd\":\"/\",", 1);
        for broken in [twice.as_bytes(), &bytes[..bytes.len() / 2], b"[]", b"", b"{}", b"{\"hook_event_name\":7}"] {
            assert!(adapter.read(broken, None).is_err(), "{name}: {}", String::from_utf8_lossy(broken));
        }
        if !waits {
            continue;
        }
        // Each field of the call in turn: gone, or a number.
        for key in ["tool_name", "toolName", "tool_input", "toolArgs", "toolInput", "input", "output"] {
            let mut broken = value.clone();
            if broken.as_object_mut().unwrap().remove(key).is_none() {
                continue;
            }
            for other in [None, Some(json!(7)), Some(json!("x")), Some(Value::Null), Some(json!([]))] {
                // A name that nobody knows is an unknown tool, which is refused by another.
                if other == Some(json!("x")) && key.starts_with("tool") && key.to_lowercase().ends_with("name") {
                    continue;
                }
                if let Some(other) = other {
                    broken[key] = other;
                }
                let read = adapter.read(broken.to_string().as_bytes(), None);
                assert!(read.is_err(), "{name}, {key} as {:?}: {read:?}", broken[key]);
            }
        }
    }
}

#[test]
fn the_one_no_is_what_all_clients_take_for_one() {
    for reason in ["", " \n", "because"] {
        let Reply { stdout, stderr, code } = Reply::no(reason);
        assert!(stdout.is_empty() && code == 2 && !String::from_utf8(stderr).unwrap().trim().is_empty());
    }
}
