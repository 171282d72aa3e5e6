//! The dialect for whoever writes a client, or a shim for one: one JSON object in, one out.
//!
//! In: `{"event": "before", "session": ID, "cwd": DIR, "call": ID, "tool": NAME, "do": {…}}`, where `do` has exactly one of
//!
//! * `"shell": TEXT` (and `"cwd": DIR`, `"rewrite": true` where the caller runs the command line of the answer),
//! * `"read": [PATH…]`, `"write": [PATH…]` (both may stand together; `"change": TEXT` is shown to an approver),
//! * `"fetch": [URL…]`,
//! * `"server": NAME`, for a tool of an MCP server.
//!
//! `"event"` may also be `permission` (the same call, where a person would be asked), `began`, `ended`, `prompt` (with
//! `text`), `result` (with `call`, `tool`, `worked`), `tokens` (with `input`, `output`), `interrupted`, `compacted`,
//! `stopped`.
//!
//! Out, with exit code 0: `{"verdict": "allow"|"deny"|"ask", "reason": TEXT, "shell": TEXT}`; `shell` is there where another
//! command line is to be run instead, and `ask` only where policy hands questions over. Whoever reads it takes anything
//! else, any other exit code, and silence, for a no.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tollgate_policy::action::Access;

use crate::client::{Adapter, Limit, Silence};
use crate::event::{Call, Deed, Event, Moment, Note, Rewritable, Touch};
use crate::payload::{Fields, Misread, agreed, object};
use crate::reply::{Reply, Ruling};
use crate::words::{fitting, full};

/// The adapter.
#[derive(Debug)]
pub(crate) struct Generic;

impl Adapter for Generic {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        let fields = Fields(&map);
        let name = agreed(fields.maybe("event")?, event)?.unwrap_or_default().to_owned();
        let moment = match name.as_str() {
            "before" => Moment::Before(call(fields)?),
            "permission" => Moment::Permission(call(fields)?),
            other => Moment::Told(told(other, fields)?),
        };
        Ok(Event {
            name,
            session: fields.maybe("session")?.unwrap_or_default().to_owned(),
            cwd: fields.maybe("cwd")?.map(str::to_owned),
            subagent: fields.maybe("subagent")?.map(str::to_owned),
            moment,
        })
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        let (Moment::Before(call) | Moment::Permission(call)) = &event.moment else { return Reply::nothing() };
        Reply::json(&match &fitting(call, ruling) {
            Ruling::Allow { reason } => json!({ "verdict": "allow", "reason": reason }),
            Ruling::Rewrite { text, reason } => json!({ "verdict": "allow", "reason": reason, "shell": text }),
            Ruling::Deny { reason } => json!({ "verdict": "deny", "reason": full(reason) }),
            Ruling::HandOver { reason } => json!({ "verdict": "ask", "reason": full(reason) }),
            Ruling::Pass => json!({ "verdict": "ask", "reason": "policy says nothing" }),
        })
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_mins(1), units: 0 }
    }

    fn silence(&self) -> Silence {
        Silence::No
    }

    fn hands_over(&self) -> bool {
        true
    }
}

fn call(fields: Fields<'_>) -> Result<Call, Misread> {
    let (tool, input) = (fields.text("tool")?, fields.object("do")?);
    let deed = deed(tool, Fields(input))?;
    Ok(Call { id: fields.loose("call"), tool: tool.to_owned(), input: input.clone(), deed })
}

fn deed(tool: &str, does: Fields<'_>) -> Result<Deed, Misread> {
    let known = ["shell", "cwd", "rewrite", "read", "write", "change", "fetch", "server"];
    if let Some(key) = does.0.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(Misread::Field(format!("`do` has no `{}`", key.chars().take(60).collect::<String>())));
    }
    let change = does.maybe("change")?.unwrap_or_default();
    let files = ["read", "write"].map(|key| texts(does.0, key));
    let [read, write] = files;
    let touch = |access| move |path: String| Touch { path, access, change: change.to_owned() };
    let touched: Vec<Touch> =
        read?.into_iter().map(touch(Access::Read)).chain(write?.into_iter().map(touch(Access::Write))).collect();
    let fetched = texts(does.0, "fetch")?;
    let (shell, server) = (does.maybe("shell")?, does.maybe("server")?);
    match (shell, touched.is_empty(), fetched.is_empty(), server) {
        (Some(text), true, true, None) => {
            let rewritable = match does.0.get("rewrite") {
                Some(Value::Bool(true)) => Rewritable::Yes,
                _ => Rewritable::No,
            };
            let cwd = does.maybe("cwd")?.map(str::to_owned);
            Ok(Deed::Shell { text: text.to_owned(), cwd, key: "shell", rewritable })
        }
        (None, false, true, None) => Ok(Deed::Files(touched)),
        (None, true, false, None) => Ok(Deed::Fetch(fetched)),
        (None, true, true, Some(server)) => Ok(Deed::Tool(vec![(server.to_owned(), tool.to_owned())])),
        _ => Err(Misread::Field("`do` has to say exactly one thing".to_owned())),
    }
}

fn texts(map: &Map<String, Value>, key: &str) -> Result<Vec<String>, Misread> {
    let fault = || Misread::Field(format!("`{key}` is no list of texts"));
    match map.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(fault)).collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => Err(fault()),
    }
}

fn told(name: &str, fields: Fields<'_>) -> Result<Note, Misread> {
    let number = |key| fields.0.get(key).and_then(Value::as_u64).unwrap_or_default();
    Ok(match name {
        "began" => Note::Began(fields.loose("reason")),
        "ended" => Note::Ended(fields.loose("reason")),
        "prompt" => Note::Prompt(fields.text("text")?.to_owned()),
        "result" => Note::Result {
            id: fields.loose("call"),
            tool: fields.loose("tool"),
            worked: fields.0.get("worked").and_then(Value::as_bool).unwrap_or_default(),
        },
        "tokens" => Note::Tokens { input: number("input"), output: number("output") },
        "interrupted" => Note::Interrupted,
        "compacted" => Note::Compacted,
        "stopped" => Note::Stopped,
        unknown => return Err(Misread::Event(unknown.chars().take(60).collect())),
    })
}
