//! Qwen Code: Claude Code's form with Gemini CLI's tools; seen with 0.24.4.
//!
//! Silence lets the call through, and so does exit code 2 with nothing on stderr. It runs its own text whatever the
//! answer says, so a command is judged by its text alone. The person's prompt comes before the hook, so a yes skips none.
//! Matcher: an exact name, or a regular expression that is not anchored. Seconds (1000 and more are read as
//! milliseconds); 60 if none is given.

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
pub(crate) struct Qwen;

const TOOLS: Tools = &[
    ("run_shell_command", Shape::Shell { text: "command", cwd: "directory" }),
    ("read_file", Shape::Read("file_path")),
    ("display_image", Shape::Read("file_path")),
    ("list_directory", Shape::Read("path")),
    ("glob", Shape::Search { path: "path", pattern: "pattern" }),
    ("grep_search", Shape::Search { path: "path", pattern: "glob" }),
    ("write_file", Shape::Write { path: "file_path", content: "content" }),
    ("edit", Shape::Edit { path: "file_path", old: "old_string", new: "new_string" }),
    ("notebook_edit", Shape::Write { path: "notebook_path", content: "new_source" }),
    ("artifact", Shape::Read("file_path")),
    ("web_fetch", Shape::Fetch("url")),
    ("web_search", Shape::Out),
    ("agent", Shape::Own),
    ("task", Shape::Own),
    ("ask_user_question", Shape::Own),
    ("enter_plan_mode", Shape::Own),
    ("exit_plan_mode", Shape::Own),
    ("get_goal", Shape::Own),
    ("propose_goal", Shape::Own),
    ("update_goal", Shape::Own),
    ("list_agents", Shape::Own),
    ("skill", Shape::Own),
    ("todo_write", Shape::Own),
    ("tool_search", Shape::Own),
];

impl Adapter for Qwen {
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread> {
        let map = object(payload)?;
        read_claude_like(&map, event, &deed)
    }

    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply {
        match (&event.moment, ruling) {
            (Moment::Before(call), ruling) => words::before("PreToolUse", call, ruling),
            (Moment::Permission(_), ruling) => words::permission("PermissionRequest", ruling),
            (Moment::Told(_), _) => Reply::nothing(),
        }
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

fn deed(tool: &str, input: &Map<String, Value>) -> Result<Deed, Misread> {
    match tools::mcp(tool, None) {
        Some(deed) => Ok(deed),
        None => Ok(tools::deed(TOOLS, tool, (input, Rewritable::No))?.unwrap_or(Deed::Unknown)),
    }
}
