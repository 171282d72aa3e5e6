//! Claude Code 2.1: `PreToolUse` and its relatives; seen with 2.1.330.
//!
//! Silence lets the call through (crash, hang, unreadable output), and so does exit code 1; exit code 2 refuses, with or
//! without text. Matcher: letters, digits, `_`, `-`, `,` and `|` are exact names, anything else a regular expression that
//! is not anchored; without one, all tools. Seconds; 600 if none is given. `PermissionRequest` is answered with a
//! `decision`, and exit code 2 is no answer there: the person is asked.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::client::{Adapter, Limit, Silence};
use crate::event::{Call, Deed, Event, Moment, Note, Rewritable};
use crate::payload::{Fields, Misread, agreed, object};
use crate::reply::{Reply, Ruling};
use crate::tools::{self, Shape, Tools};
use crate::words;

/// The adapter.
#[derive(Debug)]
pub(crate) struct Claude;

const TOOLS: Tools = &[
    ("Bash", Shape::Shell { text: "command", cwd: "" }),
    ("Read", Shape::Read("file_path")),
    ("NotebookRead", Shape::Read("notebook_path")),
    ("LS", Shape::Read("path")),
    ("Glob", Shape::Search { path: "path", pattern: "pattern" }),
    ("Grep", Shape::Search { path: "path", pattern: "glob" }),
    ("Write", Shape::Write { path: "file_path", content: "content" }),
    ("Edit", Shape::Edit { path: "file_path", old: "old_string", new: "new_string" }),
    ("MultiEdit", Shape::Edit { path: "file_path", old: "", new: "" }),
    ("NotebookEdit", Shape::Write { path: "notebook_path", content: "new_source" }),
    ("WebFetch", Shape::Fetch("url")),
    ("WebSearch", Shape::Out),
    ("Agent", Shape::Own),
    ("Task", Shape::Own),
    ("AskUserQuestion", Shape::Own),
    ("TodoWrite", Shape::Own),
    ("TaskCreate", Shape::Own),
    ("TaskGet", Shape::Own),
    ("TaskList", Shape::Own),
    ("TaskUpdate", Shape::Own),
    ("TaskOutput", Shape::Own),
    ("TaskStop", Shape::Own),
    ("BashOutput", Shape::Own),
    ("KillShell", Shape::Own),
    ("ToolSearch", Shape::Own),
    ("Skill", Shape::Own),
    ("SlashCommand", Shape::Own),
    ("EnterPlanMode", Shape::Own),
    ("ExitPlanMode", Shape::Own),
    ("ListAgents", Shape::Own),
    ("SendMessage", Shape::Own),
    ("ReportFindings", Shape::Own),
    ("ScheduleWakeup", Shape::Own),
    ("DeferredToolPlaceholder", Shape::Own),
];

/// Events that are told and need no record of their own.
const OTHERS: &[&str] = &[
    "PostToolBatch",
    "Notification",
    "UserPromptExpansion",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreModelSwitch",
    "PostModelSwitch",
    "PermissionDenied",
    "Setup",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "TodoCreated",
    "TodoCompleted",
    "Elicitation",
    "ElicitationResult",
    "ConfigChange",
    "WorktreeRemove",
    "InstructionsLoaded",
    "CwdChanged",
    "FileChanged",
    "DirectoryAdded",
    "MessageDisplay",
    "SessionDelete",
];

impl Adapter for Claude {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        read_claude_like(&map, event, &|tool, input| deed(tool, input, &map))
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        match &event.moment {
            Moment::Before(call) => words::before("PreToolUse", call, ruling),
            Moment::Permission(_) => words::permission("PermissionRequest", ruling),
            Moment::Told(_) => Reply::nothing(),
        }
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_mins(10), units: 1 }
    }

    fn silence(&self) -> Silence {
        Silence::Yes
    }

    fn hands_over(&self) -> bool {
        true
    }
}

fn deed(tool: &str, input: &Map<String, Value>, payload: &Map<String, Value>) -> Result<Deed, Misread> {
    let server = payload.get("mcp_server").and_then(|server| server.get("name")).and_then(Value::as_str);
    if let Some(deed) = tools::mcp(tool, server) {
        return Ok(deed);
    }
    // It watches a command, or a socket that nobody could judge.
    let tool = if tool == "Monitor" && input.contains_key("command") { "Bash" } else { tool };
    Ok(tools::deed(TOOLS, tool, (input, Rewritable::Yes))?.unwrap_or(Deed::Unknown))
}

/// What a tool (by its name) would do with its arguments.
type Deeds<'a> = dyn Fn(&str, &Map<String, Value>) -> Result<Deed, Misread> + 'a;

/// An event in Claude Code's form, with the tools of whoever uses it.
pub(crate) fn read_claude_like(
    map: &Map<String, Value>,
    event: Option<&str>,
    deed: &Deeds<'_>,
) -> Result<Event, Misread> {
    let fields = Fields(map);
    let name = named(fields, event)?;
    let call = || -> Result<Call, Misread> {
        let (tool, input) = (fields.text("tool_name")?, fields.object("tool_input")?);
        let id = fields.loose("tool_use_id");
        Ok(Call { id, tool: tool.to_owned(), input: input.clone(), deed: deed(tool, input)? })
    };
    let moment = match name.as_str() {
        "PreToolUse" => Moment::Before(call()?),
        "PermissionRequest" => Moment::Permission(call()?),
        other => Moment::Told(told(other, fields)?),
    };
    Ok(Event {
        name,
        session: fields.maybe("session_id")?.unwrap_or_default().to_owned(),
        cwd: fields.maybe("cwd")?.map(str::to_owned),
        subagent: fields.maybe("agent_id")?.map(str::to_owned),
        moment,
    })
}

/// The event's name, as the payload and the command line give it.
pub(crate) fn named(fields: Fields<'_>, event: Option<&str>) -> Result<String, Misread> {
    let name = agreed(fields.maybe("hook_event_name")?, event)?;
    name.map(str::to_owned).ok_or_else(|| Misread::Field("`hook_event_name` is missing".to_owned()))
}

fn told(name: &str, fields: Fields<'_>) -> Result<Note, Misread> {
    Ok(match name {
        "SessionStart" => Note::Began(fields.loose("source")),
        "SessionEnd" => Note::Ended(fields.loose("reason")),
        "UserPromptSubmit" => Note::Prompt(fields.loose("prompt")),
        "PostToolUse" | "PostToolUseFailure" => {
            let worked = name == "PostToolUse" && !fields.0.contains_key("error");
            Note::Result { id: fields.loose("tool_use_id"), tool: fields.loose("tool_name"), worked }
        }
        "Interrupt" => Note::Interrupted,
        "PreCompact" | "PostCompact" => Note::Compacted,
        "Stop" => Note::Stopped,
        known if OTHERS.contains(&known) => Note::Other,
        unknown => return Err(Misread::Event(unknown.chars().take(60).collect())),
    })
}
