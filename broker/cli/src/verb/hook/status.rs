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
    let tried = match setting.form {
        _ if found.is_empty() => None,
        Form::Plugin => Some(plugin(&setting)),
        Form::Json | Form::Toml => Some(switched_off(&setting)?.map_or_else(|| gates(&setting, &found), Err)),
    };
    Ok(Said { events: found.len(), tried, setting })
}

/// Where another setting of the client's switches off what is set up in this file.
fn switched_off(setting: &Setting) -> Result<Option<String>, Failure> {
    let switches = setup::here(|homes| install::switches(setting.client, homes))?;
    let mut off = switches.iter().filter(|_| setting.reach != Reach::Managed).filter_map(|switch| {
        let name = switch.is_off(&std::fs::read_to_string(&switch.file).ok()?)?;
        Some(format!("`{name}` in {} switches all hooks off", shown(&switch.file)))
    });
    Ok(off.next())
}

/// Tries each command line on which a call waits; one that is missing is a call that nobody judges.
fn gates(setting: &Setting, found: &[(String, String)]) -> Result<(), String> {
    for (gate, _) in install::events(setting.client).iter().filter(|(_, kind)| *kind == Kind::Gate) {
        let line = found.iter().find(|(event, _)| event == gate);
        let (_, line) = line.ok_or_else(|| format!("no hook is set up for {gate}"))?;
        // Its event's name is in the line, and the canary is a call.
        let line = line.replace(" --event permissionRequest ", " --event preToolUse ");
        try_line(setting.client, "/bin/sh", &["-c", &line]).map_err(|why| format!("{gate}: {why}"))?;
    }
    Ok(())
}

/// The program that the plugin names, with the words that it names.
fn plugin(setting: &Setting) -> Result<(), String> {
    let text = std::fs::read_to_string(&setting.file).map_err(|e| e.to_string())?;
    let named = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    let program: Option<String> = serde_json::from_str(named("const PROGRAM = ")).ok();
    let words: Option<Vec<String>> = serde_json::from_str(named("const WORDS = ")).ok();
    let (program, words) = program.zip(words).ok_or("the plugin names no program: set it up again")?;
    try_line(setting.client, &program, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Whether the canary comes back refused. It asks nobody, so it takes no time.
fn try_line(client: Client, program: &str, words: &[&str]) -> Result<(), String> {
    const SECONDS: &str = "20";
    let here = std::env::current_dir().map_err(|e| e.to_string())?;
    let event = canary(client, &here.to_string_lossy());
    let mut child = Command::new(setup::timeout().map_err(|failure| failure.text)?)
        .args(["-k", "1", SECONDS, program])
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
    if output.status.code() == Some(124) {
        return Err(format!("no answer within {SECONDS} seconds"));
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = if stderr.trim().is_empty() { said } else { stderr };
    Err(format!("{}: {}", output.status, neutral::short(why.trim(), 500)))
}

fn as_text(said: &Said) -> String {
    let Said { setting, events, tried } = said;
    let mut text = format!("{}: {}: ", setting.reach.name(), shown(&setting.file));
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
        "reach": setting.reach.name(),
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
