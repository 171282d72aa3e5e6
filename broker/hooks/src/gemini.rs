//! Gemini CLI: `BeforeTool` and its relatives; seen with 0.61.0.
//!
//! Silence lets the call through. Exit code 2 refuses only with text on stderr and no yes on stdout; with nothing on
//! stdout it reads its answer from stderr. Changed arguments are merged over the call's own. `ask` ends a session that
//! has no terminal, so it is a no there. Matcher: a regular expression that is not anchored. Milliseconds; 60,000 if none
//! is given.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::claude::named;
use crate::client::{Adapter, Limit, Silence};
use crate::event::{Call, Deed, Event, Moment, Note, Rewritable};
use crate::payload::{Fields, Misread, object};
use crate::reply::{Reply, Ruling};
use crate::tools::{self, Shape, Tools};
use crate::words::{fitting, full};

/// The adapter.
#[derive(Debug)]
pub(crate) struct Gemini;

const TOOLS: Tools = &[
    ("run_shell_command", Shape::Shell { text: "command", cwd: "dir_path" }),
    ("read_file", Shape::Read("file_path")),
    ("list_directory", Shape::Read("dir_path")),
    ("glob", Shape::Search { path: "dir_path", pattern: "pattern" }),
    ("grep_search", Shape::Search { path: "dir_path", pattern: "include_pattern" }),
    ("search_file_content", Shape::Search { path: "dir_path", pattern: "include" }),
    ("read_many_files", Shape::Search { path: "include", pattern: "" }),
    ("write_file", Shape::Write { path: "file_path", content: "content" }),
    ("replace", Shape::Edit { path: "file_path", old: "old_string", new: "new_string" }),
    ("web_fetch", Shape::FetchAll("prompt")),
    ("google_web_search", Shape::Out),
    ("save_memory", Shape::Out),
    ("activate_skill", Shape::Own),
    ("ask_user", Shape::Own),
    ("enter_plan_mode", Shape::Own),
    ("exit_plan_mode", Shape::Own),
    ("invoke_agent", Shape::Own),
    ("list_background_processes", Shape::Own),
    ("read_background_output", Shape::Own),
    ("update_topic", Shape::Own),
    ("write_todos", Shape::Own),
];

impl Adapter for Gemini {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        let fields = Fields(&map);
        let name = named(fields, event)?;
        let moment = if name == "BeforeTool" {
            let (tool, input) = (fields.text("tool_name")?, fields.object("tool_input")?);
            let deed = deed(tool, input, &map)?;
            Moment::Before(Call { id: String::new(), tool: tool.to_owned(), input: input.clone(), deed })
        } else {
            Moment::Told(told(&name, fields)?)
        };
        Ok(Event {
            name,
            session: fields.maybe("session_id")?.unwrap_or_default().to_owned(),
            cwd: fields.maybe("cwd")?.map(str::to_owned),
            subagent: None,
            moment,
        })
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        let Moment::Before(call) = &event.moment else { return Reply::nothing() };
        Reply::json(&match &fitting(call, ruling) {
            Ruling::Pass => return Reply::nothing(),
            Ruling::Allow { .. } => json!({ "decision": "allow" }),
            Ruling::Rewrite { text, .. } => json!({
                "decision": "allow",
                "hookSpecificOutput": { "hookEventName": "BeforeTool", "tool_input": { "command": text } },
            }),
            Ruling::Deny { reason } => json!({ "decision": "deny", "reason": full(reason) }),
            Ruling::HandOver { reason } => json!({ "decision": "ask", "reason": full(reason) }),
        })
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_mins(1), units: 1000 }
    }

    fn silence(&self) -> Silence {
        Silence::Yes
    }

    fn hands_over(&self) -> bool {
        true
    }
}

fn deed(tool: &str, input: &Map<String, Value>, payload: &Map<String, Value>) -> Result<Deed, Misread> {
    if let Some(Value::Object(context)) = payload.get("mcp_context") {
        let context = Fields(context);
        let own = (context.text("server_name")?.to_owned(), context.text("tool_name")?.to_owned());
        return Ok(Deed::Tool(vec![own]));
    }
    if let Some(rest) = tool.strip_prefix("mcp_") {
        return Ok(Deed::Tool(tools::splits(rest, "_")));
    }
    Ok(tools::deed(TOOLS, tool, (input, Rewritable::Yes))?.unwrap_or(Deed::Unknown))
}

fn told(name: &str, fields: Fields<'_>) -> Result<Note, Misread> {
    Ok(match name {
        "SessionStart" => Note::Began(fields.loose("source")),
        "SessionEnd" => Note::Ended(fields.loose("reason")),
        "BeforeAgent" => Note::Prompt(fields.loose("prompt")),
        "AfterTool" => {
            let failed =
                fields.0.get("tool_response").is_some_and(|said| said.get("error").is_some_and(|e| !e.is_null()));
            Note::Result { id: String::new(), tool: fields.loose("tool_name"), worked: !failed }
        }
        "AfterModel" => {
            let usage = fields.0.get("llm_response").and_then(|said| said.get("usageMetadata"));
            let count = |key| usage.and_then(|usage| usage.get(key)).and_then(Value::as_u64).unwrap_or_default();
            Note::Tokens { input: count("promptTokenCount"), output: count("candidatesTokenCount") }
        }
        // With `auto` it only looks whether there is anything to compact, in each turn.
        "PreCompress" if fields.loose("trigger") == "manual" => Note::Compacted,
        "AfterAgent" => Note::Stopped,
        "PreCompress" | "BeforeModel" | "BeforeToolSelection" | "Notification" => Note::Other,
        unknown => return Err(Misread::Event(unknown.chars().take(60).collect())),
    })
}
