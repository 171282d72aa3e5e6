//! `tollgate hook status`: what is set up, and whether it works: a call of a tool that no client has goes through the
//! command line that is really configured, and has to come back refused in our words.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tollgate_hooks::Client;
use tollgate_hooks::install::{self, Form, Kind, Reach, Setting, canary, tried};
use tollgate_wire::neutral;

use super::setup;
use crate::args::Json;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::shown;
use crate::ui;

/// What is said of one place.
struct Said {
    setting: Setting,
    /// Events that it has a hook for.
    events: usize,
    /// What became of the canary; none where there is no hook.
    tried: Option<Result<(), String>>,
}

/// Looks and tries.
pub(super) fn status(client: Client, json: Json) -> Outcome {
    let mut all = Vec::new();
    for reach in [Reach::Managed, Reach::User, Reach::Project] {
        if let Some(setting) = setup::of(client, reach)? {
            all.push(look(setting)?);
        }
    }
    let works = all.iter().any(|said| said.tried == Some(Ok(())));
    let version = version(client);
    if json.json {
        ui::json(&json!({
            "client": client.name(),
            "works": works,
            "places": all.iter().map(as_json).collect::<Vec<_>>(),
            "version": version.as_ref().map(|(found, _)| found),
            "tried_with": tried(client).map(|(_, version)| version),
        }))?;
    } else {
        let mut text: String = all.iter().map(as_text).collect();
        if let (Some((found, older)), Some((_, seen))) = (&version, tried(client)) {
            let word =
                if *older { "older: not tried with it, and it may not have all that the hooks need" } else { "fine" };
            ui::add(&mut text, format_args!("version: {} (tried with {seen}): {word}\n", neutral::short(found, 60)));
        }
        if all.is_empty() {
            text.push_str(
                "nothing can be set up for this client; `tollgate hook install generic` says how to call it\n",
            );
        }
        ui::data(text)?;
    }
    Ok(if works { Exit::Done } else { Exit::Failed })
}

fn look(setting: Setting) -> Result<Said, Failure> {
    let text = setup::read(&setup::real(&setting.file))?;
    let found = match text.map(|text| install::found(&setting, &text)) {
        None => return Ok(Said { setting, events: 0, tried: None }),
        Some(Ok(found)) => found,
        Some(Err(fault)) => return Ok(Said { setting, events: 0, tried: Some(Err(fault.0)) }),
    };
    let gates = install::events(setting.client).iter().filter(|(_, kind)| *kind == Kind::Gate);
    let lines: Vec<&String> =
        gates.filter_map(|(gate, _)| found.iter().find(|(event, _)| event == gate)).map(|(_, line)| line).collect();
    let outcome = match (setting.form, found.is_empty()) {
        (_, true) => None,
        (Form::Plugin, false) => Some(plugin(&setting)),
        (Form::Json | Form::Toml, false) => Some(lines.first().map_or_else(
            || Err("no hook is set up for calls of tools".to_owned()),
            |line| try_line(setting.client, "/bin/sh", &["-c", line]),
        )),
    };
    Ok(Said { events: found.len(), tried: outcome, setting })
}

/// The program that the plugin names.
fn plugin(setting: &Setting) -> Result<(), String> {
    let text = std::fs::read_to_string(&setting.file).map_err(|e| e.to_string())?;
    let named = text.lines().find_map(|line| line.strip_prefix("const PROGRAM = "));
    let program: String =
        named.and_then(|named| serde_json::from_str(named).ok()).ok_or("the plugin names no program")?;
    try_line(setting.client, &program, &["hook", "opencode"])
}

/// Whether the canary comes back refused.
fn try_line(client: Client, program: &str, words: &[&str]) -> Result<(), String> {
    let here = std::env::current_dir().map_err(|e| e.to_string())?;
    let event = canary(client, &here.to_string_lossy());
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{program} can't be run: {e}"))?;
    let mut stdin = child.stdin.take().ok_or("no pipe")?;
    // Who doesn't read it says so by what it answers.
    stdin.write_all(event.as_bytes()).ok();
    drop(stdin);
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let said = answer.map(|answer| answer.to_string()).unwrap_or_default();
    // The words of a judged refusal; a broken hook refuses too, in others.
    if output.status.success() && said.contains("no adapter knows this tool") {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = if stderr.trim().is_empty() { said } else { stderr };
    Err(format!("{}: {}", output.status, neutral::short(why.trim(), 500)))
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Managed => "managed",
        Reach::User => "user",
        Reach::Project => "project",
    }
}

fn as_text(said: &Said) -> String {
    let Said { setting, events, tried } = said;
    let mut text = format!("{}: {}: ", reach(setting.reach), shown(&setting.file));
    match tried {
        None => text.push_str("not set up\n"),
        Some(Ok(())) => {
            ui::add(&mut text, format_args!("works ({events} events; a canary was refused as it should be)\n"));
            for (word, note) in [("still open", setting.open), ("to do", setting.todo)] {
                if !note.is_empty() {
                    ui::add(&mut text, format_args!("  {word}: {note}\n"));
                }
            }
        }
        Some(Err(why)) => ui::add(&mut text, format_args!("DOES NOT WORK: {why}\n")),
    }
    text
}

fn as_json(said: &Said) -> Value {
    let Said { setting, events, tried } = said;
    json!({
        "reach": reach(setting.reach),
        "file": setting.file,
        "installed": tried.is_some(),
        "events": events,
        "works": tried == &Some(Ok(())),
        "why": tried.as_ref().and_then(|tried| tried.as_ref().err()),
        "open": setting.open,
        "todo": setting.todo,
    })
}

/// The client's version where its program is on the search path, and whether it is older than what was tried.
fn version(client: Client) -> Option<(String, bool)> {
    let (program, seen) = tried(client)?;
    let timeout = Path::new("/usr/bin/timeout");
    let output =
        Command::new(timeout).args(["10", program, "--version"]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = String::from_utf8(output.ok().filter(|output| output.status.success())?.stdout).ok()?;
    let numbers = |text: &str| -> Option<Vec<u64>> { text.split('.').map(|part| part.parse().ok()).collect() };
    let word = text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_ascii_digit()));
    let found = word.filter(|word| word.contains('.')).find(|word| numbers(word).is_some())?.to_owned();
    let older = numbers(&found) < numbers(seen);
    Some((found, older))
}
