//! Cursor: by its documentation (cursor.com/docs/hooks), not seen running.
//!
//! Exit code 2 refuses; another failure lets through unless the hook is set up with `failClosed`. Answers have
//! `permission`, `user_message` and `agent_message`; only `preToolUse` takes other arguments, and does not ask. Seconds;
//! 60 if none is given. The same shell call comes as `preToolUse` and `beforeShellExecution`: the first is rewritten, and
//! what was rewritten is known again by the second.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::claude::named;
use crate::client::{Adapter, Limit, Silence};
use crate::event::{Call, Deed, Event, Moment, Note, Rewritable, Touch};
use crate::payload::{Fields, Misread, object};
use crate::reply::{Reply, Ruling};
use crate::tools::{self, Shape, Tools};
use crate::words::{fitting, full, rewritten};
use tollgate_policy::action::Access;

/// The adapter.
#[derive(Debug)]
pub(crate) struct Cursor;

const TOOLS: Tools = &[
    ("Shell", Shape::Shell { text: "command", cwd: "working_directory" }),
    ("Read", Shape::Read("file_path")),
    ("Write", Shape::Write { path: "file_path", content: "content" }),
    ("Edit", Shape::Edit { path: "file_path", old: "old_string", new: "new_string" }),
    ("Delete", Shape::Write { path: "file_path", content: "" }),
    ("Grep", Shape::Search { path: "path", pattern: "glob" }),
    ("Glob", Shape::Search { path: "path", pattern: "pattern" }),
    ("LS", Shape::Read("path")),
    ("WebFetch", Shape::Fetch("url")),
    ("WebSearch", Shape::Out),
    ("Task", Shape::Own),
    ("TodoWrite", Shape::Own),
];

const OTHERS: &[&str] = &[
    "subagentStart",
    "subagentStop",
    "afterAgentResponse",
    "afterAgentThought",
    "afterFileEdit",
    "afterTabFileEdit",
    "workspaceOpen",
];

impl Adapter for Cursor {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        let fields = Fields(&map);
        let name = named(fields, event)?;
        let moment = match name.as_str() {
            "preToolUse" => Moment::Before(tool_call(fields)?),
            "beforeShellExecution" => Moment::Before(shell_call(fields)?),
            "beforeMCPExecution" => Moment::Before(mcp_call(fields)?),
            "beforeReadFile" | "beforeTabFileRead" => Moment::Before(read_call(fields)?),
            other => Moment::Told(told(other, fields)?),
        };
        let roots = map.get("workspace_roots").and_then(Value::as_array);
        let root = roots.and_then(|roots| roots.first()).and_then(Value::as_str).map(str::to_owned);
        let cwd = fields.maybe("cwd")?.filter(|cwd| !cwd.is_empty()).map(str::to_owned).or(root);
        let session = fields.maybe("conversation_id")?.unwrap_or_default().to_owned();
        Ok(Event { name, session, cwd, subagent: None, moment })
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        let Moment::Before(call) = &event.moment else {
            return if event.name == "beforeSubmitPrompt" {
                Reply::json(&json!({ "continue": true }))
            } else {
                Reply::nothing()
            };
        };
        let all = event.name == "preToolUse";
        let ruling = &fitting(call, ruling);
        let (word, reason) = match ruling {
            Ruling::Pass => return Reply::nothing(),
            Ruling::Allow { .. } => return Reply::json(&json!({ "permission": "allow" })),
            Ruling::Rewrite { text, .. } if all => {
                return Reply::json(&json!({ "permission": "allow", "updated_input": rewritten(call, text) }));
            }
            Ruling::Rewrite { .. } => ("deny", "refused: it would have to run inside a boundary"),
            Ruling::HandOver { reason } if !all => ("ask", full(reason)),
            Ruling::HandOver { reason } | Ruling::Deny { reason } => ("deny", full(reason)),
        };
        Reply::json(&json!({ "permission": word, "user_message": reason, "agent_message": reason }))
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_mins(1), units: 1 }
    }

    fn silence(&self) -> Silence {
        Silence::Yes
    }

    fn hands_over(&self) -> bool {
        true
    }
}

fn tool_call(fields: Fields<'_>) -> Result<Call, Misread> {
    let (tool, input) = (fields.text("tool_name")?, fields.object("tool_input")?.clone());
    let deed = match tool.strip_prefix("MCP:") {
        Some(name) => Deed::Tool(vec![(String::new(), name.to_owned())]),
        None => tools::deed(TOOLS, tool, (&input, Rewritable::Yes))?.unwrap_or(Deed::Unknown),
    };
    Ok(Call { id: fields.loose("tool_use_id"), tool: tool.to_owned(), input, deed })
}

fn shell_call(fields: Fields<'_>) -> Result<Call, Misread> {
    let text = fields.text("command")?.to_owned();
    let cwd = fields.maybe("cwd")?.filter(|cwd| !cwd.is_empty()).map(str::to_owned);
    let deed = Deed::Shell { text, cwd, key: "command", rewritable: Rewritable::No };
    Ok(Call { id: String::new(), tool: "Shell".to_owned(), input: Map::new(), deed })
}

/// The server is named by its address or its command line only.
fn mcp_call(fields: Fields<'_>) -> Result<Call, Misread> {
    let tool = fields.text("tool_name")?;
    let server = fields.maybe("url")?.or(fields.maybe("command")?).unwrap_or_default();
    let deed = Deed::Tool(vec![(server.to_owned(), tool.to_owned())]);
    Ok(Call { id: String::new(), tool: tool.to_owned(), input: Map::new(), deed })
}

fn read_call(fields: Fields<'_>) -> Result<Call, Misread> {
    let touch = Touch { path: fields.text("file_path")?.to_owned(), access: Access::Read, change: String::new() };
    Ok(Call { id: String::new(), tool: "Read".to_owned(), input: Map::new(), deed: Deed::Files(vec![touch]) })
}

fn told(name: &str, fields: Fields<'_>) -> Result<Note, Misread> {
    Ok(match name {
        "sessionStart" => Note::Began(fields.loose("composer_mode")),
        "sessionEnd" => Note::Ended(fields.loose("reason")),
        "beforeSubmitPrompt" => Note::Prompt(fields.loose("prompt")),
        "postToolUse" | "postToolUseFailure" | "afterMCPExecution" | "afterShellExecution" => Note::Result {
            id: fields.loose("tool_use_id"),
            tool: fields.maybe("tool_name").ok().flatten().unwrap_or("Shell").to_owned(),
            worked: name != "postToolUseFailure",
        },
        "preCompact" => Note::Compacted,
        "stop" if fields.loose("status") == "aborted" => Note::Interrupted,
        "stop" => Note::Stopped,
        known if OTHERS.contains(&known) => Note::Other,
        unknown => return Err(Misread::Event(unknown.chars().take(60).collect())),
    })
}
