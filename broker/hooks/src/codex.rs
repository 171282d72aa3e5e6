//! Codex CLI: seen with 0.169.0, whose binary carries the schemas of all answers.
//!
//! Silence lets the call through, and so does a no without a reason, with a key that it does not know, or with exit code
//! 2 and nothing on stderr; `ask` is not supported, and lets through. A plain yes is invalid and means nothing, so nothing
//! is decided then; a yes counts only together with another command line. Matcher: a plain name is exact, anything else a regular
//! expression; none, empty or `*` is all. Seconds; 600 if none is given. Hooks that are not managed wait for a person's
//! trust, silently. `write_stdin`, which types into a shell that runs, has no hook at all.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::claude::read_claude_like;
use crate::client::{Adapter, Limit, Silence};
use crate::event::{Deed, Event, Moment, Rewritable};
use crate::payload::{Misread, object};
use crate::reply::{Reply, Ruling};
use crate::tools::{self, Shape, Tools};
use crate::words;

/// The adapter.
#[derive(Debug)]
pub(crate) struct Codex;

const TOOLS: Tools = &[
    ("Bash", Shape::Shell { text: "command", cwd: "" }),
    ("apply_patch", Shape::Patch("command")),
    ("view_image", Shape::Read("path")),
    ("web_search", Shape::Out),
    ("update_plan", Shape::Own),
    ("request_user_input", Shape::Own),
    ("get_goal", Shape::Own),
    ("create_goal", Shape::Own),
    ("update_goal", Shape::Own),
    ("tool_search", Shape::Own),
];

impl Adapter for Codex {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        read_claude_like(&map, event, &deed)
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        match (&event.moment, ruling) {
            (Moment::Told(_), _) => Reply::nothing(),
            // An answer that decides nothing: what is installed takes silence for a program that failed.
            (Moment::Before(_), Ruling::Allow { .. }) => Reply::json(&Value::Object(Map::new())),
            (Moment::Before(call), Ruling::HandOver { reason }) => {
                words::before("PreToolUse", call, &Ruling::Deny { reason: reason.clone() })
            }
            (Moment::Before(call), ruling) => words::before("PreToolUse", call, ruling),
            (Moment::Permission(_), ruling) => words::permission("PermissionRequest", ruling),
        }
    }

    fn limit(&self) -> Limit {
        Limit { usual: Duration::from_mins(10), units: 1 }
    }

    fn silence(&self) -> Silence {
        Silence::Yes
    }

    fn hands_over(&self) -> bool {
        false
    }
}

fn deed(tool: &str, input: &Map<String, Value>) -> Result<Deed, Misread> {
    match tools::mcp(tool, None) {
        Some(deed) => Ok(deed),
        None => Ok(tools::deed(TOOLS, tool, (input, Rewritable::Yes))?.unwrap_or(Deed::Unknown)),
    }
}
