//! opencode: it has no hooks that are commands, so a plugin of ours (see `plugin.js`) sends each event to the program
//! and throws what is refused; seen with 1.18.33.
//!
//! What the plugin sends is `{"event": NAME, "cwd": DIR, "input": …, "output": …}`, the two last as opencode gives them.
//! What it takes is `{"decision": "allow"|"deny", "reason": TEXT, "args": {…}}` with exit code 0; anything else, and
//! silence for too long, it throws. So silence refuses, as long as the plugin is loaded: opencode skips one that it can't
//! load, and `--pure` skips all.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::client::{Adapter, Limit, Silence};
use crate::event::{Call, Deed, Event, Moment, Note, Rewritable};
use crate::payload::{Fields, Misread, agreed, object};
use crate::reply::{Reply, Ruling};
use crate::tools::{self, Shape, Tools};
use crate::words::{fitting, full, rewritten};

/// The adapter.
#[derive(Debug)]
pub(crate) struct Opencode;

const TOOLS: Tools = &[
    ("bash", Shape::Shell { text: "command", cwd: "workdir" }),
    ("read", Shape::Read("filePath")),
    ("list", Shape::Read("path")),
    ("glob", Shape::Search { path: "path", pattern: "pattern" }),
    ("grep", Shape::Search { path: "path", pattern: "include" }),
    ("write", Shape::Write { path: "filePath", content: "content" }),
    ("edit", Shape::Edit { path: "filePath", old: "oldString", new: "newString" }),
    ("multiedit", Shape::Edit { path: "filePath", old: "", new: "" }),
    ("patch", Shape::Patch("patchText")),
    ("apply_patch", Shape::Patch("patchText")),
    ("webfetch", Shape::Fetch("url")),
    ("websearch", Shape::Out),
    ("codesearch", Shape::Out),
    ("invalid", Shape::Own),
    ("question", Shape::Own),
    ("skill", Shape::Own),
    ("task", Shape::Own),
    ("todowrite", Shape::Own),
    ("todoread", Shape::Own),
];

impl Adapter for Opencode {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        let fields = Fields(&map);
        let named = match fields.maybe("event") {
            Ok(Some(named)) => Some(named.to_owned()),
            Ok(None) if event.is_some() => None,
            Ok(None) | Err(_) => by_form(&map),
        };
        let name =
            agreed(named.as_deref(), event)?.ok_or_else(|| Misread::Event("without a name".to_owned()))?.to_owned();
        let cwd = fields.maybe("cwd")?.map(str::to_owned);
        let (moment, session) = match name.as_str() {
            "tool.execute.before" => before(fields)?,
            "tool.execute.after" | "chat.message" | "shell.env" => told(&name, fields)?,
            _ => happened(&name, &map)?,
        };
        Ok(Event { name, session, cwd, subagent: None, moment })
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        let Moment::Before(call) = &event.moment else { return Reply::nothing() };
        Reply::json(&match &fitting(call, ruling) {
            Ruling::Allow { .. } | Ruling::Pass => json!({ "decision": "allow" }),
            Ruling::Rewrite { text, .. } => json!({ "decision": "allow", "args": rewritten(call, text) }),
            Ruling::Deny { reason } | Ruling::HandOver { reason } => {
                json!({ "decision": "deny", "reason": full(reason) })
            }
        })
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_mins(1), units: 0 }
    }

    fn silence(&self) -> Silence {
        Silence::No
    }

    fn hands_over(&self) -> bool {
        false
    }
}

fn by_form(map: &Map<String, Value>) -> Option<String> {
    let has = |part: &str, key: &str| map.get(part).is_some_and(|part| part.get(key).is_some());
    if let Some(Value::Object(event)) = map.get("event") {
        // What has the parts of a call is none of its bus.
        let is_call = ["input", "output"].into_iter().any(|part| map.contains_key(part));
        return (!is_call).then(|| Fields(event).loose("type"));
    }
    let name = match () {
        () if has("input", "tool") && has("output", "args") => "tool.execute.before",
        // Nobody is asked then, so nothing that may be a call half said.
        () if has("input", "tool") && (has("output", "metadata") || has("output", "content")) => "tool.execute.after",
        () if has("output", "message") => "chat.message",
        () if has("output", "env") => "shell.env",
        () => return None,
    };
    Some(name.to_owned())
}

fn before(fields: Fields<'_>) -> Result<(Moment, String), Misread> {
    let said = Fields(fields.object("input")?);
    let input = Fields(fields.object("output")?).object("args")?;
    let tool = said.text("tool")?;
    let call = Call { id: said.loose("callID"), tool: tool.to_owned(), input: input.clone(), deed: deed(tool, input)? };
    Ok((Moment::Before(call), said.maybe("sessionID")?.unwrap_or_default().to_owned()))
}

fn deed(tool: &str, input: &Map<String, Value>) -> Result<Deed, Misread> {
    if let Some(known) = tools::deed(TOOLS, tool, (input, Rewritable::Yes))? {
        return Ok(known);
    }
    let names = tools::splits(tool, "_");
    Ok(if names.is_empty() { Deed::Unknown } else { Deed::Tool(names) })
}

fn told(name: &str, fields: Fields<'_>) -> Result<(Moment, String), Misread> {
    let said = Fields(fields.object("input")?);
    let note = match name {
        "tool.execute.after" => {
            let metadata = fields.0.get("output").and_then(|output| output.get("metadata"));
            let exit = metadata.and_then(|metadata| metadata.get("exit")).and_then(Value::as_i64);
            Note::Result { id: said.loose("callID"), tool: said.loose("tool"), worked: exit.unwrap_or_default() == 0 }
        }
        "chat.message" => {
            let parts = fields.0.get("output").and_then(|output| output.get("parts")).and_then(Value::as_array);
            let texts = parts.into_iter().flatten().filter_map(|part| part.get("text").and_then(Value::as_str));
            Note::Prompt(texts.collect::<Vec<_>>().join("\n"))
        }
        _ => Note::Other,
    };
    Ok((Moment::Told(note), said.loose("sessionID")))
}

/// What comes over opencode's bus: there is too much of it to know, and nothing hangs on it.
fn happened(name: &str, map: &Map<String, Value>) -> Result<(Moment, String), Misread> {
    let Some(Value::Object(event)) = map.get("event") else {
        return Err(Misread::Event(name.chars().take(60).collect()));
    };
    let properties = event.get("properties");
    let find = |key: &str| properties.and_then(|properties| properties.get(key)).and_then(Value::as_str);
    let note = match name {
        "session.created" => Note::Began("created".to_owned()),
        "session.deleted" => Note::Ended("deleted".to_owned()),
        "session.compacted" => Note::Compacted,
        "session.idle" => Note::Stopped,
        _ => Note::Other,
    };
    Ok((Moment::Told(note), find("sessionID").unwrap_or_default().to_owned()))
}
