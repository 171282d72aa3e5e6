//! GitHub Copilot CLI: seen with 1.0.102. Events named in camel case have a form of their own and don't say which they
//! are; in Pascal case the form is Claude Code's.
//!
//! A crash, any exit code but 0 and a missing program refuse; a hook that takes too long, or prints what can't be read,
//! lets through. Matcher: a regular expression for the whole name; `""` and `*` match nothing, so none is written.
//! Seconds (`timeoutSec`); 30 if none is given.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::claude::read_claude_like;
use crate::client::{Adapter, Limit, Silence};
use crate::event::{Call, Deed, Event, Moment, Note, Rewritable};
use crate::payload::{Fields, Misread, object};
use crate::reply::{Reply, Ruling};
use crate::tools::{self, Shape, Tools};
use crate::words::{self, fitting, full, rewritten};

/// The adapter.
#[derive(Debug)]
pub(crate) struct Copilot;

const TOOLS: Tools = &[
    ("bash", Shape::Shell { text: "command", cwd: "" }),
    ("Bash", Shape::Shell { text: "command", cwd: "" }),
    ("view", Shape::Read("path")),
    ("create", Shape::Write { path: "path", content: "file_text" }),
    ("edit", Shape::Edit { path: "path", old: "old_str", new: "new_str" }),
    ("str_replace_editor", Shape::Edit { path: "path", old: "old_str", new: "new_str" }),
    ("Read", Shape::Read("path")),
    ("Write", Shape::Write { path: "path", content: "file_text" }),
    ("Edit", Shape::Edit { path: "path", old: "old_str", new: "new_str" }),
    ("glob", Shape::Search { path: "paths", pattern: "pattern" }),
    ("Glob", Shape::Search { path: "paths", pattern: "pattern" }),
    ("grep", Shape::Search { path: "paths", pattern: "glob" }),
    ("Grep", Shape::Search { path: "paths", pattern: "glob" }),
    ("web_fetch", Shape::Fetch("url")),
    ("web_search", Shape::Out),
    ("ask_user", Shape::Own),
    ("fetch_copilot_cli_documentation", Shape::Own),
    ("list_agents", Shape::Own),
    ("list_bash", Shape::Own),
    ("read_agent", Shape::Own),
    ("read_bash", Shape::Own),
    ("stop_bash", Shape::Own),
    ("report_intent", Shape::Own),
    ("session_store_sql", Shape::Own),
    ("skill", Shape::Own),
    ("sql", Shape::Own),
    ("task", Shape::Own),
    ("Task", Shape::Own),
    ("update_todo", Shape::Own),
    ("write_agent", Shape::Own),
];

impl Adapter for Copilot {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        let fields = Fields(&map);
        // Its notification says so in Claude Code's word, with its own form.
        if map.contains_key("tool_name") || (map.contains_key("hook_event_name") && map.contains_key("session_id")) {
            return read_claude_like(&map, event, &deed);
        }
        let name = name(fields, event)?;
        let moment = match name {
            "preToolUse" => Moment::Before(call(fields, "toolArgs")?),
            "permissionRequest" => Moment::Permission(asked(fields)?),
            "Notification" | "notification" => Moment::Told(Note::Other),
            other => Moment::Told(told(other, fields)?),
        };
        Ok(Event {
            name: name.to_owned(),
            session: fields.maybe("sessionId")?.unwrap_or_default().to_owned(),
            cwd: fields.maybe("cwd")?.map(str::to_owned),
            subagent: None,
            moment,
        })
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        match &event.moment {
            Moment::Told(_) => Reply::nothing(),
            Moment::Before(call) if event.name == "PreToolUse" => words::before("PreToolUse", call, ruling),
            Moment::Before(call) => before(call, ruling),
            Moment::Permission(_) => match words::behaviour(ruling) {
                Some(decision) => Reply::json(&decision),
                None => Reply::nothing(),
            },
        }
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_secs(30), units: 1 }
    }

    fn silence(&self) -> Silence {
        Silence::NoButForTime
    }

    fn hands_over(&self) -> bool {
        true
    }
}

fn before(call: &Call, ruling: &Ruling) -> Reply {
    let ruling = &fitting(call, ruling);
    let (word, reason) = match ruling {
        Ruling::Pass => return Reply::nothing(),
        Ruling::Allow { reason } | Ruling::Rewrite { reason, .. } => ("allow", reason),
        Ruling::Deny { reason } => ("deny", reason),
        Ruling::HandOver { reason } => ("ask", reason),
    };
    let mut said = Map::new();
    said.insert("permissionDecision".to_owned(), word.into());
    said.insert("permissionDecisionReason".to_owned(), full(reason).into());
    if let Ruling::Rewrite { text, .. } = ruling {
        said.insert("modifiedArgs".to_owned(), rewritten(call, text).into());
    }
    Reply::json(&json!(said))
}

/// The event: as the command line says, else as the form tells. What asks for nothing has the form of many events, so it
/// is told by what only it has.
fn name<'a>(fields: Fields<'a>, event: Option<&'a str>) -> Result<&'a str, Misread> {
    let has = |key| fields.0.contains_key(key);
    let shape = match fields.maybe("hookName")?.or(fields.maybe("hook_event_name")?) {
        Some(name) => Some(name),
        None if has("toolResult") => Some("postToolUse"),
        None if has("toolName") && has("toolArgs") && has("error") => Some("postToolUseFailure"),
        None if has("toolName") || has("toolArgs") => Some("preToolUse"),
        None if has("prompt") => Some("userPromptSubmitted"),
        None if has("source") => Some("sessionStart"),
        None if has("stopReason") => Some("agentStop"),
        None if has("reason") => Some("sessionEnd"),
        None => None,
    };
    match (shape, event) {
        // A call that calls itself harmless is still a call.
        (Some("preToolUse"), Some(told)) if told != "preToolUse" => {
            Err(Misread::Field(format!("it is a call, and the hook is set up for `{told}`")))
        }
        (_, Some(told)) => Ok(told),
        (Some(name), None) => Ok(name),
        (None, None) => Err(Misread::Event("without a name".to_owned())),
    }
}

fn call(fields: Fields<'_>, key: &str) -> Result<Call, Misread> {
    let tool = fields.text("toolName")?;
    let input = match fields.0.get(key) {
        // Older versions send the arguments as text.
        Some(Value::String(text)) => object(text.as_bytes())?,
        _ => fields.object(key)?.clone(),
    };
    let deed = deed(tool, &input)?;
    Ok(Call { id: String::new(), tool: tool.to_owned(), input, deed })
}

/// A question's arguments have other names than the call's, and a diff in place of what would be written.
fn asked(fields: Fields<'_>) -> Result<Call, Misread> {
    const ASKED: Tools = &[
        ("edit", Shape::Write { path: "file_path", content: "diff" }),
        ("create", Shape::Write { path: "file_path", content: "diff" }),
        ("view", Shape::Read("file_path")),
    ];
    let (tool, input) = (fields.text("toolName")?, fields.object("toolInput")?);
    let renamed = if input.contains_key("file_path") { ASKED } else { TOOLS };
    let deed = match tool.split_once('/') {
        Some((server, name)) => Deed::Tool(vec![(server.to_owned(), name.to_owned())]),
        None => match tools::deed(renamed, tool, (input, Rewritable::No))? {
            Some(known) => known,
            None => deed(tool, input)?,
        },
    };
    Ok(Call { id: String::new(), tool: tool.to_owned(), input: input.clone(), deed })
}

fn deed(tool: &str, input: &Map<String, Value>) -> Result<Deed, Misread> {
    if let Some(known) = tools::deed(TOOLS, tool, (input, Rewritable::Yes))? {
        return Ok(known);
    }
    if let Some(deed) = tools::mcp(tool, None) {
        return Ok(deed);
    }
    let names = tools::splits(tool, "-");
    Ok(if names.is_empty() { Deed::Unknown } else { Deed::Tool(names) })
}

fn told(name: &str, fields: Fields<'_>) -> Result<Note, Misread> {
    Ok(match name {
        "sessionStart" => Note::Began(fields.loose("source")),
        "sessionEnd" => Note::Ended(fields.loose("reason")),
        "userPromptSubmitted" => Note::Prompt(fields.loose("prompt")),
        "postToolUse" | "postToolUseFailure" => {
            let result = fields.0.get("toolResult").and_then(|result| result.get("resultType"));
            let worked = name == "postToolUse" && result.and_then(Value::as_str) == Some("success");
            Note::Result { id: String::new(), tool: fields.loose("toolName"), worked }
        }
        "preCompact" => Note::Compacted,
        "agentStop" => Note::Stopped,
        "subagentStart" | "subagentStop" | "errorOccurred" => Note::Other,
        unknown => return Err(Misread::Event(unknown.chars().take(60).collect())),
    })
}
