//! Each adapter on bent payloads and on any bytes: it never panics, what it answers has its client's form, what is no
//! proper object is never understood, a call never passes for a note, and what is judged stands in what came.
//! `TOLLGATE_FUZZ_MINUTES=N` gives each adapter that long, from another seed each time:
//! `cargo test --release -p tollgate-hooks --test fuzz -- --nocapture --test-threads 1`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "says how much was tried")]

mod bend;
mod form;
mod seeds;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bend::Dice;
use serde_json::Value;
use tollgate_hooks::{Client, Deed, Event, LONGEST, Misread, Moment, Ruling};

/// Trials of each adapter where no time is given.
const FEW: usize = 1500;

/// The events for which a client waits.
fn waits(client: Client) -> &'static [&'static str] {
    match client {
        Client::ClaudeCode | Client::Codex | Client::QwenCode => &["PreToolUse", "PermissionRequest"],
        Client::GeminiCli => &["BeforeTool"],
        Client::Copilot => &["preToolUse", "permissionRequest"],
        Client::Opencode => &["tool.execute.before"],
        Client::Cursor => &["preToolUse", "beforeShellExecution", "beforeMCPExecution", "beforeReadFile"],
        Client::Generic => &["before", "permission"],
    }
}

/// All texts of a value.
fn texts<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(list) => list.iter().for_each(|part| texts(part, all)),
        Value::Object(map) => map.values().for_each(|part| texts(part, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What is judged stands in the payload, as it is.
fn stands(deed: &Deed, payload: &Value) {
    let mut all = Vec::new();
    texts(payload, &mut all);
    // Some clients send a call's arguments as text.
    let inner: Vec<Value> = all.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    for inner in &inner {
        texts(inner, &mut all);
    }
    match deed {
        Deed::Shell { text, .. } => assert!(all.iter().any(|said| said == text), "{text:?}"),
        Deed::Files(touched) => {
            assert!(!touched.is_empty() || payload.to_string().contains("[]"), "nothing to judge");
            for touch in touched {
                let path = touch.path.as_str();
                assert!([".", "/"].contains(&path) || all.iter().any(|said| said.contains(path)), "{path:?}");
            }
        }
        Deed::Fetch(pages) => {
            for page in pages {
                assert!(all.iter().any(|said| said.contains(page)), "{page}");
            }
        }
        Deed::Tool(_) | Deed::Own | Deed::Unknown => {}
    }
}

/// What would be answered, whatever is ruled, has its client's form.
fn answered(client: Client, event: &Event) {
    for ruling in [
        Ruling::Allow { reason: "x".to_owned() },
        Ruling::Rewrite { text: "tollgate shell -c 'x'".to_owned(), reason: "x".to_owned() },
        Ruling::Deny { reason: String::new() },
        Ruling::Deny { reason: "no \"\u{1b}\n".to_owned() },
        Ruling::HandOver { reason: "ask".to_owned() },
        Ruling::Pass,
    ] {
        let reply = client.adapter().answer(event, &ruling);
        form::holds(
            client,
            event,
            (&ruling, &reply),
            &format!("{ruling:?} {}", String::from_utf8_lossy(&reply.stdout)),
        );
    }
}

/// One payload; says in a few words what became of it, if it was understood.
fn tried(client: Client, (bytes, twice): (&[u8], bool), told: Option<&str>) -> Result<String, Misread> {
    let parsed = serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object);
    let event = client.adapter().read(bytes, told)?;
    let payload = parsed.unwrap_or_else(|| panic!("what is no object was understood"));
    assert!(!twice, "a key was there twice");
    assert!(bytes.len() <= LONGEST);
    answered(client, &event);
    let (Moment::Before(call) | Moment::Permission(call)) = &event.moment else {
        let keys: &[&str] = match client {
            Client::Opencode | Client::Generic => &["event"],
            Client::Copilot => &["hook_event_name", "hookName"],
            Client::ClaudeCode | Client::Codex | Client::QwenCode | Client::GeminiCli | Client::Cursor => {
                &["hook_event_name"]
            }
        };
        let named = keys.iter().find_map(|key| payload[key].as_str());
        let has = |part: &str, key: &str| payload[part].get(key).is_some();
        assert!(client != Client::Opencode || !has("input", "tool") || !has("output", "args") || told.is_some());
        let name = told.or(named).unwrap_or_default();
        assert!(!waits(client).contains(&name), "a call passed for a note");
        return Ok(event.name);
    };
    stands(&call.deed, &payload);
    let deed = format!("{:?}", call.deed).chars().take_while(char::is_ascii_alphabetic).collect::<String>();
    Ok(format!("{} {} {deed}", event.name, call.tool.chars().take(20).collect::<String>()))
}

/// How long, and from which seed.
fn plan() -> (Option<Duration>, u64) {
    let minutes = std::env::var("TOLLGATE_FUZZ_MINUTES").ok().map(|text| text.parse::<f64>().unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let seed = if minutes.is_some() { u64::try_from(now & 0xffff_ffff_ffff).unwrap() } else { 7 };
    (minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0)), seed)
}

fn payload(dice: &mut Dice, known: &[Vec<u8>]) -> (Vec<u8>, bool) {
    if dice.below(20) == 0 {
        return ((0..dice.below(600)).map(|_| dice.any().to_le_bytes()[0]).collect(), false);
    }
    let mut bytes = dice.one(known).clone();
    if let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) {
        let other: Value = serde_json::from_slice(dice.one::<Vec<u8>>(known)).unwrap_or_default();
        for _ in 0..=dice.below(4).min(dice.below(4)) {
            bend::value(dice, &mut value, &other);
        }
        bytes = value.to_string().into_bytes();
    }
    let mut twice = false;
    if dice.below(3) == 0 {
        // Only the last change may be the one that surely spoils it.
        for _ in 0..=dice.below(3) {
            twice = bend::bytes(dice, &mut bytes);
        }
    }
    (bytes, twice)
}

fn fuzz(client: Client) {
    let (time, seed) = plan();
    let (mut dice, start) = (Dice(seed), Instant::now());
    let (own, others): (Vec<_>, Vec<_>) = seeds::seeds().into_iter().partition(|(whose, _)| *whose == client);
    let mut known: Vec<Vec<u8>> = own.into_iter().map(|(_, bytes)| bytes).collect();
    assert!(known.len() > 3, "there are payloads to bend");
    let others: Vec<Vec<u8>> = others.into_iter().map(|(_, bytes)| bytes).collect();
    let (mut ways, mut done, mut understood) = (HashSet::new(), 0_usize, 0_usize);
    while time.map_or(done < FEW, |time| start.elapsed() < time) {
        let from = if dice.below(10) == 0 { &others } else { &known };
        let (bytes, twice) = payload(&mut dice, from);
        let told = match dice.below(8) {
            0..=4 => None,
            5 | 6 => Some(*dice.one(waits(client))),
            _ => Some(*dice.one(&["SessionStart", "sessionStart", "stop", "PostToolUse", "x", ""])),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| tried(client, (&bytes, twice), told)));
        let Ok(what) = outcome.map(|what| what.map_err(|misread| misread.to_string())) else {
            panic!("{client:?}, seed {seed}, trial {done}, as {told:?}:\n{}", bytes.escape_ascii());
        };
        done += 1;
        // What goes a way that none went before is bent on.
        if let Ok(what) = what {
            understood += 1;
            if known.len() < 3000 && bytes.len() < 20_000 && ways.insert(what) {
                known.push(bytes);
            }
        }
    }
    eprintln!("{}: {done} payloads, {understood} understood, {} ways, seed {seed}", client.name(), ways.len());
    assert!(understood > done / 10, "payloads are bent, not broken");
}

#[test]
fn claude_code() {
    fuzz(Client::ClaudeCode);
}

#[test]
fn codex() {
    fuzz(Client::Codex);
}

#[test]
fn gemini_cli() {
    fuzz(Client::GeminiCli);
}

#[test]
fn qwen_code() {
    fuzz(Client::QwenCode);
}

#[test]
fn copilot() {
    fuzz(Client::Copilot);
}

#[test]
fn opencode() {
    fuzz(Client::Opencode);
}

#[test]
fn cursor() {
    fuzz(Client::Cursor);
}

#[test]
fn generic() {
    fuzz(Client::Generic);
}
