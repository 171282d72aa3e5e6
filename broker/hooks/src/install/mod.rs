//! Setting up a client's hooks: where its settings are, which events, which command line, and how a file is changed so that
//! all that is foreign in it stays as it is. Texts in, texts out; no file is touched here.

mod json;
mod line;
mod places;
mod switch;
mod toml;

use std::fmt;

use serde_json::json;

pub use line::{Line, PATIENCE};
pub use places::{Homes, Reach, Setting, setting};
pub use switch::{Switch, switches};

use crate::Client;

/// The plugin for opencode; `@PROGRAM@` stands for the program's path as a JavaScript string, `@WORDS@` for its arguments.
const PLUGIN: &str = include_str!("plugin.js");

/// How a settings file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON, perhaps with comments, among settings of other kinds.
    Json,
    /// TOML, among settings of other kinds.
    Toml,
    /// A file of our own.
    Plugin,
}

/// Why a settings file can't be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchanged(pub String);

impl fmt::Display for Unchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unchanged {}

/// What a hook hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call waits for it: silence is made a refusal.
    Gate,
    /// Nothing waits for it: its failure is nobody's business.
    Told,
}

/// The events that a client's hook is set up for.
#[must_use]
pub const fn events(client: Client) -> &'static [(&'static str, Kind)] {
    use Kind::{Gate, Told};
    match client {
        Client::ClaudeCode | Client::QwenCode => &[
            ("PreToolUse", Gate),
            ("PermissionRequest", Gate),
            ("PostToolUse", Told),
            ("PostToolUseFailure", Told),
            ("UserPromptSubmit", Told),
            ("SessionStart", Told),
            ("SessionEnd", Told),
            ("PreCompact", Told),
            ("Stop", Told),
        ],
        Client::Codex => &[
            ("PreToolUse", Gate),
            ("PermissionRequest", Gate),
            ("PostToolUse", Told),
            ("UserPromptSubmit", Told),
            ("SessionStart", Told),
            ("SessionEnd", Told),
            ("PreCompact", Told),
            ("Stop", Told),
            ("Interrupt", Told),
        ],
        Client::GeminiCli => &[
            ("BeforeTool", Gate),
            ("AfterTool", Told),
            ("BeforeAgent", Told),
            ("AfterModel", Told),
            ("SessionStart", Told),
            ("SessionEnd", Told),
            ("PreCompress", Told),
            ("AfterAgent", Told),
        ],
        Client::Copilot => &[
            ("preToolUse", Gate),
            ("permissionRequest", Gate),
            ("postToolUse", Told),
            ("userPromptSubmitted", Told),
            ("sessionStart", Told),
            ("sessionEnd", Told),
            ("agentStop", Told),
        ],
        Client::Cursor => &[
            ("preToolUse", Gate),
            ("beforeShellExecution", Gate),
            ("beforeMCPExecution", Gate),
            ("beforeReadFile", Gate),
            ("postToolUse", Told),
            ("beforeSubmitPrompt", Told),
            ("sessionStart", Told),
            ("sessionEnd", Told),
            ("preCompact", Told),
            ("stop", Told),
        ],
        Client::Opencode | Client::Generic => &[],
    }
}

/// A call of a tool that no client has, as this client would send it: a hook that works refuses it in our words.
#[must_use]
pub fn canary(client: Client, cwd: &str) -> String {
    let (tool, session) = ("tollgate_canary", "tollgate-canary");
    let event = match client {
        Client::ClaudeCode | Client::Codex | Client::QwenCode => json!({
            "hook_event_name": "PreToolUse", "session_id": session, "cwd": cwd, "tool_name": tool, "tool_input": {},
        }),
        Client::GeminiCli => json!({
            "hook_event_name": "BeforeTool", "session_id": session, "cwd": cwd, "tool_name": tool, "tool_input": {},
        }),
        Client::Copilot => json!({ "sessionId": session, "cwd": cwd, "toolName": tool, "toolArgs": {} }),
        Client::Cursor => json!({
            "hook_event_name": "preToolUse", "conversation_id": session, "cwd": cwd, "tool_name": tool, "tool_input": {},
        }),
        Client::Opencode => json!({
            "event": "tool.execute.before", "cwd": cwd, "input": { "tool": "invalid-canary", "sessionID": session },
            "output": { "args": {} },
        }),
        Client::Generic => json!({ "event": "before", "session": session, "cwd": cwd, "tool": tool, "do": {} }),
    };
    event.to_string()
}

/// The client's program, and the version with which its adapter was tried; none where it was not.
#[must_use]
pub const fn tried(client: Client) -> Option<(&'static str, &'static str)> {
    Some(match client {
        Client::ClaudeCode => ("claude", "2.1.330"),
        Client::Codex => ("codex", "0.169.0"),
        Client::GeminiCli => ("gemini", "0.61.0"),
        Client::QwenCode => ("qwen", "0.24.4"),
        Client::Copilot => ("copilot", "1.0.102"),
        Client::Opencode => ("opencode", "1.18.33"),
        Client::Cursor | Client::Generic => return None,
    })
}

/// A settings file with our hooks in it; `before` is none where there is no file.
///
/// # Errors
/// [`Unchanged`] where the file is not what the client would read, or holds something else in our place.
pub fn added(setting: &Setting, before: Option<&str>, line: &Line) -> Result<String, Unchanged> {
    if let Some(before) = before
        && is_same(setting, before, line)
    {
        return Ok(before.to_owned());
    }
    let bare = before.map(|before| removed(setting, before)).transpose()?;
    let bare = bare.as_deref().filter(|text| !text.trim().is_empty());
    match setting.form {
        Form::Json => json::added(setting, bare, line),
        Form::Toml => toml::added(setting, bare, line),
        Form::Plugin => {
            let words = json!(line.words()).to_string();
            Ok(PLUGIN.replace("\"@PROGRAM@\"", &json!(line.program()).to_string()).replace("\"@WORDS@\"", &words))
        }
    }
}

/// The same file without our hooks.
///
/// # Errors
/// [`Unchanged`] where the file can't be read.
pub fn removed(setting: &Setting, text: &str) -> Result<String, Unchanged> {
    match setting.form {
        Form::Json => json::removed(setting, text),
        Form::Toml => toml::removed(setting, text),
        Form::Plugin => Ok(if text.contains("tollgate") { String::new() } else { text.to_owned() }),
    }
}

/// Our command lines in a settings file, with their events.
///
/// # Errors
/// [`Unchanged`] where the file can't be read.
pub fn found(setting: &Setting, text: &str) -> Result<Vec<(String, String)>, Unchanged> {
    match setting.form {
        Form::Json => json::found(setting, text),
        Form::Toml => toml::found(setting, text),
        Form::Plugin if text.contains("tollgate") => Ok(vec![("tool.execute.before".to_owned(), String::new())]),
        Form::Plugin => Ok(Vec::new()),
    }
}

/// What changes from one text to another, as lines with marks: those that are the same at both ends are left out.
#[must_use]
pub fn difference(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = |lines: &[&str]| lines.len().saturating_sub(head);
    let tail =
        old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count().min(rest(&old)).min(rest(&new));
    let mut text = format!("@@ line {}\n", head + 1);
    for (mark, lines) in [('-', &old), ('+', &new)] {
        for line in lines.get(head..lines.len() - tail).unwrap_or_default() {
            text.extend([String::from(mark).as_str(), line, "\n"]);
        }
    }
    text
}

fn is_same(setting: &Setting, text: &str, line: &Line) -> bool {
    let mut wanted: Vec<(String, String)> =
        events(setting.client).iter().map(|(event, kind)| ((*event).to_owned(), line.of(event, *kind))).collect();
    wanted.sort();
    let mut there = found(setting, text).unwrap_or_default();
    there.sort();
    match setting.form {
        Form::Json | Form::Toml => !wanted.is_empty() && wanted == there,
        Form::Plugin => false,
    }
}

/// Whether a command line is one of ours for this client.
fn is_ours(client: Client, command: &str) -> bool {
    command.contains("tollgate") && command.contains(&format!(" hook {}", client.name()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
