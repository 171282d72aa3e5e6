//! Any bytes, and payloads that are nearly right: an adapter never panics, and what it answers is well-formed.
//! `TOLLGATE_LONG=N` tries N times as many.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod form;
mod seeds;

use proptest::prelude::*;
use seeds::seeds;
use serde_json::Value;
use tollgate_hooks::{Client, Event, Ruling};

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

fn config() -> ProptestConfig {
    let times = std::env::var("TOLLGATE_LONG").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let usual = ProptestConfig::default();
    ProptestConfig { failure_persistence: None, cases: usual.cases.saturating_mul(times), ..usual }
}

/// What a field may hold that nobody expects.
fn odd() -> impl Strategy<Value = Value> {
    let deep = (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    prop_oneof![
        Just(Value::Null),
        Just(Value::from(true)),
        Just(Value::from(-1)),
        Just(Value::from(1e300)),
        Just(serde_json::json!({})),
        Just(serde_json::json!([[], {}, ""])),
        Just(deep),
        "\\PC{0,40}".prop_map(Value::from),
        "[\u{0}-\u{1f}\u{202e}\u{feff}~/.{}$`'\"]{0,20}".prop_map(Value::from),
        "(\\*\\*\\* (Begin Patch|Add File: |Update File: |Delete File: |Move to: |End Patch)[a-z./]{0,9}\n[-+ @]?[a-z]{0,5}\n){0,5}"
            .prop_map(Value::from),
    ]
}

/// Puts a value in the place of one part, counted as they stand.
fn replace(value: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        value.clone_from(with);
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let parts: Vec<&mut Value> = match value {
        Value::Object(map) => map.iter_mut().map(|(_, part)| part).collect(),
        Value::Array(list) => list.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for part in parts {
        if *at == usize::MAX {
            return;
        }
        replace(part, at, with);
    }
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(size).sum::<usize>(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn odd_values(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), with in odd()) {
        let seeds = seeds();
        let (_, bytes) = &seeds[pick.index(seeds.len())];
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        let mut at = at.index(size(&value));
        replace(&mut value, &mut at, &with);
        for client in Client::ALL {
            tried(client, value.to_string().as_bytes());
        }
    }

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
