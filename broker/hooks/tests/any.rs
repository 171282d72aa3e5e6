//! Any bytes, and payloads that are nearly right: an adapter never panics, and what it answers is well-formed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod form;

use std::path::Path;

use proptest::prelude::*;
use tollgate_hooks::{Client, Event, Ruling};

/// Some payloads of each client, to be bent.
fn seeds() -> Vec<(Client, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hooks/payloads");
    let mut all = Vec::new();
    for client in Client::ALL {
        let Ok(list) = std::fs::read_dir(folder.join(client.name())) else { continue };
        let mut paths: Vec<_> = list.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        all.extend(paths.into_iter().map(|path| (client, std::fs::read(path).unwrap())));
    }
    let generic: &[&[u8]] = &[
        br#"{"event":"before","session":"s","cwd":"/w","tool":"sh","do":{"shell":"make","rewrite":true}}"#,
        br#"{"event":"before","session":"s","cwd":"/w","tool":"w","do":{"write":["a"],"read":["b"],"change":"x"}}"#,
        br#"{"event":"permission","session":"s","cwd":"/w","tool":"f","do":{"fetch":["https://a.b"]}}"#,
    ];
    let cursor: &[&[u8]] = &[
        br#"{"hook_event_name":"beforeShellExecution","conversation_id":"c","command":"ls","cwd":"/w","workspace_roots":["/w"]}"#,
        br#"{"hook_event_name":"preToolUse","conversation_id":"c","tool_name":"Shell","tool_input":{"command":"ls"},"tool_use_id":"1"}"#,
        br#"{"hook_event_name":"beforeReadFile","conversation_id":"c","file_path":"/w/a","content":"x"}"#,
        br#"{"hook_event_name":"beforeMCPExecution","conversation_id":"c","tool_name":"t","tool_input":"{}","command":"npx x"}"#,
    ];
    all.extend(generic.iter().map(|bytes| (Client::Generic, bytes.to_vec())));
    all.extend(cursor.iter().map(|bytes| (Client::Cursor, bytes.to_vec())));
    all
}

/// What would be answered has its client's form.
fn answered(client: Client, event: &Event) {
    for ruling in [
        Ruling::Allow { reason: String::new() },
        Ruling::Rewrite { text: "other".to_owned(), reason: "x".to_owned() },
        Ruling::Deny { reason: "no".to_owned() },
        Ruling::HandOver { reason: "ask".to_owned() },
    ] {
        let reply = client.adapter().answer(event, &ruling);
        form::holds(client, event, (&ruling, &reply), &format!("{client:?} {event:?} {ruling:?}"));
    }
}

fn tried(client: Client, bytes: &[u8]) {
    for event in [None, Some("PreToolUse"), Some("preToolUse"), Some("x")] {
        if let Ok(event) = client.adapter().read(bytes, event) {
            answered(client, &event);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for client in Client::ALL {
            tried(client, &bytes);
        }
    }

    #[test]
    fn bent_payloads(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), with in "\\PC{0,6}|[\"{}\\[\\],:\\\\0-9]{1,4}", cut in 0usize..6) {
        let seeds = seeds();
        let (client, bytes) = &seeds[pick.index(seeds.len())];
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        tried(*client, &bytes);
        for other in Client::ALL {
            tried(other, &bytes);
        }
    }
}

#[test]
fn seeds_are_understood() {
    for (client, bytes) in seeds() {
        answered(client, &client.adapter().read(&bytes, None).unwrap());
    }
}
